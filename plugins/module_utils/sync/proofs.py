# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Verification behind the transfer: proofs are made in threads while the next files are uploaded.

Small files are proven by the ETags of a listing, a thousand with one request; what that cannot prove, and every larger
file, by the object's own header.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Callable, NamedTuple, Optional, Union

from ..common.errors import DatasyncError
from ..common.threads import Pool, Tick
from ..job.job import Job
from ..job.local_file import Identity, LocalFile, Uploaded
from ..proof.verify import Verdict, VerdictKind, Verifier
from ..s3.limits import KMS_ENCRYPTIONS, SMALL_FILE
from ..transfer.engine import Sent

if TYPE_CHECKING:
    from concurrent.futures import Future

#: Objects proven at the same time: requests overlap, and hashing releases the GIL.
VERIFIERS = 8
#: Proofs that may wait; beyond that the transfer waits for them, so that files are still in the page cache.
PROOFS_AHEAD = 256
#: Small files that are proven together, about as many as one page of a listing shows.
WINDOW = 1000
#: Fewer of them are asked for one by one.
MIN_WINDOW = 16


class Proof(NamedTuple):
    """What is being proven: a file and what it is or was. `uploaded` tells this run's objects from earlier ones.

    `part_size` in bytes and `sha256` in hexadecimal are known of this run's objects only.
    """

    file: LocalFile
    identity: Identity
    uploaded: bool
    part_size: int = 0
    sha256: str = ""


#: Takes in a verdict.
Judge = Callable[[Proof, Verdict], None]

#: Verdicts by key; None where the listing shows another ETag, and some keys may be missing.
_Window = dict[str, Optional[Verdict]]
#: What a thread answers: the verdict on one object, or on each of a window.
_Verdicts = Union[Verdict, _Window]


class Proofs:
    """The proofs of one run. `judge` is called in the caller's thread, `tick` while it waits; both may raise."""

    def __init__(self, job: Job, verifier: Verifier, judge: Judge, tick: Tick) -> None:
        self._job = job
        self._verifier = verifier
        self._judge = judge
        self._pool: Pool[tuple[Proof, ...], _Verdicts] = Pool(VERIFIERS, PROOFS_AHEAD, self._take_in, tick)
        self._small: list[Proof] = []
        #: What a listing could not prove, and nobody was asked for yet.
        self._left: deque[Proof] = deque()
        # SHA256 is asked for by people who want that very algorithm; with KMS no ETag is an MD5.
        self._by_listing = job.checksum_algorithm != "SHA256" and job.sse not in KMS_ENCRYPTIONS

    def of_content(self, sent: Sent) -> None:
        """Prove the content of an object that this run stored."""
        proof = _proof_of(sent)
        if not self._by_listing or sent.identity.size > SMALL_FILE:
            self._by_header(proof)
            return
        self._small.append(proof)
        if len(self._small) >= WINDOW:
            self._prove_small()

    def of_name(self, sent: Sent) -> None:
        """Prove only that an object that this run stored has its name."""
        self._give(lambda: self._verifier.stored_name(sent.file), _proof_of(sent))

    def of_present(self, file: LocalFile) -> None:
        """Prove the content of an object that was there before."""
        self._give(lambda: self._verifier.present(file), Proof(file, file.identity, uploaded=False))

    def finish(self) -> None:
        """Wait for all verdicts and take them in. Raises the first DatasyncError that a proof ended with."""
        self._prove_small()
        self._pool.finish()
        while self._left:
            self._ask_for_left()
            self._pool.finish()

    def abandon(self) -> list[Proof]:
        """Take in the verdicts that are there and give up the rest, which is returned."""
        given_up, self._small = [*self._small, *self._left], []
        self._left.clear()
        for proofs, future in self._pool.abandon():
            if future.done() and not future.cancelled() and future.exception() is None:
                given_up += self._judge_all(proofs, future.result())
            else:
                given_up += proofs
        return given_up

    def stop(self) -> None:
        """Let the threads end soon; what is pending stays so."""
        self._verifier.stop()
        self._pool.stop()

    def _give(self, work: Callable[[], _Verdicts], *proofs: Proof) -> None:
        self._pool.give(proofs, work)
        self._ask_for_left()

    def _ask_for_left(self) -> None:
        # Not where a window is taken in: there hundreds of them may be finished, each of which would take in the next.
        while self._left:
            proof = self._left.popleft()
            self._pool.give((proof,), partial(self._verifier.uploaded, proof.file, proof.identity, proof.part_size))

    def _by_header(self, proof: Proof) -> None:
        self._give(lambda: self._verifier.uploaded(proof.file, proof.identity, proof.part_size), proof)

    def _prove_small(self) -> None:
        small, self._small = self._small, []
        if len(small) < MIN_WINDOW or not self._by_listing:
            for proof in small:
                self._by_header(proof)
            return
        files = [Uploaded(proof.file, proof.identity) for proof in small]
        self._give(lambda: self._verifier.in_listing(files, self._job.prefix), *small)

    def _take_in(self, proofs: tuple[Proof, ...], future: Future[_Verdicts]) -> None:
        try:
            result = future.result()
            left = self._judge_all(proofs, result)
        except DatasyncError as error:
            # The requests were repeated already: the server or its permissions are at fault, not these files.
            for proof in proofs:
                message = f"was stored, but not verified: {error.message}"
                self._judge(proof, Verdict(VerdictKind.UNPROVEN, message=message))
            raise
        if isinstance(result, dict) and result and not any(result.values()):
            # Not one ETag is an MD5: this bucket encrypts by KMS.
            self._by_listing = False
        self._left.extend(left)

    def _judge_all(self, proofs: tuple[Proof, ...], result: _Verdicts) -> list[Proof]:
        """Hand the verdicts over; returns the proofs that got none."""
        if isinstance(result, Verdict):
            self._judge(proofs[0], result)
            return []
        left = []
        for proof in proofs:
            verdict = result.get(proof.file.key)
            if verdict is None:
                left.append(proof)
            else:
                self._judge(proof, verdict)
        return left


def _proof_of(sent: Sent) -> Proof:
    return Proof(sent.file, sent.identity, True, sent.part_size, sent.sha256)
