# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The engine that runs the uploads of a plan through one long-lived `s5cmd run` child, fed over stdin.

s5cmd's exit status and its `--stat` prove nothing (they have been seen to say success with files missing), so only an
event that names the file counts, and a file without an event has failed. What failed because a server or the network
was in trouble is tried again, in rounds, after all others.
"""

from __future__ import annotations

import os
import stat
import time
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import Any, Callable, NamedTuple, Union

from ..common.errors import AccessError, EndpointError, ExitCode
from ..common.patience import answered
from ..common.problems import Kind, printable
from ..common.stopping import Tick
from ..common.units import MIB, counted, format_bytes_si
from ..job.job import Job
from ..job.local_file import Identity, LocalFile, describe_change, identity_of
from ..plan.lookup import FINGERPRINT, SYNCED_BY
from ..plan.uploads import Upload
from ..proof.checksums import sha256_hex
from ..s3.bucket import Bucket
from ..s3.limits import MAX_PARTS, effective_part_size
from .backoff import Backoff
from .queue import Digests, UploadQueue
from .relay.line import Line, line_to
from .s5cmd import commands as s5cmd
from .s5cmd import events as s5cmd_events
from .s5cmd.events import Event
from .s5cmd.process import End, S5cmdProcess
from .settings import ClassSettings, settings_of

#: Lines beyond one per worker that are handed over, so that no worker waits for us. More were no faster when measured.
LINES_AHEAD = 8
#: Seconds between looks at the clock and the signals while no event arrives.
POLL = 0.2
POLL_HASH = 0.02
#: Seconds between questions to the bucket whether it still answers, after uploads failed.
DOUBT_INTERVAL = 5.0
#: Seconds after which a server in trouble is not asked again. Silence costs 10 s a question, a refusal nothing.
OUTAGE_LIMIT = 30.0
#: Seconds without a sign of life after which the bucket is asked whether it still answers.
STALL_QUESTION = 20.0
#: Seconds without a sign of life after which s5cmd is ended although the bucket answers.
STALL_LIMIT = 120.0
#: Files that failed and wait to be tried again. With more, those come first: in a run of a million files they would
#: fill the memory, and a server that fails so many needs a pause.
AGAIN_LIMIT = 1000
#: Causes that are named when files are tried again.
_NAMED_CAUSES = 3


class Sent(NamedTuple):
    """A file that s5cmd reported as stored: read as `identity`, in parts of `part_size` bytes.

    `sha256` in hexadecimal, '' unless the job asks for it.
    """

    file: LocalFile
    identity: Identity
    part_size: int
    sha256: str = ""


class Failed(NamedTuple):
    """A file that is not stored. `exit_code` is set where the cause is credentials or access, not the file."""

    file: LocalFile
    kind: str
    message: str
    exit_code: int | None = None


class Deferred(NamedTuple):
    """A file of a hot folder that changed since it was planned: the next run looks at it again."""

    file: LocalFile


Outcome = Union[Sent, Failed, Deferred]


def _unheard(_text: str) -> None:
    """The default of those who are told things."""


class Transfer:
    """Runs uploads and yields the outcome of each. `tick` is called often and may raise to stop everything.

    `inherited` are descriptors that s5cmd keeps open: with the lock's, nobody else begins while an s5cmd that outlived
    us still sends. `say` hears what an operator should know, `note` what may be of interest. A file has at most
    `max_parts` parts. `settings` are those of the job, unless given.
    """

    def __init__(
        self,
        job: Job,
        binary: str,
        environment: Mapping[str, str],
        bucket: Bucket,
        tick: Callable[[], None],
        *,
        inherited: tuple[int, ...] = (),
        say: Callable[[str], None] = _unheard,
        note: Callable[[str], None] = _unheard,
        max_parts: int = MAX_PARTS,
        settings: ClassSettings | None = None,
    ) -> None:
        self._job = job
        self._binary = binary
        self._environment = environment
        self._bucket = bucket
        self._tick = tick
        self._inherited = inherited
        self._say = say
        self._note = note
        self._max_parts = max_parts
        self._settings = settings or settings_of(job, say)
        self._commands = s5cmd.CopyCommands(job, {**job.metadata, "synced-by": SYNCED_BY})
        self._backoff = Backoff(job.retry_delay, tick)
        self._last_question = float("-inf")
        self._digests: Digests | None = None
        self._process: S5cmdProcess | None = None
        self._line = Line(environment, None)
        self._stored_bytes = 0
        self._written_before = 0
        #: The round of tries: 0 is the first; after `_last_round` nothing is tried again.
        self._round = 0
        self._last_round = job.retry_rounds
        self._again: list[_Again] = []
        #: How often s5cmd ended early since it last stored a file.
        self._deaths = 0
        #: Whether multipart uploads may have been left open: an upload failed, or s5cmd ended in the middle of one.
        self.interrupted = False

    @property
    def bytes_written(self) -> int | None:
        """Bytes sent so far, for a live display; None where it cannot be told."""
        if self._line.sent is not None:
            return self._line.sent
        written = self._process.bytes_written if self._process else None
        return None if written is None else self._written_before + written

    def run(self, uploads: Iterable[Upload]) -> Generator[Outcome, None, None]:
        """Upload, yielding outcomes as they come. Each upload has one outcome, unless an exception ends the run.

        Of the uploads only those in flight are kept. Raises CredentialsError or AccessError when the bucket no longer
        answers, and whatever `tick` raises; s5cmd is stopped then.
        """
        self._digests = Digests(self._hash) if self._wants_sha256 else None
        try:
            fresh = UploadQueue(uploads, self._digests)
            limit = self._job.bandwidth_limit
            with line_to(self._bucket, self._environment, limit) as self._line:
                if limit:
                    self._note(f"s5cmd may send {format_bytes_si(limit)} per second")
                while fresh:
                    yield from self._work_off(fresh, AGAIN_LIMIT)
                    yield from self._try_again()
        finally:
            if self._digests:
                self._digests.stop()

    # --- rounds

    def _work_off(self, queue: UploadQueue, limit: int | None = None) -> Iterator[Outcome]:
        """Try the uploads of a queue once: all, or until so many wait to be tried again."""
        while queue.has_lines and not self._enough_failed(limit):
            process = self._start(["run"])
            end = yield from self._converse(process, queue, {}, limit)
            if end and queue.has_lines:
                yield from self._recover(end, queue)
        while queue.alone and not self._enough_failed(limit):
            yield from self._run_alone(queue.alone.popleft())

    def _enough_failed(self, limit: int | None) -> bool:
        return limit is not None and len(self._again) >= limit

    def _try_again(self) -> Iterator[Outcome]:
        """Give what failed for no reason of its own its further tries."""
        while self._again:
            batch, self._again = self._again, []
            seconds = self._backoff.choose(self._round + 1)
            if seconds is None:
                # This run has waited enough. What fails from now on has failed.
                self._last_round = 0
                yield from (self._given_up(failure) for failure in batch)
                break
            self._say(
                f"{counted(len(batch), 'file')} failed ({_causes(batch)}): trying again in {seconds:.1f} s, "
                f"round {self._round + 1} of {self._last_round}"
            )
            self._backoff.wait(seconds)
            self._ask_bucket()
            self._round += 1
            yield from self._work_off(self._queue_of(batch))
        self._round = 0

    def _queue_of(self, batch: list[_Again]) -> UploadQueue:
        """What is to be tried now. One file may be why s5cmd ended: in the last round it takes no other with it."""
        last = self._round == self._last_round
        queue = UploadQueue((failure.upload for failure in batch if not (last and failure.ended_s5cmd)), self._digests)
        queue.alone.extend(failure.upload for failure in batch if last and failure.ended_s5cmd)
        return queue

    def _given_up(self, failure: _Again) -> Failed:
        tries = self._round + 1
        failed = failure.failed
        return failed._replace(message=f"{failed.message} (tried {tries} times)") if tries > 1 else failed

    def _failed(self, upload: Upload, failed: Failed, cause: str, ended_s5cmd: bool = False) -> Iterator[Failed]:
        """An upload failed; with a `cause` that may pass it is tried again if there is a round left."""
        self.interrupted = True
        failure = _Again(upload, failed, cause, ended_s5cmd)
        if cause and self._round < self._last_round:
            self._again.append(failure)
        else:
            yield self._given_up(failure) if cause else failed

    def _recover(self, end: End, queue: UploadQueue) -> Iterator[Failed]:
        """After an s5cmd that ended with work left: start another, unless they all end so."""
        self._deaths += 1
        seconds = self._backoff.choose(self._deaths - 1) if self._deaths > 1 else 0.0
        if self._deaths > self._last_round or seconds is None:
            again, self._again = self._again, []
            yield from (self._given_up(failure) for failure in again)
            for upload in queue.give_up():
                yield Failed(upload.file, Kind.UNFINISHED, f"the run ended before it was uploaded: {end}")
            return
        self._say(f"{end.headline}: starting it again")
        self._backoff.wait(seconds)
        self._ask_bucket()

    # --- one s5cmd

    def _start(self, command: list[str]) -> S5cmdProcess:
        workers = self._settings.numworkers
        arguments = s5cmd.global_arguments(self._binary, self._job, self._line.endpoint_url, workers)
        return S5cmdProcess([*arguments, *command], self._line.environment, self._inherited)

    def _run_alone(self, upload: Upload) -> Iterator[Outcome]:
        """Run an upload whose name does not fit on a line in an s5cmd of its own."""
        prepared = self._prepare(upload, lambda: self._hash(upload, self._tick) if self._wants_sha256 else "")
        if not isinstance(prepared, _Prepared):
            yield prepared
            return
        file = upload.file
        command = self._commands.arguments(file.path, file.key, prepared.parts, self._metadata(prepared))
        yield from self._converse(self._start(command), UploadQueue([]), {prepared.source: prepared})

    def _converse(
        self, process: S5cmdProcess, queue: UploadQueue, in_flight: _InFlight, limit: int | None = None
    ) -> Generator[Outcome, None, End | None]:
        """Feed a process and hear it until all is reported, or nothing more can be. Returns how it ended too early."""
        self._process = process
        try:
            while True:
                self._tick()
                self._line.check(self._stored_bytes)
                if not self._enough_failed(limit):
                    yield from self._feed(process, queue, in_flight)
                if self._enough_failed(limit) or not queue.has_lines:
                    process.no_more()
                    if not in_flight:
                        return None
                # With a free worker and a digest on its way, the next look must come soon.
                idle = queue.has_lines and len(in_flight) < self._settings.numworkers
                events = process.wait(POLL_HASH if idle else POLL)
                for event in events:
                    yield from self._settle(event, in_flight, process)
                end = None
                if process.ended and (in_flight or queue.has_lines):
                    end = process.end()
                elif in_flight and not events:
                    end = self._stalled(process)
                if end:
                    yield from self._unreported(end, in_flight, process.ended)
                    return end
        finally:
            self.interrupted = self.interrupted or bool(in_flight)
            self._written_before += process.bytes_written or 0
            self._process = None
            process.kill()

    def _feed(self, process: S5cmdProcess, queue: UploadQueue, in_flight: _InFlight) -> Iterator[Failed | Deferred]:
        """Keep every worker busy."""
        window = self._settings.numworkers + LINES_AHEAD + process.strays
        while len(in_flight) < window:
            upload = queue.next_ready
            if upload is None or not self._has_room(upload, in_flight):
                return
            prepared = self._prepare(upload, queue.take())
            if not isinstance(prepared, _Prepared):
                yield prepared
                continue
            in_flight[prepared.source] = prepared
            file = upload.file
            metadata = self._metadata(prepared)
            process.hand_over(self._commands.line(file.path, file.key, prepared.parts, metadata))

    def _has_room(self, upload: Upload, in_flight: _InFlight) -> bool:
        """Whether one more of its class may be in flight. Where others have more workers, no line may wait for one."""
        file_class = self._settings.class_of(upload.file)
        most = self._settings.classes[file_class].numworkers
        if most >= self._settings.numworkers:
            return True
        alike = (self._settings.class_of(prepared.upload.file) == file_class for prepared in in_flight.values())
        return sum(alike) < most

    def _settle(self, event: Event, in_flight: _InFlight, process: S5cmdProcess) -> Iterator[Outcome]:
        prepared = _addressed(event, in_flight)
        if prepared is None:
            process.stray(event)
            return
        del in_flight[prepared.source]
        if event.success:
            self._deaths = 0
            self._stored_bytes += _bytes_at_least(prepared) if self._job.bandwidth_limit else 0
            yield Sent(prepared.upload.file, prepared.identity, prepared.part_size, prepared.sha256)
            return
        code, about_credentials = s5cmd_events.error_code(event.error)
        failed, cause = _failure(prepared, event.error, code, about_credentials)
        yield from self._failed(prepared.upload, failed, cause)
        if cause or about_credentials or code in ("", "AccessDenied", "NoSuchBucket"):
            self._doubt()

    def _unreported(self, end: End, in_flight: _InFlight, process_ended: bool) -> Iterator[Failed]:
        for prepared in list(in_flight.values()):
            file = prepared.upload.file
            failed = Failed(file, Kind.UPLOAD, f"{end}; it did not report this file")
            del in_flight[prepared.source]
            yield from self._failed(prepared.upload, failed, end.how, process_ended)

    # --- whether anything still goes on

    def _doubt(self) -> None:
        """After a failure that may not be the file's: ask the bucket, so that a dead one ends the run in seconds."""
        if time.monotonic() - self._last_question >= DOUBT_INTERVAL:
            self._ask_bucket()

    def _ask_bucket(self) -> None:
        """Return when the bucket answers. A server in trouble, such as one that is restarted, gets some time."""
        questions = self._last_round + 1 if self._last_round else 0
        began = time.monotonic()
        for attempt in range(1, questions + 1):
            try:
                self._ask_once()
                if attempt > 1:
                    self._say("the bucket answers again")
                return
            except AccessError as error:
                # Half of each wait is certain, or else the time would be a matter of luck.
                seconds = self._backoff.choose(attempt, least=0.5) if _may_pass(error) else None
                if seconds is None or time.monotonic() - began + seconds > OUTAGE_LIMIT:
                    raise
                self._say(f"{error.message}: asking again in {seconds:.1f} s, {attempt} of {questions}")
                self._backoff.wait(seconds)
        self._ask_once()

    def _ask_once(self) -> None:
        try:
            answered(lambda: self._bucket.check(self._job.prefix), self._bucket.no_answer, self._tick)
        finally:
            self._last_question = time.monotonic()

    def _stalled(self, process: S5cmdProcess) -> End | None:
        """What to say of an s5cmd that does nothing any more; None as long as there is hope."""
        # What s5cmd has written may wait in the kernel for its turn on a limited line.
        silence = min(process.silence(), self._line.silence())
        if silence < STALL_QUESTION:
            return None
        if time.monotonic() - self._last_question >= STALL_QUESTION:
            self._ask_bucket()
            return None
        # Where the kernel does not count, a large file on a slow line is as silent as this.
        if silence < STALL_LIMIT or not (process.tells_bytes or self._line.tells_bytes):
            return None
        return End(f"s5cmd sent nothing for {STALL_LIMIT:.0f} s")

    # --- one upload

    @property
    def _wants_sha256(self) -> bool:
        return self._job.checksum_algorithm == "SHA256"

    def _hash(self, upload: Upload, tick: Tick) -> str:
        with open(upload.file.path, "rb", buffering=0) as file:
            return sha256_hex(file, tick)

    def _prepare(self, upload: Upload, hashed: Callable[[], str]) -> _Prepared | Failed | Deferred:
        """Look at the file once more. `hashed` gives its SHA256 ('' if none is wanted) or raises OSError."""
        file = upload.file
        try:
            sha256 = hashed()
            status = os.stat(file.path)
        except FileNotFoundError:
            return Failed(file, Kind.VANISHED, "was deleted or renamed before its upload began")
        except OSError as error:
            return Failed(file, Kind.UNREADABLE, f"cannot be read: {error.strerror}")
        if not stat.S_ISREG(status.st_mode):
            return Failed(file, Kind.CHANGED, "is no longer a file")
        identity = identity_of(status)
        if identity != file.identity:
            if self._job.settle_seconds:
                return Deferred(file)
            if sha256:
                return Failed(file, Kind.CHANGED, describe_change(file.identity, identity))
        settings = self._settings.of(file)
        part_size = effective_part_size(identity.size, settings.part_size, self._max_parts)
        if part_size > settings.part_size and self._round == 0:
            self._note(
                f"{printable(file.relative)}: parts of {part_size} MiB instead of {settings.part_size}, "
                f"because S3 takes {self._max_parts:,} parts"
            )
        parts = s5cmd.Parts(part_size, settings.concurrency)
        return _Prepared(upload, s5cmd.destination(self._job, file.key), identity, parts, sha256)

    def _metadata(self, prepared: _Prepared) -> dict[str, str]:
        """What this object gets beside what all get."""
        own = {"timestamp": str(int(time.time())), FINGERPRINT: prepared.identity.fingerprint}
        if prepared.sha256:
            own["sha256"] = prepared.sha256
        return own


