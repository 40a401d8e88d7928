# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The property list of a job, as macOS's own reader sees it."""

from __future__ import annotations

import plistlib
from typing import Any

from ansible_collections.datasync.turbo.plugins.plugin_utils.wanted.host import parse_spec
from ansible_collections.datasync.turbo.plugins.plugin_utils.wanted.job import check_job
from ansible_collections.datasync.turbo.plugins.plugin_utils.wanted.launchd import label, plist
from ansible_collections.datasync.turbo.tests.unit.plugins.plugin_utils.host_variables import host_variables, job

CONFIG = "/etc/datasync-turbo/jobs/outbox.env"


def read(config: str = CONFIG, **options: Any) -> dict[str, Any]:
    """The property list of a job on macOS."""
    host = parse_spec(host_variables(scheduler="launchd"))
    found: dict[str, Any] = plistlib.loads(plist(check_job(job(**options), "outbox", host), config, host).encode())
    return found


def test_a_job_runs_by_its_own_name_and_user() -> None:
    found = read(schedule={"cron": "30 2 * * *"})
    assert found["Label"] == label("outbox") == "datasync.turbo.outbox"
    assert found["ProgramArguments"][1:] == ["sync", "--quiet", "--config", CONFIG]
    assert (found["UserName"], found["GroupName"]) == ("uploader", "upload")


def test_times_are_calendar_intervals() -> None:
    assert read(schedule={"cron": "0,30 2 * * *"})["StartCalendarInterval"] == [
        {"Minute": 0, "Hour": 2},
        {"Minute": 30, "Hour": 2},
    ]


def test_a_job_at_boot_has_no_times() -> None:
    found = read(schedule={"cron": "@reboot"})
    assert found["RunAtLoad"] is True
    assert "StartCalendarInterval" not in found


def test_limits_are_there_where_they_are_set() -> None:
    assert "Nice" not in read(schedule={"cron": "@daily"})
    found = read(schedule={"cron": "@daily"}, nice=10, io_class="idle")
    assert (found["Nice"], found["LowPriorityIO"]) == (10, True)


def test_a_path_is_not_taken_for_markup() -> None:
    path = "/etc/R&D <jobs>/outbox.env"
    assert read(path, schedule={"cron": "@daily"})["ProgramArguments"][-1] == path
