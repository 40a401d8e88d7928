# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""With which settings each file of a run is sent: by the class of its size, where a tuning found better ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Callable

from ..common.units import MIB
from ..job.job import TUNED, Job
from ..job.local_file import LocalFile
from ..plan.uploads import Uploads
from ..s3.limits import MAX_PART_SIZE
from ..tuning.classes import (
    DEFAULTS,
    FILE_CLASSES,
    LARGE,
    LARGE_LIMIT,
    MEDIUM_LIMIT,
    SINGLE,
    SMALL_LIMIT,
    Settings,
    Tuning,
    class_of,
)

_NO_LIMIT = 1 << 62


@dataclass(frozen=True)
class ClassSettings:
    """The settings of each class. `tuning` is where some of them are from.

    `present` are the classes of the files that a run sends; `alone`: it sends one file.
    """

    classes: Mapping[str, Settings]
    tuning: Tuning | None = None
    present: frozenset[str] = frozenset(FILE_CLASSES)
    alone: bool = False

    def class_of(self, file: LocalFile) -> str:
        """The class of a file of this run, as it was planned."""
        return class_of(file.identity.size, self.alone)

    def of(self, file: LocalFile) -> Settings:
        """The settings for a file of this run."""
        return self.classes[self.class_of(file)]

    def for_run(self, uploads: Uploads) -> ClassSettings:
        """The same for a run that sends these files."""
        limits = (-1, SMALL_LIMIT, MEDIUM_LIMIT, LARGE_LIMIT, _NO_LIMIT)
        ranges = zip(FILE_CLASSES, limits, limits[1:])
        present = {name for name, more_than, at_most in ranges if uploads.any_between(more_than, at_most)}
        alone = len(uploads) == 1
        if alone and LARGE in present:
            present = {SINGLE}
        return replace(self, present=frozenset(present), alone=alone)

    @property
    def numworkers(self) -> int:
        """How many files of this run an engine sends at a time."""
        return max(self.classes[name].numworkers for name in self.present or FILE_CLASSES)

    def as_dict(self) -> dict[str, dict[str, int]]:
        """By class, as plain JSON types."""
        return {name: settings.as_dict() for name, settings in self.classes.items()}

    def result(self) -> dict[str, Any] | None:
        """What the result of a run tells of the tuning; None where it decides nothing."""
        if self.tuning is None:
            return None
        return {"path": self.tuning.path, "measured": self.tuning.measured, "classes": self.as_dict()}

    def __str__(self) -> str:
        """For the log: `small 8 × 4 × 8 MiB`, which is files × parts × size of a part."""
        return ", ".join(
            f"{name} {one.numworkers} × {one.concurrency} × {one.part_size // MIB} MiB"
            for name, one in self.classes.items()
        )


def settings_of(job: Job, warn: Callable[[str], None]) -> ClassSettings:
    """What the job says itself, then its tuning file, then the defaults. `warn` hears what is wrong with the file."""
    tuning = None
    if job.tuning_path and not set(TUNED) <= set(job.given_settings):
        # Compiled at each start of the program, so only where it is of use.
        from ..tuning.file import load

        tuning = load(job.tuning_path, warn)
    own = {name: getattr(job, name) for name in TUNED}
    if job.sends_whole_files:
        own["part_size"] = MAX_PART_SIZE
    if tuning is None:
        return ClassSettings(dict.fromkeys(FILE_CLASSES, Settings(**own)))
    decided = (*job.given_settings, "part_size") if job.sends_whole_files else job.given_settings
    given = {name: own[name] for name in decided}
    return ClassSettings({name: tuning.classes.get(name, DEFAULTS)._replace(**given) for name in FILE_CLASSES}, tuning)
