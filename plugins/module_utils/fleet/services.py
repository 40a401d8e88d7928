# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""systemd and launchd, as far as schedules need them. See systemctl(1), systemd-analyze(1) and launchctl(1)."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from typing import Callable, NamedTuple

from ..common.errors import ConfigurationError

#: Seconds. Starting a timer takes milliseconds; a host under load may need longer.
TIMEOUT = 120

Run = Callable[[Sequence[str]], "subprocess.CompletedProcess[str]"]


class UnitState(NamedTuple):
    """What systemd says of a unit."""

    enabled: bool
    active: bool
    needs_reload: bool = False


def run_command(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; its exit status is for the caller to judge. Raises ConfigurationError."""
    try:
        return subprocess.run(
            list(command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT,
            check=False,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigurationError(f"{command[0]} does not work: {error}") from error


class Systemd:
    """The system's instance of systemd."""

    def __init__(self, run: Run = run_command) -> None:
        self._run = run

    @staticmethod
    def is_running() -> bool:
        """Whether this host was booted with systemd; see sd_booted(3)."""
        return os.path.isdir("/run/systemd/system")

    def states(self, units: Sequence[str]) -> dict[str, UnitState]:
        """The state of each unit, in one call."""
        if not units:
            return {}
        names = "Id,UnitFileState,ActiveState,NeedDaemonReload"
        shown = self._control("show", f"--property={names}", "--", *units)
        states = {}
        for block in shown.split("\n\n"):
            values = dict(line.partition("=")[::2] for line in block.splitlines())
            if "Id" in values:
                states[values["Id"]] = UnitState(
                    enabled=values.get("UnitFileState") == "enabled",
                    active=values.get("ActiveState") in ("active", "activating", "reloading"),
                    needs_reload=values.get("NeedDaemonReload") == "yes",
                )
        return {unit: states.get(unit, UnitState(False, False)) for unit in units}

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
        return _last_line(done) if done.returncode else ""

    def _control(self, *arguments: str) -> str:
        done = self._run(["systemctl", "--no-ask-password", *arguments])
        if done.returncode:
            raise ConfigurationError(f"systemctl {arguments[0]} failed: {_last_line(done)}", "see journalctl -xe there")
        return done.stdout


class Launchd:
    """macOS's launchd, the domain `system`."""

    def __init__(self, run: Run = run_command) -> None:
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
                raise ConfigurationError(f"launchctl bootstrap {path} failed: {_last_line(done)}")

    def unload(self, plists: Iterable[str]) -> None:
        """Unload property lists; it is no error if one is not loaded."""
        for path in plists:
            self._run(["launchctl", "bootout", _target(path)])


def _target(plist: str) -> str:
    return f"system/{os.path.splitext(os.path.basename(plist))[0]}"


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    """The reason of a failure: systemctl tells last where to read more."""
    lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith("See ")] or lines
    return lines[-1] if lines else f"exit status {done.returncode}"
