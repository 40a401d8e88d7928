# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A run with a state file: it saves requests, and never decides."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from contextlib import closing

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import AccessError
from ansible_collections.datasync.turbo.plugins.module_utils.common.interrupt import Interrupt
from ansible_collections.datasync.turbo.plugins.module_utils.common.problems import Kind
from ansible_collections.datasync.turbo.plugins.module_utils.job.job import Job
from ansible_collections.datasync.turbo.plugins.module_utils.job.shard import Shard
from ansible_collections.datasync.turbo.plugins.module_utils.job.state import State
from ansible_collections.datasync.turbo.plugins.module_utils.report.log import Log
from ansible_collections.datasync.turbo.plugins.module_utils.report.progress import Progress
from ansible_collections.datasync.turbo.plugins.module_utils.sync import proofs as proofs_module
from ansible_collections.datasync.turbo.plugins.module_utils.sync import run as sync
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.engine import Deferred, Sent
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.sync.world import (
    DAY,
    MIB,
    Killed,
    kill_after_storing,
    on_disk,
    problems,
    wait_for_the_clock,
)


def test_the_second_run_over_an_unchanged_tree_makes_one_request(run_with_state, write, bucket, uploader):
    write(**{f"f{number}": b"1" for number in range(50)})
    assert run_with_state().files_synced == 50
    bucket.asked.clear()
    uploader.started = False
    result = run_with_state()
    assert (result.exit_code, result.files_unchanged, result.compare) == (0, 50, "state")
    assert bucket.asked == {"check": 1}
    assert not uploader.started


def test_what_vanished_from_the_bucket_is_found_when_reconciling_and_told(run_with_state, write, bucket, said):
    write(a=b"1", b=b"2", c=b"3")
    time.sleep(0.06)  # What changed in the very moment of a run is compared by content, and not reconciled.
    run_with_state()
    del bucket.objects["p/a"]
    bucket.put("p/b", b"x")
    result = run_with_state()
    assert (result.exit_code, result.files_synced, result.reconciled) == (0, 0, None), "not due yet"
    result = run_with_state(reconcile=True)
    assert (result.exit_code, result.files_synced) == (0, 2)
    assert (result.reconciled.missing, result.reconciled.different) == (1, 1)
    assert {key: stored.content for key, stored in bucket.objects.items()} == {"p/a": b"1", "p/b": b"2", "p/c": b"3"}
    assert "[WARN]" in said.getvalue()
    assert "1 object had vanished and 1 had been replaced" in said.getvalue()


@pytest.mark.parametrize("damage", ["missing", "garbage", "empty", "lock removed", "restored"])
def test_a_state_that_cannot_be_trusted_costs_a_listing_and_one_line(
    run_with_state, write, bucket, uploader, tmp_path, said, damage
):
    path = tmp_path / "state.db"
    write(a=b"1")
    run_with_state()
    backup = path.read_bytes()
    write(b=b"2")
    run_with_state()
    if damage == "missing":
        path.unlink()
    elif damage == "lock removed":
        (tmp_path / "job.lock").unlink()
    else:
        path.write_bytes({"garbage": b"x" * 9000, "empty": b"", "restored": backup}[damage])
    for stored in bucket.objects.values():
        stored.last_modified += DAY
    time.sleep(0.06)  # What changed in this very moment is looked at once more, and only that.
    uploader.started = False
    said.truncate(0)
    bucket.asked.clear()
    result = run_with_state()
    assert (result.exit_code, result.files_unchanged, result.files_synced) == (0, 2, 0)
    assert said.getvalue().count("[WARN]") == 1
    assert "comparing with the bucket's listing" in said.getvalue()
    assert bucket.asked["list"] == 1
    assert not uploader.started
    bucket.asked.clear()
    assert run_with_state().exit_code == 0
    assert bucket.asked == {"check": 1}, "trusted again"


