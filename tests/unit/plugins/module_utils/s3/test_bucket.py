# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The requests to S3, over answers as they come over the wire, and what errors mean. Nothing is sent: each answer is
put in where the connection would be. Real servers answer in tests/integration.
"""

from __future__ import annotations

import datetime
import email.utils
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import botocore.exceptions
import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import (
    AccessError,
    CredentialsError,
    EndpointError,
)
from ansible_collections.datasync.turbo.plugins.module_utils.s3.bucket import (
    Bucket,
    Deletion,
    Failure,
    ObjectHead,
    StoredObject,
    access_error,
    clock_hint,
    explained,
)
from ansible_collections.datasync.turbo.plugins.module_utils.s3.connection import Connection
from ansible_collections.datasync.turbo.plugins.module_utils.s3.http_pool import Answer, HttpPool
from ansible_collections.datasync.turbo.plugins.module_utils.s3.open_uploads import OpenUpload
from botocore.awsrequest import AWSResponse

NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
JANUARY = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc).timestamp()
SERVER = "http://127.0.0.1:9"
#: Stands for a connection that is cut.
NO_ANSWER = 0


def as_text(value):
    return value.decode() if isinstance(value, bytes) else value


class Body:
    def __init__(self, content):
        self._content = content

    def stream(self, *arguments, **keywords):
        yield self._content


class Sent(NamedTuple):
    """A request as it went out, by whichever way. `short`: without boto3."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes
    short: bool


class Wire:
    """Answers requests from a list, in turn and then always with the last, and keeps what was asked."""

    def __init__(self):
        self.answers = []
        self.requests = []

    def answer(self, body="", status=200, **headers):
        self.answers.append((status, {name.replace("_", "-"): value for name, value in headers.items()}, body))

    def send_by_boto3(self, request, **keywords):
        headers = {name.lower(): as_text(value) for name, value in request.headers.items()}
        self.requests.append(Sent(request.method, request.url, headers, request.body or b"", short=False))
        status, headers, body = self._next()
        return AWSResponse(request.url, status, headers, Body(body.encode()))

    def send_short(self, method, target, headers):
        self.requests.append(Sent(method, f"{SERVER}{target}", headers, b"", short=True))
        status, headers, body = self._next()
        if status == NO_ANSWER:
            raise ConnectionResetError(104, "Connection reset by peer")
        return Answer(status, {name.lower(): value for name, value in headers.items()}, body.encode())

    def _next(self):
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def asked(self, number=-1):
        """Path and query of a request."""
        parts = urlsplit(self.requests[number].url)
        return unquote(parts.path), {name: value[0] for name, value in parse_qs(parts.query, True).items()}


@pytest.fixture(scope="module")
def one_bucket():
    """Making a client costs a noticeable part of a second, so that all tests share it."""
    connection = Connection("", "eu-central-1", SERVER, "AKIDEXAMPLE", "wJalrXUtnFEMI")
    return Bucket(Connection.from_options(connection.__dict__), "archive")


@pytest.fixture
def wire(one_bucket, monkeypatch):
    wire = Wire()
    events = one_bucket.client.meta.events
    events.register("before-send.s3", wire.send_by_boto3)
    monkeypatch.setattr(HttpPool, "send", wire.send_short)
    yield wire
    events.unregister("before-send.s3", wire.send_by_boto3)


@pytest.fixture
def bucket(one_bucket, wire):
    one_bucket._clock_ahead = None
    return one_bucket


def listing(*entries, token=None, **date):
    contents = "".join(
        f"<Contents><Key>{key}</Key><Size>{size}</Size><ETag>&quot;{etag}&quot;</ETag>"
        f"<LastModified>2026-01-02T03:04:05.000Z</LastModified></Contents>"
        for key, size, etag in entries
    )
    more = f"<IsTruncated>true</IsTruncated><NextContinuationToken>{token}</NextContinuationToken>" if token else ""
    return (
        f"<ListBucketResult {NAMESPACE}><Name>archive</Name><KeyCount>1</KeyCount>{more}{contents}</ListBucketResult>"
    )


