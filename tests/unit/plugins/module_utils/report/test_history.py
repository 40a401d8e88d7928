# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The history has a line for each run, forgets the oldest, and survives crashes, full disks and other writers."""

from __future__ import annotations

import fcntl
import json
import os
import stat
import threading
import time

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.problems import Kind, Problem
from ansible_collections.datasync.turbo.plugins.module_utils.common.version import __version__
from ansible_collections.datasync.turbo.plugins.module_utils.report import history
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.checkout import CHECKOUT
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.run_results import result


def entries(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "results" / "job.history.jsonl"


def test_a_run_is_one_line_with_the_figures_that_a_fleet_is_watched_by(path):
    problems = [Problem("a", Kind.CHANGED, "because"), Problem("b", Kind.CHANGED, "because")]
    history.append(str(path), result(problems=problems, exit_code=4, status="failed"))
    assert entries(path) == [
        {
            "timestamp": "2026-01-02T03:04:05+01:00",
            "duration_seconds": 1.5,
            "status": "failed",
            "exit_code": 4,
            "files_synced": 2,
            "bytes_transferred": 300,
            "throughput_mbps": 0.2,
            "source_files": 9,
            "s3_objects": 7,
            "problems": 2,
            "verified": True,
            "destination": "s3://archive/",
            "host": "upload-1",
            "tool_version": "v2.3.0",
            "program_version": __version__,
        }
    ]


def test_the_newest_run_is_the_last_line(path):
    for number in range(3):
        history.append(str(path), result(files_synced=number))
    assert [entry["files_synced"] for entry in entries(path)] == [0, 1, 2]


def test_the_history_stays_bounded_and_keeps_the_newest_runs(path):
    seen = []
    for number in range(60):
        history.append(str(path), result(files_synced=number), runs=20)
        kept = [entry["files_synced"] for entry in entries(path)]
        assert kept == list(range(number + 1 - len(kept), number + 1))
        seen.append(len(kept))
    assert max(seen) == 22
    assert seen[-1] >= 20
    assert os.listdir(path.parent) == [path.name], "no temporary file is left"


def test_a_line_that_a_crash_cut_off_spoils_no_other(path):
    history.append(str(path), result(files_synced=1))
    with open(path, "a") as file:
        file.write('{"timestamp": "2026-01-')
    history.append(str(path), result(files_synced=2))
    first, broken, last = path.read_text().splitlines()
    assert (json.loads(first)["files_synced"], json.loads(last)["files_synced"]) == (1, 2)
    assert broken == '{"timestamp": "2026-01-'


def test_what_is_no_entry_is_forgotten_first(path):
    history.append(str(path), result(files_synced=1))
    with open(path, "ab") as file:
        file.write(b"\0\0\0\n[]\n\xff\xfe\n" + b"{}\n")
    history.append(str(path), result(files_synced=2), runs=3)
    assert [entry.get("files_synced") for entry in entries(path)] == [1, None, 2]


def test_others_may_read_it_and_a_mode_that_was_set_stays(path):
    history.append(str(path), result(), runs=1)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    path.chmod(0o640)
    inode = path.stat().st_ino
    history.append(str(path), result(), runs=1)
    assert path.stat().st_ino != inode, "written anew"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_run_by_root_leaves_the_history_to_its_owner(path, monkeypatch):
    given = []
    monkeypatch.setattr(history.os, "geteuid", lambda: 0)
    monkeypatch.setattr(history.os, "fchown", lambda _descriptor, *owner: given.append(owner))
    history.append(str(path), result(), runs=1)
    before = path.stat()
    history.append(str(path), result(), runs=1)
    assert given == [(before.st_uid, before.st_gid)]


def test_runs_at_the_same_time_lose_no_line(path):
    """Jobs may share a history, and a run that could not begin writes its line beside one that goes on."""

    def write(writer):
        for number in range(40):
            history.append(str(path), result(files_synced=number, host=f"host-{writer}"), runs=20)

    writers = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    kept = entries(path)
    assert 20 <= len(kept) <= 22
    for host in {entry["host"] for entry in kept}:
        numbers = [entry["files_synced"] for entry in kept if entry["host"] == host]
        assert numbers == list(range(numbers[0], 40)), "from some run on, each of this writer's"


def test_a_writer_that_waited_while_the_file_was_written_anew_writes_to_the_new_one(path):
    history.append(str(path), result(files_synced=1))
    with open(path) as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        waiting = threading.Thread(target=history.append, args=(str(path), result(files_synced=3)))
        waiting.start()
        time.sleep(0.2)
        new = path.with_name("new")
        new.write_text(path.read_text().replace('"files_synced": 1', '"files_synced": 2'))
        new.replace(path)
    waiting.join(30)
    assert [entry["files_synced"] for entry in entries(path)] == [2, 3]


def test_a_disk_that_takes_only_half_a_line_is_an_error(path, monkeypatch):
    history.append(str(path), result(files_synced=1))

    class Full:
        def write(self, line):
            return len(line) - 1

    with pytest.raises(OSError, match="No space left"):
        history._write(Full(), b"line\n")


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"file"):
        history.append(str(tmp_path / "file" / "job.history.jsonl"), result())


def test_each_key_is_explained_to_operators():
    guide = (CHECKOUT / "docs" / "s5cmd-guide.md").read_text("utf-8")
    section = guide.partition("\n## The history\n")[2].partition("\n## ")[0]
    assert [key for key in history.entry(result()) if f"`{key}`" not in section] == []
