# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""One run of a job at a time, by flock(2): the kernel drops the lock when its holder dies, however it dies."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any, NamedTuple

from ..common.errors import ConfigurationError, LockedError
from .job import Job

#: World-writable with the sticky bit on Linux and macOS, and, unlike /run/lock, still there after a restart.
_LOCK_FOLDER = "/var/tmp"  # noqa: S108 - the name is no secret, and whoever holds the lock only keeps runs from beginning


class StateMark(NamedTuple):
    """Which state file belongs to the job (`state.py`), and how often it was written."""

    id: str
    generation: int


@dataclass(frozen=True)
class Memory:
    """What the lock file remembers from one run to the next. Times in seconds since the epoch.

    `unproven_since`: objects stored from then on may be unproven. A run that ends without proof of what it stored is
    forgotten otherwise, and the next one would take its objects for good because their times and sizes fit.
    `unfinished_since`: a run that began then did not clean up; it may have left open the multipart uploads of the keys
    in `multipart_keys`. `state`: the state file as it was written last; an older one was restored from somewhere.
    `filter`: which files belonged to the job when `unproven_since` was set.
    """

    unproven_since: float | None = None
    unfinished_since: float | None = None
    multipart_keys: tuple[str, ...] = ()
    state: StateMark | None = None
    filter: str = ""


#: A memory that cannot be read: anything may be unproven.
_LOST = Memory(unproven_since=0.0)
_OTHERS = "others"


class HeldLock:
    """The lock while it is held, and its memory of one job; it may remember others that share the file."""

    def __init__(self, path: str, descriptor: int, job: Job) -> None:
        self.path = path
        self.descriptor = descriptor
        self._job = _digest(job)
        self._memories = _memories_in(path)
        self._held = True
        #: Why it cannot be written; '' if it can.
        self.failure = _write(descriptor, self._memories)

    @property
    def memory(self) -> Memory:
        """What is remembered of the job."""
        return self._memories.of(self._job)

    def remember(self, **changes: Any) -> bool:
        """Change the memory, durably; False if the file cannot be written, for the reason in `failure`."""
        if not self._held:
            return False
        self._memories.by_job[self._job] = replace(self.memory, **changes)
        self.failure = _write(self.descriptor, self._memories)
        return not self.failure

    def release(self) -> None:
        """Let go; threads that are left over can no longer write."""
        self._held = False
        os.close(self.descriptor)


def lock_path(job: Job) -> str:
    """The lock file of a job: its `lock_path`, or one named after source and destination."""
    if job.lock_path:
        return job.lock_path
    folder = _LOCK_FOLDER if os.access(_LOCK_FOLDER, os.W_OK) else tempfile.gettempdir()
    return os.path.join(folder, f"datasync-turbo-{_digest(job)}.lock")


def _digest(job: Job) -> str:
    """The job by source, destination and shard, in 16 hexadecimal digits."""
    shard = [f"{job.shard.index}/{job.shard.count}"] if job.shard else []
    what = "\0".join([os.path.realpath(job.src), job.destination, job.connection.endpoint_url or "", *shard])
    return hashlib.sha256(what.encode("utf-8", "surrogateescape")).hexdigest()[:16]


@contextmanager
def held(job: Job) -> Iterator[HeldLock]:
    """Hold the job's lock; a child may inherit its descriptor to hold it beyond our death.

    Raises LockedError at once if another run holds it.
    """
    path = lock_path(job)
    descriptor = open_lock_file(path, "set lock_path to a file that this user can write")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        message = f"another run of this job{_holder(path)} holds the lock {path!r}"
        raise LockedError(message, "wait for it to end") from error
    except BaseException:
        os.close(descriptor)
        raise
    lock = HeldLock(path, descriptor, job)
    try:
        yield lock
    finally:
        lock.release()


