# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Runs of a host's jobs, now: started as their schedule would start them, or joined where one goes on already.

A run is told to be over by whoever runs it, systemd or our own supervisor, and judged by the result JSON that it left:
one that is not the file from before counts. What a later call must know of a run is in `JobRun`, as plain JSON types.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Callable, NamedTuple

from ..common.errors import ConfigurationError, DatasyncError, ExitCode
from . import supervisor as detached_process
from .generation import JobOnHost
from .running import running_jobs
from .services import Systemd, Unit
from .status import read_progress, read_result

#: How a run goes on: as a service, as a process of our supervisor, or started by somebody else without a service.
SERVICE, PROCESS, OTHERS = "service", "process", "others"
#: Seconds between two looks at a run: short at first, because most runs of a job have little to do.
FIRST_INTERVAL, LONGEST_INTERVAL = 0.1, 1.0


@dataclass(frozen=True)
class JobRun:
    """A run that has not ended. `before` is the mark of the result file when it was started or joined.

    `invocation` is systemd's name of the service's run before it, `folder` that of a `detached_process`. `waited`: it
    was begun after a run that we joined.
    """

    job: str
    how: str
    before: str
    joined: bool = False
    invocation: str = ""
    folder: str = ""
    waited: bool = False

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> JobRun:
        """Build from what `as_dict` made in an earlier call."""
        return cls(**{name: values[name] for name in cls.__dataclass_fields__})

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return asdict(self)


@dataclass(frozen=True)
class JobEnded:
    """How a run ended. `result` is its result JSON, None if it left none; `reasons` why it is no success.

    `joined`: a run that went on already was waited for first.
    """

    job: str
    exit_code: int
    joined: bool
    result: dict[str, Any] | None
    reasons: list[str] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        """Whether not everything is stored and proven."""
        return self.exit_code != ExitCode.OK

    @property
    def changed(self) -> bool:
        """Whether the run stored, deleted, moved or removed anything."""
        result = self.result or {}
        deleted = (result.get("deletions") or {}).get("deleted")
        return any([result.get("files_synced"), deleted, result.get("files_moved"), result.get("files_removed")])

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {**asdict(self), "failed": self.failed, "changed": self.changed}


class Exited(NamedTuple):
    """What whoever ran it says of a run that is over: the exit status, None if nobody knows, and its words."""

    exit_status: int | None
    text: str


@dataclass(frozen=True)
class Host:
    """The means to start and to watch runs; tests replace them."""

    command: str
    units: Callable[[Sequence[str]], Mapping[str, Unit]] = Systemd().units
    start_units: Callable[[Sequence[str]], None] = Systemd().start_services
    spawn: Callable[[Sequence[str]], str] = detached_process.start
    running: Callable[[Sequence[JobOnHost]], list[str]] = running_jobs
    has_systemd: Callable[[], bool] = Systemd.is_running


def chosen(jobs: Sequence[JobOnHost], names: Sequence[str]) -> list[JobOnHost]:
    """The jobs of these names, all jobs without names. Raises ConfigurationError that says which jobs there are."""
    if not jobs:
        raise ConfigurationError(
            "no job is deployed here", "list its jobs in uploader_jobs and run the playbook datasync.turbo.deploy"
        )
    unknown = [name for name in names if name not in {job.name for job in jobs}]
    if unknown:
        raise ConfigurationError(
            f"no job {', '.join(unknown)} is deployed here, only {', '.join(job.name for job in jobs)}",
            "correct sync_jobs, or deploy the job first",
        )
    return [job for job in jobs if not names or job.name in names]


def start(jobs: Sequence[JobOnHost], host: Host) -> list[JobRun]:
    """Start the jobs, all at once; a job that runs already is joined."""
    busy = host.running(jobs)
    services = [job.service for job in jobs if job.service] if host.has_systemd() else []
    units = host.units(services)
    runs = [_begin(job, job.name in busy, units.get(job.service), host) for job in jobs]
    host.start_units([job.service for job, run in zip(jobs, runs) if run.how == SERVICE and not run.joined])
    return runs


def _begin(job: JobOnHost, busy: bool, unit: Unit | None, host: Host) -> JobRun:
    before = result_mark(job)
    if unit is not None and unit.loaded:
        if busy and unit.over:
            return JobRun(job.name, OTHERS, before, joined=True)
        return JobRun(job.name, SERVICE, before, joined=not unit.over, invocation=unit.invocation)
    if busy:
        return JobRun(job.name, OTHERS, before, joined=True)
    folder = host.spawn([host.command, "sync", "--quiet", "--config", job.config])
    return JobRun(job.name, PROCESS, before, folder=folder)


