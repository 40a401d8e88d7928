# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Finds the Pythons of this machine that stand for the hosts' Pythons in the gates."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

#: What the managed hosts may run.
HOST_PYTHONS = ("3.9", "3.10", "3.11", "3.12", "3.13", "3.14")
#: Prints the real path, also when a pyenv shim was run, if ansible-test could make an environment with it.
PROBE = """
import ctypes, ensurepip, os, sqlite3, ssl, sys, venv
print("%d.%d" % sys.version_info[:2], os.path.realpath(sys.executable))
"""


def find_interpreters() -> dict[str, Path]:
    """Version -> interpreter, for those of HOST_PYTHONS that are here and whole."""
    found = {version: find_interpreter(version) for version in HOST_PYTHONS}
    return {version: path for version, path in found.items() if path}


def find_interpreter(version: str) -> Path | None:
    """The first interpreter of `version` that runs: ours, one on PATH, or one of pyenv's."""
    for candidate in candidates(version):
        try:
            answer = subprocess.check_output([candidate, "-I", "-c", PROBE], text=True, stderr=subprocess.DEVNULL)
        except (OSError, subprocess.CalledProcessError):
            continue
        if answer.startswith(f"{version} "):
            return Path(answer.partition(" ")[2].strip())
    return None


def candidates(version: str) -> Iterator[Path]:
    """Where an interpreter may be; virtual environments are left out."""
    if version == "{}.{}".format(*sys.version_info):
        yield Path(getattr(sys, "_base_executable", None) or sys.executable)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    directories = [Path(directory) for directory in os.environ.get("PATH", os.defpath).split(os.pathsep) if directory]
    directories += sorted((pyenv / "versions").glob(f"{version}.*/bin"))
    for directory in directories:
        candidate = directory / f"python{version}"
        if candidate.is_file() and not (directory.parent / "pyvenv.cfg").exists():
            yield candidate


def link_interpreters(directory: Path, interpreters: dict[str, Path]) -> None:
    """Make `directory` hold links python3.9, python3.10 and so on, for tools that look for them on PATH."""
    directory.mkdir(parents=True, exist_ok=True)
    for version, path in interpreters.items():
        link = directory / f"python{version}"
        link.unlink(missing_ok=True)
        link.symlink_to(path)
