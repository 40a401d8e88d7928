# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The pipeline from job to report. The module and the host program are thin over `run`."""

from __future__ import annotations

import os
import time
from contextlib import closing
from dataclasses import dataclass, field
from typing import Dict, List, Optional, Sequence, Set

from . import checksums, lock, report, s5cmd
from .bucket import Bucket
from .errors import ConfigurationError, DatasyncError, ExitCode, Interrupted
from .interrupt import Interrupt
from .job import Job, is_inside
from .lock import HeldLock
from .log import Log
from .patience import answered, attended
from .plan import CLOCK_MARGIN, Plan, make_plan
from .progress import Progress
from .proofs import VERIFIERS, Proof, Proofs
from .report import ChecksumVerification, Kind, Problem, Result, printable
from .transfer import Failed, Sent, Transfer
from .units import counted, format_bytes_si, format_size
from .verify import Outcome, Verdict, Verifier, describe_change
from .walk import identity_of

#: Seconds for aborting what s5cmd left open. systemd gives a stopped unit 90 before it kills it.
ABORT_DEADLINE = 45.0

_KIND_OF = {
    Outcome.DIFFERENT: Kind.CHECKSUM,
    Outcome.UNPROVEN: Kind.UNVERIFIED,
    Outcome.CHANGED: Kind.CHANGED,
    Outcome.MISSING: Kind.MISSING,
    Outcome.RENAMED: Kind.RENAMED,
    Outcome.UNREADABLE: Kind.UNREADABLE,
}


@dataclass
class Run:
    """What `run` returns: the result for everybody, and the plan for those who show it."""

    result: Result
    plan: Plan = field(default_factory=Plan)


def run(job: Job, log: Log, progress: Progress, interrupt: Interrupt, dry_run: bool = False) -> Run:
    """Run a job to its end, whatever that is, and write its result files.

    Never raises DatasyncError: the result's `status`, `problems` and `exit_code` tell.
    """
    pipeline = _Pipeline(job, log, progress, interrupt, dry_run)
    try:
        if dry_run:
            # It writes nothing, so it need not keep a scheduled run from its work.
            return pipeline.run(lock.unproven_since(job), None)
        with lock.held(job) as held:
            try:
                outcome = pipeline.run(held.unproven_since, held)
            except Exception as error:
                # A fault of ours: whoever reads the result must not find the success of an earlier run.
                report_not_begun(DatasyncError(f"internal error: {error!r}"), job.result_paths, job.src, log)
                raise
            write_results(job.result_paths, outcome.result, log)
            return outcome
    except DatasyncError as error:
        # The lock is not ours; the result files belong to the run that holds it.
        return pipeline.stopped(error)


def report_not_begun(error: DatasyncError, paths: Sequence[str], source: str, log: Log) -> None:
    """Replace the success of an earlier run, where others look for it, by a failure; never inside the source."""
    outside = [path for path in paths if not (source and is_inside(path, source))]
    write_results(outside, report.not_begun(error, source), log)


def write_results(paths: Sequence[str], result: Result, log: Log) -> None:
    """Write the result to each of these files; all then say the same."""
    written = [path for path in paths if _written(path, result, log)]
    if len(written) < len(paths):
        # Whoever reads these must not find a success that the run no longer is.
        for path in written:
            _written(path, result, log)


def _written(path: str, result: Result, log: Log) -> bool:
    """Write a result file; a failure becomes part of the result."""
    try:
        report.write_json(path, result)
    except ConfigurationError as error:
        log.error(str(error))
        result.problems.append(Problem("", Kind.RUN, str(error)))
        result.status = "failed" if result.status == "success" else result.status
        result.exit_code = result.exit_code or int(error.exit_code)
        return False
    return True


