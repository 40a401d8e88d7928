# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Waiting for an answer no longer than is useful, and never deaf to signals.

boto3's time limits hold for each address and each attempt, so that behind a firewall that drops packets a name with
eight addresses takes minutes; and the resolver has its own limits. So the wait is limited here, in another thread than
the request, and a request that is too late is left to end with the process.
"""

from __future__ import annotations

import concurrent.futures
import threading
import time
from typing import Callable, TypeVar

from .errors import DatasyncError

#: Seconds that one question to a server may take, with all its attempts.
ANSWER_DEADLINE = 10.0
#: Seconds between calls of `tick`.
_POLL = 0.1

_Answer = TypeVar("_Answer")


def _nothing() -> None:
    """The default `tick`."""


def answered(
    request: Callable[[], _Answer],
    late: DatasyncError,
    tick: Callable[[], None] = _nothing,
    seconds: float = ANSWER_DEADLINE,
) -> _Answer:
    """What `request` returns or raises; raises `late` when that takes longer than `seconds`.

    `tick` is called while we wait and may raise to give up.
    """
    deadline = time.monotonic() + seconds

    def tick_in_time() -> None:
        if time.monotonic() > deadline:
            raise late
        tick()

    return attended(request, tick_in_time)


def attended(work: Callable[[], _Answer], tick: Callable[[], None]) -> _Answer:
    """What `work` returns or raises, however long it takes. `tick` is called meanwhile and may raise to give up."""
    answer: concurrent.futures.Future[_Answer] = concurrent.futures.Future()

    def do() -> None:
        try:
            answer.set_result(work())
        except BaseException as error:  # noqa: BLE001 - raised again in the waiting thread
            answer.set_exception(error)

    threading.Thread(target=do, daemon=True).start()
    while not concurrent.futures.wait([answer], timeout=_POLL).done:
        tick()
    return answer.result()
