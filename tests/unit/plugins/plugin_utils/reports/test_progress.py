# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""People read on the controller how far runs are, how they ended and why they failed."""

from __future__ import annotations

from ansible_collections.datasync.turbo.plugins.plugin_utils.reports.progress import (
    failure_message,
    outcome_line,
    progress_line,
)

#: As the program writes it, see module_utils/report/progress_file.py.
PROGRESS = {
    "pid": 4711,
    "started": "2026-11-23T01:00:00+00:00",
    "phase": "uploading",
    "files": 60,
    "files_done": 41,
    "bytes": 2_600_000_000,
    "bytes_done": 812_000_000,
    "rate": 108_000_000,
}


def test_progress_names_files_bytes_rate_and_time_left():
    line = progress_line("upload1", "outbox", PROGRESS)
    assert line == "upload1 outbox: 41 of 60 files, 812.0 MB of 2.6 GB, 108.0 MB/s, about 17 s left"


def test_before_a_run_uploads_it_looks_for_what_to_upload():
    for progress in (None, {}, {**PROGRESS, "phase": "planning", "files": 0}):
        assert progress_line("upload1", "outbox", progress) == "upload1 outbox: looks for what to upload"


def test_without_a_rate_no_time_is_promised():
    line = progress_line("h", "j", {**PROGRESS, "files": 1, "files_done": 0, "rate": 0})
    assert line == "h j: 0 of 1 file, 812.0 MB of 2.6 GB"


def test_a_run_that_finishes_has_no_time_left():
    line = progress_line("h", "j", {**PROGRESS, "phase": "finishing"})
    assert line == "h j: 41 of 60 files, 812.0 MB of 2.6 GB, finishing"


def test_an_outcome_is_a_line():
    result = {
        "status": "success",
        "files_synced": 2,
        "bytes_transferred": 3_000_000,
        "files_unchanged": 9,
        "checksum_verification": {"verified": True},
    }
    assert outcome_line({"job": "outbox", "result": result}) == (
        "outbox: success, 2 uploaded (3.0 MB), 9 stored already, verified"
    )
    result["deletions"] = {"deleted": 4}
    assert outcome_line({"job": "outbox", "result": result}).endswith("4 deleted, verified")


def test_a_failed_run_without_a_result_is_told():
    row = {"job": "outbox", "failed": True, "exit_code": 3, "result": None, "reasons": ["NoSuchBucket"]}
    assert outcome_line(row) == "outbox: failed, 0 uploaded (0 B), 0 stored already, not verified: NoSuchBucket"


def test_a_plan_is_a_line():
    row = {"job": "outbox", "result": {"status": "success"}, "upload_count": 11, "upload_bytes": 3_000_000}
    assert outcome_line(row) == "outbox: success, 11 to upload (3.0 MB)"
    assert outcome_line({**row, "deletion_count": 2}).endswith(", 2 to delete")


def test_a_failure_names_host_job_and_reasons():
    rows = [
        {"job": "outbox", "failed": False, "exit_code": 0},
        {"job": "media", "failed": True, "exit_code": 4, "reasons": ["a: grew", "b: gone"]},
    ]
    assert failure_message("upload1", rows, [], 60) == ("upload1: job media failed with exit code 4: a: grew | b: gone")
    assert failure_message("upload1", rows[:1], [], 60) == ""


def test_a_run_that_takes_too_long_is_a_failure_that_says_it_goes_on():
    message = failure_message("upload1", [], ["outbox"], 60)
    assert "upload1: job outbox still runs after 60 seconds; it goes on there" in message
    assert "wait_timeout" in message


def test_of_many_reasons_the_first_ten_and_their_number():
    reasons = [f"{number}: x" for number in range(10)] + ["and 90 more, see the result on the host"]
    message = failure_message("h", [{"job": "j", "failed": True, "exit_code": 4, "reasons": reasons}], [], 60)
    assert message.endswith("9: x | and 90 more, see the result on the host")
