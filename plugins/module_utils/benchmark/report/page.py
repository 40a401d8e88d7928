# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The result of a benchmark as one HTML page for people: the answer first, then the charts, then how it was measured.

The page is whole in itself: it can be mailed, printed and read years later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree.ElementTree import Element

from ...common.units import counted
from ...tuning.statistics import FASTER, NO_DIFFERENCE, SLOWER
from . import chart, figures
from .markup import Child, document, element, number, table
from .style import STYLE
from .tuning import tuning_section

_VERDICT_CLASS = {FASTER: "good", SLOWER: "bad"}
_VERDICT_SIGN = {FASTER: "\u2193", SLOWER: "\u2191", NO_DIFFERENCE: "\u2194"}

HOW_TO_READ = (
    "A bar is the median of the good runs, and each mark on it is one of these runs; the line joins the smallest and "
    "the greatest. A ratio compares runs of the same round, so that what changed between rounds does not count. Its "
    "line is the 95 % interval: where it crosses 1, no difference is shown. MB and GB are powers of 1000."
)


def page(result: figures.Result) -> str:
    """The page of one host."""
    host = str(result["host"]["name"])
    return document(f"Upload benchmark of {host}", STYLE + chart.STYLE, _body(result, host))


def _body(result: figures.Result, host: str) -> list[Element]:
    rounds = result["settings"].get("rounds")
    line = [figures.moment(result["started"]), f"to {result['destination']}"]
    if rounds:
        line.append(counted(rounds, "round"))
    parts = [
        chart.definitions(),
        header("Upload benchmark", host, line),
        answer(figures.summary(result), _tiles(result)),
        problems(result),
    ]
    parts += [_dataset(result, dataset, place) for place, dataset in enumerate(result["datasets"], 1)]
    if result.get("tuning"):
        parts.append(tuning_section(result["tuning"]))
    parts += [_conditions(result), _runs(result), footer(str(result["host"]["collection"]))]
    return [part for part in parts if part is not None]


def header(kind: str, name: str, line: Sequence[str]) -> Element:
    """The head of a page."""
    return element(
        "header",
        element("p", kind, class_="kind"),
        element("h1", name),
        element("p", " \u00b7 ".join(line), class_="line"),
    )


def answer(summary: str, tiles: Sequence[Element]) -> Element:
    """The answer: one sentence, and a tile for each finding."""
    return element(
        "section",
        element("p", summary, class_="summary"),
        element("div", *tiles, class_="tiles") if tiles else None,
        class_="answer",
        aria_label="Summary",
    )


def footer(version: str) -> Element:
    """The last line of a page."""
    return element("footer", element("p", f"Made by datasync.turbo {version}. This page loads and runs nothing."))


def badge(verdict: str) -> Element:
    """A verdict, told by word, sign and colour."""
    sign = _VERDICT_SIGN.get(verdict, "?")
    return element(
        "span",
        element("span", sign, aria_hidden="true"),
        f" {verdict}",
        class_=f"badge {_VERDICT_CLASS.get(verdict, 'neutral')}",
    )


def notes(title: str, lines: Sequence[str], kind: str = "") -> Element | None:
    """A box with a title and a list; None if there is nothing to list."""
    if not lines:
        return None
    return element(
        "div",
        element("h3", title),
        element("ul", *(element("li", line) for line in lines)),
        class_=f"note {kind}".strip(),
    )


def _tiles(result: figures.Result) -> list[Element]:
    return [ratio_tile(figures.short(ratio["dataset"]), ratio) for ratio in figures.headlines(result)]


def ratio_tile(title: str, ratio: Mapping[str, Any]) -> Element:
    """A ratio in large print."""
    certainty = figures.certainty(ratio)
    ours, theirs = figures.label(ratio["tool"]), figures.label(ratio["against"])
    share: list[Child] = [element("strong", figures.NOTHING), f" against {theirs}"]
    if ratio["ratio"]:
        share = [element("strong", f"{ratio['ratio']:.2f}"), f" of the time of {theirs}"]
    return element(
        "article",
        element("h2", title),
        element("p", f"{ours} took " if ratio["ratio"] else ours, class_="small"),
        element("p", *share, class_="big"),
        element("p", badge(ratio["verdict"]), element("span", certainty[0].upper() + certainty[1:]), class_="sure"),
        class_="tile",
    )


