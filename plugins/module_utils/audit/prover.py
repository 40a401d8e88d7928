# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The verdict of an audit on one object, by the cheapest means that proves it.

In this order: the listing, the object's header, a SHA256 that the server computes (`attach.py`), a download. The last
two only where they are allowed. With checksum_algorithm=SHA256 nothing but a SHA256 is a proof; whatever else the
server tells can still show that the object differs.
"""

from __future__ import annotations

import hashlib
import os
import threading
from dataclasses import dataclass, replace
from typing import Any

from ..common.errors import AccessError, EndpointError
from ..common.threads import Stop
from ..proof.reading import READ_SIZE
from ..proof.verify import HEADER_REFUSED, Verdict, VerdictKind
from ..s3.bucket import Bucket
from ..s3.head import UNREADABLE_HEADER, ObjectHead
from ..s3.listing import StoredObject
from ..s3.refusals import explained
from .attach import Attacher, NotAttached
from .expected import SHA256_METHODS, Expected, header_of_download

#: How often the download of one object is begun.
DOWNLOADS = 3

_DECIDED = (VerdictKind.DIFFERENT, VerdictKind.CHANGED, VerdictKind.UNREADABLE, VerdictKind.MISSING)


@dataclass(frozen=True)
class Means:
    """What may be done to prove an object beyond asking, and whether only a SHA256 counts.

    `attach_only_said`: attach nothing, and say that it would be done (check mode).
    """

    sha256_only: bool = False
    attacher: Attacher | None = None
    attach_only_said: bool = False
    download: bool = False


class Prover:
    """Proves objects of one bucket. May be called from several threads; counts what it did beyond asking."""

    def __init__(self, bucket: Bucket, means: Means, stop: Stop) -> None:
        self._bucket = bucket
        self._means = means
        self._stop = stop
        # Reading files in more threads than there are processors gains nothing.
        self._readers = threading.BoundedSemaphore(2 + (os.cpu_count() or 1))
        self._lock = threading.Lock()
        self._first = threading.Lock()
        #: Whether this server attaches by a copy in parts (True) and by one in one piece (False), as far as known.
        self._attaches: dict[bool, bool] = {}
        #: Objects that were copied onto themselves, or would have been; bytes that were downloaded.
        self.attached = 0
        self.downloaded = 0

    def verdict(self, expected: Expected, entry: StoredObject | None) -> Verdict:
        """Verdict on the object that the listing showed, or did not show. Raises CredentialsError and AccessError.

        What the listing shows of an object may be old by now: that it is missing or differs is asked once more.
        """
        if entry is None and not self._bucket.holds_key(expected.key):
            return expected.nowhere()
        if entry is not None and not self._means.sha256_only:
            with self._readers:
                listed = expected.in_listing(entry)
            if listed is not None:
                return listed
        head = self._bucket.head(expected.key)
        if head is None:
            return expected.nowhere()
        if head is UNREADABLE_HEADER:
            return HEADER_REFUSED
        verdict = self._by_header(expected, head)
        return verdict if self._settles(verdict) else self._by_more_than_asking(expected, head, verdict)

    def _by_header(self, expected: Expected, head: ObjectHead) -> Verdict:
        with self._readers:
            return expected.in_header(head)

    def _settles(self, verdict: Verdict) -> bool:
        if verdict.kind is VerdictKind.SAME:
            return verdict.method in SHA256_METHODS or not self._means.sha256_only
        return verdict.kind in _DECIDED

    def _by_more_than_asking(self, expected: Expected, head: ObjectHead, asked: Verdict) -> Verdict:
        reasons = [asked.message or _no_sha256(head, asked)]
        if not expected.by_sha256:
            return Verdict(VerdictKind.UNPROVEN, message=reasons[0])
        attacher = self._means.attacher
        if attacher is not None:
            try:
                return self._by_attached(attacher, expected, head)
            except NotAttached as error:
                reasons.append(f"no SHA256 was attached: {error}")
        if self._means.download:
            try:
                return self._by_download(expected, head)
            except EndpointError:
                raise
            except AccessError as error:
                reasons.append(str(error))
        else:
            either = "" if attacher is not None else "attach_sha256 or "
            reasons.append(f"{either}allow_download would prove it")
        return Verdict(VerdictKind.UNPROVEN, message="; ".join(reasons))

    def _by_attached(self, attacher: Attacher, expected: Expected, head: ObjectHead) -> Verdict:
        """The verdict by a SHA256 that the server computes now. Raises NotAttached if that gives none."""
        if not expected.by_parts and head.size > attacher.copy_limit:
            raise NotAttached("the object is too large for one of the whole")
        if self._means.attach_only_said:
            self._count(attached=1)
            return Verdict(VerdictKind.UNPROVEN, message="a SHA256 would be attached (check mode)")
        now = self._with_sha256(attacher, expected.key, head)
        if now is None:
            return expected.nowhere()
        verdict = self._by_header(expected, now)
        if not self._settles(verdict):
            raise NotAttached(verdict.message or _no_sha256(now, verdict))
        return verdict

    def _with_sha256(self, attacher: Attacher, key: str, head: ObjectHead) -> ObjectHead | None:
        """The header after the copy. While nobody knows whether the server attaches, one object is tried at a time."""
        if (head.size > attacher.copy_limit) in self._attaches:
            return self._tried(attacher, key, head)
        with self._first:
            return self._tried(attacher, key, head)

    def _tried(self, attacher: Attacher, key: str, head: ObjectHead) -> ObjectHead | None:
        in_parts = head.size > attacher.copy_limit
        if not self._attaches.get(in_parts, True):
            raise NotAttached("this server stores none with a copy")
        part_size = self._bucket.part_size(key) if in_parts else None
        attacher.attach(key, head.etag, part_size, self._stop.check)
        self._count(attached=1)
        now = self._bucket.head(key)
        if now is not None:
            self._attaches[in_parts] = "SHA256" in now.checksums
            if not self._attaches[in_parts]:
                raise NotAttached("the server copied the object onto itself, and stored none with it")
        return now

    def _by_download(self, expected: Expected, head: ObjectHead) -> Verdict:
        verdict = self._by_header(expected, self._download(expected.key, head.etag))
        if verdict.kind in (VerdictKind.SAME, VerdictKind.DIFFERENT):
            message = verdict.message.replace("the stored SHA256", "the SHA256 of what was downloaded")
            return replace(verdict, method="download", message=message)
        return verdict

    def _download(self, key: str, etag: str, attempts: int = DOWNLOADS) -> ObjectHead:
        """A header with the SHA256 of what the server sends, if the object still has this ETag."""
        try:
            with explained(f"download {key!r}", f"bucket {self._bucket.name!r}"):
                return self._read_object(key, etag)
        except EndpointError:
            if attempts == 1:
                raise
        return self._download(key, etag, attempts - 1)

    def _read_object(self, key: str, etag: str) -> ObjectHead:
        guard = {"IfMatch": f'"{etag}"'} if etag else {}
        body: Any = self._bucket.client.get_object(Bucket=self._bucket.name, Key=key, **guard)["Body"]
        sha256, size = hashlib.sha256(), 0
        try:
            while True:
                self._stop.check()
                block = body.read(READ_SIZE)
                if not block:
                    break
                sha256.update(block)
                size += len(block)
        finally:
            body.close()
            self._count(downloaded=size)
        return header_of_download(size, sha256.digest())

    def _count(self, attached: int = 0, downloaded: int = 0) -> None:
        with self._lock:
            self.attached += attached
            self.downloaded += downloaded


def _no_sha256(head: ObjectHead, asked: Verdict) -> str:
    """Why an object of which something else agrees is not proven."""
    stored = head.checksums.get("SHA256")
    lacks = "the sizes of the parts behind its SHA256 are not known" if stored else "the server stored no SHA256"
    return f"{lacks}, although its {asked.method} agrees"
