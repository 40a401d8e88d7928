# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Runs molecule in a test bed: its scenarios need the bed's network, and hosts that only a bed can boot."""

from __future__ import annotations

from typing import List

from tests.fleet.bed import open_bed


def run_molecule(arguments: List[str]) -> int:
    """Run molecule with these arguments in a bed of its own; returns its exit code."""
    import subprocess

    with open_bed() as bed:
        bed.refresh_collection()
        command = bed.command(["molecule", *(arguments or ["test", "--all"])], bed.collection)
        return subprocess.run(command, env=bed.environment, check=False).returncode
