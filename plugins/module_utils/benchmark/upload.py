# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""One upload by one tool, measured, judged by what the bucket then holds, and removed again."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..common.errors import ConfigurationError
from ..common.threads import Tick
from ..common.units import counted
from ..s3.bucket import Bucket
from .measure import data as dataset
from .measure import link
from .measure.data import Dataset
from .measure.link import Link
from .measure.usage import Usage, run_measured
from .prefixes import Prefixes
from .result import Measurement, rates
from .tools import MESSAGE_LENGTH, Tool, Toolbox, ToolReport, ToolUpload, account

#: Exit code of a run that was ended at its time limit, as timeout(1) has it.
TIMED_OUT = 124


@dataclass
class MeasuredUploads:
    """What all uploads of a benchmark share. `timeout` in seconds; `directory` is for the logs of the runs."""

    toolbox: Toolbox
    bucket: Bucket
    prefixes: Prefixes
    link: Link
    directory: str
    timeout: int
    tick: Tick
    #: Of the locks: a tool that outlives us holds them on.
    inherited: tuple[int, ...] = ()

    def run(self, tool: Tool, data: Dataset, number: int, transfer: Mapping[str, Any] | None = None) -> Measurement:
        """Upload the dataset; `number` is the round. `transfer` replaces options of our own pipeline.

        A tool that fails gives a run with a message. Raises what `tick` raises, and CredentialsError or AccessError
        when the bucket no longer answers; what is stored then is left to the end of the prefixes.
        """
        prefix = self.prefixes.new(tool.name)
        upload = ToolUpload(data.folder, prefix, os.path.join(self.directory, prefix.rstrip("/").rpartition("/")[2]))
        os.makedirs(upload.directory, mode=0o700)
        try:
            run = self._run(tool, data, number, upload, transfer)
        finally:
            shutil.rmtree(upload.directory, ignore_errors=True)
        self.prefixes.remove(prefix)
        return run

    def _run(
        self, tool: Tool, data: Dataset, number: int, upload: ToolUpload, transfer: Mapping[str, Any] | None
    ) -> Measurement:
        command = self.toolbox.command(tool, upload, transfer)
        began = datetime.now().astimezone().isoformat(timespec="seconds")
        sent_before = self._sent()
        usage = run_measured(
            command.arguments,
            command.environment,
            upload.log_path,
            stdin=command.stdin,
            timeout=self.timeout,
            tick=self.tick,
            inherited=self.inherited,
        )
        sent = self._sent()
        link_bytes = None if sent is None or sent_before is None else max(0, sent - sent_before)
        told = account(tool, upload)
        return Measurement(
            dataset=data.name,
            tool=tool.name,
            round=number,
            began=began,
            wall_seconds=round(usage.wall_seconds, 3),
            cpu_seconds=round(usage.cpu_seconds, 3),
            cpu_percent=round(usage.cpu_seconds / usage.wall_seconds * 100, 1),
            peak_memory_bytes=usage.peak_memory,
            **rates(data.total_bytes, data.files, usage.wall_seconds),
            link_bytes=link_bytes,
            link_percent=self._share(link_bytes, usage.wall_seconds),
            retries=told.retries,
            errors=told.errors,
            exit_code=TIMED_OUT if usage.timed_out else usage.exit_code,
            message=self._verdict(usage, told, data, upload),
            total_bytes=data.total_bytes,
        )

    def _changed(self, data: Dataset) -> bool:
        """Whether a folder of the host's is another one than at the beginning."""
        try:
            return not data.generated and dataset.existing(data.folder, self.tick).sizes != data.sizes
        except ConfigurationError:
            return True

    def _sent(self) -> int | None:
        return link.bytes_sent(self.link.interface) if self.link.interface else None

    def _share(self, sent: int | None, seconds: float) -> float | None:
        """Percent of the link that was used; None where its speed is unknown."""
        if sent is None or not self.link.mbps:
            return None
        return round(sent * 8 / 1_000_000 / seconds / self.link.mbps * 100, 1)

    def _verdict(self, usage: Usage, told: ToolReport, data: Dataset, upload: ToolUpload) -> str:
        """Why the run does not count; '' if it does. No tool is believed: the bucket is asked."""
        if usage.timed_out:
            return f"ended after the time limit of {self.timeout} s"
        if usage.exit_code != 0:
            said = told.message or " ".join(usage.tail.split())[-MESSAGE_LENGTH:]
            return f"ended with exit code {usage.exit_code}: {said}" if said else f"exit code {usage.exit_code}"
        stored = [entry.size for entry in self.bucket.list(upload.prefix)]
        if len(stored) != data.files or sum(stored) != data.total_bytes:
            if self._changed(data):
                return "the folder changed since the benchmark began, so that its runs cannot be compared"
            return (
                f"said success, but {counted(len(stored), 'object')} of {sum(stored)} bytes are stored instead of"
                f" {data.files} of {data.total_bytes} bytes"
            )
        return told.message and f"said success, but reported: {told.message}"