def error(code, message="because"):
    return f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"


# --- listing


def test_a_listing_names_every_object_of_every_page(bucket, wire):
    wire.answer(listing(("p/a", 1, "x"), token="next"))
    wire.answer(listing(("p/b", 2, "y")))
    assert list(bucket.list("p/")) == [StoredObject("p/a", 1, "x", JANUARY), StoredObject("p/b", 2, "y", JANUARY)]
    assert wire.asked(0)[1]["prefix"] == "p/"
    assert wire.asked(1)[1]["continuation-token"] == "next"


def test_a_listing_shows_special_names_as_they_are(bucket, wire):
    """Asked for URL encoding, because XML cannot carry control characters."""
    wire.answer(listing(("p/a%0Ab+c%5Cd", 1, "x")).replace("<Name>", "<EncodingType>url</EncodingType><Name>"))
    assert [entry.key for entry in bucket.list("p/")] == ["p/a\nb c\\d"]
    assert wire.asked()[1]["encoding-type"] == "url"


def test_an_empty_bucket_has_an_empty_listing(bucket, wire):
    wire.answer(listing())
    assert list(bucket.list("")) == []


def test_an_answer_that_is_no_listing_is_no_empty_bucket(bucket, wire):
    """A captive portal answers everything with 200."""
    wire.answer("<html><body>Please log in</body></html>")
    with pytest.raises(EndpointError, match="is it an S3 server"):
        bucket.check()


def test_the_check_asks_for_one_key_below_the_prefix(bucket, wire):
    wire.answer(listing())
    assert bucket.check("studio/") is False
    path, query = wire.asked()
    assert (path, query["prefix"], query["max-keys"]) == ("/archive", "studio/", "1")


def test_the_check_tells_whether_anything_is_stored(bucket, wire):
    wire.answer(listing(("studio/a", 1, "x")))
    assert bucket.check("studio/") is True
    assert [request.short for request in wire.requests] == [True]


def test_a_listing_begins_after_a_key_and_goes_on_by_token(bucket, wire):
    wire.answer(listing(("p/c", 1, "x"), token="next"))
    wire.answer(listing(("p/d", 2, "y")))
    assert [entry.key for entry in bucket.list("p/", start_after="p/b")] == ["p/c", "p/d"]
    assert (wire.asked(0)[1]["start-after"], "start-after" in wire.asked(1)[1]) == ("p/b", False)


@pytest.mark.parametrize(
    "broken",
    [
        (503, ""),
        (500, error("InternalError")),
        (200, listing(("p/a", 1, "x"))[:-30]),
        (200, listing(("p/a", 1, "x"), token="lost").replace("lost", "")),
        (307, ""),
        (200, ""),
        (NO_ANSWER, ""),
    ],
)
def test_a_page_that_fails_is_asked_again_through_boto3(bucket, wire, broken):
    """The pages before it are not asked again."""
    status, body = broken
    wire.answer(listing(("p/a", 1, "x"), token="next"))
    wire.answer(body, status=status)
    wire.answer(listing(("p/b", 2, "y"), token="last"))
    wire.answer(listing(("p/c", 3, "z")))
    assert [entry.key for entry in bucket.list("p/")] == ["p/a", "p/b", "p/c"]
    assert [request.short for request in wire.requests] == [True, True, False, True]
    assert wire.asked(2)[1]["continuation-token"] == wire.asked(1)[1]["continuation-token"] == "next"


def test_boto3_begins_after_the_same_key(bucket, wire):
    wire.answer(status=503)
    wire.answer(listing())
    assert list(bucket.list("p/", "p/b")) == []
    assert wire.asked()[1]["start-after"] == "p/b"


def test_a_server_that_sends_the_same_page_again_and_again_is_given_up(bucket, wire):
    wire.answer(listing(("p/a", 1, "x"), token="same"))
    with pytest.raises(EndpointError, match="again and again"):
        list(bucket.list("p/"))


def test_a_listing_that_has_more_and_does_not_say_where_is_an_error(bucket, wire):
    """To take it for the end would be to miss objects."""
    wire.answer(listing(("p/a", 1, "x")).replace("<Name>", "<IsTruncated>true</IsTruncated><Name>"))
    with pytest.raises(EndpointError, match="more pages"):
        list(bucket.list("p/"))


