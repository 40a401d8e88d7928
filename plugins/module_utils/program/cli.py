# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The host program `datasync-turbo`: runs a job from its config file, without Ansible and without a controller.

Each command imports what it runs: without the role, the program is compiled at every start.
"""

from __future__ import annotations

import argparse
import codecs
import io
import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Callable, NoReturn

from ..audit.result import DEFAULT_LIMIT, EXTRA, FINDINGS
from ..audit.result import Result as Audited
from ..common.errors import ConfigurationError, DatasyncError, ExitCode, Interrupted
from ..common.interrupt import Interrupt
from ..common.problems import printable
from ..common.units import format_bytes_si
from ..common.version import __version__
from ..job.config import Config, load_config
from ..job.job import Job
from ..job.lock import lock_path
from ..report.log import Level, Log
from ..report.progress import Progress, progress_for
from ..report.result import not_begun
from ..s3.connection import with_environment

if TYPE_CHECKING:
    from ..checks.report import Check, Report

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
    _secure_streams()
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
        # Whoever read our output went away, as `| head` does.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE


def _secure_streams() -> None:
    """Let output that cannot be shown never end a run that went well: closed streams, names in a narrow locale."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _refused(error: DatasyncError, as_json: bool) -> int:
    if as_json:
        _print_json(not_begun(error).as_dict())
    Log(sys.stderr).error(str(error))
    return int(error.exit_code)


class _Parser(argparse.ArgumentParser):
    """Leaves with 1 for a wrong command line; argparse's 2 would be read as wrong credentials."""

    def error(self, message: str) -> NoReturn:
        if "--json" in sys.argv:
            _print_json(not_begun(ConfigurationError(f"wrong command line: {message}")).as_dict())
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
    _add_sync(_command(commands, "sync", _sync, "upload what is new or changed, and verify it"))
    _command(commands, "plan", _plan, "show what sync would upload and delete; nothing is written").add_argument(
        "--check",
        action="store_true",
        help="check s5cmd, credentials and bucket first; if a check fails, the checks are the result",
    )
    _add_verify(
        _command(commands, "verify", _verify, "compare the files with the bucket by content; nothing is uploaded")
    )
    _command(commands, "check", _check, "check s5cmd, credentials and bucket")
    _command(commands, "config", _config, "check the config file alone; nothing is contacted").add_argument(
        "--check-source",
        action="store_true",
        help="also check that this user can read the folder, and empty it if the job does",
    )
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


def _add_sync(command: argparse.ArgumentParser) -> None:
    """Add the options of `sync`."""
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


def _add_verify(command: argparse.ArgumentParser) -> None:
    """Add the options of `verify`."""
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


class _Session:
    """A loaded config with its job and log."""

    def __init__(self, arguments: argparse.Namespace, with_log_file: bool, **options: Any) -> None:
        """`options` win over the config's."""
        self.config: Config = load_config(arguments.config, os.environ)
        os.environ.update(self.config.environment)
        level = Level.WARN if arguments.quiet else Level[self.config.options.get("log_level", "info").upper()]
        try:
            self.job = Job.from_options(with_environment({**self.config.options, **options}))
            self.log = Log(sys.stderr, self.job.log_path if with_log_file else None, level)
        except ConfigurationError as error:
            located = self.config.located(error)
            self._report(located, arguments)
            raise located from error
        for warning in self.config.warnings:
            self.log.warn(warning)

    def _report(self, error: ConfigurationError, arguments: argparse.Namespace) -> None:
        if arguments.run is _sync:
            from ..report import record as recording

            recording.report_not_begun(error, self.config.options, Log(sys.stderr))


def _sync(arguments: argparse.Namespace) -> int:
    from ..sync import hot_folder
    from ..sync import run as sync

    options = {"reconcile": True} if arguments.reconcile else {}
    session = _Session(arguments, with_log_file=True, **options)

    def new_progress() -> Progress:
        return Progress() if arguments.quiet else progress_for(session.log, sys.stderr)

    with Interrupt(session.job.timeout) as interrupt:
        if arguments.until_settled:
            run = hot_folder.run_until_settled(session.job, session.log, new_progress, interrupt)
        else:
            run = sync.run(session.job, session.log, new_progress(), interrupt)
    session.log.close()
    if arguments.json:
        _print_json(run.result.as_dict())
    return run.result.exit_code


