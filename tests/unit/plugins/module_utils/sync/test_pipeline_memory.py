# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What a run stored and did not prove is not believed by the next one, whatever happens in between."""

from __future__ import annotations

import json
import os

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.problems import Kind
from ansible_collections.datasync.turbo.plugins.module_utils.job.job import Job
from ansible_collections.datasync.turbo.plugins.module_utils.job.memory import remembered
from ansible_collections.datasync.turbo.plugins.module_utils.job.shard import Shard
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.sync.world import (
    killed_run,
    problems,
    refusing_listdir,
    wait_for_the_clock,
)

# --- an upload without a proof is not forgotten


def test_after_a_mismatch_the_next_run_compares_content_and_uploads_again(run, write, uploader, bucket):
    write(a=b"right", b=b"good")
    uploader.steps["a"] = uploader.store_as(b"wrong")
    assert run().exit_code == 5
    uploader.steps.clear()
    healed = run()
    assert (healed.exit_code, healed.files_synced) == (0, 1)
    assert bucket.objects["p/a"].content == b"right"
    assert run().files_synced == 0


def test_after_a_kill_the_next_run_compares_content(run, write, uploader, bucket):
    """SIGKILL leaves no time to say anything: what is remembered was remembered before the first upload."""
    write(a=b"right", b=b"good")

    class Killed(BaseException):
        pass

    uploader.steps["a"] = uploader.store_as(b"wrong")
    uploader.steps["b"] = uploader.stop(Killed())
    with pytest.raises(Killed):
        run()
    uploader.steps.clear()
    healed = run()
    assert (healed.exit_code, healed.files_synced) == (0, 2)
    assert bucket.objects["p/a"].content == b"right"


def test_what_nothing_can_prove_stays_a_problem_in_the_next_run(run, write, uploader, bucket):
    write(a=b"secret")

    def store_with_kms(file, identity):
        sent = uploader.store(file, identity)
        bucket.objects[file.key].encryption = "aws:kms"
        bucket.objects[file.key].etag = "0" * 32
        return sent

    uploader.steps["a"] = store_with_kms
    for result in (run(), run()):
        assert (result.exit_code, problems(result)) == (4, {"a": Kind.UNVERIFIED})
    assert run(verify="none").exit_code == 0


def test_a_fault_of_ours_replaces_the_last_result(run, write, uploader, tmp_path):
    write(a=b"1")
    result_path = tmp_path / "result.json"
    assert run(result_paths=(str(result_path),)).exit_code == 0

    def fault(file, identity):
        raise ZeroDivisionError

    write(b=b"2")
    uploader.steps["b"] = fault
    with pytest.raises(ZeroDivisionError):
        run(result_paths=(str(result_path),))
    told = json.loads(result_path.read_text())
    assert (told["status"], told["exit_code"]) == ("failed", 1)


# --- a missing proof is remembered until every file that may lack one was looked at


def test_a_file_that_was_left_out_meanwhile_is_still_compared(run, source, uploader, bucket, with_or_without_state):
    """An exclude that held for one run: that run proves nothing about what it did not look at."""
    (source / "project").mkdir()
    (source / "project" / "x").write_bytes(b"right")
    killed_run(run, uploader, "project/x", b"wrong", **with_or_without_state)
    assert run(exclude=("project/*",), **with_or_without_state).exit_code == 0
    assert run(**with_or_without_state).exit_code == 0
    assert bucket.objects["p/project/x"].content == b"right"


def test_a_file_that_could_not_be_read_meanwhile_is_still_compared(
    run, source, uploader, bucket, monkeypatch, with_or_without_state
):
    (source / "project").mkdir()
    (source / "project" / "x").write_bytes(b"right")
    killed_run(run, uploader, "project/x", b"wrong", **with_or_without_state)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "listdir", refusing_listdir("project"))
        assert run(**with_or_without_state).exit_code == 4
    assert run(**with_or_without_state).exit_code == 0
    assert bucket.objects["p/project/x"].content == b"right"


def test_a_file_that_had_to_wait_meanwhile_is_still_compared(run, write, uploader, bucket, with_or_without_state):
    write(x=b"right")
    killed_run(run, uploader, "x", b"wrong", **with_or_without_state)
    assert run(settle_seconds=600, **with_or_without_state).files_deferred == 1
    assert run(**with_or_without_state).exit_code == 0
    assert bucket.objects["p/x"].content == b"right"


def memory(tmp_path, source, **options):
    job = Job(src=str(source), bucket="archive", prefix="p/", lock_path=str(tmp_path / "job.lock"), **options)
    return remembered(job)


def test_once_everything_was_looked_at_nothing_is_unproven_any_more(
    run, write, source, uploader, tmp_path, with_or_without_state
):
    write(x=b"right")
    killed_run(run, uploader, "x", b"wrong", **with_or_without_state)
    assert memory(tmp_path, source).unproven_since is not None
    assert run(**with_or_without_state).exit_code == 0
    assert memory(tmp_path, source).unproven_since is None


def test_another_filter_than_the_killed_runs_does_not_make_every_later_run_compare_content(
    run, write, source, uploader, bucket, tmp_path
):
    """The exclude was changed for good, and what was unproven is among the files that still belong to the job."""
    write(x=b"right", log=b"1")
    killed_run(run, uploader, "x", b"wrong")
    assert run(exclude=("*.tmp",)).exit_code == 0
    assert bucket.objects["p/x"].content == b"right"
    assert memory(tmp_path, source).unproven_since is None


def test_objects_of_others_keep_no_run_from_forgetting(run, write, source, uploader, bucket, tmp_path):
    """Folder markers, and what another shard stores all the time."""
    write(**{f"f{number}": b"right" for number in range(8)})
    (source / "folder").mkdir()
    shards = [Shard(index, 2) for index in range(2)]
    mine = next(name for name in sorted(os.listdir(source)) if name != "folder" and shards[0].takes(f"p/{name}"))
    killed_run(run, uploader, mine, b"wrong", shard=shards[0])
    bucket.put("p/folder/", b"")
    for path in source.iterdir():
        if path.is_file() and shards[1].takes(f"p/{path.name}"):
            bucket.put(f"p/{path.name}", b"right")
    assert run(shard=shards[0]).exit_code == 0
    assert memory(tmp_path, source, shard=shards[0]).unproven_since is None


def test_an_old_object_that_differs_does_not_narrow_what_a_killed_run_left_unproven(
    run_with_state, write, source, uploader, bucket
):
    """Filters changed between the two: what the second proves of its own files says nothing about those left out."""
    write(b=b"old", x=b"first")
    assert run_with_state().exit_code == 0
    wait_for_the_clock(source / "x")
    write(x=b"right")
    killed_run(run_with_state, uploader, "x", b"wrong")
    bucket.put("p/b", b"bad")
    assert run_with_state(exclude=("x",), verify="all").exit_code == 5
    assert run_with_state(exclude=("x",)).exit_code == 0
    assert bucket.objects["p/b"].content == b"old"
    assert run_with_state().exit_code == 0
    assert bucket.objects["p/x"].content == b"right"
