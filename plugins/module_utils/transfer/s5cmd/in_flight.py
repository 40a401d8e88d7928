# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The uploads that s5cmd was given and has not reported yet."""

from __future__ import annotations

from collections.abc import Iterator

from ...job.job import Job
from ..hand_over import Prepared
from .commands import destination
from .events import Event


class InFlight:
    """Those of one s5cmd, by the path of their source."""

    def __init__(self, job: Job, *prepared: Prepared) -> None:
        self._job = job
        self._by_source = {one.source: one for one in prepared}

    def __len__(self) -> int:
        return len(self._by_source)

    def __iter__(self) -> Iterator[Prepared]:
        return iter(self._by_source.values())

    def add(self, prepared: Prepared) -> None:
        """It was handed over."""
        self._by_source[prepared.source] = prepared

    def take_away(self) -> list[Prepared]:
        """All that are left; none is in flight any more."""
        left, self._by_source = list(self), {}
        return left

    def take_reported(self, event: Event) -> Prepared | None:
        """The upload that an event is about, which is in flight no more; None if it is about none of them."""
        prepared = self._addressed(event)
        return self._by_source.pop(prepared.source) if prepared else None

    def _addressed(self, event: Event) -> Prepared | None:
        if event.success:
            prepared = self._by_source.get(event.source)
            return prepared if prepared and destination(self._job, prepared.key) == event.destination else None
        # A failure shows its command unquoted, so the longest match counts.
        matches = [
            prepared
            for prepared in self
            if event.command.endswith(f" {prepared.source} {destination(self._job, prepared.key)}")
        ]
        return max(matches, key=lambda prepared: len(prepared.source), default=None)
