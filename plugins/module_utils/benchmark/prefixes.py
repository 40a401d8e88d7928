# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The prefixes that a benchmark uploads to: each run gets one of its own, and none stays, however the run ends.

Which prefix a benchmark writes below is noted on disk before the first upload, so that the next benchmark removes what
one that was killed left behind.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

from ..common import files
from ..common.errors import DatasyncError
from ..s3.bucket import Bucket

NOTES = "prefixes.json"
#: How the prefixes of benchmarks end; see `benchmark.measure`.
_OURS = re.compile(r"(?:.*/)?[0-9]{8}T[0-9]{6}Z-[A-Za-z0-9.-]+-[0-9a-f]{6}/", re.DOTALL)


class LeftBehind(NamedTuple):
    """What could not be removed, and why."""

    bucket: str
    prefix: str
    reason: str


class Prefixes:
    """Prefixes below `base`, which ends with a slash and which nobody else writes below."""

    def __init__(self, bucket: Bucket, base: str, work_dir: str) -> None:
        self._bucket = bucket
        self._base = base
        self._notes = os.path.join(work_dir, NOTES)
        self._number = 0
        #: What could not be removed so far.
        self.left_behind: list[LeftBehind] = []

    def begin(self) -> None:
        """Note where we will write. Raises ConfigurationError if that is not possible."""
        with files.explained(repr(self._notes), "give another work_dir"):
            self._note([*self._noted(), self._entry(self._base)])

    def new(self, label: str) -> str:
        """A prefix that nothing has been written below."""
        self._number += 1
        return f"{self._base}{self._number:04}-{label}/"

    def remove(self, prefix: str) -> None:
        """Remove all that is below a prefix: objects, their versions, and what was being uploaded.

        Raises CredentialsError or AccessError; what is refused is in `left_behind`.
        """
        refused = remove_all(self._bucket, prefix)
        if refused:
            self.left_behind.append(LeftBehind(self._bucket.name, prefix, refused))

    def end(self) -> None:
        """Remove whatever is left below the base. Does not raise: what stays is in `left_behind`, and stays noted."""
        before = len(self.left_behind)
        try:
            self.remove(self._base)
        except DatasyncError as error:
            self.left_behind.append(LeftBehind(self._bucket.name, self._base, str(error)))
        if len(self.left_behind) == before:
            # All is below the base, so what stayed after a run is gone now.
            self.left_behind.clear()
            # If this fails, the next benchmark looks once more and finds nothing.
            with suppress(OSError):
                self._note([entry for entry in self._noted() if entry != self._entry(self._base)])

    def remove_leftovers(self) -> Iterator[str]:
        """Remove what earlier benchmarks left in this bucket; yields a line about each. Raises as `remove`."""
        for entry in self._noted():
            where = f"s3://{entry.get('bucket')}/{entry.get('prefix')}"
            if not _OURS.fullmatch(str(entry.get("prefix"))):
                yield f"{self._notes} names {where}, which no benchmark made: nothing is removed there"
                continue
            if entry != self._entry(str(entry.get("prefix"))):
                yield f"an earlier benchmark left {where} behind: remove it by hand, or run a benchmark against it"
                continue
            refused = remove_all(self._bucket, str(entry["prefix"]))
            if refused:
                yield f"an earlier benchmark left {where} behind, and it cannot be removed: {refused}"
            else:
                with suppress(OSError):
                    self._note([other for other in self._noted() if other != entry])
                yield f"removed what an earlier benchmark left at {where}"

    def _entry(self, prefix: str) -> dict[str, str]:
        return {"endpoint": self._bucket.endpoint_url or "", "bucket": self._bucket.name, "prefix": prefix}

    def _noted(self) -> list[dict[str, Any]]:
        try:
            with open(self._notes, encoding="utf-8") as file:
                entries = json.load(file)
        except (OSError, ValueError):
            return []
        return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []

    def _note(self, entries: list[dict[str, Any]]) -> None:
        files.write(self._notes, json.dumps(entries) + "\n", files.PRIVATE)


def remove_all(bucket: Bucket, prefix: str) -> str:
    """Remove objects, their versions and open uploads below a prefix; returns why not all is gone, '' if it is.

    Raises CredentialsError or AccessError when the bucket does not answer.
    """
    refusals: list[str] = []
    keys = [entry.key for entry in bucket.list(prefix)]
    markers = False
    if keys:
        deletion = bucket.delete(keys)
        markers = deletion.markers
        refusals += [f"{failure.key}: {failure.message}" for failure in deletion.failed]
    try:
        for upload in list(bucket.open_uploads(prefix)):
            bucket.abort_upload(upload)
        # Where nobody may ask for the versioning, a delete marker still tells.
        if markers or bucket.keeps_versions():
            bucket.delete_versions(prefix)
    except DatasyncError as error:
        refusals.append(str(error))
    return refusals[0] if refusals else ""
