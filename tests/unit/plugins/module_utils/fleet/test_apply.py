# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A generation against a host: a real file system below a temporary folder, with a systemd and a launchd in memory."""

from __future__ import annotations

import fcntl
import os
import sys
from dataclasses import replace

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.commands import CommandTimedOut
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError, LockedError
from ansible_collections.datasync.turbo.plugins.module_utils.fleet import apply as host_apply
from ansible_collections.datasync.turbo.plugins.module_utils.fleet import removal
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.apply import (
    s5cmd_in_use,
)
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.generation import (
    CalendarCheck,
    ManagedFile,
    SourceCheck,
)
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.steps import Step
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.host_tree import listing
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.host_with_jobs import ME, Host

#: A program that accepts every config without the word "wrong", and says of the others what the real one would.
PROGRAM = """
import json, sys
path = sys.argv[sys.argv.index("--config") + 1]
text = open(path, encoding="utf-8").read()
if "wrong" in text:
    reason = f"{path}: line 1: UPLOAD_WORKERS: 'wrong' is no number"
    print(json.dumps({"problems": [{"message": reason}]}))
    sys.exit(f"[ERROR] [2026-11-30 18:00:00] {reason}")
"""


@pytest.fixture
def host(tmp_path, monkeypatch):
    host = Host(tmp_path)
    monkeypatch.setattr(removal, "UNIT_FOLDER", f"{host.units}/")
    return host


# Bringing a host to a generation


def test_a_bare_host_gets_everything(host):
    changes = host.bring(host.generation(outbox="systemd"))
    assert changes == [
        "create opt/datasync-turbo",
        "create opt/datasync-turbo/bin",
        "create jobs",
        "create jobs/outbox.env",
        "create systemd/datasync-turbo@outbox.service.d/job.conf",
        "create systemd/datasync-turbo@outbox.timer",
        "create opt/datasync-turbo/bin/datasync-turbo",
        "link opt/datasync-turbo/venv",
        "start datasync-turbo@outbox.timer",
    ]
    assert host.systemd.calls == [("reload",), ("start", "datasync-turbo@outbox.timer")]
    assert str(host.store.venv.readlink()) == "environments/e1"


@pytest.mark.parametrize("kind", ["systemd", "path", "cron", "launchd", "manual"])
def test_a_host_that_is_right_is_not_touched(host, kind):
    generation = host.generation(outbox=kind)
    host.bring(generation)
    before, calls = host.state(), (list(host.systemd.calls), list(host.launchd.calls))
    found = host.apply(generation, generation).differences()
    assert (found.changes, found.steps) == ([], [])
    assert (host.state(), (host.systemd.calls, host.launchd.calls)) == (before, calls)


def test_comparing_changes_nothing(host):
    before = host.state()
    assert host.apply(host.generation(outbox="systemd", inbox="launchd")).differences().changes
    assert host.state() == before


def test_a_changed_timer_is_started_again_and_others_are_left_alone(host):
    before, after = host.generation(a="systemd", b="systemd"), host.generation(a="systemd", b="systemd 2")
    host.bring(before)
    host.systemd.calls.clear()
    assert host.bring(after, before) == [
        "change jobs/b.env",
        "change systemd/datasync-turbo@b.service.d/job.conf",
        "change systemd/datasync-turbo@b.timer",
    ]
    assert host.systemd.calls == [("reload",), ("restart", "datasync-turbo@b.timer")]


def test_a_changed_config_alone_needs_nothing_of_systemd(host):
    before = host.generation(outbox="systemd")
    host.bring(before)
    host.systemd.calls.clear()
    config = before.wanted.files[0]._replace(content="BUCKET=other\n")
    after = replace(before, wanted=replace(before.wanted, files=(config, *before.wanted.files[1:])))
    assert host.bring(after, before) == ["change jobs/outbox.env"]
    assert host.systemd.calls == []


