# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What a report shows of the result of a benchmark: names, figures as people read them, and the findings in words.

A result is the dictionary that `s5cmd_benchmark` returns; docs/benchmark.md describes it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Callable, NamedTuple, Optional

from ...common.units import counted, format_bytes_si
from ...tuning.statistics import FASTER, NO_DIFFERENCE, SLOWER, spread
from .chart import shortened

Result = Mapping[str, Any]

#: The tools' names in reports, in an order that decides their pattern and colour.
LABELS = {
    "datasync": "datasync",
    "awscli": "AWS CLI",
    "awscli_optimized": "AWS CLI optimized",
    "s5cmd": "s5cmd",
    "rclone": "rclone",
}
#: Shown where there is no figure.
NOTHING = "-"


Take = Callable[[Mapping[str, Any], float], Optional[float]]


@dataclass(frozen=True)
class Metric:
    """A figure of each run: `take` gets it of a run and the bytes of its dataset, None if it was not measured."""

    key: str
    title: str
    unit: str
    better: str
    column: str
    take: Take


def _field(name: str, divisor: float = 1) -> Take:
    def take(run: Mapping[str, Any], _size: float) -> float | None:
        value = run.get(name)
        return None if value is None else value / divisor

    return take


def _cpu_per_gb(run: Mapping[str, Any], size: float) -> float | None:
    return run["cpu_seconds"] / size * 1e9 if size else None


THROUGHPUT = Metric("throughput", "Throughput", "MB/s", "more is better", "MB/s", _field("megabytes_per_second"))
TIME = Metric("time", "Time", "s", "less is better", "seconds", _field("wall_seconds"))
CPU = Metric("cpu", "CPU time per GB", "s/GB", "less is better", "CPU s/GB", _cpu_per_gb)
MEMORY = Metric("memory", "Peak memory", "MB", "less is better", "memory MB", _field("peak_memory_bytes", 1e6))
LINK = Metric("link", "Link use", "%", "of what the link carries", "link %", _field("link_percent"))
OBJECTS = Metric("objects", "Objects", "/s", "more is better", "objects/s", _field("objects_per_second"))

#: Those that get a chart, and those that get a column.
CHARTS = (THROUGHPUT, TIME, CPU, MEMORY, LINK)
COLUMNS = (TIME, THROUGHPUT, OBJECTS, CPU, MEMORY, LINK)


class Measured(NamedTuple):
    """A figure over the good runs, each of which is in `values`."""

    median: float
    minimum: float
    maximum: float
    values: tuple[float, ...]

    @property
    def text(self) -> str:
        """`16.6 (16.2-17.1)`, or the one figure if there is only one run."""
        if len(self.values) == 1:
            return figure(self.median)
        return f"{figure(self.median)} ({figure(self.minimum)}-{figure(self.maximum)})"


class FailedRuns(NamedTuple):
    """Runs that failed for the same reason; round 0 is the warm-up."""

    dataset: str
    tool: str
    rounds: tuple[int, ...]
    message: str

    @property
    def text(self) -> str:
        """In one line."""
        counting = [str(one) for one in self.rounds if one]
        which = [] if len(counting) == len(self.rounds) else ["warm-up"]
        if counting:
            which.append(f"{'round' if len(counting) == 1 else 'rounds'} {', '.join(counting)}")
        return f"{self.dataset}, {label(self.tool)}, {' and '.join(which)}: {self.message}"


def label(tool: str) -> str:
    """What a report calls a tool."""
    return LABELS.get(tool, tool)


def mark(tool: str) -> int:
    """The number of a tool's pattern."""
    return list(LABELS).index(tool) if tool in LABELS else len(LABELS)


def tools(result: Result) -> list[Mapping[str, Any]]:
    """The tools that were asked for, ours first, then in the order in which they were asked for."""
    return sorted(result["tools"], key=lambda tool: tool["name"] != "datasync")


def runs(result: Result, dataset: str, tool: str) -> list[Mapping[str, Any]]:
    """The runs that count, good and failed; the warm-up does not."""
    return [run for run in result["runs"] if run["round"] and (run["dataset"], run["tool"]) == (dataset, tool)]


def measured(result: Result, dataset: Mapping[str, Any], tool: str, metric: Metric) -> Measured | None:
    """A metric over the good runs of a tool with a dataset, None if it is not known of one of them."""
    good = [run for run in runs(result, dataset["name"], tool) if not run["message"]]
    found = [metric.take(run, dataset["bytes"]) for run in good]
    values = [value for value in found if value is not None]
    if not values or len(values) < len(found):
        return None
    lies = spread(values)
    return Measured(lies.median, lies.minimum, lies.maximum, tuple(values))


