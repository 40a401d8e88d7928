# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The manifest of a job that asks for SHA256: the digest of every file that is stored and proven, run after run.

Lines of files that a run did not touch are kept, so that `sha256sum -c` in the source checks all of them.
"""

from __future__ import annotations

import os
from collections.abc import Container, Iterator

from ..job.job import Job
from ..job.local_file import is_absent
from ..job.lock import lock_path
from ..job.state import State
from ..report import manifest


def manifest_path(job: Job) -> str:
    """Where the job's manifest is: as the job says, else beside the result, the state or the lock, in this order."""
    if job.manifest_path:
        return job.manifest_path
    if job.result_paths:
        return os.path.join(os.path.dirname(os.path.abspath(job.result_paths[0])), "manifest.sha256")
    return f"{job.state_path or lock_path(job)}.sha256"


def write(job: Job, proven: dict[str, str], unproven: Container[str], state: State | None, *, complete: bool) -> int:
    """Write the manifest; returns the number of its lines.

    `proven` maps the paths of this run to their digests in hexadecimal; paths in `unproven` get no line. All others
    keep the digest that the state file or the manifest of an earlier run has. Lines go with their files, unless those
    leave after the upload, and only after a `complete` look at the source: no later run would have the digests again.
    Raises ConfigurationError that names the manifest.
    """
    path, lines = manifest_path(job), 0
    keeps = job.after_upload != "keep" or not complete
    with manifest.writing(path) as writer:
        for name, sha256 in proven.items():
            writer.add(sha256, name)
            lines += 1
        for name, sha256 in _earlier(path, state):
            if name not in proven and name not in unproven and (keeps or not is_absent(os.path.join(job.src, name))):
                writer.add(sha256, name)
                lines += 1
    return lines


def _earlier(path: str, state: State | None) -> Iterator[tuple[str, str]]:
    """Paths and digests of earlier runs, each path once. The state file knows better, where it knows anything."""
    if state is not None:
        for row in state.rows():
            if row.sha256:
                yield row.relative, row.sha256
    if not os.path.exists(path):
        return
    for line in manifest.read(path):
        recorded = state.row(line.name) if state is not None else None
        if recorded is None or not recorded.sha256:
            yield line.name, line.sha256
