# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The job is cron's; its timer is gone."""

from __future__ import annotations

from typing import Any


def test_the_timer_is_gone(host: Any) -> None:
    assert host.check_output("systemctl list-timers --all --no-legend 'datasync-turbo@*'") == ""
    assert not host.file("/etc/systemd/system/datasync-turbo@outbox.timer").exists
    assert host.run("find /etc/systemd/system -lname '*datasync-turbo@outbox*'").stdout == "", "no link is left"


def test_cron_has_the_job(host: Any) -> None:
    lines = host.file("/etc/cron.d/datasync-turbo").content_string.splitlines()
    assert [line for line in lines if line.startswith("* * * * * datasync-turbo ") and "outbox.env" in line]
