# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The engine that runs the uploads of a plan through one long-lived `s5cmd run` child, fed over stdin.

s5cmd's exit status and its `--stat` prove nothing (they have been seen to say success with files missing), so only an
event that names the file counts, and a file without an event has failed.
"""

from __future__ import annotations

import os
import queue
import select
import signal
import stat
import subprocess
import threading
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import (
    IO,
    Callable,
    Deque,
    Dict,
    Generator,
    Iterable,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Tuple,
    Union,
    cast,
)

from . import s5cmd
from .bucket import Bucket
from .checksums import MIB, effective_part_size, sha256_hex
from .errors import ExitCode, InstallationError
from .job import Job
from .patience import answered
from .plan import FINGERPRINT, SYNCED_BY
from .reading import Stop, Tick
from .report import Kind
from .s5cmd import Event
from .uploads import Upload
from .verify import describe_change
from .walk import Identity, LocalFile, identity_of

#: Lines beyond one per worker that wait in the pipe, so that no worker waits for us. Few enough that the pipe's
#: 64 KiB always hold them and a write never blocks.
LINES_AHEAD = 8
#: Seconds between looks at the clock and the signals while no event arrives.
POLL = 0.2
POLL_HASH = 0.02
#: Files whose SHA256 is computed ahead of their upload.
HASHES_AHEAD = 4
#: Seconds between questions to the bucket whether it still answers, after uploads failed.
DOUBT_INTERVAL = 5.0
#: Seconds that s5cmd may take to end after it closed its output.
END_GRACE = 5.0
#: Bytes of s5cmd's other output (a Go panic) that are kept for the message.
TAIL = 2000


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
    exit_code: Optional[int] = None


class Deferred(NamedTuple):
    """A file that is still being written and waits for the next run."""

    file: LocalFile


Outcome = Union[Sent, Failed, Deferred]


class _Child:
    """A running s5cmd and the queue of what it says; None in the queue marks its end."""

    def __init__(self, arguments: List[str], environment: Mapping[str, str], inherited: Tuple[int, ...]) -> None:
        try:
            # A session of its own: Ctrl-C on a terminal reaches us, and we decide how s5cmd ends.
            self._process = subprocess.Popen(
                arguments,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=dict(environment),
                start_new_session=True,
                pass_fds=inherited,
            )
        except OSError as error:
            raise InstallationError(
                f"{arguments[0]!r} cannot be started: {error.strerror}", "check the binary and this host's memory"
            ) from error
        self._stdin = cast(IO[bytes], self._process.stdin)
        self.events: queue.Queue[Optional[Event]] = queue.Queue()
        #: Events that name no file in flight. Each is a worker that is free again.
        self.strays = 0
        self._other = b""
        self._readers = [
            threading.Thread(target=self._read, args=(pipe,), daemon=True)
            for pipe in (self._process.stdout, self._process.stderr)
        ]
        for reader in self._readers:
            reader.start()
        threading.Thread(target=self._mark_end, daemon=True).start()

    @property
    def bytes_written(self) -> Optional[int]:
        """Bytes the child has written to its sockets so far; None where the kernel does not tell (proc(5), io)."""
        try:
            with open(f"/proc/{self._process.pid}/io", encoding="ascii") as file:
                return int(dict(line.split(": ") for line in file.read().splitlines())["wchar"])
        except (OSError, ValueError, KeyError):
            return None

    @property
    def has_room(self) -> bool:
        """Whether a command can be handed over without waiting: a child that hangs must not make us hang."""
        return bool(select.select([], [self._stdin], [], 0)[1])

    def feed(self, line: bytes) -> bool:
        """Hand over one command; False if the child no longer reads."""
        try:
            self._stdin.write(line)
            self._stdin.flush()
            return True
        except (BrokenPipeError, ValueError):
            return False

    def no_more(self) -> None:
        """Close the child's stdin, after which it ends when its work is done."""
        try:
            self._stdin.close()
        except BrokenPipeError:
            return

    def epitaph(self) -> str:
        """How the child ended, with the last of what it said outside of events."""
        try:
            code = self._process.wait(END_GRACE)
            how = f"was stopped by signal {-code}" if code < 0 else f"ended with exit code {code}"
        except subprocess.TimeoutExpired:
            how = "closed its output and did not end"
        said = self._other.decode("utf-8", "replace").strip()
        return f"s5cmd {how}{': ' + said if said else ''}"

    def kill(self) -> None:
        """End the child at once. SIGTERM would take it 5 s and leave as many open multipart uploads."""
        if self._process.poll() is None:
            # It may end by itself right now; macOS answers EPERM then, Linux at most ESRCH.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self.no_more()
        for reader in self._readers:
            reader.join(timeout=5)

    def _read(self, pipe: Iterable[bytes]) -> None:
        for line in pipe:
            event = s5cmd.parse_event(line)
            if event:
                self.events.put(event)
            elif line.strip():
                self._keep(line)

    def _keep(self, line: bytes) -> None:
        self._other = (self._other + line)[-TAIL:]

    def stray(self, event: Event) -> None:
        """Count an event that names no file in flight, and keep it for the epitaph."""
        self.strays += 1
        said = event.error or f"{event.source} -> {event.destination}"
        self._keep(f"{event.command}: {said}\n".lstrip(": ").encode("utf-8", "replace"))

    def _mark_end(self) -> None:
        for reader in self._readers:
            reader.join()
        self.events.put(None)


