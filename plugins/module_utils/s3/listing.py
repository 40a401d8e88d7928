# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Pages of listings: what the server sent, as objects, or as multipart uploads that are still open.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html and API_ListMultipartUploads.html. Whatever is
not as those pages say is refused here, and left to boto3.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import unquote_plus

#: Seconds. S3 shows times to the second, and the offset between the clocks is known to about a second.
CLOCK_MARGIN = 3.0

_OBJECTS = "ListBucketResult"
_UPLOADS = "ListMultipartUploadsResult"
_TIME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}):([0-9]{2})(?:\.([0-9]{1,6}))?Z")


class StoredObject(NamedTuple):
    """An object as the listing shows it. `size` in bytes, `last_modified` in seconds since the epoch."""

    key: str
    size: int
    etag: str
    last_modified: float


class DocumentTypeError(ValueError):
    """The answer has a document type. S3 sends none; web pages do, and entities that grow without bound need one."""


class Page(NamedTuple):
    """Objects in the server's order. `next_token` asks for the next page; None after the last one."""

    objects: list[StoredObject]
    next_token: str | None


class OpenUpload(NamedTuple):
    """A multipart upload that was neither completed nor aborted. `initiated` in seconds since the epoch."""

    key: str
    upload_id: str
    initiated: float


class Position(NamedTuple):
    """Where the next page begins. Amazon tells both, some servers one of them; the other is empty then."""

    key: str
    upload_id: str


class UploadsPage(NamedTuple):
    """Uploads in the server's order. `next` asks for the next page; None after the last one."""

    uploads: list[OpenUpload]
    next: Position | None


def listing_query(prefix: str, start_after: str, token: str | None, max_keys: int | None) -> dict[str, str]:
    """The query of one page. Keys are asked for in URL encoding, because XML cannot carry control characters."""
    query = {"list-type": "2", "encoding-type": "url", "prefix": prefix}
    if token is not None:
        query["continuation-token"] = token
    elif start_after:
        query["start-after"] = start_after
    if max_keys is not None:
        query["max-keys"] = str(max_keys)
    return query


def parse_page(body: bytes) -> Page:
    """Read a page as it came over the wire. Raises ValueError unless it is a whole and well-formed one.

    Raises DocumentTypeError for an answer that nobody should parse.
    """
    root, space = _root_of(body, _OBJECTS)
    truncated = root.findtext(f"{space}IsTruncated")
    if truncated is None and root.find(f"{space}Name") is None and root.find(f"{space}KeyCount") is None:
        raise ValueError("the answer has nothing of a listing")
    token = root.findtext(f"{space}NextContinuationToken")
    if truncated == "true" and not token:
        raise ValueError("the listing has more pages, and does not say how to ask for them")
    encoded = root.findtext(f"{space}EncodingType") == "url"
    return Page(_objects(root, space, encoded), token if truncated == "true" else None)


def _objects(root: Any, space: str, encoded: bool) -> list[StoredObject]:
    key_tag, size_tag, etag_tag, time_tag = (f"{space}{name}" for name in ("Key", "Size", "ETag", "LastModified"))
    objects = []
    for entry in root.iterfind(f"{space}Contents"):
        text = entry.findtext
        key = text(key_tag)
        if not key:
            raise ValueError("an object has no key")
        if encoded and ("%" in key or "+" in key):
            key = unquote_plus(key)
        moment = _epoch_of(text(time_tag, ""))
        objects.append(StoredObject(key, int(text(size_tag, "")), text(etag_tag, "").strip('"'), moment))
    return objects


def page_of_answer(answer: Mapping[str, Any]) -> Page:
    """The same from an answer of boto3. Raises ValueError for one that is not whole."""
    try:
        objects = [_object_of_entry(entry) for entry in answer.get("Contents", ())]
    except KeyError as error:
        raise ValueError(f"an object of the listing has no {error.args[0]}") from error
    token = answer.get("NextContinuationToken") if answer.get("IsTruncated") else None
    if answer.get("IsTruncated") and not token:
        raise ValueError("the listing has more pages, and does not say how to ask for them")
    return Page(objects, token)


