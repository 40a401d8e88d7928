# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Threads that do the same work on many things, of which few are in memory at a time."""

from __future__ import annotations

import queue
import threading
import time
from typing import Callable, Generic, TypeVar

from .stopping import ReadingStopped, Stop

#: Seconds between looks at whether the work was stopped.
POLL = 0.2
#: Tasks that may wait for each thread.
AHEAD = 4

_Task = TypeVar("_Task")


class Crew(Generic[_Task]):
    """Does `work` on tasks in `size` threads. The first error ends it, and is raised in the caller's thread.

    `stop` ends it too, with ReadingStopped. The threads are daemons: a server that is silent may keep a thread for a
    while, and nobody shall wait for it at the end.
    """

    def __init__(self, size: int, work: Callable[[_Task], object], stop: Stop) -> None:
        self._work = work
        self._stop = stop
        self._todo: queue.Queue[_Task | None] = queue.Queue(AHEAD * size)
        self._error: BaseException | None = None
        self._threads = [threading.Thread(target=self._toil, name="crew", daemon=True) for _number in range(size)]
        for thread in self._threads:
            thread.start()

    def give(self, task: _Task) -> None:
        """Hand over a task; waits while too many wait for their turn."""
        self._put(task)

    def finish(self) -> None:
        """Wait until all is done."""
        for _thread in self._threads:
            self._put(None)
        for thread in self._threads:
            while thread.is_alive():
                self._check()
                thread.join(POLL)
        self._check()

    def wait(self, seconds: float) -> None:
        """Wait until the threads have ended, but no longer than that. They end when `stop` is set."""
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _put(self, task: _Task | None) -> None:
        while True:
            self._check()
            try:
                self._todo.put(task, timeout=POLL)
            except queue.Full:
                continue
            return

    def _check(self) -> None:
        if self._error is not None:
            raise self._error
        self._stop.check()

    def _toil(self) -> None:
        while True:
            try:
                self._stop.check()
                task = self._todo.get(timeout=POLL)
            except queue.Empty:
                continue
            except ReadingStopped:
                return
            if task is None or self._error is not None:
                return
            try:
                self._work(task)
            except ReadingStopped:
                return
            except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
                self._error = error
                return
