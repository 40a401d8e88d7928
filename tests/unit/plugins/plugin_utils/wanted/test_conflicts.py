# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Jobs of one host that would hurt each other."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.datasync.turbo.plugins.plugin_utils.wanted.conflicts import conflicts
from ansible_collections.datasync.turbo.plugins.plugin_utils.wanted.host import parse_spec
from ansible_collections.datasync.turbo.plugins.plugin_utils.wanted.job import check_job
from ansible_collections.datasync.turbo.tests.unit.plugins.plugin_utils.host_variables import host_variables

MOVING = {"after_upload": "move", "move_to": "/srv/sent"}


def between(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """The conflicts of two jobs with different folders and prefixes, unless they are given."""
    host = parse_spec(host_variables())
    elements = [
        {"name": "one", "source": "/srv/one", "bucket": "archive", "prefix": "one", **one},
        {"name": "other", "source": "/srv/other", "bucket": "archive", "prefix": "other", **other},
    ]
    jobs = [check_job(element, str(element["name"]), host) for element in elements]
    found = list(conflicts(jobs))
    assert {conflict.job for conflict in found} <= {"other"}
    return [str(conflict.error) for conflict in found]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({}, {}),
        ({"prefix": "a"}, {"prefix": "a/b"}),
        ({"prefix": "a", "delete": True}, {"prefix": "ab"}),
        ({"prefix": "a"}, {"prefix": "a", "bucket": "mirror"}),
        ({"prefix": "a"}, {"prefix": "a", "endpoint_url": "https://s3.example.org"}),
        ({"source": "/srv/a"}, {"source": "/srv/a/b"}),
        ({"source": "/srv/a", **MOVING}, {"source": "/srv/ab"}),
        ({"log_path": "/var/log/site.log"}, {"log_path": "/var/log/site.log"}),
        (MOVING, {"source": "/srv/sent"}),
    ],
)
def test_jobs_that_do_not_hurt_each_other(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert between(one, other) == []


@pytest.mark.parametrize(
    ("one", "other", "message"),
    [
        ({"prefix": "a"}, {"prefix": "/a/"}, "bucket and prefix are s3://archive/a/, as those of job 'one'"),
        (
            {"prefix": "", "endpoint_url": "https://s3.example.org"},
            {"prefix": None, "settings": {"AWS_ENDPOINT_URL_S3": "https://s3.example.org/"}},
            "bucket and prefix are s3://archive/, as those of job 'one'",
        ),
        ({"prefix": "a", "delete": True}, {"prefix": "a/b"}, "and job 'one' deletes what has no file of its own"),
        ({"prefix": "a/b"}, {"prefix": "", "delete": True}, "and job 'other' deletes what has no file of its own"),
        ({"state_path": "/d/s"}, {"state_path": "/d/s"}, "state_path is '/d/s', which job 'one' writes too"),
        ({"lock_path": "/d/l"}, {"settings": {"LOCK_FILE": "/d/l"}}, "settings.LOCK_FILE is '/d/l', which job 'one'"),
        ({"result_path": "/d/r"}, {"history_path": "/d/r"}, "history_path is '/d/r', which job 'one' writes too"),
        (
            {"settings": {"LOGS_DIR": "/d"}},
            {"settings": {"LOGS_DIR": "/d"}},
            "settings.LOGS_DIR is '/d/last-sync.json', which job 'one' writes too",
        ),
        (
            {"settings": {"JSON_OUTPUT_DIR": "/d"}},
            {"settings": {"JSON_OUTPUT_DIR": "/d"}},
            "settings.JSON_OUTPUT_DIR is '/d/latest.json', which job 'one' writes too",
        ),
        ({"source": "/srv/a", **MOVING}, {"source": "/srv/a/b"}, "and job 'one' takes files away before the other"),
        ({"source": "/srv/a"}, {"source": "/srv/a", "after_upload": "remove"}, "and job 'other' takes files away"),
    ],
)
def test_jobs_that_would(one: dict[str, Any], other: dict[str, Any], message: str) -> None:
    (found,) = between(one, other)
    assert message in found
