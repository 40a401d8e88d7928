# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""`check` tells the outcome of the checks for the job's connection and bucket."""

from __future__ import annotations

import json

from ansible_collections.datasync.turbo.plugins.module_utils.checks.report import Check
from ansible_collections.datasync.turbo.plugins.module_utils.program import cli


def test_check_passes_on_the_exit_code_and_the_reason(checked, config, capsys):
    checked(Check("bucket", "access", False, "bucket 'archive' does not exist", "create it"))
    assert cli.main(["check", "--config", config()]) == 3
    shown = capsys.readouterr().err
    assert "[ERROR]" in shown
    assert "bucket 'archive' does not exist (create it)" in shown


def test_check_asks_for_the_jobs_bucket_and_prefix(checked, config):
    asked = checked(Check("bucket", "access", True, "answers"))
    assert cli.main(["check", "--config", config("S3_SUBDIRECTORY=studio")]) == 0
    assert (asked[0].bucket, asked[0].prefix) == ("archive", "studio/")


def test_check_as_json_has_every_check(checked, config, capsys):
    checked(Check("binary", "installation", True, "found"), Check("bucket", "access", False, "gone"))
    cli.main(["check", "--json", "--config", config()])
    told = json.loads(capsys.readouterr().out)
    assert [(check["name"], check["ok"]) for check in told["checks"]] == [("binary", True), ("bucket", False)]
    assert told["exit_code"] == 3
