# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Reports say what was measured: warm-ups and failed runs do not count, and what is not known is not made up."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.benchmark.report import figures
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils import benchmark_results


def ratio(value: float | None, low: float | None, high: float | None, verdict: str, pairs: int = 3) -> dict[str, Any]:
    return {
        "dataset": "mix",
        "tool": "datasync",
        "against": "awscli",
        "ratio": value,
        "low": low,
        "high": high,
        "pairs": pairs,
        "verdict": verdict,
    }


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1537.4, "1,537"),
        (999.6, "1,000"),
        (412.4, "412"),
        (99.96, "100"),
        (99.94, "99.9"),
        (41.23, "41.2"),
        (9.996, "10.0"),
        (4.123, "4.12"),
        (0.4123, "0.412"),
        (0.00041, "0.0004"),
        (0, "0"),
        (None, "-"),
    ],
)
def test_figures_have_three_digits_that_count(value: float | None, shown: str) -> None:
    assert figures.figure(value) == shown


def test_neither_the_warm_up_nor_a_failed_run_counts() -> None:
    result = benchmark_results.full()
    (mix, *_others) = result["datasets"]
    for run in result["runs"]:
        if run["tool"] == "datasync" and run["dataset"] == "mix":
            run["wall_seconds"] = {0: 1000.0, 1: 10.0, 2: 12.0, 3: 900.0}[run["round"]]
            run["message"] = "stopped" if run["round"] == 3 else ""
    found = figures.measured(result, mix, "datasync", figures.TIME)
    assert found is not None
    assert found.values == (10.0, 12.0)
    assert (found.median, found.minimum, found.maximum) == (11.0, 10.0, 12.0)
    assert found.text == "11.0 (10.0-12.0)"
    assert figures.good_runs(result, "mix", {"name": "datasync", "available": True}) == "2 of 3"


def test_processor_time_is_for_each_gb_and_memory_in_mb() -> None:
    result = benchmark_results.one_round()
    (small,) = result["datasets"]
    (run,) = [one for one in result["runs"] if one["tool"] == "datasync"]
    run.update(cpu_seconds=8.192, peak_memory_bytes=58_000_000)
    cpu = figures.measured(result, small, "datasync", figures.CPU)
    memory = figures.measured(result, small, "datasync", figures.MEMORY)
    assert cpu is not None
    assert memory is not None
    assert cpu.median == pytest.approx(50.0)
    assert memory.median == 58.0


def test_link_use_that_is_not_known_of_each_run_is_not_known() -> None:
    result = benchmark_results.full()
    result["runs"][-1]["link_percent"] = None
    tool, dataset = result["runs"][-1]["tool"], result["datasets"][-1]
    assert figures.measured(result, dataset, tool, figures.LINK) is None
    assert figures.measured(result, dataset, tool, figures.TIME) is not None


@pytest.mark.parametrize(
    ("available", "messages", "said"),
    [
        (True, ["", "", ""], "3 of 3"),
        (True, ["x", "x", "x"], "all 3 failed"),
        (True, ["x"], "failed"),
        (True, [], "not measured"),
        (False, [], "not available"),
    ],
)
def test_why_there_is_no_figure(available: bool, messages: list, said: str) -> None:
    runs = [{"dataset": "mix", "tool": "s5cmd", "round": 1, "message": message} for message in messages]
    assert figures.good_runs({"runs": runs}, "mix", {"name": "s5cmd", "available": available}) == said


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (
            ratio(0.41, 0.38, 0.44, "faster"),
            "datasync was faster than AWS CLI: it took 0.41 of the time (95 % interval 0.38 to 0.44, 3 rounds).",
        ),
        (
            ratio(1.12, 1.05, 1.19, "slower"),
            "datasync was slower than AWS CLI: it took 1.12 times as long (95 % interval 1.05 to 1.19, 3 rounds).",
        ),
        (
            ratio(0.97, 0.9, 1.05, "no difference shown"),
            "no difference is shown between datasync and AWS CLI: datasync took 0.97 of the time "
            "(95 % interval 0.90 to 1.05, 3 rounds).",
        ),
        (
            ratio(0.5, None, None, "not enough rounds", 1),
            "datasync took 0.50 of the time of AWS CLI in one round, which is not enough to rule out chance.",
        ),
        (
            ratio(None, None, None, "not enough rounds", 0),
            "datasync cannot be compared with AWS CLI: there was no round in which both succeeded.",
        ),
    ],
)
def test_ratios_in_words(found: dict[str, Any], said: str) -> None:
    assert figures.sentence(found) == said


def test_summary_groups_datasets_by_what_they_show() -> None:
    assert figures.summary(benchmark_results.full()) == (
        "datasync was faster than AWS CLI on mix and small; datasync was slower than AWS CLI on single."
    )


def test_summary_names_every_tool_that_was_faster() -> None:
    result = benchmark_results.full()
    for found in result["ratios"]:
        if (found["dataset"], found["against"]) in (
            ("mix", "s5cmd"),
            ("single", "s5cmd"),
            ("small", "awscli_optimized"),
        ):
            found["verdict"] = "slower"
    assert figures.summary(result) == (
        "datasync was faster than AWS CLI on mix and small; datasync was slower than AWS CLI on single. "
        "datasync was slower than s5cmd on mix and single and than AWS CLI optimized on small."
    )


