# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Runs the contenders of a group round by round, interleaved, each to a fresh place."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

from plugins.module_utils.benchmark.measure.data import Recipe
from tests.bench.contenders import Command, Place, Tools
from tests.bench.data import PREFIX
from tests.bench.measured import BenchError, Usage, measure


@dataclass(frozen=True)
class Contender:
    """A name and the command that it runs against a place. `objects` must be there afterwards, None: not looked at."""

    name: str
    command: Callable[[Place], Command]
    objects: int | None = None


@dataclass
class Group:
    """Contenders that are measured together."""

    name: str
    contenders: Sequence[Contender]
    #: The one place for all runs, where they change nothing; None: a fresh one for each.
    place: Place | None = None


class Places:
    """Makes buckets and removes them: a removed bucket gives its disk space back at once, removed objects do not."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._client: Any = tools.server.client()
        self._number = 0

    @property
    def server(self) -> int:
        """Process id of the server."""
        return self._tools.server.pid

    def new(self) -> Place:
        """A new bucket that has stored something already, as the first object in a bucket takes the server longer."""
        self._number += 1
        name = f"bench-{self._number:04}-{self._tools.server.pid}"
        self._client.create_bucket(Bucket=name)
        self._client.put_object(Bucket=name, Key="first", Body=b"1")
        directory = self._tools.work / name
        directory.mkdir()
        return Place(name, PREFIX, directory)

    def upload_with_crc64nvme(self, place: Place, folder: Path, recipe: Recipe) -> None:
        """Upload by boto3, which brings a CRC64NVME that the server then stores."""
        for relative, _size in recipe.paths():
            key = f"{place.prefix}/{relative}"
            extra = {"ChecksumAlgorithm": "CRC64NVME"}
            self._client.upload_file(str(folder / relative), place.bucket, key, ExtraArgs=extra)
            head = self._client.head_object(Bucket=place.bucket, Key=key, ChecksumMode="ENABLED")
            if not head.get("ChecksumCRC64NVME"):
                raise BenchError(f"{key}: the server stored no CRC64NVME")

    def count(self, place: Place) -> int:
        """How many objects are below the prefix."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=place.bucket, Prefix=f"{place.prefix}/")
        return sum(page.get("KeyCount", 0) for page in pages)

    def remove(self, place: Place) -> None:
        """Delete the bucket with all that is in it; the logs stay."""
        self._client.delete_bucket(Bucket=place.bucket)


def run(group: Group, rounds: int, places: Places, say: Callable[[str], None]) -> dict[str, list[Usage]]:
    """The usages of each contender, one for each round. Raises BenchError when one did not do its work."""
    usages: dict[str, list[Usage]] = {contender.name: [] for contender in group.contenders}
    for number in range(rounds):
        for name, taken in one_round(group, number, rounds, places, say).items():
            usages[name] += taken
    return usages


def one_round(
    group: Group, number: int, rounds: int, places: Places, say: Callable[[str], None]
) -> dict[str, list[Usage]]:
    """Each contender once, in an order that differs from round to round. `number` counts from 0."""
    usages: dict[str, list[Usage]] = {}
    start = number % len(group.contenders)
    for contender in [*group.contenders[start:], *group.contenders[:start]]:
        usage = _run_once(contender, group.place, places)
        usages[contender.name] = [usage]
        say(
            f"{group.name}, round {number + 1} of {rounds}: {contender.name}: {usage.wall_seconds:.2f} s, "
            f"CPU {usage.cpu_seconds:.2f} s, server {usage.server_seconds:.2f} s, load {os.getloadavg()[0]:.1f}"
        )
    return usages


def _run_once(contender: Contender, shared: Place | None, places: Places) -> Usage:
    place = shared or places.new()
    try:
        command = contender.command(place)
        # What earlier runs wrote must not be written to the disk in this one's time.
        os.sync()
        log = place.directory / f"{contender.name.replace(' ', '-').replace('/', '-')}.log"
        usage = measure(command.arguments, command.environment, log, stdin=command.stdin, server=places.server)
        require_no_warning(log)
        if contender.objects is not None:
            require_stored(contender.name, places.count(place), contender.objects)
    finally:
        if shared is None:
            places.remove(place)
    return usage


def require_no_warning(log: Path) -> None:
    """Raise BenchError if our program warned: then it did not do what is measured, such as trust its state file."""
    warnings = [line for line in log.read_text("utf-8", "replace").splitlines() if line.startswith("[WARN]")]
    if warnings:
        raise BenchError(f"{log}: {warnings[0]}")


def require_stored(contender: str, stored: int, expected: int) -> None:
    """Raise BenchError unless as many objects are stored as there are files."""
    if stored != expected:
        raise BenchError(f"{contender}: {stored} objects are stored, not {expected}")
