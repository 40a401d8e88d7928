# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The state file of a job: opened and trusted, made, or replaced.

A state file that is missing, damaged, another job's or older than the lock file remembers is not used, and the
bucket's listing decides.
"""

from __future__ import annotations

import json
import os
import sqlite3
import uuid
from contextlib import closing, suppress
from pathlib import Path

from ..common import files
from .job import Job
from .memory import StateMark
from .state import SCHEMA, SCHEMA_VERSION, State, StateUnusable, Watch, damaged, set_aside

#: https://www.sqlite.org/pragma.html#pragma_application_id: "dstb"
APPLICATION_ID = 0x64737462
#: Seconds to wait for a reader, such as an audit.
BUSY_TIMEOUT = 10.0


def _nobody(_message: object) -> None:
    """Nobody watches a state that is only read."""


_UNWATCHED = Watch(_nobody, _nobody)


def open_state(job: Job, server: str, mark: StateMark | None, watch: Watch) -> tuple[State | None, bool]:
    """The state of a job that is about to run, and whether it can be trusted.

    `server` is the URL that requests go to, '' for Amazon's own. `mark` is what the lock file remembers. Whatever keeps
    the state from being trusted is told in one line; it is then empty, or None if it cannot even be written.
    """
    if not job.state_path:
        return None, False
    path = job.state_path
    try:
        if not os.path.lexists(path):
            if mark is not None:
                watch.warn(f"state_path {path!r} is missing: comparing with the bucket's listing")
            return _created(job, server, watch), False
        state = _opened(job, server, watch, read_only=False)
        why = _distrust(state, mark)
        if why is None:
            return state, True
        watch.warn(f"state_path {path!r} {why}: comparing with the bucket's listing")
        state.clear()
        return state, False
    except StateUnusable as error:
        return replaced(job, server, error, watch), False


def replaced(job: Job, server: str, error: StateUnusable, watch: Watch) -> State | None:
    """A new state in place of one that cannot be used, which is set aside; None if it is not ours to replace."""
    path = str(job.state_path)
    watch.warn(f"state_path {path!r} {error}: comparing with the bucket's listing")
    if not error.replace:
        return None
    try:
        set_aside(path)
        return _created(job, server, watch)
    except StateUnusable as another:
        watch.warn(f"state_path {path!r} {another}")
        return None


def read_state(job: Job, server: str, mark: StateMark | None) -> State | None:
    """The state of a job for reading only; None if there is none that can be trusted."""
    if not job.state_path or not os.path.lexists(job.state_path):
        return None
    try:
        state = _opened(job, server, _UNWATCHED, read_only=True)
    except StateUnusable:
        return None
    if _distrust(state, mark):
        state.close()
        return None
    return state


def _distrust(state: State, mark: StateMark | None) -> str | None:
    if mark is None:
        return "is not known to the lock file, which may have been removed"
    if mark.id != state.mark.id:
        return "is not the one that the last run wrote"
    if mark.generation != state.mark.generation:
        return "is older than the last run (restored from a backup, or the run was killed)"
    return None


def _identity_of(job: Job, server: str) -> str:
    shard = [job.shard.index, job.shard.count] if job.shard else None
    return json.dumps([os.path.realpath(job.src), job.destination, server, shard])


def _created(job: Job, server: str, watch: Watch) -> State:
    path = str(job.state_path)
    unfinished = f"{path}.new"
    try:
        files.make_folders(os.path.dirname(path), mode=None)
        with suppress(FileNotFoundError):
            os.unlink(unfinished)
        # Private from the first moment on: it tells the names of all files.
        os.close(os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
        with closing(sqlite3.connect(unfinished)) as connection:
            # Nobody reads it before it has its name, so that it need not be safe after each statement: SQLite would
            # wait for the disk 32 times.
            connection.execute("PRAGMA journal_mode = MEMORY")
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            connection.executescript(SCHEMA)
            meta = {"id": uuid.uuid4().hex, "generation": "0", "job": _identity_of(job, server), "prefix": job.prefix}
            connection.executemany("INSERT INTO meta (name, value) VALUES (?, ?)", meta.items())
            connection.commit()
        for suffix in ("-wal", "-shm"):
            # The journal of a file that was removed would be replayed into this one.
            with suppress(FileNotFoundError):
                os.unlink(path + suffix)
        files.publish(unfinished, path)
        state = State(path, _connect(path, read_only=False), watch, read_only=False)
    except (OSError, sqlite3.Error) as error:
        with suppress(OSError):
            os.unlink(unfinished)
        reason = getattr(error, "strerror", None) or error
        raise StateUnusable(f"cannot be made ({reason}); give a folder that this user can write") from error
    watch.announce(state.mark)
    return state


def _opened(job: Job, server: str, watch: Watch, read_only: bool) -> State:
    path = str(job.state_path)
    if os.path.islink(path) or not os.path.isfile(path):
        raise StateUnusable("is no plain file; give another path")
    try:
        _check_header(path)
        if not read_only:
            os.chmod(path, 0o600)
        connection = _connect(path, read_only)
    except (OSError, sqlite3.OperationalError) as error:
        raise StateUnusable(f"cannot be opened ({error}); check its owner and its folder") from error
    except sqlite3.Error as error:
        raise damaged(error) from error
    try:
        state = _checked(path, connection, watch, read_only)
        if state.job != _identity_of(job, server):
            raise StateUnusable("belongs to another job, and is left as it is; give each job its own")
        return state
    except BaseException:
        connection.close()
        raise


def _check_header(path: str) -> None:
    """Raise StateUnusable for what is not ours, before anything touches it.

    https://www.sqlite.org/fileformat.html#the_database_header
    """
    with open(path, "rb") as file:
        header = file.read(100)
    if not header:
        raise StateUnusable("is empty and is made anew", replace=True)
    if len(header) < 100 or not header.startswith(b"SQLite format 3\0"):
        raise StateUnusable("is damaged (no database) and is made anew", replace=True)
    version, application = (int.from_bytes(header[at : at + 4], "big") for at in (60, 68))
    if application != APPLICATION_ID:
        raise StateUnusable("is another program's file, which is left as it is; give another path")
    if version > SCHEMA_VERSION:
        raise StateUnusable("was made by a newer version, and is left as it is; give another path")


def _checked(path: str, connection: sqlite3.Connection, watch: Watch, read_only: bool) -> State:
    try:
        return State(path, connection, watch, read_only)
    except sqlite3.OperationalError as error:
        raise StateUnusable(f"cannot be used ({error})") from error
    except (sqlite3.Error, KeyError, ValueError) as error:
        raise damaged(error) from error


def _connect(path: str, read_only: bool) -> sqlite3.Connection:
    mode = "?mode=rw"
    if read_only:
        # Without a journal there is nothing to share, and a mere look must not leave files beside it.
        mode = "?mode=ro" if os.path.exists(f"{path}-wal") else "?mode=ro&immutable=1"
    uri = Path(path).as_uri() + mode
    # One thread at a time uses it: the plan is made in another thread than the rest.
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT, check_same_thread=False)
    if not read_only:
        connection.execute("PRAGMA journal_mode = WAL")
        # A power cut must not take back a row's removal after the upload that it announced.
        connection.execute("PRAGMA synchronous = FULL")
    return connection
