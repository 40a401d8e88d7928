# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What s5cmd says, and what its messages tell of causes."""

from __future__ import annotations

import json

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.s5cmd import events
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.s5cmd.events import Event
from hypothesis import given
from hypothesis import strategies as st


def test_a_success_names_file_and_object():
    line = b'{"operation":"cp","success":true,"source":"/a b","destination":"s3://archive/a b","object":{"size":1}}\n'
    assert events.parse_event(line) == Event(True, "/a b", "s3://archive/a b", "", "")


def test_a_failure_names_command_and_error():
    line = b'{"operation":"cp","command":"cp --raw=true /a s3://archive/a","error":"no such file"}'
    assert events.parse_event(line) == Event(False, "", "", "cp --raw=true /a s3://archive/a", "no such file")


@pytest.mark.parametrize(
    "fields",
    [
        {"success": False},
        {"success": "true"},
        {"success": 1},
        {},
        {"success": True, "error": "but"},
    ],
)
def test_only_true_without_an_error_is_a_success(fields):
    event = events.parse_event(
        json.dumps({"operation": "cp", "source": "/a", "destination": "s3://b/a", **fields}).encode()
    )
    assert event.success is False


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"panic: runtime error: invalid memory address or nil pointer dereference",
        b'{"operation":"cp","success":true,"source":"/a',
        b'["operation"]',
        b'"operation"',
        b"null",
        b'{"success":true}',
        b'{"operation":"cp","success":true,"source":7}',
        b'{"operation":"cp","error":{"code":1}}',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"operation":' * 100_000,
    ],
)
def test_what_is_no_event_is_none(line):
    assert events.parse_event(line) is None


@given(st.binary(max_size=200))
def test_no_bytes_are_refused_with_an_exception(line):
    event = events.parse_event(line)
    assert event is None or isinstance(event, Event)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["operation", "success", "source", "destination", "command", "error"]), JSON))
def test_no_json_is_a_success_unless_it_says_exactly_so(fields):
    event = events.parse_event(json.dumps(fields).encode())
    if event is not None and event.success:
        assert fields["success"] is True
        assert not fields.get("error")


# --- its errors


@pytest.mark.parametrize(
    ("message", "code", "about_credentials"),
    [
        ("AccessDenied: Access Denied status code: 403, request id: 1, host id: 2", "AccessDenied", False),
        ("NoSuchBucket: The specified bucket does not exist status code: 404, request id: 1", "NoSuchBucket", False),
        ("ExpiredToken: The provided token has expired. status code: 400, request id: 1", "ExpiredToken", True),
        (
            "SignatureDoesNotMatch: Check: your key status code: 403, request id: , host id:",
            "SignatureDoesNotMatch",
            True,
        ),
        (
            "MultipartUpload: upload multipart failed upload id: u1 caused by: "
            "AccessDenied: Access Denied. status code: 403, request id: , host id:",
            "AccessDenied",
            False,
        ),
        (
            "MultipartUpload: upload multipart failed upload id: u1 caused by: "
            "ExpiredToken: The provided token has expired. status code: 400, request id: , host id:",
            "ExpiredToken",
            True,
        ),
        ("NoCredentialProviders: no valid providers in chain. Deprecated.", "NoCredentialProviders", True),
        ("RequestError: send request failed\ncaused by: dial tcp 127.0.0.1:9: connection refused", "", False),
        ("open /srv/material/a: permission denied", "", False),
        ("", "", False),
    ],
)
def test_the_code_of_s3_is_found_in_s5cmds_words(message, code, about_credentials):
    assert events.error_code(message) == (code, about_credentials)


