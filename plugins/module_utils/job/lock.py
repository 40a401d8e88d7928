# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""One run of a job at a time, by flock(2): the kernel drops the lock when its holder dies, however it dies."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from ..common.errors import ConfigurationError, LockedError
from .job import Job

#: World-writable with the sticky bit on Linux and macOS, and, unlike /run/lock, still there after a restart.
_LOCK_FOLDER = "/var/tmp"  # noqa: S108 - the name is no secret, and whoever holds the lock only keeps runs from beginning


class HeldLock:
    """The lock while it is held. Its file names the holder, who may leave a line for the next one."""

    def __init__(self, path: str, descriptor: int) -> None:
        self.path = path
        self.descriptor = descriptor
        self._held = True
        #: The line that the holder before us left; see `note_in`.
        self.note = note_in(path)
        #: Why the file cannot be written; '' if it can. The lock counts all the same.
        self.failure = ""
        self.write(self.note)

    def write(self, note: bytes) -> bool:
        """Name ourselves and leave this line, durably; False if the file cannot be written, as `failure` says."""
        if not self._held:
            return False
        self.failure = _written(self.descriptor, b"%d\n%s\n" % (os.getpid(), note))
        return not self.failure

    def release(self) -> None:
        """Let go; threads that are left over can no longer write."""
        self._held = False
        os.close(self.descriptor)


def lock_path(job: Job) -> str:
    """The lock file of a job: its `lock_path`, or one named after source and destination."""
    if job.lock_path:
        return job.lock_path
    folder = _LOCK_FOLDER if os.access(_LOCK_FOLDER, os.W_OK) else tempfile.gettempdir()
    return os.path.join(folder, f"datasync-turbo-{digest_of(job)}.lock")


def digest_of(job: Job) -> str:
    """The job by source, destination and shard, in 16 hexadecimal digits."""
    shard = [f"{job.shard.index}/{job.shard.count}"] if job.shard else []
    what = "\0".join([os.path.realpath(job.src), job.destination, job.connection.endpoint_url or "", *shard])
    return hashlib.sha256(what.encode("utf-8", "surrogateescape")).hexdigest()[:16]


@contextmanager
def held(job: Job) -> Iterator[HeldLock]:
    """Hold the job's lock; a child may inherit its descriptor to hold it beyond our death.

    Raises LockedError at once if another run holds it.
    """
    path = lock_path(job)
    descriptor = open_lock_file(path, "set lock_path to a file that this user can write")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        message = f"another run of this job{_holder(path)} holds the lock {path!r}"
        raise LockedError(message, "wait for it to end") from error
    except BaseException:
        os.close(descriptor)
        raise
    lock = HeldLock(path, descriptor)
    try:
        yield lock
    finally:
        lock.release()


def open_lock_file(path: str, hint: str) -> int:
    """The descriptor of a lock file, which is made if needed. Raises ConfigurationError with the hint."""
    # Another user's lock file in a sticky folder can be opened but not with O_CREAT (fs.protected_regular).
    for flags in (os.O_RDWR, os.O_RDWR | os.O_CREAT, os.O_RDONLY):
        try:
            return _plain(os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644), path)
        except FileNotFoundError as error:
            missing: OSError | None = error
            if flags & os.O_CREAT:
                break
        except PermissionError as error:
            missing = error
        except OSError as error:
            missing = error
            break
    raise ConfigurationError(f"cannot open the lock file {path!r}: {missing.strerror if missing else ''}", hint)


def _plain(descriptor: int, path: str) -> int:
    """The descriptor, if it is of a file of one name: in a folder that all can write, a second name may be a trap."""
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
        return descriptor
    os.close(descriptor)
    raise ConfigurationError(
        f"the lock file {path!r} is no plain file of one name", "remove it, or set lock_path to another file"
    )


def note_in(path: str) -> bytes:
    """The line that the last holder left in a lock file; b"" if there is none.

    A file that does not begin as ours do is damaged: then the line is no ASCII, so that nobody takes it for a note.
    """
    try:
        with open(path, "rb") as file:
            holder, note = file.readline(), file.readline().rstrip(b"\n")
    except OSError:
        return b""
    return note if holder.isascii() else holder.rstrip(b"\n") + note


def _written(descriptor: int, content: bytes) -> str:
    """Replace the content of the file; returns why that is not possible, '' if it is done."""
    try:
        # In this order: a kill in between must not leave an empty file, which remembers nothing.
        if os.pwrite(descriptor, content, 0) < len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.ftruncate(descriptor, len(content))
        os.fsync(descriptor)
    except OSError as error:
        return "is another user's" if error.errno == errno.EBADF else f"cannot be written ({error.strerror})"
    return ""


def _holder(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            pid = file.readline(20).strip()
    except (OSError, ValueError):
        return ""
    return f" (process {pid})" if pid.isdecimal() else ""
