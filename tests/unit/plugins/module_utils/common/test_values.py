# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Values of options are read from env files, taken from tasks, and refused by the name of their option."""

from __future__ import annotations

import pwd
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError
from ansible_collections.datasync.turbo.plugins.module_utils.common.values import (
    FLAG,
    PATH,
    SECONDS,
    TEXT,
    TEXTS,
    Values,
    one_of,
    whole_number,
    word_of,
)

COLOURS = one_of(("red", "blue"))
WORDS = word_of(("red", "blue"))


@pytest.mark.parametrize(
    ("values", "text", "value"),
    [
        (TEXT, "a b", "a b"),
        (TEXTS, "*.mov, *.mxf\ta/*", ["*.mov", "*.mxf", "a/*"]),
        (FLAG, "yes", True),
        (PATH, "~/file", "~/file"),
        (SECONDS, "15m", 900),
        (whole_number(1), "7", 7),
        (COLOURS, "Red", "Red"),
        (WORDS, "Red", "red"),
    ],
)
def test_an_env_file_has_its_own_way_of_writing(values: Values, text: str, value: Any) -> None:
    assert values.read(text, "site.env:1: NAME") == value


@pytest.mark.parametrize(
    ("values", "text", "message"),
    [
        (FLAG, "perhaps", "'perhaps' is neither true nor false"),
        (SECONDS, "soon", "'soon' is not a duration"),
        (whole_number(1), "0", "'0' is not a whole number from 1 up"),
        (WORDS, "green", "'green' is not known (write one of red, blue)"),
    ],
)
def test_what_an_env_file_cannot_mean_is_refused_by_its_line(values: Values, text: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        values.read(text, "site.env:1: NAME")
    assert str(refused.value).startswith(f"site.env:1: NAME {message}")


@pytest.mark.parametrize(
    ("values", "given", "value"),
    [
        (TEXT, "a b", "a b"),
        (TEXTS, ["a", 1], ("a", "1")),
        (FLAG, False, False),
        (SECONDS, "90", 90),
        (whole_number(0), 0, 0),
        (COLOURS, "red", "red"),
        (COLOURS, "", None),
        (PATH, "", None),
        (PATH, "/srv/../data/", "/data"),
    ],
)
def test_a_job_gets_what_a_task_means(values: Values, given: Any, value: Any) -> None:
    assert values.check(given, "option") == value


@pytest.mark.parametrize(
    ("values", "given", "message"),
    [
        (TEXTS, "a/*", "option 'a/*' is one text (give a list)"),
        (SECONDS, -1, "option -1 is not a whole number of at least 0"),
        (whole_number(1), "two", "option 'two' is not a whole number of at least 1"),
        (COLOURS, "green", "option 'green' is not known (one of red, blue)"),
    ],
)
def test_what_a_task_cannot_mean_is_refused_by_its_option(values: Values, given: Any, message: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        values.check(given, "option")
    assert str(refused.value) == message


def test_a_path_begins_where_the_program_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert PATH.check("logs/sync.log", "log_path") == str(tmp_path / "logs" / "sync.log")


def test_a_tilde_is_the_home_of_who_runs_or_of_who_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert PATH.check("~/logs/sync.log", "log_path") == str(tmp_path / "logs" / "sync.log")
    assert PATH.check("~root/sync.log", "log_path") == f"{pwd.getpwnam('root').pw_dir}/sync.log"


def test_the_home_of_nobody_is_refused_and_no_folder_of_that_name_is_made() -> None:
    with pytest.raises(ConfigurationError) as refused:
        PATH.check("~never-made/sync.log", "log_path")
    assert str(refused.value) == (
        "log_path '~never-made/sync.log' begins with a home folder that this host does not know"
        " (write the path from the / on)"
    )
