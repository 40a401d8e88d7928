# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A process that stands in for s5cmd is fed and heard without ever blocking us, however it behaves."""

from __future__ import annotations

import os
import sys
import time

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.engine import Breakdown
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.s5cmd import process as s5cmd_process
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.s5cmd.process import TAIL, S5cmdProcess

#: Seconds after which a test that waits for something has failed.
PATIENCE = 20.0


@pytest.fixture
def start(fake_s5cmd):
    """Start a stand-in that behaves as the statements say; it is ended with the test."""
    started = []

    def make(behaviour):
        started.append(S5cmdProcess([fake_s5cmd(behaviour), "run"], {"PATH": os.environ["PATH"]}, ()))
        return started[-1]

    yield make
    for process in started:
        process.kill()


def hear(process, count=10**9):
    """Wait until so many events have come, or nothing more will be said."""
    events = []
    until = time.monotonic() + PATIENCE
    while len(events) < count and not process.ended:
        assert time.monotonic() < until
        events += process.wait(0.05)
    return events


def line(source):
    return f"'cp' '{source}' 's3://b/{source}'\n".encode()


def test_what_is_handed_over_is_done_and_reported_in_order(start):
    process = start("store_all()")
    for number in range(500):
        process.hand_over(line(f"/{number}"))
    process.no_more()
    assert [event.source for event in hear(process)] == [f"/{number}" for number in range(500)]
    assert process.end() == Breakdown("s5cmd ended with exit code 0")


def test_more_than_a_pipe_holds_may_be_handed_over_at_once(start, heard):
    """One that reads nothing does not block us, and what it has not read yet is not lost."""
    process = start("while not os.path.exists(HEARD + '.go'): time.sleep(0.01)\nstore_all()")
    for number in range(100):
        process.hand_over(line("/" + "x" * 4000 + str(number)))
    process.no_more()
    assert process.wait(0.05) == []
    heard.with_name("heard.go").touch()
    assert len(hear(process)) == 100


def test_an_event_may_come_in_pieces_and_several_at_once(start):
    process = start("""
said = b"".join(
    json.dumps({"operation": "cp", "success": True, "source": f"/{n}", "destination": "s3://b/k"}).encode() + b"\\n"
    for n in range(3)
)
for piece in (said[:7], said[7:100], said[100:]):
    os.write(1, piece)
    time.sleep(0.05)
""")
    assert [event.source for event in hear(process)] == ["/0", "/1", "/2"]


def test_a_line_without_an_end_fills_no_memory(start, monkeypatch):
    monkeypatch.setattr(s5cmd_process, "_LONGEST_LINE", 100_000)
    process = start("""
for n in range(50):
    sys.stdout.write("x" * 100_000)
say("")
next(commands())
say("the end", sys.stderr)
stored("/a", "s3://b/a")
""")
    process.hand_over(line("/a"))
    (event,) = hear(process)
    assert event.source == "/a"
    end = process.end()
    assert len(end.said) <= TAIL
    assert end.said.endswith("the end")


def test_an_end_is_told_in_one_line_where_only_one_fits(start):
    process = start("""
say("panic: runtime error: invalid memory address", sys.stderr)
say("goroutine 1 [running]:", sys.stderr)
sys.exit(2)
""")
    hear(process)
    assert process.end().headline == "s5cmd ended with exit code 2: panic: runtime error: invalid memory address"


def test_a_signal_is_named(start):
    process = start("os.kill(os.getpid(), 9)")
    hear(process)
    assert process.end().headline == "s5cmd was stopped by signal 9"


def test_what_is_handed_over_to_one_that_reads_no_more_is_dropped(start):
    process = start("next(commands()); os.close(0); stored('/a', 's3://b/a'); time.sleep(0.3)")
    process.hand_over(line("/a"))
    assert len(hear(process, 1)) == 1
    for number in range(100):
        process.hand_over(line(f"/{number}"))
        assert process.wait(0.001) == []
    assert hear(process) == []
    assert process.end().how == "s5cmd ended with exit code 0"


counted = pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts what a process reads and writes")


@counted
def test_silence_is_measured_from_the_last_sign_of_life(start):
    process = start("next(commands()); stored('/a', 's3://b/a'); time.sleep(60)")
    process.hand_over(line("/a"))
    hear(process, 1)
    process.silence()
    time.sleep(0.3)
    assert process.tells_bytes
    assert process.silence() >= 0.3
    process.hand_over(line("/b"))
    assert process.silence() < 0.3


@counted
def test_one_that_writes_is_not_silent_though_it_says_nothing(start):
    process = start("""
with open(os.devnull, "wb", buffering=0) as sink:
    while True:
        sink.write(b"x" * 1000)
        time.sleep(0.01)
""")
    began = time.monotonic()
    while process.bytes_written < 10_000:
        assert process.wait(0.05) == []
        assert time.monotonic() < began + PATIENCE
    assert process.silence() < time.monotonic() - began


@counted
def test_what_one_wrote_is_still_known_after_its_end(start):
    process = start("os.write(1, b'x' * 10_000)")
    hear(process)
    process.end()
    assert process.bytes_written >= 10_000


def test_where_the_kernel_does_not_count_only_events_and_commands_are_signs(start, monkeypatch):
    process = start("time.sleep(60)")
    monkeypatch.setattr(process, "_io", dict)
    process.hand_over(line("/a"))
    time.sleep(0.2)
    assert process.silence() >= 0.2
    assert not process.tells_bytes
    assert process.bytes_written is None


def test_after_a_kill_nothing_is_left(start):
    process = start("import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); stored('/a', 'b'); time.sleep(60)")
    hear(process, 1)
    process.kill()
    assert process._process.returncode == -9
    process.kill()
