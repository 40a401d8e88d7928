# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What an audit found, in the form that the program prints and the module returns."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..common.errors import ExitCode
from ..common.units import counted, format_bytes_si

OK, MISSING, EXTRA, DIFFERS, UNVERIFIABLE = "ok", "missing", "extra", "differs", "unverifiable"
#: The kinds of findings, in the order in which people want to see them.
FINDINGS = (DIFFERS, MISSING, UNVERIFIABLE, EXTRA)


class Finding(NamedTuple):
    """Something that is not as it should be. `path` relative to the source and printable, `key` '' where there is none.

    `method` is how it was found, '' where nothing could be compared.
    """

    path: str
    key: str
    method: str
    message: str


@dataclass
class Result:
    """What an audit found. `counts` has every kind, the lists of `findings` hold up to `limit` of each.

    `methods` counts proven objects by method, `bytes` are theirs. `deferred` files wait for the next upload. `attached`
    objects got a SHA256, or were copied in vain. `error` is what ended the audit early.
    """

    timestamp: str
    source: str
    compared: str
    destination: str
    algorithm: str
    limit: int
    fail_on_extra: bool
    duration_seconds: float = 0.0
    status: str = "success"
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys((OK, *FINDINGS), 0))
    findings: dict[str, list[Finding]] = field(default_factory=lambda: {kind: [] for kind in FINDINGS})
    methods: dict[str, int] = field(default_factory=dict)
    bytes: int = 0
    objects: int = 0
    skipped: int = 0
    deferred: int = 0
    in_other_shards: int = 0
    attached: int = 0
    bytes_downloaded: int = 0
    error: str = ""
    exit_code: int = 0
    host: str = field(default_factory=socket.gethostname)

    def as_dict(self) -> dict[str, Any]:
        """The result as plain JSON types, with a list of its own for each kind of finding."""
        values = {name: value for name, value in vars(self).items() if name != "findings"}
        return {**values, **{kind: [finding._asdict() for finding in self.findings[kind]] for kind in FINDINGS}}

    @property
    def failed(self) -> list[str]:
        """The kinds of findings that make this audit fail and were found."""
        kinds = FINDINGS if self.fail_on_extra else FINDINGS[:-1]
        return [kind for kind in kinds if self.counts[kind]]

    @property
    def summary(self) -> str:
        """All in one line, for people."""
        found = ", ".join(f"{self.counts[kind]} {kind}" for kind in FINDINGS if self.counts[kind])
        methods = ", ".join(f"{count} by {method}" for method, count in self.methods.items())
        return (
            f"{self.status}: {counted(self.counts[OK], 'object')} ok, {format_bytes_si(self.bytes)}"
            f"{f' ({methods})' if methods else ''}{f'; {found}' if found else ''}, in {self.duration_seconds} s"
            f"{f', exit code {self.exit_code}' if self.exit_code else ''}"
        )

    def code_of_findings(self) -> int:
        """The exit code as far as the findings decide."""
        if self.counts[DIFFERS]:
            return int(ExitCode.CHECKSUM)
        return int(ExitCode.INCOMPLETE if self.failed else ExitCode.OK)
