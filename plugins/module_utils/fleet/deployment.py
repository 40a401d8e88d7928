# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Deploy a generation to this host, go back to an older one, or remove all: what module uploader_host does."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable

from ..common import files
from ..common.errors import ConfigurationError
from ..common.threads import nothing
from .apply import HostApply, s5cmd_in_use
from .differences import Change, Differences
from .environment import (
    HostPython,
    environment_name,
    find_python,
    is_intact,
    make_from_payload,
    make_with_pip,
)
from .generation import Generation
from .program import is_whole, make_program, program_name
from .removal import HostRemoval
from .request import DeployRequest
from .running import wait_until_idle
from .steps import Action, run_all
from .store import INCOMING, GenerationStore, writing

#: What a host may lack, and only the controller can bring.
USER, GROUPS, PACKAGES, PROGRAM = "user", "groups", "packages", "program"


@dataclass
class Deployed:
    """What was done, or in check mode would be. `needs` is not empty when the controller has to bring something first.

    `left` names what a removal leaves on the host.
    """

    changes: list[Change] = field(default_factory=list)
    generation: Generation | None = None
    before: Generation | None = None
    needs: list[str] = field(default_factory=list)
    python: HostPython | None = None
    left: list[str] = field(default_factory=list)

    def result(self) -> dict[str, Any]:
        """The values that the module returns."""
        return {
            "changed": bool(self.changes),
            "changes": [str(change) for change in self.changes],
            "generation": (self.generation.number or None) if self.generation else None,
            "previous_generation": self.before.number if self.before else None,
            "versions": self.generation.versions if self.generation else {},
            "previous_versions": self.before.versions if self.before else {},
            "needs": self.needs,
            "python": self.python._asdict() if self.python else None,
            "left": self.left,
        }


def deploy(request: DeployRequest, check_mode: bool = False) -> Deployed:
    """Bring the host to the wanted state, all of it or nothing.

    Returns without a change when the host lacks what only the controller can bring. Raises DatasyncError.
    """
    store = GenerationStore(request.root)
    python = find_python(request.python)
    before = store.current()
    generation = _generation(request, python)
    deployed = Deployed(generation=generation, before=before, python=python)
    deployed.needs = _needs(request, store, generation)
    found = HostApply(store, generation, store.stored()).differences()
    is_new = before is None or before.digest != generation.digest
    deployed.changes = [*_changes_for(deployed.needs, request, store, generation), *found.changes]
    if is_new and not deployed.changes:
        deployed.changes = [Change("generation", "record", _versions(before), _versions(generation))]
    missing = [need for need in deployed.needs if need in (USER, GROUPS) or not _can_provide(need, request)]
    if check_mode or not deployed.changes or missing:
        deployed.needs = missing
        if before is not None and not is_new:
            deployed.generation = before
        return deployed
    with _locked(store):
        deployed.before = store.current()
        with _taking_back(store, generation):
            _provide(request, store, generation, python, deployed.needs)
            deployed.generation = _apply(request, store, generation, deployed.before)
        with contextlib.suppress(OSError):
            store.remove_unused()
    deployed.needs = []
    return deployed


def go_to(
    request: DeployRequest, choose: Callable[[GenerationStore, Generation], Generation], check_mode: bool = False
) -> Deployed:
    """Apply a generation that is on the host; `choose` takes it. Nothing is asked of the network."""
    store = GenerationStore(request.root)
    before = store.current()
    if before is None:
        raise ConfigurationError(f"nothing is deployed in {request.root} on this host", "deploy first")
    target = choose(store, before)
    for path, is_right in (
        (store.environment(target.environment), is_intact(store.environment(target.environment))),
        (store.program(target.program), is_whole(store.program(target.program))),
    ):
        if not is_right:
            raise ConfigurationError(f"generation {target.number}: {path} is not complete", "deploy again")
    found = HostApply(store, target, store.stored()).differences()
    deployed = Deployed(list(found.changes), target, before)
    if target.number != before.number and not deployed.changes:
        deployed.changes = [Change("generation", "record", _versions(before), _versions(target))]
    if deployed.changes and not check_mode:
        with _locked(store):
            _wait(request, before)
            apply = HostApply(store, target, store.stored())
            _switch(store, apply, apply.differences(), target)
    return deployed


