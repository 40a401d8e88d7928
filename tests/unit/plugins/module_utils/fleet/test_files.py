# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Files, folders and links of a generation: what differs is told, changes are taken back."""

from __future__ import annotations

import errno
import os
import resource
import signal
import stat

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError
from ansible_collections.datasync.turbo.plugins.module_utils.fleet import files as managed_files
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.differences import Change
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.files import (
    MakeFolder,
    Owners,
    RemoveFile,
    SetLink,
    WriteFile,
    file_change,
    folder_change,
    present,
)
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.generation import ManagedFile, ManagedFolder
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.host_tree import listing


@pytest.fixture
def etc(tmp_path):
    folder = tmp_path / "etc"
    folder.mkdir()
    folder.chmod(0o755)
    return folder


@pytest.fixture
def owners():
    return Owners()


def file_of(path, content="new\n", mode="0644", **more):
    return ManagedFile(str(path), content, mode, **more)


def written(path, content="old\n", mode=0o644):
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    path.chmod(mode)
    return path


# What differs


def test_a_file_that_is_right_is_no_change(etc, owners):
    assert file_change(file_of(written(etc / "f", "new\n")), owners) is None


def test_a_file_that_is_not_there_is_created(etc, owners):
    change = file_change(file_of(etc / "f"), owners)
    assert str(change) == f"create {etc / 'f'}"
    assert (change.before, change.after) == ("", "new\n")


def test_a_file_of_a_folder_that_is_not_there_is_created(etc, owners):
    assert file_change(file_of(etc / "deep" / "f"), owners).action == "create"


def test_a_file_with_other_content_is_changed_and_the_diff_shows_both(etc, owners):
    assert file_change(file_of(written(etc / "f")), owners) == Change(str(etc / "f"), "change", "old\n", "new\n")


def test_a_file_with_another_mode_is_told_with_both_modes(etc, owners):
    change = file_change(file_of(written(etc / "f", "new\n", 0o600)), owners)
    assert str(change) == f"change permissions of {etc / 'f'}"
    assert change.before.startswith("0600 ")
    assert change.after == "0644 root:root\n"


def test_content_and_mode_together_are_one_change(etc, owners):
    change = file_change(file_of(written(etc / "f", mode=0o640)), owners)
    assert change.action == "change"
    assert change.before.startswith("0640 ")
    assert change.before.endswith("(hidden)\n")
    assert change.after == "0644 root:root\nnew\n"


def test_an_owner_who_does_not_exist_yet_is_a_change_and_no_error(etc, owners):
    """In check mode on a bare host: the user would be created first."""
    change = file_change(file_of(written(etc / "f", "new\n"), owner="no-such-user"), owners)
    assert (change.action, change.after) == ("change permissions of", "0644 no-such-user:root\n")


def test_bytes_that_are_no_utf8_are_compared_as_they_are(etc, owners):
    written(etc / "f", "caf\udce9\n")
    assert file_change(file_of(etc / "f", "caf\udce9\n"), owners) is None
    assert file_change(file_of(etc / "f", "caf\udcea\n"), owners).action == "change"


@pytest.mark.parametrize("kind", ["folder", "link", "dangling link", "fifo"])
def test_what_is_no_file_is_in_the_way_and_left_alone(etc, owners, kind):
    path = etc / "f"
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to(written(etc / "target") if kind == "link" else "nowhere")
    before = listing(etc) if kind != "fifo" else None
    with pytest.raises(ConfigurationError, match=rf"{path} .*move it away"):
        file_change(file_of(path), owners)
    with pytest.raises(ConfigurationError, match=rf"{path} .*move it away"):
        WriteFile(file_of(path), owners).run()
    if before is not None:
        assert listing(etc) == before


def test_a_file_that_may_not_be_read_is_named(etc, monkeypatch):
    def refuse(path, flags):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    monkeypatch.setattr(managed_files, "_open_as_it_is", refuse)
    with pytest.raises(ConfigurationError, match=r"etc/f cannot be read: Permission denied .*use become"):
        present(str(etc / "f"))


