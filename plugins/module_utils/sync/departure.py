# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What becomes of a file in the source once its content is proven to be stored: it is moved away, or removed.

Nothing here trusts a look at a path: between the look and the act another program may put another file there, which
nobody has stored. So a file is first renamed to a name that only we know. Whatever was caught so is looked at; if it is
not the proven file, it gets its name back. No name is ever taken from another file.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import io
import os
import secrets
import signal
import stat
import time
from collections.abc import Iterable
from typing import NamedTuple

from ..common import files
from ..common.problems import Kind, Problem, printable
from ..common.threads import Tick, nothing
from ..job.job import Job
from ..job.local_file import Identity, LocalFile, Uploaded, describe_change, identity_of
from ..job.patterns import LEAVING_PREFIX
from ..proof.checksums import full_object, hasher, to_s3
from ..proof.reading import each_block
from .account import Account

#: Seconds after which a file that is open elsewhere is asked for once more; s5cmd may just be closing it.
_CLOSING = 0.05

_OPEN_ELSEWHERE = "is open in another program"


class Departure(NamedTuple):
    """What became of a file. `place` is where it was moved to; `reason` is why it stays, for people.

    A file that changed, or that somebody has open, stays until a later run: that is no problem. A file that could not
    be moved or removed is one, of Kind.NOT_MOVED.
    """

    gone: bool
    place: str = ""
    reason: str = ""
    problem: Problem | None = None


class _Stays(Exception):
    """The file is not, or not alone, what was proven; the text says why."""


def depart(file: LocalFile, identity: Identity, job: Job, tick: Tick = nothing) -> Departure:
    """Move or remove, as the job says, a file whose content was proven while it had this identity.

    A symbolic link stays. `tick` is called while a file is copied to another file system; if it raises, the source
    stays and the copy goes.
    """
    act = {"move": _move, "remove": _remove}[job.after_upload]
    try:
        if _is_behind_link(file, job):
            raise _Stays("is behind a symbolic link to another folder")
        with open(file.path, "rb", buffering=0, opener=_open_itself) as opened:
            return Departure(True, place=act(_Source(file, opened, identity), job, tick))
    except _Stays as reason:
        return Departure(False, reason=str(reason))
    except BlockingIOError:
        return Departure(False, reason=_OPEN_ELSEWHERE)
    except OSError as error:
        if not os.path.lexists(file.path):
            return Departure(False, reason="was deleted or renamed meanwhile")
        return _failed(file, error)


def let_leave(proven: Iterable[Uploaded], account: Account, tick: Tick) -> None:
    """Move or remove what is proven, if the job says so, and account for it."""
    job, log = account.job, account.log
    if job.after_upload == "keep":
        return
    for file, identity in proven:
        tick()
        departure = depart(file, identity, job, tick)
        if departure.problem is not None:
            account.take_in(departure.problem)
        elif not departure.gone:
            log.info(f"{printable(file.relative)} stays: {departure.reason}")
        elif job.after_upload == "move":
            account.moved += 1
            log.debug(f"moved {printable(file.relative)} to {printable(departure.place)}")
        else:
            account.removed += 1


def _is_behind_link(file: LocalFile, job: Job) -> bool:
    """Whether the file lies elsewhere than its path below the source says; then it is not ours to take away."""
    folder = os.path.join(os.path.realpath(job.src), os.path.dirname(file.relative))
    return os.path.realpath(os.path.dirname(file.path)) != os.path.normpath(folder)


def _failed(file: LocalFile, error: OSError) -> Departure:
    reason = error.strerror or str(error)
    if error.filename:
        reason += f": {printable(error.filename)!r}"
    if error.filename2:
        # Of a name that only we know, the folder says enough.
        reason += f" -> {printable(os.path.dirname(error.filename2))!r}"
    message = f"is stored and proven, but cannot leave its folder: {reason}"
    return Departure(False, reason=reason, problem=Problem(printable(file.relative), Kind.NOT_MOVED, message))


