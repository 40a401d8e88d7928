# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Work in threads: every task once, few of them at a time, and the caller's thread hears what happens, and signals."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from functools import partial

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common import threads
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import AccessError
from ansible_collections.datasync.turbo.plugins.module_utils.common.threads import (
    Pool,
    ReadingStopped,
    Stop,
    answered,
    attended,
    nothing,
)

#: Seconds; nothing here takes so long.
LIMIT = 30


@pytest.fixture
def pool_of():
    """Make pools, which end with the test."""
    made = []

    def make(*arguments, **options):
        made.append(Pool(*arguments, **options))
        return made[-1]

    yield make
    for pool in made:
        pool.stop()


@pytest.fixture
def gate():
    """What work in other threads waits for; it is open at the end of the test."""
    event = threading.Event()
    yield event
    event.set()


class TakenIn:
    """Tasks and answers, and the threads that brought them."""

    def __init__(self):
        self.answers = []
        self.threads = set()

    def __call__(self, task, future):
        self.threads.add(threading.get_ident())
        self.answers.append((task, future.result()))


# A pool


@pytest.mark.parametrize("in_order", [False, True])
def test_every_task_is_done_once_and_its_answer_is_taken_in_by_the_callers_thread(pool_of, in_order):
    taken, workers = TakenIn(), set()

    def square(number):
        workers.add(threading.get_ident())
        return number * number

    pool = pool_of(4, 16, taken, in_order=in_order)
    for number in range(1000):
        pool.give(number, partial(square, number))
    pool.finish()
    assert sorted(taken.answers) == [(number, number * number) for number in range(1000)]
    assert taken.threads == {threading.get_ident()} and not workers & taken.threads
    assert len(workers) <= 4


def test_in_order_an_answer_that_is_late_keeps_those_after_it_waiting(pool_of, gate):
    taken = TakenIn()
    pool = pool_of(2, 4, taken, in_order=True)
    pool.give("late", lambda: gate.wait(LIMIT))
    for number in range(3):
        pool.give(number, nothing)
    threading.Timer(0.2, gate.set).start()
    pool.finish()
    assert [task for task, _answer in taken.answers] == ["late", 0, 1, 2]


def test_in_any_order_one_that_is_late_keeps_nobody(pool_of, gate):
    taken = TakenIn()
    pool = pool_of(2, 4, taken)
    pool.give("late", lambda: gate.wait(LIMIT))
    for number in range(100):
        pool.give(number, nothing)
    assert "late" not in [task for task, _answer in taken.answers] and len(taken.answers) > 90
    gate.set()
    pool.finish()
    assert len(taken.answers) == 101


def test_tasks_are_done_at_the_same_time(pool_of):
    together = threading.Barrier(4)
    pool = pool_of(4, 4)
    for number in range(4):
        pool.give(number, lambda: together.wait(LIMIT))
    pool.finish()


def test_a_thread_is_started_when_it_is_needed_and_not_before(pool_of, gate):
    before = set(threading.enumerate())
    pool = pool_of(8, 8)
    assert set(threading.enumerate()) <= before
    for _number in range(5):
        pool.begin(nothing).result(LIMIT)
        time.sleep(0.05)
    assert len(set(threading.enumerate()) - before) <= 2
    for _number in range(20):
        pool.begin(lambda: gate.wait(LIMIT))
    assert len(set(threading.enumerate()) - before) == 8


def test_few_tasks_wait(pool_of, gate):
    """Whoever has a million to give must wait, so that they are not all in memory."""
    given = []

    def give():
        for number in range(1000):
            pool.give(number, lambda: gate.wait(LIMIT))
            given.append(number)
        pool.finish()

    pool = pool_of(2, 8)
    giver = threading.Thread(target=give)
    giver.start()
    time.sleep(0.5)
    assert len(given) == 8 and pool.unfinished == 9
    gate.set()
    giver.join(LIMIT)
    assert len(given) == 1000 and pool.unfinished == 0


def test_whoever_takes_an_answer_in_may_give_more_tasks(pool_of):
    """As a window of objects that a listing could not prove is asked for one by one."""
    done = []

    def take_in(task, future):
        done.append(future.result())
        if task < 500:
            for number in range(3):
                pool.give(1000 + task * 3 + number, partial(int, 1))

    pool = pool_of(4, 8, take_in)
    for number in range(500):
        pool.give(number, partial(int, 1))
    pool.finish()
    assert len(done) == 2000


def test_an_error_is_raised_in_the_callers_thread(pool_of):
    def fail():
        raise ValueError("three")

    pool = pool_of(1, 4)
    with pytest.raises(ValueError, match="three"):
        for number in range(1000):
            pool.give(number, fail if number == 3 else nothing)
    assert number < 20


def test_an_error_of_whoever_takes_in_loses_no_other_answer(pool_of):
    def refuse(task, _future):
        taken.append(task)
        if task == 0:
            raise KeyError(task)

    taken = []
    pool = pool_of(1, 10, refuse, in_order=True)
    for number in range(3):
        pool.give(number, nothing)
    with pytest.raises(KeyError):
        pool.finish()
    pool.finish()
    assert taken == [0, 1, 2]


