# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The benchmarks of many hosts as one: each host's figures, and what they come to.

Made of what `s5cmd_benchmark` returned, by the hosts' names in the inventory. A host without a result is told with its
reason. Sums are of the hosts' medians, so they are what the site carries only if the hosts ran at the same time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...module_utils.benchmark.report import figures
from ...module_utils.benchmark.report.text import aligned, csv_of
from ...module_utils.common.units import counted

TOGETHER = (
    "The hosts ran at the same time, so the sums are what they carried together over what they share. They are sums of "
    "medians: the hosts' runs did not begin and end at the same moments."
)
ONE_BY_ONE = (
    "The hosts ran one after the other, each alone, so the sums are what they would carry if they shared nothing: no "
    "link, no server. Measure them together to see what the site carries."
)


def summary(results: Mapping[str, figures.Result], missing: Mapping[str, str], *, together: bool) -> dict[str, Any]:
    """The fleet's figures, for `set_stats`, for programs, and for `text`.

    `datasets` has for each one `sums` by tool (megabytes per second, of how many hosts) and a row for each of `hosts`
    (medians in MB/s by tool, the ratio that matters most). `missing` is why a host has no result, by host.
    """
    names = list(dict.fromkeys(dataset["name"] for result in results.values() for dataset in result["datasets"]))
    return {
        "measured": len(results),
        "missing": dict(missing),
        "together": together,
        "not_complete": {host: result["status"] for host, result in results.items() if result["status"] != "complete"},
        "failed_runs": _told(results, lambda result: [failure.text for failure in figures.failures(result)]),
        "problems": _told(results, figures.problems),
        "left_behind": _told(results, figures.left_behind),
        "datasets": [_dataset(results, name) for name in names],
    }


def _told(
    results: Mapping[str, figures.Result], lines_of: Callable[[figures.Result], list[str]]
) -> dict[str, list[str]]:
    """The lines of each host that has any."""
    told = {host: lines_of(result) for host, result in results.items()}
    return {host: lines for host, lines in told.items() if lines}


def _dataset(results: Mapping[str, figures.Result], name: str) -> dict[str, Any]:
    hosts = {}
    for host, result in results.items():
        dataset = next((one for one in result["datasets"] if one["name"] == name), None)
        if dataset is not None:
            hosts[host] = _host(result, dataset)
    tools = sorted({tool for row in hosts.values() for tool in row["megabytes_per_second"]}, key=figures.mark)
    return {
        "dataset": name,
        "hosts": hosts,
        "sums": {tool: _sum([row["megabytes_per_second"].get(tool) for row in hosts.values()]) for tool in tools},
    }


def _host(result: figures.Result, dataset: Mapping[str, Any]) -> dict[str, Any]:
    medians = {
        tool["name"]: found.median
        for tool in figures.tools(result)
        if (found := figures.measured(result, dataset, tool["name"], figures.THROUGHPUT))
    }
    ratio = next((one for one in figures.headlines(result) if one["dataset"] == dataset["name"]), None)
    return {
        "files": dataset["files"],
        "bytes": dataset["bytes"],
        "megabytes_per_second": medians,
        "ratio": dict(ratio) if ratio else None,
    }


def _sum(medians: Sequence[float | None]) -> dict[str, Any]:
    known = [median for median in medians if median is not None]
    return {"megabytes_per_second": sum(known), "hosts": len(known), "of": len(medians)}


def sentences(found: Mapping[str, Any]) -> list[str]:
    """What the fleet's figures say, in a sentence for all and one for each dataset."""
    everyone = found["measured"] + len(found["missing"])
    said = [f"{found['measured']} of {counted(everyone, 'host')} measured."]
    return said + [text for dataset in found["datasets"] if (text := verdicts(dataset))]


def verdicts(dataset: Mapping[str, Any]) -> str:
    """`mix: datasync against AWS CLI: faster on 5 hosts, no difference shown on 1 host.`; '' if nothing is compared."""
    parts = [f"{compared}: {', '.join(counts)}" for compared, counts in verdict_counts(dataset)]
    return f"{figures.short(dataset['dataset'])}: {'; '.join(parts)}." if parts else ""


def verdict_counts(dataset: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """For each pair of tools, `datasync against AWS CLI`, what came out on how many hosts: `faster on 5 hosts`."""
    groups: dict[tuple[str, str], Counter[str]] = {}
    for row in dataset["hosts"].values():
        if ratio := row["ratio"]:
            groups.setdefault((ratio["tool"], ratio["against"]), Counter())[ratio["verdict"]] += 1
    return [
        (
            f"{figures.label(tool)} against {figures.label(against)}",
            [f"{verdict} on {counted(number, 'host')}" for verdict, number in group.most_common()],
        )
        for (tool, against), group in groups.items()
    ]


def how_it_ran(found: Mapping[str, Any]) -> str:
    """What the sums mean; '' where there is nothing to sum."""
    if found["measured"] < 2:
        return ""
    return TOGETHER if found["together"] else ONE_BY_ONE


def sum_text(total: Mapping[str, Any]) -> str:
    """`673 MB/s`, with the number of hosts if some are missing in it."""
    text = f"{figures.figure(total['megabytes_per_second'])} MB/s"
    return text if total["hosts"] == total["of"] else f"{text}, {total['hosts']} of {total['of']} hosts"


def ratio_text(ratio: Mapping[str, Any] | None) -> str:
    """`0.41 (0.38 to 0.44)`."""
    if not ratio or not ratio["ratio"]:
        return figures.NOTHING
    shown = f"{ratio['ratio']:.2f}"
    return shown if ratio["low"] is None else f"{shown} ({figures.interval(ratio)})"


def text(found: Mapping[str, Any]) -> str:
    """The summary for a terminal."""
    lines = [*sentences(found), *filter(None, [how_it_ran(found)])]
    for dataset in found["datasets"]:
        tools = list(dataset["sums"])
        rows = [["host", *(f"{figures.label(tool)} MB/s" for tool in tools), "time against", "ratio", "verdict"]]
        for host, row in dataset["hosts"].items():
            ratio = row["ratio"]
            medians = [figures.figure(row["megabytes_per_second"].get(tool)) for tool in tools]
            against = figures.label(ratio["against"]) if ratio else figures.NOTHING
            rows.append([host, *medians, against, ratio_text(ratio), ratio["verdict"] if ratio else figures.NOTHING])
        sums = [sum_text(dataset["sums"][tool]).replace(" MB/s", "") for tool in tools]
        if len(dataset["hosts"]) > 1:
            rows.append(["sum", *sums, "", "", ""])
        lines += ["", f"{dataset['dataset']}: medians", *aligned(rows)]
    for title, told in troubles(found):
        lines += ["", f"{title}:", *(f"- {line}" for line in told)]
    return "\n".join(lines) + "\n"


def troubles(found: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """What went wrong: pairs of a title and lines, none of them empty."""
    several = [
        ("Hosts without a result", [f"{host}: {reason}" for host, reason in found["missing"].items()]),
        ("Left in the bucket", _by_host(found["left_behind"])),
        ("Not complete", [f"{host}: {status}" for host, status in found["not_complete"].items()]),
        ("Problems", _by_host(found["problems"])),
        ("Failed runs", _by_host(found["failed_runs"])),
    ]
    return [(title, lines) for title, lines in several if lines]


def _by_host(told: Mapping[str, Sequence[str]]) -> list[str]:
    return [f"{host}: {line}" for host, lines in told.items() for line in lines]


def as_csv(results: Mapping[str, figures.Result]) -> str:
    """A line for each run of each host, as CSV (RFC 4180) with a line of names."""
    return csv_of(results)
