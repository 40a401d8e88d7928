# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The pipeline as a whole never says success unless everything that was planned is stored and, if asked, proven.

The bucket is in memory, and what an engine would do is done by `Uploader`. Walk, plan, rounds, verification and report
are real.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
import sqlite3
import threading
import time
from concurrent.futures import wait
from contextlib import closing
from pathlib import Path

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import (
    AccessError,
    ConfigurationError,
    CredentialsError,
    InstallationError,
    Interrupted,
    TimedOut,
)
from ansible_collections.datasync.turbo.plugins.module_utils.common.interrupt import Interrupt
from ansible_collections.datasync.turbo.plugins.module_utils.common.problems import Kind
from ansible_collections.datasync.turbo.plugins.module_utils.job.job import Job
from ansible_collections.datasync.turbo.plugins.module_utils.job.local_file import identity_of
from ansible_collections.datasync.turbo.plugins.module_utils.job.memory import remembered
from ansible_collections.datasync.turbo.plugins.module_utils.job.shard import Shard
from ansible_collections.datasync.turbo.plugins.module_utils.plan.lookup import FINGERPRINT, SYNCED_BY
from ansible_collections.datasync.turbo.plugins.module_utils.report import progress_file
from ansible_collections.datasync.turbo.plugins.module_utils.report import record as recording
from ansible_collections.datasync.turbo.plugins.module_utils.report import result as report
from ansible_collections.datasync.turbo.plugins.module_utils.report.log import Log
from ansible_collections.datasync.turbo.plugins.module_utils.report.progress import Progress
from ansible_collections.datasync.turbo.plugins.module_utils.s3.listing import OpenUpload
from ansible_collections.datasync.turbo.plugins.module_utils.sync import proofs as proofs_module
from ansible_collections.datasync.turbo.plugins.module_utils.sync import run as sync
from ansible_collections.datasync.turbo.plugins.module_utils.transfer import engines
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.engine import Deferred, Failed, Sent
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.s5cmd import engine as s5cmd_engine

MIB = 2**20
DAY = 86400


class Uploader:
    """Stands in for an engine: stores each file in the bucket and says so, unless the test gave another step for it.

    A step is called with the file and its identity and returns an outcome, or raises what ends the transfer.
    """

    def __init__(self, bucket):
        self.bucket = bucket
        self.steps = {}
        #: Whether the job wants a SHA256 of each file.
        self.sha256 = ""
        self.started = False
        self.closed = False
        self.tick = None
        self.inherited = ()
        self.settings = None
        self.bytes_written = None
        self.left_open = False
        #: What was handed over, in this order.
        self.seen = []

    name, version = "s5cmd", "v2.3.0-991c9fb"

    def require_usable(self):
        """It always is."""

    def sender(self, assignment, liveness):
        self.tick = assignment.voice.tick
        self.settings = assignment.settings
        self.inherited = assignment.inherited
        self.left_open = False
        return self

    def __enter__(self):
        self.started = True
        return self

    def __exit__(self, *error):
        self.closed = True

    def goes_alone(self, upload):
        return False

    def send(self, queue):
        while queue.has_more:
            self.tick()
            upload = queue.next_ready
            if upload is None:
                time.sleep(0.001)
                continue
            queue.take()
            self.seen.append(upload.file.relative)
            path = Path(upload.file.path)
            step = self.steps.get(upload.file.relative, self.store)
            before, self.left_open = self.left_open, True
            outcome = step(upload.file, identity_of(path.stat()))
            self.left_open = before or isinstance(outcome, Failed)
            yield outcome

    def store(self, file, identity, content=None):
        metadata = {"synced-by": SYNCED_BY, "timestamp": str(int(time.time())), FINGERPRINT: identity.fingerprint}
        stored = Path(file.path).read_bytes()
        self.bucket.put(file.key, stored if content is None else content, metadata=metadata)
        return Sent(file, identity, 8 * MIB, self.sha256 and hashlib.sha256(stored).hexdigest())

    def store_as(self, content):
        return lambda file, identity: self.store(file, identity, content)

    @staticmethod
    def fail(kind=Kind.UPLOAD, exit_code=None):
        return lambda file, identity: Failed(file, kind, "s5cmd: because", exit_code)

    @staticmethod
    def stop(error):
        def step(file, identity):
            raise error

        return step


@pytest.fixture
def write(source):
    def make(**files):
        for name, content in files.items():
            (source / name).write_bytes(content)

    return make


@pytest.fixture
def uploader(bucket, monkeypatch):
    uploader = Uploader(bucket)
    monkeypatch.setattr(sync, "Bucket", lambda connection, name, pool_size: bucket)
    monkeypatch.setattr(sync, "engine_for", lambda job: uploader)
    return uploader


@pytest.fixture
def said():
    """What the run logs."""
    return io.StringIO()


@pytest.fixture
def run(uploader, source, tmp_path, said):
    """Run a job over the source; returns its result."""

    def make(dry_run=False, interrupt=None, progress=None, told=None, **options):
        values = {"prefix": "p/", "lock_path": str(tmp_path / "job.lock"), **options}
        job = Job(src=str(source), bucket="archive", **values)
        return sync.run(job, Log(said), progress or Progress(), interrupt or Interrupt(), dry_run, told=told).result

    return make


def problems(result):
    return {problem.path: problem.kind for problem in result.problems}


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
    bucket.put("p/stored", b"1", sync.time.time() + DAY)
    bucket.put("p/a", b"old", 1.0)
    bucket.put("p/other", b"1")
    clock = iter([1000.0])
    monkeypatch.setattr(sync.time, "time", lambda: next(clock, 1002.0))
    result = run()
    assert result.duration_seconds == 2.0
    assert result.throughput_mbps == 1.5, "megabytes of 10^6 bytes per second"
    assert result.source_size == "2.9M", "as du -h, of all files"
    assert result.s3_objects == 3, "replacing an object adds none"


