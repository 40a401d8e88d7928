# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""One version of s5cmd for one platform, and what is known of it beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from .platform import Platform
from .sources import pins
from .sources.releases import DOWNLOADS


class Delivered(NamedTuple):
    """A file that the controller put on the host, and the source that it was fetched from there.

    `detail` is the URL, package or path on the controller; `sha256` is what the controller found, as hex digits.
    """

    path: Path
    source: str
    detail: str
    sha256: str


@dataclass(frozen=True)
class Order:
    """What is wanted, and from where. `checksums` maps version -> asset -> SHA256 and goes before our pins.

    `for_this_host` is false when an installation for another platform is prepared here: then nothing that was
    obtained can run, and compilers and package managers are of no use. With `delivered`, that file is taken.
    """

    version: str
    platform: Platform
    bin_dir: Path
    for_this_host: bool = True
    mirror: str = DOWNLOADS
    url: str | None = None
    checksum: str | None = None
    checksums: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    wheel_dir: Path | None = None
    allow_unpinned: bool = False
    delivered: Delivered | None = None

    def pinned_archive(self) -> str | None:
        """The SHA256 of the release archive as far as it is known beforehand."""
        asset = self.platform.asset
        own = self.checksums.get(self.version, {}).get(asset)
        pin = pins.RELEASES.get(self.version, {}).get(asset)
        return own or (pin.sha256 if pin else None)

    def is_known(self) -> bool:
        """Whether any checksum of this version is known beforehand, on whatever platform."""
        return any(self.version in table for table in (self.checksums, pins.RELEASES, pins.WHEELS))
