# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""An event belongs to the upload that it names, whole, or to none."""

from __future__ import annotations

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.units import MIB
from ansible_collections.datasync.turbo.plugins.module_utils.job.job import Job
from ansible_collections.datasync.turbo.plugins.module_utils.job.local_file import Identity, LocalFile
from ansible_collections.datasync.turbo.plugins.module_utils.plan.uploads import Upload
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.hand_over import Parts, Prepared
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.s5cmd.events import Event
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.s5cmd.in_flight import InFlight

JOB = Job(src="/srv", bucket="archive", prefix="p/")


def prepared(name):
    identity = Identity(7, 1, 2, 3, 4)
    upload = Upload(LocalFile(f"/srv/{name}", name, f"p/{name}", identity), "new")
    return Prepared(upload, identity, Parts(16 * MIB, 1), {}, "")


def success(source, destination):
    return Event(True, source, destination, "", "")


def failure(command):
    return Event(False, "", "", command, "broken pipe")


@pytest.mark.parametrize(
    ("event", "name"),
    [
        (success("/srv/a", "s3://archive/p/a"), "a"),
        (success("/srv/a", "s3://archive/p/b"), None),
        (success("/srv/c", "s3://archive/p/c"), None),
        (failure("cp --raw=true /srv/a s3://archive/p/a"), "a"),
        (failure("cp --raw=true /srv/a s3://archive/p/b"), None),
        (failure("cp --raw=true /srv/x /srv/a s3://archive/p/a"), "a"),
        (failure("cp --raw=true /srv/b /srv/a s3://archive/p/b /srv/a"), "b /srv/a"),
        (failure("run"), None),
    ],
)
def test_an_event_is_about_the_upload_that_it_names(event, name):
    in_flight = InFlight(JOB, prepared("a"), prepared("b"), prepared("b /srv/a"))
    reported = in_flight.take_reported(event)
    assert (reported and reported.upload.file.relative) == name
    assert len(in_flight) == (3 if name is None else 2)


def test_an_upload_is_reported_once():
    in_flight = InFlight(JOB, prepared("a"))
    event = success("/srv/a", "s3://archive/p/a")
    assert in_flight.take_reported(event) == prepared("a")
    assert in_flight.take_reported(event) is None


def test_what_is_left_is_taken_away_at_once():
    in_flight = InFlight(JOB)
    in_flight.add(prepared("a"))
    in_flight.add(prepared("b"))
    assert in_flight.take_away() == [prepared("a"), prepared("b")]
    assert not in_flight
