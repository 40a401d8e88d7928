# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What must be uploaded: everything whose object is not known to hold the file's content.

The times of a file cannot be set at will (ctime is always now), so each test sets the times of the object around them:
`moment` is the file's last change.
"""

from __future__ import annotations

import os
import shutil
import time

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import (
    AccessError,
    ConfigurationError,
    SourceError,
)
from ansible_collections.datasync.turbo.plugins.module_utils.common.problems import Kind
from ansible_collections.datasync.turbo.plugins.module_utils.job import job as job_module
from ansible_collections.datasync.turbo.plugins.module_utils.job.job import Job
from ansible_collections.datasync.turbo.plugins.module_utils.job.local_file import Identity, identity_of
from ansible_collections.datasync.turbo.plugins.module_utils.job.state_file import read_state
from ansible_collections.datasync.turbo.plugins.module_utils.plan import comparison
from ansible_collections.datasync.turbo.plugins.module_utils.plan.comparison import (
    VANISHED,
    Memories,
    make_plan,
    row_of,
    settled,
)
from ansible_collections.datasync.turbo.plugins.module_utils.plan.lookup import SYNCED_BY
from ansible_collections.datasync.turbo.plugins.module_utils.proof.verify import Verdict, VerdictKind, Verifier
from ansible_collections.datasync.turbo.plugins.module_utils.s3.connection import Connection
from ansible_collections.datasync.turbo.plugins.module_utils.s3.limits import SMALL_FILE
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.memory_bucket import MemoryBucket
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.planned_site import (
    DAY,
    HOUR,
    NEW,
    OLD,
    md5,
    to_prove,
    uploads,
)


def ours(began):
    """The metadata of an object that we began to read in this second."""
    return {"synced-by": SYNCED_BY, "timestamp": str(int(began))}


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
    plan = plan_of()
    assert (uploads(plan), plan.unchanged, plan.unchanged_bytes) == ({}, 1, len(NEW))
    assert bucket.asked == {"check": 1, "list": 1}


def test_a_file_that_is_stored_need_not_be_readable(plan_of, bucket, file, moment, monkeypatch):
    bucket.put("p/film.mov", NEW, moment + DAY)
    monkeypatch.setattr(comparison.os, "access", lambda path, mode: False)
    assert plan_of().problems == []


# --- decided by the content: the times cannot tell


@pytest.mark.parametrize("stored_after", [-DAY, -10, 0, 10, 600])
def test_new_content_of_the_same_size_is_uploaded_whenever_it_was_stored(plan_of, bucket, file, moment, stored_after):
    bucket.put("p/film.mov", OLD, moment + stored_after)
    assert uploads(plan_of())["film.mov"].startswith("content: the stored ETag is ")


@pytest.mark.parametrize("stored_after", [-DAY, -10, 0, 10, 600])
def test_the_same_content_is_not_uploaded_whenever_it_was_stored(plan_of, bucket, file, moment, stored_after):
    bucket.put("p/film.mov", NEW, moment + stored_after)
    plan = plan_of()
    assert (uploads(plan), plan.unchanged, plan.proven) == ({}, 1, {})


@pytest.mark.parametrize("stored_after", [-DAY, 0, 600])
def test_the_etag_of_a_small_object_in_the_listing_is_enough(plan_of, bucket, file, moment, stored_after):
    bucket.put("p/film.mov", NEW, moment + stored_after)
    plan_of()
    assert bucket.asked == {"check": 1, "list": 1}


@pytest.mark.parametrize("options", [{"verify": "all"}, {"checksum_algorithm": "SHA256"}])
def test_where_a_stored_checksum_is_wanted_the_header_is_asked_for(plan_of, bucket, file, moment, options):
    bucket.put("p/film.mov", NEW, moment)
    plan_of(**options)
    assert bucket.asked["head"] == 1


def test_a_large_file_is_not_read_before_its_header_is_asked_for(plan_of, bucket, source):
    path = source / "film.mov"
    path.write_bytes(bytes(SMALL_FILE + 1))
    changed = path.stat().st_ctime
    bucket.put("p/film.mov", bytes(SMALL_FILE + 1), changed + 10, metadata=ours(changed + 5))
    plan = plan_of(verify="all")
    assert (to_prove(plan), plan.proven, bucket.asked["head"]) == (["film.mov"], {}, 1)


def test_what_was_proven_to_compare_it_need_not_be_proven_again(plan_of, bucket, file, moment):
    bucket.put("p/film.mov", NEW, moment)
    plan = plan_of(verify="all")
    assert (to_prove(plan), plan.proven) == ([], {"ETag": 1})


def test_what_the_times_settle_is_still_to_be_proven_where_all_is(plan_of, bucket, file, moment):
    bucket.put("p/film.mov", OLD, moment + DAY)
    plan = plan_of(verify="all")
    assert (to_prove(plan), plan.proven, uploads(plan)) == (["film.mov"], {}, {})


def test_a_modification_time_that_was_set_back_hides_nothing(plan_of, bucket, file, moment):
    """`cp -p`, `mv` and restores set mtime back; ctime tells when they did."""
    os.utime(file, (moment - 30 * DAY, moment - 30 * DAY))
    bucket.put("p/film.mov", OLD, moment - DAY)
    assert "content" in uploads(plan_of())["film.mov"]


def test_an_object_that_nothing_can_compare_is_uploaded_again(plan_of, bucket, file, moment):
    bucket.put("p/film.mov", NEW, moment - DAY, encryption="aws:kms", etag="0" * 32)
    assert uploads(plan_of()) == {"film.mov": "changed after it was stored, as its times say"}


def test_an_object_that_vanished_after_the_listing_is_new(plan_of, bucket, file, moment):
    bucket.put("p/film.mov", OLD, moment - DAY)
    bucket.head = lambda key: None
    assert uploads(plan_of()) == {"film.mov": "new"}


def test_a_file_that_changes_while_it_is_compared_is_uploaded(plan_of, bucket, file, moment):
    bucket.put("p/film.mov", OLD, moment - DAY)
    real_head = bucket.head

    def head(key):
        file.write_bytes(NEW + b" and more")
        return real_head(key)

    bucket.head = head
    assert "changed meanwhile" in uploads(plan_of())["film.mov"]


def test_a_file_that_vanishes_while_it_is_compared_is_a_problem(plan_of, bucket, file, moment):
    bucket.put("p/film.mov", OLD, moment - DAY)
    real_head = bucket.head

    def head(key):
        file.unlink()
        return real_head(key)

    bucket.head = head
    plan = plan_of()
    assert uploads(plan) == {}
    assert [(problem.path, problem.kind) for problem in plan.problems] == [("film.mov", Kind.VANISHED)]


def test_a_bucket_that_stops_answering_ends_the_plan(plan_of, bucket, file, moment):
    bucket.put("p/film.mov", OLD, moment - DAY)
    bucket.failures["head"] = AccessError("refused")
    with pytest.raises(AccessError):
        plan_of()


# --- decided by our own metadata: when we began to read


def test_what_we_read_after_the_last_change_is_not_compared_again(plan_of, bucket, file, moment):
    """The object holds other content here, to show that it is not looked at."""
    bucket.put("p/film.mov", OLD, moment + 10, metadata=ours(moment + 5))
    plan = plan_of(verify="all")
    assert (to_prove(plan), plan.proven) == (["film.mov"], {})
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
    plan = plan_of(verify="all")
    assert (to_prove(plan), plan.proven) == (["film.mov"], {})


# --- clocks that differ


@pytest.fixture(params=[-HOUR, HOUR], ids=["server an hour behind", "server an hour ahead"])
def skewed(request, source):
    """A bucket whose server's clock differs from ours, and the plan against it."""
    bucket = MemoryBucket(server_clock_ahead=request.param)
    return bucket, lambda **options: make_plan(Job(src=str(source), bucket="archive", prefix="p/", **options), bucket)


