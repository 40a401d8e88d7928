# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Log lines in the form that the sites' scripts read: `[INFO] [YYYY-mm-dd HH:MM:SS] message`.

Coloured on a terminal, never in a file. The journal of systemd keeps time and level itself: `<6>message`.
The log file is appended to, and followed by its name when logrotate(8) or somebody else moves it away.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from enum import IntEnum
from typing import Any, Callable, TextIO

from ..common import files
from ..common.errors import ConfigurationError


class Level(IntEnum):
    """In the order of importance."""

    DEBUG = 10
    INFO = 20
    WARN = 30
    ERROR = 40


#: ECMA-48 colours as the kit uses them: blue, green, yellow, red.
_COLOURS = {Level.DEBUG: "34", Level.INFO: "32", Level.WARN: "33", Level.ERROR: "31"}

#: sd-daemon(3)
_JOURNAL_PRIORITIES = {Level.DEBUG: 7, Level.INFO: 6, Level.WARN: 4, Level.ERROR: 3}


def one_line(text: str) -> str:
    """The text with control characters escaped: a file name must not be able to forge log lines."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


class Log:
    """Writes each message to the log file, if any, and to a stream, if any.

    `write` replaces the plain write to the stream, for a live display that must not be torn.
    """

    def __init__(self, stream: TextIO | None = None, path: str | None = None, level: Level = Level.INFO) -> None:
        self._stream = stream
        self._level = level
        self._coloured = bool(stream and stream.isatty() and "NO_COLOR" not in os.environ)
        self._goes_to_journal = bool(stream and _is_journal(stream))
        self._file = LogFile(path) if path else None
        self.write: Callable[[str], Any] = self._write_to_stream
        self.warnings: list[str] = []

    @property
    def shows_debug(self) -> bool:
        """Whether anybody will see what `debug` is given; to make the text for a million files takes seconds."""
        return self._stream is not None and self._level <= Level.DEBUG

    def debug(self, message: str) -> None:
        """For finding faults."""
        self._log(Level.DEBUG, message)

    def info(self, message: str) -> None:
        """What happens in the normal course."""
        self._log(Level.INFO, message)

    def warn(self, message: str) -> None:
        """Something the operator should know, and that does not make the run fail. Kept in `warnings`."""
        self.warnings.append(message)
        self._log(Level.WARN, message)

    def error(self, message: str) -> None:
        """Something that makes the run fail."""
        self._log(Level.ERROR, message)

    def close(self) -> None:
        """Close the log file."""
        if self._file:
            self._file.close()
            self._file = None

    def _log(self, level: Level, message: str) -> None:
        stamp, text = time.strftime("%Y-%m-%d %H:%M:%S"), one_line(message)
        if self._file and level >= min(self._level, Level.INFO):
            self._write_to_file(f"[{level.name}] [{stamp}] {text}\n")
        if self._stream and level >= self._level:
            self._show(self._line(level, stamp, text))

    def _line(self, level: Level, stamp: str, text: str) -> str:
        if self._goes_to_journal:
            return f"<{_JOURNAL_PRIORITIES[level]}>{text}\n"
        name = f"\033[{_COLOURS[level]}m[{level.name}]\033[0m" if self._coloured else f"[{level.name}]"
        return f"{name} [{stamp}] {text}\n"

    def _show(self, line: str) -> None:
        try:
            self.write(line)
        except OSError:
            # The terminal is gone, the reader of a pipe too, or the disk is full: none of that stops an upload.
            self._stream = None

    def _write_to_stream(self, text: str) -> None:
        if self._stream:
            self._stream.write(text)
            self._stream.flush()

    def _write_to_file(self, text: str) -> None:
        try:
            if self._file:
                self._file.write(text)
        except OSError as error:
            # A full log disk must not stop an upload; it is said once on the stream.
            self._file = None
            self.warn(f"the log file is no longer written: {error.strerror}")


class LogFile:
    """Appends text to the file at `path`, which is made with its folder; raises ConfigurationError if it cannot be."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._file = _open(path)

    def write(self, text: str) -> None:
        """Append, and hand over to the kernel at once; raises OSError."""
        if self._was_moved():
            # If no new one can be made, the lines go on into the old one: better there than nowhere.
            with suppress(ConfigurationError):
                new = _open(self._path)
                self.close()
                self._file = new
        self._file.write(text)
        self._file.flush()

    def close(self) -> None:
        """Close the file; what could not be written is lost, and that was said."""
        with suppress(OSError):
            self._file.close()

    def _was_moved(self) -> bool:
        try:
            return not os.path.samestat(os.stat(self._path), os.fstat(self._file.fileno()))
        except FileNotFoundError:
            return True
        except OSError:
            return False


def _open(path: str) -> TextIO:
    with files.explained(f"the log file {path!r}", "check log_path and its folder"):
        # A log need not outlive a power cut to its last line.
        files.make_folders(os.path.dirname(os.path.abspath(path)), mode=None, durable=False)
        return open(path, "a", encoding="utf-8", errors="backslashreplace")


def _is_journal(stream: TextIO) -> bool:
    """Whether systemd connected the stream to its journal: JOURNAL_STREAM in systemd.exec(5)."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"
