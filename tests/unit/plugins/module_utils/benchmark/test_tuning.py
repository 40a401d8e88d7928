# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The search for a host's settings measures by uploads of samples, and leaves out what an earlier search found."""

from __future__ import annotations

import socket
from types import SimpleNamespace

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.benchmark import tuning as benchmark_tuning
from ansible_collections.datasync.turbo.plugins.module_utils.benchmark.measure.data import Recipe
from ansible_collections.datasync.turbo.plugins.module_utils.benchmark.measure.link import GIVEN, INTERFACE, Link
from ansible_collections.datasync.turbo.plugins.module_utils.benchmark.request import DATASYNC, TuningRequest
from ansible_collections.datasync.turbo.plugins.module_utils.benchmark.tools import Tool
from ansible_collections.datasync.turbo.plugins.module_utils.benchmark.tuning import HostTuning, host_tuning, round_trip
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError
from ansible_collections.datasync.turbo.plugins.module_utils.common.threads import nothing
from ansible_collections.datasync.turbo.plugins.module_utils.tuning.classes import DEFAULTS, MEDIUM, SMALL

WANTED = TuningRequest((SMALL, MEDIUM), 3600, 10**12)
TOOL = Tool(DATASYNC, "/usr/bin/python3")


def prepared(link, tool=TOOL, **transfer):
    """What is known before a benchmark begins, as far as tuning asks for it."""
    return SimpleNamespace(
        host=SimpleNamespace(name="upload-1", cores=4, memory_bytes=8 * 10**9),
        request=SimpleNamespace(destination="s3://archive/", work_dir="/nowhere", transfer=transfer),
        bucket=SimpleNamespace(endpoint_url=None),
        link=link,
        server=("127.0.0.1", 9),
        toolbox=SimpleNamespace(find_one=lambda name: tool),
    )


class Uploads:
    """Takes 10 s for each upload, and 5 s with eight workers; notes the options that it was given."""

    def __init__(self):
        self.transfers = []
        self.message = ""

    def run(self, tool, data, number, transfer):
        self.transfers.append(transfer)
        seconds = 5.0 if transfer["numworkers"] == 8 else 10.0
        return SimpleNamespace(message=self.message, wall_seconds=seconds + number / 1000)


@pytest.fixture
def samples(monkeypatch):
    """The recipes of the samples that were made; nothing is written."""
    made = []

    def prepare(recipe, work_dir, tick):
        made.append(recipe)
        return SimpleNamespace(total_bytes=recipe.total_bytes)

    monkeypatch.setattr(benchmark_tuning.dataset, "prepare", prepare)
    monkeypatch.setattr(benchmark_tuning.dataset, "warm", lambda data, tick: None)
    return made


def test_each_class_is_measured_with_a_sample_of_its_own(samples):
    uploads = Uploads()
    link = Link("eth0", 1000.0, INTERFACE, False, "")
    found = HostTuning(prepared(link, numworkers=99, tuning_path="/etc/tuning", no_verify=True), WANTED, TOOL, nothing)
    result = found.run(uploads)
    assert [recipe.name for recipe in samples] == ["tuning-small", "tuning-medium"]
    assert all(isinstance(recipe, Recipe) for recipe in samples)
    assert {name: one.settings.numworkers for name, one in result.classes.items()} == {SMALL: 8, MEDIUM: 8}
    for transfer in uploads.transfers:
        assert set(transfer) == {*DEFAULTS._fields, "no_verify"}, "a trial's settings, and no earlier tuning"


def test_uploads_that_fail_leave_the_defaults(samples):
    uploads = Uploads()
    uploads.message = "ended with exit code 4"
    result = HostTuning(prepared(Link("eth0", None, INTERFACE, False, "")), WANTED, TOOL, nothing).run(uploads)
    assert {one.settings for one in result.classes.values()} == {DEFAULTS}


@pytest.mark.parametrize(
    ("link", "mbps"),
    [
        (Link("eth0", 1000.0, INTERFACE, False, ""), 1000.0),
        (Link("eth0", 10_000.0, INTERFACE, True, ""), None),
        (Link("eth0", 300.0, GIVEN, True, ""), 300.0),
    ],
    ids=["a card", "a virtual card", "given"],
)
def test_the_speed_of_a_virtual_card_counts_only_if_somebody_gave_it(link, mbps):
    assert HostTuning(prepared(link), WANTED, TOOL, nothing)._facts().link_mbps == mbps


def test_without_s5cmd_there_is_nothing_to_tune():
    link = Link(None, None, INTERFACE, False, "")
    with pytest.raises(ConfigurationError, match="tune needs s5cmd: it is not on this host"):
        host_tuning(prepared(link, Tool(DATASYNC, reason="it is not on this host")), WANTED, nothing)
    assert host_tuning(prepared(link), WANTED, nothing).tool == TOOL


def test_the_round_trip_is_that_of_a_connection_or_unknown():
    with socket.create_server(("127.0.0.1", 0), backlog=16) as server:
        port = server.getsockname()[1]
        found = round_trip("127.0.0.1", port)
    assert found is not None and 0 < found < 5
    assert round_trip("127.0.0.1", port) is None
