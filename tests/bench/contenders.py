# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The command lines that are compared: ours as an operator runs it, and the peers with their defaults."""

from __future__ import annotations

import os
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from dev.ansible_environment import BUILD, VENV_BIN
from dev.build_program import build
from plugins.module_utils.common.units import MIB
from plugins.module_utils.fleet.compiled import compile_folder
from plugins.module_utils.job.job import Job
from plugins.module_utils.transfer.s5cmd.environment import GO_RUNTIME
from tests.bench.measured import BenchError

BENCH_VENV = BUILD / "bench-venv"
BENCH_BIN = BENCH_VENV / "bin"
PROGRAM = "datasync-turbo"


class Server(Protocol):
    """What contenders need of a running S3 server: SeaweedFS, or the sink."""

    region: str
    endpoint_url: str

    @property
    def pid(self) -> int:
        """Process id."""

    @property
    def environment(self) -> dict[str, str]:
        """Keys, region and endpoint as the variables that all contenders read."""

    def client(self) -> Any:
        """A boto3 client."""


@dataclass(frozen=True)
class Command:
    """An argument list with its environment, and what is written to its stdin."""

    arguments: list[str]
    environment: dict[str, str]
    stdin: bytes | None = None


@dataclass(frozen=True)
class Place:
    """Where one run uploads to, and a folder for its config, state and log."""

    bucket: str
    prefix: str
    directory: Path

    @property
    def url(self) -> str:
        """As s5cmd and aws write it."""
        return f"s3://{self.bucket}/{self.prefix}"


@dataclass
class Tools:
    """The programs, and the server that they talk to."""

    server: Server
    work: Path
    program: Path = field(init=False)
    s5cmd: Path = field(init=False)

    def __post_init__(self) -> None:
        self.program = self._deployed(self.work / PROGRAM)
        self.s5cmd = find_s5cmd()

    @property
    def environment(self) -> dict[str, str]:
        """Of every child: nothing of the caller's but what programs need to start, and the server's keys."""
        home = self.work / "home"
        home.mkdir(exist_ok=True)
        return {
            "PATH": os.pathsep.join([str(VENV_BIN), os.environ.get("PATH", os.defpath)]),
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "TMPDIR": str(self.work),
            "AWS_EC2_METADATA_DISABLED": "true",
            **self.server.environment,
        }

    def ours(self, folder: Path, place: Place, *, verb: str = "sync", **settings: str) -> Command:
        """The host program with a config file as an operator writes it: default settings, and a state file."""
        config = self.config(folder, place, **settings)
        python = [str(VENV_BIN / "python"), "-I", "-B"]
        return Command([*python, str(self.program), verb, "--config", str(config)], self._bare)

    def config(self, folder: Path, place: Place, **settings: str) -> Path:
        """A config file for the host program, in the directory of the place."""
        values = {
            "SOURCE_DIR": str(folder),
            "S3_BUCKET": place.bucket,
            "S3_SUBDIRECTORY": place.prefix,
            "S5CMD_PATH": str(self.s5cmd),
            "STATE_FILE": str(place.directory / "state.sqlite"),
            "LOCK_FILE": str(place.directory / "lock"),
            "RESULT_FILE": str(place.directory / "result.json"),
            **self.server.environment,
            **settings,
        }
        path = place.directory / "job.env"
        path.touch(mode=0o600)
        path.write_text("".join(f"{name}='{value}'\n" for name, value in values.items()), "utf-8")
        return path

    @property
    def _bare(self) -> dict[str, str]:
        """Ours reads keys and endpoint from the config file."""
        return {name: value for name, value in self.environment.items() if name not in self.server.environment}

    @staticmethod
    def _deployed(program: Path) -> Path:
        """Our program as a host has it: a folder, compiled for the Python that runs it."""
        if not program.exists():
            with zipfile.ZipFile(build(program.with_suffix(".zip"))) as archive:
                archive.extractall(program)
            compile_folder(program, str(VENV_BIN / "python"))
        return program

    def s5cmd_sync(self, folder: Path, place: Place) -> Command:
        """Plain `s5cmd sync`, default flags."""
        arguments = [str(self.s5cmd), "--endpoint-url", self.server.endpoint_url]
        return Command([*arguments, "sync", f"{folder}/", f"{place.url}/"], self.environment)

    def s5cmd_run(self, folder: Path, place: Place) -> Command:
        """Our s5cmd without us, the floor below what we do: the same command lines, nothing planned or proven."""
        paths = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
        copy = f"cp --raw --part-size {Job.part_size // MIB} --concurrency {Job.concurrency} --metadata synced-by=bench"
        lines = "".join(f"{copy} '{folder / path}' '{place.url}/{path}'\n" for path in paths)
        arguments = [str(self.s5cmd), "--json", "--numworkers", str(Job.numworkers)]
        arguments += ["--endpoint-url", self.server.endpoint_url, "run"]
        return Command(arguments, {**GO_RUNTIME, **self.environment}, stdin=lines.encode())

    def rclone_copy(self, folder: Path, place: Place, *flags: str) -> Command:
        """`rclone copy`; the remote is defined by variables."""
        remote = {
            "RCLONE_CONFIG": os.devnull,
            "RCLONE_CONFIG_SERVER_TYPE": "s3",
            "RCLONE_CONFIG_SERVER_PROVIDER": "SeaweedFS",
            "RCLONE_CONFIG_SERVER_ENV_AUTH": "true",
            "RCLONE_CONFIG_SERVER_REGION": self.server.region,
            "RCLONE_CONFIG_SERVER_ENDPOINT": self.server.endpoint_url,
        }
        arguments = [str(BENCH_BIN / "rclone"), "copy", *flags]
        destination = f"server:{place.bucket}/{place.prefix}"
        return Command([*arguments, str(folder), destination], {**self.environment, **remote})

    def aws_sync(self, folder: Path, place: Place) -> Command:
        """`aws s3 sync`; without its display, which takes processor time that no unattended run would spend."""
        arguments = [str(BENCH_BIN / "aws"), "--endpoint-url", self.server.endpoint_url, "s3", "sync", "--no-progress"]
        return Command([*arguments, str(folder), place.url], self.environment)


def find_s5cmd() -> Path:
    """The binary in the environment of the peers, not the wrapper beside it. Raises BenchError."""
    found = list(BENCH_VENV.glob("lib*/python3*/site-packages/s5cmd/bin/s5cmd"))
    if not found:
        raise BenchError(f"no s5cmd in {BENCH_VENV}: run python3 dev/set_up.py bench")
    return found[0]


def programs(work: Path) -> list[tuple[str, list[str]]]:
    """Each program with the arguments that make it print its version."""
    return [
        ("datasync-turbo", [str(VENV_BIN / "python"), str(build(work / PROGRAM)), "--version"]),
        ("s5cmd", [str(find_s5cmd()), "version"]),
        ("rclone", [str(BENCH_BIN / "rclone"), "version"]),
        ("aws", [str(BENCH_BIN / "aws"), "--version"]),
        ("Python", [str(VENV_BIN / "python"), "--version"]),
    ]
