# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Transfers by a stand-in for s5cmd, or by any other engine."""

from __future__ import annotations

import json

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.install.binary import Version
from ansible_collections.datasync.turbo.plugins.module_utils.job.job import Job
from ansible_collections.datasync.turbo.plugins.module_utils.job.local_file import LocalFile, identity_of
from ansible_collections.datasync.turbo.plugins.module_utils.plan.uploads import Upload
from ansible_collections.datasync.turbo.plugins.module_utils.s3.connection import Connection
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.engine import Assignment
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.rounds import Rounds
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.s5cmd import process as s5cmd_process
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.s5cmd import sender
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.s5cmd.engine import S5cmdEngine
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.settings import settings_of
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.voice import Voice


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    """So that a broken transfer fails a test soon; nothing here depends on how long they are."""
    monkeypatch.setattr(sender, "POLL", 0.02)
    monkeypatch.setattr(s5cmd_process, "END_GRACE", 0.2)


@pytest.fixture
def plan(source):
    """Make files and the uploads of them."""

    def make(*names, content=b"content"):
        uploads = []
        for name in names:
            path = source / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            local = LocalFile(str(path), name, f"p/{name}", identity_of(path.stat()))
            uploads.append(Upload(local, "new"))
        return uploads

    return make


@pytest.fixture
def rounds(source, bucket):
    """Make the rounds of an engine. Nothing is tried again unless a test says so."""

    def make(engine, tick=lambda: None, said=None, noted=None, settings=None, inherited=(), **options):
        keys = Connection(region="eu-west-3", access_key="AKIDEXAMPLE", secret_key="wJalrXUtnFEMI")
        options = {"retry_rounds": 0, "retry_delay": 0, "connection": keys, **options}
        job = Job(src=str(source), bucket="archive", prefix="p/", **options)
        say, note = ((heard if heard is not None else []).append for heard in (said, noted))
        voice = Voice(say, note, tick)
        return Rounds(engine, Assignment(job, bucket, settings or settings_of(job, say), voice, inherited))

    return make


@pytest.fixture
def stand_in(fake_s5cmd):
    """Make the engine of a s5cmd that behaves as the statements say."""
    return lambda behaviour: S5cmdEngine(fake_s5cmd(behaviour), Version("v2.3.0-991c9fb", (2, 3, 0)))


@pytest.fixture
def transfer(rounds, stand_in):
    """Make a transfer by a s5cmd that behaves as the statements say."""
    return lambda behaviour="store_all()", **options: rounds(stand_in(behaviour), **options)


@pytest.fixture
def commands(heard):
    """The commands that s5cmd was given so far."""
    return lambda: [json.loads(line) for line in heard.read_text().splitlines()] if heard.exists() else []
