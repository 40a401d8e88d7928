# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A stand-in for `bucket.Bucket` that keeps its objects in memory, so that tests can set times, ETags and checksums.

It answers as a server without stored checksums does: an ETag that is an MD5, and no more unless a test says so.
Requests are counted by name in `asked`. What real servers answer is tested in tests/integration.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import EndpointError
from ansible_collections.datasync.turbo.plugins.module_utils.s3.deletes import Deletion, FailedDelete
from ansible_collections.datasync.turbo.plugins.module_utils.s3.head import ObjectHead
from ansible_collections.datasync.turbo.plugins.module_utils.s3.listing import OpenUpload, StoredObject


@dataclass
class MemoryObject:
    """An object. `part_size` in bytes makes it one that was stored in parts; `etag` replaces the computed one."""

    content: bytes
    last_modified: float
    metadata: dict[str, str] = field(default_factory=dict)
    part_size: int | None = None
    etag: str | None = None
    checksums: dict[str, str] = field(default_factory=dict)
    checksum_type: str = "FULL_OBJECT"
    encryption: str | None = None

    def shown_etag(self) -> str:
        """The ETag as S3 computes it."""
        if self.etag is not None:
            return self.etag
        if self.part_size is None:
            return hashlib.md5(self.content).hexdigest()
        parts = [self.content[at : at + self.part_size] for at in range(0, len(self.content), self.part_size)]
        whole = hashlib.md5(b"".join(hashlib.md5(part).digest() for part in parts)).hexdigest()
        return f"{whole}-{len(parts)}"


class MemoryBucket:
    """Has the methods of `Bucket` that the pipeline calls. A method named in `failures` raises that error instead."""

    def __init__(self, server_clock_ahead: float = 0.0) -> None:
        self.objects: dict[str, MemoryObject] = {}
        self.uploads: list[OpenUpload] = []
        self.server_clock_ahead = server_clock_ahead
        self.endpoint_url: str | None = None
        self.no_answer = EndpointError("the bucket does not answer")
        #: A server that stores keys with a backslash under another key, as SeaweedFS does.
        self.rewrites_backslash = False
        self.tells_part_size = True
        #: None: nobody may ask whether the bucket is versioned.
        self.versioned: bool | None = False
        #: Keys that the server refuses to delete.
        self.undeletable: set[str] = set()
        self.asked: Counter[str] = Counter()
        #: The prefixes below which it was checked that the bucket answers.
        self.checked: list[str] = []
        self.failures: dict[str, Exception] = {}

    def put(self, key: str, content: bytes, last_modified: float | None = None, **properties: object) -> None:
        """Store an object; `last_modified` is by the server's clock."""
        now = time.time() + self.server_clock_ahead
        stored_key = key.replace("\\", "/") if self.rewrites_backslash else key
        moment = now if last_modified is None else last_modified
        self.objects[stored_key] = MemoryObject(content, moment, **properties)  # type: ignore[arg-type]

    def check(self, prefix: str = "") -> bool:
        self.checked.append(prefix)
        self._ask("check")
        return any(key.startswith(prefix) for key in self.objects)

    def list(self, prefix: str, start_after: str = "") -> Iterator[StoredObject]:
        self._ask("list")
        # The order of S3 is that of the bytes in UTF-8.
        for key, stored in sorted(self.objects.items(), key=lambda item: item[0].encode()):
            if key.startswith(prefix) and key.encode() > start_after.encode():
                # S3 shows times to the second.
                yield StoredObject(key, len(stored.content), stored.shown_etag(), float(int(stored.last_modified)))

    def holds_key(self, key: str) -> bool:
        self._ask("holds_key")
        return key in self.objects

    def head(self, key: str) -> ObjectHead | None:
        self._ask("head")
        stored = self.objects.get(key.replace("\\", "/") if self.rewrites_backslash else key)
        if stored is None:
            return None
        return ObjectHead(
            size=len(stored.content),
            etag=stored.shown_etag(),
            checksums=dict(stored.checksums),
            checksum_type=stored.checksum_type,
            metadata=dict(stored.metadata),
            encryption=stored.encryption,
        )

    def part_size(self, key: str) -> int | None:
        self._ask("part_size")
        return self.objects[key].part_size if self.tells_part_size else None

    def open_uploads(self, prefix: str) -> Iterator[OpenUpload]:
        self._ask("open_uploads")
        yield from [upload for upload in self.uploads if upload.key.startswith(prefix)]

    def abort_upload(self, upload: OpenUpload) -> None:
        self._ask("abort_upload")
        self.uploads.remove(upload)

    def delete(self, keys: Sequence[str]) -> Deletion:
        self._ask("delete")
        failed = [FailedDelete(key, "AccessDenied", "Access Denied") for key in keys if key in self.undeletable]
        deleted = [key for key in keys if key not in self.undeletable]
        for key in deleted:
            # S3 says of an object that is not there that it was deleted.
            self.objects.pop(key, None)
        return Deletion(deleted, bool(self.versioned and deleted), failed)

    def keeps_versions(self) -> bool | None:
        self._ask("keeps_versions")
        return self.versioned

    def _ask(self, request: str) -> None:
        self.asked[request] += 1
        if request in self.failures:
            raise self.failures[request]
