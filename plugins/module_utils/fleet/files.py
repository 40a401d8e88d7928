# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Files, folders and links of a generation on the host: what differs, in words without secrets, and the steps there."""

from __future__ import annotations

import contextlib
import errno
import grp
import os
import pwd
import secrets
import shutil
import stat
from pathlib import Path
from typing import Callable, NamedTuple

from ..common import files
from ..common.errors import ConfigurationError
from .differences import Change
from .generation import ManagedFile, ManagedFolder
from .shown import differing, readable
from .steps import Step
from .store import INCOMING, writing

#: Owner and group of what only administrators change.
ROOT = "root"


class PresentFile(NamedTuple):
    """A file as it is on the host."""

    content: bytes
    mode: int
    uid: int
    gid: int


def present(path: str) -> PresentFile | None:
    """The file at `path`, None if there is none. Raises ConfigurationError if something else is there."""
    try:
        with open(path, "rb", opener=_open_as_it_is) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ConfigurationError(f"{path} is no regular file", "move it away")
            return PresentFile(file.read(), stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise ConfigurationError(f"{path} is a link", "move it away") from error
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}", "move it away, or use become") from error


def _open_as_it_is(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)


class Owners:
    """User and group names to numbers, each looked up once. A name that is not there yet gives None.

    `root` stands for whoever deploys: the group of root has another name on macOS, and without root it is the user.
    """

    def __init__(self) -> None:
        self._users: dict[str, int | None] = {ROOT: os.geteuid()}
        self._groups: dict[str, int | None] = {ROOT: os.getegid()}

    def ids(self, owner: str, group: str) -> tuple[int | None, int | None]:
        """The user's and the group's number."""
        if owner not in self._users:
            self._users[owner] = _number(lambda: pwd.getpwnam(owner).pw_uid)
        if group not in self._groups:
            self._groups[group] = _number(lambda: grp.getgrnam(group).gr_gid)
        return self._users[owner], self._groups[group]

    def required(self, owner: str, group: str) -> tuple[int, int]:
        """The same, but a name that is not there is a ConfigurationError."""
        uid, gid = self.ids(owner, group)
        if uid is None or gid is None:
            missing = f"user {owner}" if uid is None else f"group {group}"
            raise ConfigurationError(f"there is no {missing} on this host", "create it, or set uploader_create_user")
        return uid, gid


def _number(look_up: Callable[[], int]) -> int | None:
    try:
        return look_up()
    except KeyError:
        return None


def file_change(file: ManagedFile, owners: Owners) -> Change | None:
    """How the file on the host differs from the wanted one, None if it does not."""
    now = present(file.path)
    if now is None:
        return Change(file.path, "create", "", readable(file, _encode(file.content)))
    uid, gid = owners.ids(file.owner, file.group)
    before, after = f"{now.mode:04o} {_names(now.uid, now.gid)}\n", f"{file.mode} {file.owner}:{file.group}\n"
    same_mode = (now.mode, now.uid, now.gid) == (int(file.mode, 8), uid, gid)
    if same_mode and now.content == _encode(file.content):
        return None
    if now.content == _encode(file.content):
        return Change(file.path, "change permissions of", before, after)
    old, new = readable(file, now.content, now.mode), readable(file, _encode(file.content))
    if old == new:
        # Only hidden values differ.
        old, new = differing(now.content.decode("utf-8", "replace"), file)
    return Change(file.path, "change", ("" if same_mode else before) + old, ("" if same_mode else after) + new)


def folder_change(folder: ManagedFolder, owners: Owners) -> Change | None:
    """How the folder on the host differs from the wanted one, None if it does not."""
    after = f"{folder.mode} {folder.owner}:{folder.group}\n"
    status = present_folder(folder.path)
    if status is None:
        return Change(folder.path, "create", "", after)
    mode = stat.S_IMODE(status.st_mode)
    if (mode, status.st_uid, status.st_gid) == (int(folder.mode, 8), *owners.ids(folder.owner, folder.group)):
        return None
    before = f"{mode:04o} {_names(status.st_uid, status.st_gid)}\n"
    return Change(folder.path, "change permissions of", before, after)


def present_folder(path: str) -> os.stat_result | None:
    """The folder at `path`, None if there is none. Raises ConfigurationError if something else is there.

    A link is followed only if root or whoever deploys made it: the service user owns some of these folders, and could
    lead us to give it any folder of the host.
    """
    try:
        link = os.lstat(path)
        status = os.stat(path)
    except FileNotFoundError:
        if os.path.islink(path):
            raise ConfigurationError(f"{path} is a link that leads nowhere", "remove it, or make its target") from None
        return None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be used: {error.strerror}", "move it away, or use become") from error
    if not stat.S_ISDIR(status.st_mode):
        raise ConfigurationError(f"{path} is no folder", "move it away")
    if stat.S_ISLNK(link.st_mode) and link.st_uid not in (0, os.geteuid()):
        raise ConfigurationError(f"{path} is a link that {_names(link.st_uid, link.st_gid)} made", "move it away")
    return status


