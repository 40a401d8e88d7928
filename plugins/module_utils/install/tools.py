# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What the installer uses of the machine that it runs on: an HTTP client, commands, a Python interpreter."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Callable, Protocol

from ..common import commands
from ..common.commands import CommandError, Completed
from ..common.errors import InstallationError
from .download import Downloader

#: Seconds. pip and the package managers download; Go compiles, for minutes on a small host.
COMMAND_TIMEOUT = 600


class RunCommand(Protocol):
    """Runs a command from an argument list."""

    def __call__(
        self, arguments: Sequence[str], environment: Mapping[str, str] | None = None, timeout: float = ...
    ) -> Completed:
        """Run it with `environment` added to ours. Raises InstallationError if it cannot run or takes too long."""


def run_command(
    arguments: Sequence[str], environment: Mapping[str, str] | None = None, timeout: float = COMMAND_TIMEOUT
) -> Completed:
    """The RunCommand that really runs it, see `commands.run`."""
    try:
        return commands.run(arguments, timeout, added=environment)
    except CommandError as error:
        raise InstallationError(error.message, error.hint) from error


@dataclass(frozen=True)
class Tools:
    """An HTTP client, commands, and the Python interpreter whose pip is asked."""

    downloader: Downloader
    run: RunCommand = run_command
    which: Callable[[str], str | None] = shutil.which
    python: str = sys.executable
