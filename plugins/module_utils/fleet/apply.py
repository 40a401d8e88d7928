# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Bring a host to a generation: what differs, checks before anything is touched, and all changes or none."""

from __future__ import annotations

import json
import os
import secrets
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ..common import commands
from ..common.commands import CommandTimedOut, Completed, last_words
from ..common.errors import ConfigurationError
from ..common.threads import nothing
from ..install.layout import Layout, Occupant
from . import removal
from .command import PYTHON_OPTIONS, as_user, command_text
from .differences import Change, Differences
from .files import (
    MakeFolder,
    Owners,
    PresentFile,
    SetLink,
    WriteFile,
    file_change,
    folder_change,
    write_file,
)
from .generation import Generation, ManagedFile, ManagedFolder, S5cmdLink, SourceCheck
from .services import Launchd, Systemd
from .steps import Action, run_all
from .store import GenerationStore

#: Seconds for a source that does not answer, such as a hanging mount, and for a config file on a host under load.
_CHECK_TIMEOUT = 60
#: Seconds to wait for an installation of s5cmd that is going on.
_LOCK_TIMEOUT = 60

#: Run as the service user. Exits with 1 and the reason if the folder cannot be used.
_ACCESS_PROBE = """\
import os, sys
path, write = sys.argv[1], sys.argv[2] == "write"
try:
    os.scandir(path).close()
    if write and not os.access(path, os.W_OK | os.X_OK):
        raise PermissionError(13, "no permission to write")
except OSError as error:
    sys.exit(error.strerror)
"""


