# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The program on a host: unpacked if it is the one that was meant, compiled, and known to be whole."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
import zipfile

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import InstallationError
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.environment import HostPython, find_python
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.program import (
    is_whole,
    make_program,
    program_name,
)
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.small_payload import (
    make_payload,
    program_archive,
)

BOOKWORM = HostPython("/usr/bin/python3.11", "3.11.2", "Linux", "x86_64", 64, ["glibc", "2.36"], "")
MAIN = b"import sys\nfrom datasync_turbo.said import RAN\nprint(RAN, *sys.argv[1:])\n"


@pytest.fixture(scope="module")
def python():
    return find_python(sys.executable)


@pytest.fixture
def program(tmp_path, python):
    sha256 = make_payload(tmp_path / "payload.zip", MAIN)
    make_program(tmp_path / "programs" / "p1", python, tmp_path / "payload.zip", sha256)
    return tmp_path / "programs" / "p1" / "datasync-turbo"


def test_the_name_of_a_program_tells_its_bytes_and_its_python():
    name = program_name("a" * 64, BOOKWORM)
    assert len(name) == 12
    others = [
        program_name("b" * 64, BOOKWORM),
        program_name("a" * 64, BOOKWORM._replace(version="3.12.0")),
        program_name("a" * 64, BOOKWORM._replace(executable="/opt/python3.11")),
        ("a" * 64)[:12],
    ]
    assert len({name, *others}) == len(others) + 1
    assert program_name("a" * 64, BOOKWORM._replace(version="3.11.9")) == name


def test_a_program_is_the_members_of_its_archive_and_each_of_them_compiled(program, tmp_path):
    (tmp_path / "archive").write_bytes(program_archive(MAIN))
    with zipfile.ZipFile(tmp_path / "archive") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    files = {str(path.relative_to(program)): path for path in program.rglob("*") if path.is_file()}
    assert {name: path.read_bytes() for name, path in files.items() if path.suffix != ".pyc"} == members
    assert len([name for name in files if name.endswith(".pyc")]) == len(members)
    assert is_whole(program)


def test_it_runs_as_a_folder_in_the_place_that_it_is_moved_to(program, tmp_path):
    program.parent.rename(tmp_path / "moved")
    command = [sys.executable, "-I", "-B", tmp_path / "moved" / "datasync-turbo", "sync"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "ran sync\n"
    assert is_whole(tmp_path / "moved" / "datasync-turbo")


def test_everybody_can_read_it_and_nobody_but_its_owner_can_change_it_whatever_the_umask_is(tmp_path, python):
    before = os.umask(0o077)
    try:
        sha256 = make_payload(tmp_path / "payload.zip", MAIN)
        make_program(tmp_path / "p1", python, tmp_path / "payload.zip", sha256)
    finally:
        os.umask(before)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "p1", *(tmp_path / "p1").rglob("*"))}
    assert modes == {0o755, 0o644}


def test_other_bytes_than_those_that_were_meant_are_not_unpacked(tmp_path, python):
    make_payload(tmp_path / "payload.zip", MAIN)
    with pytest.raises(InstallationError, match=r"the program arrived damaged on this host \(deploy again\)"):
        make_program(tmp_path / "p1", python, tmp_path / "payload.zip", "0" * 64)
    assert not list((tmp_path / "p1").rglob("*.py"))
    assert not is_whole(tmp_path / "p1" / "datasync-turbo")


def compiled(program):
    return next(program.rglob("said.*.pyc"))


def changed(path):
    path.write_bytes(path.read_bytes()[:-1] + b"?")


HARMS = {
    "it is gone": lambda program: shutil.rmtree(program.parent),
    "a source is missing": lambda program: (program / "datasync_turbo" / "said.py").unlink(),
    "a source has another byte": lambda program: changed(program / "__main__.py"),
    "compiled code is missing": lambda program: compiled(program).unlink(),
    "compiled code is truncated": lambda program: os.truncate(compiled(program), 20),
    "compiled code has another byte": lambda program: changed(compiled(program)),
    "its record is missing": lambda program: (program.parent / "program.json").unlink(),
    "its record is empty": lambda program: (program.parent / "program.json").write_text("", "utf-8"),
    "its record is a list": lambda program: (program.parent / "program.json").write_text("[]", "utf-8"),
    "its record names no files": lambda program: (program.parent / "program.json").write_text(
        json.dumps({"files": {}}), "utf-8"
    ),
}


@pytest.mark.parametrize("harm", HARMS)
def test_a_program_that_was_damaged_is_not_whole(program, harm):
    HARMS[harm](program)
    assert not is_whole(program)


@pytest.mark.parametrize(("harm", "expected"), [(lambda path: None, True), (changed, False), (os.unlink, False)])
def test_the_one_file_of_version_0_4_0_is_known_by_its_name(tmp_path, harm, expected):
    archive = program_archive(MAIN)
    program = tmp_path / hashlib.sha256(archive).hexdigest()[:12] / "datasync-turbo"
    program.parent.mkdir()
    program.write_bytes(archive)
    harm(program)
    assert is_whole(program) is expected
