# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The pipeline as a whole never says success unless everything that was planned is stored and, if asked, proven."""

from __future__ import annotations

import os
import threading
import time

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import (
    AccessError,
    CredentialsError,
    InstallationError,
    Interrupted,
    TimedOut,
)
from ansible_collections.datasync.turbo.plugins.module_utils.common.interrupt import Interrupt
from ansible_collections.datasync.turbo.plugins.module_utils.common.problems import Kind
from ansible_collections.datasync.turbo.plugins.module_utils.report import result as report
from ansible_collections.datasync.turbo.plugins.module_utils.report.progress import Progress
from ansible_collections.datasync.turbo.plugins.module_utils.sync import judgement, pipeline
from ansible_collections.datasync.turbo.plugins.module_utils.transfer import engines
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.s5cmd import engine as s5cmd_engine
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.sync.world import (
    DAY,
    MIB,
    problems,
    stop_when_proven,
)

# --- success


def test_everything_stored_and_proven_is_a_success(run, write, bucket):
    write(a=b"1", b=b"22")
    result = run()
    assert (result.status, result.exit_code, result.problems) == ("success", 0, [])
    assert (result.files_synced, result.bytes_transferred, result.source_files) == (2, 3, 2)
    assert result.checksum_verification.verified is True
    assert result.checksum_verification.methods == {"ETag": 2}
    assert {key: stored.content for key, stored in bucket.objects.items()} == {"p/a": b"1", "p/b": b"22"}


def test_a_second_run_uploads_nothing_and_is_a_success(run, write, uploader):
    write(a=b"1")
    run()
    uploader.steps["a"] = uploader.stop(AssertionError("uploaded again"))
    result = run()
    assert (result.status, result.files_synced, result.files_unchanged) == ("success", 0, 1)


def test_an_empty_source_is_a_success_without_files_and_a_warning(run, said):
    """Its file system may not be mounted."""
    result = run()
    assert (result.status, result.source_files, result.source_size) == ("success", 0, "0")
    assert "is its file system mounted?" in said.getvalue()


def test_figures_are_in_the_units_that_are_documented(run, write, bucket, monkeypatch):
    write(a=b"x" * 3_000_000, stored=b"1")
    bucket.put("p/stored", b"1", time.time() + DAY)
    bucket.put("p/a", b"old", 1.0)
    bucket.put("p/other", b"1")
    clock = iter([1000.0])
    monkeypatch.setattr(time, "time", lambda: next(clock, 1002.0))
    result = run()
    assert result.duration_seconds == 2.0
    assert result.throughput_mbps == 1.5, "megabytes of 10^6 bytes per second"
    assert result.source_size == "2.9M", "as du -h, of all files"
    assert result.s3_objects == 3, "replacing an object adds none"


def test_new_objects_are_counted_among_the_objects_of_the_bucket(run, write, bucket):
    write(a=b"1")
    bucket.put("p/other", b"1")
    assert run().s3_objects == 2


# --- what stops a run


@pytest.mark.parametrize(
    ("error", "exit_code", "status"),
    [
        (CredentialsError("the token has expired"), 2, "failed"),
        (AccessError("connection refused"), 3, "failed"),
        (InstallationError("s5cmd cannot be started"), 1, "failed"),
        (TimedOut("the time limit of 5 s was reached"), 4, "failed"),
        (Interrupted(15), 143, "interrupted"),
        (Interrupted(2), 130, "interrupted"),
    ],
)
def test_what_stops_the_run_decides_the_exit_code_and_names_what_is_missing(
    run, write, uploader, error, exit_code, status
):
    write(a=b"333", b=b"22", c=b"1")
    uploader.steps["b"] = uploader.stop(error)
    result = run()
    assert (result.exit_code, result.status) == (exit_code, status)
    kinds = problems(result)
    assert kinds[""] == Kind.RUN
    assert (kinds["b"], kinds["c"]) == (Kind.UNFINISHED, Kind.UNFINISHED)
    assert result.checksum_verification.verified is False


def test_what_was_proven_before_the_stop_counts_as_stored(run, write, uploader, proofs):
    """Larger files are proven one by one, right after each upload."""
    write(a=bytes(MIB + 2), b=bytes(MIB + 1))
    uploader.steps["b"] = stop_when_proven(proofs)
    result = run()
    assert (result.files_synced, result.exit_code) == (1, 143)
    assert problems(result) == {"": Kind.RUN, "b": Kind.UNFINISHED}


