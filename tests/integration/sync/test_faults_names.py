# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Names that are hard to carry, and things in a folder that are no files: stored as they are, or named.

Quotes, newlines, control characters, leading dashes, patterns, emoji and case twins are in test_success_is_true.py;
here is what has a limit, what has no content, and all of it together in one folder.
"""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path
from typing import Callable, NoReturn

import pytest

from .agreement import agrees_or_named, difference, kinds
from .conftest import ProgramRun, Upload, contents_of

Stored = Callable[[], dict[str, bytes]]
Tree = Callable[..., Path]

#: The prefix of every test's job.
PREFIX = "in/box/"


def path_of_bytes(length: int, filling: str = "n") -> str:
    """A relative path of exactly so many bytes of UTF-8, in folders as deep as names of 200 bytes make it."""
    parts = []
    while length > 200:
        parts.append(filling * (199 // len(filling.encode())))
        parts[-1] += "n" * (199 - len(parts[-1].encode()))
        length -= 200
    parts.append("n" * length)
    return "/".join(parts)


@pytest.mark.parametrize("filling", ["n", "é", "😀"], ids=["ascii", "two bytes", "four bytes"])
def test_a_key_of_1024_bytes_is_stored_and_one_byte_more_is_named(
    filling: str, tree: Tree, upload: Upload, stored: Stored
) -> None:
    """S3 counts bytes of UTF-8, and the prefix is a part of the key."""
    longest = path_of_bytes(1024 - len(PREFIX), filling)
    too_long = path_of_bytes(1025 - len(PREFIX), filling)
    assert (len(os.fsencode(PREFIX + longest)), len(os.fsencode(PREFIX + too_long))) == (1024, 1025)
    source = tree({longest: b"longest", too_long: b"too long", "a.txt": b"a"})
    result = upload(source)
    assert (result.exit_code, kinds(result)) == (4, {too_long: "name"})
    assert "1025 bytes" in result.problems[0].message
    assert stored() == {longest: b"longest", "a.txt": b"a"}
    agrees_or_named(result, source, stored())
    assert upload(source).files_unchanged == 2


def test_every_printable_ascii_character_is_stored_at_every_place_of_a_name(
    tree: Tree, upload: Upload, stored: Stored
) -> None:
    """A backslash is not among them: SeaweedFS rewrites it, which is named (test_success_is_true.py)."""
    characters = [chr(number) for number in range(0x20, 0x7F) if chr(number) not in "/\\"]
    names = {name for c in characters for name in (f"{c}begin", f"mid{c}dle", f"end{c}", f"{c}{c}")}
    source = tree({f"folder {c}/{c}": c.encode() for c in characters if c != "."})
    for name in sorted(names - {".."}):
        (source / name).write_bytes(name.encode())
    result = upload(source)
    assert (result.exit_code, result.problems) == (0, [])
    assert stored() == contents_of(source)
    again = upload(source)
    assert (again.exit_code, again.files_synced) == (0, 0)


def test_names_that_look_alike_stay_apart(tree: Tree, upload: Upload, stored: Stored) -> None:
    """Case twins, composed and decomposed accents, encoded and plain, with and without a space at the end."""
    names = ["a", "A", "é", "e\u0301", "%41", "A ", " A", "a.", "a..", "a%20b", "a b", "a+b", "a%2Fb", "a\u200bb", "ab"]
    source = tree({name: name.encode() for name in names})
    result = upload(source)
    assert (result.exit_code, result.files_synced) == (0, len(names))
    assert stored() == {name: name.encode() for name in names}
    assert upload(source).files_synced == 0


@pytest.mark.parametrize("name", [b"\xff", b"latin-1 \xe9", b"cut \xe2\x82", b"surrogate \xed\xa0\x80"])
def test_a_folder_whose_name_is_not_utf_8_is_named_with_each_file_in_it(
    name: bytes, tree: Tree, upload: Upload, stored: Stored
) -> None:
    source = tree({"a.txt": b"a"})
    folder = source / os.fsdecode(name)
    folder.mkdir()
    for number in range(3):
        (folder / str(number)).write_bytes(b"x")
    result = upload(source)
    printed = name.decode("utf-8", "backslashreplace")
    assert (result.exit_code, kinds(result)) == (4, {f"{printed}/{number}": "name" for number in range(3)})
    assert stored() == {"a.txt": b"a"}
    agrees_or_named(result, source, stored())
    result.as_json().encode("utf-8")


def test_what_is_no_file_is_named_and_an_exclude_answers_for_it(
    tree: Tree, upload: Upload, stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tree({"a.txt": b"a", "z.txt": b"z"})
    os.mkfifo(source / "fifo")
    monkeypatch.chdir(source)  # the address of a socket has 107 bytes at most, and the path of a test may have more
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
    result = upload(source)
    assert (result.exit_code, kinds(result)) == (4, {"fifo": "special_file", "socket": "special_file"})
    assert sorted(stored()) == ["a.txt", "z.txt"]
    assert upload(source, exclude=["fifo", "socket"]).exit_code == 0


def test_devices_are_named(tree: Tree, upload: Upload, stored: Stored, cannot_run: Callable[[str], NoReturn]) -> None:
    source = tree({"a.txt": b"a"})
    try:
        os.mknod(source / "zero", stat.S_IFCHR | 0o666, os.makedev(1, 5))
        os.mknod(source / "disk", stat.S_IFBLK | 0o600, os.makedev(7, 0))
    except PermissionError:
        cannot_run("no right to make devices: run as root")
    result = upload(source)
    assert (result.exit_code, kinds(result)) == (4, {"zero": "special_file", "disk": "special_file"})
    assert "character device" in next(p.message for p in result.problems if p.path == "zero")
    assert stored() == {"a.txt": b"a"}


def test_empty_folders_have_nothing_to_store(tree: Tree, upload: Upload, stored: Stored) -> None:
    source = tree({"a.txt": b"a", "empty file": b""})
    (source / "empty" / "emptier" / "emptiest").mkdir(parents=True)
    result = upload(source)
    assert (result.exit_code, result.problems) == (0, [])
    assert stored() == {"a.txt": b"a", "empty file": b""}


def test_hard_links_and_links_are_stored_under_each_name(tree: Tree, upload: Upload, stored: Stored) -> None:
    source = tree({"one": b"linked", "folder/inner": b"inner"})
    outside = tree({"outside": b"outside"}, name="elsewhere")
    os.link(source / "one", source / "two")
    (source / "link").symlink_to("one")
    (source / "link to folder").symlink_to("folder")
    (source / "link outside").symlink_to(outside)
    result = upload(source)
    assert (result.exit_code, result.problems) == (0, [])
    assert stored() == contents_of(source)
    assert stored()["link outside/outside"] == b"outside"
    # All names of a hard link change together.
    (source / "two").write_bytes(b"change")
    result = upload(source)
    assert (result.exit_code, result.files_synced) == (0, 3)
    assert stored() == contents_of(source)


def test_loops_of_links_end_and_are_named(tree: Tree, upload: Upload, stored: Stored) -> None:
    source = tree({"a.txt": b"a", "deep/er/b.txt": b"b"})
    (source / "itself").symlink_to("itself")
    (source / "one").symlink_to("two")
    (source / "two").symlink_to("one")
    (source / "deep" / "er" / "up").symlink_to("..")
    (source / "deep" / "root").symlink_to(source)
    result = upload(source)
    loops = ("itself", "one", "two", "deep/er/up", "deep/root")
    assert (result.exit_code, kinds(result)) == (4, dict.fromkeys(loops, "link_loop"))
    assert stored() == {"a.txt": b"a", "deep/er/b.txt": b"b"}


def test_all_of_it_in_one_folder_by_the_host_program(
    tree: Tree, env_file: Callable[..., Path], program: Callable[..., ProgramRun], stored: Stored
) -> None:
    """What can be stored is, what cannot is named once, and neither keeps the other from it."""
    names = ["new\nline", "tab\t", "-rf", "😀/😀", "a*?[]%+#&=", "'\"`$(x)", "A", "a", "dots..."]
    good = {name: name.encode() for name in names}
    source = tree({**good, "closed/in": b"10", path_of_bytes(1018): b"11"})
    Path(os.fsdecode(os.fsencode(source) + b"/\xff\xfe")).write_bytes(b"12")
    os.mkfifo(source / "fifo")
    (source / "broken").symlink_to("nowhere")
    (source / "loop").symlink_to("loop")
    (source / "locked").write_bytes(b"13")
    (source / "locked").chmod(0)
    (source / "closed").chmod(0)
    run = program("sync", "--json", "--config", str(env_file(SOURCE_DIR=source)))
    (source / "closed").chmod(0o755)
    assert run.returncode == 4
    assert kinds(run) == {
        "\\xff\\xfe": "name",
        "broken": "broken_link",
        "closed": "unreadable",
        "fifo": "special_file",
        "locked": "unreadable",
        "loop": "link_loop",
        path_of_bytes(1018): "name",
    }
    assert stored() == good
    assert not difference(source, stored()) - set(kinds(run)) - {"closed/in"}
    for line in run.stderr.splitlines():
        assert line.startswith("["), "no name can forge a line of the log"
