# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The state file: it is not used when it may tell more than the bucket holds.

What the lock file remembers of it is `marks` here: the last mark that the state announced.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import textwrap
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import ansible_collections
import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.job import state as state_module
from ansible_collections.datasync.turbo.plugins.module_utils.job import state_file
from ansible_collections.datasync.turbo.plugins.module_utils.job.memory import StateMark
from ansible_collections.datasync.turbo.plugins.module_utils.job.shard import Shard
from ansible_collections.datasync.turbo.plugins.module_utils.job.state import SCHEMA_VERSION, StateUnusable, Watch
from ansible_collections.datasync.turbo.plugins.module_utils.job.state_file import (
    APPLICATION_ID,
    open_state,
    read_state,
    replaced,
)
from ansible_collections.datasync.turbo.plugins.module_utils.s3.connection import Connection
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.state_rows import (
    IDENTITY,
    SERVER,
    mark_on_disk,
    relatives,
    row,
    rows_on_disk,
)


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

    monkeypatch.setattr(state_file.os, "fsync", noted_sync)
    monkeypatch.setattr(state_file.os, "rename", noted_rename)
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


def test_a_source_whose_real_name_is_not_utf_8_has_a_state(opened, tmp_path):
    """A link to it is what we advise, because s5cmd needs a name in UTF-8."""
    (tmp_path / "caf\udce9").mkdir()
    (tmp_path / "link").symlink_to("caf\udce9")
    state, _trusted = opened(src=str(tmp_path / "link"))
    state.remember(row("a"))
    state.close()
    state, trusted = opened(src=str(tmp_path / "link"))
    assert (trusted, relatives(state)) == (True, ["a"])


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


# --- kill -9


WRITER = textwrap.dedent(
    """
    import os, sys
    from ansible_collections.datasync.turbo.plugins.module_utils.job import state as state_module
    from ansible_collections.datasync.turbo.plugins.module_utils.job.job import Job
    from ansible_collections.datasync.turbo.plugins.module_utils.job.lock import held
    from ansible_collections.datasync.turbo.plugins.module_utils.job.memory import RunMemory
    from ansible_collections.datasync.turbo.plugins.module_utils.job.state import Row, Watch
    from ansible_collections.datasync.turbo.plugins.module_utils.job.state_file import open_state
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
