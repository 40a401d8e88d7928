# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""From the variables of the role `uploader` to all that a host shall have, in the form of `generation.Wanted`."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from typing import Any

from ...module_utils.common.errors import ConfigurationError
from ...module_utils.fleet.generation import CalendarCheck, JobOnHost, ManagedFile, ManagedFolder, SourceCheck, Wanted
from .conflicts import conflicts
from .host import HostSpec, parse_spec
from .job import UploaderJob, check_job, job_name
from .launchd import label, plist
from .limits import IO_CLASS_NUMBERS
from .sandbox import sandbox_of
from .templates import render

UNITS = "/etc/systemd/system"
CRONTAB = "/etc/cron.d/datasync-turbo"
LOGROTATE = "/etc/logrotate.d/datasync-turbo"
LAUNCH_DAEMONS = "/Library/LaunchDaemons"
TEMPLATE_UNIT = "datasync-turbo@.service"


def wanted_host(spec: Mapping[str, Any]) -> Wanted:
    """Everything that the host shall have.

    Raises ConfigurationError with a line for each job that is wrong, which names host, job and variable.
    """
    host = parse_spec(spec)
    jobs = check_jobs(spec["jobs"], host)
    return Wanted(
        files=tuple(_files(jobs, host)),
        folders=tuple(_folders(jobs, host)),
        units=tuple(unit for job in jobs for unit in _units(job)),
        launchd=tuple(_plist_path(job) for job in jobs if job.schedule.kind == "launchd"),
        sources=tuple(source for job in jobs for source in _sources(job)),
        calendars=tuple(
            CalendarCheck(job.name, "schedule.on_calendar", expression)
            for job in jobs
            for expression in job.schedule.on_calendar
        ),
        jobs=tuple(_wanted_job(job, host) for job in jobs),
    )


def check_jobs(elements: Any, host: HostSpec) -> list[UploaderJob]:
    """The jobs, checked alone and beside each other. Raises as `wanted_host`."""
    if elements is None:
        elements = []
    if isinstance(elements, (str, Mapping)) or not isinstance(elements, Sequence):
        raise ConfigurationError(f"{host.host}: uploader_jobs is no list", "write a list of jobs")
    faults: list[str] = []
    jobs: dict[str, UploaderJob] = {}
    for number, element in enumerate(elements, start=1):
        try:
            name = job_name(element, number)
        except ConfigurationError as error:
            faults.append(f"{host.host}: {error}")
            continue
        try:
            _refuse_same_name(name, jobs)
            jobs[name] = check_job(element, name, host)
        except ConfigurationError as error:
            faults.append(_fault(host, name, error))
    faults.extend(_fault(host, conflict.job, conflict.error) for conflict in conflicts(list(jobs.values())))
    if faults:
        raise ConfigurationError("\n".join(faults))
    return list(jobs.values())


def _fault(host: HostSpec, name: str, error: ConfigurationError) -> str:
    return f"{host.host}: job {name!r}: {error}"


def _refuse_same_name(name: str, jobs: Mapping[str, UploaderJob]) -> None:
    for other in jobs:
        if other.lower() == name.lower():
            how = "is used twice" if other == name else f"and {other!r} differ in case alone, one file for macOS"
            raise ConfigurationError(f"name {name!r} {how}", "give each job a name of its own")


def _has_service(job: UploaderJob, host: HostSpec) -> bool:
    """Whether a unit of systemd runs the job; one that is started by hand has it where the host has systemd."""
    return job.schedule.by_systemd or (job.schedule.kind == "manual" and host.scheduler == "systemd")


def _service(job: UploaderJob) -> str:
    return f"datasync-turbo@{job.name}.service"


def _units(job: UploaderJob) -> list[str]:
    """The units that are enabled."""
    kinds = {"systemd": ("timer",), "path": ("path", "timer")}.get(job.schedule.kind, ())
    return [f"datasync-turbo@{job.name}.{kind}" for kind in kinds]


def _config_path(job: UploaderJob, host: HostSpec) -> str:
    return posixpath.join(host.config_dir, f"{job.name}.env")


def _drop_in_folder(job: UploaderJob) -> str:
    return posixpath.join(UNITS, f"{_service(job)}.d")


def _plist_path(job: UploaderJob) -> str:
    return posixpath.join(LAUNCH_DAEMONS, f"{label(job.name)}.plist")


