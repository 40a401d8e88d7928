# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The tools of a benchmark: their command lines, and what their output tells."""

from __future__ import annotations

import itertools
import json
import os

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.benchmark.request import TOOLS, BenchmarkRequest
from ansible_collections.datasync.turbo.plugins.module_utils.benchmark.tools import (
    Tool,
    Toolbox,
    ToolReport,
    ToolUpload,
    account,
    requests_of,
)
from ansible_collections.datasync.turbo.plugins.module_utils.install import binary as s5cmd_binary

MIB = 1024 * 1024
SECRET = "wJalrXUtnFEMI"


@pytest.fixture
def toolbox(tmp_path, monkeypatch):
    """The tools against a server of one's own, or Amazon S3: `toolbox(None)`."""
    for name in list(os.environ):
        if name.startswith("AWS_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)

    def make(endpoint_url="http://s3.example:8333", **options):
        given = {
            "bucket": "archive",
            "access_key": "AKIA",
            "secret_key": SECRET,
            "region": "eu-central-1",
            "work_dir": str(tmp_path / "work"),
            **options,
        }
        made = Toolbox(BenchmarkRequest.from_options(given, prefix_is_given=False), endpoint_url)
        made.begin(str(tmp_path / f"home-{next(numbers)}"))
        return made

    numbers = itertools.count()
    return make


@pytest.fixture
def upload(tmp_path):
    return ToolUpload("/srv/material", "bench/id/0001-tool/", str(tmp_path))


def test_no_secret_is_in_arguments_and_every_tool_gets_the_same_keys(toolbox, upload):
    box = toolbox(session_token="token")
    for name in ("awscli", "awscli_optimized", "s5cmd", "datasync", "rclone"):
        command = box.command(Tool(name, "/bin/tool", "1"), upload)

        assert SECRET not in " ".join(command.arguments)
        assert SECRET.encode() not in (command.stdin or b"")
        assert command.environment["AWS_ACCESS_KEY_ID"] == "AKIA"
        assert command.environment["AWS_SECRET_ACCESS_KEY"] == SECRET
        assert command.environment["AWS_SESSION_TOKEN"] == "token"
        assert command.environment["AWS_REGION"] == "eu-central-1"


def test_every_tool_says_who_pays(toolbox, upload):
    box = toolbox(request_payer="requester")
    commands = {name: box.command(Tool(name, "/bin/tool", "1"), upload) for name in TOOLS}
    assert json.loads(commands["datasync"].stdin)["request_payer"] == "requester"
    assert commands["rclone"].environment["RCLONE_S3_REQUESTER_PAYS"] == "true"
    for name in ("awscli", "awscli_optimized", "s5cmd"):
        at = commands[name].arguments.index("--request-payer")
        assert commands[name].arguments[at + 1] == "requester"


def test_no_tool_says_who_pays_unless_the_task_does(toolbox, upload):
    for name in TOOLS:
        command = toolbox().command(Tool(name, "/bin/tool", "1"), upload)
        assert "--request-payer" not in command.arguments
        assert "RCLONE_S3_REQUESTER_PAYS" not in command.environment


def test_no_tool_reads_the_users_configuration(toolbox, upload, monkeypatch):
    monkeypatch.setenv("AWS_CONFIG_FILE", "/home/somebody/aws-config")
    monkeypatch.setenv("RCLONE_TRANSFERS", "64")
    monkeypatch.setenv("S5CMD_ANYTHING", "1")
    box = toolbox()
    for name in ("awscli", "s5cmd", "rclone"):
        environment = box.command(Tool(name, "/bin/tool", "1"), upload).environment

        assert "/home-" in environment["HOME"]
        assert environment["AWS_CONFIG_FILE"] != "/home/somebody/aws-config"
        assert "RCLONE_TRANSFERS" not in environment
        assert "S5CMD_ANYTHING" not in environment


def test_the_way_to_the_network_is_handed_on(toolbox, upload, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    monkeypatch.setenv("AWS_CA_BUNDLE", "/etc/ca.pem")

    environment = toolbox().command(Tool("s5cmd", "/bin/s5cmd", "1"), upload).environment

    assert environment["HTTPS_PROXY"] == "http://proxy:3128"
    assert environment["AWS_CA_BUNDLE"] == "/etc/ca.pem"


def test_the_aws_cli_is_called_plainly_and_with_the_kits_settings(toolbox, upload):
    box = toolbox()
    plain = box.command(Tool("awscli", "/bin/aws", "1"), upload)
    optimized = box.command(Tool("awscli_optimized", "/bin/aws", "1"), upload)

    assert plain.arguments == [
        *("/bin/aws", "--endpoint-url", "http://s3.example:8333", "s3", "sync", "/srv/material"),
        *("s3://archive/bench/id/0001-tool/", "--only-show-errors"),
    ]
    with open(plain.environment["AWS_CONFIG_FILE"], encoding="utf-8") as file:
        assert file.read() == "[default]\ns3 =\n  addressing_style = path\n"
    with open(optimized.environment["AWS_CONFIG_FILE"], encoding="utf-8") as file:
        assert file.read().splitlines()[3:] == ["  max_concurrent_requests = 20", "  multipart_chunksize = 64MB"]


def test_on_amazon_s3_no_endpoint_is_named(toolbox, upload):
    box = toolbox(None)
    for name in ("awscli", "s5cmd", "rclone"):
        command = box.command(Tool(name, "/bin/tool", "1"), upload)
        assert "--endpoint-url" not in command.arguments
        assert "RCLONE_S3_ENDPOINT" not in command.environment
    assert command.environment["RCLONE_S3_PROVIDER"] == "AWS"


def test_our_pipeline_gets_the_jobs_settings_and_those_of_a_trial_replace_them(toolbox, upload):
    box = toolbox(numworkers=7, checksum_algorithm="SHA256")
    tool = Tool("datasync", "/opt/s5cmd", "1")

    options = json.loads(box.command(tool, upload).stdin)
    trial = json.loads(box.command(tool, upload, {"numworkers": 3}).stdin)

    assert (options["numworkers"], options["checksum_algorithm"]) == (7, "SHA256")
    assert (options["src"], options["prefix"]) == ("/srv/material", "bench/id/0001-tool/")
    assert trial["numworkers"] == 3
    assert "checksum_algorithm" not in trial


def output(upload, text):
    with open(upload.log_path, "w", encoding="utf-8") as file:
        file.write(text)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("awscli", "", ToolReport(None, 0, "")),
        (
            "awscli",
            "upload failed: ./a to s3://b/a reason\n",
            ToolReport(None, 1, "upload failed: ./a to s3://b/a reason"),
        ),
        ("awscli_optimized", "fatal error: no\n", ToolReport(None, 1, "fatal error: no")),
        ("s5cmd", "cp /srv/ERROR s3://b/ERROR\n", ToolReport(0, 0, "")),
        ("s5cmd", 'DEBUG "retryable error: EOF"\nERROR "cp a b": no\n', ToolReport(1, 1, 'ERROR "cp a b": no')),
        (
            "rclone",
            "2026/11/23 ERROR : a: Failed to copy: no\n",
            ToolReport(0, 1, "2026/11/23 ERROR : a: Failed to copy: no"),
        ),
    ],
)
def test_errors_and_retries_are_read_from_the_output(upload, name, text, expected):
    output(upload, text)

    assert account(Tool(name), upload) == expected


