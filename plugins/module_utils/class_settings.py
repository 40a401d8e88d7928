# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""With which settings each file of a run is sent: by the class of its size, where a tuning found better ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict, Mapping, NamedTuple, Optional

from .checksums import MIB
from .job import TUNED, Job
from .uploads import SMALL_FILE

SMALL, MEDIUM, LARGE, SINGLE = "small", "medium", "large", "single"
FILE_CLASSES = (SMALL, MEDIUM, LARGE, SINGLE)

#: Bytes of the largest file of a class; larger ones are SINGLE. Small files are those that are sent by key.
SMALL_LIMIT = SMALL_FILE
MEDIUM_LIMIT = 64 * MIB
LARGE_LIMIT = 2_000_000_000


class Settings(NamedTuple):
    """The options TUNED of a job: files in flight, parts in flight for one file, and MiB of a part."""

    numworkers: int
    concurrency: int
    part_size: int


#: What a job has that says nothing.
DEFAULTS = Settings(Job.numworkers, Job.concurrency, Job.part_size)


class Tuning(NamedTuple):
    """What a tuning found for this host: the settings of those classes that it looked at."""

    path: str
    measured: str
    classes: Mapping[str, Settings]


def class_of(size: int, alone: bool = False) -> str:
    """The class of a file of `size` bytes. A large file that is the only one to send has the line to itself."""
    if size <= SMALL_LIMIT:
        return SMALL
    if size <= MEDIUM_LIMIT:
        return MEDIUM
    return LARGE if size <= LARGE_LIMIT and not alone else SINGLE


@dataclass(frozen=True)
class ClassSettings:
    """The settings of each class. `tuning` is where some of them are from; `alone`: the run sends one file."""

    classes: Mapping[str, Settings]
    tuning: Optional[Tuning] = None
    alone: bool = False

    def of(self, size: int) -> Settings:
        """Those for a file of `size` bytes."""
        return self.classes[class_of(size, self.alone)]

    @property
    def numworkers(self) -> int:
        """How many workers s5cmd needs."""
        return max(settings.numworkers for settings in self.classes.values())

    def described(self) -> Dict[str, Dict[str, int]]:
        """By class, as plain JSON types."""
        return {name: settings._asdict() for name, settings in self.classes.items()}

    def origin(self) -> Optional[Dict[str, Any]]:
        """What results tell of the tuning; None where it decides nothing."""
        if self.tuning is None:
            return None
        return {"path": self.tuning.path, "measured": self.tuning.measured, "classes": self.described()}


def settings_of(job: Job, warn: Callable[[str], None], *, alone: bool = False) -> ClassSettings:
    """What the job says itself, then its tuning file, then the defaults. `warn` hears what is wrong with the file."""
    tuning = None
    if job.tuning_path and not set(TUNED) <= set(job.given_settings):
        # Compiled at each start of the program, so only where it is of use.
        from .tuning_file import load

        tuning = load(job.tuning_path, warn)
    own = {name: getattr(job, name) for name in TUNED}
    if tuning is None:
        return ClassSettings(dict.fromkeys(FILE_CLASSES, Settings(**own)), None, alone)
    given = {name: own[name] for name in job.given_settings}
    return ClassSettings(
        {name: tuning.classes.get(name, DEFAULTS)._replace(**given) for name in FILE_CLASSES}, tuning, alone
    )
