# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Where s5cmd lies on a host, and the changes to it that nobody sees half done.

versions_dir/2.3.0/s5cmd         one folder for each version
versions_dir/2.3.0/install.json  where it came from and its SHA256
versions_dir/.lock               held by the installation that is running
versions_dir/.incoming-*         an installation that is running, removed at its end
bin_dir/s5cmd                    a link to the version in use
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from ..common import files, locks
from ..common.errors import ConfigurationError, DatasyncError, InstallationError
from .download import file_sha256
from .sources.releases import parse_version

COMMAND = "s5cmd"
RECORD = "install.json"
LOCK = ".lock"
INCOMING = ".incoming-"
#: The folder that holds versions_dir by default. Under this name nobody else keeps anything.
OUR_FOLDER = "datasync-turbo"
#: Seconds to wait for another installation; building from source is the slowest thing that one can be at.
LOCK_TIMEOUT = 600


@dataclass(frozen=True)
class Record:
    """What install.json says about a version. SHA256 values are hexadecimal digits; `installed_at` is UTC, ISO 8601.

    `detail` is the URL, command or path that the executable came from, `archive_sha256` is that of the archive or
    wheel it was in, if it was in one, and `pinned` tells whether a checksum known beforehand proved it. `identity` is
    the executable's inode, size, mtime and ctime (ns) where it was put; None in records of versions before 0.3.0.
    """

    version: str
    source: str
    detail: str
    asset: str
    sha256: str
    archive_sha256: str | None
    pinned: bool
    installed_at: str
    identity: str | None = field(default=None, compare=False)

    @classmethod
    def read(cls, path: Path) -> Record | None:
        """The record in a file, None when there is none or it is not one of ours."""
        try:
            values = {"identity": None, **json.loads(path.read_text("utf-8"))}
            return cls(**{name: values[name] for name in cls.__dataclass_fields__})
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, path: Path) -> None:
        """Write the record to `path`, readable for everybody."""
        files.write(path, json.dumps(asdict(self), indent=2) + "\n")


class Occupant(Enum):
    """What is at bin_dir/s5cmd."""

    NOTHING = "nothing"
    OURS = "a link into versions_dir"
    FOREIGN = "a file or link that this collection did not make"
    FOLDER = "a folder"


class CommandLink(NamedTuple):
    """What is at bin_dir/s5cmd, the version it leads to if it is ours, and where it leads if it is a link."""

    occupant: Occupant
    version: str | None = None
    target: str | None = None


