# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What the scenarios' tests ask the hosts and the bucket. They run in the test bed, beside its S3 server."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any, Callable, TypeVar

import boto3
import pytest
from botocore.config import Config

#: Seconds within which what a schedule starts must have happened; a few on an idle machine.
PATIENCE = 90.0
Found = TypeVar("Found")


@pytest.fixture(scope="session")
def connection() -> dict[str, str]:
    """Endpoint and keys of the test bed's S3 server."""
    facts: dict[str, str] = json.loads((Path(os.environ["DATASYNC_BED"]) / "s3.json").read_text("utf-8"))
    return facts


@pytest.fixture(scope="session")
def s3(connection: dict[str, str]) -> Any:
    """A boto3 client of the test bed's S3 server."""
    return boto3.client(
        "s3",
        endpoint_url=connection["endpoint_url"],
        aws_access_key_id=connection["access_key"],
        aws_secret_access_key=connection["secret_key"],
        region_name=connection["region"],
        config=Config(s3={"addressing_style": "path"}, proxies={}),
    )


@pytest.fixture(scope="session")
def bucket() -> str:
    """The scenario's bucket; see molecule/create.yml."""
    return f"{os.environ['MOLECULE_SCENARIO_NAME'].replace('_', '-')}-bucket"


@pytest.fixture(scope="session")
def stored(s3: Any, bucket: str) -> Callable[[str], dict[str, bytes]]:
    """The bucket's objects below a prefix: key to content."""

    def objects(prefix: str) -> dict[str, bytes]:
        entries = s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
        return {entry["Key"]: s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read() for entry in entries}

    return objects


@pytest.fixture(scope="session")
def wait_for() -> Callable[[str, Callable[[], Found]], Found]:
    """`wait_for("the upload", ask)`: the first answer of `ask` that is true."""

    def wait(what: str, ask: Callable[[], Found]) -> Found:
        deadline = time.monotonic() + PATIENCE
        while not (answer := ask()):
            assert time.monotonic() < deadline, f"waited {PATIENCE:.0f} s in vain for {what}"
            time.sleep(0.5)
        return answer

    return wait


@pytest.fixture
def result(host: Any) -> Callable[[str], dict[str, Any]]:
    """`result("outbox")`: what the last run of a job reported."""

    def last(job: str) -> dict[str, Any]:
        report: dict[str, Any] = json.loads(host.file(f"/var/lib/datasync-turbo/results/{job}.json").content_string)
        return report

    return last
