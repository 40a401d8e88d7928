# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A bare host became an upload server: its timer fires, what it sends is proven, its log is rotated."""

from __future__ import annotations

import json
from typing import Any, Callable

LOG = "/var/log/datasync-turbo/outbox.log"
SERVICE = "datasync-turbo@outbox.service"
#: The issue's bound; 10 is unprotected, 0 is fully enclosed.
MOST_EXPOSURE = 1.5

Stored = Callable[[str], dict[str, bytes]]
Result = Callable[[str], dict[str, Any]]
WaitFor = Callable[[str, Callable[[], Any]], Any]


def test_the_timer_uploads_a_new_file_and_proves_it(
    host: Any, stored: Stored, result: Result, wait_for: WaitFor
) -> None:
    name = host.backend.get_hostname()
    host.run_expect([0], "echo second >/srv/outbox/second.txt")
    key = f"{name}/second.txt"
    wait_for(f"{key} in the bucket", lambda: key in stored(f"{name}/"))
    assert stored(f"{name}/") == {f"{name}/first.txt": f"from {name}\n".encode(), key: b"second\n"}

    def proven() -> bool:
        history = host.file("/var/lib/datasync-turbo/results/outbox.history.jsonl").content_string.splitlines()
        return any(json.loads(line).get("files_synced") for line in history)

    wait_for("a run in the history that uploaded", proven)
    assert result("outbox")["status"] == "success"
    assert result("outbox")["checksum_verification"]["verified"] is True


def test_the_timer_is_systemds(host: Any) -> None:
    timer = host.service("datasync-turbo@outbox.timer")
    assert timer.is_enabled
    assert timer.is_running
    journal = host.check_output(f"journalctl --unit {SERVICE} --no-pager --output cat")
    assert "outbox" in journal or "uploaded" in journal


def test_the_service_is_confined(host: Any) -> None:
    lines = host.run(f"systemd-analyze security --no-pager {SERVICE}").stdout.splitlines()
    exposure = float(next(line for line in lines if "Overall exposure level" in line).split(":")[1].split()[0])
    assert exposure <= MOST_EXPOSURE, "\n".join(lines)


def test_the_log_is_rotated_and_written_on(host: Any, wait_for: WaitFor) -> None:
    wait_for("the log", lambda: host.file(LOG).exists and host.file(LOG).size)
    host.run_expect([0], "logrotate --force /etc/logrotate.d/datasync-turbo")
    rotated = host.check_output(f"ls {LOG}*").split()
    assert len(rotated) >= 2 or not host.file(LOG).exists, rotated
    host.run_expect([0], "echo third >/srv/outbox/third.txt")
    wait_for("the next run in the new log", lambda: host.file(LOG).exists and host.file(LOG).size)
    assert host.file(LOG).user == "datasync-turbo"
    host.run_expect([0], "logrotate --force /etc/logrotate.d/datasync-turbo")
    assert any(name.endswith(".gz") for name in host.check_output(f"ls {LOG}*").split()), "old logs are compressed"


def test_secrets_are_in_files_that_only_the_service_user_reads(host: Any, connection: dict[str, str]) -> None:
    secret = connection["secret_key"]
    found = host.run(
        f"grep -rlF -- '{secret}' /etc /opt/datasync-turbo /var/log /var/lib/datasync-turbo"
    ).stdout.split()
    assert found, "the credentials are somewhere"
    for path in found:
        file = host.file(path)
        assert (file.mode & 0o077) == 0, f"{path} has mode {file.mode:o}"
    assert secret not in host.check_output(f"systemctl cat {SERVICE}")
    assert secret not in host.check_output("journalctl --no-pager")


def test_a_bare_host_needed_no_package(host: Any) -> None:
    assert not host.package("python3-venv").is_installed
    assert not host.package("python3-pip").is_installed
    assert host.user("datasync-turbo").shell == "/usr/sbin/nologin"
