# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""How the program is started: by whom, with which Python, and the command that people and schedulers run."""

from __future__ import annotations

import os
import pwd
import shlex
import sys
from contextlib import suppress

from .files import ROOT
from .generation import Generation
from .store import GenerationStore

#: How Python runs the program: with nothing of the caller's environment, and keeping nothing that it compiles.
PYTHON_OPTIONS = ("-I", "-B")


def as_user(user: str) -> list[str]:
    """What root puts before a command so that `user` runs it, with that user's groups; nothing if that is us."""
    if os.geteuid() != 0 or _is_root(user):
        return []
    return ["sudo", "-n", "-u", user, "--"] if sys.platform == "darwin" else ["runuser", "-u", user, "--"]


def _is_root(user: str) -> bool:
    with suppress(KeyError):
        return pwd.getpwnam(user).pw_uid == 0
    # In check mode the user may not be there yet.
    return user == ROOT


def command_text(store: GenerationStore, generation: Generation) -> str:
    """The command: a shell script that starts the program in its own environment, as the service user.

    It names the folders of the generation, not the link `venv`, so that a run keeps to one generation to its end.
    What it runs belongs to root and is compiled: Python reads no code from a folder of the service user, and keeps
    none there.
    """
    python = shlex.quote(str(store.environment(generation.environment) / "bin" / "python"))
    program = shlex.quote(str(store.program(generation.program)))
    home, switch = shlex.quote(generation.state_dir), shlex.join(as_user(generation.user))
    become = (
        "# Whoever is root becomes the service user, so that the files of the jobs stay in one hand.\n"
        f'if [ "$(id -u)" -eq 0 ]; then HOME={home}; export HOME; exec {switch} "$0" "$@"; fi\n'
    )
    return (
        "#!/bin/sh\n"
        "# Made by the Ansible collection datasync.turbo, and replaced by the next deployment.\n"
        f"{become if switch else ''}"
        f'exec {python} {" ".join(PYTHON_OPTIONS)} {program} "$@"\n'
    )
