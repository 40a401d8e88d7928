# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What the user asks for: the options of s5cmd_install, validated."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..common.errors import ConfigurationError
from .download import require_http
from .options import (
    CONTROLLER,
    DEFAULT_BIN_DIR,
    DEFAULT_KEEP,
    DEFAULT_SOURCES,
    DEFAULT_VERSION,
    DEFAULT_VERSIONS_DIR,
    DIRECT,
    LATEST,
    SOURCE_NAMES,
)
from .order import Delivered, Order
from .platform import Platform, from_uname
from .sources.releases import API, DOWNLOADS, installable_version, parse_sha256, parse_version


@dataclass(frozen=True)
class InstallRequest:
    """What the user asks for: the options of s5cmd_install, validated."""

    version: str = DEFAULT_VERSION
    bin_dir: Path = Path(DEFAULT_BIN_DIR)
    versions_dir: Path = Path(DEFAULT_VERSIONS_DIR)
    keep: int = DEFAULT_KEEP
    delivery: str = DIRECT
    controller_dir: Path | None = None
    sources: tuple[str, ...] = DEFAULT_SOURCES[DIRECT]
    mirror: str = DOWNLOADS
    api_url: str = API
    github_token: str | None = field(default=None, repr=False)
    url: str | None = None
    checksum: str | None = None
    checksums: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    wheel_dir: Path | None = None
    allow_unpinned: bool = False
    platform: Platform | None = None
    force: bool = False
    delivered: Delivered | None = None

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> InstallRequest:
        """Build from the module's options; None and empty ones count as unset.

        Raises ConfigurationError naming the option that does not fit.
        """
        given = {name: options[name] for name in cls.__dataclass_fields__ if options.get(name) not in (None, "", [])}
        if given.get("version", LATEST) != LATEST:
            given["version"] = installable_version(given["version"])
        for name in ("bin_dir", "versions_dir", "wheel_dir", "controller_dir"):
            if name in given:
                given[name] = _absolute(given[name], name)
        for name in ("mirror", "api_url"):
            if name in given:
                require_http(given[name], name)
        if "platform" in given:
            given["platform"] = from_uname(given["platform"]["system"], given["platform"]["machine"])
        if "checksum" in given:
            given["checksum"] = parse_sha256(given["checksum"], "checksum")
        given["checksums"] = _checksum_table(given.get("checksums", {}))
        given["sources"] = tuple(given.get("sources", DEFAULT_SOURCES[given.get("delivery", DIRECT)]))
        if "delivered" in given:
            given["delivered"] = Delivered(**{**given["delivered"], "path": Path(given["delivered"]["path"])})
        request = cls(**given)
        request._validate()
        return request

    def _validate(self) -> None:
        if self.keep < 0:
            raise ConfigurationError(f"keep is {self.keep}", "it is the number of old versions to keep: 0 or more")
        unknown = [name for name in self.sources if name not in SOURCE_NAMES]
        if unknown:
            raise ConfigurationError(f"sources has {unknown[0]!r}", f"it is a list of {', '.join(SOURCE_NAMES)}")
        self._validate_delivery()
        if ("file" in self.sources) != bool(self.url):
            raise ConfigurationError(
                f"url is {self.url!r} and sources is {', '.join(self.sources)}",
                "url is for the source file: give both, for example sources: [file], or neither",
            )
        if bool(self.url) != bool(self.checksum):
            raise ConfigurationError(
                "url and checksum go together", "the file at url is only installed if it has the SHA256 in checksum"
            )
        if self.url and not self.url.startswith("/"):
            require_http(self.url, "url")

    def _validate_delivery(self) -> None:
        if self.delivery != CONTROLLER:
            if self.controller_dir:
                raise ConfigurationError(
                    f"controller_dir is {str(self.controller_dir)!r} and delivery is {self.delivery}",
                    "controller_dir is for delivery: controller; leave it away where each host downloads",
                )
            if self.delivered:
                raise ConfigurationError(
                    f"delivered is given and delivery is {self.delivery}", "leave delivered away: it is not for tasks"
                )
            return
        own = [name for name in self.sources if name in ("go", "package")]
        if own:
            raise ConfigurationError(
                f"sources has {own[0]!r}, which only serves the host that it runs on, and delivery is controller",
                "leave it away, or set delivery: direct",
            )
        if self.controller_dir and self.version == LATEST:
            raise ConfigurationError(
                f"version is latest and controller_dir is {str(self.controller_dir)!r}, with which nothing is asked of "
                "the network",
                "set version to the number of the version that is there",
            )

    @property
    def awaits_delivery(self) -> bool:
        """Whether a version that is not on the host has to come from the controller, which has not sent it."""
        return self.delivery == CONTROLLER and self.delivered is None

    def order(self, version: str, platform: Platform, for_this_host: bool) -> Order:
        """The order for a version (a number) and a platform."""
        return Order(
            version=version,
            platform=platform,
            bin_dir=self.bin_dir,
            for_this_host=for_this_host,
            mirror=self.mirror,
            url=self.url,
            checksum=self.checksum,
            checksums=self.checksums,
            wheel_dir=self.wheel_dir,
            allow_unpinned=self.allow_unpinned,
            delivered=self.delivered,
        )


def _absolute(text: str, variable: str) -> Path:
    if not text.startswith("/"):
        raise ConfigurationError(f"{variable} {text!r} is not an absolute path", "let it start with /")
    return Path(os.path.normpath(text))


def _checksum_table(table: Any) -> dict[str, dict[str, str]]:
    """version -> asset -> SHA256 from the option of that shape."""
    checked: dict[str, dict[str, str]] = {}
    for version, assets in table.items():
        if not isinstance(assets, Mapping):
            raise ConfigurationError(
                f"checksums[{version!r}] is {assets!r}", "give a dictionary from asset to SHA256: {Linux-64bit: HEX}"
            )
        checked[parse_version(str(version), "a version in checksums")] = {
            str(asset): parse_sha256(str(digest), f"checksums[{version!r}][{asset!r}]")
            for asset, digest in assets.items()
        }
    return checked