def test_a_captive_portal_in_the_middle_of_a_listing_is_an_error(bucket, wire):
    wire.answer(listing(("p/a", 1, "x"), token="next"))
    wire.answer("<html><body>Please log in</body></html>")
    with pytest.raises(EndpointError, match="is it an S3 server"):
        list(bucket.list("p/"))


@pytest.mark.parametrize("document_type", ["html", 'l [<!ENTITY bomb "boom">]'])
def test_an_answer_with_a_document_type_is_an_error_and_is_not_read(bucket, wire, document_type):
    """Web pages have one, and entities that grow without bound; boto3 would expand them."""
    wire.answer(f"<!DOCTYPE {document_type}>{listing(('&bomb;', 1, 'x'))}")
    with pytest.raises(EndpointError, match="is it an S3 server"):
        bucket.check()
    assert len(wire.requests) == 1


def test_the_servers_clock_is_read_from_the_listing(bucket, wire):
    wire.answer(listing(), Date=email.utils.formatdate(time.time() + 3600))
    list(bucket.list(""))
    assert bucket.server_clock_ahead == pytest.approx(3600, abs=30)


def test_without_a_date_the_clocks_are_taken_for_equal(bucket, wire):
    wire.answer(listing())
    wire.answer(listing(), Date="yesterday")
    assert [list(bucket.list("")), list(bucket.list(""))] == [[], []]
    assert bucket.server_clock_ahead == 0


@pytest.mark.parametrize(("stored", "holds"), [("p/a", True), ("p/ab", False), ("p/A", False)])
def test_a_key_is_held_only_if_the_listing_names_exactly_it(bucket, wire, stored, holds):
    wire.answer(listing((stored, 1, "x")))
    assert bucket.holds_key("p/a") is holds


# --- object headers, over the short way

HEADERS = {"Content_Length": "5", "ETag": '"0cc175b9c0f1b6a831c399e269772661"'}


def test_an_object_header_is_read(bucket, wire):
    wire.answer(**HEADERS, x_amz_checksum_crc64nvme="rosUhgp5mIg=", x_amz_checksum_type="FULL_OBJECT", x_amz_meta_k="v")
    assert bucket.head("p/a") == ObjectHead(
        size=5,
        etag="0cc175b9c0f1b6a831c399e269772661",
        checksums={"CRC64NVME": "rosUhgp5mIg="},
        checksum_type="FULL_OBJECT",
        metadata={"k": "v"},
    )
    assert wire.requests[0].headers["x-amz-checksum-mode"] == "ENABLED"
    assert [request.short for request in wire.requests] == [True]


def test_all_checksums_are_read(bucket, wire):
    names = ("crc64nvme", "sha256", "crc32c", "crc32", "sha1")
    wire.answer(**HEADERS, **{f"x_amz_checksum_{name}": name for name in names})
    assert bucket.head("a").checksums == {name.upper(): name for name in names}


@pytest.mark.parametrize(("value", "kind"), [("c2hhMjU2-3", "COMPOSITE"), ("c2hhMjU2", "FULL_OBJECT")])
def test_a_server_that_leaves_the_type_out_shows_it_in_the_value(bucket, wire, value, kind):
    wire.answer(**HEADERS, x_amz_checksum_sha256=value)
    assert bucket.head("a").checksum_type == kind


@pytest.mark.parametrize(
    ("headers", "is_md5"),
    [
        ({}, True),
        ({"x_amz_server_side_encryption": "AES256"}, True),
        ({"x_amz_server_side_encryption": "aws:kms"}, False),
        ({"x_amz_server_side_encryption": "aws:kms:dsse"}, False),
        ({"x_amz_server_side_encryption_customer_algorithm": "AES256"}, False),
    ],
)
def test_encryption_tells_whether_the_etag_is_an_md5(bucket, wire, headers, is_md5):
    wire.answer(**HEADERS, **headers)
    assert bucket.head("a").etag_is_md5 is is_md5