def _files(jobs: Sequence[UploaderJob], host: HostSpec) -> list[ManagedFile]:
    files = [file for job in jobs for file in _private_files(job, host)]
    with_service = [job for job in jobs if _has_service(job, host)]
    if with_service:
        files.append(ManagedFile(posixpath.join(UNITS, TEMPLATE_UNIT), render(f"{TEMPLATE_UNIT}.j2", host=host)))
    files.extend(file for job in with_service for file in _unit_files(job, host))
    crontab = [job for job in jobs if job.schedule.kind == "cron"]
    if crontab:
        text = render("crontab.j2", host=host, jobs=crontab, io_class_numbers=IO_CLASS_NUMBERS)
        files.append(ManagedFile(CRONTAB, text))
    by_launchd = [job for job in jobs if job.schedule.kind == "launchd"]
    files.extend(ManagedFile(_plist_path(job), plist(job, _config_path(job, host), host)) for job in by_launchd)
    if host.log_keep and jobs and host.scheduler != "launchd":
        files.append(ManagedFile(LOGROTATE, render("logrotate.j2", host=host, logs=_logs(jobs, host))))
    return files


def _private_files(job: UploaderJob, host: HostSpec) -> list[ManagedFile]:
    private = {"mode": "0600", "owner": host.user, "group": host.group}
    text = render("job.env.j2", name=job.name, lines=job.lines)
    files = [ManagedFile(_config_path(job, host), text, check="config", **private)]
    if job.credentials:
        path = posixpath.join(host.credentials_dir, job.name)
        files.append(ManagedFile(path, render("credentials.j2", name=job.name, keys=job.credentials), **private))
    return files


def _unit_files(job: UploaderJob, host: HostSpec) -> list[ManagedFile]:
    drop_in = render("job.conf.j2", host=host, job=job, sandbox=sandbox_of(job, host))
    files = [ManagedFile(posixpath.join(_drop_in_folder(job), "job.conf"), drop_in)]
    for unit in _units(job):
        template = f"datasync-turbo.{unit.rpartition('.')[2]}.j2"
        files.append(ManagedFile(posixpath.join(UNITS, unit), render(template, job=job, service=_service(job))))
    return files


def _logs(jobs: Sequence[UploaderJob], host: HostSpec) -> list[str]:
    """What logrotate rotates: all of the role's folder, also of jobs that are gone, and logs elsewhere.

    Not those with a day in their names, which begin anew every day.
    """
    elsewhere = {job.log for job in jobs if job.log and not job.log.endswith("sync-*.log")}
    own = posixpath.join(host.log_dir, "*.log")
    return [own, *sorted(log for log in elsewhere if posixpath.dirname(log) != host.log_dir)]


def _folders(jobs: Sequence[UploaderJob], host: HostSpec) -> list[ManagedFolder]:
    private = [host.config_dir]
    if any(job.credentials for job in jobs):
        private.append(host.credentials_dir)
    parts = [posixpath.join(host.state_dir, name) for name in ("state", "lock", "results", "progress")]
    drop_ins = [_drop_in_folder(job) for job in jobs if _has_service(job, host)]
    return [
        *(ManagedFolder(path, "0750", "root", host.group) for path in private),
        *(ManagedFolder(path, "0750", host.user, host.group) for path in [host.state_dir, *parts, host.log_dir]),
        *(ManagedFolder(path, "0755", "root", "root") for path in drop_ins),
    ]


def _sources(job: UploaderJob) -> list[SourceCheck]:
    sources = [SourceCheck(job.name, job.origin("SOURCE_DIR"), job.job.src, job.takes_away)]
    if job.job.move_to:
        sources.append(SourceCheck(job.name, job.origin("MOVE_TO"), job.job.move_to, True))
    return sources


def _wanted_job(job: UploaderJob, host: HostSpec) -> JobOnHost:
    return JobOnHost(
        name=job.name,
        config=_config_path(job, host),
        schedule=job.schedule.kind,
        service=_service(job) if _has_service(job, host) else "",
        lock=job.job.lock_path or "",
        result=next(iter(job.job.result_paths), ""),
        history=job.job.history_path or "",
        progress=job.job.progress_path or "",
        log=job.log,
        source=job.job.src,
        destination=job.job.destination,
    )
