# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The benchmarks of many hosts as one HTML page: what they come to, how they differ, and what went wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element

from ...module_utils.benchmark.report import chart, figures
from ...module_utils.benchmark.report.markup import Child, document, element, number, table
from ...module_utils.benchmark.report.page import HOW_TO_READ, answer, badge, card, footer, header, notes, tool_cell
from ...module_utils.benchmark.report.style import STYLE
from ...module_utils.common.units import counted, format_bytes_si
from . import benchmark as fleet_benchmark

#: More rows do not fit on a page of paper, below the heading of their dataset.
HOSTS_IN_A_CHART = 16
TITLE = "Upload benchmark of the fleet"


def page(
    results: Mapping[str, figures.Result],
    missing: Mapping[str, str],
    *,
    together: bool,
    pages: Mapping[str, str] | None = None,
) -> str:
    """The page of all hosts. `pages` are the addresses of their own pages, relative to this one."""
    found = fleet_benchmark.summary(results, missing, together=together)
    body = [
        chart.definitions(),
        header("Upload benchmark", f"Fleet of {counted(len(results) + len(missing), 'host')}", _line(results)),
        answer(
            fleet_benchmark.sentences(found)[0], [_tile(dataset) for dataset in found["datasets"] if dataset["sums"]]
        ),
        _troubles(found),
        *(_dataset(dataset, place, found) for place, dataset in enumerate(found["datasets"], 1)),
        _hosts(results, missing, pages or {}),
        footer(next((str(result["host"]["collection"]) for result in results.values()), "")),
    ]
    return document(TITLE, STYLE + chart.STYLE, [part for part in body if part is not None])


def _line(results: Mapping[str, figures.Result]) -> list[str]:
    starts = sorted(result["started"] for result in results.values())
    destinations = dict.fromkeys(str(result["destination"]) for result in results.values())
    line = [figures.moment(starts[0])] if starts else []
    return line + [f"to {', '.join(destinations)}"] * bool(destinations)


def _tile(dataset: Mapping[str, Any]) -> Element:
    tool, total = next(iter(dataset["sums"].items()))
    told = [
        element("p", f"{compared}: {', '.join(counts)}", class_="sure")
        for compared, counts in fleet_benchmark.verdict_counts(dataset)
    ]
    return element(
        "article",
        element("h2", figures.short(dataset["dataset"])),
        element("p", f"{figures.label(tool)}, {counted(total['hosts'], 'host')}", class_="small"),
        element(
            "p",
            element("strong", figures.figure(total["megabytes_per_second"])),
            " MB/s" if total["hosts"] == 1 else " MB/s in sum",
            class_="big",
        ),
        *told,
        class_="tile",
    )


def _troubles(found: Mapping[str, Any]) -> Element | None:
    boxes = [notes(title, lines, "bad") for title, lines in fleet_benchmark.troubles(found)]
    if not boxes:
        return None
    return element(
        "section", element("h2", "What went wrong"), element("div", *boxes, class_="notes"), class_="problems"
    )


def _dataset(dataset: Mapping[str, Any], place: int, found: Mapping[str, Any]) -> Element:
    ident = f"dataset-{place}"
    meaning = fleet_benchmark.how_it_ran(found)
    return element(
        "section",
        element("h2", dataset["dataset"], element("span", _size(dataset), class_="aside")),
        element("p", meaning, class_="prose") if meaning else None,
        element("div", _sum_chart(dataset, ident), *_host_charts(dataset, ident), class_="charts uneven"),
        _table(dataset, f"{ident}-figures"),
        id=ident,
        class_="dataset",
    )


def _size(dataset: Mapping[str, Any]) -> str:
    sizes = {(row["files"], row["bytes"]) for row in dataset["hosts"].values()}
    if len(sizes) > 1:
        least, greatest = (format_bytes_si(choose(size for _files, size in sizes)) for choose in (min, max))
        return f"{least} to {greatest} on each host"
    files, size = next(iter(sizes))
    return f"{figures.dataset_size({'files': files, 'bytes': size})} on each host"