@pytest.mark.parametrize("short", [True, False])
@pytest.mark.parametrize("key", ["a b/ü", "100%", "a+b", "a?b#c", "~x", "p/*'\"!()", "tab\there"])
def test_a_special_name_is_asked_for_as_it_is(bucket, wire, key, short):
    if not short:
        wire.answer(status=503)
    wire.answer(**HEADERS)
    bucket.head(key)
    assert wire.requests[-1].short is short
    assert unquote(urlsplit(wire.requests[-1].url).path) == "/archive/" + key


def test_an_object_that_is_not_there_has_no_header(bucket, wire):
    wire.answer(status=404)
    assert bucket.head("p/a") is None


def test_a_refused_header_is_an_access_error_that_names_the_key(bucket, wire):
    wire.answer(status=403)
    with pytest.raises(AccessError, match="AccessDenied") as raised:
        bucket.head("p/a")
    assert "p/a" in str(raised.value)
    assert "s3:GetObject" in str(raised.value)


def test_a_failure_on_the_short_way_is_asked_again_through_boto3(bucket, wire):
    wire.answer(status=503)
    wire.answer(**HEADERS)
    assert bucket.head("p/a").size == 5
    assert len(wire.requests) == 2


def test_an_answer_without_a_size_is_asked_again_through_boto3_and_then_an_error(bucket, wire):
    """Some proxies drop Content-Length; nothing may be concluded from such an answer."""
    wire.answer(ETag='"x"')
    with pytest.raises(EndpointError, match="p/a"):
        bucket.head("p/a")


# --- parts


def test_the_size_of_the_first_part_tells_the_part_size(bucket, wire):
    wire.answer(Content_Length="8388608", x_amz_mp_parts_count="3")
    assert bucket.part_size("a") == 8 * 2**20
    assert wire.asked()[1]["partNumber"] == "1"


def test_a_server_that_ignores_the_part_number_tells_nothing(bucket, wire):
    wire.answer(Content_Length="25165824")
    assert bucket.part_size("a") is None


def test_a_server_that_refuses_the_part_number_tells_nothing(bucket, wire):
    wire.answer(status=400)
    assert bucket.part_size("a") is None


# --- deleting


def deleted(*keys, errors=(), marker=False):
    """The answer to DeleteObjects."""
    mark = "<DeleteMarker>true</DeleteMarker><DeleteMarkerVersionId>v2</DeleteMarkerVersionId>" if marker else ""
    gone = "".join(f"<Deleted><Key>{escape(key)}</Key>{mark}</Deleted>" for key in keys)
    refused = "".join(
        f"<Error><Key>{key}</Key><Code>{code}</Code><Message>because</Message></Error>" for key, code in errors
    )
    return f"<DeleteResult {NAMESPACE}>{gone}{refused}</DeleteResult>"


def asked_to_delete(request):
    """The keys in the body of a DeleteObjects."""
    return [element.text for element in ElementTree.fromstring(request.body).iter() if element.tag.endswith("Key")]


def test_objects_are_deleted_in_one_request(bucket, wire):
    wire.answer(deleted("p/a", "p/b&c"))
    assert bucket.delete(["p/a", "p/b&c"]) == Deletion(["p/a", "p/b&c"], False, [])
    assert wire.requests[0].method == "POST"
    assert "delete" in wire.asked(0)[1]
    assert asked_to_delete(wire.requests[0]) == ["p/a", "p/b&c"]


def test_nothing_to_delete_asks_nobody(bucket, wire):
    assert bucket.delete([]) == Deletion([], False, [])
    assert wire.requests == []


def test_a_request_deletes_a_thousand_objects_at_most(bucket, wire):
    keys = [f"p/{number:04}" for number in range(2100)]
    for start in (0, 1000, 2000):
        wire.answer(deleted(*keys[start : start + 1000]))
    assert bucket.delete(keys) == Deletion(keys, False, [])
    assert [len(asked_to_delete(request)) for request in wire.requests] == [1000, 1000, 100]


