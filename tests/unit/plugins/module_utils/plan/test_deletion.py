# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Which objects may be deleted, and every reason not to.

That a run deletes only after its proofs, and what the state file learns, is in test_sync.py.
"""

from __future__ import annotations

import errno
import os
import shutil

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import AccessError
from ansible_collections.datasync.turbo.plugins.module_utils.common.problems import Kind, Problem
from ansible_collections.datasync.turbo.plugins.module_utils.job.job import Job
from ansible_collections.datasync.turbo.plugins.module_utils.job.shard import Shard
from ansible_collections.datasync.turbo.plugins.module_utils.plan import deletion
from ansible_collections.datasync.turbo.plugins.module_utils.s3.listing import StoredObject
from ansible_collections.datasync.turbo.plugins.module_utils.s3.object_index import ObjectIndex


@pytest.fixture
def job(source):
    def make(**options):
        return Job(src=str(source), bucket="archive", prefix="p/", delete=True, **options)

    return make


def listing_of(*keys):
    return ObjectIndex([StoredObject(key, 1, "e", 1.0) for key in keys])


def nobody(_relative):
    return False


def found(job, *keys, was_seen=nobody):
    """The keys that would be deleted, and the number of objects that belong to the job."""
    result = deletion.find(job, listing_of(*keys), was_seen, lambda: None)
    return [entry.key for entry in result.gone], result.total


# --- which objects have no file any more


def test_an_object_without_a_file_is_gone(job, source):
    (source / "here").touch()
    (source / "day").mkdir()
    (source / "day" / "here").touch()
    assert found(job(), "p/here", "p/gone", "p/day/here", "p/day/gone", "p/other/gone") == (
        ["p/day/gone", "p/gone", "p/other/gone"],
        5,
    )


def test_what_the_walk_looked_up_counts_without_a_look(job, source):
    listing = listing_of("p/taken", "p/gone")
    listing.take("p/taken")
    result = deletion.find(job(), listing, nobody, lambda: None)
    assert ([entry.key for entry in result.gone], result.total) == (["p/gone"], 2)


def test_what_the_walk_saw_is_not_gone_whatever_became_of_it_since(job):
    """A file system that was unmounted since: its files were there a moment ago."""
    assert found(job(), "p/seen", "p/gone", was_seen=lambda relative: relative == "seen") == (["p/gone"], 2)


@pytest.mark.parametrize("target", ["nowhere", ".", "there"])
def test_a_link_is_there_wherever_it_leads(job, source, target):
    (source / "link").symlink_to(target)
    assert found(job(), "p/link")[0] == []


def test_a_file_behind_a_link_to_a_folder_is_there(job, source, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "a").touch()
    (source / "link").symlink_to(tmp_path / "outside")
    assert found(job(), "p/link/a", "p/link/b")[0] == ["p/link/b"]


def test_a_file_that_became_a_folder_is_gone_and_so_are_files_of_a_folder_that_became_a_file(job, source):
    (source / "a").mkdir()
    (source / "b").touch()
    assert found(job(), "p/a", "p/b/c")[0] == ["p/a", "p/b/c"]


@pytest.mark.parametrize(
    "number", [errno.EACCES, errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.ETIMEDOUT, errno.ELOOP]
)
def test_what_cannot_be_looked_at_is_not_gone(job, source, monkeypatch, number):
    """A share that does not answer looks like an empty one to whoever does not ask why."""
    real_lstat = os.lstat

    def lstat(path, *arguments, **keywords):
        if str(path).startswith(str(source)):
            raise OSError(number, os.strerror(number), str(path))
        return real_lstat(path, *arguments, **keywords)

    monkeypatch.setattr(os, "lstat", lstat)
    assert found(job(), "p/a", "p/b/c")[0] == []


# --- which objects are not ours to delete


@pytest.mark.parametrize("key", ["p/a//b", "p/dir/", "p//a", "p/../x", "p/a/../b", "p/./a", "p/a/.", "p/a/..", "p/"])
def test_a_key_that_is_no_path_of_a_file_is_left_alone(job, key):
    """Folder markers of other tools, and keys that only look like paths."""
    assert found(job(), key) == ([], 0)


@pytest.mark.parametrize("name", ["a\0b", "x" * 256, "day/" + "x" * 256, "/".join(["x" * 200] * 25)])
def test_a_key_that_no_file_can_have_is_left_alone(job, source, name):
    (source / "day").mkdir()
    assert found(job(), f"p/{name}")[0] == []


@pytest.mark.parametrize("name", ["..a", "...", " ", "a\\b", "caf\u00e9 \U0001f600", "new\nline", "-rf", "*"])
def test_an_odd_name_of_a_file_is_a_name(job, source, name):
    assert found(job(), f"p/{name}")[0] == [f"p/{name}"]
    (source / name).touch()
    assert found(job(), f"p/{name}")[0] == []


def test_a_shard_looks_at_its_own_keys_only(job):
    keys = [f"p/{number}" for number in range(30)]
    parts = [found(job(shard=Shard(index, 3)), *keys) for index in range(3)]
    assert sorted(key for gone, _total in parts for key in gone) == sorted(keys)
    assert sum(total for _gone, total in parts) == 30


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"exclude": ("*.log",)}, "p/day/a.log"),
        ({"exclude": ("cache/*",)}, "p/cache/deep/a"),
        ({"exclude": ("cache/",)}, "p/cache/a"),
        ({"include": ("*.mov",)}, "p/a.txt"),
        ({"ignore_temporary": True}, "p/day/a.part"),
        ({"ignore_temporary": True, "temporary_patterns": ("*.mine",)}, "p/a.mine"),
    ],
)
@pytest.mark.parametrize("is_there", [True, False])
def test_what_the_filters_leave_out_is_kept_unless_its_deletion_is_asked_for(job, source, options, key, is_there):
    if is_there:
        path = source / key[2:]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert found(job(**options), key) == ([], 1)
    assert found(job(delete_excluded=True, **options), key) == ([key], 1)
    assert found(job(delete_excluded=True, **options), key, was_seen=lambda relative: True)[0] == [key]


def test_a_long_search_can_be_interrupted(job):
    class Stop(Exception):
        pass

    def tick():
        raise Stop

    with pytest.raises(Stop):
        deletion.find(job(), listing_of(*(f"p/{number}" for number in range(3000))), nobody, tick)


# --- refusals


def refused(job, gone, total, empty=False, problems=()):
    return deletion.refusal(job, gone, total, source_is_empty=empty, problems=problems)


@pytest.mark.parametrize(
    ("max_delete", "total", "allowed"),
    [
        ("10%", 1000, 100),
        ("10%", 109, 10),
        ("10%", 10, 1),
        ("10%", 9, 0),
        ("1%", 100, 1),
        ("1%", 99, 0),
        ("50%", 3, 1),
        ("99%", 100, 99),
        ("100%", 100, 99),
        ("0%", 1000, 0),
        ("0", 1000, 0),
        ("1", 1000, 1),
        ("5", 1000, 5),
        ("5000", 1000, 999),
        ("1", 2, 1),
        ("1", 1, 0),
    ],
)
def test_the_limit_holds_to_the_object(job, max_delete, total, allowed):
    """Percentages are rounded down, and all objects are never deleted."""
    limited = job(max_delete=max_delete)
    if allowed:
        assert refused(limited, allowed, total) == ""
    assert refused(limited, allowed + 1, total) != ""


def test_the_default_is_a_tenth(job):
    assert refused(job(), 10, 100) == ""
    reason = refused(job(), 11, 100)
    assert "11 of 100 objects" in reason
    assert "max_delete=10% allows 10" in reason


@pytest.mark.parametrize("options", [{"max_delete": "100%"}, {"max_delete": "1000000"}])
@pytest.mark.parametrize("empty", [True, False])
def test_all_objects_are_never_deleted(job, options, empty):
    """Neither is a bucket emptied because every file was renamed."""
    reason = refused(job(allow_empty_source=True, **options), 7, 7, empty)
    assert "never done" in reason


def test_an_empty_source_deletes_nothing_unless_that_is_allowed(job, source):
    reason = refused(job(max_delete="100%"), 5, 10, empty=True)
    assert str(source) in reason
    assert "mounted" in reason
    assert "allow_empty_source" in reason
    assert refused(job(max_delete="100%", allow_empty_source=True), 5, 10, empty=True) == ""


@pytest.mark.parametrize("kind", [value for name, value in vars(Kind).items() if name.isupper()])
def test_any_problem_forbids_deletions_and_is_named(job, kind):
    reason = refused(job(), 1, 100, problems=[Problem("day/a", kind, "because"), Problem("b", kind, "too")])
    assert "2 problems" in reason
    assert "day/a: because" in reason


def test_a_problem_of_the_whole_run_is_named_too(job):
    assert "such as the bucket is gone" in refused(
        job(), 1, 100, problems=[Problem("", Kind.RUN, "the bucket is gone")]
    )


# --- right before the deletion


@pytest.fixture
def planned(bucket):
    """Objects a to e, as the plan found them."""
    for name in "abcde":
        bucket.put(f"p/{name}", name.encode(), 1000.0)
    return list(bucket.list("p/"))


def confirmed(job, bucket, planned, tick=lambda: None):
    return [key for keys in deletion.confirm(job, bucket, planned, tick) for key in keys]


def test_what_is_as_it_was_planned_may_be_deleted(job, bucket, planned):
    bucket.put("p/not planned", b"x", 1000.0)
    assert confirmed(job(), bucket, planned[:3]) == ["p/a", "p/b", "p/c"]


@pytest.mark.parametrize(
    "replace",
    [
        lambda bucket: bucket.put("p/b", b"other size", 1000.0),
        lambda bucket: bucket.put("p/b", b"x", 1000.0),
        lambda bucket: bucket.put("p/b", b"b", 2000.0),
    ],
    ids=["another size", "another content", "stored again"],
)
def test_an_object_that_was_replaced_since_stays(job, bucket, planned, replace):
    replace(bucket)
    assert confirmed(job(), bucket, planned) == ["p/a", "p/c", "p/d", "p/e"]


def test_an_object_that_vanished_since_is_not_deleted_by_us(job, bucket, planned):
    del bucket.objects["p/b"]
    assert "p/b" not in confirmed(job(), bucket, planned)


def test_the_object_of_a_file_that_came_back_stays(job, source, bucket, planned):
    (source / "b").touch()
    assert "p/b" not in confirmed(job(), bucket, planned)


def test_a_file_that_comes_back_between_two_requests_keeps_its_object(job, source, bucket, planned, monkeypatch):
    monkeypatch.setattr(deletion, "_TICK_EVERY", 2)
    batches = []
    for keys in deletion.confirm(job(), bucket, planned, lambda: None):
        batches.append(keys)
        (source / "c").touch()
    assert batches == [["p/a", "p/b"], ["p/d"], ["p/e"]]


def test_a_listing_that_does_not_reach_its_end_confirms_nothing(job, bucket, planned):
    def listing(prefix):
        yield from planned[:3]
        raise AccessError("the network is gone")

    bucket.list = listing
    with pytest.raises(AccessError):
        next(deletion.confirm(job(), bucket, planned, lambda: None))


def test_a_signal_is_heard_before_every_request(job, bucket, planned, monkeypatch):
    monkeypatch.setattr(deletion, "_TICK_EVERY", 2)

    class Stop(Exception):
        pass

    done = []

    def tick():
        if done:
            raise Stop

    with pytest.raises(Stop):
        done.extend(deletion.confirm(job(), bucket, planned, tick))
    assert done == [["p/a", "p/b"]]


def test_a_source_that_is_gone_altogether_confirms_what_was_planned_and_no_more(job, source, bucket, planned):
    """The run asks before that whether the source is still mounted (require_mount)."""
    bucket.put("p/file", b"x", 1000.0)
    shutil.rmtree(source)
    assert confirmed(job(), bucket, planned[:1]) == ["p/a"]