def _plan(arguments: argparse.Namespace) -> int:
    from ..sync import run as sync

    session = _Session(arguments, with_log_file=False)
    if arguments.check:
        report = _checked(session)
        if report.exit_code:
            return _told(report, arguments)
    with Interrupt(session.job.timeout) as interrupt:
        run = sync.run(session.job, session.log, Progress(), interrupt, dry_run=True)
    if arguments.json:
        values = run.result.as_dict()
        deletions = {**values["deletions"], "keys": [entry.key for entry in run.plan.deletions]}
        _print_json({**values, "uploads": run.plan.uploads_as_dicts(), "deletions": deletions})
    elif not arguments.quiet:
        for upload in run.plan.uploads:
            size = format_bytes_si(upload.file.identity.size)
            _print_line(f"{size:>8}  {printable(upload.file.key)!r}  {upload.reason}")
        for entry in run.plan.deletions:
            what = "refused" if run.result.deletions.refused else "delete"
            _print_line(f"{what:>8}  {printable(entry.key)!r}")
    return run.result.exit_code


def _verify(arguments: argparse.Namespace) -> int:
    from ..audit import run as audit
    from ..audit.request import AuditRequest

    session = _Session(arguments, with_log_file=False)
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
        _print_json(result.as_dict())
    else:
        with _printing():
            _print_findings(result, arguments.quiet)
    if result.exit_code:
        session.log.error(result.summary)
    else:
        session.log.info(result.summary)
    return result.exit_code


def _print_findings(result: Audited, quiet: bool) -> None:
    """A line for each finding; `quiet` leaves out those that are no failure."""
    for kind in FINDINGS:
        if quiet and kind == EXTRA and not result.fail_on_extra:
            continue
        for finding in result.findings[kind]:
            method = f"{finding.method}: " if finding.method else ""
            _print_line(f"{kind:>12}  {finding.path!r}  {method}{finding.message}")
        more = result.counts[kind] - len(result.findings[kind])
        if more:
            _print_line(f"{kind:>12}  and {more} more; see --limit")


def _check(arguments: argparse.Namespace) -> int:
    return _told(_checked(_Session(arguments, with_log_file=False)), arguments)


def _checked(session: _Session) -> Report:
    """The checks of the job's installation and connection, each with a line in the log."""
    from ..checks.report import CheckRequest
    from ..checks.run import run_checks

    job = session.job
    report = run_checks(CheckRequest(job.connection, job.s5cmd_path, job.bucket, job.prefix))
    for check in report.checks:
        _log_check(session.log, check)
    return report


def _told(report: Report, arguments: argparse.Namespace) -> int:
    if arguments.json:
        _print_json(report.as_dict())
    return report.exit_code


def _log_check(log: Log, check: Check) -> None:
    text = f"{check.name}: {check.message}" + (f" ({check.hint})" if check.hint else "")
    if check.failed:
        log.error(text)
    elif check.hint or not check.ran:
        log.warn(text)
    else:
        log.info(text)


def _config(arguments: argparse.Namespace) -> int:
    session = _Session(arguments, with_log_file=False)
    job = session.job
    if arguments.check_source:
        from ..job import source_access

        try:
            source_access.require_access(job)
        except ConfigurationError as error:
            raise session.config.located(error) from error
    from ..transfer.settings import settings_of

    settings = settings_of(job, session.log.warn)
    if arguments.json:
        described = {**_described(job), "transfer_settings": settings.as_dict(), "tuning": settings.result()}
        _print_json({**described, "warnings": session.config.warnings, "exit_code": int(ExitCode.OK)})
    elif not arguments.quiet:
        _print_line(f"{arguments.config}: {job.src} → {job.destination}")
        if settings.tuning:
            _print_line(f"tuned by {job.tuning_path}: {settings}")
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


def _print_json(values: dict[str, Any]) -> None:
    # The escapes of JSON can be shown in every encoding.
    escaped = codecs.lookup(sys.stdout.encoding or "ascii").name != "utf-8"
    with _printing():
        _print_line(json.dumps(values, indent=2, ensure_ascii=escaped))


@contextmanager
def _printing() -> Iterator[None]:
    """Print all of it now; a full disk is told on standard error and changes nothing else."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        # The run is over and its exit code is true, whether or not anybody could read this.
        Log(sys.stderr).error(f"cannot print the result: {error.strerror}")
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print_line(line: str) -> None:
    # Not print(), which ansible-test takes for a module's fault in everything beside the modules.
    sys.stdout.write(f"{line}\n")