def test_a_job_that_is_gone_takes_everything_with_it(host):
    before, after = host.generation(a="systemd", b="systemd"), host.generation(a="systemd")
    host.bring(before)
    assert host.bring(after, before) == [
        "stop datasync-turbo@b.timer",
        "remove jobs/b.env",
        "remove systemd/datasync-turbo@b.service.d/job.conf",
        "remove systemd/datasync-turbo@b.timer",
    ]
    assert host.systemd.enabled == set(host.systemd.active) == {"datasync-turbo@a.timer"}
    assert not [path for path in listing(host.root) if "@b" in path or "b.env" in path]
    assert host.systemd.forgotten == {"datasync-turbo@b.service"}, "its failure is no failure of the host any more"


KINDS = ["systemd", "path", "cron", "launchd", "manual"]


@pytest.mark.parametrize("after", KINDS)
@pytest.mark.parametrize("before", KINDS)
def test_a_change_of_the_kind_of_schedule_leaves_what_a_bare_host_would_have_got(host, tmp_path, before, after):
    old, new = host.generation(outbox=before), host.generation(outbox=after)
    host.bring(old)
    host.bring(new, old)
    changed = host.state()
    host.bring(host.generation(), new, old)
    host.systemd.loaded.clear()
    host.bring(new)
    assert host.state() == changed
    assert host.apply(new, old, new).differences().steps == []


def test_the_timer_is_stopped_before_its_file_goes_and_started_after_it_came(host):
    before, after = host.generation(outbox="path"), host.generation(outbox="systemd")
    host.bring(before)
    host.systemd.calls.clear()
    host.bring(after, before)
    assert host.systemd.calls == [
        ("stop", "datasync-turbo@outbox.path"),
        ("reload",),
        ("start", "datasync-turbo@outbox.timer"),
    ]


def test_the_environment_and_the_program_are_switched_by_the_command_and_the_link(host):
    before, after = host.generation("e1", outbox="cron"), host.generation("e2", outbox="cron")
    host.bring(before)
    assert host.bring(after, before) == [
        "change opt/datasync-turbo/bin/datasync-turbo",
        "link opt/datasync-turbo/venv",
    ]
    assert "environments/e2/bin/python" in host.store.command.read_text("utf-8")


# Healing


@pytest.mark.parametrize(
    ("harm", "healed"),
    [
        (lambda host: (host.root / "jobs" / "outbox.env").unlink(), ["create jobs/outbox.env"]),
        (lambda host: (host.root / "jobs").chmod(0o777), ["change permissions of jobs"]),
        (lambda host: host.store.venv.unlink(), ["link opt/datasync-turbo/venv"]),
        (lambda host: host.systemd.active.clear(), ["start datasync-turbo@outbox.timer"]),
        (lambda host: host.systemd.enabled.clear(), ["start datasync-turbo@outbox.timer"]),
        (
            lambda host: (host.units / "datasync-turbo@outbox.timer").unlink(),
            ["create systemd/datasync-turbo@outbox.timer"],
        ),
    ],
)
def test_what_was_changed_by_hand_is_healed(host, harm, healed):
    generation = host.generation(outbox="systemd")
    host.bring(generation)
    right = host.state()
    harm(host)
    assert host.bring(generation, generation) == healed
    assert host.state() == right


@pytest.mark.parametrize("name", ["datasync-turbo@outbox.service.d/job.conf", "datasync-turbo@outbox.timer"])
def test_systemd_reads_what_a_deployment_that_was_killed_had_written(host, name):
    """The file is right, so nothing else tells that systemd does not know it."""
    generation = host.generation(outbox="systemd")
    host.bring(generation)
    host.systemd.loaded[name] = "older"
    assert host.bring(generation, generation) == ["reload systemd"]
    assert host.systemd.loaded[name] != "older"
    assert host.bring(generation, generation) == []


def test_what_only_a_killed_deployment_had_goes_away(host):
    in_use, killed = host.generation(a="systemd"), host.generation(a="systemd", b="systemd", c="cron")
    host.bring(in_use)
    right = host.state()
    host.bring(killed, in_use)
    host.bring(in_use, in_use, killed)
    assert host.state() == right


