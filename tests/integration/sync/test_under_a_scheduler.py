# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What timers, path units, log rotation and monitors need of the host program while nobody looks."""

from __future__ import annotations

import grp
import gzip
import json
import os
import pwd
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable

import pytest

from .conftest import MIB, ProgramRun
from .gate_proxy import GateProxy

Tree = Callable[..., Path]
EnvFile = Callable[..., Path]
Program = Callable[..., ProgramRun]


def runs_in(history: Path) -> list[dict[str, Any]]:
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
    tree: Tree, job_options: dict[str, Any], run_module: Callable[..., dict[str, Any]], tmp_path: Path
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


# --- the log


ROTATION = """\
{folder}/*.log {{
    rotate 3
    compress
    missingok
    {create}
    su {user} {group}
}}
"""


@pytest.mark.parametrize("create", ["create 0640", "nocreate", "copytruncate"])
def test_a_log_that_is_rotated_during_a_run_loses_no_line(
    create: str,
    tree: Tree,
    env_file: EnvFile,
    start_program: Callable[..., subprocess.Popen[str]],
    s3_server: Any,
    tmp_path: Path,
) -> None:
    """With the real logrotate. A run of hours must not go on in a file that nobody looks at, and that is compressed."""
    folder = tmp_path / "logs"
    rotation = tmp_path / "rotation.conf"
    names = {"folder": folder, "create": create, "user": pwd.getpwuid(os.getuid()).pw_name}
    rotation.write_text(ROTATION.format(**names, group=grp.getgrgid(os.getgid()).gr_name))
    rotation.chmod(0o644)
    with GateProxy(s3_server.endpoint_url, hold_after=8 * MIB) as proxy:
        source = tree({"film.mov": 20 * MIB})
        config = env_file(SOURCE_DIR=source, S3_ENDPOINT_URL=proxy.endpoint_url, LOG_FILE=folder / "job.log")
        with start_program("sync", "--config", str(config)) as process:
            proxy.wait_until_held()
            state = tmp_path / "rotation.state"
            logrotate = shutil.which("logrotate", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
            assert logrotate, "logrotate is missing: install it"
            subprocess.run([logrotate, "--force", "--state", str(state), str(rotation)], check=True)
            proxy.release()
            _stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr
    before = gzip.decompress((folder / "job.log.1.gz").read_bytes()).decode().splitlines()
    after = (folder / "job.log").read_text().splitlines()
    assert before + after == stderr.splitlines()
    assert "1 to upload" in before[-1]
    assert "success: 1 file" in after[0]


def test_a_unit_writes_to_the_journal_with_priorities(
    tree: Tree, env_file: EnvFile, program_file: Path, tmp_path: Path
) -> None:
    """systemd tells by JOURNAL_STREAM that standard error is its journal; here a file stands in for that socket."""
    config = env_file(SOURCE_DIR=tree({}), CLIENT_NAME="studio", LOG_FILE=tmp_path / "job.log")
    with open(tmp_path / "journal", "w+") as journal:
        status = os.fstat(journal.fileno())
        environment = {"PATH": os.environ["PATH"], "JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
        command = [sys.executable, str(program_file), "sync", "--config", str(config)]
        subprocess.run(command, stderr=journal, env=environment, check=True, timeout=60)
        journal.seek(0)
        lines = journal.read().splitlines()
    assert [line[:3] for line in lines] == ["<4>", "<6>", "<4>", "<6>", "<6>"]
    assert lines[0].startswith(f"<4>{config}: not acted on: CLIENT_NAME")
    assert (tmp_path / "job.log").read_text().startswith("[WARN] [20")


# --- credentials


def test_a_unit_gets_its_credentials_from_systemd(
    tree: Tree,
    env_file: EnvFile,
    program_file: Path,
    stored: Callable[[], dict[str, bytes]],
    s3_server: Any,
    tmp_path: Path,
) -> None:
    """LoadCredential=aws-credentials:…; the file that the env file names is for those who run the job by hand."""
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    keys = f"aws_access_key_id = {s3_server.access_key}\naws_secret_access_key = {s3_server.secret_key}\n"
    (credentials / "aws-credentials").write_text(f"[default]\n{keys}")
    names = dict.fromkeys(["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
    config = env_file(SOURCE_DIR=tree({"a.txt": b"a"}), AWS_SHARED_CREDENTIALS_FILE="/nonexistent", **names)
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "true"}
    codes = []
    for more in ({}, {"CREDENTIALS_DIRECTORY": str(credentials)}):
        command = [sys.executable, str(program_file), "sync", "--config", str(config)]
        run = subprocess.run(
            command, env={**environment, **more}, capture_output=True, text=True, timeout=60, check=False
        )
        codes.append(run.returncode)
    assert codes == [2, 0]
    assert stored() == {"a.txt": b"a"}


# --- hot folders that a path unit watches


def test_a_run_until_settled_takes_what_had_to_wait(
    tree: Tree, env_file: EnvFile, program: Program, stored: Callable[[], dict[str, bytes]], tmp_path: Path
) -> None:
    source = tree({"old.mov": b"old"})
    time.sleep(2.1)
    tree({"new.mov": b"new"})
    names = {"HISTORY_FILE": tmp_path / "history.jsonl", "RESULT_FILE": tmp_path / "result.json"}
    config = env_file(SOURCE_DIR=source, SETTLE_SECONDS="2", **names)
    run = program("sync", "--until-settled", "--json", "--config", str(config))
    assert run.returncode == 0, run.stderr
    assert stored() == {"old.mov": b"old", "new.mov": b"new"}
    assert "1 file changed just now: looking again in" in run.stderr
    assert sum("nothing to upload" in line for line in run.stderr.splitlines()) >= 1
    told = runs_in(tmp_path / "history.jsonl")
    assert [run["files_synced"] for run in told] == [1, 1], "and none for the run that found nothing"
    assert json.loads((tmp_path / "result.json").read_text()) == run.result
    assert run.result["files_synced"] == 1


def test_a_run_until_settled_takes_what_arrives_while_it_lasts(
    tree: Tree,
    env_file: EnvFile,
    start_program: Callable[..., subprocess.Popen[str]],
    stored: Callable[[], dict[str, bytes]],
    s3_server: Any,
) -> None:
    source = tree({"film.mov": 20 * MIB})
    with GateProxy(s3_server.endpoint_url, hold_after=8 * MIB) as proxy:
        config = env_file(SOURCE_DIR=source, S3_ENDPOINT_URL=proxy.endpoint_url)
        with start_program("sync", "--until-settled", "--config", str(config)) as process:
            proxy.wait_until_held()
            tree({"late.txt": b"late"})
            proxy.release()
            _stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr
    assert sorted(stored()) == ["film.mov", "late.txt"]


def test_a_run_until_settled_ends_with_the_first_that_fails(tree: Tree, env_file: EnvFile, program: Program) -> None:
    source = tree({"new.mov": b"new"})
    (source / "link").symlink_to("nowhere")
    run = program("sync", "--until-settled", "--config", str(env_file(SOURCE_DIR=source, SETTLE_SECONDS="1h")))
    assert run.returncode == 4, run.stderr
    assert "looking again" not in run.stderr


def test_a_signal_ends_the_wait_for_files_that_settle(
    tree: Tree, env_file: EnvFile, start_program: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    history = tmp_path / "history.jsonl"
    config = env_file(SOURCE_DIR=tree({"new.mov": b"new"}), SETTLE_SECONDS="1h", HISTORY_FILE=history)
    with start_program("sync", "--until-settled", "--config", str(config)) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "looking again in 3" in line:
                break
        process.terminate()
        _stdout, stderr = process.communicate(timeout=20)
    assert process.returncode == 143
    assert "stopped by SIGTERM" in stderr
    assert [run["exit_code"] for run in runs_in(history)] == [0]


# --- before a job is deployed


def test_the_rights_of_the_user_are_checked_before_the_first_run(
    tree: Tree, env_file: EnvFile, program: Program, tmp_path: Path
) -> None:
    source, sent = tree({"a.txt": b"a"}), tmp_path / "sent"
    names = {"SOURCE_DIR": source, "AFTER_UPLOAD": "move", "MOVE_TO": sent, "S3_ENDPOINT_URL": "http://127.0.0.1:9"}
    config = str(env_file(**names))

    def check() -> ProgramRun:
        return program("config", "--check-source", "--json", "--config", config)

    assert check().result["source"] == str(source)
    user = pwd.getpwuid(os.geteuid()).pw_name
    for folder, mode, name in ((source, 0o300, "SOURCE_DIR"), (source, 0o500, "SOURCE_DIR"), (sent, 0o500, "MOVE_TO")):
        folder.mkdir(exist_ok=True)
        folder.chmod(mode)
        run = check()
        folder.chmod(0o700)
        assert (run.returncode, run.result["exit_code"]) == (1, 1)
        assert f"{name}: " in run.stderr and f" by user {user}: it belongs to {user}:" in run.stderr
    assert not sent.joinpath("a.txt").exists()
