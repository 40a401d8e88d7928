# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Jobs of one host that would hurt each other."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ...module_utils.common.errors import ConfigurationError
from ...module_utils.job.job import is_inside
from .job import UploaderJob


class Conflict(NamedTuple):
    """The job that is named in the message, and what is wrong with it."""

    job: str
    error: ConfigurationError


def conflicts(jobs: Sequence[UploaderJob]) -> Iterator[Conflict]:
    """Everything that two jobs must not share."""
    yield from _shared_files(jobs)
    for first, second in itertools.combinations(jobs, 2):
        yield from _destinations(first, second)
        yield from _sources(first, second)


def _shared_files(jobs: Sequence[UploaderJob]) -> Iterator[Conflict]:
    owners: dict[str, str] = {}
    for job in jobs:
        for origin, path in job.own_files:
            owner = owners.setdefault(path, job.name)
            if owner != job.name:
                yield _conflict(
                    job, f"{origin} is {path!r}, which job {owner!r} writes too", "give each job a file of its own"
                )


def _destinations(first: UploaderJob, second: UploaderJob) -> Iterator[Conflict]:
    one, other = first.job, second.job
    if (one.bucket, first.endpoint) != (other.bucket, second.endpoint):
        return
    if one.prefix == other.prefix:
        yield _conflict(
            second, f"bucket and prefix are {other.destination}, as those of job {first.name!r}", "change the prefix"
        )
    elif (one.delete or other.delete) and (one.prefix.startswith(other.prefix) or other.prefix.startswith(one.prefix)):
        deleting = first if one.delete else second
        yield _conflict(
            second,
            f"prefix {other.destination} and {one.destination} of job {first.name!r} lie in each other,"
            f" and job {deleting.name!r} deletes what has no file of its own",
            "change a prefix, or leave delete out",
        )


def _sources(first: UploaderJob, second: UploaderJob) -> Iterator[Conflict]:
    one, other = first.job.src, second.job.src
    overlap = is_inside(one, other, os.path.normpath) or is_inside(other, one, os.path.normpath)
    if overlap and (first.takes_away or second.takes_away):
        taking = first if first.takes_away else second
        yield _conflict(
            second,
            f"source {other!r} and {one!r} of job {first.name!r} lie in each other,"
            f" and job {taking.name!r} takes files away before the other has stored them",
            "separate the folders, or use after_upload: keep",
        )


def _conflict(job: UploaderJob, message: str, hint: str) -> Conflict:
    return Conflict(job.name, ConfigurationError(message, hint))
