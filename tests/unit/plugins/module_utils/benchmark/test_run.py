# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The order of the rounds, and one benchmark at a time; tests/integration/test_s5cmd_benchmark.py runs real ones."""

from __future__ import annotations

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.benchmark import run as benchmark
from ansible_collections.datasync.turbo.plugins.module_utils.benchmark.tools import Tool
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import LockedError


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_each_tool_is_first_as_often_as_any_other_and_runs_once_a_round(count):
    tools = [Tool(str(number)) for number in range(count)]
    rounds = [benchmark._rotated(tools, number) for number in range(2 * count)]

    assert all(sorted(order, key=tools.index) == tools for order in rounds)
    first = [order[0] for order in rounds]
    assert all(first.count(tool) == 2 for tool in tools)


@pytest.mark.parametrize("count", [3, 4, 5])
def test_no_tool_always_follows_the_same_one(count):
    tools = [Tool(str(number)) for number in range(count)]
    order = [tool.name for number in range(4) for tool in benchmark._rotated(tools, number)]

    for tool in tools:
        assert len({before for before, after in zip(order, order[1:]) if after == tool.name}) >= 2


def test_two_benchmarks_at_once_are_refused(tmp_path):
    path = str(tmp_path / "lock")
    with benchmark.alone(path), pytest.raises(LockedError, match="holds the lock"):
        benchmark.alone(path).__enter__()

    with benchmark.alone(path):
        pass
