# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Modules of an archive are compiled once, and whatever is wrong with what was kept, they run as they are written."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
import zipfile
import zipimport

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.program import bytecode

PACKAGE = "sample_of_the_bytecode_tests"


class Program:
    """An archive with a package of one module that fits what is asked, and what becomes of importing it."""

    def __init__(self, folder, patched):
        self.path = folder / "program"
        self.kept_in = folder / "kept"
        self.compiled = []
        patched.setattr(sys, "pycache_prefix", str(self.kept_in))
        patched.setattr(sys, "dont_write_bytecode", False)
        patched.setattr(sys, "meta_path", list(sys.meta_path))
        patched.setattr(sys, "path", [str(self.path), *sys.path])
        patched.setattr(bytecode, "compile", self._compile, raising=False)
        self._meta_path = list(sys.meta_path)
        self.write("VALUE = 1")

    def _compile(self, source, path, *arguments, **keywords):
        self.compiled.append(os.path.basename(path))
        return compile(source, path, *arguments, **keywords)

    def write(self, source):
        with zipfile.ZipFile(self.path, "w") as archive:
            archive.writestr(f"{PACKAGE}/__init__.py", "")
            archive.writestr(f"{PACKAGE}/module.py", source)

    def start(self):
        """Import the module as a new process would; what was compiled for it is in `compiled`."""
        self.forget()
        sys.meta_path[:] = self._meta_path
        bytecode.keep_compiled(PACKAGE, zipimport.zipimporter(str(self.path)))
        return importlib.import_module(f"{PACKAGE}.module")

    @staticmethod
    def forget():
        for name in (PACKAGE, f"{PACKAGE}.module"):
            sys.modules.pop(name, None)
        sys.path_importer_cache.clear()
        # A new process has not looked into the archive yet.
        zipimport._zip_directory_cache.clear()
        importlib.invalidate_caches()

    @property
    def kept(self):
        (path,) = self.kept_in.rglob("module.*")
        return path


@pytest.fixture
def program(tmp_path, monkeypatch):
    made = Program(tmp_path, monkeypatch)
    yield made
    made.forget()


def test_a_module_is_compiled_by_the_first_start_alone(program):
    assert [program.start().VALUE for _time in range(3)] == [1, 1, 1]
    assert program.compiled == ["module.py"]


def test_a_module_knows_what_it_is(program):
    module = program.start()
    assert module.__name__ == f"{PACKAGE}.module"
    assert module.__package__ == PACKAGE
    assert module.__file__ == str(program.path / PACKAGE / "module.py")


def test_without_a_folder_for_compiled_modules_everything_stays_as_it_is(program, monkeypatch):
    monkeypatch.setattr(sys, "pycache_prefix", None)
    before = list(sys.meta_path)
    assert program.start().VALUE == 1
    assert sys.meta_path == before
    assert not program.kept_in.exists()


def test_where_nothing_may_be_kept_nothing_is(program, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert [program.start().VALUE for _time in range(2)] == [1, 1]
    assert program.compiled == ["module.py", "module.py"]
    assert not program.kept_in.exists()


def test_another_archive_in_the_same_place_is_compiled_anew(program):
    program.start()
    before = program.path.stat()
    program.write("VALUE = 2")
    os.utime(program.path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert program.path.stat().st_size == before.st_size
    assert program.start().VALUE == 2
    program.write("VALUE = 33")
    os.utime(program.path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert program.start().VALUE == 33
    assert program.start().VALUE == 33
    assert len(program.compiled) == 3


def test_what_another_python_kept_is_not_used(program, monkeypatch):
    program.start()
    monkeypatch.setattr(importlib.util, "MAGIC_NUMBER", b"\x00\x00\r\n")
    assert program.start().VALUE == 1
    assert len(program.compiled) == 2


def test_a_kept_module_that_was_damaged_is_compiled_anew(program):
    program.start()
    whole = program.kept.read_bytes()
    for position in [*range(30), *range(30, len(whole), 17)]:
        for damaged in (
            whole[:position],
            whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :],
            whole[:position] + bytes(len(whole) - position),
        ):
            if damaged == whole:
                continue
            program.kept.write_bytes(damaged)
            program.compiled.clear()
            assert program.start().VALUE == 1
            assert program.compiled == ["module.py"]
            assert program.kept.read_bytes() == whole


def test_a_folder_that_cannot_be_written_changes_nothing(program):
    program.kept_in.write_text("no folder", "utf-8")
    assert [program.start().VALUE for _time in range(2)] == [1, 1]
    assert program.compiled == ["module.py", "module.py"]


def test_a_full_disk_leaves_nothing_behind(program, monkeypatch):
    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert program.start().VALUE == 1
    assert [path for path in program.kept_in.rglob("*") if path.is_file()] == []


def test_a_module_that_is_not_there_is_not_found(program):
    program.start()
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module(f"{PACKAGE}.other")


def test_modules_of_others_are_left_to_others(program):
    program.start()
    finder = sys.meta_path[0]
    assert finder.find_spec(f"{PACKAGE}.module") is not None
    assert [finder.find_spec(name) for name in ("json", PACKAGE, f"{PACKAGE}s.module")] == [None, None, None]


def test_a_traceback_shows_the_line(program):
    program.write("def fail():\n    raise RuntimeError('because')  # this line\n")
    for _time in range(2):
        with pytest.raises(RuntimeError) as raised:
            program.start().fail()
        assert "# this line" in "".join(traceback.format_exception(None, raised.value, raised.value.__traceback__))