def test_a_mismatch_that_was_known_at_the_stop_is_not_lost(run, write, uploader, proofs):
    write(a=bytes(MIB + 2), b=bytes(MIB + 1))
    uploader.steps.update(a=uploader.store_as(b"x" * (MIB + 2)), b=stop_when_proven(proofs))
    result = run()
    assert problems(result)["a"] == Kind.CHECKSUM
    assert result.checksum_verification.errors == 1
    assert result.exit_code == 143


def test_an_upload_whose_proof_was_pending_at_the_stop_is_unverified(run, write, uploader, bucket):
    write(a=b"333", b=b"22")
    released = threading.Event()
    real_head = bucket.head

    def slow_head(key):
        released.wait(10)
        return real_head(key)

    bucket.head = slow_head
    uploader.steps["b"] = uploader.stop(Interrupted(15))
    result = run()
    released.set()
    assert problems(result) == {"": Kind.RUN, "a": Kind.UNVERIFIED, "b": Kind.UNFINISHED}
    assert result.files_synced == 0


def test_when_the_header_is_refused_the_upload_is_unverified_and_the_run_stops(run, write, bucket):
    write(a=b"1")
    bucket.failures["head"] = AccessError("AccessDenied", "grant s3:GetObject")
    result = run()
    assert (result.exit_code, problems(result)) == (3, {"": Kind.RUN, "a": Kind.UNVERIFIED})
    assert result.files_synced == 0


def test_a_signal_between_two_files_stops_the_run(run, write, uploader):
    write(a=b"333", b=b"22")
    interrupt = Interrupt()

    def interrupted(file, identity):
        interrupt.signal_number = 15
        return uploader.store(file, identity)

    uploader.steps["a"] = interrupted
    result = run(interrupt=interrupt)
    assert (result.status, result.exit_code) == ("interrupted", 143)
    assert problems(result)["b"] == Kind.UNFINISHED


@pytest.mark.parametrize("call", ["find_binary", "read_version"])
def test_a_missing_s5cmd_is_an_installation_error_before_anything_is_asked(run, write, bucket, monkeypatch, call):
    write(a=b"1")

    def missing(argument):
        raise InstallationError("s5cmd is not on PATH", "install it")

    monkeypatch.setattr(pipeline, "engine_for", engines.engine_for)
    monkeypatch.setattr(s5cmd_engine, "find_binary", lambda path: "/bin/s5cmd")
    monkeypatch.setattr(s5cmd_engine, call, missing)
    result = run()
    assert (result.status, result.exit_code) == ("failed", 1)
    assert result.problems[0].message == "s5cmd is not on PATH (install it)"
    assert not bucket.asked


def test_an_s5cmd_that_is_too_old_is_an_installation_error_before_anything_is_asked(run, write, bucket, monkeypatch):
    installed = s5cmd_engine.S5cmdEngine("/bin/s5cmd", s5cmd_engine.Version("v2.1.0", (2, 1, 0)))
    monkeypatch.setattr(pipeline, "engine_for", lambda job: installed)
    result = run()
    assert (result.exit_code, result.tool, result.tool_version) == (1, "s5cmd", "v2.1.0")
    assert not bucket.asked


def test_a_bucket_that_does_not_answer_is_an_access_error_and_nothing_is_uploaded(run, write, bucket, uploader):
    write(a=b"1")
    bucket.failures["check"] = AccessError("NoSuchBucket")
    result = run()
    assert (result.exit_code, problems(result)) == (3, {"": Kind.RUN})
    assert not uploader.started


