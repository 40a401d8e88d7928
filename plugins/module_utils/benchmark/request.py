# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What a benchmark is asked for: the options of module s5cmd_benchmark, validated here and only here."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..common.errors import ConfigurationError
from ..common.options import BENCHMARK
from ..common.units import parse_size
from ..job.options import JOB_OPTIONS
from ..job.values import bucket_name, key_prefix
from ..s3.connection import Connection
from ..tuning.classes import FILE_CLASSES
from .measure.data import RECIPES

AWSCLI, AWSCLI_OPTIMIZED, S5CMD, DATASYNC, RCLONE = "awscli", "awscli_optimized", "s5cmd", "datasync", "rclone"
TOOLS = (AWSCLI, AWSCLI_OPTIMIZED, S5CMD, DATASYNC, RCLONE)
DEFAULT_DATASETS = ("small", "single")
DEFAULT_PREFIX = "datasync-benchmark/"
#: Bytes of the single large file.
SINGLE_SIZE = "1000000000"
MAX_BYTES = "100GB"
TUNE_SECONDS = 900
TUNE_BYTES = "40GB"
#: Seconds that one run of a tool may take.
TIMEOUT = 1800
#: Options of a job that say how its files are sent and proven; the tool `datasync` takes them from the env file.
TRANSFER_OPTIONS = tuple(option.name for option in JOB_OPTIONS if BENCHMARK in option.also)


@dataclass(frozen=True)
class TuningRequest:
    """Which classes of files to tune for, within how many seconds and bytes."""

    classes: tuple[str, ...]
    seconds: int
    size: int


@dataclass(frozen=True)
class BenchmarkRequest:
    """A validated request. Sizes in bytes, times in seconds; `prefix` ends with a slash."""

    connection: Connection
    bucket: str
    prefix: str
    tools: tuple[str, ...]
    datasets: tuple[str, ...]
    single_size: int
    rounds: int
    warmup: int
    timeout: int
    max_bytes: int
    work_dir: str
    request_price: float | None = None
    link_mbps: float | None = None
    results_dir: str | None = None
    aws_path: str | None = None
    rclone_path: str | None = None
    s5cmd_path: str | None = None
    tuning: TuningRequest | None = None
    #: Options of module s5cmd_sync for the tool `datasync`: those of TRANSFER_OPTIONS that are set.
    transfer: Mapping[str, Any] = field(default_factory=dict)
    #: Write what the tuning finds to the host's tuning file.
    apply_tuning: bool = False
    #: Whether that file is to be kept from later tunings; None leaves that as it is.
    frozen: bool | None = None

    @property
    def destination(self) -> str:
        """Where the prefixes of the runs are made."""
        return f"s3://{self.bucket}/{self.prefix}"

    @classmethod
    def from_options(cls, options: Mapping[str, Any], *, prefix_is_given: bool) -> BenchmarkRequest:
        """Build from the module's options, merged with those of the job's env file; None counts as not given.

        `prefix_is_given`: the task names the prefix. Otherwise that of the job gets a folder of its own below it.
        Raises ConfigurationError that names the option and says what to write.
        """
        given = {name: value for name, value in options.items() if value is not None}
        prefix = key_prefix(given.get("prefix", ""))
        rounds = _whole(given.get("rounds", 3), "rounds", 0)
        tuning = _tuning(given) if given.get("tune") else None
        if not rounds and tuning is None:
            raise ConfigurationError("rounds is 0 and tune is off", "give rounds, or set tune")
        return cls(
            connection=Connection.from_options(given),
            bucket=bucket_name(given.get("bucket")),
            prefix=prefix if prefix_is_given and prefix else prefix + DEFAULT_PREFIX,
            tools=_tools(given.get("tools", TOOLS)),
            datasets=_datasets(given.get("datasets", DEFAULT_DATASETS)),
            single_size=_positive_size(given.get("single_size", SINGLE_SIZE), "single_size"),
            rounds=rounds,
            warmup=_whole(given.get("warmup", 1), "warmup", 0) if rounds else 0,
            timeout=_whole(given.get("timeout", TIMEOUT), "timeout", 1),
            max_bytes=_positive_size(given.get("max_bytes", MAX_BYTES), "max_bytes"),
            work_dir=os.path.abspath(os.path.expanduser(given.get("work_dir") or default_work_dir())),
            request_price=_not_negative(given.get("request_price"), "request_price"),
            link_mbps=_positive(given.get("link_mbps"), "link_mbps"),
            results_dir=_absolute(given.get("results_dir")),
            aws_path=given.get("aws_path"),
            rclone_path=given.get("rclone_path"),
            s5cmd_path=given.get("s5cmd_path"),
            tuning=tuning,
            transfer={name: given[name] for name in TRANSFER_OPTIONS if name in given},
            apply_tuning=bool(given.get("apply_tuning")),
            frozen=given.get("frozen"),
        )


