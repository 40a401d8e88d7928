# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The variables of a host of the role `uploader`, as the role hands them to the filter."""

from __future__ import annotations

from typing import Any

JOB: dict[str, Any] = {"name": "outbox", "source": "/srv/outbox", "bucket": "archive"}


def host_variables(*jobs: Any, **variables: Any) -> dict[str, Any]:
    """The role's defaults with these jobs, and these variables in their place."""
    return {
        "host": "upload1",
        "jobs": list(jobs),
        "dir": "/opt/datasync-turbo",
        "config_dir": "/etc/datasync-turbo/jobs",
        "credentials_dir": "/etc/datasync-turbo/credentials",
        "state_dir": "/var/lib/datasync-turbo",
        "log_dir": "/var/log/datasync-turbo",
        "user": "uploader",
        "group": "upload",
        "groups": [],
        "s5cmd_path": "/usr/local/bin/s5cmd",
        "scheduler": "systemd",
        "log_keep": 30,
        "history_runs": 1000,
        "apply_tuning": True,
        "tuning_file": "/etc/ansible/facts.d/datasync_tuning.fact",
        "nice": 0,
        "io_class": "none",
        "cpu_quota": "",
        "memory_high": "",
        "memory_max": "",
        "on_failure": [],
        **variables,
    }


def job(**options: Any) -> dict[str, Any]:
    """A job with these options beside those that it needs."""
    return {**JOB, **options}
