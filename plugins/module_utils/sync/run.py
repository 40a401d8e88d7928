# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The pipeline from job to report. The module and the host program are thin over `run`."""

from __future__ import annotations

import os
import time
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain
from typing import Callable

from ..common.errors import AccessError, DatasyncError, ExitCode, LockedError
from ..common.interrupt import Interrupt
from ..common.patience import attended
from ..common.problems import Kind, Problem, printable
from ..common.units import counted, format_bytes_si
from ..job import lock
from ..job.job import Job
from ..job.local_file import LocalFile, Uploaded, describe_change, identity_of, require_source
from ..job.lock import HeldLock
from ..job.memory import Remembered, RunMemory, remembered
from ..job.state import State, StateUnusable, Watch, open_state, read_state, replaced
from ..plan import deletion
from ..plan.plan import VANISHED, Memories, Plan, make_plan, row_of
from ..plan.uploads import NEW, Ledger
from ..proof import checksums
from ..proof.verify import Outcome, Verdict, Verifier
from ..report import record as recording
from ..report.log import Log
from ..report.progress import Progress
from ..report.progress_file import FINISHING, UPLOADING, ProgressFile
from ..report.result import MAX_PROBLEMS, Result
from ..s3.bucket import Bucket
from ..transfer.engine import Assignment, Deferred, Engine, Failed, Sent
from ..transfer.engines import engine_for
from ..transfer.rounds import Rounds
from ..transfer.settings import settings_of
from ..transfer.voice import Voice
from . import leftovers as orphans
from . import manifest as run_manifest
from .account import Account
from .departure import depart
from .proofs import VERIFIERS, Proof, Proofs

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
    """What `run` returns: the result for everybody; the plan and the deleted keys for those who show them."""

    result: Result
    plan: Plan
    deleted_keys: list[str] = field(default_factory=list)


def run(
    job: Job,
    log: Log,
    progress: Progress,
    interrupt: Interrupt,
    dry_run: bool = False,
    *,
    told: Result | None = None,
) -> Run:
    """Run a job to its end, whatever that is, and write its result files and history.

    `told` is the result there of an earlier run; it stays if this one only repeats it. Never raises DatasyncError: the
    result's `status`, `problems` and `exit_code` tell.
    """
    pipeline = _Pipeline(job, log, progress, interrupt, dry_run)
    try:
        if dry_run:
            # It writes nothing, so it need not keep a scheduled run from its work.
            return pipeline.preview(remembered(job))
        # Whoever waits for the progress file to go finds the result of this run.
        with lock.held(job) as held:  # noqa: SIM117 - ansible-test's pylint takes the short form for a tuple
            with pipeline.progress_file:
                try:
                    outcome = pipeline.run(held, RunMemory(job, held))
                except Exception as error:
                    # A fault of ours: whoever reads the result must not find the success of an earlier run.
                    recording.report_not_begun(DatasyncError(f"internal error: {error!r}"), vars(job), log)
                    raise
                if told is None or not outcome.result.repeats(told):
                    recording.record(job, outcome.result, log)
                return outcome
    except LockedError as error:
        # The result files belong to the run that holds the lock.
        return pipeline.stopped(error)
    except DatasyncError as error:
        # The lock file cannot be opened.
        outcome = pipeline.stopped(error)
        recording.record(job, outcome.result, log)
        return outcome


