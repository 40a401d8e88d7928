# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""How stored objects are proven, on a real server: which method, which verdict, which exit code."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Callable

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.job import local_file
from ansible_collections.datasync.turbo.plugins.module_utils.plan import walk
from ansible_collections.datasync.turbo.plugins.module_utils.proof import checksums, verify
from ansible_collections.datasync.turbo.plugins.module_utils.s3.bucket import Bucket
from ansible_collections.datasync.turbo.plugins.module_utils.s3.head import ObjectHead
from ansible_collections.datasync.turbo.plugins.module_utils.sync import judgement
from ansible_collections.datasync.turbo.plugins.module_utils.transfer import hand_over

from dev.seaweedfs import SeaweedFS

from .conftest import MIB, Upload, named

Tree = Callable[..., Path]
#: Seconds since the epoch, long before any test.
LONG_AGO = 1_000_000_000


def put(s3: Any, bucket: str, path: Path, part_size: int = 8 * MIB, **extra: Any) -> None:
    """Store a file as another tool would: in one PUT, or in parts if it is larger than one."""
    key = f"in/box/{path.name}"
    data = path.read_bytes()
    if len(data) <= part_size:
        s3.put_object(Bucket=bucket, Key=key, Body=data, **extra)
        return
    upload = s3.create_multipart_upload(Bucket=bucket, Key=key, **extra)["UploadId"]
    parts = []
    for number, start in enumerate(range(0, len(data), part_size), start=1):
        answer = s3.upload_part(
            Bucket=bucket,
            Key=key,
            UploadId=upload,
            PartNumber=number,
            Body=data[start : start + part_size],
            **{name: value for name, value in extra.items() if name == "ChecksumAlgorithm"},
        )
        checksums_of_part = {name: value for name, value in answer.items() if name.startswith("Checksum")}
        parts.append({"PartNumber": number, "ETag": answer["ETag"], **checksums_of_part})
    s3.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": parts})


@pytest.mark.parametrize(
    ("size", "extra", "method"),
    [
        (1 * MIB, {}, "ETag"),
        (20 * MIB, {}, "ETag-multipart"),
        (1 * MIB, {"ChecksumAlgorithm": "CRC64NVME"}, "CRC64NVME"),
        (20 * MIB, {"ChecksumAlgorithm": "CRC64NVME", "ChecksumType": "FULL_OBJECT"}, "CRC64NVME"),
        (1 * MIB, {"ChecksumAlgorithm": "SHA256"}, "SHA256"),
        (20 * MIB, {"ChecksumAlgorithm": "SHA256", "ChecksumType": "COMPOSITE"}, "SHA256-composite"),
        (1 * MIB, {"ChecksumAlgorithm": "CRC32C"}, "CRC32C"),
    ],
)
def test_verify_all_proves_what_others_stored_by_whatever_the_server_has(
    size: int,
    extra: dict[str, str],
    method: str,
    tree: Tree,
    upload: Upload,
    s3: Any,
    bucket: str,
    s3_server: SeaweedFS,
) -> None:
    # This client adds no checksum of its own, as s5cmd adds none.
    client = s3_server.client(request_checksum_calculation="when_required")
    source = tree({"film.mov": size})
    put(client, bucket, source / "film.mov", **extra)
    result = upload(source, verify="all")
    assert (result.exit_code, result.files_synced) == (0, 0)
    assert result.checksum_verification.methods == {method: 1}
    assert result.checksum_verification.verified


def test_without_verify_all_an_object_that_was_there_is_not_counted_as_proven(tree: Tree, upload: Upload) -> None:
    source = tree({"a.txt": b"a"})
    upload(source)
    (source / "b.txt").write_bytes(b"b")
    result = upload(source)
    assert (result.files_synced, result.checksum_verification.methods) == (1, {"ETag": 1})


