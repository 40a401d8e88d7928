# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Files that are gone: the state file forgets them, and their objects may be deleted."""

from __future__ import annotations

import os
from collections.abc import Iterable
from itertools import accumulate

from ..common.threads import Tick
from ..job.job import Job
from ..job.local_file import is_absent
from ..job.state import Known, State
from ..s3.listing import StoredObject
from ..s3.object_index import ObjectIndex
from . import deletion
from .walk import Batch


class GoneFiles:
    """What the state file knows and the source no longer has. Without a state file nothing is known to be gone."""

    def __init__(self, job: Job, state: State | None, tick: Tick, *, trusted: bool) -> None:
        self._job = job
        self._state = state
        self._tick = tick
        self._trusted = trusted
        #: Paths, and folders with a slash at the end.
        self._paths: set[str] = set()

    def __bool__(self) -> bool:
        """Whether anything is gone."""
        return bool(self._paths)

    def forget_files(self, batch: Batch, known: dict[str, Known]) -> None:
        """Of what is recorded in a folder and was not met there: what the filters leave out now stays."""
        gone = [batch.folder + name for name in known if _is_no_file(batch.path + name)]
        if gone and self._state is not None:
            self._note(self._state, *gone)
            self._state.forget(gone)

    def forget_folders(self) -> None:
        """Forget the folders that are recorded and no longer there, with all that is in them."""
        if self._state is None:
            return
        for folder in self._state.folders():
            if is_absent(os.path.join(self._job.src, folder)):
                self._note(self._state, folder)
                self._state.forget_folder(folder)

    def objects(self, listing: ObjectIndex) -> deletion.Found:
        """The objects whose files are gone, among those that the comparison left in the listing."""
        return deletion.find(self._job, listing, self._was_seen, self._tick)

    def _note(self, state: State, *paths: str) -> None:
        """Before the records go: whatever becomes of this run, somebody must look for objects without a file."""
        self._paths.update(paths)
        state.sweep(done=False)

    def _was_seen(self, relative: str) -> bool:
        """Whether the walk saw a file that it did not look up in the listing: what it did not see is forgotten."""
        if not self._trusted or self._state is None or self._state.row(relative) is None:
            return False
        # In a dry run the records stay, whatever became of the files.
        folders = accumulate(f"{part}/" for part in relative.split("/")[:-1])
        return self._paths.isdisjoint((relative, *folders))


def hold_a_file(job: Job, objects: Iterable[StoredObject]) -> bool:
    """Whether a file of the job stands behind one of the objects, such as one that the filters leave out now."""
    source, prefix = job.src, len(job.prefix)
    return any(
        deletion.belongs(job, entry.key) and not is_absent(os.path.join(source, entry.key[prefix:]))
        for entry in objects
    )


def _is_no_file(path: str) -> bool:
    """Whether nothing that could be a file stands there any more; a folder may have taken its place."""
    return is_absent(path) or (os.path.isdir(path) and not os.path.islink(path))