class _Pipeline:
    def __init__(self, job: Job, log: Log, progress: Progress, interrupt: Interrupt, dry_run: bool) -> None:
        self._job = job
        self._log = log
        self._progress = progress
        self._interrupt = interrupt
        self._dry_run = dry_run
        self._began = time.time()
        self._plan = Plan()
        self._version = ""
        self._problems: List[Problem] = []
        self._stopped_by: Optional[DatasyncError] = None
        #: Keys with an outcome: reported by s5cmd, well or not.
        self._settled: Set[str] = set()
        self._failed_for_access: List[int] = []
        self._stored: Dict[str, Sent] = {}
        self._absent_before: Set[str] = set()
        #: Keys that were not in the bucket before and are now, proven or not.
        self._new: Set[str] = set()
        wanted = job.verification_wanted
        self._verification = ChecksumVerification(wanted, job.checksum_algorithm, job.verify if wanted else "none")
        self._proofs: Optional[Proofs] = None

    def run(self, unproven_since: Optional[float], held: Optional[HeldLock]) -> Run:
        """Run to the end; `held` is the job's lock, which a dry run does without."""
        suspects_since = unproven_since if self._job.verification_wanted else None
        try:
            self._log.info(f"{self._job.src} → {self._job.destination}{' (dry run)' if self._dry_run else ''}")
            binary = s5cmd.find_binary(self._job.s5cmd_path)
            version = s5cmd.read_version(binary)
            self._version = version.text
            s5cmd.require_usable(version)
            if self._job.verification_wanted:
                # Missing packages must be known before the first upload, not at the first proof.
                checksums.require_packages()
            bucket = Bucket(self._job.connection, self._job.bucket, pool_size=2 * VERIFIERS)
            self._plan = attended(
                lambda: make_plan(self._job, bucket, self._interrupt.check, suspects_since), self._tick
            )
            self._absent_before = {upload.file.key for upload in self._plan.uploads if upload.reason == "new"}
            self._announce_plan()
            if held is not None:
                self._execute(binary, bucket, held)
        except DatasyncError as error:
            self._stop(error)
        return self._finish()

    def stopped(self, error: DatasyncError) -> Run:
        """The outcome of a run that did not begin."""
        self._stop(error)
        return self._finish()

    def _tick(self) -> None:
        self._progress.tick()
        self._interrupt.check()

    def _announce_plan(self) -> None:
        plan = self._plan
        for problem in plan.problems:
            self._problem(problem)
        if not plan.source_files and not plan.problems:
            self._log.warn(f"{self._job.src} holds no file for this job: is its file system mounted?")
        self._log.info(
            f"{counted(plan.source_files, 'file')}, {format_bytes_si(plan.source_bytes)}: "
            f"{len(plan.uploads)} to upload ({format_bytes_si(plan.upload_bytes)}), "
            f"{len(plan.present)} stored already, {plan.skipped} skipped, {counted(len(plan.problems), 'problem')}"
        )

    def _execute(self, binary: str, bucket: Bucket, held: HeldLock) -> None:
        environment = s5cmd.environment_for(self._job, os.environ)
        transfer = Transfer(self._job, binary, environment, bucket, self._tick, inherited=(held.descriptor,))
        proofs = self._proofs = Proofs(Verifier(bucket, self._job.checksum_algorithm), self._judge, self._tick)
        self._remember_unproven(held)
        self._progress.sent = lambda: transfer.bytes_written
        self._progress.start(len(self._plan.uploads), self._plan.upload_bytes)
        try:
            self._transfer(transfer, proofs)
            self._prove_present(proofs)
            proofs.finish()
            self._look_again()
            self._forget_unproven(held)
        finally:
            self._progress.stop()
            proofs.stop()
            self._abort_open_uploads(bucket)

    def _remember_unproven(self, held: HeldLock) -> None:
        """Before anything is stored: if this run ends without a proof, however it ends, the next one must know."""
        if self._plan.uploads and self._job.verification_wanted and not held.remember_unproven(self._began):
            self._log.warn(f"{held.path} is another user's: unproven uploads are not remembered; set lock_path")

    def _forget_unproven(self, held: HeldLock) -> None:
        verification = self._verification
        everything = len(self._stored) == len(self._plan.uploads)
        if verification.enabled and everything and not verification.errors and not verification.unverified:
            held.forget_unproven()

    def _transfer(self, transfer: Transfer, proofs: Proofs) -> None:
        # Closed explicitly: an exception would keep the generator, and so s5cmd, alive while we clean up.
        with closing(transfer.run(self._plan.uploads)) as outcomes:
            for outcome in outcomes:
                self._progress.file_done(outcome.file.identity.size)
                self._settled.add(outcome.file.key)
                if isinstance(outcome, Failed):
                    self._failed(outcome)
                    continue
                self._sent(outcome)
                if self._job.verification_wanted:
                    proofs.of_content(outcome)
                else:
                    proofs.of_name(outcome)

    def _failed(self, outcome: Failed) -> None:
        self._problem(Problem(printable(outcome.file.relative), outcome.kind, outcome.message))
        if outcome.exit_code is not None:
            self._failed_for_access.append(outcome.exit_code)

    def _sent(self, sent: Sent) -> None:
        self._stored[sent.file.key] = sent
        if sent.file.key in self._absent_before:
            self._new.add(sent.file.key)
        self._log.debug(f"stored {printable(sent.file.relative)} ({format_bytes_si(sent.identity.size)})")

    def _prove_present(self, proofs: Proofs) -> None:
        everything = self._job.verify == "all"
        for present in self._plan.present:
            if present.verdict is None:
                if everything:
                    proofs.of_present(present.file)
            elif everything or present.verdict.outcome is Outcome.UNPROVEN:
                self._judge(Proof(present.file, uploaded=False), present.verdict)

    def _judge(self, proof: Proof, verdict: Verdict) -> None:
        methods = self._verification.methods
        if verdict.outcome is Outcome.SAME:
            if self._job.verification_wanted:
                methods[verdict.method] = methods.get(verdict.method, 0) + 1
            return
        if verdict.outcome is Outcome.DIFFERENT:
            self._verification.errors += 1
        else:
            self._verification.unverified += 1
        if proof.uploaded:
            self._stored.pop(proof.file.key, None)
        if verdict.outcome is Outcome.MISSING:
            self._new.discard(proof.file.key)
        message = verdict.message
        if verdict.outcome is Outcome.DIFFERENT and not proof.uploaded:
            message += "; to upload the file again, touch it"
        self._problem(Problem(printable(proof.file.relative), _KIND_OF[verdict.outcome], message))

    def _look_again(self) -> None:
        """A file that changed after its upload is not what is stored; the next run uploads it, this one says so."""
        for sent in list(self._stored.values()):
            try:
                message = ""
                identity = identity_of(os.stat(sent.file.path))
                if identity != sent.identity:
                    message = describe_change(sent.identity, identity)
            except OSError:
                message = "was deleted or renamed meanwhile"
            if message:
                del self._stored[sent.file.key]
                self._problem(Problem(printable(sent.file.relative), Kind.CHANGED, message))

    def _abort_open_uploads(self, bucket: Bucket) -> None:
        """Abort the multipart uploads that s5cmd left open in this run: those of our files, begun since our start."""
        ours = {upload.file.key for upload in self._plan.uploads if upload.file.key not in self._stored}
        if not ours:
            return
        since = self._began + bucket.server_clock_ahead - CLOCK_MARGIN

        def abort() -> None:
            left = [entry for entry in bucket.open_uploads(self._job.prefix) if entry.key in ours]
            for entry in left:
                if entry.initiated >= since:
                    bucket.abort_upload(entry)
                    self._log.info(f"aborted the multipart upload that was left open for {entry.key}")

        try:
            answered(abort, bucket.no_answer, seconds=ABORT_DEADLINE)
        except DatasyncError as error:
            self._log.warn(f"multipart uploads of this run may be left open: {error}")

    def _problem(self, problem: Problem) -> None:
        self._problems.append(problem)
        self._log.error(f"{problem.path}: {problem.message}" if problem.path else problem.message)

    def _stop(self, error: DatasyncError) -> None:
        self._stopped_by = error
        self._problem(Problem("", Kind.RUN, str(error)))
        message = f"the run ended before it was uploaded: {error.message}"
        unsettled = [upload.file for upload in self._plan.uploads if upload.file.key not in self._settled]
        logged = len(self._problems)
        if not self._dry_run:
            self._problems.extend(Problem(printable(f.relative), Kind.UNFINISHED, message) for f in unsettled)
        for proof in self._proofs.abandon() if self._proofs else ():
            if proof.uploaded:
                self._stored.pop(proof.file.key, None)
            self._verification.unverified += 1
            text = f"was stored, but not verified: {error.message}"
            self._problems.append(Problem(printable(proof.file.relative), Kind.UNVERIFIED, text))
        if len(self._problems) > logged:
            more = counted(len(self._problems) - logged, "more file")
            self._log.error(f"not stored or not proven because of that: {more}; the result names each")

    def _exit_code(self) -> int:
        code = report.exit_code_of(self._problems, self._stopped_by.exit_code if self._stopped_by else None)
        refused = self._failed_for_access
        if code == ExitCode.INCOMPLETE and refused and len(refused) == len(self._plan.uploads):
            # Not one file could be sent, and each was refused: that is the bucket, not the files.
            return min(refused)
        return int(code)

    def _finish(self) -> Run:
        seconds = time.time() - self._began
        moved = sum(sent.identity.size for sent in self._stored.values())
        code = self._exit_code()
        self._verification.verified = self._verification.enabled and not self._dry_run and code == ExitCode.OK
        result = Result(
            timestamp=report.timestamp(self._began),
            duration_seconds=round(seconds, 3),
            files_synced=len(self._stored),
            bytes_transferred=moved,
            source_size=format_size(self._plan.source_bytes),
            s3_objects=self._plan.remote_objects + len(self._new),
            status=self._status(code),
            tool="s5cmd",
            tool_version=self._version,
            throughput_mbps=round(moved / 1e6 / max(seconds, 0.001), 3),
            source=self._job.src,
            destination=self._job.destination,
            dry_run=self._dry_run,
            checksum_verification=self._verification,
            problems=self._problems,
            exit_code=code,
            source_files=self._plan.source_files,
            files_unchanged=len(self._plan.present),
            files_skipped=self._plan.skipped,
        )
        self._announce(result)
        return Run(result, self._plan)

    def _status(self, code: int) -> str:
        if isinstance(self._stopped_by, Interrupted):
            return "interrupted"
        return "success" if code == ExitCode.OK else "failed"

    def _announce(self, result: Result) -> None:
        text = self._summary(result)
        if result.exit_code == ExitCode.OK:
            self._log.info(text)
        else:
            self._log.error(f"{text}; {counted(len(result.problems), 'problem')}, exit code {result.exit_code}")

    def _summary(self, result: Result) -> str:
        if self._dry_run:
            would = f"{counted(len(self._plan.uploads), 'file')}, {format_bytes_si(self._plan.upload_bytes)}"
            return f"{result.status}: dry run, {would} would be uploaded"
        if not self._plan.uploads and not self._verification.methods and not self._verification.errors:
            present = counted(result.files_unchanged, "file")
            nothing = "nothing was uploaded" if self._problems else "nothing to upload"
            done = nothing if self._stopped_by else f"{nothing}, {present} stored already"
            return f"{result.status}: {done}, in {result.duration_seconds} s"
        return (
            f"{result.status}: {counted(result.files_synced, 'file')}, {format_bytes_si(result.bytes_transferred)} in "
            f"{result.duration_seconds} s ({result.throughput_mbps} MB/s), {self._proven()}"
        )

    def _proven(self) -> str:
        if not self._verification.enabled:
            return "not verified"
        methods = self._verification.methods
        shown = ", ".join(f"{count} by {name}" for name, count in sorted(methods.items()))
        return f"{sum(methods.values())} proven{f' ({shown})' if shown else ''}"
