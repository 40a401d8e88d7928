# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Runs the sink (sink.c), an S3 server that keeps nothing, and writes the table of checksums that it answers with."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from dev.s3_client import s3_client
from tests.bench.c_programs import compiled
from tests.bench.measured import BenchError

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Known:
    """What the sink knows of an object beforehand: bytes, MD5 in hexadecimal, CRC64NVME in base64 as S3 has it.

    Without checksums it is stored all the same, and nothing can prove it.
    """

    key: str
    size: int
    md5: str = ""
    crc64nvme: str = ""

    @property
    def line(self) -> str:
        """As in the table of sink.c."""
        return f"{self.size} {self.md5 or '-'} {self.crc64nvme or '-'} {self.key}\n"


def write_table(path: Path, known: Iterable[Known]) -> Path:
    """Write the table, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    with partial.open("w", encoding="utf-8") as file:
        file.writelines(entry.line for entry in known)
    partial.replace(path)
    return path


@dataclass(frozen=True)
class Stored:
    """All of the table is in this bucket when the server starts, stored at `modified` (seconds since the epoch)."""

    bucket: str
    modified: int


class Sink:
    """One sink with the attributes of dev.seaweedfs.SeaweedFS that contenders need. Use it as a context manager.

    `launcher` is put before its command line, to start it elsewhere, such as in another network namespace. It takes
    any keys; those that it tells are made up.
    """

    region = "us-east-1"
    access_key = "AKSINK"
    secret_key = "any-secret-is-taken"

    def __init__(
        self,
        table: Path,
        *,
        address: str = LOOPBACK,
        stored: Stored | None = None,
        launcher: Sequence[str] = (),
    ) -> None:
        self._command = [*launcher, str(compiled("sink")), address, str(table)]
        if stored:
            self._command += [stored.bucket, str(stored.modified)]
        self._address = address
        self._process: subprocess.Popen[str] | None = None
        self.endpoint_url = ""

    def __enter__(self) -> Sink:
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        said = self._process.stdout.readline().strip() if self._process.stdout else ""
        if not said.isdecimal():
            self.__exit__(None, None, None)
            raise BenchError(f"the sink did not start: {said or 'it says nothing'}")
        self.endpoint_url = f"http://{self._address}:{said}"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()

    @property
    def pid(self) -> int:
        """Process id of the running server."""
        if self._process is None:
            raise BenchError("the sink is not running")
        return self._process.pid

    @property
    def environment(self) -> dict[str, str]:
        """The connection as the environment variables that all contenders read."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": self.region,
            "S3_ENDPOINT_URL": self.endpoint_url,
        }

    def client(self) -> Any:
        """A boto3 client."""
        return s3_client(self.endpoint_url, self.access_key, self.secret_key, self.region)
