# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The state file: what it remembers, and that it is not used when it may tell more than the bucket holds.

What the lock file remembers of it is `marks` here: the last mark that the state announced.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import ansible_collections
import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.job import state as state_module
from ansible_collections.datasync.turbo.plugins.module_utils.job.job import Job
from ansible_collections.datasync.turbo.plugins.module_utils.job.local_file import Identity
from ansible_collections.datasync.turbo.plugins.module_utils.job.memory import StateMark
from ansible_collections.datasync.turbo.plugins.module_utils.job.shard import Shard
from ansible_collections.datasync.turbo.plugins.module_utils.job.state import (
    APPLICATION_ID,
    SCHEMA_VERSION,
    Row,
    StateUnusable,
    Watch,
    open_state,
    read_state,
    replaced,
)
from ansible_collections.datasync.turbo.plugins.module_utils.s3.connection import Connection

SERVER = "https://s3.example"
IDENTITY = Identity(5, 1_700_000_000_123_456_789, 1_700_000_001_123_456_789, 77, 2049)


def row(relative, **changes):
    return Row(relative, IDENTITY, "etag", "ETag", "md5", 0, "", 1_700_000_002)._replace(**changes)


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


def relatives(state):
    return [entry.relative for entry in state.rows()]


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


# --- the file


def test_the_file_is_private_versioned_and_marked_as_ours(filled):
    path = filled()
    assert mode_of(path) == 0o600
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_new_state_is_on_the_disk_before_it_has_its_name_and_its_name_afterwards(opened, path, monkeypatch):
    """And nobody waits for the disk more often than that: on a busy one each time takes tens of milliseconds."""
    events = []
    sync, rename = os.fsync, os.rename
    path.parent.mkdir(exist_ok=True)

    def noted_sync(descriptor):
        synced = os.fstat(descriptor)
        if os.path.samestat(synced, path.parent.stat()):
            events.append("the folder is synced")
        else:
            events.append(("synced", os.path.samestat(synced, Path(f"{path}.new").stat())))
            with closing(sqlite3.connect(f"{path}.new")) as connection:
                events.append(("rows", connection.execute("SELECT count(*) FROM meta").fetchone()[0]))
        sync(descriptor)

    def noted_rename(source, target):
        events.append(("named", target == str(path)))
        rename(source, target)

    monkeypatch.setattr(state_module.os, "fsync", noted_sync)
    monkeypatch.setattr(state_module.os, "rename", noted_rename)
    opened()
    assert events == [("synced", True), ("rows", 4), ("named", True), "the folder is synced"]


def test_what_is_beside_it_while_it_is_open_is_private_too(opened, path):
    os.umask(os.umask(0o022))
    state, _trusted = opened()
    state.remember(row("a"))
    state.commit()
    names = sorted(os.listdir(path.parent))
    assert names == ["job.db", "job.db-shm", "job.db-wal"]
    assert {mode_of(path.parent / name) for name in names} == {0o600}


def test_a_mode_that_somebody_widened_is_narrowed_again(filled, opened, path):
    filled()
    path.chmod(0o666)
    opened()
    assert mode_of(path) == 0o600


def test_people_can_ask_the_file_by_key(filled):
    with closing(sqlite3.connect(filled())) as connection:
        found = connection.execute("SELECT key, size, method, checksum FROM object ORDER BY key").fetchall()
    assert found == [("p/a", 5, "ETag", "md5"), ("p/day 1/b", 5, "ETag", "md5")]


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


def test_a_source_whose_real_name_is_not_utf_8_has_a_state(opened, tmp_path):
    """A link to it is what we advise, because s5cmd needs a name in UTF-8."""
    (tmp_path / "caf\udce9").mkdir()
    (tmp_path / "link").symlink_to("caf\udce9")
    state, _trusted = opened(src=str(tmp_path / "link"))
    state.remember(row("a"))
    state.close()
    state, trusted = opened(src=str(tmp_path / "link"))
    assert (trusted, relatives(state)) == (True, ["a"])


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


