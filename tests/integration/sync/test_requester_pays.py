# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A bucket whose owner does not pay: each request that does not say who pays is refused, whoever sends it.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/RequesterPaysBuckets.html
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.checks.report import CheckRequest
from ansible_collections.datasync.turbo.plugins.module_utils.checks.run import run_checks

from dev.seaweedfs import SeaweedFS

from .conftest import MIB, ProgramRun, contents_of
from .fault_proxy import DENIED, Fault, FaultProxy, Request

HEADER = "x-amz-request-payer"


def refuse_what_nobody_pays(request: Request) -> Fault | None:
    return None if request.headers.get(HEADER) == "requester" else DENIED


@pytest.fixture
def owner_does_not_pay(s3_server: SeaweedFS) -> Iterator[FaultProxy]:
    with FaultProxy(s3_server.endpoint_url, refuse_what_nobody_pays) as proxy:
        yield proxy


@pytest.fixture
def config(env_file: Callable[..., Path], owner_does_not_pay: FaultProxy, tmp_path: Path) -> Callable[..., str]:
    """The env file of a job in that bucket."""

    def write(source: Path, **names: str) -> str:
        state = str(tmp_path / "job.state")
        return str(
            env_file(SOURCE_DIR=source, S3_ENDPOINT_URL=owner_does_not_pay.endpoint_url, STATE_FILE=state, **names)
        )

    return write


def kind(request: Request) -> str:
    """What a request does, as far as these tests tell them apart."""
    if request.method == "PUT":
        part = " of a part" if request.is_part else ""
        return f"copy{part}" if "x-amz-copy-source" in request.headers else f"PUT{part}"
    if request.method == "POST":
        return next(f"POST {name}" for name in ("delete", "uploads", "uploadId") if name in request.query)
    if request.method == "GET":
        return "list" if request.lists else "GET"
    return request.method


def test_a_run_that_does_not_say_who_pays_is_refused(
    tree: Callable[..., Path], config: Callable[..., str], program: Callable[..., ProgramRun]
) -> None:
    run = program("sync", "--json", "--config", config(tree({"a.txt": b"a"})))
    assert (run.returncode, run.result["files_synced"]) == (3, 0)
    assert "AccessDenied" in run.stderr


def test_uploads_proofs_deletions_and_audits_say_that_the_requester_pays(
    tree: Callable[..., Path],
    config: Callable[..., str],
    program: Callable[..., ProgramRun],
    owner_does_not_pay: FaultProxy,
    stored: Callable[[], dict[str, bytes]],
) -> None:
    source = tree({"small.txt": b"small", "large.mov": 12 * MIB, "gone.txt": b"gone", "gone too.txt": b"too"})
    job = config(source, REQUEST_PAYER="requester", DELETE="true", MAX_DELETE="60%", CHECKSUM_ALGORITHM="SHA256")
    assert program("plan", "--check", "--config", job).returncode == 0
    first = program("sync", "--json", "--config", job)
    assert (first.returncode, first.result["files_synced"], first.result["problems"]) == (0, 4, [])
    assert first.result["checksum_verification"]["verified"] is True
    (source / "gone.txt").unlink()
    (source / "gone too.txt").unlink()
    second = program("sync", "--json", "--reconcile", "--config", job)
    assert (second.returncode, second.result["deletions"]["deleted"]) == (0, 2)
    # SeaweedFS stores no SHA256 with a copy, so that the download proves it.
    audit = program("verify", "--json", "--attach-sha256", "--allow-download", "--config", job)
    assert (audit.returncode, audit.result["counts"]["ok"]) == (0, 2)
    assert stored() == contents_of(source)
    assert owner_does_not_pay.played == []
    assert {kind(request) for request in owner_does_not_pay.requests} >= {
        "list",
        "HEAD",
        "GET",
        "PUT",
        "POST delete",
        "copy",
    }


def test_checks_of_the_bucket_say_that_the_requester_pays(
    connection_options: dict[str, Any], bucket: str, s5cmd: Path, owner_does_not_pay: FaultProxy
) -> None:
    options = {**connection_options, "endpoint_url": owner_does_not_pay.endpoint_url, "bucket": bucket}
    more = {"s5cmd_path": str(s5cmd), "write_probe": True}
    assert run_checks(CheckRequest.from_options({**options, **more})).exit_code == 3
    payed = run_checks(CheckRequest.from_options({**options, **more, "request_payer": "requester"}))
    assert payed.exit_code == 0, payed.as_dict()
    assert {"list", "PUT", "DELETE"} <= {kind(request) for request in owner_does_not_pay.requests}