def test_a_change_after_storing_is_seen_whatever_the_servers_clock_shows(skewed, file, moment):
    bucket, plan_of = skewed
    bucket.put("p/film.mov", OLD, moment - 60 + bucket.server_clock_ahead)
    assert "content" in uploads(plan_of())["film.mov"]


def test_an_object_stored_after_the_change_is_known_whatever_the_servers_clock_shows(skewed, file, moment):
    bucket, plan_of = skewed
    bucket.put("p/film.mov", NEW, moment + 2 * HOUR + bucket.server_clock_ahead)
    assert plan_of().unchanged == 1
    assert bucket.asked["head"] == 0


def test_our_own_metadata_is_read_by_our_own_clock(skewed, file, moment):
    bucket, plan_of = skewed
    bucket.put("p/film.mov", NEW, moment + 10 + bucket.server_clock_ahead, metadata=ours(moment + 5))
    plan = plan_of(verify="all")
    assert (to_prove(plan), plan.proven) == (["film.mov"], {})


# --- what cannot be uploaded


def test_a_file_beyond_s3s_limit_is_a_problem(plan_of, file, monkeypatch):
    monkeypatch.setattr(job_module, "MAX_OBJECT_SIZE", 14)
    plan = plan_of()
    assert uploads(plan) == {}
    assert [(problem.path, problem.kind) for problem in plan.problems] == [("film.mov", Kind.TOO_LARGE)]


