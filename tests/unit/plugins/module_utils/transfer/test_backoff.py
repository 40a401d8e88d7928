# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Waits grow, differ from host to host, and have an end."""

from __future__ import annotations

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.transfer import backoff as backoff_module
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.backoff import LONGEST_WAIT, WAIT_LIMIT, Backoff
from hypothesis import given
from hypothesis import strategies as st


class Stopped(Exception):
    pass


def nothing():
    """A tick that stops nobody."""


@pytest.fixture
def clock(monkeypatch):
    """A clock that sleeping moves; returns the list of what was slept."""
    slept = []
    monkeypatch.setattr(backoff_module.time, "monotonic", lambda: sum(slept))
    monkeypatch.setattr(backoff_module.time, "sleep", slept.append)
    return slept


@given(st.integers(0, 1000), st.integers(1, 5000))
def test_a_wait_doubles_at_most_with_each_attempt_and_never_exceeds_a_minute(delay, attempt):
    seconds = Backoff(delay, nothing).choose(attempt)
    assert 0 <= seconds <= min(delay * 2 ** (attempt - 1), LONGEST_WAIT)


@given(st.integers(0, 1000), st.integers(1, 5000), st.floats(0, 1))
def test_a_share_of_a_wait_may_be_certain(delay, attempt, least):
    longest = min(delay * 2 ** (attempt - 1), LONGEST_WAIT)
    assert least * longest <= Backoff(delay, nothing).choose(attempt, least) <= longest


def test_the_whole_range_below_is_used_so_that_hosts_do_not_come_back_together():
    waits = sorted(Backoff(8, nothing).choose(1) for _host in range(200))
    assert waits[0] < 1
    assert waits[-1] > 7
    assert len(set(waits)) > 190


def test_no_delay_is_no_wait(clock):
    backoff = Backoff(0, nothing)
    assert backoff.choose(5) == 0
    backoff.wait(0)
    assert clock == []


def test_all_waits_together_have_a_limit(clock):
    backoff = Backoff(1000, nothing)
    for attempt in range(1, 10_000):
        seconds = backoff.choose(attempt)
        if seconds is None:
            break
        backoff.wait(seconds)
    assert seconds is None
    assert sum(clock) == pytest.approx(WAIT_LIMIT)


def test_a_wait_lasts_as_long_as_it_says_and_ticks_meanwhile(clock):
    ticks = []
    Backoff(10, lambda: ticks.append(1)).wait(3.0)
    assert sum(clock) == pytest.approx(3.0)
    assert len(ticks) > 20


def test_a_tick_that_raises_ends_the_wait(clock):
    def tick():
        if sum(clock) > 1:
            raise Stopped

    with pytest.raises(Stopped):
        Backoff(10, tick).wait(60.0)
    assert sum(clock) < 2
