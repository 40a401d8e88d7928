# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Multipart uploads that an engine left open: nobody sees them, and they are billed.

Aborted are only those of our own keys that were begun while a run of ours was under way: other programs may upload to
the same prefix.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import Callable

from ..common.errors import AccessError, DatasyncError
from ..common.threads import answered
from ..common.units import MIB
from ..job.job import Job
from ..job.memory import RunMemory
from ..plan.uploads import Uploads
from ..report.log import Log
from ..s3.bucket import Bucket
from ..s3.limits import effective_part_size
from ..s3.listing import CLOCK_MARGIN
from ..transfer.settings import ClassSettings

#: Seconds for aborting what was left open. systemd gives a stopped unit 90 before it kills it.
ABORT_DEADLINE = 45.0


def multipart_keys(settings: ClassSettings, uploads: Uploads) -> Iterator[str]:
    """The keys that are stored in more than one request. The largest files come first."""
    for upload in uploads:
        size = upload.file.identity.size
        if size <= MIB:
            return
        if size > effective_part_size(size, settings.of(upload.file).part_size):
            yield upload.file.key


def clean_up_earlier_runs(job: Job, bucket: Bucket, memory: RunMemory, log: Log) -> None:
    """Abort what earlier runs left open; what may not be aborted stays in the memory. Raises CredentialsError."""
    left = memory.left_by_earlier
    if left is None:
        return
    try:
        if left.keys:
            abort(job, bucket, set(left.keys), left.since, log.info)
    except AccessError as error:
        # Uploads need no right to list or to abort, and must not wait until somebody grants it.
        log.warn(f"multipart uploads of an earlier run may be left open: {error}; the next run tries again")
        return
    memory.earlier_cleaned_up()


def clean_up(job: Job, bucket: Bucket, memory: RunMemory, log: Log, *, complete: bool) -> None:
    """Abort what this run left open, if it may; only where it is `complete` there need be nothing."""
    left = memory.left_by_this
    try:
        if left is not None and left.keys:
            # Also after a run without a fault: s5cmd begins again when the answer to a beginning was lost.
            abort(job, bucket, set(left.keys), left.since, log.info)
    except DatasyncError as error:
        if not complete:
            log.warn(f"multipart uploads of this run may be left open: {error}; the next run aborts them")
            return
        log.debug(f"multipart uploads were not looked for: {error}")
    memory.cleaned_up()


def abort(job: Job, bucket: Bucket, keys: Container[str], since: float, say: Callable[[str], None]) -> None:
    """Abort the open multipart uploads of these keys that were begun after `since` (epoch, this host's clock).

    Raises CredentialsError or AccessError, also when it takes too long.
    """
    earliest = since + bucket.server_clock_ahead - CLOCK_MARGIN

    def work() -> None:
        for entry in list(bucket.open_uploads(job.prefix)):
            if entry.key in keys and entry.initiated >= earliest:
                bucket.abort_upload(entry)
                say(f"aborted the multipart upload that was left open for {entry.key}")

    answered(work, bucket.no_answer, seconds=ABORT_DEADLINE)