def test_a_file_that_needs_parts_is_a_problem_where_the_requester_pays(plan_of, file, monkeypatch):
    monkeypatch.setattr(job_module, "MAX_PART_SIZE", 14)
    assert uploads(plan_of()) != {}
    plan = plan_of(connection=Connection(request_payer="requester"))
    assert uploads(plan) == {}
    assert [problem.kind for problem in plan.problems] == [Kind.TOO_LARGE]
    assert "S3 takes 14 in one request, which request_payer needs" in plan.problems[0].message


def test_a_file_that_this_user_may_not_read_is_a_problem_before_anything_is_uploaded(plan_of, file, monkeypatch):
    """os.access is replaced: root may read everything."""
    monkeypatch.setattr(comparison.os, "access", lambda path, mode: False)
    plan = plan_of()
    assert uploads(plan) == {}
    assert [(problem.path, problem.kind) for problem in plan.problems] == [("film.mov", Kind.UNREADABLE)]


def test_problems_and_counts_of_the_walk_are_in_the_plan(plan_of, source, file):
    (source / "broken").symlink_to("nowhere")
    (source / "a.tmp").touch()
    plan = plan_of(exclude=("*.tmp",))
    assert [problem.path for problem in plan.problems] == ["broken"]
    assert plan.skipped == 1


# --- the whole


def test_large_files_come_first_and_small_ones_in_the_order_of_their_keys(plan_of, source):
    sizes = {"b": SMALL_FILE, "c": SMALL_FILE + 2, "a": 1, "d": SMALL_FILE + 1, "e": 3}
    for name, size in sizes.items():
        (source / name).write_bytes(bytes(size))
    assert list(uploads(plan_of())) == ["c", "d", "a", "b", "e"]


def test_sizes_and_counts_cover_stored_files_too(plan_of, bucket, source, file, moment):
    (source / "stored").write_bytes(b"12345")
    bucket.put("p/stored", b"12345", moment + DAY)
    bucket.put("p/only-in-the-bucket", b"x", moment)
    plan = plan_of()
    assert (plan.uploads.size, plan.source_bytes, plan.source_files) == (15, 20, 2)
    assert plan.remote_objects == 2


def test_the_bucket_is_asked_before_the_walk_and_only_below_the_prefix(source, bucket, monkeypatch):
    """Wrong keys are told in seconds; and a policy may allow listing below the prefix only."""
    bucket.failures["check"] = AccessError("refused")
    monkeypatch.setattr(comparison, "Walker", lambda *arguments, **options: pytest.fail("walked"))
    with pytest.raises(AccessError):
        make_plan(Job(src=str(source), bucket="archive", prefix="studio/"), bucket)
    assert bucket.checked == ["studio/"]


def test_an_interrupt_ends_the_comparison(plan_of, bucket, source, moment):
    for number in range(20):
        (source / str(number)).write_bytes(NEW)
        bucket.put(f"p/{number}", OLD, moment)

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
    plan = plan_of(verify="all")
    assert uploads(plan) == {}
    assert (to_prove(plan), plan.proven) == (["film.mov"], {}), "nothing was hashed"


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


# --- with a state file: what it knows costs no request


def test_an_unchanged_tree_costs_one_request_and_no_reading(site, no_reading):
    names = [f"{folder}/{number}" for folder in "abc" for number in range(20)]
    for name in names:
        site.write(name)
    site.store(*names)
    plan = site.plan()
    assert (uploads(plan), plan.unchanged, plan.unchanged_bytes) == ({}, 60, 60 * len(OLD))
    assert site.bucket.asked == {"check": 1}
    assert (plan.remote_objects, plan.listed, plan.reconciled) == (60, False, None)


