# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Module s5cmd_sync as Ansible runs it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict

from .conftest import contents_of

Tree = Callable[..., Path]
RunModule = Callable[..., Dict[str, Any]]


def test_upload_check_mode_diff_and_idempotence(
    tree: Tree,
    run_module: RunModule,
    job_options: Dict[str, Any],
    stored: Callable[[], Dict[str, bytes]],
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


def test_a_failure_carries_result_and_exit_code(tree: Tree, run_module: RunModule, job_options: Dict[str, Any]) -> None:
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
    stored: Callable[[], Dict[str, bytes]],
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
    tree: Tree, run_module: RunModule, job_options: Dict[str, Any], s3_server: Any
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


def test_a_wrong_option_is_named(run_module: RunModule, job_options: Dict[str, Any]) -> None:
    failed = run_module("s5cmd_sync", {**job_options, "src": "/nowhere"})
    assert failed["failed"] and failed["exit_code"] == 1
    assert "/nowhere" in failed["msg"]