@pytest.mark.parametrize("key", ["p/tab\there", "p/line\nend", "p/\r", "p/\x01", "p/\x7f", "p/\uffff"])
def test_a_key_that_xml_cannot_carry_is_deleted_alone(bucket, wire, key):
    wire.answer(deleted("p/a", "p/b"))
    wire.answer(status=204)
    assert bucket.delete(["p/a", key, "p/b"]) == Deletion(["p/a", "p/b", key], False, [])
    assert [request.method for request in wire.requests] == ["POST", "DELETE"]
    assert wire.asked(1)[0] == "/archive/" + key


def test_a_versioned_bucket_says_that_it_wrote_markers(bucket, wire):
    wire.answer(deleted("p/a", "p/b", marker=True))
    assert bucket.delete(["p/a", "p/b"]).markers is True


def test_a_marker_for_one_object_alone_is_told_too(bucket, wire):
    wire.answer(status=204, x_amz_delete_marker="true", x_amz_version_id="v2")
    assert bucket.delete(["p/a"]) == Deletion(["p/a"], True, [])


def test_each_object_that_is_not_deleted_is_named_with_its_reason(bucket, wire):
    wire.answer(deleted("p/a", errors=[("p/b", "AccessDenied"), ("p/c", "InternalError")]))
    assert bucket.delete(["p/a", "p/b", "p/c"]) == Deletion(
        ["p/a"],
        False,
        [
            Failure("p/b", "AccessDenied", "because (grant s3:DeleteObject on the objects)"),
            Failure("p/c", "InternalError", "because"),
        ],
    )


def test_an_object_that_the_answer_leaves_out_is_not_taken_for_deleted(bucket, wire):
    wire.answer(deleted("p/a"))
    outcome = bucket.delete(["p/a", "p/b"])
    assert (outcome.deleted, [failure.key for failure in outcome.failed]) == (["p/a"], ["p/b"])


def test_an_answer_that_is_no_answer_deletes_nothing(bucket, wire):
    wire.answer("<html>Please log in</html>")
    outcome = bucket.delete(["p/a", "p/b"])
    assert (outcome.deleted, [failure.key for failure in outcome.failed]) == ([], ["p/a", "p/b"])


def test_a_server_without_bulk_deletion_is_asked_for_each_object(bucket, wire):
    wire.answer(error("NotImplemented"), status=501)
    wire.answer(status=204)
    wire.answer(error("AccessDenied"), status=403)
    outcome = bucket.delete(["p/a", "p/b"])
    assert [request.method for request in wire.requests] == ["POST", "DELETE", "DELETE"]
    assert outcome.deleted == ["p/a"]
    assert [(failure.key, failure.code) for failure in outcome.failed] == [("p/b", "AccessDenied")]
    assert "s3:DeleteObject" in outcome.failed[0].message


def test_what_was_deleted_one_by_one_before_a_failure_is_told(bucket, wire):
    wire.answer(error("MissingContentMD5"), status=400)
    wire.answer(status=204)
    wire.answer(error("ExpiredToken"), status=400)
    outcome = bucket.delete(["p/a", "p/b", "p/c"])
    assert outcome.deleted == ["p/a"]
    assert [(failure.key, failure.code) for failure in outcome.failed] == [
        ("p/b", "ExpiredToken"),
        ("p/c", "ExpiredToken"),
    ]


def test_a_first_request_that_is_refused_is_an_error(bucket, wire):
    wire.answer(error("AccessDenied"), status=403)
    with pytest.raises(AccessError, match="s3:DeleteObject"):
        bucket.delete(["p/a", "p/b"])


def test_what_was_deleted_before_a_failure_is_told(bucket, wire):
    keys = [f"p/{number:04}" for number in range(2100)]
    wire.answer(deleted(*keys[:999], errors=[("p/0999", "InternalError")]))
    wire.answer(error("AccessDenied"), status=403)
    outcome = bucket.delete(keys)
    assert outcome.deleted == keys[:999]
    assert [failure.key for failure in outcome.failed] == keys[999:]
    assert {failure.code for failure in outcome.failed[1:]} == {"AccessDenied"}
    assert len(wire.requests) == 2


