# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Signed requests, and their signatures against Amazon's example and against botocore's own signer."""

from __future__ import annotations

import datetime
import http.client
import threading

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.version import __version__
from ansible_collections.datasync.turbo.plugins.module_utils.s3.address import BucketAddress
from ansible_collections.datasync.turbo.plugins.module_utils.s3.connection import Connection, FrozenCredentials
from ansible_collections.datasync.turbo.plugins.module_utils.s3.http_pool import HttpPool, HttpResponse
from ansible_collections.datasync.turbo.plugins.module_utils.s3.signed_requests import (
    SignedRequests,
    Signer,
    canonical_query,
    encoded,
)
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.s3_wire import SERVER, Wire
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import CredentialRetrievalError
from hypothesis import given
from hypothesis import strategies as st

#: 2013-05-24, the day of the examples on
#: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
EXAMPLE_DAY = datetime.datetime(2013, 5, 24, tzinfo=datetime.timezone.utc)
EXAMPLE_KEYS = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
HOST = "examplebucket.s3.amazonaws.com"

keys = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)
#: Header values that a token or a name of ours can have.
printable = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=40)


class Fixed:
    """Credentials that are given; `now` may be changed, as those of a role are."""

    def __init__(self, access_key, secret_key, token=None):
        self.now = FrozenCredentials(access_key, secret_key, token)

    def get_frozen_credentials(self):
        return self.now


def test_the_example_in_the_documentation():
    headers = Signer(Fixed(*EXAMPLE_KEYS), "us-east-1").headers(
        "GET", HOST, "/?max-keys=2&prefix=J", {}, EXAMPLE_DAY.timestamp()
    )
    assert headers["authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
        "SignedHeaders=host;x-amz-content-sha256;x-amz-date, "
        "Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
    )


def by_botocore(method, url, headers, credentials, region):
    """The Authorization that botocore computes on the day of the example."""
    request = AWSRequest(method=method, url=url, headers=headers)
    frozen = credentials.get_frozen_credentials()
    signer = auth.S3SigV4Auth(Credentials(*frozen), "s3", region)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(auth, "get_current_datetime", lambda: EXAMPLE_DAY.replace(tzinfo=None))
        signer.add_auth(request)
    return request.headers["Authorization"]


@given(key=keys, token=st.none() | printable, region=st.sampled_from(["us-east-1", "eu-central-1", "local"]))
def test_a_header_is_asked_for_with_the_signature_that_botocore_makes(key, token, region):
    credentials = Fixed("AKIDEXAMPLE", "wJalrXUtnFEMI/+", token)
    target = "/archive/" + encoded(key, safe="/")
    extra = {"x-amz-checksum-mode": "ENABLED"}
    ours = Signer(credentials, region).headers("HEAD", "127.0.0.1:9000", target, extra, EXAMPLE_DAY.timestamp())
    theirs = by_botocore("HEAD", "http://127.0.0.1:9000" + target, extra, credentials, region)
    assert ours["authorization"] == theirs


@given(query=st.dictionaries(keys, st.text(st.characters(exclude_categories=["Cs"]), max_size=60), max_size=6))
def test_a_query_is_signed_as_botocore_does(query):
    credentials = Fixed("AKIDEXAMPLE", "wJalrXUtnFEMI")
    target = "/archive?" + canonical_query(query)
    ours = Signer(credentials, "us-east-1").headers("GET", "[::1]:9000", target, {}, EXAMPLE_DAY.timestamp())
    theirs = by_botocore("GET", "http://[::1]:9000" + target, {}, credentials, "us-east-1")
    assert ours["authorization"] == theirs


def test_credentials_that_were_renewed_sign_the_next_request():
    credentials = Fixed(*EXAMPLE_KEYS)
    signer = Signer(credentials, "us-east-1")
    before = signer.headers("GET", HOST, "/", {}, EXAMPLE_DAY.timestamp())
    credentials.now = FrozenCredentials("AKIDNEW", "another", "token")
    after = signer.headers("GET", HOST, "/", {}, EXAMPLE_DAY.timestamp())
    assert after == Signer(Fixed("AKIDNEW", "another", "token"), "us-east-1").headers(
        "GET", HOST, "/", {}, EXAMPLE_DAY.timestamp()
    )
    assert after["authorization"] != before["authorization"]


