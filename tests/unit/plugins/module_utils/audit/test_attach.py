# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""How an object gets a SHA256 by being copied onto itself: what is sent, what is kept, what is refused.

The server is a fake of a few lines, because none that can be installed here does all of it as Amazon S3 does: it
computes the checksums, keeps what CopyObject and UploadPartCopy keep and no more, and checks the guard. What real
servers answer is tested in tests/integration/sync/test_attach.py.
"""

from __future__ import annotations

import base64
import hashlib
import threading
from datetime import datetime, timezone

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.audit import attach
from ansible_collections.datasync.turbo.plugins.module_utils.audit.attach import Attacher, NotAttached
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import CredentialsError, EndpointError
from ansible_collections.datasync.turbo.plugins.module_utils.common.threads import ReadingStopped
from botocore.exceptions import ClientError, ReadTimeoutError

CONTENT = b"0123456789abcdefghij-rest"
MD5 = hashlib.md5(CONTENT).hexdigest()
MIB = 1024 * 1024


def sha256(data):
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


class FakeS3:
    """One object, and the requests of a botocore client that Attacher makes. `refuses` maps a request to its error."""

    def __init__(self, content=CONTENT, **properties):
        self.content = content
        self.etag = hashlib.md5(content).hexdigest()
        self.properties = {"Metadata": {}, "StorageClass": "STANDARD", **properties}
        self.tags = {}
        self.acl = "private"
        self.checksum = None
        self.open = {}
        self.parts = {}
        self.aborted = []
        self.refuses = {}
        self._lock = threading.Lock()

    def _ask(self, operation, key):
        assert key == "p/film.mov"
        error = self.refuses.get(operation)
        if isinstance(error, str):
            raise ClientError({"Error": {"Code": error, "Message": "refused"}}, operation)
        if error:
            raise error

    def _guard(self, operation, parameters):
        assert parameters["CopySource"] == {"Bucket": "archive", "Key": "p/film.mov"}
        if parameters["CopySourceIfMatch"] != f'"{self.etag}"':
            raise ClientError({"Error": {"Code": "PreconditionFailed", "Message": "no"}}, operation)

    def head_object(self, Bucket, Key):
        self._ask("HeadObject", Key)
        return {"ContentLength": len(self.content), "ETag": f'"{self.etag}"', **self.properties}

    def copy_object(self, Bucket, Key, MetadataDirective, ChecksumAlgorithm, ACL="private", **parameters):
        self._ask("CopyObject", Key)
        self._guard("CopyObject", parameters)
        assert (MetadataDirective, ChecksumAlgorithm) == ("REPLACE", "SHA256")
        del parameters["CopySource"], parameters["CopySourceIfMatch"]
        self.properties, self.acl = parameters, ACL
        self.checksum = sha256(self.content)
        return {"CopyObjectResult": {"ChecksumSHA256": self.checksum}}

    def get_object_tagging(self, Bucket, Key):
        self._ask("GetObjectTagging", Key)
        return {"TagSet": [{"Key": key, "Value": value} for key, value in self.tags.items()]}

    def create_multipart_upload(self, Bucket, Key, ChecksumAlgorithm, ChecksumType, ACL="private", **parameters):
        self._ask("CreateMultipartUpload", Key)
        assert (ChecksumAlgorithm, ChecksumType) == ("SHA256", "COMPOSITE")
        self.open["id"] = (parameters, ACL)
        return {"UploadId": "id"}

    def upload_part_copy(self, Bucket, Key, UploadId, PartNumber, CopySourceRange, **parameters):
        self._ask("UploadPartCopy", Key)
        self._guard("UploadPartCopy", parameters)
        first, last = map(int, CopySourceRange[len("bytes=") :].split("-"))
        part = self.content[first : last + 1]
        assert len(part) == last + 1 - first
        with self._lock:
            self.parts[PartNumber] = part
        return {"CopyPartResult": {"ETag": hashlib.md5(part).hexdigest(), "ChecksumSHA256": sha256(part)}}

    def complete_multipart_upload(self, Bucket, Key, UploadId, MultipartUpload, ChecksumType, MpuObjectSize):
        self._ask("CompleteMultipartUpload", Key)
        parts = [self.parts[number] for number in sorted(self.parts)]
        assert [part["ChecksumSHA256"] for part in MultipartUpload["Parts"]] == [sha256(part) for part in parts]
        assert b"".join(parts) == self.content and MpuObjectSize == len(self.content)
        self.properties, self.acl = self.open.pop(UploadId)
        self.tags = dict(pair.split("=") for pair in self.properties.pop("Tagging", "").split("&") if pair)
        digests = b"".join(hashlib.sha256(part).digest() for part in parts)
        self.checksum = f"{sha256(digests)}-{len(parts)}"

    def abort_multipart_upload(self, Bucket, Key, UploadId):
        self._ask("AbortMultipartUpload", Key)
        self.aborted.append(UploadId)
        self.open.pop(UploadId)


def never():
    """Nothing stops the copy."""


def attached(server, etag=None, part_size=None, tick=never, **options):
    Attacher(server, "archive", **options).attach("p/film.mov", etag or server.etag, part_size, tick)


KEPT = {
    "Metadata": {"timestamp": "1"},
    "ContentType": "video/quicktime",
    "CacheControl": "no-cache",
    "StorageClass": "STANDARD_IA",
    "ServerSideEncryption": "aws:kms",
    "SSEKMSKeyId": "alias/archive",
    "BucketKeyEnabled": True,
    "ObjectLockMode": "COMPLIANCE",
    "ObjectLockRetainUntilDate": datetime(2030, 1, 1, tzinfo=timezone.utc),
}


def test_a_copy_gives_the_object_the_checksum_and_keeps_what_it_had():
    server = FakeS3(**KEPT)
    attached(server)
    assert server.checksum == sha256(CONTENT)
    assert server.properties == KEPT


def test_a_copy_in_parts_keeps_all_of_that_and_the_tags():
    server = FakeS3(**KEPT)
    server.tags = {"project": "x"}
    attached(server, part_size=10, copy_limit=24)
    assert server.checksum.endswith("-3")
    assert [len(server.parts[number]) for number in (1, 2, 3)] == [10, 10, 5]
    assert (server.properties, server.tags) == (KEPT, {"project": "x"})
    assert server.open == {}


@pytest.mark.parametrize("copy_limit", [24, 25])
def test_the_acl_is_the_jobs_because_s3_copies_none(copy_limit):
    server = FakeS3()
    attached(server, acl="bucket-owner-full-control", copy_limit=copy_limit)
    assert server.acl == "bucket-owner-full-control"


@pytest.mark.parametrize("copy_limit", [24, 25])
def test_an_object_that_was_replaced_meanwhile_is_left_alone(copy_limit):
    server = FakeS3()
    with pytest.raises(NotAttached, match="replaced meanwhile"):
        attached(server, etag="0" * 32, copy_limit=copy_limit)
    assert server.checksum is None


@pytest.mark.parametrize(("copy_limit", "request_name"), [(24, "upload_part_copy"), (25, "copy_object")])
def test_an_object_that_is_replaced_between_header_and_copy_is_left_alone(copy_limit, request_name, monkeypatch):
    server = FakeS3()
    copy = getattr(server, request_name)

    def replaced(**parameters):
        server.etag = "0" * 32
        return copy(**parameters)

    monkeypatch.setattr(server, request_name, replaced)
    with pytest.raises(NotAttached, match="replaced meanwhile"):
        attached(server, etag=MD5, copy_limit=copy_limit)
    assert server.checksum is None and server.open == {}


def test_an_object_under_a_key_of_ones_own_is_left_alone():
    server = FakeS3(SSECustomerAlgorithm="AES256")
    with pytest.raises(NotAttached, match="key of your own"):
        attached(server)
    assert server.checksum is None


@pytest.mark.parametrize("code", ["AccessDenied", "InvalidObjectState", "NotImplemented"])
def test_what_the_server_refuses_for_this_object_is_told_in_its_words(code):
    server = FakeS3()
    server.refuses["CopyObject"] = code
    with pytest.raises(NotAttached, match=rf"'p/film.mov'.*{code}"):
        attached(server)


def test_tags_are_never_lost_for_want_of_the_right_to_read_them():
    server = FakeS3()
    server.refuses["GetObjectTagging"] = "AccessDenied"
    with pytest.raises(NotAttached, match="AccessDenied"):
        attached(server, copy_limit=1)
    assert server.open == {}


@pytest.mark.parametrize("operation", ["UploadPartCopy", "CompleteMultipartUpload"])
def test_a_copy_in_parts_that_fails_leaves_nothing_open(operation):
    server = FakeS3()
    server.refuses[operation] = "InternalError"
    with pytest.raises(NotAttached, match="InternalError"):
        attached(server, part_size=10, copy_limit=1)
    assert server.aborted == ["id"]


def test_a_copy_in_parts_that_is_stopped_leaves_nothing_open():
    server = FakeS3()

    def stop():
        raise ReadingStopped

    with pytest.raises(ReadingStopped):
        attached(server, part_size=10, copy_limit=1, tick=stop)
    assert server.aborted == ["id"]


def test_the_first_failure_is_told_even_if_the_abort_fails_too():
    server = FakeS3()
    server.refuses = {"UploadPartCopy": "InternalError", "AbortMultipartUpload": "SlowDown"}
    with pytest.raises(NotAttached, match="InternalError"):
        attached(server, part_size=10, copy_limit=1)


def test_an_expired_token_or_a_silent_server_is_not_the_objects_fault():
    server = FakeS3()
    server.refuses["CopyObject"] = "ExpiredToken"
    with pytest.raises(CredentialsError):
        attached(server)
    server.refuses["CopyObject"] = ReadTimeoutError(endpoint_url="http://s3")
    with pytest.raises(EndpointError):
        attached(server)


@pytest.mark.parametrize(
    ("size", "part_size", "first", "count"),
    [
        (100 * MIB, 16 * MIB, f"bytes=0-{16 * MIB - 1}", 7),
        (6 * 1024 * MIB, None, f"bytes=0-{512 * MIB - 1}", 12),
        (16 * MIB * 10_001, 16 * MIB, f"bytes=0-{512 * MIB - 1}", 313),
    ],
)
def test_the_parts_are_the_objects_own_where_they_are_known_and_possible(size, part_size, first, count):
    parts = attach.ranges(size, part_size)
    assert (parts[0], len(parts)) == (first, count)
    assert parts[-1].endswith(f"-{size - 1}")
