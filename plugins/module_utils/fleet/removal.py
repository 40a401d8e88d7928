# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Take away what generations consist of: all of it, or what a later generation lacks."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import Callable

from ..common.threads import nothing
from .differences import Change, Differences
from .files import RemoveFile, present
from .generation import Generation, JobOnHost, ManagedFile
from .running import wait_until_idle
from .services import Launchd, Systemd
from .shown import readable
from .steps import Action

UNIT_FOLDER = "/etc/systemd/system/"
#: launchd's names of the jobs begin with it.
_LABEL_PREFIX = "datasync.turbo."
#: Below the state folder of a generation.
_OLD_CACHE = "pycache"


class HostRemoval:
    """Takes away what generations consist of; data, results and logs stay."""

    def __init__(
        self,
        generations: Sequence[Generation],
        systemd: Systemd | None = None,
        launchd: Launchd | None = None,
    ) -> None:
        self._generations = generations
        self._systemd = systemd or Systemd()
        self._launchd = launchd or Launchd()

    def differences(self, wait: Callable[[], object]) -> Differences:
        """What is still there of them. `wait` lets runs end, once nothing starts new ones."""
        found = Differences()
        stop_units(units_of(self._generations), self._systemd, found)
        found.steps.append(Action(wait, nothing))
        unload(property_lists_of(self._generations), self._generations, self._launchd, found)
        stopped = len(found.steps)
        remove_files({file.path: file for each in self._generations for file in each.wanted.files}.values(), found)
        if self._systemd.is_running() and any(change.path.startswith(UNIT_FOLDER) for change in found.changes):
            found.steps.insert(stopped, Action(nothing, self._systemd.reload))
            found.steps.append(Action(self._systemd.reload, nothing))
            services = services_of(self._generations)
            found.steps.append(Action(lambda: self._systemd.forget_failures(services), nothing))
        remove_old_caches(self._generations, found)
        return found


def services_of(generations: Sequence[Generation]) -> list[str]:
    """The services of the jobs of all of them, each once."""
    jobs = (job for each in generations for job in each.wanted.jobs)
    return list(dict.fromkeys(job.service for job in jobs if job.service))


def units_of(generations: Sequence[Generation]) -> list[str]:
    """The timers and paths of all of them, each once."""
    return list(dict.fromkeys(unit for each in generations for unit in each.wanted.units))


def property_lists_of(generations: Sequence[Generation]) -> list[str]:
    """The property lists of all of them, each once."""
    return list(dict.fromkeys(path for each in generations for path in each.wanted.launchd))


def stop_units(units: Sequence[str], systemd: Systemd, found: Differences) -> None:
    """Stop and disable those of the units that are there."""
    if not units or not systemd.is_running():
        return
    running = {unit: state for unit, state in systemd.states(units).items() if state.active or state.enabled}
    if running:
        found.steps.append(Action(lambda: systemd.stop(running), lambda: systemd.put_back(running)))
        found.changes += [Change(unit, "stop") for unit in running]


def unload(plists: Sequence[str], generations: Sequence[Generation], launchd: Launchd, found: Differences) -> None:
    """Unload property lists before their files go."""
    loaded = launchd.loaded(plists)
    if loaded:
        found.steps.append(Action(lambda: launchd.unload(loaded), lambda: launchd.load(loaded)))
        refuse_to_end_runs(loaded, generations, found)
        found.changes += [Change(path, "unload") for path in loaded]


def refuse_to_end_runs(plists: Sequence[str], generations: Sequence[Generation], found: Differences) -> None:
    """Change nothing while one of the jobs runs: unlike systemd's timers, launchd would kill its process."""
    paths = {path: job for each in generations for job in each.wanted.jobs for path in plists if _starts(path, job)}
    if paths:
        found.steps.insert(0, Action(lambda: wait_until_idle(list(paths.values()), 0), nothing))


def remove_files(files: Iterable[ManagedFile], found: Differences) -> None:
    """Remove those of the files that are there."""
    for file in files:
        now = present(file.path)
        if now is not None:
            found.add(Change(file.path, "remove", readable(file, now.content, now.mode)), RemoveFile(file.path))


def remove_old_caches(generations: Sequence[Generation], found: Differences) -> None:
    """Remove the compiled Python that versions up to 0.4.0 kept in the folder of the service user.

    Whoever is that user could have put code of their own there. Nothing reads it any more, so it is not put back, and
    no reason to fail.
    """
    for path in dict.fromkeys(os.path.join(each.state_dir, _OLD_CACHE) for each in generations):
        if os.path.lexists(path):
            found.add(Change(path, "remove"), Action(partial(_remove_tree, path), nothing))


def _remove_tree(path: str) -> None:
    """Follows no link, neither at `path` nor below it."""
    with suppress(OSError):
        if os.path.islink(path) or not os.path.isdir(path):
            os.unlink(path)
    shutil.rmtree(path, ignore_errors=True)


def _starts(plist: str, job: JobOnHost) -> bool:
    return os.path.basename(plist) == f"{_LABEL_PREFIX}{job.name}.plist"
