# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What is on an upload server and how its jobs are: read only, no lock taken, and nothing that is secret."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Callable

from ..common.errors import ConfigurationError
from ..common.units import timestamp
from ..install.layout import Layout
from .generation import Generation, JobOnHost
from .running import running_jobs
from .services import Systemd, Unit
from .store import GenerationStore

#: Problems of a run that are handed on; a run may have thousands, and a fleet thousands of runs.
HANDED_ON_PROBLEMS = 10


@dataclass(frozen=True)
class Versions:
    """What really lies on the host, whatever was recorded: None where something is missing or is not ours."""

    s5cmd: str | None = None
    program: str | None = None
    environment: str | None = None
    python: str | None = None


@dataclass(frozen=True)
class JobStatus:
    """A job and its last run.

    `last` is the result JSON of the run that ended last, with at most HANDED_ON_PROBLEMS of its problems.
    `age_seconds` counts from the end of that run. `history` are the newest lines of the history, the oldest first.
    `progress` is what the run that goes on says of itself. `next_run` is local time with offset, None without a timer.
    `service_state` and `service_result` are systemd's words, '' where there is no service.
    `unreadable` says why the last result is not known although there is a file.
    """

    name: str
    schedule: str
    source: str
    destination: str
    config: str
    service: str
    log: str
    running: bool = False
    last: dict[str, Any] | None = None
    age_seconds: int | None = None
    history: list[dict[str, Any]] = field(default_factory=list)
    progress: dict[str, Any] | None = None
    next_run: str | None = None
    service_state: str = ""
    service_result: str = ""
    timer_state: str = ""
    unreadable: str = ""


@dataclass(frozen=True)
class HostStatus:
    """The state of a host. `versions` is what was deployed, `found` what lies there. `time` is the host's own."""

    installed: bool
    time: str
    hostname: str
    generation: int | None = None
    generations: list[int] = field(default_factory=list)
    deployed_at: str | None = None
    versions: dict[str, str | None] = field(default_factory=dict)
    found: Versions = field(default_factory=Versions)
    jobs: list[JobStatus] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return asdict(self)


@dataclass(frozen=True)
class Look:
    """How to look: the means, which tests replace, and how much of each history is wanted."""

    history: int = 0
    now: Callable[[], float] = time.time
    units: Callable[[Sequence[str]], Mapping[str, Unit]] = Systemd().units
    running: Callable[[Sequence[JobOnHost]], list[str]] = running_jobs
    has_systemd: Callable[[], bool] = Systemd.is_running


def host_status(root: Path, link: Layout, look: Look) -> HostStatus:
    """The state of the installation in `root` (uploader_dir) and of its jobs.

    `link` tells where s5cmd is looked for when no generation says so. Raises ConfigurationError when a generation is
    there and cannot be read.
    """
    now = look.now()
    store = GenerationStore(root)
    generation = deployed(store)
    common: dict[str, Any] = {"time": timestamp(now), "hostname": platform.node()}
    if generation is None:
        return HostStatus(False, found=Versions(s5cmd=link.command_link().version), **common)
    return HostStatus(
        True,
        generation=generation.number,
        generations=store.numbers(),
        deployed_at=generation.created_at,
        versions=dict(generation.versions),
        found=_versions(store, generation, link),
        jobs=_jobs(generation, look, now),
        **common,
    )


def deployed(store: GenerationStore) -> Generation | None:
    """The generation in use, None on a bare host. Raises ConfigurationError, also for a user who may not look."""
    if store.generations.is_dir() and not os.access(store.generations, os.R_OK | os.X_OK):
        raise ConfigurationError(f"{store.generations} can be read by its owner only", "use become: true")
    return store.current()


def read_result(path: str) -> dict[str, Any] | None:
    """The result JSON at `path`, None if there is none. Raises ValueError, whose text says why, if it is no result."""
    try:
        with open(path, encoding="utf-8") as file:
            values = json.load(file)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    if not isinstance(values, dict):
        raise ValueError(f"{path} is not a result")
    return shortened(values)


