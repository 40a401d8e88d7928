# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Everything is as it was before the upgrade, and works."""

from __future__ import annotations

from typing import Any


def test_the_version_before_is_in_use(host: Any) -> None:
    assert "v2.2.2" in host.check_output("s5cmd version")
    host.run_expect([0], "systemctl start datasync-turbo@outbox.service")


def test_the_version_after_is_still_there_to_go_forward(host: Any) -> None:
    assert host.file("/usr/local/lib/datasync-turbo/s5cmd/2.3.0").is_directory
