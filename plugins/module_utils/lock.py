# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""One run of a job at a time, by flock(2): the kernel drops the lock when its holder dies, however it dies."""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
from contextlib import contextmanager
from typing import Iterator, Optional

from .errors import ConfigurationError, LockedError
from .job import Job

#: World-writable with the sticky bit on Linux distributions; elsewhere the temporary folder is used.
_SYSTEM_LOCK_FOLDER = "/run/lock"


def lock_path(job: Job) -> str:
    """The lock file of a job: its `lock_path`, or one named after source and destination."""
    if job.lock_path:
        return job.lock_path
    what = "\0".join([os.path.realpath(job.src), job.destination, job.connection.endpoint_url or ""])
    folder = _SYSTEM_LOCK_FOLDER if os.access(_SYSTEM_LOCK_FOLDER, os.W_OK) else tempfile.gettempdir()
    digest = hashlib.sha256(what.encode("utf-8", "surrogateescape")).hexdigest()
    return os.path.join(folder, f"datasync-turbo-{digest[:16]}.lock")


@contextmanager
def held(job: Job) -> Iterator[int]:
    """Hold the job's lock; yields its descriptor, which a child may inherit to hold the lock beyond our death.

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
        _write_holder(descriptor)
        yield descriptor
    finally:
        os.close(descriptor)


def _open(path: str) -> int:
    # Another user's lock file in a sticky folder can be opened but not with O_CREAT (fs.protected_regular).
    for flags in (os.O_RDWR, os.O_RDWR | os.O_CREAT, os.O_RDONLY):
        try:
            return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
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


def _write_holder(descriptor: int) -> None:
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
    except OSError:
        # Another user's lock file, opened for reading: the lock counts, the number in it is a courtesy.
        return


def _holder(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            number = file.read(20).strip()
    except (OSError, ValueError):
        return ""
    return f" (process {number})" if number.isdigit() else ""
