# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""An error says what was attempted, why it failed and what to do."""

from __future__ import annotations

import email.utils
import time

import botocore.exceptions
import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import (
    AccessError,
    CredentialsError,
    EndpointError,
)
from ansible_collections.datasync.turbo.plugins.module_utils.s3.refusals import access_error, clock_hint, explained
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.s3_wire import (
    error,
)


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


@pytest.mark.parametrize(
    ("ahead", "words"),
    [(3600.4, "3600 seconds behind the server's"), (-900.0, "900 seconds ahead of the server's")],
)
def test_a_clock_that_is_far_off_is_told_with_its_side(ahead, words):
    assert words in clock_hint(ahead)


@pytest.mark.parametrize("ahead", [None, 0.0, 5.0, -30.0])
def test_a_clock_that_is_right_needs_no_word(ahead):
    assert clock_hint(ahead) is None
