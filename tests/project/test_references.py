# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Where the documentation names a test as its proof, there is that test."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest

from dev.ansible_environment import CHECKOUT

PAGES = sorted((CHECKOUT / "docs").glob("*.md"))
#: `test_x::test_y`, or with folders before it of which some may be left out: `unit/plan/test_x::test_y`.
REFERENCE = re.compile(r"`((?:[\w-]+/)*)(test_\w+)((?:::\w+)+)`")


@lru_cache
def files_of_tests() -> dict[str, list[Path]]:
    """Test files by their names without the suffix, relative to `tests`."""
    found: dict[str, list[Path]] = {}
    root = CHECKOUT / "tests"
    for path in sorted(root.rglob("test_*.py")):
        found.setdefault(path.stem, []).append(path.relative_to(root))
    return found


def lost(page: str) -> Iterator[str]:
    """The references in a page that lead to no test."""
    for folders, file, names in REFERENCE.findall(page):
        name = names.split("::")[-1]
        wanted = [part for part in folders.split("/") if part]
        candidates = [path for path in files_of_tests().get(file, []) if is_below(path, wanted)]
        defines = re.compile(rf"^\s*(?:def|class) {name}\b", re.MULTILINE)
        if not any(defines.search((CHECKOUT / "tests" / path).read_text("utf-8")) for path in candidates):
            yield f"{folders}{file}{names}"


def is_below(path: Path, folders: list[str]) -> bool:
    """Whether the folders are on the path, in their order."""
    parts = iter(path.parts)
    return all(folder in parts for folder in folders)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_test_that_a_page_names_is_there(page: Path) -> None:
    assert list(lost(page.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    ("reference", "found"),
    [
        ("`project/test_references::test_every_test_that_a_page_names_is_there`", []),
        ("`test_references::test_every_test_that_a_page_names_is_there`", []),
        (
            "`unit/test_references::test_every_test_that_a_page_names_is_there`",
            ["unit/test_references::test_every_test_that_a_page_names_is_there"],
        ),
        ("`test_references::test_that_was_renamed`", ["test_references::test_that_was_renamed"]),
        ("`test_that_is_gone::test_a`", ["test_that_is_gone::test_a"]),
    ],
)
def test_a_reference_that_leads_nowhere_is_named(reference: str, found: list[str]) -> None:
    assert list(lost(f"Proven by {reference}.")) == found