def default_work_dir() -> str:
    """A folder for each user, because another user could put data or traps into a shared one."""
    return f"/var/tmp/datasync-turbo-benchmark-{os.getuid()}"  # noqa: S108 - checked by `private_folder`


def private_folder(path: str) -> str:
    """Make the folder if needed. Raises ConfigurationError unless it is ours and nobody else may write to it."""
    try:
        os.makedirs(path, mode=0o700, exist_ok=True)
        status = os.lstat(path)
    except OSError as error:
        raise ConfigurationError(
            f"work_dir {path!r} cannot be made: {error.strerror}", "give a folder that this user can write"
        ) from error
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o022:
        raise ConfigurationError(
            f"work_dir {path!r} is not a folder of this user that nobody else may write to",
            "remove it, or give another one",
        )
    if not os.access(path, os.W_OK | os.X_OK):
        raise ConfigurationError(f"work_dir {path!r} cannot be written", "give a folder that this user can write")
    return path


def _tuning(given: Mapping[str, Any]) -> TuningRequest:
    return TuningRequest(
        _distinct(given.get("tune_classes", FILE_CLASSES), "tune_classes", FILE_CLASSES),
        _whole(given.get("tune_seconds", TUNE_SECONDS), "tune_seconds", 1),
        _positive_size(given.get("tune_bytes", TUNE_BYTES), "tune_bytes"),
    )


def _tools(names: Sequence[str]) -> tuple[str, ...]:
    return _distinct(names, "tools", TOOLS)


def _datasets(names: Sequence[str]) -> tuple[str, ...]:
    known = tuple(RECIPES)
    folders = [os.path.abspath(name) if name.startswith("/") else name for name in names]
    for name in folders:
        if name not in known and not name.startswith("/"):
            raise ConfigurationError(
                f"datasets holds {name!r}, which is neither {', '.join(known)} nor an absolute path",
                "give one of these names, or the path of a folder on the host",
            )
    return _distinct(folders, "datasets", None)


def _distinct(names: Sequence[str], option: str, known: Sequence[str] | None) -> tuple[str, ...]:
    chosen: dict[str, None] = {}
    unknown: list[str] = [name for name in names if known is not None and name not in known]
    if unknown and known is not None:
        raise ConfigurationError(f"{option} holds {unknown[0]!r}, which is unknown", f"choose of {', '.join(known)}")
    for name in names:
        if name in chosen:
            raise ConfigurationError(f"{option} holds {name!r} twice", "name it once")
        chosen[name] = None
    if not chosen:
        raise ConfigurationError(f"{option} is empty", "name at least one, or leave it out")
    return tuple(chosen)


def _whole(value: Any, name: str, minimum: int) -> int:
    number = int(value)
    if number < minimum:
        raise ConfigurationError(f"{name} {number} is below {minimum}", f"give {minimum} or more")
    return number


def _positive(value: Any, name: str) -> float | None:
    if value is not None and not 0 < float(value) < float("inf"):
        raise ConfigurationError(f"{name} {value} is not above 0", "give the megabits per second, such as 1000")
    return None if value is None else float(value)


def _not_negative(value: Any, name: str) -> float | None:
    if value is not None and not 0 <= float(value) < float("inf"):
        raise ConfigurationError(f"{name} {value} is below 0", "give the price of 1,000 requests, such as 0.005")
    return None if value is None else float(value)


def _positive_size(value: Any, name: str) -> int:
    size = parse_size(value, name)
    if size < 1:
        raise ConfigurationError(f"{name} is 0", "give a size, such as 10GB")
    return size


def _absolute(path: str | None) -> str | None:
    return os.path.abspath(os.path.expanduser(path)) if path else None
