# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A command runs to its end or to its time limit, speaks English, and says what is wrong with it. All are real ones."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common import commands
from ansible_collections.datasync.turbo.plugins.module_utils.common.commands import (
    LOCALE,
    CommandError,
    CommandTimedOut,
    Completed,
    find,
    last_words,
    run,
)
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError

#: Seconds; nothing here takes so long.
LIMIT = 60


def python(script, *arguments):
    return [sys.executable, "-I", "-S", "-c", script, *arguments]


def program(path, content, mode=0o755):
    path.write_bytes(content)
    path.chmod(mode)
    return str(path)


def ends(pid):
    """Whether the process is gone, or soon is. A zombie is: nobody here waits for a grandchild."""
    for _look in range(500):
        try:
            with open(f"/proc/{pid}/stat") as file:
                if file.read().rpartition(")")[2].split()[0] == "Z":
                    return True
        except FileNotFoundError:
            return True
        time.sleep(0.01)
    return False


# What a command gets


def test_a_command_runs_without_a_shell_and_without_input():
    done = run(
        python("import sys; print(sys.argv[1:], repr(sys.stdin.read())); sys.exit(3)", "$HOME", "a b", "*"), LIMIT
    )
    assert done == Completed(3, "['$HOME', 'a b', '*'] ''\n", "")


def test_a_command_reads_the_text_that_it_is_given():
    script = "import sys; print(sys.stdin.buffer.read())"
    assert run(python(script), LIMIT, text="über\n").stdout == "b'\\xc3\\xbcber\\n'\n"


def test_a_command_that_reads_nothing_of_a_long_text_is_no_failure():
    assert run(python(""), LIMIT, text="x" * 1_000_000) == Completed(0, "", "")


def test_a_command_gets_our_environment_with_what_is_added_and_speaks_english(monkeypatch):
    monkeypatch.setenv("OURS", "kept")
    monkeypatch.setenv("LANG", "de_DE.UTF-8")
    monkeypatch.setenv("LC_MESSAGES", "de_DE.UTF-8")
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    monkeypatch.setenv("LANGUAGE", "de:fr")
    script = "import os; print([os.environ.get(name) for name in ('OURS', 'ADDED', 'LC_ALL', 'LANGUAGE')])"
    assert run(python(script), LIMIT, added={"ADDED": "too"}).stdout == f"{['kept', 'too', LOCALE, None]}\n"


def test_what_is_added_wins(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    added = {"TZ": "UTC", "LC_ALL": "POSIX"}
    done = run(python("import os; print(os.environ['TZ'], os.environ['LC_ALL'])"), LIMIT, added=added)
    assert done.stdout == "UTC POSIX\n"


def test_a_command_starts_in_the_folder_that_is_wanted(tmp_path):
    assert run(python("import os; print(os.getcwd())"), LIMIT, folder=str(tmp_path)).stdout == f"{tmp_path}\n"


def test_a_command_inherits_none_of_our_files(tmp_path):
    with open(tmp_path / "ours", "w") as file:
        assert run(["ls", f"/proc/self/fd/{file.fileno()}"], LIMIT).returncode != 0


# What it prints


def test_bytes_that_are_not_utf8_do_not_stop_us():
    script = r"import sys; sys.stdout.buffer.write(b'a\xff\xfeb'); sys.stderr.buffer.write(b'\xe4rger')"
    assert run(python(script), LIMIT) == Completed(0, "a\ufffd\ufffdb", "\ufffdrger")


def test_what_it_prints_is_utf8_whatever_our_own_locale_is(monkeypatch):
    monkeypatch.setattr("locale.getpreferredencoding", lambda do_setlocale=True: "ascii")
    assert run(python("print('Käse 日本')"), LIMIT).stdout == "Käse 日本\n"


def test_much_on_both_ways_at_once_does_not_block():
    script = "import sys; [stream.write('x' * 65536) for _ in range(400) for stream in (sys.stdout, sys.stderr)]"
    done = run(python(script), LIMIT)
    assert (done.returncode, len(done.stdout), len(done.stderr)) == (0, 400 * 65536, 400 * 65536)


# What does not run


def test_a_missing_program_is_named_with_what_to_do(tmp_path):
    with pytest.raises(CommandError) as raised:
        run([str(tmp_path / "missing"), "version"], LIMIT)
    assert str(raised.value) == (
        f"{tmp_path}/missing does not run: No such file or directory (install it, or correct its path)"
    )
    assert isinstance(raised.value, ConfigurationError)


def test_a_program_that_is_not_on_path_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CommandError, match=r"^systemctl does not run: No such file"):
        run(["systemctl", "show"], LIMIT)


@pytest.mark.parametrize(
    ("content", "mode", "reason"),
    [
        (b"#!/bin/sh\n", 0o644, "Permission denied .check its mode and owner"),
        (b"\x7fELF nothing", 0o755, "Exec format error .install the one that is built for this platform"),
        (b"#!/no/such/interpreter\n", 0o755, "the interpreter that its first line names is missing"),
    ],
)
def test_a_file_that_cannot_be_executed_is_named_with_the_reason(tmp_path, content, mode, reason):
    path = program(tmp_path / "tool", content, mode)
    with pytest.raises(CommandError, match=f"^{path} does not run: {reason}"):
        run([path], LIMIT)


