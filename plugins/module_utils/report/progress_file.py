# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A small JSON file that tells other programs how far a run is. It is there while the run is.

    {"pid": 4711, "started": "2026-11-22T22:01:15+00:00", "phase": "uploading", "files": 10000, "files_done": 1200,
     "bytes": 52428800, "bytes_done": 6291456, "rate": 3145728}

`rate` is bytes per second. Before the phase `uploading` nothing is known of the files, and the numbers are 0.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress

from ..common import files
from ..common.units import timestamp
from .log import Log
from .progress import Progress

#: Seconds between two versions of the file.
INTERVAL = 2.0

PLANNING = "planning"
UPLOADING = "uploading"
FINISHING = "finishing"


class ProgressFile:
    """Writes what `progress` counts, as long as the `with` block lasts. Without a path it does nothing."""

    def __init__(self, path: str | None, progress: Progress, log: Log) -> None:
        self._path = path
        self._progress = progress
        self._log = log
        self._started = timestamp(time.time())
        self._due = float("-inf")
        #: One of PLANNING, UPLOADING and FINISHING.
        self.phase = PLANNING

    def __enter__(self) -> ProgressFile:
        self.tick()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._remove()

    def tick(self) -> None:
        """Write the file if INTERVAL has passed. Called for each file, so it mostly looks at the clock alone."""
        if not self._path:
            return
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + INTERVAL
        try:
            # Not durable: after a power cut there is no run whose progress it could tell.
            files.write(self._path, self._text(), durable=False)
        except OSError as error:
            self._log.warn(f"progress_path {self._path!r} is no longer written: {error.strerror}")
            self._remove()

    def _remove(self) -> None:
        if self._path:
            with suppress(OSError):
                os.unlink(self._path)
        self._path = None

    def _text(self) -> str:
        progress = self._progress
        values = {
            "pid": os.getpid(),
            "started": self._started,
            "phase": self.phase,
            "files": progress.files,
            "files_done": progress.done_files,
            "bytes": progress.bytes,
            "bytes_done": progress.moved,
            "rate": int(progress.rate),
        }
        return json.dumps(values) + "\n"
