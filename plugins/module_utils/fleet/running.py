# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Which jobs of a host are running now, told by their locks without taking one: a run must not fail because we look."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Callable

from ..common.errors import LockedError
from ..common.locks import PROC_LOCKS, held_among
from .generation import JobOnHost

#: Seconds between two looks.
INTERVAL = 1.0


def running_jobs(jobs: Sequence[JobOnHost], proc_locks: str = PROC_LOCKS) -> list[str]:
    """The names of the jobs whose lock is held."""
    held = held_among((job.lock for job in jobs), proc_locks)
    return [job.name for job in jobs if job.lock in held]


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
