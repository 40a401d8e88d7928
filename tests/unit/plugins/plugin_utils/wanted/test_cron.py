# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Cron expressions: what crontab(5) allows, what it would misread, and what launchd makes of them."""

from __future__ import annotations

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError
from ansible_collections.datasync.turbo.plugins.plugin_utils.wanted.cron import parse_cron


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("* * * * *", "* * * * *"),
        ("  15  */2 1-15,20 jan-mar,DEC Mon-Fri ", "15 */2 1-15,20 jan-mar,dec mon-fri"),
        ("0 0 29 2 *", "0 0 29 2 *"),
        ("0-59/7 0 * * 0,7", "0-59/7 0 * * 0,7"),
        ("@hourly", "0 * * * *"),
        ("@daily", "0 0 * * *"),
        ("@Midnight", "0 0 * * *"),
        ("@weekly", "0 0 * * 0"),
        ("@monthly", "0 0 1 * *"),
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 1 *"),
        ("@reboot", "@reboot"),
    ],
)
def test_what_cron_understands_is_taken(written: str, text: str) -> None:
    assert parse_cron(written, "schedule.cron").text == text


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("* * * *", "has 4 fields and not 5"),
        ("0 * * * * root", "has 6 fields and not 5"),
        ("", "has 1 fields and not 5"),
        ("60 * * * *", "minute '60' is not within 0 to 59"),
        ("* 24 * * *", "hour '24' is not within 0 to 23"),
        ("* * 0 * *", "day of month '0' is not within 1 to 31"),
        ("* * * 13 *", "month '13' is not within 1 to 12"),
        ("* * * * 8", "day of week '8' is not within 0 to 7"),
        ("* * * foo *", "month 'foo' is not within 1 to 12"),
        ("* * mon * *", "day of month 'mon' is not within 1 to 31"),
        ("30-10 * * * *", "minute '30-10' is empty"),
        ("*/0 * * * *", "minute '*/0' is empty"),
        ("5/15 * * * *", "minute '5/15' has a step and no range (write 5-59/15)"),
        ("~ * * * *", "minute '~' is not understood"),
        ("1,,2 * * * *", "minute '1,,2' is not understood"),
        ("-5 * * * *", "minute '-5' is not understood"),
        ("٣ * * * *", "minute '٣' is not understood"),
        ("@often", "is not known to cron"),
        ("0 0 31 2 *", "no such day in these months"),
        ("0 0 31 4,6 *", "no such day in these months"),
    ],
)
def test_what_cron_would_refuse_or_never_run_is_named(written: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        parse_cron(written, "schedule.cron")
    assert message in str(refused.value)
    assert str(refused.value).startswith(f"schedule.cron {written!r}")


def test_a_day_that_no_month_has_is_fine_beside_a_day_of_the_week() -> None:
    assert parse_cron("0 0 31 2 mon", "schedule.cron").text == "0 0 31 2 mon"


@pytest.mark.parametrize(
    ("written", "intervals"),
    [
        ("0 3 * * *", [{"Hour": 3, "Minute": 0}]),
        ("* * * * *", [{}]),
        ("*/30 * * * *", [{"Minute": 0}, {"Minute": 30}]),
        ("0 22 * * 6-7", [{"Weekday": 0, "Hour": 22, "Minute": 0}, {"Weekday": 6, "Hour": 22, "Minute": 0}]),
        # Cron runs on the first and on each Monday.
        ("5 1 1 * mon", [{"Day": 1, "Hour": 1, "Minute": 5}, {"Weekday": 1, "Hour": 1, "Minute": 5}]),
        (
            "0 0 1 1,7 *",
            [{"Month": 1, "Day": 1, "Hour": 0, "Minute": 0}, {"Month": 7, "Day": 1, "Hour": 0, "Minute": 0}],
        ),
    ],
)
def test_launchd_gets_the_same_moments(written: str, intervals: list[dict[str, int]]) -> None:
    assert parse_cron(written, "schedule.cron").launchd_intervals("schedule.cron") == intervals


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("0 0 */2 * mon", "needs a day of month and a day of week at once, which launchd cannot do"),
        ("0-58 0-22 1-30 1-11 *", "too many for launchd"),
    ],
)
def test_what_launchd_cannot_tell_is_named(written: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        parse_cron(written, "schedule.cron").launchd_intervals("schedule.cron")