def test_a_folder_is_no_program(tmp_path):
    with pytest.raises(CommandError, match="does not run: Permission denied"):
        run([str(tmp_path)], LIMIT)


# The time limit


def test_a_command_that_hangs_is_given_up_and_its_arguments_stay_untold():
    with pytest.raises(CommandTimedOut) as raised:
        run(["sleep", "600", "0"], 0.3)
    assert str(raised.value) == "sleep 600 did not end within 0.3 seconds"


def test_the_time_limit_ends_all_that_the_command_started(tmp_path):
    path = tmp_path / "pids"
    script = (
        "import os, subprocess, sys, time\n"
        "child = subprocess.Popen(['sleep', '600'])\n"
        "open(sys.argv[1], 'w').write(f'{os.getpid()} {child.pid} ')\n"
        "time.sleep(600)\n"
    )
    with pytest.raises(CommandTimedOut):
        run(python(script, str(path)), 3)
    pids = path.read_text().split()
    assert len(pids) == 2 and all(ends(pid) for pid in pids)


def test_a_descendant_that_keeps_the_output_open_is_ended_at_the_time_limit(tmp_path):
    """As a command does that starts a service in the background: it has ended, and its pipe has not."""
    path = tmp_path / "pid"
    began = time.monotonic()
    with pytest.raises(CommandTimedOut):
        run(["sh", "-c", f"sleep 600 & echo $! > {path}"], 1)
    assert time.monotonic() - began < 10
    assert ends(path.read_text().strip())


def test_one_that_left_the_group_with_the_output_open_does_not_keep_us(tmp_path):
    path = tmp_path / "pid"
    script = (
        "import os, sys, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    open(sys.argv[1], 'w').write(str(os.getpid()))\n"
        "    time.sleep(600)\n"
    )
    began = time.monotonic()
    with pytest.raises(CommandTimedOut):
        run(python(script, str(path)), 2)
    assert time.monotonic() - began < 10
    os.kill(int(path.read_text()), signal.SIGKILL)


def test_an_exception_that_ends_our_waiting_ends_the_command(tmp_path, monkeypatch):
    """As Ctrl-C does: the command has a process group of its own, and the terminal does not reach it."""
    pid = tmp_path / "pid"

    def interrupt(_number, _frame):
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGUSR1, interrupt)
    timer = threading.Timer(1, os.kill, (os.getpid(), signal.SIGUSR1))
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            run(["sh", "-c", f"echo $$ > {pid}; exec sleep 600"], LIMIT)
    finally:
        timer.join()
        signal.signal(signal.SIGUSR1, previous)
    assert ends(pid.read_text().strip())


def test_no_descriptor_and_no_zombie_is_left():
    def ours():
        children = Path(f"/proc/self/task/{threading.get_native_id()}/children")
        return os.listdir("/proc/self/fd"), children.read_text() if children.exists() else ""

    before = ours()
    for _number in range(5):
        run(python(""), LIMIT)
        with pytest.raises(CommandTimedOut):
            run(["sleep", "600"], 0.01)
        with pytest.raises(CommandError):
            run(["/no/such/program"], LIMIT)
    assert ours() == before


# Last words


@pytest.mark.parametrize(
    ("done", "words"),
    [
        (Completed(1, "", "WARNING: x\nERROR: one\nnoise\nERROR: two\n"), "ERROR: one ERROR: two"),
        (Completed(1, "only output\n", ""), "only output"),
        (Completed(1, "only output\n", " \n"), "only output"),
        (Completed(1, "output\n", "complaint\n"), "complaint"),
        (Completed(1, "", "1\n2\n3\n\n4\n"), "2 3 4"),
        (Completed(7, "", " \n"), "exit status 7"),
        (Completed(-9, "", ""), "killed by SIGKILL"),
        (Completed(-64, "", ""), "killed by SIGRTMAX"),
        (Completed(-50, "", ""), "killed by signal 50"),
        (Completed(1, "", "see https://user:secret@example.org/simple"), "see https://example.org/simple"),
        (Completed(1, "", "x" * 1000), "x" * 600),
        (Completed(1, "", 'Job for a.timer failed.\nSee "journalctl -xe" for details.\n'), "Job for a.timer failed."),
        (Completed(1, "", "See the manual.\n"), "See the manual."),
    ],
)
def test_what_a_command_says_last_is_the_reason(done, words):
    assert last_words(done) == words


def test_the_last_line_alone_may_be_wanted():
    assert last_words(Completed(1, "", "one\ntwo\n"), lines=1) == "two"


# Where programs are


def test_a_program_on_path_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find("tool") is None
    path = program(tmp_path / "tool", b"#!/bin/sh\n")
    assert find("tool") == path


def test_usr_local_bin_is_looked_at_too_because_sudo_and_cron_may_not(tmp_path, monkeypatch):
    local, first = tmp_path / "local", tmp_path / "first"
    local.mkdir()
    first.mkdir()
    monkeypatch.setattr(commands, "LOCAL_BIN", str(local))
    monkeypatch.setenv("PATH", str(first))
    by_hand = program(local / "tool", b"#!/bin/sh\n")
    assert find("tool") == by_hand
    on_path = program(first / "tool", b"#!/bin/sh\n")
    assert find("tool") == on_path
