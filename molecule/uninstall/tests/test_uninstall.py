# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The program is gone, the data is not."""

from __future__ import annotations

from typing import Any, Callable


def test_what_was_deployed_is_gone(host: Any) -> None:
    for path in (
        "/opt/datasync-turbo",
        "/etc/datasync-turbo",
        "/etc/logrotate.d/datasync-turbo",
        "/usr/local/bin/s5cmd",
    ):
        assert not host.file(path).exists, path
    assert host.check_output("find /etc/systemd /usr/local -name '*datasync-turbo*' -o -name '*s5cmd*'") == ""
    assert host.check_output("systemctl list-units --all --no-legend 'datasync-turbo*'") == ""


def test_data_results_and_logs_stay(host: Any, stored: Callable[[str], dict[str, bytes]]) -> None:
    name = host.backend.get_hostname()
    assert host.file("/srv/outbox/first.txt").content_string == f"from {name}\n"
    assert stored(f"{name}/") == {f"{name}/first.txt": f"from {name}\n".encode()}
    assert host.file("/var/lib/datasync-turbo/results/outbox.json").exists
    assert host.file("/var/log/datasync-turbo/outbox.log").exists
    assert host.user("datasync-turbo").exists
