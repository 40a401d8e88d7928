# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What a benchmark uploads goes below prefixes of its own, and none of it stays."""

from __future__ import annotations

import json

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.benchmark.prefixes import LeftBehind, Prefixes, remove_all
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import AccessError
from ansible_collections.datasync.turbo.plugins.module_utils.s3.deletes import Deletion
from ansible_collections.datasync.turbo.plugins.module_utils.s3.listing import OpenUpload

BASE = "bench/20261123T040000Z-host-1a2b3c/"


@pytest.fixture(name="bucket")
def named_bucket(bucket):
    bucket.name = "archive"
    return bucket


@pytest.fixture
def prefixes(bucket, tmp_path):
    made = Prefixes(bucket, BASE, str(tmp_path))
    made.begin()
    return made


def test_each_run_has_a_prefix_of_its_own(prefixes):
    first, second = prefixes.new("s5cmd"), prefixes.new("s5cmd")

    assert first == f"{BASE}0001-s5cmd/"
    assert second == f"{BASE}0002-s5cmd/"


def test_removal_takes_objects_and_open_uploads_below_the_prefix_and_no_others(prefixes, bucket):
    prefix = prefixes.new("awscli")
    bucket.put(f"{prefix}a", b"1")
    bucket.put("bench/other", b"2")
    bucket.uploads = [OpenUpload(f"{prefix}b", "id-1", 0.0), OpenUpload("bench/other-upload", "id-2", 0.0)]

    prefixes.remove(prefix)

    assert list(bucket.objects) == ["bench/other"]
    assert [upload.key for upload in bucket.uploads] == ["bench/other-upload"]
    assert prefixes.left_behind == []


def test_what_is_refused_is_told_and_tried_again_at_the_end(prefixes, bucket):
    prefix = prefixes.new("rclone")
    bucket.put(f"{prefix}a", b"1")
    bucket.undeletable.add(f"{prefix}a")
    prefixes.remove(prefix)
    assert [left.prefix for left in prefixes.left_behind] == [prefix]

    bucket.undeletable.clear()
    prefixes.end()

    assert bucket.objects == {}
    assert prefixes.left_behind == []


def test_a_bucket_that_is_gone_at_the_end_is_told_and_remembered(prefixes, bucket, tmp_path):
    bucket.put(f"{BASE}0001-s5cmd/a", b"1")
    bucket.failures["list"] = AccessError("no answer")

    prefixes.end()

    assert prefixes.left_behind == [LeftBehind("archive", BASE, "no answer")]
    del bucket.failures["list"]
    again = Prefixes(bucket, "bench/next/", str(tmp_path))
    assert list(again.remove_leftovers()) == [f"removed what an earlier benchmark left at s3://archive/{BASE}"]
    assert bucket.objects == {}
    assert list(again.remove_leftovers()) == []


def test_leftovers_in_another_bucket_are_named_and_not_forgotten(prefixes, bucket, tmp_path):
    bucket.name = "other"
    later = Prefixes(bucket, "bench/next/", str(tmp_path))

    for attempt in range(2):
        lines = list(later.remove_leftovers())
        assert len(lines) == 1, attempt
        assert f"an earlier benchmark left s3://archive/{BASE} behind" in lines[0]


def test_a_benchmark_that_ended_is_not_remembered(prefixes, bucket, tmp_path):
    prefixes.end()

    assert list(Prefixes(bucket, "bench/next/", str(tmp_path)).remove_leftovers()) == []


@pytest.mark.parametrize("notes", ["", "no JSON", "{}", "[1]"])
def test_damaged_notes_are_no_notes(bucket, tmp_path, notes):
    (tmp_path / "prefixes.json").write_text(notes)

    assert list(Prefixes(bucket, BASE, str(tmp_path)).remove_leftovers()) == []


@pytest.mark.parametrize("prefix", ["", "data/", "bench/20261123T040000Z-host/"])
def test_a_prefix_that_no_benchmark_made_is_never_removed(bucket, tmp_path, prefix):
    bucket.put("data/precious", b"1")
    notes = [{"endpoint": "", "bucket": "archive", "prefix": prefix}]
    (tmp_path / "prefixes.json").write_text(json.dumps(notes))

    (line,) = Prefixes(bucket, BASE, str(tmp_path)).remove_leftovers()

    assert "which no benchmark made: nothing is removed there" in line
    assert list(bucket.objects) == ["data/precious"]


def test_a_delete_marker_tells_that_there_are_versions_where_nobody_may_ask(bucket, monkeypatch):
    bucket.versioned = None
    bucket.put(f"{BASE}a", b"1")
    removed = []
    bucket.delete_versions = removed.append
    monkeypatch.setattr(bucket, "delete", lambda keys: Deletion(list(keys), True, []))

    assert remove_all(bucket, BASE) == ""
    assert removed == [BASE]


def test_versions_are_removed_where_the_bucket_keeps_them(bucket):
    bucket.versioned = True
    removed = []
    bucket.delete_versions = removed.append

    assert remove_all(bucket, BASE) == ""
    assert removed == [BASE]
