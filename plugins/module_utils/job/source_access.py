# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Whether this user can do with the source folder what the job does: for whoever deploys a job, before its first run.

Only the folder itself is looked at. What lies in it is for the run, which names each file that cannot be read.
"""

from __future__ import annotations

import grp
import os
import pwd
import shlex
import stat

from ..common.errors import ConfigurationError
from .job import Job
from .local_file import require_source


def require_access(job: Job) -> None:
    """Raise ConfigurationError, or SourceError if REQUIRE_MOUNT is not mounted, unless this user can do all of that.

    The messages begin with the option, and name the user and what is in the way.
    """
    _require_way(job.src)
    require_source(job)
    _require(job.src, "src", "r", os.R_OK | os.X_OK, "read")
    try:
        os.listdir(job.src)
    except OSError as error:
        # A file server may refuse what the mode allows.
        raise ConfigurationError(f"src {job.src!r} cannot be read by {_user()}: {error.strerror}") from error
    if job.after_upload != "keep":
        _require(job.src, "src", "rw", os.W_OK, f"emptied (after_upload={job.after_upload})")
    if job.move_to:
        folder = _nearest_folder(job.move_to)
        if not os.path.isdir(folder):
            raise ConfigurationError(f"move_to {job.move_to!r} cannot be made: {folder!r} is not a folder")
        _require(folder, "move_to", "rw", os.W_OK | os.X_OK, "written")


def _require(folder: str, option: str, rights: str, mode: int, done: str) -> None:
    if not os.access(folder, mode):
        raise ConfigurationError(
            f"{option} {folder!r} cannot be {done} by {_user()}: it belongs to {_owner(folder)}", _grant(folder, rights)
        )


def _require_way(path: str) -> None:
    """Raise ConfigurationError if a folder above cannot be entered: then nobody can say what is below."""
    folder = "/"
    for part in path.strip("/").split("/"):
        if os.path.isdir(folder) and not os.access(folder, os.X_OK):
            message = f"src {path!r} cannot be reached by {_user()}: {folder} belongs to {_owner(folder)}"
            raise ConfigurationError(message, _grant(folder, ""))
        folder = os.path.join(folder, part)


def _nearest_folder(path: str) -> str:
    """The path itself if it is there, else the folder in which it would be made."""
    while not os.path.lexists(path):
        path = os.path.dirname(path)
    return path


def _user() -> str:
    return f"user {_user_name(os.geteuid())}"


def _owner(path: str) -> str:
    status = os.stat(path)
    try:
        group = grp.getgrgid(status.st_gid).gr_name
    except KeyError:
        group = str(status.st_gid)
    return f"{_user_name(status.st_uid)}:{group}, mode {stat.S_IMODE(status.st_mode):04o}"


def _user_name(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _grant(folder: str, rights: str) -> str:
    return f"grant it by a group, or: setfacl -m u:{_user_name(os.geteuid())}:{rights}x {shlex.quote(folder)}"
