# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A question that is asked once in a run of Ansible, for all of its hosts: its forks are processes that share nothing.

Ansible makes a folder for each run (its local_tmp) and removes it at the end. An answer lies there, under a lock, so
that whoever asks at the same time waits for it. So does a failure: without that each of a thousand hosts would wait
for the same server that does not answer. A host that asks again, because its task is repeated, gets a new try.
"""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Any, Callable

from ...module_utils.common import locks
from ...module_utils.common.errors import DatasyncError

#: Seconds for which a failure is told to other hosts without another try.
FAILURE_LIFETIME = 60.0
#: Seconds to wait for the host that asks; it may try several servers, none of which answers.
PATIENCE = 1800.0

Answer = dict[str, Any]


class SharedFailure(DatasyncError):
    """The failure of a question that another host asked. `attempts` are those of the original error, if it had some."""

    def __init__(self, note: dict[str, Any]) -> None:
        super().__init__(note["message"], note["hint"])
        self.exit_code = note["exit_code"]
        self.attempts: list[Any] = note["attempts"]


class OncePerRun:
    """The questions of one host. `folder` is the run's own; `host` is the name in the inventory."""

    def __init__(self, folder: Path, host: str, clock: Callable[[], float] = time.time) -> None:
        self.folder = folder
        self.host = host
        self.clock = clock

    def answer(self, question: str, ask: Callable[[], Answer]) -> Answer:
        """What `ask` returned, for this host or another one. `question` tells all that the answer depends on.

        Raises the DatasyncError that `ask` raised, or SharedFailure with the same words.
        """
        name = hashlib.sha256(question.encode()).hexdigest()[:24]
        note = self.folder / f"datasync-turbo-{name}.json"
        with locks.held(note.with_suffix(".lock"), wait=PATIENCE):
            known = _read(note)
            if "answer" in known:
                answer: Answer = known["answer"]
                return answer
            if known and self._is_fresh(known):
                known["told"].append(self.host)
                note.write_text(json.dumps(known), "utf-8")
                raise SharedFailure(known)
            try:
                answer = ask()
            except DatasyncError as error:
                note.write_text(json.dumps(self._failure(error)), "utf-8")
                raise
            note.write_text(json.dumps({"answer": answer}), "utf-8")
            return answer

    def _is_fresh(self, known: dict[str, Any]) -> bool:
        return self.host not in known["told"] and self.clock() - known["at"] < FAILURE_LIFETIME

    def _failure(self, error: DatasyncError) -> dict[str, Any]:
        return {
            "message": error.message,
            "hint": error.hint,
            "exit_code": int(error.exit_code),
            "attempts": getattr(error, "attempts", []),
            "at": self.clock(),
            "told": [self.host],
        }


def _read(note: Path) -> dict[str, Any]:
    """The note, {} when there is none. It is only read and written under its lock."""
    try:
        known: dict[str, Any] = json.loads(note.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return known