# Writing


def test_a_file_is_written_with_its_mode_and_owner_whatever_the_umask_is(etc, owners):
    before = os.umask(0o077)
    try:
        WriteFile(file_of(etc / "a" / "b" / "f"), owners).run()
        WriteFile(file_of(etc / "secret", mode="0600"), owners).run()
    finally:
        os.umask(before)
    assert (etc / "a" / "b" / "f").read_text("utf-8") == "new\n"
    assert [stat.S_IMODE((etc / name).stat().st_mode) for name in ("a", "a/b", "a/b/f", "secret")] == [
        0o755,
        0o755,
        0o644,
        0o600,
    ]
    assert (etc / "secret").stat().st_uid == os.geteuid()


def test_a_changed_file_is_a_new_one_so_that_who_reads_the_old_one_reads_it_to_its_end(etc, owners):
    path = written(etc / "f")
    with path.open(encoding="utf-8") as reader:
        WriteFile(file_of(path), owners).run()
        assert reader.read() == "old\n"


@pytest.mark.parametrize("before", ["no folder", "no file", "other content", "other mode", "the same"])
def test_a_written_file_is_taken_back(etc, owners, before):
    path = etc / "deep" / "er" / "f"
    if before != "no folder":
        path.parent.mkdir(parents=True)
    if before in ("other content", "other mode", "the same"):
        written(path, "old\n" if before == "other content" else "new\n", 0o600 if before == "other mode" else 0o644)
    as_it_was = listing(etc)
    step = WriteFile(file_of(path), owners)
    step.run()
    assert path.read_text("utf-8") == "new\n"
    step.undo()
    assert listing(etc) == as_it_was


@pytest.mark.parametrize("is_there", [False, True])
def test_a_write_that_failed_leaves_the_old_file_and_nothing_else(etc, owners, is_there, monkeypatch):
    path = etc / "deep" / "f"
    if is_there:
        path.parent.mkdir()
        written(path)
    as_it_was = listing(etc)
    step = WriteFile(file_of(path, "x" * 100_000), owners)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, limit[1]))
        with pytest.raises(ConfigurationError, match=rf"cannot write {path}: File too large"):
            step.run()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, ignored)
    step.undo()
    assert listing(etc) == as_it_was


@pytest.mark.parametrize(
    ("number", "hint"),
    [(errno.ENOSPC, "free some space"), (errno.EROFS, "read-only"), (errno.EACCES, "become"), (errno.EIO, "look at")],
)
def test_an_error_of_the_file_system_names_the_path_and_what_to_do(etc, owners, monkeypatch, number, hint):
    def refuse(source, target):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(managed_files.os, "replace", refuse)
    with pytest.raises(ConfigurationError, match=rf"cannot write {etc / 'f'}: {os.strerror(number)} \(.*{hint}"):
        WriteFile(file_of(etc / "f"), owners).run()
    assert os.listdir(etc) == []


def test_an_owner_who_does_not_exist_is_named_before_anything_is_written(etc, owners):
    with pytest.raises(ConfigurationError, match=r"no user no-such-user on this host .*uploader_create_user"):
        WriteFile(file_of(etc / "f", owner="no-such-user"), owners).run()
    with pytest.raises(ConfigurationError, match="no group no-such-group on this host"):
        WriteFile(file_of(etc / "f", group="no-such-group"), owners).run()
    assert os.listdir(etc) == []


def test_what_a_killed_deployment_left_beside_a_file_goes_with_the_next_one(etc, owners):
    """logrotate reads every file of its folder, except those whose names say that they are of no account."""
    written(etc / ".f.new~", "half")
    WriteFile(file_of(etc / "f"), owners).run()
    assert os.listdir(etc) == ["f"]


# Removing


def test_a_removed_file_is_put_back_with_content_and_mode(etc):
    path = written(etc / "f", mode=0o640)
    as_it_was = listing(etc)
    step = RemoveFile(str(path))
    step.run()
    assert not path.exists()
    step.undo()
    assert listing(etc) == as_it_was


