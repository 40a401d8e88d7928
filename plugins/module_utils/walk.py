# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Our own walk over the source folder. What it cannot read is a problem with a name, never left out in silence."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass, field
from typing import Callable, FrozenSet, List, NamedTuple, Optional, Tuple

from .patterns import Filter
from .report import Kind, Problem, printable

#: S3 limits a key to 1,024 bytes of UTF-8.
#: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
MAX_KEY_BYTES = 1024

#: Parts of a path, with those of the links on it, that are looked at; the kernel itself follows 40 links.
MAX_PATH_STEPS = 4096

_Inode = Tuple[int, int]


class Identity(NamedTuple):
    """What must stay the same for a file's content to count as unchanged. Times in ns since the epoch."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    device: int

    @property
    def last_change_ns(self) -> int:
        """The later of mtime and ctime: mtime can be set back (`cp -p`, a restore), ctime cannot."""
        return max(self.mtime_ns, self.ctime_ns)

    @property
    def fingerprint(self) -> str:
        """The identity without size and device, as it travels with the object: the number of a device may change."""
        return f"{self.inode}-{self.mtime_ns}-{self.ctime_ns}"


class LocalFile(NamedTuple):
    """A file to be stored: absolute path, path relative to the source, key in the bucket, identity when walked.

    `path_changed_ns` is when a link on the path was last set, or a folder on it moved: then another file may stand
    behind the same path, with times of its own that are older.
    """

    path: str
    relative: str
    key: str
    identity: Identity
    path_changed_ns: int = 0

    @property
    def last_change_ns(self) -> int:
        """When the content at this path changed last, as far as the file system tells."""
        return max(self.identity.last_change_ns, self.path_changed_ns)


@dataclass
class Walk:
    """What the walk found. `skipped` counts files that filters or `follow_symlinks=false` left out."""

    files: List[LocalFile] = field(default_factory=list)
    problems: List[Problem] = field(default_factory=list)
    skipped: int = 0


def identity_of(status: os.stat_result) -> Identity:
    """The identity in a stat result."""
    return Identity(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev)


class _Folder(NamedTuple):
    path: str
    relative: str
    ancestors: FrozenSet[_Inode]
    path_changed_ns: int


class Walker:
    """Walks one source folder. `tick` is called once a folder, so that an interrupt can stop a long walk."""

    def __init__(
        self, source: str, prefix: str, files: Filter, follow_symlinks: bool, tick: Callable[[], None] = lambda: None
    ) -> None:
        self._source = source
        self._prefix = prefix
        self._filter = files
        self._follow = follow_symlinks
        self._tick = tick
        self._found = Walk()

    def walk(self) -> Walk:
        """Walk the whole tree, in a stable order."""
        pending = [_Folder(self._source, "", frozenset(), _path_changed_ns(self._source))]
        while pending:
            self._tick()
            folder = pending.pop()
            try:
                status = os.stat(folder.path)
                with os.scandir(folder.path) as entries:
                    ordered = sorted(entries, key=lambda entry: entry.name)
            except OSError as error:
                self._unreadable(folder.relative or ".", error)
                continue
            here = _Folder(
                folder.path,
                folder.relative,
                folder.ancestors | {(status.st_dev, status.st_ino)},
                max(folder.path_changed_ns, _moved_ns(status)),
            )
            folders: List[_Folder] = []
            for entry in ordered:
                self._visit(entry, here, folders)
            pending.extend(reversed(folders))
        return self._found

    def _visit(self, entry: os.DirEntry[str], parent: _Folder, out: List[_Folder]) -> None:
        relative = f"{parent.relative}/{entry.name}" if parent.relative else entry.name
        path_changed_ns = parent.path_changed_ns
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError as error:
            if self._filter.takes_file(relative) or (
                not _is_plain_file(entry) and self._filter.may_hold_files(relative)
            ):
                self._unreadable(relative, error)
            return
        if stat.S_ISLNK(status.st_mode):
            path_changed_ns = max(path_changed_ns, _path_changed_ns(entry.path))
            followed = self._follow_link(entry, relative, parent.ancestors)
            if followed is None:
                return
            status = followed
        if stat.S_ISDIR(status.st_mode):
            if self._filter.enters_folder(relative):
                out.append(_Folder(entry.path, relative, parent.ancestors, path_changed_ns))
        elif not self._filter.takes_file(relative):
            self._found.skipped += 1
        elif stat.S_ISREG(status.st_mode):
            self._file(entry.path, relative, status, path_changed_ns)
        else:
            message = f"is a {_type_name(status.st_mode)}, which cannot be stored; exclude it if that is right"
            self._problem(relative, Kind.SPECIAL_FILE, message)

    def _follow_link(
        self, entry: os.DirEntry[str], relative: str, ancestors: FrozenSet[_Inode]
    ) -> Optional[os.stat_result]:
        if not self._follow:
            self._found.skipped += 1
            return None
        taken = self._filter.may_hold_files(relative)
        try:
            status = os.stat(entry.path)
        except OSError as error:
            if not taken:
                self._found.skipped += 1
            elif error.errno == errno.ENOENT:
                self._problem(relative, Kind.BROKEN_LINK, f"is a link to {_target(entry.path)}, which does not exist")
            elif error.errno == errno.ELOOP:
                self._problem(relative, Kind.LINK_LOOP, "is a link that leads back to itself")
            else:
                self._unreadable(relative, error)
            return None
        if stat.S_ISDIR(status.st_mode) and (status.st_dev, status.st_ino) in ancestors:
            if taken:
                self._problem(relative, Kind.LINK_LOOP, f"is a link to {_target(entry.path)}, a folder that holds it")
            return None
        return status

    def _file(self, path: str, relative: str, status: os.stat_result, path_changed_ns: int) -> None:
        key = self._prefix + relative
        try:
            length = len(key.encode("utf-8"))
        except UnicodeEncodeError:
            self._problem(relative, Kind.NAME, "has a name that is not UTF-8, which S3 cannot carry; rename it")
            return
        if length > MAX_KEY_BYTES:
            message = f"has a key of {length} bytes; S3 takes {MAX_KEY_BYTES}. Shorten the path or the prefix"
            self._problem(relative, Kind.NAME, message)
            return
        self._found.files.append(LocalFile(path, relative, key, identity_of(status), path_changed_ns))

    def _unreadable(self, relative: str, error: OSError) -> None:
        gone = error.errno == errno.ENOENT
        message = "vanished while the folder was read" if gone else f"cannot be read: {error.strerror}"
        self._problem(relative, Kind.VANISHED if gone else Kind.UNREADABLE, message)

    def _problem(self, relative: str, kind: str, message: str) -> None:
        self._found.problems.append(Problem(printable(relative), kind, message))


def _is_plain_file(entry: os.DirEntry[str]) -> bool:
    """Whether the listing itself says that an entry is a file; if not, it may be a folder or a link to one."""
    try:
        return entry.is_file(follow_symlinks=False)
    except OSError:
        return False


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
