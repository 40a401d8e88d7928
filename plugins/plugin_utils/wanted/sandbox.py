# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What a job's service may see and write, beside what the template unit grants to all jobs."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ...module_utils.job.job import is_inside
from .host import HostSpec
from .job import UploaderJob

#: What ProtectHome= hides, systemd.exec(5).
_HOMES = ("/home", "/root", "/run/user")
#: What PrivateTmp= replaces by empty folders that vanish with the run.
_TEMPORARY = ("/tmp", "/var/tmp")  # noqa: S108 - looked for, not used
#: Folders that hold too much, or mounts of their own, to be writable because two of their folders are.
_NOT_AS_A_WHOLE = ("/", "/etc", "/home", "/media", "/mnt", "/opt", "/root", "/run", "/tmp", "/usr", "/var")  # noqa: S108


@dataclass(frozen=True)
class Sandbox:
    """Settings of systemd.exec(5). `writable` are folders; one that is missing is no error of systemd's."""

    writable: tuple[str, ...]
    sees_homes: bool
    sees_temporary: bool


def sandbox_of(job: UploaderJob, host: HostSpec) -> Sandbox:
    """The least that lets the job do its work."""
    used = [*job.used_paths, host.dir, host.config_dir, host.state_dir, host.log_dir]
    moved = _moved(job)
    foreign = [path for path in job.written_folders if not _lies_in(path, (host.state_dir, host.log_dir))]
    return Sandbox(
        writable=tuple(_outermost([*moved, *foreign])),
        sees_homes=any(_lies_in(path, _HOMES) for path in used),
        sees_temporary=any(_lies_in(path, _TEMPORARY) for path in used),
    )


def _moved(job: UploaderJob) -> list[str]:
    """Folders that files leave or reach.

    systemd mounts each writable folder onto itself, and no rename crosses a mount: files would be copied. So a folder
    that holds both is made writable as a whole; who may write what in it is still for the permissions to say.
    """
    if not job.takes_away:
        return []
    places = [path for path in (job.job.src, job.job.move_to) if path]
    common = posixpath.commonpath(places)
    return places if common in _NOT_AS_A_WHOLE else [common]


def _outermost(paths: Sequence[str]) -> list[str]:
    return sorted({path for path in paths if not any(path != other and _lies_in(path, [other]) for other in paths)})


def _lies_in(path: str, folders: Iterable[str]) -> bool:
    return any(is_inside(path, folder, os.path.normpath) for folder in folders)