def test_a_drop_in_folder_goes_with_its_last_file_and_comes_back_with_its_mode(etc):
    folder = etc / "datasync-turbo@outbox.service.d"
    folder.mkdir()
    written(folder / "job.conf")
    folder.chmod(0o700)
    as_it_was = listing(etc)
    step = RemoveFile(str(folder / "job.conf"))
    step.run()
    assert os.listdir(etc) == []
    step.undo()
    assert listing(etc) == as_it_was


def test_a_drop_in_folder_with_an_operators_file_and_all_other_folders_stay(etc):
    for name in ("datasync-turbo@outbox.service.d", "cron.d"):
        (etc / name).mkdir()
        written(etc / name / "ours")
    written(etc / "datasync-turbo@outbox.service.d" / "operator.conf")
    for name in ("datasync-turbo@outbox.service.d", "cron.d"):
        RemoveFile(str(etc / name / "ours")).run()
    assert os.listdir(etc / "datasync-turbo@outbox.service.d") == ["operator.conf"]
    assert os.listdir(etc / "cron.d") == []


def test_a_file_that_is_gone_already_is_no_error_and_is_not_put_back(etc):
    step = RemoveFile(str(etc / "f"))
    step.run()
    step.undo()
    assert os.listdir(etc) == []


# Folders


def test_a_folder_is_made_with_its_mode_and_those_above_it_are_open(etc, owners):
    folder = ManagedFolder(str(etc / "a" / "b"), "0750")
    assert str(folder_change(folder, owners)) == f"create {etc / 'a' / 'b'}"
    MakeFolder(folder, owners).run()
    assert folder_change(folder, owners) is None
    assert stat.S_IMODE((etc / "a").stat().st_mode) == 0o755


def test_a_folder_with_another_mode_is_changed_and_what_is_in_it_is_left_alone(etc, owners):
    written(etc / "f", mode=0o600)
    folder = ManagedFolder(str(etc), "0750")
    change = folder_change(folder, owners)
    assert (change.action, change.before[:4], change.after) == ("change permissions of", "0755", "0750 root:root\n")
    step = MakeFolder(folder, owners)
    as_it_was = listing(etc.parent)
    step.run()
    assert stat.S_IMODE(etc.stat().st_mode) == 0o750
    assert stat.S_IMODE((etc / "f").stat().st_mode) == 0o600
    step.undo()
    assert listing(etc.parent) == as_it_was


def test_a_folder_that_was_made_is_taken_back_with_those_above_it(etc, owners):
    step = MakeFolder(ManagedFolder(str(etc / "a" / "b" / "c")), owners)
    step.run()
    step.undo()
    assert os.listdir(etc) == []


def test_a_folder_in_which_a_run_has_written_by_now_is_not_taken_back(etc, owners):
    step = MakeFolder(ManagedFolder(str(etc / "a")), owners)
    step.run()
    written(etc / "a" / "state.sqlite")
    step.undo()
    assert os.listdir(etc / "a") == ["state.sqlite"]


def test_a_folder_whose_owner_cannot_be_given_is_taken_back(etc, owners, monkeypatch):
    def refuse(descriptor, uid, gid):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(managed_files.os, "fchown", refuse)
    step = MakeFolder(ManagedFolder(str(etc / "a" / "b")), owners)
    with pytest.raises(ConfigurationError, match=rf"cannot write {etc}/a/b: Operation not permitted \(use become"):
        step.run()
    step.undo()
    assert os.listdir(etc) == []


def test_a_file_in_the_place_of_a_folder_is_in_the_way(etc, owners):
    written(etc / "f")
    with pytest.raises(ConfigurationError, match=r"etc/f is no folder \(move it away\)"):
        folder_change(ManagedFolder(str(etc / "f")), owners)
    with pytest.raises(ConfigurationError, match="etc/f/deep cannot be used: Not a directory"):
        folder_change(ManagedFolder(str(etc / "f" / "deep")), owners)


