# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""All that a test of faults has around one job: its source, its program, and the bucket that it fills."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

from dev.seaweedfs import SeaweedFS

from .agreement import open_uploads
from .conftest import ProgramRun

#: Seconds that a test waits for another process.
PATIENCE = 120.0


@dataclass(frozen=True)
class World:
    """`tree` makes a source and `stored` reads what the job has stored; `folder` is the test's own."""

    tree: Callable[..., Path]
    env_file: Callable[..., Path]
    start_program: Callable[..., subprocess.Popen[str]]
    stored: Callable[[], dict[str, bytes]]
    server: SeaweedFS
    s3: Any
    bucket: str
    folder: Path

    def job(self, source: Path, **names: Any) -> Path:
        """Write the config file of a job that uploads this source; `names` as in `env_file`."""
        return self.env_file(SOURCE_DIR=source, **names)

    def start(self, config: Path, prefix: Sequence[str] = ()) -> subprocess.Popen[str]:
        """Start a run of the job; `prefix` is a command that runs the program."""
        return self.start_program("sync", "--json", "--config", str(config), prefix=prefix)

    def sync(self, config: Path, prefix: Sequence[str] = ()) -> ProgramRun:
        """Run the job to its end."""
        return ended(self.start(config, prefix))

    def open_uploads(self) -> list[str]:
        """The keys of all multipart uploads that are neither completed nor aborted."""
        return open_uploads(self.s3, self.bucket)


def ended(process: subprocess.Popen[str]) -> ProgramRun:
    """What a run printed, and its exit code, once it has ended."""
    stdout, stderr = process.communicate(timeout=PATIENCE)
    return ProgramRun(process.returncode, stdout, stderr)
