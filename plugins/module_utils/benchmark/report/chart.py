# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Charts as SVG: bars with a mark for every single run, and ratios with their intervals.

Positions along the axis are percentages and texts have their own size, so that a chart fills whatever width it gets
and stays readable in a column of a telephone. A series is told by its label, by the pattern of its bar and by the
shape of its marks; colour only helps. Colours: M. Okabe, K. Ito, https://jfly.uni-koeln.de/color/
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from xml.etree.ElementTree import Element

from .markup import Child, element

#: Patterns and shapes there are; a series above that begins again.
MARKS = 7
#: Characters of a label that stand beside a value in the narrowest column.
MAX_LABEL = 28
#: Heights in pixels: a row with its label above its bar, the bar, the axis with its figures.
ROW, BAR, AXIS = 46, 14, 24
_LABEL_LINE, _BAR_TOP = 15, 23
#: A line of the grid is seen beside the bars, and not between the words above them.
_BESIDE_BARS = f"0 {_BAR_TOP - 4} {ROW - _BAR_TOP + 4} 0"

#: Ends and ticks of an axis of ratios.
_RATIOS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 0.8, 0.9, 1.0, 1.1, 1.25, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
#: Least distance of two ticks, in percent of the axis: four figures fit between in a narrow column.
_TICK_DISTANCE = 15

_SHAPES = (
    "M0-4.5A4.5 4.5 0 1 1 0 4.5A4.5 4.5 0 1 1 0-4.5Z",
    "M-4-4H4V4H-4Z",
    "M0-5L5 4H-5Z",
    "M0-5.5L5.5 0L0 5.5L-5.5 0Z",
    "M0 5L5-4H-5Z",
    "M-5-2H-2V-5H2V-2H5V2H2V5H-2V2H-5Z",
    "M-5-3H5V3H-5Z",
)
#: Drawn over a bar's colour; the first has none.
_PATTERNS = (
    "",
    "M-2 2L2-2M0 8L8 0M6 10L10 6",
    "M-2 2L2-2M0 8L8 0M6 10L10 6M-2 6L2 10M0 0L8 8M6-2L10 2",
    "M2 2h.01M6 6h.01",
    "M4 0V8",
    "M0 4H8",
    "M0 4H8M4 0V8",
)

STYLE = """
.chart{display:block;width:100%;overflow:visible;font-variant-numeric:tabular-nums}
.chart text{fill:var(--ink);font-size:13px}
.chart .label{font-weight:600}
.chart .value{text-anchor:end}
.chart .muted,.chart .tick{fill:var(--muted)}
.chart .bad{fill:var(--bad);font-weight:600}
.chart .tick{font-size:11px}
.grid,.zero,.same{stroke:var(--line);stroke-width:1;shape-rendering:crispEdges}
.zero,.same{stroke:var(--muted)}
.bar{fill:var(--c);stroke:var(--e);stroke-width:1}
.range{stroke:var(--ink);stroke-width:1.5}
.dot{fill:var(--card);stroke:var(--ink);stroke-width:1.4}
.middle{fill:var(--c);stroke:var(--ink);stroke-width:1.4}
.pattern{stroke:var(--card);stroke-width:1.7;stroke-linecap:round;fill:none}
.pattern-3{stroke-width:2.6}
.definitions{position:absolute;width:0;height:0}
.mark-0{--c:#0072b2;--e:#00507d}
.mark-1{--c:#e69f00;--e:#8f6300}
.mark-2{--c:#d55e00;--e:#8c3e00}
.mark-3{--c:#009e73;--e:#006349}
.mark-4{--c:#cc79a7;--e:#8d4a70}
.mark-5{--c:#f0e442;--e:#857d00}
.mark-6{--c:#8a8f98;--e:#565b63}
@media screen and (prefers-color-scheme:dark){
.mark-0{--c:#56b4e9;--e:#8fd0f5}
.mark-1{--e:#ffc64d}
.mark-2{--e:#ff9a52}
.mark-3{--e:#45d3ab}
.mark-4{--e:#eab0d0}
.mark-5{--e:#fff59a}
.mark-6{--e:#b9bec6}
}
"""


@dataclass(frozen=True)
class Bar:
    """A row: the bar up to `value`, a mark for each of `runs`. Without a value `text` says why there is none."""

    label: str
    mark: int
    value: float | None
    text: str
    runs: Sequence[float] = ()
    bad: bool = False


