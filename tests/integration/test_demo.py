# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What a newcomer's `make demo` runs: it ends well, shows the result, and leaves nothing running when it is stopped."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Callable
from urllib.parse import urlsplit

import pytest

from dev import sample_data
from dev.ansible_environment import CHECKOUT

DEMO = CHECKOUT / "build" / "demo"
StartDemo = Callable[[], "subprocess.Popen[str]"]


@pytest.fixture
def start_demo() -> Iterator[StartDemo]:
    """Start the demo as make does, in a process group of its own, as a terminal gives it."""
    started = []

    def start() -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "dev.demo"],
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def endpoint_in(text: str) -> str:
    found = re.search(r"S3 server \(SeaweedFS\) on (\S+),", text)
    assert found is not None, text
    return found[1]


def listens(endpoint: str) -> bool:
    address = urlsplit(endpoint)
    with socket.socket() as probe:
        return probe.connect_ex((address.hostname, address.port)) == 0


def traces_outside() -> set[str]:
    """What a run of the collection may leave outside the checkout: lock files, and nothing in the user's home."""
    folders = ["/var/tmp", "/run/lock", tempfile.gettempdir()]
    locks = {str(path) for folder in folders for path in Path(folder).glob("datasync-turbo-*")}
    return locks | {str(path) for path in Path.home().glob(".ansible/*")}


def test_demo_uploads_the_awkward_names_too_and_proves_every_object(start_demo: StartDemo) -> None:
    before = traces_outside()
    demo = start_demo()
    printed, _nothing = demo.communicate(timeout=240)
    assert demo.returncode == 0, printed
    files = len(sample_data.files())
    assert files == 60
    assert re.search(rf"files uploaded +{files} +0\n", printed)
    assert re.search(r"every object proven +yes +yes\n", printed)
    assert not listens(endpoint_in(printed))
    last = json.loads((DEMO / "last-sync.json").read_text("utf-8"))
    assert (last["s3_objects"], last["files_synced"], last["exit_code"], last["problems"]) == (files, 0, 0, [])
    assert "SECRET" not in printed
    assert traces_outside() == before


@pytest.mark.parametrize(
    ("number", "whole_group", "code"),
    [(signal.SIGINT, True, 130), (signal.SIGTERM, False, 143)],
    ids=["Ctrl-C in the terminal", "SIGTERM to the demo alone"],
)
def test_demo_that_is_stopped_stops_what_it_started(
    start_demo: StartDemo, number: signal.Signals, whole_group: bool, code: int
) -> None:
    demo = start_demo()
    assert demo.stdout is not None
    seen = ""
    while "TASK [Install s5cmd]" not in seen:
        line = demo.stdout.readline()
        assert line, seen
        seen += line
    assert listens(endpoint_in(seen))
    (os.killpg if whole_group else os.kill)(demo.pid, number)
    demo.communicate(timeout=60)
    assert demo.returncode == code
    assert not listens(endpoint_in(seen))
    with pytest.raises(ProcessLookupError):
        os.killpg(demo.pid, 0)


def test_sample_data_is_made_once_and_made_again_when_it_was_changed(tmp_path: Path) -> None:
    few = {name: size for name, size in sample_data.files().items() if size < 20_000}
    sample_data.make(tmp_path / "data", wanted=few)
    first = {
        path: (path.stat().st_mtime_ns, path.read_bytes()) for path in (tmp_path / "data").rglob("*") if path.is_file()
    }
    assert {str(path.relative_to(tmp_path / "data")) for path in first} == set(few)
    sample_data.make(tmp_path / "data", wanted=few)
    assert {path: path.stat().st_mtime_ns for path in first} == {path: mtime for path, (mtime, _text) in first.items()}
    (tmp_path / "data" / "names" / "empty").unlink()
    sample_data.make(tmp_path / "data", wanted=few)
    assert {path: path.read_bytes() for path in first} == {path: content for path, (_mtime, content) in first.items()}
