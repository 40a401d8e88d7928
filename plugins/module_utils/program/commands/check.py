# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""`datasync-turbo check`: check s5cmd, credentials and bucket."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ..output import print_json
from ..session import Session

if TYPE_CHECKING:
    from ...checks.report import Check, Report
    from ...report.log import Log


def run(arguments: argparse.Namespace) -> int:
    """Make the checks; returns the exit code of the first category that failed."""
    return told(checked(Session(arguments)), arguments)


def checked(session: Session) -> Report:
    """The checks of the job's installation and connection, each with a line in the log."""
    from ...checks.report import CheckRequest
    from ...checks.run import run_checks

    job = session.job
    report = run_checks(CheckRequest(job.connection, job.s5cmd_path, job.bucket, job.prefix))
    for check in report.checks:
        _log_check(session.log, check)
    return report


def told(report: Report, arguments: argparse.Namespace) -> int:
    """Print the checks if JSON is wanted; returns their exit code."""
    if arguments.json:
        print_json(report.as_dict())
    return report.exit_code


def _log_check(log: Log, check: Check) -> None:
    text = f"{check.name}: {check.message}" + (f" ({check.hint})" if check.hint else "")
    if check.failed:
        log.error(text)
    elif check.hint or not check.ran:
        log.warn(text)
    else:
        log.info(text)
