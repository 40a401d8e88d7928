# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Module s5cmd_sync as Ansible runs it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

from .conftest import contents_of

Tree = Callable[..., Path]
RunModule = Callable[..., dict[str, Any]]


def test_upload_check_mode_diff_and_idempotence(
    tree: Tree,
    run_module: RunModule,
    job_options: dict[str, Any],
    stored: Callable[[], dict[str, bytes]],
    tmp_path: Path,
) -> None:
    source = tree({"a b.txt": b"12", "c.txt": b""})
    arguments = {**job_options, "src": str(source), "result_path": str(tmp_path / "result.json")}

    planned = run_module("s5cmd_sync", arguments, check=True, diff=True)
    assert planned["changed"] and planned["exit_code"] == 0
    assert [upload["key"] for upload in planned["uploads"]] == ["in/box/a b.txt", "in/box/c.txt"]
    assert planned["diff"]["before"] == ""
    assert planned["diff"]["after"] == "in/box/a b.txt (2 B, new)\nin/box/c.txt (0 B, new)\n"
    assert stored() == {} and not (tmp_path / "result.json").exists()

    done = run_module("s5cmd_sync", arguments, diff=True)
    assert done["changed"] and done["exit_code"] == 0
    assert done["diff"]["after"] == planned["diff"]["after"]
    assert done["result"]["files_synced"] == 2
    assert done["result"]["checksum_verification"]["verified"]
    assert stored() == contents_of(source)

    again = run_module("s5cmd_sync", arguments)
    assert not again["changed"] and again["result"]["files_synced"] == 0
    assert not run_module("s5cmd_sync", arguments, check=True)["changed"]


def test_what_is_deleted_is_told_beforehand_and_afterwards(
    tree: Tree, run_module: RunModule, job_options: dict[str, Any], stored: Callable[[], dict[str, bytes]]
) -> None:
    source = tree({"gone.txt": b"1", "kept.txt": b"2", "new [1].txt": b"3"})
    arguments = {**job_options, "src": str(source), "delete": True, "max_delete": 1}
    assert run_module("s5cmd_sync", arguments)["result"]["deletions"]["planned"] == 0
    (source / "gone.txt").unlink()

    planned = run_module("s5cmd_sync", arguments, check=True, diff=True)
    assert planned["changed"] and planned["uploads"] == []
    assert planned["deletions"] == ["in/box/gone.txt"]
    assert (planned["diff"]["before"], planned["diff"]["after"]) == ("in/box/gone.txt (its file is gone)\n", "")
    assert planned["result"]["deletions"]["deleted"] == 0 and len(stored()) == 3

    done = run_module("s5cmd_sync", arguments, diff=True)
    assert done["changed"] and done["result"]["deletions"]["deleted"] == 1
    assert (done["diff"]["before"], done["diff"]["after"]) == ("in/box/gone.txt (its file is gone)\n", "")
    assert stored() == contents_of(source)

    again = run_module("s5cmd_sync", arguments, diff=True)
    assert not again["changed"] and again["diff"]["before"] == again["diff"]["after"] == ""


def test_deletions_that_are_refused_change_nothing_and_are_listed_all_the_same(
    tree: Tree, run_module: RunModule, job_options: dict[str, Any], stored: Callable[[], dict[str, bytes]]
) -> None:
    source = tree({"a.txt": b"1", "b.txt": b"2", "c.txt": b"3"})
    arguments = {**job_options, "src": str(source), "delete": True, "max_delete": 1}
    assert run_module("s5cmd_sync", arguments)["exit_code"] == 0
    (source / "a.txt").unlink()
    (source / "b.txt").unlink()

    planned = run_module("s5cmd_sync", arguments, check=True, diff=True)
    assert planned["failed"] and not planned["changed"] and planned["exit_code"] == 4
    assert planned["deletions"] == ["in/box/a.txt", "in/box/b.txt"]
    assert planned["diff"]["before"] == planned["diff"]["after"] == ""
    assert "max_delete=1" in planned["msg"] and "max_delete=1" in planned["result"]["deletions"]["refused"]

    refused = run_module("s5cmd_sync", arguments)
    assert refused["failed"] and not refused["changed"] and len(stored()) == 3


def test_a_shard_and_a_state_are_options_of_the_task(
    tree: Tree, run_module: RunModule, job_options: dict[str, Any], tmp_path: Path
) -> None:
    source = tree({f"take {number}.mov": b"x" for number in range(8)})
    results = [
        run_module(
            "s5cmd_sync",
            {
                **job_options,
                "src": str(source),
                "shard": {"index": index, "count": 2},
                "state_path": f"{tmp_path}/state{index}",
                "lock_path": f"{tmp_path}/lock{index}",
            },
        )["result"]
        for index in range(2)
    ]
    assert sum(result["files_synced"] for result in results) == 8
    for result, other in (results, reversed(results)):
        assert result["files_in_other_shards"] == other["files_synced"]
    assert {result["compare"] for result in results} == {"remote"}, "the state files are new"


def test_a_failure_carries_result_and_exit_code(tree: Tree, run_module: RunModule, job_options: dict[str, Any]) -> None:
    source = tree({"a.txt": b"a"})
    (source / "broken").symlink_to("nowhere")
    failed = run_module("s5cmd_sync", {**job_options, "src": str(source)})
    assert failed["failed"] and failed["changed"]
    assert failed["exit_code"] == failed["result"]["exit_code"] == 4
    assert failed["result"]["files_synced"] == 1
    assert "broken" in failed["msg"] and "nowhere" in failed["msg"]


def test_a_config_file_serves_and_parameters_win(
    tree: Tree,
    run_module: RunModule,
    env_file: Callable[..., Path],
    stored: Callable[[], dict[str, bytes]],
    s3_server: Any,
) -> None:
    source = tree({"a.txt": b"a", "b.tmp": b"b"})
    config = env_file(SOURCE_DIR=source, EXCLUDE_PATTERNS="*.txt", AWS_SECRET_ACCESS_KEY="wrong", CLIENT_NAME="Studio")
    done = run_module(
        "s5cmd_sync",
        {
            "config": str(config),
            "exclude": ["*.tmp"],
            "access_key": s3_server.access_key,
            "secret_key": s3_server.secret_key,
        },
    )
    assert done["exit_code"] == 0 and list(stored()) == ["a.txt"]
    assert any("CLIENT_NAME" in warning for warning in done["warnings"])


def test_credentials_may_come_from_the_environment(
    tree: Tree, run_module: RunModule, job_options: dict[str, Any], s3_server: Any
) -> None:
    names = ("access_key", "secret_key", "endpoint_url")
    options = {name: value for name, value in job_options.items() if name not in names}
    done = run_module(
        "s5cmd_sync",
        {**options, "src": str(tree({"a.txt": b"a"}))},
        environment={
            "AWS_ACCESS_KEY_ID": s3_server.access_key,
            "AWS_SECRET_ACCESS_KEY": s3_server.secret_key,
            "S3_ENDPOINT_URL": s3_server.endpoint_url,
        },
    )
    assert done["exit_code"] == 0 and done["result"]["files_synced"] == 1


def test_a_wrong_option_is_named(run_module: RunModule, job_options: dict[str, Any]) -> None:
    failed = run_module("s5cmd_sync", {**job_options, "src": "/nowhere"})
    assert failed["failed"] and failed["exit_code"] == 1
    assert "/nowhere" in failed["msg"]
