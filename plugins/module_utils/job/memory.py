# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What a run must know of the runs before it, and must leave to the next one, however it ends.

It stands in the job's lock file, and is on the disk before a verb of `RunMemory` returns: a kill forgets nothing. Three
things are remembered, and each is in one of few states:

Objects: `proven`, or `unproven` since a time (0: since ever) by runs of one filter or of several.

    state     event                                                         becomes
    proven    before_uploads, with verification                             unproven since this run, its filter
    proven    before_uploads, without verification                          proven: nothing was promised
    proven    doubt: an audit copies objects, a proof of an old one failed  unproven since then, this run's filter;
                                                                            of several, if it went beyond the filter
    unproven  before_uploads, doubt                                         unproven since the earlier of the two times;
                                                                            by another filter: of several
    unproven  all_proven, listed: no suspect object is left                 proven
    unproven  all_proven by the state file, and by the same filter          proven
    unproven  all_proven by the state file, other filter or several         unproven: files that are left out now may
                                                                            be those that lack a proof
    unproven  not all proven, a stop, a kill, another filter                unproven

Multipart uploads: `closed`, or `open` under some keys since a time, by this run, by earlier ones, or both.

    closed    before_uploads                                                open, of this run
    open      a kill, a stop; the next run begins                           open, of an earlier run
    open      earlier_cleaned_up: those of earlier runs are aborted         closed, or open of this run
    open      cleaned_up: those of this run are aborted, or there are none  closed, or open of an earlier run
    open      aborting is refused                                           open
    open      before_uploads                                                open under the keys of both, since the
                                                                            earlier of the two times

State file: the mark that it was given last (`state_marked`); nothing else changes it.

And for all three: memory that cannot be read becomes unproven since ever, by a run of all files, with all else lost.
Memory that cannot be written holds in this run; the next one finds what was written last, and `before_uploads` returns
False, so that the operator is told before anything is stored.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import Any, NamedTuple, Protocol

from . import lock
from .job import Job

#: The filter of objects that runs of several filters may have left unproven: only a listing shows them all.
_SEVERAL = "several"
_OTHERS = "others"


class StateMark(NamedTuple):
    """Which state file belongs to the job (`state.py`), and how often it was written."""

    id: str
    generation: int


class LeftOpen(NamedTuple):
    """Multipart uploads that may be open: of these keys, begun at or after `since` (seconds since the epoch)."""

    keys: tuple[str, ...]
    since: float


@dataclass(frozen=True)
class Remembered:
    """What the lock file says of one job. Times in seconds since the epoch.

    `unproven_since`: objects stored from then on may be unproven; the next run would take them for good because their
    times and sizes fit. `filter`: which files belonged to the job in the runs that left them, '' for all files.
    `unfinished_since` and `multipart_keys`: what may be open. `state`: the state file as it was written last; an older
    one was restored.
    """

    unproven_since: float | None = None
    unfinished_since: float | None = None
    multipart_keys: tuple[str, ...] = ()
    state: StateMark | None = None
    filter: str = ""


#: A memory that cannot be read: any object of any file may be unproven.
_LOST = Remembered(unproven_since=0.0)


class Notebook(Protocol):
    """Where the memory is kept while its lock is held, as `lock.HeldLock` does."""

    @property
    def note(self) -> bytes:
        """The line that the holder before this one left."""

    def write(self, note: bytes) -> bool:
        """Replace the line, durably; False if that is not possible."""


