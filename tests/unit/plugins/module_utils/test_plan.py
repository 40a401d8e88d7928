# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What must be uploaded: everything whose object is not known to hold the file's content.

The times of a file cannot be set at will (ctime is always now), so each test sets the times of the object around them:
`moment` is the file's last change.
"""

from __future__ import annotations

import json
import os

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils import plan as plan_module
from ansible_collections.datasync.turbo.plugins.module_utils.errors import AccessError, ConfigurationError
from ansible_collections.datasync.turbo.plugins.module_utils.job import Job
from ansible_collections.datasync.turbo.plugins.module_utils.plan import SYNCED_BY, make_plan
from ansible_collections.datasync.turbo.plugins.module_utils.report import Kind
from ansible_collections.datasync.turbo.plugins.module_utils.verify import Outcome
from ansible_collections.datasync.turbo.plugins.module_utils.walk import identity_of
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.memory_bucket import MemoryBucket

OLD = b"the old content"
NEW = b"the new content"
assert len(OLD) == len(NEW)

HOUR = 3600
DAY = 24 * HOUR


@pytest.fixture
def file(source):
    """A file with the new content, changed just now."""
    path = source / "film.mov"
    path.write_bytes(NEW)
    return path


@pytest.fixture
def moment(file):
    """When the file changed last, in seconds since the epoch."""
    status = file.stat()
    return max(status.st_mtime_ns, status.st_ctime_ns) / 1e9


@pytest.fixture
def plan_of(source, bucket):
    def make(tick=lambda: None, unproven_since=None, **options):
        job = Job(src=str(source), bucket="archive", prefix="p/", **options)
        return make_plan(job, bucket, tick, unproven_since)

    return make


def ours(began):
    """The metadata of an object that we began to read in this second."""
    return {"synced-by": SYNCED_BY, "timestamp": str(int(began))}


def uploads(plan):
    return {upload.file.relative: upload.reason for upload in plan.uploads}


def present(plan):
    return [entry.file.relative for entry in plan.present]


# --- decided by the listing


def test_a_file_without_an_object_is_new(plan_of, file):
    assert uploads(plan_of()) == {"film.mov": "new"}


def test_an_object_elsewhere_in_the_bucket_does_not_count(plan_of, bucket, file, moment):
    bucket.put("film.mov", NEW, moment + DAY)
    bucket.put("p/film.mov.old", NEW, moment + DAY)
    assert uploads(plan_of()) == {"film.mov": "new"}


def test_another_size_is_uploaded_with_both_sizes_as_the_reason(plan_of, bucket, file, moment):
    bucket.put("p/film.mov", NEW + b"!", moment + DAY)
    assert uploads(plan_of()) == {"film.mov": "size: 16 bytes are stored, the file has 15"}


def test_an_object_stored_well_after_the_last_change_costs_no_request(plan_of, bucket, file, moment):
    bucket.put("p/film.mov", NEW, moment + DAY)
    assert present(plan_of()) == ["film.mov"]
    assert bucket.asked["head"] == 0


def test_a_file_that_is_stored_need_not_be_readable(plan_of, bucket, file, moment, monkeypatch):
    bucket.put("p/film.mov", NEW, moment + DAY)
    monkeypatch.setattr(plan_module.os, "access", lambda path, mode: False)
    assert plan_of().problems == []


# --- decided by the content: the times cannot tell


@pytest.mark.parametrize("stored_after", [-DAY, -10, 0, 10, 600])
def test_new_content_of_the_same_size_is_uploaded_whenever_it_was_stored(plan_of, bucket, file, moment, stored_after):
    bucket.put("p/film.mov", OLD, moment + stored_after)
    assert uploads(plan_of())["film.mov"].startswith("content: the stored ETag is ")


@pytest.mark.parametrize("stored_after", [-DAY, -10, 0, 10, 600])
def test_the_same_content_is_not_uploaded_whenever_it_was_stored(plan_of, bucket, file, moment, stored_after):
    bucket.put("p/film.mov", NEW, moment + stored_after)
    (entry,) = plan_of().present
    assert entry.verdict.outcome is Outcome.SAME


def test_a_modification_time_that_was_set_back_hides_nothing(plan_of, bucket, file, moment):
    """`cp -p`, `mv` and restores set mtime back; ctime tells when they did."""
    os.utime(file, (moment - 30 * DAY, moment - 30 * DAY))
    bucket.put("p/film.mov", OLD, moment - DAY)
    assert "content" in uploads(plan_of())["film.mov"]


def test_an_object_that_nothing_can_compare_is_uploaded_again(plan_of, bucket, file, moment):
    bucket.put("p/film.mov", NEW, moment - DAY, encryption="aws:kms")
    assert uploads(plan_of()) == {"film.mov": "changed after it was stored, as its times say"}


def test_an_object_that_vanished_after_the_listing_is_new(plan_of, bucket, file, moment):
    bucket.put("p/film.mov", NEW, moment - DAY)
    bucket.head = lambda key: None
    assert uploads(plan_of()) == {"film.mov": "new"}


def test_a_file_that_changes_while_it_is_compared_is_uploaded(plan_of, bucket, file, moment):
    bucket.put("p/film.mov", NEW, moment - DAY)
    real_head = bucket.head

    def head(key):
        file.write_bytes(NEW + b" and more")
        return real_head(key)

    bucket.head = head
    assert "changed meanwhile" in uploads(plan_of())["film.mov"]


def test_a_file_that_vanishes_while_it_is_compared_is_a_problem(plan_of, bucket, file, moment):
    bucket.put("p/film.mov", NEW, moment - DAY)
    real_head = bucket.head

    def head(key):
        file.unlink()
        return real_head(key)

    bucket.head = head
    plan = plan_of()
    assert uploads(plan) == {}
    assert [(problem.path, problem.kind) for problem in plan.problems] == [("film.mov", Kind.VANISHED)]


def test_a_bucket_that_stops_answering_ends_the_plan(plan_of, bucket, file, moment):
    bucket.put("p/film.mov", NEW, moment - DAY)
    bucket.failures["head"] = AccessError("refused")
    with pytest.raises(AccessError):
        plan_of()


# --- decided by our own metadata: when we began to read


def test_what_we_read_after_the_last_change_is_not_compared_again(plan_of, bucket, file, moment):
    """The object holds other content here, to show that it is not looked at."""
    bucket.put("p/film.mov", OLD, moment + 10, metadata=ours(moment + 5))
    (entry,) = plan_of().present
    assert entry.verdict is None
    assert bucket.asked["head"] == 1


@pytest.mark.parametrize("began", [-10, -1, 0, 1])
def test_what_changed_after_we_began_to_read_or_in_that_second_is_compared(plan_of, bucket, file, moment, began):
    bucket.put("p/film.mov", OLD, moment + 10, metadata=ours(moment + began))
    assert "content" in uploads(plan_of())["film.mov"]


@pytest.mark.parametrize(
    "metadata",
    [
        {"synced-by": "another tool", "timestamp": "99999999999"},
        {"timestamp": "99999999999"},
        {"synced-by": SYNCED_BY},
        {"synced-by": SYNCED_BY, "timestamp": ""},
        {"synced-by": SYNCED_BY, "timestamp": "2026-01-01"},
        {"synced-by": SYNCED_BY, "timestamp": "²"},
    ],
)
def test_metadata_that_is_not_ours_tells_nothing(plan_of, bucket, file, moment, metadata):
    bucket.put("p/film.mov", OLD, moment + 10, metadata=metadata)
    assert "content" in uploads(plan_of())["film.mov"]


def test_a_clock_that_was_ahead_when_we_read_and_was_set_since_hides_no_change(plan_of, bucket, file, moment):
    """We stored it before the change, but noted a time after it."""
    bucket.put("p/film.mov", OLD, moment - 60, metadata=ours(moment + HOUR))
    assert "content" in uploads(plan_of())["film.mov"]


def test_a_file_that_changed_during_a_slow_upload_is_uploaded_again(plan_of, bucket, source):
    """20 MiB in half an hour: dozens of workers share a slow line. The run that did it said so and failed; the next one
    must not take the object for the file because it was stored long after the change.
    """
    size = 20 * 2**20
    path = source / "film.mov"
    path.write_bytes(b"")
    os.truncate(path, size)
    changed = path.stat().st_ctime
    bucket.put("p/film.mov", b"x" * size, changed + 1800, metadata=ours(changed - 1))
    assert "content" in uploads(plan_of())["film.mov"]


def test_what_others_stored_well_after_the_last_change_is_not_compared(plan_of, bucket, source):
    """Within our own window for its size, but outside of theirs: it costs a request, not a checksum."""
    size = 20 * 2**20
    path = source / "film.mov"
    path.write_bytes(b"")
    os.truncate(path, size)
    bucket.put("p/film.mov", b"x" * size, path.stat().st_ctime + 1800)
    (entry,) = plan_of().present
    assert entry.verdict is None


# --- clocks that differ


@pytest.fixture(params=[-HOUR, HOUR], ids=["server an hour behind", "server an hour ahead"])
def skewed(request, source):
    """A bucket whose server's clock differs from ours, and the plan against it."""
    bucket = MemoryBucket(server_clock_ahead=request.param)
    return bucket, lambda: make_plan(Job(src=str(source), bucket="archive", prefix="p/"), bucket)


