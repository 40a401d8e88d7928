# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The property list of a job for macOS's launchd: launchd.plist(5)."""

from __future__ import annotations

from .host import HostSpec
from .job import UploaderJob
from .templates import render


def label(name: str) -> str:
    """launchd's name of a job."""
    return f"datasync.turbo.{name}"


def plist(job: UploaderJob, config: str, host: HostSpec) -> str:
    """The text of the property list of a job that has a cron expression."""
    cron = job.schedule.cron
    at_start = cron is None or cron.is_at_start
    intervals = [] if cron is None or at_start else cron.launchd_intervals("schedule.cron")
    return render(
        "launchd.plist.j2",
        host=host,
        job=job,
        label=label(job.name),
        config=config,
        at_start=at_start,
        intervals=intervals,
    )