def test_new_content_with_the_same_size_and_an_older_time_is_found_without_a_request(site):
    """What size and modification time cannot tell, ctime does."""
    path = site.write("film.mov")
    os.utime(path, (1_600_000_000, 1_600_000_000))
    site.store("film.mov")
    site.write("film.mov", NEW)
    os.utime(path, (1_500_000_000, 1_500_000_000))
    plan = site.plan()
    assert uploads(plan)["film.mov"].startswith("content: the ETag was ")
    assert site.bucket.asked == {"check": 1}


def test_new_content_with_the_very_same_modification_time_is_found(site):
    path = site.write("film.mov")
    before = path.stat()
    site.store("film.mov")
    site.write("film.mov", NEW)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert "content" in uploads(site.plan())["film.mov"]


def touch(site, path):
    site.wait_for_the_clock(path.stat().st_ctime_ns)
    path.touch()


def chmod(site, path):
    site.wait_for_the_clock(path.stat().st_ctime_ns)
    path.chmod(0o600)


def chown(site, path):
    site.wait_for_the_clock(path.stat().st_ctime_ns)
    os.chown(path, os.geteuid(), os.getegid())


def copy_over(site, path):
    """With the same content, as a restore or rsync does."""
    copy = path.with_name(".copy")
    shutil.copy2(path, copy)
    copy.replace(path)


def write_the_same(site, path):
    site.write(path.name, path.read_bytes())


@pytest.mark.parametrize("change", [touch, chmod, chown, copy_over, write_the_same])
def test_a_file_that_was_touched_is_hashed_here_and_the_record_is_renewed(site, change, monkeypatch):
    path = site.write("film.mov")
    site.store("film.mov")
    before = site.rows()["film.mov"]
    change(site, path)
    monkeypatch.setattr(comparison.time, "time_ns", lambda: int((time.time() + DAY) * 1e9))
    plan = site.plan(reconcile_days=9)
    assert (uploads(plan), plan.unchanged) == ({}, 1)
    assert site.bucket.asked == {"check": 1}
    after = site.rows()["film.mov"]
    assert after == before._replace(identity=identity_of(path.stat())), "what was proven, and when, stays"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Verifier, "_computed", lambda *arguments: pytest.fail("read again"))
        assert site.plan(reconcile_days=9).unchanged == 1


def test_another_file_of_the_same_size_in_its_place_is_uploaded(site):
    path = site.write("film.mov")
    site.store("film.mov")
    other = site.write("other.tmp", NEW)
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.replace(path)
    assert "content" in uploads(site.plan())["film.mov"]


def test_another_size_is_uploaded_without_being_read(site, no_reading):
    site.write("film.mov")
    site.store("film.mov")
    site.write("film.mov", NEW + b"!")
    assert uploads(site.plan()) == {"film.mov": "size: 15 bytes are stored, the file has 16"}
    assert site.bucket.asked == {"check": 1}


def test_a_file_that_the_state_does_not_know_is_new(site):
    site.write("known")
    site.store("known")
    site.write("film.mov")
    plan = site.plan()
    assert (uploads(plan), plan.unchanged) == ({"film.mov": "new"}, 1)


def test_a_few_unknown_files_are_asked_for_one_by_one_and_many_by_a_listing(site, monkeypatch):
    """A file system that was not mounted for a while is forgotten, and comes back."""
    monkeypatch.setattr(comparison, "OBJECTS_PER_QUESTION", 5)
    names = [f"{number:02}" for number in range(20)]
    for name in names:
        site.write(name)
    site.store(*names)
    for forgotten in (["00"], names):
        with site.state() as (state, _trusted):
            state.forget(forgotten)
        site.bucket.asked.clear()
        plan = site.plan()
        assert (uploads(plan), plan.unchanged) == ({}, 20)
        many = forgotten is names
        assert (site.bucket.asked["list"], site.bucket.asked["head"]) == ((1, 0) if many else (0, 1))
        assert set(site.rows()) == set(names), "known again"


@pytest.mark.parametrize("objects", [0, 1_000_000])
def test_an_unknown_file_whose_object_is_another_is_uploaded(site, objects):
    site.write("film.mov", NEW)
    site.store("film.mov", content=OLD)
    with site.state() as (state, _trusted):
        state.forget(["film.mov"])
        state.counted(objects)
    assert uploads(site.plan())["film.mov"].startswith("content: ")


