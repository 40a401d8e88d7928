# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Look-ups: whether an object of the right key and size is its file, where the listing does not tell.

First by the times, with margins for clocks and for files that change while they are read; then by what travelled with
the object; then by the content.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, NamedTuple

from ..common.threads import Pool, Tick
from ..common.units import MIB
from ..job.job import Job
from ..job.local_file import LocalFile
from ..job.state import Row
from ..proof.verify import Verdict, VerdictKind, Verifier
from ..s3.bucket import Bucket
from ..s3.head import ObjectHead
from ..s3.limits import SMALL_FILE
from ..s3.listing import CLOCK_MARGIN, StoredObject
from .uploads import NEW

if TYPE_CHECKING:
    from concurrent.futures import Future

#: Who stored an object, in its metadata; then its `timestamp` is the second in which we began to read the file.
SYNCED_BY = "datasync-turbo"

#: Name of the metadata that carries the file's fingerprint.
FINGERPRINT = "source-identity"

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

#: Requests in flight while objects are looked at, and how many may wait for their turn.
LOOKERS = 8
LOOKS_AHEAD = 256


class LookupAnswer(NamedTuple):
    """Why a file must be uploaded, '' if it is stored; the verdict that says so; whether only the record was asked."""

    reason: str
    verdict: Verdict
    by_record: bool = False


#: Takes in an answer.
TakeIn = Callable[[LookupAnswer], None]

_UNKNOWN = Verdict(VerdictKind.MISSING)


class Lookup:
    """Looks at single objects of one bucket. The methods that ask may be called in threads."""

    def __init__(self, job: Job, bucket: Bucket, verifier: Verifier) -> None:
        self._job = job
        self._bucket = bucket
        self._verifier = verifier

    def stored_at(self, entry: StoredObject) -> float:
        """When the object was stored, by this host's clock."""
        return entry.last_modified - self._bucket.server_clock_ahead

    def stored_after_last_change(self, file: LocalFile, entry: StoredObject, seconds_per_mib: float) -> bool:
        """Whether the file cannot have changed while it was read for this object, nor later."""
        window = CLOCK_MARGIN + READ_WINDOW + seconds_per_mib * file.identity.size / MIB
        return file.last_change_ns < (self.stored_at(entry) - window) * 1e9

    def reason_by_record(self, file: LocalFile, row: Row | None) -> LookupAnswer:
        """The file was touched: is its content still what was proven to be stored?"""
        if row is not None and row.method:
            proof = Verdict(VerdictKind.SAME, row.method, "", row.etag, row.checksum, row.part_size)
            verdict = self._verifier.recorded(file, proof)
            if verdict.kind is VerdictKind.SAME:
                return LookupAnswer("", verdict, by_record=True)
            if verdict.kind is not VerdictKind.UNPROVEN:
                return LookupAnswer(f"content: {verdict.message}", verdict)
        return self.reason_to_upload(file, None, suspect=True)

    def reason_to_upload(self, file: LocalFile, entry: StoredObject | None, suspect: bool) -> LookupAnswer:
        """By the content. With `suspect` the times settle nothing, and what cannot be proven is a problem."""
        listed = self._same_by_listing(file, entry)
        if listed is not None:
            return LookupAnswer("", listed)
        head = self._bucket.head(file.key)
        if head is None:
            return LookupAnswer(NEW, _UNKNOWN)
        if not suspect and self._stored_as_it_is(file, entry, head):
            return LookupAnswer("", Verdict(VerdictKind.SAME, "", etag=head.etag))
        verdict = self._verifier.present(file, head)
        if verdict.kind is VerdictKind.UNPROVEN and not suspect:
            return LookupAnswer("changed after it was stored, as its times say", verdict)
        if verdict.kind in (VerdictKind.SAME, VerdictKind.UNPROVEN):
            # To store again what cannot be proven would prove nothing either; it stays a problem until something can.
            return LookupAnswer("", verdict)
        return LookupAnswer(f"content: {verdict.message}", verdict)

    def _same_by_listing(self, file: LocalFile, entry: StoredObject | None) -> Verdict | None:
        """SAME if the ETag in the listing is the file's MD5. To read a small file is cheaper than to ask for a header.

        Only a match tells anything: an ETag may be no MD5. With `verify=all` the stored checksums are wanted.
        """
        if entry is None or file.identity.size > SMALL_FILE:
            return None
        if self._job.checksum_algorithm == "SHA256" or self._job.verify == "all":
            return None
        listed = Verdict(VerdictKind.SAME, "ETag", "", entry.etag, entry.etag)
        return listed if self._verifier.recorded(file, listed).kind is VerdictKind.SAME else None

    def _stored_as_it_is(self, file: LocalFile, entry: StoredObject | None, head: ObjectHead) -> bool:
        """Whether the times prove that the object was read from the file after its last change."""
        if head.size != file.identity.size:
            return False
        if head.metadata.get("synced-by") == SYNCED_BY and head.metadata.get(FINGERPRINT) == file.identity.fingerprint:
            # The very file that was handed over, untouched since: whatever happened to the path or the clocks.
            return True
        if entry is None:
            return False
        began = _began_to_read(head)
        if began is None:
            return self.stored_after_last_change(file, entry, OTHERS_SECONDS_PER_MIB)
        # Reading cannot begin after storing: our clock was ahead then, and was set since.
        plausible = began <= self.stored_at(entry) + CLOCK_MARGIN
        return plausible and file.last_change_ns < (began - FILE_CLOCK_MARGIN) * 1e9


class Looks:
    """Questions that are answered in threads, a few at a time; the answers are taken in here, in the same order."""

    def __init__(self, verifier: Verifier, tick: Tick) -> None:
        self._verifier = verifier
        self._pool: Pool[TakeIn, LookupAnswer] = Pool(LOOKERS, LOOKS_AHEAD, _tell, tick, in_order=True)

    def __enter__(self) -> Looks:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is not None:
            # Without this the pool would finish everything first.
            self._verifier.stop()
        self._pool.stop()

    def ask(self, question: Callable[[], LookupAnswer], take_in: TakeIn) -> None:
        """Ask; `take_in` gets the answer later."""
        self._pool.give(take_in, question)

    def finish(self) -> None:
        """Wait for all answers."""
        self._pool.finish()


def _tell(take_in: TakeIn, answer: Future[LookupAnswer]) -> None:
    take_in(answer.result())


def _began_to_read(head: ObjectHead) -> int | None:
    """The second, by this host's clock, in which the uploader began to read the file; None if others stored it."""
    text = head.metadata.get("timestamp", "")
    return int(text) if head.metadata.get("synced-by") == SYNCED_BY and text.isdecimal() else None