def damage_all_but_the_first_rows(path):
    """Pages that only a look at the files finds."""
    with closing(sqlite3.connect(path)) as connection:
        (page_of_meta,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'meta'").fetchone()
    with open(path, "r+b") as file:
        for page in range(1, path.stat().st_size // 4096):
            if page != page_of_meta - 1:
                file.seek(page * 4096)
                file.write(b"\xff" * 4096)


@pytest.mark.parametrize("dry_run", [False, True])
def test_damage_that_the_plan_finds_costs_a_listing_and_one_line(
    run_with_state, write, bucket, tmp_path, said, dry_run
):
    write(a=b"1")
    run_with_state()
    damage_all_but_the_first_rows(tmp_path / "state.db")
    for stored in bucket.objects.values():
        stored.last_modified += DAY
    time.sleep(0.06)
    said.truncate(0)
    result = run_with_state(dry_run=dry_run)
    assert (result.exit_code, result.files_unchanged) == (0, 1)
    assert said.getvalue().count("[WARN]") == 1
    if not dry_run:
        bucket.asked.clear()
        run_with_state()
        assert bucket.asked == {"check": 1}


def test_a_state_that_cannot_be_written_keeps_nothing_from_being_stored(run, write, tmp_path, said):
    write(a=b"1")
    (tmp_path / "file").touch()
    result = run(state_path=str(tmp_path / "file" / "state.db"))
    assert (result.exit_code, result.files_synced) == (0, 1)
    assert said.getvalue().count("[WARN]") == 1


def test_a_row_that_could_not_be_removed_is_not_trusted_by_the_next_run(
    run_with_state, write, source, bucket, monkeypatch
):
    """Content A is recorded, B is stored while the disk is full, and the file becomes A again."""
    write(x=b"content A")
    run_with_state()
    (source / "touched").write_bytes(b"1")
    run_with_state()
    (source / "touched").chmod(0o600)
    write(x=b"content B")

    def full(state, relatives):
        def fail():
            raise sqlite3.OperationalError("database or disk is full")

        state.commit()
        state._write(fail)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(State, "forget", full)
        assert run_with_state().exit_code == 0
    assert bucket.objects["p/x"].content == b"content B"
    wait_for_the_clock(source / "x")
    write(x=b"content A")
    assert run_with_state().exit_code == 0
    assert bucket.objects["p/x"].content == b"content A"


def test_a_kill_after_the_upload_leaves_no_row_of_what_was_stored_before(
    run_with_state, write, source, uploader, bucket
):
    """Content A is recorded, B is stored, we are killed, and the file becomes A again."""
    write(x=b"content A")
    run_with_state()
    wait_for_the_clock(source / "x")
    write(x=b"content B")
    uploader.steps["x"] = kill_after_storing(uploader, b"content B")
    with pytest.raises(Killed):
        run_with_state()
    uploader.steps.clear()
    wait_for_the_clock(source / "x")
    write(x=b"content A")
    assert run_with_state().exit_code == 0
    assert bucket.objects["p/x"].content == b"content A"


def test_what_a_killed_run_had_proven_need_not_be_stored_again(run_with_state, write, uploader, monkeypatch):
    monkeypatch.setattr("ansible_collections.datasync.turbo.plugins.module_utils.job.state.COMMIT_INTERVAL", 0.0)
    names = [f"f{number:02}" for number in range(40)]
    write(**{name: bytes(MIB + 1) for name in names[:4]}, **dict.fromkeys(names[4:], b"1"))

    def proven_then_killed(file, identity):
        for _wait in range(50):
            uploader.tick()
            time.sleep(0.01)
        raise Killed

    monkeypatch.setattr(proofs_module, "PROOFS_AHEAD", 0)
    uploader.steps[names[10]] = proven_then_killed
    with pytest.raises(Killed):
        run_with_state()
    uploader.steps.clear()
    uploader.seen.clear()
    assert run_with_state().exit_code == 0
    assert not set(uploader.seen) & set(names[:4])


def test_a_file_that_was_not_proven_is_known_and_stays_a_problem(run_with_state, write, uploader, bucket):
    write(a=b"secret")

    def store_with_kms(file, identity):
        sent = uploader.store(file, identity)
        bucket.objects[file.key].encryption = "aws:kms"
        bucket.objects[file.key].etag = "0" * 32
        return sent

    uploader.steps["a"] = store_with_kms
    for _run in range(3):
        uploader.seen.clear()
        result = run_with_state()
        assert (result.exit_code, problems(result)) == (4, {"a": Kind.UNVERIFIED})
    assert uploader.seen == [], "to send it again would prove nothing either"
    assert run_with_state(verify="none").exit_code == 0


@pytest.mark.parametrize("spoil", ["missing", "different"])
def test_what_a_full_proof_found_is_healed_by_the_next_run(run_with_state, write, bucket, spoil):
    """verify=all finds that an object is not what the state file says; then the state must not say so again."""
    write(a=b"right", b=b"1")
    run_with_state()
    if spoil == "missing":
        del bucket.objects["p/a"]
    else:
        bucket.objects["p/a"].content = b"wrong"
    result = run_with_state(verify="all")
    assert problems(result) == {"a": Kind.MISSING if spoil == "missing" else Kind.CHECKSUM}
    result = run_with_state()
    assert (result.exit_code, result.files_synced) == (0, 1)
    assert bucket.objects["p/a"].content == b"right"
    assert run_with_state(verify="all").exit_code == 0


@pytest.mark.parametrize("spoil", ["missing", "different"])
def test_a_full_proof_asks_the_bucket_about_touched_files_too(run_with_state, write, source, bucket, spoil):
    write(a=b"right")
    run_with_state()
    wait_for_the_clock(source / "a")
    (source / "a").chmod(0o600)
    if spoil == "missing":
        del bucket.objects["p/a"]
        bucket.put("p/other", b"1")
    else:
        bucket.objects["p/a"].content = b"wrong"
    result = run_with_state(verify="all")
    assert result.exit_code in (4, 5)
    assert result.checksum_verification.verified is False


def test_a_full_proof_compares_the_content_of_every_object(run, write, bucket, uploader):
    """Also where the object's own metadata says that it was read from this very file."""
    write(a=b"right")
    run()
    bucket.objects["p/a"].content = b"wrong"
    result = run(verify="all")
    assert (result.exit_code, problems(result)) == (5, {"a": Kind.CHECKSUM})
    assert "" not in result.checksum_verification.methods


def test_a_dry_run_writes_nothing_at_all(run_with_state, write, source, tmp_path):
    write(same=b"1", touched=b"2", gone=b"3")
    run_with_state()
    wait_for_the_clock(source / "touched")
    (source / "touched").chmod(0o600)
    (source / "gone").unlink()
    write(new=b"4")
    (tmp_path / "probe").unlink()
    before = on_disk(tmp_path)
    assert {"state.db", "job.lock"} <= set(before)
    for options in ({}, {"delete": True}, {"reconcile": True}, {"checksum_algorithm": "SHA256"}, {"verify": "all"}):
        assert run_with_state(dry_run=True, **options).dry_run
        assert on_disk(tmp_path) == before


def test_a_first_dry_run_makes_neither_state_nor_lock(run, write, tmp_path):
    write(a=b"1")
    before = on_disk(tmp_path)
    run(dry_run=True, state_path=str(tmp_path / "deep" / "state.db"))
    assert on_disk(tmp_path) == before
    assert not (tmp_path / "deep").exists()


def test_a_state_that_was_just_made_is_trusted_only_after_a_whole_comparison(run_with_state, write, bucket, uploader):
    """The first run ends at once; the second must still ask the bucket what it holds."""
    write(a=b"1")
    bucket.put("p/a", b"1", time.time() + DAY)
    bucket.failures["check"] = AccessError("refused")
    assert run_with_state().exit_code == 3
    bucket.failures.clear()
    assert (run_with_state().files_unchanged, uploader.seen) == (1, [])


def test_a_distrusted_state_stays_distrusted_when_the_run_does_not_get_far(
    run_with_state, write, bucket, uploader, tmp_path
):
    write(a=b"1")
    run_with_state()
    (tmp_path / "job.lock").unlink()
    bucket.failures["check"] = AccessError("refused")
    assert run_with_state().exit_code == 3
    bucket.failures.clear()
    uploader.seen.clear()
    assert (run_with_state().files_unchanged, uploader.seen) == (1, [])


def test_a_signal_while_the_plan_waits_for_the_file_system_leaves_the_state_alone(
    run_with_state, write, source, monkeypatch, tmp_path
):
    """A dead NFS server: the thread of the plan hangs, the run ends, and nothing writes behind its back."""
    write(a=b"1")
    (source / "hanging").mkdir()
    run_with_state()
    released, hanging = threading.Event(), threading.Event()
    real_listdir = os.listdir

    def listdir(path="."):
        if str(path).rstrip("/").endswith("hanging"):
            hanging.set()
            released.wait(30)
        return real_listdir(path)

    monkeypatch.setattr(os, "listdir", listdir)
    (source / "a").chmod(0o600)
    interrupt = Interrupt()

    class Signal(Progress):
        def tick(self):
            if hanging.is_set():
                interrupt.signal_number = 15

    result = run_with_state(interrupt=interrupt, progress=Signal())
    assert (result.status, result.exit_code) == ("interrupted", 143)
    before = on_disk(tmp_path)
    threads = threading.active_count()
    released.set()
    deadline = time.monotonic() + 10
    while threading.active_count() >= threads and time.monotonic() < deadline:
        time.sleep(0.01)
    assert on_disk(tmp_path) == before
    monkeypatch.undo()


def test_the_result_counts_what_waits_and_what_belongs_to_others(run, write, uploader):
    write(a=b"1", b=b"2")
    uploader.steps["b"] = lambda file, identity: Deferred(file)
    result = run()
    assert (result.exit_code, result.files_deferred, result.files_synced) == (0, 1, 1)
    assert result.problems == []
    counted = [run(dry_run=True, shard=Shard(index, 3)) for index in range(3)]
    assert [part.source_files + part.files_in_other_shards for part in counted] == [2, 2, 2]


def test_a_file_that_changed_before_its_upload_has_settled_after_the_whole_time(uploader, source, write, tmp_path):
    write(a=b"1")
    os.utime(source / "a", (0, 0))
    uploader.steps["a"] = lambda file, identity: Deferred(file)
    job = Job(src=str(source), bucket="archive", lock_path=str(tmp_path / "job.lock"), settle_seconds=1)
    time.sleep(1.1)
    began = time.time()
    plan = sync.run(job, Log(), Progress(), Interrupt()).plan
    assert began + 1 <= plan.settled_at <= time.time() + 1


def test_a_file_that_waited_during_its_upload_is_uploaded_by_the_next_run(run_with_state, write, uploader, bucket):
    write(a=b"1")
    uploader.steps["a"] = lambda file, identity: Deferred(file)
    assert run_with_state().files_deferred == 1
    uploader.steps.clear()
    assert (run_with_state().files_synced, bucket.objects["p/a"].content) == (1, b"1")


def test_the_number_of_objects_is_right_from_run_to_run(run_with_state, write, source, uploader):
    write(a=b"1", b=b"2")
    assert run_with_state().s3_objects == 2
    write(c=b"3")
    wait_for_the_clock(source / "a")
    write(a=b"longer")
    assert run_with_state().s3_objects == 3
    assert run_with_state().s3_objects == 3
    uploader.steps["d"] = uploader.fail()
    write(d=b"4")
    assert run_with_state().s3_objects == 3
    uploader.steps["d"] = lambda file, identity: Sent(file, identity, MIB)
    assert run_with_state().s3_objects == 3, "s5cmd said so, and the bucket says otherwise"
    uploader.steps.clear()
    assert run_with_state().s3_objects == 4
