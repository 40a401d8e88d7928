# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Results of runs, and runs that ended, made up for tests."""

from __future__ import annotations

from typing import Any

from ansible_collections.datasync.turbo.plugins.module_utils.job.job import Job
from ansible_collections.datasync.turbo.plugins.module_utils.job.local_file import Identity, LocalFile
from ansible_collections.datasync.turbo.plugins.module_utils.plan.plan import Plan
from ansible_collections.datasync.turbo.plugins.module_utils.plan.uploads import NEW, Upload
from ansible_collections.datasync.turbo.plugins.module_utils.report.result import ChecksumVerification, Result
from ansible_collections.datasync.turbo.plugins.module_utils.s3.listing import StoredObject
from ansible_collections.datasync.turbo.plugins.module_utils.sync.account import Finished


def result(**changes: Any) -> Result:
    """The result of a run that uploaded two files and proved them, with these fields in place of its own."""
    values: dict[str, Any] = {
        "timestamp": "2026-01-02T03:04:05+01:00",
        "duration_seconds": 1.5,
        "files_synced": 2,
        "bytes_transferred": 300,
        "source_size": "4.0K",
        "s3_objects": 7,
        "status": "success",
        "tool": "s5cmd",
        "tool_version": "v2.3.0",
        "throughput_mbps": 0.2,
        "source": "/srv/material",
        "destination": "s3://archive/",
        "dry_run": False,
        "checksum_verification": ChecksumVerification(True, "CRC64NVME", "uploaded", True, methods={"ETag": 2}),
        "problems": [],
        "exit_code": 0,
        "host": "upload-1",
        "source_files": 9,
        **changes,
    }
    return Result(**values)


def finished(exit_code=0, **changes):
    """A run with an empty plan."""
    changes.setdefault("status", "failed" if exit_code else "success")
    outcome = result(source="/srv/日本", exit_code=exit_code, **changes)
    return Finished(outcome, Plan.nothing(Job(src="/srv/日本", bucket="archive")))


def planned():
    """A plan with an upload and a deletion."""
    run = finished(dry_run=True)
    file = LocalFile("/srv/日本/take 1.mov", "take 1.mov", "take 1.mov", Identity(146_800_640, 1, 1, 1, 1))
    run.plan.uploads.add(Upload(file, NEW))
    run.plan.deletions.append(StoredObject("old\n.mov", 12, "", 0.0))
    return run
