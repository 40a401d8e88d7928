# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The groups on loopback: what is prepared, who competes, what is concluded, and the limits."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

from dev.seaweedfs import SeaweedFS
from plugins.module_utils.benchmark.measure.data import Recipe
from tests.bench import data, rounds, table
from tests.bench.contenders import Command, Place, Server, Tools
from tests.bench.measured import Usage, measure
from tests.bench.rounds import Contender, Places
from tests.bench.sink import Sink
from tests.bench.table import Finding

OURS = "datasync-turbo"
S5CMD = "s5cmd sync"
S5CMD_RUN = "s5cmd run"
RCLONE = "rclone copy"
RCLONE_32 = "rclone copy --transfers 32"
AWS = "aws s3 sync"
CAT = "cat FILE… >/dev/null"

#: What the project promises: at most this part of the peer's time, at most so many MB of our own memory.
SMALL_AGAINST = {S5CMD: 0.95, RCLONE_32: 1.25, AWS: 0.40}
BEST_OF_ALL = 1.0
LARGE_BY_ETAG, LARGE_BY_CRC64NVME = 1.15, 1.03
UNCHANGED = 0.15
AUDIT = 1.5
MEMORY_10_000 = 120


@dataclass
class Outcome:
    """What a group gave: the runs of each contender, the findings, and what must be known to read them."""

    runs: dict[str, list[Usage]]
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Data:
    """A folder to upload: made, in the page cache, and described for the sink."""

    recipe: Recipe
    folder: Path
    table: Path


@dataclass
class At:
    """Contenders at one server."""

    tools: Tools
    places: Places

    def uploaders(self, files: Data, *rclone_flags: str) -> list[Contender]:
        """The four that upload a folder. Each must have stored every file."""
        tools, folder, objects = self.tools, files.folder, files.recipe.files
        rclone = " ".join([RCLONE, *rclone_flags])
        return [
            Contender(OURS, lambda place: tools.ours(folder, place), objects),
            Contender(S5CMD, lambda place: tools.s5cmd_sync(folder, place), objects),
            Contender(rclone, lambda place: tools.rclone_copy(folder, place, *rclone_flags), objects),
            Contender(AWS, lambda place: tools.aws_sync(folder, place), objects),
        ]


@dataclass
class Session:
    """What the groups share. `rounds` are those of the group that runs."""

    work: Path
    data: Path
    rounds: int
    say: Callable[[str], None]
    server_memory: Mapping[str, str]

    def folder(self, name: str) -> Path:
        """The recipe's folder, made and in the page cache."""
        recipe = data.RECIPES[name]
        self.say(f"{name}: {recipe.files} files, {recipe.total_bytes / 1e6:.0f} MB")
        prepared = data.prepare(recipe, self.data)
        data.warm(prepared)
        return Path(prepared.folder)

    def files(self, name: str) -> Data:
        """The same with the checksums of every file."""
        recipe = data.RECIPES[name]
        prepared = data.prepare(recipe, self.data)
        known = data.table(prepared, recipe)
        return Data(recipe, self.folder(name), known)

    @contextmanager
    def seaweedfs(self) -> Iterator[At]:
        """A SeaweedFS of a group's own, of which nothing stays."""
        directory = self.work / "server"
        with SeaweedFS(directory, memory_limits=dict(self.server_memory)) as server:
            yield self.at(server)
        shutil.rmtree(directory, ignore_errors=True)

    @contextmanager
    def sink(self, files: Data) -> Iterator[At]:
        """A sink that knows the checksums of these files."""
        with Sink(files.table) as server:
            yield self.at(server)

    def at(self, server: Server) -> At:
        """The programs, at a running server."""
        tools = Tools(server, self.work)
        return At(tools, Places(tools))

    def compete(
        self, name: str, at: At, contenders: list[Contender], shared: Place | None = None
    ) -> dict[str, list[Usage]]:
        """Run the rounds of a group."""
        return rounds.run(rounds.Group(name, contenders, shared), self.rounds, at.places, self.say)

    def one_round(self, name: str, at: At, contenders: list[Contender], number: int) -> dict[str, list[Usage]]:
        """One of the rounds; `number` from 0 says who begins."""
        return rounds.one_round(rounds.Group(name, contenders), number, self.rounds, at.places, self.say)

    def once(self, command: Command, log: Path, server: int | None = None) -> Usage:
        """Run our program outside of the rounds."""
        usage = measure(command.arguments, command.environment, log, server=server)
        rounds.require_no_warning(log)
        return usage


def small(session: Session) -> Outcome:
    """Verified upload of 10,000 files of 16 KiB to SeaweedFS."""
    files = session.files("small")
    with session.seaweedfs() as at:
        runs = session.compete("small", at, at.uploaders(files, "--transfers", "32"))
    name = "10,000 × 16 KiB to SeaweedFS"
    findings = [
        table.ratio(f"{name}, against {peer}", runs, OURS, peer, limit) for peer, limit in SMALL_AGAINST.items()
    ]
    findings.append(table.memory(f"{name}: peak memory of our own process", runs, OURS, MEMORY_10_000))
    return Outcome(runs, findings)