def _names(uid: int, gid: int) -> str:
    user, group = str(uid), str(gid)
    with contextlib.suppress(KeyError):
        user = pwd.getpwuid(uid).pw_name
    with contextlib.suppress(KeyError):
        group = grp.getgrgid(gid).gr_name
    return f"{user}:{group}"


def _encode(content: str) -> bytes:
    return content.encode("utf-8", "surrogateescape")


class WriteFile(Step):
    """Put a file into place, whole, with its owner and mode, or leave the old one."""

    def __init__(self, file: ManagedFile, owners: Owners) -> None:
        self._file, self._owners = file, owners
        self._before: PresentFile | None = None
        self._made: list[str] = []
        self._is_written = False

    def run(self) -> None:
        file = self._file
        self._before = present(file.path)
        uid, gid = self._owners.required(file.owner, file.group)
        with writing(file.path):
            self._made += files.make_folders(os.path.dirname(file.path))
        write_file(file.path, PresentFile(_encode(file.content), int(file.mode, 8), uid, gid))
        self._is_written = True

    def undo(self) -> None:
        if self._is_written and self._before is not None:
            write_file(self._file.path, self._before)
        elif self._is_written:
            os.unlink(self._file.path)
        files.remove_folders(self._made)


class RemoveFile(Step):
    """Take a file away; its folder too when it is a drop-in folder that is empty then."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._before: PresentFile | None = None
        self._folder: os.stat_result | None = None

    def run(self) -> None:
        self._before = present(self._path)
        folder = os.path.dirname(self._path)
        if self._before is None:
            return
        with writing(self._path):
            self._folder = os.stat(folder)
            os.unlink(self._path)
            files.sync_folder(folder)
        if folder.endswith(".d") and os.path.basename(folder).startswith("datasync-turbo@"):
            with contextlib.suppress(OSError):
                os.rmdir(folder)

    def undo(self) -> None:
        if self._before is None or self._folder is None:
            return
        folder = os.path.dirname(self._path)
        if files.make_folders(folder):
            os.chown(folder, self._folder.st_uid, self._folder.st_gid)
            os.chmod(folder, stat.S_IMODE(self._folder.st_mode))
        write_file(self._path, self._before)


class MakeFolder(Step):
    """Make a folder, or change its owner and mode."""

    def __init__(self, folder: ManagedFolder, owners: Owners) -> None:
        self._folder, self._owners = folder, owners
        self._made: list[str] = []
        self._before: os.stat_result | None = None

    def run(self) -> None:
        path = self._folder.path
        uid, gid = self._owners.required(self._folder.owner, self._folder.group)
        self._before = present_folder(path)
        with writing(path):
            self._made += files.make_folders(path)
            _change_folder(path, uid, gid, int(self._folder.mode, 8))

    def undo(self) -> None:
        if self._before is not None:
            mode = stat.S_IMODE(self._before.st_mode)
            _change_folder(self._folder.path, self._before.st_uid, self._before.st_gid, mode)
        files.remove_folders(self._made)


class SetLink(Step):
    """Let a path be a link. A folder in its place, which an older collection made, is removed at the end."""

    def __init__(self, path: Path, target: str) -> None:
        self._path, self._target = path, target
        self._before: str | None = None
        self._aside: Path | None = None

    def run(self) -> None:
        with writing(str(self._path)):
            if self._path.is_symlink():
                self._before = os.readlink(self._path)
            elif self._path.is_dir():
                aside = self._path.with_name(f"{INCOMING}{self._path.name}-{secrets.token_hex(8)}")
                self._path.rename(aside)
                self._aside = aside
            files.replace_link(self._path, self._target)

    def undo(self) -> None:
        if self._before is not None:
            files.replace_link(self._path, self._before)
        elif self._path.is_symlink():
            self._path.unlink()
        if self._aside is not None:
            self._aside.rename(self._path)

    def finish(self) -> None:
        """The change stays: remove what it replaced."""
        if self._aside is not None:
            shutil.rmtree(self._aside, ignore_errors=True)


def _change_folder(path: str, uid: int, gid: int, mode: int) -> None:
    """Owner and mode, of the folder that `present_folder` allowed and not of one that a link leads to by now."""
    follow = 0 if os.path.islink(path) else os.O_NOFOLLOW
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | follow)
    try:
        os.fchown(descriptor, uid, gid)
        os.fchmod(descriptor, mode)
    finally:
        os.close(descriptor)


def write_file(path: str, wanted: PresentFile) -> None:
    """Replace a file atomically and durably. Raises ConfigurationError that names it."""
    with writing(path):
        files.write(path, wanted.content, wanted.mode, owner=(wanted.uid, wanted.gid))