def _object_of_entry(entry: Mapping[str, Any]) -> StoredObject:
    moment = entry["LastModified"].timestamp()
    return StoredObject(entry["Key"], entry["Size"], entry.get("ETag", "").strip('"'), moment)


def uploads_query(prefix: str, position: Position | None) -> dict[str, str]:
    """The query of one page.

    Keys are not asked for in URL encoding, as boto3 does not either: SeaweedFS then says that it encoded them, and did
    not, so that `a+b` would be taken for `a b`.
    """
    query = {"uploads": "", "prefix": prefix}
    markers = {"key-marker": position.key, "upload-id-marker": position.upload_id} if position else {}
    return {**query, **{name: value for name, value in markers.items() if value}}


def parse_uploads_page(body: bytes) -> UploadsPage:
    """Read a page as it came over the wire. Raises ValueError unless it is a whole and well-formed one.

    Raises DocumentTypeError for an answer that nobody should parse.
    """
    root, space = _root_of(body, _UPLOADS)
    truncated = root.findtext(f"{space}IsTruncated")
    if truncated is None and root.find(f"{space}Bucket") is None and root.find(f"{space}MaxUploads") is None:
        raise ValueError("the answer has nothing of a listing of multipart uploads")
    uploads = [_upload_of_entry(entry.findtext, space) for entry in root.iterfind(f"{space}Upload")]
    following = Position(root.findtext(f"{space}NextKeyMarker", ""), root.findtext(f"{space}NextUploadIdMarker", ""))
    return UploadsPage(uploads, _next_position(truncated == "true", following))


def _upload_of_entry(text: Any, space: str) -> OpenUpload:
    key, upload_id = text(f"{space}Key"), text(f"{space}UploadId")
    if not key or not upload_id:
        raise ValueError("a multipart upload has no key or no id")
    return OpenUpload(key, upload_id, _epoch_of(text(f"{space}Initiated", "")))


def uploads_page_of_answer(answer: Mapping[str, Any]) -> UploadsPage:
    """The same from an answer of boto3. Raises ValueError for one that is not whole."""
    try:
        uploads = [
            OpenUpload(entry["Key"], entry["UploadId"], entry["Initiated"].timestamp())
            for entry in answer.get("Uploads", ())
        ]
    except KeyError as error:
        raise ValueError(f"a multipart upload of the listing has no {error.args[0]}") from error
    following = Position(answer.get("NextKeyMarker", ""), answer.get("NextUploadIdMarker", ""))
    return UploadsPage(uploads, _next_position(bool(answer.get("IsTruncated")), following))


def _next_position(truncated: bool, following: Position) -> Position | None:
    if not truncated:
        return None
    if not any(following):
        raise ValueError("the listing has more pages, and does not say how to ask for them")
    return following


def _root_of(body: bytes, name: str) -> tuple[Any, str]:
    """The root of an answer, and its name space as tags carry it. Raises ValueError unless it is XML with that root."""
    from xml.etree import ElementTree

    text = body.decode("utf-8")
    if "<!DOCTYPE" in text:
        raise DocumentTypeError("the answer has a document type")
    try:
        root = ElementTree.fromstring(text)  # noqa: S314 - without a document type there are no entities to expand
    except ElementTree.ParseError as error:
        raise ValueError(f"the answer is no XML: {error}") from error
    if not root.tag.endswith(name):
        raise ValueError(f"the answer is {root.tag}")
    # Amazon, MinIO, SeaweedFS and Ceph send the same name space, others none.
    return root, root.tag[: -len(name)]


def _epoch_of(text: str) -> float:
    """Seconds since the epoch for a time as S3 writes it in XML. Raises ValueError for any other form."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError(f"the time {text!r} has another form")
    minute, seconds, fraction = match.groups()
    moment = _minute(minute) + int(seconds)
    return (moment * 1_000_000 + int(fraction.ljust(6, "0"))) / 1_000_000 if fraction else float(moment)


@lru_cache(maxsize=4096)
def _minute(text: str) -> int:
    """Seconds since the epoch. Objects are stored in batches, so that few minutes come often."""
    return int(datetime.fromisoformat(f"{text}+00:00").timestamp())
