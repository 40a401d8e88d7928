# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What is checked of an installation, and the report: each check with its outcome, and the exit code of them all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..common.errors import ConfigurationError, DatasyncError, ExitCode
from ..job.values import bucket_name, key_prefix
from ..s3.connection import Connection

INSTALLATION = "installation"
CREDENTIALS = "credentials"
ACCESS = "access"

#: Category -> exit code when one of its checks failed. The first failing category in this order decides.
EXIT_CODES: dict[str, ExitCode] = {
    INSTALLATION: ExitCode.CONFIGURATION,
    CREDENTIALS: ExitCode.CREDENTIALS,
    ACCESS: ExitCode.ACCESS,
}
#: Check -> category, in the order of the report.
CATEGORIES: dict[str, str] = {
    "binary": INSTALLATION,
    "platform": INSTALLATION,
    "runs": INSTALLATION,
    "version": INSTALLATION,
    "boto3": INSTALLATION,
    "awscrt": INSTALLATION,
    "credentials_found": CREDENTIALS,
    "credentials_accepted": CREDENTIALS,
    "endpoint": ACCESS,
    "bucket": ACCESS,
    "write": ACCESS,
    "cleanup": ACCESS,
}


@dataclass(frozen=True)
class CheckRequest:
    """What to check. Without `bucket` the access checks end at the endpoint; the probe writes only outside `dry_run`.

    `prefix` is empty or ends with a slash.
    """

    connection: Connection = field(default_factory=Connection)
    s5cmd_path: str | None = None
    bucket: str | None = None
    prefix: str = ""
    write_probe: bool = False
    dry_run: bool = False

    @classmethod
    def from_options(cls, options: Mapping[str, Any], dry_run: bool = False) -> CheckRequest:
        """Build from the option names of module s5cmd_info. Raises ConfigurationError naming the option."""
        bucket = bucket_name(options["bucket"]) if options.get("bucket") else None
        write_probe = bool(options.get("write_probe"))
        if write_probe and not bucket:
            raise ConfigurationError("write_probe is set without bucket", "give the bucket to write to")
        return cls(
            connection=Connection.from_options(options),
            s5cmd_path=options.get("s5cmd_path") or None,
            bucket=bucket,
            prefix=key_prefix(options.get("prefix") or ""),
            write_probe=write_probe,
            dry_run=dry_run,
        )


@dataclass(frozen=True)
class Check:
    """One check. `ok` is true only if it ran and passed; a passed check with a `hint` deserves attention.

    A check that could not run is not ok either, but it is no cause: `ran` is false and the exit code ignores it.
    """

    name: str
    category: str
    ok: bool
    message: str
    hint: str = ""
    ran: bool = True

    @property
    def failed(self) -> bool:
        """Whether it ran and found a fault."""
        return self.ran and not self.ok

    def as_dict(self) -> dict[str, Any]:
        """The check in the keys that s5cmd_info returns."""
        return {
            "name": self.name,
            "category": self.category,
            "ok": self.ok,
            "message": self.message,
            "hint": self.hint,
        }


@dataclass(frozen=True)
class Report:
    """All checks in the order of CATEGORIES, and which s5cmd was found: its path, and its version as `2.3.0`."""

    checks: tuple[Check, ...]
    s5cmd_path: str | None = None
    s5cmd_version: str | None = None

    @property
    def failures(self) -> list[Check]:
        """The checks that ran and found a fault."""
        return [check for check in self.checks if check.failed]

    @property
    def exit_code(self) -> int:
        """0, or the exit code of the first failing category."""
        failing = {check.category for check in self.failures}
        return int(next((code for category, code in EXIT_CODES.items() if category in failing), ExitCode.OK))

    def as_dict(self) -> dict[str, Any]:
        """The report as plain JSON types, in the keys that s5cmd_info returns."""
        return {
            "exit_code": self.exit_code,
            "checks": [check.as_dict() for check in self.checks],
            "s5cmd_path": self.s5cmd_path,
            "s5cmd_version": self.s5cmd_version,
        }


class Checklist:
    """The checks while they are made. `wanted` names those of the report, in its order; each is closed once.

    No message shows one of the `secrets`: some servers repeat the access key in their error messages.
    """

    def __init__(self, wanted: list[str]) -> None:
        self._wanted = wanted
        self._checks: dict[str, Check] = {}
        self.secrets: tuple[str, ...] = ()

    def is_ok(self, name: str) -> bool | None:
        """Whether a check passed; None while it is open."""
        return self._checks[name].ok if name in self._checks else None

    def has_failed(self, name: str) -> bool:
        """Whether a check ran and found a fault."""
        return name in self._checks and self._checks[name].failed

    def passed(self, name: str, message: str, hint: str | None = None) -> None:
        """Close a check without a fault; a hint says what deserves attention all the same."""
        self._close(name, True, message, hint)

    def failed(self, name: str, error: DatasyncError) -> None:
        """Close a check with a fault."""
        self._close(name, False, error.message, error.hint)

    def not_checked(self, reason: str, *names: str, hint: str | None = None) -> None:
        """Close those of the checks that are wanted and still open."""
        for name in names:
            if name in self._wanted and name not in self._checks:
                self._close(name, False, f"not checked: {reason}", hint, ran=False)

    def rest_not_checked(self, reason: str) -> None:
        """Close all that are still open."""
        self.not_checked(reason, *self._wanted)

    def report(self, s5cmd_path: str | None, s5cmd_version: str | None) -> Report:
        """All checks that were wanted; every one of them must be closed."""
        return Report(tuple(self._checks[name] for name in self._wanted), s5cmd_path, s5cmd_version)

    def _close(self, name: str, ok: bool, message: str, hint: str | None, ran: bool = True) -> None:
        for secret in self.secrets:
            message = message.replace(secret, "********")
        self._checks[name] = Check(name, CATEGORIES[name], ok, message, hint or "", ran)
