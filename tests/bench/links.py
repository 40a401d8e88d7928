# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The group links: uploads over shaped links to the sink, beside what iperf3 carries over the same link."""

from __future__ import annotations

from statistics import median

from plugins.module_utils.benchmark.measure.data import Recipe
from tests.bench.measured import BenchError, Usage
from tests.bench.measures import OURS, Data, Measured, Outcome, Session
from tests.bench.shaped_link import FAR_ADDRESS, LINKS, Shape, carried, link, missing
from tests.bench.sink import Sink
from tests.bench.table import Finding, Runs, least

#: At least these shares of what iperf3 carries, by dataset.
SHARES = {"mix": 0.95, "single": 0.90}
#: Small files are sent over this link only: on the others it is the processors that they wait for.
LONG_LINK = LINKS[2]


def links(session: Session) -> Outcome:
    """The mix and one large file over each link, small files over the long one."""
    reason = missing()
    if reason:
        raise BenchError(f"links: {reason}")
    files = {name: session.files(name) for name in (*SHARES, "small")}
    outcome = Outcome({})
    for shape in LINKS:
        for name, uploaded in files.items():
            if name != "small" or shape == LONG_LINK:
                _measure(session, shape, uploaded, outcome)
    return outcome


def _measure(session: Session, shape: Shape, files: Data, outcome: Outcome) -> None:
    """Each round begins with iperf3, so that every upload has a measure of the same minutes."""
    recipe = files.recipe
    title = f"{recipe.name} over {shape.name}"
    reference: list[float] = []
    with link(shape) as far_end, Sink(files.table, address=FAR_ADDRESS, launcher=far_end.launcher) as server:
        at = session.at(server)
        contenders = at.uploaders(files, *(["--transfers", "32"] if recipe.name == "small" else []))
        runs: dict[str, list[Usage]] = {contender.name: [] for contender in contenders}
        for number in range(session.rounds):
            reference.append(carried(far_end))
            session.say(f"{title}, round {number + 1}: iperf3 carries {reference[-1]:.1f} MB/s")
            for name, usages in session.one_round(title, at, contenders, number).items():
                runs[name] += usages
    outcome.runs.update({f"{name}, {title}": usages for name, usages in runs.items()})
    if recipe.name in SHARES:
        outcome.findings += [_share(title, recipe, name, runs, reference) for name in runs]


def _share(title: str, recipe: Recipe, contender: str, runs: Runs, reference: list[float]) -> Finding:
    """How much of what iperf3 carried in the same round an upload brought. The limit is ours; the others are beside."""
    speeds = [recipe.total_bytes / 1e6 / usage.wall_seconds for usage in runs[contender]]
    shares = [speed / carried for speed, carried in zip(speeds, reference, strict=True)]
    limit = SHARES[recipe.name] if contender == OURS else None
    return least(f"{title}: {contender}", f"{median(speeds):.1f} MB/s", f"{median(reference):.1f} MB/s", shares, limit)


LINK_GROUPS = {"links": Measured(links, rounds=2)}
