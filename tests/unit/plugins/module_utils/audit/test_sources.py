# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What each source expects in the bucket, what it excuses, and what it refuses to be compared with."""

from __future__ import annotations

import os

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.audit.findings import Findings
from ansible_collections.datasync.turbo.plugins.module_utils.audit.result import Result
from ansible_collections.datasync.turbo.plugins.module_utils.audit.sources import (
    ManifestSource,
    StateSource,
    TreeSource,
)
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError, Interrupted
from ansible_collections.datasync.turbo.plugins.module_utils.job.job import Job
from ansible_collections.datasync.turbo.plugins.module_utils.job.shard import Shard
from ansible_collections.datasync.turbo.plugins.module_utils.proof.verify import Verifier
from ansible_collections.datasync.turbo.plugins.module_utils.s3.object_index import ObjectIndex


@pytest.fixture
def findings():
    return Findings(Result("", "/srv", "tree", "s3://archive/p/", "CRC64NVME", 10, False))


@pytest.fixture
def tree(source, bucket, findings):
    """The source folder of a job with these options."""

    def make(tick=lambda: None, **options):
        job = Job(src=str(source), bucket="archive", prefix="p/", **options)
        return TreeSource(job, Verifier(bucket, "CRC64NVME"), findings, tick)

    return make


@pytest.fixture
def manifest(tmp_path, findings):
    def make(*names, **options):
        path = tmp_path / "SHA256SUMS"
        path.write_bytes(b"".join(b"0" * 64 + b"  " + os.fsencode(name) + b"\n" for name in names))
        return ManifestSource(str(path), Job(src="/none", bucket="archive", prefix="p/", **options), findings)

    return make


def keys(source, bucket):
    index = ObjectIndex(bucket.list("p/"), lambda: None)
    expected = [one.key for one in source.expected(index)]
    return expected, [entry.key for entry in index.rest()]


# --- the source folder


def test_a_folder_expects_its_files(tree, source, bucket):
    (source / "day").mkdir()
    for name in ("a", "day/b", "c.log"):
        (source / name).write_bytes(b"1")
    assert sorted(keys(tree(exclude=("*.log",)), bucket)[0]) == ["p/a", "p/day/b"]


def test_a_file_that_waits_is_neither_expected_nor_is_its_object_left_over(tree, source, bucket, findings):
    for name in ("old", "new"):
        (source / name).write_bytes(b"1")
        bucket.put(f"p/{name}", b"1")
    waiting = tree(settle_seconds=600)
    assert keys(waiting, bucket) == ([], [])
    assert findings.result.deferred == 2
    assert not waiting.is_empty_by_mistake()


def test_a_folder_that_is_missing_is_refused_before_the_bucket_is_asked(tree, source):
    source.rmdir()
    with pytest.raises(ConfigurationError):
        tree().prepare()


def test_a_file_that_is_there_by_now_excuses_its_object(tree, source):
    came = tree()
    assert not came.excuses("late")
    (source / "late").write_bytes(b"1")
    assert came.excuses("late")


def test_what_cannot_be_read_is_a_finding_and_excuses_all_below_it(tree, source, bucket, findings, monkeypatch):
    (source / "closed").mkdir()
    real = os.listdir

    def listdir(path="."):
        if str(path).rstrip("/").endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "listdir", listdir)
    walked = tree()
    keys(walked, bucket)
    assert findings.result.counts["unverifiable"] == 1
    assert walked.excuses("closed/deep/file")
    assert not walked.excuses("open/file")
    assert not walked.is_empty_by_mistake()


@pytest.mark.parametrize(
    ("options", "mistake"), [({}, True), ({"allow_empty_source": True}, False), ({"after_upload": "remove"}, False)]
)
def test_a_folder_that_holds_nothing_at_all_is_a_mistake_unless_the_job_says_otherwise(tree, bucket, options, mistake):
    walked = tree(**options)
    keys(walked, bucket)
    assert walked.is_empty_by_mistake() is mistake


def test_a_walk_can_be_stopped(tree, source, bucket):
    (source / "a").write_bytes(b"1")

    def tick():
        raise Interrupted(15)

    with pytest.raises(Interrupted):
        keys(tree(tick), bucket)


# --- a manifest


def test_a_manifest_expects_the_names_that_objects_can_have_and_calls_the_others_missing(manifest, bucket, findings):
    expected, _left = keys(manifest("a", "x" * 1100, b"\xff"), bucket)
    assert expected == ["p/a"]
    messages = sorted(finding.message for finding in findings.result.findings["missing"])
    assert [message.rpartition(": ")[2].split(";")[0] for message in messages] == [
        "the key has 1102 bytes",
        "the name is not UTF-8, which S3 cannot carry",
    ]


def test_a_manifest_expects_the_names_of_its_shard_and_counts_the_others(manifest, bucket, findings):
    names = [f"f{number}" for number in range(20)]
    shard = Shard(0, 2)
    expected, _left = keys(manifest(*names, shard=shard), bucket)
    assert expected == [f"p/{name}" for name in names if shard.takes(f"p/{name}")]
    assert findings.result.in_other_shards == 20 - len(expected)


def test_a_manifest_excuses_nothing_and_may_be_empty(manifest, bucket):
    empty = manifest()
    keys(empty, bucket)
    assert (empty.excuses("a"), empty.is_empty_by_mistake()) == (False, False)


# --- the state file


@pytest.mark.parametrize("path", [None, "/missing/state.db"])
def test_without_a_state_file_there_is_nothing_to_compare_with(bucket, tmp_path, path):
    job = Job(src="/srv/material", bucket="archive", state_path=path, lock_path=str(tmp_path / "lock"))
    with pytest.raises(ConfigurationError, match="state_path"):
        keys(StateSource(job, bucket), bucket)
