# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A command is about the job that its config file and the environment describe, and a wrong one is named."""

from __future__ import annotations

import json
import os

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.program import cli

SECRET = "wJalrXUtnFEMI"


@pytest.mark.parametrize("command", ["sync", "plan", "verify", "check", "config"])
def test_a_config_that_cannot_be_read_is_1_and_named(pipeline, tmp_path, capsys, command):
    assert cli.main([command, "--config", str(tmp_path / "missing.env")]) == 1
    assert "missing.env" in capsys.readouterr().err
    assert pipeline.called_with is None


def test_a_wrong_value_is_named_with_its_line(pipeline, config, capsys):
    assert cli.main(["sync", "--config", config("VERIFY=sometimes")]) == 1
    assert "job.env:3: VERIFY" in capsys.readouterr().err


def test_a_wrong_config_replaces_the_success_of_an_earlier_run(pipeline, config, tmp_path):
    """Monitoring reads the file; it must not go on finding a success."""
    path = tmp_path / "last-sync.json"
    path.write_text("success")
    assert cli.main(["sync", "--config", config(f"RESULT_FILE={path}", "S3_STORAGE_CLASS=nonsense")]) == 1
    told = json.loads(path.read_text())
    assert (told["status"], told["exit_code"]) == ("failed", 1)
    assert "nonsense" in told["problems"][0]["message"]


@pytest.mark.parametrize("command", ["plan", "verify", "check", "config"])
def test_only_sync_writes_a_result(pipeline, config, tmp_path, command):
    path = tmp_path / "last-sync.json"
    lines = [f"RESULT_FILE={path}", f"HISTORY_FILE={path}", "S3_STORAGE_CLASS=nonsense"]
    cli.main([command, "--config", config(*lines)])
    assert not path.exists()


@pytest.mark.parametrize("wrong", ["S3_STORAGE_CLASS=nonsense", "LOG_FILE=/dev/null/sync.log"])
def test_what_keeps_a_sync_from_beginning_is_in_result_and_history(pipeline, config, tmp_path, wrong):
    result, history = tmp_path / "last-sync.json", tmp_path / "history.jsonl"
    assert cli.main(["sync", "--config", config(f"RESULT_FILE={result}", f"HISTORY_FILE={history}", wrong)]) == 1
    for told in (json.loads(result.read_text()), json.loads(history.read_text())):
        assert (told["status"], told["exit_code"]) == ("failed", 1)


def test_log_lines_go_to_standard_error_and_the_log_file(pipeline, config, tmp_path, capsys):
    pipeline.during = lambda: pipeline.called_with["log"].info("said")
    cli.main(["sync", "--config", config(f"LOG_FILE={tmp_path}/sync.log")])
    assert "[INFO]" in capsys.readouterr().err
    assert "said" in (tmp_path / "sync.log").read_text()


def test_quiet_shows_warnings_and_errors_only(pipeline, config, capsys):
    def talk():
        pipeline.called_with["log"].info("normal")
        pipeline.called_with["log"].error("wrong")

    pipeline.during = talk
    cli.main(["sync", "--quiet", "--config", config("CLIENT_NAME=x")])
    shown = capsys.readouterr().err
    assert "normal" not in shown
    assert "wrong" in shown
    assert "CLIENT_NAME" in shown, "a name that is not acted on is a warning"


def test_the_log_level_of_the_config_counts(pipeline, config, capsys):
    pipeline.during = lambda: pipeline.called_with["log"].info("normal")
    cli.main(["sync", "--config", config("S5CMD_LOG_LEVEL=error")])
    assert "normal" not in capsys.readouterr().err


def test_variables_for_boto3_and_s5cmd_reach_the_environment(pipeline, config):
    pipeline.during = lambda: seen.append(os.environ.get("AWS_CA_BUNDLE"))
    seen = []
    cli.main(["sync", "--config", config("AWS_CA_BUNDLE=/etc/ssl/site.pem")])
    assert seen == ["/etc/ssl/site.pem"]


def test_credentials_of_the_environment_serve_unless_the_config_has_some(pipeline, config):
    os.environ.update(AWS_ACCESS_KEY_ID="AKIDENV", AWS_SECRET_ACCESS_KEY=SECRET)
    cli.main(["sync", "--config", config()])
    assert pipeline.called_with["job"].connection.access_key == "AKIDENV"
    cli.main(["sync", "--config", config("AWS_PROFILE=studio")])
    connection = pipeline.called_with["job"].connection
    assert (connection.profile, connection.access_key) == ("studio", None)


@pytest.mark.parametrize("command", ["sync", "plan", "config"])
def test_no_secret_is_printed(pipeline, config, capsys, command):
    path = config("AWS_ACCESS_KEY_ID=AKIDEXAMPLE", f"AWS_SECRET_ACCESS_KEY={SECRET}")
    cli.main([command, "--json", "--config", path])
    shown = capsys.readouterr()
    assert SECRET not in shown.out + shown.err