@pytest.mark.parametrize(
    ("status", "keeps"),
    [("<Status>Enabled</Status>", True), ("<Status>Suspended</Status>", False), ("", False)],
)
def test_a_bucket_tells_whether_it_keeps_versions(bucket, wire, status, keeps):
    wire.answer(f"<VersioningConfiguration {NAMESPACE}>{status}</VersioningConfiguration>")
    assert bucket.keeps_versions() is keeps


@pytest.mark.parametrize(
    ("status", "code"), [(403, "AccessDenied"), (501, "NotImplemented"), (405, "MethodNotAllowed")]
)
def test_where_the_question_for_versions_is_refused_nobody_knows(bucket, wire, status, code):
    wire.answer(error(code), status=status)
    assert bucket.keeps_versions() is None


def test_wrong_credentials_are_no_answer_about_versions(bucket, wire):
    wire.answer(error("InvalidAccessKeyId"), status=403)
    with pytest.raises(CredentialsError):
        bucket.keeps_versions()


# --- multipart uploads


def open_uploads(*keys, more=False):
    uploads = "".join(
        f"<Upload><Key>{key}</Key><UploadId>id-{key}</UploadId><Initiated>2026-01-02T03:04:05.000Z</Initiated></Upload>"
        for key in keys
    )
    markers = f"<NextKeyMarker>{keys[-1]}</NextKeyMarker><NextUploadIdMarker>id-{keys[-1]}</NextUploadIdMarker>"
    end = f"<IsTruncated>true</IsTruncated>{markers}" if more else "<IsTruncated>false</IsTruncated>"
    root = "ListMultipartUploadsResult"
    return f"<{root} {NAMESPACE}><Bucket>archive</Bucket>{end}{uploads}</{root}>"


def keys_of_open(bucket, prefix="p/"):
    return [entry.key for entry in bucket.open_uploads(prefix)]


def test_open_multipart_uploads_are_listed_over_all_pages_without_boto3(bucket, wire):
    wire.answer(open_uploads("p/a", more=True))
    wire.answer(open_uploads("p/b"))
    assert list(bucket.open_uploads("p/")) == [
        OpenUpload("p/a", "id-p/a", JANUARY),
        OpenUpload("p/b", "id-p/b", JANUARY),
    ]
    assert wire.asked(0) == ("/archive", {"uploads": "", "prefix": "p/"})
    assert wire.asked(1)[1] == {"uploads": "", "prefix": "p/", "key-marker": "p/a", "upload-id-marker": "id-p/a"}
    assert [request.short for request in wire.requests] == [True, True]


@pytest.mark.parametrize(
    "broken",
    [
        (503, ""),
        (500, error("InternalError")),
        (200, open_uploads("p/a")[:-30]),
        (200, listing(("p/a", 1, "x"))),
        (307, ""),
        (200, ""),
        (NO_ANSWER, ""),
    ],
)
def test_a_page_of_open_uploads_that_fails_is_asked_again_through_boto3(bucket, wire, broken):
    """The pages before it are not asked again."""
    status, body = broken
    wire.answer(open_uploads("p/a", more=True))
    wire.answer(body, status=status)
    wire.answer(open_uploads("p/b", more=True))
    wire.answer(open_uploads("p/c"))
    assert keys_of_open(bucket) == ["p/a", "p/b", "p/c"]
    assert [request.short for request in wire.requests] == [True, True, False, True]
    for number in (1, 2):
        markers = {"key-marker": "p/a", "upload-id-marker": "id-p/a", "uploads": ""}
        assert markers.items() <= wire.asked(number)[1].items()


def test_open_uploads_on_pages_that_repeat_themselves_are_given_up(bucket, wire):
    wire.answer(open_uploads("p/a", more=True))
    with pytest.raises(EndpointError, match="again and again"):
        keys_of_open(bucket)


@pytest.mark.parametrize("body", ["<html><body>Please log in</body></html>", f"<!DOCTYPE html>{open_uploads('p/a')}"])
def test_an_answer_of_another_server_does_not_mean_that_nothing_is_open(bucket, wire, body):
    """A captive portal answers everything with 200."""
    wire.answer(body)
    with pytest.raises(EndpointError, match="is it an S3 server"):
        keys_of_open(bucket)


