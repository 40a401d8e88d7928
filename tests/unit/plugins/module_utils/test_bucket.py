# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The requests to S3, over answers as they come over the wire, and what errors mean. Nothing is sent: each answer is
put in where the connection would be. Real servers answer in tests/integration.
"""

from __future__ import annotations

import datetime
import email.utils
import time
from typing import Dict, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

import botocore.exceptions
import pytest
from ansible_collections.datasync.turbo.plugins.module_utils import bucket as bucket_module
from ansible_collections.datasync.turbo.plugins.module_utils.bucket import (
    Bucket,
    ObjectHead,
    StoredObject,
    access_error,
    clock_hint,
    explained,
)
from ansible_collections.datasync.turbo.plugins.module_utils.connection import Connection
from ansible_collections.datasync.turbo.plugins.module_utils.errors import AccessError, CredentialsError, EndpointError
from ansible_collections.datasync.turbo.plugins.module_utils.http_pool import Answer, HttpPool
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
    headers: Dict[str, str]
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
    bucket.check("studio/")
    path, query = wire.asked()
    assert (path, query["prefix"], query["max-keys"]) == ("/archive", "studio/", "1")


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


@pytest.mark.parametrize("key", ["a b/ü", "100%", "a+b", "a?b#c", "~x", "p/*'\"!()", "tab\there"])
def test_a_special_name_is_asked_for_as_it_is(bucket, wire, key):
    wire.answer(**HEADERS)
    bucket.head(key)
    assert unquote(urlsplit(wire.requests[0].url).path) == "/archive/" + key


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


# --- multipart uploads


def test_open_multipart_uploads_are_listed_over_all_pages(bucket, wire):
    upload = (
        "<Upload><Key>p/{0}</Key><UploadId>id-{0}</UploadId><Initiated>2026-01-02T03:04:05.000Z</Initiated></Upload>"
    )
    wire.answer(
        f"<ListMultipartUploadsResult {NAMESPACE}><IsTruncated>true</IsTruncated><NextKeyMarker>p/a</NextKeyMarker>"
        f"<NextUploadIdMarker>id-a</NextUploadIdMarker>{upload.format('a')}</ListMultipartUploadsResult>"
    )
    wire.answer(f"<ListMultipartUploadsResult {NAMESPACE}>{upload.format('b')}</ListMultipartUploadsResult>")
    found = list(bucket.open_uploads("p/"))
    assert [(entry.key, entry.upload_id, entry.initiated) for entry in found] == [
        ("p/a", "id-a", JANUARY),
        ("p/b", "id-b", JANUARY),
    ]


def test_exactly_the_given_multipart_upload_is_aborted(bucket, wire):
    wire.answer(status=204)
    bucket.abort_upload(bucket_module.OpenUpload("p/a", "id-a", JANUARY))
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


# --- where s5cmd is sent


def test_a_server_of_ones_own_has_a_url(bucket):
    assert bucket.endpoint_url == SERVER
