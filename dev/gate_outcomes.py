# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What came of the gates: counts, what could not run, the slowest tests; and the summary with its plain last line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import nlargest
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

#: So many of the slowest tests of a gate are named.
SLOWEST = 10


class Counts(NamedTuple):
    """How many passed, failed, and could not run."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def plus(self, other: Counts) -> Counts:
        """The sums."""
        return Counts(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)


class Timed(NamedTuple):
    """A test, and the seconds that it took with its fixtures."""

    seconds: float
    test: str


@dataclass(frozen=True)
class Results:
    """What a gate counts; `not_run` names what could not run, with the reason; `slowest` begins with the slowest."""

    counts: Counts
    not_run: list[str] = field(default_factory=list)
    slowest: list[Timed] = field(default_factory=list)


@dataclass(frozen=True)
class Outcome:
    """What came of a gate."""

    name: str
    results: Results
    seconds: float
    log: str

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return self.results.counts.failed == 0

    @property
    def line(self) -> str:
        """The line of the summary."""
        passed = self.results.counts.passed
        tests = f"  ({passed} tests)" if passed > 1 else ""
        word = ("ok" if passed else "skip") if self.ok else "FAIL"
        return f"{word:<5}{self.name:<26}{self.seconds:6.1f} s{tests}"


def cannot_run(name: str, reason: str) -> Outcome:
    """Something optional that this machine lacks: it is listed and counts as skipped, also in CI."""
    return Outcome(name, Results(Counts(skipped=1), [f"{name}: {reason}"]), 0.0, f"cannot run: {reason}\n")


def count(junit: Path | None, code: int) -> Results:
    """Counts of a finished gate; pytest's report is trusted only as far as its exit code agrees."""
    if junit is None:
        return Results(Counts(passed=1) if code == 0 else Counts(failed=1))
    if not junit.is_file():
        return Results(Counts(failed=1))
    results = read_junit(junit)
    counts = results.counts
    silent_failure = code != 0 and counts.failed == 0
    nothing_ran = code == 0 and counts.passed == 0
    if silent_failure or nothing_ran:
        counts = counts.plus(Counts(failed=1))
    return Results(counts, results.not_run, results.slowest)


def read_junit(report: Path) -> Results:
    """What a pytest report says."""
    counts, not_run, timed = Counts(), [], []
    for case in ElementTree.parse(report).getroot().iter("testcase"):  # noqa: S314 - we wrote it
        name = f"{case.get('classname')}::{case.get('name')}"
        timed.append(Timed(float(case.get("time", 0)), name))
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            counts = counts.plus(Counts(failed=1))
        elif skipped is not None:
            counts = counts.plus(Counts(skipped=1))
            not_run.append(f"{name}: {skipped.get('message')}")
        else:
            counts = counts.plus(Counts(passed=1))
    return Results(counts, not_run, nlargest(SLOWEST, timed))


def report(outcomes: Sequence[Outcome]) -> int:
    """Print what failed in full, the summary, what could not run, and the closing line; returns the exit code."""
    for outcome in outcomes:
        if not outcome.ok:
            print(f"\n{'=' * 30} {outcome.name} {'=' * 30}\n{outcome.log}")
    _print_slowest(outcomes)
    print("\nSummary")
    for outcome in outcomes:
        print(outcome.line)
    not_run = [line for outcome in outcomes for line in outcome.results.not_run]
    if not_run:
        print("\nCould not run on this machine:")
        for line in not_run:
            print(f"  {line}")
    total = Counts()
    for outcome in outcomes:
        total = total.plus(outcome.results.counts)
    skipped = f", {total.skipped} skipped" if total.skipped else ""
    print(f"\n{total.passed} passed, {total.failed} failed{skipped}", flush=True)
    return 1 if total.failed or not total.passed else 0


def _print_slowest(outcomes: Sequence[Outcome]) -> None:
    for outcome in outcomes:
        if outcome.results.slowest:
            print(f"\nSlowest of {outcome.name}")
            for seconds, test in outcome.results.slowest:
                print(f"{seconds:7.1f} s  {test}")
