# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Objects whose files are gone are deleted last, within limits, and only after a run without a problem."""

from __future__ import annotations

import os

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import (
    AccessError,
    Interrupted,
)
from ansible_collections.datasync.turbo.plugins.module_utils.common.problems import Kind
from ansible_collections.datasync.turbo.plugins.module_utils.job.shard import Shard
from ansible_collections.datasync.turbo.plugins.module_utils.plan import deletion
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.sync.world import (
    Killed,
    problems,
)


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
    monkeypatch.setattr(deletion, "_TICK_EVERY", 1)
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
