# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The comparison: which files must be uploaded, which are stored already, and which cannot be, and why.

A file counts as stored when an object of its key and size was stored after the file's last change. The last change is
the later of mtime and ctime, because `cp -p`, `mv` and restores set mtime back. Where the times cannot tell (the same
second, or the file may have changed while it was being read), the content decides.

With a state file that can be trusted, a file whose identity is recorded counts as stored without a question to the
bucket, except when state and bucket are to be reconciled.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from functools import partial
from typing import Callable

from ..common.problems import Kind, Problem, printable
from ..common.threads import Tick, answered, nothing
from ..job.job import Job
from ..job.local_file import Identity, LocalFile, require_source
from ..job.state import Known, Row, State, signed
from ..proof.verify import Verdict, VerdictKind, Verifier
from ..report.result import Reconciliation
from ..s3.bucket import Bucket
from ..s3.listing import CLOCK_MARGIN, StoredObject
from ..s3.object_index import ObjectIndex
from .gone import GoneFiles, hold_a_file
from .lookup import OUR_SECONDS_PER_MIB, Looks, Lookup, LookupAnswer
from .plan import Plan, Present
from .uploads import NEW, Upload, Uploads, reason_of_size
from .walk import Batch, Walker

#: Nanoseconds between two times that a file system can tell apart, at most: whole seconds (two on FAT), or jiffies.
COARSE_TICK = 2_100_000_000
FINE_TICK = 50_000_000

#: Files that the state file does not know are asked for one by one, as long as they are fewer than one for so many
#: objects; else a listing is cheaper.
OBJECTS_PER_QUESTION = 100

#: The reason of an upload whose object was there once and no longer is.
VANISHED = "vanished from the bucket"


@dataclass(frozen=True)
class Memories:
    """What earlier runs left: the state file, whether it can be trusted, and since when objects may be unproven."""

    state: State | None = None
    trusted: bool = False
    unproven_since: float | None = None


def make_plan(
    job: Job,
    bucket: Bucket,
    tick: Tick = nothing,
    memories: Memories = Memories(),
    *,
    warn: Callable[[str], object] = str,
) -> Plan:
    """Walk the source, list the bucket where that is needed, compare. Only the state file learns from it.

    Objects stored after `unproven_since`, in seconds since the epoch, are taken for stored only if their content is.
    Raises what Bucket raises, and StateUnusable for a damaged state file.
    """
    require_source(job)
    # The bucket comes first: with a dead endpoint or wrong keys there is no point in a long walk.
    holds_objects = answered(lambda: bucket.check(job.prefix), bucket.no_answer, tick)
    comparison = _Comparison(job, bucket, memories, tick)
    if comparison.needs_listing(holds_objects, warn):
        comparison.read_listing()
    return comparison.plan()