def test_our_own_problems_are_those_of_the_result(upload, tmp_path):
    output(upload, "[WARN] [2026-11-23 04:00:00] 3 files failed (EOF): trying again in 1.0 s, round 1 of 3\n")
    problems = [{"path": "a", "kind": "unreadable", "message": "Permission denied"}]
    (tmp_path / "result.json").write_text(json.dumps({"problems": problems, "problems_total": 12}))

    assert account(Tool("datasync"), upload) == ToolReport(3, 12, "a: Permission denied")


def test_a_run_without_output_and_result_tells_nothing(upload):
    assert account(Tool("datasync"), upload) == ToolReport(0, 0, "")


def test_requests_are_counted_by_the_parts_of_each_tool():
    small, large = [(16 * 1024, 10)], [(100 * MIB, 1)]

    assert requests_of(Tool("awscli"), small, 8 * MIB) == 10
    assert requests_of(Tool("datasync"), small, 8 * MIB) == 10
    assert requests_of(Tool("awscli"), large, 8 * MIB) == 13 + 2
    assert requests_of(Tool("s5cmd"), large, 8 * MIB) == 2 + 2
    assert requests_of(Tool("rclone"), large, 8 * MIB) == 1
    assert requests_of(Tool("datasync"), large, 8 * MIB) == 13 + 2 + 1


def test_what_decides_about_our_speed_is_told(s5cmd_stand_in, toolbox, tmp_path):
    tuning = tmp_path / "tuning.fact"
    classes = {"small": {"settings": {"numworkers": 7, "concurrency": 4, "part_size": 8}}}
    tuning.write_text(json.dumps({"kind": "datasync.turbo tuning", "schema": 1, "classes": classes}))
    limited = toolbox(s5cmd_path=s5cmd_stand_in, bandwidth_limit="50MB/s", tuning_path=str(tuning)).find_one("datasync")
    plain = toolbox(s5cmd_path=s5cmd_stand_in, checksum_algorithm="NONE").find_one("datasync")

    assert plain.settings == "32 workers, 4 parts of 8 MiB a file, not proven"
    assert "proven by CRC64NVME, limited to 52.4 MB per second, tuned by " in limited.settings
    assert "small 7" in limited.settings


@pytest.fixture
def s5cmd_stand_in(tmp_path, monkeypatch):
    """A program that prints the version of s5cmd, and can do nothing else."""
    path = tmp_path / "s5cmd"
    path.write_text("#!/bin/sh\necho v2.3.0-991c9fb\n")
    path.chmod(0o755)
    # A script is refused as a wrapper otherwise.
    monkeypatch.setattr(s5cmd_binary, "find_binary", lambda given: given)
    return str(path)
