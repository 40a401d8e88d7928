# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A generation is data: it can be stored, read again, and compared."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.generation import (
    CalendarCheck,
    Generation,
    ManagedFile,
    ManagedFolder,
    S5cmdLink,
    SourceCheck,
    Wanted,
)
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.jobs_on_hosts import job_on_host
from hypothesis import given
from hypothesis import strategies as st

JOB = job_on_host("/var/lib/datasync-turbo")
WANTED = Wanted(
    files=(ManagedFile(JOB.config, "SOURCE_DIR=/srv/outbox\n", "0600", "uploader", "uploader", "config"),),
    folders=(ManagedFolder("/var/lib/datasync-turbo", "0750", "uploader", "uploader"),),
    units=("datasync-turbo@outbox.timer",),
    launchd=("/Library/LaunchDaemons/datasync.turbo.outbox.plist",),
    sources=(SourceCheck("outbox", "uploader_jobs[0].source", "/srv/outbox", True),),
    calendars=(CalendarCheck("outbox", "uploader_jobs[0].schedule.on_calendar", "hourly"),),
    jobs=(JOB,),
)
GENERATION = Generation(
    wanted=WANTED,
    user="uploader",
    state_dir="/var/lib/datasync-turbo",
    environment="0123456789ab",
    program="ba9876543210",
    s5cmd=S5cmdLink("/usr/local/bin", "/usr/local/lib/datasync-turbo/s5cmd", "2.3.0"),
    versions={"s5cmd": "2.3.0", "program": "0.3.0", "python": "3.11.2", "environment": "0123456789ab"},
)


def stored_and_read(generation):
    return Generation.from_dict(json.loads(json.dumps(generation.as_dict())))


def test_a_generation_is_the_same_after_it_was_stored():
    numbered = GENERATION.numbered(4, 3, "2026-11-23T01:00:00+00:00")
    assert stored_and_read(numbered) == numbered


def test_a_generation_without_s5cmd_and_without_jobs_too():
    bare = replace(GENERATION, s5cmd=None, wanted=Wanted())
    assert stored_and_read(bare) == bare


@given(st.text())
def test_any_content_survives(content):
    """Also bytes that are no UTF-8, which Python holds as lone surrogates."""
    one = replace(GENERATION, wanted=Wanted(files=(ManagedFile("/etc/f", content),)))
    assert stored_and_read(one) == one
    assert stored_and_read(one).digest == one.digest


def test_who_only_looks_finds_the_jobs_at_the_top():
    assert GENERATION.as_dict()["jobs"] == [JOB._asdict()]


def test_the_digest_tells_states_apart_and_not_when_or_in_which_order_they_came():
    assert GENERATION.numbered(7, 6, "2026-11-23T01:00:00+00:00").digest == GENERATION.digest
    others = [
        replace(GENERATION, environment="another"),
        replace(GENERATION, program="another"),
        replace(GENERATION, user="another"),
        replace(GENERATION, s5cmd=None),
        replace(GENERATION, versions={}),
        replace(GENERATION, wanted=replace(WANTED, units=())),
        replace(GENERATION, wanted=replace(WANTED, jobs=())),
        replace(GENERATION, wanted=replace(WANTED, files=(WANTED.files[0]._replace(content="x"),))),
    ]
    assert len({one.digest for one in [GENERATION, *others]}) == len(others) + 1


def test_the_digest_of_a_state_does_not_change_between_runs():
    """It decides whether a host is right: one that depended on the order of a set would redeploy every time."""
    assert GENERATION.digest == stored_and_read(GENERATION).digest


def test_what_a_newer_collection_wrote_is_refused():
    with pytest.raises(ConfigurationError, match=r"newer datasync.turbo \(schema 2\).*deploy with that version"):
        Generation.from_dict({**GENERATION.as_dict(), "schema": 2})


def test_wanted_is_what_the_filter_makes():
    assert Wanted.from_dict(WANTED.as_dict()) == WANTED
    assert Wanted.from_dict({}) == Wanted()


def test_a_part_with_an_unknown_key_is_named():
    with pytest.raises(ConfigurationError, match=r"wanted does not fit: .*'colour'.*uploader_wanted"):
        Wanted.from_dict({"files": [{"path": "/etc/f", "content": "", "colour": "red"}]})


def test_a_part_without_its_path_is_an_error():
    with pytest.raises(ConfigurationError, match=r"wanted does not fit: .*path"):
        Wanted.from_dict({"folders": [{"mode": "0755"}]})


@pytest.mark.parametrize("kind", ["files", "folders"])
def test_relative_paths_are_refused_because_a_module_has_no_folder_that_they_could_start_from(kind):
    entry = {"path": "etc/f", **({"content": ""} if kind == "files" else {})}
    with pytest.raises(ConfigurationError, match="'etc/f' is no absolute path"):
        Wanted.from_dict({kind: [entry]})
