# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What a benchmark will upload is known, and limited, before it begins."""

from __future__ import annotations

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.benchmark.estimate import estimate, materials
from ansible_collections.datasync.turbo.plugins.module_utils.benchmark.request import BenchmarkRequest
from ansible_collections.datasync.turbo.plugins.module_utils.benchmark.tools import Tool
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError

TOOLS = [Tool("s5cmd"), Tool("awscli")]


def nothing():
    """A tick of a run that nobody stops."""


def request(**options):
    return BenchmarkRequest.from_options({"bucket": "archive", **options}, prefix_is_given=False)


def test_the_plans_mix_is_what_the_documentation_says():
    (mix,) = materials(request(datasets=["mix"]), nothing)

    assert mix.files == 24
    assert mix.total_bytes == (100 + 250 + 500 + 1000 + 20 * 250) * 1_000_000


def test_small_files_and_one_large_file_of_a_size_that_can_be_given():
    small, single = materials(request(datasets=["small", "single"], single_size="4MB"), nothing)

    assert (small.files, small.total_bytes) == (10_000, 10_000 * 16 * 1024)
    assert single.sizes == ((4 * 1024 * 1024, 1),)


def test_a_folder_is_called_by_its_whole_path(tmp_path):
    (tmp_path / "a").write_bytes(bytes(1000))
    (folder,) = materials(request(datasets=[str(tmp_path)]), nothing)

    assert folder.as_dict() == {"name": str(tmp_path), "files": 1, "bytes": 1000}
    assert folder.made("/nowhere", nothing).name == str(tmp_path)


def test_bytes_are_those_of_all_rounds_and_tools():
    wanted = request(datasets=["single"], single_size="1000000", rounds=3, warmup=1)

    found = estimate(wanted, materials(wanted, nothing), TOOLS)

    assert found.bytes == 2 * 4 * 1_000_000
    assert found.requests == 2 * 4
    assert found.cost is None


def test_a_price_makes_a_cost():
    wanted = request(datasets=["small"], rounds=1, warmup=0, request_price=0.005)

    found = estimate(wanted, materials(wanted, nothing), TOOLS)

    assert found.requests == 20_000
    assert found.cost == pytest.approx(0.1)


def test_a_tuning_counts_with_all_that_it_may_send():
    wanted = request(rounds=0, tune=True, tune_classes=["small"], tune_bytes="2GB")
    chosen = materials(wanted, nothing)
    found = estimate(wanted, chosen, TOOLS)

    assert chosen == []
    assert found.bytes == 2 * 1024**3
    # Of 16 KiB each, one request each.
    assert found.requests == 2 * 1024**3 // (16 * 1024)


def test_more_than_allowed_is_refused_with_what_it_would_be():
    wanted = request(datasets=["mix"], max_bytes="50GB")

    with pytest.raises(ConfigurationError) as error:
        estimate(wanted, materials(wanted, nothing), TOOLS)

    assert "max_bytes 53.7 GB is less than the 54.8 GB that 2 tools would upload in 4 rounds" in str(error.value)
