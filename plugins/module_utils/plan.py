# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The plan: which files must be uploaded, which are stored already, and which cannot be, and why.

A file counts as stored when an object of its key and size was stored after the file's last change. The last change is
the later of mtime and ctime, because `cp -p`, `mv` and restores set mtime back. Where the times cannot tell (the same
second, or the file may have changed while it was being read), the content decides.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Optional, Tuple

from .bucket import Bucket, ObjectHead, StoredObject
from .checksums import MAX_OBJECT_SIZE, MIB
from .errors import ConfigurationError
from .job import Job
from .patience import answered
from .patterns import Filter
from .report import Kind, Problem, printable
from .verify import Outcome, Verdict, Verifier
from .walk import LocalFile, Walk, Walker

#: Who stored an object, in its metadata; then its `timestamp` is the second in which we began to read the file.
SYNCED_BY = "datasync-turbo"

#: Name of the metadata that carries the file's fingerprint.
FINGERPRINT = "source-identity"

#: Seconds. S3 shows times to the second, and the offset between the clocks is known to about a second.
CLOCK_MARGIN = 3.0
#: An object's time is when it was stored, its content was read before that: up to this many seconds, and some more for
#: each MiB. A file that changed within that window may have changed while it was read.
READ_WINDOW = 900.0
#: Seconds for each MiB of our own uploads, of which dozens share a slow line. Within that window the object's header is
#: asked for, and its metadata tells when we began to read.
OUR_SECONDS_PER_MIB = 60.0
#: Seconds for each MiB of what others stored, who left no such metadata: the content decides within that window.
OTHERS_SECONDS_PER_MIB = 1.0
#: Seconds by which the clock of a file system may be behind ours.
FILE_CLOCK_MARGIN = 1.0
#: Requests in flight while objects are looked at.
LOOKERS = 8


class Upload(NamedTuple):
    """A file to upload and the reason, for people."""

    file: LocalFile
    reason: str


class Present(NamedTuple):
    """A file that is stored already; `verdict` where its content was compared to know."""

    file: LocalFile
    verdict: Optional[Verdict]


@dataclass
class Plan:
    """What a run has to do. Uploads are ordered largest first, so that no large file is left alone at the end."""

    uploads: List[Upload] = field(default_factory=list)
    present: List[Present] = field(default_factory=list)
    problems: List[Problem] = field(default_factory=list)
    skipped: int = 0
    #: How many objects are under the prefix before the run.
    remote_objects: int = 0

    @property
    def upload_bytes(self) -> int:
        """Bytes to upload."""
        return sum(upload.file.identity.size for upload in self.uploads)

    @property
    def source_bytes(self) -> int:
        """Bytes of all files that belong to the job and can be stored."""
        return self.upload_bytes + sum(present.file.identity.size for present in self.present)

    @property
    def source_files(self) -> int:
        """Number of files that belong to the job and can be stored."""
        return len(self.uploads) + len(self.present)

    def uploads_as_dicts(self) -> List[Dict[str, Any]]:
        """The uploads as plain JSON types: path relative to the source, key, size in bytes, reason."""
        return [
            {
                "path": printable(upload.file.relative),
                "key": upload.file.key,
                "size": upload.file.identity.size,
                "reason": upload.reason,
            }
            for upload in self.uploads
        ]


def make_plan(
    job: Job, bucket: Bucket, tick: Callable[[], None] = lambda: None, unproven_since: Optional[float] = None
) -> Plan:
    """Walk the source, list the bucket, compare. Nothing is written. Raises what Bucket raises.

    Objects stored after `unproven_since`, in seconds since the epoch, are taken for stored only if their content is.
    """
    _require_folder(job.src)
    # The bucket comes first: with a dead endpoint or wrong keys there is no point in a long walk.
    answered(lambda: bucket.check(job.prefix), bucket.no_answer, tick)
    walk = Walker(job.src, job.prefix, Filter(job.include, job.exclude), job.follow_symlinks, tick).walk()
    stored: Dict[str, StoredObject] = {}
    for entry in bucket.list(job.prefix):
        stored[entry.key] = entry
        if len(stored) % 1000 == 0:
            tick()
    return _Comparison(job, bucket, walk, stored, tick, unproven_since=unproven_since).plan()


def _require_folder(src: str) -> None:
    # Checked when the job runs, not when it is written: then the failure is in the report that others read.
    if not os.path.lexists(src):
        raise ConfigurationError(f"src {src!r} does not exist", "check the path and that its file system is mounted")
    if not os.path.isdir(src):
        raise ConfigurationError(f"src {src!r} is not a folder", "give the folder that holds the files")


