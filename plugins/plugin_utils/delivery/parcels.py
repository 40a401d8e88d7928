# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Files of s5cmd on the controller, each under a name that says what it is and what its content hashes to.

CACHE/s5cmd/2.3.0-Linux-64bit-de0fdbfa3ace/s5cmd_2.3.0_Linux-64bit.tar.gz   the file as it was downloaded
CACHE/s5cmd/2.3.0-Linux-64bit-de0fdbfa3ace/origin.json                      where it came from
CACHE/s5cmd/.2.3.0-Linux-64bit.lock                                         held by who fetches
CACHE/s5cmd/.2.3.0-Linux-64bit.incoming-*                                   a download, removed at its end

A folder appears by a rename, so that it is whole; nobody needs the lock to read. All of it may be removed at any time.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ...module_utils.common import files, locks
from ...module_utils.common.errors import InstallationError
from ...module_utils.install.download import file_sha256

ORIGIN = "origin.json"
#: Seconds to wait for another process that fetches the same.
PATIENCE = 1800.0


class Parcel(NamedTuple):
    """A file for the hosts whose content was compared with its SHA256, and the source that it is from."""

    path: Path
    source: str
    detail: str
    sha256: str


class Cache:
    """The files of one version for one platform. `key` is like `2.3.0-Linux-64bit`."""

    def __init__(self, cache_dir: Path, key: str) -> None:
        self.folder = cache_dir / "s5cmd"
        self.key = key

    def find(self, sha256: str) -> Parcel | None:
        """The file with this checksum, None when it is not there or is damaged."""
        place = self._place(sha256)
        try:
            origin = json.loads((place / ORIGIN).read_text("utf-8"))
            path = place / os.path.basename(origin["file"])
            if file_sha256(path) == sha256:
                return Parcel(path, str(origin["source"]), str(origin["detail"]), sha256)
        except (OSError, ValueError, KeyError, TypeError, InstallationError):
            return None
        return None

    @contextlib.contextmanager
    def incoming(self) -> Iterator[Path]:
        """A private folder to download into, with the lock held; what an interrupted download left is removed.

        Raises InstallationError when the cache cannot be written, and LockedError.
        """
        with self._writing():
            files.make_folders(self.folder.parent, mode=None)
            files.make_folders(self.folder, mode=0o700)
            with locks.held(self.folder / f".{self.key}.lock", wait=PATIENCE):
                prefix = f".{self.key}.incoming-"
                for leftover in self.folder.glob(f"{prefix}*"):
                    shutil.rmtree(leftover)
                folder = Path(tempfile.mkdtemp(prefix=prefix, dir=self.folder))
                try:
                    yield folder
                finally:
                    shutil.rmtree(folder, ignore_errors=True)

    def put(self, parcel: Parcel) -> Parcel:
        """Move a file from `incoming` to its place, with the lock held; a damaged one that is there goes away."""
        with self._writing():
            complete = Path(tempfile.mkdtemp(dir=parcel.path.parent))
            origin = {
                "file": parcel.path.name,
                "source": parcel.source,
                "detail": parcel.detail,
                "sha256": parcel.sha256,
                "fetched_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            }
            files.write(complete / ORIGIN, json.dumps(origin, indent=2) + "\n", durable=False)
            moved = parcel.path.rename(complete / parcel.path.name)
            place = self._place(parcel.sha256)
            if place.exists():
                place.rename(Path(tempfile.mkdtemp(dir=complete.parent)) / "damaged")
            files.publish(complete, place)
            return parcel._replace(path=place / moved.name)

    def _place(self, sha256: str) -> Path:
        return self.folder / f"{self.key}-{sha256[:12]}"

    def _writing(self) -> contextlib.AbstractContextManager[None]:
        """Turn an OSError into one that names the folder and the option."""
        return files.explained(
            f"{self.folder} (cache_dir)",
            "set cache_dir to a folder on the controller that the user who runs Ansible can write",
            space="free some space on the controller, or set cache_dir to a folder elsewhere",
            kind=InstallationError,
        )
