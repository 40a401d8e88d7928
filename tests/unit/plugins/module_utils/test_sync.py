# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The pipeline as a whole never says success unless everything that was planned is stored and, if asked, proven.

The bucket is in memory, and what s5cmd would do is done by `Uploader`. Walk, plan, verification and report are real.
"""

from __future__ import annotations

import fcntl
import io
import json
import os
import threading
from concurrent.futures import wait
from pathlib import Path

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils import proofs as proofs_module
from ansible_collections.datasync.turbo.plugins.module_utils import sync
from ansible_collections.datasync.turbo.plugins.module_utils.bucket import OpenUpload
from ansible_collections.datasync.turbo.plugins.module_utils.errors import (
    AccessError,
    CredentialsError,
    InstallationError,
    Interrupted,
    TimedOut,
)
from ansible_collections.datasync.turbo.plugins.module_utils.interrupt import Interrupt
from ansible_collections.datasync.turbo.plugins.module_utils.job import Job
from ansible_collections.datasync.turbo.plugins.module_utils.log import Log
from ansible_collections.datasync.turbo.plugins.module_utils.progress import Progress
from ansible_collections.datasync.turbo.plugins.module_utils.report import Kind
from ansible_collections.datasync.turbo.plugins.module_utils.s5cmd import Version
from ansible_collections.datasync.turbo.plugins.module_utils.transfer import Failed, Sent
from ansible_collections.datasync.turbo.plugins.module_utils.walk import identity_of

MIB = 2**20
DAY = 86400


class Uploader:
    """Stands in for Transfer: stores each file in the bucket and says so, unless the test gave another step for it.

    A step is called with the file and its identity and returns an outcome, or raises what ends the transfer.
    """

    def __init__(self, bucket):
        self.bucket = bucket
        self.steps = {}
        self.started = False
        self.closed = False
        self.tick = None
        self.inherited = ()
        self.bytes_written = None

    def __call__(self, job, binary, environment, bucket, tick, inherited):
        self.tick = tick
        self.inherited = inherited
        return self

    def run(self, uploads):
        self.started = True
        try:
            for upload in uploads:
                self.tick()
                path = Path(upload.file.path)
                step = self.steps.get(upload.file.relative, self.store)
                yield step(upload.file, identity_of(path.stat()))
        finally:
            self.closed = True

    def store(self, file, identity, content=None):
        self.bucket.put(file.key, Path(file.path).read_bytes() if content is None else content)
        return Sent(file, identity, 8 * MIB)

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
    monkeypatch.setattr(sync, "Transfer", uploader)
    monkeypatch.setattr(sync.s5cmd, "find_binary", lambda path: "/bin/s5cmd")
    monkeypatch.setattr(sync.s5cmd, "read_version", lambda binary: Version("v2.3.0-991c9fb", (2, 3, 0)))
    monkeypatch.setattr(sync.s5cmd, "environment_for", lambda job, inherited: {})
    return uploader


@pytest.fixture
def said():
    """What the run logs."""
    return io.StringIO()


@pytest.fixture
def run(uploader, source, tmp_path, said):
    """Run a job over the source; returns its result."""

    def make(dry_run=False, interrupt=None, progress=None, **options):
        values = {"prefix": "p/", "lock_path": str(tmp_path / "job.lock"), **options}
        job = Job(src=str(source), bucket="archive", **values)
        return sync.run(job, Log(said), progress or Progress(), interrupt or Interrupt(), dry_run).result

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

    monkeypatch.setattr(sync.checksums, "require_packages", missing)
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
    """z is uploaded first, being larger; a's step sees z already proven or about to be."""
    write(z=b"large", a=b"1")

    def change_z(file, identity):
        outcome = uploader.store(file, identity)
        (source / "z").write_bytes(b"LARGE")
        return outcome

    uploader.steps["a"] = change_z
    result = run(verify="none")
    assert (result.exit_code, problems(result)) == (4, {"z": Kind.CHANGED})
    assert result.files_synced == 1


