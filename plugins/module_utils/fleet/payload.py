# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What the controller brings a host in one file: the parts of it, and how they are unpacked there."""

from __future__ import annotations

import contextlib
import os
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from ..common.errors import InstallationError

#: The parts of a payload: an environment's packages, and the program, which is an archive itself.
PACKAGES_PREFIX = "packages/"
PROGRAM_MEMBER = "program"


@contextlib.contextmanager
def opened_payload(payload: Path) -> Iterator[zipfile.ZipFile]:
    """A payload to read from. Raises InstallationError when it is not whole, then or while it is read."""
    try:
        with zipfile.ZipFile(payload) as archive:
            yield archive
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError) as error:
        raise InstallationError(f"what the controller sent arrived damaged: {error}", "deploy again") from error


def unpack(archive: zipfile.ZipFile, target: Path, prefix: str = "") -> None:
    """Write the members whose names begin with `prefix` below `target`, without it. Raises InstallationError."""
    for member in archive.infolist():
        if not member.filename.startswith(prefix) or member.is_dir():
            continue
        name = member.filename[len(prefix) :]
        if name.startswith("/") or ".." in name.split("/"):
            raise InstallationError(f"the payload's member {member.filename!r} leaves its folder")
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(member) as source, open(path, "wb") as copy:
            shutil.copyfileobj(source, copy, 1024 * 1024)


def opened_to_all(folder: Path) -> list[str]:
    """Let everybody read and run what is in `folder`, and nobody but its owner change it, whatever the umask is.

    Returns the names of its files, without links, from the folder on.
    """
    files = []
    for directory, _folders, names in os.walk(folder):
        os.chmod(directory, 0o755)  # noqa: S103 - the service user runs what is in it
        for name in names:
            path = os.path.join(directory, name)
            if not os.path.islink(path):
                os.chmod(path, 0o755 if os.access(path, os.X_OK) else 0o644)
                files.append(os.path.relpath(path, folder))
    return sorted(files)
