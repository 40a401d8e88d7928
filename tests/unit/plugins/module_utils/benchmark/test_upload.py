# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""One measured upload: what counts is what the bucket holds afterwards, and nothing of it stays."""

from __future__ import annotations

import sys

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.benchmark.measure.data import existing
from ansible_collections.datasync.turbo.plugins.module_utils.benchmark.measure.link import UNKNOWN, Link
from ansible_collections.datasync.turbo.plugins.module_utils.benchmark.prefixes import Prefixes
from ansible_collections.datasync.turbo.plugins.module_utils.benchmark.request import AWSCLI
from ansible_collections.datasync.turbo.plugins.module_utils.benchmark.tools import Command, Tool
from ansible_collections.datasync.turbo.plugins.module_utils.benchmark.upload import TIMED_OUT, MeasuredUploads
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import Interrupted
from ansible_collections.datasync.turbo.plugins.module_utils.common.threads import nothing

TOOL = Tool(AWSCLI, "/usr/bin/aws", "1.44.80")
NO_LINK = Link(None, None, UNKNOWN, False, "")


class Tools:
    """Stands in for the toolbox: its tool is a Python program, and what it "uploads" is put into the bucket."""

    def __init__(self, bucket):
        self.bucket = bucket
        self.program = "print('done')"
        self.objects = {"a": b"12345", "b": b"67890"}
        self.calls = []

    def command(self, tool, upload, transfer):
        self.calls.append((upload, transfer))
        for name, content in self.objects.items():
            self.bucket.put(upload.prefix + name, content)
        return Command([sys.executable, "-I", "-S", "-c", self.program], {"PATH": "/usr/bin:/bin"})


@pytest.fixture
def tools(bucket):
    bucket.name = "archive"
    return Tools(bucket)


@pytest.fixture
def data(source):
    """Two files of five bytes, the host's own."""
    for name in ("a", "b"):
        (source / name).write_bytes(b"12345")
    return existing(str(source), nothing)


@pytest.fixture
def uploads(bucket, tools, tmp_path):
    prefixes = Prefixes(bucket, "bench/1/", str(tmp_path))
    return MeasuredUploads(tools, bucket, prefixes, NO_LINK, str(tmp_path / "runs"), 30, nothing)


def test_a_run_that_stored_everything_counts(uploads, tools, data, bucket):
    run = uploads.run(TOOL, data, 2, {"numworkers": 4})
    assert (run.message, run.exit_code, run.tool, run.round) == ("", 0, AWSCLI, 2)
    assert (run.total_bytes, run.link_bytes, run.link_percent) == (10, None, None)
    assert run.wall_seconds > 0
    ((upload, transfer),) = tools.calls
    assert (upload.folder, upload.prefix, transfer) == (data.folder, "bench/1/0001-awscli/", {"numworkers": 4})


def test_nothing_of_a_run_stays(uploads, tools, data, bucket, tmp_path):
    uploads.run(TOOL, data, 1)
    tools.program = "raise SystemExit(3)"
    uploads.run(TOOL, data, 2)
    assert bucket.objects == {}
    assert list((tmp_path / "runs").iterdir()) == []


@pytest.mark.parametrize(
    ("objects", "stored"),
    [({"a": b"12345"}, "1 object of 5 bytes"), ({"a": b"12345", "b": b"6"}, "2 objects of 6 bytes")],
)
def test_a_tool_is_not_believed(uploads, tools, data, objects, stored):
    tools.objects = objects
    run = uploads.run(TOOL, data, 1)
    assert run.message == f"said success, but {stored} are stored instead of 2 of 10 bytes"


def test_a_folder_that_changed_is_not_the_fault_of_the_tool(uploads, tools, data, source):
    tools.objects = {"a": b"12345"}
    (source / "c").write_bytes(b"new")
    assert "the folder changed" in uploads.run(TOOL, data, 1).message


def test_a_tool_that_fails_gives_its_last_words(uploads, tools, data):
    tools.program = "import sys; print('no such bucket', file=sys.stderr); sys.exit(254)"
    run = uploads.run(TOOL, data, 1)
    assert run.exit_code == 254
    assert run.message.startswith("ended with exit code 254: ")
    assert "no such bucket" in run.message


def test_a_tool_that_takes_too_long_is_ended(uploads, tools, data):
    uploads.timeout = 1
    tools.program = "import time; time.sleep(60)"
    run = uploads.run(TOOL, data, 1)
    assert (run.exit_code, run.message) == (TIMED_OUT, "ended after the time limit of 1 s")


def test_a_signal_ends_the_run_and_leaves_the_rest_to_the_end_of_the_prefixes(uploads, tools, data, bucket, tmp_path):
    def stop():
        raise Interrupted(15)

    uploads.tick = stop
    tools.program = "import time; time.sleep(60)"
    with pytest.raises(Interrupted):
        uploads.run(TOOL, data, 1)
    assert list((tmp_path / "runs").iterdir()) == []
    uploads.prefixes.end()
    assert bucket.objects == {}
