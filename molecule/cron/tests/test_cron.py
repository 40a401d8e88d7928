# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Without systemd, cron starts the jobs."""

from __future__ import annotations

from typing import Any, Callable


def test_systemd_does_not_run(host: Any) -> None:
    assert host.run("systemctl is-system-running").rc != 0


def test_cron_uploads_and_proves(
    host: Any,
    stored: Callable[[str], dict[str, bytes]],
    result: Callable[[str], dict[str, Any]],
    wait_for: Callable[[str, Callable[[], Any]], Any],
) -> None:
    name = host.backend.get_hostname()
    assert host.file("/etc/cron.d/datasync-turbo").mode == 0o644
    wait_for("the upload that cron starts", lambda: stored(f"{name}/"))
    assert stored(f"{name}/") == {f"{name}/first.txt": f"from {name}\n".encode()}
    wait_for("the result", lambda: host.file("/var/lib/datasync-turbo/results/outbox.json").exists)
    assert result("outbox")["checksum_verification"]["verified"] is True
    log = host.file("/var/log/datasync-turbo/outbox.log")
    assert log.user == "datasync-turbo"
    host.run_expect([0], "logrotate --force /etc/logrotate.d/datasync-turbo")


def test_no_unit_was_left_lying_about(host: Any) -> None:
    assert host.run("ls -d /etc/systemd/system/datasync-turbo@outbox.timer").rc != 0
