# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Runs follow each other until the folder has come to rest, no faster than need be, and stop when told to."""

from __future__ import annotations

import io
import os
import signal

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import Interrupted
from ansible_collections.datasync.turbo.plugins.module_utils.common.interrupt import Interrupt
from ansible_collections.datasync.turbo.plugins.module_utils.job.job import Job
from ansible_collections.datasync.turbo.plugins.module_utils.plan.plan import Plan
from ansible_collections.datasync.turbo.plugins.module_utils.report.log import Log
from ansible_collections.datasync.turbo.plugins.module_utils.report.progress import Progress
from ansible_collections.datasync.turbo.plugins.module_utils.report.result import (
    ChecksumVerification,
    Deletions,
    Result,
)
from ansible_collections.datasync.turbo.plugins.module_utils.sync import hot_folder
from ansible_collections.datasync.turbo.plugins.module_utils.sync.account import Finished
from ansible_collections.datasync.turbo.plugins.module_utils.sync.hot_folder import run_until_settled

JOB = Job(src="/srv/outbox", bucket="archive", settle_seconds=60, reconcile=True, timeout=3600)
NOW = 1_000_000.0


def ended(exit_code=0, settles_in=0.0, **changes):
    """A run that ended, with files that settle in so many seconds if it deferred any."""
    values = {
        "timestamp": "2026-01-02T03:04:05+01:00",
        "duration_seconds": 1.5,
        "files_synced": 0,
        "bytes_transferred": 0,
        "source_size": "0",
        "s3_objects": 7,
        "status": "failed" if exit_code else "success",
        "tool": "s5cmd",
        "tool_version": "v2.3.0",
        "throughput_mbps": 0.2,
        "source": "/srv/outbox",
        "destination": "s3://archive/",
        "dry_run": False,
        "checksum_verification": ChecksumVerification(True, "CRC64NVME"),
        "problems": [],
        "exit_code": exit_code,
        **changes,
    }
    plan = Plan.nothing(JOB)
    plan.settled_at = NOW + settles_in
    return Finished(Result(**values), plan)


class Pipeline:
    """Stands in for sync.run: ends as the test says, run by run."""

    def __init__(self):
        self.endings = []
        self.calls = []

    def __call__(self, job, log, progress, interrupt, *, told):
        self.calls.append({"job": job, "progress": progress, "told": told})
        return self.endings[len(self.calls) - 1]


@pytest.fixture
def pipeline(monkeypatch):
    pipeline = Pipeline()
    monkeypatch.setattr(hot_folder.sync, "run", pipeline)
    return pipeline


@pytest.fixture
def slept(monkeypatch):
    """Seconds slept between the runs; no time passes really."""
    slept = []
    elapsed = [0.0]

    def sleep(seconds):
        elapsed[0] += seconds
        slept.append(seconds)

    monkeypatch.setattr(hot_folder.time, "sleep", sleep)
    monkeypatch.setattr(hot_folder.time, "monotonic", lambda: elapsed[0])
    monkeypatch.setattr(hot_folder.time, "time", lambda: NOW)
    return slept


@pytest.fixture
def settle(pipeline, slept):
    """Run until the endings are over; returns what that returned."""

    def run(*endings, log=None):
        pipeline.endings = list(endings)
        returned = run_until_settled(JOB, log or Log(), Progress, Interrupt(JOB.timeout))
        assert len(pipeline.calls) == len(endings)
        return returned

    return run


def test_a_folder_at_rest_is_looked_at_once(settle, slept):
    only = ended()
    assert settle(only) is only
    assert slept == []


@pytest.mark.parametrize(
    "done",
    [{"files_synced": 1}, {"files_moved": 1}, {"files_removed": 1}, {"deletions": Deletions(planned=1, deleted=1)}],
)
def test_after_a_run_that_did_something_another_looks_for_what_came_meanwhile(settle, slept, done):
    first = ended(**done)
    assert settle(first, ended()) is first
    assert sum(slept) == pytest.approx(1)


@pytest.mark.parametrize(("settles_in", "waits"), [(17.5, 17.5), (0.2, 1), (-5, 1), (9999, 60)])
def test_the_next_look_is_when_the_youngest_file_has_settled(settle, slept, settles_in, waits):
    """At least a second; at most SETTLE_SECONDS, also where clocks are wrong."""
    settle(ended(files_deferred=2, settles_in=settles_in), ended())
    assert sum(slept) == pytest.approx(waits)


def test_the_wait_is_told(settle):
    said = io.StringIO()
    settle(ended(files_deferred=2, settles_in=17.6), ended(), log=Log(said))
    assert "2 files changed just now: looking again in 18 s" in said.getvalue()


@pytest.mark.parametrize("exit_code", [1, 2, 3, 4, 5, 75, 143])
def test_the_first_run_that_fails_is_the_last(settle, exit_code):
    failed = ended(exit_code=exit_code, files_synced=1, files_deferred=1)
    assert settle(ended(files_synced=3), failed) is failed


def test_what_is_told_is_the_last_run_that_did_something(settle, pipeline):
    first = ended(files_deferred=1)
    second = ended(files_synced=1, files_deferred=1)
    third = ended(files_synced=2)
    assert settle(first, ended(files_deferred=1), second, third, ended()) is third
    assert [call["told"] for call in pipeline.calls] == [None, first.result, first.result, second.result, third.result]


def test_a_file_that_vanished_while_it_settled_is_told(settle):
    gone = ended()
    assert settle(ended(files_deferred=1), gone) is gone


def test_only_the_first_run_reconciles_and_each_has_a_progress_of_its_own(settle, pipeline):
    settle(ended(files_synced=1), ended())
    assert [call["job"].reconcile for call in pipeline.calls] == [True, False]
    assert pipeline.calls[0]["progress"] is not pipeline.calls[1]["progress"]


def test_the_time_limit_is_for_each_run(pipeline, slept, monkeypatch):
    interrupt = Interrupt(JOB.timeout)
    renewed = []
    monkeypatch.setattr(interrupt, "renew", lambda: renewed.append(len(pipeline.calls)))
    pipeline.endings = [ended(files_synced=1), ended(files_synced=1), ended()]
    run_until_settled(JOB, Log(), Progress, interrupt)
    assert renewed == [0, 1, 2]


@pytest.mark.parametrize("when", ["in the run, too late for it to notice", "in the pause"])
def test_a_signal_ends_the_wait_at_once(pipeline, slept, when, monkeypatch):
    with Interrupt() as interrupt:

        def sleep(seconds):
            slept.append(seconds)
            os.kill(os.getpid(), signal.SIGTERM)

        monkeypatch.setattr(hot_folder.time, "sleep", sleep)
        if when != "in the pause":
            os.kill(os.getpid(), signal.SIGTERM)
        pipeline.endings = [ended(files_deferred=1, settles_in=50)]
        with pytest.raises(Interrupted) as raised:
            run_until_settled(JOB, Log(), Progress, interrupt)
    assert raised.value.exit_code == 143
    assert sum(slept) < 1