def rows_on_disk(path):
    """As another process sees them."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT count(*) FROM file").fetchone()[0]


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


# --- which state the lock file trusts


def test_a_run_that_changes_nothing_leaves_the_mark_and_the_file_as_they_are(filled, opened, marks, path):
    filled()
    before = (list(marks), path.read_bytes())
    state, trusted = opened()
    state.known("")
    state.counted(2)
    state.close()
    assert trusted
    assert (marks, path.read_bytes()) == before


def test_the_lock_file_has_the_next_mark_before_the_state_has_it(filled, opened, marks, path):
    filled()
    state, _trusted = opened()
    state.remember(row("c"))
    before = marks[-1]
    assert before == mark_on_disk(path)
    state.commit()
    assert marks[-1] == mark_on_disk(path) == before._replace(generation=before.generation + 1)


def mark_on_disk(path):
    with closing(sqlite3.connect(path)) as connection:
        meta = dict(connection.execute("SELECT name, value FROM meta"))
    return StateMark(meta["id"], int(meta["generation"]))


def test_one_run_takes_one_mark_however_often_it_writes(filled, opened, marks):
    filled()
    state, _trusted = opened()
    for number in range(3):
        state.remember(row(f"{number}"))
        state.commit()
    assert len({mark.generation for mark in marks}) == marks[-1].generation + 1


def test_a_run_that_was_killed_between_lock_file_and_state_is_noticed(filled, opened, marks, warnings):
    filled()
    marks.append(marks[-1]._replace(generation=marks[-1].generation + 1))
    state, trusted = opened()
    assert not trusted
    assert state.is_empty
    assert "older than the last run" in warnings[-1]


def test_a_state_that_was_restored_from_a_backup_is_not_trusted(filled, opened, path, warnings):
    filled("a")
    shutil.copy(path, path.with_name("backup"))
    filled("b")
    shutil.copy(path.with_name("backup"), path)
    state, trusted = opened()
    assert (trusted, state.is_empty) == (False, True)
    assert warnings == [
        f"state_path {str(path)!r} is older than the last run (restored from a backup, or the run was "
        "killed): comparing with the bucket's listing"
    ]


def test_no_backup_is_trusted_after_another_one_was_restored(job, filled, opened, path, marks):
    """Its number of writes is counted from the backup on, and reaches the numbers of before again."""
    backups = []
    for name in "abcde":
        filled(name)
        backups.append(path.read_bytes())
    path.write_bytes(backups[1])
    for _run in range(5):
        state, _trusted = opened()
        state.remember(row("x"))
        state.close()
        current = path.read_bytes()
        for backup in backups:
            path.write_bytes(backup)
            assert read_state(job, SERVER, marks[-1]) is None
        path.write_bytes(current)


def test_a_state_that_the_lock_file_does_not_know_is_not_trusted(filled, opened, warnings):
    """Somebody removed the lock file, and with it what it remembered."""
    filled()
    state, trusted = opened(mark=None)
    assert (trusted, state.is_empty) == (False, True)
    assert len(warnings) == 1
    assert "lock file" in warnings[0]


def test_a_state_in_anothers_place_is_not_trusted(filled, opened, warnings):
    filled()
    state, trusted = opened(mark=StateMark("0" * 32, 1))
    assert (trusted, state.is_empty) == (False, True)
    assert len(warnings) == 1


def test_a_state_that_is_not_trusted_begins_anew_in_every_respect(filled, opened):
    """Else a run that ends early leaves an empty state that the next one would trust, and uploads everything again."""
    filled()
    state, _trusted = opened(mark=None)
    state.close()
    state, trusted = opened()
    assert (trusted, state.is_empty) == (True, True)
    assert (state.reconciled_at, state.objects, state.swept) == (0, 0, False)


def test_a_state_that_is_missing_is_told_once_a_mark_is_known(filled, opened, path, warnings):
    filled()
    assert warnings == [], "the first run has none"
    path.unlink()
    state, trusted = opened()
    assert (trusted, state.is_empty) == (False, True)
    assert len(warnings) == 1
    assert "is missing" in warnings[0]


@pytest.mark.parametrize(
    "change",
    [
        {"bucket": "other"},
        {"prefix": "q/"},
        {"prefix": ""},
        {"shard": Shard(0, 2)},
        {"server": "https://other.example"},
        {"src": "/srv/other"},
    ],
)
def test_the_state_of_another_job_is_left_as_it_is_and_not_used(filled, opened, path, warnings, change):
    filled()
    before = path.read_bytes()
    assert opened(**change) == (None, False)
    assert path.read_bytes() == before
    assert len(warnings) == 1
    assert "belongs to another job" in warnings[0]


@pytest.mark.parametrize(
    "change",
    [
        {"verify": "all"},
        {"exclude": ("*.tmp",)},
        {"delete": True},
        {"connection": Connection(profile="other")},
        {"numworkers": 3},
    ],
)
def test_a_job_with_other_settings_is_the_same_job(filled, opened, change):
    filled()
    state, trusted = opened(**change)
    assert (trusted, relatives(state)) == (True, ["a", "day 1/b"])


def test_without_a_state_path_there_is_no_state(opened):
    assert opened(state_path=None) == (None, False)


# --- files that cannot be used


def zero_bytes(path):
    path.write_bytes(b"")


def zeros(path):
    path.write_bytes(bytes(path.stat().st_size))


def garbage(path):
    path.write_bytes(b"this is no database\n" * 500)


def half_of_it(path):
    os.truncate(path, path.stat().st_size // 2)


def the_first_page_only(path):
    os.truncate(path, 4096)


def half_a_header(path):
    os.truncate(path, 60)


@pytest.mark.parametrize(
    "damage", [zero_bytes, zeros, garbage, half_of_it, the_first_page_only, half_a_header], ids=lambda f: f.__name__
)
def test_a_damaged_file_is_told_in_one_line_set_aside_and_made_anew(job, filled, opened, path, warnings, watch, damage):
    filled(*[f"{folder}/{number}" for folder in "abc" for number in range(200)])
    damage(path)
    before = path.read_bytes()
    state, trusted = opened()
    if trusted:
        # What damage hides until it is read is found by the plan.
        with pytest.raises(StateUnusable) as raised:
            list(state.rows())
        state.close()
        state = replaced(job, SERVER, raised.value, watch)
    assert state.is_empty
    assert len(warnings) == 1
    assert "comparing with the bucket's listing" in warnings[0]
    if before:
        assert path.with_name("job.db.damaged").stat().st_size == len(before)
    state.remember(row("a"))
    state.close()
    state, trusted = opened()
    assert (trusted, relatives(state)) == (True, ["a"])


@pytest.mark.parametrize("ask", ["known", "row", "rows", "folders", "is_empty"])
def test_damage_that_is_found_late_is_a_state_that_cannot_be_used(filled, opened, path, ask):
    filled(*[f"{folder}/{number:04}" for folder in "abc" for number in range(500)])
    with closing(sqlite3.connect(path)) as connection:
        (page_of_meta,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'meta'").fetchone()
    with open(path, "r+b") as file:
        for page in range(1, path.stat().st_size // 4096):
            if page != page_of_meta - 1:
                file.seek(page * 4096)
                file.write(b"\xff" * 4096)
    questions = {
        "known": lambda state: state.known("a/"),
        "row": lambda state: state.row("a/0001"),
        "rows": lambda state: list(state.rows()),
        "folders": lambda state: list(state.folders()),
        "is_empty": lambda state: state.is_empty,
    }
    with pytest.raises(StateUnusable) as raised:
        state, trusted = opened()
        assert trusted
        questions[ask](state)
    assert raised.value.replace


@pytest.mark.slow
def test_a_flipped_byte_never_stops_a_run_and_changes_one_proof_at_most(filled, opened, path):
    """SQLite has no checksums: a flipped byte may change a row. Then it no longer fits its file, and that is all."""
    names = [f"{number:03}" for number in range(100)]
    filled(*names)
    whole = path.read_bytes()
    for at in range(0, len(whole), 397):
        damaged = bytearray(whole)
        damaged[at] ^= 0x10
        path.write_bytes(bytes(damaged))
        state, _trusted = opened()
        if state is None:
            continue
        try:
            entries = list(state.rows())
        except StateUnusable:
            continue
        finally:
            state.close()
        changed = {entry.relative for entry in entries if entry.identity == IDENTITY and entry.checksum != "md5"}
        assert len(changed) <= 1, "what is compared with a wrong proof is uploaded again"


def test_another_programs_database_is_left_as_it_is(opened, path, warnings):
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE precious (thing TEXT)")
        connection.commit()
    before = path.read_bytes()
    assert opened() == (None, False)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT * FROM precious").fetchall() == []
    assert os.listdir(path.parent) == ["job.db"]
    assert path.read_bytes()[100:] == before[100:]
    assert len(warnings) == 1
    assert "another program's" in warnings[0]


def test_the_state_of_a_newer_version_is_left_as_it_is(filled, opened, path, warnings):
    filled()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    assert opened() == (None, False)
    assert rows_on_disk(path) == 2
    assert len(warnings) == 1
    assert "newer version" in warnings[0]


def test_a_link_in_its_place_is_not_followed(filled, opened, path, tmp_path, warnings):
    filled()
    path.rename(tmp_path / "elsewhere.db")
    path.symlink_to(tmp_path / "elsewhere.db")
    assert opened() == (None, False)
    assert len(warnings) == 1


def test_a_folder_in_its_place_is_not_used(opened, path, warnings):
    path.mkdir(parents=True)
    assert opened() == (None, False)
    assert len(warnings) == 1


def test_a_place_where_no_file_can_be_made_is_told_and_the_run_goes_on(opened, path, warnings):
    path.parent.write_text("no folder")
    assert opened() == (None, False)
    assert len(warnings) == 1
    assert "cannot be made" in warnings[0]


def test_a_folder_that_cannot_be_written_is_told_and_the_run_goes_on(filled, opened, path, warnings):
    """A folder in the place of the journal, because root may write everywhere."""
    filled()
    path.with_name("job.db-wal").mkdir()
    assert opened() == (None, False)
    assert len(warnings) == 1
    assert "cannot be" in warnings[0]
    path.with_name("job.db-wal").rmdir()
    assert opened()[1], "nothing was lost"


def test_a_journal_of_a_state_that_was_removed_does_not_come_back(filled, opened, path):
    """kill -9 leaves the journal; whoever removes the state file may leave it too."""
    filled()
    state, _trusted = opened()
    state.remember(row("of old"))
    state.commit()
    shutil.copy(path.with_name("job.db-wal"), path.with_name("kept"))
    state.close()
    path.unlink()
    path.with_name("kept").rename(path.with_name("job.db-wal"))
    state, trusted = opened()
    assert (trusted, state.is_empty) == (False, True)
    state.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_state_that_is_half_made_is_made_again(opened, path, warnings):
    """Killed in the middle of making it: the next run must not take it for somebody else's."""
    path.parent.mkdir()
    for steps in (["PRAGMA journal_mode = WAL"], [f"PRAGMA application_id = {APPLICATION_ID}"]):
        for name in ("job.db", "job.db.new"):
            path.with_name(name).unlink(missing_ok=True)
        with closing(sqlite3.connect(path.with_name("job.db.new"))) as connection:
            for step in steps:
                connection.execute(step)
        state, _trusted = opened(mark=None)
        assert state is not None
        state.close()
    assert warnings == []


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


