# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The command lines of s5cmd: as an argument list, and as a line for `s5cmd run`.

Everything here was observed on s5cmd 2.2.2 and 2.3.0 and read in its source, https://github.com/peak/s5cmd.
"""

from __future__ import annotations

from collections.abc import Mapping

from ...common.units import MIB
from ...job.job import Job
from ..hand_over import Parts


def global_arguments(binary: str, job: Job, endpoint_url: str | None, numworkers: int) -> list[str]:
    """The command line up to the sub-command. `endpoint_url` is that of a server other than Amazon's."""
    arguments = [binary, "--json", "--log", "info"]
    arguments += ["--numworkers", str(numworkers), "--retry-count", str(job.retry_count)]
    if endpoint_url:
        arguments += ["--endpoint-url", endpoint_url]
    if job.connection.request_payer:
        arguments += ["--request-payer", job.connection.request_payer]
    return arguments


class CopyCommands:
    """The uploads of a job as commands for s5cmd, from `cp` on. What they have in common is made and quoted once.

    `metadata` is what all objects get. `--raw` because names are not patterns.
    """

    def __init__(self, job: Job, metadata: Mapping[str, str]) -> None:
        self._job = job
        self._metadata = metadata
        self._lines: dict[Parts, str] = {}

    def arguments(self, source: str, key: str, parts: Parts, metadata: Mapping[str, str]) -> list[str]:
        """One upload as an argument list. `metadata` is what this object gets beside the rest."""
        own = [argument for name, value in metadata.items() for argument in ("--metadata", f"{name}={value}")]
        return [*self._common(parts), *own, source, destination(self._job, key)]

    def line(self, source: str, key: str, parts: Parts, metadata: Mapping[str, str]) -> bytes:
        """The same as a line for `s5cmd run`, quoted as its shell-like reader expects, with the newline."""
        common = self._lines.get(parts)
        if common is None:
            common = self._lines[parts] = " ".join(_quoted(argument) for argument in self._common(parts))
        own = "".join(f" '--metadata' {_quoted(f'{name}={value}')}" for name, value in metadata.items())
        return f"{common}{own} {_quoted(source)} {_quoted(destination(self._job, key))}\n".encode()

    def _common(self, parts: Parts) -> list[str]:
        job = self._job
        arguments = ["cp", "--raw", "--part-size", str(parts.size // MIB), "--concurrency", str(parts.concurrency)]
        optional = {
            "--storage-class": job.storage_class,
            "--acl": job.acl,
            "--sse": job.sse,
            "--sse-kms-key-id": job.sse_kms_key_id,
        }
        for flag, value in optional.items():
            if value:
                arguments += [flag, value]
        for name, value in self._metadata.items():
            arguments += ["--metadata", f"{name}={value}"]
        return arguments


def _quoted(argument: str) -> str:
    return "'" + argument.replace("'", "'\\''") + "'"


def destination(job: Job, key: str) -> str:
    """An object as s5cmd names it on its command line and in its events."""
    return f"s3://{job.bucket}/{key}"


def fits_on_a_line(source: str, key: str) -> bool:
    """Whether `s5cmd run` can read the command from a line. A name with a newline needs a call of its own."""
    return "\n" not in source and "\n" not in key
