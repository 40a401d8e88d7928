# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The Pythons that stand for the hosts' are real ones, and are found again through the links made to them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dev.interpreters import find_interpreter, link_interpreters

VERSION = "{}.{}".format(*sys.version_info)


@pytest.fixture
def real() -> Path:
    found = find_interpreter(VERSION)
    assert found is not None
    return found


def test_a_real_interpreter_is_found_not_the_virtual_environment(real: Path) -> None:
    answer = subprocess.check_output([real, "-c", "import sys; print(sys.prefix == sys.base_prefix)"], text=True)
    assert answer == "True\n"


def test_the_python_that_runs_us_is_found_wherever_it_is(
    real: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_interpreter(VERSION) == real


def test_links_lead_to_the_interpreter_also_when_they_are_made_again(
    real: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    link_interpreters(tmp_path, {VERSION: real})
    found = find_interpreter(VERSION)
    assert found == real
    link_interpreters(tmp_path, {VERSION: found})
    assert (tmp_path / f"python{VERSION}").resolve() == real


def test_an_inactive_shim_is_passed_over(real: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shims").mkdir()
    shim = tmp_path / "shims" / f"python{VERSION}"
    shim.write_text("#!/bin/sh\nexit 127\n")
    shim.chmod(0o755)
    link_interpreters(tmp_path / "real", {VERSION: real})
    monkeypatch.setenv("PATH", f"{tmp_path / 'shims'}:{tmp_path / 'real'}")
    assert find_interpreter(VERSION) == real


def test_a_python_that_is_not_here_is_not_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    assert find_interpreter("3.9") is None
