# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The open multipart uploads of a bucket over the short way, against a real server: boto3 is the reference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.s3 import bucket as bucket_module
from ansible_collections.datasync.turbo.plugins.module_utils.s3.bucket import Bucket
from ansible_collections.datasync.turbo.plugins.module_utils.s3.connection import Connection
from ansible_collections.datasync.turbo.plugins.module_utils.s3.listing import OpenUpload, Position, uploads_query

KEYS = (
    *("p/a", "p/a", "p/a+b", "p/a b", "p/a%20b", "p/ä 日本 😀", "p/<x>&amp;", "p/tab\there", "p/new\nline", "p/'\""),
    *("p/deep/er/x", "pq", "q/z"),
)


def by_boto3(client: Any, name: str, prefix: str, **options: Any) -> list[OpenUpload]:
    """The uploads as boto3's paginator gives them."""
    return [
        OpenUpload(entry["Key"], entry["UploadId"], entry["Initiated"].timestamp())
        for page in client.get_paginator("list_multipart_uploads").paginate(Bucket=name, Prefix=prefix, **options)
        for entry in page.get("Uploads", ())
    ]


@pytest.fixture
def begun(s3: Any, bucket: str) -> Iterator[str]:
    """A bucket in which multipart uploads of odd names are open."""
    for key in KEYS:
        s3.create_multipart_upload(Bucket=bucket, Key=key)
    yield bucket
    for upload in by_boto3(s3, bucket, ""):
        s3.abort_multipart_upload(Bucket=bucket, Key=upload.key, UploadId=upload.upload_id)


def test_open_uploads_are_those_that_boto3_lists(
    s3: Any, begun: str, connection_options: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = {prefix: by_boto3(s3, begun, prefix) for prefix in ("", "p/", "p/a", "p/a+", "none/")}
    monkeypatch.setattr(Connection, "client", lambda *arguments: pytest.fail("a client was needed"))
    bucket = Bucket(Connection.from_options(connection_options), begun)
    assert {prefix: list(bucket.open_uploads(prefix)) for prefix in reference} == reference
    assert sorted(upload.key for upload in bucket.open_uploads("")) == sorted(KEYS)


def test_open_uploads_go_on_from_page_to_page(
    s3: Any, begun: str, connection_options: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def in_small_pages(prefix: str, position: Position | None) -> dict[str, str]:
        return {**uploads_query(prefix, position), "max-uploads": "3"}

    monkeypatch.setattr(bucket_module, "uploads_query", in_small_pages)
    monkeypatch.setattr(Connection, "client", lambda *arguments: pytest.fail("a client was needed"))
    bucket = Bucket(Connection.from_options(connection_options), begun)
    found = list(bucket.open_uploads("p/"))
    assert found == by_boto3(s3, begun, "p/", PaginationConfig={"PageSize": 3})
    assert len(found) > 3


def test_an_open_upload_with_an_odd_name_is_aborted_by_what_was_listed(
    s3: Any, begun: str, connection_options: dict[str, str]
) -> None:
    bucket = Bucket(Connection.from_options(connection_options), begun)
    for upload in list(bucket.open_uploads("p/")):
        bucket.abort_upload(upload)
    assert sorted(upload.key for upload in by_boto3(s3, begun, "")) == ["pq", "q/z"]
