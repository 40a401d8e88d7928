# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What an audit is asked for."""

from __future__ import annotations

from dataclasses import dataclass

from ..common.errors import ConfigurationError

#: Where an audit may learn what must be in the bucket.
SOURCES = ("tree", "state", "manifest")
#: Findings of each kind that are listed; all are counted.
DEFAULT_LIMIT = 1000


@dataclass(frozen=True)
class AuditRequest:
    """What an audit compares with the bucket, and what it may do. `manifest` is the path of one, for its source.

    `dry_run`: attach nothing. `limit` is the number of findings of each kind that are listed.
    """

    source: str = "tree"
    manifest: str | None = None
    attach_sha256: bool = False
    allow_download: bool = False
    fail_on_extra: bool = False
    limit: int = DEFAULT_LIMIT
    dry_run: bool = False

    def __post_init__(self) -> None:
        if self.source not in SOURCES:
            raise ConfigurationError(f"source {self.source!r} is not known", f"one of {', '.join(SOURCES)}")
        if (self.source == "manifest") != bool(self.manifest):
            raise ConfigurationError("manifest and source=manifest go together", "give both or neither")
        if self.limit < 0:
            raise ConfigurationError(f"limit {self.limit} is negative", "give the number of findings to list")

    @property
    def copies(self) -> bool:
        """Whether objects may be copied onto themselves."""
        return self.attach_sha256 and not self.dry_run
