# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Reading a file for its checksum: as fast as the page cache gives it, and so that a run that ends need not wait.

A large file is read in parts by as many threads as there are idle processors. Files are read, never mapped: when
somebody truncates a mapped file, SIGBUS ends the process that looks at it. They are read into memory that is used again
and again: where malloc takes fresh memory from the kernel for each block, page faults take five times as long as
reading and a CRC.
"""

from __future__ import annotations

import io
import mmap
import os
import stat
import threading
import time
from collections.abc import Iterator
from typing import BinaryIO, Callable, Generic, Protocol, TypeVar, cast

from ..common.threads import ReadingStopped, Stop, Tick

#: Bytes. Large enough that the hash functions, which release the GIL, dominate; small enough for the processor's cache.
READ_SIZE = 1024 * 1024
#: Bytes. Below, the start of a thread takes longer than what it saves.
MIN_SHARED = 32 * 1024 * 1024
#: A thread that spent less than this share of its time on a processor waits for a disk, a network or other work.
_BUSY = 0.5
#: Seconds after which that share says something.
_SAMPLE = 0.0005


_Result = TypeVar("_Result")


#: Takes in a block. The memory is used again: it is valid only during the call.
Consume = Callable[[memoryview], object]


class _Readable(Protocol):
    """What can be read block by block; typing.BinaryIO does not say that files can."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Fill the buffer from its beginning; returns how many bytes came, none at the end."""


#: Reads bytes from an offset on into a buffer, and returns how many there were.
ReadAt = Callable[[memoryview, int], int]


def reader_at(descriptor: int) -> ReadAt:
    """How an open file is read at any offset, whatever other threads read."""
    if hasattr(os, "preadv"):
        return lambda buffer, offset: os.preadv(descriptor, [buffer], offset)

    def read_at(buffer: memoryview, offset: int) -> int:
        # macOS before 11 has no preadv.
        block = os.pread(descriptor, len(buffer), offset)
        buffer[: len(block)] = block
        return len(block)

    return read_at


class Part:
    """At most `size` bytes of a file from `offset` on. `length` is how many of them were read."""

    def __init__(self, read_at: ReadAt, offset: int, size: int) -> None:
        self._read_at = read_at
        self._offset = offset
        self._size = size
        self.length = 0

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill the buffer from its beginning; returns how many bytes came, none at the end of the part or the file."""
        length = self._read_at(buffer[: self._size - self.length], self._offset + self.length)
        self.length += length
        return length

    @property
    def is_full(self) -> bool:
        """Whether all of the part was read. A part that is not full ends the file."""
        return self.length == self._size


#: Computes something over all blocks of a part.
Work = Callable[[Part, Tick], _Result]


class _Buffers(threading.local):
    """The buffers of a thread that nobody uses at the moment."""

    def __init__(self) -> None:
        self._idle: list[memoryview] = []

    def take(self) -> memoryview:
        """One of READ_SIZE bytes."""
        if self._idle:
            return self._idle.pop()
        # It begins at a page: the kernel takes up to half as long again to copy to where a bytearray begins.
        return memoryview(mmap.mmap(-1, READ_SIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))

    def give_back(self, buffer: memoryview) -> None:
        """Keep it for the next file."""
        self._idle.append(buffer)


_buffers = _Buffers()


def each_block(file: BinaryIO | Part, consume: Consume, tick: Tick) -> None:
    """Hand the rest of an open file, or of a part of one, to `consume`, in blocks of at most READ_SIZE bytes."""
    readinto = cast(_Readable, file).readinto
    buffer = _buffers.take()
    try:
        while True:
            tick()
            length = readinto(buffer)
            if not length:
                return
            consume(buffer[:length])
    finally:
        _buffers.give_back(buffer)


def is_shared(file: BinaryIO) -> bool:
    """Whether several threads read this file in `each_part`: an open unbuffered file that is large enough."""
    if not isinstance(file, io.FileIO):
        return False
    status = os.fstat(file.fileno())
    return stat.S_ISREG(status.st_mode) and status.st_size >= MIN_SHARED


def each_part(file: BinaryIO, part_size: int, work: Work[_Result], tick: Tick) -> list[tuple[_Result, int]]:
    """What `work` returns for each part of the rest of an open file, in order, with the part's length in bytes.

    All parts have `part_size` bytes, but for the last. An empty file has none. `work` is called in several threads
    where `is_shared` says so; the position of the file is undefined afterwards. Errors are raised in the caller's
    thread, after all others have stopped.
    """
    if is_shared(file):
        return _Team(cast(io.FileIO, file), part_size, work, tick).results()
    return list(_one_by_one(file, part_size, work, tick))


def _one_by_one(file: BinaryIO, part_size: int, work: Work[_Result], tick: Tick) -> Iterator[tuple[_Result, int]]:
    readable = cast(_Readable, file)
    while True:
        part = Part(lambda buffer, _offset: readable.readinto(buffer) or 0, 0, part_size)
        result = work(part, tick)
        if part.length:
            yield result, part.length
        if not part.is_full:
            return


class _Processors:
    """Counts the processors of this process that no team uses, so that all teams together start no more threads."""

    def __init__(self, count: int) -> None:
        self._lock = threading.Lock()
        self._free = count

    def occupy(self) -> None:
        """Take one, whether or not one is free: the caller's thread runs anyway."""
        with self._lock:
            self._free -= 1

    def occupy_free(self) -> bool:
        """Take one if one is free."""
        with self._lock:
            if self._free <= 0:
                return False
            self._free -= 1
            return True

    def leave(self) -> None:
        """Give one back."""
        with self._lock:
            self._free += 1

    @property
    def crowded(self) -> bool:
        """Whether more threads run than there are processors."""
        return self._free < 0


