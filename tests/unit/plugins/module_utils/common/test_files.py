# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Files, folders and links are replaced as a whole, or not at all; `test_files_faults.py` holds what faults leave."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import threading
from pathlib import Path

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common import files
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError, InstallationError


@pytest.fixture(autouse=True)
def narrow_umask():
    before = os.umask(0o077)
    yield
    os.umask(before)


def mode(path):
    return stat.S_IMODE(path.lstat().st_mode)


def led_to(link):
    return str(link.readlink())


def path_of(descriptor):
    return led_to(Path(f"/proc/self/fd/{descriptor}"))


# --- files


def test_the_folder_is_made_and_the_mode_set_whatever_the_umask(tmp_path):
    path = tmp_path / "new" / "file"
    files.write(str(path), "a\nb\n")
    assert (path.read_text(), mode(path)) == ("a\nb\n", 0o644)
    files.write(path, b"c\n", files.PRIVATE, durable=False)
    assert (path.read_text(), mode(path)) == ("c\n", 0o600)


def test_text_that_is_not_utf_8_can_be_written(tmp_path):
    files.write(tmp_path / "file", "caf\udce9")
    assert (tmp_path / "file").read_text() == "caf\\udce9"


def test_owner_and_mode_are_those_asked_for_before_the_first_byte(tmp_path):
    with files.replacing(tmp_path / "file", 0o640, owner=(os.getuid(), os.getgid())) as file:
        status = os.fstat(file.fileno())
        assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (os.getuid(), os.getgid(), 0o640)
        assert status.st_size == 0


def test_a_file_that_not_even_its_owner_may_write_can_be_written(tmp_path):
    files.write(tmp_path / "file", "a", 0o400)
    files.write(tmp_path / "file", "b", 0o400)
    assert ((tmp_path / "file").read_text(), mode(tmp_path / "file")) == ("b", 0o400)


def test_a_reader_that_has_the_old_one_open_keeps_it(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with open(path) as reader:
        files.write(path, "new")
        assert reader.read() == "old"
    assert path.read_text() == "new"


@pytest.mark.parametrize("fault", [OSError(errno.EIO, "Input/output error"), KeyboardInterrupt()])
def test_content_that_fails_half_way_leaves_the_old_one_and_nothing_else(tmp_path, fault):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(type(fault)), files.replacing(path) as file:
        file.write(b"half\n")
        raise fault
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_link_is_replaced_and_not_followed(tmp_path):
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "file").symlink_to("secret")
    files.write(tmp_path / "file", "new")
    assert (tmp_path / "secret").read_text() == "secret"
    assert not (tmp_path / "file").is_symlink()


@pytest.mark.parametrize("name", ["a" * 255, "日" * 85])
def test_the_longest_names_can_be_written(tmp_path, name):
    files.write(tmp_path / name, "a")
    files.write(tmp_path / name, "b")
    assert os.listdir(tmp_path) == [name]


def test_a_relative_path_is_where_we_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files.write("file", "a")
    assert (tmp_path / "file").read_text() == "a"


# --- what others left, or write at the same time


def test_what_a_killed_writer_left_is_removed_by_the_next(tmp_path):
    (tmp_path / ".file.new~").write_text("half")
    files.write(tmp_path / "file", "new")
    assert os.listdir(tmp_path) == ["file"]


def test_a_link_that_waits_where_we_will_write_leads_us_nowhere(tmp_path):
    (tmp_path / "secret").write_text("secret")
    (tmp_path / ".file.new~").symlink_to("secret")
    files.write(tmp_path / "file", "new")
    assert (tmp_path / "secret").read_text() == "secret"
    assert sorted(os.listdir(tmp_path)) == ["file", "secret"]


def test_a_file_that_another_name_leads_to_is_not_written_into(tmp_path):
    (tmp_path / "secret").write_text("secret")
    os.link(tmp_path / "secret", tmp_path / ".file.new~")
    files.write(tmp_path / "file", "new")
    assert (tmp_path / "secret").read_text() == "secret"


def test_a_pipe_that_waits_where_we_will_write_holds_us_up_for_no_time(tmp_path):
    os.mkfifo(tmp_path / ".file.new~")
    files.write(tmp_path / "file", "new")
    assert os.listdir(tmp_path) == ["file"]


def test_two_writers_at_the_same_time_write_beside_each_other_and_the_last_one_stays(tmp_path):
    path = tmp_path / "file"
    with files.replacing(path) as first:
        first.write(b"first, ")
        with files.replacing(path) as second:
            second.write(b"second")
        assert path.read_text() == "second"
        first.write(b"at last")
    assert path.read_text() == "first, at last"
    assert os.listdir(tmp_path) == ["file"]


