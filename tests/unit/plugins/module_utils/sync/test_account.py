# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The account of a run: figures, exit code and last line follow from what it took in."""

from __future__ import annotations

import io
import time

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import CredentialsError, Interrupted
from ansible_collections.datasync.turbo.plugins.module_utils.common.problems import Kind, Problem
from ansible_collections.datasync.turbo.plugins.module_utils.job.job import Job
from ansible_collections.datasync.turbo.plugins.module_utils.job.local_file import Identity, LocalFile
from ansible_collections.datasync.turbo.plugins.module_utils.plan.plan import Plan
from ansible_collections.datasync.turbo.plugins.module_utils.plan.uploads import NEW, Ledger, Upload
from ansible_collections.datasync.turbo.plugins.module_utils.report.log import Log
from ansible_collections.datasync.turbo.plugins.module_utils.report.result import Reconciliation
from ansible_collections.datasync.turbo.plugins.module_utils.s3.listing import StoredObject
from ansible_collections.datasync.turbo.plugins.module_utils.sync.account import Account

UPLOAD_PROBLEM = Problem("a", Kind.UPLOAD, "s5cmd: because")


@pytest.fixture
def said():
    return io.StringIO()


@pytest.fixture
def account(said):
    """Begin the account of a run."""

    def make(dry_run=False, **options):
        job = Job(src="/srv/material", bucket="archive", prefix="p/", **options)
        return Account.begun(job, Log(said), dry_run)

    return make


def planned(account, *sizes, **values):
    """A plan with uploads of these sizes, and its ledger."""
    plan = Plan.nothing(account.job)
    for number, size in enumerate(sizes):
        name = f"f{number}"
        plan.uploads.add(Upload(LocalFile(f"/srv/material/{name}", name, f"p/{name}", Identity(size, 1, 1, 1, 1)), NEW))
    plan.uploads.sort()
    for name, value in values.items():
        setattr(plan, name, value)
    return plan, Ledger(plan.uploads)


def store(account, plan, ledger, count):
    """So many uploads of the plan are stored, and were not in the bucket before."""
    for upload, _number in zip(plan.uploads, range(count)):
        ledger.store(upload.file, upload.file.identity)
        account.new += 1


# --- the figures


def test_figures_are_those_of_the_plan_and_of_what_became_of_it(account):
    run = account()
    plan, ledger = planned(run, 100, 20, 3, unchanged=5, unchanged_bytes=1000, skipped=2, elsewhere=4, remote_objects=6)
    store(run, plan, ledger, 2)
    plan.deferred = ["x"]
    run.deferred = 1
    run.deleted_keys = ["p/gone"]
    result = run.result(plan, ledger)
    assert (result.files_synced, result.bytes_transferred, result.source_files) == (2, 120, 8)
    assert (result.files_unchanged, result.files_skipped, result.files_in_other_shards) == (5, 2, 4)
    assert result.files_deferred == 2, "by the plan, and during the transfer"
    assert result.s3_objects == 6 + 2 - 1
    assert (result.source, result.destination) == ("/srv/material", "s3://archive/p/")


def test_the_rate_is_in_megabytes_per_second_of_the_whole_run(account, monkeypatch):
    run = account()
    plan, ledger = planned(run, 3_000_000)
    store(run, plan, ledger, 1)
    monkeypatch.setattr(time, "time", lambda: run.began + 2)
    result = run.result(plan, ledger)
    assert (result.duration_seconds, result.throughput_mbps) == (2.0, 1.5)


@pytest.mark.parametrize(
    ("compare", "plan", "compared"),
    [
        ("remote", {"listed": True}, "remote"),
        ("state", {}, "state"),
        ("state", {"listed": True, "reconciled": Reconciliation()}, "state"),
        ("state", {"listed": True}, "remote"),
    ],
    ids=["by listings", "by the state file", "reconciled", "the state file was not trusted"],
)
def test_the_result_says_what_files_were_really_compared_with(account, compare, plan, compared):
    run = account(**({"state_path": "/var/lib/state.db"} if compare == "state" else {}))
    assert run.result(*planned(run, **plan)).compare == compared


# --- the exit code


def test_a_run_without_a_problem_is_a_success_and_verified(account):
    run = account()
    result = run.result(*planned(run))
    assert (result.status, result.exit_code, result.checksum_verification.verified) == ("success", 0, True)


@pytest.mark.parametrize("options", [{"verify": "none"}, {"checksum_algorithm": "NONE"}, {"dry_run": True}])
def test_what_proves_nothing_never_says_verified(account, options):
    run = account(**options)
    result = run.result(*planned(run))
    assert (result.exit_code, result.checksum_verification.verified) == (0, False)


