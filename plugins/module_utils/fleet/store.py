# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Where the generations of a host lie, and which one is in use.

uploader_dir/bin/datasync-turbo              the command: starts this generation's program in its environment
uploader_dir/venv                            a link to its environment, for people and for Ansible's modules
uploader_dir/environments/DIGEST/            see `environment`
uploader_dir/programs/DIGEST/datasync-turbo   see `program`
uploader_dir/generations/3/generation.json   mode 0600: it holds the jobs' config files
uploader_dir/generations/current             a link to the number of the generation in use
uploader_dir/generations/.lock               held by the deployment that is running
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from ..common import files, locks
from ..common.errors import ConfigurationError
from .generation import Generation

RECORD = "generation.json"
CURRENT = "current"
#: Begins the names of folders that are being made; what a killed deployment leaves is removed by the next one.
INCOMING = ".incoming-"
#: The generation in use and its ancestors that stay on the host.
KEPT = 3


class GenerationStore:
    """The folder uploader_dir. Methods that change something want the lock to be held."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.generations = root / "generations"
        self.environments = root / "environments"
        self.programs = root / "programs"
        self.command = root / "bin" / "datasync-turbo"
        self.venv = root / "venv"

    def environment(self, name: str) -> Path:
        """The folder of an environment."""
        return self.environments / name

    def program(self, name: str) -> Path:
        """The folder of a program, or its one file if 0.4.0 or older delivered it; see `program`."""
        return self.programs / name / "datasync-turbo"

    # What is there

    def current(self) -> Generation | None:
        """The generation in use, None on a bare host. Raises ConfigurationError if it cannot be read."""
        try:
            number = int(os.readlink(self.generations / CURRENT))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise ConfigurationError(
                f"{self.generations / CURRENT} is no link to a generation: {error}", "remove it and deploy again"
            ) from error
        return self.read(number)

    def read(self, number: int) -> Generation | None:
        """A generation by its number, None if it is not there."""
        path = self.generations / str(number) / RECORD
        try:
            return Generation.from_dict(json.loads(path.read_text("utf-8", "surrogateescape")))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigurationError(f"{path} cannot be read: {error}", "remove it and deploy again") from error

    def stored(self) -> list[Generation]:
        """The generations that can be read, in order; also one that a deployment began and did not end."""
        found = []
        for number in self.numbers():
            with contextlib.suppress(ConfigurationError):
                generation = self.read(number)
                found += [generation] if generation else []
        return found

    def numbers(self) -> list[int]:
        """The numbers of the generations that are there, in order."""
        try:
            names = os.listdir(self.generations)
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(int(name) for name in names if name.isdecimal())

    # What changes it

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the lock, and clear away what a deployment that was killed left. Raises LockedError."""
        files.make_folders(self.root)
        files.make_folders(self.generations, mode=0o700)
        with locks.held(self.generations / ".lock", "another deployment"):
            for folder in (self.root, self.generations, self.environments, self.programs):
                for leftover in (*folder.glob(f"{INCOMING}*"), *folder.glob(files.UNFINISHED)):
                    _remove_path(leftover)
            yield

    def add(self, generation: Generation, parent: int | None) -> Generation:
        """Store the generation under a new number, which is not in use yet; returns it with its number."""
        number = max(self.numbers(), default=0) + 1
        created_at = datetime.now().astimezone().isoformat(timespec="seconds")
        numbered = generation.numbered(number, parent, created_at)
        text = json.dumps(numbered.as_dict(), indent=1, ensure_ascii=False)
        with files.making_folder(self.generations / str(number), 0o700) as unfinished:
            files.write(f"{unfinished}/{RECORD}", text.encode("utf-8", "surrogateescape"), files.PRIVATE, durable=False)
        return numbered

    def forget(self, number: int) -> None:
        """Remove a stored generation that did not come into use."""
        shutil.rmtree(self.generations / str(number), ignore_errors=True)

    def use(self, number: int) -> None:
        """Let a stored generation be the one in use."""
        files.replace_link(self.generations / CURRENT, str(number))

    def remove_unused(self) -> None:
        """Remove generations beyond KEPT, and the environments and programs that none of those left needs."""
        readable = {generation.number: generation for generation in self.stored()}
        kept: list[Generation] = []
        generation = self.current()
        while generation is not None and len(kept) < KEPT:
            kept.append(generation)
            generation = readable.get(generation.parent) if generation.parent else None
        _remove_others(self.generations, {str(one.number) for one in kept} | {CURRENT, ".lock"})
        _remove_others(self.environments, {one.environment for one in kept})
        _remove_others(self.programs, {one.program for one in kept})

    def remove(self) -> None:
        """Remove everything that this store and its deployments made."""
        for path in (self.venv, self.command):
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
        # The generations last: until then a removal that was killed can be repeated.
        for folder in (self.environments, self.programs, self.generations):
            shutil.rmtree(folder, ignore_errors=True)
        for folder in (self.command.parent, self.root):
            with contextlib.suppress(OSError):
                folder.rmdir()


def writing(path: str | Path, *, exactly: bool = False) -> contextlib.AbstractContextManager[None]:
    """Turn an OSError of the `with` block into a ConfigurationError that names the path and says what to do."""
    return files.explained(
        str(path),
        "use become: true",
        space="free some space: a deployment needs 100 MB there",
        otherwise="look at that path on the host",
        exactly=exactly,
    )


def _remove_others(folder: Path, kept: set[str]) -> None:
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return
    for name in names:
        if name not in kept:
            with contextlib.suppress(OSError):
                _remove_path(folder / name)


def _remove_path(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
