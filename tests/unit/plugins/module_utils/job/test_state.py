# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The state: what it remembers, and that it never tells more than the bucket held."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from contextlib import closing

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.job import state as state_module
from ansible_collections.datasync.turbo.plugins.module_utils.job.local_file import Identity
from ansible_collections.datasync.turbo.plugins.module_utils.job.state import Row
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.state_rows import (
    IDENTITY,
    SERVER,
    relatives,
    row,
    rows_on_disk,
)

# --- rows


def test_what_was_remembered_is_there_in_the_next_run(filled, opened):
    filled()
    state, trusted = opened()
    assert trusted
    assert list(state.rows()) == [row("a"), row("day 1/b")]
    assert state.row("day 1/b") == row("day 1/b")
    assert state.row("missing") is None
    assert state.row("missing/a") is None


def test_a_few_rows_are_kept_without_anything_else_being_written(filled, opened):
    filled()
    state, _trusted = opened()
    state.remember(row("a", etag="new"))
    state.close()
    state, trusted = opened()
    assert (trusted, state.row("a").etag) == (True, "new")


def test_every_column_comes_back_as_it_was(opened):
    identity = Identity((1 << 62) + 1, -5, (1 << 63) - 1, (1 << 64) - 1, (1 << 63) + 7)
    entry = Row("a", identity, "e" * 32 + "-10000", "SHA256-composite", "x" * 44, 5 << 30, "f" * 64, 1 << 40)
    state, _trusted = opened()
    state.remember(entry)
    state.commit()
    assert state.row("a") == entry


@pytest.mark.parametrize(
    "name",
    ['it\'s "quoted"', "new\nline", "tab\t\\", "\U0001f600 caf\u00e9", "%_", " ", "-", "x" * 255, "; DROP TABLE file"],
)
def test_an_awkward_name_is_a_name(opened, name):
    state, _trusted = opened()
    for relative in (name, f"{name}/{name}"):
        state.remember(row(relative))
    state.commit()
    assert set(state.known("")) == {name}
    assert set(state.known(f"{name}/")) == {name}
    assert state.row(f"{name}/{name}").relative == f"{name}/{name}"
    state.forget([name])
    assert relatives(state) == [f"{name}/{name}"]


def test_a_folder_whose_name_no_database_can_hold_is_unknown(opened):
    state, _trusted = opened()
    assert state.known("caf\udce9/") == {}


# --- what is known of a folder


def test_what_is_known_of_a_folder_is_what_decides_whether_a_file_is_unchanged(filled, opened):
    filled()
    state, _trusted = opened()
    size, mtime_ns, ctime_ns, inode, _device = IDENTITY
    assert state.known("") == {"a": (size, mtime_ns, ctime_ns, inode, "ETag")}
    assert set(state.known("day 1/")) == {"b"}
    assert state.known("day 2/") == {}


def test_what_is_known_can_be_asked_in_parts_that_together_are_all(opened):
    names = sorted(["a", "B", "b", "\u00e9", "\ud7ff", "\ue000", "\uffff", "\U00010000", "\U0001f600"])
    state, _trusted = opened()
    for name in names:
        state.remember(row(name))
    state.commit()
    for limit in names:
        lower, upper = set(state.known("", None, limit)), set(state.known("", limit, None))
        assert (lower, upper) == ({name for name in names if name <= limit}, {name for name in names if name > limit})
    assert set(state.known("", "B", "b")) == {"a", "b"}


# --- remembering and forgetting


def test_rows_are_written_together(opened, path, monkeypatch):
    monkeypatch.setattr(state_module, "ROWS_AHEAD", 10)
    state, _trusted = opened()
    for number in range(9):
        state.remember(row(f"{number}"))
    assert rows_on_disk(path) == 0
    state.remember(row("9"))
    assert rows_on_disk(path) == 10


def test_no_row_waits_long(opened, path, monkeypatch):
    monkeypatch.setattr(state_module, "COMMIT_INTERVAL", 0.0)
    state, _trusted = opened()
    state.remember(row("a"))
    assert rows_on_disk(path) == 1


def test_a_file_that_is_stored_again_replaces_its_row(opened):
    state, _trusted = opened()
    for etag in ("one", "two"):
        state.remember(row("a", etag=etag))
        state.commit()
    assert list(state.rows()) == [row("a", etag="two")]


