# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Making the plan of a run, and saying what it is."""

from __future__ import annotations

from typing import Callable

from ..common.interrupt import Interrupt
from ..common.threads import Tick, attended
from ..common.units import counted, format_bytes_si
from ..job.job import Job
from ..job.run_state import RunState
from ..job.state import State
from ..plan.comparison import Memories, make_plan
from ..plan.plan import Plan
from ..report.log import Log
from ..report.result import Reconciliation
from ..s3.bucket import Bucket
from ..transfer.settings import ClassSettings


class Planner:
    """Makes the plan in a thread of its own, so that the main thread stays open to signals."""

    def __init__(self, job: Job, log: Log, interrupt: Interrupt, tick: Tick) -> None:
        self._job = job
        self._log = log
        self._interrupt = interrupt
        self._tick = tick
        #: The thread is at work; after a signal it may be so to the end, and the state file is in its hands.
        self.busy = False

    def plan(self, bucket: Bucket, state: RunState, unproven_since: float | None) -> Plan:
        """What is to be done. Raises what `make_plan` and the tick raise, but for a damaged state file."""
        since = unproven_since if self._job.verification_wanted else None

        def planned(file: State | None, trusted: bool) -> Plan:
            self.busy = True
            return attended(self._work(bucket, Memories(file, trusted, since)), self._tick)

        return state.use(planned)

    def _work(self, bucket: Bucket, memories: Memories) -> Callable[[], Plan]:
        def make() -> Plan:
            try:
                return make_plan(self._job, bucket, self._interrupt.check, memories, warn=self._log.warn)
            finally:
                self.busy = False

        return make


def announce(plan: Plan, settings: ClassSettings, job: Job, log: Log) -> None:
    """Say what there is to do, and what is remarkable about it; problems are the account's to tell."""
    if plan.source_is_empty and not plan.problems and job.after_upload == "keep":
        log.warn(f"{job.src} holds no file for this job: is its file system mounted?")
    if plan.reconciled is not None:
        _announce_reconciliation(plan.reconciled, log)
    optional = [
        (len(plan.deferred), "deferred"),
        (plan.elsewhere, "in other shards"),
        (len(plan.deletions), "to delete"),
    ]
    more = "".join(f", {number} {what}" for number, what in optional if number)
    log.info(
        f"{counted(plan.source_files, 'file')}, {format_bytes_si(plan.source_bytes)}: "
        f"{len(plan.uploads)} to upload ({format_bytes_si(plan.uploads.size)}), "
        f"{plan.unchanged} stored already, {plan.skipped} skipped{more}, {counted(len(plan.problems), 'problem')}"
    )
    if plan.uploads and settings.tuning:
        log.info(f"tuned by {job.tuning_path}: {settings}")


def _announce_reconciliation(found: Reconciliation, log: Log) -> None:
    if found.missing or found.different:
        log.warn(
            f"reconciled with the bucket: {counted(found.missing, 'object')} had vanished and {found.different} "
            "had been replaced by others; what is not as the file is uploaded again"
        )
    else:
        log.info("reconciled with the bucket: it holds what the state file says")
