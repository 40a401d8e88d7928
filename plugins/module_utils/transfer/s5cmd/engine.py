# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""s5cmd as an engine: which binary sends the files of a job."""

from __future__ import annotations

from typing import NamedTuple

from ...install.binary import Version, find_binary, read_version, require_usable
from ..engine import Assignment
from ..liveness import Liveness
from .sender import S5cmdSender


class S5cmdEngine(NamedTuple):
    """The s5cmd at the path `binary`."""

    binary: str
    installed: Version

    @classmethod
    def found(cls, path: str | None) -> S5cmdEngine:
        """The one at this path, or on PATH. Raises InstallationError if there is none, or if it does not run."""
        binary = find_binary(path)
        return cls(binary, read_version(binary))

    @property
    def name(self) -> str:
        """See Engine."""
        return "s5cmd"

    @property
    def version(self) -> str:
        """See Engine."""
        return self.installed.text

    def require_usable(self) -> None:
        """See Engine."""
        require_usable(self.installed)

    def sender(self, assignment: Assignment, liveness: Liveness) -> S5cmdSender:
        """See Engine."""
        return S5cmdSender(self.binary, assignment, liveness)
