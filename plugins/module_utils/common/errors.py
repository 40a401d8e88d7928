# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The errors of the pipeline and the installer, and the exit codes they carry.

Exit codes are the interface to schedulers and monitoring; `docs/troubleshooting.md` explains them to operators.
"""

from __future__ import annotations

import signal
from enum import IntEnum


class ExitCode(IntEnum):
    """What a run, a check or an installation tells its caller.

    A run that signal `n` stopped exits with 128+n, as shells report it; that code is not listed here.
    """

    OK = 0
    CONFIGURATION = 1
    CREDENTIALS = 2
    ACCESS = 3
    INCOMPLETE = 4
    CHECKSUM = 5
    LOCKED = 75


class DatasyncError(Exception):
    """Something stopped the work as a whole. `str()` says what failed and why; `hint` says what to do next."""

    exit_code: int = ExitCode.CONFIGURATION

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class ConfigurationError(DatasyncError):
    """A parameter, an env file or the local set-up is wrong. The message names the variable."""

    exit_code = ExitCode.CONFIGURATION


class InstallationError(DatasyncError):
    """s5cmd is missing, does not run, or could not be installed."""

    exit_code = ExitCode.CONFIGURATION


class CredentialsError(DatasyncError):
    """Credentials are missing, wrong or expired."""

    exit_code = ExitCode.CREDENTIALS


class AccessError(DatasyncError):
    """The endpoint or the bucket is not reachable, does not exist, or refuses the request."""

    exit_code = ExitCode.ACCESS


class EndpointError(AccessError):
    """No S3 answer came at all: nothing listens, packets are dropped, TLS fails, or it is no S3 server."""


class SourceError(DatasyncError):
    """The source cannot be read as the job asks for, such as a file system that is not mounted."""

    exit_code = ExitCode.INCOMPLETE


class LockedError(DatasyncError):
    """Another run of the same job holds the lock."""

    exit_code = ExitCode.LOCKED


class Interrupted(DatasyncError):
    """A signal stopped the run."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(signal_number).name}")
        self.exit_code = 128 + signal_number


class TimedOut(DatasyncError):
    """The time limit of the run was reached; what was stored until then stays and is reported."""

    exit_code = ExitCode.INCOMPLETE
