# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The classes of files, and the settings of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ..common.units import MIB
from ..job.job import Job
from ..s3.limits import SMALL_FILE

SMALL, MEDIUM, LARGE, SINGLE = "small", "medium", "large", "single"
FILE_CLASSES = (SMALL, MEDIUM, LARGE, SINGLE)
#: Bytes of the largest file of a class; larger ones are SINGLE. Small files are those that are sent by key.
SMALL_LIMIT = SMALL_FILE
MEDIUM_LIMIT = 64 * MIB
LARGE_LIMIT = 2_000_000_000


class Settings(NamedTuple):
    """The options TUNED of a job: files in flight, parts in flight for one file, and bytes of a part."""

    numworkers: int
    concurrency: int
    part_size: int

    def as_dict(self) -> dict[str, int]:
        """As results and tuning files have them: the part size in MiB, as s5cmd and the AWS CLI name it."""
        return {**self._asdict(), "part_size": self.part_size // MIB}

    @classmethod
    def from_dict(cls, values: Mapping[str, int]) -> Settings:
        """The inverse of `as_dict`."""
        return cls(values["numworkers"], values["concurrency"], values["part_size"] * MIB)


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