def good_runs(result: Result, dataset: str, tool: Mapping[str, Any]) -> str:
    """`3 of 3`, or in words why there are none."""
    found = runs(result, dataset, tool["name"])
    good = sum(not run["message"] for run in found)
    if good:
        return f"{good} of {len(found)}"
    if not tool["available"]:
        return "not available"
    return f"all {len(found)} failed" if len(found) > 1 else "failed" if found else "not measured"


def failures(result: Result) -> list[FailedRuns]:
    """The runs that failed, those of a tool with the same message together, in the order in which they began."""
    rounds: dict[tuple[str, str, str], list[int]] = {}
    for run in result["runs"]:
        if run["message"]:
            rounds.setdefault((run["dataset"], run["tool"], run["message"]), []).append(run["round"])
    return [FailedRuns(dataset, tool, tuple(found), why) for (dataset, tool, why), found in rounds.items()]


def problems(result: Result) -> list[str]:
    """The problems, less those that `failures` and `left_behind` tell."""
    failed = tuple(f"round {run['round']}: {run['message']}" for run in result["runs"] if run["message"])
    left = tuple(f"s3://{one['bucket']}/{one['prefix']} " for one in result["left_behind"])
    found = [str(problem) for problem in result["problems"]]
    return [problem for problem in found if not problem.endswith(failed) and not problem.startswith(left)]


def ratios(result: Result, dataset: str) -> list[Mapping[str, Any]]:
    """The ratios of a dataset, against the tools in their order."""
    order = [tool["name"] for tool in tools(result)]
    found = [ratio for ratio in result["ratios"] if ratio["dataset"] == dataset]
    return sorted(found, key=lambda ratio: order.index(ratio["against"]) if ratio["against"] in order else len(order))


def headlines(result: Result) -> list[Mapping[str, Any]]:
    """For each dataset the ratio that matters most: against the AWS CLI, or the first tool that both ran with."""
    found = [ratios(result, dataset["name"]) for dataset in result["datasets"]]
    return [next((one for one in of_dataset if one["ratio"]), of_dataset[0]) for of_dataset in found if of_dataset]


def sentence(ratio: Mapping[str, Any]) -> str:
    """What a ratio says, without its dataset: `datasync was faster than AWS CLI: it took 0.41 of the time (…)`."""
    ours, theirs = label(ratio["tool"]), label(ratio["against"])
    if not ratio["ratio"]:
        return f"{ours} cannot be compared with {theirs}: there was no round in which both succeeded."
    took = f"{ratio['ratio']:.2f} of the time"
    if not _has_interval(ratio):
        return f"{ours} took {took} of {theirs} in one round, which is not enough to rule out chance."
    sure = f"({certainty(ratio)})"
    if ratio["verdict"] == FASTER:
        return f"{ours} was faster than {theirs}: it took {took} {sure}."
    if ratio["verdict"] == SLOWER:
        return f"{ours} was slower than {theirs}: it took {ratio['ratio']:.2f} times as long {sure}."
    return f"no difference is shown between {ours} and {theirs}: {ours} took {took} {sure}."


def certainty(ratio: Mapping[str, Any]) -> str:
    """`95 % interval 0.38 to 0.44, 3 rounds`, or why there is none."""
    if not ratio["ratio"]:
        return "there was no round in which both succeeded"
    if not _has_interval(ratio):
        return "one round is not enough to rule out chance"
    return f"95 % interval {interval(ratio)}, {counted(ratio['pairs'], 'round')}"


def _has_interval(ratio: Mapping[str, Any]) -> bool:
    return ratio.get("low") is not None and ratio.get("high") is not None


def interval(ratio: Mapping[str, Any]) -> str:
    """`0.38 to 0.44`, or nothing to show."""
    return NOTHING if not _has_interval(ratio) else f"{ratio['low']:.2f} to {ratio['high']:.2f}"


def summary(result: Result) -> str:
    """The whole result in a sentence or two: how we compare with what matters most, and what was faster than we."""
    found = headlines(result)
    if not found:
        measured_tools = {run["tool"] for run in result["runs"] if not run["message"]}
        if not measured_tools:
            return "Nothing was measured."
        return f"Only {' and '.join(map(label, sorted(measured_tools)))} could be measured, so nothing is compared."
    groups: dict[str, list[str]] = {}
    for ratio in found:
        groups.setdefault(_verdict_words(ratio), []).append(short(ratio["dataset"]))
    parts = [f"{words} on {_listed(datasets)}" for words, datasets in groups.items()]
    text = " ".join([f"{'; '.join(parts)}.", *_slower_elsewhere(result, found)])
    # Names of tools stay as they are written.
    return text if text.startswith(label(found[0]["tool"])) else text[0].upper() + text[1:]


