# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Deleting objects: many in one request, each one's end told, and what servers without bulk deletion need instead."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Callable, NamedTuple

from ..common.errors import AccessError, DatasyncError, EndpointError
from .limits import MAX_KEYS_IN_DELETE
from .refusals import access_error, code_of, explained, permission_hint

#: Characters that XML 1.0 cannot carry or that its readers change: keys with them are deleted one by one.
#: https://www.w3.org/TR/xml/#charsets and #sec-line-ends
_NOT_FOR_XML = re.compile("[\x00-\x1f\x7f-\x9f\u2028\ufffe\uffff]")
#: What servers say that do not know DeleteObjects, or not as botocore sends it.
_NO_BATCHES = frozenset({"NotImplemented", "MethodNotAllowed", "MissingContentMD5", "InvalidDigest"})


class FailedDelete(NamedTuple):
    """An object that was not deleted: the S3 error code and the message."""

    key: str
    code: str
    message: str


class Deletion(NamedTuple):
    """What became of the objects to delete. `markers`: a versioned bucket keeps them behind delete markers."""

    deleted: list[str]
    markers: bool
    failed: list[FailedDelete]


class Deletes:
    """Deletes objects of one bucket. `client` makes or returns its botocore client; `where` names it in messages."""

    def __init__(self, bucket: str, where: str, client: Callable[[], Any]) -> None:
        self._bucket = bucket
        self._where = where
        self._client = client

    def objects(self, keys: Sequence[str]) -> Deletion:
        """Delete the objects, in requests of up to 1,000.

        Raises only if nothing was deleted before: else the keys of a request that fails as a whole, and those after
        it, are `failed`.
        """
        deleted: list[str] = []
        failed: list[FailedDelete] = []
        markers = False
        waiting = deque(_batches(keys))
        while waiting:
            batch = waiting.popleft()
            try:
                outcome = self._delete_batch(batch) if len(batch) > 1 else self._delete_one(batch[0])
            except DatasyncError as error:
                if len(batch) > 1 and code_of(error) in _NO_BATCHES:
                    waiting.extendleft([key] for key in reversed(batch))
                    continue
                if not deleted:
                    raise
                failed.extend(
                    FailedDelete(key, code_of(error), str(error)) for rest in (batch, *waiting) for key in rest
                )
                break
            deleted.extend(outcome.deleted)
            failed.extend(outcome.failed)
            markers = markers or outcome.markers
        return Deletion(deleted, markers, failed)

    def versions(self, prefix: str) -> None:
        """Delete all versions and delete markers under `prefix` for good."""
        with explained("delete object versions", self._where):
            pages = self._client().get_paginator("list_object_versions").paginate(Bucket=self._bucket, Prefix=prefix)
            for page in pages:
                versions = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
                objects = [{"Key": version["Key"], "VersionId": version["VersionId"]} for version in versions]
                if objects:
                    answer = self._client().delete_objects(Bucket=self._bucket, Delete={"Objects": objects})
                    for error in answer.get("Errors", ())[:1]:
                        raise access_error(
                            str(error.get("Code")), str(error.get("Message")), f"cannot delete {error.get('Key')!r}"
                        )

    def _delete_batch(self, keys: Sequence[str]) -> Deletion:
        with explained(f"delete {len(keys)} objects", self._where):
            objects = [{"Key": key} for key in keys]
            answer = self._client().delete_objects(Bucket=self._bucket, Delete={"Objects": objects})
        return _deletion(answer, keys)

    def _delete_one(self, key: str) -> Deletion:
        try:
            with explained(f"delete {key!r}", self._where):
                answer = self._client().delete_object(Bucket=self._bucket, Key=key)
        except EndpointError:
            raise
        except AccessError as error:
            return Deletion([], False, [FailedDelete(key, code_of(error), str(error))])
        return Deletion([key], bool(answer.get("DeleteMarker")), [])


def _batches(keys: Sequence[str]) -> Iterator[list[str]]:
    """The keys in groups for one request each. What XML may not carry comes alone."""
    together = [key for key in keys if not _NOT_FOR_XML.search(key)]
    for start in range(0, len(together), MAX_KEYS_IN_DELETE):
        yield together[start : start + MAX_KEYS_IN_DELETE]
    yield from ([key] for key in keys if _NOT_FOR_XML.search(key))


def _deletion(answer: Mapping[str, Any], keys: Sequence[str]) -> Deletion:
    """What the answer to DeleteObjects says about each of the keys."""
    entries = {entry.get("Key"): entry for entry in answer.get("Deleted", ())}
    refused = {entry.get("Key"): entry for entry in answer.get("Errors", ())}
    deleted = [key for key in keys if key in entries and key not in refused]
    failed = []
    for key in keys:
        if key in refused:
            code = str(refused[key].get("Code", ""))
            hint = f" ({permission_hint('DeleteObjects')})" if code == "AccessDenied" else ""
            failed.append(FailedDelete(key, code, f"{refused[key].get('Message', 'no message')}{hint}"))
        elif key not in entries:
            failed.append(FailedDelete(key, "", "the server does not say what became of it"))
    return Deletion(deleted, any(entry.get("DeleteMarker") for entry in entries.values()), failed)
