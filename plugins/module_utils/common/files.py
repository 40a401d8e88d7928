# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""How we write: a reader, a kill and a power cut find the old or the new file, link or folder, never half of it.

What is written lies beside its place as `.NAME.new~` until it is complete: a name that cron, logrotate, systemd and
people pass over. Its writer holds a lock on it, so that the next writer of the same name can tell what a kill left,
which it removes, from what somebody else writes just now, beside which it writes `.NAME.new1~`. So leftovers are as few
as the writers that were killed at the same time, and two writers never meet in one file.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import BinaryIO, Callable, NoReturn

from . import locks
from .errors import ConfigurationError, DatasyncError

#: Monitoring usually runs as another user, and most of what is written holds no secret.
READABLE_BY_ALL = 0o644
PRIVATE = 0o600
#: The mode of folders in which other users read or run something.
FOLDER = 0o755

#: What is not complete, or was left so, as a pattern of names; for whoever knows that nobody writes in a folder.
UNFINISHED = ".*.new*~"

#: Writers of one file at the same time, beyond which something is wrong.
_MOST_WRITERS = 100
#: Seconds after which an unfinished file is taken for a leftover where the file system has no locks to tell.
_ABANDONED = 3600
#: Bytes of a name beside which `.`, `.new99~` still fit: NAME_MAX is 255 on all file systems of Linux and macOS.
_LONGEST_NAME = 240
#: What some network and FUSE file systems say to fsync(2) of a folder.
_NOTHING_TO_SYNC = (errno.EINVAL, errno.EBADF, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


@contextmanager
def replacing(
    path: str | os.PathLike[str],
    mode: int = READABLE_BY_ALL,
    *,
    owner: tuple[int, int] | None = None,
    durable: bool = True,
) -> Iterator[BinaryIO]:
    """A file to write to, which takes the place of the one at `path` at the end of the `with` block.

    Missing folders are made. The file has `mode`, whatever the umask is, and `owner` (user, group) before its first
    byte. With `durable` the content and then the name are on the disk afterwards, so that a power cut leaves the old
    or the new file. Raises OSError; then, and if the block raises, the old file stays and nothing is left beside it.
    Only where the disk fails in the very last step, which keeps the new name, the new file may be there already.
    """
    folder, name = os.path.split(os.path.abspath(path))
    make_folders(folder, mode=None, durable=durable)
    temporary, descriptor = _unfinished(folder, name, partial(_create_file, mode=mode))
    file = os.fdopen(descriptor, "wb")
    try:
        if owner is not None:
            os.fchown(descriptor, *owner)
        os.fchmod(descriptor, mode)
        yield file
        file.flush()
        if durable:
            os.fsync(descriptor)
        os.replace(temporary, path)
    except BaseException:
        _remove_if_same(temporary, descriptor)
        with suppress(OSError):
            file.close()
        raise
    file.close()
    if durable:
        sync_folder(folder)


def write(
    path: str | os.PathLike[str],
    content: str | bytes,
    mode: int = READABLE_BY_ALL,
    *,
    owner: tuple[int, int] | None = None,
    durable: bool = True,
) -> None:
    """Replace the file at `path`, or make it, as `replacing` does. Text becomes UTF-8."""
    if isinstance(content, str):
        # What is not UTF-8 in a message becomes \udcXX, which JSON can read.
        content = content.encode("utf-8", "backslashreplace")
    with replacing(path, mode, owner=owner, durable=durable) as file:
        file.write(content)


@contextmanager
def making_folder(
    path: str | os.PathLike[str], mode: int = FOLDER, *, stem: str | None = None, durable: bool = True
) -> Iterator[str]:
    """The path of a private folder to fill, which gets the name `path` and `mode` at the end of the `with` block.

    Missing folders above it are made. Where `path` never comes again, `stem` is to be what always does: by that the
    next one finds what a kill left. Raises OSError, also if something is at `path`; then, and if the block raises,
    nothing is left of it.
    """
    parent, name = os.path.split(os.path.abspath(path))
    make_folders(parent, mode=None, durable=durable)
    temporary, descriptor = _unfinished(parent, stem or name, _create_folder)
    try:
        yield temporary
        os.fchmod(descriptor, mode)
        publish(temporary, path, durable=durable)
    except BaseException:
        _remove_if_same(temporary, descriptor)
        raise
    finally:
        os.close(descriptor)


def _unfinished(folder: str, name: str, create: Callable[[str], int | None]) -> tuple[str, int]:
    """A new file or folder beside `name`, which we hold locked: its path and descriptor."""
    for number in range(_MOST_WRITERS):
        path = _beside(folder, name, number)
        descriptor = create(path)
        if descriptor is None and _remove_leftover(path):
            descriptor = create(path)
        if descriptor is not None:
            return path, descriptor
    raise FileExistsError(errno.EEXIST, "too many unfinished copies are beside it", os.path.join(folder, name))


def _beside(folder: str, name: str, number: int = 0) -> str:
    if len(os.fsencode(name)) > _LONGEST_NAME:
        # What it costs to load is paid for such names only.
        import hashlib

        name = hashlib.sha256(os.fsencode(name)).hexdigest()
    return os.path.join(folder, f".{name}.new{number or ''}~")


def _create_file(path: str, mode: int) -> int | None:
    """The descriptor of a new, locked file that nobody but us may read yet; None if the name is taken."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return _locked(path, os.open(path, flags, mode & PRIVATE))
    except FileExistsError:
        return None


def _create_folder(path: str) -> int | None:
    """The same for a folder."""
    try:
        os.mkdir(path, 0o700)
        return _locked(path, os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC))
    except (FileExistsError, FileNotFoundError):
        if not os.path.isdir(os.path.dirname(path)):
            raise
        return None


def _locked(path: str, descriptor: int) -> int | None:
    """The descriptor, locked; None if somebody took it for a leftover in the moment before."""
    if _lock(descriptor) is not False and _is_same(path, descriptor):
        return descriptor
    os.close(descriptor)
    return None


def _remove_leftover(path: str) -> bool:
    """Remove what a writer left that is no longer there; whether there is nothing at `path` any more."""
    try:
        kind = os.lstat(path).st_mode
        if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
            os.unlink(path)  # a link to somewhere, which is not ours
            return True
        descriptor = os.open(path, os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | _access(kind))
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        is_left = _lock(descriptor)
        if is_left is None:
            is_left = time.time() - os.fstat(descriptor).st_mtime > _ABANDONED
        return is_left and _remove_if_same(path, descriptor)
    finally:
        os.close(descriptor)


def _access(kind: int) -> int:
    """How to open what is to be locked: NFS wants a file open for writing, and a folder cannot be."""
    return os.O_DIRECTORY | os.O_RDONLY if stat.S_ISDIR(kind) else os.O_RDWR


def _lock(descriptor: int) -> bool | None:
    """Whether the lock of an open file is ours now; None where the file system has no locks."""
    with suppress(OSError):
        return locks.take(descriptor)
    return None


def _is_same(path: str, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.lstat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _remove_if_same(path: str, descriptor: int) -> bool:
    """Remove the open file or folder whose lock we hold, unless another one has its name by now; whether it is gone."""
    with suppress(OSError):
        if not _is_same(path, descriptor):
            return False
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            import shutil

            shutil.rmtree(path)
        else:
            os.unlink(path)
        return True
    return False


def replace_link(path: str | os.PathLike[str], target: str | os.PathLike[str]) -> None:
    """Let `path` be a link to `target`, atomically and durably; nothing is left beside it by more than one kill.

    Raises OSError, and IsADirectoryError if it is a folder.
    """
    folder, name = os.path.split(os.path.abspath(path))
    temporary = _beside(folder, name)
    while True:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        try:
            os.symlink(target, temporary)
            os.replace(temporary, path)
        except (FileExistsError, FileNotFoundError):
            # Somebody else sets the same link and took ours for a leftover; both links are whole, the last one stays.
            if not os.path.isdir(folder):
                raise
        except OSError:
            with suppress(OSError):
                os.unlink(temporary)
            raise
        else:
            break
    sync_folder(folder)


def make_folders(path: str | os.PathLike[str], mode: int | None = FOLDER, *, durable: bool = True) -> list[str]:
    """Make a folder and what is missing above it; returns what was made, the highest first.

    Each gets `mode` whatever the umask is, or what the umask leaves of 0777 with None. Those that are there stay as
    they are. Raises OSError, and then leaves none that it made.
    """
    missing, folder = [], os.path.abspath(path)
    while not os.path.isdir(folder):
        missing.append(folder)
        folder = os.path.dirname(folder)
    made: list[str] = []
    try:
        for folder in reversed(missing):
            try:
                os.mkdir(folder, 0o777 if mode is None else mode)
            except FileExistsError:
                if os.path.isdir(folder):
                    continue  # another process was faster
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), folder) from None
            made.append(folder)
            if mode is not None:
                _set_mode(folder, mode)
            if durable:
                sync_folder(os.path.dirname(folder))
    except BaseException:
        remove_folders(made)
        raise
    return made


def _set_mode(folder: str, mode: int) -> None:
    """Set the mode of a folder that we made, and of no other one that a link leads to by now."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fchmod(descriptor, mode)
    finally:
        os.close(descriptor)


def remove_folders(paths: list[str]) -> None:
    """Remove what `make_folders` made, as far as it is empty."""
    for path in reversed(paths):
        with suppress(OSError):
            os.rmdir(path)


def publish(complete: str | os.PathLike[str], path: str | os.PathLike[str], *, durable: bool = True) -> None:
    """Give a complete file, or a folder with all that is in it, the name `path` on the same file system.

    With `durable` the content is on the disk before it has the name, and the name is at the end. Raises OSError; a file
    at `path` is replaced, as is an empty folder by a folder.
    """
    if durable:
        _sync_tree(os.fspath(complete))
    os.rename(complete, path)
    if durable:
        sync_folder(os.path.dirname(os.path.abspath(path)))


def _sync_tree(path: str) -> None:
    if not os.path.isdir(path):
        _sync_file(path)
        return
    for folder, _folders, names in os.walk(path, topdown=False, onerror=_fail):
        for name in names:
            file = os.path.join(folder, name)
            if stat.S_ISREG(os.lstat(file).st_mode):
                _sync_file(file)
        sync_folder(folder)


def _fail(error: OSError) -> NoReturn:
    raise error


def _sync_file(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: str | os.PathLike[str]) -> None:
    """Let the names in a folder survive a power cut, as far as its file system can. Raises OSError."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except PermissionError:
        return  # a folder that we may write and not read, such as a drop box
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NOTHING_TO_SYNC:
            raise
    finally:
        os.close(descriptor)


#: What to do when no space is left, for callers that cannot say how much they need.
SPACE = "free some space there"
_FULL = (errno.ENOSPC, errno.EDQUOT)


def cannot_write(
    what: str,
    error: OSError,
    hint: str,
    *,
    space: str = SPACE,
    otherwise: str | None = None,
    kind: type[DatasyncError] = ConfigurationError,
) -> DatasyncError:
    """The error `cannot write WHAT: REASON` of an OSError, with what to do about it.

    `hint` says what to do without the permission to write, and `space` on a full disk or a used-up quota. For all else
    there is `otherwise`, which is `hint` by default.
    """
    advice = hint if otherwise is None or isinstance(error, PermissionError) else otherwise
    if error.errno in _FULL:
        advice = space
    elif error.errno == errno.EROFS:
        advice = f"the file system is read-only: {advice}"
    return kind(f"cannot write {what}: {error.strerror or error}", advice)


@contextmanager
def explained(
    what: str,
    hint: str,
    *,
    space: str = SPACE,
    otherwise: str | None = None,
    kind: type[DatasyncError] = ConfigurationError,
    exactly: bool = False,
) -> Iterator[None]:
    """Turn an OSError of the `with` block into the error that `cannot_write` makes of it.

    With `exactly` it names the very file in place of `what`, if the OSError does.
    """
    try:
        yield
    except OSError as error:
        # Of two names the second one is written: what a link is to be called, or a file from now on.
        what = str(error.filename2 or error.filename or what) if exactly else what
        raise cannot_write(what, error, hint, space=space, otherwise=otherwise, kind=kind) from error
