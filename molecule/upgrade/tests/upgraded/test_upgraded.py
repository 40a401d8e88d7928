# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The upgrade waited for the run in progress, and then everything was switched."""

from __future__ import annotations

import json
from typing import Any, Callable


def test_the_run_in_progress_ended_with_success(host: Any, stored: Callable[[str], dict[str, bytes]]) -> None:
    lines = host.file("/var/lib/datasync-turbo/results/outbox.history.jsonl").content_string.splitlines()
    runs = [json.loads(line) for line in lines]
    assert [run["status"] for run in runs] == ["success"], runs
    name = host.backend.get_hostname()
    assert len(stored(f"{name}/")[f"{name}/large.txt"]) == 16_000_000


def test_the_new_version_is_in_use(host: Any) -> None:
    assert "v2.3.0" in host.check_output("s5cmd version")
    host.run_expect([0], "systemctl start datasync-turbo@outbox.service")
    assert host.file("/opt/datasync-turbo/generations/current").linked_to.endswith("/2")
