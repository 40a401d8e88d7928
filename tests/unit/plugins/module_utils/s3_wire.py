# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Answers of S3 as they come over the wire, put in where the connection would be, and what was asked of them."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from ansible_collections.datasync.turbo.plugins.module_utils.s3.http_pool import HttpResponse
from botocore.awsrequest import AWSResponse

NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
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
        return HttpResponse(status, {name.lower(): value for name, value in headers.items()}, body.encode())

    def _next(self):
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def asked(self, number=-1):
        """Path and query of a request."""
        parts = urlsplit(self.requests[number].url)
        return unquote(parts.path), {name: value[0] for name, value in parse_qs(parts.query, True).items()}


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
