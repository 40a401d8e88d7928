# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Where s5cmd lies, whose it is, and that a change is whole or not there at all."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import InstallationError, LockedError
from ansible_collections.datasync.turbo.plugins.module_utils.install import layout as install_layout
from ansible_collections.datasync.turbo.plugins.module_utils.install.layout import Layout, Occupant, Record

CONTENT = b"the executable"


def record(version: str = "2.3.0", content: bytes = CONTENT) -> Record:
    return Record(
        version=version,
        source="release",
        detail="https://example.org/x",
        asset="Linux-64bit",
        sha256=hashlib.sha256(content).hexdigest(),
        archive_sha256="a" * 64,
        pinned=True,
        installed_at="2026-11-22T18:00:00Z",
    )


def layout(root: Path) -> Layout:
    return Layout(root / "bin", root / "versions")


def put(place: Layout, version: str, content: bytes = CONTENT) -> None:
    """Publish a version as an installation does."""
    with place.lock(), place.incoming() as folder:
        executable = folder / "s5cmd"
        executable.write_bytes(content)
        executable.chmod(0o755)
        place.publish(executable, record(version, content))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# Whose the command is


def test_nothing_there(tmp_path: Path) -> None:
    place = layout(tmp_path)
    assert place.command_link().occupant is Occupant.NOTHING
    assert place.installed() == []
    assert place.record("2.3.0") is None
    assert place.intact("2.3.0") is None


def test_our_link(tmp_path: Path) -> None:
    place = layout(tmp_path)
    put(place, "2.3.0")
    place.switch("2.3.0")
    link = place.command_link()
    assert (link.occupant, link.version) == (Occupant.OURS, "2.3.0")
    assert (tmp_path / "bin" / "s5cmd").read_bytes() == CONTENT


@pytest.mark.parametrize("target", ["../versions/2.3.0/s5cmd", "../bin/../versions/2.3.0/s5cmd"])
def test_a_relative_link_into_versions_dir_is_ours(tmp_path: Path, target: str) -> None:
    place = layout(tmp_path)
    place.bin_dir.mkdir()
    place.link.symlink_to(target)
    assert place.command_link().version == "2.3.0"


def test_a_link_through_a_linked_folder_is_ours(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "lib").symlink_to("real")
    place = Layout(tmp_path / "bin", tmp_path / "lib" / "s5cmd")
    place.bin_dir.mkdir()
    place.link.symlink_to(tmp_path / "real" / "s5cmd" / "2.3.0" / "s5cmd")
    assert place.command_link().occupant is Occupant.OURS


@pytest.mark.parametrize(
    "target",
    [
        "/opt/homebrew/bin/s5cmd",
        "versions/2.3.0/s5cmd",
        "../versions/2.3.0/other",
        "../versions/s5cmd",
        "../versions/x/s5cmd",
    ],
)
def test_a_link_elsewhere_is_not_ours(tmp_path: Path, target: str) -> None:
    place = layout(tmp_path)
    place.bin_dir.mkdir()
    place.link.symlink_to(target)
    link = place.command_link()
    assert (link.occupant, link.version, link.target) == (Occupant.FOREIGN, None, target)


def test_a_file_and_a_folder_are_not_ours(tmp_path: Path) -> None:
    place = layout(tmp_path)
    place.bin_dir.mkdir()
    place.link.write_text("mine")
    assert place.command_link().occupant is Occupant.FOREIGN
    place.link.unlink()
    place.link.mkdir()
    assert place.command_link().occupant is Occupant.FOLDER


# What is intact


def test_what_was_published_is_intact(tmp_path: Path) -> None:
    place = layout(tmp_path)
    put(place, "2.3.0")
    assert place.intact("2.3.0") == record()
    assert names(place.folder("2.3.0")) == ["install.json", "s5cmd"]
    assert place.folder("2.3.0").stat().st_mode & 0o777 == 0o755
    status = place.executable("2.3.0").stat()
    identity = f"{status.st_ino} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"
    recorded = json.loads((place.folder("2.3.0") / "install.json").read_text())
    assert recorded == {**dataclasses.asdict(record()), "identity": identity}


