# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The group growth: time and memory with more and more files of which none has changed, and with larger ones.

The server is the sink: to store a million objects, or 64 GB, would take an hour and say no more about our side.
"""

from __future__ import annotations

import time
from pathlib import Path

from tests.bench import data, rounds, table
from tests.bench.contenders import Place
from tests.bench.data import GROWTH, PREFIX
from tests.bench.measured import Usage, measure
from tests.bench.measures import OURS, S5CMD, Measured, Outcome, Session
from tests.bench.sink import Known, Sink, Stored, write_table

MEMORY_1_000_000 = 400
BUCKET = "growth"
#: Bytes of the files that are sent, each alone.
SIZES = tuple(gigabytes * 10**9 for gigabytes in (1, 4, 16, 64))
#: Up to this size s5cmd alone sends them too; beyond that it only takes more minutes.
COMPARED = 16 * 10**9


def growth(session: Session) -> Outcome:
    """Both; what takes most memory of the machine comes last."""
    runs: dict[str, list[Usage]] = {}
    for _round in range(session.rounds):
        for count in GROWTH:
            _unchanged(session, count, runs)
        for size in SIZES:
            _one_file(session, size, runs)
    most = GROWTH[-1]
    findings = [
        table.memory(f"peak memory of our own process: {name}", runs, name, MEMORY_1_000_000)
        for name in runs
        if name.startswith(f"{most:,} ")
    ]
    note = (
        "growth: the server is the sink, which lists what is not stored anywhere. The files of 1 to 64 GB are sparse: "
        "the kernel fills their pages with zeros each time they are read, as a fast disk would."
    )
    return Outcome(runs, findings, [note])


def _unchanged(session: Session, count: int, runs: dict[str, list[Usage]]) -> None:
    recipe = data.RECIPES[f"files-{count}"]
    session.say(f"growth: {count:,} files")
    folder = Path(data.prepare(recipe, session.data).folder)
    known = data.table_of_names(recipe, session.work / "names.table")
    # In the future, so that no file can have changed after its object was stored.
    stored = Stored(BUCKET, int(time.time()) + 86_400)
    with Sink(known, stored=stored) as server:
        tools = session.at(server).tools
        place = _place(session, f"files-{count}-{server.pid}")
        steps = {
            "plan, all stored, state empty": "plan",
            "sync, all stored, state empty": "sync",
            "sync, state filled": "sync",
        }
        for name, verb in steps.items():
            usage = session.once(tools.ours(folder, place, verb=verb), place.directory / f"{verb}.log", server.pid)
            _note(session, f"{count:,} files: {name}", usage, runs)


def _one_file(session: Session, size: int, runs: dict[str, list[Usage]]) -> None:
    folder = session.work / "one-file"
    folder.mkdir(exist_ok=True)
    file = folder / "clip.mov"
    known = write_table(
        session.work / "one-file.table", [Known(f"{PREFIX}/{file.name}", size, "", crc64nvme_of_zeros(size))]
    )
    with Sink(known) as server:
        at = session.at(server)
        contenders = {OURS: at.tools.ours, S5CMD: at.tools.s5cmd_sync}
        for name, command in list(contenders.items())[: 2 if size <= COMPARED else 1]:
            # Anew, so that nobody finds the pages that the one before had the kernel fill.
            with file.open("wb") as opened:
                opened.truncate(size)
            place = at.places.new()
            started = command(folder, place)
            log = place.directory / "run.log"
            usage = measure(started.arguments, started.environment, log, server=server.pid)
            rounds.require_no_warning(log)
            rounds.require_stored(name, at.places.count(place), 1)
            at.places.remove(place)
            _note(session, f"one file of {size / 1e9:.0f} GB: {name}", usage, runs)
    file.unlink()


def _place(session: Session, name: str) -> Place:
    directory = session.work / name
    directory.mkdir()
    return Place(BUCKET, PREFIX, directory)


def _note(session: Session, name: str, usage: Usage, runs: dict[str, list[Usage]]) -> None:
    session.say(f"growth: {name}: {usage.wall_seconds:.2f} s, {usage.own_mb or 0:.0f} MB")
    runs.setdefault(name, []).append(usage)


def crc64nvme_of_zeros(size: int) -> str:
    """The checksum of so many zero bytes, in some 40 steps: twice as many each time."""
    from awscrt import checksums

    whole, length = checksums.crc64nvme(b""), 0
    for digit in f"{size:b}":
        whole, length = checksums.combine_crc64nvme(whole, whole, length), 2 * length
        if digit == "1":
            whole, length = checksums.combine_crc64nvme(whole, checksums.crc64nvme(b"\0"), 1), length + 1
    return data.in_s3_form(whole)


GROWTH_GROUPS = {"growth": Measured(growth, rounds=1)}
