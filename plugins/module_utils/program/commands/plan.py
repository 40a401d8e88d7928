# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""`datasync-turbo plan`: show what sync would upload and delete; nothing is written."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ...common.interrupt import Interrupt
from ...common.problems import printable
from ...common.units import format_bytes_si
from ..output import print_json, print_line
from ..session import Session
from . import check

if TYPE_CHECKING:
    from ...sync.account import Finished


def add_options(command: argparse.ArgumentParser) -> None:
    """Add `--check`."""
    command.add_argument(
        "--check",
        action="store_true",
        help="check s5cmd, credentials and bucket first; if a check fails, the checks are the result",
    )


def run(arguments: argparse.Namespace) -> int:
    """Plan the job's next run; returns the exit code that the plan, or a failed check, tells."""
    from ...report.progress import Progress
    from ...sync import run as sync

    session = Session(arguments)
    if arguments.check:
        report = check.checked(session)
        if report.exit_code:
            return check.told(report, arguments)
    with Interrupt(session.job.timeout) as interrupt:
        finished = sync.run(session.job, session.log, Progress(), interrupt, dry_run=True)
    if arguments.json:
        _print_as_json(finished)
    elif not arguments.quiet:
        _print_as_lines(finished)
    return finished.result.exit_code


def _print_as_json(finished: Finished) -> None:
    values = finished.result.as_dict()
    deletions = {**values["deletions"], "keys": [entry.key for entry in finished.plan.deletions]}
    print_json({**values, "uploads": finished.plan.uploads_as_dicts(), "deletions": deletions})


def _print_as_lines(finished: Finished) -> None:
    for upload in finished.plan.uploads:
        size = format_bytes_si(upload.file.identity.size)
        print_line(f"{size:>8}  {printable(upload.file.key)!r}  {upload.reason}")
    for entry in finished.plan.deletions:
        what = "refused" if finished.result.deletions.refused else "delete"
        print_line(f"{what:>8}  {printable(entry.key)!r}")
