# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A server that refuses ends the run at once, and one in trouble gets some time."""

from __future__ import annotations

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import (
    AccessError,
    CredentialsError,
    EndpointError,
)
from ansible_collections.datasync.turbo.plugins.module_utils.common.problems import Kind
from ansible_collections.datasync.turbo.plugins.module_utils.transfer import liveness
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.transfer.stand_in import (
    FAIL_FIRST,
    SLOW_DOWN,
    kinds,
)


def test_a_bucket_that_no_longer_answers_ends_the_run(transfer, plan, bucket):
    """In seconds, not after each file's repetitions."""
    behaviour = """
for arguments in commands():
    failed(*arguments[-2:], "RequestError: send request failed caused by: connection refused")
time.sleep(60)
"""
    bucket.failures["check"] = AccessError("cannot list: connection refused")
    outcomes = transfer(behaviour, numworkers=2).run(plan(*(f"{n:02}" for n in range(30))))
    assert next(outcomes).kind == Kind.UPLOAD
    with pytest.raises(AccessError):
        list(outcomes)
    assert bucket.checked == ["p/"]


def test_expired_credentials_end_the_run_if_the_bucket_says_so_too(transfer, plan, bucket):
    behaviour = """
for arguments in commands():
    failed(*arguments[-2:], "ExpiredToken: expired status code: 400, request id: 1, host id: 2")
"""
    bucket.failures["check"] = CredentialsError("the token has expired")
    with pytest.raises(CredentialsError):
        list(transfer(behaviour).run(plan("a", "b")))


def test_the_bucket_is_not_asked_after_every_failure(transfer, plan, bucket):
    behaviour = """
for arguments in commands():
    failed(*arguments[-2:], "AccessDenied: Access Denied status code: 403, request id: 1, host id: 2")
"""
    assert len(list(transfer(behaviour).run(plan(*(f"{n:02}" for n in range(50)))))) == 50
    assert bucket.asked["check"] == 1


def test_a_failure_that_is_the_files_own_does_not_question_the_bucket(transfer, plan, bucket):
    behaviour = """
for arguments in commands():
    failed(*arguments[-2:], "EntityTooLarge: too large status code: 400, request id: 1, host id: 2")
"""
    list(transfer(behaviour).run(plan("a")))
    assert bucket.asked["check"] == 0


def test_before_each_round_the_bucket_is_asked(transfer, plan, bucket):
    behaviour = f"""
for arguments in commands():
    failed(*arguments[-2:], {SLOW_DOWN!r})
"""
    list(transfer(behaviour, retry_rounds=3).run(plan("a")))
    assert bucket.checked == ["p/"] * 4, "after the first failure, and before each round"


def test_a_server_that_cannot_be_reached_ends_the_run_after_some_patience(transfer, plan, bucket, commands):
    bucket.failures["check"] = EndpointError("cannot list: connection refused")
    said = []
    with pytest.raises(EndpointError):
        list(transfer(FAIL_FIRST, said=said, retry_rounds=2).run(plan("a")))
    assert len(commands()) == 1
    assert said == [
        "cannot list: connection refused: asking again in 0.0 s, 1 of 3",
        "cannot list: connection refused: asking again in 0.0 s, 2 of 3",
        "cannot list: connection refused: asking again in 0.0 s, 3 of 3",
    ]


def test_a_server_whose_silence_takes_long_is_not_asked_as_often(transfer, plan, bucket, monkeypatch):
    monkeypatch.setattr(liveness, "OUTAGE_LIMIT", 0.0)
    bucket.failures["check"] = EndpointError("the bucket does not answer")
    with pytest.raises(EndpointError):
        list(transfer(FAIL_FIRST, retry_rounds=3).run(plan("a")))
    assert bucket.asked["check"] == 1


def test_a_server_that_comes_back_ends_nothing(transfer, plan, bucket, monkeypatch):
    class Closed(Exception):
        """As botocore's ConnectionClosedError."""

        response = None

    said = []
    refusals = [EndpointError("connection refused"), EndpointError("connection closed")]
    refusals[1].__cause__ = Closed()

    def check(prefix):
        if refusals:
            raise refusals.pop()

    monkeypatch.setattr(bucket, "check", check)
    outcomes = list(transfer(FAIL_FIRST, said=said, retry_rounds=3).run(plan("a")))
    assert kinds(outcomes) == {"a": "stored"}
    assert "the bucket answers again" in said


@pytest.mark.parametrize("error", [CredentialsError("the token has expired"), AccessError("NoSuchBucket")])
def test_a_server_that_refuses_ends_the_run_at_once(transfer, plan, bucket, error):
    bucket.failures["check"] = error
    with pytest.raises(type(error)):
        list(transfer(FAIL_FIRST, retry_rounds=3).run(plan("a")))
    assert bucket.asked["check"] == 1


def test_a_server_that_says_it_is_busy_is_asked_again(transfer, plan, bucket):
    class Busy(Exception):
        """As botocore's ClientError."""

        response = {"ResponseMetadata": {"HTTPStatusCode": 503}}  # noqa: RUF012

    busy = AccessError("cannot list: SlowDown: Please reduce your request rate.")
    busy.__cause__ = Busy()
    bucket.failures["check"] = busy
    with pytest.raises(AccessError):
        list(transfer(FAIL_FIRST, retry_rounds=2).run(plan("a")))
    assert bucket.asked["check"] == 4
