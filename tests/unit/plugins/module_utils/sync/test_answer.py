# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What a task returns of a run: its result, what changed, and why it failed."""

from __future__ import annotations

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.problems import Kind, Problem
from ansible_collections.datasync.turbo.plugins.module_utils.sync.answer import answer_of
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.run_results import finished, planned


def test_a_run_that_stored_something_changed_and_has_its_result():
    run = finished(files_synced=2)
    assert answer_of(run) == {"changed": True, "result": run.result.as_dict(), "exit_code": 0}


@pytest.mark.parametrize(("stored", "deleted", "changed"), [(0, [], False), (2, [], True), (0, ["old.mov"], True)])
def test_what_was_stored_or_deleted_is_a_change(stored, deleted, changed):
    run = finished(files_synced=stored)
    run.deleted_keys = deleted
    assert answer_of(run)["changed"] is changed


def test_a_dry_run_has_its_plan_beside_the_result():
    answer = answer_of(planned())
    assert answer["changed"] is True
    assert answer["uploads"] == [{"path": "take 1.mov", "key": "take 1.mov", "size": 146_800_640, "reason": "new"}]
    assert answer["deletions"] == ["old\n.mov"]


def test_deletions_that_are_refused_are_planned_and_are_no_change():
    run = planned()
    run.plan.uploads = finished().plan.uploads
    run.result.deletions.refused = "the run has 1 problem"
    answer = answer_of(run, with_diff=True)
    assert (answer["changed"], answer["deletions"], answer["diff"]["before"]) == (False, ["old\n.mov"], "")


def test_the_diff_of_a_dry_run_says_what_would_be_stored():
    assert answer_of(planned(), with_diff=True)["diff"] == {
        "before_header": "s3://archive/",
        "after_header": "s3://archive/ (would be stored)",
        "before": "old\n.mov (its file is gone)\n",
        "after": "take 1.mov (146.8 MB, new)\n",
    }


def test_the_diff_of_a_run_has_what_was_deleted_and_not_what_was_planned():
    run = planned()
    run.result.dry_run = False
    run.deleted_keys = ["gone.mov"]
    diff = answer_of(run, with_diff=True)["diff"]
    assert (diff["after_header"], diff["before"]) == ("s3://archive/", "gone.mov (its file is gone)\n")


def test_the_message_of_a_failed_run_has_its_first_problems():
    problems = [
        Problem("a.mov", Kind.UNREADABLE, "Permission denied"),
        Problem("", Kind.RUN, "stopped by SIGTERM"),
        *(Problem(f"{number}.mov", Kind.VANISHED, "vanished") for number in range(3)),
    ]
    answer = answer_of(finished(exit_code=4, problems=problems))
    assert answer["exit_code"] == 4
    assert answer["msg"] == (
        "/srv/日本 → s3://archive/ failed: a.mov: Permission denied | stopped by SIGTERM | 0.mov: vanished"
        " | and 2 more, see result.problems"
    )
