# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The job starts when files appear; its line in the crontab is gone."""

from __future__ import annotations

from typing import Any, Callable


def test_cron_has_nothing(host: Any) -> None:
    assert not host.file("/etc/cron.d/datasync-turbo").exists


def test_a_file_that_appears_is_uploaded(
    host: Any, stored: Callable[[str], dict[str, bytes]], wait_for: Callable[[str, Callable[[], Any]], Any]
) -> None:
    assert host.service("datasync-turbo@outbox.path").is_enabled
    assert host.service("datasync-turbo@outbox.path").is_running
    name = host.backend.get_hostname()
    host.run_expect([0], "echo appeared >/srv/outbox/appeared.txt")
    wait_for("the upload", lambda: f"{name}/appeared.txt" in stored(f"{name}/"))
