# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The benchmark's sink keeps nothing, and is honest: an object is there, with its checksums, only if all of it came."""

from __future__ import annotations

import base64
import hashlib
import http.client
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from tests.bench.data import PREFIX, in_s3_form
from tests.bench.measured import BenchError
from tests.bench.sink import Known, Sink, Stored, write_table

BUCKET = "bucket"
PART = 5 * 1024 * 1024
SMALL, LARGE = b"small content", bytes(2 * PART) + b"end"


def known(name: str, content: bytes) -> Known:
    from awscrt import checksums

    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return Known(f"{PREFIX}/{name}", len(content), md5, in_s3_form(checksums.crc64nvme(content)))


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    names = [Known(f"many/{number:04}", 1) for number in range(2500)]
    table = write_table(tmp_path / "table", [known("small", SMALL), known("a file & more", LARGE), *names])
    with Sink(table) as server:
        server.client().create_bucket(Bucket=BUCKET)
        yield server


def stored(client: Any, key: str) -> dict[str, Any]:
    answer: dict[str, Any] = client.head_object(Bucket=BUCKET, Key=key, ChecksumMode="ENABLED")
    return answer


def test_an_object_in_one_piece_has_its_checksums_and_metadata(sink: Sink) -> None:
    client = sink.client()
    client.put_object(Bucket=BUCKET, Key=f"{PREFIX}/small", Body=SMALL, Metadata={"source-identity": "1:2"})
    head = stored(client, f"{PREFIX}/small")
    expected = known("small", SMALL)
    assert (head["ContentLength"], head["ETag"]) == (len(SMALL), f'"{expected.md5}"')
    assert (head["ChecksumCRC64NVME"], head["ChecksumType"]) == (expected.crc64nvme, "FULL_OBJECT")
    assert head["Metadata"] == {"source-identity": "1:2"}


def test_an_object_in_parts_has_the_etag_of_its_parts(sink: Sink) -> None:
    client, key = sink.client(), f"{PREFIX}/a file & more"
    upload = client.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
    digests, parts = b"", []
    for number, start in enumerate(range(0, len(LARGE), PART), 1):
        digest = hashlib.md5(LARGE[start : start + PART], usedforsecurity=False).digest()
        answer = client.upload_part(
            Bucket=BUCKET, Key=key, UploadId=upload, PartNumber=number, Body=LARGE[start : start + PART],
            ContentMD5=base64.b64encode(digest).decode(),
        )  # fmt: skip
        assert answer["ETag"] == f'"{digest.hex()}"'
        digests += digest
        parts.append({"PartNumber": number, "ETag": answer["ETag"]})
    with pytest.raises(ClientError, match="InvalidPart"):
        missing = {"Parts": [*parts, {"PartNumber": 9, "ETag": "x"}]}
        client.complete_multipart_upload(Bucket=BUCKET, Key=key, UploadId=upload, MultipartUpload=missing)
    client.complete_multipart_upload(Bucket=BUCKET, Key=key, UploadId=upload, MultipartUpload={"Parts": parts})
    head = stored(client, key)
    assert head["ETag"] == f'"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-3"'
    assert (head["ContentLength"], head["ChecksumCRC64NVME"]) == (len(LARGE), known("", LARGE).crc64nvme)


def test_another_content_is_refused_and_another_size_has_no_checksum(sink: Sink) -> None:
    client, key = sink.client(), f"{PREFIX}/small"
    wrong = b"other content"
    md5 = base64.b64encode(hashlib.md5(wrong, usedforsecurity=False).digest()).decode()
    with pytest.raises(ClientError, match="BadDigest"):
        client.put_object(Bucket=BUCKET, Key=key, Body=wrong, ContentMD5=md5)
    client.put_object(Bucket=BUCKET, Key=key, Body=SMALL[:-1])
    head = stored(client, key)
    assert head["ContentLength"] == len(SMALL) - 1
    assert "ChecksumCRC64NVME" not in head


