# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What tuning found, as a section of a page and as lines: no gain that was not shown."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.benchmark.report.tuning import (
    in_force,
    settings_text,
    tuning_lines,
    tuning_section,
    used,
)
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils import benchmark_results

SETTINGS = {"numworkers": 32, "concurrency": 8, "part_size": 16}


@pytest.fixture
def tuning() -> dict[str, Any]:
    return benchmark_results.tuning()


def test_settings_are_said_in_words() -> None:
    assert settings_text(SETTINGS) == "32 workers, 8 parts at once, 16 MiB parts"
    assert settings_text({"part_size": 64}) == "64 MiB parts"
    assert in_force({"settings": SETTINGS, "defaults": SETTINGS}).endswith("16 MiB parts (the defaults)")
    assert in_force({"settings": SETTINGS, "defaults": {}}).endswith("16 MiB parts")


def test_each_class_has_a_line_that_says_a_gain_only_where_one_was_shown(tuning: dict[str, Any]) -> None:
    lines = tuning_lines(tuning)
    assert len(lines) == len(tuning["classes"]) + 1
    for line, (name, one) in zip(lines, tuning["classes"].items()):
        assert line.startswith(f"{name} files: ")
        assert ("less time" in line) == one["shown"]
        assert ("defaults stay" in line) != one["shown"]


def test_a_class_that_was_not_measured_keeps_the_defaults(tuning: dict[str, Any]) -> None:
    name, one = next(iter(tuning["classes"].items()))
    tuning["classes"] = {name: {**one, "shown": False, "ratio": None, "low": None, "high": None, "trials": []}}
    assert "; defaults stay (" in tuning_lines(tuning)[0]
    assert "Trials with" not in ElementTree.tostring(tuning_section(tuning), "unicode")


def test_what_it_took_and_why_it_ended_early_are_said(tuning: dict[str, Any]) -> None:
    assert used(tuning).startswith("It took ")
    assert used({**tuning, "stopped": "stopped by SIGINT"}).endswith("It was ended early: stopped by SIGINT.")


def test_the_section_holds_every_trial_with_its_outcome(tuning: dict[str, Any]) -> None:
    section = tuning_section(tuning)
    assert section.get("id") == "tuning"
    rows = sum(len(one["trials"]) for one in tuning["classes"].values())
    assert sum(len(details.findall(".//tbody/tr")) for details in section.iter("details")) == rows
    text = "".join(section.itertext())
    for one in tuning["classes"].values():
        assert in_force(one) in text
