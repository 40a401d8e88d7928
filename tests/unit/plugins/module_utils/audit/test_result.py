# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What an audit found: what counts, what fails it, and how it is told."""

from __future__ import annotations

import json

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.audit.result import (
    DIFFERS,
    EXTRA,
    FINDINGS,
    MISSING,
    OK,
    UNVERIFIABLE,
    Finding,
    Result,
)


def result(fail_on_extra=False, **counts):
    made = Result("2026-01-02T03:04:05+01:00", "/srv", "the source", "s3://archive/", "SHA256", 1000, fail_on_extra)
    made.counts.update(counts)
    return made


def test_all_is_told_as_plain_json_with_a_list_for_each_kind():
    found = result(ok=3, missing=1)
    found.findings[MISSING].append(Finding("a.txt", "p/a.txt", "", "no such object"))
    told = json.loads(json.dumps(found.as_dict()))
    assert told["counts"] == {OK: 3, MISSING: 1, DIFFERS: 0, UNVERIFIABLE: 0, EXTRA: 0}
    assert told[MISSING] == [{"path": "a.txt", "key": "p/a.txt", "method": "", "message": "no such object"}]
    assert all(told[kind] == [] for kind in FINDINGS if kind != MISSING)
    assert "findings" not in told


@pytest.mark.parametrize(
    ("counts", "code"),
    [
        ({}, 0),
        ({MISSING: 1}, 4),
        ({UNVERIFIABLE: 1}, 4),
        ({DIFFERS: 1}, 5),
        ({DIFFERS: 1, MISSING: 9}, 5),
        ({EXTRA: 1}, 0),
    ],
)
def test_the_worst_finding_decides_the_exit_code(counts, code):
    assert result(**counts).code_of_findings() == code


def test_too_much_fails_an_audit_that_was_asked_for_it():
    assert (result(extra=2).failed, result(extra=2).code_of_findings()) == ([], 0)
    strict = result(fail_on_extra=True, extra=2, missing=1)
    assert (strict.failed, strict.code_of_findings()) == ([MISSING, EXTRA], 4)


def test_the_summary_is_one_line_with_what_was_proven_first():
    found = result(ok=12, differs=1, extra=2)
    found.bytes, found.methods, found.status, found.exit_code = 3_000_000, {"SHA256": 12}, "failed", 5
    found.duration_seconds = 1.5
    assert found.summary == ("failed: 12 objects ok, 3.0 MB (12 by SHA256); 1 differs, 2 extra, in 1.5 s, exit code 5")
