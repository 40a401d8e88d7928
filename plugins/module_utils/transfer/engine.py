# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What sends the files of a run: the interface that each engine keeps, and what it tells of each file.

An `Engine` is a program or a library on this host; `engines.engine_for` chooses it. Its `Sender` sends for one run and
tries each file once; `rounds.Rounds` gives what failed its further tries, and looks after an engine that breaks down.
"""

from __future__ import annotations

from collections.abc import Generator
from types import TracebackType
from typing import Callable, NamedTuple, Protocol, Union

from ..job.job import Job
from ..job.local_file import Identity, LocalFile
from ..plan.uploads import Upload
from ..s3.bucket import Bucket
from .liveness import Liveness
from .queue import UploadQueue
from .settings import ClassSettings
from .voice import Voice

# --- what is told of each file


class Sent(NamedTuple):
    """A file that the server stored, as the engine says: read as `identity`, in parts of `part_size` bytes.

    `sha256` in hexadecimal, '' unless the job asks for it.
    """

    file: LocalFile
    identity: Identity
    part_size: int
    sha256: str = ""


class Failed(NamedTuple):
    """A file that is not stored. `exit_code` is set where the cause is credentials or access, not the file."""

    file: LocalFile
    kind: str
    message: str
    exit_code: int | None = None


class Deferred(NamedTuple):
    """A file of a hot folder that changed since it was planned: the next run looks at it again."""

    file: LocalFile


#: What became of a file in this run.
UploadOutcome = Union[Sent, Failed, Deferred]


class Retryable(NamedTuple):
    """A try that failed for a `cause` that may pass; `failed` is the outcome if nothing helps.

    A `suspect` was under way when the engine broke down, and may be why.
    """

    upload: Upload
    failed: Failed
    cause: str
    suspect: bool = False


class Breakdown(NamedTuple):
    """How an engine ended although it had work left, and the last that it said."""

    how: str
    said: str = ""

    def __str__(self) -> str:
        return f"{self.how}: {self.said}" if self.said else self.how

    @property
    def headline(self) -> str:
        """The same in one line: of a Go panic the first one."""
        return str(self).splitlines()[0]


#: What a sender yields.
Attempt = Union[Sent, Failed, Deferred, Retryable, Breakdown]
Attempts = Generator[Attempt, None, None]

# --- the interface


class Assignment(NamedTuple):
    """What an engine is given for a run.

    The job tells how objects are stored (metadata, storage class, ACL, encryption), with which credentials, and how
    fast; `settings` in which parts, and how many files at a time. `inherited` are descriptors that a child keeps open:
    with the lock's, nobody else begins while a child that outlived us still sends.
    """

    job: Job
    bucket: Bucket
    settings: ClassSettings
    voice: Voice
    inherited: tuple[int, ...] = ()


class Sender(Protocol):
    """An engine at work for one run, as a context manager. Whatever happens:

    - Each upload that `send` took from its queue, and that of `send_alone`, gets one Sent, Failed, Deferred or
      Retryable. Sent says that the server stored this very object from this very file; silence is never success.
    - `send` ends when its queue has no more, or after a Breakdown, which is the last that it yields. What it had not
      taken by then is still in the queue.
    - When an iterator is closed, or `tick` or the bucket's refusal raises through it, no child and no request of ours
      is left. Multipart uploads may be; `left_open` says so, and they are of keys of this plan.
    - When we are killed, a child may go on; it holds `inherited` until it ends.
    """

    def __enter__(self) -> Sender:
        """Make ready to send. Raises ConfigurationError where the job's bandwidth limit cannot be enforced."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give up what `__enter__` took."""

    @property
    def bytes_written(self) -> int | None:
        """Bytes sent so far, for a live display; None while it cannot be told. It never falls."""

    @property
    def left_open(self) -> bool:
        """Whether multipart uploads may be left open: an upload failed, or was cut off."""

    def goes_alone(self, upload: Upload) -> bool:
        """Whether it cannot be sent together with others."""

    def send(self, queue: UploadQueue) -> Attempts:
        """Try each upload of the queue once, until it has no more.

        Raises CredentialsError or AccessError when the bucket no longer answers, InstallationError when the engine
        cannot be started, and whatever `tick` raises.
        """

    def send_alone(self, upload: Upload, digest: Callable[[], str]) -> Attempts:
        """Try one upload that takes no other with it. `digest` gives its SHA256, '' if none is wanted, or raises."""


class Engine(Protocol):
    """A program or a library on this host that sends files."""

    @property
    def name(self) -> str:
        """As the result of a run names it."""

    @property
    def version(self) -> str:
        """As it tells itself."""

    def require_usable(self) -> None:
        """Raise InstallationError if this version lacks what a transfer needs."""

    def sender(self, assignment: Assignment, liveness: Liveness) -> Sender:
        """What sends for one run. Raises CredentialsError when there are no credentials for it."""
