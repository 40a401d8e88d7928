# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Where the controller keeps what it fetched for the hosts."""

from __future__ import annotations

import os
import stat
from contextlib import AbstractContextManager
from pathlib import Path

from ...module_utils.common import files
from ...module_utils.common.errors import ConfigurationError

OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def controller_cache(folder: str | None = None) -> Path:
    """`folder`, or datasync-turbo in the user's cache folder; see the XDG Base Directory Specification."""
    if folder:
        return Path(folder).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "datasync-turbo"


def writing(folder: Path, variable: str) -> AbstractContextManager[None]:
    """Turn an OSError into a ConfigurationError that names the cache folder and `variable`."""
    return files.explained(
        f"the controller's cache folder {folder}",
        f"set {variable} to a folder on the controller that can be written",
        space=f"free 100 MB there, or set {variable} to a folder on the controller elsewhere",
    )


def make_private(folder: Path, variable: str) -> None:
    """Make a folder of the cache whose files are pushed to all hosts, and run there as root, without another look.

    Raises ConfigurationError, which names `variable`, if it cannot be made, or if another user could write it.
    """
    with writing(folder, variable):
        files.make_folders(folder.parent.parent, mode=None)
        # The umask may leave what is made open to the group.
        files.make_folders(folder, mode=0o700)
        states = [each.stat() for each in (folder.parent, folder)]
    if any(state.st_uid not in (0, os.geteuid()) or state.st_mode & OTHERS_WRITE for state in states):
        raise ConfigurationError(
            f"other users of the controller can write its cache folder {folder.parent}",
            f"set {variable} to a folder of your own, or run chmod -R go-w on it",
        )
