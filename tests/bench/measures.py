# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The measures, group by group: what is prepared, who competes, what is concluded, and the limits."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Mapping

from dev.ansible_environment import CHECKOUT
from tests.bench import data, rounds, table
from tests.bench.contenders import Command, Place, Tools
from tests.bench.measured import Usage, measure
from tests.bench.rounds import PREFIX, Contender, Places
from tests.bench.table import Finding

OURS = "datasync-turbo"
S5CMD = "s5cmd sync"
RCLONE = "rclone copy --transfers 32"
AWS = "aws s3 sync"
CAT = "cat FILE… >/dev/null"

#: What issue and documentation promise: at most this part of the peer's time, at most so many MB of our own memory.
SMALL_AGAINST = {S5CMD: 0.95, RCLONE: 1.25, AWS: 0.40}
LARGE_BY_ETAG, LARGE_BY_CRC64NVME = 1.15, 1.03
UNCHANGED = 0.15
AUDIT = 1.5
MEMORY_10_000, MEMORY_1_000_000 = 120, 400


@dataclass
class Outcome:
    """What a group gave: the runs of each contender, the findings, and what must be known to read them."""

    runs: Dict[str, List[Usage]]
    findings: List[Finding]
    notes: List[str]


@dataclass
class Session:
    """What the groups share."""

    tools: Tools
    places: Places
    data: Path
    rounds: int
    say: Callable[[str], None]

    def folder(self, name: str) -> Path:
        """The recipe's folder, made and in the page cache."""
        recipe = data.RECIPES[name]
        self.say(f"{name}: {recipe.files} files, {recipe.total_bytes / 1e6:.0f} MB")
        folder = data.folder_for(recipe, self.data)
        data.warm(recipe, folder)
        return folder

    def compete(self, name: str, contenders: List[Contender], shared: Place | None = None) -> Dict[str, List[Usage]]:
        """Run the rounds of a group."""
        return rounds.run(rounds.Group(name, contenders, shared), self.rounds, self.places, self.say)

    def once(self, command: Command, log: Path) -> Usage:
        """Run our program outside of the rounds."""
        usage = measure(command.arguments, command.environment, log)
        rounds.require_no_warning(log)
        return usage


def small(session: Session) -> Outcome:
    """Verified upload of 10,000 files of 16 KiB."""
    folder, tools = session.folder("small"), session.tools
    objects = data.RECIPES["small"].files
    runs = session.compete(
        "small",
        [
            Contender(OURS, lambda place: tools.ours(folder, place), objects),
            Contender(S5CMD, lambda place: tools.s5cmd_sync(folder, place), objects),
            Contender(RCLONE, lambda place: tools.rclone_copy(folder, place), objects),
            Contender(AWS, lambda place: tools.aws_sync(folder, place), objects),
        ],
    )
    measure_name = "verified upload, 10,000 × 16 KiB"
    findings = [
        table.ratio(f"{measure_name}, against {peer}", runs, OURS, peer, limit) for peer, limit in SMALL_AGAINST.items()
    ]
    findings.append(table.memory("peak memory of our own process, 10,000 files", runs, OURS, MEMORY_10_000))
    return Outcome(runs, findings, [])


def large(session: Session) -> Outcome:
    """Verified upload of large files, proven by the ETag and by a stored CRC64NVME."""
    folder, tools = session.folder("large"), session.tools
    recipe = data.RECIPES["large"]
    data.require_space(tools.work, 2 * recipe.total_bytes, "the server's copy of the large files")
    known = {relative: data.crc64nvme(folder / relative) for relative, _size in recipe.paths()}
    by_crc = f"{OURS}, CRC64NVME injected"
    runs = session.compete(
        "large",
        [
            Contender(OURS, lambda place: tools.ours(folder, place), recipe.files),
            Contender(by_crc, lambda place: tools.ours_with_stored_crc64nvme(folder, place, known), recipe.files),
            Contender(S5CMD, lambda place: tools.s5cmd_sync(folder, place), recipe.files),
        ],
    )
    name = f"verified upload, {recipe.total_bytes / 1e9:.1f} GB of 100–600 MB files"
    findings = [
        table.ratio(f"{name}, by ETag, against {S5CMD}", runs, OURS, S5CMD, LARGE_BY_ETAG),
        table.ratio(f"{name}, by CRC64NVME (injected), against {S5CMD}", runs, by_crc, S5CMD, LARGE_BY_CRC64NVME),
    ]
    note = (
        "injected: SeaweedFS stores no CRC64NVME for uploads that bring none, Amazon S3 does; the stored value was "
        "computed before the timed part and put into the server's answer. All else is as it is."
    )
    return Outcome(runs, findings, [note])


