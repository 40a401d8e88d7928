# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The log stays where its name is, whoever moves the file away."""

from __future__ import annotations

import os
import shutil

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError
from ansible_collections.datasync.turbo.plugins.module_utils.report import log_file as log_file_module
from ansible_collections.datasync.turbo.plugins.module_utils.report.log_file import LogFile


@pytest.fixture
def path(tmp_path):
    return tmp_path / "logs" / "sync.log"


@pytest.fixture
def log_file(path):
    file = LogFile(str(path))
    yield file
    file.close()


def test_lines_after_a_rotation_go_to_the_new_file(log_file, path):
    log_file.write("before\n")
    path.rename(path.with_suffix(".log.1"))
    path.touch(0o640)
    log_file.write("after\n")
    assert path.with_suffix(".log.1").read_text() == "before\n"
    assert path.read_text() == "after\n"


def test_a_file_that_was_moved_or_removed_is_made_anew(log_file, path):
    path.rename(path.with_suffix(".log.1"))
    log_file.write("one\n")
    assert path.read_text() == "one\n"
    path.unlink()
    log_file.write("two\n")
    assert path.read_text() == "two\n"
    shutil.rmtree(path.parent)
    log_file.write("three\n")
    assert path.read_text() == "three\n"


def test_a_file_that_was_truncated_goes_on_at_its_beginning(log_file, path):
    """logrotate's copytruncate."""
    log_file.write("before\n")
    os.truncate(path, 0)
    log_file.write("after\n")
    assert path.read_text() == "after\n"


def test_a_link_may_be_led_elsewhere(log_file, path, tmp_path):
    path.unlink()
    path.symlink_to(tmp_path / "one.log")
    log_file.write("one\n")
    log_file.write("one more\n")
    path.unlink()
    path.symlink_to(tmp_path / "two.log")
    log_file.write("two\n")
    assert (tmp_path / "one.log").read_text() == "one\none more\n"
    assert (tmp_path / "two.log").read_text() == "two\n"


def test_a_name_that_can_no_longer_be_opened_loses_no_line(log_file, path):
    kept = path.with_suffix(".log.1")
    path.rename(kept)
    path.mkdir()
    log_file.write("in the old one\n")
    assert kept.read_text() == "in the old one\n"
    path.rmdir()
    log_file.write("in the new one\n")
    assert path.read_text() == "in the new one\n"


def test_a_name_that_cannot_be_looked_at_is_no_rotation(log_file, path, monkeypatch):
    def fail(name):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(log_file_module.os, "stat", fail)
    log_file.write("line\n")
    assert path.read_text() == "line\n"


def test_a_log_file_that_cannot_be_opened_is_a_configuration_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=r"cannot write the log file .*check log_path"):
        LogFile(str(tmp_path / "file" / "sync.log"))
