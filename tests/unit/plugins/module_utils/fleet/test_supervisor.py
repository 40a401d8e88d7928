# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A detached process goes on without its starter, and tells later callers how it ended."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError
from ansible_collections.datasync.turbo.plugins.module_utils.fleet import supervisor as detached_process


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def wait_for(folder):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        done = detached_process.ended(folder)
        if done is not None:
            return done
        time.sleep(0.02)
    raise AssertionError("the process did not end")


def test_the_exit_status_and_the_output_are_kept():
    folder = detached_process.start(
        [sys.executable, "-c", "import sys; print('so far', flush=True); sys.exit('no such bucket')"]
    )
    assert Path(folder).stat().st_mode & 0o777 == 0o700
    assert wait_for(folder) == detached_process.ProcessEnded(1, "so far\nno such bucket")
    detached_process.forget(folder)
    assert not Path(folder).exists()


def test_a_signal_is_told_as_shells_tell_it():
    folder = detached_process.start([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"])
    assert wait_for(folder).exit_status == 137


def test_a_command_that_is_not_there_ends_with_127():
    assert wait_for(detached_process.start(["/nonexistent/datasync-turbo"])).exit_status == 127


def test_it_has_a_session_of_its_own_and_no_input(tmp_path):
    script = "import os, sys; print(os.getsid(0), repr(sys.stdin.read()))"
    session, read = wait_for(detached_process.start([sys.executable, "-c", script])).output.split()
    assert int(session) != os.getsid(0)
    assert read == "''"


def test_while_it_runs_there_is_no_end(tmp_path):
    go = tmp_path / "go"
    script = f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.02)"
    folder = detached_process.start([sys.executable, "-c", script])
    assert detached_process.ended(folder) is None
    go.touch()
    assert wait_for(folder).exit_status == 0


def test_long_output_is_cut_at_its_beginning():
    script = "print('x' * 100_000); print('the reason')"
    output = wait_for(detached_process.start([sys.executable, "-c", script])).output
    assert len(output) <= detached_process.OUTPUT_LIMIT and output.endswith("the reason")


def test_a_folder_that_is_gone_is_an_error(tmp_path):
    with pytest.raises(ConfigurationError, match="is gone"):
        detached_process.ended(str(tmp_path / "datasync-turbo-run-x"))


def test_only_folders_of_runs_are_removed(tmp_path):
    other = tmp_path / "data"
    other.mkdir()
    detached_process.forget(str(other))
    assert other.exists()
