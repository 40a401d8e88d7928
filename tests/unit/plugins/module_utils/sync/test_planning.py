# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The plan is made beside the main thread, and what it is about is said in a few lines."""

from __future__ import annotations

import io
import os
import threading
import time

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import Interrupted
from ansible_collections.datasync.turbo.plugins.module_utils.common.interrupt import Interrupt
from ansible_collections.datasync.turbo.plugins.module_utils.job.job import Job
from ansible_collections.datasync.turbo.plugins.module_utils.job.memory import Remembered
from ansible_collections.datasync.turbo.plugins.module_utils.job.run_state import RunState
from ansible_collections.datasync.turbo.plugins.module_utils.plan.plan import Plan
from ansible_collections.datasync.turbo.plugins.module_utils.report.log import Log
from ansible_collections.datasync.turbo.plugins.module_utils.report.result import Reconciliation
from ansible_collections.datasync.turbo.plugins.module_utils.sync.planning import Planner, announce
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.settings import settings_of


@pytest.fixture
def said():
    return io.StringIO()


@pytest.fixture
def job(source):
    return Job(src=str(source), bucket="archive", prefix="p/")


def without_state(job):
    return RunState.to_read(job, "", Remembered(), pytest.fail)


def test_the_plan_is_made_in_another_thread_and_is_over_when_it_is_there(job, write, bucket, said):
    write(a=b"1")
    ticks = []
    planner = Planner(job, Log(said), Interrupt(), lambda: ticks.append(threading.current_thread()))
    plan = planner.plan(bucket, without_state(job), None)
    assert [upload.file.relative for upload in plan.uploads] == ["a"]
    assert not planner.busy
    assert set(ticks) <= {threading.main_thread()}


@pytest.mark.parametrize(("verify", "uploads"), [("uploaded", 1), ("none", 0)])
def test_what_may_be_unproven_is_compared_by_content_unless_nothing_is_verified(
    job, write, bucket, said, verify, uploads
):
    """A job without verification never promised that an object is more than its size and its time."""
    write(a=b"right")
    bucket.put("p/a", b"wrong", time.time() + 86400)
    unverified = Job(src=job.src, bucket="archive", prefix="p/", verify=verify)
    planner = Planner(unverified, Log(said), Interrupt(), lambda: None)
    plan = planner.plan(bucket, without_state(unverified), 0.0)
    assert len(plan.uploads) == uploads


def test_a_signal_does_not_wait_for_a_file_system_that_hangs(job, write, bucket, said, monkeypatch):
    write(a=b"1")
    released, hanging = threading.Event(), threading.Event()
    real = os.listdir

    def listdir(path="."):
        hanging.set()
        released.wait(30)
        return real(path)

    def tick():
        if hanging.is_set():
            raise Interrupted(15)

    monkeypatch.setattr(os, "listdir", listdir)
    planner = Planner(job, Log(said), Interrupt(), tick)
    with pytest.raises(Interrupted):
        planner.plan(bucket, without_state(job), None)
    assert planner.busy, "the state file is in the hands of its thread"
    released.set()
    deadline = time.monotonic() + 10
    while planner.busy and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not planner.busy


# --- what is said


@pytest.fixture
def announced(job, said):
    """What is said of a plan with these values."""

    def make(**values):
        plan = Plan.nothing(job)
        for name, value in values.items():
            setattr(plan, name, value)
        announce(plan, settings_of(job, pytest.fail), job, Log(said))
        return said.getvalue()

    return make


def test_one_line_says_what_there_is_to_do(announced):
    line = announced(unchanged=2, unchanged_bytes=3_000_000, skipped=1, deferred=["x"], elsewhere=4, deletions=[None])
    assert "2 files, 3.0 MB: 0 to upload (0 B), 2 stored already, 1 skipped" in line
    assert line.endswith(", 1 deferred, 4 in other shards, 1 to delete, 0 problems\n")
    assert "[WARN]" not in line


def test_a_source_without_a_file_is_a_warning(announced):
    assert "is its file system mounted?" in announced()


def test_what_was_reconciled_is_told(announced):
    found = Reconciliation()
    assert "[INFO]" in announced(unchanged=1, reconciled=found)
    found.missing, found.different = 1, 2
    assert "1 object had vanished and 2 had been replaced by others" in announced(unchanged=1, reconciled=found)
