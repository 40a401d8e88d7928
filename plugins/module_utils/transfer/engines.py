# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Which engine sends the files of a job."""

from __future__ import annotations

from ..job.job import Job
from .engine import Engine
from .s5cmd.engine import S5cmdEngine


def engine_for(job: Job) -> Engine:
    """The engine of a job. Raises InstallationError if it is missing or does not run; asks no server."""
    return S5cmdEngine.found(job.s5cmd_path)