def look(runs: Sequence[JobRun], jobs: Sequence[JobOnHost], host: Host) -> tuple[list[JobRun], list[JobEnded]]:
    """The runs that go on, and how those ended that are over.

    A run that found the job's lock held has not done the job, and one that we joined had looked at the folder before we
    were asked: files that came meanwhile are not in it. After both, the job is started again.
    """
    by_name = {job.name: job for job in jobs}
    busy = host.running([by_name[run.job] for run in runs])
    units = host.units([by_name[run.job].service for run in runs if run.how == SERVICE])
    going: list[JobRun] = []
    over: list[JobEnded] = []
    for run in runs:
        job = by_name[run.job]
        ended = _ended(run, job, run.job in busy, units.get(job.service))
        if ended is None:
            going.append(run)
            continue
        if run.folder:
            detached_process.forget(run.folder)
        if _is_to_run_again(run, job, ended):
            going += [replace(own, waited=True) for own in start([job], host)]
        else:
            over.append(_judged(run, job, ended))
    return going, over


def watch(
    runs: Sequence[JobRun],
    jobs: Sequence[JobOnHost],
    host: Host,
    seconds: float,
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[list[JobRun], list[JobEnded]]:
    """`look` again and again until no run goes on, for at most so many seconds."""
    deadline = clock() + seconds
    going, over, interval = list(runs), [], FIRST_INTERVAL
    while True:
        going, ended = look(going, jobs, host)
        over += ended
        left = deadline - clock()
        if not going or left <= 0:
            return going, over
        sleep(min(interval, left))
        interval = min(interval * 1.5, LONGEST_INTERVAL)


def progress_of(runs: Sequence[JobRun], jobs: Sequence[JobOnHost]) -> dict[str, dict[str, Any]]:
    """What the runs that go on say of themselves, by job; a job that has not begun to upload is left out."""
    found = {job.name: read_progress(job.progress) for job in jobs if job.name in {run.job for run in runs}}
    return {name: values for name, values in found.items() if values is not None}


def result_mark(job: JobOnHost) -> str:
    """Tells one result file of a job from the next, which replaces it; '' if there is none."""
    try:
        status = os.stat(job.result)
    except OSError:
        return ""
    return f"{status.st_ino}-{status.st_mtime_ns}"


def _ended(run: JobRun, job: JobOnHost, busy: bool, unit: Unit | None) -> Exited | None:
    if run.how == PROCESS:
        try:
            done = detached_process.ended(run.folder)
        except DatasyncError as error:
            return Exited(None, str(error))
        return Exited(done.exit_status, done.output) if done else None
    if run.how == OTHERS:
        return None if busy else Exited(None, "the run that went on already ended without a result")
    if unit is None or not unit.over:
        return None if unit else Exited(None, f"{job.service} is gone")
    if unit.invocation and unit.invocation == run.invocation and not run.joined:
        return Exited(None, f"systemd did not start {job.service}; systemctl status tells which condition was not met")
    return Exited(unit.exit_status or None, f"systemd says {unit.result} of {job.service}, status {unit.exit_status}")


def _is_to_run_again(run: JobRun, job: JobOnHost, ended: Exited) -> bool:
    return run.joined or (result_mark(job) == run.before and ended.exit_status == ExitCode.LOCKED)


def _judged(run: JobRun, job: JobOnHost, ended: Exited) -> JobEnded:
    try:
        result = read_result(job.result) if result_mark(job) != run.before else None
    except ValueError as error:
        result, ended = None, Exited(ended.exit_status, f"{error}; {ended.text}")
    if result is None:
        code = ended.exit_status or int(ExitCode.CONFIGURATION)
        return JobEnded(job.name, code, run.waited, None, [f"it left no result: {ended.text} (see {job.log})"])
    code = int(result.get("exit_code") or 0)
    return JobEnded(job.name, code, run.waited, result, reasons_of(result) if code else [])


def reasons_of(result: Mapping[str, Any]) -> list[str]:
    """Why a run is no success: its problems in words, and how many more there are."""
    problems = [problem for problem in result.get("problems") or () if isinstance(problem, dict)]
    shown = [
        f"{problem['path']}: {problem.get('message', '')}" if problem.get("path") else str(problem.get("message", ""))
        for problem in problems
    ]
    more = int(result.get("problems_total") or 0) - len(problems)
    if more > 0:
        shown.append(f"and {more} more, see the result on the host")
    return shown or [f"status {result.get('status', 'unknown')}"]
