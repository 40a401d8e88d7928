# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What became of a run stands where others look for it, and never as a success that it was not."""

from __future__ import annotations

import io
import json

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError
from ansible_collections.datasync.turbo.plugins.module_utils.job.job import Job
from ansible_collections.datasync.turbo.plugins.module_utils.report.log import Log
from ansible_collections.datasync.turbo.plugins.module_utils.report.record import record, report_not_begun
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.run_results import result


@pytest.fixture
def log():
    """A log that the test can read."""
    return Log(io.StringIO())


def lines(log):
    return log._stream.getvalue().splitlines()


def read(path):
    return json.loads(path.read_text("utf-8"))


def job(source, **options):
    return Job(src=str(source), bucket="archive", **options)


def test_a_run_is_in_each_result_file_and_in_the_history(source, tmp_path, log):
    paths = [tmp_path / "site.json", tmp_path / "monitoring" / "job.json"]
    paths[1].parent.mkdir()
    history = tmp_path / "history.jsonl"
    record(job(source, result_paths=tuple(map(str, paths)), history_path=str(history)), result(), log)
    assert [read(path)["files_synced"] for path in paths] == [2, 2]
    assert json.loads(history.read_text("utf-8"))["files_synced"] == 2
    assert lines(log) == []


def test_a_result_file_that_cannot_be_written_fails_the_run_in_those_that_can(source, tmp_path, log):
    written, blocked = tmp_path / "site.json", tmp_path / "file" / "job.json"
    (tmp_path / "file").write_text("no folder")
    outcome = result()
    record(job(source, result_paths=(str(written), str(blocked))), outcome, log)
    assert (outcome.status, outcome.exit_code) == ("failed", 1)
    assert read(written)["status"] == "failed"
    assert str(blocked) in read(written)["problems"][0]["message"]
    assert str(blocked) in lines(log)[0]


def test_the_exit_code_of_a_run_that_failed_before_stays(source, tmp_path, log):
    (tmp_path / "file").write_text("no folder")
    outcome = result(status="partial", exit_code=4)
    record(job(source, result_paths=(str(tmp_path / "file" / "job.json"),)), outcome, log)
    assert (outcome.status, outcome.exit_code) == ("partial", 4)


def test_a_history_that_cannot_be_written_is_said_and_changes_no_run(source, tmp_path, log):
    (tmp_path / "file").write_text("no folder")
    outcome = result()
    record(job(source, history_path=str(tmp_path / "file" / "history")), outcome, log)
    assert outcome.exit_code == 0
    assert "check history_path and its folder" in lines(log)[0]


def test_a_run_that_could_not_begin_replaces_the_success_of_an_earlier_one(source, tmp_path, log):
    path, history = tmp_path / "site.json", tmp_path / "history.jsonl"
    record(job(source, result_paths=(str(path),)), result(), log)
    options = {"src": str(source), "result_paths": [str(path)], "history_path": str(history), "history_runs": "many"}
    report_not_begun(ConfigurationError("prefix is bad"), options, log)
    assert (read(path)["status"], read(path)["exit_code"]) == ("failed", 1)
    assert "prefix is bad" in read(path)["problems"][0]["message"]
    assert json.loads(history.read_text("utf-8"))["exit_code"] == 1


def test_a_run_that_could_not_begin_writes_nothing_into_its_source(source, tmp_path, log):
    options = {
        "src": str(source),
        "result_paths": [str(source / "site.json"), "a\0b"],
        "history_path": str(source / "history.jsonl"),
    }
    report_not_begun(ConfigurationError("prefix is bad"), options, log)
    assert list(source.iterdir()) == []