def test_a_change_after_storing_is_seen_whatever_the_servers_clock_shows(skewed, file, moment):
    bucket, plan_of = skewed
    bucket.put("p/film.mov", OLD, moment - 60 + bucket.server_clock_ahead)
    assert "content" in uploads(plan_of())["film.mov"]


def test_an_object_stored_after_the_change_is_known_whatever_the_servers_clock_shows(skewed, file, moment):
    bucket, plan_of = skewed
    bucket.put("p/film.mov", NEW, moment + 2 * HOUR + bucket.server_clock_ahead)
    assert present(plan_of()) == ["film.mov"]
    assert bucket.asked["head"] == 0


def test_our_own_metadata_is_read_by_our_own_clock(skewed, file, moment):
    bucket, plan_of = skewed
    bucket.put("p/film.mov", NEW, moment + 10 + bucket.server_clock_ahead, metadata=ours(moment + 5))
    (entry,) = plan_of().present
    assert entry.verdict is None


# --- what cannot be uploaded


def test_a_file_beyond_s3s_limit_is_a_problem(plan_of, file, monkeypatch):
    monkeypatch.setattr(plan_module, "MAX_OBJECT_SIZE", 14)
    plan = plan_of()
    assert plan.uploads == []
    assert [(problem.path, problem.kind) for problem in plan.problems] == [("film.mov", Kind.TOO_LARGE)]


