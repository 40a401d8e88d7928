# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What is wanted of a source, and which checksums are known of it beforehand."""

from __future__ import annotations

from ansible_collections.datasync.turbo.plugins.module_utils.install.sources import pins
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.commands_of_a_host import (
    order,
)


def test_own_checksums_go_before_the_pins() -> None:
    own = {"2.3.0": {"Linux-64bit": "1" * 64}, "9.9.9": {}}
    assert order(checksums=own).pinned_archive() == "1" * 64
    assert order(checksums=own, version="2.2.2").pinned_archive() == pins.RELEASES["2.2.2"]["Linux-64bit"].sha256
    assert order(checksums=own, version="9.9.9").pinned_archive() is None
    assert order(checksums=own, version="9.9.9").is_known()
    assert not order(version="9.9.9").is_known()
