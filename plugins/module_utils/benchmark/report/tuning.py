# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What tuning found and by what trials, as a section of the page of a benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element

from ...common.units import format_bytes_si
from . import chart
from .figures import NOTHING, figure, interval
from .markup import Child, element, table

#: How the settings of a trial are named, and what they are measured in.
_SETTINGS = {"numworkers": "{} workers", "concurrency": "{} parts at once", "part_size": "{} MiB parts"}
_RULE = (
    "Settings replace the defaults only where the whole interval is below 1: where no gain is shown, the defaults stay."
)
#: The sign of no tool.
_MARK = chart.MARKS - 1


def tuning_section(tuning: Mapping[str, Any]) -> Element:
    """For each class of files the settings in force, what was gained, and the trials behind that."""
    classes = tuning["classes"]
    rows = [
        chart.Interval(name, _MARK, one["ratio"], one["low"], one["high"], _gain(one)) for name, one in classes.items()
    ]
    words = chart.Words(
        "tuning-ratio",
        "Time with the tuned settings as a share of the time with the defaults, by class of files",
        "; ".join(f"{row.label}: {row.text}" for row in rows),
        "tuning-figures",
    )
    figures = element(
        "figure",
        element(
            "figcaption",
            element("strong", "Time tuned against defaults"),
            element("span", "ratio, with its 95 % interval"),
        ),
        chart.intervals(rows, words, "tuned faster", "slower"),
        class_="card",
    )
    return element(
        "section",
        element("h2", "Tuning"),
        element("p", f"{_RULE} {used(tuning)}", class_="prose"),
        element("div", figures, class_="charts one"),
        _classes(classes),
        *(_trials(name, one) for name, one in classes.items() if one["trials"]),
        id="tuning",
    )


def tuning_lines(tuning: Mapping[str, Any]) -> list[str]:
    """The same for a terminal, a line for each class."""
    lines = [
        f"{name} files: {in_force(one)}; {_gain(one)} ({one['reason']})" for name, one in tuning["classes"].items()
    ]
    return [*lines, used(tuning)]


def used(tuning: Mapping[str, Any]) -> str:
    """What the tuning took, and why it ended early if it did."""
    budget = tuning["budget"]
    text = (
        f"It took {figure(budget['used_seconds'])} of {figure(budget['seconds'])} s and uploaded "
        f"{format_bytes_si(budget['used_bytes'])} of {format_bytes_si(budget['bytes'])}."
    )
    return f"{text} It was ended early: {tuning['stopped']}." if tuning.get("stopped") else text


def in_force(one: Mapping[str, Any]) -> str:
    """The settings with which a class of files is sent now."""
    text = settings_text(one["settings"])
    return f"{text} (the defaults)" if one["settings"] == one["defaults"] else text


def _classes(classes: Mapping[str, Any]) -> Element:
    rows: list[list[Child]] = [
        [
            name,
            element("span", in_force(one)),
            element("span", settings_text(one["best"])),
            f"{one['ratio']:.2f}" if one["ratio"] else NOTHING,
            interval(one),
            str(one["pairs"]),
            element("span", one["reason"] or NOTHING),
        ]
        for name, one in classes.items()
    ]
    head = ["Files", "In force", "Best found", "Ratio", "95 % interval", "Pairs", "Why"]
    return table("Settings by class of files", head, rows, "tuning-figures")


def _trials(name: str, one: Mapping[str, Any]) -> Element:
    rows: list[list[Child]] = [
        [
            settings_text(trial["settings"]),
            str(trial["rung"]),
            figure(trial.get("seconds")),
            figure(trial["bytes_per_second"] / 1e6 if trial.get("bytes_per_second") else None),
            element("span", str(trial.get("failed") or "good")),
        ]
        for trial in one["trials"]
    ]
    return element(
        "details",
        element("summary", f"Trials with {name} files ({len(rows)})"),
        table(f"Trials with {name} files", ["Settings", "Rung", "seconds", "MB/s", "Outcome"], rows),
    )


def settings_text(settings: Mapping[str, Any]) -> str:
    """`32 workers, 8 parts at once, 16 MiB parts`."""
    return ", ".join(words.format(settings[name]) for name, words in _SETTINGS.items() if name in settings)


def _gain(one: Mapping[str, Any]) -> str:
    if one["shown"]:
        return f"{one['gain_percent']:.0f} % less time"
    return f"{one['ratio']:.2f}, defaults stay" if one["ratio"] else "defaults stay"