def age(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let files look as if they had been there for years: no test can set a ctime."""
    real = local_file.identity_of

    def long_ago(status: os.stat_result) -> local_file.Identity:
        return real(status)._replace(ctime_ns=LONG_AGO * 10**9, mtime_ns=LONG_AGO * 10**9)

    for module in (walk, hand_over, verify, judgement):
        monkeypatch.setattr(module, "identity_of", long_ago)


def test_an_object_that_was_damaged_in_the_bucket_is_found_by_verify_all(
    tree: Tree, upload: Upload, s3: Any, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    age(monkeypatch)
    source = tree({"good.txt": b"content", "film.mov": b"content"})
    assert upload(source).exit_code == 0
    s3.put_object(Bucket=bucket, Key="in/box/film.mov", Body=b"c0ntent")
    assert upload(source).exit_code == 0, "size and time cannot show it"
    result = upload(source, verify="all")
    assert (result.exit_code, named(result)) == (5, {"film.mov": "checksum_mismatch"})
    assert result.checksum_verification.errors == 1
    assert not result.checksum_verification.verified
    assert result.status == "failed"


def test_the_checksum_that_amazon_s3_computes_by_itself_is_preferred(
    tree: Tree, upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SeaweedFS stores no checksum for an upload that brings none; the answer of Amazon S3 is put in its place."""
    source = tree({"film.mov": 12 * MIB, "small.txt": b"123456789"})
    real = Bucket.head

    def head_of_amazon(self: Bucket, key: str) -> ObjectHead:
        head = real(self, key)
        assert head is not None
        with open(source / Path(key).name, "rb") as file:
            crc = checksums.full_object(file, "CRC64NVME")
        return ObjectHead(head.size, head.etag, {"CRC64NVME": crc}, "FULL_OBJECT", head.metadata, "aws:kms")

    monkeypatch.setattr(Bucket, "head", head_of_amazon)
    result = upload(source)
    assert (result.exit_code, result.checksum_verification.methods) == (0, {"CRC64NVME": 2})


def test_a_stored_checksum_that_differs_is_exit_code_5(
    tree: Tree, upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server checks what it receives, so the damage is put into its answer."""
    source = tree({"a.txt": b"a", "b.txt": b"b"})
    real = Bucket.head

    def damaged(self: Bucket, key: str) -> ObjectHead:
        head = real(self, key)
        assert head is not None
        return ObjectHead(head.size, "0" * 32 if key.endswith("a.txt") else head.etag, {}, "", head.metadata)

    monkeypatch.setattr(Bucket, "head", damaged)
    result = upload(source)
    assert (result.exit_code, named(result)) == (5, {"a.txt": "checksum_mismatch"})
    assert result.files_synced == 1


def test_an_object_that_nothing_can_prove_is_unverified_and_the_run_is_not_a_success(
    tree: Tree, upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With SSE-KMS and no stored checksum nothing can be compared; SeaweedFS has no KMS, so its answer is changed."""
    source = tree({"a.txt": b"a"})
    real = Bucket.head

    def with_kms(self: Bucket, key: str) -> ObjectHead:
        head = real(self, key)
        assert head is not None
        return ObjectHead(head.size, head.etag, {}, "", head.metadata, encryption="aws:kms")

    monkeypatch.setattr(Bucket, "head", with_kms)
    result = upload(source)
    assert (result.exit_code, named(result)) == (4, {"a.txt": "unverified"})
    assert "aws:kms" in result.problems[0].message
    assert not result.checksum_verification.verified
    assert result.checksum_verification.unverified == 1


@pytest.mark.parametrize("options", [{"verify": "none"}, {"checksum_algorithm": "NONE"}])
def test_without_verification_the_result_says_so(options: dict[str, str], tree: Tree, upload: Upload) -> None:
    result = upload(tree({"a.txt": b"a"}), **options)
    assert (result.exit_code, result.files_synced) == (0, 1)
    assert not result.checksum_verification.enabled
    assert not result.checksum_verification.verified
    assert result.checksum_verification.methods == {}


def test_settings_of_the_objects_arrive(tree: Tree, upload: Upload, s3: Any, bucket: str) -> None:
    assert upload(tree({"a.txt": b"a"}), storage_class="STANDARD_IA").exit_code == 0
    assert s3.head_object(Bucket=bucket, Key="in/box/a.txt")["StorageClass"] == "STANDARD_IA"


def test_a_sparse_file_and_hard_links_are_stored_whole(tree: Tree, upload: Upload, s3: Any, bucket: str) -> None:
    source = tree({"one.txt": b"linked"})
    os.link(source / "one.txt", source / "two.txt")
    with open(source / "sparse.img", "wb") as file:
        file.truncate(11 * MIB)
    assert upload(source).exit_code == 0
    assert s3.get_object(Bucket=bucket, Key="in/box/sparse.img")["Body"].read() == bytes(11 * MIB)
    assert s3.get_object(Bucket=bucket, Key="in/box/two.txt")["Body"].read() == b"linked"
