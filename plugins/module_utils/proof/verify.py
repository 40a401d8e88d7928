# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Proof of one object: the content of the local file against what S3 stored, by the strongest means there is.

In this order: a stored checksum of the wanted algorithm, any other stored checksum, the ETag where it is an MD5.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import BinaryIO, Callable, NamedTuple, Optional, TypeVar

from ..common.threads import Stop, Tick
from ..job.local_file import Identity, LocalFile, Uploaded, describe_change, identity_of
from ..s3 import limits
from ..s3.bucket import Bucket
from ..s3.head import UNREADABLE_HEADER, ObjectHead
from ..s3.limits import part_count
from . import checksums


class VerdictKind(Enum):
    """SAME and DIFFERENT are proven by content. UNPROVEN: nothing stored can prove either."""

    SAME = "same"
    DIFFERENT = "different"
    UNPROVEN = "unproven"
    #: The local file is not the one that was looked at before.
    CHANGED = "changed"
    #: There is no such object.
    MISSING = "missing"
    #: The server stored the object under another key than the one it was given.
    RENAMED = "renamed"
    #: The local file cannot be read.
    UNREADABLE = "unreadable"


@dataclass(frozen=True)
class Verdict:
    """What became of one object, the method that gave it (`CRC64NVME`, `SHA256-composite`, `ETag`...), and why.

    With SAME comes what was compared: the object's ETag, the stored checksum, and the bytes of a part where it matters.
    """

    kind: VerdictKind
    method: str = ""
    message: str = ""
    etag: str = ""
    checksum: str = ""
    part_size: int = 0


HEADER_REFUSED = Verdict(
    VerdictKind.UNPROVEN, message="the server refuses to show its header; is it encrypted with a key of your own?"
)


class _Method(NamedTuple):
    """One way to compare: its name, what is stored, how to compute the same locally, and the bytes of a part."""

    name: str
    stored: str
    compute: Callable[..., str]
    part_size: int = 0


_Computed = TypeVar("_Computed")


#: Characters in keys that servers are known to rewrite, such as a backslash to a slash.
_REWRITTEN = re.compile(r"[\\\x00-\x1f\x7f]")

#: Base64, a dash, the number of parts. Servers that leave the number out tell too little for a comparison.
_COMPOSITE = re.compile(r"[A-Za-z0-9+/]+={0,2}-([1-9][0-9]{0,4})")

#: Gives the size in bytes of the parts an object was stored in, or None where nobody knows.
PartSize = Callable[[], Optional[int]]


def prove(file: BinaryIO, size: int, head: ObjectHead, algorithm: str, part_size: PartSize, *, tick: Tick) -> Verdict:
    """Compare the open file of `size` bytes with the stored object. `part_size` is asked only where it matters.

    `tick` is called before each block is read and may raise to stop.
    """
    if head is UNREADABLE_HEADER:
        return HEADER_REFUSED
    if head.size != size:
        return Verdict(VerdictKind.DIFFERENT, "size", f"the object has {head.size} bytes, the file {size}")
    method = _by_stored_checksum(head, algorithm, size, part_size) or _by_etag(head, size, part_size)
    if method is None:
        return Verdict(VerdictKind.UNPROVEN, message=f"the server stored no checksum, and {_about_etag(head)}")
    computed = method.compute(file, tick=tick)
    if computed == method.stored:
        return Verdict(VerdictKind.SAME, method.name, "", head.etag, method.stored, method.part_size)
    message = f"the stored {method.name} is {method.stored}, the file has {computed}"
    return Verdict(VerdictKind.DIFFERENT, method.name, message)


def _by_stored_checksum(head: ObjectHead, algorithm: str, size: int, part_size: PartSize) -> _Method | None:
    for name in (algorithm, *limits.ALGORITHMS):
        stored = head.checksums.get(name)
        if not stored:
            continue
        if head.checksum_type != "COMPOSITE":
            return _Method(name, stored, _computing(name))
        composite = _COMPOSITE.fullmatch(stored)
        in_bytes = _part_size_for(size, int(composite.group(1)), part_size) if composite else None
        if in_bytes:
            return _Method(f"{name}-composite", stored, _computing(f"{name}-composite", in_bytes), in_bytes)
    return None


def _by_etag(head: ObjectHead, size: int, part_size: PartSize) -> _Method | None:
    etag = checksums.parse_etag(head.etag) if head.etag_is_md5 else None
    if etag is None:
        return None
    if etag.parts == 0:
        return _Method("ETag", etag.value, _computing("ETag"))
    in_bytes = _part_size_for(size, etag.parts, part_size)
    if not in_bytes:
        return None
    return _Method("ETag-multipart", etag.value, _computing("ETag-multipart", in_bytes), in_bytes)


def _computing(method: str, part_size: int = 0) -> Callable[..., str]:
    """How to compute what is stored for a method; it takes the open file and `tick`."""
    if method == "ETag":
        return checksums.etag_single
    if method == "ETag-multipart":
        return partial(checksums.etag_multipart, part_size=part_size)
    if method.endswith("-composite"):
        return partial(checksums.composite, algorithm=method[: -len("-composite")], part_size=part_size)
    return partial(checksums.full_object, algorithm=method)


def _part_size_for(size: int, parts: int, part_size: PartSize) -> int | None:
    in_bytes = part_size()
    return in_bytes if in_bytes and part_count(size, in_bytes) == parts else None


