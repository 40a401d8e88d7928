# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Runs of a job until its folder has come to rest: nothing is left to upload, and no file waits to settle.

A path unit of systemd starts a run when files appear, and sees nothing of those that appear while the run lasts.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Callable

from ..common.errors import ExitCode
from ..common.interrupt import Interrupt
from ..common.units import counted
from ..job.job import Job
from ..report.log import Log
from ..report.progress import Progress
from . import run as sync
from .account import Finished

#: Seconds between two runs, at least: what arrives meanwhile is sent by one run in place of many.
SHORTEST_PAUSE = 1.0
#: Seconds between two looks at whether a signal came.
_POLL = 0.2


def run_until_settled(job: Job, log: Log, new_progress: Callable[[], Progress], interrupt: Interrupt) -> Finished:
    """Run again and again until a run finds nothing to do and nothing that waits, or fails.

    Each run has its own time limit and its own `new_progress()`. Returns the last run that told anything new, which is
    also the last one in result files and history. Raises Interrupted after a signal between two runs.
    """
    told: Finished | None = None
    while True:
        interrupt.renew()
        run = sync.run(job, log, new_progress(), interrupt, told=told.result if told else None)
        if told is None or not run.result.repeats(told.result):
            told = run
        if run.result.exit_code != ExitCode.OK or _is_settled(run):
            return told
        # What was to be reconciled is by now.
        job = replace(job, reconcile=False)
        _pause(_seconds_to_wait(job, run), run.result.files_deferred, log, interrupt)


def _is_settled(run: Finished) -> bool:
    return run.result.did_nothing and not run.result.files_deferred


def _seconds_to_wait(job: Job, run: Finished) -> float:
    """Until the youngest of the files that wait has settled; never longer than a file that was written now would."""
    if not run.result.files_deferred:
        return SHORTEST_PAUSE
    return max(SHORTEST_PAUSE, min(run.plan.settled_at - time.time(), job.settle_seconds))


def _pause(seconds: float, deferred: int, log: Log, interrupt: Interrupt) -> None:
    if deferred:
        log.info(f"{counted(deferred, 'file')} changed just now: looking again in {seconds:.0f} s")
    until = time.monotonic() + seconds
    interrupt.check_signal()
    while time.monotonic() < until:
        time.sleep(max(0.0, min(_POLL, until - time.monotonic())))
        interrupt.check_signal()
