# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A benchmark from its request to what a task returns: measured, its report written, its tuning handed to jobs."""

from __future__ import annotations

from typing import Any

from ..common.errors import ConfigurationError, ExitCode
from ..common.problems import first_few
from ..common.threads import Tick
from ..tuning import file as tuning_file
from .report import text
from .request import BenchmarkRequest
from .run import Benchmarked, Prepared, measure, prepare
from .tuning import host_tuning


def run(request: BenchmarkRequest, tick: Tick, *, dry_run: bool = False) -> dict[str, Any]:
    """Measure, or in a `dry_run` find out what would be measured; the return values of module s5cmd_benchmark.

    Raises DatasyncError where nothing was measured.
    """
    if request.results_dir:
        text.check_writable(request.results_dir)
    prepared = prepare(request, tick)
    known = _known_before(prepared)
    if dry_run:
        return {**known, "exit_code": int(ExitCode.OK)}
    then = host_tuning(prepared, request.tuning, tick).run if request.tuning else None
    return {**known, **answer_of(request, measure(prepared, tick, then))}


def _known_before(prepared: Prepared) -> dict[str, Any]:
    """What is known before anything is sent."""
    return {
        "estimate": vars(prepared.estimate),
        "link": vars(prepared.link),
        "tools": [tool.as_dict() for tool in prepared.tools.values()],
        "datasets": [material.as_dict() for material in prepared.materials],
    }


def answer_of(request: BenchmarkRequest, outcome: Benchmarked) -> dict[str, Any]:
    """Write what was measured where the request wants it; returns that, with `msg` if anything failed."""
    answer: dict[str, Any] = {"benchmark": outcome.result, "exit_code": outcome.exit_code, "changed": False}
    if outcome.exit_code:
        problems = first_few(outcome.result["problems"], "benchmark.problems")
        answer["msg"] = f"the benchmark is {outcome.result['status']}: {problems}"
    for write in (_write_report, _apply_tuning):
        try:
            write(request, outcome, answer)
        except ConfigurationError as error:
            # What was measured is still what the task returns.
            answer["exit_code"] = answer["exit_code"] or int(error.exit_code)
            answer["msg"] = f"{error}; {answer['msg']}" if "msg" in answer else str(error)
    return answer


def _write_report(request: BenchmarkRequest, outcome: Benchmarked, answer: dict[str, Any]) -> None:
    """Write the results where the task wants them."""
    if request.results_dir:
        answer["report"] = text.write_results(outcome.result, request.results_dir)
        answer["changed"] = True


def _apply_tuning(request: BenchmarkRequest, outcome: Benchmarked, answer: dict[str, Any]) -> None:
    """Hand the settings that were found to the jobs of the host, unless the benchmark was stopped."""
    found = outcome.result["tuning"] if request.apply_tuning and outcome.error is None else None
    if found is None and request.frozen is None:
        return
    path = request.transfer.get("tuning_path", tuning_file.DEFAULT_PATH)
    applied = tuning_file.apply(path, found, request.frozen)
    answer["tuning_applied"] = {"path": path, "applied": applied.applied, "reason": applied.reason}
    answer["changed"] = answer["changed"] or applied.changed
