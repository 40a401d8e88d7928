# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Code is compiled at its deployment, once, and runs as it is written."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import InstallationError
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.compiled import compile_folder


@pytest.fixture
def folder(tmp_path):
    return written(tmp_path / "code")


def written(folder):
    (folder / "package" / "inner").mkdir(parents=True)
    (folder / "__main__.py").write_text("from package.inner.module import VALUE\nprint(VALUE)\n", "utf-8")
    (folder / "package" / "__init__.py").write_text("", "utf-8")
    (folder / "package" / "inner" / "module.py").write_text("VALUE = 'as it is written'\n", "utf-8")
    return folder


def compiled(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.pyc")}


def started(folder, *options):
    return subprocess.run([sys.executable, "-I", "-B", *options, folder], capture_output=True, text=True, check=False)


def test_each_source_is_compiled_and_python_runs_what_was_compiled(folder):
    compile_folder(folder, sys.executable)
    tag = f"{sys.implementation.cache_tag}.pyc"
    names = {f"__pycache__/__main__.{tag}", f"package/__pycache__/__init__.{tag}"}
    assert set(compiled(folder)) == names | {f"package/inner/__pycache__/module.{tag}"}
    done = started(folder, "-v")
    assert done.stdout == "as it is written\n"
    for name in compiled(folder):
        assert f"code object from '{folder / name}'" in done.stderr


def test_a_start_keeps_nothing(folder):
    assert started(folder).stdout == "as it is written\n"
    assert compiled(folder) == {}


def test_the_same_sources_give_the_same_bytes_whenever_and_wherever_they_are_compiled(folder, tmp_path):
    other = written(tmp_path / "elsewhere")
    os.utime(other / "__main__.py", (0, 0))
    compile_folder(folder, sys.executable)
    compile_folder(other, sys.executable)
    assert compiled(other) == compiled(folder) != {}


def test_compiled_code_is_not_run_in_the_place_of_another_source(folder):
    """As after an edit by hand, even one that left size and time as they were."""
    compile_folder(folder, sys.executable)
    module = folder / "package" / "inner" / "module.py"
    status = module.stat()
    module.write_text(module.read_text("utf-8").replace("written", "changed"), "utf-8")
    os.utime(module, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert started(folder).stdout == "as it is changed\n"


def test_a_traceback_names_the_file_where_it_is_now(folder, tmp_path):
    (folder / "package" / "inner" / "module.py").write_text("VALUE = 1 / 0\n", "utf-8")
    compile_folder(folder, sys.executable)
    folder.rename(tmp_path / "moved")
    assert str(tmp_path / "moved" / "package" / "inner" / "module.py") in started(tmp_path / "moved").stderr


def test_a_source_for_another_python_is_left_as_it_is(folder):
    """Packages bring such files, which nobody imports."""
    (folder / "package" / "other.py").write_text("print 'of 2001'\n", "utf-8")
    compile_folder(folder, sys.executable)
    assert len(compiled(folder)) == 3


def test_a_link_is_not_followed(folder, tmp_path):
    (tmp_path / "theirs.py").write_text("VALUE = 1\n", "utf-8")
    (folder / "link.py").symlink_to(tmp_path / "theirs.py")
    compile_folder(folder, sys.executable)
    assert len(compiled(folder)) == 3


def test_compiled_code_that_the_disk_has_no_room_for_is_an_error_and_not_half_there_unnoticed(folder):
    (folder / "package" / "inner" / "module.py").write_text(f"VALUE = {'x' * 4000!r}\n", "utf-8")
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, limit[1]))
        with pytest.raises(InstallationError, match=rf"cannot compile {folder}: "):
            compile_folder(folder, sys.executable)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, ignored)


def test_what_the_callers_environment_says_to_python_is_not_heard(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    compile_folder(folder, sys.executable)
    assert len(compiled(folder)) == 3
    assert not (tmp_path / "elsewhere").exists()
