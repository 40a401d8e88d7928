# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What a person sees while a run goes."""

from __future__ import annotations

import io
import sys

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.report import progress as progress_module
from ansible_collections.datasync.turbo.plugins.module_utils.report.log import Level, Log
from ansible_collections.datasync.turbo.plugins.module_utils.report.progress import (
    DRAW_INTERVAL,
    LINE_INTERVAL,
    LineProgress,
    LiveProgress,
    Progress,
    progress_for,
)


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """The monotonic clock of the module; the test moves it."""
    now = [1000.0]
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: now[0])
    return now


def test_finished_files_are_counted_with_their_bytes():
    progress = Progress()
    progress.start(2, 300)
    progress.file_done(100)
    assert (progress.done_files, progress.moved) == (1, 100)


def test_what_was_sent_of_an_unfinished_file_moves_the_display():
    progress = Progress()
    progress.start(2, 300)
    progress.file_done(100)
    progress.sent = lambda: 250
    assert progress.moved == 250


def test_the_display_never_shows_more_than_all_nor_less_than_before():
    """s5cmd's count holds its repeated and signed bytes too, and starts again with each s5cmd."""
    progress = Progress()
    progress.start(2, 300)
    progress.sent = lambda: 1000
    assert progress.moved == 300
    progress.file_done(200)
    progress.sent = lambda: 5
    assert progress.moved == 200


def test_a_kernel_that_does_not_tell_what_was_sent_is_no_error():
    progress = Progress()
    progress.start(1, 300)
    progress.sent = lambda: None
    assert progress.moved == 0


def test_the_rate_is_bytes_per_second_since_the_start(clock):
    progress = Progress()
    clock[0] += 100
    progress.start(1, 300)
    progress.file_done(300)
    clock[0] += 2
    assert progress.rate == 150


def test_the_rate_of_a_run_that_has_just_begun_is_no_division_by_zero(clock):
    progress = Progress()
    progress.start(1, 0)
    assert progress.rate == 0


def test_without_a_terminal_there_is_a_line_now_and_then(clock):
    stream = io.StringIO()
    progress = LineProgress(Log(stream))
    progress.start(4, 4_000_000)
    progress.file_done(1_000_000)
    progress.tick()
    assert stream.getvalue() == ""
    clock[0] += LINE_INTERVAL
    progress.tick()
    progress.tick()
    assert stream.getvalue().count("\n") == 1
    assert "1 of 4 files, 1.0 MB of 4.0 MB, 0.0 MB/s, about 90 s left" in stream.getvalue()


def test_while_nothing_was_sent_no_time_left_is_invented(clock):
    stream = io.StringIO()
    progress = LineProgress(Log(stream))
    progress.start(4, 4_000_000)
    clock[0] += LINE_INTERVAL
    progress.tick()
    assert "left" not in stream.getvalue()
    assert "0 of 4 files" in stream.getvalue()


def test_there_is_no_line_before_it_is_known_what_to_upload(clock):
    stream = io.StringIO()
    progress = LineProgress(Log(stream))
    clock[0] += LINE_INTERVAL
    progress.tick()
    assert stream.getvalue() == ""


def test_a_stream_that_is_no_terminal_gets_lines():
    assert progress_for(Log(), io.StringIO()).__class__ is LineProgress


def test_a_terminal_gets_a_live_display():
    assert progress_for(Log(), Terminal()).__class__ is LiveProgress


def test_without_rich_a_terminal_gets_lines(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "rich"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "rich", None)
    said = io.StringIO()
    assert progress_for(Log(said, level=Level.DEBUG), Terminal()).__class__ is LineProgress
    assert "rich is not installed" in said.getvalue()


def test_log_lines_appear_while_the_live_display_runs():
    terminal = Terminal()
    log = Log(terminal)
    progress = LiveProgress(log, terminal)
    progress.start(2, 300)
    log.error("a.mov: cannot be read [bold]")
    progress.file_done(100)
    progress.stop()
    assert "a.mov: cannot be read [bold]" in terminal.getvalue()


def test_the_live_display_is_drawn_a_few_times_a_second_however_often_it_is_ticked(clock):
    progress = LiveProgress(Log(Terminal()), Terminal())
    asked = []
    progress.sent = lambda: asked.append(1)
    progress.start(1000, 1000)
    for _file in range(1000):
        clock[0] += DRAW_INTERVAL / 100
        progress.tick()
    assert 10 <= len(asked) <= 12
    progress.stop()


def test_after_the_live_display_the_log_writes_plainly_again():
    terminal = Terminal()
    log = Log(terminal)
    plain = log.write
    progress = LiveProgress(log, terminal)
    progress.start(1, 1)
    assert log.write != plain
    progress.stop()
    progress.stop()
    assert log.write == plain


def test_nothing_to_upload_shows_no_live_display():
    terminal = Terminal()
    progress = LiveProgress(Log(terminal), terminal)
    progress.start(0, 0)
    progress.tick()
    progress.stop()
    assert terminal.getvalue() == ""


def test_a_terminal_that_is_gone_does_not_keep_a_run_from_cleaning_up():
    """The login ended: SIGHUP stops the run, and what is written to the terminal fails with EIO."""

    class Gone(Terminal):
        gone = False

        def write(self, text):
            if self.gone:
                raise OSError(5, "Input/output error")
            return super().write(text)

    terminal = Gone()
    log = Log(terminal)
    progress = LiveProgress(log, terminal)
    progress.start(1, 1)
    terminal.gone = True
    log.error("stopped by signal 1")
    progress.stop()
