# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What systemctl and launchctl are asked, and what is made of their answers. The answers are real ones."""

from __future__ import annotations

import subprocess
import sys

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError
from ansible_collections.datasync.turbo.plugins.module_utils.fleet import services as service_manager
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.services import (
    Launchd,
    Systemd,
    Unit,
    UnitState,
    run_command,
)

#: systemd 252: a timer that runs, one whose file was changed, a path that was stopped, and a unit that is not there.
SHOWN = """\
Id=datasync-turbo@outbox.timer
ActiveState=active
UnitFileState=enabled
NeedDaemonReload=no

Id=datasync-turbo@changed.timer
ActiveState=active
UnitFileState=enabled
NeedDaemonReload=yes

Id=datasync-turbo@inbox.path
ActiveState=inactive
UnitFileState=disabled
NeedDaemonReload=no

Id=datasync-turbo@gone.timer
ActiveState=inactive
UnitFileState=
NeedDaemonReload=no
"""


class Commands:
    """Writes down the commands, and answers them in turn."""

    def __init__(self, *answers):
        self.ran = []
        self._answers = list(answers)

    def __call__(self, command):
        self.ran.append(list(command))
        status, out, err = self._answers.pop(0) if self._answers else (0, "", "")
        return subprocess.CompletedProcess(command, status, out, err)


def systemctl(*arguments):
    return ["systemctl", "--no-ask-password", *arguments]


def test_the_states_of_all_units_are_asked_in_one_call():
    commands = Commands((0, SHOWN, ""))
    units = [f"datasync-turbo@{name}" for name in ("outbox.timer", "changed.timer", "inbox.path", "gone.timer")]
    assert Systemd(commands).states(units) == {
        "datasync-turbo@outbox.timer": UnitState(enabled=True, active=True),
        "datasync-turbo@changed.timer": UnitState(enabled=True, active=True, needs_reload=True),
        "datasync-turbo@inbox.path": UnitState(enabled=False, active=False),
        "datasync-turbo@gone.timer": UnitState(enabled=False, active=False),
    }
    names = "--property=Id,UnitFileState,ActiveState,NeedDaemonReload"
    assert commands.ran == [systemctl("show", names, "--", *units)]


def test_without_units_nothing_is_asked():
    commands = Commands()
    systemd = Systemd(commands)
    assert systemd.states([]) == {}
    systemd.start([])
    systemd.restart([])
    systemd.stop({})
    systemd.put_back({})
    assert commands.ran == []


@pytest.mark.parametrize(
    ("active", "enabled", "state"),
    [
        ("active", "enabled", UnitState(True, True)),
        ("activating", "enabled", UnitState(True, True)),
        ("failed", "enabled", UnitState(True, False)),
        ("inactive", "enabled-runtime", UnitState(False, False)),
        ("active", "masked", UnitState(False, True)),
        ("active", "static", UnitState(False, True)),
    ],
)
def test_enabled_for_good_and_active_are_two_things(active, enabled, state):
    shown = f"Id=a.timer\nActiveState={active}\nUnitFileState={enabled}\nNeedDaemonReload=no\n"
    assert Systemd(Commands((0, shown, ""))).states(["a.timer"]) == {"a.timer": state}


def test_a_unit_that_systemctl_leaves_out_counts_as_not_there():
    assert Systemd(Commands((0, "\n", ""))).states(["a.timer"]) == {"a.timer": UnitState(False, False)}


def test_units_are_enabled_and_started_in_one_call_and_restarted_in_one():
    commands = Commands()
    Systemd(commands).start(["a.timer", "b.path"])
    Systemd(commands).restart(["a.timer", "b.path"])
    Systemd(commands).reload()
    assert commands.ran == [
        systemctl("enable", "--now", "--", "a.timer", "b.path"),
        systemctl("restart", "--", "a.timer", "b.path"),
        systemctl("daemon-reload"),
    ]


