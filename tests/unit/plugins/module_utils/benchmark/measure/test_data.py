# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Data for a benchmark is whole, random, and made once; a folder that is there is only read."""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
import zlib
from pathlib import Path

import psutil
import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.benchmark.measure import data as dataset
from ansible_collections.datasync.turbo.plugins.module_utils.benchmark.measure.data import (
    RECIPES,
    Dataset,
    Recipe,
    existing,
    prepare,
    single,
    warm,
)
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError, Interrupted

#: Small and large files, of which the largest has several parts.
RECIPE = Recipe("test", ((300_000, 2), (70_000, 1), (100, 3), (1, 1)))


def go_on():
    """A tick that lets the work go on."""


def stop():
    raise Interrupted(2)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(dataset, "BLOCK", 128 * 1024)


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def made(cache, recipe=RECIPE):
    return prepare(recipe, str(cache), go_on)


def contents(data):
    return {
        str(path.relative_to(data.folder)): path.read_bytes()
        for path in sorted(Path(data.folder).rglob("*"))
        if path.is_file()
    }


def unfinished(cache):
    return [path.name for path in cache.iterdir() if path.name.startswith(".datasync-turbo-unfinished-")]


def test_the_recipes_are_those_of_the_product_plan():
    assert {name: (recipe.files, recipe.total_bytes) for name, recipe in RECIPES.items()} == {
        "mix": (24, 6_850_000_000),
        "small": (10_000, 163_840_000),
        "single": (1, 1_000_000_000),
    }
    assert single(64_000_000_000).total_bytes == 64_000_000_000


def test_a_single_file_needs_a_size():
    with pytest.raises(ConfigurationError, match="single_size is 0"):
        single(0)


def test_every_file_of_the_recipe_is_there(cache):
    data = made(cache)
    assert data == Dataset("test", data.folder, 7, 670_301, RECIPE.sizes, generated=True)
    assert sorted(map(len, contents(data).values())) == [1, 100, 100, 100, 70_000, 300_000, 300_000]
    assert Path(data.folder).parent == cache


def test_nothing_compresses_and_no_part_is_like_another(cache):
    files = list(contents(made(cache)).values())
    assert len(set(files)) == len(files)
    everything = b"".join(files)
    assert len(zlib.compress(everything, 9)) >= len(everything)
    # Pieces at every place, also at odd distances: what a deduplicating server or line would find again.
    pieces = [everything[start : start + 8] for start in range(0, len(everything) - 8)]
    assert len(set(pieces)) == len(pieces)


def test_the_bytes_are_evenly_spread(cache):
    counts = [0] * 256
    for content in contents(made(cache)).values():
        for byte in content:
            counts[byte] += 1
    even = sum(counts) / 256
    assert all(0.85 * even < count < 1.15 * even for count in counts)


def test_every_host_makes_the_same(cache, tmp_path):
    assert contents(made(cache)) == contents(made(tmp_path / "other"))


def test_what_is_there_is_not_made_again(cache):
    before = {path: path.stat().st_mtime_ns for path in Path(made(cache).folder).rglob("*")}
    assert {path: path.stat().st_mtime_ns for path in Path(made(cache).folder).rglob("*")} == before


def test_another_recipe_of_the_same_name_is_other_data(cache):
    assert made(cache, single(10)).folder != made(cache, single(11)).folder


def remove_a_file(folder):
    next(folder.rglob("*.mov")).unlink()


def cut_a_file(folder):
    os.truncate(next(folder.rglob("*.mov")), 3)


def add_a_file(folder):
    (folder / "more").write_text("x")


@pytest.mark.parametrize("damage", [remove_a_file, cut_a_file, add_a_file])
def test_data_that_is_no_longer_whole_is_made_anew(cache, damage):
    data = made(cache)
    before = contents(data)
    damage(Path(data.folder))
    assert contents(data) != before
    assert contents(made(cache)) == before


def test_an_interruption_leaves_nothing_half_made(cache):
    ticks = iter([go_on] * 3 + [stop])

    def tick():
        next(ticks)()

    with pytest.raises(Interrupted):
        prepare(RECIPE, str(cache), tick)
    assert [path.name for path in cache.iterdir()] == [".lock"]
    assert existing(made(cache).folder, go_on).total_bytes == RECIPE.total_bytes


