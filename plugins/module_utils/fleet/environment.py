# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The private Python environment of an upload server: made whole, checked in milliseconds, never changed in place.

Its folder is named after what it consists of, so that the one before stays for a rollback and for runs in progress.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import struct
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Callable, NamedTuple

from ..common import commands, files
from ..common.commands import CommandError, last_words
from ..common.errors import InstallationError
from .compiled import compile_folder
from .payload import PACKAGES_PREFIX, opened_payload, opened_to_all, unpack

#: Written last: an environment without it is not complete.
RECORD = "environment.json"
#: Changes when environments are made in another way from the same packages.
LAYOUT = 2
OLDEST_PYTHON = (3, 9)
_VENV_HINT = "on Debian and Ubuntu install the package python3-venv, or set uploader_python to another Python"
#: Seconds for pip to fetch and install some 25 MB.
PIP_TIMEOUT = 1800
#: Proves that the compiled code fits this host. Of the rest only psutil is compiled, which no upload needs.
IMPORT_CHECK = "import awscrt.checksums; awscrt.checksums.crc64nvme(b'')"

#: Run by the wanted Python where that is not the one that runs us; prints a HostPython as JSON.
_PROBE = """\
import json, os, platform, struct, sys, sysconfig
uname = os.uname()
mac = platform.mac_ver()[0]
print(json.dumps([os.path.realpath(sys._base_executable or sys.executable), "%d.%d.%d" % sys.version_info[:3],
 uname.sysname, uname.machine, struct.calcsize("P") * 8, list(platform.libc_ver()), mac]))
"""


class HostPython(NamedTuple):
    """The Python of a host, as far as the choice of wheels depends on it.

    `version` is such as 3.11.2, `libc` such as (glibc, 2.36), `macos` such as 14.5 or ''.
    """

    executable: str
    version: str
    system: str
    machine: str
    pointer_bits: int
    libc: Sequence[str]
    macos: str

    @property
    def minor(self) -> str:
        """Major and minor version, such as 3.11."""
        return ".".join(self.version.split(".")[:2])


def find_python(command: str) -> HostPython:
    """The Python behind a command or path. Raises InstallationError that says what to install."""
    path = shutil.which(command)
    if path is None:
        raise InstallationError(
            f"uploader_python: there is no {command} on this host",
            "install Python 3.9 or newer, or set uploader_python",
        )
    here = os.path.realpath(path) == os.path.realpath(sys.executable) and sys.prefix == sys.base_prefix
    found = _this_python() if here else _other_python(path)
    if tuple(int(part) for part in found.minor.split(".")) < OLDEST_PYTHON:
        raise InstallationError(
            f"uploader_python: {path} is Python {found.version}, and 3.9 is the oldest that works",
            "install a newer one and set uploader_python to it",
        )
    return found


def _this_python() -> HostPython:
    uname = os.uname()
    return HostPython(
        os.path.realpath(sys.executable),
        "{}.{}.{}".format(*sys.version_info),
        uname.sysname,
        uname.machine,
        struct.calcsize("P") * 8,
        list(platform.libc_ver()),
        platform.mac_ver()[0],
    )


def _other_python(path: str) -> HostPython:
    failure = f"uploader_python: {path} does not run"
    hint = "set uploader_python to a Python 3.9 or newer"
    shown = _run([path, "-I", "-c", _PROBE], failure, hint=lambda _output: hint)
    try:
        return HostPython(*json.loads(shown))
    except (ValueError, TypeError) as error:
        raise InstallationError(f"uploader_python: {path} is no Python: it printed {shown[:200]!r}", hint) from error


def environment_name(requirements: str, python: HostPython) -> str:
    """The name of the environment with these packages for this Python: 12 hexadecimal digits."""
    parts: list[Any] = [LAYOUT, requirements, python.executable, python.minor, python.system, python.machine]
    parts += [python.pointer_bits, python.libc[0] if python.libc else ""]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]


def is_intact(folder: Path) -> bool:
    """Whether the environment is complete: its record, its Python, and each of its files with the recorded size."""
    try:
        sizes: dict[str, int] = json.loads((folder / RECORD).read_text("utf-8"))["files"]
        if not os.access(folder / "bin" / "python", os.X_OK):
            return False
        return all(os.stat(f"{folder}/{name}").st_size == size for name, size in sizes.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def make_from_payload(folder: Path, python: HostPython, payload: Path) -> None:
    """Make the environment in `folder` from the packages in a payload, without pip and without network.

    Raises InstallationError; then nothing is at `folder` that was not there before.
    """
    _make_venv(folder, python, with_pip=False)
    with opened_payload(payload) as archive:
        unpack(archive, _site_packages(folder, python), PACKAGES_PREFIX)
    _finish(folder, python)


def make_with_pip(folder: Path, python: HostPython, requirements: str, pip_arguments: Sequence[str]) -> None:
    """Make the environment in `folder` by pip, from a package index or a folder of wheels on this host."""
    _make_venv(folder, python, with_pip=True)
    command = [str(folder / "bin" / "python"), "-m", "pip", "install", "--no-deps", "--no-input", "--no-compile"]
    command += ["--quiet", "--disable-pip-version-check", "--requirement", "/dev/stdin", *pip_arguments]
    _run(command, f"pip could not install the packages on Python {python.version}", requirements)
    _finish(folder, python)


def _make_venv(folder: Path, python: HostPython, with_pip: bool) -> None:
    """PEP 405; the activation scripts name the folder it was made in and are of no use to a program."""
    command = [python.executable, "-I", "-m", "venv", *([] if with_pip else ["--without-pip"]), str(folder)]
    _run(
        command,
        f"{python.executable} cannot make an environment",
        hint=lambda output: _VENV_HINT if "ensurepip" in output or "No module named" in output else None,
    )
    for script in (folder / "bin").glob("[aA]ctivate*"):
        script.unlink()


def _site_packages(folder: Path, python: HostPython) -> Path:
    names = {"base": str(folder), "platbase": str(folder)}
    if python.executable == os.path.realpath(sys.executable):
        scheme = "venv" if "venv" in sysconfig.get_scheme_names() else "posix_prefix"
        return Path(sysconfig.get_path("purelib", scheme, names))
    return folder / "lib" / f"python{python.minor}" / "site-packages"


def _finish(folder: Path, python: HostPython) -> None:
    """Compile and try the environment, then write its record; nobody but its owner may change it."""
    compile_folder(folder, python.executable)
    _run([str(folder / "bin" / "python"), "-I", "-B", "-c", IMPORT_CHECK], "awscrt does not run on this host")
    sizes = {name: os.stat(folder / name).st_size for name in opened_to_all(folder)}
    # The folder is brought to the disk as a whole.
    files.write(folder / RECORD, json.dumps({"python": python.version, "files": sizes}), durable=False)


def _run(
    command: Sequence[str],
    failure: str,
    text: str | None = None,
    hint: Callable[[str], str | None] = lambda _output: None,
) -> str:
    """What a command printed. Raises InstallationError with the end of its messages and the hint that fits them."""
    try:
        done = commands.run(command, PIP_TIMEOUT, text=text)
    except CommandError as error:
        raise InstallationError(f"{failure}: {error.reason}", hint(error.reason) or error.hint) from error
    if done.returncode:
        raise InstallationError(f"{failure}: {last_words(done)}", hint(done.stderr or done.stdout))
    return done.stdout
