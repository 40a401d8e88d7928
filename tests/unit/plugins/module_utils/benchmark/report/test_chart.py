# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Charts show what they are given: lengths and places in proportion, one mark for each run, nothing off the axis."""

from __future__ import annotations

from xml.etree.ElementTree import Element

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.benchmark.report import chart
from hypothesis import given
from hypothesis import strategies as st

WORDS = chart.Words("c", "Title", "Description", "table")


def percent(node: Element, name: str = "x") -> float:
    return float(str(node.get(name)).rstrip("%"))


def of_class(root: Element, name: str) -> list[Element]:
    return [node for node in root.iter() if name in str(node.get("class")).split()]


def texts(root: Element, name: str) -> list[str | None]:
    return [node.text for node in of_class(root, name)]


@pytest.mark.parametrize(
    ("greatest", "end", "step"),
    [(412, 500, 100), (1, 1.25, 0.25), (98, 100, 20), (99, 125, 25), (0.03, 0.04, 0.01), (0, 1, 1), (1537, 2000, 500)],
)
def test_axis_is_round_and_has_room(greatest: float, end: float, step: float) -> None:
    assert chart.axis(greatest) == pytest.approx((end, step))


@given(st.floats(min_value=1e-6, max_value=1e12))
def test_axis_always_has_three_to_five_steps_and_room(greatest: float) -> None:
    end, step = chart.axis(greatest)
    assert 2 <= round(end / step) <= 5
    assert greatest * 1.019 <= end <= greatest * 2


def test_bars_are_in_proportion_and_each_run_has_its_mark() -> None:
    rows = [chart.Bar("ours", 0, 200.0, "200 MB/s", (180.0, 200.0, 210.0)), chart.Bar("theirs", 1, 100.0, "100 MB/s")]
    drawn = chart.bars(rows, WORDS)
    ours, theirs = of_class(drawn, "bar")
    assert percent(ours, "width") == pytest.approx(2 * percent(theirs, "width"))
    assert percent(ours, "width") == pytest.approx(200 / 250 * 100)
    assert [percent(dot) for dot in of_class(drawn, "dot")] == pytest.approx([72.0, 80.0, 84.0])
    (line,) = of_class(drawn, "range")
    assert (percent(line, "x1"), percent(line, "x2")) == pytest.approx((72.0, 84.0))


def test_a_share_is_drawn_against_the_whole() -> None:
    (drawn,) = of_class(chart.bars([chart.Bar("a", 0, 12.0, "12 %")], WORDS, whole=100), "bar")
    assert percent(drawn, "width") == pytest.approx(12)
    (drawn,) = of_class(chart.bars([chart.Bar("a", 0, 120.0, "120 %")], WORDS, whole=100), "bar")
    assert percent(drawn, "width") == pytest.approx(96), "more than the whole has its place too"


def test_a_row_without_a_value_says_why_and_has_no_bar() -> None:
    drawn = chart.bars([chart.Bar("a", 0, None, "all 3 failed", bad=True), chart.Bar("b", 1, None, "not known")], WORDS)
    assert of_class(drawn, "bar") == []
    assert texts(drawn, "bad") == ["all 3 failed"]
    assert texts(drawn, "muted") == ["not known"]


def test_tools_differ_by_pattern_and_by_shape() -> None:
    rows = [chart.Bar(str(number), number, 1.0, "1", (1.0,)) for number in range(chart.MARKS)]
    drawn = chart.bars(rows, WORDS)
    patterns = [node.get("fill") for node in drawn.iter("rect") if node.get("fill")]
    assert len(set(patterns)) == chart.MARKS - 1, "one is plain"
    assert len({node.get("href") for node in of_class(drawn, "dot")}) == chart.MARKS
    defined = {f"#{node.get('id')}" for node in chart.definitions().iter() if node.get("id")}
    assert {node.get("href") for node in of_class(drawn, "dot")} <= defined
    assert {str(fill)[4:-1] for fill in patterns} <= defined


def test_charts_speak() -> None:
    drawn = chart.bars([chart.Bar("a", 0, 1.0, "1")], WORDS)
    assert drawn.get("role") == "img"
    title, description = drawn.find("title"), drawn.find("desc")
    assert title is not None
    assert description is not None
    assert (title.text, description.text) == ("Title", "Description")
    assert drawn.get("aria-labelledby") == title.get("id")
    assert drawn.get("aria-describedby") == f"{description.get('id')} table"


def test_interval_has_its_ends_and_its_ratio_in_place() -> None:
    drawn = chart.intervals([chart.Interval("a", 1, 0.5, 0.25, 1.0, "0.50")], WORDS, "better", "worse")
    (middle,) = of_class(drawn, "middle")
    line, low, high = of_class(drawn, "range")
    assert percent(middle) == pytest.approx((percent(line, "x1") + percent(line, "x2")) / 2, abs=0.02)
    assert (percent(low, "x1"), percent(high, "x1")) == (percent(line, "x1"), percent(line, "x2"))
    (same,) = of_class(drawn, "same")
    assert percent(same, "x1") == percent(high, "x1")


def test_a_ratio_without_an_interval_is_a_mark_alone() -> None:
    drawn = chart.intervals([chart.Interval("a", 1, 0.5, None, None, "0.50")], WORDS, "better", "worse")
    assert len(of_class(drawn, "middle")) == 1
    assert of_class(drawn, "range") == []


def test_no_ratio_at_all() -> None:
    drawn = chart.intervals([chart.Interval("a", 1, None, None, None, "no pair")], WORDS, "better", "worse")
    assert of_class(drawn, "middle") == []
    assert texts(drawn, "muted") == ["no pair"]


@given(st.lists(st.floats(min_value=1e-4, max_value=1e4), min_size=1, max_size=9))
def test_every_ratio_and_1_are_within_the_axis_and_ticks_keep_their_distance(ratios: list[float]) -> None:
    low, high = chart.ratio_axis(ratios)
    assert low < min([1.0, *ratios])
    assert high > max([1.0, *ratios])
    ticks = chart.ratio_ticks(low, high)
    assert 1.0 in ticks
    places = [chart.ratio_place(tick, low, high) for tick in ticks]
    assert all(later - earlier >= 15 for earlier, later in zip(places, places[1:]))
    assert 0 <= places[0] <= places[-1] <= 100


def test_ends_of_a_ratio_axis_close_around_what_there_is() -> None:
    assert chart.ratio_axis([0.96, 1.04]) == (0.9, 1.1)
    assert chart.ratio_axis([0.38]) == (0.2, 1.1)


def test_a_long_label_keeps_both_ends_and_its_whole_text_as_a_title() -> None:
    name = "upload-server-with-a-long-name.frankfurt-1.example.com"
    short = chart.shortened(name)
    assert len(short) == chart.MAX_LABEL
    head, tail = short.split("\u2026")
    assert name.startswith(head)
    assert name.endswith(tail)
    drawn = chart.bars([chart.Bar(name, 0, 1.0, "1")], WORDS)
    (label,) = of_class(drawn, "label")
    assert label.findtext("title") == name
