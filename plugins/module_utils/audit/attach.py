# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A SHA256 for a stored object that has none, computed by the server: the object is copied onto itself.

Content, metadata, tags, storage class, encryption and retention stay. The time of storing becomes that of the copy, a
versioned bucket gets a new version, and the ACL becomes the job's, because S3 copies none.
Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html and
https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from ..common.errors import AccessError, DatasyncError, EndpointError
from ..common.threads import Tick
from ..common.units import MIB
from ..s3.limits import MAX_COPY_SIZE, MAX_PARTS, effective_part_size, part_count
from ..s3.refusals import explained

#: Bytes of the parts of a copy where the parts of the object are not known.
PART_SIZE = 512 * MIB
#: Parts of one object that are copied at the same time.
COPIERS = 8
#: Seconds that the server may be silent while it copies.
COPY_TIMEOUT = 120

#: What a copy does not keep by itself; HeadObject shows it under the names that the copy takes.
_KEPT = (
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "ContentType",
    "Expires",
    "Metadata",
    "StorageClass",
    "ServerSideEncryption",
    "SSEKMSKeyId",
    "BucketKeyEnabled",
    "WebsiteRedirectLocation",
    "ObjectLockMode",
    "ObjectLockRetainUntilDate",
    "ObjectLockLegalHoldStatus",
)


class NotAttached(Exception):
    """This object got no SHA256; the message says why. Nothing was changed, unless it says so."""


class Attacher:
    """Attaches SHA256s to the objects of one bucket. May be called from several threads.

    `client` is a botocore client that waits for COPY_TIMEOUT. `acl` is the canned ACL of the objects.
    `copy_limit` in bytes is for tests.
    """

    def __init__(self, client: Any, bucket: str, acl: str | None = None, copy_limit: int = MAX_COPY_SIZE) -> None:
        self._client = client
        self._bucket = bucket
        self._acl = {"ACL": acl} if acl else {}
        self.copy_limit = copy_limit

    def attach(self, key: str, etag: str, part_size: int | None, tick: Tick) -> None:
        """Let the server compute and store the SHA256 of an object, if it still has this ETag.

        `part_size` in bytes is that of the object's parts, None if it is not known. An answer without an error proves
        nothing: ask for the header again. Raises NotAttached for what is wrong with this object, CredentialsError or
        EndpointError for the rest.
        """
        try:
            with explained(f"attach a SHA256 to {key!r}", f"bucket {self._bucket!r}"):
                self._attach(key, etag, part_size, tick)
        except EndpointError:
            raise
        except AccessError as error:
            raise NotAttached(str(error)) from error

    def _attach(self, key: str, etag: str, part_size: int | None, tick: Tick) -> None:
        head = self._client.head_object(Bucket=self._bucket, Key=key)
        if head["ETag"].strip('"') != etag:
            raise NotAttached("the object was replaced meanwhile")
        if head.get("SSECustomerAlgorithm"):
            raise NotAttached("the object is encrypted with a key of your own, which is needed to copy it")
        kept = {**{name: head[name] for name in _KEPT if head.get(name)}, **self._acl, "ChecksumAlgorithm": "SHA256"}
        if head["ContentLength"] <= self.copy_limit:
            self._copy(key, etag, kept)
        else:
            self._copy_in_parts(key, head, kept, part_size, tick)

    def _copy(self, key: str, etag: str, kept: Mapping[str, Any]) -> None:
        # S3 refuses to copy an object onto itself unless something is replaced.
        self._guarded(
            self._client.copy_object, Bucket=self._bucket, Key=key, etag=etag, MetadataDirective="REPLACE", **kept
        )

    def _guarded(self, request: Any, etag: str, **parameters: Any) -> Any:
        """A request that copies from the object, if that still has this ETag."""
        import botocore.exceptions

        source = {"Bucket": self._bucket, "Key": parameters["Key"]}
        try:
            return request(CopySource=source, CopySourceIfMatch=f'"{etag}"', **parameters)
        except botocore.exceptions.ClientError as error:
            if error.response.get("Error", {}).get("Code") in ("PreconditionFailed", "412"):
                raise NotAttached("the object was replaced meanwhile") from error
            raise

    def _copy_in_parts(
        self, key: str, head: Mapping[str, Any], kept: Mapping[str, Any], part_size: int | None, tick: Tick
    ) -> None:
        where = {"Bucket": self._bucket, "Key": key}
        size, etag = head["ContentLength"], head["ETag"].strip('"')
        tags = self._tags(key)
        upload = {
            **where,
            "UploadId": self._client.create_multipart_upload(**where, **kept, **tags, ChecksumType="COMPOSITE")[
                "UploadId"
            ],
        }
        try:
            parts = self._copied_parts(upload, etag, ranges(size, part_size), tick)
            self._client.complete_multipart_upload(
                **upload, MultipartUpload={"Parts": parts}, ChecksumType="COMPOSITE", MpuObjectSize=size
            )
        except BaseException:
            # What stays open is billed; the bucket's rule for incomplete uploads is the second net.
            with suppress(DatasyncError), explained(f"abort the copy of {key!r}", f"bucket {self._bucket!r}"):
                self._client.abort_multipart_upload(**upload)
            raise

    def _copied_parts(self, upload: Mapping[str, str], etag: str, parts: list[str], tick: Tick) -> list[dict[str, Any]]:
        def copy(number: int, bytes_range: str) -> dict[str, Any]:
            tick()
            answer = self._guarded(
                self._client.upload_part_copy, etag, **upload, PartNumber=number, CopySourceRange=bytes_range
            )["CopyPartResult"]
            checksum = {"ChecksumSHA256": answer["ChecksumSHA256"]} if answer.get("ChecksumSHA256") else {}
            return {"PartNumber": number, "ETag": answer["ETag"], **checksum}

        with ThreadPoolExecutor(COPIERS, thread_name_prefix="copy") as pool:
            try:
                return list(pool.map(copy, range(1, len(parts) + 1), parts))
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise

    def _tags(self, key: str) -> dict[str, str]:
        """The tags, which a copy in parts does not take along."""
        tags = self._client.get_object_tagging(Bucket=self._bucket, Key=key).get("TagSet", ())
        return {"Tagging": urllib.parse.urlencode({tag["Key"]: tag["Value"] for tag in tags})} if tags else {}


def ranges(size: int, part_size: int | None) -> list[str]:
    """The parts of a copy as S3 takes them, of the object's own `part_size` in bytes, so that its ETag stays."""
    if not part_size or part_count(size, part_size) > MAX_PARTS:
        part_size = effective_part_size(size, PART_SIZE)
    return [f"bytes={start}-{min(start + part_size, size) - 1}" for start in range(0, size, part_size)]
