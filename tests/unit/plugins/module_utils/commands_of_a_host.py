# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A host on which the sources of s5cmd find the commands that a test gives them, and no network."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Callable

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.commands import Completed
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import InstallationError
from ansible_collections.datasync.turbo.plugins.module_utils.install.download import Downloader
from ansible_collections.datasync.turbo.plugins.module_utils.install.order import Order
from ansible_collections.datasync.turbo.plugins.module_utils.install.platform import Platform
from ansible_collections.datasync.turbo.plugins.module_utils.install.sources.registry import SOURCES
from ansible_collections.datasync.turbo.plugins.module_utils.install.sources.source import Obtained
from ansible_collections.datasync.turbo.plugins.module_utils.install.tools import Tools

HOST = Platform("Linux", "x86_64", "Linux-64bit")
EXECUTABLE = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\x3e\x00" + b"the rest of s5cmd"
DIGEST = hashlib.sha256(EXECUTABLE).hexdigest()
MODULE = "github.com/peak/s5cmd/v2"


class NoNetwork:
    def open(self, url: str, headers: Mapping[str, str], secret_headers: Mapping[str, str], timeout: float) -> Any:
        raise AssertionError(f"asked for {url}")


class Commands:
    """Commands on a host: each name leads to what it does with its arguments; what was run is kept."""

    def __init__(self, **commands: Callable[[list[str], dict[str, str]], Completed]) -> None:
        self.commands = commands
        self.ran: list[list[str]] = []
        self.environments: list[dict[str, str]] = []

    def run(
        self, arguments: Sequence[str], environment: Mapping[str, str] | None = None, timeout: float = 600
    ) -> Completed:
        self.ran.append(list(arguments))
        self.environments.append(dict(environment or {}))
        return self.commands[Path(arguments[0]).name](list(arguments[1:]), dict(environment or {}))

    def which(self, name: str) -> str | None:
        return f"/opt/tools/bin/{name}" if name in self.commands else None

    def tools(self) -> Tools:
        return Tools(Downloader(NoNetwork(), timeout=7), self.run, self.which, "/opt/tools/bin/python")


def order(**changes: Any) -> Order:
    return Order(**{"version": "2.3.0", "platform": HOST, "bin_dir": Path("/usr/local/bin"), **changes})


def obtain(source: str, commands: Commands, tmp_path: Path, **changes: Any) -> Obtained:
    folder = tmp_path / "private"
    folder.mkdir()
    return SOURCES[source].obtain(order(**changes), commands.tools(), folder, folder / "s5cmd")


def refusal(source: str, commands: Commands, tmp_path: Path, **changes: Any) -> str:
    with pytest.raises(InstallationError) as caught:
        obtain(source, commands, tmp_path, **changes)
    return str(caught.value)
