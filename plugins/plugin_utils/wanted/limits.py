# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What a run may take of its host, and whom systemd tells when it fails: the role's `uploader_service_*` variables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...module_utils.common.errors import ConfigurationError

IO_CLASSES = ("none", "realtime", "best-effort", "idle")
#: ionice(1) and ioprio_set(2) number them.
IO_CLASS_NUMBERS = {"realtime": 1, "best-effort": 2, "idle": 3}
NAMES = ("nice", "io_class", "cpu_quota", "memory_max", "memory_high", "on_failure")
#: Those that only systemd can do.
SYSTEMD_NAMES = ("cpu_quota", "memory_max", "memory_high", "on_failure")

_CPU_QUOTA = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,2})?%")
_MEMORY = re.compile(r"[0-9]{1,18}(?:\.[0-9]+)?[KMGT]?|(?:[0-9]|[1-9][0-9]|100)%|infinity")
_UNIT_NAME = re.compile(r"[A-Za-z0-9:_.@%\\-]+\.(?:service|target|path|timer|socket|automount|mount|slice)")


@dataclass(frozen=True)
class ServiceLimits:
    """By the names of systemd.exec(5) and systemd.resource-control(5); None and () leave systemd's defaults."""

    nice: int | None = None
    io_class: str | None = None
    cpu_quota: str | None = None
    memory_max: str | None = None
    memory_high: str | None = None
    on_failure: tuple[str, ...] = ()


def parse_limits(values: Mapping[str, Any], prefix: str = "") -> ServiceLimits:
    """Check what is given under NAMES; None and an empty text stand for nothing.

    `prefix` is put before the names in messages. Raises ConfigurationError that names the variable.
    """
    given = {name: values[name] for name in NAMES if values.get(name) not in (None, "", [])}
    return ServiceLimits(
        nice=_nice(given.get("nice"), f"{prefix}nice"),
        io_class=_io_class(given.get("io_class"), f"{prefix}io_class"),
        cpu_quota=_matching(given.get("cpu_quota"), f"{prefix}cpu_quota", _CPU_QUOTA, "150% for one and a half CPUs"),
        memory_max=_matching(given.get("memory_max"), f"{prefix}memory_max", _MEMORY, "2G, 512M or 25%"),
        memory_high=_matching(given.get("memory_high"), f"{prefix}memory_high", _MEMORY, "2G, 512M or 25%"),
        on_failure=_unit_names(given.get("on_failure"), f"{prefix}on_failure"),
    )


def _nice(value: Any, variable: str) -> int | None:
    if value is None:
        return None
    text = str(value).strip()
    if not re.fullmatch(r"[+-]?[0-9]{1,2}", text) or not -20 <= int(text) <= 19:
        raise ConfigurationError(
            f"{variable} {value!r} is no nice value", "write a whole number from -20 to 19; 10 gives way to others"
        )
    return int(text)


def _io_class(value: Any, variable: str) -> str | None:
    if value is not None and value not in IO_CLASSES:
        raise ConfigurationError(f"{variable} {value!r} is not known", f"one of {', '.join(IO_CLASSES)}")
    return None if value is None else str(value)


def _matching(value: Any, variable: str, pattern: re.Pattern[str], example: str) -> str | None:
    if value is None:
        return None
    text = str(value).strip()
    if isinstance(value, bool) or not pattern.fullmatch(text) or not text.strip("0.%KMGT"):
        raise ConfigurationError(f"{variable} {value!r} is not understood", f"write it as {example}")
    return text


def _unit_names(value: Any, variable: str) -> tuple[str, ...]:
    names = value.split() if isinstance(value, str) else value or []
    for name in names:
        if not isinstance(name, str) or not _UNIT_NAME.fullmatch(name):
            raise ConfigurationError(
                f"{variable} {name!r} is not the name of a unit", "write it as alert@%n.service, with its ending"
            )
    return tuple(str(name) for name in names)
