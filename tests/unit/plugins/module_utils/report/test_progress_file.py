# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Other programs can read how far a run is, as long as it lasts."""

from __future__ import annotations

import io
import json
import os

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.report import progress as progress_module
from ansible_collections.datasync.turbo.plugins.module_utils.report import progress_file as progress_file_module
from ansible_collections.datasync.turbo.plugins.module_utils.report.log import Log
from ansible_collections.datasync.turbo.plugins.module_utils.report.progress import Progress
from ansible_collections.datasync.turbo.plugins.module_utils.report.progress_file import (
    INTERVAL,
    UPLOADING,
    ProgressFile,
)


@pytest.fixture
def clock(monkeypatch):
    """The monotonic clock of progress and its file; the test moves it."""
    now = [1000.0]
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(progress_file_module.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def path(tmp_path):
    return tmp_path / "progress" / "job.json"


@pytest.fixture
def writes(monkeypatch):
    """How often the file was written."""
    count = []
    real = progress_file_module.files.write

    def write(*arguments, **options):
        count.append(1)
        real(*arguments, **options)

    monkeypatch.setattr(progress_file_module.files, "write", write)
    return count


def test_the_file_is_there_from_the_beginning_to_the_end_of_a_run(path, clock):
    with ProgressFile(str(path), Progress(), Log()):
        told = json.loads(path.read_text())
        assert (told["pid"], told["phase"], told["files"], told["bytes_done"]) == (os.getpid(), "planning", 0, 0)
    assert os.listdir(path.parent) == []


def test_it_tells_what_is_done_of_how_much_and_how_fast(path, clock):
    progress = Progress()
    with ProgressFile(str(path), progress, Log()) as file:
        progress.start(4, 4000)
        file.phase = UPLOADING
        progress.file_done(1000)
        progress.sent = lambda: 3000
        clock[0] += INTERVAL
        file.tick()
        told = json.loads(path.read_text())
        started = told.pop("started")
        assert told == {
            "pid": os.getpid(),
            "phase": "uploading",
            "files": 4,
            "files_done": 1,
            "bytes": 4000,
            "bytes_done": 3000,
            "rate": 1500,
        }
        assert len(started) == len("2026-01-02T03:04:05+01:00")


def test_ten_thousand_small_files_write_it_only_every_other_second(path, clock, writes):
    progress = Progress()
    with ProgressFile(str(path), progress, Log()) as file:
        progress.start(10_000, 10_000)
        for _file in range(10_000):
            progress.file_done(1)
            file.tick()
            clock[0] += 10 / 10_000
    assert 5 <= len(writes) <= 6, "10 seconds"


def test_it_goes_also_when_the_run_fails(path):
    with pytest.raises(ZeroDivisionError), ProgressFile(str(path), Progress(), Log()):
        raise ZeroDivisionError
    assert not path.exists()


def test_without_a_path_nothing_is_written(tmp_path, writes):
    with ProgressFile(None, Progress(), Log()) as file:
        file.tick()
    assert writes == []


def test_a_disk_that_is_full_is_said_once_and_leaves_no_old_progress(path, clock, monkeypatch):
    said = io.StringIO()

    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    with ProgressFile(str(path), Progress(), Log(said)) as file:
        monkeypatch.setattr(progress_file_module.files, "write", full)
        for _time in range(3):
            clock[0] += INTERVAL
            file.tick()
        assert not path.exists()
    assert said.getvalue().count("No space left on device") == 1
    assert f"progress_path '{path}'" in said.getvalue()


def test_a_file_that_somebody_removed_is_no_error(path):
    with ProgressFile(str(path), Progress(), Log()):
        path.unlink()
