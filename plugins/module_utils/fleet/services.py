# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""systemd and launchd, as far as schedules and runs of jobs need them.

See systemctl(1), systemd-analyze(1) and launchctl(1).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from typing import NamedTuple

from ..common import commands
from ..common.commands import Completed, RunCommand, last_words
from ..common.errors import ConfigurationError

#: Seconds. systemd answers in milliseconds; a host under load may need longer.
TIMEOUT = 120
_UNIT_PROPERTIES = (
    "LoadState",
    "ActiveState",
    "Result",
    "ExecMainStatus",
    "InvocationID",
    "Job",
    "NextElapseUSecRealtime",
)
#: Times that we can read.
_ENVIRONMENT = {"TZ": "UTC", "SYSTEMD_COLORS": "0"}


class UnitState(NamedTuple):
    """Whether a unit is started with the host, runs, and was changed on the disk since systemd read it."""

    enabled: bool
    active: bool
    needs_reload: bool = False


class Unit(NamedTuple):
    """A service, timer or path unit, as runs depend on it.

    `result` is `success` or why it failed, `exit_status` that of the last run of a service. `invocation` names that
    run. `queued`: it is about to start or stop. `next_elapse` is when a timer starts its service the next time, in
    seconds since the epoch.
    """

    loaded: bool = False
    active_state: str = "inactive"
    result: str = "success"
    exit_status: int = 0
    invocation: str = ""
    queued: bool = False
    next_elapse: float | None = None

    @property
    def over(self) -> bool:
        """Whether a service neither runs nor is about to."""
        return not self.queued and self.active_state in ("inactive", "failed")


def run_command(command: Sequence[str]) -> Completed:
    """Run a command of systemd or launchd to its end. Raises CommandError."""
    return commands.run(command, TIMEOUT, added=_ENVIRONMENT)


class Systemd:
    """The system's instance of systemd."""

    def __init__(self, run: RunCommand = run_command) -> None:
        self._run = run

    @staticmethod
    def is_running() -> bool:
        """Whether this host was booted with systemd; see sd_booted(3)."""
        return os.path.isdir("/run/systemd/system")

    def states(self, names: Sequence[str]) -> dict[str, UnitState]:
        """What a schedule depends on, of each unit, in one call."""
        shown = self._show(names, ("UnitFileState", "ActiveState", "NeedDaemonReload"))
        return {
            name: UnitState(
                enabled=values.get("UnitFileState") == "enabled",
                active=values.get("ActiveState") in ("active", "activating", "reloading"),
                needs_reload=values.get("NeedDaemonReload") == "yes",
            )
            for name, values in shown.items()
        }

    def units(self, names: Sequence[str]) -> dict[str, Unit]:
        """What runs depend on, of each unit, in one call. A unit that systemd does not know is not `loaded`."""
        return {name: _unit(values) for name, values in self._show(names, _UNIT_PROPERTIES).items()}

    def _show(self, names: Sequence[str], properties: Sequence[str]) -> dict[str, dict[str, str]]:
        """The properties of each unit, empty of one that systemd does not show; org.freedesktop.systemd1(5)."""
        found: dict[str, dict[str, str]] = {name: {} for name in names}
        if names:
            shown = self._control("show", f"--property={','.join(['Id', *properties])}", "--", *names)
            for block in shown.split("\n\n"):
                values = dict(line.partition("=")[::2] for line in block.splitlines())
                if values.get("Id") in found:
                    found[values["Id"]] = values
        return found

    def start_services(self, services: Sequence[str]) -> None:
        """Start services and do not wait for them."""
        if services:
            self._control("start", "--no-block", "--", *services)

    def reload(self) -> None:
        """Read the unit files again."""
        self._control("daemon-reload")

    def start(self, units: Sequence[str]) -> None:
        """Enable and start timers and paths."""
        if units:
            self._control("enable", "--now", "--", *units)

    def restart(self, units: Sequence[str]) -> None:
        """Let timers and paths that run follow their changed files."""
        if units:
            self._control("restart", "--", *units)

    def stop(self, states: Mapping[str, UnitState]) -> None:
        """Stop and disable timers and paths; the service that one of them started goes on.

        Without its file a unit can be stopped but not disabled.
        """
        enabled = [unit for unit, state in states.items() if state.enabled]
        active = [unit for unit, state in states.items() if state.active and not state.enabled]
        if enabled:
            self._control("disable", "--now", "--", *enabled)
        if active:
            self._control("stop", "--", *active)

    def put_back(self, states: Mapping[str, UnitState]) -> None:
        """Let timers and paths be as they were."""
        for enabled, active, actions in (
            (True, True, (("enable", "--now"),)),
            (True, False, (("enable",), ("stop",))),
            (False, True, (("disable",), ("start",))),
            (False, False, (("disable", "--now"),)),
        ):
            units = [unit for unit, state in states.items() if (state.enabled, state.active) == (enabled, active)]
            for action in actions if units else ():
                self._control(*action, "--", *units)

    def forget_failures(self, services: Sequence[str]) -> None:
        """Let nothing be known of services that are gone: one that failed would make the host count as degraded."""
        if services:
            # An error is no news: a service that did not fail is not known any more.
            self._run(["systemctl", "--no-ask-password", "reset-failed", "--", *services])

    def calendar_error(self, expression: str) -> str:
        """Why systemd does not take a calendar expression, '' if it does."""
        done = self._run(["systemd-analyze", "calendar", "--", expression])
        return last_words(done, lines=1) if done.returncode else ""

    def _control(self, *arguments: str) -> str:
        done = self._run(["systemctl", "--no-ask-password", *arguments])
        if done.returncode:
            raise ConfigurationError(
                f"systemctl {arguments[0]} failed: {last_words(done, lines=1)}",
                "use become: true, deploy again if a unit is missing, or see journalctl -xe there",
            )
        return done.stdout


