# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Jobs as a deployed host knows them, made up for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.datasync.turbo.plugins.module_utils.fleet.generation import JobOnHost


def job_on_host(folder: str | Path, name: str = "outbox", schedule: str = "systemd", **changes: Any) -> JobOnHost:
    """A job with all its files in `folder`, and these fields in place of its own; systemd's have a service."""
    values = {
        "name": name,
        "config": f"{folder}/{name}.env",
        "schedule": schedule,
        "service": f"datasync-turbo@{name}.service" if schedule == "systemd" else "",
        "lock": f"{folder}/{name}.lock",
        "result": f"{folder}/{name}.json",
        "history": f"{folder}/{name}.history.jsonl",
        "progress": f"{folder}/{name}.progress.json",
        "log": f"{folder}/{name}.log",
        "source": "/srv/outbox",
        "destination": "s3://archive/",
        **changes,
    }
    return JobOnHost(**values)
