# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Log lines in the form that the sites' scripts read, and nothing that a file's name could forge.

The log file stays where its name is, whoever moves the file away.
"""

from __future__ import annotations

import io
import os
import re
import shutil

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError
from ansible_collections.datasync.turbo.plugins.module_utils.report import log as log_module
from ansible_collections.datasync.turbo.plugins.module_utils.report.log import Level, Log, LogFile, one_line
from hypothesis import given
from hypothesis import strategies as st

LINE = re.compile(r"^\[(DEBUG|INFO|WARN|ERROR)\] \[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\] (.*)$")


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Full(io.StringIO):
    """A stream whose disk is full, or whose terminal is gone."""

    def write(self, text):
        raise OSError(28, "No space left on device")


def messages(text):
    return [LINE.match(line).groups() for line in text.splitlines()]


@given(st.text())
def test_a_message_is_one_line_without_control_characters(text):
    line = one_line(text)
    assert line.isprintable()
    line.encode("utf-8")


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E)))
def test_plain_text_is_logged_as_it_is(text):
    assert one_line(text) == text


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\nb", "a\\nb"),
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("日本 ü", "日本 ü"),
        ("a\u202eb", "a\\u202eb"),
        ("\udce9", "\\udce9"),
    ],
)
def test_what_could_forge_a_line_or_move_the_cursor_is_escaped(name, shown):
    assert one_line(name) == shown


def test_every_level_has_the_form_of_the_sites():
    stream = io.StringIO()
    log = Log(stream, level=Level.DEBUG)
    log.debug("d"), log.info("i"), log.warn("w"), log.error("e")
    assert messages(stream.getvalue()) == [("DEBUG", "d"), ("INFO", "i"), ("WARN", "w"), ("ERROR", "e")]


def test_less_than_the_level_is_not_shown():
    stream = io.StringIO()
    log = Log(stream, level=Level.WARN)
    log.info("i"), log.warn("w")
    assert messages(stream.getvalue()) == [("WARN", "w")]


def test_the_file_gets_the_normal_course_also_when_the_stream_is_quiet(tmp_path):
    log = Log(io.StringIO(), str(tmp_path / "sync.log"), Level.ERROR)
    log.debug("d"), log.info("i")
    log.close()
    assert messages((tmp_path / "sync.log").read_text()) == [("INFO", "i")]


def test_the_file_is_appended_to_and_its_folder_made(tmp_path):
    path = tmp_path / "logs" / "sync.log"
    for message in ("first", "second"):
        log = Log(path=str(path))
        log.info(message)
        log.close()
    assert [message for _level, message in messages(path.read_text())] == ["first", "second"]


def test_a_line_is_in_the_file_as_soon_as_it_is_said(tmp_path):
    Log(path=str(tmp_path / "sync.log")).info("now")
    assert messages((tmp_path / "sync.log").read_text()) == [("INFO", "now")]


def test_a_terminal_gets_colours_and_the_file_none(tmp_path, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    terminal = Terminal()
    log = Log(terminal, str(tmp_path / "sync.log"))
    log.error("e")
    assert terminal.getvalue().startswith("\033[31m[ERROR]\033[0m [")
    assert "\033" not in (tmp_path / "sync.log").read_text()


def test_no_color_is_respected(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "")
    terminal = Terminal()
    Log(terminal).error("e")
    assert "\033" not in terminal.getvalue()


def test_warnings_are_kept_for_whoever_shows_them_elsewhere():
    log = Log()
    log.warn("w"), log.info("i")
    assert log.warnings == ["w"]


def test_the_journal_gets_priorities_in_place_of_time_and_level(tmp_path, monkeypatch):
    """As systemd connects standard error: JOURNAL_STREAM holds device and inode of what stderr is."""
    with open(tmp_path / "journal", "w+") as stream:
        status = os.fstat(stream.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        log = Log(stream, str(tmp_path / "sync.log"), Level.DEBUG)
        log.debug("d"), log.info("i\n<0>forged"), log.warn("w"), log.error("e")
        stream.seek(0)
        assert stream.read() == "<7>d\n<6>i\\n<0>forged\n<4>w\n<3>e\n"
    assert [level for level, _message in messages((tmp_path / "sync.log").read_text())] == [
        "DEBUG",
        "INFO",
        "WARN",
        "ERROR",
    ]


@pytest.mark.parametrize("journal", ["", "8:1", "{dev}:1", "nonsense", "{dev}:{ino}:1"])
def test_a_stream_that_is_not_the_journal_gets_the_usual_lines(tmp_path, monkeypatch, journal):
    """The variable is inherited by whatever a unit starts, also where standard error goes elsewhere."""
    with open(tmp_path / "stream", "w+") as stream:
        status = os.fstat(stream.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", journal.format(dev=status.st_dev, ino=status.st_ino))
        Log(stream).info("i")
        stream.seek(0)
        assert messages(stream.read()) == [("INFO", "i")]


def test_a_log_disk_that_fills_up_does_not_stop_the_run_and_is_said_once():
    stream = io.StringIO()
    log = Log(stream)
    log._file = Full()
    log.info("first")
    log.info("second")
    assert [message for _level, message in messages(stream.getvalue())] == [
        "the log file is no longer written: No space left on device",
        "first",
        "second",
    ]


def test_a_stream_that_cannot_be_written_does_not_stop_the_run(tmp_path):
    """Standard error redirected to a full disk, or a terminal whose login has ended."""
    log = Log(Full(), str(tmp_path / "sync.log"))
    log.info("first")
    log.error("second")
    assert messages((tmp_path / "sync.log").read_text()) == [("INFO", "first"), ("ERROR", "second")]


def test_a_name_that_is_not_utf_8_can_be_logged(tmp_path):
    log = Log(path=str(tmp_path / "sync.log"))
    log.error("caf\udce9: cannot be read")
    assert "caf\\udce9" in (tmp_path / "sync.log").read_text()


def test_a_live_display_may_take_over_the_stream():
    taken = []
    log = Log(io.StringIO())
    log.write = taken.append
    log.info("above the bar")
    assert messages("".join(taken)) == [("INFO", "above the bar")]


# --- the log file


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

    monkeypatch.setattr(log_module.os, "stat", fail)
    log_file.write("line\n")
    assert path.read_text() == "line\n"


def test_a_log_file_that_cannot_be_opened_is_a_configuration_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=r"cannot write the log file .*check log_path"):
        LogFile(str(tmp_path / "file" / "sync.log"))