def test_a_link_of_ours_to_a_folder_counts_as_the_folder(etc, owners):
    """So operators move the state of big sites to a disk of its own."""
    (etc / "disk").mkdir(mode=0o755)
    (etc / "state").symlink_to("disk")
    folder = ManagedFolder(str(etc / "state"), "0750")
    MakeFolder(folder, owners).run()
    assert folder_change(folder, owners) is None
    assert stat.S_IMODE((etc / "disk").stat().st_mode) == 0o750


def test_a_link_that_somebody_else_made_is_not_followed(etc, owners, monkeypatch):
    """The service user owns the state folder; a link from there to /etc would give it /etc."""
    (etc / "disk").mkdir(mode=0o755)
    (etc / "state").symlink_to("disk")
    as_it_was = listing(etc)
    theirs = os.lstat(etc / "state").st_uid + 1
    real = os.lstat

    def lstat(path, **options):
        status = real(path, **options)
        if str(path) != str(etc / "state"):
            return status
        return os.stat_result([*status[:4], theirs, *status[5:10]])

    monkeypatch.setattr(managed_files.os, "lstat", lstat)
    folder = ManagedFolder(str(etc / "state"), "0700")
    with pytest.raises(ConfigurationError, match=r"etc/state is a link that .* made \(move it away\)"):
        folder_change(folder, owners)
    with pytest.raises(ConfigurationError, match="etc/state is a link"):
        MakeFolder(folder, owners).run()
    monkeypatch.undo()
    assert listing(etc) == as_it_was


def test_a_link_that_leads_nowhere_is_in_the_way(etc, owners):
    (etc / "state").symlink_to("gone")
    with pytest.raises(ConfigurationError, match=r"etc/state is a link that leads nowhere \(remove it"):
        folder_change(ManagedFolder(str(etc / "state")), owners)


# Links


def test_a_link_is_made_and_taken_back(etc):
    step = SetLink(etc / "venv", "environments/a")
    step.run()
    assert str((etc / "venv").readlink()) == "environments/a"
    step.undo()
    assert os.listdir(etc) == []


def test_a_link_is_turned_and_turned_back(etc):
    (etc / "venv").symlink_to("environments/a")
    step = SetLink(etc / "venv", "environments/b")
    step.run()
    assert str((etc / "venv").readlink()) == "environments/b"
    step.undo()
    assert str((etc / "venv").readlink()) == "environments/a"
    assert os.listdir(etc) == ["venv"]


@pytest.fixture
def old_venv(etc):
    """What collection 0.2.0 made: `venv` was the environment itself."""
    (etc / "venv" / "bin").mkdir(parents=True)
    written(etc / "venv" / "bin" / "python")
    return etc / "venv"


def test_the_environment_of_an_older_collection_makes_room_and_is_removed_at_the_end(etc, old_venv):
    step = SetLink(old_venv, "environments/a")
    step.run()
    step.finish()
    assert str(old_venv.readlink()) == "environments/a"
    assert os.listdir(etc) == ["venv"]


def test_the_environment_of_an_older_collection_comes_back(etc, old_venv):
    as_it_was = listing(etc)
    step = SetLink(old_venv, "environments/a")
    step.run()
    step.undo()
    assert listing(etc) == as_it_was


@pytest.mark.parametrize("kind", ["folder", "link", "nothing"])
def test_a_link_that_cannot_be_set_leaves_what_was_there(etc, monkeypatch, kind):
    if kind == "folder":
        (etc / "venv" / "bin").mkdir(parents=True)
    elif kind == "link":
        (etc / "venv").symlink_to("environments/a")
    as_it_was = listing(etc)
    real, refused = managed_files.files.replace_link, []

    def refuse_once(path, target):
        if not refused:
            refused.append(target)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(path, target)

    monkeypatch.setattr(managed_files.files, "replace_link", refuse_once)
    step = SetLink(etc / "venv", "environments/b")
    with pytest.raises(ConfigurationError, match=r"cannot write .*venv: No space left on device \(free some space"):
        step.run()
    step.undo()
    assert listing(etc) == as_it_was
