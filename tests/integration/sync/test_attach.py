# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A SHA256 that the server computes while it copies an object onto itself: which servers store it, and what stays.

That one of the whole object is stored is tested with moto, an emulator, because SeaweedFS stores none; see
moto_server.py.
"""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

import boto3
import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.audit import run as audit
from ansible_collections.datasync.turbo.plugins.module_utils.audit.attach import Attacher, NotAttached
from ansible_collections.datasync.turbo.plugins.module_utils.audit.request import AuditRequest
from ansible_collections.datasync.turbo.plugins.module_utils.common.interrupt import Interrupt
from ansible_collections.datasync.turbo.plugins.module_utils.job.job import Job
from ansible_collections.datasync.turbo.plugins.module_utils.proof import checksums
from ansible_collections.datasync.turbo.plugins.module_utils.report.log import Log
from ansible_collections.datasync.turbo.plugins.module_utils.s3.bucket import Bucket
from ansible_collections.datasync.turbo.plugins.module_utils.s3.connection import Connection
from ansible_collections.datasync.turbo.plugins.module_utils.s3.limits import MAX_COPY_SIZE
from botocore.config import Config

from .conftest import MIB
from .moto_server import MotoServer

Tree = Callable[..., Path]

KEPT = {
    "Metadata": {"timestamp": "1700000000"},
    "ContentType": "video/quicktime",
    "CacheControl": "no-cache",
    "StorageClass": "STANDARD_IA",
}
TAGS = [{"Key": "project", "Value": "x y"}]


def sha256(content: bytes) -> str:
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


@pytest.fixture(scope="module")
def moto() -> Iterator[MotoServer]:
    with MotoServer() as server:
        yield server


@pytest.fixture
def moto_s3(moto: MotoServer) -> Any:
    """A client of the emulator that adds no checksum of its own, as s5cmd adds none."""
    return boto3.client(
        "s3",
        endpoint_url=moto.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
        config=Config(request_checksum_calculation="when_required"),
    )


@pytest.fixture
def moto_bucket(moto_s3: Any) -> str:
    """An empty bucket in the emulator, which forgets it when it ends."""
    name = f"test-{hashlib.sha256(str(id(moto_s3)).encode()).hexdigest()[:16]}"
    moto_s3.create_bucket(Bucket=name)
    return name


def put_in_parts(client: Any, bucket: str, key: str, content: bytes, **properties: Any) -> None:
    upload = client.create_multipart_upload(Bucket=bucket, Key=key, **properties)["UploadId"]
    parts = []
    for number, start in enumerate(range(0, len(content), 5 * MIB), start=1):
        part = content[start : start + 5 * MIB]
        answer = client.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=number, Body=part)
        parts.append({"PartNumber": number, "ETag": answer["ETag"]})
    client.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": parts})


def never() -> None:
    """Nothing stops the copy."""


def require_kept(client: Any, bucket: str, key: str, content: bytes) -> dict[str, Any]:
    """The object's header, after a look at everything that a copy must not change."""
    head: dict[str, Any] = client.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
    assert {name: head.get(name) for name in KEPT} == KEPT
    assert client.get_object(Bucket=bucket, Key=key)["Body"].read() == content
    assert client.get_object_tagging(Bucket=bucket, Key=key)["TagSet"] == TAGS
    return head


# --- a server that stores the checksum (emulated)


def test_a_copy_attaches_the_sha256_and_keeps_everything(moto_s3: Any, moto_bucket: str) -> None:
    moto_s3.put_object(Bucket=moto_bucket, Key="film.mov", Body=b"film", Tagging="project=x%20y", **KEPT)
    etag = moto_s3.head_object(Bucket=moto_bucket, Key="film.mov")["ETag"].strip('"')
    Attacher(moto_s3, moto_bucket).attach("film.mov", etag, None, never)
    head = require_kept(moto_s3, moto_bucket, "film.mov", b"film")
    assert head["ChecksumSHA256"] == sha256(b"film")