def test_what_a_killed_one_left_is_removed(cache):
    (cache / ".datasync-turbo-unfinished-abc" / "camera-0000").mkdir(parents=True)
    (cache / ".datasync-turbo-unfinished-abc" / "camera-0000" / "clip.mov").write_bytes(bytes(10))
    made(cache)
    assert unfinished(cache) == []


def test_the_other_things_in_the_folder_stay(cache):
    cache.mkdir()
    (cache / "prefixes.json").write_text("[]")
    other = made(cache, single(10))
    made(cache)
    assert (cache / "prefixes.json").exists()
    assert Path(other.folder).exists()


def test_whoever_comes_second_waits_and_takes_what_the_first_made(cache):
    made(cache, single(10))
    waits = threading.Event()
    found = []

    def tick():
        waits.set()

    with open(cache / ".lock", "r+b") as first:
        fcntl.flock(first, fcntl.LOCK_EX)
        second = threading.Thread(target=lambda: found.append(prepare(RECIPE, str(cache), tick)))
        second.start()
        assert waits.wait(20)
        assert not unfinished(cache)
        assert found == []
    second.join(20)
    assert contents(found[0]) == contents(made(cache))


def test_a_wait_can_be_interrupted(cache):
    made(cache, single(10))
    with open(cache / ".lock", "r+b") as first:
        fcntl.flock(first, fcntl.LOCK_EX)
        with pytest.raises(Interrupted):
            prepare(RECIPE, str(cache), stop)


def test_a_disk_without_room_is_known_before_anything_is_written(cache, monkeypatch):
    monkeypatch.setattr(dataset, "RESERVE", 10**18)
    with pytest.raises(
        ConfigurationError, match=r"GB free, the data 'test' needs .* GB, of which .* GB stay free"
    ) as no:
        made(cache)
    assert str(cache) in str(no.value)
    assert [path.name for path in cache.iterdir()] == [".lock"]


def test_a_file_system_without_inodes_is_known_too(cache, monkeypatch):
    real = os.statvfs

    class Full:
        f_files, f_favail = 1000, 3

        def __init__(self, path):
            disk = real(path)
            self.f_bavail, self.f_frsize = disk.f_bavail, disk.f_frsize

    monkeypatch.setattr(os, "statvfs", Full)
    with pytest.raises(ConfigurationError, match="has room for 3 more files, the data 'test' has 7"):
        made(cache)


def test_a_disk_that_fills_meanwhile_leaves_nothing(cache, monkeypatch):
    room = [350_000]
    real = os.write

    def write(descriptor, block):
        if room[0] <= 0:
            raise OSError(28, "No space left on device")
        room[0] -= len(block)
        return real(descriptor, block)

    monkeypatch.setattr(dataset.os, "write", write)
    with pytest.raises(ConfigurationError, match="No space left on device"):
        made(cache)
    monkeypatch.undo()
    assert [path.name for path in cache.iterdir()] == [".lock"]


def test_a_disk_that_fails_when_it_must_write_leaves_nothing(cache, monkeypatch):
    # What the kernel took may still not reach the disk: a network file system over its quota says so only then.
    def over_quota(folder):
        raise OSError(122, "Disk quota exceeded")

    monkeypatch.setattr(dataset, "_sync", over_quota)
    with pytest.raises(ConfigurationError, match="Disk quota exceeded"):
        made(cache)
    assert [path.name for path in cache.iterdir()] == [".lock"]


def test_all_is_on_the_disk_before_it_is_there(cache, monkeypatch):
    real = dataset._sync
    synced = []

    def watched(folder):
        synced.extend(path.stat().st_size for path in Path(folder).rglob("*.mov"))
        assert not [path for path in cache.iterdir() if path.name.startswith("test-")]
        real(folder)

    monkeypatch.setattr(dataset, "_sync", watched)
    made(cache)
    assert sum(synced) == RECIPE.total_bytes


