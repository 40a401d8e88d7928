# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Everything that lies in a folder, for tests that compare before and after."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def listing(root: Path) -> dict[str, tuple[str, ...]]:
    """Each path below `root` with its kind, mode, owner, and its content or target."""
    found = {}
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(folder, name)
            status = path.lstat()
            mode = f"{stat.S_IMODE(status.st_mode):04o} {status.st_uid}:{status.st_gid}"
            if stat.S_ISLNK(status.st_mode):
                entry = ("link", "", str(path.readlink()))
            elif stat.S_ISDIR(status.st_mode):
                entry = ("folder", mode, "")
            else:
                entry = ("file", mode, path.read_bytes().hex())
            found[str(path.relative_to(root))] = entry
    return found
