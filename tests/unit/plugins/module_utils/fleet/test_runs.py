# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Jobs are started as their schedule starts them, joined where they run, and judged by the result that a run left."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError
from ansible_collections.datasync.turbo.plugins.module_utils.fleet import runs as job_run
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.runs import OTHERS, PROCESS, SERVICE, Host, JobRun
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.services import Unit
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.jobs_on_hosts import job_on_host

PROGRAM = "/opt/datasync-turbo/bin/datasync-turbo"


class FakeHost:
    """A host whose units, locks and processes the test sets, and that keeps what was started."""

    def __init__(self, folder):
        self.folder = folder
        self.states = {}
        self.locked = set()
        self.started = []
        self.spawned = []

    def host(self, systemd=True):
        return Host(
            command=PROGRAM,
            units=lambda names: {name: self.states.get(name, Unit()) for name in names},
            start_units=self.started.extend,
            spawn=self._spawn,
            running=lambda jobs: [job.name for job in jobs if job.name in self.locked],
            has_systemd=lambda: systemd,
        )

    def _spawn(self, command):
        self.spawned.append(list(command))
        folder = self.folder / f"datasync-turbo-run-{len(self.spawned)}"
        folder.mkdir()
        (folder / "output").write_text("[ERROR] no way\n")
        return str(folder)

    def end_process(self, status):
        (self.folder / f"datasync-turbo-run-{len(self.spawned)}" / "ended.json").write_text(
            json.dumps({"exit_status": status})
        )


@pytest.fixture
def fake(tmp_path):
    return FakeHost(tmp_path)


def make_job(folder, name="outbox", service=True):
    return job_on_host(folder, name, "systemd" if service else "cron", history="")


def leave_result(job, **values):
    """Replace the result as the program does: by a new file."""
    result = {"status": "success", "exit_code": 0, "files_synced": 2, "problems": [], **values}
    temporary = Path(f"{job.result}.new")
    temporary.write_text(json.dumps(result), "utf-8")
    temporary.replace(job.result)


def idle(fake, job, **changes):
    fake.states[job.service] = Unit(**{"loaded": True, "invocation": "a", **changes})


def test_all_jobs_or_those_that_are_named(tmp_path):
    jobs = [make_job(tmp_path, "outbox"), make_job(tmp_path, "media")]
    assert job_run.chosen(jobs, []) == jobs
    assert job_run.chosen(jobs, ["media"]) == jobs[1:]
    with pytest.raises(ConfigurationError, match="no job outbix is deployed here, only outbox, media"):
        job_run.chosen(jobs, ["outbox", "outbix"])
    with pytest.raises(ConfigurationError, match="uploader_jobs"):
        job_run.chosen([], [])


def test_a_job_with_a_service_is_started_by_systemd_and_judged_by_its_result(fake, tmp_path):
    job = make_job(tmp_path)
    leave_result(job, status="failed", exit_code=4)
    idle(fake, job)
    (run,) = job_run.start([job], fake.host())
    assert (run.how, run.joined, fake.started) == (SERVICE, False, [job.service])

    idle(fake, job, active_state="activating", invocation="b")
    assert job_run.look([run], [job], fake.host()) == ([run], [])

    leave_result(job)
    idle(fake, job, invocation="b")
    going, (ended,) = job_run.look([run], [job], fake.host())
    assert going == []
    assert (ended.exit_code, ended.failed, ended.changed, ended.reasons) == (0, False, True, [])
    assert ended.result["files_synced"] == 2


def test_a_run_survives_the_way_over_the_network(fake, tmp_path):
    job = make_job(tmp_path)
    idle(fake, job)
    (run,) = job_run.start([job], fake.host())
    assert JobRun.from_dict(json.loads(json.dumps(run.as_dict()))) == run


def test_the_result_of_an_earlier_run_does_not_count(fake, tmp_path):
    job = make_job(tmp_path)
    leave_result(job)
    idle(fake, job)
    (run,) = job_run.start([job], fake.host())
    idle(fake, job, invocation="b", active_state="failed", result="signal", exit_status=9)
    _going, (ended,) = job_run.look([run], [job], fake.host())
    assert (ended.exit_code, ended.result) == (9, None)
    assert "systemd says signal" in ended.reasons[0] and job.log in ended.reasons[0]


def test_a_service_whose_conditions_are_not_met_is_a_failure(fake, tmp_path):
    job = make_job(tmp_path)
    idle(fake, job)
    (run,) = job_run.start([job], fake.host())
    _going, (ended,) = job_run.look([run], [job], fake.host())
    assert ended.failed and "did not start" in ended.reasons[0]


def test_a_service_that_runs_already_is_waited_for_and_then_run_for_what_came_meanwhile(fake, tmp_path):
    job = make_job(tmp_path)
    idle(fake, job, active_state="activating")
    (run,) = job_run.start([job], fake.host())
    assert (run.how, run.joined, fake.started) == (SERVICE, True, [])
    leave_result(job)
    idle(fake, job)
    (own,), over = job_run.look([run], [job], fake.host())
    assert (own.joined, own.waited, over, fake.started) == (False, True, [], [job.service])
    leave_result(job)
    idle(fake, job, invocation="c")
    _going, (ended,) = job_run.look([own], [job], fake.host())
    assert (ended.joined, ended.failed) == (True, False)


