# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What the tests of the pipeline's stages share: a bucket in memory, and executables that stand in for s5cmd."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Callable

import pytest
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.memory_bucket import MemoryBucket

#: What every stand-in for s5cmd can do: read the commands of `run`, and print the events of s5cmd 2.3.0.
PRELUDE = '''
import json, os, shlex, sys, time

HEARD = {heard!r}

def say(line, stream=sys.stdout):
    stream.write(line + "\\n")
    stream.flush()

def hear(arguments):
    with open(HEARD, "a", encoding="utf-8") as file:
        file.write(json.dumps(arguments) + "\\n")
    return arguments

def commands():
    """The argument list of each upload, as it arrives: from the lines of `run`, or from the command line itself."""
    if sys.argv[-1] != "run":
        yield hear(sys.argv[sys.argv.index("cp"):])
        return
    for line in sys.stdin.buffer:
        yield hear(shlex.split(line.decode("utf-8")))

def tries(arguments):
    """How often this upload was heard, in all processes together."""
    with open(HEARD, encoding="utf-8") as file:
        return sum(json.loads(line)[-2:] == arguments[-2:] for line in file)

def stored(source, destination):
    event = {{"operation": "cp", "success": True, "source": source, "destination": destination}}
    say(json.dumps(event))

def failed(source, destination, error, stream=sys.stderr):
    command = "cp " + source + " " + destination
    say(json.dumps({{"operation": "cp", "command": command, "error": error}}), stream)

def store_all():
    for arguments in commands():
        stored(*arguments[-2:])
'''


@pytest.fixture
def bucket() -> MemoryBucket:
    """An empty bucket in memory, on a server whose clock agrees with ours."""
    return MemoryBucket()


@pytest.fixture
def heard(tmp_path: Path) -> Path:
    """The file in which a stand-in for s5cmd keeps the commands that it was given, one JSON list a line."""
    return tmp_path / "heard"


@pytest.fixture
def fake_s5cmd(tmp_path: Path, heard: Path) -> Callable[[str], str]:
    """Make an executable that stands in for s5cmd and behaves as the given Python statements say; returns its path."""

    def make(behaviour: str) -> str:
        script = tmp_path / "fake_s5cmd.py"
        script.write_text(PRELUDE.format(heard=str(heard)) + behaviour, encoding="utf-8")
        binary = tmp_path / "s5cmd"
        # -I -S: no site packages, so that it starts at once.
        command = shlex.join([sys.executable, "-I", "-S", "-X", "utf8", str(script)])
        binary.write_text(f'#!/bin/sh\nexec {command} "$@"\n', encoding="utf-8")
        binary.chmod(0o755)
        return str(binary)

    return make


@pytest.fixture
def source(tmp_path):
    """An empty source folder."""
    folder = tmp_path / "source"
    folder.mkdir()
    return folder