# --- kill -9


WRITER = textwrap.dedent(
    """
    import os, sys
    from ansible_collections.datasync.turbo.plugins.module_utils.job import state as state_module
    from ansible_collections.datasync.turbo.plugins.module_utils.job.job import Job
    from ansible_collections.datasync.turbo.plugins.module_utils.job.lock import held
    from ansible_collections.datasync.turbo.plugins.module_utils.job.memory import RunMemory
    from ansible_collections.datasync.turbo.plugins.module_utils.job.state import Row, Watch, open_state
    from ansible_collections.datasync.turbo.plugins.module_utils.job.local_file import Identity

    state_module.ROWS_AHEAD = 20
    source, path, lock = sys.argv[1:]
    job = Job(src=source, bucket="archive", prefix="p/", state_path=path, lock_path=lock)
    with held(job) as lock:
        memory = RunMemory(job, lock)
        state, trusted = open_state(job, "https://s3.example", memory.state, Watch(print, memory.state_marked))
        number = 0
        while True:
            # As a run does: a row goes before its file is uploaded, and comes after the proof.
            relative = f"{number % 7}/{number % 50}"
            state.forget([relative])
            # In one write, which a kill cannot cut; print writes word by word where PYTHONUNBUFFERED is set.
            os.write(1, f"uploading {relative} {number}\\n".encode())
            identity = Identity(number, 1, 1, 1, 1)
            state.remember(Row(relative, identity, str(number), "ETag", str(number)))
            number += 1
    """
)