def test_an_executable_that_nobody_touched_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = layout(tmp_path)
    put(place, "2.3.0")
    read: list[Path] = []
    monkeypatch.setattr(install_layout, "file_sha256", lambda path: read.append(path) or record().sha256)
    assert place.intact("2.3.0") == record()
    assert read == []
    # A copy is another file with other times; it is what was recorded all the same.
    copy = tmp_path / "copy"
    copy.write_bytes(CONTENT)
    copy.chmod(0o755)
    copy.replace(place.executable("2.3.0"))
    assert place.intact("2.3.0") == record()
    assert read == [place.executable("2.3.0")]


def test_content_is_compared_whatever_the_times_say(tmp_path: Path) -> None:
    """mtime can be set back and the size be kept; ctime tells."""
    place = layout(tmp_path)
    put(place, "2.3.0")
    before = place.executable("2.3.0").stat()
    place.executable("2.3.0").write_bytes(CONTENT[::-1])
    os.utime(place.executable("2.3.0"), ns=(before.st_atime_ns, before.st_mtime_ns))
    assert place.intact("2.3.0") is None


def test_a_record_of_an_older_version_of_this_collection_is_read(tmp_path: Path) -> None:
    place = layout(tmp_path)
    put(place, "2.3.0")
    file = place.folder("2.3.0") / "install.json"
    values = json.loads(file.read_text())
    del values["identity"]
    file.write_text(json.dumps(values))
    assert place.intact("2.3.0") == record()
    place.executable("2.3.0").write_bytes(CONTENT[::-1])
    assert place.intact("2.3.0") is None


def damage_content(place: Layout) -> None:
    place.executable("2.3.0").write_bytes(CONTENT + b"!")


def damage_mode(place: Layout) -> None:
    place.executable("2.3.0").chmod(0o644)


def damage_kind(place: Layout) -> None:
    elsewhere = place.versions_dir / "elsewhere"
    place.executable("2.3.0").rename(elsewhere)
    place.executable("2.3.0").symlink_to(elsewhere)


def damage_record(place: Layout) -> None:
    (place.folder("2.3.0") / "install.json").write_text('{"version": "2.3.0"}')


def damage_json(place: Layout) -> None:
    (place.folder("2.3.0") / "install.json").write_text("{")


def damage_version(place: Layout) -> None:
    record("2.2.2").write(place.folder("2.3.0") / "install.json")


@pytest.mark.parametrize(
    "damage", [damage_content, damage_mode, damage_kind, damage_record, damage_json, damage_version]
)
def test_damage_is_noticed_and_repaired(tmp_path: Path, damage: Any) -> None:
    place = layout(tmp_path)
    put(place, "2.3.0")
    place.switch("2.3.0")
    damage(place)
    assert place.intact("2.3.0") is None
    put(place, "2.3.0")
    assert place.intact("2.3.0") == record()
    assert place.link.read_bytes() == CONTENT


# What stays


def test_versions_by_last_use(tmp_path: Path) -> None:
    place = layout(tmp_path)
    for version in ("2.0.0", "2.2.2", "2.3.0"):
        put(place, version)
        place.switch(version)
    for age, version in enumerate(("2.3.0", "2.0.0", "2.2.2")):
        os.utime(place.folder(version), (1_000_000 - age, 1_000_000 - age))
    place.switch("2.2.2")
    # 2.3.0 has just gone out of use; 2.2.2 is in use.
    assert place.installed() == ["2.2.2", "2.3.0", "2.0.0"]


def test_what_is_not_ours_is_no_version(tmp_path: Path) -> None:
    place = layout(tmp_path)
    put(place, "2.3.0")
    (place.versions_dir / "2.2.2").mkdir()
    (place.versions_dir / "notes").write_text("mine")
    assert place.installed() == ["2.3.0"]


def test_removal_leaves_what_is_not_ours(tmp_path: Path) -> None:
    place = layout(tmp_path)
    put(place, "2.3.0")
    with place.lock():
        place.remove("2.3.0")
        (place.versions_dir / "notes").write_text("mine")
        place.remove_if_empty()
        assert names(place.versions_dir) == [".lock", "notes"]
        (place.versions_dir / "notes").unlink()
        place.remove_if_empty()
    assert not place.versions_dir.exists()


# Changes


