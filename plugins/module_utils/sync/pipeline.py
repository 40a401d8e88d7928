# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The order of the stages of a run: plan, upload and prove, let files leave, delete, account for all of it."""

from __future__ import annotations

from contextlib import closing
from typing import Callable

from ..common.errors import DatasyncError
from ..common.interrupt import Interrupt
from ..job.job import Job
from ..job.lock import HeldLock
from ..job.memory import Remembered, RunMemory
from ..job.run_state import RunState
from ..plan.plan import Plan
from ..proof import checksums
from ..proof.verify import Verifier
from ..report.log import Log
from ..report.progress import Progress
from ..report.progress_file import FINISHING, UPLOADING, ProgressFile
from ..s3.bucket import Bucket
from ..transfer.engine import Assignment, Engine, Sent
from ..transfer.engines import engine_for
from ..transfer.rounds import Rounds
from ..transfer.settings import ClassSettings, settings_of
from ..transfer.voice import Voice
from . import leftovers, manifest
from .account import Account, Finished
from .deletions import Deletions
from .departure import let_leave
from .judgement import Judgement
from .planning import Planner, announce
from .proofs import VERIFIERS, Proofs


class Pipeline:
    """One run of a job. Exactly one of `run`, `preview` and `stopped` is called, and returns how the run ended."""

    def __init__(self, job: Job, log: Log, progress: Progress, interrupt: Interrupt, *, dry_run: bool) -> None:
        self._job = job
        self._log = log
        self._progress = progress
        self._interrupt = interrupt
        self._account = Account.begun(job, log, dry_run)
        self.progress_file = ProgressFile(None if dry_run else job.progress_path, progress, log)
        self._planner = Planner(job, log, interrupt, self._tick)
        self._plan = Plan.nothing(job)
        self._judgement = Judgement(self._account, self._plan)
        self._state: RunState | None = None
        self._proofs: Proofs | None = None

    def preview(self, known: Remembered) -> Finished:
        """Run as far as nothing is written: a dry run, which does without the job's lock."""

        def look(_engine: Engine, bucket: Bucket, settings: ClassSettings) -> None:
            self._state = RunState.to_read(self._job, bucket.endpoint_url or "", known, self._log.warn)
            self._make_plan(bucket, self._state, known.unproven_since, settings)
            Deletions(self._plan, self._account, bucket).preview()

        return self._whole(look)

    def run(self, held: HeldLock, memory: RunMemory) -> Finished:
        """Run to the end; `held` is the job's lock, `memory` what is kept in it."""

        def work(engine: Engine, bucket: Bucket, settings: ClassSettings) -> None:
            state = self._state = RunState.to_write(self._job, bucket.endpoint_url or "", memory, self._log.warn)
            settings = self._make_plan(bucket, state, memory.unproven_since, settings)
            self._judgement = Judgement(self._account, self._plan, state.file, memory)
            leftovers.clean_up_earlier_runs(self._job, bucket, memory, self._log)
            if self._plan.uploads or self._plan.present or self._plan.unproven or self._plan.proven:
                self._upload_and_prove(engine, bucket, settings, held, memory)
            if self._judgement.leaves_no_doubt:
                memory.all_proven(listed=self._plan.listed)
            Deletions(self._plan, self._account, bucket).carry_out(state.file, self._tick)
            self._count_objects(state)

        return self._whole(work)

    def stopped(self, error: DatasyncError) -> Finished:
        """End a run that did not begin."""
        self._judgement.stop(error, None)
        return self._account.finish(self._plan, self._judgement.ledger)

    def _whole(self, stages: Callable[[Engine, Bucket, ClassSettings], None]) -> Finished:
        """Run what differs between a run and a dry run, and what does not before and after it."""
        dry_run = self._account.dry_run
        try:
            self._log.info(f"{self._job.src} → {self._job.destination}{' (dry run)' if dry_run else ''}")
            settings = settings_of(self._job, self._log.warn)
            self._account.tuning = settings.result()
            engine = engine_for(self._job)
            self._account.tool, self._account.tool_version = engine.name, engine.version
            engine.require_usable()
            stages(engine, Bucket(self._job.connection, self._job.bucket, pool_size=2 * VERIFIERS), settings)
        except DatasyncError as error:
            self._judgement.stop(error, self._proofs)
        finally:
            if not self._planner.busy:
                self._close(dry_run)
        return self._account.finish(self._plan, self._judgement.ledger)

    def _close(self, dry_run: bool) -> None:
        file = self._state.file if self._state else None
        if not dry_run:
            judgement = self._judgement
            manifest.write_of_run(judgement.digests, self._account, self._plan, judgement.ledger, file)
        if file is not None:
            file.close()

    def _tick(self) -> None:
        self._progress.tick()
        self.progress_file.tick()
        self._interrupt.check()

    # --- stages

    def _make_plan(
        self, bucket: Bucket, state: RunState, unproven_since: float | None, settings: ClassSettings
    ) -> ClassSettings:
        """Returns the settings for what the plan sends."""
        self._plan = self._planner.plan(bucket, state, unproven_since)
        self._judgement = Judgement(self._account, self._plan)
        settings = settings.for_run(self._plan.uploads)
        for problem in self._plan.problems:
            self._account.take_in(problem)
        announce(self._plan, settings, self._job, self._log)
        return settings

    def _upload_and_prove(
        self, engine: Engine, bucket: Bucket, settings: ClassSettings, held: HeldLock, memory: RunMemory
    ) -> None:
        if self._job.verification_wanted:
            # Missing packages must be known before the first upload, not at the first proof.
            checksums.prepare_packages()
        voice = Voice(self._log.warn, self._log.info, self._tick)
        rounds = Rounds(engine, Assignment(self._job, bucket, settings, voice, (held.descriptor,)))
        verifier = Verifier(bucket, self._job.checksum_algorithm)
        proofs = self._proofs = Proofs(self._job, verifier, self._judgement.judge, self._tick)
        self._remember(settings, held, memory)
        self._progress.sent = lambda: rounds.bytes_written
        self._progress.start(len(self._plan.uploads), self._plan.uploads.size)
        self.progress_file.phase = UPLOADING
        try:
            self._upload(rounds, proofs)
            self._judgement.present(proofs)
            proofs.finish()
            self.progress_file.phase = FINISHING
            self._judgement.look_again()
            let_leave(self._judgement.all_proven(), self._account, self._tick)
        finally:
            self._progress.stop()
            proofs.stop()
            leftovers.clean_up(self._job, bucket, memory, self._log, complete=not rounds.left_open)

    def _remember(self, settings: ClassSettings, held: HeldLock, memory: RunMemory) -> None:
        """Before anything is stored: if this run ends without a proof, however it ends, the next one must know."""
        uploads = self._plan.uploads
        file = self._state.file if self._state else None
        if not uploads:
            return
        if file is not None and not file.is_empty:
            # From here on the bucket may hold something newer than what is recorded.
            file.forget(upload.file.relative for upload in uploads)
        if not memory.before_uploads(leftovers.multipart_keys(settings, uploads), self._account.began):
            self._log.warn(f"{held.path} {held.failure}: unproven uploads are not remembered; set lock_path")

    def _upload(self, rounds: Rounds, proofs: Proofs) -> None:
        # Closed explicitly: an exception would keep the generator, and so the engine, alive while we clean up.
        with closing(rounds.run(self._plan.uploads)) as outcomes:
            for outcome in outcomes:
                self._progress.file_done(outcome.file.identity.size)
                if isinstance(outcome, Sent):
                    self._judgement.sent(outcome, proofs)
                else:
                    self._judgement.not_sent(outcome)

    def _count_objects(self, state: RunState) -> None:
        """So that the next run knows how many objects there are without a listing."""
        if state.file is None:
            return
        objects = self._plan.remote_objects + self._account.new - len(self._account.deleted_keys)
        if self._plan.listed:
            state.file.reconciled(self._account.began, objects)
        else:
            state.file.counted(objects)
