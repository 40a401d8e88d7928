# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Signals, the time limit, and the end of a process.

The pipeline asks between its steps, so that it always stops where it can clean up.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any, NoReturn

from .errors import Interrupted, TimedOut

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Interrupt:
    """Holds the signal that asked us to stop, if any, and the deadline.

    As a context manager it catches SIGTERM, SIGINT and SIGHUP and restores their handlers at the end. Only the main
    thread may use it so. A signal that the caller ignores stays ignored, as nohup(1) wants it for SIGHUP.
    """

    def __init__(self, timeout: int | None = None) -> None:
        self._timeout = timeout
        self._deadline: float | None = None
        self._previous: dict[signal.Signals, Any] = {}
        self.signal_number: int | None = None
        self.renew()

    def renew(self) -> None:
        """Let the time limit begin now: another run begins."""
        self._deadline = time.monotonic() + self._timeout if self._timeout else None

    def check_signal(self) -> None:
        """Raise Interrupted after a signal."""
        if self.signal_number is not None:
            raise Interrupted(self.signal_number)

    def check(self) -> None:
        """Raise Interrupted after a signal, TimedOut after the deadline."""
        self.check_signal()
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise TimedOut(f"the time limit of {self._timeout} s was reached", "raise timeout, or upload less at once")

    def _received(self, number: int, _frame: FrameType | None) -> None:
        self.signal_number = number

    def __enter__(self) -> Interrupt:
        for number in SIGNALS:
            if signal.getsignal(number) is signal.SIG_IGN:
                continue
            self._previous[number] = signal.signal(number, self._received)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)


def leave(code: int) -> NoReturn:
    """End the process now. Threads may still wait for a server that is silent, and all that counts is written."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
