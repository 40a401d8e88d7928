# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The page of a benchmark: the answer first, each chart with its table, no name taken for markup, nothing fetched.

How it looks is tested in a browser, by tests/integration/test_benchmark_page.py.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any, Callable

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.benchmark.report import page as benchmark_page
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils import benchmark_results

RESULTS = {
    "full": benchmark_results.full,
    "troubled": benchmark_results.troubled,
    "one round": benchmark_results.one_round,
    "nothing measured": benchmark_results.nothing_measured,
}

EVERY_RESULT = pytest.mark.parametrize("make", RESULTS.values(), ids=list(RESULTS))


class Reader(HTMLParser):
    """Reads what a browser would see: elements with their attributes, and all text."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@EVERY_RESULT
def test_nothing_is_loaded_and_nothing_runs(make: Callable[[], dict[str, Any]]) -> None:
    page = benchmark_page.page(make())
    seen = Reader(page)
    tags = {tag for tag, _attributes in seen.elements}
    assert not tags & {"script", "link", "img", "iframe", "object", "embed", "form", "base", "audio", "video", "source"}
    names = {name for _tag, attributes in seen.elements for name in attributes}
    assert not {name for name in names if name.startswith("on") or name in ("style", "src", "srcset", "action")}
    links = [attributes["href"] for tag, attributes in seen.elements if "href" in attributes]
    assert all(str(link).startswith("#shape-") for link in links)
    assert not re.search(r"url\((?!#)|@import", page)


@EVERY_RESULT
def test_ids_are_unique_and_what_they_point_to_is_there(make: Callable[[], dict[str, Any]]) -> None:
    seen = Reader(benchmark_page.page(make()))
    ids = [str(attributes["id"]) for _tag, attributes in seen.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _tag, attributes in seen.elements:
        for name in ("aria-labelledby", "aria-describedby"):
            assert set(str(attributes.get(name, "")).split()) <= set(ids)


@EVERY_RESULT
def test_every_chart_speaks_and_has_its_table(make: Callable[[], dict[str, Any]]) -> None:
    seen = Reader(benchmark_page.page(make()))
    charts = [attributes for attributes in seen.all("svg") if attributes.get("role") == "img"]
    tables = {attributes.get("id") for attributes in seen.all("table")}
    assert charts
    for attributes in charts:
        described = str(attributes["aria-describedby"]).split()
        assert tables.intersection(described), attributes["id"]


def test_the_answer_comes_before_any_chart() -> None:
    text = Reader(benchmark_page.page(benchmark_results.full())).text
    answer = text.index(
        "datasync was faster than AWS CLI on mix and small; datasync was slower than AWS CLI on single."
    )
    assert answer < text.index("0.97") < text.index("Throughput")
    assert "95 % interval 0.95 to 0.99, 3 rounds" in text


def test_names_are_shown_as_they_are() -> None:
    page = benchmark_page.page(benchmark_results.troubled())
    assert "<script" not in page
    text = Reader(page).text
    assert benchmark_results.LONG in text
    assert f"stopped after 1800 s: {benchmark_results.HOSTILE}" in text


def test_all_that_went_wrong_stands_before_the_charts() -> None:
    text = Reader(benchmark_page.page(benchmark_results.troubled())).text
    charts = text.index("Throughput")
    for told in (
        "This benchmark is incomplete",
        "The next benchmark with this bucket and work_dir tries again",
        "the server's clock is 40 s ahead",
        "mix, s5cmd, round 2: exit code 1: connection reset by peer",
        "rclone is not on PATH",
    ):
        assert text.index(told) < charts, told


def test_nothing_wrong_takes_no_place() -> None:
    result = benchmark_results.full()
    del result["tools"][-1]
    assert 'class="problems"' not in benchmark_page.page(result)


def test_an_unknown_link_is_said_and_not_drawn() -> None:
    page = benchmark_page.page(benchmark_results.troubled())
    assert 'id="dataset-1-link"' not in page
    assert "Not measured. Link: speed unknown: ens3 is virtual and has no speed; give link_mbps." in page
    assert 'id="dataset-1-link"' in benchmark_page.page(benchmark_results.full())


def test_versions_settings_and_machine_are_recorded() -> None:
    text = Reader(benchmark_page.page(benchmark_results.full())).text
    for told in (
        "0.4.0, s5cmd 2.3.0",
        "max_concurrent_requests 20, multipart_chunksize 64MB",
        "6.1.0-28-amd64",
        "Intel(R) Xeon(R) Gold 6338 CPU @ 2.00GHz, 2 cores",
        "2026-11-23 04:00:00 UTC to 2026-11-23 04:21:40 UTC",
        "eth0, 1,000 Mbit/s (as the interface says)",
        "20261123T040000Z-upload01.example.com-1a2b3c",
    ):
        assert told in text


def test_one_round_claims_nothing() -> None:
    text = Reader(benchmark_page.page(benchmark_results.one_round())).text
    assert "One round cannot tell datasync from AWS CLI on small." in text
    assert "95 % interval 0" not in text


def test_tuning_shows_its_evidence() -> None:
    result = benchmark_results.full()
    assert 'id="tuning"' not in benchmark_page.page(result)
    result["tuning"] = benchmark_results.tuning()
    text = Reader(benchmark_page.page(result)).text
    for told in (
        "64 workers, 5 parts at once, 16 MiB parts",
        "0.66 to 0.73",
        "31 % less time",
        "It took 412 of 600 s and uploaded 9.1 GB of 20.0 GB.",
        "0.98, defaults stay",
        "the budget was used up before",
        "exit code 1: too many open files",
    ):
        assert told in text


def test_a_tuning_that_was_stopped_says_why() -> None:
    result = benchmark_results.full()
    result["tuning"] = {**benchmark_results.tuning(), "stopped": "stopped by SIGINT"}
    assert "It was ended early: stopped by SIGINT." in benchmark_page.page(result)


def test_settings_in_force_are_the_defaults_where_no_gain_is_shown() -> None:
    result = benchmark_results.full()
    result["tuning"] = benchmark_results.tuning()
    page = benchmark_page.page(result)
    (row,) = re.findall(r'<tr><th scope="row">large</th>(.*?)</tr>', page)
    cells = re.findall(r"<span>(.*?)</span>", row)
    assert cells[:2] == [
        "16 workers, 5 parts at once, 16 MiB parts (the defaults)",
        "64 workers, 8 parts at once, 16 MiB parts",
    ]


def test_runs_are_listed_one_by_one() -> None:
    result = benchmark_results.full()
    page = benchmark_page.page(result)
    table = page[page.index('<table id="runs">') :]
    assert table.count("<tr>") == len(result["runs"]) + 1
    assert "warm-up" in table