def shortened(result: Mapping[str, Any]) -> dict[str, Any]:
    """A result with its first problems only; `problems_total` is their number, as in the result."""
    problems = list(result.get("problems") or ())
    total = max(int(result.get("problems_total") or 0), len(problems))
    return {**result, "problems": problems[:HANDED_ON_PROBLEMS], "problems_total": total}


def ended_at(result: Mapping[str, Any]) -> float | None:
    """When the run of a result ended, in seconds since the epoch."""
    try:
        began = datetime.fromisoformat(str(result["timestamp"])).timestamp()
        return began + float(result.get("duration_seconds") or 0)
    except (KeyError, ValueError, TypeError):
        return None


def _versions(store: GenerationStore, generation: Generation, link: Layout) -> Versions:
    if generation.s5cmd is not None:
        link = Layout(Path(generation.s5cmd.bin_dir), Path(generation.s5cmd.versions_dir))
    s5cmd = link.command_link().version
    program = store.program(generation.program)
    environment = os.path.basename(os.path.realpath(store.venv)) if store.venv.exists() else None
    return Versions(
        s5cmd=s5cmd if s5cmd and os.access(link.executable(s5cmd), os.X_OK) else None,
        program=generation.program if program.is_file() and store.command.is_file() else None,
        environment=environment,
        python=_python(store.venv / "pyvenv.cfg"),
    )


def _python(configuration: Path) -> str | None:
    """The version of Python that a virtual environment was made with."""
    try:
        lines = configuration.read_text("utf-8", "replace").splitlines()
    except OSError:
        return None
    values = {name.strip(): value.strip() for name, mark, value in (line.partition("=") for line in lines) if mark}
    return values.get("version") or values.get("version_info")


def _jobs(generation: Generation, look: Look, now: float) -> list[JobStatus]:
    jobs = generation.wanted.jobs
    running = look.running(jobs)
    names = [name for job in jobs for name in (job.service, timer_of(job, generation)) if name]
    units = look.units(names) if names and look.has_systemd() else {}
    return [
        _job(job, job.name in running, units.get(job.service), units.get(timer_of(job, generation)), look=look, now=now)
        for job in jobs
    ]


def timer_of(job: JobOnHost, generation: Generation) -> str:
    """The timer that starts a job, '' if none does."""
    timer = f"{job.service[: -len('.service')]}.timer" if job.service else ""
    return timer if timer in generation.wanted.units else ""


def _job(
    job: JobOnHost, running: bool, service: Unit | None, timer: Unit | None, *, look: Look, now: float
) -> JobStatus:
    last, unreadable = None, ""
    try:
        last = read_result(job.result)
    except ValueError as error:
        unreadable = str(error)
    ended = ended_at(last) if last else None
    return JobStatus(
        name=job.name,
        schedule=job.schedule,
        source=job.source,
        destination=job.destination,
        config=job.config,
        service=job.service,
        log=job.log,
        running=running,
        last=last,
        age_seconds=None if ended is None else max(int(now - ended), 0),
        history=_history(job.history, look.history),
        progress=read_progress(job.progress) if running else None,
        next_run=timestamp(timer.next_elapse) if timer and timer.next_elapse else None,
        service_state=service.active_state if service else "",
        service_result=service.result if service else "",
        timer_state=timer.active_state if timer else "",
        unreadable=unreadable,
    )


def read_progress(path: str) -> dict[str, Any] | None:
    """What a run that goes on says of itself (`progress`); None before it has begun to upload."""
    try:
        with open(path, encoding="utf-8") as file:
            values = json.load(file)
    except (OSError, ValueError):
        return None
    return values if isinstance(values, dict) else None


def _history(path: str, count: int) -> list[dict[str, Any]]:
    """The newest `count` lines of a history, the oldest first. A line that is no JSON was cut off by a full disk."""
    if not count:
        return []
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = file.readlines()[-count:]
    except OSError:
        return []
    found = []
    for line in lines:
        try:
            values = json.loads(line)
        except ValueError:
            continue
        if isinstance(values, dict):
            found.append(values)
    return found
