# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A command is measured with all that it starts, and nothing of it goes on when its run is over."""

from __future__ import annotations

import os
import signal
import sys
import time

import psutil
import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.benchmark.measure import usage as process_usage
from ansible_collections.datasync.turbo.plugins.module_utils.benchmark.measure.usage import run_measured
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import (
    ConfigurationError,
    InstallationError,
    Interrupted,
)

#: Real processes that burn time and memory, watched for seconds.
pytestmark = pytest.mark.slow

MB = 1_000_000
#: Seconds that a test waits for what must come.
PATIENCE = 30.0

#: What the commands of the tests can do.
PRELUDE = """
import os, signal, subprocess, sys, time

def burn(seconds):
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass

def python(behaviour, **options):
    program = f"PRELUDE = {PRELUDE!r}\\nexec(PRELUDE)\\n{behaviour}"
    return subprocess.Popen([sys.executable, "-I", "-S", "-c", program], **options)

def note(name):
    with open(name + ".new", "w") as file:
        file.write(str(os.getpid()))
    os.rename(name + ".new", name)
"""


def go_on():
    """A tick that lets the run go on."""


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """Run Python statements in a folder of their own, and measure them."""
    monkeypatch.chdir(tmp_path)

    def run(behaviour, *, timeout=PATIENCE, tick=go_on, stdin=None):
        program = f"PRELUDE = {PRELUDE!r}\nexec(PRELUDE)\n{behaviour}"
        arguments = [sys.executable, "-I", "-S", "-c", program]
        environment = {"PATH": os.environ["PATH"]}
        return run_measured(arguments, environment, str(tmp_path / "log"), stdin=stdin, timeout=timeout, tick=tick)

    return run


def pid_in(path):
    """The process id that a command noted."""
    until = time.monotonic() + PATIENCE
    while not path.exists():
        assert time.monotonic() < until
        time.sleep(0.01)
    return int(path.read_text())


def is_running(pid):
    """Whether there is such a process, and not only what its parent has not asked for yet."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


# --- the figures


def test_the_wall_time_is_that_of_the_command(measured):
    usage = measured("time.sleep(0.4)")
    assert 0.4 <= usage.wall_seconds < 5
    assert usage.cpu_seconds < 0.4
    assert (usage.exit_code, usage.timed_out) == (0, False)


def test_processor_time_is_counted_of_the_command(measured):
    assert 0.3 <= measured("burn(0.3)").cpu_seconds < 1.5


def test_processor_time_is_counted_of_descendants_in_other_sessions(measured):
    usage = measured("python('python(\"burn(0.3)\").wait(); burn(0.2)', start_new_session=True).wait()")
    assert 0.5 <= usage.cpu_seconds < 2


def test_processor_time_is_counted_of_orphans_that_were_never_seen(measured, monkeypatch):
    monkeypatch.setattr(process_usage, "_SEARCH_SHARE", 1e-9)
    monkeypatch.setattr(process_usage, "_LONGEST_PAUSE", 1e9)
    usage = measured(
        """
python('''python("burn(0.4); note('done'); time.sleep(600)")''')
while not os.path.exists("done"):
    time.sleep(0.05)
"""
    )
    assert 0.4 <= usage.cpu_seconds < 2


def test_processor_time_is_counted_of_those_who_outlive_the_command(measured, tmp_path):
    usage = measured(
        """
python("burn(0.4); note('done'); time.sleep(600)", start_new_session=True)
while not os.path.exists("done"):
    time.sleep(0.05)
time.sleep(2)
"""
    )
    assert 0.4 <= usage.cpu_seconds < 2
    assert not is_running(pid_in(tmp_path / "done"))


def test_memory_is_that_of_the_command_and_not_ours(measured):
    ours = bytearray(os.urandom(1)) * (300 * MB)
    usage = measured("time.sleep(0.3)")
    assert MB < usage.peak_memory < 100 * MB
    assert len(ours) == 300 * MB


def test_memory_is_the_greatest_sum_at_one_moment(measured):
    usage = measured(
        """
