# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Findings are all counted, and listed up to the limit, whichever thread they come from."""

from __future__ import annotations

import threading

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.audit.findings import Findings
from ansible_collections.datasync.turbo.plugins.module_utils.audit.result import DIFFERS, EXTRA, OK, Finding, Result


@pytest.fixture
def findings():
    return lambda limit=10: Findings(Result("", "/srv", "tree", "s3://archive/p/", "CRC64NVME", limit, False))


def finding(name):
    return Finding(name, f"p/{name}", "ETag", "differs")


def test_all_are_counted_and_the_first_are_listed_in_order(findings):
    found = findings(limit=2)
    for name in ("b", "c", "a"):
        found.add(DIFFERS, finding(name))
    found.add(EXTRA, finding("x"))
    result = found.as_result()
    assert (result.counts[DIFFERS], result.counts[EXTRA]) == (3, 1)
    assert [one.path for one in result.findings[DIFFERS]] == ["b", "c"]


def test_of_what_is_well_only_numbers_are_kept(findings):
    found = findings()
    for method in ("SHA256", "ETag", "ETag"):
        found.ok(method, 1_000_000)
    result = found.as_result()
    assert (result.counts[OK], result.bytes) == (3, 3_000_000)
    assert list(result.methods.items()) == [("ETag", 2), ("SHA256", 1)]
    assert str(found) == "3 ok, 3.0 MB; 0 findings"


def test_a_result_that_was_told_no_longer_changes(findings):
    found = findings()
    told = found.as_result()
    found.add(DIFFERS, finding("a"))
    found.ok("ETag", 1)
    assert (told.counts[DIFFERS], told.findings[DIFFERS], told.methods, told.bytes) == (0, [], {}, 0)


def test_threads_lose_nothing(findings):
    found = findings(limit=5)

    def work():
        for number in range(500):
            found.add(DIFFERS, finding(str(number)))
            found.ok("ETag", 2)

    threads = [threading.Thread(target=work) for _number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    result = found.as_result()
    assert (result.counts[DIFFERS], result.counts[OK], result.bytes) == (4000, 4000, 8000)
    assert len(result.findings[DIFFERS]) == 5
