# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A few runs give a median with its spread, and a difference between tools only where the interval shows one."""

from __future__ import annotations

import math
import random

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.tuning.statistics import (
    FASTER,
    NO_DIFFERENCE,
    SLOWER,
    TOO_FEW,
    Ratio,
    Spread,
    paired_ratio,
    spread,
    t_probability,
    t_quantile,
)
from hypothesis import given
from hypothesis import strategies as some

#: Upper quantiles for 0.95, 0.975 and 0.995, from table 1.3.6.7.2 of the NIST/SEMATECH e-Handbook.
PRINTED = {
    1: (6.314, 12.706, 63.657),
    2: (2.920, 4.303, 9.925),
    3: (2.353, 3.182, 5.841),
    4: (2.132, 2.776, 4.604),
    5: (2.015, 2.571, 4.032),
    9: (1.833, 2.262, 3.250),
    10: (1.812, 2.228, 3.169),
    19: (1.729, 2.093, 2.861),
    30: (1.697, 2.042, 2.750),
    100: (1.660, 1.984, 2.626),
}
times = some.floats(min_value=1e-3, max_value=1e5)


@pytest.mark.parametrize("degrees", sorted(PRINTED))
def test_the_quantiles_are_those_of_the_printed_table(degrees):
    found = tuple(round(t_quantile(probability, degrees), 3) for probability in (0.95, 0.975, 0.995))
    assert found == PRINTED[degrees]


def test_the_quantile_of_many_degrees_is_that_of_the_normal_distribution():
    assert t_quantile(0.975, 100_000) == pytest.approx(1.95996, abs=1e-4)


@pytest.mark.parametrize("degrees", [1, 2, 3, 7, 40])
def test_half_lies_below_zero_and_all_below_infinity(degrees):
    assert t_probability(0.0, degrees) == pytest.approx(0.5)
    assert t_probability(1e9, degrees) == pytest.approx(1.0)


@given(some.floats(min_value=0.5, max_value=0.9999), some.integers(min_value=1, max_value=200))
def test_the_quantile_is_the_inverse_of_the_probability(probability, degrees):
    assert t_probability(t_quantile(probability, degrees), degrees) == pytest.approx(probability, abs=1e-9)


@pytest.mark.parametrize(("probability", "degrees"), [(0.4, 3), (1.0, 3), (0.975, 0)])
def test_what_has_no_quantile_is_refused(probability, degrees):
    with pytest.raises(ValueError, match="no quantile"):
        t_quantile(probability, degrees)


def test_a_spread_tells_the_middle_and_the_ends():
    assert spread([4.0, 1.0, 2.0]) == Spread(median=2.0, minimum=1.0, maximum=4.0, spread_percent=150.0)
    assert spread([3.0]) == Spread(3.0, 3.0, 3.0, 0.0)


def test_the_spread_of_nothing_but_zeros_is_zero():
    assert spread([0.0, 0.0]).spread_percent == 0.0


def test_a_ratio_is_the_geometric_mean_within_the_rounds():
    # A machine that is ten times as slow in one round is so for both.
    found = paired_ratio([1.0, 10.0, 1.0], [2.0, 20.0, 2.0])
    assert found.ratio == pytest.approx(0.5)
    assert (found.low, found.high) == (pytest.approx(0.5), pytest.approx(0.5))
    assert (found.pairs, found.verdict) == (3, FASTER)


def test_the_interval_is_that_of_a_worked_example():
    # ln(1.1), ln(1.2), ln(1.3): mean 0.179999, deviation 0.083551; 4.302653 * 0.083551 / sqrt(3) = 0.207553.
    found = paired_ratio([1.1, 1.2, 1.3], [1.0, 1.0, 1.0])
    assert found.ratio == pytest.approx(math.exp(0.179999), rel=1e-5)
    assert found.low == pytest.approx(math.exp(0.179999 - 0.207553), rel=1e-5)
    assert found.high == pytest.approx(math.exp(0.179999 + 0.207553), rel=1e-5)
    assert found.verdict == NO_DIFFERENCE


@pytest.mark.parametrize(
    ("ours", "verdict"),
    [((1.0, 1.1, 0.9), FASTER), ((4.0, 4.1, 3.9), SLOWER), ((2.1, 1.9, 2.05), NO_DIFFERENCE)],
)
def test_the_verdict_is_ours_and_needs_the_whole_interval(ours, verdict):
    assert paired_ratio(ours, (2.0, 2.05, 1.95)).verdict == verdict


def test_rounds_in_which_one_of_both_failed_do_not_count():
    whole = paired_ratio([1.0, 1.1, 0.9], [2.0, 2.1, 1.9])
    assert paired_ratio([1.0, None, 1.1, 0.9, 7.0], [2.0, 5.0, 2.1, 1.9, None]) == whole
    assert whole.pairs == 3


def test_one_round_has_a_ratio_and_no_interval():
    assert paired_ratio([1.0, None], [2.0, 2.0]) == Ratio(0.5, None, None, 1, TOO_FEW)


def test_without_a_round_that_is_good_on_both_sides_there_is_no_ratio():
    assert paired_ratio([None, 1.0], [1.0, None]) == Ratio(None, None, None, 0, TOO_FEW)
    assert paired_ratio([], []) == Ratio(None, None, None, 0, TOO_FEW)


def test_rounds_that_do_not_belong_together_are_refused():
    with pytest.raises(ValueError, match="2 rounds against 1"):
        paired_ratio([1.0, 2.0], [1.0])


@given(some.lists(some.tuples(times, times), min_size=2, max_size=8))
def test_seen_from_the_other_side_everything_is_turned_round(pairs):
    left, right = zip(*pairs)
    there, back = paired_ratio(left, right), paired_ratio(right, left)
    assert there.low <= there.ratio <= there.high
    assert back.ratio == pytest.approx(1 / there.ratio)
    if math.isfinite(there.high) and math.isfinite(back.high):
        assert back.low * there.high == pytest.approx(1)
    assert {there.verdict, back.verdict} in ({FASTER, SLOWER}, {NO_DIFFERENCE})


def test_of_a_hundred_comparisons_of_equals_about_five_show_a_difference():
    noise = random.Random(1)

    def run():
        return [noise.lognormvariate(0, 0.1) for dummy in range(3)]

    shown = sum(paired_ratio(run(), run()).verdict != NO_DIFFERENCE for dummy in range(2000))
    assert 60 <= shown <= 140
