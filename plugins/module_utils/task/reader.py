# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Whether anybody still waits for our answer.

A module on a host gets no signal when its controller stops or the connection is lost: sshd only closes the pipe to
which the answer would be written.
"""

from __future__ import annotations

import select
import signal

from ..common.errors import Interrupted
from ..common.interrupt import Interrupt


def reader_is_gone(descriptor: int) -> bool:
    """Whether whatever is written to this pipe, socket or terminal can reach nobody any more, poll(2).

    A regular file and /dev/null have no reader and never say so.
    """
    poll = select.poll()
    poll.register(descriptor, 0)
    return any(events & (select.POLLERR | select.POLLHUP | select.POLLNVAL) for _descriptor, events in poll.poll(0))


class Attended:
    """An `Interrupt` that takes a lost connection for SIGHUP, which a terminal would have sent."""

    def __init__(self, interrupt: Interrupt, output: int = 1) -> None:
        self._interrupt = interrupt
        self._output = output

    def check(self) -> None:
        """Raise Interrupted after a signal, or when nobody reads our output any more."""
        self._interrupt.check()
        if reader_is_gone(self._output):
            raise Interrupted(signal.SIGHUP)
