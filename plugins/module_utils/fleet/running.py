# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Which jobs of a host are running now, told by their locks without taking one: a run must not fail because we look."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Sequence
from typing import Callable

from ..common.errors import LockedError
from .generation import JobOnHost

PROC_LOCKS = "/proc/locks"
#: Seconds between two looks.
INTERVAL = 1.0


def running_jobs(jobs: Sequence[JobOnHost], proc_locks: str = PROC_LOCKS) -> list[str]:
    """The names of the jobs whose lock is held."""
    held = _held_inodes(proc_locks) if os.path.exists(proc_locks) else None
    return [job.name for job in jobs if (held is None or _inode(job.lock) in held) and _is_held(job.lock)]


def wait_until_idle(
    jobs: Sequence[JobOnHost],
    limit: float,
    running: Callable[[Sequence[JobOnHost]], list[str]] = running_jobs,
    sleep: Callable[[float], None] = time.sleep,
) -> float:
    """Wait until no job runs; returns the seconds that took.

    Raises LockedError naming the jobs that still run after `limit` seconds.
    """
    began = time.monotonic()
    while True:
        busy = running(jobs)
        waited = time.monotonic() - began
        if not busy:
            return waited
        if waited >= limit:
            raise LockedError(
                f"{'jobs' if len(busy) > 1 else 'job'} {', '.join(busy)}:"
                f" {f'still running after {limit:g} seconds' if limit else 'running now'}; nothing was changed",
                "wait for the run to end, or raise uploader_wait",
            )
        sleep(min(INTERVAL, max(limit - waited, 0.01)))


def _held_inodes(proc_locks: str) -> set[int]:
    """The inodes of files that are locked by flock(2). A line, see proc(5): `1: FLOCK ADVISORY WRITE 7 08:01:99 0 EOF`.

    Devices are not compared: on btrfs and overlayfs they differ from what stat(2) says. So another file system's file
    may have the number as well, and only a lock that is really held refuses another holder.
    """
    with open(proc_locks, encoding="ascii", errors="replace") as file:
        rows = [line.split() for line in file]
    return {int(row[5].rpartition(":")[2]) for row in rows if len(row) > 5 and row[1] == "FLOCK"}


def _inode(path: str) -> int:
    try:
        return os.stat(path).st_ino
    except OSError:
        return -1


def _is_held(path: str) -> bool:
    """Ask by a shared lock, which we get for a moment if nobody holds the lock: with no /proc/locks (macOS) always."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
