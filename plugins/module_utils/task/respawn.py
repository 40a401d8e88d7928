# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Run a module where the packages are that it needs."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from importlib.util import find_spec

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.respawn import has_respawned, probe_interpreters_for_module, respawn_module

from ..common.errors import InstallationError
from .exit import fail_with

#: Where the packages may be, after the module's own interpreter: the environment that the role `uploader` makes,
#: which has pinned releases, then what the system brings.
INTERPRETERS = (
    "/opt/datasync-turbo/venv/bin/python",
    "/usr/bin/python3",
    "/usr/local/bin/python3",
    "/opt/homebrew/bin/python3",
)
#: What another interpreter must be able to import.
NEEDED = ("boto3", "awscrt.checksums")


def respawn_if_lacking(*others: str) -> None:
    """Run the module again where the packages are, and end with it. Returns if they are here, or nowhere.

    `others` are packages that the module needs beside boto3 and awscrt.
    """
    if not missing_packages(*others) or has_respawned():
        return
    interpreter = _interpreter_with((*NEEDED, *others))
    if interpreter is not None:
        respawn_module(interpreter)


def require_packages(module: AnsibleModule, *others: str) -> None:
    """As `respawn_if_lacking`, but fail the module with exit code 1 if the packages are nowhere."""
    respawn_if_lacking(*others)
    missing = missing_packages(*others)
    if missing:
        wanted = " and ".join(("boto3", "awscrt", *others))
        reason = (
            f"host {platform.node()}: Python {sys.executable} lacks {' and '.join(missing)}, and so do"
            f" {', '.join(INTERPRETERS)} where they exist: deploy the role datasync.turbo.uploader, which makes the"
            f" first of them, or install {wanted} for this Python, or set ansible_python_interpreter to one that has"
            " them"
        )
        fail_with(module, InstallationError(reason))


def missing_packages(*others: str) -> list[str]:
    """Which of the packages this interpreter cannot import."""
    missing = []
    try:
        import boto3  # noqa: F401
    except ImportError:
        missing.append("boto3")
    try:
        from awscrt.checksums import crc64nvme  # noqa: F401
    except ImportError:
        missing.append("awscrt (with CRC64NVME)")
    return missing + [name for name in others if find_spec(name) is None]


def _interpreter_with(packages: Sequence[str]) -> str | None:
    for interpreter in INTERPRETERS:
        if all(probe_interpreters_for_module([interpreter], name) for name in packages):
            return interpreter
    return None
