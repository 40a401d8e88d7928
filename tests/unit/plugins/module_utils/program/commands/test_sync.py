# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""`sync` runs the job of the config as it is told to, and can be stopped."""

from __future__ import annotations

import json
import signal

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.program import cli
from ansible_collections.datasync.turbo.plugins.module_utils.report.progress import LineProgress, Progress
from ansible_collections.datasync.turbo.plugins.module_utils.sync import hot_folder
from ansible_collections.datasync.turbo.plugins.module_utils.sync import run as sync
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.run_results import finished


def test_sync_runs_the_job_of_the_config(pipeline, config, source):
    cli.main(["sync", "--config", config("S3_SUBDIRECTORY=studio", "S5CMD_NUM_WORKERS=7", "VERIFY=all")])
    job = pipeline.called_with["job"]
    assert (job.src, job.destination, job.numworkers, job.verify) == (str(source), "s3://archive/studio/", 7, "all")
    assert pipeline.called_with["dry_run"] is False


def test_signals_are_caught_during_the_run_and_only_then(pipeline, config):
    before = signal.getsignal(signal.SIGTERM)
    cli.main(["sync", "--config", config()])
    assert pipeline.called_with["caught"]
    assert signal.getsignal(signal.SIGTERM) == before


def test_without_a_terminal_progress_is_lines_and_quiet_has_none(pipeline, config):
    cli.main(["sync", "--config", config()])
    assert pipeline.called_with["progress"].__class__ is LineProgress
    cli.main(["sync", "--quiet", "--config", config()])
    assert pipeline.called_with["progress"].__class__ is Progress


@pytest.mark.parametrize(("arguments", "reconcile"), [([], False), (["--reconcile"], True)])
def test_a_sync_can_be_told_to_compare_the_state_file_with_the_bucket(pipeline, config, arguments, reconcile):
    cli.main(["sync", *arguments, "--config", config("STATE_FILE=/var/lib/job.state")])
    assert pipeline.called_with["job"].reconcile is reconcile


def test_a_sync_can_go_on_until_the_folder_has_settled(config, monkeypatch, capsys):
    runs = [finished(files_synced=3), finished(files_synced=0)]
    asked = []

    def run(job, log, progress, interrupt, *, told):
        asked.append((progress.__class__, told))
        return runs[len(asked) - 1]

    monkeypatch.setattr(sync, "run", run)
    monkeypatch.setattr(hot_folder, "SHORTEST_PAUSE", 0.0)
    assert cli.main(["sync", "--until-settled", "--json", "--config", config()]) == 0
    assert asked == [(LineProgress, None), (LineProgress, runs[0].result)]
    assert json.loads(capsys.readouterr().out)["files_synced"] == 3
