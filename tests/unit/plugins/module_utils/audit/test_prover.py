# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""An object is proven by the cheapest means that is allowed and proves it, and no dearer one is tried."""

from __future__ import annotations

import base64
import hashlib
import io
import threading

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.audit.attach import NotAttached
from ansible_collections.datasync.turbo.plugins.module_utils.audit.expected import ExpectedLine, ExpectedRow
from ansible_collections.datasync.turbo.plugins.module_utils.audit.prover import DOWNLOADS, Means, Prover
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import AccessError, EndpointError
from ansible_collections.datasync.turbo.plugins.module_utils.common.threads import ReadingStopped, Stop
from ansible_collections.datasync.turbo.plugins.module_utils.job.local_file import Identity
from ansible_collections.datasync.turbo.plugins.module_utils.job.state import Row
from ansible_collections.datasync.turbo.plugins.module_utils.proof.verify import HEADER_REFUSED, VerdictKind
from ansible_collections.datasync.turbo.plugins.module_utils.s3.head import UNREADABLE_HEADER

CONTENT = b"content"


def sha256(content):
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


class Attacher:
    """Copies objects of the bucket in memory onto themselves; the server stores a SHA256 then, unless `stores` says."""

    def __init__(self, bucket, copy_limit=1000, stores=True):
        self.copy_limit = copy_limit
        self._bucket = bucket
        self._stores = stores
        self.copied = []

    def attach(self, key, etag, part_size, tick):
        tick()
        self.copied.append((key, part_size))
        if self._stores:
            stored = self._bucket.objects[key]
            stored.checksums["SHA256"] = sha256(stored.content)


@pytest.fixture
def downloads(bucket):
    """The bodies that the server sends, one for each request; the object itself when there are no more."""
    bodies = []

    class Client:
        def get_object(self, Bucket, Key, IfMatch):
            body = bodies.pop(0) if bodies else io.BytesIO(bucket.objects[Key].content)
            return {"Body": body}

    bucket.name, bucket.client = "archive", Client()
    return bodies


@pytest.fixture
def prover(bucket):
    """A prover with these means."""
    return lambda stop=None, **means: Prover(bucket, Means(**means), stop or Stop())


def line(content=CONTENT):
    return ExpectedLine("a", hashlib.sha256(content).hexdigest(), "p/")


def row():
    digest = hashlib.md5(CONTENT).hexdigest()
    return ExpectedRow(Row("a", Identity(len(CONTENT), 1, 1, 1, 1), digest, "ETag", digest), "p/", lambda key: None)


def listed(bucket):
    return next(bucket.list("p/"))


# --- asking


def test_what_the_listing_proves_costs_no_request(prover, bucket):
    bucket.put("p/a", CONTENT)
    entry = listed(bucket)
    bucket.asked.clear()
    assert prover().verdict(row(), entry).method == "recorded-ETag"
    assert not bucket.asked


def test_where_only_a_sha256_counts_the_listing_and_other_checksums_prove_nothing(prover, bucket):
    bucket.put("p/a", CONTENT)
    verdict = prover(sha256_only=True).verdict(row(), listed(bucket))
    assert verdict.kind is VerdictKind.UNPROVEN
    assert "the server stored no SHA256, although its ETag agrees" in verdict.message


def test_an_object_that_the_listing_did_not_show_is_asked_for_once_more(prover, bucket):
    assert prover().verdict(line(), None).kind is VerdictKind.MISSING
    bucket.put("p/a", CONTENT, checksums={"SHA256": sha256(CONTENT)})
    assert prover().verdict(line(), None).kind is VerdictKind.SAME


def test_an_object_that_went_since_the_listing_is_missing(prover, bucket):
    bucket.put("p/a", CONTENT)
    entry = listed(bucket)
    del bucket.objects["p/a"]
    assert prover().verdict(line(), entry).kind is VerdictKind.MISSING


def test_a_header_that_may_not_be_seen_proves_nothing_and_nothing_more_is_tried(prover, bucket, monkeypatch):
    bucket.put("p/a", CONTENT)
    monkeypatch.setattr(bucket, "head", lambda key: UNREADABLE_HEADER)
    assert prover(download=True).verdict(line(), listed(bucket)) is HEADER_REFUSED


def test_what_cannot_be_proven_says_what_would_prove_it(prover, bucket):
    bucket.put("p/a", CONTENT)
    message = prover().verdict(line(), listed(bucket)).message
    assert message == "the server stored no SHA256; attach_sha256 or allow_download would prove it"


def test_a_difference_needs_no_dearer_means(prover, bucket, downloads):
    bucket.put("p/a", CONTENT, checksums={"SHA256": sha256(b"another")})
    dear = prover(attacher=Attacher(bucket), download=True)
    assert dear.verdict(line(), listed(bucket)).kind is VerdictKind.DIFFERENT
    assert (dear.attached, dear.downloaded) == (0, 0)


# --- a SHA256 that the server computes


def test_an_attached_sha256_proves_and_is_counted(prover, bucket):
    bucket.put("p/a", CONTENT)
    attaching = prover(attacher=Attacher(bucket))
    assert attaching.verdict(line(), listed(bucket)).method == "SHA256"
    assert attaching.attached == 1