def test_a_unit_whose_file_was_deleted_by_hand_is_no_obstacle(host):
    before, after = host.generation(a="systemd", b="systemd"), host.generation(a="systemd")
    host.bring(before)
    (host.units / "datasync-turbo@b.timer").unlink()
    host.systemd.enabled.discard("datasync-turbo@b.timer")
    host.bring(after, before)
    assert set(host.systemd.active) == {"datasync-turbo@a.timer"}


# What is in the way


def test_without_systemd_timers_are_an_error_with_the_other_schedules_named(host):
    host.systemd.booted = False
    with pytest.raises(ConfigurationError, match=r"systemd does not run on this host.*uploader_scheduler to cron"):
        host.apply(host.generation(outbox="systemd")).differences()


@pytest.mark.parametrize("kind", ["cron", "manual"])
def test_without_systemd_other_schedules_work(host, kind):
    host.systemd.booted = False
    host.bring(host.generation(outbox=kind))
    assert host.systemd.calls == []


def test_a_file_in_the_place_of_the_link_is_named_and_left_alone(host):
    host.store.root.mkdir(parents=True)
    host.store.venv.write_text("mine", "utf-8")
    with pytest.raises(ConfigurationError, match=r"venv is neither a link nor a folder \(move it away\)"):
        host.apply(host.generation()).differences()
    assert host.store.venv.read_text("utf-8") == "mine"


# s5cmd


def test_the_command_s5cmd_follows_the_generation(host):
    host.install_s5cmd("2.2.2", "2.3.0")
    old, new = host.generation(s5cmd="2.2.2"), host.generation(s5cmd="2.3.0")
    assert "switch bin/s5cmd" in host.bring(old)
    assert host.layout.command_link().version == "2.2.2"
    assert host.bring(new, old) == ["switch bin/s5cmd"]
    assert host.layout.command_link().version == "2.3.0"


def test_a_missing_command_s5cmd_comes_back(host):
    host.install_s5cmd("2.3.0")
    generation = host.generation(s5cmd="2.3.0")
    host.bring(generation)
    host.layout.link.unlink()
    assert host.bring(generation, generation) == ["switch bin/s5cmd"]
    assert s5cmd_in_use(str(host.layout.bin_dir), str(host.layout.versions_dir)) == generation.s5cmd


def test_a_version_that_is_no_longer_there_is_named_with_the_variable(host):
    host.install_s5cmd("2.2.2", "2.3.0")
    host.layout.remove("2.2.2")
    with pytest.raises(
        ConfigurationError, match=r"s5cmd 2.2.2 is no longer complete in .*s5cmd_version=2.2.2.*s5cmd_keep"
    ):
        host.apply(host.generation(s5cmd="2.2.2")).differences()


@pytest.mark.parametrize("kind", ["file", "link", "folder"])
def test_a_command_s5cmd_of_somebody_else_is_left_alone(host, kind):
    host.install_s5cmd("2.3.0")
    link = host.layout.link
    link.unlink()
    if kind == "folder":
        link.mkdir()
    elif kind == "link":
        link.symlink_to("/usr/bin/env")
    else:
        link.write_text("mine", "utf-8")
    before = listing(host.root)
    with pytest.raises(ConfigurationError, match=r"bin/s5cmd is a .*move it away"):
        host.apply(host.generation(s5cmd="2.3.0")).differences()
    assert listing(host.root) == before
    assert s5cmd_in_use(str(host.layout.bin_dir), str(host.layout.versions_dir)) is None


def test_a_generation_without_s5cmd_leaves_the_command_alone(host):
    host.install_s5cmd("2.3.0")
    host.bring(host.generation())
    assert host.layout.command_link().version == "2.3.0"


# All or nothing


class Broken(Step):
    """A step that fails, before it did anything or after it did all of it."""

    def __init__(self, step, is_done):
        self._step, self._is_done = step, is_done

    def run(self):
        if self._is_done:
            self._step.run()
        raise ConfigurationError("no more")

    def undo(self):
        if self._is_done:
            self._step.undo()


