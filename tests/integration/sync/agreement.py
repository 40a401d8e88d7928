# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What every run promises, whatever happens to it: bucket and folder agree, or the difference is named."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Union

from ansible_collections.datasync.turbo.plugins.module_utils.common.problems import printable
from ansible_collections.datasync.turbo.plugins.module_utils.report.result import Result

from .conftest import ProgramRun, contents_of

AnyResult = Union[Result, ProgramRun]


def agrees_or_named(outcome: AnyResult, folder: Path, stored: Mapping[str, bytes]) -> None:
    """Assert the promise, for a run in this process or one of the host program with `--json`.

    Each file of the folder is stored byte for byte, or a problem names it or a folder that holds it. A run that ended
    before it knew its files names the reason. Success and exit code 0 mean that there is no difference and no problem.
    """
    result = as_dict(outcome)
    problems = result["problems"]
    names = {problem["path"] for problem in problems}
    different = difference(folder, stored)
    began = result["source_files"] or result["files_skipped"] or names - {""}
    if began:
        unnamed = {name for name in different if not _is_named(name, names)}
        assert not unnamed, f"not stored, and no problem names them: {sorted(unnamed)}; problems: {problems}"
    else:
        assert not different or [p["kind"] for p in problems if not p["path"]] == ["run"]
    assert all(problem["kind"] and problem["message"] for problem in problems)
    assert (result["exit_code"] == 0) == (result["status"] == "success") == (not problems)
    if isinstance(outcome, ProgramRun):
        assert outcome.returncode == result["exit_code"]


def difference(folder: Path, stored: Mapping[str, bytes]) -> set[str]:
    """The files, as results print them, that are not stored with the content that the folder has now."""
    local = contents_of(folder)
    return {printable(name) for name, content in local.items() if stored.get(name) != content}


def as_dict(outcome: AnyResult) -> dict[str, Any]:
    """A result in the form that it has as JSON."""
    return outcome.result if isinstance(outcome, ProgramRun) else outcome.as_dict()


def kinds(outcome: AnyResult) -> dict[str, str]:
    """The problems: path -> kind."""
    return {problem["path"]: problem["kind"] for problem in as_dict(outcome)["problems"]}


def open_uploads(s3: Any, bucket: str) -> list[str]:
    """The keys of all multipart uploads that are neither completed nor aborted."""
    return [entry["Key"] for entry in s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])]


def _is_named(name: str, names: set[str]) -> bool:
    if "." in names:  # the source itself
        return True
    while name:
        if name in names:
            return True
        name = os.path.dirname(name)
    return False
