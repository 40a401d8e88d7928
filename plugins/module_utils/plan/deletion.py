# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Which objects may be deleted because their files are gone, and the reasons not to.

A folder that cannot be read, or is not mounted, looks exactly like one whose files were deleted. So everything that
could make the source look smaller than it is forbids deletions, and even then there is a limit.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from typing import Callable, NamedTuple

from ..common.problems import Problem
from ..common.threads import Tick
from ..common.units import counted
from ..job.job import Job
from ..job.patterns import Filter
from ..s3.bucket import Bucket
from ..s3.listing import StoredObject
from ..s3.object_index import ObjectIndex

#: Objects between calls of `tick`, and in one request to delete.
_TICK_EVERY = 1000
#: Bytes in the name of a file, on every file system in use here.
_MAX_NAME_BYTES = 255


class Found(NamedTuple):
    """Objects whose files are gone, and how many objects belong to the job in all."""

    gone: list[StoredObject]
    total: int


def find(job: Job, listing: ObjectIndex, was_seen: Callable[[str], bool], tick: Tick) -> Found:
    """Look for objects without a file among those that are left in the listing; those that were taken have one.

    `was_seen` tells of a relative path whether the walk saw the file.
    """
    files = job.filter
    gone: list[StoredObject] = []
    left = belonging = 0
    for entry in listing.rest():
        left += 1
        if left % _TICK_EVERY == 0:
            tick()
        if not belongs(job, entry.key):
            continue
        belonging += 1
        seen = was_seen(entry.key[len(job.prefix) :]) and not is_left_out(job, files, entry.key)
        if is_gone(job, files, entry.key) and not seen:
            gone.append(entry)
    return Found(sorted(gone), listing.total - left + belonging)


def is_gone(job: Job, files: Filter, key: str) -> bool:
    """Whether no file stands behind the key any more. What the filters leave out counts as there."""
    if is_left_out(job, files, key):
        return job.delete_excluded
    try:
        # A folder in the place of a file: the file is gone.
        return stat.S_ISDIR(os.lstat(os.path.join(job.src, key[len(job.prefix) :])).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        # It cannot be looked at, or no file can have such a name: then this uploader did not store it.
        return False


def refusal(job: Job, gone: int, total: int, *, source_is_empty: bool, problems: Sequence[Problem]) -> str:
    """Why nothing may be deleted; '' if nothing forbids it. `gone` of `total` objects would be deleted."""
    if problems:
        first = problems[0]
        where = f"{first.path}: {first.message}" if first.path else first.message
        return f"the run has {counted(len(problems), 'problem')}, such as {where}"
    if source_is_empty and not job.allow_empty_source:
        return f"{job.src} is empty: is its file system mounted? Set allow_empty_source if that is right"
    if gone >= total:
        return "all objects would be deleted, which is never done; remove them by hand if that is right"
    limit = _limit(job.max_delete, total)
    if gone > limit:
        return (
            f"{gone} of {counted(total, 'object')} would be deleted, and max_delete={job.max_delete} allows {limit}; "
            "look at `plan`, and raise max_delete if that is right"
        )
    return ""


def confirm(job: Job, bucket: Bucket, planned: Sequence[StoredObject], tick: Tick) -> Iterator[list[str]]:
    """Of what was planned, the keys that may still be deleted, some at a time: the uploads since may have taken hours.

    The bucket is listed once more to its end; an object that somebody replaced since, or whose file came back, stays.
    Raises what Bucket raises.
    """
    wanted: dict[str, StoredObject] = {entry.key: entry for entry in planned}
    confirmed: list[str] = []
    for number, entry in enumerate(bucket.list(job.prefix)):
        if number % _TICK_EVERY == 0:
            tick()
        if wanted.get(entry.key) == entry:
            confirmed.append(entry.key)
    for start in range(0, len(confirmed), _TICK_EVERY):
        tick()
        yield [key for key in confirmed[start : start + _TICK_EVERY] if is_gone(job, job.filter, key)]


def _limit(max_delete: str, total: int) -> int:
    return total * int(max_delete[:-1]) // 100 if max_delete.endswith("%") else int(max_delete)


def belongs(job: Job, key: str) -> bool:
    """Whether the uploader could have stored the key: a path of a file, in this shard."""
    parts = key[len(job.prefix) :].split("/")
    if any(part in ("", ".", "..") or len(part.encode("utf-8")) > _MAX_NAME_BYTES for part in parts):
        return False
    return job.shard is None or job.shard.takes(key)


def is_left_out(job: Job, files: Filter, key: str) -> bool:
    """Whether the filters leave out the file behind the key, by its own path or by a folder that they do not enter."""
    relative = key[len(job.prefix) :]
    parts = relative.split("/")[:-1]
    entered = all(files.enters_folder("/".join(parts[: depth + 1])) for depth in range(len(parts)))
    return not (entered and files.takes_file(relative))