def _processor_count() -> int:
    # macOS has no sched_getaffinity.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_processors = _Processors(_processor_count())


class _Team(Generic[_Result]):
    """The threads that read one file. The caller's own takes part after part; others join while processors are idle.

    Nobody waits for a thread that has not begun, so that a team always comes to its end, also in a pool's thread.
    """

    def __init__(self, file: io.FileIO, part_size: int, work: Work[_Result], tick: Tick) -> None:
        self._read_at = reader_at(file.fileno())
        self._start = file.tell()
        self._size = os.fstat(file.fileno()).st_size
        self._part_size = part_size
        self._work = work
        self._tick = tick
        self._lock = threading.Lock()
        self._taken = 0
        self._results: dict[int, tuple[_Result, int]] = {}
        self._ended = False
        self._stop = Stop()
        self._error: BaseException | None = None
        self._helpers: list[threading.Thread] = []
        self._clocks = (0.0, 0.0)

    def results(self) -> list[tuple[_Result, int]]:
        """Read the file; the results and lengths of its parts, up to the first that is not full."""
        self._clocks = _clocks()
        _processors.occupy()
        try:
            self._take_parts(self._tick_and_ask_for_help)
            self._wait()
        finally:
            self._stop.set()
            for helper in self._helpers:
                helper.join()
            _processors.leave()
        if self._error:
            raise self._error
        return list(self._in_order())

    def _in_order(self) -> Iterator[tuple[_Result, int]]:
        for number in range(self._taken):
            result, length = self._results[number]
            if length:
                yield result, length
            if length < self._part_size:
                return

    def _take_parts(self, tick: Tick, enough: Callable[[], bool] = lambda: False) -> None:
        while not enough():
            with self._lock:
                if self._ended:
                    return
                number = self._taken
                self._taken += 1
            part = Part(self._read_at, self._start + number * self._part_size, self._part_size)
            result = self._work(part, tick)
            with self._lock:
                self._results[number] = result, part.length
                self._ended = self._ended or not part.is_full

    def _tick_and_ask_for_help(self) -> None:
        self._tick()
        if self._error:
            raise self._error
        if self._has_parts_left() and self._is_busy() and _processors.occupy_free():
            self._start_helper()

    def _start_helper(self) -> None:
        helper = threading.Thread(target=self._help, name="reading", daemon=True)
        try:
            helper.start()
        except RuntimeError:  # the limit of threads is reached; it goes without
            _processors.leave()
        else:
            self._helpers.append(helper)

    def _has_parts_left(self) -> bool:
        return not self._ended and self._start + self._taken * self._part_size < self._size

    def _is_busy(self) -> bool:
        """Whether our thread computes most of the time. A disk that it waits for would only seek more for two."""
        wall, processor = (now - before for now, before in zip(_clocks(), self._clocks))
        return wall > _SAMPLE and processor > _BUSY * wall

    def _help(self) -> None:
        try:
            self._take_parts(self._stop.check, enough=lambda: _processors.crowded)
        except ReadingStopped:
            pass
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            self._error = error
            self._ended = True
        finally:
            _processors.leave()

    def _wait(self) -> None:
        for helper in self._helpers:
            while helper.is_alive():
                self._tick()
                helper.join(0.05)


def _clocks() -> tuple[float, float]:
    """Seconds on the clock, and seconds of this thread on a processor."""
    return time.monotonic(), time.thread_time()
