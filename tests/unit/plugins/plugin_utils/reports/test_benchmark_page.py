# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The page of a fleet: every host is on it, whatever became of it. How it looks is tested in a browser."""

from __future__ import annotations

from html.parser import HTMLParser

from ansible_collections.datasync.turbo.plugins.plugin_utils.reports import benchmark_page
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils import benchmark_results

MISSING = {"upload09": "unreachable: <Connection & timed out>"}


class Reader(HTMLParser):
    """The text that a browser would show, and where links lead."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""
        self.links: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for name, value in attrs if tag == "a" and name == "href"]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_every_host_is_on_the_page_and_leads_to_its_own() -> None:
    results = {"upload01": benchmark_results.full(), "upload02": benchmark_results.troubled()}
    page = benchmark_page.page(results, MISSING, together=True, pages={"upload01": "hosts/upload01.html"})
    seen = Reader(page)
    assert "Fleet of 3 hosts" in seen.text
    for host in (*results, *MISSING):
        assert host in seen.text
    assert "<Connection & timed out>" in seen.text
    assert [link for link in seen.links if not link.startswith("#")] == ["hosts/upload01.html"]


def test_a_fleet_of_which_nothing_is_known_has_a_page_that_says_so() -> None:
    seen = Reader(benchmark_page.page({}, MISSING, together=False))
    assert "Fleet of 1 host" in seen.text
    assert "upload09" in seen.text


def test_more_hosts_than_a_chart_has_room_for_are_all_there() -> None:
    results = {f"upload{number:02}": benchmark_results.full() for number in range(benchmark_page.HOSTS_IN_A_CHART + 3)}
    text = Reader(benchmark_page.page(results, {}, together=True)).text
    assert all(host in text for host in results)
