# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The filter hands on the reports of plugin_utils, and no host vanishes from one of them."""

from __future__ import annotations

import csv
import io
import json

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.datasync.turbo.plugins.filter import benchmark_report
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils import benchmark_results

report = benchmark_report.FilterModule().filters()["benchmark_report"]
LOST = "unreachable: No route to host"


@pytest.fixture
def answers():
    """Two hosts that were measured, one of them not to its end, and one that could not be reached."""
    return {
        "upload1": [{"estimate": {}}, {"benchmark": benchmark_results.full("localhost")}],
        "upload2": [{"estimate": {}}, {"benchmark": benchmark_results.troubled(), "failed": True, "msg": "incomplete"}],
        "upload3": [{"unreachable": True, "msg": "No route to host"}, {"skipped": True}],
    }


def test_every_kind_is_documented():
    options = yaml.safe_load(benchmark_report.DOCUMENTATION)["options"]
    assert sorted(options["kind"]["choices"]) == sorted(benchmark_report.KINDS)


def test_a_kind_that_is_not_there_is_an_error_that_lists_those_that_are():
    with pytest.raises(AnsibleFilterError, match="kind 'pdf' is none of text, lines"):
        report({}, "pdf")


def test_a_host_that_failed_is_in_every_report_but_the_list_of_runs(answers):
    for kind in ("text", "html", "json"):
        assert LOST in report(answers, kind), kind
    assert report(answers, "lines") == report(answers, "text").splitlines()
    assert {row["host"] for row in csv.DictReader(io.StringIO(report(answers, "csv")))} == {"upload1", "upload2"}


def test_the_summary_has_the_reason_of_every_host_that_failed(answers):
    summary = report(answers, "summary")
    assert (summary["measured"], summary["missing"]) == (2, {"upload3": LOST})
    assert summary["failures"] == {"upload2": "incomplete", "upload3": LOST}


def test_the_file_of_all_results_has_them_whole(answers):
    found = json.loads(report(answers, "json"))
    assert found["results"]["upload1"] == benchmark_results.full("localhost")
    assert found["summary"] == report(answers, "summary")


def test_the_page_of_the_fleet_links_to_the_page_of_each_host(answers):
    page = report(answers, "html")
    for host in ("upload1", "upload2"):
        assert f'href="hosts/{report(host, "page_name")}"' in page
    assert "hosts/upload3" not in page


def test_what_sums_mean_depends_on_whether_the_hosts_measured_together(answers):
    for kind in ("text", "html"):
        assert "one after the other" in report(answers, kind)
        assert "at the same time" in report(answers, kind, together=True)


def test_what_was_tuned_is_told_below_the_figures(answers):
    answers["upload1"][1]["benchmark"]["tuning"] = {"classes": {"small": {"reason": "no gain is shown"}}}
    answers["upload2"][1]["benchmark"]["tuning"] = None
    assert report(answers, "text").endswith("\nTuning:\n- upload1, small files: no gain is shown\n")
    assert report(answers, "summary")["tuning"] == {"upload1": {"small": {"reason": "no gain is shown"}}}


def test_a_host_has_a_page_of_its_own(answers):
    page = report(answers["upload1"][1], "page")
    assert page.startswith("<!DOCTYPE html>") and page != report(answers["upload2"][1], "page")
