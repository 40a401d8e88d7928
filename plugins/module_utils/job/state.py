# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The state file of a job: what was uploaded and how it was proven, so that a run costs what changed.

It saves work and is never the truth. A row is written after the proof and removed before the file's next upload, so
that a row never tells more than the bucket held. A state file that is missing, damaged, another job's or older than the
lock file remembers is not used, and the bucket's listing decides.

SQLite in WAL mode (https://www.sqlite.org/wal.html): a crash or a power cut leaves the last complete transaction.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, NamedTuple

from ..common import files
from .job import Job
from .local_file import Identity
from .memory import StateMark
from .values import is_utf_8

#: https://www.sqlite.org/pragma.html#pragma_application_id: "dstb"
APPLICATION_ID = 0x64737462
SCHEMA_VERSION = 1
#: Rows that wait for a transaction, and the seconds that they may wait.
ROWS_AHEAD = 2000
COMMIT_INTERVAL = 2.0
#: Seconds to wait for a reader, such as an audit.
BUSY_TIMEOUT = 10.0

_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE folder (id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE);
CREATE TABLE file (
    folder INTEGER NOT NULL REFERENCES folder,
    name TEXT NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    ctime_ns INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    device INTEGER NOT NULL,
    etag TEXT NOT NULL,
    method TEXT NOT NULL,
    checksum TEXT NOT NULL,
    part_size INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    proven_at INTEGER NOT NULL,
    PRIMARY KEY (folder, name)
) WITHOUT ROWID;
CREATE VIEW object AS
    SELECT (SELECT value FROM meta WHERE name = 'prefix') || path || name AS key, file.*
    FROM file JOIN folder ON folder.id = file.folder;
"""
_COLUMNS = "name, size, mtime_ns, ctime_ns, inode, device, etag, method, checksum, part_size, sha256, proven_at"
_INSERT = f"INSERT OR REPLACE INTO file (folder, {_COLUMNS}) VALUES (?{', ?' * 12})"  # noqa: S608 - names of our own


class Row(NamedTuple):
    """A stored object and the file it came from. `relative` is the path below the source.

    `method` is how the content was proven ('' if it was not: taken from a listing, or verification was off), `checksum`
    the stored value that proved it, `part_size` in bytes where `method` needs it, `sha256` in hexadecimal where it is
    known, `proven_at` in seconds since the epoch.
    """

    relative: str
    identity: Identity
    etag: str = ""
    method: str = ""
    checksum: str = ""
    part_size: int = 0
    sha256: str = ""
    proven_at: int = 0


#: What decides whether a file is unchanged: size, mtime_ns, ctime_ns, inode as SQLite keeps it, and how it was proven.
Known = tuple[int, int, int, int, str]


class Watch(NamedTuple):
    """Whom a state tells what happens: `warn` takes a line for the operator, `announce` the mark that it will have."""

    warn: Callable[[str], None]
    announce: Callable[[StateMark], object]


def _nobody(_message: object) -> None:
    """Nobody watches a state that is only read."""


_UNWATCHED = Watch(_nobody, _nobody)


class StateUnusable(Exception):
    """The state file cannot be used; the message says why and what to do. `replace`: it may be made anew."""

    def __init__(self, message: str, replace: bool = False) -> None:
        super().__init__(message)
        self.replace = replace


@dataclass(frozen=True)
class _Name:
    folder: str
    name: str

    @classmethod
    def of(cls, relative: str) -> _Name:
        folder, slash, name = relative.rpartition("/")
        return cls(folder + slash, name)


class State:
    """An open state file. Not for use by several threads at once.

    Before its first change the next mark is given to `announce`, so that the lock file can remember it, and the change
    itself then carries that mark. A failure to write (disk full, file system read-only) is given to `warn` once; then
    nothing more is written, and where the marks differ the next run does not trust the file.
    """

    def __init__(self, path: str, connection: sqlite3.Connection, watch: Watch, read_only: bool) -> None:
        self.path = path
        self._connection = connection
        self._watch = watch
        self._writable = not read_only
        self._begun = False
        meta = dict(connection.execute("SELECT name, value FROM meta").fetchall())
        self.mark = StateMark(meta["id"], int(meta["generation"]))
        #: Which job it belongs to, as JSON.
        self.job = meta["job"]
        #: Seconds since the epoch of the last comparison with a listing; 0 if there was none.
        self.reconciled_at = float(meta.get("reconciled_at", 0))
        #: Objects under the prefix when last counted.
        self.objects = int(meta.get("objects", 0))
        #: Whether objects without a file were looked for since a file vanished; only of interest to jobs that delete.
        self.swept = meta.get("swept") == "1"
        self._waiting: list[tuple[object, ...]] = []
        self._folders: dict[str, int] = {}
        self._committed = time.monotonic()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is recorded."""
        return not self._read("SELECT 1 FROM file LIMIT 1")

    def known(self, folder: str, above: str | None = None, upto: str | None = None) -> dict[str, Known]:
        """What is recorded of the files of one folder, by name, with names above `above` and up to `upto`."""
        if not folder.isascii() and not is_utf_8(folder):
            return {}
        found = self._read("SELECT id FROM folder WHERE path = ?", folder)
        if not found:
            return {}
        query = "SELECT name, size, mtime_ns, ctime_ns, inode, method FROM file WHERE folder = ?"
        values = [found[0][0]]
        for limit, condition in ((above, " AND name > ?"), (upto, " AND name <= ?")):
            if limit is not None:
                query += condition
                values.append(limit)
        return {row[0]: row[1:] for row in self._read(query, *values)}

    def row(self, relative: str) -> Row | None:
        """All that is recorded of one file."""
        at = _Name.of(relative)
        query = f"SELECT path, {_COLUMNS} FROM file JOIN folder ON folder.id = folder WHERE path = ? AND name = ?"  # noqa: S608
        found = self._read(query, at.folder, at.name)
        return _row(found[0]) if found else None

    def rows(self) -> Iterator[Row]:
        """Everything that is recorded, folder by folder."""
        query = f"SELECT path, {_COLUMNS} FROM folder JOIN file ON folder.id = folder ORDER BY path, name"  # noqa: S608
        try:
            for values in self._connection.execute(query):
                yield _row(values)
        except sqlite3.DatabaseError as error:
            raise _damaged(error) from error

    def folders(self) -> Iterator[str]:
        """The folders of which something is recorded; relative, empty or ending with a slash."""
        for (path,) in self._read("SELECT path FROM folder"):
            yield path

    def remember(self, row: Row) -> None:
        """Record a stored object. Written with others soon, or by `commit`."""
        if not self._writable:
            return
        at = _Name.of(row.relative)
        size, mtime_ns, ctime_ns, inode, device = row.identity
        values = (at.name, size, mtime_ns, ctime_ns, signed(inode), signed(device), *row[2:])
        self._waiting.append((at.folder, *values))
        if len(self._waiting) >= ROWS_AHEAD or time.monotonic() - self._committed > COMMIT_INTERVAL:
            self.commit()

    def forget(self, relatives: Iterable[str]) -> None:
        """Remove what is recorded of these files, and commit."""
        query = "DELETE FROM file WHERE name = ? AND folder = (SELECT id FROM folder WHERE path = ?)"

        def delete() -> None:
            self._flush()
            names = map(_Name.of, relatives)
            self._connection.executemany(query, ((at.name, at.folder) for at in names))
            self._connection.commit()

        self._write(delete)

    def forget_folder(self, folder: str) -> None:
        """Remove a folder (relative, empty or ending with a slash) with what is recorded of its files."""

        def delete() -> None:
            of_folder = "folder = (SELECT id FROM folder WHERE path = ?)"
            self._connection.execute(f"DELETE FROM file WHERE {of_folder}", (folder,))  # noqa: S608
            self._connection.execute("DELETE FROM folder WHERE path = ?", (folder,))
            self._folders.pop(folder, None)

        self._write(delete)

    def clear(self) -> None:
        """Forget everything."""

        def delete() -> None:
            for table in ("file", "folder"):
                self._connection.execute(f"DELETE FROM {table}")  # noqa: S608
            self._folders.clear()

        # Another file from now on: an older copy, of whatever generation, must not be taken for it.
        self.mark = StateMark(uuid.uuid4().hex, self.mark.generation)
        self._set("id", self.mark.id)
        self._write(delete)
        self.sweep(done=False)
        self.reconciled(0, 0)

    def reconciled(self, moment: float, objects: int) -> None:
        """Note when a listing was compared, and how many objects it showed."""
        self.reconciled_at = moment
        self._set("reconciled_at", str(int(moment)))
        self.counted(objects)

    def sweep(self, done: bool) -> None:
        """Note that objects without a file were looked for, or that they must be, whatever becomes of this run."""
        if done != self.swept:
            self.swept = done
            self._set("swept", str(int(done)))

    def counted(self, objects: int) -> None:
        """Note how many objects there are."""
        if objects != self.objects:
            self.objects = objects
            self._set("objects", str(objects))

    def commit(self) -> None:
        """Write what waits, durably against a crash of ours."""

        def flush() -> None:
            self._flush()
            self._connection.commit()

        self._write(flush)
        self._committed = time.monotonic()

    def close(self) -> None:
        """Write what waits and close."""
        if self._begun or self._waiting:
            # Once more, so that a copy that was made in the middle of the run is an older one.
            self._write(self._advance)
            self.commit()
        with suppress(sqlite3.Error):
            self._connection.close()

    def _set(self, name: str, value: str) -> None:
        query = "INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)"
        self._write(lambda: self._connection.execute(query, (name, value)))

    def _advance(self) -> None:
        """Take the next mark, in the transaction that is open."""
        self.mark = self.mark._replace(generation=self.mark.generation + 1)
        self._watch.announce(self.mark)
        self._set("generation", str(self.mark.generation))

    def _flush(self) -> None:
        rows = [(self._folder_id(str(folder)), *values) for folder, *values in self._waiting]
        self._connection.executemany(_INSERT, rows)
        self._waiting.clear()

    def _folder_id(self, path: str) -> int:
        if path not in self._folders:
            if len(self._folders) > ROWS_AHEAD:
                self._folders.clear()
            self._connection.execute("INSERT OR IGNORE INTO folder (path) VALUES (?)", (path,))
            found = self._connection.execute("SELECT id FROM folder WHERE path = ?", (path,)).fetchone()
            self._folders[path] = int(found[0])
        return self._folders[path]

    def _read(self, query: str, *values: Any) -> list[Any]:
        try:
            return self._connection.execute(query, values).fetchall()
        except sqlite3.DatabaseError as error:
            raise _damaged(error) from error

    def _write(self, work: Callable[[], object]) -> None:
        if not self._writable:
            return
        try:
            if not self._begun:
                self._begun = True
                self._advance()
            work()
        except sqlite3.Error as error:
            self._writable = False
            self._waiting.clear()
            with suppress(sqlite3.Error):
                self._connection.rollback()
            # A mark that this file never has: part of what it was to learn may be missing.
            if self._watch.announce(self.mark._replace(generation=self.mark.generation + 1)) is False:
                with suppress(StateUnusable):
                    _set_aside(self.path)
            self._watch.warn(
                f"state_path {self.path!r} cannot be written: {error}; this run goes on without it, "
                "and the next one compares with the bucket's listing"
            )


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
        _set_aside(path)
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


def signed(number: int) -> int:
    """An unsigned 64-bit number, as some file systems number their inodes, as SQLite can keep it."""
    return number - (1 << 64) if number >> 63 else number


def _unsigned(number: int) -> int:
    return number + (1 << 64) if number < 0 else number


def _row(values: tuple[object, ...]) -> Row:
    folder, name, size, mtime_ns, ctime_ns, inode, device, *rest = values
    identity = Identity(size, mtime_ns, ctime_ns, _unsigned(inode), _unsigned(device))  # type: ignore[arg-type]
    return Row(f"{folder}{name}", identity, *rest)  # type: ignore[arg-type]


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
            connection.executescript(_SCHEMA)
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
        raise _damaged(error) from error
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
        raise _damaged(error) from error


def _damaged(error: Exception) -> StateUnusable:
    return StateUnusable(f"is damaged ({error}) and is made anew", replace=True)


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


def _set_aside(path: str) -> None:
    """Rename what stands there, with its journal, to `.damaged`: nothing is lost, and only the last one is kept."""
    try:
        for suffix in ("-wal", "-shm", ""):
            with suppress(FileNotFoundError):
                os.replace(path + suffix, f"{path}.damaged{suffix}")
    except OSError as error:
        raise StateUnusable(f"cannot be replaced ({error.strerror})") from error
