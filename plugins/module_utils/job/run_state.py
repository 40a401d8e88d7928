# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The state file of a job during one run: a state, or none, that repairs itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, TypeVar

from .job import Job
from .memory import Remembered, RunMemory
from .state import State, StateUnusable, Watch
from .state_file import open_state, read_state, replaced

_Done = TypeVar("_Done")


@dataclass
class RunState:
    """What a run knows of its state file: the open `file`, if there is one, and whether it can be trusted.

    Some damage shows only when rows are read. Then `use` takes another file, or none, and does the work once more.
    """

    file: State | None
    trusted: bool
    _repaired: Callable[[StateUnusable], State | None]

    @classmethod
    def to_write(cls, job: Job, server: str, memory: RunMemory, warn: Callable[[str], None]) -> RunState:
        """The state of a run that holds the job's lock; `server` and the warnings are those of `open_state`."""
        watch = Watch(warn, memory.state_marked)
        file, trusted = open_state(job, server, memory.state, watch)
        return cls(file, trusted, lambda error: replaced(job, server, error, watch))

    @classmethod
    def to_read(cls, job: Job, server: str, known: Remembered, warn: Callable[[str], None]) -> RunState:
        """The state of a dry run, which replaces nothing: what turns out to be damaged is not used."""

        def without(error: StateUnusable) -> None:
            warn(f"state_path {job.state_path!r} {error}: comparing with the bucket's listing")

        file = read_state(job, server, known.state)
        return cls(file, file is not None, without)

    def use(self, work: Callable[[State | None, bool], _Done]) -> _Done:
        """Give `work` the file and whether it is trusted; again if it raises StateUnusable. Returns what it returns."""
        try:
            return work(self.file, self.trusted)
        except StateUnusable as error:
            self.close()
            self.file, self.trusted = self._repaired(error), False
            return work(self.file, False)

    def close(self) -> None:
        """Write what waits and close, if there is anything."""
        if self.file is not None:
            self.file.close()
