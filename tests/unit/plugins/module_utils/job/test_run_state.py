# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The state of one run: a file, or none, that repairs itself when it turns out to be damaged."""

from __future__ import annotations

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.job import lock
from ansible_collections.datasync.turbo.plugins.module_utils.job.job import Job
from ansible_collections.datasync.turbo.plugins.module_utils.job.local_file import Identity
from ansible_collections.datasync.turbo.plugins.module_utils.job.memory import RunMemory, remembered
from ansible_collections.datasync.turbo.plugins.module_utils.job.run_state import RunState
from ansible_collections.datasync.turbo.plugins.module_utils.job.state import Row

SERVER = "https://s3.example"


@pytest.fixture
def job(source, tmp_path):
    paths = {"state_path": str(tmp_path / "state.db"), "lock_path": str(tmp_path / "job.lock")}
    return Job(src=str(source), bucket="archive", prefix="p/", **paths)


@pytest.fixture
def said():
    return []


@pytest.fixture
def run(job, said):
    """Do some work as a run does that holds the lock."""

    def make(work):
        with lock.held(job) as held:
            state = RunState.to_write(job, SERVER, RunMemory(job, held), said.append)
            try:
                return state.use(work)
            finally:
                state.close()

    return make


def names(file, trusted):
    return ([row.relative for row in file.rows()] if file else None, trusted)


def add(name):
    def work(file, trusted):
        file.remember(Row(name, Identity(1, 1, 1, 1, 1)))

    return work


def damage(path):
    """So that its header is right and its rows cannot be read."""
    with open(path, "r+b") as file:
        file.seek(4096 * 2)
        file.write(b"\xff" * 4096 * 30)


def test_what_one_run_records_the_next_one_reads_and_trusts(job, run):
    run(add("a"))
    assert run(names) == (["a"], True)
    reading = RunState.to_read(job, SERVER, remembered(job), pytest.fail)
    assert reading.use(names) == (["a"], True)
    reading.close()


def test_without_a_state_path_there_is_none_and_nobody_is_warned(tmp_path, source):
    job = Job(src=str(source), bucket="archive", lock_path=str(tmp_path / "job.lock"))
    with lock.held(job) as held:
        state = RunState.to_write(job, SERVER, RunMemory(job, held), pytest.fail)
    reading = RunState.to_read(job, SERVER, remembered(job), pytest.fail)
    for one in (state, reading):
        assert one.use(names) == (None, False)
        one.close()


def test_damage_that_shows_while_rows_are_read_is_repaired_with_one_warning(job, run, said):
    run(add("a"))
    damage(job.state_path)
    assert run(names) == ([], False), "a new file, which decides nothing"
    assert len(said) == 1
    assert "comparing with the bucket's listing" in said[0]
    run(add("b"))
    assert run(names) == (["b"], True)
    assert len(said) == 1


def test_a_dry_run_does_without_a_damaged_file_and_leaves_it_as_it_is(job, run, said):
    run(add("a"))
    damage(job.state_path)
    with open(job.state_path, "rb") as file:
        before = file.read()
    state = RunState.to_read(job, SERVER, remembered(job), said.append)
    assert state.use(names) == (None, False)
    state.close()
    assert len(said) == 1
    with open(job.state_path, "rb") as file:
        assert file.read() == before


def test_what_is_wrong_with_the_work_itself_is_raised(run):
    def work(file, trusted):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(work)