def test_a_signature_holds_for_its_day():
    """The key that is kept is the day's."""
    signer = Signer(Fixed(*EXAMPLE_KEYS), "us-east-1")
    days = [(EXAMPLE_DAY + datetime.timedelta(days=number)).timestamp() for number in (0, 1, 0)]
    signed = [signer.headers("GET", HOST, "/", {}, day)["authorization"] for day in days]
    fresh = [Signer(Fixed(*EXAMPLE_KEYS), "us-east-1").headers("GET", HOST, "/", {}, day) for day in days]
    assert signed == [headers["authorization"] for headers in fresh]
    assert signed[0] == signed[2] != signed[1]


def test_threads_sign_what_one_alone_signs():
    """While the day changes, each thread uses the key of its own request."""
    signer = Signer(Fixed(*EXAMPLE_KEYS), "us-east-1")
    days = [EXAMPLE_DAY.timestamp() + 86400 * number for number in range(4)]
    alone = {day: Signer(Fixed(*EXAMPLE_KEYS), "us-east-1").headers("GET", HOST, "/", {}, day) for day in days}
    wrong = []

    def sign():
        wrong.extend(day for day in days * 200 if signer.headers("GET", HOST, "/", {}, day) != alone[day])

    threads = [threading.Thread(target=sign) for _thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


# --- the requests


@pytest.fixture
def requests():
    connection = Connection(endpoint_url="http://127.0.0.1:9", access_key="AKIDEXAMPLE", secret_key="wJalr")
    return SignedRequests(connection, BucketAddress("http://127.0.0.1:9/archive", "local"), 4)


@pytest.fixture
def answering(monkeypatch):
    """Answer with what a test gives, or raise it; returns the requests that were made."""
    made = []

    def answer_with(answer):
        def send(self, method, target, headers):
            made.append((method, target, headers))
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr(HttpPool, "send", send)
        return made

    return answer_with


def test_a_header_is_asked_for_with_its_checksums(requests, answering):
    found = HttpResponse(200, {"content-length": "5"}, b"")
    made = answering(found)
    assert requests.head("a b/ü+c") == found
    [(method, target, headers)] = made
    assert (method, target) == ("HEAD", "/archive/a%20b/%C3%BC%2Bc")
    assert headers["x-amz-checksum-mode"] == "ENABLED"
    assert headers["user-agent"] == f"datasync.turbo/{__version__}"
    assert "/local/s3/aws4_request" in headers["authorization"]


def test_the_bucket_is_asked_with_a_query_in_the_order_that_is_signed(requests, answering):
    made = answering(HttpResponse(200, {}, b"<page/>"))
    assert requests.get({"prefix": "a b/", "list-type": "2"}).body == b"<page/>"
    assert made[0][:2] == ("GET", "/archive?list-type=2&prefix=a%20b%2F")


@pytest.mark.parametrize("status", [204, 301, 307, 403, 404, 500, 503])
def test_only_200_is_an_answer(requests, answering, status):
    answering(HttpResponse(status, {}, b""))
    assert requests.head("a") is None


@pytest.mark.parametrize(
    "failure",
    [
        ConnectionResetError(104, "Connection reset by peer"),
        TimeoutError("timed out"),
        http.client.BadStatusLine("x"),
        ValueError("the body is too large"),
        CredentialRetrievalError(provider="iam-role", error_msg="expired"),
    ],
)
def test_no_answer_is_left_to_boto3_to_explain(requests, answering, failure):
    answering(failure)
    assert requests.get({"prefix": ""}) is None


def test_a_mistake_of_ours_is_not_hidden(requests, answering):
    answering(TypeError("a bug"))
    with pytest.raises(TypeError):
        requests.head("a")


@pytest.mark.parametrize("payer", [None, "requester"])
def test_each_request_says_who_pays_and_signs_that(payer, monkeypatch):
    wire = Wire()
    wire.answer()
    monkeypatch.setattr(HttpPool, "send", lambda _pool, *request: wire.send_short(*request))
    connection = Connection(access_key="AKIDEXAMPLE", secret_key="wJalrXUtnFEMI", request_payer=payer)
    requests = SignedRequests(connection, BucketAddress(f"{SERVER}/archive", "us-east-1"), 1)
    assert requests.head("a") and requests.get({"list-type": "2"})
    assert [sent.headers.get("x-amz-request-payer") for sent in wire.requests] == [payer] * 2
    assert all(("x-amz-request-payer" in sent.headers["authorization"]) is bool(payer) for sent in wire.requests)
