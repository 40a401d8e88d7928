# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""`datasync-turbo config`: check the config file alone; nothing is contacted.

A deployment runs it for each job, so it loads nothing that only the other commands need.
"""

from __future__ import annotations

import argparse
from typing import Any

from ...common.errors import ConfigurationError, ExitCode
from ...common.version import __version__
from ...job.job import Job
from ...job.lock import lock_path
from ..output import print_json, print_line
from ..session import Session


def add_options(command: argparse.ArgumentParser) -> None:
    """Add `--check-source`."""
    command.add_argument(
        "--check-source",
        action="store_true",
        help="also check that this user can read the folder, and empty it if the job does",
    )


def run(arguments: argparse.Namespace) -> int:
    """Show where the job goes and how it sends; returns 0. Raises ConfigurationError that names file and line."""
    session = Session(arguments)
    job = session.job
    if arguments.check_source:
        from ...job import source_access

        try:
            source_access.require_access(job)
        except ConfigurationError as error:
            raise session.config.located(error) from error
    from ...transfer.settings import settings_of

    settings = settings_of(job, session.log.warn)
    if arguments.json:
        described = {**_described(job), "transfer_settings": settings.as_dict(), "tuning": settings.result()}
        print_json({**described, "warnings": session.config.warnings, "exit_code": int(ExitCode.OK)})
    elif not arguments.quiet:
        print_line(f"{arguments.config}: {job.src} → {job.destination}")
        if settings.tuning:
            print_line(f"tuned by {job.tuning_path}: {settings}")
    return int(ExitCode.OK)


def _described(job: Job) -> dict[str, Any]:
    """What others need to know of a job: those who deploy it, wait for its runs, and read what they leave."""
    return {
        "source": job.src,
        "destination": job.destination,
        "endpoint_url": job.connection.endpoint_url,
        "after_upload": job.after_upload,
        "move_to": job.move_to,
        "lock_path": lock_path(job),
        "state_path": job.state_path,
        "log_path": job.log_path,
        "result_paths": list(job.result_paths),
        "history_path": job.history_path,
        "progress_path": job.progress_path,
        "program_version": __version__,
    }
