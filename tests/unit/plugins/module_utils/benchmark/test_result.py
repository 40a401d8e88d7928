# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What follows from the runs of a benchmark."""

from __future__ import annotations

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.benchmark.result import (
    WARM_UP,
    Measurement,
    rates,
    ratios,
    summaries,
)


def run(tool, number, seconds, message="", dataset="mix"):
    return Measurement(
        dataset=dataset,
        tool=tool,
        round=number,
        began="2026-11-23T04:00:00+00:00",
        wall_seconds=seconds,
        cpu_seconds=seconds / 2,
        cpu_percent=50.0,
        peak_memory_bytes=number * 1_000_000,
        **rates(2_000_000_000, 4, seconds),
        link_bytes=None,
        link_percent=None,
        retries=None,
        errors=0,
        exit_code=1 if message else 0,
        message=message,
        total_bytes=2_000_000_000,
    )


def test_a_summary_has_medians_of_the_good_runs_alone():
    lines = summaries(
        [run("s5cmd", WARM_UP, 99.0)]
        + [run("s5cmd", number, seconds) for number, seconds in ((1, 4.0), (2, 6.0), (3, 5.0))]
        + [run("s5cmd", 4, 1.0, "crashed")]
    )

    assert len(lines) == 1
    line = lines[0]
    assert (line["dataset"], line["tool"], line["runs"], line["failed"]) == ("mix", "s5cmd", 3, 1)
    assert line["wall_seconds"] == {"median": 5.0, "minimum": 4.0, "maximum": 6.0, "spread_percent": 40.0}
    assert line["megabytes_per_second"]["median"] == 400.0
    assert line["objects_per_second"]["median"] == 0.8
    assert line["cpu_seconds_per_gb"] == 1.25
    assert line["peak_memory_bytes"] == 3_000_000
    assert line["link_percent"] is None


def test_a_tool_that_failed_in_each_round_has_no_figure():
    (line,) = summaries([run("rclone", 1, 1.0, "crashed")])

    assert (line["runs"], line["failed"]) == (0, 1)
    assert line["wall_seconds"] is None
    assert line["cpu_seconds_per_gb"] is None
    assert line["peak_memory_bytes"] is None


def test_a_benchmark_that_was_stopped_while_it_warmed_up_has_no_summary():
    assert summaries([run("s5cmd", WARM_UP, 1.0)]) == []
    assert ratios([run("s5cmd", WARM_UP, 1.0)]) == []


def test_ours_is_compared_with_each_other_tool_round_by_round():
    runs = [run("s5cmd", number, 2.0 * number) for number in (1, 2, 3)]
    runs += [run("datasync", number, 1.0 * number) for number in (1, 2, 3)]
    runs += [run("awscli", number, 4.0 * number) for number in (1, 2, 3)]

    found = {line["against"]: line for line in ratios(runs)}

    assert found["s5cmd"]["tool"] == "datasync"
    assert found["s5cmd"]["ratio"] == pytest.approx(0.5)
    assert found["awscli"]["ratio"] == pytest.approx(0.25)
    assert {line["verdict"] for line in found.values()} == {"faster"}


def test_a_round_in_which_one_of_the_two_failed_does_not_count():
    runs = [run("datasync", 1, 1.0), run("s5cmd", 1, 2.0), run("datasync", 2, 9.0, "crashed"), run("s5cmd", 2, 2.0)]

    (line,) = ratios(runs)

    assert line["pairs"] == 1
    assert line["verdict"] == "not enough rounds"


def test_without_ours_the_first_tool_is_compared():
    (line,) = ratios([run("awscli", 1, 1.0), run("rclone", 1, 2.0)])

    assert (line["tool"], line["against"]) == ("awscli", "rclone")
