# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What became of each file of a run, in every book that is kept of it.

The ledger knows of each upload whether it is stored; the account counts and names problems; the state file, the run's
memory and the manifest serve later runs and other programs.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from itertools import chain

from ..common.errors import DatasyncError
from ..common.problems import Kind, Problem, printable
from ..common.units import counted, format_bytes_si
from ..job.local_file import LocalFile, Uploaded, describe_change, identity_of
from ..job.memory import RunMemory
from ..job.state import State
from ..plan.comparison import VANISHED, row_of
from ..plan.plan import Plan
from ..plan.uploads import NEW, Ledger
from ..proof.verify import Verdict, VerdictKind
from ..report.result import MAX_PROBLEMS
from ..transfer.engine import Deferred, Failed, Sent
from .account import Account
from .manifest import Digests
from .proofs import Proof, Proofs

_KIND_OF = {
    VerdictKind.DIFFERENT: Kind.CHECKSUM,
    VerdictKind.UNPROVEN: Kind.UNVERIFIED,
    VerdictKind.CHANGED: Kind.CHANGED,
    VerdictKind.MISSING: Kind.MISSING,
    VerdictKind.RENAMED: Kind.RENAMED,
    VerdictKind.UNREADABLE: Kind.UNREADABLE,
}


class Judgement:
    """Takes in what is told of each file. `state` and `memory` learn from it, where there are any."""

    def __init__(
        self, account: Account, plan: Plan, state: State | None = None, memory: RunMemory | None = None
    ) -> None:
        self._account = account
        self._job = account.job
        self._plan = plan
        self._state = state
        self._memory = memory
        self.ledger = Ledger(plan.uploads)
        self.digests = Digests(account.job)
        #: Files that were stored before this run and are proven in it.
        self._stayed: list[Uploaded] = []

    # --- what the transfer says

    def sent(self, sent: Sent, proofs: Proofs) -> None:
        """A file is stored, and is to be proven."""
        self.ledger.store(sent.file, sent.identity)
        self._account.new += self._was_absent(sent.file)
        if self._account.log.shows_debug:
            size = format_bytes_si(sent.identity.size)
            self._account.log.debug(f"stored {printable(sent.file.relative)} ({size})")
        if self._job.verification_wanted:
            proofs.of_content(sent)
        else:
            proofs.of_name(sent)

    def not_sent(self, outcome: Failed | Deferred) -> None:
        """A file is not stored by this run."""
        self._settle(outcome.file)
        if isinstance(outcome, Deferred):
            self._account.deferred += 1
            self._plan.settled_at = time.time() + self._job.settle_seconds
            return
        self._account.take_in(Problem(printable(outcome.file.relative), outcome.kind, outcome.message))
        if outcome.exit_code is not None:
            self._account.refusals.append(outcome.exit_code)

    def _was_absent(self, file: LocalFile) -> bool:
        uploads = self._plan.uploads
        return uploads.at(uploads.index(file)).reason in (NEW, VANISHED)

    def _settle(self, file: LocalFile) -> None:
        """The file is not stored and proven in this run."""
        self.ledger.settle(file)
        self.digests.withdraw(file.relative)

    # --- what the proofs say

    def present(self, proofs: Proofs) -> None:
        """Take in what the plan proved of files that were stored before, and have the rest proven."""
        methods = self._account.verification.methods
        for method, number in self._plan.proven.items():
            methods[method] = methods.get(method, 0) + number
        for present in self._plan.unproven:
            self.judge(Proof(present.file, present.file.identity, uploaded=False), present.verdict)
        for upload in self._plan.present:
            proofs.of_present(upload.file)

    def judge(self, proof: Proof, verdict: Verdict) -> None:
        """Take in the verdict on one object."""
        if verdict.kind is VerdictKind.SAME:
            self._proven(proof, verdict)
            return
        if verdict.kind is VerdictKind.DIFFERENT:
            self._account.verification.errors += 1
        else:
            self._account.verification.unverified += 1
        if proof.uploaded:
            self._settle(proof.file)
            self._record(proof, Verdict(verdict.kind))
        elif self._state is not None and self._memory is not None and verdict.kind is not VerdictKind.UNPROVEN:
            # Whatever was recorded is no longer so: the next run compares the content, whatever the header says.
            self._memory.doubt()
            self._state.forget([proof.file.relative])
        if verdict.kind is VerdictKind.MISSING and proof.uploaded:
            self._account.new -= self._was_absent(proof.file)
        message = verdict.message
        if verdict.kind is VerdictKind.DIFFERENT and not proof.uploaded:
            again = "the next run uploads the file again" if self._state else "to upload the file again, touch it"
            message += f"; {again}"
        self._account.take_in(Problem(printable(proof.file.relative), _KIND_OF[verdict.kind], message))

    def _proven(self, proof: Proof, verdict: Verdict) -> None:
        methods = self._account.verification.methods
        if self._job.verification_wanted:
            methods[verdict.method] = methods.get(verdict.method, 0) + 1
        self._record(proof, verdict)
        self.digests.add(proof.file.relative, proof.sha256)
        if self._job.after_upload != "keep" and not proof.uploaded:
            self._stayed.append(Uploaded(proof.file, proof.identity))

    def _record(self, proof: Proof, verdict: Verdict) -> None:
        """In the state file; without a method where the server could not prove it, so that it is not sent again."""
        if self._state is not None and verdict.kind in (VerdictKind.SAME, VerdictKind.UNPROVEN):
            since_ns = int(self._account.began * 1e9)
            self._state.remember(row_of(proof.file.relative, proof.identity, verdict, since_ns, proof.sha256))

    # --- the end

    def look_again(self) -> None:
        """A file that changed after its upload is not what is stored; the next run uploads it, this one says so."""
        for file, stored in self.ledger.all_stored():
            try:
                message = ""
                identity = identity_of(os.stat(file.path))
                if identity != stored:
                    message = describe_change(stored, identity)
            except OSError:
                message = "was deleted or renamed meanwhile"
            if message:
                self._settle(file)
                self._account.take_in(Problem(printable(file.relative), Kind.CHANGED, message))

    def all_proven(self) -> Iterator[Uploaded]:
        """The files that are stored and proven: those of this run, and those that an earlier run had to leave."""
        return chain(self.ledger.all_stored(), self._stayed)

    @property
    def leaves_no_doubt(self) -> bool:
        """Whether every file of the job was looked at, and every object that may lack a proof has one now."""
        verification, plan = self._account.verification, self._plan
        if verification.errors or verification.unverified or not verification.enabled or not self.ledger.complete:
            return False
        # A file that was not looked at may be the one whose object is not proven.
        return not (plan.problems or plan.deferred or (plan.listed and plan.leaves_suspects))

    def stop(self, error: DatasyncError, proofs: Proofs | None) -> None:
        """The run ends before its time, and gives up the proofs that are not made yet."""
        account = self._account
        account.stopped_by = error
        account.take_in(Problem("", Kind.RUN, str(error)))
        told = len(account.problems)
        if not account.dry_run:
            message = f"the run ended before it was uploaded: {error.message}"
            account.problems += [
                Problem(printable(file.relative), Kind.UNFINISHED, message) for file in self.ledger.waiting()
            ]
        message = f"was stored, but not verified: {error.message}"
        for proof in proofs.abandon() if proofs else ():
            if proof.uploaded:
                self._settle(proof.file)
            account.verification.unverified += 1
            account.problems.append(Problem(printable(proof.file.relative), Kind.UNVERIFIED, message))
        if len(account.problems) > told:
            more = counted(len(account.problems) - told, "more file")
            all_named = len(account.problems) <= MAX_PROBLEMS
            which = "each" if all_named else f"{MAX_PROBLEMS:,} of them, the next run finds them all again"
            account.log.error(f"not stored or not proven because of that: {more}; the result names {which}")
