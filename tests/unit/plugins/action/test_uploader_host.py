# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What the controller does for a host: one call where all is right, and what is missing in one file where it is not."""

from __future__ import annotations

import hashlib
import zipfile
from types import SimpleNamespace

import pytest
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.datasync.turbo.plugins.action import uploader_host
from ansible_collections.datasync.turbo.plugins.action.uploader_host import MODULE, ActionModule

PYTHON = {
    "executable": "/usr/bin/python3.11",
    "version": "3.11.2",
    "system": "Linux",
    "machine": "x86_64",
    "pointer_bits": 64,
    "libc": ["glibc", "2.36"],
    "macos": "",
}
RIGHT = {"changed": False, "changes": [], "needs": [], "python": PYTHON}
DEPLOYED = {"changed": True, "changes": ["make environment E"], "needs": [], "python": PYTHON}


def lacking(*needs):
    changes = (["create user uploader"] if "user" in needs else []) + ["make environment E"]
    return {"changed": True, "changes": changes, "needs": list(needs), "python": PYTHON}


@pytest.fixture
def action(tmp_path, monkeypatch):
    """The action with role files and wheels of its own; `calls` are the modules, `pushed` the files that hosts got."""
    (tmp_path / "requirements.txt").write_text("six==1.17.0\n", "utf-8")
    (tmp_path / "datasync-turbo").write_bytes(b"#!/usr/bin/python3\n")
    with zipfile.ZipFile(tmp_path / "six-1.17.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("six.py", "")
    monkeypatch.setattr(uploader_host, "ROLE_FILES", tmp_path)
    monkeypatch.setattr(ActionBase, "run", lambda self, tmp=None, task_vars=None: {})

    def make(*answers, check_mode=False, **arguments):
        action = ActionModule.__new__(ActionModule)
        arguments = {"cache_dir": str(tmp_path / "cache"), "wheel_dir": str(tmp_path), **arguments}
        action._task = SimpleNamespace(args=arguments, check_mode=check_mode)
        action._connection = SimpleNamespace(_shell=SimpleNamespace(join_path=lambda *parts: "/".join(parts)))
        action.calls, action.pushed, action.removed = [], [], []
        left = list(answers)

        def execute(module_name, module_args, task_vars):
            action.calls.append((module_name, dict(module_args)))
            return dict(left.pop(0))

        def transfer(local, remote):
            with zipfile.ZipFile(local) as archive:
                action.pushed.append((remote, sorted(archive.namelist())))

        monkeypatch.setattr(action, "_execute_module", execute, raising=False)
        monkeypatch.setattr(action, "_make_tmp_path", lambda: "/tmp/ansible", raising=False)
        monkeypatch.setattr(action, "_remove_tmp_path", action.removed.append, raising=False)
        monkeypatch.setattr(action, "_transfer_file", transfer, raising=False)
        monkeypatch.setattr(action, "_fixup_perms2", lambda paths, execute: None, raising=False)
        return action

    return make


def run(action):
    return action.run(task_vars={"inventory_hostname": "upload1"})


def modules(action):
    return [name for name, _arguments in action.calls]


def test_on_a_host_that_is_right_one_call_is_all_that_happens(action):
    it = action(RIGHT, wanted={})
    assert run(it) == RIGHT
    ((name, arguments),) = it.calls
    assert name == MODULE
    assert arguments["requirements"] == "six==1.17.0\n"
    assert arguments["program_sha256"] == hashlib.sha256(b"#!/usr/bin/python3\n").hexdigest()
    assert it.pushed == []


def test_what_is_missing_comes_in_one_file_and_the_module_is_called_again_with_it(action):
    it = action(lacking("packages", "program"), DEPLOYED)
    assert run(it) == DEPLOYED
    assert it.pushed == [("/tmp/ansible/payload.zip", ["packages/six.py", "program"])]
    assert it.calls[1] == (MODULE, {**it.calls[0][1], "payload": "/tmp/ansible/payload.zip"})
    assert it.removed == ["/tmp/ansible"]


@pytest.mark.parametrize(("needs", "delivery"), [(("program",), "controller"), (("packages", "program"), "direct")])
def test_the_packages_stay_here_where_they_are_not_wanted(action, needs, delivery):
    it = action(lacking(*needs), DEPLOYED, delivery=delivery)
    run(it)
    assert it.pushed == [("/tmp/ansible/payload.zip", ["program"])]


def test_in_check_mode_nothing_is_brought(action):
    it = action(lacking("user", "packages", "program"), check_mode=True)
    assert run(it)["needs"] == ["user", "packages", "program"]
    assert (modules(it), it.pushed) == ([MODULE], [])


def test_the_service_user_is_created_with_its_group_and_told_among_the_changes(action):
    it = action(lacking("user", "packages"), {}, {}, DEPLOYED, user="uploader", groups=["media"])
    result = run(it)
    assert modules(it) == [MODULE, "ansible.builtin.group", "ansible.builtin.user", MODULE]
    assert it.calls[1][1] == {"name": "uploader", "system": True}
    assert it.calls[2][1] == {
        "name": "uploader",
        "group": "uploader",
        "groups": ["media"],
        "append": True,
        "system": True,
        "shell": "/usr/sbin/nologin",
        "home": "/var/lib/datasync-turbo",
        "create_home": False,
    }
    assert result["changes"] == ["create user uploader", "make environment E"]


@pytest.mark.parametrize("no", [False, "false", "no", "False"])
def test_a_user_that_may_not_be_created_is_named(action, no):
    it = action(lacking("user"), user="uploader", create_user=no)
    result = run(it)
    assert result["failed"]
    assert result["msg"] == "upload1: there is no user uploader: create it, or set uploader_create_user to true"
    assert modules(it) == [MODULE]


def test_a_user_that_cannot_be_created_is_named_with_the_reason(action):
    it = action(lacking("user"), {"failed": True, "msg": "groupadd: Permission denied"}, user="uploader")
    assert run(it)["msg"] == "upload1: cannot set up user uploader: groupadd: Permission denied"


def test_a_failure_of_the_module_begins_with_the_host(action):
    it = action({"failed": True, "msg": "job outbox: …", "exit_code": 1})
    assert run(it)["msg"] == "upload1: job outbox: …"


def test_a_failure_of_ansible_itself_is_left_as_it_is(action):
    it = action({"failed": True, "msg": "MODULE FAILURE"})
    assert run(it)["msg"] == "MODULE FAILURE"


def test_a_wheel_that_is_missing_on_the_controller_is_told_with_the_host_that_wants_it(action, tmp_path):
    it = action(lacking("packages"), wheel_dir=str(tmp_path / "empty"))
    with pytest.raises(AnsibleActionFail, match=r"^upload1: .*empty has no wheel for Python 3.11 .* of six==1.17.0"):
        run(it)
    assert it.pushed == []


@pytest.mark.parametrize("state", ["previous", "current", "absent"])
def test_going_back_healing_and_removing_want_nothing_of_the_controller(action, tmp_path, state):
    (tmp_path / "datasync-turbo").unlink()
    it = action({"changed": True}, state=state)
    assert run(it) == {"changed": True}
    assert it.calls == [(MODULE, it._task.args)]


def test_a_checkout_without_a_program_says_how_to_make_one(action, tmp_path):
    (tmp_path / "datasync-turbo").unlink()
    with pytest.raises(AnsibleActionFail, match=r"datasync-turbo is missing: .*make dist"):
        run(action())
