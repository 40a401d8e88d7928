# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""`plan` shows what a run would do, and does nothing of it."""

from __future__ import annotations

import json

from ansible_collections.datasync.turbo.plugins.module_utils.checks.report import Check
from ansible_collections.datasync.turbo.plugins.module_utils.program import cli
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.run_results import planned


def test_plan_is_a_dry_run_that_writes_no_log_file(pipeline, config, tmp_path):
    cli.main(["plan", "--config", config(f"LOG_FILE={tmp_path}/sync.log")])
    assert pipeline.called_with["dry_run"] is True
    assert not (tmp_path / "sync.log").exists()


def test_plan_lists_each_upload_with_size_and_reason_and_each_deletion(pipeline, config, capsys):
    pipeline.run = planned()
    cli.main(["plan", "--config", config()])
    assert capsys.readouterr().out == "146.8 MB  'take 1.mov'  new\n  delete  'old\\n.mov'\n"


def test_plan_shows_deletions_that_are_refused_as_such(pipeline, config, capsys):
    pipeline.run = planned()
    pipeline.run.result.deletions.refused = "the run has 1 problem"
    cli.main(["plan", "--config", config()])
    assert capsys.readouterr().out.endswith(" refused  'old\\n.mov'\n")


def test_plan_as_json_has_uploads_and_deletions_beside_the_result(pipeline, config, capsys):
    pipeline.run = planned()
    cli.main(["plan", "--json", "--config", config()])
    told = json.loads(capsys.readouterr().out)
    assert told["uploads"] == [{"path": "take 1.mov", "key": "take 1.mov", "size": 146_800_640, "reason": "new"}]
    assert told["deletions"]["keys"] == ["old\n.mov"]
    assert told["deletions"]["refused"] == ""
    assert told["exit_code"] == 0


def test_a_quiet_plan_prints_nothing(pipeline, config, capsys):
    pipeline.run = planned()
    cli.main(["plan", "--quiet", "--config", config()])
    assert capsys.readouterr().out == ""


def test_a_plan_can_begin_with_the_checks(checked, pipeline, config, capsys):
    asked = checked(Check("bucket", "access", True, "answers"))
    pipeline.run = planned()
    assert cli.main(["plan", "--check", "--json", "--config", config()]) == 0
    assert asked[0].bucket == "archive"
    assert len(json.loads(capsys.readouterr().out)["uploads"]) == 1


def test_after_a_failed_check_there_is_no_plan(checked, pipeline, config, capsys):
    checked(Check("bucket", "access", False, "gone"))
    assert cli.main(["plan", "--check", "--json", "--config", config()]) == 3
    assert [check["message"] for check in json.loads(capsys.readouterr().out)["checks"]] == ["gone"]
    assert pipeline.called_with is None


def test_a_plan_alone_checks_nothing(checked, pipeline, config):
    asked = checked(Check("bucket", "access", False, "gone"))
    assert cli.main(["plan", "--config", config()]) == 0
    assert asked == []
