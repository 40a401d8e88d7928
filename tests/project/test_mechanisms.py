# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""One mechanism for one thing: who needs it takes it from where it is, and nobody makes another one."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from dev.ansible_environment import CHECKOUT

PLUGINS = CHECKOUT / "plugins"
#: What only these files use, each for the reason that its first lines give.
USERS = {
    "flock": {"module_utils/common/locks.py"},
    # To write whole, durably and without leftovers that grow.
    "fsync": {
        "module_utils/common/files.py",
        # What is written in its place, or copied and looked at before it has its name.
        "module_utils/job/lock.py",
        "module_utils/report/history.py",
        "module_utils/sync/departure.py",
    },
    "symlink": {"module_utils/common/files.py"},
    "symlink_to": set(),
    "mkstemp": set(),
    "NamedTemporaryFile": set(),
    "ENOSPC": {
        "module_utils/common/files.py",
        # What a write of less than was asked for means.
        "module_utils/benchmark/measure/data.py",
        "module_utils/job/lock.py",
        "module_utils/report/history.py",
    },
    "subprocess": {
        "module_utils/common/commands.py",
        # What lives longer than one question.
        "module_utils/benchmark/measure/usage.py",
        "module_utils/fleet/supervisor.py",
        "module_utils/transfer/s5cmd/process.py",
    },
    "Thread": {
        "module_utils/common/threads.py",
        # Not work that is given out: one that reaps a child, one that imports ahead, one that is a server, and helpers
        # that join a file's reader while processors are idle.
        "module_utils/benchmark/measure/usage.py",
        "module_utils/proof/checksums.py",
        "module_utils/proof/reading.py",
        "module_utils/transfer/relay/relay.py",
    },
    # It must wait for every copy that began, else an upload that it aborts would get one more part.
    "ThreadPoolExecutor": {"module_utils/audit/attach.py"},
}


def uses(source: str, name: str) -> bool:
    """Whether Python code imports or names something."""
    return any(
        (isinstance(node, ast.Name) and node.id == name)
        or (isinstance(node, ast.Attribute) and node.attr == name)
        or (isinstance(node, (ast.Import, ast.ImportFrom)) and any(alias.name == name for alias in node.names))
        or (isinstance(node, ast.ImportFrom) and node.module == name)
        for node in ast.walk(ast.parse(source))
    )


def users(root: Path, name: str) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*.py") if uses(path.read_text("utf-8"), name)}


@pytest.mark.parametrize("name", sorted(USERS))
def test_one_mechanism_for_one_thing(name: str) -> None:
    assert users(PLUGINS, name) == USERS[name]


@pytest.mark.parametrize(
    "source", ["import fcntl\nfcntl.flock(1, 2)\n", "from fcntl import flock\n", "from flock import lock\n"]
)
def test_another_one_is_named_however_it_is_imported(tmp_path: Path, source: str) -> None:
    (tmp_path / "sync").mkdir()
    (tmp_path / "sync" / "own_lock.py").write_text(source, "utf-8")
    (tmp_path / "sync" / "plain.py").write_text('"""Explains flock(2)."""\nflocks = 1\n', "utf-8")
    assert users(tmp_path, "flock") == {"sync/own_lock.py"}
