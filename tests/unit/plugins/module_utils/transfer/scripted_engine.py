# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""An engine that does to each file what a script says, without a server and without a child.

A script gives by the name of a file what happens at each try, the last for all further ones; without one it is stored.
"""

from __future__ import annotations

import time
from collections import Counter, deque

from ansible_collections.datasync.turbo.plugins.module_utils.common.problems import Kind
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.engine import Breakdown, Failed, Retryable
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.hand_over import (
    HandOver,
    Prepared,
    Refusal,
    failure,
    is_doubtful,
)
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.queue import UploadQueue

#: The server stores it, is in trouble, or refuses; nobody ever says anything of it; the engine breaks down; it is slow.
STORE, TROUBLE, REFUSE, SILENCE, BREAK, LINGER = "store", "trouble", "refuse", "silence", "break", "linger"
#: Files in flight at a time.
WORKERS = 4

_REFUSALS = {
    TROUBLE: Refusal("scripted: SlowDown", code="SlowDown", cause="SlowDown"),
    REFUSE: Refusal("scripted: AccessDenied", code="AccessDenied"),
}


class ScriptedEngine:
    """The engine, and its own sender."""

    name, version = "scripted", "1.0"

    def __init__(self, script):
        self._script = script
        self._tries = Counter()
        self.in_flight = deque()
        #: Names of files that the server stored.
        self.stored = set()
        self.bytes_written = None
        self.left_open = False

    def require_usable(self):
        """It always is."""

    def sender(self, assignment, liveness):
        self._tick = assignment.voice.tick
        self._liveness = liveness
        self._hand_over = HandOver(assignment)
        return self

    def __enter__(self):
        self.bytes_written = 0
        return self

    def __exit__(self, *error):
        """It holds nothing."""

    def goes_alone(self, upload):
        return False

    def send_alone(self, upload, digest):
        queue = UploadQueue([upload])
        yield from self._send(queue, lambda: (queue.take(), digest)[1])

    def send(self, queue):
        yield from self._send(queue, queue.take)

    def _send(self, queue, take):
        try:
            while queue.has_more or self.in_flight:
                self._tick()
                yield from self._feed(queue, take)
                if not self.in_flight:
                    time.sleep(0.001)  # A digest is on its way.
                    continue
                for attempt in self._end_of(self.in_flight[0]):
                    yield attempt
                    if isinstance(attempt, Breakdown):
                        return
        finally:
            self.left_open = self.left_open or bool(self.in_flight)
            self.in_flight.clear()

    def _feed(self, queue, take):
        while len(self.in_flight) < WORKERS and queue.next_ready is not None:
            prepared = self._hand_over.prepare(queue.next_ready, take())
            if isinstance(prepared, Prepared):
                self.in_flight.append(prepared)
                self._tries[prepared.upload.file.relative] += 1
            else:
                yield prepared

    def _end_of(self, prepared):
        """What is told when its turn comes, of it or of all."""
        name = prepared.upload.file.relative
        acts = self._script.get(name, [STORE])
        act = acts[min(self._tries[name], len(acts)) - 1]
        if act == LINGER:
            time.sleep(0.01)
        elif act in (BREAK, SILENCE):
            yield from self._broken_down()
        else:
            self.in_flight.popleft()
            if act == STORE:
                self.stored.add(name)
                self.bytes_written += prepared.identity.size
                yield prepared.sent
            else:
                yield from self._failed(prepared, _REFUSALS[act])

    def _failed(self, prepared, refusal):
        self.left_open = True
        outcome = failure(prepared, refusal)
        yield outcome
        if is_doubtful(refusal, outcome):
            self._liveness.doubt()

    def _broken_down(self):
        left = list(self.in_flight)
        self.in_flight.clear()
        self.left_open = True
        for prepared in left:
            failed = Failed(prepared.upload.file, Kind.UPLOAD, "it did not report this file")
            yield Retryable(prepared.upload, failed, "it broke down", suspect=True)
        yield Breakdown("it broke down")
