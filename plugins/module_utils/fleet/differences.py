# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The differences between a host and a generation: in words, and as the steps that make them go."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from .generation import ManagedFile
from .steps import Step


class Change(NamedTuple):
    """A difference between the host and a generation. `before` and `after` are texts for a diff, without secrets."""

    path: str
    action: str
    before: str = ""
    after: str = ""

    def __str__(self) -> str:
        return f"{self.action} {self.path}"


@dataclass
class Differences:
    """What applying a generation would change, in words and as steps in their order."""

    changes: list[Change] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    files: list[ManagedFile] = field(default_factory=list)

    def add(self, change: Change, *steps: Step) -> None:
        """One more change."""
        self.changes.append(change)
        self.steps.extend(steps)
