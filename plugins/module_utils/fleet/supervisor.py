# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A process that goes on when its starter ends, and that leaves its exit status where a later caller finds it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple, NoReturn

from ..common import files
from ..common.errors import ConfigurationError

#: Characters of the output's end that are kept: enough for the error that ended it.
OUTPUT_LIMIT = 2000
_OUTPUT = "output"
_ENDED = "ended.json"
_PREFIX = "datasync-turbo-run-"


class ProcessEnded(NamedTuple):
    """How the process ended; `exit_status` is 128+n where signal n ended it, as shells have it."""

    exit_status: int
    output: str


def start(command: Sequence[str]) -> str:
    """Start a command in the background; returns the folder for `ended`, private to this user.

    The command has no terminal, no input, and nothing of the connection that started it.
    """
    folder = tempfile.mkdtemp(prefix=_PREFIX)
    child = os.fork()
    if child == 0:
        _leave_session(list(command), folder)
    os.waitpid(child, 0)
    return folder


def ended(folder: str) -> ProcessEnded | None:
    """How the process of this folder ended, None while it runs. Raises ConfigurationError if the folder is gone."""
    if not os.path.isdir(folder):
        raise ConfigurationError(f"{folder} is gone, so how the run ended is not known", "look at the job's log")
    try:
        with open(os.path.join(folder, _ENDED), encoding="utf-8") as file:
            return ProcessEnded(int(json.load(file)["exit_status"]), _output(folder))
    except FileNotFoundError:
        return None


def forget(folder: str) -> None:
    """Remove the folder of a process that has ended."""
    if os.path.basename(folder).startswith(_PREFIX):
        shutil.rmtree(folder, ignore_errors=True)


def _leave_session(command: list[str], folder: str) -> NoReturn:
    """In the child: let a grandchild, which nobody waits for and no terminal reaches, run the command."""
    with suppress(BaseException):
        os.setsid()
        if os.fork() == 0:
            _supervise(command, folder)
    os._exit(0)


def _supervise(command: list[str], folder: str) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        # ssh ends a connection only when nobody holds its pipes any more.
        os.dup2(null, descriptor)
    with open(os.path.join(folder, _OUTPUT), "wb") as output:
        try:
            status = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/", check=False
            ).returncode
        except OSError as error:
            output.write(f"{command[0]}: {error.strerror}".encode())
            status = 127
    how = json.dumps({"exit_status": status if status >= 0 else 128 - status})
    # Not durable: after a power cut nobody is there to ask.
    files.write(os.path.join(folder, _ENDED), how, files.PRIVATE, durable=False)


def _output(folder: str) -> str:
    with open(os.path.join(folder, _OUTPUT), encoding="utf-8", errors="replace") as file:
        return file.read()[-OUTPUT_LIMIT:].strip()
