# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Manifests are those of the real `sha256sum`, in both directions, whatever the names hold."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import shutil
import subprocess
import tracemalloc

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError
from ansible_collections.datasync.turbo.plugins.module_utils.report import manifest
from hypothesis import given
from hypothesis import strategies as st

A = hashlib.sha256(b"a").hexdigest()
B = hashlib.sha256(b"b").hexdigest()

ODD_NAMES = [
    "plain.txt",
    " leading and trailing ",
    "-dash",
    "*star",
    "#hash",
    "back\\slash",
    "new\nline",
    "carriage\rreturn",
    "ends in cr\r",
    "\\n",
    "tab\t",
    "quote'\"",
    "bad\udcffbyte",
    "émoji 🎬",
    "(a) = b",
    "deep/er/file",
]


@pytest.fixture
def sha256sum():
    """The real one, where the system has it; macOS calls it gsha256sum."""
    command = shutil.which("sha256sum") or shutil.which("gsha256sum")
    assert command, "sha256sum of GNU coreutils is missing"
    return command


@pytest.fixture
def names(sha256sum, tmp_path):
    """The odd names that this sha256sum can print: that of coreutils 8 prints a carriage return as it is."""
    name = tmp_path / "a\rb"
    name.touch()
    printed = subprocess.run([sha256sum, "--", name], check=True, capture_output=True).stdout
    return [name for name in ODD_NAMES if "\r" not in name or printed.startswith(b"\\")]


@pytest.fixture
def folder(tmp_path):
    """A folder with a file of each odd name, whose content is its name."""
    top = tmp_path / "material"
    for name in ODD_NAMES:
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.fsencode(name))
    return top


def digest_of(name):
    return hashlib.sha256(os.fsencode(name)).hexdigest()


def written(tmp_path, content):
    path = tmp_path / "SHA256SUMS"
    path.write_bytes(content)
    return str(path)


def names_in(path, **options):
    return {line.name: line.sha256 for line in manifest.read(path, **options)}


# --- the real sha256sum


def test_sha256sum_checks_what_we_write(tmp_path, folder, names, sha256sum):
    path = tmp_path / "SHA256SUMS"
    with manifest.writing(str(path)) as writer:
        for name in names:
            writer.add(digest_of(name), name)
    command = [sha256sum, "--check", "--strict", "--quiet", str(path)]
    assert subprocess.run(command, cwd=folder, check=False).returncode == 0
    (folder / "plain.txt").write_bytes(b"other")
    assert subprocess.run(command, cwd=folder, check=False).returncode == 1


@pytest.mark.parametrize("options", [[], ["--binary"], ["--tag"]])
def test_we_read_what_sha256sum_writes(tmp_path, folder, names, sha256sum, options):
    command = [sha256sum, *options, "--", *names]
    printed = subprocess.run(command, cwd=folder, check=True, capture_output=True).stdout
    assert names_in(written(tmp_path, printed)) == {name: digest_of(name) for name in names}


def test_our_lines_are_the_ones_that_sha256sum_prints(folder, names, sha256sum):
    printed = subprocess.run([sha256sum, "--", *names], cwd=folder, check=True, capture_output=True).stdout
    assert b"".join(manifest.format_line(digest_of(name), name) for name in names) == printed


# --- reading


def test_the_binary_marker_windows_line_ends_blank_lines_and_comments_are_taken(tmp_path):
    text = f"# made by hand\r\n\r\n{A.upper()} *a.txt\r\n{B}  b.txt"
    lines = list(manifest.read(written(tmp_path, text.encode())))
    assert lines == [(3, A, "a.txt"), (4, B, "b.txt")]


def test_names_as_find_prints_them_lose_their_dots_and_doubled_slashes(tmp_path):
    assert names_in(written(tmp_path, f"{A}  ./a//b/./c.txt\n".encode())) == {"a/b/c.txt": A}