STATUS = "request id: , host id:"


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        (f"SlowDown: Please reduce your request rate. status code: 503, {STATUS}", "SlowDown"),
        (f"InternalError: We encountered an internal error. status code: 500, {STATUS}", "InternalError"),
        (f"BadGateway: Bad Gateway status code: 502, {STATUS}", "BadGateway"),
        (f"TooManyRequests: slow status code: 429, {STATUS}", "TooManyRequests"),
        (f"RequestTimeout: Your socket connection was not read from. status code: 400, {STATUS}", "RequestTimeout"),
        (f"BadDigest: The Content-MD5 you specified did not match. status code: 400, {STATUS}", "BadDigest"),
        (
            "MultipartUpload: upload multipart failed upload id: u1 caused by: "
            f"NoSuchUpload: The upload was aborted. status code: 404, {STATUS}",
            "NoSuchUpload",
        ),
        (
            f"SerializationError: failed to unmarshal error message status code: 502, {STATUS} caused by: "
            "UnmarshalError: failed to unmarshal error message 00000000 3c 68 74 6d 6c 3e |<html>|",
            "HTTP 502",
        ),
        ('RequestError: send request failed caused by: Put "http://127.0.0.1:9/b/k": EOF', "EOF"),
        (
            'RequestError: send request failed caused by: Put "http://h/b/k": socks connect tcp 127.0.0.1:3->h:80: '
            "unknown error host unreachable",
            "host unreachable",
        ),
        (
            'RequestError: send request failed caused by: Put "https://h/b/k": connection timed out',
            "connection timed out",
        ),
        (
            'RequestError: send request failed caused by: Put "http://h/b/k": dial tcp 127.0.0.1:9: '
            "connect: connection refused",
            "connection refused",
        ),
        (
            'RequestError: send request failed caused by: Put "http://h/b/k": read tcp 127.0.0.1:3->127.0.0.1:4: '
            "read: connection reset by peer",
            "connection reset",
        ),
        (
            'RequestError: send request failed caused by: Put "https://h/b/k": net/http: TLS handshake timeout',
            "timeout",
        ),
        (
            'RequestError: send request failed caused by: Put "http://h/b/k": dial tcp: lookup h on 10.0.0.1:53: '
            "no such host",
            "no such host",
        ),
    ],
)
def test_the_trouble_of_a_server_or_the_network_may_pass(message, cause):
    assert events.transient_cause(message) == cause


@pytest.mark.parametrize(
    "message",
    [
        f"AccessDenied: Access Denied status code: 403, {STATUS}",
        f"NoSuchBucket: The specified bucket does not exist status code: 404, {STATUS}",
        f"ExpiredToken: The provided token has expired. status code: 400, {STATUS}",
        f"RequestTimeTooSkewed: skewed status code: 403, {STATUS}",
        f"EntityTooLarge: too large status code: 400, {STATUS}",
        f"InvalidArgument: timeout is no storage class status code: 400, {STATUS}",
        f"NotImplemented: A header you provided is not implemented. status code: 501, {STATUS}",
        f"SerializationError: failed to unmarshal error message status code: 404, {STATUS} caused by: EOF",
        "NoCredentialProviders: no valid providers in chain. Deprecated.",
        'RequestError: send request failed caused by: Put "https://h/timeout": x509: unknown authority',
        "open /srv/EOF: permission denied",
        "ReadRequestBody: read upload data failed caused by: read /srv/timeout: input/output error",
        "something that nobody has seen yet",
        "",
    ],
)
def test_what_is_about_the_file_or_a_permission_does_not_pass(message):
    assert events.transient_cause(message) == ""


@pytest.mark.parametrize(
    ("message", "unreadable"),
    [
        ("open /srv/a: permission denied", True),
        ("ReadRequestBody: read upload data failed caused by: read /srv/a: input/output error", True),
        ('RequestError: send request failed caused by: Put "http://h/b/k": read tcp 127.0.0.1:3: EOF', False),
        ("dial tcp 127.0.0.1:9: connect: permission denied", False),
    ],
)
def test_a_local_file_that_cannot_be_read_is_told_from_a_network_that_cannot(message, unreadable):
    assert events.is_unreadable(message) == unreadable


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("AccessDenied: Access Denied. status code: 403, request id: 1, host id: 2", "AccessDenied: Access Denied."),
        ("NoSuchBucket: gone, status code: 404, request id: , host id:", "NoSuchBucket: gone"),
        ("open /a: permission denied", "open /a: permission denied"),
    ],
)
def test_ids_of_requests_are_left_out_of_messages(message, told):
    assert events.without_request(message) == told
