# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Our own walk over the source folder. What it cannot read is a problem with a name, never left out in silence.

It hands over the files of one folder at a time, so that a tree of a million files is never in memory at once.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from typing import NamedTuple

from ..common.problems import Kind, Problem, printable
from ..common.threads import Tick, nothing
from ..job.local_file import LocalFile, identity_of
from ..job.patterns import Filter
from ..job.shard import Shard
from ..s3.limits import MAX_KEY_BYTES

#: Entries of a folder that are looked at before their files are handed over.
BATCH = 4096

#: Parts of a path, with those of the links on it, that are looked at; the kernel itself follows 40 links.
MAX_PATH_STEPS = 4096

_Inode = tuple[int, int]


#: A file of a batch: its name, what stat(2) says, and `path_changed_ns` as in LocalFile.
Found = tuple[str, os.stat_result, int]


class Batch(NamedTuple):
    """Files of one folder whose names lie above `above` (None: no limit) and up to `upto` (None: no limit).

    `folder` is relative to the source and empty or ends with a slash. The batches of a folder leave no gap between
    their limits, so whatever is remembered of the folder and is in none of them is gone.
    """

    folder: str
    path: str
    files: list[Found]
    above: str | None
    upto: str | None


class _Ancestors(NamedTuple):
    """The folders that hold an entry, from the inside out."""

    inode: _Inode
    outer: _Ancestors | None

    def hold(self, inode: _Inode) -> bool:
        """Whether one of them is this folder."""
        folder: _Ancestors | None = self
        while folder is not None:
            if folder.inode == inode:
                return True
            folder = folder.outer
        return False


class _Folder(NamedTuple):
    """A folder: `path` and `relative` end with a slash, but for the empty `relative` of the source itself."""

    path: str
    relative: str
    ancestors: _Ancestors | None
    path_changed_ns: int


class Walker:
    """Walks one source folder. `tick` is called once a batch, so that an interrupt can stop a long walk.

    `problems` and the counters fill while it walks: `skipped` counts files that filters or `follow_symlinks=false`
    left out, `elsewhere` those that belong to other shards.
    """

    def __init__(
        self,
        source: str,
        prefix: str,
        files: Filter,
        follow_symlinks: bool,
        tick: Tick = nothing,
        *,
        shard: Shard | None = None,
    ) -> None:
        self._source = source
        self._prefix = prefix
        self._filter = files
        self._follow = follow_symlinks
        self._tick = tick
        self._shard = shard
        #: Every file belongs to the job, so none needs a look at its name.
        self._takes_all = files.takes_all and shard is None
        self._plain_names: set[str] | None = None
        self.problems: list[Problem] = []
        self.skipped = 0
        self.elsewhere = 0

    def files(self) -> Iterator[LocalFile]:
        """Every file of the job, in a stable order."""
        for batch in self.batches():
            for found in batch.files:
                file = self.local_file(batch, found)
                if file is not None:
                    yield file

    def batches(self) -> Iterator[Batch]:
        """The files of the job, folder by folder, in a stable order; a folder without files has a batch too."""
        root = _inode_of(self._source)
        pending = [_Folder(os.path.join(self._source, ""), "", None, _path_changed_ns(self._source))]
        while pending:
            folder = pending.pop()
            try:
                status = os.stat(folder.path)
                # Sorted as S3 sorts keys: by code point, which is the order of the UTF-8 bytes.
                names = sorted(os.listdir(folder.path))
            except OSError as error:
                self._tick()
                self._unreadable(folder.relative[:-1] or ".", error)
                continue
            inside = folder._replace(
                ancestors=_Ancestors((status.st_dev, status.st_ino), folder.ancestors),
                path_changed_ns=max(folder.path_changed_ns, _moved_ns(status)),
            )
            self._plain_names = None
            folders: list[_Folder] = []
            yield from self._batches_of(inside, names, folders)
            pending.extend(reversed(folders))
        if root != _inode_of(self._source):
            message = "was unmounted or replaced while it was read; what is in the plan may be incomplete"
            self._problem(".", Kind.SOURCE_LOST, message)

    def local_file(self, batch: Batch, found: Found) -> LocalFile | None:
        """The file with its key; None, and a problem, if S3 cannot carry its name."""
        name, status, path_changed_ns = found
        relative = batch.folder + name
        key = self._prefix + relative
        try:
            length = len(key.encode("utf-8"))
        except UnicodeEncodeError:
            self._problem(relative, Kind.NAME, "has a name that is not UTF-8, which S3 cannot carry; rename it")
            return None
        if length > MAX_KEY_BYTES:
            message = f"has a key of {length} bytes; S3 takes {MAX_KEY_BYTES}. Shorten the path or the prefix"
            self._problem(relative, Kind.NAME, message)
            return None
        return LocalFile(batch.path + name, relative, key, identity_of(status), path_changed_ns)

    def _batches_of(self, folder: _Folder, names: list[str], folders: list[_Folder]) -> Iterator[Batch]:
        above: str | None = None
        for start in range(0, len(names) or 1, BATCH):
            self._tick()
            some = names[start : start + BATCH]
            files = self._files_of(folder, some, folders)
            # Without a name to end with, the batch is open, and the next one may cover it once more.
            upto = _last_utf_8(some) if start + BATCH < len(names) else None
            yield Batch(folder.relative, folder.path, files, above, upto)
            above = upto or above

    def _files_of(self, folder: _Folder, names: list[str], folders: list[_Folder]) -> list[Found]:
        files: list[Found] = []
        path, path_changed_ns, takes_all = folder.path, folder.path_changed_ns, self._takes_all
        for name in names:
            try:
                status = os.lstat(path + name)
            except OSError as error:
                self._unseen(folder, name, error)
                continue
            if takes_all and stat.S_ISREG(status.st_mode):
                files.append((name, status, path_changed_ns))
            else:
                self._visit(folder, (name, status, path_changed_ns), files, folders)
        return files

    def _visit(self, parent: _Folder, found: Found, files: list[Found], folders: list[_Folder]) -> None:
        """Everything but the plain case: folders, links, special files, and files that may be left out."""
        name, status, path_changed_ns = found
        relative, path = parent.relative + name, parent.path + name
        if stat.S_ISLNK(status.st_mode):
            path_changed_ns = max(path_changed_ns, _path_changed_ns(path))
            followed = self._follow_link(path, relative, parent.ancestors)
            if followed is None:
                return
            status = followed
        if stat.S_ISDIR(status.st_mode):
            if self._filter.enters_folder(relative):
                folders.append(_Folder(path + "/", relative + "/", parent.ancestors, path_changed_ns))
        elif not self._filter.takes_file(relative):
            self.skipped += 1
        elif self._shard is not None and not self._shard.takes(self._prefix + relative):
            self.elsewhere += 1
        elif stat.S_ISREG(status.st_mode):
            files.append((name, status, path_changed_ns))
        else:
            message = f"is a {_type_name(status.st_mode)}, which cannot be stored; exclude it if that is right"
            self._problem(relative, Kind.SPECIAL_FILE, message)

    def _follow_link(self, path: str, relative: str, ancestors: _Ancestors | None) -> os.stat_result | None:
        if not self._follow:
            self.skipped += 1
            return None
        taken = self._filter.may_hold_files(relative)
        try:
            status = os.stat(path)
        except OSError as error:
            if not taken:
                self.skipped += 1
            elif error.errno == errno.ENOENT:
                self._problem(relative, Kind.BROKEN_LINK, f"is a link to {_target(path)}, which does not exist")
            elif error.errno == errno.ELOOP:
                self._problem(relative, Kind.LINK_LOOP, "is a link that leads back to itself")
            else:
                self._unreadable(relative, error)
            return None
        if stat.S_ISDIR(status.st_mode) and ancestors and ancestors.hold((status.st_dev, status.st_ino)):
            if taken:
                self._problem(relative, Kind.LINK_LOOP, f"is a link to {_target(path)}, a folder that holds it")
            return None
        return status

    def _unseen(self, folder: _Folder, name: str, error: OSError) -> None:
        """An entry that cannot be looked at. Unless it is known to be a file, it may be a folder with files."""
        relative = folder.relative + name
        if self._plain_names is None:
            self._plain_names = _plain_names(folder.path)
        may_be_folder = name not in self._plain_names and self._filter.may_hold_files(relative)
        if self._filter.takes_file(relative) or may_be_folder:
            self._unreadable(relative, error)

    def _unreadable(self, relative: str, error: OSError) -> None:
        gone = error.errno == errno.ENOENT
        message = "vanished while the folder was read" if gone else f"cannot be read: {error.strerror}"
        self._problem(relative, Kind.VANISHED if gone else Kind.UNREADABLE, message)

    def _problem(self, relative: str, kind: str, message: str) -> None:
        self.problems.append(Problem(printable(relative), kind, message))