#: From what to what: everything comes, everything changes, everything goes.
STORIES = {
    "first": (None, {"environment": "e1", "s5cmd": "2.3.0", "a": "systemd", "b": "path", "c": "cron", "d": "launchd"}),
    "change": (
        {"environment": "e1", "s5cmd": "2.2.2", "a": "systemd", "b": "path", "c": "cron", "d": "launchd"},
        {"environment": "e2", "s5cmd": "2.3.0", "a": "systemd 2", "b": "path 2", "c": "cron 2", "d": "launchd 2"},
    ),
    "swap": (
        {"environment": "e1", "s5cmd": "2.3.0", "a": "systemd", "b": "path", "c": "launchd", "d": "cron"},
        {"environment": "e2", "s5cmd": "2.2.2", "a": "launchd", "b": "cron", "c": "systemd", "e": "path"},
    ),
    "last": ({"environment": "e1", "a": "systemd", "b": "path", "c": "cron", "d": "launchd"}, {"environment": "e1"}),
}


@pytest.mark.slow
@pytest.mark.parametrize("is_done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("story", STORIES)
def test_whichever_step_fails_the_host_is_as_it_was(host, story, is_done):
    host.install_s5cmd("2.2.2", "2.3.0")
    old, new = STORIES[story]
    earlier = [host.generation(**old)] if old else []
    for generation in earlier:
        host.bring(generation)
    before = host.state()
    number = 0
    while True:
        apply = host.apply(host.generation(**new), *earlier)
        found = apply.differences()
        if number == len(found.steps):
            break
        what = f"step {number} of {len(found.steps)}"
        found.steps[number] = Broken(found.steps[number], is_done)
        with pytest.raises(ConfigurationError, match=r"^no more$"):
            apply.apply(found)
        assert host.state() == before, what
        number += 1
    assert number > 10
    apply.apply(found)
    assert host.apply(host.generation(**new), *earlier).differences().steps == []


def test_the_second_of_two_timers_that_does_not_start_leaves_none(host):
    before = host.state()
    host.systemd.refused = {"datasync-turbo@b.timer"}
    with pytest.raises(ConfigurationError, match=r"Job for datasync-turbo@b.timer failed"):
        host.bring(host.generation(a="systemd", b="systemd"))
    assert host.state() == before


def test_a_changed_timer_that_does_not_start_again_runs_as_it_did(host):
    before, after = host.generation(a="systemd", b="systemd"), host.generation(a="systemd 2", b="systemd 2")
    host.bring(before)
    as_it_was = host.state()
    host.systemd.refused = {"datasync-turbo@b.timer"}
    with pytest.raises(ConfigurationError, match=r"Job for datasync-turbo@b.timer failed"):
        host.bring(after, before)
    host.systemd.refused = set()
    assert host.state() == as_it_was


def test_a_property_list_that_is_refused_leaves_the_old_one_loaded(host):
    before, after = host.generation(a="launchd", b="launchd"), host.generation(a="launchd 2", b="launchd 2")
    host.bring(before)
    as_it_was = host.state()
    apply = host.apply(after, before)
    found = apply.differences()
    real, refused = host.launchd.load, []

    def load(plists):
        if not refused:
            refused.extend(plists)
            real(refused[:1])
            raise ConfigurationError("5: Input/output error")
        real(plists)

    host.launchd.load = load
    with pytest.raises(ConfigurationError, match="Input/output error"):
        apply.apply(found)
    assert host.state() == as_it_was


def test_a_job_of_launchd_that_runs_now_is_not_killed_by_a_deployment(host):
    before, after = host.generation(outbox="launchd"), host.generation(outbox="launchd 2")
    host.bring(before)
    as_it_was = host.state()
    descriptor = os.open(host.root / "outbox.lock", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        for generation in (after, host.generation()):
            with pytest.raises(LockedError, match="job outbox: running now; nothing was changed"):
                host.bring(generation, before)
        (host.root / "outbox.lock").unlink()
        assert host.state() == as_it_was
    finally:
        os.close(descriptor)
    host.bring(after, before)
    assert list(host.launchd.jobs.values()) == ["<plist>2</plist>\n"]


# The checks before anything is touched


@pytest.fixture
def checked(host):
    """A host with an environment and a program, and a function that checks a generation there."""
    python = host.store.environment("e1") / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    program = host.store.program("p1")
    program.parent.mkdir(parents=True)
    program.write_text(PROGRAM, "utf-8")

    def check(**parts):
        generation = host.generation(outbox="systemd")
        apply = host.apply(replace(generation, wanted=replace(generation.wanted, **parts)))
        before = host.state()
        try:
            apply.check(apply.differences())
        finally:
            assert host.state() == before

    return check


def test_what_is_right_passes_the_checks(checked, host):
    checked(
        calendars=(CalendarCheck("outbox", "v", "hourly"),),
        sources=(SourceCheck("outbox", "v", str(host.root), True),),
    )


def test_a_calendar_that_systemd_does_not_understand_is_named_with_job_and_variable(checked, host):
    host.systemd.wrong = {"hourlyy": "Failed to parse calendar expression 'hourlyy': Invalid argument"}
    variable = "uploader_jobs[0].schedule.on_calendar"
    with pytest.raises(ConfigurationError) as raised:
        checked(calendars=(CalendarCheck("outbox", variable, "hourlyy"),))
    assert str(raised.value).startswith(f"job outbox: {variable} 'hourlyy': Failed to parse")
    assert "man systemd.time" in str(raised.value)


def test_a_source_that_is_not_there_is_named_with_job_variable_and_user(checked, host):
    path = str(host.root / "gone")
    with pytest.raises(ConfigurationError) as raised:
        checked(sources=(SourceCheck("outbox", "uploader_jobs[0].source", path),))
    message = str(raised.value)
    assert message.startswith(f"job outbox: uploader_jobs[0].source {path}: user {ME} cannot read it: No such file")
    assert "uploader_groups" in message


@pytest.mark.parametrize(("mode", "write", "verb"), [(0o000, False, "read"), (0o555, True, "write")])
def test_a_source_that_the_user_may_not_use_is_named(checked, host, monkeypatch, mode, write, verb):
    if os.geteuid() == 0:
        # Root as it is for all others: a user whom modes bind.
        monkeypatch.setattr(host_apply, "as_user", lambda user: ["setpriv", "--bounding-set", "-all"])
    source = host.root / "source"
    source.mkdir(mode)
    with pytest.raises(ConfigurationError, match=rf"user {ME} cannot {verb} it: .*ermission"):
        checked(sources=(SourceCheck("outbox", "v", str(source), write),))


def test_a_source_on_a_mount_that_hangs_is_an_error_and_no_endless_deployment(checked, host, monkeypatch):
    def hang(command, timeout):
        raise CommandTimedOut(command[0], f"did not end within {timeout} seconds")

    monkeypatch.setattr(host_apply.commands, "run", hang)
    with pytest.raises(
        ConfigurationError, match=r"job outbox: v /mnt: user .* cannot read it: no answer within 60 sec"
    ):
        checked(sources=(SourceCheck("outbox", "v", "/mnt"),))


def test_a_config_that_the_program_refuses_is_named_by_its_job_and_its_own_path(checked, host):
    wrong = ManagedFile(str(host.root / "jobs" / "outbox.env"), "UPLOAD_WORKERS=wrong\n", "0600", check="config")
    with pytest.raises(ConfigurationError) as raised:
        checked(files=(wrong,), units=())
    assert str(raised.value) == (
        f"job outbox was not written: {wrong.path}: line 1: UPLOAD_WORKERS: 'wrong' is no number"
        " (correct it in uploader_jobs)"
    )


def test_a_config_that_is_on_the_host_already_is_not_checked_again(host, checked):
    generation = host.generation(outbox="systemd")
    host.bring(generation)
    host.store.program("p1").write_text("raise SystemExit(1)", "utf-8")
    apply = host.apply(generation, generation)
    apply.check(apply.differences())