@pytest.mark.slow
@pytest.mark.parametrize("moment", [0.0, 0.005, 0.02, 0.05, 0.11])
def test_a_kill_at_any_moment_leaves_a_whole_state_that_tells_no_more_than_was_stored(job, path, tmp_path, moment):
    lock_path = tmp_path / "job.lock"
    folders = [folder for name in ansible_collections.__path__ for folder in [str(Path(name).parent)]]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*folders, *sys.path])}
    arguments = [sys.executable, "-c", WRITER, job.src, str(path), str(lock_path)]
    stored = {}
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, env=environment) as writer:
        first = writer.stdout.readline()
        # What it says is read all the while: a full pipe would stop it, always at the same place.
        threading.Timer(moment, writer.kill).start()
        for line in [first, *writer.stdout]:
            assert len(line.split()) == 3, line
            _word, relative, number = line.split()
            stored[relative] = int(number)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    mark = mark_in_lock(job, lock_path)
    state, trusted = open_state(job, SERVER, mark, Watch(lambda line: None, lambda mark: None))
    rows = list(state.rows()) if trusted else []
    state.close()
    for entry in rows:
        assert entry.identity.size == stored[entry.relative], "a row is never older than the last upload of its file"


def mark_in_lock(job, lock_path):
    from ansible_collections.datasync.turbo.plugins.module_utils.job.memory import remembered

    return remembered(replace(job, lock_path=str(lock_path))).state


