# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The group bandwidth: how near to its limit an upload with `bandwidth_limit` comes, by the kernel's count of bytes.

The counter is that of the link between two network namespaces, over which nothing else goes; it counts headers, too.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import NamedTuple

from plugins.module_utils.benchmark.measure.data import Recipe
from tests.bench import data
from tests.bench.measured import BenchError, Usage
from tests.bench.measures import OURS, Data, Measured, Outcome, Session
from tests.bench.rounds import Contender
from tests.bench.shaped_link import FAR_ADDRESS, Shape, link, missing
from tests.bench.sink import Sink
from tests.bench.table import Finding

#: Mbit/s.
LIMITS = (50, 200, 1000)
#: So much faster than the limits that it is none.
LINK, DEVICE = Shape("10 Gbit/s", 10_000), "link0"
#: Seconds that an upload takes at its limit; the first and the last tenth of its bytes do not count.
SECONDS = 14
EDGE = 0.1
#: How far from the limit the median may be.
DEVIATION = 0.05
#: Seconds between looks at the counter.
LOOK = 0.02
FILES = 8
#: Files of this size are sent, too, at the lowest limit: connections and headers come and go.
SMALL = 65536


class Look(NamedTuple):
    """The time, and the bytes that the link had carried from us by then."""

    seconds: float
    sent: int


class Carried:
    """Looks at the link's counter as long as its block lasts."""

    def __init__(self) -> None:
        self._looks: list[Look] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Carried:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(LOOK):
            self._looks.append(Look(time.monotonic(), _sent_bytes()))

    @property
    def rate(self) -> float:
        """Bytes per second between the first and the last tenth of all bytes."""
        first, last = self._looks[0].sent, self._looks[-1].sent
        edge = (last - first) * EDGE
        inner = [look for look in self._looks if first + edge <= look.sent <= last - edge]
        if len(inner) < 2:
            raise BenchError("the upload was too short to tell its rate")
        return (inner[-1].sent - inner[0].sent) / (inner[-1].seconds - inner[0].seconds)


def _sent_bytes() -> int:
    # Of this thread: that of the process may be in another namespace.
    for line in Path("/proc/thread-self/net/dev").read_text("ascii").splitlines():
        name, _colon, counters = line.partition(":")
        if name.strip() == DEVICE:
            return int(counters.split()[8])
    raise BenchError(f"the kernel tells nothing of {DEVICE}")


def bandwidth(session: Session) -> Outcome:
    """Uploads of the host program at each limit, large files and small ones, and without a limit for its cost."""
    reason = missing()
    if reason:
        raise BenchError(f"bandwidth: {reason}")
    outcome = Outcome({})
    for title, limit, recipe in _cases():
        prepared = data.prepare(recipe, session.data)
        data.warm(prepared)
        files = Data(recipe, Path(prepared.folder), data.table(prepared, recipe))
        _measure(session, title, limit, files, outcome)
    return outcome


def _cases() -> Iterator[tuple[str, int, Recipe]]:
    for mbit in LIMITS:
        size = mbit * 125_000 * SECONDS // FILES
        yield f"{mbit} Mbit/s", mbit, Recipe(f"limit-{mbit}", ((size, FILES),))
    count = LIMITS[0] * 125_000 * SECONDS // SMALL
    yield f"{LIMITS[0]} Mbit/s, files of 64 KiB", LIMITS[0], Recipe("limit-small", ((SMALL, count),))


def _measure(session: Session, title: str, mbit: int, files: Data, outcome: Outcome) -> None:
    limit = mbit * 125_000
    limited = f"{OURS}, limit {title}"
    rates: list[float] = []
    runs: dict[str, list[Usage]] = {}
    with link(LINK) as far_end, Sink(files.table, address=FAR_ADDRESS, launcher=far_end.launcher) as server:
        at = session.at(server)

        def ours(name: str, value: str) -> Contender:
            return Contender(
                name, lambda place: at.tools.ours(files.folder, place, BANDWIDTH_LIMIT=value), files.recipe.files
            )

        contenders = [ours(limited, f"{mbit}Mbit/s"), ours(f"{OURS}, files of {title}, without", "0")]
        for number in range(session.rounds):
            for contender in contenders:
                with Carried() as carried:
                    taken = session.one_round(f"bandwidth, {title}", at, [contender], number)
                runs.setdefault(contender.name, []).extend(taken[contender.name])
                if contender.name == limited:
                    rates.append(carried.rate)
    outcome.runs.update(runs)
    outcome.findings.append(_deviation(title, limit, rates))


def _deviation(title: str, limit: int, rates: list[float]) -> Finding:
    """How far from the limit it was, as a part of the limit: above and below count alike."""
    off = [abs(rate / limit - 1) for rate in rates]
    return Finding(
        f"off the limit of {title}",
        f"{median(rates) / 1e6:.2f} MB/s",
        f"{limit / 1e6:.2f} MB/s",
        median(off),
        min(off),
        max(off),
        DEVIATION,
    )


BANDWIDTH_GROUPS = {"bandwidth": Measured(bandwidth, rounds=3)}
