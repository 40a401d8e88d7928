# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The search for the settings that suit a host and its link, for each class of files, inside a budget.

Successive halving (Jamieson and Talwalkar, https://arxiv.org/abs/1502.07943): every candidate is measured, the better
half again, and so on until one is left. That one then meets the defaults in pairs of fresh measurements, because the
best of many was also lucky. It counts only if the whole confidence interval shows that it is faster; else the defaults
stay. Pure: whoever calls it measures.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from statistics import fmean, median
from typing import Any, Callable, NamedTuple

from ..common.errors import DatasyncError
from ..common.threads import nothing
from .classes import DEFAULTS, Settings
from .statistics import Ratio, paired_ratio

#: Pairs of the final, where the budget allows them, and the fewest that are worth the while: with two, Student's
#: interval is so wide that it hardly ever shows anything.
PAIRS = 8
ENOUGH_PAIRS = 5
FEWEST_PAIRS = 3
#: How often a candidate is measured in a rung, but for the first, where it is once.
REPEATS = 2

WARM_UP, FINAL = "warm-up", "final"


class TrialFailed(Exception):
    """An upload with these settings failed. `str()` says why."""


#: Uploads a sample of a class with these settings, in so many seconds. The number tells trials of a class apart.
#: Raises TrialFailed; a DatasyncError ends the tuning.
Measure = Callable[[str, Settings, int], float]


@dataclass(frozen=True)
class Subject:
    """A class of files, the settings to try, the defaults among them, and the bytes of one upload of its sample."""

    file_class: str
    candidates: Sequence[Settings]
    sample_bytes: int


@dataclass(frozen=True)
class Budget:
    """What a tuning may take. An upload that has begun is let to its end."""

    seconds: float
    size: int


class Trial(NamedTuple):
    """One upload. `seconds` is None if it failed, and `failed` says why."""

    settings: Settings
    rung: str
    seconds: float | None
    failed: str = ""


@dataclass
class ClassTuning:
    """What was found for a class. `settings` are those in force, `best` those that the search found best, if any.

    `complete`: the search came to its end, whatever it showed.
    """

    sample_bytes: int
    settings: Settings = DEFAULTS
    best: Settings = DEFAULTS
    shown: bool = False
    complete: bool = False
    ratio: Ratio | None = None
    reason: str = "not measured: the budget or the tuning ended before; the defaults stay"
    trials: list[Trial] = field(default_factory=list)

    @property
    def gain_percent(self) -> float:
        """How much less time the settings in force take than the defaults, by the ratio of the final."""
        return round((1 - self.ratio.ratio) * 100, 1) if self.shown and self.ratio and self.ratio.ratio else 0.0

    def as_dict(self) -> dict[str, Any]:
        """In the form of the result."""
        ratio = self.ratio or Ratio(None, None, None, 0, "")
        return {
            "settings": self.settings.as_dict(),
            "best": self.best.as_dict(),
            "defaults": DEFAULTS.as_dict(),
            "shown": self.shown,
            "complete": self.complete,
            "gain_percent": self.gain_percent,
            "ratio": _rounded(ratio.ratio),
            "low": _rounded(ratio.low),
            "high": _rounded(ratio.high),
            "pairs": ratio.pairs,
            "reason": self.reason,
            "sample_bytes": self.sample_bytes,
            "trials": [self._trial(trial) for trial in self.trials],
        }

    def _trial(self, trial: Trial) -> dict[str, Any]:
        told: dict[str, Any] = {"settings": trial.settings.as_dict(), "rung": trial.rung}
        if trial.seconds is None:
            return {**told, "failed": trial.failed}
        speed = round(self.sample_bytes / trial.seconds) if trial.seconds else None
        return {**told, "seconds": round(trial.seconds, 3), "bytes_per_second": speed}


@dataclass
class TuningResult:
    """All classes, what was used of the budget, and what ended the tuning early. `about` tells of host and link."""

    classes: dict[str, ClassTuning]
    budget: Budget
    measured: str
    about: Mapping[str, Any]
    used_seconds: float = 0.0
    used_size: int = 0
    stopped_by: DatasyncError | None = None

    def as_dict(self) -> dict[str, Any]:
        """In the form of the result; see `docs/tuning.md`."""
        return {
            **self.about,
            "measured": self.measured,
            "classes": {name: one.as_dict() for name, one in self.classes.items()},
            "budget": {
                "seconds": self.budget.seconds,
                "bytes": self.budget.size,
                "used_seconds": round(self.used_seconds, 1),
                "used_bytes": self.used_size,
            },
            "stopped": str(self.stopped_by) if self.stopped_by else "",
        }


def tune(
    subjects: Sequence[Subject],
    measure: Measure,
    budget: Budget,
    *,
    about: Mapping[str, Any] | None = None,
    say: Callable[[str], None] = nothing,
    clock: Callable[[], float] = time.monotonic,
) -> TuningResult:
    """Look for better settings than the defaults. A DatasyncError of `measure` ends it; what was found by then stays.

    Classes share the budget by the bytes of their samples, so that each gets as many trials. `say` hears what an
    operator may like to know; `about` goes into the result.
    """
    classes = {subject.file_class: ClassTuning(subject.sample_bytes) for subject in subjects}
    measured = datetime.now().astimezone().isoformat(timespec="seconds")
    result = TuningResult(classes, budget, measured, about or {})
    began = clock()
    try:
        for number, subject in enumerate(subjects):
            left = sum(one.sample_bytes for one in subjects[number:])
            part = subject.sample_bytes / left if left else 1.0
            seconds = (budget.seconds - (clock() - began)) / (len(subjects) - number)
            purse = Budget(seconds, int((budget.size - result.used_size) * part))
            search = _Search(subject, measure, purse, classes[subject.file_class], clock)
            try:
                search.run()
            finally:
                result.used_size += search.used_size
            say(f"{subject.file_class} files: {classes[subject.file_class].reason}")
    except DatasyncError as error:
        result.stopped_by = error
    result.used_seconds = clock() - began
    return result


class _Search:
    """The search for one class, which it writes into `found`."""

    def __init__(
        self, subject: Subject, measure: Measure, budget: Budget, found: ClassTuning, clock: Callable[[], float]
    ) -> None:
        self._subject = subject
        self._measure = measure
        self._budget = budget
        self._found = found
        self._clock = clock
        self._began = clock()
        #: Seconds that each trial took, with what the caller does besides, such as removing what was uploaded.
        self._durations: list[float] = []
        self.used_size = 0

    def run(self) -> None:
        found = self._found
        if not self._affordable:
            return
        if self._try(DEFAULTS, WARM_UP) is None:
            found.reason = f"with the defaults an upload failed: {found.trials[-1].failed}; the defaults stay"
            return
        if self._affordable < 2 * FEWEST_PAIRS + 2:
            found.reason = (
                f"the budget allows {self._affordable} uploads more, too few to show anything; the defaults stay"
            )
            return
        best = self._search()
        if best is None:
            failed = [trial.failed for trial in found.trials if trial.failed]
            why = f"uploads failed: {failed[-1]}" if failed else "the budget ended before"
            found.reason = f"the search came to no end: {why}; the defaults stay"
            return
        found.best = best
        if best == DEFAULTS:
            found.complete = True
            found.reason = "no other settings were faster in the search; the defaults stay"
            return
        self._final(best)

    # --- the rungs

    def _search(self) -> Settings | None:
        """The candidate that is left in the end; None if the budget ended before."""
        reserved = 2 * ENOUGH_PAIRS if self._affordable > 4 * ENOUGH_PAIRS else 2 * FEWEST_PAIRS
        pool = thinned(self._subject.candidates, self._affordable - reserved)
        times: dict[Settings, list[float]] = {settings: [] for settings in pool}
        rung = 0
        while len(pool) > 1:
            rung += 1
            if not self._measure_all(pool, rung, times):
                return None
            # Sorting keeps the order of equals, and the defaults are the first.
            good = sorted((one for one in pool if one in times), key=lambda one: median(times[one]))
            pool = good[: -(-len(pool) // 2)]
        return pool[0] if pool else None

    def _measure_all(self, pool: Sequence[Settings], rung: int, times: dict[Settings, list[float]]) -> bool:
        """Measure each of the pool, unless the budget ends. Those that fail leave `times`.

        Each time another one begins, so that what changes meanwhile is nobody's gain.
        """
        for repeat in range(_repeats(rung)):
            begin = (rung + repeat) % len(pool)
            for settings in (*pool[begin:], *pool[:begin]):
                if settings not in times:
                    continue
                if self._affordable < 1:
                    return False
                seconds = self._try(settings, str(rung))
                if seconds is None:
                    del times[settings]
                else:
                    times[settings].append(seconds)
        return True

    # --- the final

    def _final(self, best: Settings) -> None:
        """Pairs of uploads with both; how many is decided before the first, or else chance would decide."""
        found = self._found
        pairs = min(PAIRS, self._affordable // 2)
        if pairs < FEWEST_PAIRS:
            found.reason = f"the budget ended before {FEWEST_PAIRS} pairs could be measured; the defaults stay"
            return
        ours: list[float | None] = []
        theirs: list[float | None] = []
        for number in range(pairs):
            if self._affordable < 2:
                break
            first, second = (best, DEFAULTS) if number % 2 else (DEFAULTS, best)
            seconds = {first: self._try(first, FINAL), second: self._try(second, FINAL)}
            if seconds[best] is None:
                failed = next(trial.failed for trial in reversed(found.trials) if trial.failed)
                found.reason = f"the best settings failed in the final: {failed}; the defaults stay"
                return
            ours.append(seconds[best])
            theirs.append(seconds[DEFAULTS])
        self._judge(best, paired_ratio(ours, theirs))

    def _judge(self, best: Settings, ratio: Ratio) -> None:
        found = self._found
        found.ratio = ratio
        if ratio.ratio is None or ratio.low is None or ratio.high is None or ratio.pairs < FEWEST_PAIRS:
            found.reason = f"only {ratio.pairs} pairs of the final were good; the defaults stay"
            return
        found.complete = True
        interval = f"{ratio.ratio:.3f} ({ratio.low:.3f} to {ratio.high:.3f}) in {ratio.pairs} pairs"
        if ratio.high < 1:
            found.shown, found.settings = True, best
            found.reason = f"faster than the defaults: ratio of times {interval}"
        else:
            found.reason = f"no gain is shown: ratio of times {interval}; the defaults stay"

    # --- trials and the budget

    def _try(self, settings: Settings, rung: str) -> float | None:
        """One upload; None if it failed."""
        began = self._clock()
        self.used_size += self._subject.sample_bytes
        try:
            seconds = self._measure(self._subject.file_class, settings, len(self._found.trials))
            self._found.trials.append(Trial(settings, rung, seconds))
            return seconds
        except TrialFailed as error:
            self._found.trials.append(Trial(settings, rung, None, str(error)))
            return None
        finally:
            self._durations.append(self._clock() - began)

    @property
    def _affordable(self) -> int:
        """Uploads that still fit into the budget, by how long they took so far."""
        by_bytes = (self._budget.size - self.used_size) // max(1, self._subject.sample_bytes)
        left = self._budget.seconds - (self._clock() - self._began)
        duration = fmean(self._durations) if self._durations else 0.0
        if left <= 0:
            return 0
        return max(0, min(by_bytes, int(left / duration) if duration else by_bytes))


def thinned(candidates: Sequence[Settings], trials: int) -> list[Settings]:
    """So many candidates that their search takes no more than so many trials: the defaults, and others all along.

    At least two: else there would be no search.
    """
    others = [settings for settings in candidates if settings != DEFAULTS]
    wanted = max([1, *(number for number in range(1, len(others) + 1) if search_trials(number + 1) <= trials)])
    if wanted < len(others):
        step = len(others) / wanted
        others = [others[int((number + 0.5) * step)] for number in range(wanted)]
    return [DEFAULTS, *others]


def search_trials(candidates: int) -> int:
    """How many trials the search among so many candidates takes."""
    trials, rung = 0, 1
    while candidates > 1:
        trials += candidates * _repeats(rung)
        candidates, rung = -(-candidates // 2), rung + 1
    return trials


def _repeats(rung: int) -> int:
    return 1 if rung == 1 else REPEATS


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