def _open_itself(path: str, flags: int) -> int:
    """An opener that follows no link, and waits neither for a FIFO's writer nor for the holder of a lease."""
    try:
        return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _Stays("is a symbolic link") from None
        raise


class _Source:
    """The file that leaves. It is open, so that it is the same one whatever becomes of its name."""

    def __init__(self, file: LocalFile, opened: io.FileIO, identity: Identity) -> None:
        self.path = file.path
        self.relative = file.relative
        self.folder = os.path.dirname(file.path)
        self.opened = opened
        self._identity = identity
        self.check()

    def check(self) -> None:
        """Raise _Stays if the open file changed."""
        now = identity_of(os.fstat(self.opened.fileno()))
        if now != self._identity:
            raise _Stays(describe_change(self._identity, now))

    def rename(self, private: str) -> None:
        """Take the file's name away, and give it one of ours. Raises _Stays if it is not the one that was proven.

        Nor if another program has it open: what it goes on writing there would be stored by nobody.
        """
        with _Lease(self.opened.fileno()) as lease:
            self.check()
            os.rename(self.path, private)
            caught = identity_of(os.lstat(private))
            # The renaming itself sets ctime.
            expected = self._identity._replace(ctime_ns=caught.ctime_ns)
            if caught == expected and not lease.is_wanted:
                return
            self.give_back(private)
        raise _Stays(describe_change(expected, caught) if caught != expected else _OPEN_ELSEWHERE)

    def give_back(self, private: str) -> None:
        """Give what was renamed its name back."""
        try:
            _rename_to_new(private, self.path)
        except FileExistsError as error:
            message = f"another file took its name meanwhile; it is now {printable(private)!r}"
            raise OSError(errno.EEXIST, message) from error