def problems(result: figures.Result) -> Element | None:
    """What went wrong, in plain sight; None if nothing did."""
    boxes = [
        notes("Left in the bucket", figures.left_behind(result), "bad"),
        notes("Problems", figures.problems(result), "bad"),
        notes("Failed runs", [failure.text for failure in figures.failures(result)], "bad"),
        notes(
            "Not measured",
            [f"{figures.label(tool['name'])}: {tool['reason']}" for tool in result["tools"] if not tool["available"]],
        ),
    ]
    if result["status"] == "complete" and not any(box is not None for box in boxes):
        return None
    heading = {"complete": "What was left out"}.get(result["status"], f"This benchmark is {result['status']}")
    return element("section", element("h2", heading), element("div", *boxes, class_="notes"), class_="problems")


def _dataset(result: figures.Result, dataset: Mapping[str, Any], place: int) -> Element:
    name, ident = dataset["name"], f"dataset-{place}"
    charts: list[Child] = [_ratio_chart(result, name, ident)]
    charts += [_metric_chart(result, dataset, metric, ident) for metric in figures.CHARTS]
    return element(
        "section",
        element("h2", name, element("span", figures.dataset_size(dataset), class_="aside")),
        element("div", *charts, class_="charts"),
        _medians(result, dataset, f"{ident}-figures"),
        _ratio_table(result, name, f"{ident}-ratios"),
        id=ident,
        class_="dataset",
    )


def card(title: str, note: str, content: Element) -> Element:
    """A chart with its heading."""
    heading = element("figcaption", element("strong", title), element("span", note))
    return element("figure", heading, content, class_="card")


def _ratio_chart(result: figures.Result, name: str, ident: str) -> Element | None:
    found = figures.ratios(result, name)
    if not found:
        return None
    ours = figures.label(found[0]["tool"])
    rows = [
        chart.Interval(
            figures.label(one["against"]),
            figures.mark(one["against"]),
            one["ratio"],
            one["low"],
            one["high"],
            _ratio_text(one),
        )
        for one in found
    ]
    words = chart.Words(
        f"{ident}-ratio",
        f"Time of {ours} as a share of the time of each other tool, {name}",
        " ".join(figures.sentence(one) for one in found),
        f"{ident}-ratios",
    )
    return card(
        f"Time of {ours} against each other",
        "ratio, with its 95 % interval",
        chart.intervals(rows, words, f"{ours} faster", "slower"),
    )


def _ratio_text(ratio: Mapping[str, Any]) -> str:
    if not ratio["ratio"]:
        return "no pair of good runs"
    return f"{ratio['ratio']:.2f}" if ratio["low"] is None else f"{ratio['ratio']:.2f} ({figures.interval(ratio)})"


def _metric_chart(
    result: figures.Result, dataset: Mapping[str, Any], metric: figures.Metric, ident: str
) -> Element | None:
    rows, told = [], []
    for tool in figures.tools(result):
        if not tool["available"]:
            continue
        row = _bar(result, dataset, tool, metric)
        rows.append(row)
        told.append(f"{row.label}: {row.text}")
    if metric is figures.LINK and all(row.value is None for row in rows):
        return card(
            metric.title, "", element("p", f"Not measured. Link: {figures.link(result['link'])}.", class_="unknown")
        )
    words = chart.Words(
        f"{ident}-{metric.key}",
        f"{metric.title} in {metric.unit} by tool, {dataset['name']}",
        f"Medians. {'; '.join(told)}.",
        f"{ident}-figures",
    )
    return card(
        metric.title, f"{metric.unit}, {metric.better}", chart.bars(rows, words, 100 if metric is figures.LINK else 0)
    )


def _bar(
    result: figures.Result, dataset: Mapping[str, Any], tool: Mapping[str, Any], metric: figures.Metric
) -> chart.Bar:
    name = tool["name"]
    found = figures.measured(result, dataset, name, metric)
    runs = figures.runs(result, dataset["name"], name)
    failed = sum(bool(run["message"]) for run in runs)
    if found is None:
        text = "not known" if failed < len(runs) else figures.good_runs(result, dataset["name"], tool)
        return chart.Bar(figures.label(name), figures.mark(name), None, text, bad=bool(runs) and failed == len(runs))
    text = f"{figures.figure(found.median)} {metric.unit}"
    return chart.Bar(
        figures.label(name),
        figures.mark(name),
        found.median,
        f"{text}, {failed} failed" if failed else text,
        found.values,
    )


