# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The walk finds every file of the job, and what it cannot read is a problem with a name.

Tests of refused access replace os.listdir, os.stat or os.lstat: to root, who runs them in containers, nothing is
refused.
"""

from __future__ import annotations

import errno
import inspect
import os
import socket
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.problems import Kind, Problem
from ansible_collections.datasync.turbo.plugins.module_utils.job.local_file import Identity, LocalFile, identity_of
from ansible_collections.datasync.turbo.plugins.module_utils.job.patterns import Filter
from ansible_collections.datasync.turbo.plugins.module_utils.job.shard import Shard
from ansible_collections.datasync.turbo.plugins.module_utils.plan import walk as walk_module
from ansible_collections.datasync.turbo.plugins.module_utils.plan.walk import Walker
from ansible_collections.datasync.turbo.plugins.module_utils.s3.limits import MAX_KEY_BYTES


def write(path, content=b"content"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


class Found(NamedTuple):
    """All that a walk found."""

    files: list[LocalFile]
    problems: list[Problem]
    skipped: int
    elsewhere: int


def walker_of(source, include=(), exclude=(), prefix="", follow_symlinks=True, tick=lambda: None, **options):
    return Walker(str(source), prefix, Filter(include, exclude), follow_symlinks, tick, **options)


def walk(source, **options):
    walker = walker_of(source, **options)
    return Found(list(walker.files()), walker.problems, walker.skipped, walker.elsewhere)


def names(found):
    return [file.relative for file in found.files]


def problems(found):
    return {problem.path: problem.kind for problem in found.problems}


@pytest.fixture
def refuse(monkeypatch):
    """Make a system call fail for some paths: `refuse("listdir", path, errno.EACCES)`."""

    def make(call, path, number=errno.EACCES):
        real = getattr(os, call)

        def refusing(asked=".", *arguments, **keywords):
            if os.fspath(asked).rstrip("/") == str(path):
                raise OSError(number, os.strerror(number), str(asked))
            return real(asked, *arguments, **keywords)

        monkeypatch.setattr(os, call, refusing)

    return make


# --- files


def test_every_file_is_found_with_its_path_its_key_and_its_identity(source):
    path = write(source / "day 1" / "take [2].mov", b"12345")
    (found,) = walk(source, prefix="studio-1/").files
    assert found.path == str(path)
    assert found.relative == "day 1/take [2].mov"
    assert found.key == "studio-1/day 1/take [2].mov"
    assert found.identity == identity_of(path.stat())
    assert found.identity.size == 5


def test_files_come_in_the_same_order_however_the_file_system_lists_them(source):
    for name in ("b", "a/2", "a/1", "c/x", "B"):
        write(source / name)
    assert names(walk(source)) == ["B", "b", "a/1", "a/2", "c/x"]


def test_empty_files_and_hidden_files_are_files(source):
    write(source / ".hidden", b"")
    write(source / ".git" / "config", b"")
    assert names(walk(source)) == [".hidden", ".git/config"]


def test_an_empty_folder_is_no_problem(source):
    (source / "empty").mkdir()
    found = walk(source)
    assert (found.files, found.problems) == ([], [])


def test_hard_links_are_files_each(source):
    write(source / "a")
    os.link(source / "a", source / "b")
    assert names(walk(source)) == ["a", "b"]


def test_a_source_that_is_a_link_to_a_folder_is_walked(source, tmp_path):
    write(source / "a")
    (tmp_path / "link").symlink_to("source")
    assert names(walk(tmp_path / "link")) == ["a"]


@pytest.mark.parametrize(
    "name", ['it\'s $HOME "quoted"', "*", "[a]?", " leading", "new\nline", "tab\tname", "日本語", "-rf", "%41"]
)
def test_an_awkward_name_is_a_name(source, name):
    write(source / name)
    assert names(walk(source)) == [name]


def test_the_last_change_is_the_later_of_both_times():
    """mtime can be set back by `cp -p` or a restore, ctime cannot."""
    assert Identity(0, mtime_ns=5, ctime_ns=9, inode=1, device=1).last_change_ns == 9
    assert Identity(0, mtime_ns=9, ctime_ns=5, inode=1, device=1).last_change_ns == 9


# --- names that cannot be stored


def test_a_name_that_is_not_utf_8_is_named_with_its_bytes_and_the_others_are_found(source):
    write(source / "a")
    write(Path(os.fsdecode(os.fsencode(source) + b"/caf\xe9.mov")))
    found = walk(source)
    assert names(found) == ["a"]
    assert problems(found) == {"caf\\xe9.mov": Kind.NAME}


def test_files_below_a_folder_whose_name_is_not_utf_8_are_named_each(source):
    write(Path(os.fsdecode(os.fsencode(source) + b"/caf\xe9")) / "a")
    assert problems(walk(source)) == {"caf\\xe9/a": Kind.NAME}


def test_a_key_of_the_longest_length_is_stored_and_one_byte_more_is_a_problem(source):
    name = "é" * 100
    write(source / name)
    room = MAX_KEY_BYTES - len(name.encode())
    assert names(walk(source, prefix="x" * (room - 1) + "/")) == [name]
    found = walk(source, prefix="x" * room + "/")
    assert problems(found) == {name: Kind.NAME}
    assert "1025 bytes" in found.problems[0].message


# --- links


def test_a_link_to_a_file_is_the_file(source, tmp_path):
    target = write(tmp_path / "outside.mov", b"outside")
    (source / "link.mov").symlink_to(target)
    (found,) = walk(source).files
    assert (found.relative, found.identity) == ("link.mov", identity_of(target.stat()))


def test_a_link_to_a_folder_outside_is_walked(source, tmp_path):
    write(tmp_path / "outside" / "a")
    (source / "link").symlink_to(tmp_path / "outside")
    assert names(walk(source)) == ["link/a"]


def test_two_links_to_the_same_folder_are_walked_each(source, tmp_path):
    write(tmp_path / "outside" / "a")
    for name in ("one", "two"):
        (source / name).symlink_to(tmp_path / "outside")
    assert names(walk(source)) == ["one/a", "two/a"]


def test_a_broken_link_is_a_problem_and_the_files_after_it_are_found(source):
    (source / "a-broken").symlink_to("nowhere")
    write(source / "b")
    found = walk(source)
    assert names(found) == ["b"]
    assert problems(found) == {"a-broken": Kind.BROKEN_LINK}
    assert "'nowhere'" in found.problems[0].message


@pytest.mark.parametrize("target", [".", "..", "../../source/deep"])
def test_a_link_to_a_folder_that_holds_it_is_a_problem_and_the_walk_ends(source, target):
    write(source / "deep" / "a")
    (source / "deep" / "loop").symlink_to(target)
    found = walk(source)
    assert names(found) == ["deep/a"]
    assert problems(found) == {"deep/loop": Kind.LINK_LOOP}


def test_two_folders_that_link_to_each_other_end_the_walk(source):
    write(source / "a" / "1")
    write(source / "b" / "2")
    (source / "a" / "to-b").symlink_to("../b")
    (source / "b" / "to-a").symlink_to("../a")
    found = walk(source)
    assert names(found) == ["a/1", "a/to-b/2", "b/2", "b/to-a/1"]
    assert problems(found) == {"a/to-b/to-a": Kind.LINK_LOOP, "b/to-a/to-b": Kind.LINK_LOOP}


def test_a_link_to_itself_is_a_problem(source):
    (source / "self").symlink_to("self")
    assert problems(walk(source)) == {"self": Kind.LINK_LOOP}


def test_a_link_whose_target_may_not_be_looked_at_is_a_problem(source, tmp_path, refuse):
    write(tmp_path / "closed" / "film.mov")
    (source / "link").symlink_to(tmp_path / "closed" / "film.mov")
    refuse("stat", source / "link")
    assert problems(walk(source)) == {"link": Kind.UNREADABLE}


def test_without_following_every_link_is_skipped_and_counted(source, tmp_path):
    write(tmp_path / "outside" / "a")
    for name, target in (("folder", "../outside"), ("file", "../outside/a"), ("broken", "nowhere"), ("self", "self")):
        (source / name).symlink_to(target)
    write(source / "kept")
    found = walk(source, follow_symlinks=False)
    assert names(found) == ["kept"]
    assert (found.problems, found.skipped) == ([], 4)


@pytest.mark.parametrize("exclude", ["broken", "bro*", "broken/*"])
def test_a_broken_link_that_is_excluded_is_skipped(source, exclude):
    (source / "broken").symlink_to("nowhere")
    found = walk(source, exclude=[exclude])
    assert (found.problems, found.skipped) == ([], 1)


def test_a_broken_link_is_a_problem_although_no_include_matches_it(source):
    """It may lead to a folder of matching files on a file system that is not mounted."""
    (source / "studio").symlink_to("/nowhere/studio")
    assert problems(walk(source, include=["*.mov"])) == {"studio": Kind.BROKEN_LINK}


# --- what is no file


def test_a_fifo_and_a_socket_are_problems_that_say_what_they_are(source, monkeypatch):
    os.mkfifo(source / "pipe")
    monkeypatch.chdir(source)  # The path of a socket is limited to about 100 bytes.
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        found = walk(source)
    assert problems(found) == {"pipe": Kind.SPECIAL_FILE, "socket": Kind.SPECIAL_FILE}
    assert "is a FIFO" in found.problems[0].message
    assert "is a socket" in found.problems[1].message


def test_a_link_to_a_device_is_a_problem(source):
    (source / "null").symlink_to("/dev/null")
    found = walk(source)
    assert problems(found) == {"null": Kind.SPECIAL_FILE}
    assert "character device" in found.problems[0].message


def test_a_fifo_that_is_excluded_is_skipped(source):
    os.mkfifo(source / "pipe")
    found = walk(source, exclude=["pipe"])
    assert (found.problems, found.skipped) == ([], 1)


# --- what cannot be read


def test_an_unreadable_folder_is_a_problem_and_the_others_are_read(source, refuse):
    write(source / "closed" / "a")
    write(source / "open" / "b")
    refuse("listdir", source / "closed")
    found = walk(source)
    assert names(found) == ["open/b"]
    assert problems(found) == {"closed": Kind.UNREADABLE}
    assert "Permission denied" in found.problems[0].message


def test_an_unreadable_folder_is_a_problem_although_no_include_matches_it(source, refuse):
    write(source / "closed" / "a.mov")
    refuse("listdir", source / "closed")
    assert problems(walk(source, include=["*.mov"])) == {"closed": Kind.UNREADABLE}


@pytest.mark.parametrize("exclude", ["closed/*", "closed/", "clo*"])
def test_an_unreadable_folder_that_is_excluded_is_not_read(source, refuse, exclude):
    write(source / "closed" / "a")
    refuse("listdir", source / "closed")
    assert problems(walk(source, exclude=[exclude])) == {}


def test_an_unreadable_source_is_a_problem(source, refuse):
    refuse("listdir", source)
    assert problems(walk(source)) == {".": Kind.UNREADABLE}


def test_a_source_that_vanished_is_a_problem(source):
    source.rmdir()
    assert problems(walk(source)) == {".": Kind.VANISHED}


def test_a_disk_error_in_the_middle_of_a_folder_is_a_problem(source, refuse):
    write(source / "a")
    refuse("listdir", source, errno.EIO)
    assert problems(walk(source)) == {".": Kind.UNREADABLE}


def test_a_folder_that_vanished_during_the_walk_is_a_problem(source):
    write(source / "a" / "1")
    write(source / "b" / "2")

    def remove_b():
        if (source / "b").exists() and ticks:
            (source / "b" / "2").unlink()
            (source / "b").rmdir()
        ticks.append(1)

    ticks = []
    found = walk(source, tick=remove_b)
    assert names(found) == ["a/1"]
    assert problems(found) == {"b": Kind.VANISHED}


def test_an_entry_that_cannot_be_looked_at_is_a_problem(source, refuse):
    """As in a folder that may be listed but not searched (mode r--)."""
    write(source / "film.mov")
    (source / "folder").mkdir()
    refuse("lstat", source / "film.mov")
    refuse("lstat", source / "folder")
    assert problems(walk(source)) == {"film.mov": Kind.UNREADABLE, "folder": Kind.UNREADABLE}


@pytest.mark.parametrize("type_is_told", [True, False])
def test_a_folder_that_cannot_be_looked_at_is_a_problem_although_no_include_matches_it(source, refuse, type_is_told):
    """Its files may match. Where the file system does not tell types, it may be a folder too."""
    write(source / "folder" / "film.mov")
    write(source / "notes.txt")
    refuse("lstat", source / "folder")
    refuse("lstat", source / "notes.txt")
    if not type_is_told:
        refuse("scandir", source)
    found = problems(walk(source, include=["*.mov"]))
    assert found == ({} if type_is_told else {"notes.txt": Kind.UNREADABLE}) | {"folder": Kind.UNREADABLE}


def test_an_entry_that_vanished_is_a_problem_unless_it_is_excluded(source, refuse):
    for name in ("a.mov", "b.tmp"):
        write(source / name)
        refuse("lstat", source / name, errno.ENOENT)
    assert problems(walk(source, exclude=["*.tmp"])) == {"a.mov": Kind.VANISHED}


# --- filters and interrupts


def test_files_that_filters_leave_out_are_counted(source):
    for name in ("a.mov", "b.tmp", "c.tmp"):
        write(source / name)
    found = walk(source, exclude=["*.tmp"])
    assert (names(found), found.skipped) == (["a.mov"], 2)


def test_filters_apply_to_the_path_without_the_prefix(source):
    write(source / "a" / "x")
    assert names(walk(source, exclude=["a/*"], prefix="b/")) == []
    assert names(walk(source, exclude=["b/*"], prefix="b/")) == ["a/x"]


def test_filters_apply_to_the_name_of_a_link_not_to_its_target(source, tmp_path):
    target = write(tmp_path / "outside.tmp")
    (source / "link.mov").symlink_to(target)
    assert names(walk(source, exclude=["*.tmp"])) == ["link.mov"]


def test_an_interrupt_stops_the_walk_between_folders(source):
    for number in range(3):
        write(source / str(number) / "x")

    class Stop(Exception):
        pass

    def stop():
        raise Stop

    with pytest.raises(Stop):
        walk(source, tick=stop)


def test_the_depth_of_a_tree_is_not_limited_by_pythons_recursion(source):
    deep = source
    for _level in range(300):
        deep /= "d"
    write(deep / "x")
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + 60)
    try:
        found = walk(source)
    finally:
        sys.setrecursionlimit(limit)
    assert names(found) == ["d/" * 300 + "x"]


# --- when another file may have come to stand behind the same path


def path_changed(source, name="f"):
    (found,) = [file for file in walk(source).files if file.relative.endswith(name)]
    return found.path_changed_ns


def test_a_plain_path_has_no_change_of_its_own(tmp_path, source):
    write(source / "f")
    assert walk(source).files[0].last_change_ns == walk(source).files[0].identity.last_change_ns


@pytest.mark.parametrize("target", ["old/f", "hop"])
def test_a_link_counts_from_when_it_was_set_and_so_does_a_link_behind_it(tmp_path, source, target):
    write(tmp_path / "old" / "f")
    (tmp_path / "hop").symlink_to("old/f")
    (source / "f").symlink_to(tmp_path / target)
    assert path_changed(source) >= (source / "f").lstat().st_ctime_ns
    if target == "hop":
        (tmp_path / "hop").unlink()
        (tmp_path / "hop").symlink_to("old/f")
        assert path_changed(source) == (tmp_path / "hop").lstat().st_ctime_ns


def test_a_folder_counts_from_when_it_was_moved_until_something_is_added(tmp_path, source):
    write(tmp_path / "take" / "f")
    os.utime(tmp_path / "take", ns=(10**18, 10**18))
    (tmp_path / "take").rename(source / "take")
    assert path_changed(source) == (source / "take").stat().st_ctime_ns
    write(source / "take" / "new")
    assert path_changed(source) < (source / "take").stat().st_ctime_ns


def test_links_that_lead_in_circles_end(source):
    (source / "a").symlink_to("b")
    (source / "b").symlink_to("a")
    assert problems(walk(source)) == {"a": Kind.LINK_LOOP, "b": Kind.LINK_LOOP}


# --- batches: what a state file is compared with


@pytest.fixture
def small_batches(monkeypatch):
    """Batches of two entries."""
    monkeypatch.setattr(walk_module, "BATCH", 2)


def batches(source, **options):
    return [
        (batch.folder, [name for name, _status, _changed in batch.files], batch.above, batch.upto)
        for batch in walker_of(source, **options).batches()
    ]


def test_the_batches_of_a_folder_leave_no_gap_between_their_names(source, small_batches):
    """Whatever is remembered of the folder belongs to exactly one of them, and to none if it is gone."""
    for name in ("a", "b", "c", "d", "e"):
        write(source / name)
    assert batches(source) == [
        ("", ["a", "b"], None, "b"),
        ("", ["c", "d"], "b", "d"),
        ("", ["e"], "d", None),
    ]


def test_a_full_last_batch_covers_the_rest_of_the_names_too(source, small_batches):
    for name in ("a", "b"):
        write(source / name)
    assert batches(source) == [("", ["a", "b"], None, None)]


def test_a_folder_without_files_has_a_batch_too(source):
    """Its files may all be gone."""
    (source / "empty").mkdir()
    assert batches(source) == [("", [], None, None), ("empty/", [], None, None)]


def test_the_source_itself_has_a_batch_when_it_is_empty(source):
    assert batches(source) == [("", [], None, None)]


def test_names_that_are_not_utf_8_do_not_limit_a_batch(source, small_batches):
    """No state file can hold them. A batch of such names alone is open, and the next one covers its names again."""
    for name in (b"a", b"\xff1", b"\xff2", b"\xff3", "\U0001f600".encode()):
        (Path(os.fsdecode(os.fsencode(source) + b"/" + name))).touch()
    limits = [(above, upto) for _folder, _names, above, upto in batches(source)]
    assert limits == [(None, "a"), ("a", None), ("a", None)]


def test_batches_hold_files_only_and_folders_that_are_not_entered_have_none(source):
    write(source / "a")
    write(source / "kept" / "b")
    write(source / "left out" / "c")
    assert batches(source, exclude=["left out/*"]) == [("", ["a"], None, None), ("kept/", ["b"], None, None)]


def test_a_folder_that_cannot_be_read_has_no_batch(source, refuse):
    """Nothing may be concluded about its files."""
    write(source / "closed" / "a")
    refuse("listdir", source / "closed")
    assert batches(source) == [("", [], None, None)]


def test_an_interrupt_stops_the_walk_between_batches(source, small_batches):
    for number in range(6):
        write(source / str(number))
    ticks = []
    walker = walker_of(source, tick=lambda: ticks.append(1))
    assert len(list(walker.files())) == 6
    assert len(ticks) == 3


def test_files_are_handed_over_while_the_walk_goes_on(source):
    """A tree of a million files is never in memory at once."""
    for folder in ("a", "b"):
        write(source / folder / "x")
    files = walker_of(source).files()
    assert next(files).relative == "a/x"
    write(source / "b" / "y")
    assert [file.relative for file in files] == ["b/x", "b/y"]


# --- shards


def test_shards_divide_the_files_and_count_what_belongs_to_others(source):
    for number in range(30):
        write(source / str(number))
    found = [walk(source, prefix="p/", shard=Shard(index, 3)) for index in range(3)]
    assert sorted(name for part in found for name in names(part)) == sorted(str(number) for number in range(30))
    assert [len(part.files) + part.elsewhere for part in found] == [30, 30, 30]
    assert all(part.files for part in found)


def test_a_file_that_the_filters_leave_out_is_skipped_in_every_shard(source):
    write(source / "a.tmp")
    for index in range(2):
        found = walk(source, exclude=["*.tmp"], shard=Shard(index, 2))
        assert (found.files, found.skipped, found.elsewhere) == ([], 1, 0)


def test_what_no_shard_can_store_is_a_problem_of_one_shard_alone(source):
    os.mkfifo(source / "pipe")
    found = [walk(source, shard=Shard(index, 2)) for index in range(2)]
    assert sorted(len(part.problems) for part in found) == [0, 1]


def test_what_may_hold_files_of_every_shard_is_a_problem_in_each(source, refuse):
    write(source / "closed" / "a")
    (source / "broken").symlink_to("nowhere")
    refuse("listdir", source / "closed")
    for index in range(2):
        found = walk(source, shard=Shard(index, 2))
        assert problems(found) == {"broken": Kind.BROKEN_LINK, "closed": Kind.UNREADABLE}


# --- a source that goes away


def test_a_source_that_is_replaced_during_the_walk_is_lost(source):
    """Unmounted, it is another folder: an empty one."""
    write(source / "a")

    def unmount():
        source.rename(source.with_name("before"))
        source.mkdir()

    found = walk(source, tick=unmount)
    assert problems(found)["."] == Kind.SOURCE_LOST


def test_a_source_that_vanishes_at_the_end_of_the_walk_is_lost(source):
    walker = walker_of(source)
    for _batch in walker.batches():
        source.rmdir()
    assert [(problem.path, problem.kind) for problem in walker.problems] == [(".", Kind.SOURCE_LOST)]