class _Pipeline:
    def __init__(self, job: Job, log: Log, progress: Progress, interrupt: Interrupt, dry_run: bool) -> None:
        self._job = job
        self._log = log
        self._progress = progress
        self._interrupt = interrupt
        self._dry_run = dry_run
        self._account = Account.begun(job, dry_run)
        self.progress_file = ProgressFile(None if dry_run else job.progress_path, progress, log)
        self._plan = Plan.nothing(job)
        self._ledger = Ledger(self._plan.uploads)
        self._settings = settings_of(job, log.warn)
        self._account.tuning = self._settings.result()
        self._memory: RunMemory | None = None
        self._state: State | None = None
        #: The plan's thread is at work; after a signal it may be so to the end, and the state file is in its hands.
        self._planning = False
        #: Files that were stored before this run and are proven in it.
        self._stayed: list[Uploaded] = []
        #: For a manifest: digests by path, and paths of which nothing is proven.
        self._sha256: dict[str, str] = {}
        self._without_sha256: set[str] = set()
        self._proofs: Proofs | None = None

    def preview(self, known: Remembered) -> Run:
        """Run as far as nothing is written: a dry run, which does without the lock."""

        def look(_engine: Engine, bucket: Bucket) -> None:
            self._make_plan_without_a_trace(bucket, known)
            self._announce_plan()
            self._preview_deletions(bucket)

        return self._whole(look)

    def run(self, held: HeldLock, memory: RunMemory) -> Run:
        """Run to the end; `held` is the job's lock."""
        self._memory = memory

        def work(engine: Engine, bucket: Bucket) -> None:
            self._make_plan(bucket, memory)
            self._announce_plan()
            self._execute(engine, bucket, held, memory)

        return self._whole(work)

    def _whole(self, work: Callable[[Engine, Bucket], None]) -> Run:
        try:
            self._log.info(f"{self._job.src} → {self._job.destination}{' (dry run)' if self._dry_run else ''}")
            engine = engine_for(self._job)
            self._account.tool, self._account.tool_version = engine.name, engine.version
            engine.require_usable()
            work(engine, Bucket(self._job.connection, self._job.bucket, pool_size=2 * VERIFIERS))
        except DatasyncError as error:
            self._stop(error)
        finally:
            if not self._dry_run and not self._planning:
                self._write_manifest()
            if self._state is not None and not self._planning:
                self._state.close()
        return self._finish()

    def stopped(self, error: DatasyncError) -> Run:
        """The outcome of a run that did not begin."""
        self._stop(error)
        return self._finish()

    def _tick(self) -> None:
        self._progress.tick()
        self.progress_file.tick()
        self._interrupt.check()

    # --- plan

    def _make_plan_without_a_trace(self, bucket: Bucket, known: Remembered) -> None:
        since = known.unproven_since if self._job.verification_wanted else None
        self._state = read_state(self._job, bucket.endpoint_url or "", known.state)
        try:
            self._plan_by(bucket, Memories(self._state, self._state is not None, since))
        except StateUnusable as error:
            self._log.warn(f"state_path {self._job.state_path!r} {error}: comparing with the bucket's listing")
            self._plan_by(bucket, Memories(None, False, since))

    def _make_plan(self, bucket: Bucket, memory: RunMemory) -> None:
        since = memory.unproven_since if self._job.verification_wanted else None
        server = bucket.endpoint_url or ""
        watch = Watch(self._log.warn, memory.state_marked)
        self._state, trusted = open_state(self._job, server, memory.state, watch)
        try:
            self._plan_by(bucket, Memories(self._state, trusted, since))
        except StateUnusable as error:
            if self._state is not None:
                self._state.close()
            self._state = replaced(self._job, server, error, watch)
            self._plan_by(bucket, Memories(self._state, False, since))

    def _plan_by(self, bucket: Bucket, memories: Memories) -> None:
        self._plan = self._planned(bucket, memories)
        self._ledger = Ledger(self._plan.uploads)
        self._settings = self._settings.for_run(self._plan.uploads)

    def _planned(self, bucket: Bucket, memories: Memories) -> Plan:
        def make() -> Plan:
            try:
                return make_plan(self._job, bucket, self._interrupt.check, memories, warn=self._log.warn)
            finally:
                self._planning = False

        self._planning = True
        return attended(make, self._tick)

    def _announce_plan(self) -> None:
        plan = self._plan
        for problem in plan.problems:
            self._problem(problem)
        if plan.source_is_empty and not plan.problems and self._job.after_upload == "keep":
            self._log.warn(f"{self._job.src} holds no file for this job: is its file system mounted?")
        self._announce_reconciliation()
        optional = [
            (len(plan.deferred), "deferred"),
            (plan.elsewhere, "in other shards"),
            (len(plan.deletions), "to delete"),
        ]
        more = "".join(f", {number} {what}" for number, what in optional if number)
        self._log.info(
            f"{counted(plan.source_files, 'file')}, {format_bytes_si(plan.source_bytes)}: "
            f"{len(plan.uploads)} to upload ({format_bytes_si(plan.uploads.size)}), "
            f"{plan.unchanged} stored already, {plan.skipped} skipped{more}, {counted(len(plan.problems), 'problem')}"
        )
        if plan.uploads and self._settings.tuning:
            self._log.info(f"tuned by {self._job.tuning_path}: {self._settings}")

    def _announce_reconciliation(self) -> None:
        found = self._plan.reconciled
        if found is None:
            return
        if found.missing or found.different:
            self._log.warn(
                f"reconciled with the bucket: {counted(found.missing, 'object')} had vanished and {found.different} "
                "had been replaced by others; what is not as the file is uploaded again"
            )
        else:
            self._log.info("reconciled with the bucket: it holds what the state file says")

    # --- execution

    def _execute(self, engine: Engine, bucket: Bucket, held: HeldLock, memory: RunMemory) -> None:
        self._clean_up_earlier_run(bucket, memory)
        if self._plan.uploads or self._plan.present or self._plan.unproven or self._plan.proven:
            self._upload_and_prove(engine, bucket, held, memory)
        self._forget_unproven(memory)
        self._delete(bucket)
        if self._state is not None:
            objects = self._plan.remote_objects + self._account.new - len(self._account.deleted_keys)
            if self._plan.listed:
                self._state.reconciled(self._account.began, objects)
            else:
                self._state.counted(objects)

    def _upload_and_prove(self, engine: Engine, bucket: Bucket, held: HeldLock, memory: RunMemory) -> None:
        if self._job.verification_wanted:
            # Missing packages must be known before the first upload, not at the first proof.
            checksums.prepare_packages()
        voice = Voice(self._log.warn, self._log.info, self._tick)
        rounds = Rounds(engine, Assignment(self._job, bucket, self._settings, voice, (held.descriptor,)))
        verifier = Verifier(bucket, self._job.checksum_algorithm)
        proofs = self._proofs = Proofs(self._job, verifier, self._judge, self._tick)
        self._remember(held, memory)
        self._progress.sent = lambda: rounds.bytes_written
        self._progress.start(len(self._plan.uploads), self._plan.uploads.size)
        self.progress_file.phase = UPLOADING
        try:
            self._transfer(rounds, proofs)
            self._prove_present(proofs)
            proofs.finish()
            self.progress_file.phase = FINISHING
            self._look_again()
            self._let_leave()
        finally:
            self._progress.stop()
            proofs.stop()
            self._abort_open_uploads(bucket, memory, complete=not rounds.left_open)

    def _remember(self, held: HeldLock, memory: RunMemory) -> None:
        """Before anything is stored: if this run ends without a proof, however it ends, the next one must know."""
        uploads = self._plan.uploads
        if not uploads:
            return
        if self._state is not None and not self._state.is_empty:
            # From here on the bucket may hold something newer than what is recorded.
            self._state.forget(upload.file.relative for upload in uploads)
        if not memory.before_uploads(orphans.multipart_keys(self._settings, uploads), self._account.began):
            self._log.warn(f"{held.path} {held.failure}: unproven uploads are not remembered; set lock_path")

    def _forget_unproven(self, memory: RunMemory) -> None:
        verification, plan = self._account.verification, self._plan
        if verification.errors or verification.unverified or not verification.enabled or not self._ledger.complete:
            return
        if plan.problems or plan.deferred or (plan.listed and plan.leaves_suspects):
            # Not every file was looked at, and one of those may be the one whose object is not proven.
            return
        memory.all_proven(listed=plan.listed)

    def _transfer(self, rounds: Rounds, proofs: Proofs) -> None:
        # Closed explicitly: an exception would keep the generator, and so the engine, alive while we clean up.
        with closing(rounds.run(self._plan.uploads)) as outcomes:
            for outcome in outcomes:
                self._progress.file_done(outcome.file.identity.size)
                if isinstance(outcome, Sent):
                    self._sent(outcome, proofs)
                    continue
                self._settle(outcome.file)
                if isinstance(outcome, Deferred):
                    self._account.deferred += 1
                    self._plan.settled_at = time.time() + self._job.settle_seconds
                else:
                    self._failed(outcome)

    def _failed(self, outcome: Failed) -> None:
        self._problem(Problem(printable(outcome.file.relative), outcome.kind, outcome.message))
        if outcome.exit_code is not None:
            self._account.refusals.append(outcome.exit_code)

    def _sent(self, sent: Sent, proofs: Proofs) -> None:
        self._ledger.store(sent.file, sent.identity)
        self._account.new += self._was_absent(sent.file)
        if self._log.shows_debug:
            self._log.debug(f"stored {printable(sent.file.relative)} ({format_bytes_si(sent.identity.size)})")
        if self._job.verification_wanted:
            proofs.of_content(sent)
        else:
            proofs.of_name(sent)

    def _was_absent(self, file: LocalFile) -> bool:
        uploads = self._plan.uploads
        return uploads.at(uploads.index(file)).reason in (NEW, VANISHED)

    def _settle(self, file: LocalFile) -> None:
        """The file is not stored and proven in this run."""
        self._ledger.settle(file)
        if self._wants_manifest:
            self._without_sha256.add(file.relative)
            self._sha256.pop(file.relative, None)

    def _prove_present(self, proofs: Proofs) -> None:
        methods = self._account.verification.methods
        for method, number in self._plan.proven.items():
            methods[method] = methods.get(method, 0) + number
        for present in self._plan.unproven:
            self._judge(Proof(present.file, present.file.identity, uploaded=False), present.verdict)
        for upload in self._plan.present:
            proofs.of_present(upload.file)

    def _judge(self, proof: Proof, verdict: Verdict) -> None:
        if verdict.outcome is Outcome.SAME:
            self._proven(proof, verdict)
            return
        if verdict.outcome is Outcome.DIFFERENT:
            self._account.verification.errors += 1
        else:
            self._account.verification.unverified += 1
        if proof.uploaded:
            self._settle(proof.file)
            self._record(proof, Verdict(verdict.outcome))
        elif self._state is not None and self._memory is not None and verdict.outcome is not Outcome.UNPROVEN:
            # Whatever was recorded is no longer so: the next run compares the content, whatever the header says.
            self._memory.doubt()
            self._state.forget([proof.file.relative])
        if verdict.outcome is Outcome.MISSING and proof.uploaded:
            self._account.new -= self._was_absent(proof.file)
        message = verdict.message
        if verdict.outcome is Outcome.DIFFERENT and not proof.uploaded:
            again = "the next run uploads the file again" if self._state else "to upload the file again, touch it"
            message += f"; {again}"
        self._problem(Problem(printable(proof.file.relative), _KIND_OF[verdict.outcome], message))

    def _proven(self, proof: Proof, verdict: Verdict) -> None:
        methods = self._account.verification.methods
        if self._job.verification_wanted:
            methods[verdict.method] = methods.get(verdict.method, 0) + 1
        self._record(proof, verdict)
        if self._wants_manifest and proof.sha256:
            self._sha256[proof.file.relative] = proof.sha256
        if self._job.after_upload != "keep" and not proof.uploaded:
            self._stayed.append(Uploaded(proof.file, proof.identity))

    def _record(self, proof: Proof, verdict: Verdict) -> None:
        """In the state file; without a method where the server could not prove it, so that it is not sent again."""
        if self._state is not None and verdict.outcome in (Outcome.SAME, Outcome.UNPROVEN):
            since_ns = int(self._account.began * 1e9)
            self._state.remember(row_of(proof.file.relative, proof.identity, verdict, since_ns, proof.sha256))

    def _look_again(self) -> None:
        """A file that changed after its upload is not what is stored; the next run uploads it, this one says so."""
        for file, stored in self._ledger.all_stored():
            try:
                message = ""
                identity = identity_of(os.stat(file.path))
                if identity != stored:
                    message = describe_change(stored, identity)
            except OSError:
                message = "was deleted or renamed meanwhile"
            if message:
                self._settle(file)
                self._problem(Problem(printable(file.relative), Kind.CHANGED, message))

    def _let_leave(self) -> None:
        """Move or remove what is proven, this run's files and those that an earlier run had to leave."""
        if self._job.after_upload == "keep":
            return
        for file, identity in chain(self._ledger.all_stored(), self._stayed):
            self._tick()
            departure = depart(file, identity, self._job, self._tick)
            if departure.problem is not None:
                self._problem(departure.problem)
            elif not departure.gone:
                self._log.info(f"{printable(file.relative)} stays: {departure.reason}")
            elif self._job.after_upload == "move":
                self._account.moved += 1
                self._log.debug(f"moved {printable(file.relative)} to {printable(departure.place)}")
            else:
                self._account.removed += 1

    # --- multipart uploads that were left open

    def _clean_up_earlier_run(self, bucket: Bucket, memory: RunMemory) -> None:
        left = memory.left_by_earlier
        if left is None:
            return
        try:
            if left.keys:
                orphans.abort(self._job, bucket, set(left.keys), left.since, self._log.info)
        except AccessError as error:
            # Uploads need no right to list or to abort, and must not wait until somebody grants it.
            self._log.warn(f"multipart uploads of an earlier run may be left open: {error}; the next run tries again")
            return
        memory.earlier_cleaned_up()

    def _abort_open_uploads(self, bucket: Bucket, memory: RunMemory, complete: bool) -> None:
        """Abort what s5cmd left open in this run."""
        left = memory.left_by_this
        try:
            if left is not None and left.keys:
                # Also after a run without a fault: s5cmd begins again when the answer to a beginning was lost.
                orphans.abort(self._job, bucket, set(left.keys), left.since, self._log.info)
        except DatasyncError as error:
            if not complete:
                self._log.warn(f"multipart uploads of this run may be left open: {error}; the next run aborts them")
                return
            self._log.debug(f"multipart uploads were not looked for: {error}")
        memory.cleaned_up()

    # --- deletions

    def _delete(self, bucket: Bucket) -> None:
        if not self._may_delete(bucket):
            if self._state is not None and self._plan.deletions:
                self._state.sweep(done=False)
            return
        if self._plan.deletions:
            # A file system that was unmounted since the walk looks like one whose files were all deleted.
            require_source(self._job)
            for keys in deletion.confirm(self._job, bucket, self._plan.deletions, self._tick):
                self._delete_some(bucket, keys)
        if self._state is not None and self._plan.swept:
            self._state.sweep(done=len(self._account.deleted_keys) == len(self._plan.deletions))

    def _delete_some(self, bucket: Bucket, keys: list[str]) -> None:
        prefix = len(self._job.prefix)
        if self._state is not None:
            # First, so that the state file never tells more than the bucket holds.
            self._state.forget(key[prefix:] for key in keys)
        done = bucket.delete(keys)
        self._account.deleted_keys += done.deleted
        self._account.deletions.deleted += len(done.deleted)
        self._account.deletions.delete_markers = done.markers or self._account.deletions.delete_markers
        for key in done.deleted:
            self._log.info(f"deleted {key}")
        for failure in done.failed:
            message = f"its object could not be deleted: {failure.code}: {failure.message}"
            self._problem(Problem(printable(failure.key[prefix:]), Kind.DELETE_FAILED, message))

    def _preview_deletions(self, bucket: Bucket) -> None:
        self._may_delete(bucket)

    def _may_delete(self, bucket: Bucket) -> bool:
        plan = self._plan
        self._account.deletions.planned = len(plan.deletions)
        if not plan.deletions:
            return self._job.delete
        refused = deletion.refusal(
            self._job,
            len(plan.deletions),
            plan.deletable_objects,
            source_is_empty=plan.source_is_empty,
            problems=self._account.problems,
        )
        self._account.deletions.refused = refused
        if refused:
            objects = counted(len(plan.deletions), "object")
            self._problem(Problem("", Kind.DELETION_REFUSED, f"nothing was deleted ({objects} planned): {refused}"))
            return False
        self._account.deletions.delete_markers = bool(bucket.keeps_versions())
        if self._account.deletions.delete_markers:
            self._log.info(f"bucket {self._job.bucket} keeps versions: delete markers hide objects, nothing is lost")
        return True

    # --- manifest

    @property
    def _wants_manifest(self) -> bool:
        return self._job.checksum_algorithm == "SHA256"

    def _write_manifest(self) -> None:
        """Also after a run that was stopped: what it stored is not uploaded again, so no later run has its digests."""
        if not self._wants_manifest:
            return
        unproven = self._without_sha256.union(self._plan.deferred, (problem.path for problem in self._account.problems))
        try:
            complete = not (self._account.stopped_by or self._plan.problems or self._plan.source_is_empty)
            lines = run_manifest.write(self._job, self._sha256, unproven, self._state, complete=complete)
        except (DatasyncError, StateUnusable) as error:
            self._problem(Problem("", Kind.RUN, f"the manifest was not written: {error}"))
            return
        self._account.manifest = run_manifest.manifest_path(self._job)
        self._log.info(f"{self._account.manifest} has the SHA256 of {counted(lines, 'file')}")
        without = self._plan.unchanged + self._ledger.stored - lines
        if without > 0:
            self._log.warn(
                f"{self._account.manifest} lacks {counted(without, 'file')} of earlier runs that made no SHA256; "
                "`verify` with attach_sha256 or allow_download proves them by one"
            )

    # --- report

    def _problem(self, problem: Problem) -> None:
        self._account.problems.append(problem)
        self._log.error(f"{problem.path}: {problem.message}" if problem.path else problem.message)

    def _stop(self, error: DatasyncError) -> None:
        self._account.stopped_by = error
        self._problem(Problem("", Kind.RUN, str(error)))
        message = f"the run ended before it was uploaded: {error.message}"
        logged = len(self._account.problems)
        if not self._dry_run:
            waiting = self._ledger.waiting()
            self._account.problems.extend(
                Problem(printable(file.relative), Kind.UNFINISHED, message) for file in waiting
            )
        for proof in self._proofs.abandon() if self._proofs else ():
            if proof.uploaded:
                self._settle(proof.file)
            self._account.verification.unverified += 1
            text = f"was stored, but not verified: {error.message}"
            self._account.problems.append(Problem(printable(proof.file.relative), Kind.UNVERIFIED, text))
        if len(self._account.problems) > logged:
            more = counted(len(self._account.problems) - logged, "more file")
            all_named = len(self._account.problems) <= MAX_PROBLEMS
            which = "each" if all_named else f"{MAX_PROBLEMS:,} of them, the next run finds them all again"
            self._log.error(f"not stored or not proven because of that: {more}; the result names {which}")

    def _finish(self) -> Run:
        result = self._account.result(self._plan, self._ledger)
        text = self._account.summary(self._plan, result)
        if result.exit_code == ExitCode.OK:
            self._log.info(text)
        else:
            self._log.error(f"{text}; {counted(len(result.problems), 'problem')}, exit code {result.exit_code}")
        return Run(result, self._plan, self._account.deleted_keys)
