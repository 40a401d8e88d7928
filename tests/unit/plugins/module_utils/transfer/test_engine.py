# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What every engine promises: each file has one outcome, and nothing of ours goes on when it stops.

A new engine is one more fixture, named in `world`.
"""

from __future__ import annotations

import fcntl
import inspect
import json
import os
import random
import signal
import time
from collections import Counter
from typing import Any, Callable, NamedTuple

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import AccessError
from ansible_collections.datasync.turbo.plugins.module_utils.common.problems import Kind
from ansible_collections.datasync.turbo.plugins.module_utils.common.units import MIB
from ansible_collections.datasync.turbo.plugins.module_utils.install.binary import Version
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.engine import Engine, Failed, Sender, Sent
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.s5cmd.engine import S5cmdEngine
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.s5cmd.sender import S5cmdSender
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.transfer.scripted_engine import (
    BREAK,
    LINGER,
    REFUSE,
    SILENCE,
    STORE,
    TROUBLE,
    ScriptedEngine,
)
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.transfer.stand_in import (
    SCRIPTED,
    Stopped,
    kinds,
    running,
)

NAMES = [f"{number:02}" for number in range(30)] + ["new\nline"]


class World(NamedTuple):
    """An engine that follows a script; names of files that its server stored; what of it is at work."""

    engine: Any
    stored: Callable[[], set[str]]
    at_work: Callable[[], list[Any]]


def scripted(_request):
    """Make a world of the engine that is nothing but a script."""

    def make(script):
        engine = ScriptedEngine(script)
        return World(engine, lambda: engine.stored, lambda: list(engine.in_flight))

    return make


def s5cmd(request):
    """Make a world of s5cmd, for which a stand-in follows the script."""
    folder, fake_s5cmd = request.getfixturevalue("tmp_path"), request.getfixturevalue("fake_s5cmd")
    pids, stored = folder / "pids", folder / "stored"

    def lines(path):
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def make(script):
        binary = fake_s5cmd(f"PIDS, STORED, SCRIPT = {str(pids)!r}, {str(stored)!r}, {script!r}\n{SCRIPTED}")
        engine = S5cmdEngine(binary, Version("v2.3.0-991c9fb", (2, 3, 0)))
        return World(engine, lambda: set(lines(stored)), lambda: [pid for pid in lines(pids) if running(pid)])

    return make


@pytest.fixture(params=[scripted, s5cmd], ids=lambda engine: engine.__name__)
def world(request):
    """Make a world of each engine by a script."""
    return request.param(request)


# --- the interface


@pytest.mark.parametrize(
    ("interface", "kept"),
    [(Engine, S5cmdEngine), (Sender, S5cmdSender), (Engine, ScriptedEngine), (Sender, ScriptedEngine)],
)
def test_an_engine_keeps_the_interface(interface, kept):
    """mypy holds the types where engines.engine_for returns one; this holds the names, also of the tests' own."""
    instance = kept({}) if kept is ScriptedEngine else kept
    for name, member in vars(interface).items():
        if isinstance(member, property):
            assert hasattr(instance, name), name
        elif inspect.isfunction(member) and not name.startswith(("__init", "_no_init", "__subclass")):
            assert len(inspect.signature(getattr(kept, name)).parameters) >= 1, name
            if not name.startswith("__"):
                assert [*inspect.signature(getattr(kept, name)).parameters] == [*inspect.signature(member).parameters]


# --- one outcome for each file


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("retry_rounds", [0, 2])
def test_each_file_has_one_outcome_and_only_what_the_server_stored_is_sent(world, rounds, plan, seed, retry_rounds):
    chance = random.Random(seed)
    acts = [STORE] * 6 + [TROUBLE, REFUSE, SILENCE, BREAK]
    script = {name: [chance.choice(acts) for _try in range(3)] for name in NAMES}
    one = world(script)
    outcomes = list(rounds(one.engine, retry_rounds=retry_rounds, numworkers=4).run(plan(*NAMES)))
    assert Counter(outcome.file.relative for outcome in outcomes) == Counter(NAMES)
    assert {outcome.file.relative for outcome in outcomes if isinstance(outcome, Sent)} <= one.stored()
    assert one.at_work() == []


