# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The account of a run: what it found and did so far, and in the end its result, its exit code and its last line."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from ..common.errors import DatasyncError, ExitCode, Interrupted
from ..common.problems import Problem
from ..common.units import counted, format_bytes_si, format_size, timestamp
from ..job.job import Job
from ..plan.plan import Plan
from ..plan.uploads import Ledger
from ..report import result as report
from ..report.log import Log
from ..report.result import ChecksumVerification, Deletions, Result


@dataclass
class Finished:
    """A run that ended: the result for everybody; the plan and the deleted keys for those who show them."""

    result: Result
    plan: Plan
    deleted_keys: list[str] = field(default_factory=list)


@dataclass
class Account:
    """What a run that began at `began`, in seconds since the epoch, found and did so far.

    `stopped_by` is what ended it before its time. `refusals` are the exit codes of files that the bucket refused. `new`
    objects were not in the bucket before and are now, proven or not. `deferred` files changed after the plan was made.
    """

    job: Job
    log: Log
    dry_run: bool
    began: float
    verification: ChecksumVerification
    tool: str = "s5cmd"
    tool_version: str = ""
    problems: list[Problem] = field(default_factory=list)
    stopped_by: DatasyncError | None = None
    refusals: list[int] = field(default_factory=list)
    new: int = 0
    deferred: int = 0
    moved: int = 0
    removed: int = 0
    deletions: Deletions = field(default_factory=Deletions)
    deleted_keys: list[str] = field(default_factory=list)
    manifest: str | None = None
    tuning: dict[str, Any] | None = None

    @classmethod
    def begun(cls, job: Job, log: Log, dry_run: bool = False) -> Account:
        """The account of a run that begins now."""
        wanted = job.verification_wanted
        verification = ChecksumVerification(wanted, job.checksum_algorithm, job.verify if wanted else "none")
        return cls(job, log, dry_run, time.time(), verification)

    def take_in(self, problem: Problem) -> None:
        """Count a problem and name it in the log."""
        self.problems.append(problem)
        self.log.error(f"{problem.path}: {problem.message}" if problem.path else problem.message)

    def finish(self, plan: Plan, ledger: Ledger) -> Finished:
        """End the run: say how it ended."""
        result = self.result(plan, ledger)
        text = self.summary(plan, result)
        if result.exit_code == ExitCode.OK:
            self.log.info(text)
        else:
            self.log.error(f"{text}; {counted(len(result.problems), 'problem')}, exit code {result.exit_code}")
        return Finished(result, plan, self.deleted_keys)

    def result(self, plan: Plan, ledger: Ledger) -> Result:
        """The result of the run that ends now; `ledger` tells what is stored of the plan's uploads."""
        seconds = time.time() - self.began
        moved = ledger.stored_bytes
        code = self._exit_code(plan)
        self.verification.verified = self.verification.enabled and not self.dry_run and code == ExitCode.OK
        return Result(
            timestamp=timestamp(self.began),
            duration_seconds=round(seconds, 3),
            files_synced=ledger.stored,
            bytes_transferred=moved,
            source_size=format_size(plan.source_bytes),
            s3_objects=plan.remote_objects + self.new - len(self.deleted_keys),
            status=self._status(code),
            tool=self.tool,
            tool_version=self.tool_version,
            throughput_mbps=round(moved / 1e6 / max(seconds, 0.001), 3),
            source=self.job.src,
            destination=self.job.destination,
            dry_run=self.dry_run,
            checksum_verification=self.verification,
            problems=self.problems,
            exit_code=code,
            source_files=plan.source_files,
            files_unchanged=plan.unchanged,
            files_skipped=plan.skipped,
            files_deferred=len(plan.deferred) + self.deferred,
            files_in_other_shards=plan.elsewhere,
            compare=self._compared(plan),
            deletions=self.deletions,
            reconciled=plan.reconciled,
            files_moved=self.moved,
            files_removed=self.removed,
            manifest=self.manifest,
            bandwidth_limit=self.job.bandwidth_limit or None,
            tuning=self.tuning,
        )

    def _exit_code(self, plan: Plan) -> int:
        code = report.exit_code_of(self.problems, self.stopped_by.exit_code if self.stopped_by else None)
        if code == ExitCode.INCOMPLETE and self.refusals and len(self.refusals) == len(plan.uploads):
            # Not one file could be sent, and each was refused: that is the bucket, not the files.
            return min(self.refusals)
        return int(code)

    def _compared(self, plan: Plan) -> str:
        """What files were really compared with: a state file that cannot be trusted decides nothing."""
        fell_back = self.job.comparison == "state" and plan.listed and plan.reconciled is None
        return "remote" if fell_back else self.job.comparison

    def _status(self, code: int) -> str:
        if isinstance(self.stopped_by, Interrupted):
            return "interrupted"
        return "success" if code == ExitCode.OK else "failed"

    def summary(self, plan: Plan, result: Result) -> str:
        """How the run ended, in one line."""
        if self.dry_run:
            would = f"{counted(len(plan.uploads), 'file')}, {format_bytes_si(plan.uploads.size)}"
            gone = f", {counted(len(plan.deletions), 'object')} deleted" if plan.deletions else ""
            return f"{result.status}: dry run, {would} would be uploaded{gone}"
        if not plan.uploads and not self.verification.methods and not self.verification.errors:
            present = counted(result.files_unchanged, "file")
            nothing = "nothing was uploaded" if self.problems else "nothing to upload"
            done = nothing if self.stopped_by else f"{nothing}, {present} stored already"
            return f"{result.status}: {done}{self._done_besides()}, in {result.duration_seconds} s"
        return (
            f"{result.status}: {counted(result.files_synced, 'file')}, {format_bytes_si(result.bytes_transferred)} in "
            f"{result.duration_seconds} s ({result.throughput_mbps} MB/s), {self._proof_text()}{self._done_besides()}"
        )

    def _done_besides(self) -> str:
        done = f", {counted(self.deletions.deleted, 'object')} deleted" if self.deletions.deleted else ""
        done += f", {counted(self.moved, 'file')} moved to {self.job.move_to}" if self.moved else ""
        return done + (f", {counted(self.removed, 'file')} removed from {self.job.src}" if self.removed else "")

    def _proof_text(self) -> str:
        if not self.verification.enabled:
            return "not verified"
        methods = self.verification.methods
        shown = ", ".join(f"{count} by {name}" for name, count in sorted(methods.items()))
        return f"{sum(methods.values())} proven{f' ({shown})' if shown else ''}"
