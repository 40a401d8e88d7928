# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Results of runs made up for tests."""

from __future__ import annotations

from typing import Any

from ansible_collections.datasync.turbo.plugins.module_utils.report.result import ChecksumVerification, Result


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
