# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What a few runs show, and what they do not.

Tools are compared round by round, because what a machine or a link does besides differs more from round to round than
within one. Half the time and double the time lie equally far from 1: so the mean is that of the logarithms, and the
interval is Student's (https://www.itl.nist.gov/div898/handbook/eda/section3/eda352.htm).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

#: How often the interval holds the true ratio. So of 20 comparisons of equals, one shows a difference by chance.
CONFIDENCE = 0.95

FASTER = "faster"
SLOWER = "slower"
NO_DIFFERENCE = "no difference shown"
TOO_FEW = "not enough rounds"

#: Relative precision of the numeric functions.
_PRECISION = 1e-12


@dataclass(frozen=True)
class Spread:
    """Where the values of several runs lie. `spread_percent`: greatest less least, in percent of the median."""

    median: float
    minimum: float
    maximum: float
    spread_percent: float


@dataclass(frozen=True)
class Ratio:
    """Our time by theirs: below 1 we are faster. `low` and `high` are the ends of the 95 % confidence interval.

    `pairs` rounds were good on both sides. With one there is no interval, with none no ratio either. The verdict is
    ours, and a difference only if the whole interval shows it.
    """

    ratio: float | None
    low: float | None
    high: float | None
    pairs: int
    verdict: str


def spread(values: Sequence[float]) -> Spread:
    """Median, ends and spread of at least one value."""
    median = statistics.median(values)
    least, greatest = min(values), max(values)
    return Spread(median, least, greatest, (greatest - least) / median * 100 if median else 0.0)


def paired_ratio(ours: Sequence[float | None], theirs: Sequence[float | None]) -> Ratio:
    """Compare two tools by their times in the same rounds; None where a run failed. Times are positive.

    Raises ValueError if the numbers of rounds differ.
    """
    if len(ours) != len(theirs):
        raise ValueError(f"{len(ours)} rounds against {len(theirs)}")
    logarithms = [math.log(mine / other) for mine, other in zip(ours, theirs) if mine is not None and other is not None]
    if len(logarithms) < 2:
        ratio = math.exp(logarithms[0]) if logarithms else None
        return Ratio(ratio, None, None, len(logarithms), TOO_FEW)
    mean = statistics.fmean(logarithms)
    margin = _margin(logarithms)
    low, high = math.exp(mean - margin), math.exp(mean + margin)
    return Ratio(math.exp(mean), low, high, len(logarithms), _verdict(low, high))


def t_quantile(probability: float, degrees: int) -> float:
    """The value that a t-distributed variable stays below with this probability (0.5 to less than 1).

    Found by halving, from the distribution function.
    """
    if not 0.5 <= probability < 1 or degrees < 1:
        raise ValueError(f"no quantile for {probability} with {degrees} degrees of freedom")
    low, high = 0.0, 1.0
    while t_probability(high, degrees) < probability:
        high *= 2
    while high - low > _PRECISION * high:
        middle = (low + high) / 2
        if t_probability(middle, degrees) < probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def t_probability(value: float, degrees: int) -> float:
    """The probability that a t-distributed variable stays below a value that is not negative.

    For whole degrees of freedom it is a finite sum: Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3
    and 26.7.4.
    """
    angle = math.atan(value / math.sqrt(degrees))
    cosine = math.cos(angle)
    odd = degrees % 2
    term = cosine if odd else 1.0
    total = 0.0
    for index in range(odd + 1, degrees, 2):
        total += term
        term *= index / (index + 1) * cosine * cosine
    inside = math.sin(angle) * total
    return (1 + (2 / math.pi * (angle + inside) if odd else inside)) / 2


def _margin(logarithms: list[float]) -> float:
    """Half the width of the confidence interval of the mean."""
    count = len(logarithms)
    quantile = t_quantile((1 + CONFIDENCE) / 2, count - 1)
    return quantile * statistics.stdev(logarithms) / math.sqrt(count)


def _verdict(low: float, high: float) -> str:
    if high < 1:
        return FASTER
    return SLOWER if low > 1 else NO_DIFFERENCE