def test_new_objects_are_counted_among_the_objects_of_the_bucket(run, write, bucket):
    write(a=b"1")
    bucket.put("p/other", b"1")
    assert run().s3_objects == 2


# --- verification


def test_an_object_that_differs_from_its_file_is_a_checksum_mismatch(run, write, uploader):
    write(a=b"right", b=b"1")
    uploader.steps["a"] = uploader.store_as(b"wrong")
    result = run()
    assert (result.status, result.exit_code) == ("failed", 5)
    assert problems(result) == {"a": Kind.CHECKSUM}
    assert result.files_synced == 1, "the other one"
    assert (result.checksum_verification.verified, result.checksum_verification.errors) == (False, 1)


def test_a_truncated_object_is_a_checksum_mismatch(run, write, uploader):
    write(a=b"right")
    uploader.steps["a"] = uploader.store_as(b"righ")
    assert run().exit_code == 5


def test_an_object_that_is_not_there_is_missing(run, write, uploader):
    write(a=b"1")
    uploader.steps["a"] = lambda file, identity: Sent(file, identity, 8 * MIB)
    result = run()
    assert (result.exit_code, problems(result)) == (4, {"a": Kind.MISSING})


def test_an_object_that_nothing_proves_is_unverified(run, write, uploader, bucket):
    write(a=b"1")

    def store(file, identity):
        bucket.put(file.key, b"1", encryption="aws:kms")
        return Sent(file, identity, 8 * MIB)

    uploader.steps["a"] = store
    result = run()
    assert (result.exit_code, problems(result)) == (4, {"a": Kind.UNVERIFIED})
    assert (result.checksum_verification.verified, result.checksum_verification.unverified) == (False, 1)
    assert result.files_synced == 0


def test_a_file_that_changed_during_its_upload_is_changed(run, write, uploader, source):
    write(a=b"1")

    def change(file, identity):
        outcome = uploader.store(file, identity)
        (source / "a").write_bytes(b"22")
        return outcome

    uploader.steps["a"] = change
    result = run()
    assert (result.exit_code, problems(result)) == (4, {"a": Kind.CHANGED})
    assert result.files_synced == 0


def test_an_object_under_another_name_is_told_also_without_verification(run, write, uploader, bucket):
    bucket.rewrites_backslash = True
    write(**{"a\\b": b"1"})
    result = run(verify="none")
    assert (result.exit_code, problems(result)) == (4, {"a\\b": Kind.RENAMED})


@pytest.mark.parametrize("options", [{"verify": "none"}, {"checksum_algorithm": "NONE"}])
def test_without_verification_the_run_does_not_say_verified(run, write, uploader, options):
    write(a=b"right")
    uploader.steps["a"] = uploader.store_as(b"wrong")
    result = run(**options)
    assert (result.status, result.exit_code) == ("success", 0)
    verification = result.checksum_verification
    assert (verification.enabled, verification.verified, verification.scope) == (False, False, "none")
    assert verification.methods == {}


@pytest.mark.parametrize("verify", ["uploaded", "all"])
def test_the_result_tells_what_was_to_be_proven(run, verify):
    assert run(verify=verify).checksum_verification.scope == verify


def test_missing_packages_are_known_before_the_first_upload(run, write, uploader, monkeypatch):
    def missing():
        raise InstallationError("the Python package awscrt is missing")

    monkeypatch.setattr(sync.checksums, "prepare_packages", missing)
    write(a=b"1")
    assert run().exit_code == 1
    assert not uploader.started
    assert run(verify="none").exit_code == 0


def test_what_was_there_before_is_proven_only_if_asked(run, write, bucket):
    write(a=b"right")
    bucket.put("p/a", b"wrong", sync.time.time() + DAY)
    assert run().exit_code == 0
    result = run(verify="all")
    assert (result.exit_code, problems(result)) == (5, {"a": Kind.CHECKSUM})


def test_everything_that_was_there_and_is_proven_is_verified(run, write, bucket):
    write(a=b"1", b=b"22", new=b"333")
    bucket.put("p/a", b"1", sync.time.time() + DAY)
    bucket.put("p/b", b"22", 1.0)  # compared already to know whether it must be uploaded
    result = run(verify="all")
    assert result.exit_code == 0
    assert result.checksum_verification.methods == {"ETag": 3}
    assert (result.files_synced, result.files_unchanged) == (1, 2)


def test_an_object_that_was_there_and_vanishes_before_its_proof_is_missing(run, write, bucket, uploader):
    write(a=b"1", z=b"new and longer")
    bucket.put("p/a", b"1", sync.time.time() + DAY)

    def delete(file, identity):
        del bucket.objects["p/a"]
        return uploader.store(file, identity)

    uploader.steps["z"] = delete
    result = run(verify="all")
    assert (result.exit_code, problems(result)) == (4, {"a": Kind.MISSING})


def test_many_proofs_are_all_taken_in(run, write, monkeypatch):
    monkeypatch.setattr(proofs_module, "PROOFS_AHEAD", 2)
    write(**{f"f{number}": b"1" for number in range(30)})
    result = run()
    assert (result.exit_code, result.files_synced) == (0, 30)
    assert result.checksum_verification.methods == {"ETag": 30}


# --- the last look at the files


