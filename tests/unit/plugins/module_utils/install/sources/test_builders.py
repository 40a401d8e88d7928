# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The sources that make the executable here: what they run, what they believe, and how they say no."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.commands import Completed
from ansible_collections.datasync.turbo.plugins.module_utils.install.platform import Platform
from ansible_collections.datasync.turbo.plugins.module_utils.install.sources.source import Obtained
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.commands_of_a_host import (
    DIGEST,
    EXECUTABLE,
    MODULE,
    Commands,
    obtain,
    refusal,
)


class Go(Commands):
    """A Go that builds EXECUTABLE."""

    def __init__(self, database: str = "sum.golang.org", exempted: str = "", built: str = "v2.3.0") -> None:
        super().__init__(go=self.go)
        self.database, self.exempted, self.built = database, exempted, built

    def go(self, arguments: list[str], environment: dict[str, str]) -> Completed:
        if arguments[0] == "env":
            return Completed(0, f"{self.database}\n{self.exempted}\n", "")
        if arguments[0] == "version":
            return Completed(0, f"x: go1.23\n\tpath\t{MODULE}\n\tmod\t{MODULE}\t{self.built}\th1:AAAA=\n", "")
        binary = Path(environment["GOBIN"]) / "s5cmd"
        binary.parent.mkdir()
        binary.write_bytes(EXECUTABLE)
        return Completed(0, "", "")


def test_go_builds_in_a_private_folder_and_sets_the_version_as_the_makefile_does(tmp_path: Path) -> None:
    go = Go()

    assert obtain("go", go, tmp_path) == Obtained(DIGEST, None, False)

    install = next(arguments for arguments in go.ran if "install" in arguments)
    variables = f"-X={MODULE}/version.Version=v2.3.0 -X={MODULE}/version.GitCommit=goinstall"
    assert install == ["/opt/tools/bin/go", "install", "-ldflags", f"-s -w {variables}", f"{MODULE}@v2.3.0"]
    environment = go.environments[go.ran.index(install)]
    for name in ("GOBIN", "GOPATH", "GOCACHE"):
        assert environment[name].startswith(str(tmp_path / "private"))
    assert environment["CGO_ENABLED"] == "0"
    assert (tmp_path / "private" / "s5cmd").stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize(
    ("database", "exempted"),
    [
        ("off", ""),
        ("sum.golang.org", "github.com/peak"),
        ("sum.golang.org", "example.org,github.com/*"),
        ("sum.golang.org", "*"),
        ("sum.golang.org", "github.com/peak/s5cmd/v2"),
    ],
)
def test_go_that_checks_nothing_is_refused(tmp_path: Path, database: str, exempted: str) -> None:
    message = refusal("go", Go(database, exempted), tmp_path)
    assert f"does not check {MODULE} against a checksum database (GOSUMDB={database}, GONOSUMDB={exempted})" in message
    (tmp_path / "private").rmdir()
    assert obtain("go", Go(database, exempted), tmp_path, allow_unpinned=True).pinned is False


@pytest.mark.parametrize("exempted", ["", "example.org", "github.com/other", "github.com/peak/s5cmd/v2/deeper/still"])
def test_go_that_exempts_others_is_believed(tmp_path: Path, exempted: str) -> None:
    assert obtain("go", Go(exempted=exempted), tmp_path).sha256 == DIGEST


def test_go_that_built_another_version_is_not_believed(tmp_path: Path) -> None:
    """The version that s5cmd prints was set by us, so it proves nothing here."""
    assert f"go built something else than {MODULE}@v2.3.0" in refusal("go", Go(built="v2.2.2"), tmp_path)


def test_no_go(tmp_path: Path) -> None:
    assert refusal("go", Commands(), tmp_path) == "there is no go on PATH"


def test_go_that_fails(tmp_path: Path) -> None:
    def go(arguments: list[str], environment: dict[str, str]) -> Completed:
        failed = Completed(1, "", "go: module lookup disabled by https://user:secret@proxy.example.org/\n")
        return Completed(0, "sum.golang.org\n\n", "") if arguments[0] == "env" else failed

    message = refusal("go", Commands(go=go), tmp_path)
    assert message.startswith("go install failed: go: module lookup disabled by https://proxy.example.org/")