def _verdict_words(ratio: Mapping[str, Any]) -> str:
    ours, theirs = label(ratio["tool"]), label(ratio["against"])
    if not ratio["ratio"]:
        return f"{ours} cannot be compared with {theirs}"
    known = {
        FASTER: f"{ours} was faster than {theirs}",
        SLOWER: f"{ours} was slower than {theirs}",
        NO_DIFFERENCE: f"no difference between {ours} and {theirs} is shown",
    }
    return known.get(ratio["verdict"], f"one round cannot tell {ours} from {theirs}")


def _slower_elsewhere(result: Result, told: Sequence[Mapping[str, Any]]) -> list[str]:
    """A sentence on the other tools that we were slower than, if there are any."""
    groups: dict[str, list[str]] = {}
    for ratio in result["ratios"]:
        if ratio["verdict"] == SLOWER and ratio not in told:
            groups.setdefault(label(ratio["against"]), []).append(short(ratio["dataset"]))
    if not groups:
        return []
    parts = [f"than {theirs} on {_listed(datasets)}" for theirs, datasets in groups.items()]
    return [f"{label(told[0]['tool'])} was slower {_listed(parts)}."]


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def short(name: str) -> str:
    """The name of a dataset for a sentence: a folder's may be long."""
    return shortened(name, 40)


def facts(result: Result) -> list[tuple[str, str]]:
    """Where, when and how it was measured: pairs of a name and a text."""
    host, settings, estimate = result["host"], result["settings"], result.get("estimate") or {}
    found = [
        ("Host", str(host["name"])),
        ("Measured", f"{moment(result['started'])} to {moment(result['finished'])}"),
        ("Destination", " at ".join(filter(None, (result["destination"], result["endpoint"])))),
        ("Link", link(result["link"])),
        ("System", f"{host['system']}, kernel {host['kernel']}"),
        ("Processor", f"{host['cpu']}, {counted(host['cores'], 'core')}"),
        ("Memory", format_bytes_si(host["memory_bytes"]) if host["memory_bytes"] else "unknown"),
        ("Python", str(host["python"])),
        ("datasync.turbo", str(host["collection"])),
        ("Settings", ", ".join(f"{name} {value}" for name, value in settings.items())),
    ]
    if estimate:
        cost = "" if estimate.get("cost") is None else f", about {estimate['cost']:.2f} USD"
        text = f"{estimate['requests']:,} requests, {format_bytes_si(estimate['bytes'])}{cost}"
        found.append(("Estimate beforehand", f"{text}; {estimate['note']}" if estimate.get("note") else text))
    return [*found, ("Id", str(result["id"]))]


def link(found: Mapping[str, Any]) -> str:
    """`eth0, 1,000 Mbit/s (as the interface says)`, or why the speed is not known."""
    if not found["mbps"]:
        return f"speed unknown: {found['note'] or found['interface']}"
    sources = {"given": "as given", "interface": "as the interface says"}
    speed = f"{found['mbps']:,.0f} Mbit/s ({sources.get(found['source'], found['source'])})"
    text = ", ".join(filter(None, (found["interface"], speed, "virtual" if found["virtual"] else "")))
    return f"{text}; {found['note']}" if found["note"] else text


def dataset_size(dataset: Mapping[str, Any]) -> str:
    """`24 files, 6.9 GB`."""
    return f"{dataset['files']:,} {'file' if dataset['files'] == 1 else 'files'}, {format_bytes_si(dataset['bytes'])}"


def left_behind(result: Result) -> list[str]:
    """What of the benchmark is still in the bucket, and how to remove it."""
    return [
        f"s3://{one['bucket']}/{one['prefix']} was not removed: {one['reason']}. "
        "The next benchmark with this bucket and work_dir tries again"
        for one in result["left_behind"]
    ]


def moment(iso: str) -> str:
    """`2026-11-23 04:00:07 +01:00` of ISO 8601; what is not ISO 8601 as it is."""
    try:
        # Python 3.9 does not know Z.
        when = datetime.fromisoformat(iso[:-1] + "+00:00" if iso.endswith("Z") else iso)
    except ValueError:
        return iso
    offset = when.strftime("%z")
    zone = "" if not offset else " UTC" if offset == "+0000" else f" {offset[:3]}:{offset[3:5]}"
    return f"{when:%Y-%m-%d %H:%M:%S}{zone}"


def figure(value: float | None) -> str:
    """Three digits that count: `1,537`, `412`, `41.2`, `4.12`, `0.412`."""
    if value is None:
        return NOTHING
    if not value or abs(value) >= 99.95:
        return f"{value:,.0f}"
    return f"{value:.{min(2 - math.floor(math.log10(abs(value) * 1.0005)), 4)}f}"