def open_lock_file(path: str, hint: str) -> int:
    """The descriptor of a lock file, which is made if needed. Raises ConfigurationError with the hint."""
    # Another user's lock file in a sticky folder can be opened but not with O_CREAT (fs.protected_regular).
    for flags in (os.O_RDWR, os.O_RDWR | os.O_CREAT, os.O_RDONLY):
        try:
            return _plain(os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644), path)
        except FileNotFoundError as error:
            missing: OSError | None = error
            if flags & os.O_CREAT:
                break
        except PermissionError as error:
            missing = error
        except OSError as error:
            missing = error
            break
    raise ConfigurationError(f"cannot open the lock file {path!r}: {missing.strerror if missing else ''}", hint)


def _plain(descriptor: int, path: str) -> int:
    """The descriptor, if it is of a file of one name: in a folder that all can write, a second name may be a trap."""
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
        return descriptor
    os.close(descriptor)
    raise ConfigurationError(
        f"the lock file {path!r} is no plain file of one name", "remove it, or set lock_path to another file"
    )


def memory_of(job: Job) -> Memory:
    """What is remembered of a job, for a run that takes no lock."""
    return _memories_in(lock_path(job)).of(_digest(job))


@dataclass
class _Memories:
    """Memories by the digest of the job; `others` holds for jobs that are not named."""

    by_job: dict[str, Memory] = field(default_factory=dict)
    others: Memory = field(default_factory=Memory)

    def of(self, job: str) -> Memory:
        """The memory of one job."""
        return self.by_job.get(job, self.others)


def _write(descriptor: int, memories: _Memories) -> str:
    """Write the file; returns why that is not possible, '' if it is done. The lock counts all the same."""
    values = {job: _values(memory) for job, memory in memories.by_job.items()}
    values[_OTHERS] = _values(memories.others)
    if values[_OTHERS] == {}:
        # Without others, to remember nothing of a job is the same as not to know it.
        values = {job: remembered for job, remembered in values.items() if remembered}
    lines = f"{os.getpid()}\n{json.dumps(values)}\n".encode("ascii")
    try:
        # In this order: a kill in between must not leave an empty file, which remembers nothing.
        os.pwrite(descriptor, lines, 0)
        os.ftruncate(descriptor, len(lines))
        os.fsync(descriptor)
    except OSError as error:
        return "is another user's" if error.errno == errno.EBADF else f"cannot be written ({error.strerror})"
    return ""


def _values(memory: Memory) -> dict[str, Any]:
    values = {name: value for name, value in asdict(memory).items() if value not in (None, (), "")}
    if memory.unproven_since is not None:
        values["unproven_since"] = int(memory.unproven_since)
    return values


def _memories_in(path: str) -> _Memories:
    try:
        with open(path, encoding="ascii") as file:
            file.readline()
            line = file.readline()
    except OSError:
        return _Memories()
    except ValueError:
        return _Memories(others=_LOST)
    try:
        return _memories(json.loads(line)) if line.strip() else _Memories()
    except (ValueError, TypeError, AttributeError, IndexError):
        return _Memories(others=_LOST)


def _memories(values: Any) -> _Memories:
    if isinstance(values, int):
        # As version 0.1.0 wrote it: the time alone.
        return _Memories(others=Memory(unproven_since=float(values)))
    by_job = {str(job): _memory(memory) for job, memory in values.items()}
    return _Memories(by_job, by_job.pop(_OTHERS, Memory()))


def _memory(values: Any) -> Memory:
    state = values.get("state")
    return Memory(
        _moment(values.get("unproven_since")),
        _moment(values.get("unfinished_since")),
        tuple(str(key) for key in values.get("multipart_keys", ())),
        StateMark(str(state[0]), int(state[1])) if state else None,
        str(values.get("filter", "")),
    )


def _moment(value: Any) -> float | None:
    return None if value is None else float(value)


def _holder(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            pid = file.readline(20).strip()
    except (OSError, ValueError):
        return ""
    return f" (process {pid})" if pid.isdecimal() else ""
