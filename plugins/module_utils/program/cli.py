# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The host program `datasync-turbo`: runs a job from its config file, without Ansible and without a controller.

Each command imports what it runs: without the role, the program is compiled at every start.
"""

from __future__ import annotations

import argparse
import signal
import sys
from typing import Any, Callable, NoReturn

from ..common.errors import ConfigurationError, DatasyncError, ExitCode, Interrupted
from ..common.version import __version__
from ..report.log import Log
from . import output
from .commands import check, config, plan, sync, verify

_EXIT_CODES = """\
exit codes:
  0      everything planned is stored, and verified if asked
  1      installation or configuration
  2      credentials missing, wrong or expired
  3      bucket or endpoint not reachable, missing, or refused
  4      incomplete: some files could not be read, sent or proven, changed meanwhile, or are missing in the bucket
  5      a stored checksum differs
  75     another run of this job holds the lock
  128+n  stopped by signal n, cleaned up
"""


def main(argv: list[str] | None = None) -> int:
    """Run the program; returns its exit code."""
    output.secure_streams()
    arguments = _parser().parse_args(argv)
    command: Any = arguments.run
    try:
        return int(command(arguments))
    except DatasyncError as error:
        return _refused(error, arguments.json)
    except KeyboardInterrupt:
        # Before a run begins, nothing has to be cleaned up.
        return _refused(Interrupted(signal.SIGINT), arguments.json)
    except BrokenPipeError:
        return output.reader_went_away()


def _refused(error: DatasyncError, as_json: bool) -> int:
    if as_json:
        output.print_not_begun(error)
    Log(sys.stderr).error(str(error))
    return int(error.exit_code)


class _Parser(argparse.ArgumentParser):
    """Leaves with 1 for a wrong command line; argparse's 2 would be read as wrong credentials."""

    def error(self, message: str) -> NoReturn:
        if "--json" in sys.argv:
            output.print_not_begun(ConfigurationError(f"wrong command line: {message}"))
        self.print_usage(sys.stderr)
        self.exit(int(ExitCode.CONFIGURATION), f"{self.prog}: error: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="datasync-turbo",
        description="Uploads a folder to S3 with s5cmd and proves that every byte is there.",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"datasync-turbo {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    sync.add_options(_command(commands, "sync", sync.run, "upload what is new or changed, and verify it"))
    plan.add_options(_command(commands, "plan", plan.run, "show what sync would upload and delete; nothing is written"))
    verify.add_options(
        _command(commands, "verify", verify.run, "compare the files with the bucket by content; nothing is uploaded")
    )
    _command(commands, "check", check.run, "check s5cmd, credentials and bucket")
    config.add_options(_command(commands, "config", config.run, "check the config file alone; nothing is contacted"))
    return parser


def _command(commands: Any, name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
    """Add a command with the options that all have."""
    command: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=text, epilog=_EXIT_CODES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    command.add_argument("--config", required=True, metavar="FILE", help="the job's env file")
    command.add_argument("--json", action="store_true", help="print the result as JSON on standard output")
    command.add_argument("--quiet", action="store_true", help="print warnings and errors only")
    command.set_defaults(run=run)
    return command
