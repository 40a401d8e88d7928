# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Sizes, durations, counts and truth values as people write them, and sizes and times as people read them.

Every `parse_*` function takes the value and the `name` of the variable or option it came from, and raises
ConfigurationError with that name. None of these values is secret, so the message shows what was written.
"""

from __future__ import annotations

import re
from datetime import datetime

from .errors import ConfigurationError

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB
TIB = 1024 * GIB

#: As in the AWS CLI, KB, MB, GB and TB are powers of 1024:
#: https://docs.aws.amazon.com/cli/latest/topic/s3-config.html
_SIZE_UNITS = {"": 1, "B": 1, "K": KIB, "M": MIB, "G": GIB, "T": TIB}
_SIZE = re.compile(r"([0-9]{1,18})[ \t]*(?:(B)|([KMGT])(?:i?B)?)?", re.IGNORECASE)
_DURATION_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"([0-9]{1,12})[ \t]*([smhd]?)", re.IGNORECASE)
_COUNT = re.compile(r"[0-9]{1,12}")
#: Bits as the AWS CLI writes them (`b`, by 1024, like its bytes), and as lines are sold (`bit`, by 1000). The case of
#: `b` and `B` decides, because it is all that tells bits from bytes.
_BIT_RATE_UNITS: dict[str, int] = {
    **{f"{unit}b": 1024**power for power, unit in enumerate("KMG", start=1)},
    **{f"{unit}bit": 1000**power for power, unit in enumerate("kMG", start=1)},
    "Kbit": 1000,
}
_BIT_RATE = re.compile(r"([0-9]{1,18})[ \t]*([KkMG]b(?:it)?)/s")
_RATE = re.compile(rf"({_SIZE.pattern})(?:/s)?", re.IGNORECASE)
_TRUTH = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}


def parse_size(value: str | int, name: str) -> int:
    """Bytes of `64MB`, `64MiB`, `64M` (all 64 * 1024 * 1024) or of a plain number of bytes."""
    match = _SIZE.fullmatch(str(value).strip())
    if match is None:
        raise ConfigurationError(
            f"{name} {str(value)!r} is not a size", "write a whole number and a unit, such as 64MiB"
        )
    number, byte, unit = match.groups()
    return int(number) * _SIZE_UNITS[(unit or byte or "").upper()]


def parse_rate(value: str | int, name: str) -> int:
    """Bytes per second of `50MB/s` (50 * 1024 * 1024, as in the AWS CLI), `400Mbit/s` (50,000,000) or of a number.

    The AWS CLI's `max_bandwidth` has the same meaning here: https://docs.aws.amazon.com/cli/latest/topic/s3-config.html
    """
    text = str(value).strip()
    bits = _BIT_RATE.fullmatch(text)
    if bits and bits[2] in _BIT_RATE_UNITS:
        return int(bits[1]) * _BIT_RATE_UNITS[bits[2]] // 8
    match = _RATE.fullmatch(text)
    # A small b means bits to some, and bytes to those in a hurry.
    if match is None or "b" in text:
        raise ConfigurationError(
            f"{name} {text!r} is not a rate", "write bytes as 50MB/s, bits as 400Mbit/s, or bytes per second"
        )
    return parse_size(match[1], name)


def parse_duration(value: str | int, name: str) -> int:
    """Seconds of `90`, `90s`, `15m`, `2h` or `1d`."""
    match = _DURATION.fullmatch(str(value).strip())
    if match is None:
        raise ConfigurationError(
            f"{name} {str(value)!r} is not a duration", "write seconds, or a whole number and s, m, h or d, such as 15m"
        )
    number, unit = match.groups()
    return int(number) * _DURATION_UNITS[unit.lower()]


def parse_count(value: str | int, name: str, minimum: int = 0) -> int:
    """A whole number that is not below `minimum`."""
    text = str(value).strip()
    if not _COUNT.fullmatch(text) or int(text) < minimum:
        raise ConfigurationError(f"{name} {text!r} is not a whole number from {minimum} up", "write for example 16")
    return int(text)


def parse_bool(value: str | bool, name: str) -> bool:
    """True of `true yes on 1`, False of `false no off 0`, in any case."""
    text = str(value).strip().lower()
    if text not in _TRUTH:
        raise ConfigurationError(f"{name} {str(value)!r} is neither true nor false", "write true or false")
    return _TRUTH[text]


def format_size(size: int) -> str:
    """`size` bytes as `du -h --apparent-size` prints them: `812`, `4.0K`, `1.5M`, `12G`, always rounded up.

    The result JSON's `source_size` has this form because the sites' status scripts show it.
    """
    for power, unit in enumerate(("", "K", "M", "G", "T", "P", "E")):
        scale = KIB**power
        if power and (tenths := -(-size * 10 // scale)) < 100:
            return f"{tenths // 10}.{tenths % 10}{unit}"
        if (whole := -(-size // scale)) < 1024:
            return f"{whole}{unit}"
    return f"{whole}{unit}"


def format_bytes_si(size: float) -> str:
    """`size` bytes for people, in powers of 1000: `812 B`, `4.1 kB`, `1.2 GB`."""
    if round(size) < 1000:
        return f"{round(size)} B"
    units = ("kB", "MB", "GB", "TB", "PB", "EB")
    power = next((n for n in range(1, len(units)) if round(size / 1000**n, 1) < 1000), len(units))
    return f"{size / 1000**power:.1f} {units[power - 1]}"


def counted(number: int, noun: str) -> str:
    """`1 file`, `2 files`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def timestamp(moment: float) -> str:
    """Local time with offset in ISO 8601, to the second."""
    return datetime.fromtimestamp(moment).astimezone().isoformat(timespec="seconds")
