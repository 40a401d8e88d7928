# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What can be known of good settings without measuring, and so which settings are worth a measurement.

`docs/tuning.md` explains the rules to operators.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..common.units import MIB, TIB
from ..s3.limits import MAX_PARTS
from .classes import DEFAULTS, LARGE, LARGE_LIMIT, MEDIUM, MEDIUM_LIMIT, SINGLE, SMALL, SMALL_LIMIT, Settings

#: Part of the memory that the parts in flight may take. s5cmd reads each part up to three times (its digests, then the
#: body), and the proof reads the file once more: all that should come from the page cache.
MEMORY_SHARE = 0.25
#: Seconds of a core that s5cmd takes for a request: 8 to 10 s were measured for 10,000 small files.
REQUEST_SECONDS = 0.001
#: Connections that one core can keep busy: more would wait for the core and not for the server, unless a request takes
#: longer than a tenth of a second.
CONNECTIONS_PER_CORE = 128
#: Bytes per second of one connection to Amazon S3:
#: https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance-design-patterns.html
CONNECTION_SPEED = 85_000_000
#: Bytes that one connection can have under way: the limit of Linux, net.ipv4.tcp_wmem, is 4 MiB with what the kernel
#: needs itself. https://docs.kernel.org/networking/ip-sysctl.html
CONNECTION_WINDOW = 2 * MIB
#: Bytes of the small files that the rule of the line thinks of. Each is one request and waits for its answer.
SMALL_REQUEST = 64 * 1024
#: Connections of all single files in flight together: those that the defaults have.
SINGLE_CONNECTIONS = DEFAULTS.numworkers * DEFAULTS.concurrency

#: Bytes of the largest file of a class; single files have no limit of ours.
_LARGEST = {SMALL: SMALL_LIMIT, MEDIUM: MEDIUM_LIMIT, LARGE: LARGE_LIMIT, SINGLE: 5 * TIB}

#: Seconds that a trial should take where the link is the limit: much shorter ones measure the start of the program.
SAMPLE_SECONDS = 3.0
#: Mbit/s of a link whose speed nobody knows.
_ASSUMED_MBPS = 1000.0


@dataclass(frozen=True)
class Facts:
    """What the rules look at: cores, bytes of memory (0: unknown), Mbit/s of the link, seconds there and back."""

    cores: int
    memory_bytes: int = 0
    link_mbps: float | None = None
    round_trip: float | None = None

    @property
    def bandwidth_delay(self) -> float:
        """Bytes under way when the link is full; 0 if it is not known."""
        if self.link_mbps is None or self.round_trip is None:
            return 0.0
        return self.link_mbps * 1e6 / 8 * self.round_trip


@dataclass(frozen=True)
class Sample:
    """What is sent in a trial: `count` files of `size` bytes."""

    size: int
    count: int

    @property
    def total_bytes(self) -> int:
        """Bytes of all files together."""
        return self.size * self.count


def sample(file_class: str, facts: Facts, most: float = math.inf) -> Sample:
    """Files that stand for their class, so many that a trial takes some seconds on this link.

    They have about `most` bytes at the most, so that a budget allows enough trials, but as many as a class needs.
    """
    wanted = min((facts.link_mbps or _ASSUMED_MBPS) * 1e6 / 8 * SAMPLE_SECONDS, most)
    if file_class == SMALL:
        return Sample(16 * 1024, 3000)
    if file_class == MEDIUM:
        return Sample(16_000_000, _within(wanted / 16_000_000, 8, 128))
    if file_class == LARGE:
        # More files of the least size first: it takes some to tell numbers of workers apart.
        count = _within(wanted / 70_000_000, 2, 16)
        return Sample(_within(wanted / count, 70_000_000, 500_000_000), count)
    return Sample(_within(wanted, 140_000_000, 4_000_000_000), 1)


def candidates(file_class: str, facts: Facts) -> list[Settings]:
    """Settings that are worth a trial: the defaults first, whatever the rules say of them, then by connections."""
    fit = [settings for settings in _GRIDS[file_class] if not objections(file_class, settings, facts)]
    others = sorted(fit, key=lambda settings: (connections(file_class, settings), settings))
    return [DEFAULTS, *(settings for settings in others if settings != DEFAULTS)]


def objections(file_class: str, settings: Settings, facts: Facts) -> list[str]:
    """What the rules say against settings, for people."""
    answers = (rule(file_class, settings, facts) for rule in (_memory, _parts, _cores, _line))
    return [objection for objection in answers if objection]


