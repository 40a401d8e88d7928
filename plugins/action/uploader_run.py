# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The controller's half of the module uploader_run: looks again and again, and shows how far the runs are."""

from __future__ import annotations

import time
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ..plugin_utils.reports import progress as run_words

MODULE = "datasync.turbo.uploader_run"
#: As in the module, which is the one that documents them.
DEFAULT_POLL, DEFAULT_WAIT_TIMEOUT = 5, 86400

display = Display()


class ActionModule(ActionBase):  # type: ignore[misc]
    """Start the runs by the first call of the module, wait by further ones, and judge them when all have ended."""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        self._variables = task_vars or {}
        self._host = str(self._variables.get("inventory_hostname", "localhost"))
        self._shown: dict[str, str] = {}
        timeout = float(self._task.args.get("wait_timeout") or DEFAULT_WAIT_TIMEOUT)
        deadline = time.monotonic() + timeout

        answer = self._call({})
        rows = answer.get("jobs") or []
        while answer.get("runs") and time.monotonic() < deadline:
            self._show(answer)
            further = self._call_again({"runs": answer["runs"]}, deadline)
            if further is None:
                break
            answer = further
            rows += answer.get("jobs") or []
        if "jobs" not in answer:
            return {**result, **answer, "msg": f"{self._host}: {answer.get('msg', 'the module gave no answer')}"}
        return {**result, **self._judged(answer, rows, timeout)}

    def _call(self, more: dict[str, Any]) -> dict[str, Any]:
        arguments = {**self._task.args, **more}
        answer: dict[str, Any] = self._execute_module(MODULE, arguments, task_vars=self._variables)
        return answer

    def _call_again(self, more: dict[str, Any], deadline: float) -> dict[str, Any] | None:
        """As `_call`, again and again while the host cannot be reached: the runs do not need us. None at the end."""
        while True:
            try:
                return self._call(more)
            except AnsibleConnectionFailure as error:
                display.warning(f"{self._host} cannot be reached now, its runs go on: {error}")
            pause = float(self._task.args.get("poll") or DEFAULT_POLL)
            if time.monotonic() + pause > deadline:
                return None
            time.sleep(pause)

    def _show(self, answer: dict[str, Any]) -> None:
        """A line for each run that got further."""
        progress = answer.get("progress") or {}
        for run in answer["runs"]:
            line = run_words.progress_line(self._host, run["job"], progress.get(run["job"]))
            if self._shown.get(run["job"]) != line:
                self._shown[run["job"]] = line
                display.display(line)

    def _judged(self, answer: dict[str, Any], rows: list[dict[str, Any]], timeout: float) -> dict[str, Any]:
        running = [run["job"] for run in answer.get("runs") or []]
        judged = {name: value for name, value in answer.items() if name not in ("runs", "progress")}
        judged["jobs"] = rows
        judged["changed"] = any(row.get("changed") for row in rows)
        judged["exit_code"] = max([int(row.get("exit_code") or 0) for row in rows] + [4] * bool(running), default=0)
        judged["running"] = running
        message = run_words.failure_message(self._host, rows, running, timeout)
        if message:
            judged.update(failed=True, msg=message)
        return judged