class Launchd:
    """macOS's launchd, the domain `system`."""

    def __init__(self, run: RunCommand = run_command) -> None:
        self._run = run

    def loaded(self, plists: Iterable[str]) -> list[str]:
        """Which of the property lists are loaded; each is named after its label."""
        return [path for path in plists if self._run(["launchctl", "print", _target(path)]).returncode == 0]

    def load(self, plists: Iterable[str]) -> None:
        """Load property lists, anew where they are loaded."""
        for path in plists:
            self._run(["launchctl", "bootout", _target(path)])
            done = self._run(["launchctl", "bootstrap", "system", path])
            if done.returncode:
                raise ConfigurationError(f"launchctl bootstrap {path} failed: {last_words(done, lines=1)}")

    def unload(self, plists: Iterable[str]) -> None:
        """Unload property lists; it is no error if one is not loaded."""
        for path in plists:
            self._run(["launchctl", "bootout", _target(path)])


def _target(plist: str) -> str:
    return f"system/{os.path.splitext(os.path.basename(plist))[0]}"


def _unit(values: Mapping[str, str]) -> Unit:
    return Unit(
        loaded=values.get("LoadState") == "loaded",
        active_state=values.get("ActiveState", "inactive"),
        result=values.get("Result", "success"),
        exit_status=int(values.get("ExecMainStatus") or 0),
        invocation=values.get("InvocationID", ""),
        # systemd shows the number of the job, 0 or nothing if there is none.
        queued=values.get("Job", "") not in ("", "0"),
        next_elapse=_moment(values.get("NextElapseUSecRealtime", "")),
    )


def _moment(text: str) -> float | None:
    """Seconds since the epoch of `Mon 2026-11-23 01:00:00 UTC`; None of '' and `n/a`."""
    try:
        return datetime.strptime(text, "%a %Y-%m-%d %H:%M:%S UTC").replace(tzinfo=timezone.utc).timestamp()
    except ValueError:
        return None
