# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What systemd says of units is read in one call."""

from __future__ import annotations

import subprocess

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError
from ansible_collections.datasync.turbo.plugins.module_utils.fleet import unit_properties
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.unit_properties import Unit

SERVICE, TIMER = "datasync-turbo@outbox.service", "datasync-turbo@outbox.timer"
#: As systemd 252 prints it for a service that failed and its timer.
SHOWN = f"""\
Result=exit-code
ExecMainStatus=4
Id={SERVICE}
LoadState=loaded
ActiveState=failed
InvocationID=5ef8b2a5b1f34a3e9f4f0f3a3d1f8f3a
Job=0

Result=success
NextElapseUSecRealtime=Mon 2026-11-23 01:00:17 UTC
Id={TIMER}
LoadState=loaded
ActiveState=active
"""


class Systemctl:
    """Stands in for systemctl: answers with a text, and keeps what it was asked."""

    def __init__(self, stdout="", returncode=0, stderr=""):
        self.answer = subprocess.CompletedProcess([], returncode, stdout, stderr)
        self.calls = []

    def __call__(self, arguments):
        self.calls.append(list(arguments))
        return self.answer


def test_all_units_are_asked_in_one_call():
    systemctl = Systemctl(SHOWN)
    units = unit_properties.units([SERVICE, TIMER], systemctl)
    assert len(systemctl.calls) == 1
    assert systemctl.calls[0][0] == "show" and systemctl.calls[0][-2:] == [SERVICE, TIMER]
    assert units[SERVICE] == Unit(
        loaded=True,
        active_state="failed",
        result="exit-code",
        exit_status=4,
        invocation="5ef8b2a5b1f34a3e9f4f0f3a3d1f8f3a",
    )
    assert units[TIMER].active_state == "active"
    assert units[TIMER].next_elapse == 1795395617


def test_no_unit_is_no_call():
    systemctl = Systemctl()
    assert unit_properties.units([], systemctl) == {}
    unit_properties.start([], systemctl)
    assert systemctl.calls == []


@pytest.mark.parametrize("shown", ["", "n/a", "infinity"])
def test_a_timer_that_will_not_elapse_has_no_next_time(shown):
    systemctl = Systemctl(f"Id={TIMER}\nLoadState=loaded\nActiveState=active\nNextElapseUSecRealtime={shown}\n")
    assert unit_properties.units([TIMER], systemctl)[TIMER].next_elapse is None


def test_a_unit_that_is_not_there_is_not_loaded():
    systemctl = Systemctl(f"Id={SERVICE}\nLoadState=not-found\nActiveState=inactive\nExecMainStatus=\n")
    assert unit_properties.units([SERVICE, TIMER], systemctl) == {SERVICE: Unit(), TIMER: Unit()}


@pytest.mark.parametrize(
    "unit, over",
    [
        (Unit(active_state="inactive"), True),
        (Unit(active_state="failed"), True),
        (Unit(active_state="activating"), False),
        (Unit(active_state="deactivating"), False),
        (Unit(active_state="inactive", queued=True), False),
    ],
)
def test_a_service_that_is_about_to_start_is_not_over(unit, over):
    assert unit.over is over


def test_a_queued_unit_shows_the_number_of_its_job():
    systemctl = Systemctl(f"Id={SERVICE}\nLoadState=loaded\nActiveState=inactive\nJob=4711\n")
    assert unit_properties.units([SERVICE], systemctl)[SERVICE].queued


def test_starting_does_not_wait():
    systemctl = Systemctl()
    unit_properties.start([SERVICE], systemctl)
    assert systemctl.calls == [["start", "--no-block", "--", SERVICE]]


@pytest.mark.parametrize("call", [unit_properties.units, unit_properties.start])
def test_what_systemctl_says_is_in_the_error(call):
    systemctl = Systemctl(returncode=1, stderr="Interactive authentication required.\n")
    with pytest.raises(ConfigurationError, match="Interactive authentication required"):
        call([SERVICE], systemctl)
