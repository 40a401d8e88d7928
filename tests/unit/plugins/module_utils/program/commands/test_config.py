# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""`config` describes a job from its config file alone."""

from __future__ import annotations

import json

from ansible_collections.datasync.turbo.plugins.module_utils.common.version import __version__
from ansible_collections.datasync.turbo.plugins.module_utils.program import cli
from ansible_collections.datasync.turbo.plugins.module_utils.tuning.classes import FILE_CLASSES


def test_config_contacts_nothing_and_shows_where_the_job_goes(pipeline, config, capsys, source):
    assert cli.main(["config", "--config", config("S3_SUBDIRECTORY=studio")]) == 0
    assert f"{source} → s3://archive/studio/" in capsys.readouterr().out
    assert pipeline.called_with is None


def test_config_as_json_tells_what_a_deployer_needs(config, tmp_path, capsys, source):
    lines = ["LOCK_FILE=/run/job.lock", "LOGS_DIR=/logs", "RESULT_FILE=/results/job.json", "JSON_OUTPUT_DIR=/json"]
    lines += ["LOG_FILE=/logs/job.log", "HISTORY_FILE=/results/job.jsonl", "PROGRESS_FILE=/progress/job.json"]
    lines += ["STATE_FILE=/state/job.sqlite", "AFTER_UPLOAD=move", "MOVE_TO=/srv/sent", "CLIENT_NAME=x"]
    assert cli.main(["config", "--json", "--config", config(*lines, "S3_ENDPOINT_URL=http://127.0.0.1:9")]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "source": str(source),
        "destination": "s3://archive/",
        "endpoint_url": "http://127.0.0.1:9",
        "after_upload": "move",
        "move_to": "/srv/sent",
        "lock_path": "/run/job.lock",
        "state_path": "/state/job.sqlite",
        "log_path": "/logs/job.log",
        "result_paths": ["/results/job.json", "/json/latest.json"],
        "history_path": "/results/job.jsonl",
        "progress_path": "/progress/job.json",
        "program_version": __version__,
        "transfer_settings": {name: {"numworkers": 32, "concurrency": 4, "part_size": 8} for name in FILE_CLASSES},
        "tuning": None,
        "warnings": [f"{tmp_path}/job.env: not acted on: CLIENT_NAME"],
        "exit_code": 0,
    }


def test_config_names_the_lock_file_that_a_job_without_one_has(config, capsys):
    cli.main(["config", "--json", "--config", config()])
    assert json.loads(capsys.readouterr().out)["lock_path"].endswith(".lock")


def test_config_looks_at_the_source_only_when_asked(config, source, capsys):
    source.rmdir()
    assert cli.main(["config", "--config", config()]) == 0
    assert cli.main(["config", "--check-source", "--config", config()]) == 1
    assert f"job.env:1: SOURCE_DIR: src '{source}' does not exist" in capsys.readouterr().err
    source.mkdir()
    assert cli.main(["config", "--check-source", "--config", config()]) == 0