@pytest.mark.parametrize(
    ("problems", "stopped_by", "code", "status"),
    [
        ([UPLOAD_PROBLEM], None, 4, "failed"),
        ([UPLOAD_PROBLEM, Problem("b", Kind.CHECKSUM, "differs")], None, 5, "failed"),
        ([UPLOAD_PROBLEM], CredentialsError("expired"), 2, "failed"),
        ([UPLOAD_PROBLEM], Interrupted(15), 143, "interrupted"),
    ],
)
def test_the_worst_problem_decides_unless_something_ended_the_run(account, problems, stopped_by, code, status):
    run = account()
    for problem in problems:
        run.take_in(problem)
    run.stopped_by = stopped_by
    result = run.result(*planned(run, 1, 1))
    assert (result.exit_code, result.status, result.problems) == (code, status, problems)


@pytest.mark.parametrize(("refusals", "code"), [([3, 3], 3), ([3, 2], 2), ([3], 4), ([], 4)])
def test_only_the_refusal_of_every_upload_speaks_for_the_bucket(account, refusals, code):
    run = account()
    run.take_in(UPLOAD_PROBLEM)
    run.refusals = refusals
    assert run.result(*planned(run, 1, 1)).exit_code == code


# --- the words


def test_a_problem_is_named_in_the_log_when_it_is_taken_in(account, said):
    run = account()
    run.take_in(UPLOAD_PROBLEM)
    run.take_in(Problem("", Kind.RUN, "the bucket is gone"))
    assert "a: s5cmd: because\n" in said.getvalue()
    assert "] the bucket is gone\n" in said.getvalue()


def test_the_last_line_is_an_error_with_the_exit_code_where_there_is_one(account, said):
    run = account()
    finished = run.finish(*planned(run))
    assert said.getvalue().startswith("[INFO]")
    assert finished.result.exit_code == 0
    run.take_in(UPLOAD_PROBLEM)
    run.finish(*planned(run, 1))
    assert said.getvalue().splitlines()[-1].startswith("[ERROR]")
    assert said.getvalue().endswith("; 1 problem, exit code 4\n")


def last_line(run, plan, ledger):
    result = run.result(plan, ledger)
    result.duration_seconds, result.throughput_mbps = 2.0, 1.5
    return run.summary(plan, result)


def test_the_summary_of_a_run_that_stored_something(account):
    run = account()
    plan, ledger = planned(run, 2_000_000, 1_000_000)
    store(run, plan, ledger, 2)
    run.verification.methods = {"ETag": 1, "CRC64NVME": 1}
    assert last_line(run, plan, ledger) == (
        "success: 2 files, 3.0 MB in 2.0 s (1.5 MB/s), 2 proven (1 by CRC64NVME, 1 by ETag)"
    )


def test_the_summary_of_a_run_without_verification_says_so(account):
    run = account(verify="none")
    plan, ledger = planned(run, 1_000_000)
    store(run, plan, ledger, 1)
    assert last_line(run, plan, ledger).endswith("(1.5 MB/s), not verified")


def test_the_summary_of_a_run_that_had_nothing_to_upload(account):
    run = account()
    plan, ledger = planned(run, unchanged=3)
    assert last_line(run, plan, ledger) == "success: nothing to upload, 3 files stored already, in 2.0 s"
    run.take_in(UPLOAD_PROBLEM)
    assert last_line(run, plan, ledger) == "failed: nothing was uploaded, 3 files stored already, in 2.0 s"
    run.stopped_by = CredentialsError("expired")
    assert last_line(run, plan, ledger) == "failed: nothing was uploaded, in 2.0 s", "how many is not known then"


def test_the_summary_tells_what_was_deleted_moved_and_removed(account):
    run = account(after_upload="move", move_to="/srv/sent")
    run.deletions.deleted, run.moved, run.removed = 1, 2, 3
    line = last_line(run, *planned(run))
    assert ", 1 object deleted, 2 files moved to /srv/sent, 3 files removed from /srv/material, in 2.0 s" in line


def test_the_summary_of_a_dry_run_is_what_would_be_done(account):
    run = account(dry_run=True)
    plan, ledger = planned(run, 1_000_000, deletions=[StoredObject("p/gone", 1, "", 0.0)])
    assert last_line(run, plan, ledger) == "success: dry run, 1 file, 1.0 MB would be uploaded, 1 object deleted"
