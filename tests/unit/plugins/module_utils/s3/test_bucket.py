# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The requests to S3, over answers as they come over the wire. Nothing is sent: each answer is put in where the
connection would be. Real servers answer in tests/integration.
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
from urllib.parse import unquote, urlsplit

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import (
    AccessError,
    CredentialsError,
    EndpointError,
)
from ansible_collections.datasync.turbo.plugins.module_utils.s3.bucket import Bucket
from ansible_collections.datasync.turbo.plugins.module_utils.s3.connection import Connection
from ansible_collections.datasync.turbo.plugins.module_utils.s3.listing import OpenUpload, StoredObject
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.s3_wire import (
    NAMESPACE,
    NO_ANSWER,
    SERVER,
    error,
    listing,
)

JANUARY = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc).timestamp()


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


# --- versions


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
