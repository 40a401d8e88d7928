# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The last look at a file right before an engine gets it, and what its failure says of it."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Mapping
from typing import Callable, NamedTuple

from ..common.errors import ExitCode
from ..common.problems import Kind, printable
from ..common.units import MIB
from ..job.job import Job
from ..job.local_file import Identity, describe_change, identity_of
from ..plan.lookup import FINGERPRINT, SYNCED_BY
from ..plan.uploads import Upload
from ..s3.limits import MAX_PARTS, effective_part_size
from .engine import Assignment, Deferred, Failed, Retryable, Sent


class Parts(NamedTuple):
    """How a file is sent: bytes of a part, and how many parts are in flight."""

    size: int
    concurrency: int


class Prepared(NamedTuple):
    """An upload right before it is handed over: what the file is now, and what its object gets beside what all get.

    `sha256` is empty unless it was asked for.
    """

    upload: Upload
    identity: Identity
    parts: Parts
    metadata: Mapping[str, str]
    sha256: str

    @property
    def source(self) -> str:
        """The path of the file."""
        return self.upload.file.path

    @property
    def key(self) -> str:
        """The key of the object."""
        return self.upload.file.key

    @property
    def sent(self) -> Sent:
        """The outcome if the server stored it."""
        return Sent(self.upload.file, self.identity, self.parts.size, self.sha256)


class Refusal(NamedTuple):
    """Why an upload failed: as it is `told` to people, and the `code` of S3, '' if none.

    `about_credentials` and `unreadable` (the local file) say what it is about. `cause` is it in a word or two if it
    may pass, '' else: a server in trouble, or the network.
    """

    told: str
    code: str = ""
    about_credentials: bool = False
    unreadable: bool = False
    cause: str = ""


#: Codes that are about the bucket or our rights there, not about one file.
_CODES_OF_ACCESS = ("AccessDenied", "NoSuchBucket")


def common_metadata(job: Job) -> dict[str, str]:
    """What all objects of a job get."""
    return {**job.metadata, "synced-by": SYNCED_BY}


class HandOver:
    """Looks at files once more. Each that needs larger parts than were asked for is named once."""

    def __init__(self, assignment: Assignment) -> None:
        self._is_hot = bool(assignment.job.settle_seconds)
        self._settings = assignment.settings
        self._note = assignment.voice.note
        self._named: set[str] = set()

    def prepare(self, upload: Upload, digest: Callable[[], str]) -> Prepared | Failed | Deferred:
        """Look at the file. `digest` gives its SHA256 ('' if none is wanted) or raises OSError."""
        file = upload.file
        try:
            sha256 = digest()
            status = os.stat(file.path)
        except FileNotFoundError:
            return Failed(file, Kind.VANISHED, "was deleted or renamed before its upload began")
        except OSError as error:
            return Failed(file, Kind.UNREADABLE, f"cannot be read: {error.strerror}")
        if not stat.S_ISREG(status.st_mode):
            return Failed(file, Kind.CHANGED, "is no longer a file")
        identity = identity_of(status)
        if identity != file.identity:
            if self._is_hot:
                return Deferred(file)
            if sha256:
                return Failed(file, Kind.CHANGED, describe_change(file.identity, identity))
        return Prepared(upload, identity, self._parts(upload, identity), _own_metadata(identity, sha256), sha256)

    def _parts(self, upload: Upload, identity: Identity) -> Parts:
        file, settings = upload.file, self._settings.of(upload.file)
        size = effective_part_size(identity.size, settings.part_size, MAX_PARTS)
        if size > settings.part_size and file.key not in self._named:
            self._named.add(file.key)
            self._note(
                f"{printable(file.relative)}: parts of {size // MIB} MiB instead of {settings.part_size // MIB}, "
                f"because S3 takes {MAX_PARTS:,} parts"
            )
        return Parts(size, settings.concurrency)


def _own_metadata(identity: Identity, sha256: str) -> dict[str, str]:
    own = {"timestamp": str(int(time.time())), FINGERPRINT: identity.fingerprint}
    if sha256:
        own["sha256"] = sha256
    return own


def failure(prepared: Prepared, refusal: Refusal) -> Failed | Retryable:
    """What a failed upload says of its file: what the file itself tells comes before what may pass."""
    file = prepared.upload.file
    hint = " (grant s3:PutObject on the objects)" if refusal.code == "AccessDenied" else ""
    told = f"{refusal.told}{hint}"
    if refusal.about_credentials:
        return Failed(file, Kind.UPLOAD, told, int(ExitCode.CREDENTIALS))
    if refusal.code in _CODES_OF_ACCESS:
        return Failed(file, Kind.UPLOAD, told, int(ExitCode.ACCESS))
    if not os.path.lexists(file.path):
        return Failed(file, Kind.VANISHED, "was deleted or renamed during its upload")
    if refusal.unreadable:
        return Failed(file, Kind.UNREADABLE, told)
    change = _change_since(prepared)
    if change:
        return Failed(file, Kind.CHANGED, f"{change} ({told})")
    failed = Failed(file, Kind.UPLOAD, told)
    return Retryable(prepared.upload, failed, refusal.cause) if refusal.cause else failed


def is_doubtful(refusal: Refusal, outcome: Failed | Retryable) -> bool:
    """Whether the bucket should be asked after this failure, because it may not be the file's own."""
    return (
        isinstance(outcome, Retryable)
        or refusal.about_credentials
        or not refusal.code
        or refusal.code in _CODES_OF_ACCESS
    )


def _change_since(prepared: Prepared) -> str:
    """How a file changed since it was handed over, for people; '' if it did not, or if that cannot be seen."""
    try:
        identity = identity_of(os.stat(prepared.source))
    except OSError:
        return ""
    return "" if identity == prepared.identity else describe_change(prepared.identity, identity)
