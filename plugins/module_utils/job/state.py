# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The state of a job: what was uploaded and how it was proven, so that a run costs what changed.

It saves work and is never the truth. A row is written after the proof and removed before the file's next upload, so
that a row never tells more than the bucket held.

SQLite in WAL mode (https://www.sqlite.org/wal.html): a crash or a power cut leaves the last complete transaction.
"""

from __future__ import annotations

import os
import sqlite3
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Callable, NamedTuple

from .local_file import Identity
from .memory import StateMark
from .values import is_utf_8

SCHEMA_VERSION = 1
#: Rows that wait for a transaction, and the seconds that they may wait.
ROWS_AHEAD = 2000
COMMIT_INTERVAL = 2.0

SCHEMA = """
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
            raise damaged(error) from error

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
            raise damaged(error) from error

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
                    set_aside(self.path)
            self._watch.warn(
                f"state_path {self.path!r} cannot be written: {error}; this run goes on without it, "
                "and the next one compares with the bucket's listing"
            )


def signed(number: int) -> int:
    """An unsigned 64-bit number, as some file systems number their inodes, as SQLite can keep it."""
    return number - (1 << 64) if number >> 63 else number


def _unsigned(number: int) -> int:
    return number + (1 << 64) if number < 0 else number


def _row(values: tuple[object, ...]) -> Row:
    folder, name, size, mtime_ns, ctime_ns, inode, device, *rest = values
    identity = Identity(size, mtime_ns, ctime_ns, _unsigned(inode), _unsigned(device))  # type: ignore[arg-type]
    return Row(f"{folder}{name}", identity, *rest)  # type: ignore[arg-type]


def damaged(error: Exception) -> StateUnusable:
    """What to raise for an error of SQLite that tells of damage."""
    return StateUnusable(f"is damaged ({error}) and is made anew", replace=True)


def set_aside(path: str) -> None:
    """Rename what stands there, with its journal, to `.damaged`: nothing is lost, and only the last one is kept."""
    try:
        for suffix in ("-wal", "-shm", ""):
            with suppress(FileNotFoundError):
                os.replace(path + suffix, f"{path}.damaged{suffix}")
    except OSError as error:
        raise StateUnusable(f"cannot be replaced ({error.strerror})") from error