@pytest.mark.parametrize("objects", [1, 1_000_000])
def test_what_a_killed_run_left_unproven_is_compared_by_content_whatever_its_header_says(site, objects):
    """Its row went before its upload, so the state does not know it; its metadata is that of this very file."""
    path = site.write("film.mov", NEW)
    site.write("other")
    site.store("other")
    metadata = {**ours(time.time()), "source-identity": identity_of(path.stat()).fingerprint}
    site.bucket.put("p/film.mov", OLD, metadata=metadata)
    with site.state() as (state, _trusted):
        state.counted(objects)
    plan = site.plan(unproven_since=time.time() - 60)
    assert uploads(plan)["film.mov"].startswith("content: ")


def test_a_folder_that_was_moved_into_place_and_got_a_new_entry_is_seen_by_its_files(site, tmp_path):
    """The new entry hides the move: folder and files have times of long ago, and the files the right size."""
    site.write("take/film.mov", OLD)
    site.store("take/film.mov")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "film.mov").write_bytes(NEW)
    shutil.rmtree(site.source / "take")
    (tmp_path / "other").rename(site.source / "take")
    (site.source / "take" / "notes").touch()
    assert set(uploads(site.plan())) == {"take/film.mov", "take/notes"}


def test_a_link_that_leads_to_another_file_now_is_seen(site, tmp_path):
    for name, content in (("one", OLD), ("two", NEW)):
        (tmp_path / name).write_bytes(content)
        os.utime(tmp_path / name, (1_600_000_000, 1_600_000_000))
    (site.source / "film.mov").symlink_to(tmp_path / "one")
    site.store("film.mov")
    assert site.plan().unchanged == 1
    (site.source / "film.mov").unlink()
    (site.source / "film.mov").symlink_to(tmp_path / "two")
    assert "content" in uploads(site.plan())["film.mov"]


def test_names_of_many_batches_are_all_compared(site, monkeypatch):
    monkeypatch.setattr("ansible_collections.datasync.turbo.plugins.module_utils.plan.walk.BATCH", 3)
    names = [f"{number:02}" for number in range(20)]
    for name in names:
        site.write(name)
    site.store(*names)
    for name in ("00", "05", "11", "19"):
        (site.source / name).unlink()
    site.write("10", NEW)
    site.write("zz")
    plan = site.plan()
    assert set(uploads(plan)) == {"10", "zz"}
    assert plan.unchanged == 15
    assert set(site.rows()) == set(names) - {"00", "05", "11", "19"}


def test_a_folder_whose_name_is_not_utf_8_is_a_problem_and_no_more(site):
    site.write("film.mov")
    site.store("film.mov")
    (site.source / "caf\udce9").mkdir()
    (site.source / "caf\udce9" / "a").touch()
    plan = site.plan()
    assert [(problem.path, problem.kind) for problem in plan.problems] == [("caf\\xe9/a", Kind.NAME)]
    assert plan.unchanged == 1


@pytest.mark.parametrize("moment_ns", [1 << 63, -(1 << 62), (1 << 63) - 1])
def test_a_file_of_another_age_is_uploaded_recorded_and_known_again(site, moment_ns):
    path = site.write("film.mov")
    os.utime(path, ns=(0, moment_ns))
    assert uploads(site.plan()) == {"film.mov": "new"}
    site.store("film.mov")
    plan = site.plan()
    assert (uploads(plan), plan.unchanged) == ({}, 1)


# --- reconciliation


def reconciled_days_ago(site, days):
    with site.state() as (state, _trusted):
        state.reconciled(time.time() - days * DAY, len(site.bucket.objects))


@pytest.mark.parametrize(
    ("days_ago", "options", "due"),
    [
        (6.9, {}, False),
        (7.1, {}, True),
        (6.9, {"reconcile": True}, True),
        (29, {"reconcile_days": 30}, False),
        (31, {"reconcile_days": 30}, True),
        (0, {"reconcile_days": 0}, True),
        (-400, {}, True),
    ],
)
def test_the_bucket_is_listed_when_that_is_due_or_asked_for(site, days_ago, options, due):
    """A moment in the future means that a clock was wrong."""
    site.write("film.mov")
    site.store("film.mov")
    reconciled_days_ago(site, days_ago)
    plan = site.plan(**options)
    assert (plan.listed, site.bucket.asked["list"]) == (due, int(due))
    assert (plan.reconciled is not None) == due
    assert (uploads(plan), plan.unchanged) == ({}, 1)


def test_a_bucket_that_holds_what_the_state_says_costs_its_listing_and_no_more(site, no_reading):
    names = [f"{number}" for number in range(30)]
    for name in names:
        site.write(name)
    site.store(*names)
    plan = site.plan(reconcile=True)
    assert (plan.reconciled.missing, plan.reconciled.different, plan.unchanged) == (0, 0, 30)
    assert site.bucket.asked == {"check": 1, "list": 1}


