# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Python code that is compiled once, at its deployment, into the folder that it lies in.

Who may write compiled code decides what runs next time. So whoever deploys makes it, beside the sources, which belong
to root; the jobs' user reads it, and starts Python in a way that keeps nothing (`-B`).
"""

from __future__ import annotations

from pathlib import Path

from ..common import commands
from ..common.errors import InstallationError

#: Seconds for some 800 files, pip's among them, on a host under load.
COMPILE_TIMEOUT = 600

#: Run by the Python that is to run the code. Compiled code is checked against its source at each start (PEP 552), so
#: that it does not depend on times; it names the source from the folder on, so that it may be moved. A source that this
#: Python does not understand is left as it is. What is written is read again: Python passes over a write that was cut
#: short on a full disk (https://github.com/python/cpython/issues/126606).
_COMPILE = """\
import os, sys
from importlib.machinery import SourcelessFileLoader
from py_compile import PyCompileError, PycInvalidationMode, compile
root = sys.argv[1]
for folder, folders, names in os.walk(root):
    folders.sort()
    for name in sorted(names):
        source = os.path.join(folder, name)
        if name.endswith(".py") and not os.path.islink(source):
            known_as = os.path.relpath(source, root)
            try:
                kept = compile(source, dfile=known_as, doraise=True, invalidation_mode=PycInvalidationMode.CHECKED_HASH)
            except PyCompileError:
                continue
            SourcelessFileLoader("kept", kept).get_code("kept")
"""


def compile_folder(folder: Path, python: str) -> None:
    """Compile each Python source in `folder` for the interpreter `python`. Raises InstallationError."""
    command = [python, "-I", "-B", "-S", "-W", "ignore", "-c", _COMPILE, str(folder)]
    done = commands.run(command, COMPILE_TIMEOUT)
    if done.returncode:
        raise InstallationError(f"{python} cannot compile {folder}: {commands.last_words(done, lines=1)}")