def parent_of(store: GenerationStore, current: Generation) -> Generation:
    """The generation that was in use before `current`. Raises ConfigurationError if it is no longer there."""
    parent = store.read(current.parent) if current.parent else None
    if parent is None:
        raise ConfigurationError(
            f"generation {current.number} has no predecessor on this host", "there is nothing to go back to"
        )
    return parent


def numbered(store: GenerationStore, number: int) -> Generation:
    """A generation by its number. Raises ConfigurationError that lists those that are there."""
    generation = store.read(number)
    if generation is None:
        there = ", ".join(str(each) for each in store.numbers())
        raise ConfigurationError(f"generation {number} is not on this host", f"there are {there}")
    return generation


def remove(request: DeployRequest, check_mode: bool = False) -> Deployed:
    """Take away what was deployed; the data, results and logs stay and are told in `left`."""
    store = GenerationStore(request.root)
    stored = store.stored()
    if not stored:
        return Deployed()
    # Without one in use, a deployment was killed before its end, or a hand removed it.
    before = store.current() or stored[-1]
    found = HostRemoval(stored).differences(lambda: wait_until_idle(before.wanted.jobs, request.wait))
    deployed = Deployed([*found.changes, Change(str(request.root), "remove")], None, before)
    if not check_mode:
        with _locked(store):
            run_all(found.steps)
            store.remove()
            _remove_empty_folders(stored)
    deployed.left = [path for path in _folders(stored) if os.path.isdir(path)]
    if _user_exists(before.user):
        deployed.left.append(f"user {before.user}")
    return deployed


def _generation(request: DeployRequest, python: HostPython) -> Generation:
    link = s5cmd_in_use(*request.s5cmd)
    environment = environment_name(request.requirements, python)
    return Generation(
        wanted=request.wanted,
        user=request.user,
        state_dir=request.state_dir,
        environment=environment,
        program=program_name(request.program_sha256, python),
        s5cmd=link,
        versions={
            "s5cmd": link.version if link else None,
            "program": request.collection_version,
            "python": python.version,
            "environment": environment,
        },
    )


def _needs(request: DeployRequest, store: GenerationStore, generation: Generation) -> list[str]:
    needs = [] if _user_exists(request.user) else [USER]
    if not needs and _missing_groups(request):
        needs.append(GROUPS)
    if not is_intact(store.environment(generation.environment)):
        needs.append(PACKAGES)
    return needs if is_whole(store.program(generation.program)) else [*needs, PROGRAM]


def _can_provide(need: str, request: DeployRequest) -> bool:
    return request.payload is not None or (need == PACKAGES and request.delivery == "direct")


def _changes_for(
    needs: list[str], request: DeployRequest, store: GenerationStore, generation: Generation
) -> list[Change]:
    changes = {
        USER: Change(f"user {request.user}", "create"),
        GROUPS: Change(f"user {request.user}", f"add to group {', '.join(_missing_groups(request))}:"),
        PACKAGES: Change(str(store.environment(generation.environment)), "make environment"),
        PROGRAM: Change(str(store.program(generation.program)), "install program"),
    }
    return [changes[need] for need in needs]


def _versions(generation: Generation | None) -> str:
    versions = generation.versions if generation else {}
    return "".join(f"{name} {version}\n" for name, version in versions.items())


def _missing_groups(request: DeployRequest) -> list[str]:
    """The groups that the user shall be in and is not. A group that does not exist counts as missing, too."""
    return [name for name in request.groups if not _is_member(request.user, name)]