def test_a_switch_replaces_the_link_at_once(tmp_path: Path) -> None:
    """A command that is started again and again during switches always starts."""
    place = layout(tmp_path)
    for version in ("2.2.2", "2.3.0"):
        put(place, version, version.encode())
    place.switch("2.2.2")
    done = threading.Event()
    seen = set()

    def read_all_the_time() -> None:
        while not done.is_set():
            seen.add(place.link.read_bytes())

    reader = threading.Thread(target=read_all_the_time)
    reader.start()
    for _round in range(200):
        place.switch("2.3.0")
        place.switch("2.2.2")
    done.set()
    reader.join()
    assert seen <= {b"2.2.2", b"2.3.0"}
    assert seen
    assert names(place.bin_dir) == ["s5cmd"]


def test_folders_are_open_to_everybody_whatever_the_umask(tmp_path: Path) -> None:
    place = Layout(tmp_path / "a" / "bin", tmp_path / "b" / "c" / "versions")
    before = os.umask(0o077)
    try:
        put(place, "2.3.0")
        place.switch("2.3.0")
    finally:
        os.umask(before)
    for path in (place.bin_dir, place.bin_dir.parent, place.versions_dir.parent, place.versions_dir.parent.parent):
        assert path.stat().st_mode & 0o777 == 0o755


def test_an_interrupted_installation_leaves_nothing(tmp_path: Path) -> None:
    place = layout(tmp_path)
    with pytest.raises(KeyboardInterrupt), place.lock(), place.incoming() as folder:
        (folder / "archive").write_bytes(b"half")
        raise KeyboardInterrupt
    assert names(place.versions_dir) == [".lock"]


def test_the_lock_clears_what_a_killed_installation_left(tmp_path: Path) -> None:
    place = layout(tmp_path)
    (place.versions_dir / ".incoming-killed" / "deep").mkdir(parents=True)
    with place.lock():
        assert names(place.versions_dir) == [".lock"]


def test_a_held_lock_is_waited_for_and_then_named(tmp_path: Path) -> None:
    place = layout(tmp_path)
    with place.lock():
        with pytest.raises(LockedError) as caught, layout(tmp_path).lock(timeout=0.3):
            raise AssertionError("two hold the lock")
        assert caught.value.exit_code == 75
        assert str(place.versions_dir / ".lock") in str(caught.value)
    with layout(tmp_path).lock(timeout=0.3):
        pass


def test_a_lock_whose_file_was_removed_is_taken_anew(tmp_path: Path) -> None:
    """A removal takes the lock file away while another installation waits for it."""
    place = layout(tmp_path)
    entered = threading.Event()

    def wait_for_it() -> None:
        with layout(tmp_path).lock(timeout=30):
            assert (place.versions_dir / ".lock").exists()
            entered.set()

    waiting = threading.Thread(target=wait_for_it)
    with place.lock():
        waiting.start()
        assert not entered.wait(0.3)
        place.remove_if_empty()
    waiting.join(30)
    assert entered.is_set()


# What cannot be written


def test_a_file_where_a_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InstallationError) as caught:
        Layout(tmp_path / "file" / "bin", tmp_path / "versions").require_writable()
    assert str(caught.value).startswith(f"cannot write {tmp_path}/file/bin (bin_dir): {tmp_path}/file is not a folder")
    assert "become: true" in str(caught.value)
    with pytest.raises(InstallationError, match="versions_dir"):
        Layout(tmp_path / "bin", tmp_path / "file").require_writable()
    with pytest.raises(InstallationError, match="versions_dir"), Layout(tmp_path / "bin", tmp_path / "file").lock():
        raise AssertionError("a file holds no lock")


def test_folders_that_are_still_to_be_made_are_writable(tmp_path: Path) -> None:
    Layout(tmp_path / "a" / "b", tmp_path / "c" / "d").require_writable()
    assert names(tmp_path) == []


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests may run as root, whom nothing is forbidden."""
    place = layout(tmp_path)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(InstallationError, match=f"no permission to write in {tmp_path}"):
        place.require_writable()


@pytest.mark.parametrize(("parent", "stays"), [("datasync-turbo", False), ("lib", True)])
def test_an_empty_folder_of_our_name_goes_with_the_last_version(tmp_path: Path, parent: str, stays: bool) -> None:
    place = Layout(tmp_path / "bin", tmp_path / parent / "s5cmd")
    put(place, "2.3.0")
    with place.lock():
        place.remove("2.3.0")
        place.remove_if_empty()
    assert (tmp_path / parent).exists() == stays
