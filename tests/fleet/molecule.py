# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Runs molecule in a test bed: its scenarios need the bed's network, and hosts that only a bed can boot."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from tests.fleet.bed import open_bed
from tests.fleet.images import RELEASES, build_images

#: What all scenarios share, relative to the collection.
BASE = "molecule/base.yml"


def molecule_command(arguments: Sequence[str]) -> list[str]:
    """The command line of molecule; its working directory must be the bed's copy of the collection."""
    return ["molecule", "--base-config", BASE, *arguments]


def run_molecule(arguments: Sequence[str] | None) -> int:
    """Run molecule with these arguments in a bed of its own; returns its exit code."""
    # All of them now: inside the bed no mirror can be reached to build one from.
    build_images(list(RELEASES))
    with open_bed() as bed:
        bed.refresh_collection()
        command = bed.command(molecule_command(arguments or ["test", "--all"]), bed.collection)
        return subprocess.run(command, env=bed.environment, check=False).returncode
