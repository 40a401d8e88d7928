# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What was measured is returned, whether or not it could also be written where the task wants it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.benchmark.answer import answer_of, run
from ansible_collections.datasync.turbo.plugins.module_utils.benchmark.request import BenchmarkRequest
from ansible_collections.datasync.turbo.plugins.module_utils.benchmark.run import Benchmarked
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError, Interrupted
from ansible_collections.datasync.turbo.plugins.module_utils.common.units import MIB
from ansible_collections.datasync.turbo.plugins.module_utils.tuning.classes import Settings
from ansible_collections.datasync.turbo.plugins.module_utils.tuning.search import Budget, ClassTuning, TuningResult
from ansible_collections.datasync.turbo.plugins.module_utils.tuning.statistics import Ratio
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils import benchmark_results as results


def request(**options):
    return BenchmarkRequest.from_options({"bucket": "archive", **options}, prefix_is_given=False)


@pytest.fixture
def tuning_path(tmp_path):
    return tmp_path / "facts.d" / "datasync_tuning.fact"


def found():
    """A benchmark that found settings for small files."""
    settings = Settings(8, 4, 64 * MIB)
    one = ClassTuning(1000, settings, settings, True, True, Ratio(0.7, 0.68, 0.72, 8, "faster"), "because")
    tuning = TuningResult({"small": one}, Budget(10, 10), "2026-11-23T04:00:00+00:00", {}).as_dict()
    return Benchmarked({**results.one_round(), "tuning": tuning})


def test_without_a_place_to_write_to_nothing_changes():
    measured = results.one_round()
    assert answer_of(request(), Benchmarked(measured)) == {"benchmark": measured, "exit_code": 0, "changed": False}


def test_a_report_is_a_change_and_its_files_are_named(tmp_path):
    measured = results.one_round()
    answer = answer_of(request(results_dir=str(tmp_path)), Benchmarked(measured))
    assert answer["changed"] is True
    assert sorted(answer["report"]) == ["csv", "html", "json", "txt"]
    assert json.loads(Path(answer["report"]["json"]).read_text("utf-8")) == measured


def test_a_benchmark_that_failed_says_why_and_how():
    measured = {**results.troubled(), "problems": [f"problem {number}" for number in range(1, 6)]}
    answer = answer_of(request(), Benchmarked(measured))
    assert answer["exit_code"] == 4
    assert answer["msg"] == (
        "the benchmark is incomplete: problem 1 | problem 2 | problem 3 | and 2 more, see benchmark.problems"
    )


def test_what_was_measured_is_returned_though_its_report_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("in the way")
    measured = results.one_round()
    answer = answer_of(request(results_dir=str(tmp_path / "file")), Benchmarked(measured))
    assert (answer["benchmark"], answer["exit_code"], answer["changed"]) == (measured, 1, False)
    assert "give a results_dir that this user can write" in answer["msg"]


def test_of_two_failures_both_are_told_and_the_first_decides(tmp_path):
    (tmp_path / "file").write_text("in the way")
    wanted = request(results_dir=str(tmp_path / "file"))
    answer = answer_of(wanted, Benchmarked(results.troubled()))
    assert answer["exit_code"] == 4
    assert answer["msg"].startswith("cannot write")
    assert "; the benchmark is incomplete: " in answer["msg"]


def test_a_tuning_is_handed_to_jobs_where_the_task_wants_it(tuning_path):
    wanted = request(tuning_path=str(tuning_path), apply_tuning=True)
    answer = answer_of(wanted, found())
    assert answer["changed"] is True
    assert answer["tuning_applied"] == {
        "path": str(tuning_path),
        "applied": True,
        "reason": f"{tuning_path} has the new tuning",
    }
    assert answer_of(wanted, found())["changed"] is False, "the same again"


@pytest.mark.parametrize("options", [{}, {"apply_tuning": False}])
def test_a_tuning_that_is_only_looked_for_is_not_applied(tuning_path, options):
    assert "tuning_applied" not in answer_of(request(tuning_path=str(tuning_path), **options), found())
    assert not tuning_path.exists()


def test_a_benchmark_that_was_stopped_changes_no_settings(tuning_path):
    stopped = Benchmarked(found().result, Interrupted(15))
    answer = answer_of(request(tuning_path=str(tuning_path), apply_tuning=True), stopped)
    assert (answer["exit_code"], "tuning_applied" in answer) == (143, False)


def test_the_file_is_frozen_without_a_new_tuning(tuning_path):
    answer_of(request(tuning_path=str(tuning_path), apply_tuning=True), found())
    answer = answer_of(request(tuning_path=str(tuning_path), frozen=True), Benchmarked(results.one_round()))
    assert (answer["changed"], answer["tuning_applied"]["applied"]) == (True, False)
    assert json.loads(tuning_path.read_text())["frozen"] is True


def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_asked_or_sent(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigurationError, match="results_dir"):
        run(request(results_dir=str(tmp_path / "file")), lambda: None)
