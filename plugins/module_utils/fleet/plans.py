# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What a run of a host's job would do, asked of the host program: as the service user, with the job's own settings."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Callable

from ..common import commands
from ..common.commands import CommandError, CommandTimedOut, Completed, last_words
from ..common.errors import ExitCode
from ..common.object_diff import StoredLine, object_diff
from .generation import JobOnHost
from .runs import reasons_of
from .status import shortened

#: Uploads and deletions that are listed for a job; a first run of a large tree has millions.
LISTED = 1000


RunCommand = Callable[[Sequence[str], float], Completed]


@dataclass(frozen=True)
class Planned:
    """What a run would do. `uploads` and `deletions` list the first LISTED of `upload_count` and `deletion_count`.

    `reasons` say why a run would not succeed, or why the plan could not be made; `result` is None in that case.
    """

    job: str
    exit_code: int
    result: dict[str, Any] | None = None
    uploads: list[dict[str, Any]] = field(default_factory=list)
    upload_count: int = 0
    upload_bytes: int = 0
    deletions: list[str] = field(default_factory=list)
    deletion_count: int = 0
    reasons: list[str] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        """Whether a run would not succeed."""
        return self.exit_code != ExitCode.OK

    @property
    def changed(self) -> bool:
        """Whether a run would store or delete anything."""
        return self.upload_count + self.deletion_count > 0

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {**asdict(self), "failed": self.failed, "changed": self.changed}


def run_command(command: Sequence[str], timeout: float) -> Completed:
    """Run a command for at most `timeout` seconds; a failure to run it is an exit status like any other."""
    try:
        return commands.run(command, timeout, folder="/")
    except CommandTimedOut:
        return Completed(int(ExitCode.INCOMPLETE), "", f"no answer after {timeout:g} seconds")
    except CommandError as error:
        return Completed(int(error.exit_code), "", str(error))


def planned(
    job: JobOnHost, command: str, timeout: float, *, checks: bool = False, run: RunCommand = run_command
) -> Planned:
    """What a run of the job would do. With `checks` s5cmd, credentials and bucket are tried first.

    The state file of a job can make a plan that asks the bucket nothing; the checks always ask.
    """
    options = ["--check"] if checks else []
    printed = run([command, "plan", *options, "--json", "--quiet", "--config", job.config], timeout)
    values = _json(printed)
    if values is None:
        return _unusable(job, printed)
    if "checks" in values:
        return _failed_checks(job, values, printed.returncode)
    uploads, keys = list(values.pop("uploads", ())), list((values.get("deletions") or {}).pop("keys", ()))
    refused = bool((values.get("deletions") or {}).get("refused"))
    result = shortened(values)
    return Planned(
        job=job.name,
        exit_code=printed.returncode,
        result=result,
        uploads=uploads[:LISTED],
        upload_count=len(uploads),
        upload_bytes=sum(int(upload.get("size") or 0) for upload in uploads),
        deletions=[] if refused else keys[:LISTED],
        deletion_count=0 if refused else len(keys),
        reasons=reasons_of(result) if printed.returncode else [],
    )


def diff(plan: Planned) -> dict[str, str]:
    """Ansible's diff of a plan: a line for each object that would be stored, replaced or deleted."""
    stored = (
        StoredLine(str(upload.get("key")), int(upload.get("size") or 0), str(upload.get("reason")))
        for upload in plan.uploads
    )
    hidden = plan.upload_count - len(plan.uploads)
    destination = str((plan.result or {}).get("destination", ""))
    return object_diff(f"{plan.job}: {destination}", stored, plan.deletions, planned=True, hidden=hidden)


def _failed_checks(job: JobOnHost, values: Mapping[str, Any], exit_status: int) -> Planned:
    # What could not be checked, because an earlier check failed, is no reason of its own.
    failed = [
        f"{check.get('message', '')} ({check['hint']})" if check.get("hint") else str(check.get("message", ""))
        for check in values["checks"]
        if not check.get("ok") and not str(check.get("message", "")).startswith("not checked:")
    ]
    return Planned(job.name, exit_status, reasons=failed)


def _unusable(job: JobOnHost, printed: Completed) -> Planned:
    said = (printed.stderr or printed.stdout).strip()
    reason = last_words(printed) if said else "it printed no result"
    return Planned(job.name, printed.returncode or int(ExitCode.CONFIGURATION), reasons=[reason])


def _json(printed: Completed) -> dict[str, Any] | None:
    try:
        values = json.loads(printed.stdout)
    except ValueError:
        return None
    return values if isinstance(values, dict) else None


def plan_all(
    jobs: Sequence[JobOnHost], command: str, timeout: float, *, checks: bool = False
) -> tuple[list[Planned], list[Mapping[str, str]]]:
    """The plans of the jobs, one after the other, and their diffs; a plan that fails does not keep the others."""
    plans = [planned(job, command, timeout, checks=checks) for job in jobs]
    return plans, [diff(plan) for plan in plans if plan.changed]
