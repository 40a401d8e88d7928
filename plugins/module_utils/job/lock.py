# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""One run of a job at a time, and the line that it leaves for the next one. See `common/locks`."""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from ..common import locks
from .job import Job

#: World-writable with the sticky bit on Linux and macOS, and, unlike /run/lock, still there after a restart.
_LOCK_FOLDER = "/var/tmp"  # noqa: S108 - the name is no secret, and whoever holds the lock only keeps runs from beginning

#: What no note begins with.
_DAMAGED = b"\xff"


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

    def close(self) -> None:
        """Let threads that are left over no longer write: the descriptor is about to be closed."""
        self._held = False


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
    opened = partial(locks.open_common_lock_file, remedy="set lock_path to a file that this user can write")
    with locks.held(path, "another run of this job", "wait for it to end", opened=opened) as descriptor:
        lock = HeldLock(path, descriptor)
        try:
            yield lock
        finally:
            lock.close()


def note_in(path: str) -> bytes:
    """The line that the last holder left in a lock file; b"" if there is none, or none that we may read.

    A file that the disk does not give, or that does not begin as ours do, is damaged: then the line is no ASCII, so
    that nobody takes it for a note.
    """
    try:
        with os.fdopen(locks.open_to_look(path), "rb") as file:
            holder, note = file.readline(), file.readline().rstrip(b"\n")
    except (FileNotFoundError, PermissionError):
        return b""
    except OSError:
        return _DAMAGED
    damaged = not holder.isascii() or b"\0" in holder
    return _DAMAGED + holder.rstrip(b"\n") + note if damaged else note


def _written(descriptor: int, content: bytes) -> str:
    """Replace the content of the file; returns why that is not possible, '' if it is done."""
    try:
        # In this order: a kill in between must not leave an empty file, which remembers nothing.
        if os.pwrite(descriptor, content, 0) < len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.ftruncate(descriptor, len(content))
        os.fsync(descriptor)
        if os.fstat(descriptor).st_nlink == 0:
            return "was removed during the run"
    except OSError as error:
        return "is another user's" if error.errno == errno.EBADF else f"cannot be written ({error.strerror})"
    return ""
