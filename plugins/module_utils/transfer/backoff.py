# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""How long to wait before something that failed is tried again.

Exponential, with full jitter: hosts that a busy server turned away together must not come back together.
https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
"""

from __future__ import annotations

import random
import time

from ..common.threads import Tick

#: Seconds that one wait takes at most, and all waits together.
LONGEST_WAIT = 60.0
WAIT_LIMIT = 300.0
#: Seconds between calls of `tick`.
_POLL = 0.1


class Backoff:
    """The waits of a run. `delay` in seconds is the longest first wait; `tick` may raise to give up."""

    def __init__(self, delay: float, tick: Tick) -> None:
        self._delay = delay
        self._tick = tick
        self._left = WAIT_LIMIT

    def choose(self, attempt: int, least: float = 0.0) -> float | None:
        """Seconds to wait before the attempt of this number, from 1 on; None if the run has waited enough.

        They lie between nothing, or the share `least`, and all of what exponential growth gives.
        """
        if self._left <= 0:
            return None
        longest = min(LONGEST_WAIT, self._delay * 2.0 ** min(attempt - 1, 30))
        # Not for security: hosts only have to differ.
        return min(random.uniform(least * longest, longest), self._left)  # noqa: S311

    def wait(self, seconds: float) -> None:
        """Wait so long."""
        self._left -= seconds
        until = time.monotonic() + seconds
        while True:
            self._tick()
            left = until - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, _POLL))
