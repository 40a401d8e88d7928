# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What a run would do is asked of the host program, and told as Ansible tells it."""

from __future__ import annotations

import json
import sys

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.commands import Completed
from ansible_collections.datasync.turbo.plugins.module_utils.fleet import plans as job_plan
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.plans import LISTED, diff, planned
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.jobs_on_hosts import job_on_host

PROGRAM = "/opt/datasync-turbo/bin/datasync-turbo"
JOB = job_on_host("/etc", schedule="manual")
RESULT = {"status": "success", "destination": "s3://archive/", "problems": [], "exit_code": 0}


class Program:
    """Stands in for the host program: its answers by command, and what it was asked."""

    def __init__(self, **answers):
        self.answers = answers
        self.calls = []

    def __call__(self, command, timeout):
        self.calls.append((list(command), timeout))
        return self.answers[command[1]]


def a_plan(uploads, keys=(), refused="", **values):
    deletions = {"planned": len(keys), "deleted": 0, "refused": refused, "keys": list(keys)}
    return Completed(
        values.get("exit_code", 0), json.dumps({**RESULT, "uploads": uploads, "deletions": deletions, **values}), ""
    )


def test_uploads_and_deletions():
    uploads = [
        {"path": "a", "key": "a", "size": 7, "reason": "new"},
        {"path": "b", "key": "b", "size": 5_000_000, "reason": "changed"},
    ]
    program = Program(plan=a_plan(uploads, ["old"]))
    plan = planned(JOB, PROGRAM, 60, run=program)
    assert program.calls == [([PROGRAM, "plan", "--json", "--quiet", "--config", JOB.config], 60)]
    assert (plan.upload_count, plan.upload_bytes, plan.deletions, plan.changed, plan.failed) == (
        2,
        5_000_007,
        ["old"],
        True,
        False,
    )
    assert diff(plan) == {
        "before_header": "outbox: s3://archive/",
        "after_header": "outbox: s3://archive/ (would be stored)",
        "before": "b\nold (its file is gone)\n",
        "after": "a (7 B, new)\nb (5.0 MB, changed)\n",
    }


def test_deletions_that_are_refused_are_none():
    plan = planned(JOB, PROGRAM, 60, run=Program(plan=a_plan([], ["old"], refused="3 of 4 objects")))
    assert (plan.changed, plan.deletions, plan.deletion_count) == (False, [], 0)


def test_of_a_large_plan_the_beginning_is_listed_and_all_is_counted():
    uploads = [{"path": str(n), "key": str(n), "size": 1, "reason": "new"} for n in range(LISTED + 5)]
    plan = planned(JOB, PROGRAM, 60, run=Program(plan=a_plan(uploads)))
    assert (len(plan.uploads), plan.upload_count) == (LISTED, LISTED + 5)
    assert diff(plan)["after"].endswith("and 5 more\n")


def test_a_plan_with_problems_fails_and_names_them():
    problems = [{"path": "x", "kind": "unreadable", "message": "Permission denied"}]
    plan = planned(JOB, PROGRAM, 60, run=Program(plan=a_plan([], exit_code=4, problems=problems)))
    assert (plan.failed, plan.exit_code, plan.reasons) == (True, 4, ["x: Permission denied"])


def test_a_program_that_prints_no_plan_is_quoted():
    plan = planned(JOB, PROGRAM, 60, run=Program(plan=Completed(127, "", "sh: not found\n")))
    assert (plan.failed, plan.exit_code, plan.reasons, plan.result) == (True, 127, ["sh: not found"], None)


def test_the_checks_come_first_and_a_failed_one_is_the_reason():
    checks = [
        {"name": "runs", "ok": True, "message": "v2.3.0", "hint": ""},
        {"name": "bucket", "ok": False, "message": "NoSuchBucket", "hint": "check the bucket's name"},
        {"name": "write", "ok": False, "message": "not checked: the bucket cannot be listed", "hint": ""},
    ]
    program = Program(plan=Completed(3, json.dumps({"checks": checks, "exit_code": 3}), ""))
    plan = planned(JOB, PROGRAM, 60, checks=True, run=program)
    assert (plan.failed, plan.exit_code, plan.reasons) == (True, 3, ["NoSuchBucket (check the bucket's name)"])


def test_checks_and_plan_are_asked_of_one_start_of_the_program():
    program = Program(plan=a_plan([]))
    plan = planned(JOB, PROGRAM, 60, checks=True, run=program)
    assert program.calls == [([PROGRAM, "plan", "--check", "--json", "--quiet", "--config", JOB.config], 60)]
    assert not plan.failed


def test_a_config_that_the_checks_refuse_is_the_reason():
    refused = {**RESULT, "status": "failed", "exit_code": 1, "problems": [{"path": "", "message": "BUCKET_NAME"}]}
    plan = planned(JOB, PROGRAM, 60, checks=True, run=Program(plan=Completed(1, json.dumps(refused), "")))
    assert (plan.exit_code, plan.reasons) == (1, ["BUCKET_NAME"])


@pytest.mark.parametrize(
    "command, status, errors",
    [
        ([sys.executable, "-c", "import sys; sys.exit('no')"], 1, "no\n"),
        (
            ["/gone/program"],
            1,
            "/gone/program does not run: No such file or directory (install it, or correct its path)",
        ),
        ([sys.executable, "-c", "import time; time.sleep(60)"], 4, "no answer after 0.5 seconds"),
    ],
)
def test_commands_that_fail_are_answers(command, status, errors):
    assert job_plan.run_command(command, 0.5 if "time" in command[-1] else 60) == Completed(status, "", errors)
