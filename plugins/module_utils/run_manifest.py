# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The manifest of a job that asks for SHA256: the digest of every file that is stored and proven, run after run.

Lines of files that a run did not touch are kept, so that `sha256sum -c` in the source checks all of them.
"""

from __future__ import annotations

import os
from typing import Container, Dict

from . import manifest
from .job import Job
from .lock import lock_path


def manifest_path(job: Job) -> str:
    """Where the job's manifest is: as the job says, else beside the result, the state or the lock, in this order."""
    if job.manifest_path:
        return job.manifest_path
    if job.result_paths:
        return os.path.join(os.path.dirname(os.path.abspath(job.result_paths[0])), "manifest.sha256")
    return f"{job.state_path or lock_path(job)}.sha256"


def write(job: Job, proven: Dict[str, str], unproven: Container[str]) -> str:
    """Write the manifest and return its path.

    `proven` maps relative paths to digests in hexadecimal. Older lines stay for files that still exist and are not in
    `unproven`. Raises ConfigurationError that names the manifest.
    """
    path = manifest_path(job)
    with manifest.Writer(path) as writer:
        if os.path.exists(path):
            for line in manifest.read(path):
                unknown = line.name not in proven and line.name not in unproven
                if unknown and os.path.lexists(os.path.join(job.src, line.name)):
                    writer.add(line.sha256, line.name)
        for name, sha256 in proven.items():
            writer.add(sha256, name)
    return path
