# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Every host has a result or a reason, and who failed is named also where it measured something."""

from __future__ import annotations

from ansible_collections.datasync.turbo.plugins.plugin_utils.reports.answers import (
    estimate_lines,
    page_name,
    sorted_answers,
    tuning_lines,
    tunings,
)

RESULT = {"id": "20261123T040000Z-upload1-1a2b3c", "status": "complete", "runs": [{}]}
ESTIMATE = {"estimate": {"requests": 1200, "bytes": 5_000_000_000, "cost": None}, "exit_code": 0}
UNREACHABLE = {"unreachable": True, "msg": "Task failed: Failed to connect to the host via ssh: No route to host\nmore"}
SKIPPED = {"skipped": True, "changed": False}


def test_a_host_that_measured_everything_has_a_result_and_no_reason() -> None:
    found = sorted_answers({"upload1": [ESTIMATE, {"benchmark": RESULT, "exit_code": 0}]})
    assert (found.results, found.missing, found.failures) == ({"upload1": RESULT}, {}, {})


def test_a_host_that_could_not_be_measured_has_the_reason_of_the_task_that_failed() -> None:
    refused = {"failed": True, "msg": "max_bytes 1.0 GB is less than the 5.0 GB", "exit_code": 1}
    reasons = {
        "before": ([refused, {}], "max_bytes 1.0 GB is less than the 5.0 GB"),
        "at-first": ([ESTIMATE, {"failed": True, "msg": "NoSuchBucket"}], "NoSuchBucket"),
        "unreachable": (
            [UNREACHABLE, SKIPPED],
            "unreachable: Failed to connect to the host via ssh: No route to host",
        ),
        "lost": ([ESTIMATE, UNREACHABLE], "unreachable: Failed to connect to the host via ssh: No route to host"),
        "silent": ([{}, {}], "the host gave no answer"),
        "never-began": ([ESTIMATE, {}], "it was not measured"),
        "wordless": ([{"failed": True}, {}], "failed without a reason"),
    }
    found = sorted_answers({host: answers for host, (answers, _reason) in reasons.items()})
    assert found.results == {}
    assert found.missing == found.failures == {host: reason for host, (_answers, reason) in reasons.items()}


def test_a_benchmark_that_is_not_complete_is_a_result_and_a_failure() -> None:
    partial = {**RESULT, "status": "incomplete"}
    answer = {"failed": True, "msg": "the benchmark is incomplete: s5cmd on mix, round 1: exit code 1"}
    found = sorted_answers({"upload1": [ESTIMATE, {**answer, "benchmark": partial}]})
    assert (found.results, found.missing) == ({"upload1": partial}, {})
    assert found.failures == {"upload1": answer["msg"]}


def test_the_estimate_has_a_line_for_each_host_and_their_sum() -> None:
    refused = {"failed": True, "msg": "bucket is missing"}
    lines = estimate_lines({"upload1": [ESTIMATE, {}], "upload2": [refused, {}], "upload3": [ESTIMATE, {}]})
    assert lines == [
        "upload1: 5.0 GB in about 1,200 requests",
        "upload2: bucket is missing",
        "upload3: 5.0 GB in about 1,200 requests",
        "all: 10.0 GB in about 2,400 requests",
    ]


def test_the_cost_of_all_is_told_where_each_host_has_one() -> None:
    priced = {"estimate": {"requests": 1000, "bytes": 1000, "cost": 0.005}}
    cheap = "1.0 kB in about 1,000 requests"
    assert estimate_lines({"a": [priced, {}], "b": [priced, {}]}) == [
        f"a: {cheap}, which cost 0.005 by benchmark_request_price",
        f"b: {cheap}, which cost 0.005 by benchmark_request_price",
        "all: 2.0 kB in about 2,000 requests, which cost 0.01 by benchmark_request_price",
    ]
    assert estimate_lines({"a": [priced, {}], "b": [ESTIMATE, {}]})[-1] == "all: 5.0 GB in about 2,200 requests"


def test_each_host_has_a_page_of_its_own_whatever_its_name() -> None:
    assert page_name("upload-1.example.org") == "upload-1.example.org.html"
    others = [page_name(name) for name in ("fe80::1", "fe80__1", "fe80:_1", "../x", "a b")]
    assert len(set(others)) == len(others)
    assert all("/" not in name and ":" not in name and name.endswith(".html") for name in others)


def test_a_tuning_is_told_by_host_and_class_without_its_trials() -> None:
    small = {
        "settings": {"numworkers": 64},
        "shown": True,
        "gain_percent": 12.0,
        "reason": "64 workers: 12 % less time",
    }
    tuned = {**RESULT, "tuning": {"classes": {"small": {**small, "trials": [{}]}}}}
    found = tunings({"upload1": tuned, "upload2": {**RESULT, "tuning": None}, "upload3": RESULT})
    assert found == {"upload1": {"small": small}}
    assert tuning_lines(found) == ["upload1, small files: 64 workers: 12 % less time"]