def test_open_uploads_that_go_on_nobody_knows_where_are_an_error(bucket, wire):
    wire.answer(open_uploads("p/a").replace("false", "true"))
    with pytest.raises(EndpointError, match="more pages"):
        keys_of_open(bucket)


def test_exactly_the_given_multipart_upload_is_aborted(bucket, wire):
    wire.answer(status=204)
    bucket.abort_upload(OpenUpload("p/a", "id-a", JANUARY))
    assert wire.requests[0].method == "DELETE"
    assert wire.asked() == ("/archive/p/a", {"uploadId": "id-a"})


# --- what errors mean


@pytest.mark.parametrize(
    ("code", "status"),
    [("InvalidAccessKeyId", 403), ("SignatureDoesNotMatch", 403), ("ExpiredToken", 400), ("RequestTimeTooSkewed", 403)],
)
def test_an_error_about_who_we_are_is_a_credentials_error_with_advice(bucket, wire, code, status):
    wire.answer(error(code), status=status)
    with pytest.raises(CredentialsError, match=code) as raised:
        bucket.check()
    assert raised.value.hint


@pytest.mark.parametrize(("code", "status"), [("NoSuchBucket", 404), ("AccessDenied", 403)])
def test_an_error_about_the_bucket_is_an_access_error_that_names_it(bucket, wire, code, status):
    wire.answer(error(code), status=status)
    with pytest.raises(AccessError, match=code) as raised:
        list(bucket.list("p/"))
    assert not isinstance(raised.value, EndpointError)
    assert "'archive' at http://127.0.0.1:9" in str(raised.value)


@pytest.mark.parametrize(
    ("request_", "permission"),
    [
        (lambda bucket: bucket.check(), "s3:ListBucket on the bucket"),
        (lambda bucket: bucket.head("a"), "s3:GetObject on the objects"),
        (lambda bucket: list(bucket.open_uploads("")), "s3:ListBucketMultipartUploads on the bucket"),
        (lambda bucket: bucket.put_probe("a"), "s3:PutObject on the objects"),
        (lambda bucket: bucket.delete_probe("a"), "s3:DeleteObject on the objects"),
    ],
)
def test_a_refusal_names_the_permission_that_is_missing(bucket, wire, request_, permission):
    wire.answer(error("AccessDenied"), status=403)
    with pytest.raises(AccessError) as raised:
        request_(bucket)
    assert raised.value.hint == f"grant {permission}"


def test_an_error_page_that_is_not_s3s_points_at_the_endpoint(bucket, wire):
    wire.answer("<html>not found</html>", status=404)
    with pytest.raises(EndpointError, match="is it an S3 server"):
        bucket.check()


def test_a_clock_that_is_wrong_is_said_with_its_side(bucket, wire):
    wire.answer(error("RequestTimeTooSkewed"), status=403, Date=email.utils.formatdate(time.time() + 3600))
    with pytest.raises(CredentialsError, match="seconds behind the server"):
        bucket.check()


@pytest.mark.parametrize(("ahead", "words"), [(3600, "3600 seconds behind"), (-90, "90 seconds ahead of")])
def test_a_clock_far_off_is_described(ahead, words):
    assert words in clock_hint(ahead)


@pytest.mark.parametrize("ahead", [None, 0, 59, -59])
def test_a_clock_that_is_near_enough_is_not_mentioned(ahead):
    assert clock_hint(ahead) is None


def test_an_unknown_code_is_an_access_error():
    failure = access_error("SomethingNew", "because", "here")
    assert failure.__class__ is AccessError
    assert str(failure) == "here: SomethingNew: because"