def connections(file_class: str, settings: Settings) -> int:
    """Connections that these settings use for files of the class."""
    return settings.numworkers * _parts_at_once(file_class, settings)


def _parts_at_once(file_class: str, settings: Settings) -> int:
    """Parts of one file in flight: a file of one part is one request."""
    return min(settings.concurrency, max(1, -(-_LARGEST[file_class] // settings.part_size)))


# --- the rules: each gives its objection, '' if it has none


def _memory(file_class: str, settings: Settings, facts: Facts) -> str:
    of_a_file = min(_LARGEST[file_class], _parts_at_once(file_class, settings) * settings.part_size)
    in_flight = settings.numworkers * of_a_file
    if not facts.memory_bytes or in_flight <= facts.memory_bytes * MEMORY_SHARE:
        return ""
    return f"{in_flight // MIB} MiB in flight are more than a quarter of {facts.memory_bytes // MIB} MiB of memory"


def _parts(file_class: str, settings: Settings, _facts: Facts) -> str:
    """S3 takes 10,000 parts. For larger files the pipeline itself takes larger parts, so LARGE is what counts here."""
    largest = min(_LARGEST[file_class], LARGE_LIMIT)
    if largest > MAX_PARTS * settings.part_size:
        return f"a file of {largest} bytes would have more than {MAX_PARTS} parts"
    return ""


def _cores(file_class: str, settings: Settings, facts: Facts) -> str:
    used = connections(file_class, settings)
    most = facts.cores * CONNECTIONS_PER_CORE
    return f"{used} connections are more than {facts.cores} cores keep busy ({most})" if used > most else ""


def _line(file_class: str, settings: Settings, facts: Facts) -> str:
    """Too few connections cannot fill the link, whatever else is done."""
    # A single file has the line to itself.
    one = settings._replace(numworkers=1) if file_class == SINGLE else settings
    needed, used = _needed(file_class, facts), connections(file_class, one)
    if used >= needed:
        return ""
    return f"{used} connections cannot fill {facts.link_mbps:.0f} Mbit/s here: {needed} are needed"


def _needed(file_class: str, facts: Facts) -> int:
    """Connections that it takes to fill the link, as far as one can say; never more than the cores can keep busy."""
    if facts.link_mbps is None:
        return 1
    if file_class == SMALL:
        # The cores are the limit more often than the link is. Half, because the files of a site may be larger.
        busy = facts.cores * (facts.round_trip or 0.0) / REQUEST_SECONDS
        needed = min(facts.bandwidth_delay / SMALL_REQUEST, busy) / 2
    else:
        needed = max(facts.bandwidth_delay / CONNECTION_WINDOW, facts.link_mbps * 1e6 / 8 / CONNECTION_SPEED)
    return _within(needed, 1, min(facts.cores * CONNECTIONS_PER_CORE, _most_connections(file_class)))


def _most_connections(file_class: str) -> int:
    """What the largest settings of the grid have."""
    return max(connections(file_class, settings) for settings in _GRIDS[file_class])


# --- what is tried


def _within(value: float, least: int, most: int) -> int:
    return min(max(round(value), least), max(least, most))


def _grid(workers: tuple[int, ...], concurrency: tuple[int, ...], mebibytes: tuple[int, ...]) -> list[Settings]:
    return [Settings(w, c, m * MIB) for w in workers for c in concurrency for m in mebibytes]


def _single_grid() -> list[Settings]:
    """As many files as keep to the usual number of connections, so that many files are not slower than one shows."""
    return [
        Settings(SINGLE_CONNECTIONS // parts, parts, mebibytes * MIB)
        for parts in (4, 8, 16, 32, 64)
        for mebibytes in (8, 16, 32, 64)
    ]


_GRIDS: dict[str, list[Settings]] = {
    # One request a file: neither parts nor their size matter.
    SMALL: [Settings(workers, DEFAULTS.concurrency, DEFAULTS.part_size) for workers in (2, 4, 8, 16, 32, 64, 128, 256)],
    # With the largest part size a file is one request.
    MEDIUM: _grid((4, 8, 16, 32, 64), (DEFAULTS.concurrency,), (8, 16, 64)),
    LARGE: _grid((2, 4, 8, 16), (2, 4, 8, 16), (8, 16, 32, 64)),
    SINGLE: _single_grid(),
}
