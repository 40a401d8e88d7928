# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Runs of a job over a bucket in memory. Walk, plan, rounds, verification and report are real; the engine is not."""

from __future__ import annotations

import fcntl
import io

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.interrupt import Interrupt
from ansible_collections.datasync.turbo.plugins.module_utils.job.job import Job
from ansible_collections.datasync.turbo.plugins.module_utils.report.log import Log
from ansible_collections.datasync.turbo.plugins.module_utils.report.progress import Progress
from ansible_collections.datasync.turbo.plugins.module_utils.sync import pipeline
from ansible_collections.datasync.turbo.plugins.module_utils.sync import proofs as proofs_module
from ansible_collections.datasync.turbo.plugins.module_utils.sync import run as sync
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.sync.world import Uploader


@pytest.fixture
def write(source):
    def make(**files):
        for name, content in files.items():
            (source / name).write_bytes(content)

    return make


@pytest.fixture
def uploader(bucket, monkeypatch):
    uploader = Uploader(bucket)
    monkeypatch.setattr(pipeline, "Bucket", lambda connection, name, pool_size: bucket)
    monkeypatch.setattr(pipeline, "engine_for", lambda job: uploader)
    return uploader


@pytest.fixture
def said():
    """What the run logs."""
    return io.StringIO()


@pytest.fixture
def run(uploader, source, tmp_path, said):
    """Run a job over the source; returns its result."""

    def make(dry_run=False, interrupt=None, progress=None, told=None, **options):
        values = {"prefix": "p/", "lock_path": str(tmp_path / "job.lock"), **options}
        job = Job(src=str(source), bucket="archive", **values)
        return sync.run(job, Log(said), progress or Progress(), interrupt or Interrupt(), dry_run, told=told).result

    return make


@pytest.fixture
def proofs(monkeypatch):
    """The proofs that the run has begun."""
    begun = []
    real = proofs_module.Pool.begin

    def begin(pool, work):
        begun.append(real(pool, work))
        return begun[-1]

    monkeypatch.setattr(proofs_module.Pool, "begin", begin)
    return begun


@pytest.fixture
def locked(tmp_path):
    """The job's lock is held by another run."""
    with open(tmp_path / "job.lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture(params=[False, True], ids=["without a state file", "with a state file"])
def with_or_without_state(request, tmp_path):
    return {"state_path": str(tmp_path / "state.db")} if request.param else {}


@pytest.fixture
def run_with_state(run, tmp_path):
    return lambda **options: run(state_path=str(tmp_path / "state.db"), **options)
