# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""No host of a fleet vanishes from a report, and what failed is named."""

from __future__ import annotations

import csv
import io

import pytest
from ansible_collections.datasync.turbo.plugins.plugin_utils.reports import status as fleet_report

GOOD = {
    "name": "outbox",
    "schedule": "systemd",
    "running": False,
    "age_seconds": 600,
    "next_run": "2026-11-23T02:00:17+00:00",
    "last": {
        "timestamp": "2026-11-23T00:50:00+00:00",
        "status": "success",
        "exit_code": 0,
        "files_synced": 60,
        "bytes_transferred": 141_669_102,
        "throughput_mbps": 44.778,
        "problems": [],
    },
    "source": "/srv/outbox",
    "destination": "s3://archive/upload1/",
}
BAD = {
    **GOOD,
    "name": "media",
    "last": {**GOOD["last"], "status": "failed", "exit_code": 3, "problems": [{"path": "", "message": "NoSuchBucket"}]},
}


def host(*jobs, **changes):
    return {
        "installed": True,
        "generation": 3,
        "versions": {"program": "0.3.0", "s5cmd": "2.3.0"},
        "found": {"s5cmd": "2.3.0", "program": "p1", "python": "3.11.2"},
        "jobs": list(jobs),
        **changes,
    }


FLEET = {
    "upload1": host(GOOD, BAD),
    "upload2": {
        "unreachable": True,
        "msg": "Task failed: Failed to connect to the host via ssh: No route to host\nmore",
    },
    "upload3": {"installed": False, "found": {"s5cmd": "2.2.2"}},
    "upload4": {"msg": "no permission", "exit_code": 1},
    "upload5": {},
    "upload6": host(),
}


def test_every_host_has_a_row():
    rows = fleet_report.rows(FLEET)
    assert [(row["host"], row["job"], row["state"]) for row in rows] == [
        ("upload1", "outbox", "ok"),
        ("upload1", "media", "ok"),
        ("upload2", "", "unreachable"),
        ("upload3", "", "not deployed"),
        ("upload4", "", "error"),
        ("upload5", "", "error"),
        ("upload6", "", "ok"),
    ]
    assert rows[0]["throughput_mbps"] == 44.778
    assert rows[1]["message"] == "NoSuchBucket"
    assert rows[2]["message"] == "Failed to connect to the host via ssh: No route to host"


def test_versions_are_those_that_lie_on_the_host():
    broken = host(GOOD, found={"s5cmd": "2.2.2", "program": None, "python": None})
    (row,) = fleet_report.rows({"upload1": broken})
    assert (row["s5cmd"], row["program"]) == ("2.2.2", None)


def test_the_table_has_a_line_for_each_row_and_the_messages():
    lines = fleet_report.table(fleet_report.rows(FLEET)).splitlines()
    assert " ".join(lines[0].split()) == "host job schedule s5cmd program last run age result files MB/s next run"
    assert " ".join(lines[2].split()) == (
        "upload1 outbox systemd 2.3.0 0.3.0 2026-11-23 00:50 10 min success 60 44.8 2026-11-23 02:00"
    )
    assert lines[4].split()[:2] == ["upload2", "-"] and "unreachable" in lines[4]
    assert "upload1 media: NoSuchBucket" in lines
    assert len({line.index("systemd") for line in lines if "systemd" in line}) == 1, "columns are aligned"


def test_a_run_that_goes_on_and_one_that_never_was():
    rows = fleet_report.rows({"h": host({**GOOD, "running": True}, {**GOOD, "last": None, "age_seconds": None})})
    table = fleet_report.table(rows)
    assert "success, runs" in table and "never" in table


def test_an_empty_fleet_is_a_table_without_rows():
    assert len(fleet_report.table([]).splitlines()) == 2


def test_csv_has_all_columns_and_survives_awkward_messages():
    awkward = {**FLEET, "upload5": {"failed": True, "msg": 'a "quoted", word'}}
    rows = fleet_report.rows(awkward)
    read = list(csv.DictReader(io.StringIO(fleet_report.as_csv(rows), newline="")))
    assert [row["host"] for row in read] == [row["host"] for row in rows]
    assert list(read[0]) == list(rows[0])
    assert read[5]["message"] == 'a "quoted", word'


def test_alarms_name_what_monitoring_should_hear():
    heard = fleet_report.alarms(fleet_report.rows(FLEET), 3600)
    assert heard == [
        "upload1 media: the last run is 'failed': NoSuchBucket",
        "upload2: unreachable: Failed to connect to the host via ssh: No route to host",
        "upload3: not deployed",
        "upload4: error: no permission",
        "upload5: error: the host gave no answer",
    ]


