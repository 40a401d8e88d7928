# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What a host of the test bed needs to run the unit tests with its own Python, which has neither pip nor a network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from dev.ansible_environment import CHECKOUT
from dev.pinned_packages import pinned_packages
from dev.set_up import BED_REQUIREMENTS, HOST_PLATFORMS
from tests.fleet.bed import WHEELS


def install_packages(directory: Path, python: str, machine: str) -> None:
    """Install into `directory` what a Python such as `3.9` on a Linux of this `machine` gets, from the wheels."""
    text = "\n".join((CHECKOUT / name).read_text("utf-8") for name in BED_REQUIREMENTS)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    where = ["--no-index", f"--find-links={WHEELS}", f"--target={directory}", "--no-deps", "--no-compile"]
    platforms = [f"--platform={name}_{machine}" for name in HOST_PLATFORMS]
    which = ["--only-binary=:all:", f"--python-version={python}", *platforms]
    subprocess.run([*pip, *where, *which, *pinned_packages(text, python)], check=True)