@dataclass(frozen=True)
class Interval:
    """A row: a ratio, and the interval in which it lies, if that is known. Without a ratio `text` says why."""

    label: str
    mark: int
    ratio: float | None
    low: float | None
    high: float | None
    text: str


class Words(NamedTuple):
    """What a chart says to those who do not see it."""

    ident: str
    title: str
    description: str
    #: id of the table with the same figures.
    table: str | None = None


def definitions() -> Element:
    """The patterns and shapes that the charts of a page use; once on each page, before the charts."""
    patterns = [
        element(
            "pattern",
            element("path", d=path, class_=f"pattern pattern-{number}"),
            id=f"pattern-{number}",
            width=8,
            height=8,
            patternUnits="userSpaceOnUse",
        )
        for number, path in enumerate(_PATTERNS)
        if path
    ]
    shapes = [element("path", id=f"shape-{number}", d=path) for number, path in enumerate(_SHAPES)]
    return element("svg", element("defs", *patterns, *shapes), class_="definitions", aria_hidden="true")


def bars(rows: Sequence[Bar], words: Words, whole: float = 0) -> Element:
    """Horizontal bars from zero, a row each, over a common axis, which reaches to `whole` at least."""
    greatest = max((top for row in rows for top in (row.value, *row.runs) if top is not None), default=0.0)
    end, step = axis(greatest) if greatest > whole or not whole else (whole, whole / 4)
    height = ROW * len(rows)
    grid = _grid([(n * step / end * 100, n * step) for n in range(1, round(end / step) + 1)], height)
    grid.append(_upright("0", height, "zero"))
    grid.append(_tick(0, "0", height))
    marks = [part for number, row in enumerate(rows) for part in _bar(row, ROW * number, end)]
    return _chart([*grid, *marks], height + AXIS, words)


def intervals(
    rows: Sequence[Interval], words: Words, better: str, worse: str, *, beside: Sequence[Interval] = ()
) -> Element:
    """Ratios on a logarithmic axis around 1; `better` and `worse` say what its left and its right side mean.

    `beside` are rows of other charts that shall have the same axis.
    """
    low, high = ratio_axis([bound for row in (*rows, *beside) for bound in (row.low, row.ratio, row.high) if bound])
    height = ROW * len(rows)
    ticks = ratio_ticks(low, high)
    grid = _grid([(ratio_place(tick, low, high), tick) for tick in ticks], height)
    grid.append(_upright(_percent(ratio_place(1, low, high)), height, "same"))
    sides = [
        element("text", f"\u2190 {better}", x="0", y=height + AXIS + 12, class_="tick"),
        element("text", f"{worse} \u2192", x="100%", y=height + AXIS + 12, class_="tick value"),
    ]
    marks = [part for number, row in enumerate(rows) for part in _interval(row, ROW * number, low, high)]
    return _chart([*grid, *sides, *marks], height + AXIS + 18, words)


def axis(greatest: float) -> tuple[float, float]:
    """End and step of an axis from zero on which `greatest` has a little room: (500, 100) for 412."""
    if greatest <= 0:
        return 1.0, 1.0
    room = greatest * 1.02
    power = 10.0 ** math.floor(math.log10(room / 4))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if room / (power * factor) <= 5)
    return math.ceil(room / step - 1e-9) * step, step


def ratio_axis(ratios: Sequence[float]) -> tuple[float, float]:
    """Ends of an axis on which all of the ratios and 1 have a place that is not at its edge."""
    least, greatest = min([1.0, *ratios]), max([1.0, *ratios])
    low = max((end for end in _RATIOS if end <= least / 1.02), default=least / 1.1)
    high = min((end for end in _RATIOS if end >= greatest * 1.02), default=greatest * 1.1)
    return low, high


def ratio_ticks(low: float, high: float) -> list[float]:
    """The ticks that have room, 1 always."""
    ticks = [1.0]
    for tick in sorted(
        (one for one in (low, high, *_RATIOS) if low <= one <= high), key=lambda one: one in (low, high)
    ):
        place = ratio_place(tick, low, high)
        if all(abs(place - ratio_place(other, low, high)) >= _TICK_DISTANCE for other in ticks):
            ticks.append(tick)
    return sorted(ticks)


def ratio_place(ratio: float, low: float, high: float) -> float:
    """Where a ratio is on the axis, in percent."""
    place = (math.log(ratio) - math.log(low)) / (math.log(high) - math.log(low)) * 100
    return min(max(place, 0.0), 100.0)