@pytest.mark.parametrize(
    "changes, alarm",
    [
        ({"age_seconds": 3600}, None),
        ({"age_seconds": 7201}, "upload1 outbox: ran 2 h ago, status_max_age is 60 min"),
        ({"age_seconds": 7201, "running": True}, None),
        ({"age_seconds": 7201, "schedule": "manual"}, None),
        ({"age_seconds": None, "last": None}, "upload1 outbox: has never run, status_max_age is 60 min"),
        ({"last": None, "unreadable": "/x is not JSON"}, "upload1 outbox: the last run is 'unknown': /x is not JSON"),
    ],
)
def test_a_job_that_is_late(changes, alarm):
    heard = fleet_report.alarms(fleet_report.rows({"upload1": host({**GOOD, **changes})}), 3600)
    assert heard == ([alarm] if alarm else [])


@pytest.mark.parametrize(
    "seconds, text",
    [(None, "-"), (0, "0 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (172799, "47 h"), (172800, "2 d")],
)
def test_ages_have_two_digits_or_so(seconds, text):
    assert fleet_report.age(seconds) == text


def test_runs_are_summed_and_no_host_is_left_out():
    done = {"status": "success", "files_synced": 2, "files_unchanged": 9, "bytes_transferred": 3_000_000}
    summary = fleet_report.runs(
        {
            "upload1": {
                "jobs": [
                    {"job": "outbox", "failed": False, "exit_code": 0, "result": done},
                    {"job": "media", "failed": True, "exit_code": 9, "result": None, "reasons": ["no result"]},
                ],
                "running": ["late"],
            },
            "upload2": {"unreachable": True, "msg": "No route to host"},
            "upload3": {"failed": True, "msg": "upload3: nothing is deployed"},
        }
    )
    assert summary["results"] == {
        "upload1": {"outbox": done, "media": {"status": "failed", "exit_code": 9, "message": "no result"}},
        "upload2": {},
        "upload3": {},
    }
    assert (summary["hosts"], summary["jobs"], summary["succeeded"]) == (3, 2, 1)
    assert (summary["files_synced"], summary["bytes_transferred"]) == (2, 3_000_000)
    assert summary["unreachable"] == ["upload2"]
    assert [(one["host"], one["job"]) for one in summary["failures"]] == [
        ("upload1", "media"),
        ("upload1", "late"),
        ("upload2", ""),
        ("upload3", ""),
    ]
    lines = fleet_report.runs_text(summary).splitlines()
    assert lines[0] == "1 of 2 jobs on 3 hosts succeeded: 2 files uploaded (3.0 MB), 9 stored already"
    assert "upload1 media: no result" in lines and "upload2: No route to host" in lines


def test_drift_is_what_the_tasks_would_change():
    same = {"changed": False, "changes": []}
    switched = {"changed": True, "previous_version": "2.2.2", "version": "2.3.0"}
    missing = {"changed": True, "previous_version": None, "version": "2.3.0"}
    differs = {"changed": True, "changes": ["change /etc/cron.d/datasync-turbo"]}
    found = fleet_report.drift(
        {
            "upload1": (same, same, {}),
            "upload2": (switched, differs, {}),
            "upload3": ({"unreachable": True, "msg": "No route to host"}, {"skipped": True, "changed": False}, {}),
            "upload4": (missing, {}, {"failed": True, "msg": "Job outbox: no bucket"}),
        }
    )
    assert found == {
        "upload1": [],
        "upload2": ["s5cmd 2.2.2, wanted is 2.3.0", "change /etc/cron.d/datasync-turbo"],
        "upload3": ["unreachable: No route to host"],
        "upload4": ["s5cmd is missing, wanted is 2.3.0", "cannot be compared: Job outbox: no bucket"],
    }


def test_what_was_deployed_names_failures_too():
    answer = {"changed": True, "generation": 2, "previous_generation": 1, "versions": {"s5cmd": "2.3.0"}, "diff": []}
    found = fleet_report.deployed({"upload1": answer, "upload2": {}, "upload3": {"failed": True, "msg": "no space"}})
    assert found == {
        "upload1": {"changed": True, "generation": 2, "previous_generation": 1, "versions": {"s5cmd": "2.3.0"}},
        "upload2": {"failed": True, "message": "the host gave no answer"},
        "upload3": {"failed": True, "message": "no space"},
    }


def test_versions_before_and_after():
    before = {"s5cmd": "2.2.2", "program": "0.3.0"}
    assert fleet_report.versions_text(before, {"s5cmd": "2.3.0", "program": "0.3.0"}) == (
        "s5cmd 2.2.2 -> 2.3.0, program 0.3.0"
    )
    assert fleet_report.versions_text({}, {"s5cmd": "2.3.0"}) == "s5cmd none -> 2.3.0"
