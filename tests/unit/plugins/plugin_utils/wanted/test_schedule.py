# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""When a job runs: the kinds of schedules, and which options go with each."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError
from ansible_collections.datasync.turbo.plugins.plugin_utils.wanted.schedule import Schedule, parse_schedule


@pytest.mark.parametrize("nothing", [None, {}, ""])
def test_without_a_schedule_a_job_is_started_by_hand(nothing: Any) -> None:
    assert parse_schedule(nothing, "systemd") == Schedule("manual")


def test_a_timer_has_one_or_several_calendar_expressions() -> None:
    assert parse_schedule({"on_calendar": "hourly"}, "systemd") == Schedule("systemd", ("hourly",))
    both = ["Mon..Fri 22:30", "*-*-1 00/2:00:00 Europe/Berlin"]
    assert parse_schedule({"on_calendar": both}, "systemd").on_calendar == tuple(both)


def test_a_timer_makes_up_for_missed_runs_unless_told_otherwise() -> None:
    assert parse_schedule({"on_calendar": "daily"}, "systemd").persistent is True
    assert parse_schedule({"on_calendar": "daily", "persistent": "no"}, "systemd").persistent is False


@pytest.mark.parametrize("span", ["10min", "1h 30min", "90", 90, "1.5h", "2h30m"])
def test_a_delay_is_a_time_span_of_systemd(span: Any) -> None:
    schedule = parse_schedule({"on_calendar": "daily", "randomized_delay": span}, "systemd")
    assert schedule.randomized_delay == str(span)


def test_a_job_that_waits_for_files_also_runs_each_hour() -> None:
    assert parse_schedule({"kind": "path"}, "systemd") == Schedule("path", ("hourly",))
    assert parse_schedule({"kind": "path", "on_calendar": "daily"}, "systemd").on_calendar == ("daily",)


def test_the_host_decides_where_the_job_does_not() -> None:
    given = {"on_calendar": "hourly", "cron": "@hourly"}
    assert parse_schedule(given, "systemd").kind == "systemd"
    for scheduler in ("cron", "launchd"):
        schedule = parse_schedule(given, scheduler)
        assert (schedule.kind, schedule.cron and schedule.cron.text) == (scheduler, "0 * * * *")


@pytest.mark.parametrize(
    ("schedule", "scheduler", "message"),
    [
        ("hourly", "systemd", "schedule 'hourly' is no dictionary"),
        ({"kind": "at"}, "systemd", "schedule.kind 'at' is not known (one of systemd, cron, launchd, path, manual)"),
        (
            {"on_calender": "hourly"},
            "systemd",
            "schedule.on_calender is not known (did you mean schedule.on_calendar?)",
        ),
        ({"kind": "systemd"}, "systemd", "schedule.on_calendar is missing for schedule.kind systemd"),
        ({"cron": "@hourly"}, "systemd", "missing for the kind systemd, which uploader_scheduler says"),
        (
            {"on_calendar": "hourly"},
            "cron",
            "schedule.cron is missing for the kind cron, which uploader_scheduler says",
        ),
        (
            {"kind": "cron", "cron": "@daily", "on_calendar": "daily"},
            "systemd",
            "schedule.on_calendar does not go with schedule.kind cron (remove it, or use the kind systemd or path)",
        ),
        ({"kind": "systemd", "cron": "@daily"}, "systemd", "schedule.cron does not go with schedule.kind systemd"),
        (
            {"kind": "manual", "persistent": True},
            "systemd",
            "schedule.persistent does not go with schedule.kind manual",
        ),
        ({"kind": "cron", "cron": "61 * * * *"}, "systemd", "minute '61' is not within 0 to 59"),
        ({"kind": "launchd", "cron": "@daily"}, "systemd", "does not go with uploader_scheduler systemd"),
        ({"kind": "cron", "cron": "@daily"}, "launchd", "does not go with uploader_scheduler launchd"),
        ({"cron": "0 0 */2 * mon"}, "launchd", "which launchd cannot do"),
        ({"on_calendar": "daily\nOnCalendar=*:*"}, "systemd", "is no calendar expression"),
        ({"on_calendar": ["daily", ""]}, "systemd", "schedule.on_calendar '' is no calendar expression"),
        ({"on_calendar": {"daily": 1}}, "systemd", "is no text"),
        ({"on_calendar": "daily", "randomized_delay": "a while"}, "systemd", "'a while' is no time span"),
        ({"on_calendar": "daily", "persistent": "perhaps"}, "systemd", "schedule.persistent 'perhaps' is neither true"),
    ],
)
def test_what_does_not_fit_is_named_with_what_to_do(schedule: Any, scheduler: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        parse_schedule(schedule, scheduler)
    assert message in str(refused.value)
    assert refused.value.hint
