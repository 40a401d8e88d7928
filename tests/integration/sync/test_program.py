# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The host program as an operator and a scheduler call it: the file that `make dist` builds, in a clean environment."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Callable

import pytest

from .conftest import MIB, ProgramRun, contents_of
from .gate_proxy import GateProxy

Tree = Callable[..., Path]
EnvFile = Callable[..., Path]
Program = Callable[..., ProgramRun]

LOG_LINE = re.compile(r"^\[(INFO|WARN|ERROR|DEBUG)\] \[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\] .+$")

#: What the sites' scripts read, and its JSON types.
RESULT_TYPES = {
    "timestamp": str,
    "duration_seconds": float,
    "files_synced": int,
    "bytes_transferred": int,
    "source_size": str,
    "s3_objects": int,
    "status": str,
    "tool": str,
    "tool_version": str,
    "throughput_mbps": float,
    "source": str,
    "destination": str,
    "dry_run": bool,
    "checksum_verification": dict,
    "problems": list,
    "exit_code": int,
}


def test_sync_uploads_proves_and_reports(
    tree: Tree, env_file: EnvFile, program: Program, stored: Callable[[], dict[str, bytes]], tmp_path: Path
) -> None:
    source = tree({"a b.txt": b"a", "film.mov": 12 * MIB})
    config = env_file(SOURCE_DIR=source, LOGS_DIR=tmp_path / "logs", JSON_OUTPUT_DIR=tmp_path / "json")
    run = program("sync", "--json", "--config", str(config))
    assert run.returncode == 0
    assert stored() == contents_of(source)
    assert {name: type(run.result[name]) for name in RESULT_TYPES} == RESULT_TYPES
    assert run.result["files_synced"] == run.result["s3_objects"] == 2
    assert run.result["bytes_transferred"] == 12 * MIB + 1
    assert run.result["checksum_verification"] == {
        "enabled": True,
        "algorithm": "CRC64NVME",
        "scope": "uploaded",
        "verified": True,
        "errors": 0,
        "unverified": 0,
        "methods": {"ETag": 1, "ETag-multipart": 1},
    }
    for path in (tmp_path / "logs" / "last-sync.json", tmp_path / "json" / "latest.json"):
        assert json.loads(path.read_text()) == run.result
    (log,) = (tmp_path / "logs").glob("sync-*.log")
    for line in [*run.stderr.splitlines(), *log.read_text().splitlines()]:
        assert LOG_LINE.match(line), line
    assert program("sync", "--json", "--config", str(config)).result["files_synced"] == 0


def test_credentials_and_server_may_come_from_a_profile(
    tree: Tree,
    env_file: EnvFile,
    program: Program,
    stored: Callable[[], dict[str, bytes]],
    s3_server: Any,
    tmp_path: Path,
) -> None:
    (tmp_path / "config").write_text(f"[profile studio]\nendpoint_url = {s3_server.endpoint_url}\nregion = us-east-1\n")
    (tmp_path / "credentials").write_text(
        f"[studio]\naws_access_key_id = {s3_server.access_key}\naws_secret_access_key = {s3_server.secret_key}\n"
    )
    source = tree({"a.txt": b"a", "film.mov": 12 * MIB})
    config = env_file(
        SOURCE_DIR=source,
        AWS_PROFILE="studio",
        AWS_CONFIG_FILE=tmp_path / "config",
        AWS_SHARED_CREDENTIALS_FILE=tmp_path / "credentials",
        **dict.fromkeys(["S3_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"]),
    )
    run = program("sync", "--config", str(config))
    assert run.returncode == 0, run.stderr
    assert stored() == contents_of(source)


def test_quiet_says_nothing_when_all_is_well(tree: Tree, env_file: EnvFile, program: Program) -> None:
    run = program("sync", "--quiet", "--config", str(env_file(SOURCE_DIR=tree({"a.txt": b"a"}))))
    assert run == ProgramRun(0, "", "")