def test_an_object_that_vanished_is_uploaded_again_and_counted(site):
    site.write("a")
    site.write("b")
    site.store("a", "b")
    del site.bucket.objects["p/a"]
    plan = site.plan(reconcile=True)
    assert uploads(plan) == {"a": VANISHED}
    assert (plan.reconciled.missing, plan.reconciled.different, plan.unchanged) == (1, 0, 1)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(NEW, "content: the stored ETag is "), (NEW + b"!", "content: the object has 16 bytes, the file 15")],
)
def test_an_object_that_others_replaced_is_uploaded_again_and_counted(site, content, reason):
    site.write("a")
    site.store("a")
    site.bucket.put("p/a", content, time.time() + DAY)
    plan = site.plan(reconcile=True)
    assert uploads(plan)["a"].startswith(reason)
    assert (plan.reconciled.missing, plan.reconciled.different) == (0, 1)


def test_an_object_that_was_stored_again_with_the_same_content_is_recorded_as_it_is_now(site):
    site.write("a")
    site.store("a")
    site.bucket.put("p/a", OLD, time.time() + DAY, part_size=10)
    assert uploads(site.plan(reconcile=True)) == {}
    row = site.rows()["a"]
    assert (row.method, row.part_size) == ("ETag-multipart", 10)
    site.bucket.asked.clear()
    assert site.plan(reconcile=True).reconciled.different == 0


def test_what_was_stored_without_a_proof_is_reconciled_by_its_times(site, no_reading):
    """Its row has no ETag: nothing says that others replaced it, and nothing is a problem of a job without proofs."""
    site.write("a")
    site.store("a", verdict=Verdict(VerdictKind.SAME))
    site.bucket.put("p/a", OLD, time.time() + DAY, encryption="aws:kms", etag="0" * 32)
    plan = site.plan(reconcile=True, verify="none")
    assert (uploads(plan), plan.unchanged, plan.unproven) == ({}, 1, [])
    assert (plan.reconciled.missing, plan.reconciled.different) == (0, 0)


def test_a_bucket_that_was_emptied_is_noticed_by_the_one_request_that_is_always_made(site):
    site.write("a")
    site.store("a")
    site.bucket.objects.clear()
    plan = site.plan()
    assert uploads(plan) == {"a": VANISHED}
    assert len(site.warnings) == 1
    assert "is empty" in site.warnings[0]


def test_an_empty_bucket_and_an_empty_state_are_no_surprise(site):
    with site.state():
        pass
    with site.state() as (state, _trusted):
        state.reconciled(time.time(), 0)
    site.write("a")
    assert uploads(site.plan()) == {"a": "new"}
    assert site.warnings == []


# --- a state that is not trusted, or not asked for


def test_without_trust_the_listing_decides_and_the_state_learns_from_it(site, no_reading):
    site.write("stored")
    site.write("new")
    site.bucket.put("p/stored", OLD, time.time() + DAY)
    plan = site.plan()
    assert (uploads(plan), plan.unchanged, plan.listed, plan.reconciled) == ({"new": "new"}, 1, True, None)
    row = site.rows()["stored"]
    assert (row.etag, row.method, row.proven_at) == (md5(OLD), "", 0), "taken from a listing, and not proven"


def test_what_was_compared_by_content_is_recorded_with_its_proof(site):
    site.write("stored")
    site.bucket.put("p/stored", OLD)
    site.plan()
    row = site.rows()["stored"]
    assert (row.etag, row.method, row.checksum) == (md5(OLD), "ETag", md5(OLD))


@pytest.mark.parametrize("compare", ["remote", "checksum"])
def test_a_job_may_ask_the_bucket_although_it_has_a_state(site, compare):
    site.write("a")
    site.write("b")
    site.store("a", "b")
    del site.bucket.objects["p/a"]
    site.bucket.put("p/b", NEW, time.time() + DAY)
    plan = site.plan(compare=compare)
    assert plan.listed
    expected = {"a": "new"} if compare == "remote" else {"a": "new", "b": "content"}
    assert {name: reason.split(":")[0] for name, reason in uploads(plan).items()} == expected


