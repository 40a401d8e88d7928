# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Verification behind the transfer: proofs are made in threads while s5cmd uploads the next files."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Callable, Dict, List, NamedTuple

from .errors import DatasyncError
from .transfer import Sent
from .verify import Outcome, Verdict, Verifier
from .walk import LocalFile

#: Objects proven at the same time: requests overlap, and hashing releases the GIL.
VERIFIERS = 8
#: Proofs that may wait; beyond that the transfer waits for them, so that files are still in the page cache.
PROOFS_AHEAD = 256
#: Seconds between looks at the clock and the signals while no proof is finished.
POLL = 0.2


class Proof(NamedTuple):
    """What is being proven. `uploaded` tells this run's objects from those that were there before."""

    file: LocalFile
    uploaded: bool


#: Takes in a verdict.
Judge = Callable[[Proof, Verdict], None]


class Proofs:
    """The proofs of one run. `judge` is called in the caller's thread, `tick` while it waits; both may raise."""

    def __init__(self, verifier: Verifier, judge: Judge, tick: Callable[[], None]) -> None:
        self._verifier = verifier
        self._judge = judge
        self._tick = tick
        self._pool = ThreadPoolExecutor(VERIFIERS, thread_name_prefix="verify")
        self._pending: Dict[Future[Verdict], Proof] = {}

    def of_content(self, sent: Sent) -> None:
        """Prove the content of an object that this run stored."""
        future = self._pool.submit(self._verifier.uploaded, sent.file, sent.identity, sent.part_size)
        self._add(future, Proof(sent.file, uploaded=True))

    def of_name(self, sent: Sent) -> None:
        """Prove only that an object that this run stored has its name."""
        self._add(self._pool.submit(self._verifier.stored_name, sent.file), Proof(sent.file, uploaded=True))

    def of_present(self, file: LocalFile) -> None:
        """Prove the content of an object that was there before."""
        self._add(self._pool.submit(self._verifier.present, file), Proof(file, uploaded=False))

    def finish(self) -> None:
        """Wait for all verdicts and take them in. Raises the first DatasyncError that a proof ended with."""
        self._collect(0)

    def abandon(self) -> List[Proof]:
        """Take in the verdicts that are there and give up the rest, which is returned."""
        given_up = []
        for future, proof in self._pending.items():
            if future.done() and not future.cancelled() and future.exception() is None:
                self._judge(proof, future.result())
            else:
                given_up.append(proof)
        self._pending.clear()
        return given_up

    def stop(self) -> None:
        """Let the threads end soon; what is pending stays so."""
        self._verifier.stop()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _add(self, future: Future[Verdict], proof: Proof) -> None:
        self._pending[future] = proof
        if len(self._pending) > PROOFS_AHEAD:
            self._collect(PROOFS_AHEAD // 2)

    def _collect(self, may_wait: int) -> None:
        """Take in finished proofs; wait until no more than `may_wait` are unfinished."""
        while self._pending:
            for future in [future for future in self._pending if future.done()]:
                self._take_in(future)
            if len(self._pending) <= may_wait:
                return
            self._tick()
            wait(self._pending, timeout=POLL, return_when=FIRST_COMPLETED)

    def _take_in(self, future: Future[Verdict]) -> None:
        proof = self._pending.pop(future)
        try:
            self._judge(proof, future.result())
        except DatasyncError as error:
            # The requests were repeated already: the server or its permissions are at fault, not this file.
            self._judge(proof, Verdict(Outcome.UNPROVEN, message=f"was stored, but not verified: {error.message}"))
            raise
