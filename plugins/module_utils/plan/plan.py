# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The plan: what a run has to do, as the comparison of source, records and bucket found it.

Nothing here grows with the number of files that need nothing: they are counted and forgotten.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..common.problems import Problem, printable
from ..job.job import Job
from ..job.local_file import LocalFile
from ..proof.verify import Verdict
from ..report.result import Reconciliation
from ..s3.listing import StoredObject
from .uploads import Uploads


class Present(NamedTuple):
    """A file that is stored already and could not be proven when it was compared to know."""

    file: LocalFile
    verdict: Verdict


@dataclass
class Plan:
    """What a run has to do.

    `unchanged` files, of `unchanged_bytes`, are stored already. Of those, `present` are still to be proven and `proven`
    counts by method those that were proven while they were compared, both only where all is proven; `unproven` could
    not be. `deferred` are paths of files that wait for the next run; the youngest of them has settled at `settled_at`,
    in seconds since the epoch. `remote_objects` are under the prefix before the
    run, `deletable_objects` those of them that belong to the job. `listed`: every file was compared with a listing.
    `swept`: objects without a file were looked for. `leaves_suspects`: files that are left out now may have been stored
    without a proof.
    """

    uploads: Uploads
    present: Uploads
    unchanged: int = 0
    unchanged_bytes: int = 0
    proven: Counter[str] = field(default_factory=Counter)
    unproven: list[Present] = field(default_factory=list)
    deletions: list[StoredObject] = field(default_factory=list)
    deletable_objects: int = 0
    problems: list[Problem] = field(default_factory=list)
    deferred: list[str] = field(default_factory=list)
    settled_at: float = 0.0
    skipped: int = 0
    elsewhere: int = 0
    remote_objects: int = 0
    listed: bool = False
    reconciled: Reconciliation | None = None
    swept: bool = False
    leaves_suspects: bool = False

    @classmethod
    def nothing(cls, job: Job) -> Plan:
        """A plan without a file."""
        return cls(Uploads(job.src, job.prefix), Uploads(job.src, job.prefix))

    @property
    def source_bytes(self) -> int:
        """Bytes of all files that belong to the job and can be stored."""
        return self.uploads.size + self.unchanged_bytes

    @property
    def source_files(self) -> int:
        """Number of files that belong to the job and can be stored."""
        return len(self.uploads) + self.unchanged

    @property
    def source_is_empty(self) -> bool:
        """Whether the source holds no file at all, of this job, of another shard, or left out."""
        return not (self.source_files or self.skipped or self.elsewhere or self.deferred)

    def uploads_as_dicts(self) -> list[dict[str, Any]]:
        """The uploads as plain JSON types: path relative to the source, key, size in bytes, reason."""
        return [
            {
                "path": printable(upload.file.relative),
                "key": upload.file.key,
                "size": upload.file.identity.size,
                "reason": upload.reason,
            }
            for upload in self.uploads
        ]