def test_a_wait_for_the_disk_can_be_interrupted(cache, monkeypatch):
    waits, ended = threading.Event(), threading.Event()

    def dead_disk(folder):
        waits.set()
        ended.wait(30)

    def tick():
        if waits.is_set():
            raise Interrupted(15)

    monkeypatch.setattr(dataset, "_sync", dead_disk)
    try:
        with pytest.raises(Interrupted):
            prepare(RECIPE, str(cache), tick)
    finally:
        ended.set()
    assert [path.name for path in cache.iterdir()] == [".lock"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigurationError, match=r"file/cache.*Not a directory"):
        made(tmp_path / "file" / "cache")


def test_a_write_that_takes_only_a_part_is_continued(cache, monkeypatch, tmp_path):
    whole = contents(made(cache))
    real = os.write
    monkeypatch.setattr(dataset.os, "write", lambda descriptor, block: real(descriptor, block[:1000]))
    assert contents(made(tmp_path / "other")) == whole


# --- a folder that is there


@pytest.fixture
def folder(tmp_path):
    below = tmp_path / "archive" / "2026"
    below.mkdir(parents=True)
    (below / "a").write_bytes(bytes(10))
    (below / "b").write_bytes(bytes(10))
    (tmp_path / "archive" / "c").write_bytes(bytes(3))
    return tmp_path / "archive"


def test_a_folder_is_counted(folder):
    expected = Dataset("archive", str(folder), 3, 23, ((3, 1), (10, 2)), generated=False)
    assert existing(str(folder), go_on) == expected
    assert existing(f"{folder}/", go_on) == expected


def test_a_folder_is_not_written_to(folder):
    def times():
        return {path: (path.stat().st_mtime_ns, path.stat().st_ctime_ns) for path in folder.rglob("*")}

    before = times()
    warm(existing(str(folder), go_on), go_on)
    assert times() == before


def add_link(folder):
    (folder / "link").symlink_to(folder / "c")


def add_broken_link(folder):
    (folder / "link").symlink_to(folder / "nothing")


def add_link_to_a_folder(folder):
    (folder / "link").symlink_to(folder / "2026")


def add_pipe(folder):
    os.mkfifo(folder / "pipe")


@pytest.mark.parametrize(
    ("add", "what"),
    [
        (add_link, "link' is a link"),
        (add_broken_link, "link' is a link"),
        (add_link_to_a_folder, "link' is a link"),
        (add_pipe, "pipe' is no regular file"),
    ],
)
def test_what_tools_treat_differently_is_refused(folder, add, what):
    add(folder)
    with pytest.raises(ConfigurationError, match=what):
        existing(str(folder), go_on)


def test_a_file_that_cannot_be_read_is_refused(folder, monkeypatch):
    # Root may read everything.
    monkeypatch.setattr(os, "access", lambda path, mode: not path.endswith("/b"))
    with pytest.raises(ConfigurationError, match="b' cannot be read"):
        existing(str(folder), go_on)


def test_an_empty_or_missing_folder_is_refused(folder):
    shutil.rmtree(folder / "2026")
    (folder / "c").unlink()
    with pytest.raises(ConfigurationError, match="it holds no file"):
        existing(str(folder), go_on)
    folder.rmdir()
    with pytest.raises(ConfigurationError, match="No such file or directory"):
        existing(str(folder), go_on)


def test_counting_can_be_interrupted(folder):
    with pytest.raises(Interrupted):
        existing(str(folder), stop)


# --- the page cache


def test_every_byte_is_read_into_the_page_cache(cache, monkeypatch):
    data = made(cache)
    read = []
    real = open

    def watched(path, *arguments, **options):
        read.append(path)
        return real(path, *arguments, **options)

    monkeypatch.setattr(dataset, "open", watched, raising=False)
    assert warm(data, go_on)
    assert sorted(os.path.relpath(path, data.folder) for path in read) == sorted(contents(data))


def test_what_does_not_fit_is_not_read(cache, monkeypatch):
    class Little:
        available = 700_000

    monkeypatch.setattr(psutil, "virtual_memory", Little)
    assert not warm(made(cache), stop)
