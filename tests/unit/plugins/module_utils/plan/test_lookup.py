# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Is the object its file, where the listing does not tell? By the times, by what travelled with it, by the content.

What becomes of the answers is in `test_comparison.py`.
"""

from __future__ import annotations

import hashlib
import threading
import time

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import AccessError
from ansible_collections.datasync.turbo.plugins.module_utils.common.units import MIB
from ansible_collections.datasync.turbo.plugins.module_utils.job.job import Job
from ansible_collections.datasync.turbo.plugins.module_utils.job.local_file import LocalFile, identity_of
from ansible_collections.datasync.turbo.plugins.module_utils.job.state import Row
from ansible_collections.datasync.turbo.plugins.module_utils.plan import lookup as lookup_module
from ansible_collections.datasync.turbo.plugins.module_utils.plan.lookup import (
    FINGERPRINT,
    OUR_SECONDS_PER_MIB,
    READ_WINDOW,
    SYNCED_BY,
    Looks,
    Lookup,
    LookupAnswer,
)
from ansible_collections.datasync.turbo.plugins.module_utils.proof.verify import Verdict, VerdictKind, Verifier
from ansible_collections.datasync.turbo.plugins.module_utils.s3.limits import SMALL_FILE
from ansible_collections.datasync.turbo.plugins.module_utils.s3.listing import CLOCK_MARGIN, StoredObject

CONTENT = b"the content"
MD5 = hashlib.md5(CONTENT).hexdigest()
KEY = "p/film.mov"


@pytest.fixture
def file(source):
    """A file that changed just now."""
    path = source / "film.mov"
    path.write_bytes(CONTENT)
    return LocalFile(str(path), "film.mov", KEY, identity_of(path.stat()))


@pytest.fixture
def changed(file):
    """When the file changed last, in seconds since the epoch."""
    return file.last_change_ns / 1e9


@pytest.fixture
def lookup_of(source, bucket):
    def make(**options):
        job = Job(src=str(source), bucket="archive", prefix="p/", **options)
        return Lookup(job, bucket, Verifier(bucket, job.checksum_algorithm))

    return make


def entry(stored_at, etag=MD5):
    return StoredObject(KEY, len(CONTENT), etag, stored_at)


# --- the times


def test_an_object_is_as_old_as_this_hosts_clock_says(lookup_of, bucket):
    bucket.server_clock_ahead = 60.0
    assert lookup_of().stored_at(entry(1000.0)) == 940.0


@pytest.mark.parametrize(("after", "settles"), [(1.0, True), (-1.0, False)])
def test_the_times_settle_only_beyond_the_window_in_which_the_file_may_have_been_read(
    lookup_of, file, changed, after, settles
):
    stored_at = changed + CLOCK_MARGIN + READ_WINDOW + after
    assert lookup_of().stored_after_last_change(file, entry(stored_at), OUR_SECONDS_PER_MIB) is settles


def test_a_large_file_may_take_longer_to_be_read(lookup_of, file, changed):
    large = file._replace(identity=file.identity._replace(size=100 * MIB))
    stored = entry(changed + READ_WINDOW + 60)
    assert not lookup_of().stored_after_last_change(large, stored, 1.0)
    assert lookup_of().stored_after_last_change(large, stored, 0.1)


# --- the content, cheapest question first


def test_an_etag_in_the_listing_that_is_the_files_md5_costs_no_request(lookup_of, bucket, file, changed):
    answer = lookup_of().reason_to_upload(file, entry(changed), suspect=True)
    assert (answer.reason, answer.verdict.kind, answer.verdict.method) == ("", VerdictKind.SAME, "ETag")
    assert not bucket.asked


@pytest.mark.parametrize("options", [{"verify": "all"}, {"checksum_algorithm": "SHA256"}])
def test_where_stored_checksums_are_wanted_the_listing_is_not_enough(lookup_of, bucket, file, changed, options):
    bucket.put(KEY, CONTENT, changed)
    assert lookup_of(**options).reason_to_upload(file, entry(changed), suspect=True).reason == ""
    assert bucket.asked["head"] == 1


def test_a_file_that_is_not_small_is_not_read_for_the_listing(lookup_of, bucket, file, changed, monkeypatch):
    monkeypatch.setattr(lookup_module, "SMALL_FILE", len(CONTENT) - 1)
    assert len(CONTENT) < SMALL_FILE
    assert lookup_of().reason_to_upload(file, entry(changed), suspect=True).reason == "new"
    assert bucket.asked["head"] == 1


def test_an_object_that_is_not_there_is_new(lookup_of, file):
    assert lookup_of().reason_to_upload(file, None, suspect=True).reason == "new"


def test_other_content_is_the_reason_with_both_checksums(lookup_of, bucket, file, changed):
    bucket.put(KEY, b"THE CONTENT", changed)
    reason = lookup_of().reason_to_upload(file, None, suspect=True).reason
    assert reason.startswith("content: the stored ETag is ")
    assert MD5 in reason


def test_what_nothing_can_prove_is_stored_again_unless_that_would_prove_nothing_either(
    lookup_of, bucket, file, changed
):
    bucket.put(KEY, CONTENT, changed, etag="no-md5")
    assert lookup_of().reason_to_upload(file, None, suspect=False).reason.startswith("changed after it was stored")
    suspect = lookup_of().reason_to_upload(file, None, suspect=True)
    assert (suspect.reason, suspect.verdict.kind) == ("", VerdictKind.UNPROVEN)


# --- what travelled with the object


def metadata(file, began=None):
    timestamp = {} if began is None else {"timestamp": str(int(began))}
    return {"synced-by": SYNCED_BY, FINGERPRINT: file.identity.fingerprint, **timestamp}


def test_the_very_file_that_was_handed_over_is_not_read(lookup_of, bucket, file, changed, monkeypatch):
    monkeypatch.setattr(Verifier, "present", lambda *arguments: pytest.fail("compared"))
    bucket.put(KEY, CONTENT, changed, metadata=metadata(file), etag="no-md5")
    assert lookup_of().reason_to_upload(file, None, suspect=False).reason == ""


@pytest.mark.parametrize("change", [{"synced-by": "others"}, {FINGERPRINT: "1-2-3"}])
def test_a_fingerprint_of_others_or_of_another_file_tells_nothing(lookup_of, bucket, file, changed, change):
    bucket.put(KEY, b"THE CONTENT", changed, metadata={**metadata(file), **change})
    assert lookup_of().reason_to_upload(file, None, suspect=False).reason.startswith("content: ")


@pytest.mark.parametrize(("began", "settles"), [(10, True), (0, False), (-10, False)])
def test_a_file_that_we_began_to_read_after_its_change_is_stored(lookup_of, bucket, file, changed, began, settles):
    note = {**metadata(file, changed + began), FINGERPRINT: "another"}
    bucket.put(KEY, CONTENT, changed + 20, metadata=note, etag="no-md5")
    answer = lookup_of().reason_to_upload(file, entry(changed + 20, etag="no-md5"), suspect=False)
    assert (answer.reason == "") is settles


def test_reading_that_began_after_storing_was_told_by_a_wrong_clock(lookup_of, bucket, file, changed):
    note = {**metadata(file, changed + 3600), FINGERPRINT: "another"}
    bucket.put(KEY, CONTENT, changed + 20, metadata=note, etag="no-md5")
    assert lookup_of().reason_to_upload(file, entry(changed + 20, etag="no-md5"), suspect=False).reason


# --- the record of the state file


def row_with(file, **changes):
    return Row("film.mov", file.identity, MD5, "ETag", MD5)._replace(**changes)


def test_a_touched_file_is_held_to_its_record_without_a_request(lookup_of, bucket, file):
    answer = lookup_of().reason_by_record(file, row_with(file))
    assert (answer.reason, answer.by_record) == ("", True)
    assert not bucket.asked


def test_content_that_is_not_the_recorded_one_is_the_reason(lookup_of, bucket, file):
    answer = lookup_of().reason_by_record(file, row_with(file, etag="0" * 32, checksum="0" * 32))
    assert answer.reason.startswith("content: the ETag was ")
    assert not bucket.asked


def test_without_a_proof_in_the_record_the_bucket_is_asked(lookup_of, bucket, file, changed):
    bucket.put(KEY, CONTENT, changed)
    for row in (None, row_with(file, method="", checksum="")):
        answer = lookup_of().reason_by_record(file, row)
        assert (answer.reason, answer.by_record) == ("", False)
    assert bucket.asked["head"] == 2


# --- many questions at the same time

STORED = LookupAnswer("", Verdict(VerdictKind.SAME))


def test_answers_are_taken_in_by_the_asker_in_the_order_of_the_questions(bucket):
    taken, here = [], threading.get_ident()
    with Looks(Verifier(bucket, "CRC64NVME"), lambda: None) as looks:
        for number in range(20):

            def question(number=number):
                time.sleep(0.002 * (number % 3))
                return STORED._replace(reason=str(number))

            looks.ask(question, lambda answer: taken.append((answer.reason, threading.get_ident())))
        looks.finish()
    assert taken == [(str(number), here) for number in range(20)]


def test_no_more_questions_wait_than_there_is_room_for(bucket, monkeypatch):
    monkeypatch.setattr(lookup_module, "LOOKS_AHEAD", 3)
    taken = []
    with Looks(Verifier(bucket, "CRC64NVME"), lambda: None) as looks:
        for _number in range(10):
            looks.ask(lambda: STORED, taken.append)
        assert len(taken) >= 7
        looks.finish()
    assert len(taken) == 10


def test_an_error_of_one_question_ends_them_all(bucket):
    verifier = Verifier(bucket, "CRC64NVME")

    def refused():
        raise AccessError("refused")

    with pytest.raises(AccessError), Looks(verifier, lambda: None) as looks:
        looks.ask(refused, lambda answer: None)
        looks.finish()


def test_an_interrupt_is_noticed_while_answers_are_awaited(bucket):
    class Stop(Exception):
        pass

    def tick():
        raise Stop

    with pytest.raises(Stop), Looks(Verifier(bucket, "CRC64NVME"), tick) as looks:
        looks.ask(lambda: STORED, lambda answer: None)
        looks.finish()