def test_a_run_that_somebody_began_by_hand_is_waited_for_too(fake, tmp_path):
    job = make_job(tmp_path)
    idle(fake, job)
    fake.locked.add("outbox")
    (run,) = job_run.start([job], fake.host())
    assert (run.how, run.joined, fake.started) == (OTHERS, True, [])
    assert job_run.look([run], [job], fake.host()) == ([run], [])
    fake.locked.clear()
    leave_result(job)
    (own,), over = job_run.look([run], [job], fake.host())
    assert (own.how, own.joined, over, fake.started) == (SERVICE, False, [], [job.service])


def test_who_held_the_lock_without_doing_the_job_is_followed_by_a_run_of_our_own(fake, tmp_path):
    """An audit that attaches checksums holds the lock and leaves no result."""
    job = make_job(tmp_path)
    idle(fake, job)
    fake.locked.add("outbox")
    runs = job_run.start([job], fake.host())
    fake.locked.clear()
    going, over = job_run.look(runs, [job], fake.host())
    assert over == []
    assert [(run.how, run.joined) for run in going] == [(SERVICE, False)]
    assert fake.started == [job.service]


def test_a_run_that_found_the_lock_held_waits_for_the_holder(fake, tmp_path):
    job = make_job(tmp_path, service=False)
    runs = job_run.start([job], fake.host())
    fake.end_process(75)
    fake.locked.add("outbox")
    going, over = job_run.look(runs, [job], fake.host())
    assert over == [] and [(run.how, run.joined) for run in going] == [(OTHERS, True)]


def test_a_job_without_a_service_runs_in_the_background(fake, tmp_path):
    job = make_job(tmp_path, service=False)
    (run,) = job_run.start([job], fake.host())
    assert fake.spawned == [[PROGRAM, "sync", "--quiet", "--config", job.config]]
    assert (run.how, fake.started) == (PROCESS, [])
    assert job_run.look([run], [job], fake.host()) == ([run], [])
    leave_result(job, exit_code=4, status="failed", problems=[{"path": "a.mov", "kind": "changed", "message": "grew"}])
    fake.end_process(4)
    _going, (ended,) = job_run.look([run], [job], fake.host())
    assert (ended.exit_code, ended.reasons) == (4, ["a.mov: grew"])
    assert not Path(run.folder).exists(), "nothing is left behind"


def test_a_program_that_left_no_result_is_quoted(fake, tmp_path):
    job = make_job(tmp_path, service=False)
    runs = job_run.start([job], fake.host())
    fake.end_process(1)
    _going, (ended,) = job_run.look(runs, [job], fake.host())
    assert ended.exit_code == 1 and "[ERROR] no way" in ended.reasons[0]


def test_a_host_without_systemd_starts_no_unit(fake, tmp_path):
    job = make_job(tmp_path)
    (run,) = job_run.start([job], fake.host(systemd=False))
    assert (run.how, fake.started) == (PROCESS, [])


def test_a_result_that_is_no_json_is_a_failure(fake, tmp_path):
    job = make_job(tmp_path, service=False)
    runs = job_run.start([job], fake.host())
    with open(job.result, "w", encoding="utf-8") as file:
        file.write("{")
    fake.end_process(0)
    _going, (ended,) = job_run.look(runs, [job], fake.host())
    assert ended.failed and job.result in ended.reasons[0]


def test_one_failure_does_not_keep_the_others_from_ending(fake, tmp_path):
    jobs = [make_job(tmp_path, "outbox"), make_job(tmp_path, "media")]
    for job in jobs:
        idle(fake, job)
    runs = job_run.start(jobs, fake.host())
    assert fake.started == [job.service for job in jobs]
    idle(fake, jobs[0], invocation="b", active_state="failed", exit_status=3)
    idle(fake, jobs[1], invocation="b", active_state="activating")
    leave_result(jobs[0], status="failed", exit_code=3, problems=[{"path": "", "message": "NoSuchBucket"}])
    going, over = job_run.look(runs, jobs, fake.host())
    assert [run.job for run in going] == ["media"]
    assert [(ended.job, ended.exit_code, ended.reasons) for ended in over] == [("outbox", 3, ["NoSuchBucket"])]


def test_watching_ends_with_the_last_run_or_the_time(fake, tmp_path):
    job = make_job(tmp_path)
    idle(fake, job)
    runs = job_run.start([job], fake.host())
    idle(fake, job, active_state="activating", invocation="b")
    now = [0.0]

    def sleep(seconds):
        now[0] += seconds
        if now[0] > 30:
            leave_result(job)
            idle(fake, job, invocation="b")

    going, over = job_run.watch(runs, [job], fake.host(), 5, sleep=sleep, clock=lambda: now[0])
    assert (going, over, now[0]) == (runs, [], 5)
    going, over = job_run.watch(runs, [job], fake.host(), 100, sleep=sleep, clock=lambda: now[0])
    assert (going, len(over)) == ([], 1)
    assert now[0] < 33, "the end is noticed at once"


def test_progress_of_the_runs_that_go_on(fake, tmp_path):
    jobs = [make_job(tmp_path, "outbox"), make_job(tmp_path, "media")]
    with open(jobs[0].progress, "w", encoding="utf-8") as file:
        json.dump({"files": 60}, file)
    runs = [JobRun(job.name, SERVICE, "") for job in jobs]
    assert job_run.progress_of(runs, jobs) == {"outbox": {"files": 60}}
    assert job_run.progress_of(runs[1:], jobs) == {}


def test_reasons_are_the_problems_and_how_many_more_there_are():
    result = {"status": "failed", "problems": [{"path": "a", "message": "gone"}, {"message": "b"}], "problems_total": 7}
    assert job_run.reasons_of(result) == ["a: gone", "b", "and 5 more, see the result on the host"]
    assert job_run.reasons_of({"status": "interrupted"}) == ["status interrupted"]
