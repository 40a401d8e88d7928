# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""How work in other threads is told to stop."""

from __future__ import annotations

import threading
from typing import Callable

#: Called before each block, in the thread of the caller; may raise to stop.
Tick = Callable[[], None]


class ReadingStopped(Exception):
    """The run ended; nobody waits for the rest of the file."""


class Stop:
    """Tells readers in other threads to stop."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        """Stop all readers at their next block."""
        self._event.set()

    def check(self) -> None:
        """Raise ReadingStopped once `set` was called."""
        if self._event.is_set():
            raise ReadingStopped
