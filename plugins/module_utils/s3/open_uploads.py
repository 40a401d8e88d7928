# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A page of ListMultipartUploads: what the server sent, as multipart uploads that are neither completed nor aborted.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html. Whatever is not as that page says is
refused here, and left to boto3.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from .listing import epoch_of, root_of

_ROOT = "ListMultipartUploadsResult"


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
    root, space = root_of(body, _ROOT)
    truncated = root.findtext(f"{space}IsTruncated")
    if truncated is None and root.find(f"{space}Bucket") is None and root.find(f"{space}MaxUploads") is None:
        raise ValueError("the answer has nothing of a listing of multipart uploads")
    uploads = [_upload(entry.findtext, space) for entry in root.iterfind(f"{space}Upload")]
    following = Position(root.findtext(f"{space}NextKeyMarker", ""), root.findtext(f"{space}NextUploadIdMarker", ""))
    return UploadsPage(uploads, _next(truncated == "true", following))


def _upload(text: Any, space: str) -> OpenUpload:
    key, upload_id = text(f"{space}Key"), text(f"{space}UploadId")
    if not key or not upload_id:
        raise ValueError("a multipart upload has no key or no id")
    return OpenUpload(key, upload_id, epoch_of(text(f"{space}Initiated", "")))


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
    return UploadsPage(uploads, _next(bool(answer.get("IsTruncated")), following))


def _next(truncated: bool, following: Position) -> Position | None:
    if not truncated:
        return None
    if not any(following):
        raise ValueError("the listing has more pages, and does not say how to ask for them")
    return following
