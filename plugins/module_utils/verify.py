# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Proof of one object: the content of the local file against what S3 stored, by the strongest means there is.

In this order: a stored checksum of the wanted algorithm, any other stored checksum, the ETag where it is an MD5.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import BinaryIO, Callable, NamedTuple, Optional

from . import checksums
from .bucket import Bucket, ObjectHead
from .checksums import part_count
from .reading import Stop, Tick
from .walk import Identity, LocalFile, identity_of


class Outcome(Enum):
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
    """The outcome for one object, the method that gave it (`CRC64NVME`, `SHA256-composite`, `ETag`...), and why."""

    outcome: Outcome
    method: str = "none"
    message: str = ""


class _Method(NamedTuple):
    """One way to compare: its name, what is stored, and how to compute the same locally."""

    name: str
    stored: str
    compute: Callable[..., str]


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
    if head.size != size:
        return Verdict(Outcome.DIFFERENT, "size", f"the object has {head.size} bytes, the file {size}")
    method = _by_stored_checksum(head, algorithm, size, part_size) or _by_etag(head, size, part_size)
    if method is None:
        return Verdict(Outcome.UNPROVEN, message=f"the server stored no checksum, and {_about_etag(head)}")
    computed = method.compute(file, tick=tick)
    if computed == method.stored:
        return Verdict(Outcome.SAME, method.name)
    message = f"the stored {method.name} is {method.stored}, the file has {computed}"
    return Verdict(Outcome.DIFFERENT, method.name, message)


def _by_stored_checksum(head: ObjectHead, algorithm: str, size: int, part_size: PartSize) -> Optional[_Method]:
    for name in (algorithm, *checksums.ALGORITHMS):
        stored = head.checksums.get(name)
        if not stored:
            continue
        if head.checksum_type != "COMPOSITE":
            return _Method(name, stored, partial(checksums.full_object, algorithm=name))
        composite = _COMPOSITE.fullmatch(stored)
        in_bytes = _part_size_for(size, int(composite.group(1)), part_size) if composite else None
        if in_bytes:
            compute = partial(checksums.composite, algorithm=name, part_size=in_bytes)
            return _Method(f"{name}-composite", stored, compute)
    return None


def _by_etag(head: ObjectHead, size: int, part_size: PartSize) -> Optional[_Method]:
    etag = checksums.parse_etag(head.etag) if head.etag_is_md5 else None
    if etag is None:
        return None
    if etag.parts == 0:
        return _Method("ETag", etag.value, checksums.etag_single)
    in_bytes = _part_size_for(size, etag.parts, part_size)
    if not in_bytes:
        return None
    return _Method("ETag-multipart", etag.value, partial(checksums.etag_multipart, part_size=in_bytes))


def _part_size_for(size: int, parts: int, part_size: PartSize) -> Optional[int]:
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
        if named.outcome is not Outcome.SAME:
            return named
        return self._verdict(file, identity, self._bucket.head(file.key), lambda: part_size)

    def stored_name(self, file: LocalFile) -> Verdict:
        """SAME unless the server stored the file under another key, where it may have replaced another object."""
        if _REWRITTEN.search(file.key) and not self._bucket.holds_key(file.key):
            message = "the server does not list the object under its key; it rewrote the name. Rename the file"
            return Verdict(Outcome.RENAMED, message=message)
        return Verdict(Outcome.SAME)

    def present(self, file: LocalFile, head: Optional[ObjectHead] = None) -> Verdict:
        """Verdict on an object that was there before; its parts are asked of the server."""
        head = head or self._bucket.head(file.key)
        return self._verdict(file, file.identity, head, lambda: self._bucket.part_size(file.key))

    def _verdict(self, file: LocalFile, identity: Identity, head: Optional[ObjectHead], part_size: PartSize) -> Verdict:
        if head is None:
            return Verdict(Outcome.MISSING, message="the object is not in the bucket")
        try:
            with open(file.path, "rb", buffering=0) as opened:
                before = identity_of(os.fstat(opened.fileno()))
                if before != identity:
                    return _changed(identity, before)
                verdict = prove(opened, identity.size, head, self._algorithm, part_size, tick=self._stop.check)
                after = identity_of(os.fstat(opened.fileno()))
            at_path = identity_of(os.stat(file.path))
        except FileNotFoundError:
            return Verdict(Outcome.CHANGED, message="was deleted or renamed meanwhile")
        except OSError as error:
            return Verdict(Outcome.UNREADABLE, message=f"cannot be read: {error.strerror}")
        if after != identity or at_path != identity:
            return _changed(identity, after if after != identity else at_path)
        return verdict


def _changed(before: Identity, after: Identity) -> Verdict:
    return Verdict(Outcome.CHANGED, message=describe_change(before, after))


def describe_change(before: Identity, after: Identity) -> str:
    """What changed between two looks at a file, for people."""
    if before.size != after.size:
        return f"changed meanwhile: its size went from {before.size} to {after.size} bytes"
    if (before.inode, before.device) != (after.inode, after.device):
        return "was replaced by another file meanwhile"
    return "changed meanwhile: its modification or status time moved"
