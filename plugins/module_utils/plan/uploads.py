# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The uploads of a plan in a table that is small enough for millions, and what became of each."""

from __future__ import annotations

import os
import struct
from bisect import bisect_left
from collections.abc import Iterator
from typing import NamedTuple

from ..job.local_file import Identity, LocalFile, Uploaded
from ..s3.limits import SMALL_FILE

#: The reason of an upload whose object does not exist.
NEW = "new"

_ORDER = struct.Struct(">Q")
_LAST = (1 << 64) - 1
_IDENTITY = struct.Struct("<QqqQQq")

_WAITING, _STORED, _SETTLED = range(3)


class Upload(NamedTuple):
    """A file to upload and the reason, for people."""

    file: LocalFile
    reason: str


class Uploads:
    """The uploads, in the order in which they are done, once `sort` was called. Some 150 bytes for each."""

    def __init__(self, source: str, prefix: str) -> None:
        self._source = os.path.join(source, "")
        self._prefix = prefix
        self._entries: list[bytes] = []
        #: Bytes of all files.
        self.size = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Upload]:
        return map(self._upload, self._entries)

    def add(self, upload: Upload) -> None:
        """Take in an upload."""
        file = upload.file
        identity = _IDENTITY.pack(*file.identity, file.path_changed_ns)
        self._entries.append(_sort_key(file) + identity + upload.reason.encode("utf-8"))
        self.size += file.identity.size

    def sort(self) -> None:
        """Bring them into order; nothing may be added after that."""
        self._entries.sort()

    def any_between(self, more_than: int, at_most: int) -> bool:
        """Whether a file has more than so many bytes, and at most so many; limits below SMALL_FILE tell nothing."""
        first = bisect_left(self._entries, _order(at_most))
        return first < len(self._entries) and self.at(first).file.identity.size > more_than

    def index(self, file: LocalFile) -> int:
        """The place of a file of the table."""
        key = _sort_key(file)
        at = bisect_left(self._entries, key)
        if not self._entries[at].startswith(key):
            raise KeyError(file.relative)
        return at

    def at(self, index: int) -> Upload:
        """The upload at a place."""
        return self._upload(self._entries[index])

    def _upload(self, entry: bytes) -> Upload:
        end = entry.index(b"\0", _ORDER.size)
        relative = os.fsdecode(entry[_ORDER.size : end])
        *identity, path_changed_ns = _IDENTITY.unpack_from(entry, end + 1)
        path, key = self._source + relative, self._prefix + relative
        file = LocalFile(path, relative, key, Identity(*identity), path_changed_ns)
        return Upload(file, entry[end + 1 + _IDENTITY.size :].decode("utf-8"))


def _sort_key(file: LocalFile) -> bytes:
    """What an entry begins with. A path holds no NUL, so no key is the beginning of another."""
    return _order(file.identity.size) + os.fsencode(file.relative) + b"\0"


def _order(size: int) -> bytes:
    """Puts large files first, and small ones at the end, whatever their size."""
    return _ORDER.pack(_LAST if size <= SMALL_FILE else _LAST - size)


class Ledger:
    """What became of each upload: nothing yet, stored, or settled in another way (failed, deferred, not proven)."""

    def __init__(self, uploads: Uploads) -> None:
        self._uploads = uploads
        self._fates = bytearray(len(uploads))
        self._identities: dict[int, Identity] = {}
        #: Files that are stored without a problem, and their bytes.
        self.stored = 0
        self.stored_bytes = 0

    def store(self, file: LocalFile, identity: Identity) -> None:
        """The engine says that the file is stored; `identity` is what it was then."""
        index = self._uploads.index(file)
        self._fates[index] = _STORED
        if identity != file.identity:
            self._identities[index] = identity
        self.stored += 1
        self.stored_bytes += identity.size

    def settle(self, file: LocalFile) -> None:
        """The file is not stored, or what is stored is not proven to be it."""
        index = self._uploads.index(file)
        if self._fates[index] == _STORED:
            self.stored -= 1
            self.stored_bytes -= self._identity(index, file).size
        self._fates[index] = _SETTLED

    @property
    def complete(self) -> bool:
        """Whether every upload is stored."""
        return self.stored == len(self._uploads)

    def waiting(self) -> Iterator[LocalFile]:
        """The files of which nothing is known yet."""
        for index, fate in enumerate(self._fates):
            if fate == _WAITING:
                yield self._uploads.at(index).file

    def all_stored(self) -> Iterator[Uploaded]:
        """The files that are stored without a problem so far; they may be settled meanwhile."""
        for index, fate in enumerate(self._fates):
            if fate == _STORED:
                file = self._uploads.at(index).file
                yield Uploaded(file, self._identity(index, file))

    def _identity(self, index: int, file: LocalFile) -> Identity:
        return self._identities.get(index, file.identity)


def reason_of_size(stored: int, size: int) -> str:
    """The reason of an upload whose object has another size."""
    return f"size: {stored} bytes are stored, the file has {size}"
