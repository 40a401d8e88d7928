# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""One run of a job under its lock, and the record of it. The module and the host program are thin over `run`."""

from __future__ import annotations

from ..common.errors import DatasyncError, LockedError
from ..common.interrupt import Interrupt
from ..job import lock
from ..job.job import Job
from ..job.memory import RunMemory, remembered
from ..report import record as recording
from ..report.log import Log
from ..report.progress import Progress
from ..report.result import Result
from .account import Finished
from .pipeline import Pipeline


def run(
    job: Job,
    log: Log,
    progress: Progress,
    interrupt: Interrupt,
    dry_run: bool = False,
    *,
    told: Result | None = None,
) -> Finished:
    """Run a job to its end, whatever that is, and write its result files and history.

    `told` is the result there of an earlier run; it stays if this one only repeats it. Never raises DatasyncError: the
    result's `status`, `problems` and `exit_code` tell.
    """
    pipeline = Pipeline(job, log, progress, interrupt, dry_run=dry_run)
    try:
        if dry_run:
            # It writes nothing, so it need not keep a scheduled run from its work.
            return pipeline.preview(remembered(job))
        # Whoever waits for the progress file to go finds the result of this run.
        with lock.held(job) as held:  # noqa: SIM117 - ansible-test's pylint takes the short form for a tuple
            with pipeline.progress_file:
                try:
                    finished = pipeline.run(held, RunMemory(job, held))
                except Exception as error:
                    # A fault of ours: whoever reads the result must not find the success of an earlier run.
                    recording.report_not_begun(DatasyncError(f"internal error: {error!r}"), vars(job), log)
                    raise
                if told is None or not finished.result.repeats(told):
                    recording.record(job, finished.result, log)
                return finished
    except LockedError as error:
        # The result files belong to the run that holds the lock.
        return pipeline.stopped(error)
    except DatasyncError as error:
        # The lock file cannot be opened.
        finished = pipeline.stopped(error)
        recording.record(job, finished.result, log)
        return finished
