# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Faults between us and the server, and of the server: what a run makes of each.

Each test says the exit code, what the result names, and that bucket and folder agree or the difference is named. What
no real server does on demand is put into its answers by `fault_proxy`. A refused endpoint, one that is silent from the
first request and one that dies are in test_success_is_true.py.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.sync import leftovers
from ansible_collections.datasync.turbo.plugins.module_utils.transfer import liveness

from dev.seaweedfs import SeaweedFS

from .agreement import agrees_or_named, difference, kinds, open_uploads
from .conftest import MIB, ProgramRun, Upload
from .fault_proxy import (
    DENIED,
    EXPIRED,
    INTERNAL_ERROR,
    NO_SUCH_BUCKET,
    SKEWED,
    SLOW_DOWN,
    Cut,
    CutAnswer,
    Decide,
    Fault,
    FaultProxy,
    Request,
    ShiftClock,
    Silence,
)

Stored = Callable[[], dict[str, bytes]]
Tree = Callable[..., Path]

#: A folder in which every way of uploading is used: many single PUTs, and a file of several parts.
MIXED = {**{f"{number:03}.bin": 2000 for number in range(200)}, "film.mov": 12 * MIB}
SEED = 20261122
HOUR = 3600


def one_percent(fault: Fault) -> Decide:
    """A hundredth of all requests, chosen by a seed."""
    dice = random.Random(SEED)

    def decide(_request: Request) -> Fault | None:
        return fault if dice.random() < 0.01 else None

    return decide


def first_of_each(path_end: str, fault: Fault, matches: Callable[[Request], bool]) -> Decide:
    """The first request that matches, of an object whose key ends so."""
    done: list[Request] = []

    def decide(request: Request) -> Fault | None:
        if done or not request.path.endswith(path_end) or not matches(request):
            return None
        done.append(request)
        return fault

    return decide


