# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A crew does every task once, keeps few of them waiting, and ends at the first error or when it is stopped."""

from __future__ import annotations

import threading
import time

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.crew import AHEAD, Crew
from ansible_collections.datasync.turbo.plugins.module_utils.common.stopping import ReadingStopped, Stop


def test_every_task_is_done_once():
    done = []
    crew = Crew(4, done.append, Stop())
    for number in range(1000):
        crew.give(number)
    crew.finish()
    assert sorted(done) == list(range(1000))


def test_a_crew_without_a_task_ends():
    Crew(4, pytest.fail, Stop()).finish()


def test_tasks_are_done_at_the_same_time():
    together = threading.Barrier(4)
    crew = Crew(4, lambda task: together.wait(30), Stop())
    for number in range(4):
        crew.give(number)
    crew.finish()


def test_few_tasks_wait():
    """Whoever has a million to give must wait, so that they are not all in memory."""
    gate = threading.Event()
    crew = Crew(2, lambda task: gate.wait(30), Stop())
    given = []

    def give():
        for number in range(1000):
            crew.give(number)
            given.append(number)

    giver = threading.Thread(target=give)
    giver.start()
    time.sleep(0.5)
    assert len(given) <= 2 + 2 * AHEAD
    gate.set()
    giver.join(30)
    crew.finish()
    assert len(given) == 1000


def test_the_first_error_is_raised_in_the_callers_thread_and_ends_the_work():
    done = []

    def work(task):
        if task == 3:
            raise ValueError("three")
        done.append(task)

    crew = Crew(1, work, Stop())
    with pytest.raises(ValueError, match="three"):
        for number in range(1000):
            crew.give(number)
    with pytest.raises(ValueError, match="three"):
        crew.finish()
    assert done == [0, 1, 2]


def test_a_stop_ends_it_also_for_whoever_waits():
    stop, silent = Stop(), threading.Event()
    crew = Crew(1, lambda task: silent.wait(60), stop)
    crew.give(1)
    threading.Timer(0.3, stop.set).start()
    with pytest.raises(ReadingStopped):
        crew.finish()
    began = time.monotonic()
    crew.wait(0.2)
    assert time.monotonic() - began < 10, "the thread that is kept is not waited for"
    silent.set()
    crew.wait(10)
