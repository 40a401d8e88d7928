# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What a task returns of an audit, and what it says that audited a bucket in vain."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.audit.answer import answer_of
from ansible_collections.datasync.turbo.plugins.module_utils.audit.result import Finding, Result


def audited(exit_code: int = 4, error: str = "", **findings: list[Finding]) -> Result:
    result = Result(
        timestamp="2026-11-30T18:00:00+00:00",
        source="/srv/material",
        compared="tree",
        destination="s3://archive/",
        algorithm="CRC64NVME",
        limit=1000,
        fail_on_extra=False,
        status="failed" if exit_code else "success",
        exit_code=exit_code,
        error=error,
    )
    result.findings.update(findings)
    result.counts.update({kind: len(found) for kind, found in findings.items()})
    return result


def finding(path: str, message: str) -> Finding:
    return Finding(path, path, "", message)


GONE = [finding(f"{name}.mov", "the object is not in the bucket") for name in "ab"]
OTHERS = [finding(f"{name}.mov", "the stored ETag is another one") for name in "cd"]


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ({"missing": GONE[:1]}, "1 missing | a.mov: the object is not in the bucket"),
        (
            {"differs": OTHERS, "missing": GONE},
            "2 differs, 2 missing | c.mov: the stored ETag is another one | d.mov: the stored ETag is another one"
            " | a.mov: the object is not in the bucket | and 1 more, see result.differs, result.missing",
        ),
        ({"missing": GONE[:1], "extra": OTHERS}, "1 missing | a.mov: the object is not in the bucket"),
        ({"error": "bucket 'archive' does not answer", "missing": GONE}, "bucket 'archive' does not answer"),
    ],
)
def test_the_message_has_the_counts_and_the_first_findings_that_made_it_fail(
    result: dict[str, Any], message: str
) -> None:
    assert answer_of(audited(**result))["msg"] == f"/srv/material ↔ s3://archive/ failed: {message}"


@pytest.mark.parametrize(("attached", "changed"), [(0, False), (2, True)])
def test_only_a_checksum_that_was_attached_is_a_change(attached: int, changed: bool) -> None:
    result = audited(exit_code=0)
    result.attached = attached
    assert answer_of(result) == {"changed": changed, "result": result.as_dict(), "exit_code": 0}
