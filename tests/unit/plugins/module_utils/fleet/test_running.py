# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Which jobs run now: seen by real locks of real processes, and without getting in the way of a run."""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import LockedError
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.running import running_jobs, wait_until_idle
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.jobs_on_hosts import job_on_host

HOLDER = (
    "import fcntl, os, sys\n"
    "file = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)\n"
    "fcntl.flock(file, fcntl.LOCK_EX)\n"
    "print('held', flush=True)\n"
    "sys.stdin.read()\n"
)


@pytest.fixture
def job(tmp_path):
    def make(name):
        return job_on_host(tmp_path, name, "manual")

    return make


@contextlib.contextmanager
def running(job):
    """The job as it runs in another process."""
    command = [sys.executable, "-I", "-S", "-c", HOLDER, job.lock]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout.readline() == b"held\n"
            yield process
        finally:
            process.kill()


#: Linux tells all locks in a file; elsewhere each one has to be asked.
@pytest.fixture(params=["as on this system", "without /proc/locks"])
def look(request, tmp_path):
    path = {} if request.param == "as on this system" else {"proc_locks": str(tmp_path / "no such file")}
    return lambda jobs: running_jobs(jobs, **path)


def test_jobs_that_never_ran_do_not_run(job, look):
    assert look([]) == []
    assert look([job("a"), job("b")]) == []


def test_a_job_runs_while_another_process_holds_its_lock(job, look):
    jobs = [job("a"), job("b"), job("c")]
    with running(jobs[1]):
        assert look(jobs) == ["b"]
        with running(jobs[2]):
            assert look(jobs) == ["b", "c"]
    assert look(jobs) == []


def test_a_lock_file_that_a_run_left_does_not_count(job, look):
    with open(job("a").lock, "w", encoding="ascii") as file:
        file.write("1234\n{}\n")
    assert look([job("a")]) == []


def test_a_run_that_was_killed_does_not_count(job, look):
    with running(job("a")) as process:
        process.kill()
        process.wait()
        assert look([job("a")]) == []


def test_looking_leaves_the_lock_free_for_a_run(job, look):
    descriptor = os.open(job("a").lock, os.O_RDWR | os.O_CREAT)
    try:
        assert look([job("a")]) == []
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(descriptor)


def test_the_lock_of_a_file_on_another_file_system_with_the_same_number_does_not_count(job, tmp_path):
    path = job("a").lock
    os.close(os.open(path, os.O_RDWR | os.O_CREAT))
    locks = tmp_path / "locks"
    locks.write_text(f"1: FLOCK  ADVISORY  WRITE 7 08:01:{Path(path).stat().st_ino} 0 EOF\n", "ascii")
    assert running_jobs([job("a")], str(locks)) == []


def test_only_locks_of_flock_are_looked_at(job, tmp_path):
    """Waiters stand behind `->`, and POSIX locks are those of databases."""
    with running(job("a")):
        number = Path(job("a").lock).stat().st_ino
        locks = tmp_path / "locks"
        locks.write_text(
            f"1: POSIX  ADVISORY  WRITE 7 08:01:{number} 0 EOF\n"
            f"1: -> FLOCK  ADVISORY  WRITE 8 08:01:{number} 0 EOF\n\n",
            "ascii",
        )
        assert running_jobs([job("a")], str(locks)) == []
        with locks.open("a", encoding="ascii") as file:
            file.write(f"2: FLOCK  ADVISORY  WRITE 9 08:01:{number} 0 EOF\n")
        assert running_jobs([job("a")], str(locks)) == ["a"]


def test_nobody_waits_for_jobs_that_do_not_run(job):
    assert wait_until_idle([job("a")], 3600) < 60


def test_the_end_of_a_run_is_waited_for(job):
    with running(job("a")) as process:

        def end(_seconds):
            process.kill()
            process.wait()

        wait_until_idle([job("a")], 3600, sleep=end)
    assert process.returncode is not None


def test_after_the_limit_the_jobs_that_still_run_are_named(job):
    looks = []
    with running(job("a")), running(job("b")), pytest.raises(LockedError) as raised:
        wait_until_idle([job("a"), job("b"), job("c")], 0.05, sleep=looks.append)
    message = str(raised.value)
    assert message.startswith("jobs a, b: still running after 0.05 seconds; nothing was changed")
    assert "uploader_wait" in message
    assert raised.value.exit_code == 75
    assert all(0 < seconds <= 0.05 for seconds in looks)


def test_without_a_limit_to_wait_for_a_run_is_refused_at_once(job):
    def never(_seconds):
        raise AssertionError("waited")

    with running(job("a")), pytest.raises(LockedError, match="job a: running now; nothing was changed"):
        wait_until_idle([job("a")], 0, sleep=never)