def test_a_file_that_was_deleted_after_its_upload_is_changed(run, write, uploader, source):
    write(z=b"large", a=b"1")

    def delete_z(file, identity):
        (source / "z").unlink()
        return uploader.store(file, identity)

    uploader.steps["a"] = delete_z
    result = run(verify="none")
    assert problems(result) == {"z": Kind.CHANGED}
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
    write(a=b"333", b=b"22")
    uploader.steps["b"] = stop_when_proven(proofs)
    result = run()
    assert (result.files_synced, result.exit_code) == (1, 143)
    assert problems(result) == {"": Kind.RUN, "b": Kind.UNFINISHED}


def test_a_mismatch_that_was_known_at_the_stop_is_not_lost(run, write, uploader, proofs):
    write(a=b"right", b=b"22")
    uploader.steps.update(a=uploader.store_as(b"wrong"), b=stop_when_proven(proofs))
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

    monkeypatch.setattr(sync.s5cmd, call, missing)
    result = run()
    assert (result.status, result.exit_code) == ("failed", 1)
    assert result.problems[0].message == "s5cmd is not on PATH (install it)"
    assert not bucket.asked


def test_an_s5cmd_that_is_too_old_is_an_installation_error(run, write, monkeypatch):
    monkeypatch.setattr(sync.s5cmd, "read_version", lambda binary: Version("v2.1.0", (2, 1, 0)))
    assert run().exit_code == 1


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


def test_s5cmd_inherits_the_lock(run, write, uploader, tmp_path):
    write(a=b"1")

    def check(file, identity):
        (descriptor,) = uploader.inherited
        assert os.path.samestat(os.fstat(descriptor), (tmp_path / "job.lock").stat())
        return uploader.store(file, identity)

    uploader.steps["a"] = check
    assert run().exit_code == 0


def test_a_lock_that_cannot_be_made_is_a_configuration_error_in_the_result(run, write, uploader, tmp_path):
    write(a=b"1")
    result = run(lock_path=str(tmp_path / "missing" / "job.lock"))
    assert (result.status, result.exit_code) == ("failed", 1)
    assert "lock_path" in result.problems[0].message
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


# --- multipart uploads that s5cmd leaves open


@pytest.fixture(params=[0, -3600, 3600], ids=["clocks agree", "server an hour behind", "server an hour ahead"])
def clock_ahead(request, bucket):
    bucket.server_clock_ahead = request.param
    return request.param


def test_exactly_the_multipart_uploads_of_this_run_are_aborted(run, write, uploader, bucket, clock_ahead):
    write(a=b"1")
    now = sync.time.time() + clock_ahead
    ours = OpenUpload("p/a", "ours", now + 1)
    older = OpenUpload("p/a", "of a run of an hour ago", now - 3600)
    others = OpenUpload("p/other", "of another job", now + 1)
    bucket.uploads = [ours, older, others]
    uploader.steps["a"] = uploader.stop(Interrupted(15))
    run()
    assert bucket.uploads == [older, others]


def test_after_a_single_failure_its_multipart_upload_is_aborted(run, write, uploader, bucket):
    write(a=b"1", b=b"2")
    bucket.uploads = [OpenUpload(f"p/{name}", name, sync.time.time()) for name in "ab"]
    uploader.steps["a"] = uploader.fail()
    run()
    assert [upload.key for upload in bucket.uploads] == ["p/b"], "b is stored: somebody else is uploading it"


def test_when_all_is_stored_nobody_asks_for_multipart_uploads(run, write, bucket):
    write(a=b"1")
    run()
    assert bucket.asked["open_uploads"] == 0


def test_multipart_uploads_that_may_not_be_listed_are_a_warning(run, write, uploader, bucket, said):
    write(a=b"1")
    bucket.failures["open_uploads"] = AccessError("AccessDenied")
    uploader.steps["a"] = uploader.fail()
    assert run().exit_code == 4
    assert "[WARN]" in said.getvalue()
    assert "may be left open: AccessDenied" in said.getvalue()


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
