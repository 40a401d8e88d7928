# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What failed because the server or the network was in trouble is tried again, and nothing for ever."""

from __future__ import annotations

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.problems import Kind
from ansible_collections.datasync.turbo.plugins.module_utils.transfer import backoff
from ansible_collections.datasync.turbo.plugins.module_utils.transfer import rounds as rounds_module
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.engine import Failed, Sent
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.s5cmd import sender
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.transfer.stand_in import (
    FAIL_FIRST,
    SLOW_DOWN,
    Stopped,
    kinds,
    names_of,
)

# --- trying again


@pytest.mark.parametrize(
    "error",
    [
        SLOW_DOWN,
        "InternalError: internal error status code: 500, request id: 1, host id: 2",
        "RequestTimeout: not read from status code: 400, request id: 1, host id: 2",
        'RequestError: send request failed caused by: Put "http://h/b/k": EOF',
        'RequestError: send request failed caused by: Put "http://h/b/k": dial tcp 127.0.0.1:9: connection refused',
    ],
)
def test_a_trouble_that_passes_is_no_failure(transfer, plan, error):
    said = []
    behaviour = FAIL_FIRST.replace(repr(SLOW_DOWN), repr(error))
    outcomes = list(transfer(behaviour, said=said, retry_rounds=3).run(plan("a", "b")))
    assert kinds(outcomes) == {"a": "stored", "b": "stored"}
    (text,) = said
    assert text.startswith("2 files failed (")
    assert text.endswith("): trying again in 0.0 s, round 1 of 3")


@pytest.mark.parametrize(
    "error",
    [
        "AccessDenied: Access Denied status code: 403, request id: 1, host id: 2",
        "NoSuchBucket: no such bucket status code: 404, request id: 1, host id: 2",
        "ExpiredToken: expired status code: 400, request id: 1, host id: 2",
        "RequestTimeTooSkewed: skewed status code: 403, request id: 1, host id: 2",
        "EntityTooLarge: too large status code: 400, request id: 1, host id: 2",
        "InvalidArgument: what? status code: 400, request id: 1, host id: 2",
        "open /srv/a: permission denied",
    ],
)
def test_what_would_fail_again_is_tried_once(transfer, plan, commands, error):
    behaviour = f"""
for arguments in commands():
    failed(*arguments[-2:], {error!r})
"""
    (outcome,) = transfer(behaviour, retry_rounds=3).run(plan("a"))
    assert "tried" not in outcome.message
    assert len(commands()) == 1


@pytest.mark.parametrize(
    ("change", "kind"), [("os.unlink(arguments[-2])", Kind.VANISHED), ("os.utime(arguments[-2])", Kind.CHANGED)]
)
def test_a_file_that_changed_during_its_upload_is_not_tried_again(transfer, plan, commands, change, kind):
    """What broke the connection may be that the file got shorter."""
    behaviour = f"""
for arguments in commands():
    {change}
    failed(*arguments[-2:], "RequestError: send request failed caused by: unexpected EOF")
"""
    assert kinds(transfer(behaviour, retry_rounds=3).run(plan("a"))) == {"a": kind}
    assert len(commands()) == 1


def test_what_failed_is_tried_again_after_all_others(transfer, plan, commands):
    behaviour = FAIL_FIRST.replace("tries(arguments) == 1", "tries(arguments) == 1 and arguments[-1].endswith('a')")
    outcomes = list(transfer(behaviour, retry_rounds=1).run(plan("a", "b", "c", "d")))
    assert set(kinds(outcomes).values()) == {"stored"}
    assert names_of(commands()) == ["a", "b", "c", "d", "a"]


def test_after_the_last_round_a_failure_says_how_often_it_was_tried(transfer, plan, commands):
    said = []
    behaviour = f"""
for arguments in commands():
    failed(*arguments[-2:], {SLOW_DOWN!r})
"""
    (outcome,) = transfer(behaviour, said=said, retry_rounds=2).run(plan("a"))
    message = "s5cmd: SlowDown: Please reduce your request rate. (tried 3 times)"
    assert outcome == Failed(outcome.file, Kind.UPLOAD, message)
    assert len(commands()) == 3
    assert said == [
        "1 file failed (SlowDown): trying again in 0.0 s, round 1 of 2",
        "1 file failed (SlowDown): trying again in 0.0 s, round 2 of 2",
    ]


def test_without_rounds_a_failure_is_told_at_once(transfer, plan):
    said = []
    outcomes = list(transfer(FAIL_FIRST, said=said, retry_rounds=0).run(plan("a", "b")))
    assert set(kinds(outcomes).values()) == {Kind.UPLOAD}
    assert said == []


