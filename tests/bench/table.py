# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What the benchmark concludes from its runs: the ratio of each round, their median, and the table that it prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Callable

from tests.bench.measured import BenchError, Usage

#: Contender -> its runs, in the order of the rounds.
Runs = Mapping[str, Sequence[Usage]]

HEADINGS = ("measure", "ours", "peer", "ratio", "min–max", "limit", "reached", "CPU ratio")


@dataclass(frozen=True)
class Finding:
    """One line of the table. `value` is a ratio, or MB where `unit` says so; all three within one machine and run.

    Without a limit it is there for comparison.

    `cpu_ratio` compares the CPU seconds of both sides, client and server: it moves less with other load than time does.
    """

    measure: str
    ours: str
    peer: str
    value: float
    least: float
    most: float
    limit: float | None
    unit: str = ""
    cpu_ratio: float | None = None
    #: Whether the limit is the least that is wanted, and not the most.
    is_least: bool = False

    @property
    def reached(self) -> bool | None:
        """Whether the limit is kept; None without one."""
        if self.limit is None:
            return None
        return self.value >= self.limit if self.is_least else self.value <= self.limit

    @property
    def cells(self) -> list[str]:
        """The line as texts, under HEADINGS."""
        digits = 0 if self.unit else 2
        value, least, most = (f"{number:.{digits}f}" for number in (self.value, self.least, self.most))
        unit = f" {self.unit}" if self.unit else ""
        bound = "≥ " if self.is_least else ""
        limit = "" if self.limit is None else f"{bound}{self.limit:.{digits}f}{unit}"
        cpu = "" if self.cpu_ratio is None else f"{self.cpu_ratio:.2f}"
        reached = {None: "", True: "yes", False: "NO"}[self.reached]
        return [self.measure, self.ours, self.peer, value + unit, f"{least}–{most}", limit, reached, cpu]


def ratio(measure: str, runs: Runs, ours: str, peer: str, limit: float) -> Finding:
    """How much of the peer's wall time we take: the median over the rounds of the ratio within each round.

    Both ran in the same minute, so that the machine's other load, which differs from round to round, cancels out.
    """
    pairs = list(zip(runs[ours], runs[peer], strict=True))
    ratios = [ours_run.wall_seconds / peer_run.wall_seconds for ours_run, peer_run in pairs]
    return Finding(
        measure,
        f"{_median(runs[ours], lambda usage: usage.wall_seconds):.2f} s",
        f"{_median(runs[peer], lambda usage: usage.wall_seconds):.2f} s",
        median(ratios),
        min(ratios),
        max(ratios),
        limit,
        cpu_ratio=median(ours_run.all_cpu_seconds / peer_run.all_cpu_seconds for ours_run, peer_run in pairs),
    )


def least(measure: str, ours: str, reference: str, shares: Sequence[float], limit: float | None) -> Finding:
    """The median of what was reached of a reference in each round, of which at least `limit` is wanted."""
    return Finding(measure, ours, reference, median(shares), min(shares), max(shares), limit, is_least=True)


def memory(measure: str, runs: Runs, ours: str, limit_mb: float) -> Finding:
    """The peak of our own process, the largest of all rounds. Raises BenchError where the kernel does not tell."""
    peaks = [usage.own_mb for usage in runs[ours] if usage.own_mb is not None]
    if not peaks:
        raise BenchError(f"{measure}: the kernel does not tell, it has no /proc/PID/status")
    return Finding(measure, f"{max(peaks):.0f} MB", "", max(peaks), min(peaks), max(peaks), limit_mb, "MB")


def _median(usages: Sequence[Usage], of: Callable[[Usage], float]) -> float:
    return median(of(usage) for usage in usages)


def findings_table(findings: Sequence[Finding]) -> str:
    """The table of the findings, in Markdown, aligned."""
    return markdown(HEADINGS, [finding.cells for finding in findings])


def usage_table(groups: Mapping[str, Runs]) -> str:
    """What each contender took, medians over the rounds."""
    lines = [
        [group, contender, *_usage_cells(usages)]
        for group, runs in groups.items()
        for contender, usages in runs.items()
        if usages
    ]
    return markdown(
        ("group", "contender", "wall s", "min–max", "CPU s", "server CPU s", "own MB", "with children MB"), lines
    )


def _usage_cells(usages: Sequence[Usage]) -> list[str]:
    walls = [usage.wall_seconds for usage in usages]
    peaks = {
        name: max((peak for usage in usages if (peak := getattr(usage, name)) is not None), default=None)
        for name in ("own_mb", "tree_mb")
    }
    return [
        f"{median(walls):.2f}",
        f"{min(walls):.2f}–{max(walls):.2f}",
        f"{_median(usages, lambda usage: usage.cpu_seconds):.2f}",
        f"{_median(usages, lambda usage: usage.server_seconds):.2f}",
        *("" if peak is None else f"{peak:.0f}" for peak in peaks.values()),
    ]


def markdown(headings: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table that can be read as plain text too: the first two columns to the left, numbers to the right."""
    widths = [max(len(cells[column]) for cells in (headings, *lines)) for column in range(len(headings))]

    def line(cells: Sequence[str]) -> str:
        padded = [
            cell.ljust(width) if column < 1 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return f"| {' | '.join(padded)} |"

    rule = "|".join("-" * (width + 2) if column < 1 else "-" * (width + 1) + ":" for column, width in enumerate(widths))
    return "\n".join([line(headings), f"|{rule}|", *(line(cells) for cells in lines)])


def as_json(usages: Runs) -> dict[str, list[dict[str, float | None]]]:
    """The runs as plain JSON types."""
    return {name: [dict(vars(usage)) for usage in runs] for name, runs in usages.items()}