def test_a_file_that_changed_after_its_proof_is_changed(run, write, uploader, source):
    """a is uploaded first, in the order of the keys; z's step sees a stored already."""
    write(a=b"large", z=b"1")

    def change_a(file, identity):
        outcome = uploader.store(file, identity)
        (source / "a").write_bytes(b"LARGER")
        return outcome

    uploader.steps["z"] = change_a
    result = run(verify="none")
    assert (result.exit_code, problems(result)) == (4, {"a": Kind.CHANGED})
    assert result.files_synced == 1


def test_a_file_that_was_deleted_after_its_upload_is_changed(run, write, uploader, source):
    write(a=b"large", z=b"1")

    def delete_a(file, identity):
        (source / "a").unlink()
        return uploader.store(file, identity)

    uploader.steps["z"] = delete_a
    result = run(verify="none")
    assert problems(result) == {"a": Kind.CHANGED}
    assert "deleted" in result.problems[0].message


# --- failures of single files


def test_a_failed_upload_makes_the_run_incomplete_and_the_others_are_stored(run, write, uploader):
    write(a=b"1", b=b"2")
    uploader.steps["a"] = uploader.fail(Kind.UNREADABLE)
    result = run()
    assert (result.status, result.exit_code, result.files_synced) == ("failed", 4, 1)
    assert problems(result) == {"a": Kind.UNREADABLE}
    assert result.checksum_verification.verified is False


def test_a_problem_of_the_plan_makes_the_run_incomplete_and_the_others_are_stored(run, write, source):
    write(b=b"2")
    (source / "a").symlink_to("nowhere")
    result = run()
    assert (result.exit_code, result.files_synced, problems(result)) == (4, 1, {"a": Kind.BROKEN_LINK})


def test_a_mismatch_outweighs_what_is_incomplete(run, write, uploader):
    write(a=b"1", b=b"2")
    uploader.steps.update(a=uploader.fail(), b=uploader.store_as(b"x"))
    assert run().exit_code == 5


@pytest.mark.parametrize(("codes", "expected"), [((3, 3), 3), ((2, 2), 2), ((3, 2), 2), ((3, None), 4)])
def test_when_every_upload_was_refused_the_exit_code_says_by_what(run, write, uploader, codes, expected):
    write(a=b"1", b=b"2")
    for name, code in zip("ab", codes):
        uploader.steps[name] = uploader.fail(exit_code=code)
    assert run().exit_code == expected


def test_one_refusal_among_stored_files_is_an_incomplete_run(run, write, uploader):
    write(a=b"1", b=b"2")
    uploader.steps["a"] = uploader.fail(exit_code=3)
    assert run().exit_code == 4


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


@pytest.fixture
def proofs(monkeypatch):
    """The proofs that the run has begun."""
    begun = []
    real = proofs_module.ThreadPoolExecutor.submit

    def submit(pool, *arguments):
        begun.append(real(pool, *arguments))
        return begun[-1]

    monkeypatch.setattr(proofs_module.ThreadPoolExecutor, "submit", submit)
    return begun


def stop_when_proven(proofs):
    def step(file, identity):
        wait(proofs)
        raise Interrupted(15)

    return step


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

    monkeypatch.setattr(sync, "engine_for", engines.engine_for)
    monkeypatch.setattr(s5cmd_engine, "find_binary", lambda path: "/bin/s5cmd")
    monkeypatch.setattr(s5cmd_engine, call, missing)
    result = run()
    assert (result.status, result.exit_code) == ("failed", 1)
    assert result.problems[0].message == "s5cmd is not on PATH (install it)"
    assert not bucket.asked


def test_an_s5cmd_that_is_too_old_is_an_installation_error_before_anything_is_asked(run, write, bucket, monkeypatch):
    installed = s5cmd_engine.S5cmdEngine("/bin/s5cmd", s5cmd_engine.Version("v2.1.0", (2, 1, 0)))
    monkeypatch.setattr(sync, "engine_for", lambda job: installed)
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
    for module in (report, sync):
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


# --- the lock


