# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The program on a host: a folder of Python sources that belongs to root, compiled for the Python of its environment.

programs/NAME/datasync-turbo/     `__main__.py` and the package: Python runs a folder as it runs a file
programs/NAME/program.json        SHA256 of each file, compiled ones too; written last

Up to 0.4.0 it was one file, `programs/NAME/datasync-turbo`, with the first digits of its SHA256 for a name. Generations
of that time can be gone back to; such a program is compiled anew at every start.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path

from ..common.errors import InstallationError
from .compiled import compile_folder
from .environment import HostPython
from .payload import PROGRAM_MEMBER, opened_payload, opened_to_all, unpack

PROGRAM = "datasync-turbo"
#: Written last: a program without it is not complete.
RECORD = "program.json"
#: Changes when programs are unpacked or compiled in another way.
LAYOUT = 1


def program_name(sha256: str, python: HostPython) -> str:
    """The name of the program whose archive has this SHA256, compiled for this Python: 12 hexadecimal digits."""
    return hashlib.sha256(json.dumps([LAYOUT, sha256, python.executable, python.minor]).encode()).hexdigest()[:12]


def is_whole(program: Path) -> bool:
    """Whether the program is there with all of its files as they were delivered and compiled."""
    try:
        if program.is_file():
            return _sha256(program).startswith(program.parent.name)
        recorded: dict[str, str] = json.loads((program.parent / RECORD).read_text("utf-8"))["files"]
        return bool(recorded) and all(_sha256(program / name) == sha256 for name, sha256 in recorded.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def make_program(folder: Path, python: HostPython, payload: Path, sha256: str) -> None:
    """Unpack the program of a payload into `folder`, which is made, if its archive has this SHA256, and compile it.

    Raises InstallationError; then `folder` is not complete.
    """
    program = folder / PROGRAM
    program.mkdir(parents=True)
    with opened_payload(payload) as archive:
        content = archive.read(PROGRAM_MEMBER)
        if hashlib.sha256(content).hexdigest() != sha256:
            raise InstallationError("the program arrived damaged on this host", "deploy again")
        with zipfile.ZipFile(io.BytesIO(content)) as members:
            unpack(members, program)
    compile_folder(program, python.executable)
    files = {name: _sha256(program / name) for name in opened_to_all(program)}
    (folder / RECORD).write_text(json.dumps({"sha256": sha256, "python": python.version, "files": files}), "utf-8")
    opened_to_all(folder)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
