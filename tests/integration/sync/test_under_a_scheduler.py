# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What timers, path units, log rotation and monitors need of the host program while nobody looks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable, Dict, List

from .conftest import ProgramRun

Tree = Callable[..., Path]
EnvFile = Callable[..., Path]
Program = Callable[..., ProgramRun]


def runs_in(history: Path) -> List[Dict[str, Any]]:
    """The runs in a history, the newest last."""
    return [json.loads(line) for line in history.read_text("utf-8").splitlines()]


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
