# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A running s5cmd: commands in, events out, and whether it still does anything.

One thread does it all with poll(2): at a thousand small files a second, threads and queues between us and the pipes
would cost more than the work.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import IO, cast

from ...common.errors import InstallationError
from ..engine import Breakdown
from .events import Event, parse_event

#: Bytes that are read from a pipe at once: as much as Linux keeps in one.
_READ_SIZE = 65536
#: Bytes. A line that is longer is no event, whatever it is; the longest event names a path and a key twice.
_LONGEST_LINE = 1024 * 1024
#: Bytes of s5cmd's other output (a Go panic) that are kept for the message.
TAIL = 2000
#: Seconds that s5cmd may take to end after it closed its output.
END_GRACE = 5.0
#: Seconds that a killed s5cmd may take to be gone. In the middle of a read from a dead file server it takes for ever.
KILL_GRACE = 10.0


class S5cmdProcess:
    """One s5cmd. Nothing here blocks for longer than its caller says, whatever s5cmd does."""

    def __init__(self, arguments: list[str], environment: Mapping[str, str], inherited: tuple[int, ...]) -> None:
        try:
            # A session of its own: Ctrl-C on a terminal reaches us, and we decide how s5cmd ends.
            self._process = subprocess.Popen(
                arguments,
                bufsize=0,
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
        os.set_blocking(self._stdin.fileno(), False)
        #: Commands that the pipe had no room for yet.
        self._unwritten = bytearray()
        self._no_more = False
        outputs = [cast(IO[bytes], pipe) for pipe in (self._process.stdout, self._process.stderr)]
        #: Of each open output, the line that is not yet complete.
        self._lines: dict[int, bytes] = {pipe.fileno(): b"" for pipe in outputs}
        self._outputs = outputs
        self._poll = select.poll()
        for pipe in outputs:
            self._poll.register(pipe, select.POLLIN)
        #: Events that name no file in flight. Each is a worker that is free again.
        self.strays = 0
        self._other = b""
        self._moved: int | None = None
        self._written: int | None = None
        self._last_sign = time.monotonic()

    @property
    def ended(self) -> bool:
        """Whether nothing more will be said."""
        return not self._lines

    @property
    def bytes_written(self) -> int | None:
        """Bytes that it has written to its sockets so far; None where the kernel does not tell (proc(5), io)."""
        self._written = self._io().get("wchar", self._written)
        return self._written

    @property
    def tells_bytes(self) -> bool:
        """Whether the kernel counts what it reads and writes. Some sandboxes show zeros for ever."""
        return bool(self._moved)

    def silence(self) -> float:
        """Seconds since it said something, was told something, or read or wrote a byte as far as the kernel tells."""
        counted = self._io()
        moved = counted["rchar"] + counted["wchar"] if "rchar" in counted and "wchar" in counted else None
        now = time.monotonic()
        if moved != self._moved:
            self._moved, self._last_sign = moved, now
        return now - self._last_sign

    def hand_over(self, line: bytes) -> None:
        """Give it one command; `wait` writes what the pipe has no room for."""
        self._unwritten += line
        self._last_sign = time.monotonic()

    def no_more(self) -> None:
        """No command will follow: it ends when its work is done."""
        self._no_more = True
        self._write()

    def wait(self, seconds: float) -> list[Event]:
        """The events that have come; waits up to so many seconds for the first, and returns early if anything moved."""
        if self._unwritten:
            self._write()
        events: list[Event] = []
        for descriptor, _mask in self._poll.poll(seconds * 1000):
            if descriptor in self._lines:
                self._read(descriptor, events)
            else:
                self._poll.unregister(descriptor)
                self._write()
        if events:
            self._last_sign = time.monotonic()
        return events

    def stray(self, event: Event) -> None:
        """Count an event that names no file in flight, and keep it for the end."""
        self.strays += 1
        said = event.error or f"{event.source} -> {event.destination}"
        self._keep(f"{event.command}: {said}\n".lstrip(": ").encode("utf-8", "replace"))

    def end(self) -> Breakdown:
        """How it ended. Waits for that for END_GRACE seconds."""
        # Of a process that was waited for, the kernel tells nothing any more.
        self._written = self.bytes_written
        try:
            code = self._process.wait(END_GRACE)
            how = f"was stopped by signal {-code}" if code < 0 else f"ended with exit code {code}"
        except subprocess.TimeoutExpired:
            how = "closed its output and did not end"
        return Breakdown(f"s5cmd {how}", self._other.decode("utf-8", "replace").strip())

    def kill(self) -> None:
        """End it at once. SIGTERM would take it 5 s and leave as many open multipart uploads."""
        if self._process.poll() is None:
            # It may end by itself right now; macOS answers EPERM then, Linux at most ESRCH.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(KILL_GRACE)
        for pipe in (self._stdin, *self._outputs):
            pipe.close()

    def _io(self) -> dict[str, int]:
        """The kernel's counters; none where it does not tell."""
        try:
            with open(f"/proc/{self._process.pid}/io", encoding="ascii") as file:
                pairs = [line.split(": ") for line in file]
                return {name: int(value) for name, value in pairs}
        except (OSError, ValueError):
            return {}

    def _write(self) -> None:
        """Write what the pipe takes; what it does not take waits until it can."""
        if self._stdin.closed:
            return
        try:
            while self._unwritten:
                del self._unwritten[: os.write(self._stdin.fileno(), self._unwritten)]
        except BlockingIOError:
            self._poll.register(self._stdin, select.POLLOUT)
            return
        except BrokenPipeError:
            # It reads no more. What it has read it may still report.
            self._unwritten.clear()
            self._no_more = True
        if self._no_more:
            with suppress(KeyError):
                self._poll.unregister(self._stdin)
            self._stdin.close()

    def _read(self, descriptor: int, events: list[Event]) -> None:
        block = os.read(descriptor, _READ_SIZE)
        lines = (self._lines[descriptor] + block).split(b"\n")
        if block:
            begun = lines.pop()
            if len(begun) > _LONGEST_LINE:
                self._keep(begun)
                begun = b""
            self._lines[descriptor] = begun
        else:
            del self._lines[descriptor]
            self._poll.unregister(descriptor)
        for line in lines:
            event = parse_event(line)
            if event:
                events.append(event)
            elif line.strip():
                self._keep(line + b"\n")

    def _keep(self, line: bytes) -> None:
        self._other = (self._other + line)[-TAIL:]
