# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""One run of a job at a time, by flock(2): the kernel drops the lock when its holder dies, however it dies."""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Iterator, List, Optional

from .errors import ConfigurationError, LockedError
from .job import Job

#: World-writable with the sticky bit on Linux and macOS, and, unlike /run/lock, still there after a restart.
_LOCK_FOLDER = "/var/tmp"  # noqa: S108 - the name is no secret, and whoever holds the lock only keeps runs from beginning


@dataclass(frozen=True)
class HeldLock:
    """The lock while it is held, and the file's one line of memory: since when objects may be stored unproven.

    A run that ends without proof of what it stored says so, and then is forgotten; the next one must not take those
    objects for good because their times and sizes fit. Without the memory it would.
    """

    path: str
    descriptor: int

    @property
    def unproven_since(self) -> Optional[float]:
        """Seconds since the epoch, or None if all that was stored was proven."""
        return _unproven_since(self.path)

    def remember_unproven(self, since: float) -> bool:
        """Note that objects stored from then on may be unproven; False if the file is another user's."""
        earlier = self.unproven_since
        return _write(self.descriptor, min(since, earlier) if earlier is not None else since)

    def forget_unproven(self) -> None:
        """Note that all is proven."""
        _write(self.descriptor, None)


def lock_path(job: Job) -> str:
    """The lock file of a job: its `lock_path`, or one named after source and destination."""
    if job.lock_path:
        return job.lock_path
    what = "\0".join([os.path.realpath(job.src), job.destination, job.connection.endpoint_url or ""])
    folder = _LOCK_FOLDER if os.access(_LOCK_FOLDER, os.W_OK) else tempfile.gettempdir()
    digest = hashlib.sha256(what.encode("utf-8", "surrogateescape")).hexdigest()
    return os.path.join(folder, f"datasync-turbo-{digest[:16]}.lock")


@contextmanager
def held(job: Job) -> Iterator[HeldLock]:
    """Hold the job's lock; a child may inherit its descriptor to hold it beyond our death.

    Raises LockedError at once if another run holds it.
    """
    path = lock_path(job)
    descriptor = _open(path)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            message = f"another run of this job{_holder(path)} holds the lock {path!r}"
            raise LockedError(message, "wait for it to end") from error
        lock = HeldLock(path, descriptor)
        _write(descriptor, lock.unproven_since)
        yield lock
    finally:
        os.close(descriptor)


def _open(path: str) -> int:
    # Another user's lock file in a sticky folder can be opened but not with O_CREAT (fs.protected_regular).
    for flags in (os.O_RDWR, os.O_RDWR | os.O_CREAT, os.O_RDONLY):
        try:
            return _plain(os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644), path)
        except FileNotFoundError as error:
            missing: Optional[OSError] = error
            if flags & os.O_CREAT:
                break
        except PermissionError as error:
            missing = error
        except OSError as error:
            missing = error
            break
    raise ConfigurationError(
        f"cannot open the lock file {path!r}: {missing.strerror if missing else ''}",
        "set lock_path to a file that this user can write",
    )


def _plain(descriptor: int, path: str) -> int:
    """The descriptor, if it is of a file of one name: in a folder that all can write, a second name may be a trap."""
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
        return descriptor
    os.close(descriptor)
    raise ConfigurationError(
        f"the lock file {path!r} is no plain file of one name", "remove it, or set lock_path to another file"
    )


def unproven_since(job: Job) -> Optional[float]:
    """As HeldLock.unproven_since, for a run that takes no lock."""
    return _unproven_since(lock_path(job))


def _write(descriptor: int, since: Optional[float]) -> bool:
    lines = f"{os.getpid()}\n{'' if since is None else int(since)}\n".encode("ascii")
    try:
        # In this order: a kill in between must not leave an empty file, which remembers nothing.
        os.pwrite(descriptor, lines, 0)
        os.ftruncate(descriptor, len(lines))
        os.fsync(descriptor)
    except OSError:
        # Another user's file, opened for reading: the lock counts all the same.
        return False
    return True


def _lines(path: str) -> List[str]:
    try:
        with open(path, encoding="ascii") as file:
            return file.read(100).split("\n")
    except (OSError, ValueError):
        return []


def _unproven_since(path: str) -> Optional[float]:
    lines = _lines(path)
    return float(lines[1]) if len(lines) > 1 and lines[1].isdecimal() else None


def _holder(path: str) -> str:
    lines = _lines(path)
    return f" (process {lines[0]})" if lines and lines[0].isdecimal() else ""
