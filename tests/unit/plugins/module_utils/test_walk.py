# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The walk finds every file of the job, and what it cannot read is a problem with a name.

Tests of refused access replace os.scandir or os.stat: to root, who runs them in containers, nothing is refused.
"""

from __future__ import annotations

import errno
import inspect
import os
import socket
import sys
from pathlib import Path

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.patterns import Filter
from ansible_collections.datasync.turbo.plugins.module_utils.report import Kind
from ansible_collections.datasync.turbo.plugins.module_utils.walk import MAX_KEY_BYTES, Identity, Walker, identity_of


def write(path, content=b"content"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def walk(source, include=(), exclude=(), prefix="", follow_symlinks=True, tick=lambda: None):
    return Walker(str(source), prefix, Filter(include, exclude), follow_symlinks, tick).walk()


def names(found):
    return [file.relative for file in found.files]


def problems(found):
    return {problem.path: problem.kind for problem in found.problems}


@pytest.fixture
def refuse(monkeypatch):
    """Make a system call fail for some paths: `refuse("scandir", path, errno.EACCES)`."""

    def make(call, path, number=errno.EACCES):
        real = getattr(os, call)

        def refusing(asked=".", *arguments, **keywords):
            if os.fspath(asked) == str(path):
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
    refuse("scandir", source / "closed")
    found = walk(source)
    assert names(found) == ["open/b"]
    assert problems(found) == {"closed": Kind.UNREADABLE}
    assert "Permission denied" in found.problems[0].message


def test_an_unreadable_folder_is_a_problem_although_no_include_matches_it(source, refuse):
    write(source / "closed" / "a.mov")
    refuse("scandir", source / "closed")
    assert problems(walk(source, include=["*.mov"])) == {"closed": Kind.UNREADABLE}


@pytest.mark.parametrize("exclude", ["closed/*", "closed/", "clo*"])
def test_an_unreadable_folder_that_is_excluded_is_not_read(source, refuse, exclude):
    write(source / "closed" / "a")
    refuse("scandir", source / "closed")
    assert problems(walk(source, exclude=[exclude])) == {}


def test_an_unreadable_source_is_a_problem(source, refuse):
    refuse("scandir", source)
    assert problems(walk(source)) == {".": Kind.UNREADABLE}


def test_a_source_that_vanished_is_a_problem(source):
    source.rmdir()
    assert problems(walk(source)) == {".": Kind.VANISHED}


def test_a_disk_error_in_the_middle_of_a_folder_is_a_problem(source, monkeypatch):
    write(source / "a")

    class Failing:
        def __enter__(self):
            return self

        def __exit__(self, *details):
            return None

        def __iter__(self):
            yield from ()
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "scandir", lambda path: Failing())
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


class _Entry:
    """An entry of a folder that may be listed but not searched (mode r--): its type is known, the rest is refused."""

    def __init__(self, folder, name, is_file, number=errno.EACCES):
        self.name, self.path, self._is_file, self._number = name, f"{folder}/{name}", is_file, number

    def stat(self, *, follow_symlinks):
        raise OSError(self._number, os.strerror(self._number))

    def is_file(self, *, follow_symlinks):
        if self._is_file is None:
            raise OSError(self._number, os.strerror(self._number))
        return self._is_file


@pytest.fixture
def list_entries(monkeypatch):
    """Make os.scandir list these entries."""

    def make(*entries):
        class Listing(list):
            def __enter__(self):
                return self

            def __exit__(self, *details):
                return None

        monkeypatch.setattr(os, "scandir", lambda path: Listing(entries))

    return make


def test_an_entry_that_cannot_be_looked_at_is_a_problem(source, list_entries):
    list_entries(_Entry(source, "film.mov", True), _Entry(source, "folder", False))
    assert problems(walk(source)) == {"film.mov": Kind.UNREADABLE, "folder": Kind.UNREADABLE}


@pytest.mark.parametrize("is_file", [False, None])
def test_a_folder_that_cannot_be_looked_at_is_a_problem_although_no_include_matches_it(source, list_entries, is_file):
    """Its files may match. Where the file system does not tell the type, it may be a folder too."""
    list_entries(_Entry(source, "folder", is_file), _Entry(source, "notes.txt", True))
    assert problems(walk(source, include=["*.mov"])) == {"folder": Kind.UNREADABLE}


def test_an_entry_that_vanished_is_a_problem_unless_it_is_excluded(source, list_entries):
    list_entries(_Entry(source, "a.mov", True, errno.ENOENT), _Entry(source, "b.tmp", True, errno.ENOENT))
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
