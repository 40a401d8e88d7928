# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Commands that the installer runs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.commands import LOCALE, Completed
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import InstallationError
from ansible_collections.datasync.turbo.plugins.module_utils.install.tools import run_command


def test_a_command_runs_without_a_shell_and_without_input() -> None:
    script = "import sys; print(sys.argv[1:], repr(sys.stdin.read())); sys.exit(3)"
    done = run_command([sys.executable, "-c", script, "$HOME", "a b", "*"])
    assert done == Completed(3, "['$HOME', 'a b', '*'] ''\n", "")


def test_a_command_gets_the_environment_on_top_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OURS", "kept")
    script = "import os; print(os.environ['OURS'], os.environ['ADDED'], os.environ['LC_ALL'])"
    assert run_command([sys.executable, "-c", script], {"ADDED": "too"}).stdout == f"kept too {LOCALE}\n"


def test_commands_that_cannot_run(tmp_path: Path) -> None:
    with pytest.raises(InstallationError, match="missing does not run: No such file or directory"):
        run_command([str(tmp_path / "missing"), "version"])
    (tmp_path / "data").write_bytes(b"\x7fELF nothing")
    (tmp_path / "data").chmod(0o755)
    with pytest.raises(InstallationError, match="data does not run: Exec format error"):
        run_command([str(tmp_path / "data"), "version"])
    with pytest.raises(InstallationError, match=r"did not end within 0\.2 seconds"):
        run_command([sys.executable, "-c", "import time; time.sleep(30)"], timeout=0.2)