def test_compare_checksum_compares_every_file_whatever_its_times_are(plan_of, bucket, source, file, moment):
    (source / "other").write_bytes(NEW)
    bucket.put("p/film.mov", OLD, moment + DAY)
    bucket.put("p/other", NEW, moment + DAY)
    plan = plan_of(compare="checksum")
    assert uploads(plan)["film.mov"].startswith("content: ")
    assert plan.unchanged == 1


def test_compare_checksum_calls_unproven_what_nothing_can_compare(plan_of, bucket, file, moment):
    bucket.put("p/film.mov", NEW, moment + DAY, encryption="aws:kms", etag="0" * 32)
    plan = plan_of(compare="checksum")
    assert (uploads(plan), [entry.file.relative for entry in plan.unproven]) == ({}, ["film.mov"])


# --- unproven objects


def test_after_a_run_without_proof_rows_without_a_proof_are_compared_by_content(site):
    for name in ("proven", "right", "wrong"):
        site.write(name)
    site.store("proven")
    site.store("right", verdict=Verdict(VerdictKind.UNPROVEN))
    site.store("wrong", content=NEW, verdict=Verdict(VerdictKind.UNPROVEN))
    plan = site.plan(unproven_since=1.0)
    assert list(uploads(plan)) == ["wrong"]
    assert plan.unchanged == 2
    assert site.bucket.asked["head"] == 2, "what was proven is not asked for"
    assert site.rows()["right"].method == "ETag"


def test_what_nothing_can_prove_stays_a_problem_and_is_not_uploaded(site):
    site.write("a")
    site.store("a", verdict=Verdict(VerdictKind.UNPROVEN))
    site.bucket.put("p/a", OLD, encryption="aws:kms", etag="0" * 32)
    for _run in range(2):
        plan = site.plan(unproven_since=1.0)
        assert (uploads(plan), [entry.file.relative for entry in plan.unproven]) == ({}, ["a"])


def test_with_everything_proven_rows_without_a_proof_are_enough(site, no_reading):
    site.write("a")
    site.store("a", verdict=Verdict(VerdictKind.SAME))
    assert site.plan().unchanged == 1
    assert site.bucket.asked == {"check": 1}


# --- verify=all with a state file


def test_everything_is_to_be_proven_although_the_state_knows_it(site):
    for name in ("a", "b"):
        site.write(name)
    site.store("a", "b")
    plan = site.plan(verify="all")
    assert (to_prove(plan), plan.proven, plan.unchanged) == (["a", "b"], {}, 2)


def test_a_touched_file_that_fits_its_record_is_still_to_be_proven_against_the_bucket(site):
    path = site.write("a")
    site.store("a")
    touch(site, path)
    plan = site.plan(verify="all")
    assert (to_prove(plan), plan.proven) == (["a"], {})


# --- files that change too often for their times to tell


def test_a_file_that_changed_in_the_tick_in_which_it_was_recorded_is_hashed_once_more(site):
    """Another change within the same tick of the file system's clock would leave no trace."""
    path = site.write("a")
    with site.state() as (state, _trusted):
        site.bucket.put("p/a", OLD)
        now = time.time_ns()
        state.remember(
            row_of("a", identity_of(path.stat()), Verdict(VerdictKind.SAME, "ETag", "", md5(OLD), md5(OLD)), now)
        )
        state.reconciled(time.time(), 1)
    path.write_bytes(NEW)
    assert "content" in uploads(site.plan())["a"]


@pytest.mark.parametrize(
    ("changed_ago", "nanoseconds", "recorded"),
    [(10, 123_456_789, True), (1, 123_456_789, True), (0, 123_456_789, False), (10, 0, True), (1, 0, False)],
)
def test_whole_seconds_are_taken_for_a_coarse_clock(changed_ago, nanoseconds, recorded):
    changed = 1_700_000_000 * 10**9 + nanoseconds
    identity = Identity(1, changed, changed, 1, 1)
    assert (settled(identity, changed + changed_ago * 10**9) == identity) == recorded


def test_a_modification_time_in_the_future_does_not_keep_a_file_from_being_recorded():
    """Somebody set it; a write sets ctime too."""
    now = 1_700_000_000_123_456_789
    identity = Identity(1, now + DAY * 10**9, now - DAY * 10**9, 1, 1)
    assert settled(identity, now) == identity


# --- hot folders


def test_a_file_that_changed_a_moment_ago_waits_for_the_next_run(plan_of, file):
    plan = plan_of(settle_seconds=60)
    assert (uploads(plan), plan.deferred, plan.problems) == ({}, ["film.mov"], [])
    assert not plan.source_is_empty