def _is_member(user: str, group: str) -> bool:
    try:
        entry = grp.getgrnam(group)
        return user in entry.gr_mem or pwd.getpwnam(user).pw_gid == entry.gr_gid
    except KeyError:
        return False


def _user_exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


@contextlib.contextmanager
def _locked(store: GenerationStore) -> Iterator[None]:
    """Hold the lock of the store; an error of the file system names the path and says what to do."""
    with writing(store.root, exactly=True), store.lock():
        yield


@contextlib.contextmanager
def _taking_back(store: GenerationStore, generation: Generation) -> Iterator[None]:
    """After an error, remove what was brought for it. What was only repaired stays."""
    folders = (store.environment(generation.environment), store.programs / generation.program)
    new = [folder for folder in folders if not folder.exists()]
    try:
        yield
    except BaseException:
        for folder in new:
            shutil.rmtree(folder, ignore_errors=True)
        raise


def _provide(
    request: DeployRequest, store: GenerationStore, generation: Generation, python: HostPython, needs: list[str]
) -> None:
    """Put environment and program into their folders, each whole or not at all."""
    if PACKAGES in needs:
        with _incoming(store.environment(generation.environment)) as folder:
            if request.delivery == "direct":
                make_with_pip(folder, python, request.requirements, request.pip_arguments)
            elif request.payload:
                make_from_payload(folder, python, request.payload)
    if PROGRAM in needs and request.payload:
        with _incoming(store.programs / generation.program) as folder:
            make_program(folder, python, request.payload, request.program_sha256)


@contextlib.contextmanager
def _incoming(folder: Path) -> Iterator[Path]:
    """A folder beside the wanted one that takes its place at the end."""
    files.make_folders(folder.parent)
    # An older collection made them as the umask had it.
    for path in (folder.parent.parent, folder.parent):
        path.chmod(files.FOLDER)
    incoming = folder.parent / f"{INCOMING}{folder.name}"
    old = folder.parent / f"{INCOMING}{folder.name}-old"
    try:
        yield incoming
        if folder.exists():
            folder.rename(old)
        files.publish(incoming, folder)
    finally:
        shutil.rmtree(incoming, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _apply(
    request: DeployRequest, store: GenerationStore, generation: Generation, before: Generation | None
) -> Generation:
    apply = HostApply(store, generation, store.stored())
    found = apply.differences()
    apply.check(found)
    if before is not None:
        _wait(request, before)
        if before.digest == generation.digest:
            _switch(store, apply, found, before)
            return before
    # On the disk before anything is changed: whatever kills us, the next deployment knows what may be on the host.
    target = store.add(generation, before.number if before else None)
    try:
        _switch(store, apply, found, target)
    except BaseException:
        store.forget(target.number)
        raise
    return target


def _switch(store: GenerationStore, apply: HostApply, found: Differences, target: Generation) -> None:
    """Make the changes and let the generation be the one in use, or leave everything as it was."""
    found.steps.append(Action(lambda: store.use(target.number), nothing))
    apply.apply(found)


def _wait(request: DeployRequest, before: Generation) -> None:
    """Wait for runs in progress, if that is asked for: a run keeps to the generation that it began with."""
    if request.wait > 0:
        wait_until_idle(before.wanted.jobs, request.wait)


def _remove_empty_folders(generations: Sequence[Generation]) -> None:
    """The folders that the generations made, and one of our name above them, such as /etc/datasync-turbo."""
    made = set(_folders(generations))
    made |= {parent for parent in map(os.path.dirname, made) if os.path.basename(parent) == "datasync-turbo"}
    for path in sorted(made, reverse=True):
        with contextlib.suppress(OSError):
            os.rmdir(path)


def _folders(generations: Sequence[Generation]) -> list[str]:
    """The folders of all of them, each once."""
    return list(dict.fromkeys(folder.path for each in generations for folder in each.wanted.folders))