def _about_etag(head: ObjectHead) -> str:
    if not head.etag_is_md5:
        return f"with encryption {head.encryption or 'by a key of your own'} its ETag is no MD5"
    if checksums.parse_etag(head.etag) is None:
        return f"its ETag {head.etag!r} is no MD5"
    return f"the sizes of the parts behind its ETag {head.etag} are not known"


class Verifier:
    """Proves files against one bucket. May be called from several threads."""

    def __init__(self, bucket: Bucket, algorithm: str) -> None:
        self._bucket = bucket
        self._algorithm = algorithm
        self._stop = Stop()

    def stop(self) -> None:
        """Let proofs in other threads end at once, with ReadingStopped."""
        self._stop.set()

    def uploaded(self, file: LocalFile, identity: Identity, part_size: int) -> Verdict:
        """Verdict on an object stored in this run, from the file as `identity` tells, in parts of `part_size` bytes."""
        named = self.stored_name(file)
        if named.kind is not VerdictKind.SAME:
            return named
        return self._verdict(file, identity, self._bucket.head(file.key), lambda: part_size)

    def stored_name(self, file: LocalFile) -> Verdict:
        """SAME unless the server stored the file under another key, where it may have replaced another object."""
        if _REWRITTEN.search(file.key) and not self._bucket.holds_key(file.key):
            message = "the server does not list the object under its key; it rewrote the name. Rename the file"
            return Verdict(VerdictKind.RENAMED, message=message)
        return Verdict(VerdictKind.SAME)

    def present(self, file: LocalFile, head: ObjectHead | None = None) -> Verdict:
        """Verdict on an object that was there before; its parts are asked of the server."""
        head = head or self._bucket.head(file.key)
        return self._verdict(file, file.identity, head, lambda: self._bucket.part_size(file.key))

    def recorded(self, file: LocalFile, proof: Verdict) -> Verdict:
        """Verdict by an earlier proof, without a request: is the content still what was proven to be stored then?"""
        if proof.method.endswith(("-composite", "-multipart")) and not proof.part_size:
            return Verdict(VerdictKind.UNPROVEN, message="the sizes of its parts were not recorded")
        compute = _computing(proof.method, proof.part_size)
        computed = self._computed(file, file.identity, lambda opened: compute(opened, tick=self._stop.check))
        if isinstance(computed, Verdict) or computed == proof.checksum:
            return computed if isinstance(computed, Verdict) else proof
        message = f"the {proof.method} was {proof.checksum} when it was stored, the file has {computed}"
        return Verdict(VerdictKind.DIFFERENT, proof.method, message)

    def in_listing(self, uploaded: Iterable[Uploaded], prefix: str) -> dict[str, Verdict | None]:
        """Verdicts on small objects that were stored in one PUT, by key.

        None where the listing shows another ETag, no key where it does not show the object.

        One request tells the ETags of a thousand objects. Where one is the MD5 of the file, that proves the content;
        where it is not, the server may have encrypted the object, and its header must be asked for.
        """
        verdicts: dict[str, Verdict | None] = {}
        etags: dict[str, str] = {}
        for file, identity in uploaded:
            computed = self._computed(file, identity, lambda opened: checksums.etag_single(opened, self._stop.check))
            if isinstance(computed, Verdict):
                verdicts[file.key] = computed
            else:
                etags[file.key] = computed
        if not etags:
            return verdicts
        first, last = min(etags), max(etags)
        # Objects of others may lie between ours, and the order of a server may be its own: not for ever.
        patience = 2 * len(etags) + 1000
        for entry in self._bucket.list(prefix, start_after=_just_before(first)):
            patience -= 1
            expected = etags.get(entry.key)
            if expected is not None:
                proof = Verdict(VerdictKind.SAME, "ETag", "", expected, expected)
                verdicts[entry.key] = proof if entry.etag == expected else None
            if entry.key >= last or not patience:
                break
            self._stop.check()
        return verdicts

    def _verdict(self, file: LocalFile, identity: Identity, head: ObjectHead | None, part_size: PartSize) -> Verdict:
        if head is None:
            return Verdict(VerdictKind.MISSING, message="the object is not in the bucket")

        def compare(opened: BinaryIO) -> Verdict:
            return prove(opened, identity.size, head, self._algorithm, part_size, tick=self._stop.check)

        return self._computed(file, identity, compare)

    def _computed(
        self, file: LocalFile, identity: Identity, compute: Callable[[BinaryIO], _Computed]
    ) -> _Computed | Verdict:
        """What `compute` makes of the open file, if it is the file of that identity all the time; else a verdict."""
        try:
            with open(file.path, "rb", buffering=0) as opened:
                before = identity_of(os.fstat(opened.fileno()))
                if before != identity:
                    return _changed(identity, before)
                computed = compute(opened)
                after = identity_of(os.fstat(opened.fileno()))
            at_path = identity_of(os.stat(file.path))
        except FileNotFoundError:
            return Verdict(VerdictKind.CHANGED, message="was deleted or renamed meanwhile")
        except OSError as error:
            return Verdict(VerdictKind.UNREADABLE, message=f"cannot be read: {error.strerror}")
        if after != identity or at_path != identity:
            return _changed(identity, after if after != identity else at_path)
        return computed


def _just_before(key: str) -> str:
    """A key that sorts before `key`, and after nearly all that do."""
    last = ord(key[-1])
    # Below U+E000 lie the surrogates, which UTF-8 cannot carry.
    return key[:-1] if last in (0, 0xE000) else f"{key[:-1]}{chr(last - 1)}\U0010ffff"


def _changed(before: Identity, after: Identity) -> Verdict:
    return Verdict(VerdictKind.CHANGED, message=describe_change(before, after))