def test_an_unforeseen_error_is_not_swallowed_and_s5cmd_is_stopped(run, write, uploader):
    write(a=b"1", b=b"2")
    uploader.steps["b"] = uploader.stop(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        run()
    assert uploader.closed


def test_a_run_that_leaves_more_than_a_result_names_says_so(run, write, uploader, monkeypatch, said):
    for module in (report, judgement):
        monkeypatch.setattr(module, "MAX_PROBLEMS", 2)
    write(a=b"1", b=b"2", c=b"3")
    uploader.steps["a"] = uploader.stop(TimedOut("the time limit of 1 s was reached"))
    told = run().as_dict()
    assert ([problem["path"] for problem in told["problems"]], told["problems_total"]) == (["", "a"], 4)
    assert "3 more files; the result names 2 of them, the next run finds them all again" in said.getvalue()


# --- dry run


def test_a_dry_run_writes_nothing_and_tells_what_it_would_do(run, write, uploader, bucket, tmp_path, said):
    write(a=b"1")
    path = tmp_path / "last-sync.json"
    result = run(dry_run=True, result_paths=(str(path),))
    assert (result.status, result.exit_code, result.dry_run, result.files_synced) == ("success", 0, True, 0)
    assert not uploader.started
    assert not bucket.objects
    assert not path.exists()
    assert "1 file, 1 B would be uploaded" in said.getvalue()


def test_a_dry_run_has_proven_nothing(run, write):
    write(a=b"1")
    assert run(dry_run=True).checksum_verification.verified is False


def test_a_dry_run_tells_problems_with_the_exit_code_of_the_real_one(run, source):
    (source / "a").symlink_to("nowhere")
    result = run(dry_run=True)
    assert (result.exit_code, problems(result)) == (4, {"a": Kind.BROKEN_LINK})


# --- progress and log


class Display(Progress):
    stopped = False

    def stop(self):
        self.stopped = True


def test_the_display_counts_every_file_and_is_stopped(run, write, uploader):
    write(a=b"333", b=b"22", c=b"1")
    uploader.steps["b"] = uploader.fail()
    display = Display()
    run(progress=display)
    assert (display.files, display.bytes, display.done_files, display.done_bytes) == (3, 6, 3, 6)
    assert display.stopped


def test_the_display_is_stopped_when_the_run_is(run, write, uploader):
    write(a=b"1")
    uploader.steps["a"] = uploader.stop(Interrupted(15))
    display = Display()
    run(progress=display)
    assert display.stopped


def test_the_log_names_every_problem_and_ends_with_the_outcome(run, write, uploader, said):
    write(a=b"1", b=b"2")
    uploader.steps["a"] = uploader.fail()
    run()
    lines = said.getvalue().splitlines()
    assert any("[ERROR]" in line and "a: s5cmd: because" in line for line in lines)
    assert "failed: 1 file" in lines[-1]
    assert "1 problem, exit code 4" in lines[-1]


# --- files that leave after their upload


def test_only_files_that_are_proven_leave_the_source(run, write, source, uploader, tmp_path):
    write(proven=b"1", wrong=b"2", failed=b"3")
    uploader.steps.update(wrong=uploader.store_as(b"x"), failed=uploader.fail())
    result = run(after_upload="move", move_to=str(tmp_path / "done"))
    assert (result.exit_code, result.files_moved, result.files_removed) == (5, 1, 0)
    assert sorted(os.listdir(source)) == ["failed", "wrong"]
    assert (tmp_path / "done" / "proven").read_bytes() == b"1"


def test_a_file_that_changed_after_its_proof_stays(run, write, source, uploader):
    write(a=b"1", z=b"2")

    def change_a(file, identity):
        outcome = uploader.store(file, identity)
        (source / "a").write_bytes(b"changed")
        return outcome

    uploader.steps["z"] = change_a
    result = run(after_upload="remove")
    assert (result.files_removed, os.listdir(source)) == (1, ["a"])
    assert result.exit_code == 4


def test_a_run_that_is_stopped_lets_nothing_leave(run, write, source, uploader):
    write(a=b"1", b=b"2")
    uploader.steps["b"] = uploader.stop(Interrupted(15))
    assert run(after_upload="remove").files_removed == 0
    assert sorted(os.listdir(source)) == ["a", "b"]


def test_what_an_earlier_run_had_to_leave_is_proven_once_more_and_leaves(
    run, write, source, bucket, with_or_without_state
):
    """A row of the state file, or a time, is no reason to remove a file."""
    write(a=b"1", gone=b"2", wrong=b"3")
    assert run(**with_or_without_state).exit_code == 0
    del bucket.objects["p/gone"]
    bucket.objects["p/wrong"].content = b"x"
    for stored in bucket.objects.values():
        stored.last_modified += DAY
    result = run(after_upload="remove", **with_or_without_state)
    assert result.exit_code in (0, 4, 5)
    assert "a" not in os.listdir(source)
    for name in ("gone", "wrong"):
        content = (source / name).read_bytes() if (source / name).exists() else None
        assert content is not None or bucket.objects[f"p/{name}"].content == {"gone": b"2", "wrong": b"3"}[name]
