# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The generations of a host: which are there, which is in use, and what goes when."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from dataclasses import replace
from datetime import datetime

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common import files
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError, LockedError
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.generation import Generation, ManagedFile, Wanted
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.store import INCOMING, GenerationStore

GENERATION = Generation(
    wanted=Wanted(files=(ManagedFile("/etc/f", "SECRET_ACCESS_KEY=x\n", "0600"),)),
    user="uploader",
    state_dir="/var/lib/datasync-turbo",
    environment="e1",
    program="p1",
)


@pytest.fixture
def store(tmp_path):
    store = GenerationStore(tmp_path / "opt")
    with store.lock():
        yield store


def deployed(store, *versions):
    """One generation after the other, each with its environment and program; returns the last one."""
    last = None
    for version in versions:
        wanted = replace(GENERATION, environment=f"e{version}", program=f"p{version}")
        (store.environment(wanted.environment) / "bin").mkdir(parents=True)
        store.program(wanted.program).parent.mkdir(parents=True)
        last = store.add(wanted, last.number if last else None)
        store.use(last.number)
    return last


def test_a_bare_host_has_no_generation_and_looking_at_it_makes_nothing(tmp_path):
    store = GenerationStore(tmp_path / "opt")
    assert (store.current(), store.numbers(), store.stored(), store.read(1)) == (None, [], [], None)
    assert list(tmp_path.iterdir()) == []


def test_a_generation_that_was_added_is_not_in_use_yet(store):
    added = store.add(GENERATION, None)
    assert store.current() is None
    assert store.stored() == [added]


def test_a_generation_in_use_is_found_with_its_number_its_parent_and_its_time(store):
    one = store.add(GENERATION, None)
    two = store.add(replace(GENERATION, program="p2"), one.number)
    store.use(two.number)
    assert store.current() == two
    assert (two.number, two.parent) == (2, 1)
    assert datetime.fromisoformat(two.created_at).tzinfo is not None
    assert str((store.generations / "current").readlink()) == "2"


def test_nobody_else_can_read_the_config_files_of_a_generation(store):
    number = store.add(GENERATION, None).number
    assert stat.S_IMODE(store.generations.stat().st_mode) == 0o700
    assert stat.S_IMODE((store.generations / str(number)).stat().st_mode) == 0o700
    assert stat.S_IMODE((store.generations / str(number) / "generation.json").stat().st_mode) == 0o600


def test_numbers_are_not_used_again_while_a_newer_generation_is_there(store):
    deployed(store, 1, 2)
    store.use(1)
    assert store.add(GENERATION, 1).number == 3


def test_a_generation_that_did_not_come_into_use_is_forgotten(store):
    current = deployed(store, 1)
    store.forget(store.add(GENERATION, current.number).number)
    assert store.stored() == [current]


def test_the_generation_in_use_and_two_before_it_stay(store):
    deployed(store, 1, 2, 3, 4, 5)
    store.remove_unused()
    assert store.numbers() == [3, 4, 5]
    assert sorted(os.listdir(store.environments)) == ["e3", "e4", "e5"]
    assert sorted(os.listdir(store.programs)) == ["p3", "p4", "p5"]


def test_after_a_rollback_the_ancestors_of_the_one_in_use_stay_and_the_abandoned_one_goes(store):
    deployed(store, 1, 2, 3)
    store.use(2)
    new = store.add(replace(GENERATION, environment="e2", program="p2"), 2)
    store.use(new.number)
    store.remove_unused()
    assert store.numbers() == [1, 2, new.number]
    assert sorted(os.listdir(store.environments)) == ["e1", "e2"]


def test_an_environment_that_two_generations_share_stays_as_long_as_one_of_them(store):
    deployed(store, 1)
    for parent in (1, 2, 3):
        store.use(store.add(replace(GENERATION, environment="e1", program=f"p{parent + 1}"), parent).number)
    store.remove_unused()
    assert store.numbers() == [2, 3, 4]
    assert os.listdir(store.environments) == ["e1"]


def test_an_old_generation_that_cannot_be_read_keeps_nobody_from_deploying(store):
    deployed(store, 1, 2, 3, 4)
    (store.generations / "3" / "generation.json").write_text("{", "utf-8")
    assert [one.number for one in store.stored()] == [1, 2, 4]
    store.remove_unused()
    assert store.numbers() == [4]


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"schema": 1}', '{"schema": 1, "wanted": 3}'])
def test_a_damaged_generation_in_use_is_named_with_what_to_do(store, text):
    deployed(store, 1)
    (store.generations / "1" / "generation.json").write_text(text, "utf-8")
    with pytest.raises(ConfigurationError) as raised:
        store.current()
    assert f"{store.generations / '1' / 'generation.json'}" in str(raised.value) or "schema" in str(raised.value)
    assert "deploy" in str(raised.value)


def test_a_link_to_a_generation_that_is_gone_counts_as_a_bare_host(store):
    deployed(store, 1)
    store.forget(1)
    assert store.current() is None


def test_something_else_in_the_place_of_the_link_is_named(store):
    (store.generations / "current").write_text("1", "utf-8")
    with pytest.raises(ConfigurationError, match=r"current is no link to a generation.*remove it"):
        store.current()


def test_a_second_deployment_is_refused_at_once(tmp_path):
    store = GenerationStore(tmp_path / "opt")
    with store.lock(), pytest.raises(LockedError, match=r"another deployment holds .*\.lock") as raised, store.lock():
        pass
    assert raised.value.exit_code == 75
    with store.lock():
        pass


def test_the_lock_of_a_deployment_that_was_killed_is_free_and_what_it_left_is_cleared_away(tmp_path):
    store = GenerationStore(tmp_path / "opt")
    with store.lock():
        deployed(store, 1)
    holder = (
        "import fcntl, os, sys\n"
        "file = os.open(sys.argv[1], os.O_RDWR)\n"
        "fcntl.flock(file, fcntl.LOCK_EX)\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    command = [sys.executable, "-I", "-S", "-c", holder, str(store.generations / ".lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(LockedError), store.lock():
            pass
        process.kill()
        process.wait()
    for folder in (store.root, store.generations, store.environments, store.programs):
        (folder / f"{INCOMING}folder" / "deep").mkdir(parents=True)
        (folder / f"{INCOMING}file").touch()
        (folder / f"{INCOMING}link").symlink_to("nowhere")
        (folder / ".link.new~").symlink_to("nowhere")
    with store.lock():
        assert not list(store.root.rglob(f"{INCOMING}*"))
        assert not list(store.root.rglob(".link*"))
    assert store.current() is not None


def test_a_removal_takes_all_that_was_made_and_nothing_else(tmp_path):
    store = GenerationStore(tmp_path / "opt")
    with store.lock():
        deployed(store, 1, 2)
        store.command.parent.mkdir()
        store.command.touch()
        files.replace_link(store.venv, "environments/e2")
        store.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_removal_leaves_what_an_operator_put_there(store):
    deployed(store, 1)
    (store.root / "notes.txt").touch()
    store.remove()
    assert os.listdir(store.root) == ["notes.txt"]
