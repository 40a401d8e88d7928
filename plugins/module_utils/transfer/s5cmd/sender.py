# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The sender that feeds the uploads of a run to a long-lived `s5cmd run` child, over its stdin.

s5cmd's exit status and its `--stat` prove nothing (they have been seen to say success with files missing), so only an
event that names the file counts, and a file without an event has failed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from types import TracebackType
from typing import Callable

from ...common.problems import Kind
from ...common.units import format_bytes_si
from ...plan.uploads import Upload
from ..engine import Assignment, Attempt, Attempts, Breakdown, Deferred, Failed, Retryable
from ..hand_over import HandOver, Prepared, common_metadata, failure, is_doubtful
from ..liveness import Liveness
from ..queue import UploadQueue
from ..relay.line import Line, line_to
from .commands import CopyCommands, fits_on_a_line, global_arguments
from .environment import environment_for
from .events import Event, refusal_of
from .in_flight import InFlight
from .process import S5cmdProcess

#: Lines beyond one per worker that are handed over, so that no worker waits for us. More were no faster when measured.
LINES_AHEAD = 8
#: Seconds between looks at the clock and the signals while no event arrives.
POLL = 0.2
POLL_HASH = 0.02


class S5cmdSender:
    """Sends by the s5cmd at the path `binary`. See Sender for what it promises."""

    def __init__(self, binary: str, assignment: Assignment, liveness: Liveness) -> None:
        self._binary = binary
        self._assignment = assignment
        self._job = assignment.job
        self._settings = assignment.settings
        self._liveness = liveness
        self._environment = environment_for(self._job, os.environ)
        self._hand_over = HandOver(assignment)
        self._commands = CopyCommands(self._job, common_metadata(self._job))
        self._held = ExitStack()
        self._line = Line(self._environment, None)
        self._process: S5cmdProcess | None = None
        self._stored_bytes = 0
        self._written_before = 0
        self._left_open = False

    def __enter__(self) -> S5cmdSender:
        limit = self._job.bandwidth_limit
        self._line = self._held.enter_context(line_to(self._assignment.bucket, self._environment, limit))
        if limit:
            self._assignment.voice.note(f"s5cmd may send {format_bytes_si(limit)} per second")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.close()

    @property
    def bytes_written(self) -> int | None:
        """See Sender."""
        if self._line.sent is not None:
            return self._line.sent
        written = self._process.bytes_written if self._process else None
        return None if written is None else self._written_before + written

    @property
    def left_open(self) -> bool:
        """See Sender."""
        return self._left_open

    def goes_alone(self, upload: Upload) -> bool:
        """See Sender."""
        return not fits_on_a_line(upload.file.path, upload.file.key)

    def send(self, queue: UploadQueue) -> Attempts:
        """See Sender."""
        yield from self._converse(self._start(["run"]), queue, InFlight(self._job))

    def send_alone(self, upload: Upload, digest: Callable[[], str]) -> Attempts:
        """See Sender. It has an s5cmd of its own."""
        prepared = self._hand_over.prepare(upload, digest)
        if not isinstance(prepared, Prepared):
            yield prepared
            return
        command = self._commands.arguments(prepared.source, prepared.key, prepared.parts, prepared.metadata)
        yield from self._converse(self._start(command), UploadQueue([]), InFlight(self._job, prepared))

    def _start(self, command: list[str]) -> S5cmdProcess:
        workers = self._settings.numworkers
        arguments = global_arguments(self._binary, self._job, self._line.endpoint_url, workers)
        return S5cmdProcess([*arguments, *command], self._line.environment, self._assignment.inherited)

    def _converse(self, process: S5cmdProcess, queue: UploadQueue, in_flight: InFlight) -> Attempts:
        """Feed a process and hear it until all is reported, or nothing more can be."""
        self._process = process
        try:
            while True:
                self._assignment.voice.tick()
                self._line.check(self._stored_bytes)
                yield from self._feed(process, queue, in_flight)
                if not queue.has_more:
                    process.no_more()
                    if not in_flight:
                        return
                # With a free worker and a digest on its way, the next look must come soon.
                idle = queue.has_more and len(in_flight) < self._settings.numworkers
                events = process.wait(POLL_HASH if idle else POLL)
                for event in events:
                    yield from self._settle(event, in_flight, process)
                breakdown = None
                if process.ended and (in_flight or queue.has_more):
                    breakdown = process.end()
                elif in_flight and not events:
                    breakdown = self._stalled(process)
                if breakdown:
                    yield from self._unreported(breakdown, in_flight, process.ended)
                    yield breakdown
                    return
        finally:
            self._left_open = self._left_open or bool(in_flight)
            self._written_before += process.bytes_written or 0
            self._process = None
            process.kill()

    def _feed(self, process: S5cmdProcess, queue: UploadQueue, in_flight: InFlight) -> Iterator[Failed | Deferred]:
        """Keep every worker busy."""
        window = self._settings.numworkers + LINES_AHEAD + process.strays
        while len(in_flight) < window:
            upload = queue.next_ready
            if upload is None or not self._has_room(upload, in_flight):
                return
            prepared = self._hand_over.prepare(upload, queue.take())
            if not isinstance(prepared, Prepared):
                yield prepared
                continue
            in_flight.add(prepared)
            process.hand_over(self._commands.line(prepared.source, prepared.key, prepared.parts, prepared.metadata))

    def _has_room(self, upload: Upload, in_flight: InFlight) -> bool:
        """Whether one more of its class may be in flight. Where others have more workers, no line may wait for one."""
        file_class = self._settings.class_of(upload.file)
        most = self._settings.classes[file_class].numworkers
        if most >= self._settings.numworkers:
            return True
        return sum(self._settings.class_of(prepared.upload.file) == file_class for prepared in in_flight) < most

    def _settle(self, event: Event, in_flight: InFlight, process: S5cmdProcess) -> Iterator[Attempt]:
        prepared = in_flight.take_reported(event)
        if prepared is None:
            process.stray(event)
            return
        if event.success:
            self._stored_bytes += _bytes_at_least(prepared) if self._job.bandwidth_limit else 0
            yield prepared.sent
            return
        self._left_open = True
        refusal = refusal_of(event.error)
        outcome = failure(prepared, refusal)
        yield outcome
        if is_doubtful(refusal, outcome):
            self._liveness.doubt()

    def _unreported(self, breakdown: Breakdown, in_flight: InFlight, ended: bool) -> Iterator[Retryable]:
        """What s5cmd left behind; one that only stalled was not ended by a file."""
        for prepared in in_flight.take_away():
            self._left_open = True
            failed = Failed(prepared.upload.file, Kind.UPLOAD, f"{breakdown}; it did not report this file")
            yield Retryable(prepared.upload, failed, breakdown.how, suspect=ended)

    def _stalled(self, process: S5cmdProcess) -> Breakdown | None:
        """How an s5cmd that does nothing any more is given up; None as long as there is hope."""
        # What s5cmd has written may wait in the kernel for its turn on a limited line.
        silence = min(process.silence(), self._line.silence())
        stalled = self._liveness.stalled(silence, process.tells_bytes or self._line.tells_bytes)
        return Breakdown(f"s5cmd {stalled}") if stalled else None


def _bytes_at_least(prepared: Prepared) -> int:
    """Bytes that were sent for a file, which may have been cut off while it waited for its turn."""
    try:
        return min(prepared.identity.size, os.stat(prepared.source).st_size)
    except OSError:
        return 0
