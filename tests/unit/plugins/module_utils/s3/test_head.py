# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The header of an object, as the server sends it and as boto3 shows it."""

from __future__ import annotations

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.s3.head import ObjectHead

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
