# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What a benchmark found: one row for each run, and what follows from the rows. MB are 10^6 bytes, GB 10^9."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Callable

from ..tuning.statistics import paired_ratio, spread
from .request import DATASYNC

#: The version of the form in which results are written.
SCHEMA = 1
#: The round of a run that warms up and is not counted.
WARM_UP = 0

_MB = 1_000_000
_GB = 1_000_000_000


@dataclass(frozen=True)
class Measurement:
    """One upload of a dataset by a tool. `message` says why it does not count, '' if it does.

    `link_bytes` are those that left by the network interface meanwhile, whoever sent them.
    """

    dataset: str
    tool: str
    round: int
    began: str
    wall_seconds: float
    cpu_seconds: float
    cpu_percent: float
    peak_memory_bytes: int
    megabytes_per_second: float
    objects_per_second: float
    link_bytes: int | None
    link_percent: float | None
    retries: int | None
    errors: int
    exit_code: int
    message: str
    total_bytes: int = 0

    @property
    def counts(self) -> bool:
        """Whether it was a good run of a counted round."""
        return not self.message and self.round != WARM_UP

    def as_dict(self) -> dict[str, Any]:
        """In the form of the result."""
        values = asdict(self)
        del values["total_bytes"]
        return values


def summaries(runs: Sequence[Measurement]) -> list[dict[str, Any]]:
    """A line for each dataset and tool that was run, in the order of the first runs."""
    return [_summary(_of(runs, dataset, tool)) for dataset, tool in _pairs(runs)]


def ratios(runs: Sequence[Measurement]) -> list[dict[str, Any]]:
    """How long a tool takes in comparison with each other tool, by wall time, round by round.

    The tool is ours; without ours the first that was measured.
    """
    lines: list[dict[str, Any]] = []
    pairs = _pairs(runs)
    for dataset in dict.fromkeys(name for name, _tool in pairs):
        tools = [tool for name, tool in pairs if name == dataset]
        ours = DATASYNC if DATASYNC in tools else tools[0]
        others = [tool for tool in tools if tool != ours]
        lines += [_ratio(dataset, _of(runs, dataset, ours), _of(runs, dataset, other)) for other in others]
    return lines


def _pairs(runs: Sequence[Measurement]) -> list[tuple[str, str]]:
    return list(dict.fromkeys((run.dataset, run.tool) for run in runs if run.round != WARM_UP))


def _of(runs: Sequence[Measurement], dataset: str, tool: str) -> list[Measurement]:
    return [run for run in runs if run.dataset == dataset and run.tool == tool and run.round != WARM_UP]


def _summary(runs: Sequence[Measurement]) -> dict[str, Any]:
    good = [run for run in runs if run.counts]

    def of(value: Callable[[Measurement], float]) -> dict[str, float] | None:
        return _rounded(asdict(spread([value(run) for run in good]))) if good else None

    first = runs[0]
    cpu = of(lambda run: run.cpu_seconds)
    shares = [run.link_percent for run in good if run.link_percent is not None]
    return {
        "dataset": first.dataset,
        "tool": first.tool,
        "runs": len(good),
        "failed": len(runs) - len(good),
        "wall_seconds": of(lambda run: run.wall_seconds),
        "megabytes_per_second": of(lambda run: run.megabytes_per_second),
        "objects_per_second": of(lambda run: run.objects_per_second),
        "cpu_seconds": cpu,
        "cpu_seconds_per_gb": round(cpu["median"] / (first.total_bytes / _GB), 3)
        if cpu and first.total_bytes
        else None,
        "peak_memory_bytes": max((run.peak_memory_bytes for run in good), default=None),
        "link_percent": spread(shares).median if shares else None,
    }


def _ratio(dataset: str, ours: Sequence[Measurement], theirs: Sequence[Measurement]) -> dict[str, Any]:
    by_round = {run.round: run for run in theirs}
    pairs = [(run, by_round[run.round]) for run in ours if run.round in by_round]
    found = paired_ratio([_seconds(run) for run, _other in pairs], [_seconds(other) for _run, other in pairs])
    return {"dataset": dataset, "tool": ours[0].tool, "against": theirs[0].tool, **_rounded(asdict(found))}


def _rounded(values: dict[str, Any]) -> dict[str, Any]:
    """Without digits that mean nothing."""
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in values.items()}


def _seconds(run: Measurement) -> float | None:
    return run.wall_seconds if run.counts else None


def rates(size: int, objects: int, seconds: float) -> dict[str, float]:
    """MB and objects a second."""
    return {
        "megabytes_per_second": round(size / _MB / seconds, 3),
        "objects_per_second": round(objects / seconds, 3),
    }
