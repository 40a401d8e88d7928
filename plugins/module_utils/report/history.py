# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The history of a job: a line of JSON for each run, the newest last, at most some more lines than are asked for.

`docs/s5cmd-guide.md` lists the keys for operators.
"""

from __future__ import annotations

import errno
import json
import math
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO

from ..common import files, locks
from ..common.version import __version__
from ..job.job import Job
from .result import Result

#: So many runs more than wanted are let in before the file is written anew, as a part of those wanted.
EXCESS = 0.1


def entry(result: Result) -> dict[str, Any]:
    """What the history tells of a run, as plain JSON types; `problems` is their number."""
    return {
        "timestamp": result.timestamp,
        "duration_seconds": result.duration_seconds,
        "status": result.status,
        "exit_code": result.exit_code,
        "files_synced": result.files_synced,
        "bytes_transferred": result.bytes_transferred,
        "throughput_mbps": result.throughput_mbps,
        "source_files": result.source_files,
        "s3_objects": result.s3_objects,
        "problems": len(result.problems),
        "verified": result.checksum_verification.verified,
        "destination": result.destination,
        "host": result.host,
        "tool_version": result.tool_version,
        "program_version": __version__,
    }


def append(path: str, result: Result, runs: int = Job.history_runs) -> None:
    """Append a run, and forget all but the newest `runs` when there are a tenth more. Raises OSError.

    Whoever runs, and with whatever lock, may call this: the history has a lock of its own, held for the moment.
    """
    files.make_folders(os.path.dirname(os.path.abspath(path)), mode=None)
    line = f"{json.dumps(entry(result), ensure_ascii=False)}\n".encode("utf-8", "backslashreplace")
    with _locked(path) as file:
        # A line that a crash or a full disk cut off stays a line of its own.
        _write(file, line if _ends_whole(file) else b"\n" + line)
        os.fsync(file.fileno())
        file.seek(0)
        lines = file.read().splitlines(keepends=True)
        if len(lines) > runs * (1 + EXCESS):
            newest = [line for line in lines if _is_entry(line)][-runs:]
            _rewrite(path, file, newest)


@contextmanager
def _locked(path: str) -> Iterator[BinaryIO]:
    """The history, locked, for reading and appending, without a buffer."""
    # A job has one writer nearly always, so that a file system without locks will do.
    with locks.held(path, wait=math.inf, opened=_open, required=False) as descriptor:
        yield os.fdopen(descriptor, "ab+", buffering=0, closefd=False)


def _open(path: str) -> int:
    flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC
    with suppress(FileExistsError):
        descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, files.READABLE_BY_ALL)
        os.fchmod(descriptor, files.READABLE_BY_ALL)
        files.sync_folder(os.path.dirname(os.path.abspath(path)))
        return descriptor
    # Not O_CREAT: another user's file in a sticky folder can be opened without it only (fs.protected_regular).
    return os.open(path, flags)


def _ends_whole(file: BinaryIO) -> bool:
    """Whether a new line may begin at the end of the file."""
    if file.seek(0, os.SEEK_END) == 0:
        return True
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"


def _write(file: BinaryIO, line: bytes) -> None:
    """In one write, which O_APPEND puts behind whatever is there."""
    if file.write(line) < len(line):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _rewrite(path: str, file: BinaryIO, lines: Iterable[bytes]) -> None:
    status = os.fstat(file.fileno())
    # A run by root must leave the file to the user who runs the job otherwise.
    owner = (status.st_uid, status.st_gid) if os.geteuid() == 0 else None
    files.write(path, b"".join(lines), status.st_mode & 0o777, owner=owner)


def _is_entry(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict) and line.endswith(b"\n")
    except ValueError:
        return False
