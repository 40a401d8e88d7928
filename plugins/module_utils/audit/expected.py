# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What an audit expects in the bucket: the content of a local file, of a row of the state file, of a manifest's line.

Each compares itself with what the server tells of the object, by content alone. The time and the metadata of an object
prove nothing; metadata `sha256` is a claim of the uploader.
"""

from __future__ import annotations

import base64
import os
from typing import Callable

from ..job.local_file import LocalFile, describe_change, identity_of
from ..job.state import Row
from ..proof.checksums import parse_etag
from ..proof.verify import Verdict, VerdictKind, Verifier
from ..s3.head import ObjectHead
from ..s3.limits import ALGORITHMS, SMALL_FILE
from ..s3.listing import StoredObject

#: The methods that an audit with checksum_algorithm=SHA256 takes for a proof.
SHA256_METHODS = ("SHA256", "SHA256-composite")


class Expected:
    """The content of one object. `path` is relative to the source; `size` in bytes, None where it is not known.

    `by_sha256`: the object's SHA256 would tell whether it has this content; `by_parts`: so would that of its parts.
    """

    by_sha256 = True
    by_parts = False

    def __init__(self, path: str, key: str, size: int | None) -> None:
        self.path = path
        self.key = key
        self.size = size

    def in_listing(self, entry: StoredObject) -> Verdict | None:  # noqa: ARG002 - for those that can
        """The verdict if the listing alone can give it; None if the object's header must be asked for."""
        return None

    def in_header(self, head: ObjectHead) -> Verdict:
        """The verdict by what HeadObject tells."""
        raise NotImplementedError

    def nowhere(self) -> Verdict:
        """The verdict where there is no such object."""
        return Verdict(VerdictKind.MISSING, message="the object is not in the bucket")


class ExpectedFile(Expected):
    """The content of a local file."""

    by_parts = True

    def __init__(self, file: LocalFile, verifier: Verifier) -> None:
        super().__init__(file.relative, file.key, file.identity.size)
        self._file = file
        self._verifier = verifier

    def in_listing(self, entry: StoredObject) -> Verdict | None:
        """Of a small file stored in one PUT the ETag proves the content, if it is its MD5."""
        etag = parse_etag(entry.etag)
        if etag is None or etag.parts or entry.size != self.size or entry.size > SMALL_FILE:
            return None
        verdict = self._verifier.recorded(self._file, Verdict(VerdictKind.SAME, "ETag", checksum=etag.value))
        # Encrypted objects have ETags in the same form that are no MD5; only the header tells.
        return None if verdict.kind is VerdictKind.DIFFERENT else verdict

    def in_header(self, head: ObjectHead) -> Verdict:
        """By the file's content as it is now; a file that is not the one that was found is CHANGED."""
        return self._verifier.present(self._file, head)

    def nowhere(self) -> Verdict:
        """Missing, unless the file itself is gone or another one by now."""
        try:
            now = identity_of(os.stat(self._file.path))
        except OSError:
            return Verdict(VerdictKind.CHANGED, message="was deleted or renamed meanwhile")
        if now != self._file.identity:
            return Verdict(VerdictKind.CHANGED, message=describe_change(self._file.identity, now))
        return super().nowhere()


class ExpectedRow(Expected):
    """The content that the state file says was proven to be stored.

    `part_size` asks the server for the bytes of the parts of an object.
    """

    def __init__(self, row: Row, prefix: str, part_size: Callable[[str], int | None]) -> None:
        super().__init__(row.relative, prefix + row.relative, row.identity.size)
        self.by_sha256 = bool(row.sha256)
        self._row = row
        self._part_size = part_size

    def in_listing(self, entry: StoredObject) -> Verdict | None:
        """An object with the ETag that it had when it was proven is the object that was proven."""
        row = self._row
        if row.method and row.etag and (entry.size, entry.etag) == (row.identity.size, row.etag):
            return Verdict(VerdictKind.SAME, "recorded-ETag")
        return None

    def in_header(self, head: ObjectHead) -> Verdict:
        """By the checksums that were recorded."""
        row = self._row
        if head.size != row.identity.size:
            return _of_another_size(head.size, row.identity.size)
        if row.sha256 and _full_sha256(head):
            return _compared("SHA256", _full_sha256(head), row.sha256)
        stored = self._stored(head)
        if stored is None:
            if not row.method:
                return Verdict(
                    VerdictKind.UNPROVEN, message="the state file has no proof of it; `sync` with verify=all makes one"
                )
            message = f"it was proven by {row.method}, and the server tells no such value any more"
            return Verdict(VerdictKind.UNPROVEN, message=message)
        verdict = _compared(row.method, stored, row.checksum)
        of_parts = "-" in row.method
        if verdict.kind is VerdictKind.DIFFERENT and of_parts and self._part_size(self.key) != row.part_size:
            return Verdict(
                VerdictKind.UNPROVEN, message="the object was stored again in other parts since it was proven"
            )
        return verdict

    def _stored(self, head: ObjectHead) -> str | None:
        """What the server tells by the recorded method."""
        method = self._row.method
        algorithm, _dash, kind = method.partition("-")
        if algorithm in ALGORITHMS:
            wanted = "COMPOSITE" if kind else "FULL_OBJECT"
            return head.checksums.get(algorithm) if head.checksum_type == wanted else None
        etag = parse_etag(head.etag) if head.etag_is_md5 else None
        if etag is None or not method or bool(etag.parts) != bool(kind):
            return None
        return etag.value


class ExpectedLine(Expected):
    """The content that a line of a manifest names by its SHA256."""

    def __init__(self, name: str, sha256: str, prefix: str) -> None:
        super().__init__(name, prefix + name, None)
        self._sha256 = sha256

    def in_header(self, head: ObjectHead) -> Verdict:
        """By the SHA256 of the whole object; one of its parts' digests says nothing about the whole."""
        stored = _full_sha256(head)
        if stored:
            return _compared("SHA256", stored, self._sha256)
        if "SHA256" in head.checksums:
            return Verdict(
                VerdictKind.UNPROVEN, message="the stored SHA256 is of the parts, the manifest's of the whole"
            )
        return Verdict(VerdictKind.UNPROVEN, message="the server stored no SHA256")


def header_of_download(size: int, sha256: bytes) -> ObjectHead:
    """A header as if the server had told the SHA256 of what it sent."""
    return ObjectHead(size, "", {"SHA256": base64.b64encode(sha256).decode("ascii")}, "FULL_OBJECT")


def _full_sha256(head: ObjectHead) -> str:
    """The stored SHA256 of the whole object in hexadecimal, as manifests have it; '' if there is none."""
    stored = head.checksums.get("SHA256", "") if head.checksum_type == "FULL_OBJECT" else ""
    try:
        return base64.b64decode(stored, validate=True).hex()
    except ValueError:
        return ""


def _compared(method: str, stored: str, expected: str) -> Verdict:
    if stored == expected:
        return Verdict(VerdictKind.SAME, method)
    return Verdict(VerdictKind.DIFFERENT, method, f"the stored {method} is {stored}, {expected} is expected")


def _of_another_size(stored: int, expected: int) -> Verdict:
    return Verdict(VerdictKind.DIFFERENT, "size", f"the object has {stored} bytes, {expected} are expected")