class HostApply:
    """A generation against the host. What an earlier one has and this one lacks goes away.

    `earlier` are all that the host knows, also one whose deployment was killed half way.
    """

    def __init__(
        self,
        store: GenerationStore,
        generation: Generation,
        earlier: Sequence[Generation] = (),
        systemd: Systemd | None = None,
        launchd: Launchd | None = None,
    ) -> None:
        self._store = store
        self._generation = generation
        self._wanted = generation.wanted
        self._earlier = earlier
        self._systemd = systemd or Systemd()
        self._launchd = launchd or Launchd()
        self._owners = Owners()

    def differences(self) -> Differences:
        """Compare the host with the generation. Raises ConfigurationError for what is in the way."""
        found = Differences()
        gone = self._gone()
        self._stop(gone, found)
        stopped = len(found.steps)
        for folder in self._folders():
            change = folder_change(folder, self._owners)
            if change:
                found.add(change, MakeFolder(folder, self._owners))
        for file in self._files():
            change = file_change(file, self._owners)
            if change:
                found.files.append(file)
                found.add(change, WriteFile(file, self._owners))
        removal.remove_files(gone.values(), found)
        self._link(found)
        self._switch_s5cmd(found)
        removal.remove_old_caches([self._generation, *self._earlier], found)
        self._schedule(found, stopped)
        return found

    def apply(self, found: Differences) -> None:
        """Make all changes, or none."""
        run_all(found.steps)
        for step in found.steps:
            if isinstance(step, SetLink):
                step.finish()

    # The parts of a comparison

    def _folders(self) -> list[ManagedFolder]:
        folders = [ManagedFolder(str(path)) for path in (self._store.root, self._store.command.parent)]
        return [*folders, *self._wanted.folders]

    def _files(self) -> list[ManagedFile]:
        command = ManagedFile(str(self._store.command), command_text(self._store, self._generation), "0755")
        return [*self._wanted.files, command]

    def _gone(self) -> dict[str, ManagedFile]:
        wanted = {file.path for file in self._files()}
        return {file.path: file for each in self._earlier for file in each.wanted.files if file.path not in wanted}

    def _stop(self, gone: dict[str, ManagedFile], found: Differences) -> None:
        """Units and property lists of earlier generations that this one lacks, before their files go."""
        removal.stop_units(
            [unit for unit in removal.units_of(self._earlier) if unit not in self._wanted.units], self._systemd, found
        )
        plists = [path for path in removal.property_lists_of(self._earlier) if path in gone]
        removal.unload(plists, self._earlier, self._launchd, found)

    def _link(self, found: Differences) -> None:
        path, target = self._store.venv, f"environments/{self._generation.environment}"
        now = os.readlink(path) if path.is_symlink() else ""
        if not now and path.exists() and not path.is_dir():
            raise ConfigurationError(f"{path} is neither a link nor a folder", "move it away")
        if now != target:
            found.add(Change(str(path), "link", now and f"{now}\n", f"{target}\n"), SetLink(path, target))

    def _switch_s5cmd(self, found: Differences) -> None:
        wanted = self._generation.s5cmd
        if wanted is None:
            return
        layout = Layout(Path(wanted.bin_dir), Path(wanted.versions_dir))
        link = layout.command_link()
        now = link.version
        if now == wanted.version:
            return
        if link.occupant in (Occupant.FOREIGN, Occupant.FOLDER):
            raise ConfigurationError(
                f"{layout.link} is {link.occupant.value}, and generation {self._generation.number} wants s5cmd"
                f" {wanted.version} there",
                "move it away",
            )
        if layout.intact(wanted.version) is None:
            raise ConfigurationError(
                f"s5cmd {wanted.version} is no longer complete in {wanted.versions_dir}",
                f"install it: s5cmd_version={wanted.version}; s5cmd_keep says how many old versions stay",
            )

        def switch(version: str | None) -> None:
            with layout.lock(timeout=_LOCK_TIMEOUT):
                layout.switch(version) if version else layout.remove_link()

        found.add(
            Change(str(layout.link), "switch", f"s5cmd {now}\n" if now else "", f"s5cmd {wanted.version}\n"),
            Action(lambda: switch(wanted.version), lambda: switch(now)),
        )

    def _schedule(self, found: Differences, stopped: int) -> None:
        """Let systemd and launchd follow the files. The first `stopped` steps come before the files."""
        written = {change.path for change in found.changes}
        services = [job.service for job in self._wanted.jobs if job.service]
        unit_files_changed = any(path.startswith(removal.UNIT_FOLDER) for path in written)
        if (unit_files_changed or services or self._wanted.units) and self._systemd.is_running():
            self._schedule_by_systemd(services, written, found, stopped)
        elif self._wanted.units:
            raise ConfigurationError(
                "systemd does not run on this host, so its timers cannot start the jobs",
                "set uploader_scheduler to cron, or launchd on macOS",
            )
        if self._wanted.launchd:
            self._schedule_by_launchd(written, found, stopped)

    def _schedule_by_systemd(self, services: list[str], written: set[str], found: Differences, stopped: int) -> None:
        units = list(self._wanted.units)
        states = self._systemd.states([*units, *services])
        idle = [unit for unit in units if not (states[unit].enabled and states[unit].active)]
        changed = [unit for unit in units if unit not in idle and f"{removal.UNIT_FOLDER}{unit}" in written]
        unit_files_changed = any(path.startswith(removal.UNIT_FOLDER) for path in written)
        if unit_files_changed or any(state.needs_reload for state in states.values()):

            def follow_old_files() -> None:
                self._systemd.reload()
                self._systemd.restart(changed)

            # Taken back when the old files are in their places again, and before what was stopped is started.
            found.steps.insert(stopped, Action(nothing, follow_old_files))
            found.steps.append(Action(self._systemd.reload, nothing))
            gone = [service for service in removal.services_of(self._earlier) if service not in services]
            found.steps.append(Action(lambda: self._systemd.forget_failures(gone), nothing))
            if not unit_files_changed:
                # A deployment that was killed wrote them.
                found.changes.append(Change("systemd", "reload"))
        if idle:
            before = {unit: states[unit] for unit in idle}
            found.steps.append(Action(lambda: self._systemd.start(idle), lambda: self._systemd.put_back(before)))
            found.changes += [Change(unit, "start") for unit in idle]
        if changed:
            found.steps.append(Action(lambda: self._systemd.restart(changed), nothing))

    def _schedule_by_launchd(self, written: set[str], found: Differences, stopped: int) -> None:
        plists = list(self._wanted.launchd)
        loaded = self._launchd.loaded(plists)
        stale = [path for path in plists if path in written or path not in loaded]
        if stale:
            old = [path for path in stale if path in loaded]
            found.steps.insert(stopped, Action(nothing, lambda: self._launchd.load(old)))
            found.steps.append(Action(lambda: self._launchd.load(stale), lambda: self._launchd.unload(stale)))
            removal.refuse_to_end_runs(old, self._earlier, found)
            found.changes += [Change(path, "load") for path in stale]

    # The checks before anything is touched

    def check(self, found: Differences) -> None:
        """Everything that can be known to fail: calendars, folders, and each changed config, by the new program."""
        if self._systemd.is_running():
            for calendar in self._wanted.calendars:
                reason = self._systemd.calendar_error(calendar.expression)
                if reason:
                    raise ConfigurationError(
                        f"job {calendar.job}: {calendar.variable} {calendar.expression!r}: {reason}",
                        "see man systemd.time; systemd-analyze calendar shows what an expression means",
                    )
        for source in self._wanted.sources:
            self._check_source(source)
        for file in found.files:
            if file.check == "config":
                self._check_config(file)

    def _check_source(self, source: SourceCheck) -> None:
        mode = "write" if source.write else "read"
        reason = self._refusal("-c", _ACCESS_PROBE, source.path, mode)
        if reason:
            raise ConfigurationError(
                f"job {source.job}: {source.variable} {source.path}: user {self._generation.user} cannot {mode} it:"
                f" {reason}",
                f"let {self._generation.user} in, for example by uploader_groups, or correct {source.variable}",
            )

    def _check_config(self, file: ManagedFile) -> None:
        """Let the new program read the new file, as the user that will run it, in a folder of its own."""
        uid, gid = self._owners.required(file.owner, file.group)
        program = self._store.program(self._generation.program)
        with tempfile.TemporaryDirectory(prefix="datasync-turbo-") as folder:
            os.chmod(folder, 0o711)  # noqa: S103 - the user must reach the file, whose own mode protects it
            path = os.path.join(folder, f"{secrets.token_hex(8)}-{os.path.basename(file.path)}")
            content = file.content.encode("utf-8", "surrogateescape")
            write_file(path, PresentFile(content, int(file.mode, 8), uid, gid))
            reason = self._refusal(str(program), "config", "--json", "--config", path).replace(path, file.path)
        if reason:
            job = os.path.splitext(os.path.basename(file.path))[0]
            raise ConfigurationError(f"job {job} was not written: {reason}", "correct it in uploader_jobs")

    def _refusal(self, *arguments: str) -> str:
        """Let the environment's Python run something as the service user; returns why it failed, '' if it did not."""
        python = self._store.environment(self._generation.environment) / "bin" / "python"
        command = [*as_user(self._generation.user), str(python), *PYTHON_OPTIONS, *arguments]
        try:
            done = commands.run(command, _CHECK_TIMEOUT)
        except CommandTimedOut:
            return f"no answer within {_CHECK_TIMEOUT} seconds"
        return _reason(done) if done.returncode else ""


def _reason(done: Completed) -> str:
    """Why a command failed: the first problem of the result, if it is our program, or the last line of its words."""
    try:
        return str(json.loads(done.stdout)["problems"][0]["message"])
    except (ValueError, LookupError, TypeError):
        return last_words(done, lines=1)


def s5cmd_in_use(bin_dir: str, versions_dir: str) -> S5cmdLink | None:
    """The version that the s5cmd command leads to, None if this collection did not install it."""
    version = Layout(Path(bin_dir), Path(versions_dir)).command_link().version
    return S5cmdLink(bin_dir, versions_dir, version) if version else None
