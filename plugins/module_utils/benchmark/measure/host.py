# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What this machine is: what a measurement depends on, and what must be told beside its figures."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from ...common import commands
from ...common.commands import CommandError

_CPU_ON_MACOS = ("/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string")
#: Seconds for an answer that takes milliseconds.
_TIMEOUT = 10


@dataclass(frozen=True)
class HostFacts:
    """The machine. `cores` are those that this process may use; `memory_bytes` is what limits it, 0 if unknown."""

    name: str
    system: str
    kernel: str
    cpu: str
    cores: int
    memory_bytes: int
    python: str

    def as_dict(self) -> dict[str, Any]:
        """In the form of results."""
        return asdict(self)


def host_facts() -> HostFacts:
    """Ask the system; costs a few file reads, on macOS one process."""
    return HostFacts(
        name=platform.node(),
        system=_system(),
        kernel=f"{platform.system()} {platform.release()}",
        cpu=_cpu(),
        cores=_cores(),
        memory_bytes=_memory(),
        python=platform.python_version(),
    )


def _system() -> str:
    """The distribution, os-release(5), or the release of macOS."""
    if platform.system() == "Darwin":
        return f"macOS {platform.mac_ver()[0]}"
    for line in _lines("/etc/os-release"):
        if line.startswith("PRETTY_NAME="):
            return line.partition("=")[2].strip("\"'")
    return platform.system()


def _cpu() -> str:
    if platform.system() == "Darwin":
        with suppress(CommandError):
            return commands.run(_CPU_ON_MACOS, _TIMEOUT).stdout.strip() or platform.machine()
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    # Arm's cpuinfo has no name.
    return names[0] if names else platform.processor() or platform.machine()


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory() -> int:
    """Physical memory, or the limit of the control group where that is less, as in a container."""
    try:
        physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return 0
    limits = [line for line in _lines("/sys/fs/cgroup/memory.max") if line.isdecimal()]
    return min(physical, *map(int, limits)) if limits else physical


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().splitlines()
    except OSError:
        return []
