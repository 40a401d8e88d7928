# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The status of a host is read from what lies there, without a lock and without what is secret."""

from __future__ import annotations

import json
import os
from datetime import datetime, timezone

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.generation import (
    Generation,
    ManagedFile,
    Wanted,
)
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.services import Unit
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.status import (
    HANDED_ON_PROBLEMS,
    Look,
    host_status,
    read_result,
)
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.store import GenerationStore
from ansible_collections.datasync.turbo.plugins.module_utils.install.layout import Layout, Record
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.jobs_on_hosts import job_on_host

NOW = datetime(2026, 11, 23, 1, 0, 0, tzinfo=timezone.utc).timestamp()
SECRET = "wJalrXUtnFEMI"
SERVICE, TIMER = "datasync-turbo@outbox.service", "datasync-turbo@outbox.timer"


@pytest.fixture
def root(tmp_path):
    return tmp_path / "opt"


@pytest.fixture
def link(tmp_path):
    return Layout(tmp_path / "bin", tmp_path / "versions")


@pytest.fixture
def job(tmp_path):
    """A job with a timer."""
    state = tmp_path / "state"
    state.mkdir()
    return job_on_host(state)


@pytest.fixture
def deployed(root, job):
    """A host on which the job is deployed; returns its store."""
    store = GenerationStore(root)
    secret = ManagedFile(job.config, f'AWS_SECRET_ACCESS_KEY="{SECRET}"\n', "0600")
    wanted = Wanted(files=(secret,), units=(TIMER,), jobs=(job,))
    with store.lock():
        versions = {"s5cmd": "2.3.0", "program": "0.3.0", "python": "3.11.2", "environment": "e1"}
        generation = Generation(
            wanted, user="datasync-turbo", state_dir=str(root), environment="e1", program="p1", versions=versions
        )
        store.use(store.add(generation, None).number)
    return store


def look(**changes):
    """How to look, on a host with systemd where nothing runs."""
    units = {SERVICE: Unit(loaded=True), TIMER: Unit(loaded=True, active_state="active", next_elapse=NOW + 3600)}
    means = {
        "now": lambda: NOW,
        "units": lambda names: {name: units[name] for name in names},
        "running": lambda jobs: [],
        "has_systemd": lambda: True,
    }
    return Look(**{**means, **changes})


def write_result(job, **values):
    result = {"timestamp": "2026-11-23T00:50:00+00:00", "duration_seconds": 60.0, "status": "success", "problems": []}
    with open(job.result, "w", encoding="utf-8") as file:
        json.dump({**result, **values}, file)


def test_a_bare_host_is_an_answer(root, link):
    status = host_status(root, link, look())
    assert (status.installed, status.generation, status.jobs) == (False, None, [])


def test_what_is_deployed_and_what_lies_there(root, link, deployed, tmp_path):
    status = host_status(root, link, look())
    assert (status.installed, status.generation, status.generations) == (True, 1, [1])
    assert status.versions["s5cmd"] == "2.3.0"
    assert (status.found.s5cmd, status.found.program, status.found.environment) == (None, None, None)

    executable = tmp_path / "built"
    executable.write_bytes(b"s5cmd")
    executable.chmod(0o755)
    with link.lock():
        link.publish(executable, Record("2.2.2", "wheel", "", "", "0" * 64, None, True, "2026-11-23T00:00:00Z"))
        link.switch("2.2.2")
    for path in (deployed.program("p1"), deployed.command):
        path.parent.mkdir(parents=True)
        path.touch()
    deployed.environment("e1").mkdir(parents=True)
    (deployed.environment("e1") / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.11.2\n")
    deployed.venv.symlink_to(deployed.environment("e1"))
    found = host_status(root, link, look()).found
    assert (found.s5cmd, found.program, found.environment, found.python) == ("2.2.2", "p1", "e1", "3.11.2")


def test_a_job_that_never_ran(root, link, deployed):
    (status,) = host_status(root, link, look()).jobs
    assert (status.last, status.age_seconds, status.running, status.progress) == (None, None, False, None)
    assert (status.service_state, status.timer_state) == ("inactive", "active")
    assert datetime.fromisoformat(status.next_run).timestamp() == NOW + 3600


def test_the_age_counts_from_the_end_of_the_run(root, link, deployed, job):
    write_result(job)
    (status,) = host_status(root, link, look()).jobs
    assert status.age_seconds == 540
    assert status.last["status"] == "success"


def test_a_clock_that_was_set_back_makes_no_negative_age(root, link, deployed, job):
    write_result(job, timestamp="2026-11-23T05:00:00+00:00")
    assert host_status(root, link, look()).jobs[0].age_seconds == 0


def test_of_many_problems_the_first_are_handed_on(root, link, deployed, job):
    write_result(job, status="failed", problems=[{"path": str(number)} for number in range(25)])
    last = host_status(root, link, look()).jobs[0].last
    assert [problem["path"] for problem in last["problems"]] == [str(number) for number in range(HANDED_ON_PROBLEMS)]
    assert last["problems_total"] == 25
    write_result(job, status="failed", problems=[{"path": "1"}], problems_total=4000)
    assert host_status(root, link, look()).jobs[0].last["problems_total"] == 4000


def test_a_result_that_cannot_be_read_is_told(root, link, deployed, job):
    with open(job.result, "w", encoding="utf-8") as file:
        file.write("{")
    (status,) = host_status(root, link, look()).jobs
    assert status.last is None and job.result in status.unreadable


@pytest.mark.parametrize("text", ["[]", "7", '"x"', "nul"])
def test_what_is_no_result_is_not_taken_for_one(tmp_path, text):
    path = tmp_path / "result.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"result\.json"):
        read_result(str(path))


def test_progress_is_told_only_of_a_run_that_goes_on(root, link, deployed, job):
    with open(job.progress, "w", encoding="utf-8") as file:
        json.dump({"files": 60}, file)
    assert host_status(root, link, look()).jobs[0].progress is None
    (status,) = host_status(root, link, look(running=lambda jobs: ["outbox"])).jobs
    assert (status.running, status.progress) == (True, {"files": 60})


def test_the_newest_lines_of_the_history(root, link, deployed, job):
    with open(job.history, "w", encoding="utf-8") as file:
        file.writelines(f'{{"files_synced": {number}}}\n' for number in range(5))
        file.write('{"files_syn')
    history = host_status(root, link, look(history=3)).jobs[0].history
    assert history == [{"files_synced": 3}, {"files_synced": 4}], "the line that was cut off is left out"
    assert host_status(root, link, look()).jobs[0].history == []


def test_without_systemd_no_unit_is_asked(root, link, deployed):
    def never(names):
        raise AssertionError("there is no systemd")

    (status,) = host_status(root, link, look(has_systemd=lambda: False, units=never)).jobs
    assert (status.next_run, status.service_state, status.timer_state) == (None, "", "")


def test_nothing_secret_is_told(root, link, deployed, job):
    write_result(job)
    assert SECRET not in json.dumps(host_status(root, link, look(history=5)).as_dict())


def test_a_record_that_cannot_be_read_is_an_error_that_names_it(root, link, deployed):
    (root / "generations" / "1" / "generation.json").write_text("{")
    with pytest.raises(ConfigurationError, match=r"generation\.json"):
        host_status(root, link, look())


def test_a_user_who_may_not_look_is_told_to_become(root, link, deployed, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(ConfigurationError, match="become"):
        host_status(root, link, look())
