# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What the installer uses of the machine that it runs on: an HTTP client, commands, a Python interpreter."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Callable, NamedTuple, Protocol

from ..common.errors import InstallationError
from .download import Downloader

#: Seconds. pip and the package managers download; Go compiles, for minutes on a small host.
COMMAND_TIMEOUT = 600


class Completed(NamedTuple):
    """A finished command: its exit status and what it wrote."""

    returncode: int
    stdout: str
    stderr: str


class RunCommand(Protocol):
    """Runs a command from an argument list."""

    def __call__(
        self, arguments: Sequence[str], environment: Mapping[str, str] | None = None, timeout: float = ...
    ) -> Completed:
        """Run it with `environment` added to ours. Raises InstallationError if it cannot run or takes too long."""


def run_command(
    arguments: Sequence[str], environment: Mapping[str, str] | None = None, timeout: float = COMMAND_TIMEOUT
) -> Completed:
    """The RunCommand that really runs it: no shell, no input, output as text in the C locale."""
    try:
        done = subprocess.run(
            list(arguments),
            env={**os.environ, "LC_ALL": "C", **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="backslashreplace",
            timeout=timeout,
            check=False,
        )
    except OSError as error:
        raise InstallationError(f"{arguments[0]} does not run: {error.strerror}") from error
    except subprocess.TimeoutExpired:
        raise InstallationError(f"{arguments[0]} {arguments[1]} did not end within {timeout:.0f} s") from None
    return Completed(done.returncode, done.stdout, done.stderr)


@dataclass(frozen=True)
class Tools:
    """An HTTP client, commands, and the Python interpreter whose pip is asked."""

    downloader: Downloader
    run: RunCommand = run_command
    which: Callable[[str], str | None] = shutil.which
    python: str = sys.executable


def last_words(done: Completed) -> str:
    """The lines of a failed command that tell why, in at most 300 characters and without passwords in URLs."""
    lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    text = " ".join((errors or lines)[-3:]) or f"exit status {done.returncode}"
    return re.sub(r"://[^/@\s]+@", "://", text)[:300]
