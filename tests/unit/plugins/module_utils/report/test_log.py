# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Log lines in the form that the sites' scripts read, and nothing that a file's name could forge."""

from __future__ import annotations

import io
import os
import re

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.report.log import Level, Log, one_line
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