def tool_cell(name: str) -> Element:
    """The name of a tool with its sign."""
    return element("span", chart.swatch(figures.mark(name)), f" {figures.label(name)}", class_="tool")


def _medians(result: figures.Result, dataset: Mapping[str, Any], ident: str) -> Element:
    rows: list[list[Child]] = []
    for tool in figures.tools(result):
        found = [figures.measured(result, dataset, tool["name"], metric) for metric in figures.COLUMNS]
        good = figures.good_runs(result, dataset["name"], tool)
        rows.append([tool_cell(tool["name"]), good, *(_median_cell(one) for one in found)])
    head: list[Child] = ["Tool", "Good runs"]
    head += [element("span", metric.title, element("small", metric.unit)) for metric in figures.COLUMNS]
    return table(
        f"{figures.short(dataset['name'])}: medians, and the smallest and the greatest of the good runs",
        head,
        rows,
        ident,
    )


def _median_cell(found: figures.Measured | None) -> Child:
    if found is None:
        return figures.NOTHING
    if len(found.values) == 1:
        return figures.figure(found.median)
    return number(figures.figure(found.median), f"{figures.figure(found.minimum)}\u2013{figures.figure(found.maximum)}")


def _ratio_table(result: figures.Result, name: str, ident: str) -> Element | None:
    found = figures.ratios(result, name)
    if not found:
        return None
    rows: list[list[Child]] = [
        [
            f"{figures.label(one['tool'])} against {figures.label(one['against'])}",
            f"{one['ratio']:.2f}" if one["ratio"] else figures.NOTHING,
            figures.interval(one),
            str(one["pairs"]),
            badge(one["verdict"]),
        ]
        for one in found
    ]
    caption = f"{figures.short(name)}: time of the one as a share of the time of the other, in the same round"
    return table(caption, ["Compared", "Ratio", "95 % interval", "Rounds", "Verdict"], rows, ident)


def _conditions(result: figures.Result) -> Element:
    facts = [element("div", element("dt", name), element("dd", text)) for name, text in figures.facts(result) if text]
    rows: list[list[Child]] = [
        [
            tool_cell(tool["name"]),
            element("span", tool["version"] or figures.NOTHING),
            element("span", tool["settings"] or figures.NOTHING),
            element("span", tool["path"] or tool["reason"] or figures.NOTHING),
        ]
        for tool in figures.tools(result)
    ]
    return element(
        "section",
        element("h2", "How it was measured"),
        element("p", HOW_TO_READ, class_="prose"),
        element("dl", *facts, class_="facts"),
        table("Tools", ["Tool", "Version", "Settings", "Program"], rows),
        id="conditions",
    )


def _runs(result: figures.Result) -> Element | None:
    if not result["runs"]:
        return None
    sizes = {dataset["name"]: dataset["bytes"] for dataset in result["datasets"]}
    rows: list[list[Child]] = [
        [
            figures.short(run["dataset"]),
            element("span", figures.label(run["tool"])),
            str(run["round"]) if run["round"] else "warm-up",
            *(_run_figure(run, sizes.get(run["dataset"], 0), metric) for metric in figures.COLUMNS),
            figures.figure(run["cpu_percent"]),
            figures.NOTHING if run["retries"] is None else str(run["retries"]),
            str(run["errors"]),
            element("span", run["message"] or "good"),
        ]
        for run in result["runs"]
    ]
    head = ["Dataset", "Tool", "Round", *(metric.column for metric in figures.COLUMNS)]
    head += ["CPU %", "retries", "errors", "Outcome"]
    return element(
        "details",
        element("summary", f"Every run ({len(rows)})"),
        table("Every run, in the order in which they ran", head, rows, "runs"),
    )


def _run_figure(run: Mapping[str, Any], size: float, metric: figures.Metric) -> str:
    return figures.figure(None if run["message"] and metric is not figures.TIME else metric.take(run, size))
