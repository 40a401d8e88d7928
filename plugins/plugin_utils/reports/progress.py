# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What people read on the controller about runs on the hosts: lines of progress, outcomes, the reasons of failures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...module_utils.common.units import counted, format_bytes_si

#: Reasons that a message names for each job; all that the host handed on are in the result.
REASONS = 10


def progress_line(host: str, job: str, progress: Mapping[str, Any] | None) -> str:
    """One line of a run that goes on; `progress` is the job's progress file, None before the run has written it."""
    if not progress or progress.get("phase") == "planning":
        return f"{host} {job}: looks for what to upload"
    done, size = progress.get("bytes_done") or 0, progress.get("bytes") or 0
    line = (
        f"{host} {job}: {progress.get('files_done') or 0} of {counted(progress.get('files') or 0, 'file')},"
        f" {format_bytes_si(done)} of {format_bytes_si(size)}"
    )
    rate = progress.get("rate") or 0
    if progress.get("phase") == "finishing":
        return f"{line}, finishing"
    if rate:
        line += f", {rate / 1e6:.1f} MB/s, about {max(round((size - done) / rate), 0)} s left"
    return line


def outcome_line(row: Mapping[str, Any]) -> str:
    """One line of a job that has ended, or of its plan; a row of what `uploader_run` returns."""
    result = row.get("result") or {}
    status = result.get("status") or ("failed" if row.get("failed") else "success")
    if "upload_count" in row:
        told = f"{row['upload_count']} to upload ({format_bytes_si(row.get('upload_bytes') or 0)})"
        if row.get("deletion_count"):
            told += f", {row['deletion_count']} to delete"
    else:
        told = _done(result)
    reasons = f": {_reasons(row)}" if row.get("failed") else ""
    return f"{row.get('job')}: {status}, {told}{reasons}"


def failure_message(host: str, rows: Sequence[Mapping[str, Any]], running: Sequence[str], timeout: float) -> str:
    """Why the task fails: host, jobs, reasons. '' if nothing failed and nothing is `running`."""
    parts = [
        f"{host}: job {row.get('job')} failed with exit code {row.get('exit_code')}: {_reasons(row)}"
        for row in rows
        if row.get("failed")
    ]
    parts += [
        f"{host}: job {job} still runs after {timeout:g} seconds; it goes on there. Look with datasync.turbo.status, or"
        " raise wait_timeout"
        for job in running
    ]
    return "\n".join(parts)


def _done(result: Mapping[str, Any]) -> str:
    verified = (result.get("checksum_verification") or {}).get("verified")
    deleted = (result.get("deletions") or {}).get("deleted")
    return (
        f"{result.get('files_synced') or 0} uploaded ({format_bytes_si(result.get('bytes_transferred') or 0)}), "
        f"{result.get('files_unchanged') or 0} stored already, "
        f"{f'{deleted} deleted, ' if deleted else ''}{'verified' if verified else 'not verified'}"
    )


def _reasons(row: Mapping[str, Any]) -> str:
    return " | ".join(str(reason) for reason in list(row.get("reasons") or ("no reason given",))[: REASONS + 1])