class RunMemory:
    """The memory of one run of a job, see the module. Verbs that return False could not tell it to the next run."""

    def __init__(self, job: Job, notebook: Notebook) -> None:
        self._notebook = notebook
        self._job = lock.digest_of(job)
        self._filter = job.filter.digest
        self._verifies = job.verification_wanted
        self._all = _memories(notebook.note)
        self._written: Remembered | None = self.remembered
        since = self.remembered.unfinished_since
        #: What earlier runs left open; what this run may leave open.
        self._earlier = None if since is None else LeftOpen(self.remembered.multipart_keys, since)
        self._own: LeftOpen | None = None

    @property
    def remembered(self) -> Remembered:
        """What the next run will know, if it can be written."""
        return self._all.of(self._job)

    @property
    def unproven_since(self) -> float | None:
        """Objects stored from then on, in seconds since the epoch, may be unproven; None if all are proven."""
        return self.remembered.unproven_since

    @property
    def state(self) -> StateMark | None:
        """The mark of the state file as it was written last."""
        return self.remembered.state

    @property
    def left_by_earlier(self) -> LeftOpen | None:
        """What earlier runs left open, until it is cleaned up."""
        return self._earlier

    @property
    def left_by_this(self) -> LeftOpen | None:
        """What this run may leave open, until it is cleaned up."""
        return self._own

    def before_uploads(self, keys: Iterable[str], began: float) -> bool:
        """The run that began at `began` is about to store something; in more than one request under `keys`."""
        self._own = LeftOpen(tuple(keys), began)
        if self._earlier is not None and began < self._earlier.since:
            # The clock was set back. Of a key that both left open, the earlier run's memory stands for both.
            self._earlier = self._earlier._replace(since=began)
        doubtful = self._doubtful(began) if self._verifies else self.remembered
        return self._remember(self._with_open(doubtful))

    def all_proven(self, *, listed: bool) -> None:
        """Everything that this run looked at is proven, and that were all files of the job as its filter is now.

        `listed`: and the listing of the bucket shows no object beside them that may be unproven.
        """
        now = self.remembered
        if listed or now.filter == self._filter:
            self._remember(replace(now, unproven_since=None, filter=""))

    def doubt(self, since: float = 0.0, *, all_files: bool = False) -> bool:
        """Objects that were stored at `since` or later are not what their times and sizes say, or may not be.

        `all_files`: also objects of files that the job's filter leaves out.
        """
        return self._remember(self._doubtful(since, all_files))

    def earlier_cleaned_up(self) -> None:
        """What earlier runs left open is aborted."""
        self._earlier = None
        self._remember(self._with_open(self.remembered))

    def cleaned_up(self) -> None:
        """This run leaves nothing open."""
        self._own = None
        self._remember(self._with_open(self.remembered))

    def state_marked(self, mark: StateMark) -> bool:
        """The state file is about to carry this mark."""
        return self._remember(replace(self.remembered, state=mark))

    def _doubtful(self, since: float, all_files: bool = False) -> Remembered:
        now = self.remembered
        known = now.unproven_since
        of_this = (known is None or now.filter == self._filter) and not (all_files and self._filter)
        earliest = since if known is None else min(known, since)
        return replace(now, unproven_since=earliest, filter=self._filter if of_this else _SEVERAL)

    def _with_open(self, remembered: Remembered) -> Remembered:
        both = [left for left in (self._earlier, self._own) if left is not None]
        keys = dict.fromkeys(key for left in both for key in left.keys)
        since = min((left.since for left in both), default=None)
        return replace(remembered, unfinished_since=since, multipart_keys=tuple(keys))

    def _remember(self, remembered: Remembered) -> bool:
        self._all.by_job[self._job] = remembered
        if remembered != self._written:
            self._written = None
            if self._notebook.write(_note(self._all)):
                self._written = remembered
        return self._written is not None


def remembered(job: Job) -> Remembered:
    """What is remembered of a job, for a run that takes no lock and writes nothing."""
    return _memories(lock.note_in(lock.lock_path(job))).of(lock.digest_of(job))


@dataclass
class _Memories:
    """Memories by the digest of the job, for jobs may share a lock file; `others` holds for those not named."""

    by_job: dict[str, Remembered] = field(default_factory=dict)
    others: Remembered = field(default_factory=Remembered)

    def of(self, job: str) -> Remembered:
        """The memory of one job."""
        return self.by_job.get(job, self.others)


def _note(memories: _Memories) -> bytes:
    values = {job: _values(remembered) for job, remembered in memories.by_job.items()}
    values[_OTHERS] = _values(memories.others)
    if values[_OTHERS] == {}:
        # Without others, to remember nothing of a job is the same as not to know it.
        values = {job: known for job, known in values.items() if known}
    return json.dumps(values).encode("ascii")


def _values(remembered: Remembered) -> dict[str, Any]:
    values = {name: value for name, value in asdict(remembered).items() if value not in (None, (), "")}
    if remembered.unproven_since is not None:
        values["unproven_since"] = int(remembered.unproven_since)
    return values


def _memories(note: bytes) -> _Memories:
    try:
        line = note.decode("ascii")
        return _understood(json.loads(line)) if line.strip() else _Memories()
    except (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RecursionError):
        return _Memories(others=_LOST)


def _understood(values: Any) -> _Memories:
    if isinstance(values, int):
        # As version 0.1.0 wrote it: the time alone.
        return _Memories(others=Remembered(unproven_since=_moment(values)))
    by_job = {str(job): _remembered(known) for job, known in values.items()}
    return _Memories(by_job, by_job.pop(_OTHERS, Remembered()))


def _remembered(values: Any) -> Remembered:
    state = values.get("state")
    return Remembered(
        _moment(values.get("unproven_since")),
        _moment(values.get("unfinished_since")),
        tuple(str(key) for key in values.get("multipart_keys", ())),
        StateMark(str(state[0]), int(state[1])) if state else None,
        str(values.get("filter", "")),
    )


def _moment(value: Any) -> float | None:
    if value is None:
        return None
    moment = float(value)
    if not math.isfinite(moment):  # Python's JSON has names for these, but no run writes them.
        raise ValueError(f"{moment} is no time")
    return moment