class From:
    """Nothing at first; from the call of `begin` on, the fault for every request, or for those that match."""

    def __init__(self, fault: Fault, matches: Callable[[Request], bool] = lambda request: True) -> None:
        self._fault = fault
        self._matches = matches
        self._begun = False

    def begin(self) -> None:
        """From now on."""
        self._begun = True

    def __call__(self, request: Request) -> Fault | None:
        return self._fault if self._begun and self._matches(request) else None


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds instead of minutes until an s5cmd that says nothing is taken for stalled."""
    monkeypatch.setattr(liveness, "STALL_QUESTION", 2.0)
    monkeypatch.setattr(liveness, "STALL_LIMIT", 6.0)
    monkeypatch.setattr(leftovers, "ABORT_DEADLINE", 3.0)


# --- faults that pass: nobody has to notice


@pytest.mark.parametrize(
    "fault",
    [INTERNAL_ERROR, SLOW_DOWN, Cut(), Cut(after=1000), Cut(after=1000, reset=True), CutAnswer()],
    ids=["500", "503 SlowDown", "closed", "cut in the middle", "reset", "cut in the middle of the answer"],
)
def test_one_percent_of_failing_requests_changes_nothing(
    fault: Fault, tree: Tree, upload: Upload, stored: Stored, s3_server: SeaweedFS, s3: Any, bucket: str
) -> None:
    source = tree(MIXED)
    with FaultProxy(s3_server.endpoint_url, one_percent(fault)) as proxy:
        result = upload(source, endpoint_url=proxy.endpoint_url, retry_delay=0)
    assert proxy.played, "the fault happened"
    assert (result.exit_code, result.problems, result.files_synced) == (0, [], len(MIXED))
    assert result.checksum_verification.verified
    assert not difference(source, stored())
    assert open_uploads(s3, bucket) == []


@pytest.mark.parametrize(
    ("fault", "matches"),
    [
        (CutAnswer(), lambda request: request.method == "POST" and "uploads" in request.query),
        (Cut(after=3 * MIB, reset=True), lambda request: request.is_part),
        (CutAnswer(), lambda request: request.is_part),
        (CutAnswer(), lambda request: request.method == "POST" and "uploadId" in request.query),
        (INTERNAL_ERROR, lambda request: request.method == "POST" and "uploadId" in request.query),
    ],
    ids=["answer to create", "part", "answer to part", "answer to complete", "complete"],
)
def test_a_multipart_upload_survives_a_fault_in_each_of_its_steps(
    fault: Fault,
    matches: Callable[[Request], bool],
    tree: Tree,
    upload: Upload,
    stored: Stored,
    s3_server: SeaweedFS,
    s3: Any,
    bucket: str,
) -> None:
    """The answer to `complete` may be lost after the server did it: a repetition is told that there is no upload."""
    source = tree({"film.mov": 12 * MIB, "small.txt": b"small"})
    with FaultProxy(s3_server.endpoint_url, first_of_each("film.mov", fault, matches)) as proxy:
        result = upload(source, endpoint_url=proxy.endpoint_url, retry_delay=0)
    assert len(proxy.played) == 1
    assert (result.exit_code, result.problems, result.files_synced) == (0, [], 2)
    assert not difference(source, stored())
    assert open_uploads(s3, bucket) == []


@pytest.mark.usefixtures("impatient")
def test_one_request_that_is_never_answered_is_sent_again(
    tree: Tree, upload: Upload, stored: Stored, s3_server: SeaweedFS
) -> None:
    """s5cmd waits for ever for an answer; what it waits for is stalled, and goes to another s5cmd."""
    source = tree({f"{number:02}.bin": 2000 for number in range(40)})
    decide = first_of_each("07.bin", Silence(), lambda request: request.stores)
    with FaultProxy(s3_server.endpoint_url, decide) as proxy:
        result = upload(source, endpoint_url=proxy.endpoint_url, retry_delay=0)
    assert len(proxy.played) == 1
    assert (result.exit_code, result.problems, result.files_synced) == (0, [], 40)
    assert result.duration_seconds < 60
    assert not difference(source, stored())


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[SeaweedFS]:
    """A server that a test may stop and start; its data stay, its port changes."""
    with SeaweedFS(tmp_path / "own-server") as server:
        yield server


def test_a_server_that_is_restarted_during_the_run_changes_nothing(
    own_server: SeaweedFS, tree: Tree, upload: Upload
) -> None:
    own_server.client().create_bucket(Bucket="restarted")
    source = tree(MIXED)

    def restart() -> None:
        own_server.stop()
        own_server.start()
        proxy.point_to(own_server.endpoint_url)

    # A server dies with the thread that started it, and the proxy's threads end with their connections.
    with FaultProxy(own_server.endpoint_url) as proxy, ThreadPoolExecutor(1) as keeper:
        proxy.when_received(7 * MIB, lambda: keeper.submit(restart).result())
        result = upload(
            source,
            bucket="restarted",
            endpoint_url=proxy.endpoint_url,
            access_key=own_server.access_key,
            secret_key=own_server.secret_key,
        )
        assert (result.exit_code, result.problems, result.files_synced) == (0, [], len(MIXED))
        client = own_server.client()
        entries = client.list_objects_v2(Bucket="restarted")["Contents"]
        there = {
            entry["Key"][len("in/box/") :]: client.get_object(Bucket="restarted", Key=entry["Key"])["Body"].read()
            for entry in entries
        }
        assert not difference(source, there)
        assert open_uploads(client, "restarted") == []


# --- faults that stay: the run ends soon, says which, and names what is missing


@pytest.mark.parametrize(
    "fault",
    [INTERNAL_ERROR, SLOW_DOWN, Cut(), Cut(reset=True), Silence()],
    ids=["500", "503 SlowDown", "closed", "reset", "black-holed"],
)
@pytest.mark.usefixtures("impatient")
def test_a_server_that_stops_serving_during_the_run_is_exit_code_3_and_the_next_run_heals_it(
    fault: Fault, tree: Tree, upload: Upload, stored: Stored, s3_server: SeaweedFS
) -> None:
    source = tree(MIXED)
    outage = From(fault)
    with FaultProxy(s3_server.endpoint_url, outage) as proxy:
        proxy.when_received(6 * MIB, outage.begin)
        few = {"retry_rounds": 1, "retry_count": 1, "retry_delay": 0}
        result = upload(source, endpoint_url=proxy.endpoint_url, numworkers=4, **few)
    assert (result.exit_code, result.status) == (3, "failed")
    assert result.duration_seconds < 120
    assert any(proxy.endpoint_url in problem.message for problem in result.problems if problem.kind == "run")
    assert not result.checksum_verification.verified
    agrees_or_named(result, source, stored())
    assert len({path for path in kinds(result) if path}) + result.files_synced == len(MIXED)
    healed = upload(source)
    assert (healed.exit_code, difference(source, stored())) == (0, set())


# --- credentials


def test_missing_credentials_are_exit_code_2(
    tree: Tree, env_file: Callable[..., Path], program: Callable[..., ProgramRun], stored: Stored
) -> None:
    source = tree({"a.txt": b"a"})
    config = env_file(SOURCE_DIR=source, AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None)
    run = program("sync", "--json", "--config", str(config))
    assert (run.returncode, kinds(run)) == (2, {"": "run"})
    assert "credentials" in run.stderr and "instance role" in run.stderr
    agrees_or_named(run, source, stored())


@pytest.mark.parametrize("when", ["before", "during"])
def test_expired_credentials_are_exit_code_2(
    when: str, tree: Tree, upload: Upload, stored: Stored, s3_server: SeaweedFS
) -> None:
    """SeaweedFS has no session tokens: 400 ExpiredToken is Amazon's answer, put there by the proxy."""
    source = tree(MIXED)
    expiry = From(EXPIRED)
    with FaultProxy(s3_server.endpoint_url, expiry) as proxy:
        if when == "before":
            expiry.begin()
        else:
            proxy.when_received(6 * MIB, expiry.begin)
        result = upload(source, endpoint_url=proxy.endpoint_url, numworkers=4, retry_delay=0)
    assert (result.exit_code, result.status) == (2, "failed")
    assert any("ExpiredToken" in problem.message for problem in result.problems)
    assert any("renew the session token" in problem.message for problem in result.problems)
    assert len(proxy.played) < 40, "with a token that has expired, nothing is tried for long"
    agrees_or_named(result, source, stored())
    if when == "during":
        assert len({path for path in kinds(result) if path}) + result.files_synced == len(MIXED)
    healed = upload(source)
    assert (healed.exit_code, difference(source, stored())) == (0, set())


