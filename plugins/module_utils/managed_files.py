# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Files, folders and links of a generation on the host: what differs, in words without secrets, and the steps there."""

from __future__ import annotations

import contextlib
import errno
import grp
import os
import pwd
import re
import secrets
import shutil
import stat
from pathlib import Path
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Tuple

from .errors import ConfigurationError
from .generation import ManagedFile, ManagedFolder
from .generation_store import replace_link
from .transaction import Step

#: Owner and group of what only administrators change.
ROOT = "root"
#: Files whose values may be secrets: shown by names only.
_ASSIGNMENT = re.compile(r"^([A-Za-z_][A-Za-z0-9_]*) ?= ?(.*)$")


class Change(NamedTuple):
    """A difference between the host and a generation. `before` and `after` are texts for a diff, without secrets."""

    path: str
    action: str
    before: str = ""
    after: str = ""

    def __str__(self) -> str:
        return f"{self.action} {self.path}"


class Present(NamedTuple):
    """A file as it is on the host."""

    content: bytes
    mode: int
    uid: int
    gid: int


def present(path: str) -> Optional[Present]:
    """The file at `path`, None if there is none. Raises ConfigurationError if something else is there."""
    try:
        with open(path, "rb", opener=_open_no_follow) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ConfigurationError(f"{path} is no regular file", "move it away")
            return Present(file.read(), stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}", "move it away, or use become") from error


def _open_no_follow(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC)


class Owners:
    """User and group names to numbers, each looked up once. A name that is not there yet gives None.

    `root` stands for whoever deploys: the group of root has another name on macOS, and without root it is the user.
    """

    def __init__(self) -> None:
        self._users: Dict[str, Optional[int]] = {ROOT: os.geteuid()}
        self._groups: Dict[str, Optional[int]] = {ROOT: os.getegid()}

    def ids(self, owner: str, group: str) -> Tuple[Optional[int], Optional[int]]:
        """The user's and the group's number."""
        if owner not in self._users:
            self._users[owner] = _number(lambda: pwd.getpwnam(owner).pw_uid)
        if group not in self._groups:
            self._groups[group] = _number(lambda: grp.getgrnam(group).gr_gid)
        return self._users[owner], self._groups[group]

    def required(self, owner: str, group: str) -> Tuple[int, int]:
        """The same, but a name that is not there is a ConfigurationError."""
        uid, gid = self.ids(owner, group)
        if uid is None or gid is None:
            missing = f"user {owner}" if uid is None else f"group {group}"
            raise ConfigurationError(f"there is no {missing} on this host", "create it, or set uploader_create_user")
        return uid, gid


def _number(look_up: Callable[[], int]) -> Optional[int]:
    try:
        return look_up()
    except KeyError:
        return None


def file_change(file: ManagedFile, owners: Owners) -> Optional[Change]:
    """How the file on the host differs from the wanted one, None if it does not."""
    now = present(file.path)
    if now is None:
        return Change(file.path, "create", "", readable(file, _encode(file.content)))
    uid, gid = owners.ids(file.owner, file.group)
    before, after = f"{now.mode:04o} {_names(now.uid, now.gid)}\n", f"{file.mode} {file.owner}:{file.group}\n"
    same_mode = (now.mode, now.uid, now.gid) == (int(file.mode, 8), uid, gid)
    if same_mode and now.content == _encode(file.content):
        return None
    old, new = readable(file, now.content), readable(file, _encode(file.content))
    if now.content == _encode(file.content):
        return Change(file.path, "change permissions of", before, after)
    if old == new:
        # Only hidden values differ.
        old, new = _differing(now.content.decode("utf-8", "replace"), file.content)
    return Change(file.path, "change", ("" if same_mode else before) + old, ("" if same_mode else after) + new)


def folder_change(folder: ManagedFolder, owners: Owners) -> Optional[Change]:
    """How the folder on the host differs from the wanted one, None if it does not."""
    after = f"{folder.mode} {folder.owner}:{folder.group}\n"
    try:
        status = os.stat(folder.path)
    except FileNotFoundError:
        return Change(folder.path, "create", "", after)
    except OSError as error:
        raise ConfigurationError(f"{folder.path} cannot be used: {error.strerror}") from error
    if not stat.S_ISDIR(status.st_mode):
        raise ConfigurationError(f"{folder.path} is no folder", "move it away")
    mode = stat.S_IMODE(status.st_mode)
    if (mode, status.st_uid, status.st_gid) == (int(folder.mode, 8), *owners.ids(folder.owner, folder.group)):
        return None
    before = f"{mode:04o} {_names(status.st_uid, status.st_gid)}\n"
    return Change(folder.path, "change permissions of", before, after)


def readable(file: ManagedFile, content: bytes) -> str:
    """A file's content for a diff. Values of env files and credentials may be secrets: only their names are shown."""
    text = content.decode("utf-8", "replace")
    if not is_secret(file.mode):
        return text
    return "".join(f"{_name(line)}\n" for line in text.splitlines())


def is_secret(mode: str) -> bool:
    """Whether a file of this mode is not meant for everybody's eyes."""
    return not int(mode, 8) & 0o004


