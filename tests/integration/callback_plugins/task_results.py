# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Writes what each task returned to the file $TASK_RESULTS, a JSON object a line, for the tests to read."""

from __future__ import annotations

import json
import os
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: task_results
type: notification
short_description: Task results as JSON lines
description: Writes what each task returned to a file, for the tests to read.
"""


class CallbackModule(CallbackBase):
    """Keeps what the screen leaves out: diffs, invocation, results of skipped tasks."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "task_results"
    CALLBACK_NEEDS_ENABLED = True

    def _write(self, outcome: str, task_result: Any) -> None:
        row = {
            "host": task_result._host.get_name(),
            "task": task_result._task.get_name(),
            "action": task_result._task.action,
            "outcome": outcome,
            "result": task_result._result,
        }
        with open(os.environ["TASK_RESULTS"], "a", encoding="utf-8") as results:
            results.write(json.dumps(row, default=str) + "\n")

    def v2_runner_on_ok(self, result: Any) -> None:
        self._write("ok", result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._write("failed", result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._write("unreachable", result)

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._write("skipped", result)