class _Comparison:
    def __init__(self, job: Job, bucket: Bucket, memories: Memories, tick: Tick) -> None:
        self._job = job
        self._bucket = bucket
        self._state = memories.state
        self._trusted = memories.trusted and job.comparison == "state"
        self._unproven_since = memories.unproven_since
        self._tick = tick
        verifier = Verifier(bucket, job.checksum_algorithm)
        self._lookup = Lookup(job, bucket, verifier)
        self._walker = Walker(job.src, job.prefix, job.filter, job.follow_symlinks, tick, shard=job.shard)
        self._listing: ObjectIndex | None = None
        self._looks = Looks(verifier, tick)
        self._now_ns = time.time_ns()
        self._plan = Plan.nothing(job)
        self._findings = _Findings(self._plan, job, self._now_ns)
        #: Files that a trusted state file does not know. They may be stored all the same: a file system that was not
        #: mounted for a while is forgotten, and comes back.
        self._unknown = Uploads(job.src, job.prefix)
        self._gone = GoneFiles(job, self._state, tick, trusted=self._trusted)
        #: An identity that is recorded settles it, and nothing more is to be done.
        self._identity_is_enough = False

    def needs_listing(self, holds_objects: bool, warn: Callable[[str], object]) -> bool:
        """Whether the bucket must be listed, or the state file is enough."""
        state = self._state
        if state is None or not self._trusted:
            return True
        if not holds_objects and not state.is_empty:
            warn(f"{self._job.destination} is empty, although the state file knows its objects: comparing again")
            return True
        if self._job.delete and not state.swept:
            return True
        # An age below 0 means that a clock was wrong, then or now.
        age = self._now_ns / 1e9 - state.reconciled_at
        return self._job.reconcile or not 0 <= age < self._job.reconcile_days * 86400

    def read_listing(self) -> None:
        """Read what is stored; with a trusted state file the two are reconciled."""
        self._listing = ObjectIndex(self._bucket.list(self._job.prefix), self._tick)
        if self._trusted:
            self._plan.reconciled = Reconciliation()
        self._plan.listed = True

    def plan(self) -> Plan:
        """Compare everything."""
        plan = self._plan
        enough = self._trusted and self._listing is None and self._unproven_since is None
        self._identity_is_enough = enough and not self._findings.proves_everything
        with self._looks:
            for batch in self._walker.batches():
                self._compare_batch(batch)
            self._compare_unknown()
            self._looks.finish()
        self._gone.forget_folders()
        self._find_deletions()
        plan.leaves_suspects = self._leaves_suspects()
        plan.problems = self._walker.problems + plan.problems
        plan.skipped, plan.elsewhere = self._walker.skipped, self._walker.elsewhere
        if self._listing is not None:
            plan.remote_objects = self._listing.total
        elif self._state is not None:
            plan.remote_objects = self._state.objects
        plan.uploads.sort()
        return plan

    def _compare_batch(self, batch: Batch) -> None:
        known = self._state.known(batch.folder, batch.above, batch.upto) if self._state else {}
        enough = self._identity_is_enough
        unchanged = unchanged_bytes = 0
        for found in batch.files:
            name, status, _changed_ns = found
            recorded = known.pop(name, None)
            same = recorded is not None and recorded[:4] == (
                status.st_size,
                status.st_mtime_ns,
                status.st_ctime_ns,
                signed(status.st_ino),
            )
            if same and enough:
                unchanged += 1
                unchanged_bytes += status.st_size
                continue
            file = self._walker.local_file(batch, found)
            if file is not None:
                self._compare(file, recorded, same)
        self._plan.unchanged += unchanged
        self._plan.unchanged_bytes += unchanged_bytes
        self._gone.forget_files(batch, known)

    def _compare(self, file: LocalFile, recorded: Known | None, same: bool) -> None:
        if not self._trusted:
            self._compare_with_listing(file, self._take(file), recorded=same)
        elif self._listing is None:
            self._compare_with_state(file, recorded, same)
        elif same:
            self._reconcile(file)
        else:
            self._compare_with_listing(file, self._take(file), recorded=False)

    def _take(self, file: LocalFile) -> StoredObject | None:
        return self._listing.take(file.key) if self._listing else None

    def _compare_with_state(self, file: LocalFile, recorded: Known | None, same: bool) -> None:
        if recorded is None:
            self._unknown.add(Upload(file, ""))
        elif same:
            if self._unproven_since is None or recorded[4]:
                self._findings.present(file)
            elif not self._findings.defers(file):
                self._look(file, partial(self._lookup.reason_to_upload, file, None, suspect=True))
        elif recorded[0] != file.identity.size:
            self._findings.upload(file, reason_of_size(recorded[0], file.identity.size))
        elif not self._findings.defers(file):
            row = self._row(file)
            question = partial(self._lookup.reason_by_record, file, row)
            self._looks.ask(question, partial(self._take_in_by_record, file, row))

    def _compare_unknown(self) -> None:
        if not self._unknown:
            return
        if len(self._unknown) * OBJECTS_PER_QUESTION > (self._state.objects if self._state else 0):
            self._listing = ObjectIndex(self._bucket.list(self._job.prefix), self._tick)
        for upload in self._unknown:
            file = upload.file
            if self._listing is not None:
                self._compare_with_listing(file, self._take(file), recorded=False)
            elif not self._findings.defers(file):
                suspect = self._unproven_since is not None
                self._look(file, partial(self._lookup.reason_to_upload, file, None, suspect=suspect))

    def _row(self, file: LocalFile) -> Row | None:
        return self._state.row(file.relative) if self._state else None

    def _reconcile(self, file: LocalFile) -> None:
        """The file is as it was when it was stored. Is the object still there, and the same?"""
        entry, row = self._take(file), self._row(file)
        found = self._plan.reconciled or Reconciliation()
        if entry is None:
            found.missing += 1
            self._findings.upload(file, VANISHED)
        elif row is not None and not row.etag:
            # It was not proven; there is nothing to reconcile it with but the times.
            self._compare_with_listing(file, entry, recorded=True)
        elif row is not None and entry.size == file.identity.size and entry.etag == row.etag:
            self._findings.present(file)
        else:
            found.different += 1
            self._look(file, partial(self._lookup.reason_to_upload, file, entry, suspect=True))

    def _compare_with_listing(self, file: LocalFile, entry: StoredObject | None, recorded: bool) -> None:
        if entry is None:
            self._findings.upload(file, NEW)
        elif entry.size != file.identity.size:
            self._findings.upload(file, reason_of_size(entry.size, file.identity.size))
        elif self._times_settle(file, entry):
            self._findings.present(file)
            if not recorded:
                self._record(file, Verdict(VerdictKind.SAME, "", etag=entry.etag))
        elif not self._findings.defers(file):
            suspect = self._job.comparison == "checksum" or self._suspect(entry)
            self._look(file, partial(self._lookup.reason_to_upload, file, entry, suspect=suspect))

    def _times_settle(self, file: LocalFile, entry: StoredObject) -> bool:
        if self._job.comparison == "checksum" or self._suspect(entry):
            return False
        return self._lookup.stored_after_last_change(file, entry, OUR_SECONDS_PER_MIB)

    def _record(self, file: LocalFile, verdict: Verdict) -> None:
        if self._state is not None and verdict.kind is VerdictKind.SAME:
            self._state.remember(row_of(file.relative, file.identity, verdict, self._now_ns))

    def _find_deletions(self) -> None:
        plan, listing = self._plan, self._listing
        if not self._job.delete:
            return
        if not plan.listed and not self._gone:
            return
        if listing is None:
            listing = ObjectIndex(self._bucket.list(self._job.prefix), self._tick)
        found = self._gone.objects(listing)
        plan.deletions, plan.deletable_objects, plan.swept = found.gone, found.total, True

    def _leaves_suspects(self) -> bool:
        if self._unproven_since is None or self._listing is None:
            return False
        return hold_a_file(self._job, filter(self._suspect, self._listing.rest()))

    def _look(self, file: LocalFile, question: Callable[[], LookupAnswer]) -> None:
        self._looks.ask(question, lambda answer: self._take_in(file, answer))

    def _take_in(self, file: LocalFile, answer: LookupAnswer) -> None:
        if answer.reason:
            self._findings.upload(file, answer.reason)
            return
        self._findings.present(file, answer.verdict)
        self._record(file, answer.verdict)

    def _take_in_by_record(self, file: LocalFile, row: Row | None, answer: LookupAnswer) -> None:
        """The bucket was not asked: what was proven then holds, with the new identity; no more."""
        if not answer.by_record or row is None or self._state is None:
            self._take_in(file, answer)
            return
        self._findings.present(file)
        self._state.remember(row._replace(identity=settled(file.identity, self._now_ns)))

    def _suspect(self, entry: StoredObject) -> bool:
        """Whether an earlier run may have stored the object and ended without a proof."""
        since = self._unproven_since
        return since is not None and self._lookup.stored_at(entry) >= since - CLOCK_MARGIN


