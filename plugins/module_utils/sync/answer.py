# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What a task returns of a run that ended."""

from __future__ import annotations

from typing import Any

from ..common.object_diff import StoredLine, object_diff
from ..common.problems import first_few
from .account import Finished


def answer_of(finished: Finished, *, with_diff: bool = False) -> dict[str, Any]:
    """The return values of module s5cmd_sync, with `msg` if the run failed, and Ansible's diff if it is wanted."""
    result, plan = finished.result, finished.plan
    deleted = _deleted_keys(finished)
    answer: dict[str, Any] = {
        "changed": (len(plan.uploads) if result.dry_run else result.files_synced) + len(deleted) > 0,
        "result": result.as_dict(),
        "exit_code": result.exit_code,
    }
    if result.dry_run:
        answer["uploads"] = plan.uploads_as_dicts()
        answer["deletions"] = [entry.key for entry in plan.deletions]
    if with_diff:
        stored = (StoredLine(upload.file.key, upload.file.identity.size, upload.reason) for upload in plan.uploads)
        answer["diff"] = object_diff(result.destination, stored, deleted, planned=result.dry_run)
    if result.exit_code:
        answer["msg"] = _failure_message(finished)
    return answer


def _deleted_keys(finished: Finished) -> list[str]:
    """The keys of the objects that were deleted, or would be."""
    if not finished.result.dry_run:
        return finished.deleted_keys
    return [] if finished.result.deletions.refused else [entry.key for entry in finished.plan.deletions]


def _failure_message(finished: Finished) -> str:
    """The first problems in one line; all of them are in the result."""
    result = finished.result
    texts = [f"{problem.path}: {problem.message}" if problem.path else problem.message for problem in result.problems]
    return f"{result.source} → {result.destination} {result.status}: {first_few(texts, 'result.problems')}"
