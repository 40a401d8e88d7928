# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A benchmark of this host: each tool uploads the same data, in turns and round by round, and nothing of it stays."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from functools import partial
from typing import Any, Callable
from urllib.parse import urlsplit

from ..common import locks
from ..common.errors import ConfigurationError, DatasyncError, ExitCode
from ..common.threads import Tick
from ..common.version import __version__
from ..s3.bucket import Bucket
from ..s3.connection import DEFAULT_REGION
from ..tuning.search import TuningResult
from .estimate import Estimate, Material, estimate, materials
from .measure.data import Dataset, warm
from .measure.host import HostFacts, host_facts
from .measure.link import Link, find_link
from .prefixes import Prefixes
from .request import BenchmarkRequest, private_folder
from .result import SCHEMA, WARM_UP, Measurement, ratios, summaries
from .tools import Tool, Toolbox
from .upload import TIMED_OUT, MeasuredUploads

#: One for the whole host, whoever measures: two at once would measure each other.
LOCK_PATH = "/var/tmp/datasync-turbo-benchmark.lock"  # noqa: S108 - `open_common_lock_file` takes no traps
#: Beside the data.
WORK_LOCK = ".benchmark.lock"
_PORTS = {"http": 80, "https": 443}

#: What is measured after the rounds.
Then = Callable[[MeasuredUploads], TuningResult]


@dataclass(frozen=True)
class Prepared:
    """All that is known before anything is made or sent."""

    request: BenchmarkRequest
    host: HostFacts
    bucket: Bucket
    link: Link
    #: Host and port.
    server: tuple[str, int]
    toolbox: Toolbox
    tools: dict[str, Tool]
    materials: list[Material]
    estimate: Estimate

    @property
    def available(self) -> list[Tool]:
        """The tools that can be measured."""
        return [tool for tool in self.tools.values() if tool.available]


@dataclass
class Benchmarked:
    """The result, complete or not, and what ended the benchmark early."""

    result: dict[str, Any]
    error: DatasyncError | None = None

    @property
    def exit_code(self) -> int:
        """0 if all was measured; else that of the error, or 4 where runs failed or something stayed behind."""
        if self.error is not None:
            return int(self.error.exit_code)
        return int(ExitCode.OK if self.result["status"] == "complete" else ExitCode.INCOMPLETE)


def prepare(request: BenchmarkRequest, tick: Tick) -> Prepared:
    """Find the tools, the link and what is to be sent, and check what can be checked without sending.

    Raises ConfigurationError, CredentialsError or AccessError.
    """
    bucket = Bucket(request.connection, request.bucket)
    bucket.check(request.prefix)
    toolbox = Toolbox(request, bucket.endpoint_url)
    tools = toolbox.find()
    available = [tool for tool in tools.values() if tool.available]
    if not available:
        reasons = "; ".join(f"{tool.name}: {tool.reason}" for tool in tools.values())
        raise ConfigurationError(f"none of the tools can be measured: {reasons}", "install one of them")
    chosen = materials(request, tick)
    server = _server(request, bucket)
    return Prepared(
        request,
        host_facts(),
        bucket,
        find_link(*server, request.link_mbps),
        server,
        toolbox,
        tools,
        chosen,
        estimate(request, chosen, available),
    )


def _server(request: BenchmarkRequest, bucket: Bucket) -> tuple[str, int]:
    """Host and port of the server."""
    region = request.connection.region_name or DEFAULT_REGION
    parts = urlsplit(bucket.endpoint_url or f"https://s3.{region}.amazonaws.com")
    return parts.hostname or "", parts.port or _PORTS[parts.scheme]


def measure(prepared: Prepared, tick: Tick, then: Then | None = None) -> Benchmarked:
    """Run all rounds, and `then` what comes after them. Whatever ends it, the prefixes are removed.

    Raises LockedError while another benchmark runs on this host, and what refuses the first object.
    """
    folder = private_folder(prepared.request.work_dir)
    # The work folder's too: it may be on a file server, and another host's.
    with alone() as host, alone(os.path.join(folder, WORK_LOCK)) as work:
        return _Benchmark(prepared, tick, (host, work)).run(then)


@contextmanager
def alone(path: str = LOCK_PATH) -> Iterator[int]:
    """Hold a lock of benchmarks; gives its descriptor. Raises LockedError at once if another one holds it."""
    others = "another benchmark, or a tool that outlived one,"
    advice = "wait for it to end: two at once would measure each other"
    with locks.held(
        path, others, advice, opened=partial(locks.open_common_lock_file, remedy="remove it")
    ) as descriptor:
        yield descriptor


