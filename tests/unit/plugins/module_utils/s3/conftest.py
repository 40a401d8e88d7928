# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A bucket whose requests are answered by `s3_wire.Wire`: nothing is sent."""

from __future__ import annotations

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.s3.bucket import Bucket
from ansible_collections.datasync.turbo.plugins.module_utils.s3.connection import Connection
from ansible_collections.datasync.turbo.plugins.module_utils.s3.http_pool import HttpPool
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.s3_wire import SERVER, Wire


@pytest.fixture(scope="package")
def one_bucket():
    """Making a client costs a noticeable part of a second, so that all tests share it."""
    connection = Connection("", "eu-central-1", SERVER, "AKIDEXAMPLE", "wJalrXUtnFEMI")
    return Bucket(Connection.from_options(connection.__dict__), "archive")


@pytest.fixture
def wire(one_bucket, monkeypatch):
    wire = Wire()
    events = one_bucket.client.meta.events
    events.register("before-send.s3", wire.send_by_boto3)
    monkeypatch.setattr(HttpPool, "send", wire.send_short)
    yield wire
    events.unregister("before-send.s3", wire.send_by_boto3)


@pytest.fixture
def bucket(one_bucket, wire):
    one_bucket._clock_ahead = None
    return one_bucket