def test_when_the_run_has_waited_enough_nothing_is_tried_again(transfer, plan, monkeypatch, commands):
    monkeypatch.setattr(backoff, "WAIT_LIMIT", 0.0)
    outcomes = list(transfer(FAIL_FIRST, retry_rounds=3).run(plan("a", "b")))
    assert set(kinds(outcomes).values()) == {Kind.UPLOAD}
    assert len(commands()) == 2


def test_while_it_waits_it_is_not_deaf(transfer, plan, monkeypatch):
    monkeypatch.setattr(backoff.random, "uniform", lambda low, high: high)
    said = []

    def tick():
        if said:
            raise Stopped

    with pytest.raises(Stopped):
        list(transfer(FAIL_FIRST, said=said, tick=tick, retry_rounds=3, retry_delay=60).run(plan("a")))
    assert said == ["1 file failed (SlowDown): trying again in 60.0 s, round 1 of 3"]


def test_the_causes_are_named_the_most_frequent_first(transfer, plan):
    said = []
    behaviour = """
errors = {
    "a": "SlowDown: slow status code: 503, request id: 1",
    "b": "InternalError: broken status code: 500, request id: 1",
    "c": "SlowDown: slow status code: 503, request id: 1",
}
for arguments in commands():
    if tries(arguments) == 1:
        failed(*arguments[-2:], errors[arguments[-1][-1]])
    else:
        stored(*arguments[-2:])
"""
    list(transfer(behaviour, said=said, retry_rounds=1).run(plan("a", "b", "c")))
    assert said == ["3 files failed (SlowDown, InternalError): trying again in 0.0 s, round 1 of 1"]


def test_when_many_have_failed_they_come_before_the_rest(transfer, plan, commands, monkeypatch):
    """A server that fails so many needs a pause, and a million of them would fill the memory."""
    monkeypatch.setattr(rounds_module, "AGAIN_LIMIT", 5)
    monkeypatch.setattr(sender, "LINES_AHEAD", 2)
    names = [f"{n:02}" for n in range(40)]
    outcomes = list(transfer(FAIL_FIRST, retry_rounds=1, numworkers=2).run(plan(*names)))
    assert kinds(outcomes) == dict.fromkeys(names, "stored")
    order = names_of(commands())
    assert sorted(order) == sorted(names * 2)
    for name in names:
        first, second = (at for at, entry in enumerate(order) if entry == name)
        assert second - first <= 2 * (5 + 2 + 2)


# --- an engine that breaks down is started again


def test_an_s5cmd_that_was_killed_is_started_again_and_all_is_stored(transfer, plan, commands):
    behaviour = """
for arguments in commands():
    if arguments[-1].endswith("03") and tries(arguments) == 1:
        os.kill(os.getpid(), 9)
    stored(*arguments[-2:])
"""
    said = []
    names = [f"{n:02}" for n in range(100)]
    outcomes = list(transfer(behaviour, said=said, retry_rounds=1, numworkers=4).run(plan(*names)))
    assert kinds(outcomes) == dict.fromkeys(names, "stored")
    assert said[0] == "s5cmd was stopped by signal 9: starting it again"
    assert said[1].endswith("failed (s5cmd was stopped by signal 9): trying again in 0.0 s, round 1 of 1")


def test_an_s5cmd_that_always_dies_is_not_started_for_ever(transfer, plan, heard, bucket):
    behaviour = """
hear(["started"])
next(commands())
os.kill(os.getpid(), 9)
"""
    names = [f"{n:03}" for n in range(300)]
    outcomes = list(transfer(behaviour, retry_rounds=2, numworkers=4).run(plan(*names)))
    assert sorted(outcome.file.relative for outcome in outcomes) == names
    assert set(kinds(outcomes).values()) == {Kind.UPLOAD, Kind.UNFINISHED}
    assert heard.read_text().count("started") == 3
    assert bucket.asked["check"] == 2


def test_one_file_that_kills_s5cmd_does_not_keep_the_others_from_being_stored(transfer, plan):
    behaviour = """
for arguments in commands():
    if arguments[-1].endswith("13"):
        say("panic: index out of range", sys.stderr)
        sys.exit(2)
    stored(*arguments[-2:])
"""
    names = [f"{n:02}" for n in range(50)]
    outcomes = list(transfer(behaviour, retry_rounds=2, numworkers=2).run(plan(*names)))
    assert sorted(outcome.file.relative for outcome in outcomes) == names
    (failed,) = (outcome for outcome in outcomes if not isinstance(outcome, Sent))
    assert failed.file.relative == "13"
    assert failed.message == (
        "s5cmd ended with exit code 2: panic: index out of range; it did not report this file (tried 3 times)"
    )