# --- reading only


def contents(folder):
    return {name: (folder / name).read_bytes() for name in os.listdir(folder)}


def test_a_dry_run_reads_the_state_and_leaves_no_trace(job, filled, path, marks):
    filled()
    before = contents(path.parent)
    state = read_state(job, SERVER, marks[-1])
    assert relatives(state) == ["a", "day 1/b"]
    state.remember(row("c"))
    state.forget(["a"])
    state.forget_folder("day 1/")
    state.reconciled(1.0, 9)
    state.sweep(done=True)
    state.clear()
    state.close()
    assert contents(path.parent) == before


def test_a_dry_run_beside_a_run_sees_what_that_run_has_written(job, filled, opened, path, marks):
    filled()
    state, _trusted = opened()
    state.remember(row("c"))
    state.commit()
    reader = read_state(job, SERVER, marks[-1])
    assert relatives(reader) == ["a", "c", "day 1/b"]
    reader.close()


def test_a_dry_run_trusts_no_other_state_than_a_run_does(job, filled, path, marks):
    assert read_state(job, SERVER, None) is None
    filled()
    assert read_state(job, SERVER, None) is None
    assert read_state(job, SERVER, marks[-1]._replace(generation=99)) is None
    assert read_state(job, "https://other.example", marks[-1]) is None
    assert read_state(replace(job, prefix="q/"), SERVER, marks[-1]) is None
    garbage(path)
    before = contents(path.parent)
    assert read_state(job, SERVER, marks[-1]) is None
    assert contents(path.parent) == before


def test_a_dry_run_without_a_state_makes_none(job, path):
    assert read_state(job, SERVER, None) is None
    assert not path.parent.exists()


def test_a_dry_run_collects_nothing_that_it_cannot_write(job, filled, marks):
    filled()
    state = read_state(job, SERVER, marks[-1])
    for number in range(5000):
        state.remember(row(f"{number}"))
    assert len(state._waiting) <= state_module.ROWS_AHEAD
    state.close()


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