class _Comparison:
    def __init__(
        self,
        job: Job,
        bucket: Bucket,
        walk: Walk,
        stored: Dict[str, StoredObject],
        tick: Callable[[], None],
        *,
        unproven_since: Optional[float],
    ) -> None:
        self._unproven_since = unproven_since
        self._bucket = bucket
        self._verifier = Verifier(bucket, job.checksum_algorithm)
        self._walk = walk
        self._stored = stored
        self._tick = tick
        self._plan = Plan(problems=walk.problems, skipped=walk.skipped, remote_objects=len(stored))

    def plan(self) -> Plan:
        doubtful: List[LocalFile] = []
        for file in self._walk.files:
            entry = self._stored.get(file.key)
            if entry is None:
                self._upload(file, "new")
            elif entry.size != file.identity.size:
                self._upload(file, f"size: {entry.size} bytes are stored, the file has {file.identity.size}")
            elif self._stored_after_last_change(file, OUR_SECONDS_PER_MIB) and not self._suspect(file):
                self._plan.present.append(Present(file, None))
            else:
                doubtful.append(file)
        for file, (reason, verdict) in self._look_at(doubtful):
            if reason:
                self._upload(file, reason)
            else:
                self._plan.present.append(Present(file, verdict))
        self._plan.uploads.sort(key=lambda upload: (-upload.file.identity.size, upload.file.key))
        return self._plan

    def _upload(self, file: LocalFile, reason: str) -> None:
        if file.identity.size > MAX_OBJECT_SIZE:
            message = f"has {file.identity.size} bytes; S3 takes {MAX_OBJECT_SIZE} in one object"
            self._plan.problems.append(Problem(printable(file.relative), Kind.TOO_LARGE, message))
        elif not os.path.lexists(file.path):
            message = "was deleted or renamed meanwhile"
            self._plan.problems.append(Problem(printable(file.relative), Kind.VANISHED, message))
        elif not os.access(file.path, os.R_OK):
            message = "cannot be read: Permission denied"
            self._plan.problems.append(Problem(printable(file.relative), Kind.UNREADABLE, message))
        else:
            self._plan.uploads.append(Upload(file, reason))

    def _suspect(self, file: LocalFile) -> bool:
        """Whether an earlier run may have stored the object and ended without a proof."""
        return self._unproven_since is not None and self._stored_at(file) >= self._unproven_since - CLOCK_MARGIN

    def _stored_at(self, file: LocalFile) -> float:
        """When the file's object was stored, by this host's clock."""
        return self._stored[file.key].last_modified - self._bucket.server_clock_ahead

    def _stored_after_last_change(self, file: LocalFile, seconds_per_mib: float) -> bool:
        window = CLOCK_MARGIN + READ_WINDOW + seconds_per_mib * file.identity.size / MIB
        return file.last_change_ns < (self._stored_at(file) - window) * 1e9

    def _look_at(self, files: List[LocalFile]) -> Iterable[Tuple[LocalFile, Tuple[str, Optional[Verdict]]]]:
        if not files:
            return
        with ThreadPoolExecutor(LOOKERS, thread_name_prefix="look") as pool:
            try:
                for file, answer in zip(files, pool.map(self._reason_to_upload, files)):
                    self._tick()
                    yield file, answer
            except BaseException:
                # Without this the pool would finish the whole list first.
                self._verifier.stop()
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _reason_to_upload(self, file: LocalFile) -> Tuple[str, Optional[Verdict]]:
        head = self._bucket.head(file.key)
        if head is None:
            return "new", None
        suspect = self._suspect(file)
        if not suspect and self._stored_as_it_is(file, head):
            return "", None
        verdict = self._verifier.present(file, head)
        if verdict.outcome is Outcome.SAME:
            return "", verdict
        if verdict.outcome is Outcome.UNPROVEN and suspect:
            # To store it again would prove nothing either; it stays a problem until something can prove it.
            return "", verdict
        if verdict.outcome is Outcome.UNPROVEN:
            return "changed after it was stored, as its times say", None
        return f"content: {verdict.message}", None

    def _stored_as_it_is(self, file: LocalFile, head: ObjectHead) -> bool:
        """Whether the times prove that the object was read from the file after its last change."""
        if head.size != file.identity.size:
            return False
        if head.metadata.get("synced-by") == SYNCED_BY and head.metadata.get(FINGERPRINT) == file.identity.fingerprint:
            # The very file that was handed to s5cmd, untouched since: whatever happened to the path or the clocks.
            return True
        began = _began_to_read(head)
        if began is None:
            return self._stored_after_last_change(file, OTHERS_SECONDS_PER_MIB)
        # Reading cannot begin after storing: our clock was ahead then, and was set since.
        plausible = began <= self._stored_at(file) + CLOCK_MARGIN
        return plausible and file.last_change_ns < (began - FILE_CLOCK_MARGIN) * 1e9


def _began_to_read(head: ObjectHead) -> Optional[int]:
    """The second, by this host's clock, in which the uploader began to read the file; None if others stored it."""
    text = head.metadata.get("timestamp", "")
    return int(text) if head.metadata.get("synced-by") == SYNCED_BY and text.isdecimal() else None
