# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A job with a state file, and what the lock file remembers of it: `marks`, of which the last one counts."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.job.job import Job
from ansible_collections.datasync.turbo.plugins.module_utils.job.state import Watch
from ansible_collections.datasync.turbo.plugins.module_utils.job.state_file import (
    open_state,
)
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.state_rows import (
    SERVER,
    row,
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "job.db"


@pytest.fixture
def job(source, path):
    return Job(src=str(source), bucket="archive", prefix="p/", state_path=str(path))


@pytest.fixture
def marks():
    """The marks that the lock file was given, the last one counts."""
    return []


@pytest.fixture
def warnings():
    return []


@pytest.fixture
def watch(marks, warnings):
    return Watch(warnings.append, marks.append)


@pytest.fixture
def opened(job, marks, watch):
    """Open the state as a run does: with the mark that the lock file has, unless another one is given."""
    states = []

    def make(**changes):
        mark = changes.pop("mark", marks[-1] if marks else None)
        server = changes.pop("server", SERVER)
        state, trusted = open_state(replace(job, **changes), server, mark, watch)
        states.append(state)
        return state, trusted

    yield make
    for state in states:
        if state is not None:
            state.close()


@pytest.fixture
def filled(opened, path):
    """Make a state file that knows some files; returns its path."""

    def make(*relatives):
        state, _trusted = opened()
        for relative in relatives or ("a", "day 1/b"):
            state.remember(row(relative))
        state.reconciled(time.time(), 2)
        state.close()
        return path

    return make