def small_sink(session: Session) -> Outcome:
    """The same to the sink, beside s5cmd alone."""
    files = session.files("small")
    with session.sink(files) as at:
        floor = Contender(S5CMD_RUN, lambda place: at.tools.s5cmd_run(files.folder, place), files.recipe.files)
        runs = session.compete("small-sink", at, [*at.uploaders(files), floor])
    name = "10,000 × 16 KiB to the sink"
    findings = [
        table.ratio(f"{name}, against {peer}", runs, OURS, peer, BEST_OF_ALL)
        for peer in (S5CMD, RCLONE, AWS, S5CMD_RUN)
    ]
    note = (
        "small-sink: s5cmd run is the floor of what we do: our s5cmd with the same command lines, and nobody who plans "
        "and proves."
    )
    return Outcome(runs, findings, [note])


def _large(recipe: str) -> Callable[[Session], Outcome]:
    """Large files to SeaweedFS, which stores no checksum, so that they are proven by their ETags."""

    def group(session: Session) -> Outcome:
        files = session.files(recipe)
        data.require_space(session.work, 2 * files.recipe.total_bytes, "the server's copy of the files")
        with session.seaweedfs() as at:
            runs = session.compete(recipe, at, at.uploaders(files))
        return Outcome(runs, _against_all(f"{recipe} to SeaweedFS, by ETag", runs, LARGE_BY_ETAG))

    return group


def _large_sink(recipe: str) -> Callable[[Session], Outcome]:
    """The same to the sink, which has a stored CRC64NVME as Amazon S3 has."""

    def group(session: Session) -> Outcome:
        files = session.files(recipe)
        with session.sink(files) as at:
            runs = session.compete(f"{recipe}-sink", at, at.uploaders(files))
        return Outcome(runs, _against_all(f"{recipe} to the sink, by CRC64NVME", runs, LARGE_BY_CRC64NVME))

    return group


def _against_all(name: str, runs: dict[str, list[Usage]], limit: float) -> list[Finding]:
    return [table.ratio(f"{name}, against {peer}", runs, OURS, peer, limit) for peer in runs if peer != OURS]


def unchanged(session: Session) -> Outcome:
    """A run over a tree of 100,000 files of which every one is stored."""
    folder = session.folder("unchanged")
    with session.seaweedfs() as at:
        place, tools = at.places.new(), at.tools
        first = session.once(tools.ours(folder, place), place.directory / "first.log")
        session.say(f"unchanged: uploaded for the first time in {first.wall_seconds:.0f} s")
        stored = at.places.count(place)
        runs = session.compete(
            "unchanged",
            at,
            [
                Contender(OURS, lambda same: tools.ours(folder, same), stored),
                Contender(S5CMD, lambda same: tools.s5cmd_sync(folder, same), stored),
            ],
            place,
        )
    name = f"run over an unchanged tree of 100,000 files, against {S5CMD}"
    return Outcome(runs, [table.ratio(name, runs, OURS, S5CMD, UNCHANGED)])


def audit(session: Session) -> Outcome:
    """`datasync-turbo verify` of files in the page cache, whose objects have a stored CRC64NVME."""
    folder = session.folder("audit")
    recipe = data.RECIPES["audit"]
    data.require_space(session.work, recipe.total_bytes, "the server's copy of the audited files")
    names = [str(folder / relative) for relative, _size in recipe.paths()]
    with session.seaweedfs() as at:
        place, tools = at.places.new(), at.tools
        at.places.upload_with_crc64nvme(place, folder, recipe)
        # The server's copy may have driven them out of the page cache.
        session.folder("audit")
        cat = Command(["sh", "-c", 'cat "$@" >/dev/null', "cat", *names], tools.environment)
        runs = session.compete(
            "audit",
            at,
            [
                Contender(OURS, lambda same: tools.ours(folder, same, verb="verify")),
                Contender(CAT, lambda same: cat),
            ],
            place,
        )
    name = f"audit by CRC64NVME of {recipe.total_bytes / 1e9:.0f} GB in the page cache, against {CAT}"
    return Outcome(runs, [table.ratio(name, runs, OURS, CAT, AUDIT)])


@dataclass(frozen=True)
class Measured:
    """A group of the benchmark and the rounds that it has by default: fewer where one takes minutes."""

    run: Callable[[Session], Outcome]
    rounds: int = 5


LOOPBACK_GROUPS: Mapping[str, Measured] = {
    "small": Measured(small),
    "small-sink": Measured(small_sink),
    "mix": Measured(_large("mix"), rounds=3),
    "mix-sink": Measured(_large_sink("mix")),
    "single": Measured(_large("single")),
    "single-sink": Measured(_large_sink("single")),
    "unchanged": Measured(unchanged),
    "audit": Measured(audit),
}