# --- the bucket


def test_a_bucket_that_is_deleted_during_the_run_is_exit_code_3(
    tree: Tree, upload: Upload, s3_server: SeaweedFS, s3: Any, bucket: str
) -> None:
    """The bucket is really gone. To uploads after that the proxy says so: SeaweedFS may make it anew for them."""
    source = tree({f"{number:03}.bin": 2000 for number in range(50)})

    def delete_before_the_tenth(request: Request) -> Fault | None:
        if request.path.endswith("010.bin") and not deleted:
            s3.delete_bucket(Bucket=bucket)
            deleted.append(request)
        return NO_SUCH_BUCKET if deleted and request.method == "PUT" else None

    deleted: list[Request] = []
    with FaultProxy(s3_server.endpoint_url, delete_before_the_tenth) as proxy:
        result = upload(source, endpoint_url=proxy.endpoint_url, numworkers=1, retry_delay=0)
    assert deleted
    s3.create_bucket(Bucket=bucket)
    assert (result.exit_code, result.status) == (3, "failed")
    assert any("NoSuchBucket" in problem.message and bucket in problem.message for problem in result.problems)
    unnamed = {path.name for path in source.iterdir()} - set(kinds(result))
    assert len(unnamed) == result.files_synced, "only what was proven before the bucket went is not named one by one"
    healed = upload(source)
    assert (healed.exit_code, healed.files_synced) == (0, 50)


def test_a_bucket_that_may_be_read_and_not_written_is_exit_code_3(
    tree: Tree, upload: Upload, stored: Stored, s3_server: SeaweedFS
) -> None:
    source = tree({f"{number:03}.bin": 2000 for number in range(200)})
    read_only = From(DENIED, lambda request: request.method in ("PUT", "POST"))
    read_only.begin()
    with FaultProxy(s3_server.endpoint_url, read_only) as proxy:
        result = upload(source, endpoint_url=proxy.endpoint_url, retry_delay=0)
    assert (result.exit_code, result.files_synced) == (3, 0)
    assert any("AccessDenied" in p.message and "s3:PutObject" in p.message for p in result.problems)
    assert len(proxy.played) <= 2 * 200, "what is refused is not asked for again and again"
    agrees_or_named(result, source, stored())


def test_objects_that_may_be_written_and_not_read_are_stored_but_not_a_success(
    tree: Tree, upload: Upload, stored: Stored, s3_server: SeaweedFS
) -> None:
    """What nothing proves is no success: without s3:GetObject there is no header to prove an object of parts by."""
    source = tree({"film.mov": 12 * MIB})
    no_heads = From(DENIED, lambda request: request.method == "HEAD")
    no_heads.begin()
    with FaultProxy(s3_server.endpoint_url, no_heads) as proxy:
        result = upload(source, endpoint_url=proxy.endpoint_url, retry_delay=0)
    assert result.exit_code in (3, 4)
    assert kinds(result)["film.mov"] == "unverified"
    assert not result.checksum_verification.verified
    assert not difference(source, stored())


# --- clocks


@pytest.mark.parametrize("seconds", [HOUR, -HOUR], ids=["ahead", "behind"])
def test_a_server_whose_clock_is_an_hour_off_costs_nothing(
    seconds: int, tree: Tree, upload: Upload, stored: Stored, s3_server: SeaweedFS
) -> None:
    """No upload is repeated because of it, and none is left out: not the file that changed half an hour "before"."""
    source = tree({"kept.txt": b"kept", "changed.txt": b"first take", "film.mov": 12 * MIB})
    with FaultProxy(s3_server.endpoint_url, lambda request: ShiftClock(seconds)) as proxy:
        assert upload(source, endpoint_url=proxy.endpoint_url).files_synced == 3
        (source / "changed.txt").write_bytes(b"other take")
        result = upload(source, endpoint_url=proxy.endpoint_url)
    assert (result.exit_code, result.files_synced, result.files_unchanged) == (0, 1, 2)
    agrees_or_named(result, source, stored())


def test_a_server_that_refuses_our_clock_is_exit_code_2_and_says_so(
    tree: Tree, upload: Upload, stored: Stored, s3_server: SeaweedFS
) -> None:
    """Amazon S3 refuses a request whose time is 15 minutes off; SeaweedFS would only do so if the clock were set."""
    source = tree({"a.txt": b"a"})
    with FaultProxy(s3_server.endpoint_url, lambda request: SKEWED) as proxy:
        result = upload(source, endpoint_url=proxy.endpoint_url)
    assert (result.exit_code, kinds(result)) == (2, {"": "run"})
    assert "RequestTimeTooSkewed" in result.problems[0].message
    assert "set this host's clock" in result.problems[0].message
    agrees_or_named(result, source, stored())
