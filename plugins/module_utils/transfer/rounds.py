# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The rounds in which the files of a run are sent, whatever the engine: what failed because the server or the network
was in trouble is tried again after all others, and an engine that broke down is started again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from typing import Callable

from ..common.problems import Kind
from ..common.threads import Tick
from ..common.units import counted
from ..plan.uploads import Upload
from ..proof.checksums import sha256_hex
from .backoff import Backoff
from .engine import Assignment, Attempts, Breakdown, Engine, Failed, Retryable, Sent, UploadOutcome
from .liveness import Liveness
from .queue import Digests, UploadQueue

#: Files that failed and wait to be tried again. With more, those come first: in a run of a million files they would
#: fill the memory, and a server that fails so many needs a pause.
AGAIN_LIMIT = 1000
#: Causes that are named when files are tried again.
_NAMED_CAUSES = 3


class Rounds:
    """Sends the uploads of a run by an engine and yields the outcome of each.

    Raises CredentialsError when the engine finds none.
    """

    def __init__(self, engine: Engine, assignment: Assignment) -> None:
        job = assignment.job
        self._voice = assignment.voice
        self._backoff = Backoff(job.retry_delay, self._voice.tick)
        self._liveness = Liveness(job, assignment.bucket, self._backoff, self._voice)
        self._sender = engine.sender(assignment, self._liveness)
        self._wants_sha256 = job.checksum_algorithm == "SHA256"
        self._digests: Digests | None = None
        #: The round of tries: 0 is the first; after `_last_round` nothing is tried again.
        self._round = 0
        self._last_round = job.retry_rounds
        self._again: list[Retryable] = []
        #: How often the engine broke down since it last stored a file.
        self._breakdowns = 0

    @property
    def bytes_written(self) -> int | None:
        """Bytes sent so far, for a live display; None while it cannot be told."""
        return self._sender.bytes_written

    @property
    def left_open(self) -> bool:
        """Whether multipart uploads may have been left open."""
        return self._sender.left_open

    def run(self, uploads: Iterable[Upload]) -> Generator[UploadOutcome, None, None]:
        """Upload, yielding outcomes as they come. Each upload has one outcome, unless an exception ends the run.

        Of the uploads only those in flight are kept. Raises CredentialsError or AccessError when the bucket no longer
        answers, and whatever `tick` raises; the engine is stopped then.
        """
        self._digests = Digests(_sha256_of) if self._wants_sha256 else None
        try:
            fresh = UploadQueue(uploads, self._digests, self._sender.goes_alone)
            with self._sender:
                while fresh:
                    yield from self._work_off(fresh)
                    yield from self._try_again()
                    fresh.go_on()
        finally:
            if self._digests:
                self._digests.stop()

    def _work_off(self, queue: UploadQueue) -> Iterator[UploadOutcome]:
        """Try the uploads of a queue once: all, or until it is held."""
        while queue.has_more:
            breakdown = yield from self._taken_in(self._sender.send(queue), queue)
            if breakdown and queue.waits:
                yield from self._recover(breakdown, queue)
        while queue.alone and not queue.held:
            upload = queue.alone.popleft()
            yield from self._taken_in(self._sender.send_alone(upload, self._digest_of(upload)), queue)

    def _digest_of(self, upload: Upload) -> Callable[[], str]:
        return (lambda: _sha256_of(upload, self._voice.tick)) if self._wants_sha256 else str

    def _taken_in(self, attempts: Attempts, queue: UploadQueue) -> Generator[UploadOutcome, None, Breakdown | None]:
        """The outcomes among attempts; what may be tried again is kept. Returns how the engine broke down, if it did.

        The attempts are closed in the end, so that nothing of them runs any more, whatever happens.
        """
        with closing(attempts):
            for attempt in attempts:
                if isinstance(attempt, Sent):
                    self._breakdowns = 0
                    yield attempt
                elif isinstance(attempt, Breakdown):
                    return attempt
                elif not isinstance(attempt, Retryable):
                    yield attempt
                elif self._round < self._last_round:
                    self._keep(attempt, queue)
                else:
                    yield self._given_up(attempt)
        return None

    def _keep(self, attempt: Retryable, queue: UploadQueue) -> None:
        """Try it again after all others, but let no more than so many wait for that."""
        self._again.append(attempt)
        if self._round == 0 and len(self._again) >= AGAIN_LIMIT:
            queue.hold()

    def _try_again(self) -> Iterator[UploadOutcome]:
        """Give what failed for no reason of its own its further tries."""
        while self._again:
            batch, self._again = self._again, []
            seconds = self._backoff.choose(self._round + 1)
            if seconds is None:
                # This run has waited enough. What fails from now on has failed.
                self._last_round = 0
                yield from (self._given_up(attempt) for attempt in batch)
                break
            self._voice.say(
                f"{counted(len(batch), 'file')} failed ({_causes(batch)}): trying again in {seconds:.1f} s, "
                f"round {self._round + 1} of {self._last_round}"
            )
            self._backoff.wait(seconds)
            self._liveness.ask()
            self._round += 1
            yield from self._work_off(self._queue_of(batch))
        self._round = 0

    def _queue_of(self, batch: list[Retryable]) -> UploadQueue:
        """What is to be tried now. One file may be why the engine broke down: in the last round each goes alone."""
        last = self._round == self._last_round
        suspects = [attempt.upload for attempt in batch if last and attempt.suspect]
        others = (attempt.upload for attempt in batch if not (last and attempt.suspect))
        queue = UploadQueue(others, self._digests, self._sender.goes_alone)
        queue.alone.extend(suspects)
        return queue

    def _given_up(self, attempt: Retryable) -> Failed:
        tries = self._round + 1
        failed = attempt.failed
        return failed._replace(message=f"{failed.message} (tried {tries} times)") if tries > 1 else failed

    def _recover(self, breakdown: Breakdown, queue: UploadQueue) -> Iterator[Failed]:
        """After an engine that broke down with work left: start it again, unless it always breaks down."""
        self._breakdowns += 1
        seconds = self._backoff.choose(self._breakdowns - 1) if self._breakdowns > 1 else 0.0
        if self._breakdowns > self._last_round or seconds is None:
            again, self._again = self._again, []
            yield from (self._given_up(attempt) for attempt in again)
            for upload in queue.give_up():
                yield Failed(upload.file, Kind.UNFINISHED, f"the run ended before it was uploaded: {breakdown}")
            return
        self._voice.say(f"{breakdown.headline}: starting it again")
        self._backoff.wait(seconds)
        self._liveness.ask()


def _causes(attempts: list[Retryable]) -> str:
    """Why these failed, the most frequent cause first."""
    counts = Counter(attempt.cause for attempt in attempts).most_common()
    more = ["..."] if len(counts) > _NAMED_CAUSES else []
    return ", ".join([cause for cause, _count in counts[:_NAMED_CAUSES]] + more)


def _sha256_of(upload: Upload, tick: Tick) -> str:
    """The SHA256 of a file in hexadecimal. Raises OSError, and whatever `tick` raises."""
    with open(upload.file.path, "rb", buffering=0) as file:
        return sha256_hex(file, tick)
