# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""`datasync-turbo verify`: compare the files with the bucket by content; nothing is uploaded."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ...audit.request import DEFAULT_LIMIT, AuditRequest
from ...common.interrupt import Interrupt
from ..output import print_json, print_line, printing
from ..session import Session

if TYPE_CHECKING:
    from ...audit.result import Result


def add_options(command: argparse.ArgumentParser) -> None:
    """Add what the files are compared with, what an audit may do, and how much it names."""
    source = command.add_mutually_exclusive_group()
    source.add_argument(
        "--manifest",
        metavar="FILE",
        help="compare the lines of this file, as sha256sum writes it, in place of the files",
    )
    source.add_argument(
        "--from-state", action="store_true", help="compare what the state file says, in place of the files"
    )
    command.add_argument(
        "--attach-sha256",
        action="store_true",
        help="let the server compute a SHA256 where one is needed, by copying the object onto itself",
    )
    command.add_argument("--allow-download", action="store_true", help="download what nothing else can prove")
    command.add_argument("--fail-on-extra", action="store_true", help="exit with 4 if the bucket holds anything else")
    command.add_argument(
        "--limit",
        type=int,
        default=DEFAULT_LIMIT,
        metavar="N",
        help="name at most so many findings of each kind (default %(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Audit the job's objects; returns the exit code of the audit."""
    from ...audit import run as audit

    session = Session(arguments)
    request = AuditRequest(
        source="manifest" if arguments.manifest else "state" if arguments.from_state else "tree",
        manifest=arguments.manifest,
        attach_sha256=arguments.attach_sha256,
        allow_download=arguments.allow_download,
        fail_on_extra=arguments.fail_on_extra,
        limit=arguments.limit,
    )
    with Interrupt(session.job.timeout) as interrupt:
        result = audit.run(session.job, request, session.log, interrupt)
    if arguments.json:
        print_json(result.as_dict())
    else:
        with printing():
            _print_findings(result, arguments.quiet)
    if result.exit_code:
        session.log.error(result.summary)
    else:
        session.log.info(result.summary)
    return result.exit_code


def _print_findings(result: Result, quiet: bool) -> None:
    """A line for each finding; `quiet` leaves out those that are no failure."""
    from ...audit.result import EXTRA, FINDINGS

    for kind in FINDINGS:
        if quiet and kind == EXTRA and not result.fail_on_extra:
            continue
        for finding in result.findings[kind]:
            method = f"{finding.method}: " if finding.method else ""
            print_line(f"{kind:>12}  {finding.path!r}  {method}{finding.message}")
        more = result.counts[kind] - len(result.findings[kind])
        if more:
            print_line(f"{kind:>12}  and {more} more; see --limit")
