# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""One run of a job at a time, and its record: result files, history, and the progress file while it lasts."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import (
    ConfigurationError,
    CredentialsError,
    Interrupted,
)
from ansible_collections.datasync.turbo.plugins.module_utils.report import progress_file
from ansible_collections.datasync.turbo.plugins.module_utils.report import record as recording
from ansible_collections.datasync.turbo.plugins.module_utils.report.log import Log

# --- the lock


def test_a_second_run_is_told_so_and_leaves_the_result_of_the_first(run, write, locked, uploader, tmp_path):
    write(a=b"1")
    path = tmp_path / "last-sync.json"
    path.write_text("the first run's")
    result = run(result_paths=(str(path),))
    assert (result.status, result.exit_code) == ("failed", 75)
    assert path.read_text() == "the first run's"
    assert not uploader.started


def test_a_dry_run_needs_no_lock(run, write, locked):
    write(a=b"1")
    assert run(dry_run=True).exit_code == 0


def test_the_engine_inherits_the_lock(run, write, uploader, tmp_path):
    write(a=b"1")

    def check(file, identity):
        (descriptor,) = uploader.inherited
        assert os.path.samestat(os.fstat(descriptor), (tmp_path / "job.lock").stat())
        return uploader.store(file, identity)

    uploader.steps["a"] = check
    assert run().exit_code == 0


def test_a_lock_that_cannot_be_made_is_a_configuration_error_in_the_result(run, write, uploader, tmp_path):
    write(a=b"1")
    path = tmp_path / "last-sync.json"
    path.write_text("the success of an earlier run")
    result = run(lock_path=str(tmp_path / "missing" / "job.lock"), result_paths=(str(path),))
    assert (result.status, result.exit_code) == ("failed", 1)
    assert "lock_path" in result.problems[0].message
    assert json.loads(path.read_text()) == json.loads(result.as_json())
    assert not uploader.started


# --- the result files


def test_every_result_file_holds_what_the_run_returned(run, write, tmp_path):
    write(a=b"1")
    paths = (str(tmp_path / "one.json"), str(tmp_path / "two" / "latest.json"))
    result = run(result_paths=paths)
    for path in paths:
        assert json.loads(Path(path).read_text()) == json.loads(result.as_json())


@pytest.mark.parametrize("error", [None, CredentialsError("expired"), Interrupted(15)])
def test_a_run_that_fails_or_is_interrupted_writes_its_result_too(run, write, uploader, tmp_path, error):
    write(a=b"1")
    if error:
        uploader.steps["a"] = uploader.stop(error)
    result = run(result_paths=(str(tmp_path / "last-sync.json"),))
    told = json.loads((tmp_path / "last-sync.json").read_text())
    assert (told["status"], told["exit_code"]) == (result.status, result.exit_code)


def test_a_result_that_cannot_be_written_fails_the_run_and_the_other_file_says_so_too(run, write, tmp_path):
    """Whatever order they are written in: a monitor must not read success of a run that exits with 1."""
    write(a=b"1")
    (tmp_path / "file").touch()
    for paths in (("good.json", "file/bad.json"), ("file/bad.json", "good.json")):
        result = run(result_paths=tuple(str(tmp_path / path) for path in paths))
        assert (result.status, result.exit_code) == ("failed", 1)
        told = json.loads((tmp_path / "good.json").read_text())
        assert (told["status"], told["exit_code"]) == ("failed", 1)
        assert told["problems"] == [problem._asdict() for problem in result.problems]


def test_an_interrupted_run_stays_interrupted_when_its_result_cannot_be_written(run, write, uploader, tmp_path):
    write(a=b"1")
    (tmp_path / "file").touch()
    uploader.steps["a"] = uploader.stop(Interrupted(15))
    result = run(result_paths=(str(tmp_path / "file" / "bad.json"),))
    assert (result.status, result.exit_code) == ("interrupted", 143)


# --- the history


@pytest.fixture
def past(tmp_path):
    """The job's history: its path, and the runs in it."""

    class Past:
        path = tmp_path / "job.history.jsonl"

        @property
        def runs(self):
            return [json.loads(line) for line in self.path.read_text().splitlines()] if self.path.exists() else []

    return Past()


def test_each_run_leaves_a_line_in_the_history_however_it_ends(run, write, uploader, past, tmp_path):
    write(a=b"1")
    endings = [
        uploader.store,
        uploader.fail(),
        uploader.stop(CredentialsError("expired")),
        uploader.stop(Interrupted(15)),
    ]
    for ending in endings:
        (tmp_path / "source" / "a").write_bytes(os.urandom(9))
        uploader.steps["a"] = ending
        run(history_path=str(past.path))
    run(history_path=str(past.path), lock_path=str(tmp_path / "missing" / "job.lock"))
    assert [(run["status"], run["exit_code"], run["files_synced"]) for run in past.runs] == [
        ("success", 0, 1),
        ("failed", 4, 0),
        ("failed", 2, 0),
        ("interrupted", 143, 0),
        ("failed", 1, 0),
    ]


