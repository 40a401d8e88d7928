# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The command lines that are compared: ours as an operator runs it, and the peers with their defaults."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, List, Tuple

from dev.ansible_environment import BUILD, CHECKOUT, VENV_BIN
from dev.build_program import build
from dev.seaweedfs import SeaweedFS
from tests.bench.measured import BenchError

BENCH_VENV = BUILD / "bench-venv"
BENCH_BIN = BENCH_VENV / "bin"
WITH_STORED_CRC64NVME = CHECKOUT / "tests" / "bench" / "with_stored_crc64nvme.py"


@dataclass(frozen=True)
class Command:
    """An argument list with its environment, and what is written to its stdin."""

    arguments: List[str]
    environment: Dict[str, str]
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

    server: SeaweedFS
    work: Path
    program: Path = field(init=False)
    s5cmd: Path = field(init=False)

    def __post_init__(self) -> None:
        self.program = build(self.work / "datasync-turbo")
        found = list(BENCH_VENV.glob("lib*/python3*/site-packages/s5cmd/bin/s5cmd"))
        if not found:
            raise BenchError(f"no s5cmd in {BENCH_VENV}: run python3 dev/set_up.py bench")
        self.s5cmd = found[0]

    @property
    def environment(self) -> Dict[str, str]:
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
        return Command([str(VENV_BIN / "python"), str(self.program), verb, "--config", str(config)], self._bare)

    def ours_with_stored_crc64nvme(self, folder: Path, place: Place, checksums: Dict[str, str]) -> Command:
        """The same program, to which every object seems to have these CRC64NVME (path below the folder -> base64)."""
        config = self.config(folder, place)
        known = place.directory / "stored.json"
        known.write_text(json.dumps({f"{place.prefix}/{path}": value for path, value in checksums.items()}), "utf-8")
        arguments = [str(VENV_BIN / "python"), str(WITH_STORED_CRC64NVME), str(self.program), str(known)]
        return Command([*arguments, "sync", "--config", str(config)], self._bare)

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
    def _bare(self) -> Dict[str, str]:
        """Ours reads keys and endpoint from the config file."""
        return {name: value for name, value in self.environment.items() if name not in self.server.environment}

    def s5cmd_sync(self, folder: Path, place: Place) -> Command:
        """Plain `s5cmd sync`, default flags."""
        arguments = [str(self.s5cmd), "--endpoint-url", self.server.endpoint_url]
        return Command([*arguments, "sync", f"{folder}/", f"{place.url}/"], self.environment)

    def s5cmd_run(self, folder: Path, place: Place, *flags: str, **environment: str) -> Command:
        """`s5cmd run` with one `cp` line for each file, the floor below what we do: nothing is planned or proven."""
        paths = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
        lines = "".join(f"cp --raw '{folder / path}' '{place.url}/{path}'\n" for path in paths)
        arguments = [str(self.s5cmd), "--endpoint-url", self.server.endpoint_url, *flags, "run"]
        return Command(arguments, {**self.environment, **environment}, stdin=lines.encode())

    def rclone_copy(self, folder: Path, place: Place) -> Command:
        """`rclone copy --transfers 32`; the remote is defined by variables."""
        remote = {
            "RCLONE_CONFIG": os.devnull,
            "RCLONE_CONFIG_SEAWEEDFS_TYPE": "s3",
            "RCLONE_CONFIG_SEAWEEDFS_PROVIDER": "SeaweedFS",
            "RCLONE_CONFIG_SEAWEEDFS_ENV_AUTH": "true",
            "RCLONE_CONFIG_SEAWEEDFS_REGION": self.server.region,
            "RCLONE_CONFIG_SEAWEEDFS_ENDPOINT": self.server.endpoint_url,
        }
        arguments = [str(BENCH_BIN / "rclone"), "copy", "--transfers", "32"]
        destination = f"seaweedfs:{place.bucket}/{place.prefix}"
        return Command([*arguments, str(folder), destination], {**self.environment, **remote})

    def aws_sync(self, folder: Path, place: Place) -> Command:
        """`aws s3 sync`, default flags."""
        arguments = [str(BENCH_BIN / "aws"), "--endpoint-url", self.server.endpoint_url, "s3", "sync"]
        return Command([*arguments, str(folder), place.url], self.environment)

    def versions(self) -> List[Tuple[str, List[str]]]:
        """Each program with the arguments that make it print its version."""
        return [
            ("datasync-turbo", [str(VENV_BIN / "python"), str(self.program), "--version"]),
            ("s5cmd", [str(self.s5cmd), "version"]),
            ("rclone", [str(BENCH_BIN / "rclone"), "version"]),
            ("aws", [str(BENCH_BIN / "aws"), "--version"]),
            ("SeaweedFS", [str(self.server.weed), "version"]),
            ("Python", [str(VENV_BIN / "python"), "--version"]),
        ]
