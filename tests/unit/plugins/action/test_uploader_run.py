# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The controller looks until all runs have ended, shows how far they are, and outlives a connection that breaks."""

from __future__ import annotations

from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest
from ansible.errors import AnsibleConnectionFailure
from ansible_collections.datasync.turbo.plugins.action import uploader_run

RUN = {"job": "outbox", "how": "service", "before": "", "joined": False, "invocation": "a", "folder": ""}
GOOD = {"job": "outbox", "failed": False, "changed": True, "exit_code": 0, "result": {"status": "success"}}
BAD = {"job": "media", "failed": True, "changed": False, "exit_code": 3, "result": None, "reasons": ["NoSuchBucket"]}
PROGRESS = {"phase": "uploading", "files": 2, "files_done": 1, "bytes": 10, "bytes_done": 5, "rate": 0}


def going(*runs, jobs=(), progress=None):
    return {"changed": False, "jobs": list(jobs), "runs": list(runs), "progress": progress or {}}


class Controller:
    """The action plugin with a host that answers as the test says; an exception is a connection that broke."""

    def __init__(self, monkeypatch, *answers, **arguments):
        self.answers = list(answers)
        self.asked = []
        self.shown = []
        task = MagicMock(args=arguments, async_val=0, check_mode=False, diff=False, environment=[])
        self.action = uploader_run.ActionModule(
            task=task,
            connection=MagicMock(),
            play_context=MagicMock(),
            loader=MagicMock(),
            templar=MagicMock(),
            shared_loader_obj=MagicMock(),
        )
        monkeypatch.setattr(self.action, "_execute_module", self._execute)
        monkeypatch.setattr(uploader_run.display, "display", self.shown.append)
        monkeypatch.setattr(uploader_run.display, "warning", self.shown.append)
        self.now = 0.0
        monkeypatch.setattr(uploader_run, "time", SimpleNamespace(monotonic=lambda: self.now, sleep=self._sleep))

    def _sleep(self, seconds):
        self.now += seconds

    def _execute(self, name, arguments, task_vars):
        assert name == "datasync.turbo.uploader_run"
        self.asked.append(arguments)
        self.now += 5
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def run(self):
        return self.action.run(task_vars={"inventory_hostname": "upload1"})


def test_runs_that_end_at_once_take_one_call(monkeypatch):
    controller = Controller(monkeypatch, {"changed": True, "jobs": [GOOD], "exit_code": 0}, jobs=["outbox"])
    result = controller.run()
    assert controller.asked == [{"jobs": ["outbox"]}]
    assert (result["changed"], result["exit_code"], result.get("failed"), result["jobs"]) == (True, 0, None, [GOOD])
    assert controller.shown == []


def test_runs_are_looked_at_until_all_have_ended(monkeypatch):
    other = {**RUN, "job": "media"}
    controller = Controller(
        monkeypatch,
        going(RUN, other),
        going(RUN, jobs=[BAD], progress={"outbox": PROGRESS}),
        going(RUN, progress={"outbox": PROGRESS}),
        {"changed": True, "jobs": [GOOD]},
    )
    result = controller.run()
    assert [asked.get("runs") for asked in controller.asked] == [None, [RUN, other], [RUN], [RUN]]
    assert controller.shown == [
        "upload1 outbox: looks for what to upload",
        "upload1 media: looks for what to upload",
        "upload1 outbox: 1 of 2 files, 5 B of 10 B",
    ], "nothing is shown twice"
    assert result["jobs"] == [BAD, GOOD]
    assert (result["failed"], result["exit_code"], result["changed"]) == (True, 3, True)
    assert result["msg"] == "upload1: job media failed with exit code 3: NoSuchBucket"
    assert "runs" not in result and "progress" not in result


def test_a_connection_that_breaks_is_tried_again_because_the_runs_go_on(monkeypatch):
    lost = AnsibleConnectionFailure("timed out")
    controller = Controller(monkeypatch, going(RUN), lost, lost, {"changed": True, "jobs": [GOOD]})
    result = controller.run()
    assert result["jobs"] == [GOOD] and not result.get("failed")
    assert sum("cannot be reached now, its runs go on" in line for line in controller.shown) == 2


def test_a_host_that_was_never_reached_is_unreachable(monkeypatch):
    controller = Controller(monkeypatch, AnsibleConnectionFailure("no route"))
    with pytest.raises(AnsibleConnectionFailure):
        controller.run()


def test_after_the_time_the_runs_go_on_and_the_task_fails(monkeypatch):
    controller = Controller(monkeypatch, *[going(RUN)] * 50, wait_timeout=60)
    result = controller.run()
    assert len(controller.asked) == 12
    assert (result["failed"], result["running"], result["exit_code"]) == (True, ["outbox"], 4)
    assert "job outbox still runs after 60 seconds; it goes on there" in result["msg"]


def test_what_the_module_refuses_is_told_with_the_host(monkeypatch):
    controller = Controller(monkeypatch, {"failed": True, "msg": "no job is deployed here", "exit_code": 1})
    result = controller.run()
    assert (result["failed"], result["exit_code"]) == (True, 1)
    assert result["msg"] == "upload1: no job is deployed here"