def test_plan_shows_what_would_be_uploaded_and_writes_nothing(
    tree: Tree, env_file: EnvFile, program: Program, stored: Callable[[], dict[str, bytes]], tmp_path: Path
) -> None:
    config = env_file(SOURCE_DIR=tree({"a b.txt": b"12", "c.txt": b""}), LOGS_DIR=tmp_path / "logs")
    run = program("plan", "--config", str(config))
    assert run.returncode == 0
    assert run.stdout.splitlines() == ["     2 B  'in/box/a b.txt'  new", "     0 B  'in/box/c.txt'  new"]
    result = program("plan", "--json", "--config", str(config)).result
    assert result["dry_run"] and result["files_synced"] == 0
    assert [upload["key"] for upload in result["uploads"]] == ["in/box/a b.txt", "in/box/c.txt"]
    assert stored() == {}
    assert not (tmp_path / "logs").exists()


def test_check_tells_what_is_wrong(tree: Tree, env_file: EnvFile, program: Program) -> None:
    source = tree({})
    good = program("check", "--json", "--config", str(env_file(SOURCE_DIR=source)))
    assert (good.returncode, good.result["exit_code"]) == (0, 0)
    bad = program("check", "--config", str(env_file(SOURCE_DIR=source, AWS_SECRET_ACCESS_KEY="wrong")))
    assert bad.returncode == 2
    assert "SignatureDoesNotMatch" in bad.stderr
    missing = program("check", "--config", str(env_file(SOURCE_DIR=source, S5CMD_PATH="/nowhere/s5cmd")))
    assert missing.returncode == 1


def test_config_is_checked_without_contacting_anything(tree: Tree, env_file: EnvFile, program: Program) -> None:
    source = tree({})
    good = program("config", "--config", str(env_file(SOURCE_DIR=source, S3_ENDPOINT_URL="http://127.0.0.1:9")))
    assert (good.returncode, str(source) in good.stdout) == (0, True)
    bad = program("config", "--config", str(env_file(SOURCE_DIR=source, S5CMD_PART_SIZE="many")))
    assert bad.returncode == 1
    assert "S5CMD_PART_SIZE" in bad.stderr and "many" in bad.stderr


@pytest.mark.parametrize(
    ("names", "word"),
    [
        ({"SOURCE_DIR": "/nowhere"}, "/nowhere"),
        ({"SOURCE_DIR": None}, "SOURCE_DIR"),
        ({"BUCKET_NAME": None}, "BUCKET_NAME"),
        ({"BUCKET_NAME": "s3://bucket/path"}, "datasync-config.env:1: BUCKET_NAME: bucket 's3://bucket/path' is not"),
        ({"S3_BUCKET": "another-bucket"}, "S3_BUCKET"),
        ({"CHECKSUM_ALGORITHM": "MD4"}, "MD4"),
        ({"AWS_SECRET_ACCESS_KEY": None}, "secret_key"),
        ({"S3_KMS_KEY_ID": "some-key"}, "sse"),
    ],
)
def test_a_wrong_config_names_the_variable_and_exits_1(
    names: dict[str, Any], word: str, tree: Tree, env_file: EnvFile, program: Program
) -> None:
    run = program("sync", "--json", "--config", str(env_file(**{"SOURCE_DIR": tree({}), **names})))
    assert (run.returncode, run.result["exit_code"]) == (1, 1)
    assert word in run.stderr


def test_a_source_that_is_gone_is_in_the_report_that_others_read(
    env_file: EnvFile, program: Program, tmp_path: Path
) -> None:
    config = env_file(SOURCE_DIR=tmp_path / "unmounted", LOGS_DIR=tmp_path / "logs")
    assert program("config", "--config", str(config)).returncode == 0, "it may be mounted later"
    run = program("sync", "--config", str(config))
    result = json.loads((tmp_path / "logs" / "last-sync.json").read_text())
    assert (run.returncode, result["exit_code"], result["status"]) == (1, 1, "failed")
    assert str(tmp_path / "unmounted") in result["problems"][0]["message"]


