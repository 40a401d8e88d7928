# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The uploads that wait for a worker, in a stream: a million of them take no memory here."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Callable

from ..common.threads import Pool, Stop, Tick
from ..plan.uploads import Upload
from ..s3.limits import SMALL_FILE

if TYPE_CHECKING:
    from concurrent.futures import Future

#: Threads that compute digests.
HASHERS = 2
#: Files whose digests are computed ahead of their upload; many more where they are small.
HASHES_AHEAD = 4
SMALL_HASHES_AHEAD = 64

#: Computes a digest of the file; called in other threads. May raise OSError, or what the tick raises.
Compute = Callable[[Upload, Tick], str]


class Digests:
    """Computes the digests of files that are to be uploaded soon, in threads."""

    def __init__(self, compute: Compute) -> None:
        self._compute = compute
        self._stop = Stop()
        self._pool: Pool[Upload, str] = Pool(HASHERS)

    def begin(self, upload: Upload) -> Future[str]:
        """Compute the digest of a file some time soon."""
        return self._pool.begin(lambda: self._compute(upload, self._stop.check))

    def stop(self) -> None:
        """End, without waiting for what is being read."""
        self._stop.set()
        self._pool.stop()


def _never(_upload: Upload) -> bool:
    """The default of what goes alone."""
    return False


class UploadQueue:
    """Uploads in the order in which they come. With `digests`, those of the next few are being computed.

    Those that cannot be sent together with others, as `goes_alone` says, are kept aside in `alone`.
    """

    def __init__(
        self,
        uploads: Iterable[Upload],
        digests: Digests | None = None,
        goes_alone: Callable[[Upload], bool] = _never,
    ) -> None:
        self._rest = iter(uploads)
        self._next: Upload | None = None
        self._digests = digests
        self._goes_alone = goes_alone
        self._ahead: deque[tuple[Upload, Future[str]]] = deque()
        self.alone: deque[Upload] = deque()
        #: Whether it gives nothing out for a while, though uploads wait.
        self.held = False

    def __bool__(self) -> bool:
        return self.waits or bool(self.alone)

    @property
    def waits(self) -> bool:
        """Whether any upload waits that can be sent together with others."""
        return bool(self._ahead) or self._peek() is not None

    @property
    def has_more(self) -> bool:
        """Whether it gives out any of them, now or soon."""
        return not self.held and self.waits

    def hold(self) -> None:
        """Give nothing out until `go_on`."""
        self.held = True

    def go_on(self) -> None:
        """Give out what waits."""
        self.held = False

    @property
    def next_ready(self) -> Upload | None:
        """The next upload, if there is one and `take` would not wait."""
        if self.held:
            return None
        if self._digests is None:
            return self._peek()
        self._look_ahead(self._digests)
        return self._ahead[0][0] if self._ahead and self._ahead[0][1].done() else None

    def take(self) -> Callable[[], str]:
        """Take the upload that `next_ready` showed away. Returns what gives its digest or raises why there is none."""
        if self._digests is None:
            self._next = None
            return str
        _upload, digest = self._ahead.popleft()
        return digest.result

    def give_up(self) -> Iterator[Upload]:
        """Take all that wait away."""
        while self._ahead:
            yield self._ahead.popleft()[0]
        while self._peek() is not None:
            upload, self._next = self._next, None
            if upload is not None:
                yield upload
        while self.alone:
            yield self.alone.popleft()

    def _peek(self) -> Upload | None:
        while self._next is None:
            upload = next(self._rest, None)
            if upload is None:
                return None
            if self._goes_alone(upload):
                self.alone.append(upload)
            else:
                self._next = upload
        return self._next

    def _look_ahead(self, digests: Digests) -> None:
        while True:
            upload = self._peek()
            if upload is None:
                return
            if len(self._ahead) >= (HASHES_AHEAD if upload.file.identity.size > SMALL_FILE else SMALL_HASHES_AHEAD):
                return
            self._next = None
            self._ahead.append((upload, digests.begin(upload)))
