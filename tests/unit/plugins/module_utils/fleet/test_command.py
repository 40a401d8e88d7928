# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Whoever runs the command runs the program of the generation in use, as the service user, and nobody else's code."""

from __future__ import annotations

import pwd
import subprocess
from dataclasses import replace

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.fleet import command
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.command import as_user, command_text
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.generation import Generation, Wanted
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.store import GenerationStore
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.host_with_jobs import ME, Host


@pytest.fixture
def host(tmp_path):
    return Host(tmp_path)


def test_the_command_starts_the_program_of_its_generation_with_nothing_of_the_callers_python(host):
    """What the caller's environment says to Python, such as where compiled code lies, is not heard (`-I`)."""
    store, generation = host.store, host.generation()
    python, program = store.environment("e1") / "bin" / "python", store.program("p1")
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "python $*"\n', "utf-8")
    python.chmod(0o755)
    host.bring(generation)
    done = subprocess.run([store.command, "sync", "a b"], capture_output=True, text=True, check=True)
    assert done.stdout == f"python -I -B {program} sync a b\n"


@pytest.mark.parametrize(("euid", "user", "becomes"), [(0, "uploader", True), (0, "root", False), (1000, "me", False)])
def test_root_becomes_the_service_user_in_checks_and_in_the_command_alike(host, monkeypatch, euid, user, becomes):
    monkeypatch.setattr(command.os, "geteuid", lambda: euid)
    monkeypatch.setattr(command.sys, "platform", "linux")
    text = command_text(host.store, replace(host.generation(), user=user))
    assert (f'exec runuser -u {user} -- "$0" "$@"' in text) is becomes
    assert as_user(user) == (["runuser", "-u", user, "--"] if becomes else [])
    monkeypatch.setattr(command.sys, "platform", "darwin")
    text = command_text(host.store, replace(host.generation(), user=user))
    assert (f'exec sudo -n -u {user} -- "$0" "$@"' in text) is becomes
    assert as_user(user) == (["sudo", "-n", "-u", user, "--"] if becomes else [])


def test_another_name_of_root_is_root_whom_nothing_has_to_switch_to(host, monkeypatch):
    """The command would start itself for ever: whoever it switched to would be root again."""
    monkeypatch.setattr(command.os, "geteuid", lambda: 0)
    root = pwd.getpwnam("root")
    monkeypatch.setattr(command.pwd, "getpwnam", lambda user: root)
    assert as_user("toor") == []
    assert "runuser" not in command_text(host.store, replace(host.generation(), user="toor"))


def test_a_path_with_blanks_and_quotes_is_one_word_of_the_command(tmp_path):
    store = GenerationStore(tmp_path / "it's a folder")
    generation = Generation(Wanted(), ME, str(tmp_path / "state of it's"), "e1", "p1")
    python = store.environment("e1") / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "$3"\n', "utf-8")
    python.chmod(0o755)
    done = subprocess.run(["sh", "-c", command_text(store, generation)], capture_output=True, text=True, check=True)
    assert done.stdout == f"{store.program('p1')}\n"