@pytest.fixture
def locked(tmp_path):
    """The job's lock is held by another run."""
    with open(tmp_path / "job.lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def test_a_second_run_is_told_so_and_leaves_the_result_of_the_first(run, write, locked, uploader, tmp_path):
    write(a=b"1")
    path = tmp_path / "last-sync.json"
    path.write_text("the first run's")
    result = run(result_paths=(str(path),))
    assert (result.status, result.exit_code) == ("failed", 75)
    assert path.read_text() == "the first run's"
    assert not uploader.started


def test_a_dry_run_needs_no_lock(run, write, locked):
    write(a=b"1")
    assert run(dry_run=True).exit_code == 0


def test_the_engine_inherits_the_lock(run, write, uploader, tmp_path):
    write(a=b"1")

    def check(file, identity):
        (descriptor,) = uploader.inherited
        assert os.path.samestat(os.fstat(descriptor), (tmp_path / "job.lock").stat())
        return uploader.store(file, identity)

    uploader.steps["a"] = check
    assert run().exit_code == 0


def test_a_lock_that_cannot_be_made_is_a_configuration_error_in_the_result(run, write, uploader, tmp_path):
    write(a=b"1")
    path = tmp_path / "last-sync.json"
    path.write_text("the success of an earlier run")
    result = run(lock_path=str(tmp_path / "missing" / "job.lock"), result_paths=(str(path),))
    assert (result.status, result.exit_code) == ("failed", 1)
    assert "lock_path" in result.problems[0].message
    assert json.loads(path.read_text()) == json.loads(result.as_json())
    assert not uploader.started


# --- the result files


def test_every_result_file_holds_what_the_run_returned(run, write, tmp_path):
    write(a=b"1")
    paths = (str(tmp_path / "one.json"), str(tmp_path / "two" / "latest.json"))
    result = run(result_paths=paths)
    for path in paths:
        assert json.loads(Path(path).read_text()) == json.loads(result.as_json())


@pytest.mark.parametrize("error", [None, CredentialsError("expired"), Interrupted(15)])
def test_a_run_that_fails_or_is_interrupted_writes_its_result_too(run, write, uploader, tmp_path, error):
    write(a=b"1")
    if error:
        uploader.steps["a"] = uploader.stop(error)
    result = run(result_paths=(str(tmp_path / "last-sync.json"),))
    told = json.loads((tmp_path / "last-sync.json").read_text())
    assert (told["status"], told["exit_code"]) == (result.status, result.exit_code)


def test_a_result_that_cannot_be_written_fails_the_run_and_the_other_file_says_so_too(run, write, tmp_path):
    """Whatever order they are written in: a monitor must not read success of a run that exits with 1."""
    write(a=b"1")
    (tmp_path / "file").touch()
    for paths in (("good.json", "file/bad.json"), ("file/bad.json", "good.json")):
        result = run(result_paths=tuple(str(tmp_path / path) for path in paths))
        assert (result.status, result.exit_code) == ("failed", 1)
        told = json.loads((tmp_path / "good.json").read_text())
        assert (told["status"], told["exit_code"]) == ("failed", 1)
        assert told["problems"] == [problem._asdict() for problem in result.problems]


def test_an_interrupted_run_stays_interrupted_when_its_result_cannot_be_written(run, write, uploader, tmp_path):
    write(a=b"1")
    (tmp_path / "file").touch()
    uploader.steps["a"] = uploader.stop(Interrupted(15))
    result = run(result_paths=(str(tmp_path / "file" / "bad.json"),))
    assert (result.status, result.exit_code) == ("interrupted", 143)


# --- the history


@pytest.fixture
def past(tmp_path):
    """The job's history: its path, and the runs in it."""

    class Past:
        path = tmp_path / "job.history.jsonl"

        @property
        def runs(self):
            return [json.loads(line) for line in self.path.read_text().splitlines()] if self.path.exists() else []

    return Past()


def test_each_run_leaves_a_line_in_the_history_however_it_ends(run, write, uploader, past, tmp_path):
    write(a=b"1")
    endings = [
        uploader.store,
        uploader.fail(),
        uploader.stop(CredentialsError("expired")),
        uploader.stop(Interrupted(15)),
    ]
    for ending in endings:
        (tmp_path / "source" / "a").write_bytes(os.urandom(9))
        uploader.steps["a"] = ending
        run(history_path=str(past.path))
    run(history_path=str(past.path), lock_path=str(tmp_path / "missing" / "job.lock"))
    assert [(run["status"], run["exit_code"], run["files_synced"]) for run in past.runs] == [
        ("success", 0, 1),
        ("failed", 4, 0),
        ("failed", 2, 0),
        ("interrupted", 143, 0),
        ("failed", 1, 0),
    ]


def test_the_history_says_what_the_result_says_also_when_that_cannot_be_written(run, write, past, tmp_path):
    write(a=b"1")
    (tmp_path / "file").touch()
    run(history_path=str(past.path), result_paths=(str(tmp_path / "file" / "bad.json"),))
    assert [(run["status"], run["exit_code"]) for run in past.runs] == [("failed", 1)]


def test_a_run_that_found_the_lock_held_and_a_dry_run_leave_no_line(run, write, locked, past):
    write(a=b"1")
    assert run(history_path=str(past.path)).exit_code == 75
    assert run(dry_run=True, history_path=str(past.path)).exit_code == 0
    assert past.runs == []


def test_the_history_is_as_long_as_the_job_says(run, write, past):
    write(a=b"1")
    for _time in range(4):
        run(history_path=str(past.path), history_runs=2)
    assert len(past.runs) == 2


def test_a_history_that_cannot_be_written_is_a_warning(run, write, tmp_path, said):
    write(a=b"1")
    (tmp_path / "file").touch()
    assert run(history_path=str(tmp_path / "file" / "history")).exit_code == 0
    assert "[WARN]" in said.getvalue()
    assert "file/history': Not a directory (check history_path" in said.getvalue()


def test_a_run_that_could_not_begin_is_in_the_history_unless_that_lies_in_the_source(source, past, tmp_path):
    options = {"src": str(source), "history_path": str(past.path), "result_paths": [str(source / "result.json")]}
    recording.report_not_begun(ConfigurationError("part_size 1 is too small"), options, Log())
    assert [(run["status"], run["exit_code"], run["problems"]) for run in past.runs] == [("failed", 1, 1)]
    recording.report_not_begun(ConfigurationError("bad"), {**options, "history_path": str(source / "history")}, Log())
    assert list(source.iterdir()) == []


def test_a_run_that_could_not_begin_is_told_where_a_tilde_leads(source, past, tmp_path, monkeypatch):
    """Else the success of an earlier run would stay, and a folder called `~` would be made."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    options = {"src": f"~/{source.name}", "history_path": "~/history", "result_paths": ["~/result.json", "~nobody/r"]}
    recording.report_not_begun(ConfigurationError("bad"), options, Log())
    assert json.loads((tmp_path / "result.json").read_text())["status"] == "failed"
    assert (tmp_path / "history").exists()
    inside = {**options, "history_path": f"~/{source.name}/h", "result_paths": [f"~/{source.name}/result.json"]}
    recording.report_not_begun(ConfigurationError("bad"), inside, Log())
    assert list(source.iterdir()) == []
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("~")]


@pytest.mark.parametrize("runs", [None, "many", 0])
def test_a_history_of_a_wrong_length_still_tells_that(past, runs):
    recording.report_not_begun(
        ConfigurationError("history_runs"), {"history_path": str(past.path), "history_runs": runs}, Log()
    )
    assert len(past.runs) == 1


def test_a_run_that_only_repeats_what_was_told_leaves_result_and_history_as_they_are(run, write, past, tmp_path):
    write(a=b"1")
    path = tmp_path / "last-sync.json"
    told = run(history_path=str(past.path), result_paths=(str(path),))
    before = path.read_text()
    assert run(history_path=str(past.path), result_paths=(str(path),), told=told).files_unchanged == 1
    assert (len(past.runs), path.read_text()) == (1, before)
    write(b=b"2")
    run(history_path=str(past.path), result_paths=(str(path),), told=told)
    assert (len(past.runs), json.loads(path.read_text())["source_files"]) == (2, 2)


# --- multipart uploads that s5cmd leaves open


@pytest.fixture(params=[0, -3600, 3600], ids=["clocks agree", "server an hour behind", "server an hour ahead"])
def clock_ahead(request, bucket):
    bucket.server_clock_ahead = request.param
    return request.param


@pytest.fixture
def run_in_parts(run):
    """A run that uploads in parts of 5 MiB."""
    return lambda **options: run(part_size=5, **options)


LARGE = bytes(5 * MIB + 1)


def test_exactly_the_multipart_uploads_of_this_run_are_aborted(run_in_parts, write, uploader, bucket, clock_ahead):
    write(a=LARGE, small=b"1")
    now = time.time() + clock_ahead
    ours = OpenUpload("p/a", "ours", now + 1)
    older = OpenUpload("p/a", "of a run of an hour ago", now - 3600)
    others = OpenUpload("p/other", "of another job", now + 1)
    one_request = OpenUpload("p/small", "of others: we send it in one request", now + 1)
    bucket.uploads = [ours, older, others, one_request]
    uploader.steps["a"] = uploader.stop(Interrupted(15))
    run_in_parts()
    assert bucket.uploads == [older, others, one_request]


def test_after_a_single_failure_its_multipart_upload_is_aborted(run_in_parts, write, uploader, bucket):
    write(a=LARGE, b=b"2")
    bucket.uploads = [OpenUpload("p/a", "a", time.time())]
    uploader.steps["a"] = uploader.fail()
    run_in_parts()
    assert bucket.uploads == []


def test_what_s5cmd_left_open_in_a_run_without_a_fault_is_aborted_too(run_in_parts, write, uploader, bucket):
    """It begins a multipart upload again when the answer to the first beginning was lost."""
    write(a=LARGE, b=b"1")
    others = OpenUpload("p/other", "of another job", time.time())
    bucket.uploads = [OpenUpload("p/a", "begun twice", time.time()), others]
    assert run_in_parts().exit_code == 0
    assert bucket.uploads == [others]


def test_when_all_is_stored_it_does_not_matter_who_may_list_multipart_uploads(run_in_parts, write, bucket, said):
    write(a=LARGE)
    bucket.failures["open_uploads"] = AccessError("AccessDenied")
    assert run_in_parts().exit_code == 0
    assert "[WARN]" not in said.getvalue()


def test_a_run_that_uploads_nothing_asks_for_no_multipart_uploads(run_in_parts, write, bucket):
    write(a=LARGE)
    run_in_parts()
    bucket.asked.clear()
    run_in_parts(verify="all")
    assert bucket.asked["open_uploads"] == 0


def test_without_a_file_that_is_sent_in_parts_nobody_asks_for_multipart_uploads(run, write, uploader, bucket):
    write(a=b"1")
    uploader.steps["a"] = uploader.fail()
    run()
    assert bucket.asked["open_uploads"] == 0


def test_multipart_uploads_that_may_not_be_listed_are_a_warning(run_in_parts, write, uploader, bucket, said):
    write(a=LARGE)
    bucket.failures["open_uploads"] = AccessError("AccessDenied")
    uploader.steps["a"] = uploader.fail()
    assert run_in_parts().exit_code == 4
    assert "[WARN]" in said.getvalue()
    assert "may be left open: AccessDenied" in said.getvalue()


def test_what_a_killed_run_left_open_is_aborted_by_the_next_one(run_in_parts, write, uploader, bucket):
    write(a=LARGE, b=b"1")

    class Killed(BaseException):
        pass

    def killed_in_the_middle(file, identity):
        bucket.uploads.append(OpenUpload(file.key, "of the killed run", time.time()))
        bucket.failures["open_uploads"] = Killed()
        raise Killed

    uploader.steps["a"] = killed_in_the_middle
    with pytest.raises(Killed):
        run_in_parts()
    assert len(bucket.uploads) == 1
    bucket.failures.clear()
    others = OpenUpload("p/other", "of another job", time.time())
    bucket.uploads.append(others)
    uploader.steps.clear()
    assert run_in_parts().exit_code == 0
    assert bucket.uploads == [others]
    bucket.asked.clear()
    assert run_in_parts().exit_code == 0
    assert bucket.asked["open_uploads"] == 0, "once is enough"


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


class Killed(BaseException):
    """SIGKILL: nothing of ours gets to say anything."""


def kill_after_storing(uploader, content):
    """s5cmd stores something else, and we are killed before we can prove anything."""

    def step(file, identity):
        uploader.store(file, identity, content)
        raise Killed

    return step


def killed_run(run, uploader, name, content, **options):
    uploader.steps[name] = kill_after_storing(uploader, content)
    with pytest.raises(Killed):
        run(**options)
    uploader.steps.clear()


@pytest.fixture(params=[False, True], ids=["without a state file", "with a state file"])
def with_or_without_state(request, tmp_path):
    return {"state_path": str(tmp_path / "state.db")} if request.param else {}


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


def refusing_listdir(name):
    real = os.listdir

    def listdir(path="."):
        if str(path).rstrip("/").endswith(name):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    return listdir


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


# --- a state file


@pytest.fixture
def run_with_state(run, tmp_path):
    return lambda **options: run(state_path=str(tmp_path / "state.db"), **options)


def on_disk(folder):
    """All files there, but for the source."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def wait_for_the_clock(path):
    """The times of a file system move in steps of some milliseconds; within one, a change leaves no trace."""
    probe = path.parent.parent / "probe"
    while True:
        probe.write_bytes(b"")
        if probe.stat().st_ctime_ns > path.stat().st_ctime_ns:
            return


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
        patched.setattr(sync.State, "forget", full)
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


# --- deletions


@pytest.fixture
def many(write, run_with_state, bucket):
    """Twenty files that are stored, and how to run the job with deletions."""
    write(**{f"f{number:02}": str(number).encode() for number in range(20)})
    assert run_with_state().files_synced == 20
    bucket.asked.clear()
    return lambda **options: run_with_state(delete=True, **options)


def test_objects_whose_files_are_gone_are_deleted(many, source, bucket, said):
    (source / "f03").unlink()
    result = many()
    assert (result.exit_code, result.deletions.planned, result.deletions.deleted) == (0, 1, 1)
    assert (result.deletions.refused, result.deletions.delete_markers) == ("", False)
    assert "p/f03" not in bucket.objects
    assert len(bucket.objects) == result.s3_objects == 19
    assert "deleted p/f03" in said.getvalue()
    assert "1 object deleted" in said.getvalue()


def test_nothing_is_deleted_unless_that_is_asked_for(many, run_with_state, source, bucket):
    (source / "f03").unlink()
    result = run_with_state()
    assert (result.exit_code, result.deletions.planned, len(bucket.objects)) == (0, 0, 20)
    assert many().deletions.deleted == 1, "it is still found when it is"


def test_a_run_without_anything_gone_does_not_list(many, bucket):
    many()
    bucket.asked.clear()
    many()
    assert bucket.asked == {"check": 1}


def test_a_dry_run_tells_what_would_be_deleted_and_deletes_nothing(many, source, bucket):
    (source / "f03").unlink()
    result = many(dry_run=True)
    assert (result.exit_code, result.deletions.planned, result.deletions.deleted) == (0, 1, 0)
    assert len(bucket.objects) == 20


def test_a_dry_run_tells_a_refusal_with_the_exit_code_of_the_real_one(many, source):
    for number in range(3):
        (source / f"f{number:02}").unlink()
    for dry_run in (True, False):
        result = many(dry_run=dry_run)
        assert (result.exit_code, problems(result)) == (4, {"": Kind.DELETION_REFUSED})
        assert "3 of 20 objects" in result.deletions.refused


def test_what_was_refused_is_refused_again_and_not_forgotten(many, source, bucket):
    for number in range(3):
        (source / f"f{number:02}").unlink()
    assert [many().exit_code for _run in range(3)] == [4, 4, 4]
    assert len(bucket.objects) == 20
    assert many(max_delete="3").deletions.deleted == 3


def test_the_refusal_of_what_a_listing_showed_is_not_forgotten_either(many, bucket):
    for number in range(10):
        bucket.put(f"p/of others {number}", b"1")
    assert [many(reconcile=first).exit_code for first in (True, False, False)] == [4, 4, 4]


@pytest.mark.parametrize(
    "make",
    [
        lambda source, uploader: (source / "broken").symlink_to("nowhere"),
        lambda source, uploader: uploader.steps.update({"new": uploader.fail()}),
        lambda source, uploader: uploader.steps.update({"new": uploader.store_as(b"wrong")}),
        lambda source, uploader: uploader.steps.update({"new": uploader.stop(AccessError("refused"))}),
        lambda source, uploader: uploader.steps.update({"new": uploader.stop(Interrupted(15))}),
    ],
    ids=["a broken link", "a failed upload", "a mismatch", "a dead bucket", "a signal"],
)
def test_a_run_with_any_problem_deletes_nothing(many, write, source, uploader, bucket, make):
    (source / "f03").unlink()
    write(new=b"new")
    make(source, uploader)
    result = many()
    assert result.exit_code != 0
    assert result.deletions.deleted == 0
    assert "p/f03" in bucket.objects
    assert bucket.asked["delete"] == 0


def test_an_empty_source_deletes_nothing(many, source, bucket):
    for path in source.iterdir():
        path.unlink()
    result = many()
    assert (result.exit_code, problems(result), len(bucket.objects)) == (4, {"": Kind.DELETION_REFUSED}, 20)
    assert "is its file system mounted" in result.deletions.refused
    result = many(allow_empty_source=True, max_delete="100%")
    assert (result.exit_code, len(bucket.objects)) == (4, 20), "never all"


def test_a_source_that_is_unmounted_while_files_are_uploaded_deletes_nothing(
    many, write, source, uploader, bucket, monkeypatch
):
    mounted = [True]
    monkeypatch.setattr(os.path, "ismount", lambda path: mounted[0])
    (source / "f03").unlink()
    write(new=b"new")

    def unmount(file, identity):
        mounted[0] = False
        return uploader.store(file, identity)

    uploader.steps["new"] = unmount
    result = many(require_mount=str(source))
    assert result.exit_code == 4
    assert "p/f03" in bucket.objects


def test_deletions_come_after_all_uploads_are_proven(many, write, source, bucket, uploader):
    (source / "f03").unlink()
    write(new=b"new")

    def look(file, identity):
        assert "p/f03" in bucket.objects
        return uploader.store(file, identity)

    uploader.steps["new"] = look
    heads = []
    real_delete = bucket.delete

    def delete(keys):
        heads.append(bucket.asked["head"])
        return real_delete(keys)

    bucket.delete = delete
    assert many().deletions.deleted == 1
    assert heads == [1]


def test_an_object_that_somebody_replaced_meanwhile_stays(many, write, source, bucket, uploader):
    (source / "f03").unlink()
    write(new=b"new")

    def replace(file, identity):
        bucket.put("p/f03", b"of others")
        return uploader.store(file, identity)

    uploader.steps["new"] = replace
    many()
    assert bucket.objects["p/f03"].content == b"of others"


def test_the_object_of_a_file_that_came_back_meanwhile_stays(many, write, source, bucket, uploader):
    (source / "f03").unlink()
    write(new=b"new")

    def come_back(file, identity):
        (source / "f03").write_bytes(b"3")
        return uploader.store(file, identity)

    uploader.steps["new"] = come_back
    result = many()
    assert (result.deletions.planned, result.deletions.deleted) == (1, 0)
    assert "p/f03" in bucket.objects


def test_an_object_that_cannot_be_deleted_is_a_problem_with_its_name_and_tried_again(many, source, bucket):
    for name in ("f03", "f04"):
        (source / name).unlink()
    bucket.undeletable = {"p/f03"}
    for _run in range(2):
        result = many()
        assert (result.exit_code, problems(result)) == (4, {"f03": Kind.DELETE_FAILED})
        assert "AccessDenied" in result.problems[0].message
    assert "p/f04" not in bucket.objects
    bucket.undeletable = set()
    assert (many().exit_code, "p/f03" in bucket.objects) == (0, False)


def test_what_was_deleted_before_a_failure_is_told(many, source, bucket, monkeypatch, said):
    monkeypatch.setattr(sync.deletion, "_TICK_EVERY", 1)
    for name in ("f03", "f04"):
        (source / name).unlink()
    real_delete = bucket.delete

    def delete(keys):
        if keys == ["p/f04"]:
            raise AccessError("the network is gone")
        return real_delete(keys)

    bucket.delete = delete
    result = many()
    assert (result.exit_code, result.deletions.deleted, result.s3_objects) == (3, 1, 19)
    assert "deleted p/f03" in said.getvalue()


def test_a_bucket_that_keeps_versions_is_told(many, source, bucket, said):
    (source / "f03").unlink()
    bucket.versioned = True
    assert many().deletions.delete_markers is True
    assert "delete markers" in said.getvalue()


def test_a_file_whose_object_was_deleted_is_uploaded_when_it_comes_back(many, source, bucket, tmp_path):
    """Moved away and back: the same inode, size and content."""
    (source / "f03").rename(tmp_path / "f03")
    assert many().deletions.deleted == 1
    (tmp_path / "f03").rename(source / "f03")
    assert (many().exit_code, "p/f03" in bucket.objects) == (0, True)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_kill_while_objects_are_deleted_loses_no_file_that_comes_back(many, source, bucket, tmp_path, moment):
    (source / "f03").rename(tmp_path / "f03")
    real_delete = bucket.delete

    def delete(keys):
        if moment == "after":
            real_delete(keys)
        raise Killed

    bucket.delete = delete
    with pytest.raises(Killed):
        many()
    bucket.delete = real_delete
    (tmp_path / "f03").rename(source / "f03")
    assert (many().exit_code, "p/f03" in bucket.objects) == (0, True)


def test_what_a_killed_run_did_not_delete_is_deleted_by_the_next_one(many, source, bucket):
    (source / "f03").unlink()
    real_delete = bucket.delete

    def delete(keys):
        raise Killed

    bucket.delete = delete
    with pytest.raises(Killed):
        many()
    bucket.delete = real_delete
    assert (many().deletions.deleted, "p/f03" in bucket.objects) == (1, False)


def test_a_file_that_is_excluded_keeps_its_object(many, source, bucket):
    assert many(exclude=("f03",)).deletions.planned == 0
    (source / "f03").unlink()
    assert many(exclude=("f03",)).deletions.planned == 0
    assert "p/f03" in bucket.objects


def test_a_file_whose_object_was_deleted_because_it_is_excluded_is_uploaded_when_it_is_not(many, bucket):
    result = many(exclude=("f03",), delete_excluded=True, reconcile=True)
    assert (result.deletions.deleted, "p/f03" in bucket.objects) == (1, False)
    assert (many().exit_code, "p/f03" in bucket.objects) == (0, True)


def test_what_others_stored_beside_us_is_deleted_within_the_limit_and_no_folder_marker_is(many, source, bucket):
    odd = ("p/folder/", "p/a//b", "p/../x", "p/./y", "p//z", "q/other", "p")
    for key in odd:
        bucket.put(key, b"")
    bucket.put("p/of others", b"1")
    result = many(reconcile=True)
    assert (result.exit_code, result.deletions.deleted) == (0, 1)
    assert set(odd) <= set(bucket.objects)


def test_a_shard_deletes_only_what_belongs_to_it(run, write, source, bucket, tmp_path):
    write(**{f"f{number:02}": b"1" for number in range(40)})
    shards = [Shard(index, 2) for index in range(2)]

    def run_shard(index, **options):
        return run(shard=shards[index], lock_path=None, state_path=str(tmp_path / f"{index}.db"), **options)

    for index in range(2):
        assert run_shard(index).exit_code == 0
    mine = [name for name in sorted(os.listdir(source)) if shards[0].takes(f"p/{name}")]
    others = [name for name in sorted(os.listdir(source)) if shards[1].takes(f"p/{name}")]
    (source / mine[0]).unlink()
    (source / others[0]).unlink()
    result = run_shard(0, delete=True)
    assert (result.exit_code, result.deletions.deleted) == (0, 1)
    assert f"p/{mine[0]}" not in bucket.objects
    assert f"p/{others[0]}" in bucket.objects


# --- the manifest of a job that asks for SHA256


@pytest.fixture
def run_sha256(run, uploader, tmp_path):
    def make(**options):
        uploader.sha256 = "wanted"
        return run(checksum_algorithm="SHA256", manifest_path=str(tmp_path / "manifest.sha256"), **options)

    return make


def lines_of(result):
    lines = Path(result.manifest).read_text(encoding="utf-8").splitlines()
    return dict(reversed(line.split("  ")) for line in lines)


def digest(content):
    return hashlib.sha256(content).hexdigest()


def test_every_file_that_was_proven_is_in_the_manifest(run_sha256, write, uploader, with_or_without_state):
    write(a=b"1", b=b"2")
    uploader.steps["b"] = uploader.store_as(b"x")
    result = run_sha256(**with_or_without_state)
    assert lines_of(result) == {"a": digest(b"1")}
    uploader.steps.clear()
    assert lines_of(run_sha256(**with_or_without_state)) == {"a": digest(b"1"), "b": digest(b"2")}


def test_a_file_that_a_stopped_run_stored_is_in_the_manifest(
    run_sha256, write, source, uploader, proofs, with_or_without_state
):
    write(a=bytes(MIB + 3))
    run_sha256(**with_or_without_state)
    wait_for_the_clock(source / "a")
    write(a=b"x" * (MIB + 3), b=bytes(MIB + 1))
    uploader.steps["b"] = stop_when_proven(proofs)
    assert run_sha256(**with_or_without_state).exit_code == 143
    uploader.steps.clear()
    result = run_sha256(**with_or_without_state)
    assert lines_of(result) == {"a": digest(b"x" * (MIB + 3)), "b": digest(bytes(MIB + 1))}


def test_a_changed_file_that_is_not_stored_has_no_line(run_sha256, write, source, uploader, with_or_without_state):
    write(a=b"1", b=b"2")
    run_sha256(**with_or_without_state)
    wait_for_the_clock(source / "a")
    write(a=b"other")
    uploader.steps["a"] = uploader.fail()
    assert lines_of(run_sha256(**with_or_without_state)) == {"b": digest(b"2")}


def test_a_file_that_is_gone_has_no_line(run_sha256, write, source, with_or_without_state):
    write(a=b"1", b=b"2")
    run_sha256(**with_or_without_state)
    (source / "a").unlink()
    assert lines_of(run_sha256(**with_or_without_state)) == {"b": digest(b"2")}


def test_a_manifest_that_cannot_be_written_is_a_problem(run, write, uploader, tmp_path):
    write(a=b"1")
    (tmp_path / "file").touch()
    result = run(checksum_algorithm="SHA256", manifest_path=str(tmp_path / "file" / "manifest"))
    assert result.exit_code != 0
    assert "manifest" in result.problems[0].message


@pytest.mark.parametrize("what", ["unmounted", "source gone", "folder refused", "no bucket"])
def test_a_run_that_could_not_look_at_the_files_takes_no_line_from_the_manifest(
    run_sha256, source, bucket, monkeypatch, with_or_without_state, what
):
    """No later run would have their digests again."""
    (source / "day").mkdir()
    (source / "day" / "a").write_bytes(b"1")
    before = lines_of(run_sha256(**with_or_without_state))
    assert before == {"day/a": digest(b"1")}
    away = source.with_name("away")
    with pytest.MonkeyPatch.context() as patched:
        options = {}
        if what == "unmounted":
            source.rename(away)
            source.mkdir()
            options = {"require_mount": str(source)}
        elif what == "source gone":
            source.rename(away)
        elif what == "folder refused":
            (source / "day").rename(away)
            (source / "day").mkdir()
            patched.setattr(os, "listdir", refusing_listdir("day"))
        else:
            bucket.failures["check"] = AccessError("refused")
        assert run_sha256(**options, **with_or_without_state).exit_code != 0
    bucket.failures.clear()
    if what in ("unmounted", "folder refused"):
        (source if what == "unmounted" else source / "day").rmdir()
    if away.exists():
        away.rename(source / "day" if what == "folder refused" else source)
    result = run_sha256(**with_or_without_state)
    assert (result.exit_code, lines_of(result)) == (0, before)


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


# --- progress for other programs


def test_the_progress_file_goes_when_the_result_is_there(run, write, uploader, tmp_path, monkeypatch):
    write(a=b"1", b=b"22")
    path, result = tmp_path / "progress.json", tmp_path / "result.json"
    told = []

    def look(file, identity):
        uploader.tick()
        told.append(json.loads(path.read_text()))
        return uploader.store(file, identity)

    uploader.steps.update(a=look, b=look)
    monkeypatch.setattr(progress_file, "INTERVAL", 0.0)
    real = os.unlink

    def unlink(name, *arguments, **options):
        assert name != str(path) or result.exists()
        real(name, *arguments, **options)

    monkeypatch.setattr(progress_file.os, "unlink", unlink)
    assert run(progress_path=str(path), result_paths=(str(result),)).exit_code == 0
    assert [(seen["phase"], seen["files"], seen["bytes"], seen["files_done"]) for seen in told] == [
        ("uploading", 2, 3, 0),
        ("uploading", 2, 3, 1),
    ]
    assert not path.exists()


def test_neither_a_dry_run_nor_one_that_finds_the_lock_held_touches_the_progress_file(run, write, locked, tmp_path):
    write(a=b"1")
    path = tmp_path / "progress.json"
    path.write_text("of the run that goes on")
    run(progress_path=str(path))
    run(dry_run=True, progress_path=str(path))
    assert path.read_text() == "of the run that goes on"
