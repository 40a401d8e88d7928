# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Where others look for what became of a run: its result files, and the history of its job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..common import files
from ..common.errors import ConfigurationError, DatasyncError
from ..common.problems import Kind, Problem
from ..common.values import absolute_path
from ..job.job import Job, is_inside
from . import history
from . import result as report
from .log import Log
from .result import Result


def record(job: Job, result: Result, log: Log) -> None:
    """Write the job's result files, and its history."""
    _write_results(job.result_paths, result, log)
    _note_in_history(job.history_path, result, job.history_runs, log)


def report_not_begun(error: DatasyncError, options: Mapping[str, Any], log: Log) -> None:
    """Replace the success of an earlier run, where others look for it, by a failure; never inside the source.

    `options` are those of the job, as far as they are known, none of them validated.
    """
    result = report.not_begun(error, options.get("src") or "")
    source, history_path, *result_paths = map(
        _place, (options.get("src"), options.get("history_path"), *(options.get("result_paths") or ()))
    )
    outside = [path for path in result_paths if path and not (source and is_inside(path, source))]
    _write_results(outside, result, log)
    runs = options.get("history_runs")
    if history_path and not (source and is_inside(history_path, source)):
        runs = runs if isinstance(runs, int) and runs > 0 else Job.history_runs
        _note_in_history(history_path, result, runs, log)


def _place(path: str | None) -> str | None:
    """Where a path leads that nobody has validated; None for one that leads nowhere."""
    try:
        return absolute_path(path or "", "path")
    except ConfigurationError:
        return None


def _note_in_history(path: str | None, result: Result, runs: int, log: Log) -> None:
    """Append the run to its history, if it has one. A run is as good as it was, whether or not that can be written."""
    if not path:
        return
    try:
        history.append(path, result, runs)
    except OSError as error:
        log.warn(str(files.cannot_write(f"the history to {path!r}", error, "check history_path and its folder")))


def _write_results(paths: Sequence[str], result: Result, log: Log) -> None:
    """Write the result to each of these files; all then say the same."""
    written = [path for path in paths if _written(path, result, log)]
    if len(written) < len(paths):
        # Whoever reads these must not find a success that the run no longer is.
        for path in written:
            _written(path, result, log)


def _written(path: str, result: Result, log: Log) -> bool:
    """Write a result file; a failure becomes part of the result."""
    try:
        report.write_json(path, result)
    except ConfigurationError as error:
        log.error(str(error))
        result.problems.append(Problem("", Kind.RUN, str(error)))
        result.status = "failed" if result.status == "success" else result.status
        result.exit_code = result.exit_code or int(error.exit_code)
        return False
    return True