@pytest.mark.parametrize("in_order", [False, True])
def test_before_an_answer_is_taken_in_the_caller_is_asked_and_a_no_loses_nothing(pool_of, in_order):
    taken, looks = TakenIn(), []

    def tick():
        looks.append(1)
        if len(looks) == 3:
            raise KeyboardInterrupt

    pool = pool_of(1, 10, taken, tick, in_order=in_order)
    for number in range(5):
        pool.give(number, partial(int, number))
    time.sleep(0.2)
    with pytest.raises(KeyboardInterrupt):
        pool.finish()
    assert taken.answers == [(0, 0), (1, 1)]
    pool.finish()
    assert taken.answers == [(number, number) for number in range(5)]


def test_while_nothing_is_finished_the_caller_is_asked_whether_to_go_on(pool_of, gate):
    looks = []

    def tick():
        looks.append(1)
        if len(looks) == 3:
            raise KeyboardInterrupt

    pool = pool_of(1, 0, nothing, tick)
    with pytest.raises(KeyboardInterrupt):
        pool.give("silent", lambda: gate.wait(LIMIT))
    assert [task for task, _future in pool.abandon()] == ["silent"]


def test_what_is_given_up_is_told_finished_or_not(pool_of, gate):
    pool = pool_of(1, 10)
    pool.give("done", partial(int, 7))
    pool.give("under way", lambda: gate.wait(LIMIT))
    pool.give("waits", nothing)
    time.sleep(0.2)
    left = {task: future.done() for task, future in pool.abandon()}
    assert left == {"done": True, "under way": False, "waits": False}
    assert list(pool.abandon()) == []
    gate.set()
    pool.finish()


def test_a_stop_cancels_what_has_not_begun_and_waits_for_nobody(pool_of, gate):
    pool = pool_of(1, 10)
    running, waiting = pool.begin(lambda: gate.wait(LIMIT)), pool.begin(pytest.fail)
    began = time.monotonic()
    pool.stop()
    pool.join(0.2)
    assert waiting.cancelled() and not running.done()
    assert pool.begin(pytest.fail).cancelled()
    assert time.monotonic() - began < 10, "the thread that is kept is not waited for"
    gate.set()
    pool.join(LIMIT)
    assert running.result() and not [thread for thread in threading.enumerate() if thread.name == "pool"]
    pool.stop()


def test_a_stop_is_heard_by_whoever_gives_and_by_the_work(pool_of):
    stop = Stop()

    def work():
        while True:
            stop.check()
            time.sleep(0.01)

    pool = pool_of(2, 2, tick=stop.check)
    threading.Timer(0.2, stop.set).start()
    with pytest.raises(ReadingStopped):
        for number in range(10):
            pool.give(number, work)
    pool.stop()
    pool.join(LIMIT)
    assert not [thread for thread in threading.enumerate() if thread.name == "pool"]


def test_where_no_more_threads_can_be_started_those_that_there_are_do_the_work(pool_of, monkeypatch):
    class Limited(threading.Thread):
        started = 0

        def start(self):
            if Limited.started == 2:
                raise RuntimeError("can't start new thread")
            Limited.started += 1
            super().start()

    monkeypatch.setattr(threads.threading, "Thread", Limited)
    taken = TakenIn()
    pool = pool_of(8, 32, taken)
    for number in range(100):
        pool.give(number, partial(time.sleep, 0.001))
    pool.finish()
    assert len(taken.answers) == 100


def test_an_answer_is_not_kept_by_the_thread_that_found_it(pool_of):
    import gc
    import weakref

    class Large:
        pass

    pool = pool_of(1, 1)
    large = Large()
    seen = weakref.ref(large)
    pool.begin(lambda large=large: large).result(LIMIT)
    del large
    deadline = time.monotonic() + LIMIT
    while seen() is not None and time.monotonic() < deadline:
        gc.collect()
    assert seen() is None


# One piece of work beside the caller's thread


def test_what_work_returns_or_raises_comes_back():
    assert attended(lambda: 7, nothing) == 7
    with pytest.raises(KeyError, match="gone"):
        attended(lambda: {}["gone"], nothing)


def test_the_caller_is_asked_while_the_work_goes_on_and_may_leave_it(gate):
    looks = []

    def tick():
        looks.append(threading.get_ident())
        if len(looks) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        attended(lambda: gate.wait(LIMIT), tick)
    assert set(looks) == {threading.get_ident()}


def test_an_answer_that_is_late_is_given_up_with_the_error_of_the_caller(gate):
    late = AccessError("no answer")
    began = time.monotonic()
    with pytest.raises(AccessError, match="no answer"):
        answered(lambda: gate.wait(LIMIT), late, seconds=0.3)
    assert 0.3 <= time.monotonic() - began < 10
    assert answered(lambda: "soon", late, seconds=LIMIT) == "soon"


def test_whoever_waits_for_an_answer_can_be_interrupted(gate):
    def tick():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        answered(lambda: gate.wait(LIMIT), AccessError("late"), tick, LIMIT)


# The end of the process


def test_nobody_waits_for_a_thread_at_the_end_of_the_process():
    script = (
        "import threading, time\n"
        f"from {threads.__name__} import Pool, answered\n"
        "pool = Pool(2, 10)\n"
        "pool.give(1, lambda: time.sleep(600))\n"
        "time.sleep(0.1)\n"
        "print('over', flush=True)\n"
    )
    paths = f"import sys; sys.path[:0] = {sys.path!r}\n"
    finder = "import tests.conftest\n" if "tests.conftest" in sys.modules else ""
    done = subprocess.run(
        [sys.executable, "-c", paths + finder + script], capture_output=True, text=True, timeout=LIMIT, check=False
    )
    assert done.stdout == "over\n", done.stderr
