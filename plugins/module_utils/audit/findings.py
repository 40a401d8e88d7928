# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What an audit has found so far, from several threads."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import replace

from ..common.units import counted, format_bytes_si
from .result import FINDINGS, OK, Finding, Result


class Findings:
    """Counts in a result, and lists findings there up to its limit."""

    def __init__(self, result: Result) -> None:
        self.result = result
        self._lock = threading.Lock()
        self._methods: Counter[str] = Counter()

    def ok(self, method: str, size: int) -> None:
        """An object of so many bytes is what it should be, as this method proves."""
        with self._lock:
            self.result.counts[OK] += 1
            self.result.bytes += size
            self._methods[method] += 1

    def add(self, kind: str, finding: Finding) -> None:
        """Something is not as it should be; `kind` is one of FINDINGS."""
        with self._lock:
            self.result.counts[kind] += 1
            if len(self.result.findings[kind]) < self.result.limit:
                self.result.findings[kind].append(finding)

    def as_result(self) -> Result:
        """All that is found by now. A thread that a silent server keeps changes nothing in it any more."""
        with self._lock:
            return replace(
                self.result,
                counts=dict(self.result.counts),
                findings={kind: sorted(found) for kind, found in self.result.findings.items()},
                methods=dict(sorted(self._methods.items())),
            )

    def __str__(self) -> str:
        """For the log, while it goes on."""
        found = sum(self.result.counts[kind] for kind in FINDINGS)
        return f"{self.result.counts[OK]} ok, {format_bytes_si(self.result.bytes)}; {counted(found, 'finding')}"
