# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The source folder of a job: the identity of a file, and whether the folder can be read."""

from __future__ import annotations

import os
from typing import NamedTuple

from ..common.errors import ConfigurationError, SourceError
from .job import Job


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


#: Times that take more than 64 bits are after the year 2262, or before 1677.
_LATEST_NS = (1 << 63) - 1


def identity_of(status: os.stat_result) -> Identity:
    """The identity in a stat result."""
    mtime_ns, ctime_ns = status.st_mtime_ns, status.st_ctime_ns
    if not (-_LATEST_NS < mtime_ns < _LATEST_NS and -_LATEST_NS < ctime_ns < _LATEST_NS):
        # Set by somebody, or by a broken clock; what matters is that it is the same at every look.
        mtime_ns, ctime_ns = (max(-_LATEST_NS, min(moment, _LATEST_NS)) for moment in (mtime_ns, ctime_ns))
    return Identity(status.st_size, mtime_ns, ctime_ns, status.st_ino, status.st_dev)


def is_absent(path: str) -> bool:
    """Whether nothing is there. What cannot be looked at is not absent."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        return False
    return False


class Uploaded(NamedTuple):
    """A file that was stored in this run, and what it was then."""

    file: LocalFile
    identity: Identity


def describe_change(before: Identity, after: Identity) -> str:
    """What changed between two looks at a file, for people."""
    if before.size != after.size:
        return f"changed meanwhile: its size went from {before.size} to {after.size} bytes"
    if (before.inode, before.device) != (after.inode, after.device):
        return "was replaced by another file meanwhile"
    return "changed meanwhile: its modification or status time moved"


def require_source(job: Job) -> None:
    """Raise ConfigurationError or SourceError unless the source can be read as the job wants it."""
    _require_folder(job.src)
    if job.require_mount and not os.path.ismount(job.require_mount):
        raise SourceError(f"require_mount {job.require_mount!r} is not mounted", "mount it, and run the job again")


def _require_folder(src: str) -> None:
    # Checked when the job runs, not when it is written: then the failure is in the report that others read.
    if not os.path.lexists(src):
        raise ConfigurationError(f"src {src!r} does not exist", "check the path and that its file system is mounted")
    if not os.path.isdir(src):
        raise ConfigurationError(f"src {src!r} is not a folder", "give the folder that holds the files")