def test_a_copy_in_parts_attaches_one_of_the_parts_and_keeps_everything(moto_s3: Any, moto_bucket: str) -> None:
    """Done for objects above 5 GiB; the limit is lowered, and moto leaves out the number of parts."""
    content = bytes(range(256)) * (12 * MIB // 256)
    put_in_parts(moto_s3, moto_bucket, "film.mov", content, Tagging="project=x%20y", **KEPT)
    etag = moto_s3.head_object(Bucket=moto_bucket, Key="film.mov")["ETag"].strip('"')
    Attacher(moto_s3, moto_bucket, copy_limit=10 * MIB).attach("film.mov", etag, 5 * MIB, never)
    head = require_kept(moto_s3, moto_bucket, "film.mov", content)
    digests = [hashlib.sha256(content[start : start + 5 * MIB]).digest() for start in range(0, len(content), 5 * MIB)]
    assert head["ChecksumSHA256"].partition("-")[0] == sha256(b"".join(digests))
    assert head["ETag"].strip('"') == etag, "the parts are the object's own"
    assert moto_s3.list_multipart_uploads(Bucket=moto_bucket).get("Uploads", []) == []


def test_an_audit_attaches_and_proves(
    moto: MotoServer, moto_s3: Any, moto_bucket: str, tree: Tree, tmp_path: Path
) -> None:
    source = tree({"a.txt": b"a", "film.mov": 6 * MIB, "differs.txt": b"new"})
    for path in source.iterdir():
        put_in_parts(moto_s3, moto_bucket, f"in/box/{path.name}", path.read_bytes())
    moto_s3.put_object(Bucket=moto_bucket, Key="in/box/differs.txt", Body=b"old")

    def run(**options: Any) -> audit.Result:
        job = Job.from_options(
            {
                **moto.connection_options,
                "src": str(source),
                "bucket": moto_bucket,
                "prefix": "in/box",
                "checksum_algorithm": "SHA256",
                "lock_path": str(tmp_path / "lock"),
            }
        )
        return audit.run(job, AuditRequest(**options), Log(io.StringIO()), Interrupt())

    assert run().counts == {"ok": 0, "differs": 1, "missing": 0, "unverifiable": 2, "extra": 0}
    result = run(attach_sha256=True, dry_run=True)
    assert (result.attached, result.counts["unverifiable"]) == (2, 2)
    result = run(attach_sha256=True)
    assert (result.attached, result.counts["ok"], result.methods) == (2, 2, {"SHA256": 2})
    result = run(attach_sha256=True)
    assert (result.exit_code, result.attached, result.methods) == (5, 0, {"SHA256": 2})


# --- a real server, which stores one of parts and none of the whole


@pytest.mark.parametrize(("copy_limit", "stored"), [(MAX_COPY_SIZE, False), (5 * MIB, True)])
def test_seaweedfs_keeps_everything_and_stores_a_checksum_with_a_copy_in_parts_alone(
    s3: Any, bucket: str, connection_options: dict[str, str], copy_limit: int, stored: bool
) -> None:
    """That both answer with success is why an answer proves nothing."""
    content = bytes(range(256)) * (12 * MIB // 256)
    put_in_parts(s3, bucket, "film.mov", content, Tagging="project=x%20y", **KEPT)
    looked_at = Bucket(Connection.from_options(connection_options), bucket)
    head = looked_at.head("film.mov")
    assert head is not None
    Attacher(looked_at.client, bucket, copy_limit=copy_limit).attach("film.mov", head.etag, 5 * MIB, never)
    require_kept(s3, bucket, "film.mov", content)
    after = looked_at.head("film.mov")
    assert after is not None
    composite = {"SHA256": checksums.composite(io.BytesIO(content), "SHA256", 5 * MIB)}
    assert after.checksums == (composite if stored else {})
    assert list(looked_at.open_uploads("")) == []


@pytest.mark.parametrize("large_first", [True, False])
def test_an_audit_finds_out_which_copies_attach(
    s3: Any,
    bucket: str,
    connection_options: dict[str, str],
    tree: Tree,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    large_first: bool,
) -> None:
    """The limit of 5 GiB is lowered. Of the small objects one is copied in vain, of the large ones none."""
    monkeypatch.setattr(audit, "MAX_COPY_SIZE", 5 * MIB)
    monkeypatch.setattr(audit, "PROVERS", 1)
    large, small = ("a", "b") if large_first else ("b", "a")
    source = tree(
        {f"{large}.mov": 12 * MIB, f"{large}{large}.mov": 11 * MIB, f"{small}.txt": 5, f"{small}{small}.txt": 6}
    )
    for path in source.iterdir():
        put_in_parts(s3, bucket, f"in/box/{path.name}", path.read_bytes())
    options = {**connection_options, "src": str(source), "bucket": bucket, "prefix": "in/box"}
    job = Job.from_options({**options, "checksum_algorithm": "SHA256", "lock_path": str(tmp_path / "lock")})
    result = audit.run(job, AuditRequest(attach_sha256=True), Log(io.StringIO()), Interrupt())
    assert result.methods == {"SHA256-composite": 2}
    assert (result.counts["unverifiable"], result.attached) == (2, 3)


@pytest.mark.parametrize("copy_limit", [MAX_COPY_SIZE, 5 * MIB])
def test_an_object_that_was_replaced_is_not_touched(
    s3: Any, bucket: str, connection_options: dict[str, str], copy_limit: int
) -> None:
    put_in_parts(s3, bucket, "film.mov", bytes(12 * MIB))
    looked_at = Bucket(Connection.from_options(connection_options), bucket)
    before = s3.head_object(Bucket=bucket, Key="film.mov")["LastModified"]
    with pytest.raises(NotAttached, match="replaced meanwhile"):
        Attacher(looked_at.client, bucket, copy_limit=copy_limit).attach("film.mov", "0" * 32, 5 * MIB, never)
    assert s3.head_object(Bucket=bucket, Key="film.mov")["LastModified"] == before