class Layout:
    """The files of an installation. Methods that change something want the lock to be held."""

    def __init__(self, bin_dir: Path, versions_dir: Path) -> None:
        self.bin_dir = bin_dir
        self.versions_dir = versions_dir
        self.link = bin_dir / COMMAND

    def folder(self, version: str) -> Path:
        """The folder of a version."""
        return self.versions_dir / version

    def executable(self, version: str) -> Path:
        """The executable of a version."""
        return self.folder(version) / COMMAND

    # What is there

    def command_link(self) -> CommandLink:
        """What is at bin_dir/s5cmd now."""
        try:
            mode = self.link.lstat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            return CommandLink(Occupant.NOTHING)
        if not stat.S_ISLNK(mode):
            return CommandLink(Occupant.FOLDER if stat.S_ISDIR(mode) else Occupant.FOREIGN)
        target = str(self.link.readlink())
        version = self._version_of_target(target)
        return CommandLink(Occupant.OURS if version else Occupant.FOREIGN, version, target)

    def _version_of_target(self, target: str) -> str | None:
        path = Path(os.path.normpath(os.path.join(self.bin_dir, target)))
        is_ours = path.name == COMMAND and path.parent.parent in (self.versions_dir, self.versions_dir.resolve())
        return path.parent.name if is_ours and _is_version(path.parent.name) else None

    def record(self, version: str) -> Record | None:
        """The record of a version, None when it is not installed."""
        record = Record.read(self.folder(version) / RECORD)
        return record if record and record.version == version else None

    def intact(self, version: str) -> Record | None:
        """The record of a version whose executable still is what was recorded, None otherwise."""
        record = self.record(version)
        executable = self.executable(version)
        try:
            status = executable.lstat()
        except OSError:
            return None
        if record is None or not stat.S_ISREG(status.st_mode) or status.st_mode & 0o555 != 0o555:
            return None
        # Reading its 17 MB takes longer than all the rest of a run that has nothing to do.
        if record.identity == _identity(status):
            return record
        return record if file_sha256(executable) == record.sha256 else None

    def installed(self) -> list[str]:
        """The versions that this collection installed, the one in use first, then the one last in use, and so on."""
        linked = self.command_link().version
        try:
            folders = list(self.versions_dir.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []
        ours = [folder for folder in folders if _is_version(folder.name) and self.record(folder.name)]
        ours.sort(key=lambda folder: (folder.name == linked, folder.stat().st_mtime_ns, folder.name), reverse=True)
        return [folder.name for folder in ours]

    # What changes it

    def require_writable(self) -> None:
        """Raise InstallationError when bin_dir or versions_dir cannot be written, before anything is downloaded."""
        for path, variable in ((self.bin_dir, "bin_dir"), (self.versions_dir, "versions_dir")):
            existing = path
            while not os.path.lexists(existing) and existing != existing.parent:
                existing = existing.parent
            if not existing.is_dir():
                raise _cannot_write(path, variable, NotADirectoryError(f"{existing} is not a folder"))
            if not os.access(existing, os.W_OK | os.X_OK):
                raise _cannot_write(path, variable, PermissionError(f"no permission to write in {existing}"))

    @contextlib.contextmanager
    def lock(self, timeout: float = LOCK_TIMEOUT) -> Iterator[None]:
        """Hold the lock of versions_dir, and clear away what an installation that was killed left there.

        Raises LockedError when another installation holds it for longer than `timeout` seconds.
        """
        lock = locks.held(self.versions_dir / LOCK, "another installation", wait=timeout, opened=self._open_lock)
        with lock:
            for leftover in self.versions_dir.glob(f"{INCOMING}*"):
                shutil.rmtree(leftover)
            yield

    def _open_lock(self, path: str) -> int:
        # A removal takes the lock file away, and the folder with it.
        _make_folder(self.versions_dir, "versions_dir")
        with _writing(self.versions_dir, "versions_dir"):
            return locks.open_lock_file(path)

    @contextlib.contextmanager
    def incoming(self) -> Iterator[Path]:
        """A private folder on the file system of versions_dir, gone at the end."""
        with _writing(self.versions_dir, "versions_dir"):
            folder = Path(tempfile.mkdtemp(prefix=INCOMING, dir=self.versions_dir))
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    def publish(self, executable: Path, record: Record) -> None:
        """Put a checked executable and its record into the folder of its version, whole or not at all."""
        folder = self.folder(record.version)
        with _writing(folder, "versions_dir"):
            if os.path.lexists(folder):
                # A damaged version is replaced while it may be in use: file by file, each atomically.
                files.publish(executable, folder / COMMAND)
                _identified(record, folder / COMMAND).write(folder / RECORD)
                folder.chmod(files.FOLDER)
                return
            complete = Path(tempfile.mkdtemp(dir=executable.parent))
            executable.rename(complete / COMMAND)
            _identified(record, complete / COMMAND).write(complete / RECORD)
            complete.chmod(files.FOLDER)
            files.publish(complete, folder)

    def switch(self, version: str) -> None:
        """Let bin_dir/s5cmd lead to `version`: there is always either the old command or the new one."""
        previous = self.command_link().version
        _make_folder(self.bin_dir, "bin_dir")
        with _writing(self.link, "bin_dir"):
            files.replace_link(self.link, self.executable(version))
        if previous and previous != version:
            # A folder's time tells when its version was last in use, which is what `installed` sorts by.
            with contextlib.suppress(OSError):
                os.utime(self.folder(previous))

    def remove_link(self) -> None:
        """Remove bin_dir/s5cmd."""
        with _writing(self.link, "bin_dir"), contextlib.suppress(FileNotFoundError):
            self.link.unlink()
            # The version may go next, and no power cut may bring back a link to it.
            files.sync_folder(self.bin_dir)

    def remove(self, version: str) -> None:
        """Remove a version. What an interruption leaves of it is cleared away under the next lock."""
        folder = self.folder(version)
        with _writing(folder, "versions_dir"):
            going = Path(tempfile.mkdtemp(prefix=INCOMING, dir=self.versions_dir))
            folder.rename(going / version)
            shutil.rmtree(going)

    def remove_if_empty(self) -> None:
        """Remove versions_dir when nothing but the lock is left in it, and an empty folder of our name above it."""
        with contextlib.suppress(OSError):
            if [path.name for path in self.versions_dir.iterdir()] == [LOCK]:
                (self.versions_dir / LOCK).unlink()
                self.versions_dir.rmdir()
                if self.versions_dir.parent.name == OUR_FOLDER:
                    self.versions_dir.parent.rmdir()


def _identity(status: os.stat_result) -> str:
    """What differs once a file is written to or replaced: ctime cannot be set. The device's number may change."""
    return f"{status.st_ino} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"


def _identified(record: Record, executable: Path) -> Record:
    return replace(record, identity=_identity(executable.lstat()))


def _is_version(name: str) -> bool:
    try:
        return parse_version(name) == name
    except ConfigurationError:
        return False


def _make_folder(path: Path, variable: str) -> None:
    """Make a folder and what is missing above it, each with mode 0755 whatever the umask is."""
    with _writing(path, variable):
        files.make_folders(path)


@contextlib.contextmanager
def _writing(path: Path, variable: str) -> Iterator[None]:
    """Turn an OSError into one that names the path and the option that leads there."""
    try:
        yield
    except OSError as error:
        raise _cannot_write(path, variable, error) from error


def _cannot_write(path: Path, variable: str, error: OSError) -> DatasyncError:
    return files.cannot_write(
        f"{path} ({variable})",
        error,
        f"run it with more privileges (become: true), or set {variable} to a folder that you own",
        space="free some space: an installation needs 30 MB there",
        kind=InstallationError,
    )
