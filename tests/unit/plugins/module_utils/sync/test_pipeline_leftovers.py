# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Multipart uploads that s5cmd leaves open in a run, or that a killed run left, are aborted: exactly those."""

from __future__ import annotations

import time

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import (
    AccessError,
    Interrupted,
)
from ansible_collections.datasync.turbo.plugins.module_utils.s3.listing import OpenUpload
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.sync.world import MIB


@pytest.fixture(params=[0, -3600, 3600], ids=["clocks agree", "server an hour behind", "server an hour ahead"])
def clock_ahead(request, bucket):
    bucket.server_clock_ahead = request.param
    return request.param


@pytest.fixture
def run_in_parts(run):
    """A run that uploads in parts of 5 MiB."""
    return lambda **options: run(part_size=5 * MIB, **options)


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
