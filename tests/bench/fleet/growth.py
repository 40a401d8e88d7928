# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What the fleet benchmark concludes: ratios at each number of hosts, what a host costs, where the time goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Callable

from tests.bench import table
from tests.bench.fleet.deployments import Deployment, Pair
from tests.bench.table import Finding

#: Number of hosts -> contender -> its pairs, in the order of the rounds.
Growth = Mapping[int, Mapping[str, Sequence[Pair]]]

#: What the issue and the documentation promise: at most this part of the yardstick's time.
FIRST_LIMIT, SECOND_LIMIT = 1.0, 0.5
RUNS: Sequence[tuple[str, str, float]] = (
    ("first", "bare hosts", FIRST_LIMIT),
    ("second", "nothing to change", SECOND_LIMIT),
)


def findings(growth: Growth, peer: str) -> list[Finding]:
    """The ratio of each run of all others to the peer's, at each number of hosts."""
    return [
        table.ratio(
            f"{ours}, {hosts} {'host' if hosts == 1 else 'hosts'}: {words}",
            {name: [getattr(pair, run).usage for pair in pairs] for name, pairs in contenders.items()},
            ours,
            peer,
            limit,
        )
        for run, words, limit in RUNS
        for ours in _names(growth)
        if ours != peer
        for hosts, contenders in growth.items()
    ]


def cost_table(growth: Growth) -> str:
    """What a host costs, medians over the rounds."""
    headings = (
        "run",
        "contender",
        "hosts",
        "s",
        "s a host",
        "controller CPU s a host",
        "host CPU s",
        "MB a host",
        "tasks",
    )
    return table.markdown(
        headings,
        [
            [run, name, str(hosts), *_cost_cells([getattr(pair, run) for pair in pairs])]
            for run, _words, _limit in RUNS
            for name in _names(growth)
            for hosts, contenders in growth.items()
            for pairs in [contenders[name]]
        ],
    )


def _names(growth: Growth) -> list[str]:
    return list(next(iter(growth.values())))


def _cost_cells(deployments: Sequence[Deployment]) -> list[str]:
    def middle(of: Callable[[Deployment], float]) -> float:
        return median(of(deployment) for deployment in deployments)

    return [
        f"{middle(lambda one: one.seconds):.1f}",
        f"{middle(lambda one: one.seconds / one.hosts):.2f}",
        f"{middle(lambda one: one.controller_seconds / one.hosts):.2f}",
        f"{middle(lambda one: one.hosts_seconds / one.hosts):.2f}",
        f"{middle(lambda one: one.pushed_bytes / one.hosts / 1e6):.1f}",
        f"{middle(lambda one: len(one.tasks)):.0f}",
    ]


def growth_table(growth: Growth) -> str:
    """Seconds that one more host costs between two numbers of hosts: constant where the time grows linearly."""
    sizes = sorted(growth)
    headings = ("contender, run", *(f"{few} to {many} hosts" for few, many in zip(sizes, sizes[1:], strict=False)))
    lines = [
        [f"{name}, {run}", *(f"{cost:.2f} s a host" for cost in marginal_costs(growth, name, run))]
        for name in _names(growth)
        for run, _words, _limit in RUNS
    ]
    return table.markdown(headings, lines)


def marginal_costs(growth: Growth, name: str, run: str) -> list[float]:
    """Seconds for each host more, between each number of hosts and the next."""
    sizes = sorted(growth)
    seconds = {size: median(getattr(pair, run).seconds for pair in growth[size][name]) for size in sizes}
    return [(seconds[many] - seconds[few]) / (many - few) for few, many in zip(sizes, sizes[1:], strict=False)]


def task_table(growth: Growth) -> str:
    """Where the time of the largest number of hosts goes, in the last round."""
    hosts = max(growth)
    lines = []
    for name, pairs in growth[hosts].items():
        for run, _words, _limit in RUNS:
            deployment: Deployment = getattr(pairs[-1], run)
            for task in deployment.tasks:
                seconds = task["seconds"]
                lines.append([f"{name}, {run}: {short_name(task['task'])}", f"{seconds:.1f}", f"{seconds / hosts:.2f}"])
    return table.markdown((f"task, {hosts} hosts", "s", "s a host"), lines)


def short_name(task: str) -> str:
    """The task's name without those of its role and, where it is Ansible's own check of arguments, its description."""
    return task.rpartition(" : ")[2].partition(" - ")[0]


def as_json(growth: Growth) -> dict[str, object]:
    """Everything that was measured, as plain JSON types."""
    return {
        str(hosts): {
            name: [{run: vars(one) for run, one in pair._asdict().items()} for pair in pairs]
            for name, pairs in contenders.items()
        }
        for hosts, contenders in growth.items()
    }