def test_open_uploads_are_listed_until_they_are_aborted(sink: Sink) -> None:
    client, key = sink.client(), "a file & more"
    upload = client.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
    listed = client.list_multipart_uploads(Bucket=BUCKET, Prefix="a ")["Uploads"]
    assert [(entry["Key"], entry["UploadId"]) for entry in listed] == [(key, upload)]
    assert abs(listed[0]["Initiated"].timestamp() - time.time()) < 60
    client.abort_multipart_upload(Bucket=BUCKET, Key=key, UploadId=upload)
    assert "Uploads" not in client.list_multipart_uploads(Bucket=BUCKET)


def test_a_body_that_ends_early_stores_nothing(sink: Sink) -> None:
    server = urlsplit(sink.endpoint_url)
    with socket.create_connection((str(server.hostname), server.port or 80)) as connection:
        head = f"PUT /{BUCKET}/{PREFIX}/small HTTP/1.1\r\nHost: sink\r\nContent-Length: {len(SMALL)}\r\n\r\n"
        connection.sendall(head.encode() + SMALL[:-1])
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""
    with pytest.raises(ClientError, match="404"):
        stored(sink.client(), f"{PREFIX}/small")


def test_a_client_that_asks_may_go_on_and_send_the_next_request_at_once(sink: Sink) -> None:
    server = urlsplit(sink.endpoint_url)
    connection = http.client.HTTPConnection(str(server.hostname), server.port)
    connection.putrequest("PUT", f"/{BUCKET}/{PREFIX}/small")
    connection.putheader("Content-Length", str(len(SMALL)))
    connection.putheader("Expect", "100-continue")
    connection.endheaders()
    assert connection.sock.recv(64) == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.send(SMALL + f"HEAD /{BUCKET}/{PREFIX}/small HTTP/1.1\r\nHost: sink\r\n\r\n".encode())
    answers = b""
    while answers.count(b"\r\n\r\n") < 2:
        answers += connection.sock.recv(65536)
    assert answers.count(b"HTTP/1.1 200 OK") == 2
    connection.close()


@pytest.mark.parametrize("version", ["list_objects_v2", "list_objects"])
def test_a_listing_shows_every_object_once_in_the_order_of_s3(tmp_path: Path, version: str) -> None:
    names = [f"p/{number:04}" for number in reversed(range(2500))]
    table = write_table(tmp_path / "table", [Known(name, 1) for name in [*names, "other & <more>"]])
    with Sink(table, stored=Stored(BUCKET, int(time.time()) + 60)) as server:
        client = server.client()
        pages = list(client.get_paginator(version).paginate(Bucket=BUCKET, Prefix="p/"))
        assert [len(page["Contents"]) for page in pages] == [1000, 1000, 500]
        assert [entry["Key"] for page in pages for entry in page["Contents"]] == sorted(names)
        folders = getattr(client, version)(Bucket=BUCKET, Delimiter="/")
        assert [entry["Prefix"] for entry in folders["CommonPrefixes"]] == ["p/"]
        assert [entry["Key"] for entry in folders["Contents"]] == ["other & <more>"]


def test_what_was_not_stored_cannot_be_found_and_what_is_removed_is_gone(sink: Sink) -> None:
    client = sink.client()
    with pytest.raises(ClientError, match="NoSuchBucket"):
        client.list_objects_v2(Bucket="another")
    with pytest.raises(ClientError, match="NoSuchUpload"):
        client.upload_part(Bucket=BUCKET, Key="key", UploadId="none", PartNumber=1, Body=b"1")
    client.put_object(Bucket=BUCKET, Key="key", Body=b"1")
    with pytest.raises(ClientError, match="NotImplemented"):
        client.get_object(Bucket=BUCKET, Key="key")
    client.delete_bucket(Bucket=BUCKET)
    with pytest.raises(ClientError, match="NoSuchBucket"):
        client.list_objects_v2(Bucket=BUCKET)


def test_a_table_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "table").write_text("no table\n")
    with pytest.raises(BenchError, match=str(tmp_path)), Sink(tmp_path / "table"):
        pass


def test_without_a_compiler_the_message_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.bench.c_programs.PROGRAMS", tmp_path)
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(BenchError, match=r"no C compiler \(no-such-compiler\).*apt-get install gcc"):
        Sink(tmp_path / "table")
