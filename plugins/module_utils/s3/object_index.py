# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What a bucket holds, in memory and small enough for millions of objects: some 230 bytes for each."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator

from ..common.threads import Tick, nothing
from .listing import StoredObject

_PACKED = struct.Struct("<Qd")
_MD5 = re.compile(r"[0-9a-f]{32}")
#: Objects between calls of `tick`.
_TICK_EVERY = 1000


class ObjectIndex:
    """Objects by key. What is taken leaves, so that in the end only what nobody asked for is left."""

    def __init__(self, objects: Iterable[StoredObject], tick: Tick = nothing) -> None:
        self._objects: dict[str, bytes] = {}
        for entry in objects:
            self._objects[entry.key] = _PACKED.pack(entry.size, entry.last_modified) + _packed_etag(entry.etag)
            if len(self._objects) % _TICK_EVERY == 0:
                tick()
        #: How many objects there were.
        self.total = len(self._objects)

    def take(self, key: str) -> StoredObject | None:
        """The object of this key, which leaves the index; None if there is none."""
        packed = self._objects.pop(key, None)
        return None if packed is None else _unpacked(key, packed)

    def rest(self) -> Iterator[StoredObject]:
        """What was not taken."""
        for key, packed in self._objects.items():
            yield _unpacked(key, packed)


def _packed_etag(etag: str) -> bytes:
    # A plain MD5 takes 16 bytes instead of 32; a NUL before it tells it from an ETag of another form.
    return b"\0" + bytes.fromhex(etag) if _MD5.fullmatch(etag) else etag.encode("utf-8")


def _unpacked(key: str, packed: bytes) -> StoredObject:
    size, last_modified = _PACKED.unpack_from(packed)
    etag = packed[_PACKED.size :]
    return StoredObject(key, size, etag[1:].hex() if etag[:1] == b"\0" else etag.decode("utf-8"), last_modified)