class Transfer:
    """Runs uploads and yields the outcome of each. `tick` is called often and may raise to stop everything.

    `inherited` are descriptors that s5cmd keeps open: with the lock's, nobody else begins while an s5cmd that outlived
    us still sends.
    """

    def __init__(
        self,
        job: Job,
        binary: str,
        environment: Mapping[str, str],
        bucket: Bucket,
        tick: Callable[[], None],
        *,
        inherited: Tuple[int, ...] = (),
        say: Callable[[str], object] = str,
    ) -> None:
        self._say = say
        self.interrupted = True
        self._job = job
        self._binary = binary
        self._environment = environment
        self._bucket = bucket
        self._tick = tick
        self._inherited = inherited
        self._child: Optional[_Child] = None
        self._last_doubt = float("-inf")

    @property
    def bytes_written(self) -> Optional[int]:
        """Bytes that the running s5cmd has sent so far, for a live display; None where it cannot be told."""
        return self._child.bytes_written if self._child else None

    def run(self, uploads: Iterable[Upload]) -> Generator[Outcome, None, None]:
        """Upload, yielding outcomes as they come. Each upload has one outcome, unless an exception ends the run.

        Raises CredentialsError or AccessError when the bucket no longer answers, and whatever `tick` raises; s5cmd
        is stopped then.
        """
        on_lines: List[Upload] = []
        alone: List[Upload] = []
        for upload in uploads:
            (on_lines if s5cmd.fits_on_a_line([upload.file.path, upload.file.key]) else alone).append(upload)
        if on_lines:
            arguments = [*s5cmd.global_arguments(self._binary, self._job, self._bucket.endpoint_url), "run"]
            yield from self._conversation(arguments, on_lines, fed=True)
        for upload in alone:
            yield from self._run_alone(upload)

    def _run_alone(self, upload: Upload) -> Iterator[Outcome]:
        prepared = self._prepare(upload, lambda: self._hash(upload, self._tick))
        if isinstance(prepared, Failed):
            yield prepared
            return
        arguments = [*s5cmd.global_arguments(self._binary, self._job, self._bucket.endpoint_url), *self._copy(prepared)]
        yield from self._conversation(arguments, [upload], fed=False, started=prepared)

    def _conversation(
        self, arguments: List[str], uploads: List[Upload], fed: bool, started: Optional[_Prepared] = None
    ) -> Iterator[Outcome]:
        """Run one child for these uploads; `started` is the one whose command is in the arguments already."""
        child = self._child = _Child(arguments, self._environment, self._inherited)
        in_flight: Dict[str, _Prepared] = {started.source: started} if started else {}
        workers = self._job.numworkers
        pool = ThreadPoolExecutor(2, thread_name_prefix="sha256") if self._wants_sha256 else None
        stop = Stop()
        waiting = _Waiting(uploads if fed else [], lambda upload: self._hash(upload, stop.check), pool)
        try:
            while in_flight or waiting:
                self._tick()
                alive = yield from self._feed(child, waiting, in_flight)
                if alive and not waiting:
                    child.no_more()
                try:
                    # With a free worker and a digest on its way, the next look must come soon.
                    event = child.events.get(timeout=POLL_HASH if waiting and len(in_flight) < workers else POLL)
                except queue.Empty:
                    continue
                if event is None:
                    yield from _unfinished(child, in_flight, waiting)
                    return
                yield from self._settle(event, in_flight, child)
        finally:
            if pool:
                stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
            self._child = None
            child.kill()

    def _feed(self, child: _Child, waiting: _Waiting, in_flight: Dict[str, _Prepared]) -> Generator[Failed, None, bool]:
        """Keep every worker busy. Returns whether the child still reads."""
        window = self._job.numworkers + LINES_AHEAD + child.strays
        while waiting.ready and len(in_flight) < window and child.has_room:
            prepared = self._prepare(*waiting.take())
            if isinstance(prepared, Failed):
                yield prepared
                continue
            in_flight[prepared.source] = prepared
            if not child.feed(s5cmd.as_line(self._copy(prepared))):
                return False
        return True

    def _settle(self, event: Event, in_flight: Dict[str, _Prepared], child: _Child) -> Iterator[Outcome]:
        prepared = _addressed(event, in_flight)
        if prepared is None:
            child.stray(event)
            return
        del in_flight[prepared.source]
        if event.success:
            yield Sent(prepared.upload.file, prepared.identity, prepared.part_size, prepared.sha256)
            return
        code, about_credentials = s5cmd.error_code(event.error)
        yield _failure(prepared, event.error, code, about_credentials)
        if about_credentials or code in ("", "AccessDenied", "NoSuchBucket"):
            self._doubt()

    def _doubt(self) -> None:
        """After a failure that may not be the file's: ask the bucket, so that a dead one ends the run in seconds."""
        now = time.monotonic()
        if now - self._last_doubt >= DOUBT_INTERVAL:
            self._last_doubt = now
            answered(lambda: self._bucket.check(self._job.prefix), self._bucket.no_answer, self._tick)

    @property
    def _wants_sha256(self) -> bool:
        return self._job.checksum_algorithm == "SHA256"

    def _hash(self, upload: Upload, tick: Tick) -> str:
        if not self._wants_sha256:
            return ""
        with open(upload.file.path, "rb", buffering=0) as file:
            return sha256_hex(file, tick)

    def _prepare(self, upload: Upload, hashed: Callable[[], str]) -> Union[_Prepared, Failed]:
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
        if sha256 and identity != file.identity:
            return Failed(file, Kind.CHANGED, describe_change(file.identity, identity))
        part_size = effective_part_size(identity.size, self._job.part_size)
        return _Prepared(upload, s5cmd.destination(self._job, file.key), identity, part_size * MIB, sha256)

    def _copy(self, prepared: _Prepared) -> List[str]:
        metadata = {**self._job.metadata, "synced-by": SYNCED_BY, "timestamp": str(int(time.time()))}
        metadata[FINGERPRINT] = prepared.identity.fingerprint
        if prepared.sha256:
            metadata["sha256"] = prepared.sha256
        file = prepared.upload.file
        return s5cmd.copy_arguments(self._job, file.path, file.key, prepared.part_size // MIB, metadata)


class _Prepared(NamedTuple):
    """An upload right before it is handed over. `part_size` in bytes; `sha256` is empty unless it was asked for."""

    upload: Upload
    destination: str
    identity: Identity
    part_size: int
    sha256: str

    @property
    def source(self) -> str:
        return self.upload.file.path


class _Waiting:
    """The uploads that wait for a worker; with a `pool`, the SHA256 of the next few is being computed in it."""

    def __init__(
        self, uploads: List[Upload], compute: Callable[[Upload], str], pool: Optional[ThreadPoolExecutor]
    ) -> None:
        self._rest: Deque[Upload] = deque(uploads)
        self._compute = compute
        self._pool = pool
        self._ahead: Deque[Tuple[Upload, Future[str]]] = deque()

    def __bool__(self) -> bool:
        return bool(self._rest or self._ahead)

    @property
    def ready(self) -> bool:
        """Whether `take` would not wait."""
        if self._pool is None:
            return bool(self._rest)
        while self._rest and len(self._ahead) < HASHES_AHEAD:
            upload = self._rest.popleft()
            self._ahead.append((upload, self._pool.submit(self._compute, upload)))
        return bool(self._ahead) and self._ahead[0][1].done()

    def take(self) -> Tuple[Upload, Callable[[], str]]:
        """The next upload, and what gives its SHA256 (empty without a pool) or raises the error of reading it."""
        if self._pool is None:
            return self._rest.popleft(), str
        upload, digest = self._ahead.popleft()
        return upload, digest.result

    def give_up(self) -> List[Upload]:
        """All that still wait."""
        left = [upload for upload, digest in self._ahead] + list(self._rest)
        self._ahead.clear()
        self._rest.clear()
        return left


def _addressed(event: Event, in_flight: Dict[str, _Prepared]) -> Optional[_Prepared]:
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


def _failure(prepared: _Prepared, error: str, code: str, about_credentials: bool) -> Failed:
    file = prepared.upload.file
    exit_code: Optional[int] = None
    if about_credentials:
        exit_code = int(ExitCode.CREDENTIALS)
    elif code in ("AccessDenied", "NoSuchBucket"):
        exit_code = int(ExitCode.ACCESS)
    if not os.path.lexists(file.path):
        return Failed(file, Kind.VANISHED, "was deleted or renamed during its upload")
    kind = Kind.UNREADABLE if "permission denied" in error else Kind.UPLOAD
    hint = " (grant s3:PutObject on the objects)" if code == "AccessDenied" else ""
    return Failed(file, kind, f"s5cmd: {s5cmd.without_request(error)}{hint}", exit_code)


def _unfinished(child: _Child, in_flight: Dict[str, _Prepared], waiting: _Waiting) -> Iterator[Failed]:
    epitaph = child.epitaph()
    for prepared in in_flight.values():
        yield Failed(prepared.upload.file, Kind.UPLOAD, f"{epitaph}; it did not report this file")
    for upload in waiting.give_up():
        yield Failed(upload.file, Kind.UNFINISHED, f"the run ended before it was uploaded: {epitaph}")
