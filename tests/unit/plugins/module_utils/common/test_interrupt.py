# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Signals and the time limit end a run where it can clean up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import ansible_collections
import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common import interrupt as interrupt_module
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import Interrupted, TimedOut
from ansible_collections.datasync.turbo.plugins.module_utils.common.interrupt import SIGNALS, Interrupt


@pytest.fixture(autouse=True)
def signals_reach_python():
    """Whatever runs the tests may ignore signals, as nohup does; here each has a handler that does nothing."""
    previous = {number: signal.signal(number, lambda number, frame: None) for number in SIGNALS}
    yield
    for number, handler in previous.items():
        signal.signal(number, handler)


def send(number):
    """Send a signal to ourselves. The kernel delivers it before the call returns; the sleep lets Python handle it."""
    os.kill(os.getpid(), number)
    time.sleep(0.01)


def test_without_signal_and_limit_the_run_goes_on():
    with Interrupt() as interrupt:
        interrupt.check()


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_the_run_at_the_next_check_with_its_exit_code(number):
    with Interrupt() as interrupt:
        send(number)
        with pytest.raises(Interrupted) as raised:
            interrupt.check()
    assert raised.value.exit_code == 128 + number


def test_a_signal_does_not_disturb_what_is_between_two_checks():
    with Interrupt() as interrupt:
        send(signal.SIGTERM)
        assert interrupt.signal_number == signal.SIGTERM


def test_every_later_check_says_the_same():
    with Interrupt() as interrupt:
        send(signal.SIGTERM)
        for _time in range(2):
            with pytest.raises(Interrupted):
                interrupt.check()


def test_the_handlers_of_before_are_restored():
    before = [signal.getsignal(number) for number in SIGNALS]
    with Interrupt():
        assert [signal.getsignal(number) for number in SIGNALS] != before
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_the_handlers_of_before_are_restored_after_an_error_too():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyError), Interrupt():
        raise KeyError
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT])
def test_a_signal_that_the_caller_had_ignored_stays_ignored(number):
    """nohup ignores SIGHUP so that a run outlives the login; a shell ignores SIGINT for its background jobs."""
    signal.signal(number, signal.SIG_IGN)
    with Interrupt() as interrupt:
        send(number)
        interrupt.check()
    assert signal.getsignal(number) is signal.SIG_IGN


def test_the_time_limit_ends_the_run_and_says_which_it_was(monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr(interrupt_module.time, "monotonic", lambda: clock[0])
    interrupt = Interrupt(timeout=60)
    clock[0] += 60
    interrupt.check()
    clock[0] += 0.1
    with pytest.raises(TimedOut, match="60 s") as raised:
        interrupt.check()
    assert raised.value.exit_code == 4


def test_a_signal_counts_before_the_time_limit():
    with Interrupt(timeout=1) as interrupt:
        interrupt._deadline = 0.0
        send(signal.SIGTERM)
        with pytest.raises(Interrupted):
            interrupt.check()


def test_the_time_limit_can_begin_anew(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(interrupt_module.time, "monotonic", lambda: now[0])
    interrupt = Interrupt(10)
    now[0] += 11
    interrupt.check_signal()
    with pytest.raises(TimedOut):
        interrupt.check()
    interrupt.renew()
    interrupt.check()


# --- the end of a process


def test_a_process_leaves_with_its_last_words_though_a_thread_still_waits():
    words = (
        "import sys, threading, time\n"
        "sys.path[:0] = sys.argv[1:]\n"
        "from ansible_collections.datasync.turbo.plugins.module_utils.common.interrupt import leave\n"
        "threading.Thread(target=time.sleep, args=(60,)).start()\n"
        "print('all that counts', end='')\n"
        "leave(3)\n"
    )
    roots = [os.path.dirname(folder) for folder in ansible_collections.__path__]
    child = [sys.executable, "-c", words, *roots]
    ended = subprocess.run(child, capture_output=True, text=True, timeout=30, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (3, "all that counts", "")
