# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What a run found: problems while it goes, and at the end the result in the form that sites and modules read."""

from __future__ import annotations

import json
import socket
import time
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ..common import files
from ..common.errors import DatasyncError, ExitCode
from ..common.problems import Kind, Problem
from ..common.units import format_size, timestamp

#: Problems that a result names. A share that vanished has a million, and whoever reads the result reads it whole.
MAX_PROBLEMS = 1000


@dataclass
class ChecksumVerification:
    """How the content was proven. `methods` counts objects by method; `errors` counts objects that differ.

    `scope` is what was to be proven: `none`, the objects `uploaded` in this run, or `all`. `verified` is true only if
    every object in scope was proven by content; a run that had nothing to upload has none in scope `uploaded`.
    """

    enabled: bool
    algorithm: str
    scope: str = "uploaded"
    verified: bool = False
    errors: int = 0
    unverified: int = 0
    methods: dict[str, int] = field(default_factory=dict)


@dataclass
class Deletions:
    """What became of objects whose files are gone. `refused` is why nothing was deleted, '' if nothing was refused.

    `delete_markers`: the bucket keeps versions, so the objects were hidden, not destroyed.
    """

    planned: int = 0
    deleted: int = 0
    refused: str = ""
    delete_markers: bool = False


@dataclass
class Reconciliation:
    """What a comparison of the state file with the bucket found: objects that vanished, or that others replaced."""

    missing: int = 0
    different: int = 0


@dataclass
class Result:
    """The result of a run, in the keys that the sites' scripts read (docs/s5cmd-guide.md lists them).

    `throughput_mbps` is megabytes (10^6 bytes) per second, `source_size` is as `du -h` prints it.
    """

    timestamp: str
    duration_seconds: float
    files_synced: int
    bytes_transferred: int
    source_size: str
    s3_objects: int
    status: str
    tool: str
    tool_version: str
    throughput_mbps: float
    source: str
    destination: str
    dry_run: bool
    checksum_verification: ChecksumVerification
    problems: list[Problem]
    exit_code: int
    host: str = field(default_factory=socket.gethostname)
    source_files: int = 0
    files_unchanged: int = 0
    files_skipped: int = 0
    files_deferred: int = 0
    files_in_other_shards: int = 0
    compare: str = "remote"
    deletions: Deletions = field(default_factory=Deletions)
    reconciled: Reconciliation | None = None
    files_moved: int = 0
    files_removed: int = 0
    manifest: str | None = None
    #: Bytes per second; None without a limit.
    bandwidth_limit: int | None = None
    #: The tuning file with the settings of each class of files; None where no tuning decides.
    tuning: dict[str, Any] | None = None

    @property
    def did_nothing(self) -> bool:
        """Whether all was well, and bucket and folder are as they were."""
        did = self.files_synced or self.deletions.deleted or self.files_moved or self.files_removed
        return not (did or self.exit_code)

    def repeats(self, earlier: Result) -> bool:
        """Whether this tells nothing of note that the result of an earlier run did not tell."""
        return self.did_nothing and self.files_deferred == earlier.files_deferred

    def as_dict(self) -> dict[str, Any]:
        """The result as plain JSON types. MAX_PROBLEMS of the problems are named, `problems_total` counts all."""
        named, total = self._named_problems(), len(self.problems)
        values = asdict(replace(self, problems=[]))
        values.update(problems=[problem._asdict() for problem in named], problems_total=total)
        return values

    def _named_problems(self) -> list[Problem]:
        if len(self.problems) <= MAX_PROBLEMS:
            return self.problems
        # Many of a kind have one cause. What tells it is rare: why the run ended, that the source was lost.
        often = Counter(problem.kind for problem in self.problems)
        rarest_first = sorted(self.problems, key=lambda problem: (problem.path != "", often[problem.kind]))
        return rarest_first[:MAX_PROBLEMS]

    def as_json(self) -> str:
        """The result as indented JSON text that ends in a newline."""
        return json.dumps(self.as_dict(), indent=2, ensure_ascii=False) + "\n"


def not_begun(error: DatasyncError, source: str = "") -> Result:
    """The result of a run that could not even begin."""
    return Result(
        timestamp=timestamp(time.time()),
        duration_seconds=0.0,
        files_synced=0,
        bytes_transferred=0,
        source_size=format_size(0),
        s3_objects=0,
        status="failed",
        tool="s5cmd",
        tool_version="",
        throughput_mbps=0.0,
        source=source,
        destination="",
        dry_run=False,
        checksum_verification=ChecksumVerification(enabled=False, algorithm="", scope="none"),
        problems=[Problem("", Kind.RUN, str(error))],
        exit_code=int(error.exit_code),
    )


def exit_code_of(problems: list[Problem], stopped_by: int | None = None) -> int:
    """The exit code for the problems of a run; `stopped_by` is the code of the error that ended it, if one did."""
    if stopped_by is not None:
        return stopped_by
    if any(problem.kind == Kind.CHECKSUM for problem in problems):
        return int(ExitCode.CHECKSUM)
    return int(ExitCode.INCOMPLETE if problems else ExitCode.OK)


def write_json(path: str, result: Result) -> None:
    """Write the result to `path` so that a reader sees the old or the new one, never half of it.

    Raises ConfigurationError when the folder cannot be written.
    """
    with files.explained(f"the result to {path!r}", "check result_path and its folder"):
        files.write(path, result.as_json())
