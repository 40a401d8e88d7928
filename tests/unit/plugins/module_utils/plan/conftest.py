# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A file that changed just now, and plans for it, without a state file and with one."""

from __future__ import annotations

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.job.job import Job
from ansible_collections.datasync.turbo.plugins.module_utils.plan.comparison import (
    Memories,
    make_plan,
)
from ansible_collections.datasync.turbo.plugins.module_utils.proof.verify import Verifier
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.planned_site import (
    NEW,
    Site,
)


@pytest.fixture
def file(source):
    """A file with the new content, changed just now."""
    path = source / "film.mov"
    path.write_bytes(NEW)
    return path


@pytest.fixture
def moment(file):
    """When the file changed last, in seconds since the epoch."""
    status = file.stat()
    return max(status.st_mtime_ns, status.st_ctime_ns) / 1e9


@pytest.fixture
def plan_of(source, bucket):
    def make(tick=lambda: None, unproven_since=None, **options):
        job = Job(src=str(source), bucket="archive", prefix="p/", **options)
        return make_plan(job, bucket, tick, Memories(unproven_since=unproven_since))

    return make


@pytest.fixture
def site(source, bucket, tmp_path):
    return Site(source, bucket, tmp_path / "state.db")


@pytest.fixture
def no_reading(monkeypatch):
    """No file may be opened."""
    monkeypatch.setattr(Verifier, "_computed", lambda *arguments: pytest.fail("read"))
