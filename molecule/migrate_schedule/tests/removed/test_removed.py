# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Of a job that was removed nothing is left but what it did."""

from __future__ import annotations

from typing import Any


def test_nothing_of_the_job_is_configured(host: Any) -> None:
    found = host.check_output("find /etc -path '*datasync*' -name '*outbox*'")
    assert found == ""
    assert host.check_output("systemctl list-units --all --no-legend 'datasync-turbo@outbox*'") == ""


def test_what_it_did_stays(host: Any) -> None:
    assert host.file("/var/log/datasync-turbo/outbox.log").exists
    assert host.file("/var/lib/datasync-turbo/results/outbox.json").exists
    assert host.file("/srv/outbox/first.txt").exists