# Package managers


def installing(prefix: Path) -> Callable[[list[str], dict[str, str]], Completed]:
    def install(arguments: list[str], environment: dict[str, str]) -> Completed:
        where = Path(arguments[arguments.index("-p") + 1]) if "-p" in arguments else prefix
        (where / "bin").mkdir(parents=True, exist_ok=True)
        (where / "bin" / "s5cmd").write_bytes(EXECUTABLE)
        return Completed(0, "", "")

    return install


@pytest.mark.parametrize("name", ["conda", "mamba", "micromamba"])
def test_conda_forge_in_a_private_environment(tmp_path: Path, name: str) -> None:
    commands = Commands(**{name: installing(tmp_path)})

    assert obtain("package", commands, tmp_path) == Obtained(DIGEST, None, False)

    (ran,) = commands.ran
    assert ran[:2] == [f"/opt/tools/bin/{name}", "create"]
    assert ran[-4:] == ["--override-channels", "-c", "conda-forge", "s5cmd=2.3.0"]
    assert Path(ran[ran.index("-p") + 1]).is_relative_to(tmp_path / "private")


@pytest.mark.parametrize(
    ("manager", "arguments"), [("brew", ["install", "peak/tap/s5cmd"]), ("port", ["-N", "install", "s5cmd"])]
)
def test_managers_of_macos(tmp_path: Path, manager: str, arguments: list[str]) -> None:
    prefix = tmp_path / "homebrew"
    commands = Commands(**{manager: installing(prefix)})
    commands.which = lambda name: str(prefix / "bin" / name) if name == manager else None  # type: ignore[method-assign]

    assert obtain("package", commands, tmp_path).sha256 == DIGEST

    assert commands.ran == [[str(prefix / "bin" / manager), *arguments]]


def test_a_manager_that_owns_bin_dir_is_not_overridden(tmp_path: Path) -> None:
    """Homebrew on Intel makes its own link in /usr/local/bin."""
    commands = Commands(brew=installing(tmp_path))
    message = refusal("package", commands, tmp_path, bin_dir=Path("/opt/tools/bin"))
    assert message == "brew itself puts s5cmd into /opt/tools/bin (set bin_dir to another folder)"
    assert commands.ran == []


def test_managers_are_tried_one_after_the_other(tmp_path: Path) -> None:
    failed = Completed(1, "", "PackagesNotFoundError: s5cmd=2.3.0\n")
    commands = Commands(
        conda=lambda arguments, environment: failed,
        brew=lambda arguments, environment: Completed(1, "", "Error: root\n"),
    )
    message = refusal("package", commands, tmp_path)
    assert "conda did not install s5cmd: PackagesNotFoundError" in message
    assert "brew did not install s5cmd: Error: root" in message


def test_no_manager(tmp_path: Path) -> None:
    message = refusal("package", Commands(), tmp_path)
    assert message.startswith("no package manager that has s5cmd is on PATH")
    assert "Debian, Ubuntu and the Red Hat family have no package of it" in message


# What holds for both


@pytest.mark.parametrize("source", ["go", "package"])
def test_unknown_versions_need_the_users_word(tmp_path: Path, source: str) -> None:
    commands = Commands(go=Go(built="v2.9.9").go, conda=installing(tmp_path))
    message = refusal(source, commands, tmp_path, version="2.9.9")
    assert message == "no checksum of s5cmd 2.9.9 is known (set allow_unpinned to take it)"
    assert commands.ran == []
    (tmp_path / "private").rmdir()
    assert obtain(source, commands, tmp_path, version="2.9.9", allow_unpinned=True).pinned is False


@pytest.mark.parametrize("source", ["go", "package"])
def test_compilers_and_managers_serve_their_own_host(tmp_path: Path, source: str) -> None:
    commands = Commands(go=Go().go, conda=installing(tmp_path))
    other = Platform("Linux", "aarch64", "Linux-arm64")
    message = refusal(source, commands, tmp_path, platform=other, for_this_host=False)
    assert "only serves the host it runs on, not Linux-arm64" in message
    assert commands.ran == []
