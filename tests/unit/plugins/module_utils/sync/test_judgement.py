# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What becomes of each file: proven, different, missing, not proven, changed, failed, refused."""

from __future__ import annotations

import time

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import InstallationError
from ansible_collections.datasync.turbo.plugins.module_utils.common.problems import Kind
from ansible_collections.datasync.turbo.plugins.module_utils.sync import pipeline
from ansible_collections.datasync.turbo.plugins.module_utils.sync import proofs as proofs_module
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.engine import Sent
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.sync.world import (
    DAY,
    MIB,
    problems,
)

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

    monkeypatch.setattr(pipeline.checksums, "prepare_packages", missing)
    write(a=b"1")
    assert run().exit_code == 1
    assert not uploader.started
    assert run(verify="none").exit_code == 0


def test_what_was_there_before_is_proven_only_if_asked(run, write, bucket):
    write(a=b"right")
    bucket.put("p/a", b"wrong", time.time() + DAY)
    assert run().exit_code == 0
    result = run(verify="all")
    assert (result.exit_code, problems(result)) == (5, {"a": Kind.CHECKSUM})


def test_everything_that_was_there_and_is_proven_is_verified(run, write, bucket):
    write(a=b"1", b=b"22", new=b"333")
    bucket.put("p/a", b"1", time.time() + DAY)
    bucket.put("p/b", b"22", 1.0)  # compared already to know whether it must be uploaded
    result = run(verify="all")
    assert result.exit_code == 0
    assert result.checksum_verification.methods == {"ETag": 3}
    assert (result.files_synced, result.files_unchanged) == (1, 2)


def test_an_object_that_was_there_and_vanishes_before_its_proof_is_missing(run, write, bucket, uploader):
    write(a=b"1", z=b"new and longer")
    bucket.put("p/a", b"1", time.time() + DAY)

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