def test_summary_of_what_shows_no_difference() -> None:
    result = benchmark_results.one_round()
    assert figures.summary(result) == "One round cannot tell datasync from AWS CLI on small."
    result["ratios"][0].update(low=0.9, high=1.1, verdict="no difference shown")
    assert figures.summary(result) == "No difference between datasync and AWS CLI is shown on small."


def test_where_the_aws_cli_failed_the_next_tool_is_compared() -> None:
    result = benchmark_results.troubled()
    assert [one["against"] for one in figures.headlines(result)] == ["awscli", "awscli_optimized", "awscli"]
    assert "faster than AWS CLI optimized on small" in figures.summary(result)


def test_summary_of_nothing_and_of_one_tool() -> None:
    result = benchmark_results.nothing_measured()
    assert figures.summary(result) == "datasync cannot be compared with AWS CLI on small."
    result["ratios"] = []
    assert figures.summary(result) == "Nothing was measured."
    next(run for run in result["runs"] if run["tool"] == "s5cmd")["message"] = ""
    assert figures.summary(result) == "Only s5cmd could be measured, so nothing is compared."


def test_runs_that_failed_alike_are_told_once() -> None:
    told = [failure.text for failure in figures.failures(benchmark_results.troubled())]
    assert told == [
        "mix, s5cmd, round 2: exit code 1: connection reset by peer",
        f"small, AWS CLI, warm-up and rounds 1, 2, 3, 4, 5: stopped after 1800 s: {benchmark_results.HOSTILE}",
    ]


def test_problems_are_not_told_twice() -> None:
    result = benchmark_results.full()
    result["runs"][0]["message"] = "refused"
    result["left_behind"] = [{"bucket": "b", "prefix": "p/", "reason": "AccessDenied"}]
    run = result["runs"][0]
    result["problems"] = [
        f"{run['tool']} on {run['dataset']}, round {run['round']}: refused",
        "s3://b/p/ is left behind: AccessDenied",
        "the clock stood still",
    ]
    assert figures.problems(result) == ["the clock stood still"]
    assert figures.left_behind(result) == [
        "s3://b/p/ was not removed: AccessDenied. The next benchmark with this bucket and work_dir tries again"
    ]


@pytest.mark.parametrize(
    ("link", "said"),
    [
        (
            {"interface": "eth0", "mbps": 1000.0, "source": "interface", "virtual": False, "note": ""},
            "eth0, 1,000 Mbit/s (as the interface says)",
        ),
        (
            {"interface": "lo", "mbps": None, "source": "unknown", "virtual": True, "note": "lo has none; give it"},
            "speed unknown: lo has none; give it",
        ),
        (
            {"interface": "ens3", "mbps": 10000.0, "source": "interface", "virtual": True, "note": "it always says so"},
            "ens3, 10,000 Mbit/s (as the interface says), virtual; it always says so",
        ),
        (
            {"interface": None, "mbps": 400.0, "source": "given", "virtual": False, "note": ""},
            "400 Mbit/s (as given)",
        ),
    ],
)
def test_link_in_words(link: dict[str, Any], said: str) -> None:
    assert figures.link(link) == said


@pytest.mark.parametrize(
    ("iso", "said"),
    [
        ("2026-11-23T04:00:07+00:00", "2026-11-23 04:00:07 UTC"),
        ("2026-11-23T04:00:07Z", "2026-11-23 04:00:07 UTC"),
        ("2026-11-23T04:00:07.250000-05:30", "2026-11-23 04:00:07 -05:30"),
        ("2026-11-23T04:00:07", "2026-11-23 04:00:07"),
        ("yesterday", "yesterday"),
    ],
)
def test_moments(iso: str, said: str) -> None:
    assert figures.moment(iso) == said


def test_facts_tell_where_when_and_how() -> None:
    facts = dict(figures.facts(benchmark_results.full()))
    assert facts["Processor"] == "Intel(R) Xeon(R) Gold 6338 CPU @ 2.00GHz, 2 cores"
    assert facts["System"] == "Debian GNU/Linux 12 (bookworm), kernel 6.1.0-28-amd64"
    assert facts["Measured"] == "2026-11-23 04:00:00 UTC to 2026-11-23 04:21:40 UTC"
    assert facts["Destination"] == "s3://example-uploads/benchmark/ at https://s3.eu-central-1.amazonaws.com"
    assert facts["Settings"] == "rounds 3, warmup 1, timeout 1800"
    assert facts["Estimate beforehand"] == "131,000 requests, 128.0 GB, about 0.66 USD; requests only"


def test_ours_is_shown_first() -> None:
    assert [tool["name"] for tool in figures.tools(benchmark_results.full())] == [
        "datasync",
        "awscli",
        "awscli_optimized",
        "s5cmd",
        "rclone",
    ]