class _Lease:
    """While we hold it, nobody else has the file open, and whoever opens it waits. Raises _Stays if somebody has.

    Linux grants leases (fcntl(2)) on local file systems, to the file's owner and to root. Elsewhere we go without.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._is_held = False

    def __enter__(self) -> _Lease:
        try:
            self._is_held = self._take()
        except BlockingIOError:
            time.sleep(_CLOSING)
            try:
                self._is_held = self._take()
            except BlockingIOError:
                raise _Stays(_OPEN_ELSEWHERE) from None
        return self

    def __exit__(self, *_error: object) -> None:
        if self._is_held:
            fcntl.fcntl(self._descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)

    def _take(self) -> bool:
        if not hasattr(fcntl, "F_SETLEASE"):
            return False
        try:
            # Who opens the file makes the kernel signal us; by SIGIO, its default, that would end the process.
            fcntl.fcntl(self._descriptor, fcntl.F_SETSIG, signal.SIGURG)
            fcntl.fcntl(self._descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        except BlockingIOError:
            raise
        except OSError:
            return False
        return True

    @property
    def is_wanted(self) -> bool:
        """Whether somebody waits to open the file."""
        return self._is_held and fcntl.fcntl(self._descriptor, fcntl.F_GETLEASE) != fcntl.F_WRLCK


def _remove(source: _Source, _job: Job, _tick: Tick) -> str:
    """Why not check and unlink: what another program put there in between would be lost. After a rename it is not.

    A run that is killed between the two leaves the file behind under our name; nothing is lost by that either.
    """
    private = _private_name(source.folder)
    source.rename(private)
    try:
        os.unlink(private)
    except OSError:
        source.give_back(private)
        raise
    return ""


def _move(source: _Source, job: Job, tick: Tick) -> str:
    """Move below `move_to`, if need be under a numbered name. Returns where the file is."""
    target = os.path.join(job.move_to or "", source.relative)
    folder = os.path.dirname(target)
    _make_folder(folder, like=source.folder)
    private = _private_name(folder)
    try:
        source.rename(private)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        return _move_to_other_file_system(source, target, job, tick)
    try:
        return _rename_to_free(private, target)
    except OSError:
        source.give_back(private)
        raise


def _move_to_other_file_system(source: _Source, target: str, job: Job, tick: Tick) -> str:
    if not os.access(source.folder, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
        raise PermissionError(errno.EACCES, "Permission denied", source.folder)
    with _Lease(source.opened.fileno()):
        pass  # it is not held during the copy, which may take hours: others may read the file
    private = _private_name(os.path.dirname(target))
    try:
        _copy(source, private, job.checksum_algorithm, tick)
        source.check()
        place = _rename_to_free(private, target)
    except BaseException:
        _discard(private)
        raise
    try:
        # The copy's name survives a power cut before the source goes.
        files.sync_folder(os.path.dirname(place))
        _remove(source, job, tick)
    except BaseException:
        _discard(place)
        raise
    return place


def _discard(copy: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(copy)


def _copy(source: _Source, path: str, algorithm: str, tick: Tick) -> None:
    """Copy content, mode, mtime and, where we may, the owner; then read the copy again."""
    checksum = hasher(algorithm)
    with open(path, "xb", opener=lambda name, flags: os.open(name, flags, stat.S_IRUSR | stat.S_IWUSR)) as copy:

        def take(block: memoryview) -> None:
            checksum.update(block)
            copy.write(block)

        source.opened.seek(0)
        each_block(source.opened, take, tick)
        copy.flush()
        status = os.fstat(source.opened.fileno())
        _set_owner_and_mode(copy.fileno(), status)
        os.utime(copy.fileno(), ns=(status.st_atime_ns, status.st_mtime_ns))
        os.fsync(copy.fileno())
        if hasattr(os, "posix_fadvise"):
            # So that the disk is read, and not what we wrote into the page cache.
            os.posix_fadvise(copy.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    with open(path, "rb", buffering=0) as copied:
        if full_object(copied, algorithm, tick) != to_s3(checksum.digest()):
            raise OSError(errno.EIO, "the copy differs from what was written", path)


def _set_owner_and_mode(descriptor: int, like: os.stat_result) -> None:
    """As `mv` does: the owner where we may; without it, no right that depends on it."""
    mode = stat.S_IMODE(like.st_mode)
    try:
        os.chown(descriptor, like.st_uid, like.st_gid)
    except OSError:
        mode &= stat.S_IRWXU | stat.S_IRWXG | stat.S_IRWXO
    # File systems without modes, such as FAT and some shares, refuse.
    with contextlib.suppress(PermissionError):
        os.chmod(descriptor, mode)


def _make_folder(folder: str, like: str) -> None:
    """Make a folder, and those above it, with owners and modes of those that the file comes from."""
    if os.path.isdir(folder):
        return
    _make_folder(os.path.dirname(folder), os.path.dirname(like))
    if not files.make_folders(folder, mode=stat.S_IRWXU):
        # Another run, or another host, was faster.
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        _set_owner_and_mode(descriptor, os.stat(like))
    finally:
        os.close(descriptor)


def _private_name(folder: str) -> str:
    return os.path.join(folder, LEAVING_PREFIX + secrets.token_hex(8))


def _rename_to_free(private: str, target: str) -> str:
    """Rename to `target` or, if there is such a file, to the first free of `target.~1~`, `target.~2~`...

    That is the form of `mv --backup=numbered`, but for the new file: what is there stays as it is.
    """
    number = 0
    while True:
        candidate = f"{target}.~{number}~" if number else target
        try:
            _rename_to_new(private, candidate)
        except FileExistsError:
            number += 1
        else:
            return candidate


def _rename_to_new(private: str, new: str) -> None:
    """Rename a file of ours. Raises FileExistsError where rename(2) would overwrite."""
    try:
        os.link(private, new)
    except FileExistsError:
        raise
    except OSError:
        # A file system without hard links, or a file of another owner. If there is another reason, it comes again.
        os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, stat.S_IRUSR))
        try:
            os.rename(private, new)
        except OSError:
            os.unlink(new)
            raise
    else:
        os.unlink(private)
