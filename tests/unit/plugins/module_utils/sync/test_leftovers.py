# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Multipart uploads that were left open are aborted: ours, of this run, and nobody else's."""

from __future__ import annotations

import threading
import time

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import AccessError
from ansible_collections.datasync.turbo.plugins.module_utils.common.units import MIB
from ansible_collections.datasync.turbo.plugins.module_utils.job.job import Job
from ansible_collections.datasync.turbo.plugins.module_utils.job.local_file import Identity, LocalFile
from ansible_collections.datasync.turbo.plugins.module_utils.plan.uploads import NEW, Upload, Uploads
from ansible_collections.datasync.turbo.plugins.module_utils.s3.listing import OpenUpload
from ansible_collections.datasync.turbo.plugins.module_utils.sync import leftovers
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.settings import ClassSettings, settings_of
from ansible_collections.datasync.turbo.plugins.module_utils.tuning.classes import Settings

BEGAN = 1_700_000_000.0


@pytest.fixture
def job():
    return Job(src="/srv/material", bucket="archive", prefix="p/", part_size=16 * MIB)


def uploads_of(job, **sizes):
    uploads = Uploads(job.src, job.prefix)
    for name, size in sizes.items():
        file = LocalFile(f"{job.src}/{name}", name, f"{job.prefix}{name}", Identity(size, 1, 1, 1, 1))
        uploads.add(Upload(file, NEW))
    uploads.sort()
    return uploads


def keys_of(job, **sizes):
    return set(leftovers.multipart_keys(settings_of(job, pytest.fail), uploads_of(job, **sizes)))


def abort(job, bucket, *keys):
    said = []
    leftovers.abort(job, bucket, set(keys), BEGAN, said.append)
    return said


def left(bucket):
    return [upload.upload_id for upload in bucket.uploads]


def test_only_files_larger_than_a_part_are_stored_in_several_requests(job):
    sizes = {"empty": 0, "small": MIB, "medium": MIB + 1, "part": 16 * MIB, "more": 16 * MIB + 1, "huge": 1 << 40}
    assert keys_of(job, **sizes) == {"p/more", "p/huge"}


def test_the_size_of_a_part_is_the_jobs(job):
    small_parts = Job(src=job.src, bucket="archive", prefix="p/", part_size=5 * MIB)
    assert keys_of(small_parts, a=5 * MIB, b=5 * MIB + 1) == {"p/b"}


def test_the_size_of_a_part_is_that_of_the_files_class(job):
    classes = {"medium": Settings(8, 4, 64 * MIB), "large": Settings(8, 4, 16 * MIB), "single": Settings(1, 4, 5 * MIB)}
    uploads = uploads_of(job, medium=64 * MIB, large=64 * MIB + 1)
    assert set(leftovers.multipart_keys(ClassSettings(classes), uploads)) == {"p/large"}


def test_a_million_small_files_are_not_looked_at_one_by_one(job):
    uploads = uploads_of(job, a=32 * MIB, **{f"small {number}": 1 for number in range(50)})
    asked = []

    class Counting:
        def __iter__(self):
            for upload in uploads:
                asked.append(upload.file.relative)
                yield upload

    assert list(leftovers.multipart_keys(settings_of(job, pytest.fail), Counting())) == ["p/a"]
    assert len(asked) == 2


@pytest.mark.parametrize("ahead", [0, -3600, 3600])
def test_only_our_keys_and_only_what_was_begun_since_are_aborted(job, bucket, ahead):
    bucket.server_clock_ahead = ahead
    now = BEGAN + ahead
    bucket.uploads = [
        OpenUpload("p/a", "ours", now + 10),
        OpenUpload("p/a", "ours, in the second in which we began", now),
        OpenUpload("p/a", "older", now - 60),
        OpenUpload("p/b", "of another program", now + 10),
        OpenUpload("q/a", "of another job", now + 10),
        OpenUpload("p/a/b", "of another key", now + 10),
    ]
    said = abort(job, bucket, "p/a")
    assert left(bucket) == ["older", "of another program", "of another job", "of another key"]
    assert len(said) == 2
    assert all("p/a" in line for line in said)


def test_several_uploads_of_one_key_are_all_aborted(job, bucket):
    """Each try of s5cmd may leave one."""
    bucket.uploads = [OpenUpload("p/a", f"{number}", BEGAN + number) for number in range(3)]
    abort(job, bucket, "p/a")
    assert left(bucket) == []


def test_a_refusal_is_told(job, bucket):
    bucket.uploads = [OpenUpload("p/a", "ours", BEGAN + 1)]
    bucket.failures["abort_upload"] = AccessError("AccessDenied")
    with pytest.raises(AccessError):
        abort(job, bucket, "p/a")


def test_a_server_that_stays_silent_does_not_keep_the_run_from_ending(job, bucket, monkeypatch):
    monkeypatch.setattr(leftovers, "ABORT_DEADLINE", 0.2)
    released = threading.Event()
    bucket.open_uploads = lambda prefix: released.wait(30) or iter(())
    began = time.monotonic()
    with pytest.raises(AccessError, match="does not answer"):
        abort(job, bucket, "p/a")
    assert time.monotonic() - began < 10
    released.set()
