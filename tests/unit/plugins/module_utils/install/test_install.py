# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What the installer decides; what then happens on a host is in tests/integration."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.commands import Completed
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError, InstallationError
from ansible_collections.datasync.turbo.plugins.module_utils.install import install as installer
from ansible_collections.datasync.turbo.plugins.module_utils.install.download import Downloader
from ansible_collections.datasync.turbo.plugins.module_utils.install.install import NotInstalled, install, uninstall
from ansible_collections.datasync.turbo.plugins.module_utils.install.layout import Layout, Record
from ansible_collections.datasync.turbo.plugins.module_utils.install.platform import Platform
from ansible_collections.datasync.turbo.plugins.module_utils.install.request import InstallRequest
from ansible_collections.datasync.turbo.plugins.module_utils.install.sources.registry import SOURCES
from ansible_collections.datasync.turbo.plugins.module_utils.install.tools import Tools

HOST = Platform("Linux", "x86_64", "Linux-64bit")
EXECUTABLE = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\x3e\x00" + b"the rest of s5cmd"


@pytest.fixture(autouse=True)
def host(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' executable is for Linux on x86_64, whatever the tests run on."""
    monkeypatch.setattr(installer, "detect", lambda: HOST)


# What is decided


class Host:
    """A host without network, on which s5cmd reports `reported`."""

    def __init__(self, root: Path, reported: str = "v2.3.0-991c9fb") -> None:
        self.request = InstallRequest(bin_dir=root / "bin", versions_dir=root / "versions")
        self.layout = Layout(self.request.bin_dir, self.request.versions_dir)
        self.reported = reported
        self.ran = 0

    def open(self, url: str, headers: Mapping[str, str], secret_headers: Mapping[str, str], timeout: float) -> Any:
        raise OSError(101, "Network is unreachable")

    def run(
        self, arguments: Sequence[str], environment: Mapping[str, str] | None = None, timeout: float = 0
    ) -> Completed:
        if arguments[-1] == "version":
            self.ran += 1
            return Completed(0, f"{self.reported}\n", "")
        return Completed(1, "", "ERROR: no network\n")

    def tools(self) -> Tools:
        return Tools(Downloader(self), self.run, lambda name: None)

    def has(self, version: str = "2.3.0", **changes: Any) -> None:
        """Let this version be installed and in use, with changes to its record."""
        record = Record(
            version=version,
            source="wheel",
            detail="x",
            asset=HOST.asset,
            sha256=hashlib.sha256(EXECUTABLE).hexdigest(),
            archive_sha256="b" * 64,
            pinned=True,
            installed_at="2026-11-22T18:00:00Z",
        )
        with self.layout.lock(), self.layout.incoming() as folder:
            (folder / "s5cmd").write_bytes(EXECUTABLE)
            (folder / "s5cmd").chmod(0o755)
            self.layout.publish(folder / "s5cmd", replace(record, **changes))
        self.layout.switch(version)

    def is_right(self, **changes: Any) -> bool:
        """Whether there is nothing to do for this request; without network anything else fails."""
        try:
            outcome = install(replace(self.request, **changes), self.tools())
        except NotInstalled:
            return False
        assert outcome.changed is False
        return True


def test_the_version_in_use_is_right(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.has()
    outcome = install(host.request, host.tools())
    assert (outcome.changed, outcome.version, outcome.previous_version) == (False, "2.3.0", "2.3.0")
    assert (outcome.source, outcome.pinned, outcome.ran, outcome.attempts) == ("wheel", True, True, [])
    assert outcome.before == outcome.after
    assert host.ran == 1


def test_a_version_that_reports_another_is_not_right(tmp_path: Path) -> None:
    host = Host(tmp_path, reported="v2.2.2-48f7e59")
    host.has()
    assert not host.is_right()


own = {"2.3.0": {HOST.asset: "c" * 64}}


@pytest.mark.parametrize(
    ("recorded", "asked", "right"),
    [
        # Where it came from does not matter as long as it is proven.
        ({"source": "wheel"}, {"sources": ("release",)}, True),
        ({"asset": "Linux-arm64"}, {}, False),
        # A release must be the archive that the pin is of.
        ({"source": "release", "archive_sha256": "c" * 64}, {"checksums": own}, True),
        ({"source": "release", "archive_sha256": "d" * 64}, {"checksums": own}, False),
        ({"source": "release", "archive_sha256": "c" * 64}, {}, False),
        # What was taken unpinned has to be wanted so again.
        ({"source": "release", "pinned": False}, {"allow_unpinned": True}, True),
        ({"source": "release", "pinned": False}, {}, False),
        ({"source": "go", "pinned": False}, {}, True),
        ({"source": "go", "pinned": False}, {"sources": ("release", "wheel")}, False),
        ({"source": "package", "pinned": False}, {"sources": ("release", "package")}, True),
        # A file of the user's own is one file.
        ({"source": "file"}, {"sources": ("file",), "url": "/x", "checksum": "b" * 64}, True),
        ({"source": "file"}, {"sources": ("file",), "url": "/x", "checksum": "c" * 64}, False),
        ({"source": "wheel"}, {"sources": ("file",), "url": "/x", "checksum": "c" * 64}, False),
        ({"source": "wheel"}, {"sources": ("file", "wheel"), "url": "/x", "checksum": "c" * 64}, True),
        ({"source": "file"}, {}, False),
    ],
)
def test_what_satisfies_a_request(tmp_path: Path, recorded: dict[str, Any], asked: dict[str, Any], right: bool) -> None:
    host = Host(tmp_path)
    host.has(**recorded)
    assert host.is_right(**asked) is right


def test_every_attempt_is_told_when_none_succeeds(tmp_path: Path) -> None:
    host = Host(tmp_path)
    with pytest.raises(NotInstalled) as caught:
        install(host.request, host.tools())
    attempts = caught.value.attempts
    assert [(attempt.source, attempt.ok) for attempt in attempts] == [
        ("release", False),
        ("wheel", False),
        ("go", False),
        ("package", False),
    ]
    for attempt in attempts:
        assert attempt.message
        assert f"{attempt.source}: {attempt.message}" in str(caught.value)
    assert "Network is unreachable" in attempts[0].message
    assert caught.value.exit_code == 1
    assert not host.request.versions_dir.exists()
    assert not host.request.bin_dir.exists()


def test_a_full_disk_stops_the_installation_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: Any) -> Any:
        raise OSError(28, "No space left on device")

    host = Host(tmp_path)
    monkeypatch.setattr(SOURCES["release"], "obtain", full)
    with pytest.raises(InstallationError) as caught:
        install(host.request, host.tools())
    assert str(caught.value).startswith(f"cannot write {host.request.versions_dir} (versions_dir): No space left")
    assert "free some space" in str(caught.value)
    assert not host.request.versions_dir.exists()


def test_a_failed_upgrade_leaves_the_version_in_use(tmp_path: Path) -> None:
    host = Host(tmp_path, "v2.2.2-48f7e59")
    host.has("2.2.2")
    with pytest.raises(NotInstalled):
        install(replace(host.request, keep=0), host.tools())
    assert host.layout.command_link().version == "2.2.2"
    assert host.layout.installed() == ["2.2.2"]


@pytest.mark.parametrize(("version", "known"), [("2.9.9", False), ("2.3.0", True)])
def test_a_version_without_any_pin_is_refused_at_once(tmp_path: Path, version: str, known: bool) -> None:
    host = Host(tmp_path)
    with pytest.raises(InstallationError if known else ConfigurationError) as caught:
        install(replace(host.request, version=version), host.tools())
    assert ("no checksum of s5cmd 2.9.9 is known to this collection" in str(caught.value)) is not known


def test_another_platform_is_not_run(tmp_path: Path) -> None:
    host = Host(tmp_path)
    aarch64 = EXECUTABLE[:18] + b"\xb7\x00" + EXECUTABLE[20:]
    (tmp_path / "file").write_bytes(aarch64)
    request = replace(
        host.request,
        platform=Platform("Linux", "aarch64", "Linux-arm64"),
        sources=("file",),
        url=str(tmp_path / "file"),
        checksum=hashlib.sha256(aarch64).hexdigest(),
    )
    outcome = install(request, host.tools())
    assert (outcome.changed, outcome.ran, outcome.pinned, host.ran) == (True, False, True, 0)
    assert outcome.result()["platform"] == {"system": "Linux", "machine": "aarch64", "asset": "Linux-arm64"}


# What the controller delivers


def delivered(tmp_path: Path, host: Host, content: bytes = EXECUTABLE, **changes: Any) -> InstallRequest:
    """A request with a file that was pushed to the host."""
    file = tmp_path / "pushed"
    file.write_bytes(content)
    parcel = {
        "path": str(file),
        "source": "file",
        "detail": "/srv/s5cmd",
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    options = {"sources": ["file"], "url": "/srv/s5cmd", "checksum": hashlib.sha256(EXECUTABLE).hexdigest()}
    folders = {"bin_dir": str(host.request.bin_dir), "versions_dir": str(host.request.versions_dir)}
    given = {"delivery": "controller", **options, **folders, "delivered": {**parcel, **changes}}
    return InstallRequest.from_options(given)


def test_a_host_that_lacks_it_says_so_and_fetches_nothing(tmp_path: Path) -> None:
    host = Host(tmp_path)
    request = replace(host.request, delivery="controller")
    for check_mode in (False, True):
        outcome = install(request, host.tools(), check_mode)
        assert (outcome.changed, outcome.result()["awaits_delivery"]) == (check_mode, True)
        assert (outcome.version, outcome.platform) == ("2.3.0", HOST)
    assert list(tmp_path.iterdir()) == []


def test_a_host_that_is_right_awaits_nothing(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.has()
    outcome = install(replace(host.request, delivery="controller"), host.tools())
    assert (outcome.changed, outcome.source) == (False, "wheel")
    assert "awaits_delivery" not in outcome.result()


def test_a_rollback_awaits_nothing(tmp_path: Path) -> None:
    host = Host(tmp_path, "v2.2.2-48f7e59")
    host.has("2.2.2")
    host.has("2.3.0")
    outcome = install(replace(host.request, version="2.2.2", delivery="controller"), host.tools())
    assert (outcome.changed, outcome.awaits_delivery, outcome.previous_version) == (True, False, "2.3.0")
    assert host.layout.command_link().version == "2.2.2"


def test_what_was_delivered_is_recorded_as_what_it_is(tmp_path: Path) -> None:
    host = Host(tmp_path)
    outcome = install(delivered(tmp_path, host), host.tools())
    assert (outcome.changed, outcome.source, outcome.pinned, outcome.ran) == (True, "file", True, True)
    assert [attempt._asdict() for attempt in outcome.attempts] == [
        {"source": "file", "ok": True, "detail": "/srv/s5cmd", "message": "installed"}
    ]
    record = host.layout.intact("2.3.0")
    assert record is not None
    assert (record.source, record.detail) == ("file", "/srv/s5cmd")


def test_what_was_delivered_is_proven_again(tmp_path: Path) -> None:
    """By the pin, not by what came with it."""
    host = Host(tmp_path)
    with pytest.raises(NotInstalled) as caught:
        install(delivered(tmp_path, host, EXECUTABLE + b"altered"), host.tools())
    assert "the delivered file of /srv/s5cmd has the SHA256" in str(caught.value)
    assert "is pinned: it was not used" in str(caught.value)
    assert "the controller sent it" in str(caught.value)
    assert not host.request.versions_dir.exists()


def test_a_release_that_nobody_vouches_for_is_what_the_controller_fetched(tmp_path: Path) -> None:
    host = Host(tmp_path, "v2.9.9-abc")
    content = EXECUTABLE
    request = replace(
        delivered(tmp_path, host, content, source="release"),
        version="2.9.9",
        sources=("release",),
        allow_unpinned=True,
    )
    outcome = install(request, host.tools())
    assert (outcome.version, outcome.source, outcome.pinned) == ("2.9.9", "release", False)
    (tmp_path / "pushed").write_bytes(content + b"cut or altered on its way")
    host.layout.executable("2.9.9").unlink()
    with pytest.raises(NotInstalled, match="is what the controller fetched: it was not used"):
        install(request, host.tools())
    with pytest.raises(ConfigurationError, match=r"no checksum of s5cmd 2\.9\.9 is known"):
        install(replace(request, allow_unpinned=False), host.tools())


def unknown_host() -> Platform:
    raise ConfigurationError("there is no s5cmd for this platform: found system 'Plan9', machine 'mips'")


def test_an_unknown_host_can_still_prepare_for_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installer, "detect", unknown_host)
    host = Host(tmp_path)
    with pytest.raises(ConfigurationError, match="Plan9"):
        install(host.request, host.tools())
    with pytest.raises(NotInstalled):
        install(replace(host.request, platform=HOST), host.tools())
    assert uninstall(host.request).platform is None


def test_results_can_be_written_as_json(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.has()
    result = install(host.request, host.tools()).result()
    assert json.loads(json.dumps(result)) == result
    assert set(result) == {
        "path",
        "changed",
        "version",
        "previous_version",
        "platform",
        "source",
        "sha256",
        "pinned",
        "ran",
        "attempts",
    }


def test_what_is_pruned(tmp_path: Path) -> None:
    def left(keep: int) -> tuple[str, ...]:
        assert install(replace(host.request, keep=keep), host.tools(), check_mode=True).changed is (keep < 2)
        install(replace(host.request, keep=keep), host.tools())
        return tuple(host.layout.installed())

    host = Host(tmp_path)
    for version in ("2.0.0", "2.2.2", "2.3.0"):
        host.has(version)
    assert left(2) == ("2.3.0", "2.2.2", "2.0.0")
    assert left(1) == ("2.3.0", "2.2.2")
    assert left(0) == ("2.3.0",)