def test_a_unit_that_only_runs_is_stopped_and_not_disabled_because_that_fails_without_its_file():
    commands = Commands()
    Systemd(commands).stop({"a.timer": UnitState(True, True), "b.path": UnitState(False, True)})
    assert commands.ran == [systemctl("disable", "--now", "--", "a.timer"), systemctl("stop", "--", "b.path")]


def test_units_are_put_back_as_they_were():
    commands = Commands()
    states = {
        "both.timer": UnitState(True, True),
        "enabled.timer": UnitState(True, False),
        "active.timer": UnitState(False, True),
        "neither.timer": UnitState(False, False),
    }
    Systemd(commands).put_back(states)
    assert commands.ran == [
        systemctl("enable", "--now", "--", "both.timer"),
        systemctl("enable", "--", "enabled.timer"),
        systemctl("stop", "--", "enabled.timer"),
        systemctl("disable", "--", "active.timer"),
        systemctl("start", "--", "active.timer"),
        systemctl("disable", "--now", "--", "neither.timer"),
    ]


def test_the_reason_is_what_systemctl_says_before_it_tells_where_to_read_more():
    failed = (
        1,
        "",
        "Created symlink /etc/systemd/system/timers.target.wants/datasync-turbo@outbox.timer.\n"
        "Failed to start datasync-turbo@outbox.timer: Unit is masked.\n"
        "See system logs and 'systemctl status datasync-turbo@outbox.timer' for details.\n\n",
    )
    with pytest.raises(
        ConfigurationError,
        match=r"^systemctl enable failed: Failed to start datasync-turbo@outbox.timer: Unit is masked. \(.*journalctl",
    ):
        Systemd(Commands(failed)).start(["datasync-turbo@outbox.timer"])


def test_a_silent_failure_tells_its_exit_status():
    with pytest.raises(ConfigurationError, match="systemctl daemon-reload failed: exit status 4"):
        Systemd(Commands((4, "", ""))).reload()


def test_a_calendar_expression_is_judged_by_systemd():
    commands = Commands((0, "  Original form: hourly\n", ""))
    assert Systemd(commands).calendar_error("hourly") == ""
    assert commands.ran == [["systemd-analyze", "calendar", "--", "hourly"]]
    refused = (1, "", "Failed to parse calendar expression 'hourlyy': Invalid argument\n")
    reason = Systemd(Commands(refused)).calendar_error("hourlyy")
    assert reason == "Failed to parse calendar expression 'hourlyy': Invalid argument"


def test_a_command_that_is_not_there_is_named():
    with pytest.raises(ConfigurationError, match=r"/no/such/command does not run: No such file"):
        run_command(["/no/such/command"])


def test_a_command_that_hangs_is_given_up(monkeypatch):
    monkeypatch.setattr(service_manager, "TIMEOUT", 0.2)
    with pytest.raises(ConfigurationError, match=r"did not end within 0\.2 seconds"):
        run_command([sys.executable, "-I", "-S", "-c", "import time; time.sleep(60)"])