def _bytes_at_least(prepared: _Prepared) -> int:
    """Bytes that were sent for a file, which may have been cut off while it waited for its turn."""
    try:
        return min(prepared.identity.size, os.stat(prepared.source).st_size)
    except OSError:
        return 0


class _Prepared(NamedTuple):
    """An upload right before it is handed over. `sha256` is empty unless it was asked for."""

    upload: Upload
    destination: str
    identity: Identity
    parts: s5cmd.Parts
    sha256: str

    @property
    def part_size(self) -> int:
        """Bytes of a part."""
        return self.parts.size * MIB

    @property
    def source(self) -> str:
        return self.upload.file.path


#: By the path of the source.
_InFlight = dict[str, _Prepared]


class _Again(NamedTuple):
    """An upload that failed for a `cause` that may pass, and its outcome if nothing helps.

    `ended_s5cmd`: it was in flight when s5cmd ended, and may be why.
    """

    upload: Upload
    failed: Failed
    cause: str
    ended_s5cmd: bool


def _causes(failures: list[_Again]) -> str:
    """Why these failed, the most frequent cause first."""
    counts = Counter(failure.cause for failure in failures).most_common()
    more = ["..."] if len(counts) > _NAMED_CAUSES else []
    return ", ".join([cause for cause, _count in counts[:_NAMED_CAUSES]] + more)