@dataclass
class _Benchmark:
    prepared: Prepared
    tick: Tick
    inherited: tuple[int, ...]
    runs: list[Measurement] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    #: By dataset, whether all of it was read into the page cache before the first run.
    cached: dict[str, bool] = field(default_factory=dict)

    def run(self, then: Then | None) -> Benchmarked:
        request, host = self.prepared.request, self.prepared.host
        began = datetime.now().astimezone()
        name = f"{began.astimezone(timezone.utc):%Y%m%dT%H%M%SZ}-{_for_a_key(host.name)}-{secrets.token_hex(3)}"
        directory = os.path.join(request.work_dir, "runs", name)
        prefixes = Prefixes(self.prepared.bucket, f"{request.prefix}{name}/", request.work_dir)
        leftovers = list(prefixes.remove_leftovers())
        self._try_to_write(prefixes)
        uploads = MeasuredUploads(
            self.prepared.toolbox,
            self.prepared.bucket,
            prefixes,
            self.prepared.link,
            directory,
            request.timeout,
            self.tick,
            self.inherited,
        )
        error: DatasyncError | None = None
        tuning: TuningResult | None = None
        try:
            self.prepared.toolbox.begin(os.path.join(directory, "home"))
            for material in self.prepared.materials:
                self._run_rounds(material, uploads)
            if then is not None:
                tuning = then(uploads)
                if tuning.stopped_by is not None:
                    raise tuning.stopped_by
        except DatasyncError as stopped:
            error = stopped
            self.problems.append(str(stopped))
        except OSError as failure:
            error = ConfigurationError(
                f"work_dir {request.work_dir!r}: {failure.strerror or failure}", "make room, or give another folder"
            )
            self.problems.append(str(error))
        finally:
            prefixes.end()
            shutil.rmtree(directory, ignore_errors=True)
        result = self._result(name, began, error, prefixes)
        self.problems += leftovers
        return Benchmarked({**result, "tuning": tuning.as_dict() if tuning else None}, error)

    def _try_to_write(self, prefixes: Prefixes) -> None:
        """Store and remove one small object, so that a refusal is known before gigabytes are made for nothing."""
        key = prefixes.new("probe") + "probe"
        prefixes.begin()
        try:
            version = self.prepared.bucket.put_probe(key)
            self.prepared.bucket.delete_probe(key, version)
        except DatasyncError:
            prefixes.end()
            raise

    # --- rounds

    def _run_rounds(self, material: Material, uploads: MeasuredUploads) -> None:
        if not self.prepared.request.rounds:
            return
        data = material.made(self.prepared.request.work_dir, self.tick)
        self.cached[material.name] = _warm(data, self.tick)
        given_up: dict[str, str] = {}
        for number in range(1 - self.prepared.request.warmup, self.prepared.request.rounds + 1):
            for tool in _rotated(self.prepared.available, number):
                if tool.name not in given_up:
                    run = uploads.run(tool, data, max(number, WARM_UP))
                    self.runs.append(run)
                    if run.exit_code == TIMED_OUT:
                        given_up[tool.name] = run.message
        for name, reason in given_up.items():
            self.problems.append(f"{name} was not tried again on {material.name}: it {reason}")

    # --- the result

    def _result(self, name: str, began: datetime, error: DatasyncError | None, prefixes: Prefixes) -> dict[str, Any]:
        prepared, request = self.prepared, self.prepared.request
        failures = [run for run in self.runs if run.message]
        self.problems += [f"{run.tool} on {run.dataset}, round {run.round}: {run.message}" for run in failures]
        self.problems += [
            f"s3://{left.bucket}/{left.prefix} is left behind: {left.reason}" for left in prefixes.left_behind
        ]
        return {
            "schema": SCHEMA,
            "id": name,
            "started": began.isoformat(timespec="seconds"),
            "finished": datetime.now().astimezone().isoformat(timespec="seconds"),
            "status": _status(error, complete=not failures and not prefixes.left_behind),
            "problems": self.problems,
            "host": {**prepared.host.as_dict(), "collection": __version__},
            "destination": request.destination,
            "endpoint": prepared.bucket.endpoint_url or "",
            "link": asdict(prepared.link),
            "settings": {"rounds": request.rounds, "warmup": request.warmup, "timeout": request.timeout},
            "estimate": asdict(prepared.estimate),
            "datasets": [
                {**material.as_dict(), "cached": self.cached.get(material.name, False)}
                for material in prepared.materials
            ],
            "tools": [tool.as_dict() for tool in prepared.tools.values()],
            "runs": [run.as_dict() for run in self.runs],
            "summary": summaries(self.runs),
            "ratios": ratios(self.runs),
            "left_behind": [left._asdict() for left in prefixes.left_behind],
        }


def _warm(data: Dataset, tick: Tick) -> bool:
    try:
        return warm(data, tick)
    except OSError as error:
        raise ConfigurationError(
            f"{error.filename!r} cannot be read any more: {error.strerror}", "measure while nobody changes the folder"
        ) from error


def _status(error: DatasyncError | None, *, complete: bool) -> str:
    if error is not None:
        return "interrupted" if error.exit_code > 128 else "incomplete"
    return "complete" if complete else "incomplete"


def _rotated(tools: Sequence[Tool], number: int) -> list[Tool]:
    """Another tool begins each round, and every other round goes backwards: none always follows the same one."""
    step = -1 if number % 2 else 1
    return [tools[(number + step * index) % len(tools)] for index in range(len(tools))]


def _for_a_key(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9.-]", "-", name) or "host"
