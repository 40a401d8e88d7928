# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Reading a file for its checksum, so that a run that ends need not wait until a huge file is read to its end."""

from __future__ import annotations

import threading
from typing import BinaryIO, Callable, Iterator, Optional

#: Bytes. Large enough that the hash functions, which release the GIL, dominate.
READ_SIZE = 1024 * 1024

#: Called before each block; may raise to stop.
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


def blocks(file: BinaryIO, tick: Tick, limit: Optional[int] = None) -> Iterator[bytes]:
    """The rest of an open file, or the next `limit` bytes of it, in blocks of at most READ_SIZE bytes."""
    remaining = limit
    while remaining is None or remaining > 0:
        tick()
        block = file.read(READ_SIZE if remaining is None else min(READ_SIZE, remaining))
        if not block:
            return
        if remaining is not None:
            remaining -= len(block)
        yield block