def unchanged(session: Session) -> Outcome:
    """A run over a tree of 100,000 files of which every one is stored."""
    folder, tools = session.folder("unchanged"), session.tools
    place = session.places.new()
    try:
        first = session.once(tools.ours(folder, place), place.directory / "first.log")
        session.say(f"unchanged: uploaded for the first time in {first.wall_seconds:.0f} s")
        stored = session.places.count(place)
        runs = session.compete(
            "unchanged",
            [
                Contender(OURS, lambda same: tools.ours(folder, same), stored),
                Contender(S5CMD, lambda same: tools.s5cmd_sync(folder, same), stored),
            ],
            place,
        )
    finally:
        session.places.remove(place)
    name = f"run over an unchanged tree of 100,000 files, against {S5CMD}"
    return Outcome(runs, [table.ratio(name, runs, OURS, S5CMD, UNCHANGED)], [])


def audit(session: Session) -> Outcome:
    """`datasync-turbo verify` of files in the page cache, whose objects have a stored CRC64NVME."""
    folder, tools = session.folder("audit"), session.tools
    recipe = data.RECIPES["audit"]
    data.require_space(tools.work, recipe.total_bytes, "the server's copy of the audited files")
    files = [str(folder / relative) for relative, _size in recipe.paths()]
    place = session.places.new()
    try:
        session.places.upload_with_crc64nvme(place, folder, recipe)
        # The server's copy may have driven them out of the page cache.
        data.warm(recipe, folder)
        runs = session.compete(
            "audit",
            [
                Contender(OURS, lambda same: tools.ours(folder, same, verb="verify")),
                Contender(
                    CAT, lambda same: Command(["sh", "-c", 'cat "$@" >/dev/null', "cat", *files], tools.environment)
                ),
            ],
            place,
        )
    finally:
        session.places.remove(place)
    name = f"audit by CRC64NVME of {recipe.total_bytes / 1e9:.0f} GB in the page cache, against {CAT}"
    return Outcome(runs, [table.ratio(name, runs, OURS, CAT, AUDIT)], [])


def million(session: Session) -> Outcome:
    """Memory of plans over a million files; a listing server stands for the bucket."""
    folder, tools = session.folder("million"), session.tools
    runs: Dict[str, List[Usage]] = {}
    plan, first, again = "plan, nothing stored", "sync, all stored, state empty", "sync, state filled"
    for _round in range(session.rounds):
        directory = tools.work / f"million-{time.monotonic_ns()}"
        directory.mkdir()
        place = Place("million", PREFIX, directory)
        for fill, steps in (("empty", [(plan, "plan")]), ("full", [(first, "sync"), (again, "sync")])):
            with _listing_server(fill, place, tools.environment) as url:
                for name, verb in steps:
                    command = tools.ours(folder, place, verb=verb, S3_ENDPOINT_URL=url)
                    usage = session.once(command, directory / f"{name}.log")
                    session.say(f"million: {name}: {usage.wall_seconds:.0f} s, {usage.own_mb or 0:.0f} MB")
                    runs.setdefault(name, []).append(usage)
    findings = [
        table.memory(f"peak memory of our own process, 1,000,000 files: {name}", runs, name, MEMORY_1_000_000)
        for name in runs
    ]
    note = "million: the bucket is a listing server of the benchmark's own; no object is stored (listing_server.py)."
    return Outcome(runs, findings, [note])


@contextmanager
def _listing_server(fill: str, place: Place, environment: Mapping[str, str]) -> Iterator[str]:
    # In the future, so that no file can have changed after its object was stored.
    modified = time.time() + 86_400
    command = [sys.executable, "-m", "tests.bench.listing_server", "million", place.bucket, place.prefix, fill]
    process = subprocess.Popen(
        [*command, str(modified)], cwd=CHECKOUT, env=dict(environment), stdout=subprocess.PIPE, text=True
    )
    try:
        if process.stdout is None:
            raise RuntimeError("no pipe")
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()


GROUPS: Mapping[str, Callable[[Session], Outcome]] = {
    "small": small,
    "large": large,
    "unchanged": unchanged,
    "audit": audit,
    "million": million,
}
#: Takes long and a million inodes, so it must be asked for.
ON_DEMAND = ("million",)
