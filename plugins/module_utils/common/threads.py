# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Work in other threads, bounded in number and in what waits, while the caller's thread stays open to signals.

All threads here are daemons: a silent server or a dead file server may keep one for a while, and nobody waits for it at
the end. Nothing that `config` does needs them: what they import is imported when the first one starts.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Callable, Generic, TypeVar

from .errors import DatasyncError

if TYPE_CHECKING:
    from concurrent.futures import Future

#: Seconds that one question to a server may take, with all its attempts.
ANSWER_DEADLINE = 10.0
#: Seconds between calls of `tick` while nothing else happens.
POLL = 0.1

#: Called again and again by whoever works or waits, in its own thread; may raise to stop.
Tick = Callable[[], None]

_Task = TypeVar("_Task")
_Answer = TypeVar("_Answer")


def nothing(*_what: object) -> None:
    """The callback of whoever need not be told."""


class ReadingStopped(Exception):
    """The run ended; nobody waits for the rest of the file."""


class Stop:
    """Tells work in other threads to stop."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        """Stop all of it at its next block or question."""
        self._event.set()

    def check(self) -> None:
        """Raise ReadingStopped once `set` was called."""
        if self._event.is_set():
            raise ReadingStopped


class Pool(Generic[_Task, _Answer]):
    """At most `size` threads, started as they are needed, for tasks that are answered by work in one of them.

    Answers are taken in by the thread that gives the tasks, in any order or `in_order`: `take_in` gets the task and its
    finished future. Whoever gives waits while more than `ahead` are unfinished. Meanwhile, and before each answer is
    taken in, `tick` is called, which may raise to stop: then nothing is lost that was not taken in.
    """

    def __init__(
        self,
        size: int,
        ahead: int = 0,
        take_in: Callable[[_Task, Future[_Answer]], object] = lambda _task, future: future.result(),
        tick: Tick = nothing,
        *,
        in_order: bool = False,
    ) -> None:
        # What they cost to load is paid by those who have threads.
        from queue import SimpleQueue

        self._size = size
        self._ahead = ahead
        self._take_in = take_in
        self._tick = tick
        self._in_order = in_order
        self._todo: SimpleQueue[tuple[Future[_Answer], Callable[[], _Answer]] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._idle = threading.Semaphore(0)
        self._stopped = False
        self._pending: dict[Future[_Answer], _Task] = {}
        self._finished: deque[Future[_Answer]] = deque()
        self._changed = threading.Event()

    @property
    def unfinished(self) -> int:
        """How many tasks were given whose answers were not taken in."""
        return len(self._pending)

    def begin(self, work: Callable[[], _Answer]) -> Future[_Answer]:
        """Do some work that the caller looks after itself; cancelled if it has not begun at `stop`."""
        from concurrent.futures import Future

        future: Future[_Answer] = Future()
        if self._stopped:
            future.cancel()
            return future
        self._todo.put((future, work))
        if not self._idle.acquire(blocking=False) and len(self._threads) < self._size:
            self._start_thread()
        return future

    def give(self, task: _Task, work: Callable[[], _Answer]) -> None:
        """Let a task be answered by `work`. Raises what `take_in` and `tick` raise."""
        future = self.begin(work)
        self._pending[future] = task
        future.add_done_callback(self._note)
        if len(self._pending) > self._ahead:
            self._collect(self._ahead // 2)

    def finish(self) -> None:
        """Wait for all answers and take them in."""
        self._collect(0)

    def abandon(self) -> Iterator[tuple[_Task, Future[_Answer]]]:
        """Give up what was not taken in; some of it may be finished."""
        pending, self._pending = self._pending, {}
        self._finished.clear()
        return ((task, future) for future, task in pending.items())

    def stop(self) -> None:
        """Let each thread end after what it does, and cancel what none has begun. Nobody is waited for."""
        from queue import Empty

        self._stopped = True
        while True:
            try:
                waiting = self._todo.get_nowait()
            except Empty:
                break
            if waiting is not None:
                waiting[0].cancel()
        self._todo.put(None)

    def join(self, seconds: float) -> None:
        """Wait until the threads have ended after `stop`, but no longer than that."""
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _start_thread(self) -> None:
        thread = threading.Thread(target=self._work_off, name="pool", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            # The limit of threads is reached; those that there are do the work.
            if not self._threads:
                raise
        else:
            self._threads.append(thread)

    def _note(self, future: Future[_Answer]) -> None:
        if not self._in_order:
            self._finished.append(future)
        self._changed.set()

    def _collect(self, may_wait: int) -> None:
        """Take in what is finished; wait until no more than `may_wait` are unfinished."""
        while self._pending:
            self._changed.clear()
            for task, future in self._taken_out():
                self._take_in(task, future)
            if len(self._pending) <= may_wait:
                return
            self._tick()
            self._changed.wait(POLL)

    @property
    def _oldest(self) -> Future[_Answer]:
        return next(iter(self._pending))

    def _taken_out(self) -> Iterator[tuple[_Task, Future[_Answer]]]:
        """What is finished and next, one by one: whoever takes one in may give others meanwhile, and collect them."""
        while self._pending and (self._in_order or self._finished):
            future = self._oldest if self._in_order else self._finished[0]
            if not future.done():
                return
            self._tick()
            if not self._in_order:
                self._finished.popleft()
            if future in self._pending:
                yield self._pending.pop(future), future

    def _work_off(self) -> None:
        while True:
            waiting = self._todo.get()
            if waiting is None:
                # For the next thread.
                self._todo.put(None)
                return
            _answer(*waiting)
            # Else it would be kept until the next one comes.
            del waiting
            self._idle.release()


def _answer(future: Future[_Answer], work: Callable[[], _Answer]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(work())
    except BaseException as error:  # noqa: BLE001 - raised again in the thread that takes it in
        future.set_exception(error)


def attended(work: Callable[[], _Answer], tick: Tick) -> _Answer:
    """What `work` returns or raises, however long it takes. `tick` is called meanwhile and may raise to give up."""
    from concurrent.futures import Future, wait

    answer: Future[_Answer] = Future()
    threading.Thread(target=_answer, args=(answer, work), daemon=True).start()
    while not wait([answer], timeout=POLL).done:
        tick()
    return answer.result()


def answered(
    request: Callable[[], _Answer], late: DatasyncError, tick: Tick = nothing, seconds: float = ANSWER_DEADLINE
) -> _Answer:
    """What `request` returns or raises; raises `late` when that takes longer than `seconds`.

    `tick` is called while we wait and may raise to give up. boto3's time limits hold for each address and each attempt,
    so that behind a firewall that drops packets a name with eight addresses takes minutes; and the resolver has its own
    limits. So the wait is limited here, and a request that is too late is left to end with the process.
    """
    deadline = time.monotonic() + seconds

    def tick_in_time() -> None:
        if time.monotonic() > deadline:
            raise late
        tick()

    return attended(request, tick_in_time)
