# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A host that can reach nothing became an upload server, from what the controller pushed."""

from __future__ import annotations

from typing import Any

CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 3)"


def test_the_host_is_cut_off(host: Any, connection: dict[str, str]) -> None:
    address, port = connection["endpoint_url"].removeprefix("http://").split(":")
    answer = host.run(f"/usr/bin/python3 -c '{CONNECT}' {address} {port}")
    assert "timed out" in answer.stderr or "timeout" in answer.stderr, answer


def test_everything_is_there(host: Any) -> None:
    assert "v2.3.0" in host.check_output("s5cmd version")
    python = "/opt/datasync-turbo/venv/bin/python"
    host.run_expect(
        [0], f"{python} -c 'import awscrt.checksums, boto3, psutil, rich; awscrt.checksums.crc64nvme(bytes(9))'"
    )
    host.run_expect([0], "/opt/datasync-turbo/bin/datasync-turbo --version")
    assert host.service("datasync-turbo@outbox.timer").is_enabled
