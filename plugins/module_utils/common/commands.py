# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Commands that are run to their end: no shell, no terminal, messages in English, UTF-8, and a time limit.

What lives longer than one question is none of these: the uploading s5cmd, a measured tool, a detached run.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Callable, NamedTuple

from .errors import ConfigurationError

#: macOS has no C.UTF-8, and its bash, which Homebrew is written in, warns of a locale that is missing.
LOCALE = "C" if sys.platform == "darwin" else "C.UTF-8"
#: Where administrators put programs by hand; the PATH of sudo and cron may lack it.
LOCAL_BIN = "/usr/local/bin"
#: Seconds that a killed command has to end.
KILL_TIMEOUT = 5
#: Characters of what a failed command says that are of use in a message.
WORDS_LIMIT = 600

_HINTS = {
    errno.ENOENT: "install it, or correct its path",
    errno.EACCES: "check its mode and owner, and that its file system is not mounted noexec",
    errno.ENOEXEC: "install the one that is built for this platform",
}


class Completed(NamedTuple):
    """A command that ended: its exit status, negative after a signal as in `subprocess`, and what it printed."""

    returncode: int
    stdout: str
    stderr: str


class CommandError(ConfigurationError):
    """A command does not run at all: it is missing, not executable, or not for this platform.

    `reason` says why without naming the command, for messages that named it already.
    """

    def __init__(self, command: str, reason: str, hint: str | None = None) -> None:
        super().__init__(self._said(command, reason), hint)
        self.reason = reason

    @staticmethod
    def _said(command: str, reason: str) -> str:
        return f"{command} does not run: {reason}"


class CommandTimedOut(CommandError):
    """A command was still running at its time limit, and was killed with all that it had started."""

    @staticmethod
    def _said(command: str, reason: str) -> str:
        return f"{command} {reason}"


#: Runs a command to its end. Systems and tools that are asked by commands take one, so that tests can answer.
RunCommand = Callable[[Sequence[str]], Completed]


def find(program: str) -> str | None:
    """The path of a program on PATH or in /usr/local/bin, None if it is in neither."""
    return shutil.which(program) or shutil.which(program, path=LOCAL_BIN)


def environment(added: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of every command: ours, in a locale in which messages are English, and `added`."""
    # gettext(3) follows LANGUAGE in C.UTF-8 too, unlike in C.
    ours = {name: value for name, value in os.environ.items() if name != "LANGUAGE"}
    return {**ours, "LC_ALL": LOCALE, **(added or {})}


def run(
    arguments: Sequence[str],
    timeout: float,
    *,
    added: Mapping[str, str] | None = None,
    text: str | None = None,
    folder: str | None = None,
) -> Completed:
    """Run a command for at most `timeout` seconds; its exit status is for the caller to judge.

    It gets `added` on top of our environment, `text` or nothing on its standard input, and `folder` to start in. Bytes
    that are not UTF-8 become U+FFFD in what it printed. Raises CommandError, and at its time limit CommandTimedOut.
    """
    try:
        process = subprocess.Popen(
            list(arguments),
            stdin=subprocess.DEVNULL if text is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            env=environment(added),
            cwd=folder,
            # A process group of its own, so that the time limit ends what the command started, too.
            start_new_session=True,
        )
    except OSError as error:
        raise _cannot_run(arguments[0], error) from error
    try:
        printed, complained = process.communicate(text, timeout)
    except subprocess.TimeoutExpired:
        _kill(process)
        raise CommandTimedOut(_shown(arguments), f"did not end within {timeout:g} seconds") from None
    except BaseException:
        _kill(process)
        raise
    return Completed(process.returncode, printed, complained)


def last_words(done: Completed, lines: int = 3) -> str:
    """Why a command failed, by what it printed: its error messages, else its last lines, without passwords in URLs.

    At most so many lines, joined, and WORDS_LIMIT characters; how it ended if it printed nothing.
    """
    said = [line.strip() for line in (done.stderr.strip() or done.stdout).splitlines() if line.strip()]
    # systemctl tells last where to read more.
    said = [line for line in said if not line.startswith("See ")] or said
    errors = [line for line in said if line.lower().startswith("error")]
    text = " ".join((errors or said)[-lines:]) or _ending(done.returncode)
    return re.sub(r"://[^/@\s]+@", "://", text)[:WORDS_LIMIT]


def _ending(returncode: int) -> str:
    with suppress(ValueError):
        return f"exit status {returncode}" if returncode >= 0 else f"killed by {signal.Signals(-returncode).name}"
    return f"killed by signal {-returncode}"


def _shown(arguments: Sequence[str]) -> str:
    """The program and its subcommand: what follows may be long or secret."""
    return " ".join(arguments[:2])


def _cannot_run(program: str, error: OSError) -> CommandError:
    reason = error.strerror or str(error)
    if error.errno == errno.ENOENT and os.path.exists(program):
        reason = "the interpreter that its first line names is missing"
    return CommandError(program, reason, _HINTS.get(error.errno or 0))


def _kill(process: subprocess.Popen[str]) -> None:
    """End the command and its group. What hangs in the kernel, such as on a dead file server, is not waited for."""
    if process.returncode is None:
        # Not waited for yet, so that no other group has its number. macOS answers EPERM for one that is just ending.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
    with suppress(subprocess.TimeoutExpired):
        process.wait(KILL_TIMEOUT)
