# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Each module of the collection has a file of unit tests in the mirrored folder, or a reason here."""

from __future__ import annotations

from pathlib import Path

from dev.ansible_environment import CHECKOUT

PLUGINS, UNIT_TESTS = CHECKOUT / "plugins", CHECKOUT / "tests" / "unit" / "plugins"
#: What needs no file of unit tests, and why.
REASONS = {
    "module_utils/benchmark/report/style.py": "a style sheet: integration/test_benchmark_page.py shows it to a browser",
    "module_utils/common/version.py": "one constant, which tests/project/test_source_files.py compares with galaxy.yml",
    "module_utils/job/options.py": "the table of options, to which tests/project/test_options.py holds the rest",
    "module_utils/transfer/voice.py": "a row of functions: every test of transfers listens to one",
}


def modules() -> list[Path]:
    """The modules that are not plugins themselves, relative to `plugins`."""
    found = [path for folder in ("module_utils", "plugin_utils") for path in (PLUGINS / folder).rglob("*.py")]
    return sorted(path.relative_to(PLUGINS) for path in found if path.name != "__init__.py")


def home_of_tests(module: Path) -> Path:
    """Where the unit tests of a module are."""
    return UNIT_TESTS / module.parent / f"test_{module.name}"


def test_every_module_has_a_file_of_unit_tests_or_a_reason() -> None:
    without = [str(module) for module in modules() if not home_of_tests(module).is_file()]
    assert [module for module in without if module not in REASONS] == []


def test_every_reason_is_of_a_module_that_has_no_tests() -> None:
    without = {str(module) for module in modules() if not home_of_tests(module).is_file()}
    assert [module for module in REASONS if module not in without] == []


def test_every_file_of_unit_tests_is_of_a_module() -> None:
    """So that tests move with the code that moves. A further word after the module's name divides them by subject."""
    homes = [home_of_tests(module) for module in modules()]
    found = [path for folder in ("module_utils", "plugin_utils") for path in (UNIT_TESTS / folder).rglob("test_*.py")]
    strays = [path for path in found if not any(is_of(path, home) for home in homes)]
    assert sorted(str(path.relative_to(CHECKOUT)) for path in strays) == []


def is_of(path: Path, home: Path) -> bool:
    """Whether a file of tests is the one of a module, or one of several of that module."""
    return path.parent == home.parent and (path.stem == home.stem or path.stem.startswith(f"{home.stem}_"))
