# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Multipart uploads that s5cmd left open: nobody sees them, and they are billed.

Aborted are only those of our own keys that were begun while a run of ours was under way: other programs may upload to
the same prefix.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import Callable

from ..common.patience import answered
from ..common.units import MIB
from ..job.job import Job
from ..plan.uploads import Uploads
from ..s3.bucket import Bucket
from ..s3.limits import effective_part_size
from ..s3.listing import CLOCK_MARGIN
from ..transfer.settings import ClassSettings

#: Seconds for aborting what s5cmd left open. systemd gives a stopped unit 90 before it kills it.
ABORT_DEADLINE = 45.0


def multipart_keys(settings: ClassSettings, uploads: Uploads) -> Iterator[str]:
    """The keys that s5cmd stores in more than one request. The largest files come first."""
    for upload in uploads:
        size = upload.file.identity.size
        if size <= MIB:
            return
        if size > effective_part_size(size, settings.of(upload.file).part_size) * MIB:
            yield upload.file.key


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
