# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""`datasync-turbo sync`: upload what is new or changed, and verify it."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from ...common.interrupt import Interrupt
from ..output import print_json
from ..session import Session

if TYPE_CHECKING:
    from ...report.progress import Progress


def add_options(command: argparse.ArgumentParser) -> None:
    """Add `--reconcile` and `--until-settled`."""
    command.add_argument(
        "--reconcile",
        action="store_true",
        help="compare the state file with the bucket, and upload what vanished there",
    )
    command.add_argument(
        "--until-settled",
        action="store_true",
        help="run again until nothing is left to upload and no file waits for SETTLE_SECONDS",
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the job; returns the exit code of the run."""
    from ...report import progress
    from ...sync import hot_folder
    from ...sync import run as sync

    options = {"reconcile": True} if arguments.reconcile else {}
    session = Session(arguments, recorded=True, **options)

    def new_progress() -> Progress:
        return progress.Progress() if arguments.quiet else progress.progress_for(session.log, sys.stderr)

    with Interrupt(session.job.timeout) as interrupt:
        if arguments.until_settled:
            finished = hot_folder.run_until_settled(session.job, session.log, new_progress, interrupt)
        else:
            finished = sync.run(session.job, session.log, new_progress(), interrupt)
    session.log.close()
    if arguments.json:
        print_json(finished.result.as_dict())
    return finished.result.exit_code