@pytest.mark.parametrize(
    ("failure", "kind", "words"),
    [
        (botocore.exceptions.NoCredentialsError(), CredentialsError, "give a profile"),
        (
            botocore.exceptions.CredentialRetrievalError(provider="process", error_msg="no"),
            CredentialsError,
            "renew the login",
        ),
        (botocore.exceptions.SSLError(endpoint_url="https://h", error="self-signed"), EndpointError, "AWS_CA_BUNDLE"),
        (botocore.exceptions.EndpointConnectionError(endpoint_url="http://h"), EndpointError, "check endpoint_url"),
        (ConnectionResetError(104, "Connection reset by peer"), EndpointError, "reset"),
    ],
)
def test_a_failure_without_an_answer_says_what_to_check(failure, kind, words):
    with pytest.raises(kind, match=words) as raised, explained("list", "bucket 'archive' at http://h"):
        raise failure
    assert "cannot list: bucket 'archive'" in str(raised.value)


def test_a_refused_connection_is_said_in_the_words_of_the_system():
    cause = ConnectionRefusedError(111, "Connection refused")
    with pytest.raises(EndpointError, match="Connection refused"), explained("list", "here"):
        raise botocore.exceptions.EndpointConnectionError(endpoint_url="http://h") from cause


# --- what a bucket costs


def test_a_bucket_that_was_made_has_asked_nobody(monkeypatch):
    """What is wrong with the connection shows with the first request."""
    monkeypatch.setattr(Connection, "client", lambda *arguments: pytest.fail("no client is needed yet"))
    monkeypatch.setattr(Connection, "credentials", lambda self: pytest.fail("no credentials are needed yet"))
    Bucket(Connection(profile="there-is-none"), "archive")


@pytest.mark.parametrize(
    "request_",
    [
        lambda bucket: bucket.check(),
        lambda bucket: list(bucket.list("")),
        lambda bucket: bucket.head("a"),
        lambda bucket: bucket.delete(["a"]),
        lambda bucket: bucket.client,
    ],
)
def test_a_wrong_profile_is_said_at_the_first_request(request_, monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    with pytest.raises(CredentialsError, match="profile 'there-is-none' is not in the AWS configuration"):
        request_(Bucket(Connection(profile="there-is-none", endpoint_url=SERVER), "archive"))


def test_missing_credentials_are_said_at_the_first_request(monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    with pytest.raises(CredentialsError, match="Unable to locate credentials") as raised:
        Bucket(Connection(endpoint_url=SERVER), "archive").check()
    assert raised.value.hint == "give a profile, keys, or an instance role"


def test_threads_share_one_client(monkeypatch):
    made = []
    monkeypatch.setattr(Connection, "client", lambda *arguments: made.append(time.sleep(0.05)) or object())
    bucket = Bucket(Connection(endpoint_url=SERVER, access_key="A", secret_key="S"), "archive")
    with ThreadPoolExecutor(8) as threads:
        clients = list(threads.map(lambda _number: bucket.client, range(8)))
    assert len(made) == 1
    assert len(set(map(id, clients))) == 1


#: Runs without the modules of this process; prints what a run over an unchanged tree has imported.
FIRST_REQUEST = """
import sys
from ansible_collections.datasync.turbo.plugins.module_utils.s3.bucket import Bucket
from ansible_collections.datasync.turbo.plugins.module_utils.s3.connection import Connection
options = {"endpoint_url": sys.argv[1], "access_key": "A", "secret_key": "S", "region": "us-east-1"}
bucket = Bucket(Connection.from_options(options), "archive")
assert bucket.check("p/") and bucket.endpoint_url
print(*(name for name in ("boto3", "botocore", "urllib3", "awscrt") if name in sys.modules))
"""


class OnePage(BaseHTTPRequestHandler):
    def do_GET(self):
        body = listing(("p/a", 1, "x")).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


def test_the_first_request_imports_neither_boto3_nor_botocore(tmp_path):
    """They would take longer than the rest of a run over an unchanged tree."""
    environment = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "HOME": str(tmp_path)}
    with HTTPServer(("127.0.0.1", 0), OnePage) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        command = [sys.executable, "-c", FIRST_REQUEST, url]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        server.shutdown()
    assert (ended.stdout, ended.stderr) == ("\n", "")


# --- where s5cmd is sent


def test_a_server_of_ones_own_has_a_url(bucket):
    assert bucket.endpoint_url == SERVER
