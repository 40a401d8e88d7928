# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The last look at a file before it is sent, and what its failure says of it."""

from __future__ import annotations

import hashlib
import os
from collections import Counter

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.problems import Kind
from ansible_collections.datasync.turbo.plugins.module_utils.common.units import MIB
from ansible_collections.datasync.turbo.plugins.module_utils.job.local_file import identity_of
from ansible_collections.datasync.turbo.plugins.module_utils.plan.uploads import Upload
from ansible_collections.datasync.turbo.plugins.module_utils.transfer import hand_over
from ansible_collections.datasync.turbo.plugins.module_utils.transfer import rounds as rounds_module
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.transfer.stand_in import (
    FAIL_FIRST,
    Stopped,
    kinds,
    metadata,
)


def test_a_file_that_vanished_before_its_upload_is_named_and_not_handed_over(transfer, plan, source, commands):
    uploads = plan("a", "b")
    (source / "a").unlink()
    assert kinds(transfer().run(uploads)) == {"a": Kind.VANISHED, "b": "stored"}
    assert len(commands()) == 1


def test_a_file_that_vanished_during_its_upload_is_named(transfer, plan, source):
    behaviour = """
for arguments in commands():
    os.unlink(arguments[-2])
    failed(*arguments[-2:], "no such file or directory")
"""
    assert kinds(transfer(behaviour).run(plan("a"))) == {"a": Kind.VANISHED}


@pytest.mark.parametrize("replace", [os.mkdir, os.mkfifo])
def test_what_is_no_longer_a_file_is_not_handed_over(transfer, plan, source, commands, replace):
    """s5cmd would upload all that is in a folder, under keys that nobody planned, or wait at a FIFO."""
    uploads = plan("a", "b")
    (source / "a").unlink()
    replace(source / "a")
    assert kinds(transfer().run(uploads)) == {"a": Kind.CHANGED, "b": "stored"}
    assert len(commands()) == 1


def test_a_file_that_cannot_be_looked_at_is_named(transfer, plan, monkeypatch, source):
    uploads = plan("a", "b")
    real = os.stat

    def refusing(path, *arguments, **keywords):
        if str(path) == str(source / "a"):
            raise PermissionError(13, "Permission denied")
        return real(path, *arguments, **keywords)

    monkeypatch.setattr(hand_over.os, "stat", refusing)
    assert kinds(transfer().run(uploads)) == {"a": Kind.UNREADABLE, "b": "stored"}


# --- hot folders


def test_a_file_that_changed_since_it_was_planned_waits_for_the_next_run(transfer, plan, source, commands):
    uploads = plan("a", "b")
    (source / "a").write_bytes(b"longer than it was before")
    assert kinds(transfer(settle_seconds=60).run(uploads)) == {"a": "deferred", "b": "stored"}
    assert len(commands()) == 1


def test_a_file_of_a_hot_folder_that_vanished_is_a_problem_all_the_same(transfer, plan, source):
    uploads = plan("a")
    (source / "a").unlink()
    assert kinds(transfer(settle_seconds=60).run(uploads)) == {"a": Kind.VANISHED}


def test_a_file_that_changed_between_two_tries_waits_for_the_next_run(transfer, plan, source):
    said = []

    def tick():
        if said:
            os.utime(source / "a", (1, 1))

    hot = transfer(FAIL_FIRST, tick=tick, said=said, retry_rounds=1, settle_seconds=60)
    assert kinds(hot.run(plan("a"))) == {"a": "deferred"}


# --- files of too many parts


def test_a_file_that_needs_larger_parts_than_were_asked_for_is_named_once(
    transfer, plan, source, commands, monkeypatch
):
    (upload,) = plan("a")
    os.truncate(source / "a", 40 * 2**20)
    monkeypatch.setattr(hand_over, "MAX_PARTS", 2)
    noted = []
    (outcome,) = transfer(FAIL_FIRST, noted=noted, retry_rounds=1, part_size=5 * MIB).run([upload])
    assert outcome.part_size == 21 * 2**20
    assert {command[command.index("--part-size") + 1] for command in commands()} == {"21"}
    assert noted == ["a: parts of 21 MiB instead of 5, because S3 takes 2 parts"]


# --- SHA256 in the metadata


def test_the_sha256_of_each_file_is_in_its_metadata(transfer, plan, commands, source):
    names = [f"{n:02}" for n in range(12)]
    uploads = plan(*names)
    for name in names:
        (source / name).write_bytes(name.encode())
    uploads = [
        Upload(upload.file._replace(identity=identity_of((source / upload.file.relative).stat())), "new")
        for upload in uploads
    ]
    outcomes = list(transfer(checksum_algorithm="SHA256", numworkers=2).run(uploads))
    assert set(kinds(outcomes).values()) == {"stored"}
    told = {command[-2].rpartition("/")[2]: metadata(command)["sha256"] for command in commands()}
    assert told == {name: hashlib.sha256(name.encode()).hexdigest() for name in names}


def test_no_sha256_is_computed_unless_it_is_wanted(transfer, plan, commands, monkeypatch):
    monkeypatch.setattr(rounds_module, "sha256_hex", lambda *arguments: pytest.fail("computed"))
    list(transfer().run(plan("a")))
    assert "sha256" not in metadata(commands()[0])


def test_a_file_that_changed_since_its_sha256_was_begun_is_not_handed_over(transfer, plan, source, heard):
    uploads = plan("a")
    (source / "a").write_bytes(b"other content, of another size")
    assert kinds(transfer(checksum_algorithm="SHA256").run(uploads)) == {"a": Kind.CHANGED}
    assert not heard.exists()


@pytest.mark.parametrize("name", ["a", "new\nline"])
def test_a_file_that_cannot_be_read_for_its_sha256_is_not_stored_without_it(transfer, plan, heard, monkeypatch, name):
    def refuse(file, tick):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(rounds_module, "sha256_hex", refuse)
    (outcome,) = transfer(checksum_algorithm="SHA256").run(plan(name))
    assert (outcome.kind, outcome.message) == (Kind.UNREADABLE, "cannot be read: Input/output error")
    assert not heard.exists()


def test_a_file_that_vanished_before_its_sha256_is_named(transfer, plan, source):
    uploads = plan("a", "b")
    (source / "a").unlink()
    assert kinds(transfer(checksum_algorithm="SHA256").run(uploads)) == {"a": Kind.VANISHED, "b": "stored"}


def test_when_the_run_stops_no_sha256_is_computed_to_its_end(transfer, plan, source):
    (upload,) = plan("a")
    os.truncate(source / "a", 2**40)
    upload = Upload(upload.file._replace(identity=identity_of((source / "a").stat())), "new")
    ticks = Counter()

    def tick():
        ticks["tick"] += 1
        if ticks["tick"] > 3:
            raise Stopped

    with pytest.raises(Stopped):
        list(transfer(checksum_algorithm="SHA256", tick=tick).run([upload]))


def test_a_sha256_is_told_in_every_try(transfer, plan, commands):
    outcomes = list(transfer(FAIL_FIRST, retry_rounds=1, checksum_algorithm="SHA256").run(plan("a", "b")))
    assert {outcome.sha256 for outcome in outcomes} == {hashlib.sha256(b"content").hexdigest()}
    assert [len(metadata(command)["sha256"]) for command in commands()] == [64] * 4
