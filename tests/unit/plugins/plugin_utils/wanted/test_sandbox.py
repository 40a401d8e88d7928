# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What a job's service may see and write."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.datasync.turbo.plugins.plugin_utils.wanted.host import parse_spec
from ansible_collections.datasync.turbo.plugins.plugin_utils.wanted.job import check_job
from ansible_collections.datasync.turbo.plugins.plugin_utils.wanted.sandbox import Sandbox, sandbox_of
from ansible_collections.datasync.turbo.tests.unit.plugins.plugin_utils.host_variables import host_variables, job


def sandbox(**options: Any) -> Sandbox:
    host = parse_spec(host_variables())
    return sandbox_of(check_job(job(**options), "outbox", host), host)


def test_a_job_that_only_uploads_writes_nothing_of_its_own() -> None:
    assert sandbox() == Sandbox(writable=(), sees_homes=False, sees_temporary=False)


@pytest.mark.parametrize(
    ("source", "move_to", "writable"),
    [
        # One folder for both: no rename crosses a mount, and systemd makes one of each writable folder.
        ("/srv/outbox", "/srv/sent", ("/srv",)),
        ("/data/a/outbox", "/data/a/sent/2026", ("/data/a",)),
        ("/srv/outbox", "/data/sent", ("/data/sent", "/srv/outbox")),
        ("/var/spool/outbox", "/var/sent", ("/var/sent", "/var/spool/outbox")),
        ("/mnt/nas/outbox", "/mnt/usb/sent", ("/mnt/nas/outbox", "/mnt/usb/sent")),
    ],
)
def test_a_job_that_moves_files_writes_both_folders(source: str, move_to: str, writable: tuple[str, ...]) -> None:
    assert sandbox(source=source, after_upload="move", move_to=move_to).writable == writable


def test_a_job_that_removes_files_writes_its_source() -> None:
    assert sandbox(after_upload="remove").writable == ("/srv/outbox",)


def test_files_elsewhere_are_written_where_they_are() -> None:
    found = sandbox(log_path="/data/logs/outbox.log", settings={"JSON_OUTPUT_DIR": "/data/logs/json"})
    assert found.writable == ("/data/logs",)


@pytest.mark.parametrize(
    "options",
    [
        {"source": "/home/me/outbox"},
        {"source": "/root"},
        {"s5cmd_path": "/home/me/bin/s5cmd"},
        {"settings": {"AWS_CONFIG_FILE": "/home/me/aws/config"}},
    ],
)
def test_homes_are_seen_only_by_a_job_that_uses_them(options: Any) -> None:
    assert sandbox(**options).sees_homes
    assert not sandbox(source="/homes/me").sees_homes


@pytest.mark.parametrize("options", [{"source": "/tmp/outbox"}, {"lock_path": "/var/tmp/outbox.lock"}])
def test_the_hosts_temporary_files_are_seen_only_by_a_job_that_uses_them(options: Any) -> None:
    assert sandbox(**options).sees_temporary