def _sum_chart(dataset: Mapping[str, Any], ident: str) -> Element:
    rows = [
        chart.Bar(
            figures.label(tool), figures.mark(tool), total["megabytes_per_second"], fleet_benchmark.sum_text(total)
        )
        for tool, total in dataset["sums"].items()
    ]
    words = chart.Words(
        f"{ident}-sum",
        f"Throughput of all hosts in MB/s by tool, {dataset['dataset']}",
        f"Sums of the hosts' medians. {'; '.join(f'{row.label}: {row.text}' for row in rows)}.",
        f"{ident}-figures",
    )
    return card("Throughput of all hosts", "MB/s, sum of the medians", chart.bars(rows, words))


def _host_charts(dataset: Mapping[str, Any], ident: str) -> list[Element]:
    """A row for each host, in as many charts as it takes for each to fit on a page of paper."""
    rows, tools = [], set()
    for host, row in dataset["hosts"].items():
        if ratio := row["ratio"]:
            tools.add((figures.label(ratio["tool"]), figures.label(ratio["against"])))
            # Names of hosts are long: the interval is in the table, and drawn.
            text = f"{ratio['ratio']:.2f}" if ratio["ratio"] else "no pair"
            mark = figures.mark(ratio["against"])
            rows.append(chart.Interval(host, mark, ratio["ratio"], ratio["low"], ratio["high"], text))
    ours, theirs = (" or ".join(sorted({pair[side] for pair in tools})) for side in (0, 1))
    charts = []
    for start in range(0, len(rows), HOSTS_IN_A_CHART):
        shown = rows[start : start + HOSTS_IN_A_CHART]
        which = f", {start + 1} to {start + len(shown)} of {len(rows)}" if len(rows) > HOSTS_IN_A_CHART else ""
        words = chart.Words(
            f"{ident}-hosts-{start + 1}",
            f"Time of {ours} as a share of the time of {theirs} by host{which}, {dataset['dataset']}",
            fleet_benchmark.verdicts(dataset),
            f"{ident}-figures",
        )
        drawn = chart.intervals(shown, words, f"{ours} faster", "slower", beside=rows)
        charts.append(card(f"Time of {ours} by host{which}", f"against {theirs}", drawn))
    return charts


def _table(dataset: Mapping[str, Any], ident: str) -> Element:
    tools = list(dataset["sums"])
    rows: list[list[Child]] = []
    for host, row in dataset["hosts"].items():
        ratio = row["ratio"]
        medians = [figures.figure(row["megabytes_per_second"].get(tool)) for tool in tools]
        against = figures.label(ratio["against"]) if ratio else figures.NOTHING
        verdict = badge(ratio["verdict"]) if ratio else element("span", figures.NOTHING)
        rows.append([host, *medians, element("span", against), _ratio_cell(ratio), verdict])
    sums: list[Child] = [fleet_benchmark.sum_text(dataset["sums"][tool]).replace(" MB/s", "") for tool in tools]
    if len(dataset["hosts"]) > 1:
        rows.append(["All hosts", *sums, element("span"), "", element("span")])
    head: list[Child] = ["Host", *(element("span", tool_cell(tool), element("small", "MB/s")) for tool in tools)]
    head += ["Time against", element("span", "Ratio", element("small", "95 % interval")), "Verdict"]
    return table(f"{figures.short(dataset['dataset'])}: medians of each host, and their sums", head, rows, ident)


def _ratio_cell(ratio: Mapping[str, Any] | None) -> Child:
    if not ratio or not ratio["ratio"]:
        return figures.NOTHING
    return number(f"{ratio['ratio']:.2f}", figures.interval(ratio))


def _hosts(results: Mapping[str, figures.Result], missing: Mapping[str, str], pages: Mapping[str, str]) -> Element:
    rows: list[list[Child]] = [
        [
            element("a", host, href=pages[host]) if host in pages else host,
            element("span", result["status"]),
            element("span", f"{result['host']['cpu']}, {counted(result['host']['cores'], 'core')}"),
            element("span", figures.link(result["link"])),
            element("span", f"{result['host']['system']}, kernel {result['host']['kernel']}"),
        ]
        for host, result in results.items()
    ]
    rows += [
        [host, element("span", reason), *(element("span", figures.NOTHING) for _column in range(3))]
        for host, reason in missing.items()
    ]
    return element(
        "section",
        element("h2", "Hosts"),
        element("p", HOW_TO_READ, class_="prose"),
        table("Hosts", ["Host", "Result", "Processor", "Link", "System"], rows, "hosts"),
    )
