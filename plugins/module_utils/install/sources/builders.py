# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The sources that make the executable on this host: Go, which builds it, and package managers."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

from ...common.commands import last_words
from ...common.errors import InstallationError
from ..download import copy_file
from ..order import Order
from ..tools import Tools
from ..unpack import ARCHIVE_LIMIT
from .source import Obtained

GO_MODULE = "github.com/peak/s5cmd/v2"
#: The commands that make a private environment from conda-forge, and those that install for the whole host.
CONDA_COMMANDS = ("micromamba", "mamba", "conda")


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
