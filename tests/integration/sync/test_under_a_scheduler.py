# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What timers, path units, log rotation and monitors need of the host program while nobody looks."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any, Callable, Dict, List

from .conftest import MIB, ProgramRun
from .gate_proxy import GateProxy

Tree = Callable[..., Path]
EnvFile = Callable[..., Path]
Program = Callable[..., ProgramRun]


def runs_in(history: Path) -> List[Dict[str, Any]]:
    """The runs in a history, the newest last."""
    return [json.loads(line) for line in history.read_text("utf-8").splitlines()]


def eventually(look: Callable[[], Any], fits: Callable[[Any], bool], seconds: float = 60) -> Any:
    """What is seen as soon as it fits."""
    deadline = time.monotonic() + seconds
    while not fits(seen := look()):
        assert time.monotonic() < deadline, seen
        time.sleep(0.1)
    return seen


# --- the history


def test_the_history_tells_what_each_run_told(tree: Tree, env_file: EnvFile, program: Program, tmp_path: Path) -> None:
    source = tree({"a.txt": b"a", "b.txt": b"bb"})
    history = tmp_path / "history.jsonl"
    names = {"SOURCE_DIR": source, "HISTORY_FILE": history}
    results = [program("sync", "--json", "--config", str(env_file(**names))).result for _run in range(2)]
    (source / "link").symlink_to("nowhere")
    results.append(program("sync", "--json", "--config", str(env_file(**names))).result)
    results.append(program("sync", "--json", "--config", str(env_file(**names, S3_STORAGE_CLASS="CHEAP"))).result)
    told = runs_in(history)
    assert [run["exit_code"] for run in told] == [0, 0, 4, 1]
    assert [run["files_synced"] for run in told] == [2, 0, 0, 0]
    for run, result in zip(told, results):
        same = set(run) & set(result) - {"problems", "timestamp"}
        assert {name: run[name] for name in same} == {name: result[name] for name in same}
        assert run["problems"] == len(result["problems"])
        assert run["verified"] == result["checksum_verification"]["verified"]


def test_the_module_keeps_a_history_too(
    tree: Tree, job_options: Dict[str, Any], run_module: Callable[..., Dict[str, Any]], tmp_path: Path
) -> None:
    history = tmp_path / "history.jsonl"
    options = {**job_options, "src": str(tree({"a.txt": b"a"})), "history_path": str(history), "history_runs": 10}
    assert not run_module("s5cmd_sync", options, check=True)["failed"]
    assert not history.exists()
    assert not run_module("s5cmd_sync", options)["failed"]
    assert run_module("s5cmd_sync", {**options, "prefix": "a/../b"})["exit_code"] == 1
    assert [(run["exit_code"], run["files_synced"]) for run in runs_in(history)] == [(0, 1), (1, 0)]


# --- progress


def test_other_programs_can_read_how_far_a_run_is(
    tree: Tree, env_file: EnvFile, start_program: Callable[..., subprocess.Popen[str]], s3_server: Any, tmp_path: Path
) -> None:
    source = tree({"film.mov": 20 * MIB, "a.txt": b"a"})
    progress = tmp_path / "progress" / "job.json"
    with GateProxy(s3_server.endpoint_url, hold_after=8 * MIB) as proxy:
        config = env_file(SOURCE_DIR=source, S3_ENDPOINT_URL=proxy.endpoint_url, PROGRESS_FILE=progress)
        with start_program("sync", "--config", str(config)) as process:
            proxy.wait_until_held()
            told = eventually(lambda: json.loads(progress.read_text()), lambda told: told["phase"] == "uploading")
            assert (told["pid"], told["files"], told["bytes"]) == (process.pid, 2, 20 * MIB + 1)
            assert told["files_done"] < 2
            assert 0 < told["bytes_done"] < told["bytes"]
            assert told["rate"] > 0
            proxy.release()
            _stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr
    assert not progress.exists()


def test_a_run_that_is_stopped_leaves_no_progress(
    tree: Tree, env_file: EnvFile, start_program: Callable[..., subprocess.Popen[str]], s3_server: Any, tmp_path: Path
) -> None:
    progress = tmp_path / "job.json"
    with GateProxy(s3_server.endpoint_url, hold_after=8 * MIB) as proxy:
        config = env_file(
            SOURCE_DIR=tree({"film.mov": 20 * MIB}), S3_ENDPOINT_URL=proxy.endpoint_url, PROGRESS_FILE=progress
        )
        with start_program("sync", "--config", str(config)) as process:
            proxy.wait_until_held()
            assert progress.exists()
            process.terminate()
            proxy.release()
            process.communicate(timeout=60)
    assert process.returncode == 143
    assert not progress.exists()