def _plain_names(path: str) -> set[str]:
    """Names of the entries of which the listing itself says that they are files."""
    try:
        with os.scandir(path) as entries:
            return {entry.name for entry in entries if entry.is_file(follow_symlinks=False)}
    except OSError:
        return set()


def _last_utf_8(names: list[str]) -> str | None:
    """The last of the names that is UTF-8; names that are not cannot be stored, nor remembered."""
    for name in reversed(names):
        try:
            name.encode("utf-8")
        except UnicodeEncodeError:
            continue
        return name
    return None


def _inode_of(path: str) -> _Inode | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _moved_ns(folder: os.stat_result) -> int:
    """When a folder was moved or its mode set, if that came after its last new entry; else 0.

    rename(2) sets the ctime of what it moves and leaves its mtime; a new entry sets both.
    """
    return folder.st_ctime_ns if folder.st_ctime_ns > folder.st_mtime_ns else 0


def _path_changed_ns(path: str) -> int:
    """When the last of the links on an absolute path, and on theirs, was set, or a folder on it moved."""
    changed, done, rest = 0, "/", path.split("/")
    for _step in range(MAX_PATH_STEPS):
        if not rest:
            return changed
        part = os.path.join(done, rest.pop(0))
        try:
            status = os.lstat(part)
            if stat.S_ISLNK(status.st_mode):
                changed = max(changed, status.st_ctime_ns)
                target = os.path.normpath(os.path.join(done, os.readlink(part)))
                done, rest = "/", [*target.split("/"), *rest]
                continue
        except OSError:
            return changed
        if stat.S_ISDIR(status.st_mode):
            changed = max(changed, _moved_ns(status))
        done = part
    return changed


def _target(path: str) -> str:
    try:
        return repr(printable(os.readlink(path)))
    except OSError:
        return "an unknown place"


def _type_name(mode: int) -> str:
    names = [
        (stat.S_ISFIFO, "FIFO"),
        (stat.S_ISSOCK, "socket"),
        (stat.S_ISBLK, "block device"),
        (stat.S_ISCHR, "character device"),
    ]
    return next((name for test, name in names if test(mode)), "special file")
