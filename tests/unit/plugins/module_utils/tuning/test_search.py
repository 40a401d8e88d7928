# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The search finds what is faster, keeps to its budget, and leaves the defaults where it shows nothing.

A host is a function here from settings to seconds, and its clock is that of the test.
"""

from __future__ import annotations

import random

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import Interrupted
from ansible_collections.datasync.turbo.plugins.module_utils.common.units import MIB
from ansible_collections.datasync.turbo.plugins.module_utils.tuning.classes import DEFAULTS, Settings
from ansible_collections.datasync.turbo.plugins.module_utils.tuning.search import (
    ENOUGH_PAIRS,
    FINAL,
    PAIRS,
    WARM_UP,
    Budget,
    Subject,
    TrialFailed,
    search_trials,
    thinned,
    tune,
)
from hypothesis import given
from hypothesis import strategies as st

MB = 1_000_000
OTHERS = [Settings(workers, 4, part * MIB) for workers in (2, 4, 8, 16, 64) for part in (8, 64)]
CANDIDATES = [DEFAULTS, *OTHERS]
BEST = Settings(8, 4, 64 * MIB)
PLENTY = Budget(1e6, 10**15)


class Host:
    """Takes `seconds` for the settings that a test names, else 10, each time with some chance; notes what it did."""

    def __init__(self, seconds, noise=0.01, overhead=1.0, seed=1):
        self.seconds = seconds
        self.noise = noise
        self.overhead = overhead
        self.random = random.Random(seed)
        self.now = 1000.0
        self.done = []
        self.fails = {}
        self.stop_after = None

    def measure(self, file_class, settings, number):
        if self.stop_after is not None and len(self.done) >= self.stop_after:
            raise Interrupted(15)
        self.done.append((file_class, settings, number))
        if settings in self.fails:
            self.now += 1
            raise TrialFailed(self.fails[settings])
        seconds = self.seconds.get(settings, 10.0) * self.random.lognormvariate(0, self.noise)
        self.now += seconds + self.overhead
        return seconds

    def tune(self, *classes, budget=PLENTY, candidates=CANDIDATES, sample=MB):
        subjects = [Subject(name, candidates, sample) for name in classes or ("large",)]
        return tune(subjects, self.measure, budget, clock=lambda: self.now)


def rungs(found):
    return [trial.rung for trial in found.trials]


def test_settings_that_are_faster_replace_the_defaults_with_the_evidence():
    found = Host({BEST: 7.0}).tune().classes["large"]
    assert (found.shown, found.complete, found.settings, found.best) == (True, True, BEST, BEST)
    assert found.ratio.high < 1
    assert found.ratio.pairs == PAIRS
    assert found.gain_percent == pytest.approx(30, abs=2)
    assert found.reason.startswith("faster than the defaults: ratio of times 0.")


def test_the_result_tells_all_of_it():
    host = Host({BEST: 7.0})
    result = host.tune("large")
    told = result.as_dict()
    one = told["classes"]["large"]
    assert one["settings"] == one["best"] == {"numworkers": 8, "concurrency": 4, "part_size": 64}
    assert one["defaults"] == {"numworkers": 32, "concurrency": 4, "part_size": 8}
    assert one["low"] < one["ratio"] < one["high"] < 1
    assert len(one["trials"]) == len(host.done)
    assert one["trials"][0]["rung"] == "warm-up"
    assert one["trials"][0]["bytes_per_second"] == pytest.approx(100_000, rel=0.1)
    assert told["budget"]["used_bytes"] == len(host.done) * MB
    assert told["budget"]["used_seconds"] == pytest.approx(host.now - 1000, abs=0.1)
    assert told["stopped"] == ""


def test_the_search_halves_the_candidates_and_the_final_is_measured_afresh():
    found = Host({BEST: 7.0}).tune().classes["large"]
    # 11 once, then the better 6, 3 and 2 of them twice.
    assert [rungs(found).count(rung) for rung in (WARM_UP, "1", "2", "3", "4")] == [1, 11, 12, 6, 4]
    assert rungs(found).count(FINAL) == 2 * PAIRS
    assert search_trials(11) == 11 + 12 + 6 + 4


def test_the_pairs_of_the_final_take_turns_at_beginning():
    trials = [trial.settings for trial in Host({BEST: 7.0}).tune().classes["large"].trials if trial.rung == FINAL]
    assert trials[:4] == [DEFAULTS, BEST, BEST, DEFAULTS]


def test_no_candidate_always_begins_a_round():
    host = Host({BEST: 7.0})
    host.tune()
    firsts = {settings for _class, settings, number in host.done if number in (1, 12, 18)}
    assert len(firsts) == 3


def test_the_best_of_many_equals_was_lucky_and_the_defaults_stay():
    """About one final of 40 shows a gain by chance: with a confidence of 95 %, half of what is outside is below."""
    shown = [Host({}, noise=0.05, seed=seed).tune().classes["large"].shown for seed in range(100)]
    assert sum(shown) <= 8


def test_what_is_slower_never_replaces_the_defaults():
    for seed in range(50):
        found = Host(dict.fromkeys(OTHERS, 10.5), noise=0.05, seed=seed).tune().classes["large"]
        assert not found.shown or found.ratio.high < 1
        assert found.settings == (found.best if found.shown else DEFAULTS)


def test_defaults_that_win_the_search_need_no_final():
    found = Host({DEFAULTS: 5.0}).tune().classes["large"]
    assert (found.shown, found.complete, found.settings) == (False, True, DEFAULTS)
    assert FINAL not in rungs(found)
    assert found.reason == "no other settings were faster in the search; the defaults stay"


def test_a_gain_that_is_not_shown_is_told_with_its_interval():
    for seed in range(30):
        found = Host({BEST: 9.6}, noise=0.08, seed=seed).tune().classes["large"]
        if found.ratio and not found.shown:
            assert found.settings == DEFAULTS
            assert found.gain_percent == 0.0
            assert found.reason.startswith("no gain is shown: ratio of times ")
            return
    pytest.fail("every seed was decided")


# --- failures


def test_settings_that_fail_are_out_at_once():
    host = Host({BEST: 1.0, OTHERS[0]: 7.0})
    host.fails[BEST] = "ended with exit code 4"
    found = host.tune().classes["large"]
    assert found.settings == OTHERS[0]
    assert [one for one in host.done if one[1] == BEST] == [
        ("large", BEST, one[2]) for one in host.done if one[1] == BEST
    ]
    assert sum(settings == BEST for _class, settings, _number in host.done) == 1
    (failed,) = [trial for trial in found.as_dict()["trials"] if "failed" in trial]
    assert failed["failed"] == "ended with exit code 4"


def test_settings_that_fail_in_the_final_are_not_taken():
    host = Host({BEST: 5.0})
    real, seen = host.measure, []

    def measure(file_class, settings, number):
        seen.append(settings)
        # The warm-up and the rungs measure it 1 + 2 + 2 + 2 times.
        if settings == BEST and seen.count(BEST) > 8:
            raise TrialFailed("timed out")
        return real(file_class, settings, number)

    subject = Subject("large", CANDIDATES, MB)
    found = tune([subject], measure, PLENTY, clock=lambda: host.now).classes["large"]
    assert (found.settings, found.shown, found.complete) == (DEFAULTS, False, False)
    assert found.reason == "the best settings failed in the final: timed out; the defaults stay"


def test_defaults_that_fail_end_the_search():
    host = Host({})
    host.fails[DEFAULTS] = "AccessDenied"
    found = host.tune().classes["large"]
    assert len(host.done) == 1
    assert found.reason == "with the defaults an upload failed: AccessDenied; the defaults stay"


@pytest.mark.parametrize("after", range(0, 120, 7))
def test_an_interruption_keeps_what_was_found_and_leaves_the_rest_as_it_is(after):
    host = Host({BEST: 7.0})
    host.stop_after = after
    result = host.tune("small", "large", "single")
    assert isinstance(result.stopped_by, Interrupted) == (after < 150)
    assert len(host.done) == after
    assert list(result.classes) == ["small", "large", "single"]
    for found in result.classes.values():
        assert found.settings == (BEST if found.shown else DEFAULTS)
        assert found.complete or not found.shown
    assert result.as_dict()["stopped"] == "stopped by SIGTERM"
    assert result.classes["single"].reason.startswith("not measured")


# --- the budget


@given(st.floats(1, 3000), st.integers(0, 200), st.integers(1, 4))
def test_the_budget_is_kept_but_for_the_upload_that_goes_on(seconds, uploads, classes):
    host = Host({BEST: 7.0}, noise=0.0)
    names = ("small", "medium", "large", "single")[:classes]
    result = host.tune(*names, budget=Budget(seconds, uploads * MB))
    assert result.used_size <= uploads * MB
    assert result.used_size == len(host.done) * MB
    # One upload of each class may have begun in time and ended late.
    assert result.used_seconds <= seconds + 11 * classes
    assert all(one.settings in (DEFAULTS, BEST) for one in result.classes.values())


def test_a_class_gets_its_part_of_the_budget():
    host = Host({BEST: 7.0}, noise=0.0)
    host.tune("small", "large", budget=Budget(1e6, 80 * MB))
    counts = [sum(name == one for name, _settings, _number in host.done) for one in ("small", "large")]
    assert min(counts) >= 20


@pytest.mark.parametrize(("uploads", "pairs"), [(12, 3), (21, ENOUGH_PAIRS), (200, PAIRS)])
def test_a_small_budget_has_fewer_candidates_and_fewer_pairs(uploads, pairs):
    found = Host(dict.fromkeys(OTHERS, 7.0), noise=0.001).tune(budget=Budget(1e6, uploads * MB)).classes["large"]
    assert found.shown
    assert found.ratio.pairs >= pairs
    assert len(found.trials) <= uploads


def test_a_budget_for_nothing_says_so():
    found = Host({}).tune(budget=Budget(1e6, 6 * MB)).classes["large"]
    assert found.reason == "the budget allows 5 uploads more, too few to show anything; the defaults stay"
    assert Host({}).tune(budget=Budget(0, 10**12)).classes["large"].trials == []


@given(st.integers(0, 100))
def test_thinned_candidates_keep_the_defaults_and_reach_from_end_to_end(trials):
    kept = thinned(CANDIDATES, trials)
    assert kept[0] == DEFAULTS
    assert len(kept) == len(set(kept)) >= 2
    assert set(kept) <= set(CANDIDATES)
    assert search_trials(len(kept)) <= max(trials, search_trials(2))


def test_with_enough_trials_all_candidates_are_kept():
    assert thinned(CANDIDATES, 100) == CANDIDATES