class _Findings:
    """Writes into the plan what was found of each file."""

    def __init__(self, plan: Plan, job: Job, now_ns: int) -> None:
        self._plan = plan
        self._job = job
        self._now_ns = now_ns

    @property
    def proves_everything(self) -> bool:
        """Whether files that were stored before are proven too. Those that an earlier run had to leave shall leave."""
        return self._job.verify == "all" or self._job.after_upload != "keep"

    def present(self, file: LocalFile, verdict: Verdict | None = None) -> None:
        """The file is stored; `verdict` if its content was compared to know."""
        plan = self._plan
        plan.unchanged += 1
        plan.unchanged_bytes += file.identity.size
        leaves = self._job.after_upload != "keep"
        if verdict is None or (verdict.kind is VerdictKind.SAME and (leaves or not verdict.method)):
            if self.proves_everything:
                plan.present.add(Upload(file, ""))
        elif verdict.kind is VerdictKind.UNPROVEN:
            if self._job.verification_wanted or self._job.comparison == "checksum":
                plan.unproven.append(Present(file, verdict))
        elif self.proves_everything:
            plan.proven[verdict.method] += 1

    def upload(self, file: LocalFile, reason: str) -> None:
        """The file is to be uploaded, unless it waits or something forbids it."""
        if self.defers(file):
            return
        if file.identity.size > self._job.max_file_size:
            where = "one request, which request_payer needs" if self._job.sends_whole_files else "one object"
            message = f"has {file.identity.size} bytes; S3 takes {self._job.max_file_size} in {where}"
            self._problem(file, Kind.TOO_LARGE, message)
        elif not os.path.lexists(file.path):
            self._problem(file, Kind.VANISHED, "was deleted or renamed meanwhile")
        elif not os.access(file.path, os.R_OK):
            self._problem(file, Kind.UNREADABLE, "cannot be read: Permission denied")
        else:
            self._plan.uploads.add(Upload(file, reason))

    def _problem(self, file: LocalFile, kind: str, message: str) -> None:
        self._plan.problems.append(Problem(printable(file.relative), kind, message))

    def defers(self, file: LocalFile) -> bool:
        """Whether the file may still be written and waits for the next run, which is then noted."""
        left = self._job.settle_seconds and self._job.settle_seconds - _age(file, self._now_ns)
        if left > 0:
            self._plan.deferred.append(file.relative)
            self._plan.settled_at = max(self._plan.settled_at, self._now_ns / 1e9 + left)
        return left > 0