def test_a_file_that_changed_longer_ago_does_not_wait(plan_of, file, moment, monkeypatch):
    monkeypatch.setattr(comparison.time, "time_ns", lambda: int((moment + 61) * 1e9))
    plan = plan_of(settle_seconds=60)
    assert (uploads(plan), plan.deferred) == ({"film.mov": "new"}, [])


def test_a_copy_that_keeps_its_old_modification_time_waits_too(plan_of, file, moment):
    """`cp -p` sets mtime back when it is done; ctime tells that it just did."""
    os.utime(file, (moment - DAY, moment - DAY))
    assert plan_of(settle_seconds=60).deferred == ["film.mov"]


def test_a_modification_time_in_the_future_does_not_make_a_file_wait_for_ever(plan_of, file, moment, monkeypatch):
    os.utime(file, (moment + 400 * DAY, moment + 400 * DAY))
    assert plan_of(settle_seconds=60).deferred == ["film.mov"], "its ctime is of now"
    monkeypatch.setattr(comparison.time, "time_ns", lambda: int((moment + 120) * 1e9))
    assert uploads(plan_of(settle_seconds=60)) == {"film.mov": "new"}


def test_the_plan_tells_when_the_youngest_file_that_waits_has_settled(plan_of, file, moment, monkeypatch):
    monkeypatch.setattr(comparison.time, "time_ns", lambda: int((moment + 20) * 1e9))
    plan = plan_of(settle_seconds=60)
    assert plan.settled_at == pytest.approx(moment + 60, abs=5)
    assert plan_of(settle_seconds=5).settled_at == 0


def test_what_is_stored_need_not_wait(plan_of, bucket, file, moment):
    bucket.put("p/film.mov", NEW, moment + DAY)
    plan = plan_of(settle_seconds=60)
    assert (plan.deferred, plan.unchanged) == ([], 1)


@pytest.mark.parametrize("content", [NEW, NEW + b"!"])
def test_a_changed_file_waits_and_its_row_and_object_stay(site, content):
    site.write("film.mov")
    site.store("film.mov")
    before = site.rows()
    site.write("film.mov", content)
    plan = site.plan(settle_seconds=60)
    assert (uploads(plan), plan.deferred, plan.unchanged) == ({}, ["film.mov"], 0)
    assert site.rows() == before


def test_a_suspect_object_of_a_file_that_waits_is_not_called_stored(site):
    site.write("film.mov")
    site.store("film.mov", content=NEW, verdict=Verdict(VerdictKind.UNPROVEN))
    plan = site.plan(unproven_since=1.0, settle_seconds=60)
    assert (uploads(plan), plan.deferred, plan.unchanged) == ({}, ["film.mov"], 0)


def test_an_unknown_file_that_waits_is_not_asked_for(site):
    site.write("known")
    site.store("known")
    site.write("film.mov")
    plan = site.plan(settle_seconds=60)
    assert (uploads(plan), plan.deferred) == ({}, ["film.mov"])


# --- a dry run reads the state, and writes nothing


def test_a_plan_for_a_dry_run_changes_nothing_on_the_disk(site, tmp_path):
    for name in ("same", "touched", "gone", "day/gone"):
        site.write(name)
    site.store("same", "touched", "gone", "day/gone")
    touch(site, site.source / "touched")
    (site.source / "gone").unlink()
    shutil.rmtree(site.source / "day")
    site.write("new")
    before = {path.name: path.read_bytes() for path in tmp_path.glob("state.db*")}
    for options in ({}, {"delete": True}, {"compare": "remote"}, {"reconcile": True}):
        state = read_state(site.job(), "", site.marks[-1])
        plan = make_plan(site.job(**options), site.bucket, lambda: None, Memories(state, True))
        state.close()
        assert set(uploads(plan)) == {"new"}
        assert {path.name: path.read_bytes() for path in tmp_path.glob("state.db*")} == before


# --- mounts


def test_a_mount_that_is_required_and_not_there_stops_the_plan(source, bucket, monkeypatch):
    job = Job(src=str(source), bucket="archive", require_mount=str(source))
    with pytest.raises(SourceError, match="not mounted"):
        make_plan(job, bucket)
    assert not bucket.asked
    monkeypatch.setattr(os.path, "ismount", lambda path: path == str(source))
    assert uploads(make_plan(job, bucket)) == {}