@pytest.mark.parametrize("name", ["/etc/passwd", "../b.txt", "a/../../b.txt", "..", "./"])
def test_a_name_that_leaves_the_folder_is_refused_with_file_and_line(tmp_path, name):
    path = written(tmp_path, f"{A}  a.txt\n{A}  {name}\n".encode())
    with pytest.raises(ConfigurationError, match=r"SHA256SUMS:2: .*name"):
        list(manifest.read(path))


def test_a_name_may_be_absolute_where_it_need_not_be_relative(tmp_path):
    path = written(tmp_path, f"{A}  /data/./a.txt\n".encode())
    assert names_in(path, relative=False) == {"/data/./a.txt": A}


@pytest.mark.parametrize(
    "line",
    [
        b"hello",
        b"d41d8cd98f00b204e9800998ecf8427e  md5.txt",
        A.encode() + b" one space",
        A.encode() + b"  ",
        A.encode()[:-1] + b"g  no.txt",
        b"MD5 (a) = " + A.encode(),
        b"\\" + A.encode() + b"  unknown\\t",
        b"\\" + A.encode() + b"  ends\\",
        A.encode() + b"  nul\0",
        b"\\SHA256 (a\\x) = " + A.encode(),
    ],
)
def test_a_line_in_another_form_is_refused_with_file_and_line(tmp_path, line):
    path = written(tmp_path, A.encode() + b"  a.txt\n" + line + b"\n")
    with pytest.raises(ConfigurationError, match=r"SHA256SUMS:2: "):
        list(manifest.read(path))


def test_a_file_without_line_ends_is_not_read_whole(tmp_path):
    path = tmp_path / "disk.img"
    with open(path, "wb") as file:
        file.truncate(1 << 30)
    tracemalloc.start()
    with pytest.raises(ConfigurationError, match=r"disk.img:1: is too long"):
        list(manifest.read(str(path)))
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


def test_a_manifest_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"nowhere.*No such file"):
        list(manifest.read(str(tmp_path / "nowhere")))


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1))
def test_every_name_comes_back(name):
    line = manifest.format_line(A, name)
    assert line.count(b"\n") == 1
    (back,) = manifest._lines(io.BytesIO(line), "m", relative=False)
    assert (back.sha256, back.name) == (A, name)


# --- writing


def test_the_old_manifest_stays_until_the_new_one_is_complete(tmp_path):
    path = tmp_path / "SHA256SUMS"
    path.write_text("old")
    with manifest.writing(str(path)) as writer:
        writer.add(A, "a.txt")
        assert path.read_text() == "old"
    assert path.read_text() == f"{A}  a.txt\n"
    assert path.stat().st_mode & 0o777 == 0o644
    assert os.listdir(tmp_path) == ["SHA256SUMS"]


def test_a_run_that_ends_early_leaves_the_old_manifest_and_nothing_else(tmp_path):
    path = tmp_path / "SHA256SUMS"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), manifest.writing(str(path)) as writer:
        writer.add(A, "a.txt")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["SHA256SUMS"]


def test_an_empty_manifest_is_a_manifest(tmp_path):
    with manifest.writing(str(tmp_path / "deep" / "SHA256SUMS")):
        pass
    assert list(manifest.read(str(tmp_path / "deep" / "SHA256SUMS"))) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    place = str(tmp_path / "file" / "SHA256SUMS")
    with pytest.raises(ConfigurationError, match=r"manifest.*file/SHA256SUMS"), manifest.writing(place):
        pass


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_is_named_and_leaves_the_old_manifest(tmp_path, monkeypatch, call):
    path = tmp_path / "SHA256SUMS"
    path.write_text("old")

    def full(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, call, full)
    with pytest.raises(ConfigurationError, match=r"SHA256SUMS.*No space left"), manifest.writing(str(path)) as writer:
        writer.add(A, "a.txt")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["SHA256SUMS"]


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_lines(tmp_path):
    path = str(tmp_path / "SHA256SUMS")
    tracemalloc.start()
    with manifest.writing(path) as writer:
        for number in range(50_000):
            writer.add(A, f"file {number}")
    assert sum(1 for _line in manifest.read(path)) == 50_000
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()