def test_the_history_says_what_the_result_says_also_when_that_cannot_be_written(run, write, past, tmp_path):
    write(a=b"1")
    (tmp_path / "file").touch()
    run(history_path=str(past.path), result_paths=(str(tmp_path / "file" / "bad.json"),))
    assert [(run["status"], run["exit_code"]) for run in past.runs] == [("failed", 1)]


def test_a_run_that_found_the_lock_held_and_a_dry_run_leave_no_line(run, write, locked, past):
    write(a=b"1")
    assert run(history_path=str(past.path)).exit_code == 75
    assert run(dry_run=True, history_path=str(past.path)).exit_code == 0
    assert past.runs == []


def test_the_history_is_as_long_as_the_job_says(run, write, past):
    write(a=b"1")
    for _time in range(4):
        run(history_path=str(past.path), history_runs=2)
    assert len(past.runs) == 2


def test_a_history_that_cannot_be_written_is_a_warning(run, write, tmp_path, said):
    write(a=b"1")
    (tmp_path / "file").touch()
    assert run(history_path=str(tmp_path / "file" / "history")).exit_code == 0
    assert "[WARN]" in said.getvalue()
    assert "file/history': Not a directory (check history_path" in said.getvalue()


def test_a_run_that_could_not_begin_is_in_the_history_unless_that_lies_in_the_source(source, past, tmp_path):
    options = {"src": str(source), "history_path": str(past.path), "result_paths": [str(source / "result.json")]}
    recording.report_not_begun(ConfigurationError("part_size 1 is too small"), options, Log())
    assert [(run["status"], run["exit_code"], run["problems"]) for run in past.runs] == [("failed", 1, 1)]
    recording.report_not_begun(ConfigurationError("bad"), {**options, "history_path": str(source / "history")}, Log())
    assert list(source.iterdir()) == []


def test_a_run_that_could_not_begin_is_told_where_a_tilde_leads(source, past, tmp_path, monkeypatch):
    """Else the success of an earlier run would stay, and a folder called `~` would be made."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    options = {"src": f"~/{source.name}", "history_path": "~/history", "result_paths": ["~/result.json", "~nowhere/r"]}
    recording.report_not_begun(ConfigurationError("bad"), options, Log())
    assert json.loads((tmp_path / "result.json").read_text())["status"] == "failed"
    assert (tmp_path / "history").exists()
    inside = {**options, "history_path": f"~/{source.name}/h", "result_paths": [f"~/{source.name}/result.json"]}
    recording.report_not_begun(ConfigurationError("bad"), inside, Log())
    assert list(source.iterdir()) == []
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("~")]


@pytest.mark.parametrize("runs", [None, "many", 0])
def test_a_history_of_a_wrong_length_still_tells_that(past, runs):
    recording.report_not_begun(
        ConfigurationError("history_runs"), {"history_path": str(past.path), "history_runs": runs}, Log()
    )
    assert len(past.runs) == 1


def test_a_run_that_only_repeats_what_was_told_leaves_result_and_history_as_they_are(run, write, past, tmp_path):
    write(a=b"1")
    path = tmp_path / "last-sync.json"
    told = run(history_path=str(past.path), result_paths=(str(path),))
    before = path.read_text()
    assert run(history_path=str(past.path), result_paths=(str(path),), told=told).files_unchanged == 1
    assert (len(past.runs), path.read_text()) == (1, before)
    write(b=b"2")
    run(history_path=str(past.path), result_paths=(str(path),), told=told)
    assert (len(past.runs), json.loads(path.read_text())["source_files"]) == (2, 2)


# --- progress for other programs


def test_the_progress_file_goes_when_the_result_is_there(run, write, uploader, tmp_path, monkeypatch):
    write(a=b"1", b=b"22")
    path, result = tmp_path / "progress.json", tmp_path / "result.json"
    told = []

    def look(file, identity):
        uploader.tick()
        told.append(json.loads(path.read_text()))
        return uploader.store(file, identity)

    uploader.steps.update(a=look, b=look)
    monkeypatch.setattr(progress_file, "INTERVAL", 0.0)
    real = os.unlink

    def unlink(name, *arguments, **options):
        assert name != str(path) or result.exists()
        real(name, *arguments, **options)

    monkeypatch.setattr(progress_file.os, "unlink", unlink)
    assert run(progress_path=str(path), result_paths=(str(result),)).exit_code == 0
    assert [(seen["phase"], seen["files"], seen["bytes"], seen["files_done"]) for seen in told] == [
        ("uploading", 2, 3, 0),
        ("uploading", 2, 3, 1),
    ]
    assert not path.exists()


def test_neither_a_dry_run_nor_one_that_finds_the_lock_held_touches_the_progress_file(run, write, locked, tmp_path):
    write(a=b"1")
    path = tmp_path / "progress.json"
    path.write_text("of the run that goes on")
    run(progress_path=str(path))
    run(dry_run=True, progress_path=str(path))
    assert path.read_text() == "of the run that goes on"