own = bytearray(b"x") * 60_000_000
python("x = bytearray(b'x') * 80_000_000; time.sleep(2)").wait()
python("x = bytearray(b'x') * 80_000_000; time.sleep(2)").wait()
"""
    )
    assert 140 * MB < usage.peak_memory < 200 * MB


def test_a_short_peak_of_one_process_is_not_missed(measured):
    # Between two looks: the kernel keeps the peak, if it is above our own.
    own = process_usage.resource.getrusage(process_usage.resource.RUSAGE_SELF).ru_maxrss * process_usage._MAXRSS_UNIT
    size = own + 100 * MB
    assert measured(f"x = bytearray(b'x') * {size}; del x; time.sleep(0.2)").peak_memory >= size


def test_the_search_for_descendants_takes_little_of_the_processor():
    tree = process_usage._Tree(os.getpid())
    began = time.thread_time()
    searches = 0
    real = tree.search

    def count():
        nonlocal searches
        searches += 1
        real()

    tree.search = count
    until = time.monotonic() + 1.0
    while time.monotonic() < until:
        tree.look()
        time.sleep(0.01)
    assert searches < 50
    assert time.thread_time() - began < 0.5


# --- how it ends


@pytest.mark.parametrize(
    ("behaviour", "code"), [("sys.exit(4)", 4), ("os.kill(os.getpid(), signal.SIGKILL)", 137), ("sys.exit(143)", 143)]
)
def test_the_exit_code_is_as_shells_have_it(measured, behaviour, code):
    usage = measured(behaviour)
    assert (usage.exit_code, usage.timed_out) == (code, False)


def test_the_output_is_kept_and_its_end_is_told(measured, tmp_path):
    usage = measured("print('x' * 5000, flush=True); os.write(2, 'upload failed: ü'.encode())")
    assert usage.tail == ("x" * 5000 + "\nupload failed: ü")[-process_usage.TAIL :]
    assert (tmp_path / "log").stat().st_size > 5000


def test_output_that_is_no_text_does_no_harm(measured):
    assert measured("sys.stdout.buffer.write(b'\\xff\\xfe end')").tail == "\ufffd\ufffd end"


def test_it_reads_what_it_is_given(measured):
    # More than a pipe holds, to one that reads late, and to one that does not read.
    given = b"cp a b\n" * 100_000
    usage = measured("time.sleep(0.2); print(len(sys.stdin.buffer.read()))", stdin=given)
    assert usage.tail == str(len(given))
    assert measured("pass", stdin=given).exit_code == 0


def test_without_input_it_finds_the_end_at_once(measured):
    assert measured("print(len(sys.stdin.read()))").tail == "0"


def test_it_gets_only_the_environment_that_is_given(measured, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of somebody else")
    assert measured("print('AWS_SECRET_ACCESS_KEY' in os.environ)").tail == "False"


def test_a_program_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InstallationError, match=r"no-such-tool' cannot be started: No such file"):
        run_measured(["/no-such-tool"], {}, str(tmp_path / "log"), timeout=1, tick=go_on)


def test_a_log_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"missing/log.*No such file"):
        run_measured(["true"], {}, str(tmp_path / "missing" / "log"), timeout=1, tick=go_on)


def test_ticks_come_all_the_time(measured):
    ticks = []
    measured("time.sleep(1.2)", tick=lambda: ticks.append(time.monotonic()))
    assert 3 <= len(ticks) <= 8


# --- what is ended


def test_at_the_limit_it_may_clean_up(measured, tmp_path):
    usage = measured(
        """
def clean_up(number, frame):
    note("clean")
    sys.exit(5)
signal.signal(signal.SIGTERM, clean_up)
time.sleep(600)
""",
        timeout=1.5,
    )
    assert (usage.exit_code, usage.timed_out) == (5, True)
    assert (tmp_path / "clean").exists()
    assert 1.5 <= usage.wall_seconds < PATIENCE


def test_one_that_does_not_clean_up_is_killed_with_its_children(measured, tmp_path, monkeypatch):
    monkeypatch.setattr(process_usage, "TERM_GRACE", 0.5)
    usage = measured(
        """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
python("note('child'); time.sleep(600)")
python("note('session'); time.sleep(600)", start_new_session=True)
time.sleep(600)
""",
        timeout=1.5,
    )
    assert (usage.exit_code, usage.timed_out) == (137, True)
    assert usage.wall_seconds >= 2
    assert not is_running(pid_in(tmp_path / "child"))
    assert not is_running(pid_in(tmp_path / "session"))


def test_what_outlives_the_command_is_killed(measured, tmp_path):
    usage = measured(
        """
python("note('child'); time.sleep(600)")
while not os.path.exists("child"):
    time.sleep(0.01)
"""
    )
    assert (usage.exit_code, usage.timed_out) == (0, False)
    assert usage.wall_seconds < PATIENCE
    assert not is_running(pid_in(tmp_path / "child"))


@pytest.mark.parametrize("how", [Interrupted(signal.SIGINT), KeyboardInterrupt()])
def test_a_tick_that_raises_ends_everything_first(measured, tmp_path, monkeypatch, how):
    monkeypatch.setattr(process_usage, "TERM_GRACE", 0.5)

    def tick():
        if (tmp_path / "session").exists():
            raise how

    began = time.monotonic()
    with pytest.raises(type(how)):
        measured(
            """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
note("own")
python("note('session'); time.sleep(600)", start_new_session=True)
time.sleep(600)
""",
            tick=tick,
        )
    assert time.monotonic() - began < PATIENCE
    assert not is_running(pid_in(tmp_path / "own"))
    assert not is_running(pid_in(tmp_path / "session"))


def test_an_interrupted_command_may_clean_up_too(measured, tmp_path):
    def tick():
        if (tmp_path / "ready").exists():
            raise Interrupted(signal.SIGTERM)

    with pytest.raises(Interrupted):
        measured(
            """
def clean_up(number, frame):
    note("clean")
    sys.exit(0)
signal.signal(signal.SIGTERM, clean_up)
note("ready")
time.sleep(600)
""",
            tick=tick,
        )
    assert (tmp_path / "clean").exists()


def test_other_processes_are_left_alone(measured):
    stranger = process_usage.subprocess.Popen(["sleep", "600"])
    try:
        measured("pass")
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_nothing_of_ours_is_left_open(measured):
    def open_files():
        return psutil.Process().num_fds(), psutil.Process().num_threads()

    measured("pass")
    before = open_files()
    for _dummy in range(3):
        measured("pass")
    assert open_files() == before


def test_a_host_that_ignores_its_children_is_told(measured):
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        with pytest.raises(InstallationError, match="SIGCHLD is ignored"):
            measured("pass")
    finally:
        signal.signal(signal.SIGCHLD, before)
