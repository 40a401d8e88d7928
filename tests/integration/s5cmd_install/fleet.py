# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Several hosts that get s5cmd from one controller: folders of their own on this machine, run by real Ansible."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.integration.s5cmd_install.host import ASSET, release_path
from tests.integration.s5cmd_install.release_server import Answer, ReleaseServer, sha256

PLAY = """
- hosts: all
  gather_facts: false
  tasks:
    - datasync.turbo.s5cmd_install: "{{ common | combine(own | default({})) }}"
"""
MODULE = "datasync.turbo.s5cmd_install"


class Fleet:
    """`names` are the hosts. `archives`: version -> release archive for the machine of the tests, put on the server."""

    def __init__(
        self,
        root: Path,
        server: ReleaseServer,
        archives: Mapping[str, bytes],
        ansible_playbook: Callable[..., Any],
        names: Sequence[str] = ("web1", "web2", "web3"),
    ) -> None:
        self.root = root
        self.server = server
        self.names = list(names)
        self.cache_dir = root / "cache"
        self.checksums: dict[str, dict[str, str]] = {}
        self.own: dict[str, dict[str, Any]] = {}
        self._ansible_playbook = ansible_playbook
        for version, archive in archives.items():
            self.serve(version, ASSET, archive)

    def serve(self, version: str, asset: str, archive: bytes) -> None:
        """Put an archive on the server, and its checksum into those that the play gives."""
        self.server.answers[release_path(version, asset)] = Answer(body=archive)
        self.checksums.setdefault(version, {})[asset] = sha256(archive)

    def run(
        self,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        inventory: str | None = None,
        **options: Any,
    ) -> FleetRun:
        """Run the play on all hosts at once; an option that is None is left away."""
        return FleetRun(
            self._ansible_playbook(
                PLAY,
                "-vvv",
                f"--forks={len(self.names)}",
                *arguments,
                variables=self.variables(options),
                inventory=inventory or self.inventory("ansible_connection=local"),
                environment={"ANSIBLE_PIPELINING": "1", **(environment or {})},
            )
        )

    def variables(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """The play's variables: the options that all hosts have."""
        common = {
            "delivery": "controller",
            "sources": ["release"],
            "mirror": self.server.url,
            "checksums": self.checksums,
            "cache_dir": str(self.cache_dir),
            "bin_dir": f"{self.root}/hosts/{{{{ inventory_hostname }}}}/bin",
            "versions_dir": f"{self.root}/hosts/{{{{ inventory_hostname }}}}/versions",
            "timeout": 60,
            **options,
        }
        return {"common": {name: value for name, value in common.items() if value is not None}}

    def inventory(self, connection: str) -> str:
        """The hosts, each with the options of its own in `own`."""
        lines = []
        for name in self.names:
            own = f"own='{json.dumps(self.own[name])}'" if name in self.own else ""
            lines.append(f"{name} ansible_python_interpreter={sys.executable} {connection} {own}")
        return "\n".join(lines) + "\n"

    def command(self, name: str) -> Path:
        return self.root / "hosts" / name / "bin" / "s5cmd"

    def record(self, name: str, version: str = "2.3.0") -> dict[str, Any]:
        """What install.json says on a host."""
        file = self.root / "hosts" / name / "versions" / version / "install.json"
        record: dict[str, Any] = json.loads(file.read_text())
        return record

    def printed_versions(self) -> list[str]:
        """What the command prints on each host, without the commit."""
        printed = []
        for name in self.names:
            done = subprocess.run([self.command(name), "version"], capture_output=True, text=True, check=True)
            printed.append(done.stdout.partition("-")[0])
        return printed


class FleetRun:
    """A finished play. `results`: host -> what its task returned."""

    def __init__(self, run: Any) -> None:
        self.returncode = run.returncode
        self.output = run.stdout + run.stderr
        self.results = {row["host"]: {**row["result"], "outcome": row["outcome"]} for row in run.results}

    @property
    def changed(self) -> list[bool]:
        """Of each host, in the order of their names."""
        return [result["changed"] for _name, result in sorted(self.results.items())]

    @property
    def module_calls(self) -> int:
        """How often a module was called on a host, as Ansible's log tells."""
        return len(re.findall(r"^(?:<[^>]*> )?Using module file ", self.output, re.MULTILINE))

    def message(self, name: str) -> str:
        """Why a host failed."""
        result = self.results[name]
        assert result["outcome"] == "failed", self.output
        message: str = result["msg"]
        return message


def files_below(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())