def shortened(label: str, length: int = MAX_LABEL) -> str:
    """A long label without its middle: what tells hosts and folders apart is at their ends."""
    if len(label) <= length:
        return label
    head = (length - 1) * 3 // 5
    return f"{label[:head]}\u2026{label[len(label) - (length - 1 - head) :]}"


def swatch(mark: int) -> Element:
    """The sign of a series, to stand before its name in a table."""
    return element(
        "svg",
        *_filled("100%", mark, 1, 10),
        width=18,
        height=12,
        class_=f"swatch mark-{mark % MARKS}",
        aria_hidden="true",
    )


def _chart(parts: Sequence[Child], height: float, words: Words) -> Element:
    title, description = f"{words.ident}-title", f"{words.ident}-description"
    return element(
        "svg",
        element("title", words.title, id=title),
        element("desc", words.description, id=description),
        *parts,
        class_="chart",
        id=words.ident,
        width="100%",
        height=height,
        role="img",
        aria_labelledby=title,
        aria_describedby=" ".join(filter(None, (description, words.table))),
    )


def _grid(ticks: Sequence[tuple[float, float]], height: float) -> list[Element]:
    """A line and a figure for each tick, given by its place in percent and its value."""
    parts = []
    for place, value in ticks:
        parts.append(_upright(_percent(place), height, "grid"))
        parts.append(_tick(place, f"{value:,.10g}", height))
    return parts


def _upright(where: str, height: float, kind: str) -> Element:
    return element("line", x1=where, x2=where, y1="0", y2=height, stroke_dasharray=_BESIDE_BARS, class_=kind)


def _tick(place: float, text: str, height: float) -> Element:
    anchor = "start" if place < 1 else "end" if place > 99 else "middle"
    return element("text", text, x=_percent(place), y=height + 15, text_anchor=anchor, class_="tick")


def _bar(row: Bar, top: float, end: float) -> list[Element]:
    parts = _texts(row.label, row.text, top, "bad" if row.bad else "" if row.value is not None else "muted")
    if row.value is None:
        return parts
    group = element(
        "g", *_filled(_percent(row.value / end * 100), row.mark, top + _BAR_TOP, BAR), class_=f"mark-{row.mark % MARKS}"
    )
    middle = top + _BAR_TOP + BAR / 2
    places = sorted(run / end * 100 for run in row.runs)
    if len(places) > 1:
        group.append(_line(places[0], places[-1], middle))
    for place in places:
        group.append(_shape(row.mark, place, middle, "dot"))
    return [*parts, group]


def _filled(width: str, mark: int, top: float, height: float) -> list[Element]:
    number = mark % MARKS
    solid = element("rect", x="0", y=top, width=width, height=height, rx="2", class_="bar")
    if not _PATTERNS[number]:
        return [solid]
    return [
        solid,
        element("rect", x="0", y=top, width=width, height=height, rx="2", fill=f"url(#pattern-{number})"),
    ]


def _interval(row: Interval, top: float, low: float, high: float) -> list[Element]:
    parts = _texts(row.label, row.text, top, "" if row.ratio else "muted")
    if not row.ratio:
        return parts
    middle = top + _BAR_TOP + BAR / 2
    group = element("g", class_=f"mark-{row.mark % MARKS}")
    if row.low and row.high:
        ends = [ratio_place(bound, low, high) for bound in (row.low, row.high)]
        group.append(_line(ends[0], ends[1], middle))
        for end in ends:
            group.append(
                element("line", x1=_percent(end), x2=_percent(end), y1=middle - 5, y2=middle + 5, class_="range")
            )
    group.append(_shape(row.mark, ratio_place(row.ratio, low, high), middle, "middle"))
    return [*parts, group]


def _texts(label: str, text: str, top: float, kind: str) -> list[Element]:
    line = top + _LABEL_LINE
    shown = element("text", shortened(label), x="0", y=line, class_="label")
    if len(label) > MAX_LABEL:
        shown.append(element("title", label))
    return [shown, element("text", text, x="100%", y=line, class_=f"value {kind}".strip())]


def _line(start: float, end: float, middle: float) -> Element:
    return element("line", x1=_percent(start), x2=_percent(end), y1=middle, y2=middle, class_="range")


def _shape(mark: int, place: float, middle: float, kind: str) -> Element:
    return element("use", href=f"#shape-{mark % MARKS}", x=_percent(place), y=middle, class_=kind)


def _percent(place: float) -> str:
    return f"{place:.2f}%"
