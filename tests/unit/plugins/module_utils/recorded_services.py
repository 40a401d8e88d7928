# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A systemd and a launchd in memory: they follow files when they are told to, as the real ones do, and can fail."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.services import Launchd, Systemd, UnitState


class RecordedSystemd(Systemd):
    """Units are files of a folder. `loaded` is what was read of them, `active` with what content each runs."""

    def __init__(self, folder: Path) -> None:
        super().__init__(self._unexpected)
        self.folder = folder
        self.calls: list[tuple[str, ...]] = []
        self.booted = True
        self.loaded: dict[str, str] = {}
        self.enabled: set[str] = set()
        self.active: dict[str, str] = {}
        #: Units that cannot be started.
        self.refused: set[str] = set()
        #: Calendar expressions that are wrong.
        self.wrong: dict[str, str] = {}
        #: Services of which nothing is known any more.
        self.forgotten: set[str] = set()

    def state(self) -> tuple[object, ...]:
        """For comparisons: what runs, with which content, and what was read."""
        return (sorted(self.enabled), sorted(self.active.items()), sorted(self.loaded.items()))

    def _unexpected(self, command: Sequence[str]) -> object:
        raise AssertionError(f"a command was run: {command}")

    def _files(self) -> dict[str, str]:
        paths = (path for path in self.folder.rglob("*") if path.is_file() and not path.name.endswith("~"))
        return {str(path.relative_to(self.folder)): path.read_text("utf-8") for path in paths}

    def is_running(self) -> bool:
        return self.booted

    def states(self, names: Sequence[str]) -> dict[str, UnitState]:
        files = self._files()

        def parts(known: Mapping[str, str], unit: str) -> list[tuple[str, str]]:
            return sorted((path, text) for path, text in known.items() if path.split("/")[0] in (unit, f"{unit}.d"))

        return {
            unit: UnitState(unit in self.enabled, unit in self.active, parts(files, unit) != parts(self.loaded, unit))
            for unit in names
        }

    def reload(self) -> None:
        self.calls.append(("reload",))
        self.loaded = self._files()
        # Timers and paths take the new settings over.
        self.active = {unit: self.loaded.get(unit, text) for unit, text in self.active.items()}

    def _enable(self, units: Iterable[str]) -> None:
        for unit in units:
            if unit not in self._files():
                raise ConfigurationError(f"systemctl enable failed: Unit file {unit} does not exist.")
            self.enabled.add(unit)
        self.loaded = self._files()

    def _run_units(self, units: Iterable[str]) -> None:
        for unit in units:
            if unit in self.refused:
                raise ConfigurationError(f"systemctl start failed: Job for {unit} failed.")
            self.active[unit] = self.loaded[unit]

    def start(self, units: Sequence[str]) -> None:
        self.calls.append(("start", *units))
        self._enable(units)
        self._run_units(units)

    def restart(self, units: Sequence[str]) -> None:
        self.calls += [("restart", *units)] if units else []
        self._run_units(units)

    def stop(self, states: Mapping[str, UnitState]) -> None:
        self.calls.append(("stop", *states))
        for unit in states:
            if unit in self.enabled and unit not in self._files():
                raise ConfigurationError(f"systemctl disable failed: Unit file {unit} does not exist.")
            self.enabled.discard(unit)
            self.active.pop(unit, None)

    def put_back(self, states: Mapping[str, UnitState]) -> None:
        self.calls.append(("put back", *states))
        for unit, state in states.items():
            if state.enabled:
                self._enable([unit])
            else:
                self.enabled.discard(unit)
            if state.active:
                self._run_units([unit])
            else:
                self.active.pop(unit, None)

    def forget_failures(self, services: Sequence[str]) -> None:
        self.forgotten.update(services)

    def calendar_error(self, expression: str) -> str:
        return self.wrong.get(expression, "")


class RecordedLaunchd(Launchd):
    """Property lists that are loaded, with the content that they had then."""

    def __init__(self) -> None:
        super().__init__(self._unexpected)
        self.calls: list[tuple[str, ...]] = []
        self.jobs: dict[str, str] = {}
        self.refused: set[str] = set()

    def _unexpected(self, command: Sequence[str]) -> object:
        raise AssertionError(f"a command was run: {command}")

    def loaded(self, plists: Iterable[str]) -> list[str]:
        return [path for path in plists if path in self.jobs]

    def load(self, plists: Iterable[str]) -> None:
        for path in plists:
            self.calls.append(("load", path))
            self.jobs.pop(path, None)
            if path in self.refused:
                raise ConfigurationError(f"launchctl bootstrap {path} failed: 5: Input/output error")
            self.jobs[path] = Path(path).read_text("utf-8")

    def unload(self, plists: Iterable[str]) -> None:
        for path in plists:
            self.calls.append(("unload", path))
            self.jobs.pop(path, None)