def test_a_wrong_config_does_not_leave_the_last_success_in_place(
    tree: Tree, env_file: EnvFile, program: Program, tmp_path: Path
) -> None:
    source = tree({"a.txt": b"a"})
    assert program("sync", "--config", str(env_file(SOURCE_DIR=source, LOGS_DIR=tmp_path / "logs"))).returncode == 0
    config = env_file(SOURCE_DIR=source, LOGS_DIR=tmp_path / "logs", S3_STORAGE_CLASS="CHEAP")
    run = program("sync", "--json", "--config", str(config))
    result = json.loads((tmp_path / "logs" / "last-sync.json").read_text())
    for told in (run.result, result):
        assert (told["status"], told["exit_code"]) == ("failed", 1)
        assert "S3_STORAGE_CLASS" in told["problems"][0]["message"]


def test_a_config_that_does_not_exist_exits_1(program: Program) -> None:
    run = program("sync", "--config", "/nowhere/job.env")
    assert run.returncode == 1
    assert "/nowhere/job.env" in run.stderr


def test_a_second_run_exits_75_at_once_and_leaves_the_report_of_the_first(
    tree: Tree, env_file: EnvFile, program: Program, job_options: dict[str, Any], tmp_path: Path
) -> None:
    config = env_file(SOURCE_DIR=tree({"a.txt": b"a"}), RESULT_FILE=tmp_path / "result.json")
    with open(job_options["lock_path"], "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run = program("sync", "--json", "--config", str(config))
    assert (run.returncode, run.result["exit_code"]) == (75, 75)
    assert job_options["lock_path"] in run.stderr
    assert not (tmp_path / "result.json").exists()
    assert program("sync", "--config", str(config)).returncode == 0


def test_a_dry_run_does_not_wait_for_the_lock(
    tree: Tree, env_file: EnvFile, program: Program, job_options: dict[str, Any]
) -> None:
    config = env_file(SOURCE_DIR=tree({"a.txt": b"a"}))
    with open(job_options["lock_path"], "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert program("plan", "--config", str(config)).returncode == 0


def test_an_s5cmd_that_outlives_us_keeps_the_lock(
    tree: Tree, env_file: EnvFile, program: Program, start_program: Callable[..., subprocess.Popen[str]], s3_server: Any
) -> None:
    source = tree({"film.mov": 20 * MIB})
    with GateProxy(s3_server.endpoint_url, hold_after=8 * MIB) as proxy:
        config = env_file(SOURCE_DIR=source, S3_ENDPOINT_URL=proxy.endpoint_url)
        with start_program("sync", "--config", str(config)) as process:
            proxy.wait_until_held()
            process.kill()
        assert program("sync", "--config", str(env_file(SOURCE_DIR=source))).returncode == 75
        subprocess.run(["pkill", "-KILL", "-f", f"endpoint-url {proxy.endpoint_url}"], check=True)
    for _attempt in range(50):
        run = program("sync", "--config", str(env_file(SOURCE_DIR=source)))
        if run.returncode != 75:
            break
    assert run.returncode == 0


def test_an_empty_source_is_a_warning(tree: Tree, env_file: EnvFile, program: Program) -> None:
    run = program("sync", "--quiet", "--config", str(env_file(SOURCE_DIR=tree({}))))
    assert run.returncode == 0
    assert "is its file system mounted?" in run.stderr


def test_the_time_limit_ends_a_run_and_names_what_is_missing(
    tree: Tree, env_file: EnvFile, program: Program, s3_server: Any
) -> None:
    source = tree({"film.mov": 20 * MIB})
    with GateProxy(s3_server.endpoint_url, hold_after=8 * MIB) as proxy:
        config = env_file(SOURCE_DIR=source, S3_ENDPOINT_URL=proxy.endpoint_url, MAX_SYNC_TIME="3")
        timer = threading.Timer(4.0, proxy.release)
        timer.start()
        run = program("sync", "--json", "--config", str(config))
        timer.join()
    assert (run.returncode, run.result["status"]) == (4, "failed")
    assert [problem["path"] for problem in run.result["problems"]] == ["", "film.mov"]
    assert "time limit of 3 s" in run.stderr


def test_names_that_are_not_acted_on_get_one_warning(tree: Tree, env_file: EnvFile, program: Program) -> None:
    config = env_file(SOURCE_DIR=tree({"a.txt": b"a"}), CLIENT_NAME="Studio", ALERT_EMAIL="ops@example.org")
    run = program("sync", "--quiet", "--config", str(config))
    (line,) = run.stderr.splitlines()
    assert line.startswith("[WARN]") and "CLIENT_NAME" in line and "ALERT_EMAIL" in line


def test_no_secret_is_in_logs_results_or_arguments(
    tree: Tree, env_file: EnvFile, start_program: Callable[..., subprocess.Popen[str]], s3_server: Any, tmp_path: Path
) -> None:
    source = tree({"film.mov": 20 * MIB, "broken/film.mov": b"x"})
    (source / "link").symlink_to("nowhere")
    with GateProxy(s3_server.endpoint_url, hold_after=8 * MIB) as proxy:
        config = env_file(SOURCE_DIR=source, S3_ENDPOINT_URL=proxy.endpoint_url, LOGS_DIR=tmp_path / "logs")
        with start_program("sync", "--json", "--config", str(config)) as process:
            proxy.wait_until_held()
            arguments = subprocess.run(["ps", "-ewwo", "args"], capture_output=True, text=True, check=True).stdout
            proxy.release()
            stdout, stderr = process.communicate(timeout=60)
    logs = "".join(path.read_text() for path in (tmp_path / "logs").iterdir())
    assert proxy.endpoint_url in arguments, "s5cmd was running"
    for text in (arguments, stdout, stderr, logs):
        assert s3_server.secret_key not in text
        assert s3_server.access_key not in text


def test_a_terminal_shows_live_progress(tree: Tree, env_file: EnvFile, program_file: Path) -> None:
    source = tree({f"{number:02}.bin": 2 * MIB for number in range(30)})
    config = env_file(SOURCE_DIR=source)
    terminal, theirs = pty.openpty()
    environment = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "COLUMNS": "120", "HOME": "/nonexistent"}
    with subprocess.Popen(
        [sys.executable, str(program_file), "sync", "--config", str(config)],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env=environment,
    ) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                block = os.read(terminal, 65536)
            except OSError:
                break
            if not block:
                break
            shown += block
    os.close(terminal)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    assert process.returncode == 0
    assert re.search(r"\d+/30 files", text) and "MB/s" in text and "ETA" in text
    assert "success: 30 files" in text


def test_a_wrong_command_line_exits_1_for_2_means_credentials(program: Program) -> None:
    run = program("sync")
    assert run.returncode == 1
    assert "--config" in run.stderr


def test_output_that_nobody_can_read_does_not_change_the_exit_code(
    tree: Tree, env_file: EnvFile, program_file: Path
) -> None:
    config = env_file(SOURCE_DIR=tree({"a.txt": b"a"}))
    command = f"{sys.executable} {program_file} sync --json --config {config}"
    for redirection in (">&-", ">/dev/full", "2>&-", "<&- >&- 2>&-"):
        done = subprocess.run(["sh", "-c", f"{command} {redirection}"], capture_output=True, text=True, check=False)
        assert (done.returncode, "Traceback" in done.stderr) == (0, False), redirection


def test_a_wrong_command_line_is_json_too(program: Program) -> None:
    run = program("sync", "--json")
    assert (run.returncode, run.result["exit_code"], run.result["status"]) == (1, 1, "failed")


def test_help_lists_the_exit_codes(program: Program) -> None:
    run = program("--help")
    assert run.returncode == 0
    assert "75     another run of this job holds the lock" in run.stdout
