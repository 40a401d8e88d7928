# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Writes how long each task of a run took, over all hosts, to the file named by TASK_SECONDS.

It stands beside the normal output. What a task takes ends where the next one begins, as with the linear strategy.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
    name: task_seconds
    type: aggregate
    short_description: seconds of each task
    description: Writes the tasks with their wall seconds as JSON to the file named by the variable TASK_SECONDS.
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """Notes when each task begins."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "task_seconds"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._tasks: list[dict[str, Any]] = []
        self._began = 0.0

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        self._end_task()
        self._tasks.append({"task": task.get_name(), "seconds": 0.0, "hosts": 0})
        self._began = time.monotonic()

    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        self.v2_playbook_on_task_start(task, False)

    def v2_runner_on_ok(self, result: Any) -> None:
        if self._tasks:
            self._tasks[-1]["hosts"] += 1

    def v2_playbook_on_stats(self, stats: Any) -> None:
        self._end_task()
        path = os.environ.get("TASK_SECONDS")
        if path:
            with open(path, "w", encoding="utf-8") as file:
                json.dump(self._tasks, file)

    def _end_task(self) -> None:
        if self._tasks:
            self._tasks[-1]["seconds"] = time.monotonic() - self._began