def _name(line: str) -> str:
    match = _ASSIGNMENT.match(line)
    return f"{match[1]}=(hidden)" if match else line if line.startswith(("#", "[")) or not line else "(hidden)"


def _differing(before: str, after: str) -> Tuple[str, str]:
    """The lines that differ although they look alike when their values are hidden."""
    old, new = set(before.splitlines()), set(after.splitlines())
    names = [_name(line) for line in after.splitlines() if line not in old]
    return (
        "".join(f"{_name(line)} (before)\n" for line in before.splitlines() if line not in new),
        "".join(f"{name} (after)\n" for name in names),
    )


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
        self._before: Optional[Present] = None

    def run(self) -> None:
        file = self._file
        self._before = present(file.path)
        uid, gid = self._owners.required(file.owner, file.group)
        write_file(file.path, Present(_encode(file.content), int(file.mode, 8), uid, gid))

    def undo(self) -> None:
        if self._before is None:
            os.unlink(self._file.path)
        else:
            write_file(self._file.path, self._before)


class RemoveFile(Step):
    """Take a file away; its folder too when it is a drop-in folder that is empty then."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._before: Optional[Present] = None

    def run(self) -> None:
        self._before = present(self._path)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)
        folder = os.path.dirname(self._path)
        if folder.endswith(".d") and os.path.basename(folder).startswith("datasync-turbo@"):
            with contextlib.suppress(OSError):
                os.rmdir(folder)

    def undo(self) -> None:
        if self._before is not None:
            os.makedirs(os.path.dirname(self._path), exist_ok=True)
            write_file(self._path, self._before)


class MakeFolder(Step):
    """Make a folder, or change its owner and mode."""

    def __init__(self, folder: ManagedFolder, owners: Owners) -> None:
        self._folder, self._owners = folder, owners
        self._made: List[str] = []
        self._before: Optional[os.stat_result] = None

    def run(self) -> None:
        path = self._folder.path
        uid, gid = self._owners.required(self._folder.owner, self._folder.group)
        with _naming(path):
            if os.path.isdir(path):
                self._before = os.stat(path)
            else:
                self._made = make_folders(path)
            os.chown(path, uid, gid)
            os.chmod(path, int(self._folder.mode, 8))

    def undo(self) -> None:
        if self._before is not None:
            os.chown(self._folder.path, self._before.st_uid, self._before.st_gid)
            os.chmod(self._folder.path, stat.S_IMODE(self._before.st_mode))
        for path in reversed(self._made):
            with contextlib.suppress(OSError):
                os.rmdir(path)


class SetLink(Step):
    """Let a path be a link. A folder in its place, which an older collection made, is removed at the end."""

    def __init__(self, path: Path, target: str) -> None:
        self._path, self._target = path, target
        self._before: Optional[str] = None
        self._aside: Optional[Path] = None

    def run(self) -> None:
        if self._path.is_symlink():
            self._before = os.readlink(self._path)
        elif self._path.is_dir():
            self._aside = self._path.with_name(f".{self._path.name}-{secrets.token_hex(8)}")
            self._path.rename(self._aside)
        with _naming(str(self._path)):
            replace_link(self._path, self._target)

    def undo(self) -> None:
        if self._before is not None:
            replace_link(self._path, self._before)
            return
        self._path.unlink()
        if self._aside is not None:
            self._aside.rename(self._path)

    def finish(self) -> None:
        """The change stays: remove what it replaced."""
        if self._aside is not None:
            shutil.rmtree(self._aside, ignore_errors=True)


def make_folders(path: str) -> List[str]:
    """Make a folder and what is missing above it, each with mode 0755; returns what was made, the highest first."""
    missing = []
    while not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    for folder in reversed(missing):
        os.mkdir(folder)
        os.chmod(folder, 0o755)  # noqa: S103 - as mkdir -p makes it under the usual umask
    return missing[::-1]


def write_file(path: str, wanted: Present) -> None:
    """Replace a file atomically and durably. Raises ConfigurationError that names it."""
    temporary = f"{path}.{secrets.token_hex(8)}"
    with _naming(path):
        make_folders(os.path.dirname(path))
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                os.fchown(descriptor, wanted.uid, wanted.gid)
                os.fchmod(descriptor, wanted.mode)
                file.write(wanted.content)
                file.flush()
                os.fsync(descriptor)
            os.replace(temporary, path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)


@contextlib.contextmanager
def _naming(path: str) -> Iterator[None]:
    """Turn an OSError into one that names the path and says what to do."""
    try:
        yield
    except PermissionError as error:
        raise ConfigurationError(f"cannot write {path}: {error.strerror}", "use become: true") from error
    except OSError as error:
        raise ConfigurationError(f"cannot write {path}: {error.strerror or error}", hint_for(error)) from error


def hint_for(error: OSError) -> str:
    """What to do about an error of the file system."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "free some space: a deployment needs 100 MB there"
    if error.errno == errno.EROFS:
        return "the file system is read-only"
    return "look at that path on the host"
