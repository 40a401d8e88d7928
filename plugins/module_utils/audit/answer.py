# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What a task returns of an audit that ended."""

from __future__ import annotations

from typing import Any

from ..common.problems import first_few
from .result import Result


def answer_of(result: Result) -> dict[str, Any]:
    """The return values of module s3_verify, with `msg` if the audit failed."""
    answer: dict[str, Any] = {
        "changed": result.attached > 0,
        "result": result.as_dict(),
        "exit_code": result.exit_code,
    }
    if result.exit_code:
        answer["msg"] = _failure_message(result)
    return answer


def _failure_message(result: Result) -> str:
    """The counts and the first findings in one line; all that are listed are in the result."""
    heading = f"{result.source} ↔ {result.destination} {result.status}"
    if result.error:
        return f"{heading}: {result.error}"
    counts = ", ".join(f"{result.counts[kind]} {kind}" for kind in result.failed)
    texts = [f"{found.path}: {found.message}" for kind in result.failed for found in result.findings[kind]]
    where = ", ".join(f"result.{kind}" for kind in result.failed)
    return f"{heading}: {counts} | {first_few(texts, where)}"