def test_systemd_is_asked_for_times_that_we_can_read_in_plain_text(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    script = "import os; print(os.environ['TZ'], os.environ['SYSTEMD_COLORS'])"
    assert run_command([sys.executable, "-I", "-S", "-c", script]).stdout == "UTC 0\n"


# What runs of jobs depend on

SERVICE, TIMER = "datasync-turbo@outbox.service", "datasync-turbo@outbox.timer"
#: As systemd 252 prints it for a service that failed and its timer.
SHOWN_OF_A_RUN = f"""\
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


def units(shown, *names):
    return Systemd(Commands((0, shown, ""))).units(names)


def test_all_units_of_runs_are_asked_in_one_call():
    commands = Commands((0, SHOWN_OF_A_RUN, ""))
    found = Systemd(commands).units([SERVICE, TIMER])
    assert len(commands.ran) == 1
    assert commands.ran[0][:3] == systemctl("show") and commands.ran[0][-2:] == [SERVICE, TIMER]
    assert found[SERVICE] == Unit(
        loaded=True,
        active_state="failed",
        result="exit-code",
        exit_status=4,
        invocation="5ef8b2a5b1f34a3e9f4f0f3a3d1f8f3a",
    )
    assert found[TIMER].active_state == "active"
    assert found[TIMER].next_elapse == 1795395617


def test_no_unit_is_no_call():
    commands = Commands()
    assert Systemd(commands).units([]) == {}
    Systemd(commands).start_services([])
    assert commands.ran == []


@pytest.mark.parametrize("shown", ["", "n/a", "infinity"])
def test_a_timer_that_will_not_elapse_has_no_next_time(shown):
    text = f"Id={TIMER}\nLoadState=loaded\nActiveState=active\nNextElapseUSecRealtime={shown}\n"
    assert units(text, TIMER)[TIMER].next_elapse is None


def test_a_unit_that_is_not_there_is_not_loaded():
    shown = f"Id={SERVICE}\nLoadState=not-found\nActiveState=inactive\nExecMainStatus=\n"
    assert units(shown, SERVICE, TIMER) == {SERVICE: Unit(), TIMER: Unit()}


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
    assert units(f"Id={SERVICE}\nLoadState=loaded\nActiveState=inactive\nJob=4711\n", SERVICE)[SERVICE].queued


def test_starting_a_run_does_not_wait():
    commands = Commands()
    Systemd(commands).start_services([SERVICE])
    assert commands.ran == [systemctl("start", "--no-block", "--", SERVICE)]


@pytest.mark.parametrize("call", [Systemd.units, Systemd.start_services])
def test_what_systemctl_says_is_in_the_error(call):
    systemd = Systemd(Commands((1, "", "Interactive authentication required.\n")))
    with pytest.raises(ConfigurationError, match=r"Interactive authentication required\. .use become: true"):
        call(systemd, [SERVICE])


# launchd

PLIST = "/Library/LaunchDaemons/datasync.turbo.outbox.plist"
TARGET = "system/datasync.turbo.outbox"


def test_a_property_list_is_loaded_if_launchd_can_print_it():
    commands = Commands((0, "system/datasync.turbo.outbox = {\n}\n", ""), (113, "", "Could not find service\n"))
    other = PLIST.replace("outbox", "inbox")
    assert Launchd(commands).loaded([PLIST, other]) == [PLIST]
    assert commands.ran[0] == ["launchctl", "print", TARGET]


def test_a_property_list_is_loaded_anew():
    commands = Commands((3, "", "Boot-out failed: 3: No such process\n"))
    Launchd(commands).load([PLIST])
    assert commands.ran == [["launchctl", "bootout", TARGET], ["launchctl", "bootstrap", "system", PLIST]]


def test_a_property_list_that_launchd_refuses_is_named():
    commands = Commands((0, "", ""), (5, "", "Bootstrap failed: 5: Input/output error\n"))
    with pytest.raises(ConfigurationError, match=rf"bootstrap {PLIST} failed: Bootstrap failed: 5: Input/output error"):
        Launchd(commands).load([PLIST])


def test_what_is_not_loaded_needs_no_unloading():
    commands = Commands((3, "", "Boot-out failed: 3: No such process\n"))
    Launchd(commands).unload([PLIST])
    assert commands.ran == [["launchctl", "bootout", TARGET]]


def test_failures_of_services_that_are_gone_are_forgotten_whether_there_were_any_or_not():
    run = Commands((1, "", "Failed to reset failed state of unit datasync-turbo@a.service: not loaded."))
    Systemd(run).forget_failures(["datasync-turbo@a.service"])
    Systemd(run).forget_failures([])
    assert run.ran == [systemctl("reset-failed", "--", "datasync-turbo@a.service")]