def test_a_file_that_this_user_may_not_read_is_a_problem_before_anything_is_uploaded(plan_of, file, monkeypatch):
    """os.access is replaced: root may read everything."""
    monkeypatch.setattr(plan_module.os, "access", lambda path, mode: False)
    plan = plan_of()
    assert plan.uploads == []
    assert [(problem.path, problem.kind) for problem in plan.problems] == [("film.mov", Kind.UNREADABLE)]


def test_problems_and_counts_of_the_walk_are_in_the_plan(plan_of, source, file):
    (source / "broken").symlink_to("nowhere")
    (source / "a.tmp").touch()
    plan = plan_of(exclude=("*.tmp",))
    assert [problem.path for problem in plan.problems] == ["broken"]
    assert plan.skipped == 1


# --- the whole


def test_large_files_come_first_and_equal_ones_in_the_order_of_their_keys(plan_of, source):
    for name, size in (("b", 1), ("c", 3), ("a", 1), ("d", 2)):
        (source / name).write_bytes(b"x" * size)
    assert list(uploads(plan_of())) == ["c", "d", "a", "b"]


def test_sizes_and_counts_cover_stored_files_too(plan_of, bucket, source, file, moment):
    (source / "stored").write_bytes(b"12345")
    bucket.put("p/stored", b"12345", moment + DAY)
    bucket.put("p/only-in-the-bucket", b"x", moment)
    plan = plan_of()
    assert (plan.upload_bytes, plan.source_bytes, plan.source_files) == (15, 20, 2)
    assert plan.remote_objects == 2


