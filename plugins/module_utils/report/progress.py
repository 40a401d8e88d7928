# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What a person sees while a run goes: a live display on a terminal, a log line now and then elsewhere."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any, Callable, TextIO

from ..common.units import format_bytes_si
from .log import Log

#: Seconds between log lines where there is no terminal.
LINE_INTERVAL = 30.0
#: Seconds between changes of the live display. To ask what was sent, and to draw, costs more than a small file.
DRAW_INTERVAL = 0.1


class Progress:
    """Counts files and bytes that are done. This class itself shows nothing; its subclasses do.

    `sent` may be set to a function that tells the bytes sent so far, so that a large file moves the display too.
    """

    def __init__(self) -> None:
        self.files = 0
        self.bytes = 0
        self.done_files = 0
        self.done_bytes = 0
        self.sent: Callable[[], int | None] = lambda: None
        self._began = time.monotonic()

    def start(self, files: int, size: int) -> None:
        """So many files and bytes are to be uploaded."""
        self.files, self.bytes = files, size
        self._began = time.monotonic()

    def file_done(self, size: int) -> None:
        """A file of `size` bytes is finished, well or not."""
        self.done_files += 1
        self.done_bytes += size

    def tick(self) -> None:
        """Called several times a second."""

    def stop(self) -> None:
        """The run is over."""

    @property
    def moved(self) -> int:
        """Bytes to show as done: those of finished files, or what was sent so far if that is more."""
        return max(self.done_bytes, min(self.sent() or 0, self.bytes))

    @property
    def rate(self) -> float:
        """Bytes per second since the start."""
        return self.moved / max(time.monotonic() - self._began, 0.001)


class LineProgress(Progress):
    """A log line every LINE_INTERVAL seconds."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log
        self._last = time.monotonic()

    def tick(self) -> None:
        now = time.monotonic()
        if now - self._last < LINE_INTERVAL or not self.files:
            return
        self._last = now
        rate = self.rate
        left = f", about {int((self.bytes - self.moved) / rate)} s left" if rate else ""
        self._log.info(
            f"{self.done_files} of {self.files} files, {format_bytes_si(self.moved)} of {format_bytes_si(self.bytes)}, "
            f"{rate / 1e6:.1f} MB/s{left}"
        )


class LiveProgress(Progress):
    """A live bar by rich: files, bytes, MB/s, time left. Log lines appear above it."""

    def __init__(self, log: Log, stream: TextIO) -> None:
        super().__init__()
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
        from rich.progress import Progress as Bar

        self._log = log
        self._console = Console(file=stream)
        self._bar = Bar(
            TextColumn("{task.fields[files]} files"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TextColumn("ETA"),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
        )
        self._task: Any = None
        self._drawn = float("-inf")
        self._plain_write = log.write

    def start(self, files: int, size: int) -> None:
        super().start(files, size)
        if files:
            self._task = self._bar.add_task("upload", total=size or None, files=f"0/{files}")
            self._log.write = self._write_above
            self._bar.start()

    def tick(self) -> None:
        if self._task is not None and time.monotonic() - self._drawn >= DRAW_INTERVAL:
            self._draw()

    def _draw(self) -> None:
        self._drawn = time.monotonic()
        self._bar.update(self._task, completed=self.moved, files=f"{self.done_files}/{self.files}")

    def stop(self) -> None:
        if self._task is not None:
            self._draw()
            self._log.write = self._plain_write
            self._task = None
            with suppress(OSError):  # A terminal that is gone, after which there is still work to clean up.
                self._bar.stop()

    def _write_above(self, text: str) -> None:
        from rich.text import Text

        self._console.print(Text.from_ansi(text.rstrip("\n")), soft_wrap=True)


def progress_for(log: Log, stream: TextIO) -> Progress:
    """The display that fits: live on a terminal where rich is installed, else log lines."""
    if not stream.isatty():
        return LineProgress(log)
    try:
        return LiveProgress(log, stream)
    except ImportError:
        log.debug("the Python package rich is not installed, so progress is shown as log lines")
        return LineProgress(log)
