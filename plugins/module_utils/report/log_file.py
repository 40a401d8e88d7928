# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The log file: appended to, and followed by its name when logrotate(8) or somebody else moves it away."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TextIO

from ..common.errors import ConfigurationError


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
    try:
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
        return open(path, "a", encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise ConfigurationError(
            f"cannot write the log file {path!r}: {error.strerror}", "check log_path and its folder"
        ) from error