def _may_pass(error: AccessError) -> bool:
    """Whether the server may answer later: it cannot be reached, or says itself that it is in trouble."""
    if isinstance(error, EndpointError):
        return True
    answer: dict[str, Any] = getattr(error.__cause__, "response", None) or {}
    status: int = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status >= 500


def _addressed(event: Event, in_flight: _InFlight) -> _Prepared | None:
    """The upload that an event is about. A failure shows its command unquoted, so the longest match counts."""
    if event.success:
        prepared = in_flight.get(event.source)
        return prepared if prepared and prepared.destination == event.destination else None
    matches = [
        prepared
        for prepared in in_flight.values()
        if event.command.endswith(f" {prepared.source} {prepared.destination}")
    ]
    return max(matches, key=lambda prepared: len(prepared.source), default=None)


def _failure(prepared: _Prepared, error: str, code: str, about_credentials: bool) -> tuple[Failed, str]:
    """The outcome of an upload that failed with this error, and the cause if that may pass."""
    file = prepared.upload.file
    hint = " (grant s3:PutObject on the objects)" if code == "AccessDenied" else ""
    told = f"s5cmd: {s5cmd_events.without_request(error)}{hint}"
    if about_credentials:
        return Failed(file, Kind.UPLOAD, told, int(ExitCode.CREDENTIALS)), ""
    if code in ("AccessDenied", "NoSuchBucket"):
        return Failed(file, Kind.UPLOAD, told, int(ExitCode.ACCESS)), ""
    if not os.path.lexists(file.path):
        return Failed(file, Kind.VANISHED, "was deleted or renamed during its upload"), ""
    if s5cmd_events.is_unreadable(error):
        return Failed(file, Kind.UNREADABLE, told), ""
    change = _change_since(prepared)
    if change:
        return Failed(file, Kind.CHANGED, f"{change} ({told})"), ""
    return Failed(file, Kind.UPLOAD, told), s5cmd_events.transient_cause(error)


def _change_since(prepared: _Prepared) -> str:
    """How a file changed since it was handed over, for people; '' if it did not, or if that cannot be seen."""
    try:
        identity = identity_of(os.stat(prepared.source))
    except OSError:
        return ""
    return "" if identity == prepared.identity else describe_change(prepared.identity, identity)
