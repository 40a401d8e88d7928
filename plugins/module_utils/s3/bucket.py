# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The requests that we make to S3 ourselves, beside s5cmd's uploads.

What is asked often, or in every run, goes the short way of `signed_requests`. The rest, and whatever that way does not
answer well, goes through a botocore client, which is made when it is first needed.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Callable, TypeVar

from ..common.errors import AccessError, DatasyncError, EndpointError
from .address import address_of, server_url
from .connection import Connection
from .deletes import Deletes, Deletion
from .head import UNREADABLE_HEADER, ObjectHead, head_of_answer, head_of_fields
from .http_pool import HttpResponse
from .listing import (
    DocumentTypeError,
    OpenUpload,
    Page,
    Position,
    StoredObject,
    UploadsPage,
    listing_query,
    page_of_answer,
    parse_page,
    parse_uploads_page,
    uploads_page_of_answer,
    uploads_query,
)
from .refusals import clock_ahead, code_of, date_ahead, explained, no_s3_answer, require_members
from .signed_requests import SignedRequests

_T = TypeVar("_T")
_Entry = TypeVar("_Entry")
_Place = TypeVar("_Place")


class Bucket:
    """One bucket on one server. Every method raises CredentialsError or AccessError as `access_error` decides.

    To make one costs nothing and asks nobody: what is wrong with the connection shows with the first request. May be
    used from several threads.
    """

    def __init__(self, connection: Connection, name: str, pool_size: int = 16) -> None:
        self.name = name
        self._connection = connection
        self._pool_size = pool_size
        self._where = f"bucket {name!r} at {connection.endpoint_url or 'Amazon S3'}"
        #: Held while one of the following is made, so that several threads make one.
        self._making = threading.RLock()
        self._client: Any = None
        self._requests: SignedRequests | None = None
        self._short_way = True
        self._clock_ahead: float | None = None
        self._deletes = Deletes(name, self._where, lambda: self.client)

    @property
    def client(self) -> Any:
        """The botocore client, for what has no method here. Its exceptions are botocore's; see `explained`."""
        with self._making:
            if self._client is None:
                self._client = self._connection.client("s3", self._pool_size)
            return self._client

    @property
    def endpoint_url(self) -> str | None:
        """URL of the server unless it is Amazon's public one; it may also come from the profile or the environment."""
        with self._explained("find the server"):
            return server_url(self._connection, self.name, lambda: self.client)

    @property
    def request_url(self) -> str:
        """URL to which requests go: the bucket's, or where that cannot be told the server's."""
        with self._explained("find the server"):
            address = address_of(self._connection, self.name, lambda: self.client)
            return address.url if address else str(self.client.meta.endpoint_url)

    @property
    def no_answer(self) -> EndpointError:
        """The error for a server that stays silent."""
        return EndpointError(f"{self._where} does not answer", "check endpoint_url, the network and the server")

    @property
    def server_clock_ahead(self) -> float:
        """Seconds by which the server's clock is ahead of ours, from the Date header of the last listing page."""
        return self._clock_ahead or 0.0

    def list(self, prefix: str, start_after: str = "") -> Iterator[StoredObject]:
        """All objects whose keys begin with `prefix` and come after `start_after`, in the server's order."""
        return _entries_of_pages(lambda token: self._page(prefix, start_after, token), f"cannot list: {self._where}")

    def check(self, prefix: str = "") -> bool:
        """One cheap request that proves that endpoint, credentials and bucket answer, and may be listed there.

        Returns whether any object is stored below the prefix.
        """
        return bool(self._page(prefix, max_keys=1).objects)

    def holds_key(self, key: str) -> bool:
        """Whether the listing names exactly this key. Some servers store special names under another key."""
        return any(entry.key == key for entry in self._page(key, max_keys=1).objects)

    def _page(self, prefix: str, start_after: str = "", token: str | None = None, max_keys: int | None = None) -> Page:
        def read(answer: HttpResponse) -> Page:
            page = parse_page(answer.body)
            self._observe_clock(date_ahead(answer.fields.get("date")))
            return page

        query = listing_query(prefix, start_after, token, max_keys)
        optional = {"StartAfter": start_after, "ContinuationToken": token, "MaxKeys": max_keys}
        given = {name: value for name, value in optional.items() if value}
        return self._asked(lambda short: short.get(query), read, lambda: self._page_by_boto3(prefix, given))

    def _page_by_boto3(self, prefix: str, optional: Mapping[str, Any]) -> Page:
        with self._explained(f"list {prefix!r}" if prefix else "list"):
            answer = self.client.list_objects_v2(Bucket=self.name, Prefix=prefix, **optional)
        require_members(answer, ("Name", "IsTruncated", "KeyCount"), self._where)
        self._observe_clock(clock_ahead(answer))
        try:
            return page_of_answer(answer)
        except ValueError as error:
            raise EndpointError(f"cannot list: {self._where}: {error}", "is it an S3 server?") from error

    def head(self, key: str) -> ObjectHead | None:
        """HeadObject with checksums; None if there is no such object."""
        return self._asked(
            lambda short: short.head(key),
            lambda answer: head_of_fields(answer.fields),
            lambda: self._head_by_boto3(key),
        )

    def _head_by_boto3(self, key: str) -> ObjectHead | None:
        try:
            with self._explained(f"read the header of {key!r}"):
                answer = self.client.head_object(Bucket=self.name, Key=key, ChecksumMode="ENABLED")
        except AccessError as error:
            if code_of(error) in ("404", "NoSuchKey", "NotFound"):
                return None
            if code_of(error) in ("400", "BadRequest"):
                # Without the customer's key the header of an SSE-C object is refused so, and that object's alone.
                return UNREADABLE_HEADER
            raise
        require_members(answer, ("ContentLength",), f"cannot read the header of {key!r}: {self._where}")
        return head_of_answer(answer)

    def part_size(self, key: str) -> int | None:
        """Size in bytes of the first part of a multipart object; None if the server does not tell.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html, partNumber
        """
        try:
            with self._explained(f"read the parts of {key!r}"):
                answer = self.client.head_object(Bucket=self.name, Key=key, PartNumber=1)
        except AccessError:
            return None
        return int(answer["ContentLength"]) if answer.get("PartsCount") else None

    def put_probe(self, key: str) -> str | None:
        """Store a small object under `key`; returns the id of its version if the bucket keeps versions."""
        with self._explained(f"write {key!r}"):
            answer = self.client.put_object(Bucket=self.name, Key=key, Body=b"datasync.turbo write probe\n")
        version: str | None = answer.get("VersionId")
        return version

    def delete_probe(self, key: str, version_id: str | None = None) -> None:
        """Delete what `put_probe` stored, for good when its version is known."""
        version = {"VersionId": version_id} if version_id else {}
        with self._explained(f"delete {key!r}"):
            self.client.delete_object(Bucket=self.name, Key=key, **version)

    def open_uploads(self, prefix: str) -> Iterator[OpenUpload]:
        """The multipart uploads under `prefix` that are neither completed nor aborted."""
        return _entries_of_pages(
            lambda position: self._uploads_page(prefix, position), f"cannot list multipart uploads: {self._where}"
        )

    def _uploads_page(self, prefix: str, position: Position | None) -> UploadsPage:
        return self._asked(
            lambda short: short.get(uploads_query(prefix, position)),
            lambda answer: parse_uploads_page(answer.body),
            lambda: self._uploads_page_by_boto3(prefix, position),
        )

    def _uploads_page_by_boto3(self, prefix: str, position: Position | None) -> UploadsPage:
        markers = {"KeyMarker": position.key, "UploadIdMarker": position.upload_id} if position else {}
        optional = {name: value for name, value in markers.items() if value}
        with self._explained("list multipart uploads"):
            answer = self.client.list_multipart_uploads(Bucket=self.name, Prefix=prefix, **optional)
        require_members(answer, ("Bucket", "IsTruncated", "MaxUploads"), self._where)
        try:
            return uploads_page_of_answer(answer)
        except ValueError as error:
            message = f"cannot list multipart uploads: {self._where}: {error}"
            raise EndpointError(message, "is it an S3 server?") from error

    def abort_upload(self, upload: OpenUpload) -> None:
        """Abort one multipart upload, so that its parts are no longer stored and billed."""
        with self._explained(f"abort the multipart upload of {upload.key!r}"):
            self.client.abort_multipart_upload(Bucket=self.name, Key=upload.key, UploadId=upload.upload_id)

    def delete(self, keys: Sequence[str]) -> Deletion:
        """Delete the objects, in requests of up to 1,000.

        Raises only if nothing was deleted before: else the keys of a request that fails as a whole, and those after
        it, are `failed`.
        """
        return self._deletes.objects(keys)

    def delete_versions(self, prefix: str) -> None:
        """Delete all versions and delete markers under `prefix` for good."""
        self._deletes.versions(prefix)

    def keeps_versions(self) -> bool | None:
        """Whether the bucket is versioned, so that what is deleted can be restored; None where nobody may know."""
        try:
            with self._explained("ask for the versioning"):
                answer = self.client.get_bucket_versioning(Bucket=self.name)
        except EndpointError:
            raise
        except AccessError:
            return None
        return bool(answer.get("Status") == "Enabled")

    def _asked(
        self,
        ask: Callable[[SignedRequests], HttpResponse | None],
        read: Callable[[HttpResponse], _T],
        by_boto3: Callable[[], _T],
    ) -> _T:
        """What `read` makes of an answer on the short way.

        Where that way gets none, or `read` raises ValueError, boto3 asks again: it repeats, judges and explains.
        """
        requests = self._signed_requests()
        answer = ask(requests) if requests else None
        if answer is not None:
            try:
                return read(answer)
            except DocumentTypeError as error:
                raise no_s3_answer(self._where) from error
            except ValueError:
                pass
        return by_boto3()

    def _signed_requests(self) -> SignedRequests | None:
        """The short way; None where it is not open, or not found: then boto3 explains why."""
        with self._making:
            if self._requests is None and self._short_way:
                try:
                    with self._explained("sign requests"):
                        self._requests = self._find_short_way()
                except DatasyncError:
                    return None
            return self._requests

    def _find_short_way(self) -> SignedRequests | None:
        address = address_of(self._connection, self.name, lambda: self.client)
        self._short_way = address is not None
        return SignedRequests(self._connection, address, self._pool_size) if address else None

    def _observe_clock(self, ahead: float | None) -> None:
        if ahead is not None:
            self._clock_ahead = ahead

    def _explained(self, action: str) -> AbstractContextManager[None]:
        return explained(action, self._where)


def _entries_of_pages(
    page_at: Callable[[_Place | None], tuple[list[_Entry], _Place | None]], action: str
) -> Iterator[_Entry]:
    """The entries of all pages. `page_at` gets one: its entries, and where the next page begins, None after the last.

    Raises EndpointError that begins with `action` where a page says that it is its own next one.
    """
    place: _Place | None = None
    while True:
        entries, following = page_at(place)
        yield from entries
        if following is None:
            return
        if following == place:
            raise EndpointError(f"{action}: it sends the same page again and again")
        place = following
