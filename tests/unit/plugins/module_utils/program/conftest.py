# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What the tests of the host program share: an environment, a config file, and what stands in for the pipeline.

The pipeline behind the program is replaced by one that returns what a test says; tests/integration run the real one.
"""

from __future__ import annotations

import os
import signal

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.checks import run as checks
from ansible_collections.datasync.turbo.plugins.module_utils.checks.report import Report
from ansible_collections.datasync.turbo.plugins.module_utils.sync import run as sync
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.run_results import finished


@pytest.fixture(autouse=True)
def environment():
    """The program puts variables of its config file into its environment; each test begins and ends with ours."""
    before = dict(os.environ)
    for name in before:
        if name.startswith(("AWS_", "S3_")):
            del os.environ[name]
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "material"
    folder.mkdir()
    return folder


@pytest.fixture
def config(tmp_path, source):
    """Write a config file; returns its path."""

    def make(*lines):
        path = tmp_path / "job.env"
        path.write_text("\n".join([f"SOURCE_DIR={source}", "BUCKET_NAME=archive", *lines, ""]))
        path.chmod(0o600)
        return str(path)

    return make


class Pipeline:
    """Stands in for sync.run: keeps what it was called with and returns `run`."""

    def __init__(self):
        self.run = finished()
        self.called_with = None
        self.during = lambda: None

    def __call__(self, job, log, progress, interrupt, dry_run=False):
        self.called_with = {
            "job": job,
            "log": log,
            "progress": progress,
            "dry_run": dry_run,
            "caught": signal.getsignal(signal.SIGTERM) == interrupt._received,
        }
        self.during()
        return self.run


@pytest.fixture
def pipeline(monkeypatch):
    pipeline = Pipeline()
    monkeypatch.setattr(sync, "run", pipeline)
    return pipeline


@pytest.fixture
def checked(monkeypatch):
    """The checks find what the test says; returns the requests they were asked with."""
    asked = []

    def make(*found):
        monkeypatch.setattr(checks, "run_checks", lambda request: asked.append(request) or Report(found))
        return asked

    return make