def test_many_writers_at_the_same_time_leave_one_of_their_files_and_nothing_else(tmp_path):
    """Without locks one writer would take another one's file for a leftover, and rename half of it into place."""
    path, wrong = tmp_path / "file", []

    def write(letter):
        for _time in range(40):
            files.write(path, letter * 100_000, durable=False)
            content = path.read_text()
            if len(content) != 100_000 or len(set(content)) != 1:
                wrong.append(content)

    writers = [threading.Thread(target=write, args=(letter,)) for letter in "abcdef"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert wrong == []
    assert os.listdir(tmp_path) == ["file"]


@pytest.fixture
def no_locks(monkeypatch):
    def flock(_descriptor, _operation):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(files.locks.fcntl, "flock", flock)


def test_without_locks_only_what_is_old_is_taken_for_a_leftover(tmp_path, no_locks):
    unfinished = tmp_path / ".file.new~"
    unfinished.write_text("somebody may write it")
    files.write(tmp_path / "file", "new")
    assert sorted(os.listdir(tmp_path)) == [".file.new~", "file"]
    os.utime(unfinished, (0, 0))
    files.write(tmp_path / "file", "newer")
    assert os.listdir(tmp_path) == ["file"]


def test_a_leftover_that_cannot_be_removed_is_written_beside(tmp_path, monkeypatch):
    """Such as that of root in a folder with the sticky bit."""
    (tmp_path / ".file.new~").write_text("half")

    def unlink(path):
        raise PermissionError(errno.EPERM, "Operation not permitted", path)

    monkeypatch.setattr(files.os, "unlink", unlink)
    files.write(tmp_path / "file", "new")
    assert (tmp_path / "file").read_text() == "new"


def test_endlessly_many_writers_are_an_error_and_no_endless_search(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_MOST_WRITERS", 1)
    with open(tmp_path / ".file.new~", "w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(FileExistsError, match="too many unfinished copies"):
            files.write(tmp_path / "file", "new")


# --- folders as a whole


def test_a_folder_has_its_name_when_all_is_in_it(tmp_path):
    place = tmp_path / "results" / "1"
    with files.making_folder(place) as unfinished:
        assert mode(Path(unfinished)) == 0o700
        files.write(os.path.join(unfinished, "a"), "a")
        assert not place.exists()
    assert (place / "a").read_text() == "a"
    assert mode(place) == 0o755
    assert os.listdir(place.parent) == ["1"]


def test_a_folder_that_fails_half_way_is_removed_with_all_that_is_in_it(tmp_path):
    with pytest.raises(KeyboardInterrupt), files.making_folder(tmp_path / "1") as unfinished:
        files.write(os.path.join(unfinished, "b", "a"), "a")
        raise KeyboardInterrupt
    assert os.listdir(tmp_path) == []


def test_a_folder_that_a_kill_left_is_removed_by_the_next_of_its_stem(tmp_path):
    (tmp_path / ".results.new~").mkdir()
    (tmp_path / ".results.new~" / "half").touch()
    with files.making_folder(tmp_path / "2", stem="results"):
        pass
    assert os.listdir(tmp_path) == ["2"]


def test_folders_that_two_make_at_the_same_time_do_not_meet(tmp_path):
    with files.making_folder(tmp_path / "1", stem="results") as first:
        with files.making_folder(tmp_path / "2", stem="results") as second:
            files.write(os.path.join(second, "a"), "2")
        files.write(os.path.join(first, "a"), "1")
    assert [(tmp_path / name / "a").read_text() for name in "12"] == ["1", "2"]


def test_a_folder_that_is_there_is_not_replaced(tmp_path):
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "a").touch()
    with pytest.raises(OSError, match="not empty"), files.making_folder(tmp_path / "1"):
        pass
    assert os.listdir(tmp_path / "1") == ["a"]
    assert os.listdir(tmp_path) == ["1"]


def test_what_is_published_is_on_the_disk_first_and_its_name_at_the_end(tmp_path, monkeypatch):
    (tmp_path / "new" / "sub").mkdir(parents=True)
    (tmp_path / "new" / "sub" / "a").touch()
    (tmp_path / "new" / "sub" / "link").symlink_to("nowhere")
    done = []
    rename, fsync = os.rename, os.fsync

    def synced(descriptor):
        done.append(path_of(descriptor))
        fsync(descriptor)

    def renamed(old, new):
        done.append("rename")
        rename(old, new)

    monkeypatch.setattr(files.os, "fsync", synced)
    monkeypatch.setattr(files.os, "rename", renamed)
    files.publish(tmp_path / "new", tmp_path / "place")
    new = f"{tmp_path}/new"
    assert done == [f"{new}/sub/a", f"{new}/sub", new, "rename", str(tmp_path)]


# --- links


def test_a_link_is_made_and_led_elsewhere(tmp_path):
    files.replace_link(tmp_path / "link", "a")
    files.replace_link(tmp_path / "link", Path("b"))
    assert led_to(tmp_path / "link") == "b"
    assert os.listdir(tmp_path) == ["link"]


def test_a_link_that_a_kill_left_is_removed_by_the_next(tmp_path):
    (tmp_path / ".link.new~").symlink_to("a")
    files.replace_link(tmp_path / "link", "b")
    assert os.listdir(tmp_path) == ["link"]


def test_a_folder_is_not_replaced_by_a_link_and_nothing_is_left(tmp_path):
    (tmp_path / "link").mkdir()
    with pytest.raises(IsADirectoryError):
        files.replace_link(tmp_path / "link", "a")
    assert os.listdir(tmp_path) == ["link"]


def test_a_link_in_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        files.replace_link(tmp_path / "missing" / "link", "a")


def test_many_that_set_a_link_at_the_same_time_all_succeed(tmp_path):
    failures = []

    def lead(target):
        try:
            for _time in range(50):
                files.replace_link(tmp_path / "link", target)
                assert led_to(tmp_path / "link") in "abcd"
        except (OSError, AssertionError) as error:
            failures.append(error)

    threads = [threading.Thread(target=lead, args=(target,)) for target in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert os.listdir(tmp_path) == ["link"]


# --- missing folders


def test_missing_folders_are_made_with_their_mode_and_those_that_are_there_stay(tmp_path):
    (tmp_path / "a").mkdir(0o700)
    made = files.make_folders(tmp_path / "a" / "b" / "c")
    assert made == [f"{tmp_path}/a/b", f"{tmp_path}/a/b/c"]
    assert [mode(tmp_path / path) for path in ("a", "a/b", "a/b/c")] == [0o700, 0o755, 0o755]
    assert files.make_folders(tmp_path / "a" / "b") == []
    files.remove_folders(made)
    assert os.listdir(tmp_path / "a") == []


def test_missing_folders_are_as_the_umask_has_them_without_a_mode(tmp_path):
    files.make_folders(tmp_path / "a", mode=None)
    assert mode(tmp_path / "a") == 0o700


def test_folders_that_cannot_all_be_made_are_removed_again(tmp_path, monkeypatch):
    def fail(descriptor, _mode):
        if path_of(descriptor).endswith("b"):
            raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(files.os, "fchmod", fail)
    with pytest.raises(PermissionError):
        files.make_folders(tmp_path / "a" / "b")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("target", ["file", "nowhere"])
def test_what_is_no_folder_is_not_taken_for_one(tmp_path, target):
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(target)
    for path in ("link", "link/a"):
        with pytest.raises(OSError, match="Not a directory"):
            files.make_folders(tmp_path / path)


def test_a_folder_that_another_process_makes_first_is_theirs(tmp_path, monkeypatch):
    mkdir = os.mkdir

    def mkdir_after_another(path, made_with):
        mkdir(path, 0o700)
        mkdir(path, made_with)

    monkeypatch.setattr(files.os, "mkdir", mkdir_after_another)
    assert files.make_folders(tmp_path / "a") == []
    assert mode(tmp_path / "a") == 0o700


# --- what a file system cannot do


@pytest.mark.parametrize(("number", "is_told"), [(errno.EINVAL, False), (errno.EBADF, False), (errno.EIO, True)])
def test_a_file_system_that_cannot_sync_a_folder_is_no_error_and_a_failing_disk_is(
    tmp_path, monkeypatch, number, is_told
):
    def fsync(descriptor):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(files.os, "fsync", fsync)
    if is_told:
        with pytest.raises(OSError, match="Input/output error"):
            files.sync_folder(tmp_path)
    else:
        files.sync_folder(tmp_path)


def test_a_folder_that_may_be_written_and_not_read_is_no_error(tmp_path, monkeypatch):
    def refuse(path, flags):
        raise PermissionError(errno.EACCES, "Permission denied", path)

    monkeypatch.setattr(files.os, "open", refuse)
    files.sync_folder(tmp_path)


# --- what is said


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "cannot write it: No space left on device (free 30 MB)"),
        (errno.EDQUOT, "cannot write it: Disk quota exceeded (free 30 MB)"),
        (errno.EACCES, "cannot write it: Permission denied (use become)"),
        (errno.EROFS, "cannot write it: Read-only file system (the file system is read-only: look there)"),
        (errno.EIO, "cannot write it: Input/output error (look there)"),
    ],
)
def test_an_error_says_what_cannot_be_written_why_and_what_to_do(number, said):
    with (
        pytest.raises(InstallationError) as raised,
        files.explained("it", "use become", space="free 30 MB", otherwise="look there", kind=InstallationError),
    ):
        raise OSError(number, os.strerror(number))
    assert str(raised.value) == said


@pytest.mark.parametrize(("exactly", "named"), [(False, "the folder"), (True, "/folder/file")])
def test_the_very_file_is_named_where_that_is_asked_for(exactly, named):
    with (
        pytest.raises(ConfigurationError, match=f"cannot write {named}: "),
        files.explained("the folder", "look there", exactly=exactly),
    ):
        raise OSError(errno.EIO, "Input/output error", "where it leads", None, "/folder/file")
    with (
        pytest.raises(ConfigurationError, match="cannot write the folder: "),
        files.explained("the folder", "look there", exactly=exactly),
    ):
        raise OSError(errno.EIO, "Input/output error")


def test_one_hint_may_be_for_all_but_a_full_disk():
    error = files.cannot_write("it", PermissionError(errno.EACCES, "Permission denied"), "look there")
    assert str(error) == "cannot write it: Permission denied (look there)"
    assert isinstance(error, ConfigurationError)
    error = files.cannot_write("it", OSError("out of order"), "look there")
    assert str(error) == "cannot write it: out of order (look there)"