@pytest.mark.parametrize("act", [TROUBLE, SILENCE, BREAK])
def test_what_failed_in_the_middle_is_stored_at_the_next_try(world, rounds, plan, act):
    one = world({"13": [act, STORE], "new\nline": [act, STORE]})
    outcomes = list(rounds(one.engine, retry_rounds=2, numworkers=4).run(plan(*NAMES)))
    assert kinds(outcomes) == dict.fromkeys(NAMES, "stored")
    assert one.stored() == set(NAMES)


def test_one_file_that_always_breaks_the_engine_takes_no_other_with_it(world, rounds, plan):
    outcomes = list(rounds(world({"13": [BREAK]}).engine, retry_rounds=2, numworkers=4).run(plan(*NAMES)))
    assert kinds(outcomes) == {**dict.fromkeys(NAMES, "stored"), "13": Kind.UPLOAD}


def test_a_file_that_vanished_or_changed_its_nature_is_not_sent(world, rounds, plan, source):
    one = world({})
    uploads = plan("a", "b", "c")
    (source / "a").unlink()
    (source / "b").unlink()
    (source / "b").mkdir()
    outcomes = list(rounds(one.engine).run(uploads))
    assert kinds(outcomes) == {"a": Kind.VANISHED, "b": Kind.CHANGED, "c": "stored"}
    assert one.stored() == {"c"}


def test_a_sent_file_tells_what_its_proof_needs(world, rounds, plan):
    (upload,) = plan("a")
    (outcome,) = rounds(world({}).engine, part_size=16 * MIB, checksum_algorithm="SHA256").run([upload])
    assert outcome == Sent(
        upload.file,
        upload.file.identity,
        16 * 2**20,
        "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73",
    )


def test_a_refusal_says_what_the_run_exits_with(world, rounds, plan):
    (outcome,) = rounds(world({"a": [REFUSE]}).engine, retry_rounds=3).run(plan("a"))
    assert (type(outcome), outcome.kind, outcome.exit_code) == (Failed, Kind.UPLOAD, 3)
    assert outcome.message.endswith("(grant s3:PutObject on the objects)")


def test_the_bytes_that_are_told_never_fall(world, rounds, plan):
    one = rounds(world({"07": [BREAK, STORE], "21": [TROUBLE, STORE]}).engine, retry_rounds=2, numworkers=4)
    told = [one.bytes_written for _outcome in one.run(plan(*NAMES, content=b"x" * 1000))]
    counted = [number for number in told if number is not None]
    assert counted == sorted(counted)


# --- the end


@pytest.mark.parametrize("how", ["interrupt", "close", "refusal"])
def test_after_a_stop_nothing_goes_on_and_it_is_told_what_may_be_left(world, rounds, plan, bucket, how):
    stop = []

    def tick():
        if stop:
            raise Stopped

    if how == "refusal":
        bucket.failures["check"] = AccessError("NoSuchBucket")
    one = world({"b": [TROUBLE if how == "refusal" else LINGER], "c": [LINGER]})
    going = rounds(one.engine, tick=tick, numworkers=1)
    outcomes = going.run(plan("a", "b", "c", "d"))
    assert isinstance(next(outcomes), Sent)
    if how == "close":
        outcomes.close()
    else:
        stop.extend([how] if how == "interrupt" else [])
        with pytest.raises(Stopped if how == "interrupt" else AccessError):
            list(outcomes)
    assert one.at_work() == []
    assert going.left_open


def test_when_all_is_stored_nothing_is_left_open(world, rounds, plan):
    going = rounds(world({}).engine)
    assert len(list(going.run(plan("a", "b")))) == 2
    assert not going.left_open


def test_after_a_kill_whoever_gets_the_lock_finds_nothing_of_ours_at_work(world, rounds, plan, tmp_path):
    one, uploads, began = world({"b": [LINGER]}), plan("a", "b"), tmp_path / "began"
    with open(tmp_path / "lock", "w") as lock:
        pid = os.fork()
        if pid == 0:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX)
                for _outcome in rounds(one.engine, inherited=(lock.fileno(),)).run(uploads):
                    began.touch()
            finally:
                os._exit(1)
    wait_until(began.exists)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    with open(tmp_path / "lock", "w") as lock:
        wait_until(lambda: got(lock))
        # A process that ends closes its files a moment before it is gone; one that lingers does so for longer.
        wait_until(lambda: one.at_work() == [], seconds=0.5)


def wait_until(true, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def got(lock):
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