def test_what_is_forgotten_is_on_the_disk_at_once(filled, opened, path):
    """The upload begins right after."""
    filled("a", "b", "c/d")
    state, _trusted = opened()
    state.forget(["a", "c/d", "never known", "never/known"])
    assert rows_on_disk(path) == 1
    assert relatives(state) == ["b"]


def test_what_waits_is_forgotten_too(opened):
    state, _trusted = opened()
    state.remember(row("a"))
    state.forget(["a"])
    state.commit()
    assert relatives(state) == []


def test_a_folder_is_forgotten_with_its_files_alone(filled, opened):
    filled("a", "day/a", "day/b", "day/night/c", "days/d")
    state, _trusted = opened()
    state.forget_folder("day/")
    assert relatives(state) == ["a", "day/night/c", "days/d"]
    assert sorted(state.folders()) == ["", "day/night/", "days/"]


def test_a_folder_that_was_forgotten_can_come_back(filled, opened):
    filled("day/a")
    state, _trusted = opened()
    state.remember(row("day/b"))
    state.commit()
    state.forget_folder("day/")
    state.remember(row("day/c"))
    state.close()
    assert relatives(opened()[0]) == ["day/c"]


def test_more_folders_than_are_held_in_memory(opened, monkeypatch):
    monkeypatch.setattr(state_module, "ROWS_AHEAD", 3)
    state, _trusted = opened()
    for number in range(40):
        state.remember(row(f"{number % 20}/{number}"))
    state.commit()
    assert len(relatives(state)) == 40
    assert len(list(state.folders())) == 20


def test_the_figures_of_the_bucket_are_remembered(filled, opened):
    filled()
    state, _trusted = opened()
    assert state.objects == 2
    assert time.time() - state.reconciled_at < 60
    state.counted(7)
    state.sweep(done=True)
    state.close()
    state, _trusted = opened()
    assert (state.objects, state.swept) == (7, True)


def test_a_new_state_was_never_reconciled_nor_swept(opened):
    state, trusted = opened()
    assert (trusted, state.is_empty, state.reconciled_at, state.objects, state.swept) == (False, True, 0, 0, False)


# --- disks


def limit_pages(state, more=0):
    """As a full disk: the file may not grow beyond its present size."""
    connection = state._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages + more}")


def test_a_full_disk_is_told_once_and_the_run_goes_on(opened, warnings):
    state, _trusted = opened()
    limit_pages(state)
    for number in range(3000):
        state.remember(row(f"{'x' * 100}{number}"))
    state.commit()
    state.forget(["a"])
    state.reconciled(1.0, 1)
    state.close()
    assert len(warnings) == 1
    assert "full" in warnings[0]


@pytest.mark.parametrize("committed_before", [False, True])
def test_after_a_write_that_failed_the_next_run_trusts_nothing(filled, opened, warnings, committed_before):
    """Also if the run had written before: the row that could not be removed may be older than the object."""
    filled("a")
    state, _trusted = opened()
    if committed_before:
        state.remember(row("b"))
        state.commit()
    limit_pages(state)
    for number in range(3000):
        state.remember(row(f"{'x' * 100}{number}"))
    state.close()
    state, trusted = opened()
    assert (trusted, state.is_empty) == (False, True)
    assert len(warnings) == 2


def test_a_forget_that_fails_makes_the_next_run_trust_nothing(filled, opened, monkeypatch):
    filled("a")
    state, _trusted = opened()
    state.remember(row("b"))
    state.commit()
    state._connection.execute("PRAGMA query_only = ON")
    state.forget(["a"])
    state.close()
    assert opened()[1] is False


def test_after_a_failure_nothing_piles_up_in_memory(opened):
    state, _trusted = opened()
    limit_pages(state)
    for number in range(10_000):
        state.remember(row(f"{'x' * 100}{number}"))
    assert len(state._waiting) <= state_module.ROWS_AHEAD


# --- threads


def test_one_thread_may_take_over_from_another(opened):
    """The plan is made in a thread of its own, and the rest of the run goes on in the main one."""
    state, _trusted = opened()
    thread = threading.Thread(target=lambda: [state.remember(row(f"{number}")) for number in range(10)])
    thread.start()
    thread.join()
    state.commit()
    assert len(relatives(state)) == 10


def test_the_job_can_be_read_by_people(filled, source):
    with closing(sqlite3.connect(filled())) as connection:
        (text,) = connection.execute("SELECT value FROM meta WHERE name = 'job'").fetchone()
    assert json.loads(text) == [os.path.realpath(source), "s3://archive/p/", SERVER, None]