def test_in_check_mode_nothing_is_attached_and_it_is_said(prover, bucket):
    bucket.put("p/a", CONTENT)
    attacher = Attacher(bucket)
    attaching = prover(attacher=attacher, attach_only_said=True)
    verdict = attaching.verdict(line(), listed(bucket))
    assert (verdict.kind, verdict.message) == (VerdictKind.UNPROVEN, "a SHA256 would be attached (check mode)")
    assert (attaching.attached, attacher.copied) == (1, [])


def test_a_server_that_attaches_nothing_is_tried_once(prover, bucket):
    for name in ("a", "b", "c"):
        bucket.put(f"p/{name}", CONTENT)
    attacher = Attacher(bucket, stores=False)
    attaching = prover(attacher=attacher)
    messages = [
        attaching.verdict(ExpectedLine(entry.key[2:], "0" * 64, "p/"), entry).message for entry in bucket.list("p/")
    ]
    assert len(attacher.copied) == 1
    assert "copied the object onto itself, and stored none" in messages[0]
    assert "this server stores none with a copy" in messages[2]


def test_a_line_is_not_copied_in_parts_because_that_gives_no_sha256_of_the_whole(prover, bucket):
    bucket.put("p/a", CONTENT)
    attacher = Attacher(bucket, copy_limit=len(CONTENT) - 1)
    verdict = prover(attacher=attacher).verdict(line(), listed(bucket))
    assert "too large for one of the whole" in verdict.message
    assert attacher.copied == []


def test_a_row_without_a_sha256_is_neither_copied_nor_downloaded(prover, bucket, downloads):
    """Nothing that they tell could be compared with it."""
    bucket.put("p/a", CONTENT, encryption="aws:kms", etag="0" * 32)
    attacher = Attacher(bucket)
    dear = prover(attacher=attacher, download=True)
    assert dear.verdict(row(), listed(bucket)).kind is VerdictKind.UNPROVEN
    assert (attacher.copied, dear.downloaded) == ([], 0)


def test_where_attaching_is_refused_a_download_proves(prover, bucket, downloads):
    bucket.put("p/a", CONTENT)

    class Refused(Attacher):
        def attach(self, *arguments):
            raise NotAttached("access denied")

    dear = prover(attacher=Refused(bucket), download=True)
    assert dear.verdict(line(), listed(bucket)).method == "download"
    only_attached = prover(attacher=Refused(bucket)).verdict(line(), listed(bucket))
    assert "no SHA256 was attached: access denied; allow_download would prove it" in only_attached.message


def test_while_nobody_knows_whether_the_server_attaches_one_object_is_tried_at_a_time(prover, bucket):
    """A server that stores nothing would else copy as many objects in vain as there are threads."""
    for number in range(8):
        bucket.put(f"p/{number}", CONTENT)
    attacher = Attacher(bucket, stores=False)
    attaching = prover(attacher=attacher)
    lines = [(ExpectedLine(entry.key[2:], "0" * 64, "p/"), entry) for entry in bucket.list("p/")]
    threads = [threading.Thread(target=attaching.verdict, args=one) for one in lines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(attacher.copied) == 1


# --- a download


class Broken(io.BytesIO):
    """A body whose connection breaks at once."""

    def read(self, _size=-1):
        raise EndpointError("connection reset")


def test_a_download_proves_or_shows_a_difference_and_says_by_what(prover, bucket, downloads):
    bucket.put("p/a", CONTENT)
    dear = prover(download=True)
    assert dear.verdict(line(), listed(bucket)).method == "download"
    verdict = dear.verdict(line(b"another"), listed(bucket))
    assert (verdict.kind, verdict.method) == (VerdictKind.DIFFERENT, "download")
    assert "the SHA256 of what was downloaded is" in verdict.message
    assert dear.downloaded == 2 * len(CONTENT)


def test_a_download_that_breaks_is_begun_again_a_few_times(prover, bucket, downloads):
    bucket.put("p/a", CONTENT)
    downloads += [Broken() for _time in range(DOWNLOADS - 1)]
    assert prover(download=True).verdict(line(), listed(bucket)).method == "download"
    downloads += [Broken() for _time in range(DOWNLOADS)]
    with pytest.raises(EndpointError):
        prover(download=True).verdict(line(), listed(bucket))
    assert downloads == []


def test_a_download_that_is_refused_leaves_the_object_unproven_and_says_why(prover, bucket, downloads, monkeypatch):
    def refused(**parameters):
        raise AccessError("AccessDenied", "grant s3:GetObject")

    bucket.put("p/a", CONTENT)
    monkeypatch.setattr(bucket.client, "get_object", refused)
    verdict = prover(download=True).verdict(line(), listed(bucket))
    assert verdict.kind is VerdictKind.UNPROVEN
    assert "AccessDenied" in verdict.message


def test_a_stop_ends_a_download_between_two_blocks(prover, bucket, downloads):
    bucket.put("p/a", CONTENT)
    stop = Stop()
    stop.set()
    with pytest.raises(ReadingStopped):
        prover(stop, download=True).verdict(line(), listed(bucket))