def row_of(relative: str, identity: Identity, verdict: Verdict, since_ns: int, sha256: str = "") -> Row:
    """What the state file records of a file that is stored; `since_ns` as for `settled`."""
    proven_at = int(time.time()) if verdict.method else 0
    method, part_size = verdict.method, verdict.part_size
    recorded = settled(identity, since_ns)
    return Row(relative, recorded, verdict.etag, method, verdict.checksum, part_size, sha256, proven_at)


def settled(identity: Identity, since_ns: int) -> Identity:
    """The identity to record of a file that was looked at after `since_ns`, in ns since the epoch.

    A file that changed about then may change once more without a trace: its times tell only the tick of a clock. It is
    recorded with a ctime that it never has, and so will be hashed once more.
    """
    coarse = not identity.ctime_ns % 1_000_000
    recent = identity.ctime_ns >= since_ns - (COARSE_TICK if coarse else FINE_TICK)
    return identity._replace(ctime_ns=0) if recent else identity


def _age(file: LocalFile, now_ns: int) -> float:
    """Seconds since the file changed last. A modification time in the future was set, and tells nothing."""
    mtime_ns, ctime_ns = file.identity.mtime_ns, file.identity.ctime_ns
    return (now_ns - (max(mtime_ns, ctime_ns) if mtime_ns <= now_ns else ctime_ns)) / 1e9
