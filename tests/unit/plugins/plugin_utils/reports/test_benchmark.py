# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The benchmarks of a fleet: sums say of how many hosts they are and what they mean, and no host vanishes."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import Any

import pytest
from ansible_collections.datasync.turbo.plugins.plugin_utils.reports import benchmark as fleet_benchmark
from ansible_collections.datasync.turbo.plugins.plugin_utils.reports import benchmark_page as fleet_benchmark_page
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils import benchmark_results

LONG_HOST = "upload-server-with-a-long-name.frankfurt-1.customers.example.com"
MISSING = {"upload09": "unreachable: Connection timed out"}


@pytest.fixture
def results() -> dict[str, Any]:
    return {
        "upload01": benchmark_results.full("localhost"),
        "upload02": benchmark_results.full("localhost", factor=2.0),
        LONG_HOST: benchmark_results.troubled(),
    }


def medians(summary: dict[str, Any], tool: str) -> list[float]:
    (mix, *_others) = summary["datasets"]
    return [row["megabytes_per_second"][tool] for row in mix["hosts"].values() if tool in row["megabytes_per_second"]]


def test_sums_are_of_the_medians_of_the_hosts_that_have_one(results: dict[str, Any]) -> None:
    found = fleet_benchmark.summary(results, MISSING, together=True)
    mix, small, single, folder = found["datasets"]
    assert mix["dataset"] == "mix"
    first, second, third = medians(found, "datasync")
    assert second == pytest.approx(2 * first)
    total = mix["sums"]["datasync"]
    assert total["megabytes_per_second"] == pytest.approx(first + second + third)
    assert (total["hosts"], total["of"]) == (3, 3)
    assert (small["sums"]["awscli"]["hosts"], small["sums"]["awscli"]["of"]) == (2, 3), "it failed on one"
    assert list(single["hosts"]) == ["upload01", "upload02"]
    assert list(folder["hosts"]) == [LONG_HOST]


def test_summary_can_be_written_as_json(results: dict[str, Any]) -> None:
    found = fleet_benchmark.summary(results, MISSING, together=True)
    assert json.loads(json.dumps(found)) == found


def test_what_the_sums_mean_depends_on_whether_the_hosts_ran_together(results: dict[str, Any]) -> None:
    together = fleet_benchmark.text(fleet_benchmark.summary(results, {}, together=True))
    alone = fleet_benchmark.text(fleet_benchmark.summary(results, {}, together=False))
    assert "The hosts ran at the same time" in together
    assert "The hosts ran one after the other, each alone" in alone


def test_text_counts_hosts_and_verdicts_and_names_what_went_wrong(results: dict[str, Any]) -> None:
    text = fleet_benchmark.text(fleet_benchmark.summary(results, MISSING, together=False))
    for told in (
        "3 of 4 hosts measured.",
        "mix: datasync against AWS CLI: faster on 3 hosts.",
        "small: datasync against AWS CLI: faster on 2 hosts; datasync against AWS CLI optimized: faster on 1 host.",
        "2 of 3 hosts",
        "upload09: unreachable: Connection timed out",
        f"{LONG_HOST}: incomplete",
        f"{LONG_HOST}: mix, s5cmd, round 2: exit code 1: connection reset by peer",
        f"{LONG_HOST}: s3://example-uploads/benchmark/1a2b3c/ was not removed",
    ):
        assert told in text, told


def test_csv_names_hosts_as_the_inventory_does(results: dict[str, Any]) -> None:
    rows = list(csv.DictReader(io.StringIO(fleet_benchmark.as_csv(results), newline="")))
    assert len(rows) == sum(len(result["runs"]) for result in results.values())
    assert {row["host"] for row in rows} == set(results)


@pytest.mark.parametrize("together", [True, False])
def test_page_has_every_host(results: dict[str, Any], together: bool) -> None:
    pages = {"upload01": "hosts/upload01.html"}
    page = fleet_benchmark_page.page(results, MISSING, together=together, pages=pages)
    assert "3 of 4 hosts measured." in page
    assert '<a href="hosts/upload01.html">upload01</a>' in page
    assert "unreachable: Connection timed out" in page
    assert ("The hosts ran at the same time" in page) is together
    assert LONG_HOST in page
    assert "<script" not in page
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_many_hosts_are_drawn_in_several_charts_with_the_same_axis() -> None:
    many = {f"upload{number:02}": benchmark_results.full(factor=1 + number / 40) for number in range(40)}
    many["upload39"]["ratios"][0].update(ratio=4.0, low=3.0, high=4.9)
    page = fleet_benchmark_page.page(many, {}, together=True)
    charts = re.findall(r'<svg [^>]*id="dataset-1-hosts-\d+".*?</svg>', page)
    assert [len(re.findall('class="label"', chart)) for chart in charts] == [16, 16, 8]
    assert "1 to 16 of 40" in charts[0]
    ticks = [re.findall(r'class="tick">([0-9.]+)<', chart) for chart in charts]
    assert ticks[0] == ticks[1] == ticks[2]
    assert "5" in ticks[0], "the axis of the last one's ratio"


def test_one_host_is_not_summed(results: dict[str, Any]) -> None:
    one = {"upload01": results["upload01"]}
    text = fleet_benchmark.text(fleet_benchmark.summary(one, MISSING, together=True))
    page = fleet_benchmark_page.page(one, MISSING, together=True)
    assert "1 of 2 hosts measured." in text
    assert "\nsum " not in text
    assert "at the same time" not in text + page
    assert "All hosts" not in page


def test_a_fleet_without_any_result() -> None:
    found = fleet_benchmark.summary({}, MISSING, together=True)
    assert fleet_benchmark.text(found).startswith("0 of 1 host measured.")
    page = fleet_benchmark_page.page({}, MISSING, together=True)
    assert "0 of 1 host measured." in page
    assert "unreachable: Connection timed out" in page


def test_datasets_of_different_sizes_are_told_apart(results: dict[str, Any]) -> None:
    results["upload02"]["datasets"][0]["bytes"] = 13_700_000_000
    page = fleet_benchmark_page.page(results, {}, together=True)
    assert "6.8 GB to 13.7 GB on each host" in page