def test_the_plan_can_be_printed_as_json(plan_of, source):
    (source / "caf\udce9").mkdir()
    (source / "日本 [1]").write_bytes(b"x")
    listed = plan_of().uploads_as_dicts()
    assert json.loads(json.dumps(listed)) == [{"path": "日本 [1]", "key": "p/日本 [1]", "size": 1, "reason": "new"}]


def test_the_bucket_is_asked_before_the_walk_and_only_below_the_prefix(source, bucket, monkeypatch):
    """Wrong keys are told in seconds; and a policy may allow listing below the prefix only."""
    bucket.failures["check"] = AccessError("refused")
    monkeypatch.setattr(plan_module, "Walker", lambda *arguments: pytest.fail("walked"))
    with pytest.raises(AccessError):
        make_plan(Job(src=str(source), bucket="archive", prefix="studio/"), bucket)
    assert bucket.checked == ["studio/"]


def test_an_interrupt_ends_the_comparison(plan_of, bucket, source, moment):
    for number in range(20):
        (source / str(number)).write_bytes(NEW)
        bucket.put(f"p/{number}", NEW, moment)

    class Stop(Exception):
        pass

    def tick():
        if bucket.asked["head"]:
            raise Stop

    with pytest.raises(Stop):
        plan_of(tick=tick)


def test_a_source_that_is_gone_is_named(source, plan_of):
    source.rmdir()
    with pytest.raises(ConfigurationError, match=r"does not exist .*mounted"):
        plan_of()


def test_a_source_that_is_a_file_is_refused(source, plan_of):
    source.rmdir()
    source.touch()
    with pytest.raises(ConfigurationError, match="is not a folder"):
        plan_of()


# --- the file's fingerprint in the metadata


def test_the_very_file_that_was_read_is_not_compared_again_whatever_the_clocks_say(plan_of, bucket, file, moment):
    fingerprint = identity_of(file.stat()).fingerprint
    bucket.put("p/film.mov", NEW, moment + 1, metadata={**ours(moment - DAY), "source-identity": fingerprint})
    plan = plan_of()
    assert uploads(plan) == {}
    assert plan.present[0].verdict is None, "nothing was hashed"


def test_another_file_in_its_place_is_compared(plan_of, bucket, file, moment):
    fingerprint = identity_of(file.stat()).fingerprint
    bucket.put("p/film.mov", OLD, moment + 1, metadata={**ours(moment - DAY), "source-identity": fingerprint})
    file.unlink()
    file.write_bytes(NEW)
    assert uploads(plan_of())["film.mov"].startswith("content: ")


def test_a_fingerprint_that_others_wrote_tells_nothing(plan_of, bucket, file, moment):
    fingerprint = identity_of(file.stat()).fingerprint
    bucket.put("p/film.mov", OLD, moment + 1, metadata={"source-identity": fingerprint})
    assert "film.mov" in uploads(plan_of())


def test_after_a_run_without_proof_the_fingerprint_does_not_count(plan_of, bucket, file, moment):
    fingerprint = identity_of(file.stat()).fingerprint
    bucket.put("p/film.mov", OLD, moment + DAY, metadata={**ours(moment + HOUR), "source-identity": fingerprint})
    assert uploads(plan_of()) == {}
    assert "film.mov" in uploads(plan_of(unproven_since=moment))
