# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""s5cmd_benchmark with the real s5cmd against a real S3 server.

The AWS CLI's place is taken by small scripts where a test needs a tool that crashes, hangs or lies: the real one does
not do so on demand. The real one is compared by `make bench`.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Callable

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.benchmark import run as benchmark

Measure = Callable[..., dict[str, Any]]
Tool = Callable[[str], Path]

FILES = {"a.bin": 300_000, "deep/b.bin": 6_000_000, "empty": 0, "names/with spaces 'and' quotes": 12}
TOTAL = sum(FILES.values())


@pytest.fixture
def source(tree: Callable[..., Path]) -> Path:
    """A folder of four files."""
    return tree(FILES, name="material")


@pytest.fixture
def measure(
    run_module: Callable[..., dict[str, Any]],
    connection_options: Mapping[str, str],
    bucket: str,
    source: Path,
    s5cmd: Path,
    tmp_path: Path,
) -> Measure:
    """Run the module on the folder, one round, as Ansible does."""

    def run(check: bool = False, **options: Any) -> dict[str, Any]:
        usual = {
            "bucket": bucket,
            "s5cmd_path": str(s5cmd),
            "work_dir": str(tmp_path / "work"),
            "datasets": [str(source)],
            "rounds": 1,
            "warmup": 0,
            "tools": ["s5cmd", "datasync"],
        }
        return run_module("s5cmd_benchmark", {**connection_options, **usual, **options}, check=check)

    return run


@pytest.fixture
def tool(tmp_path: Path) -> Tool:
    """A program in the place of the AWS CLI: `tool("exit 3")` does this when it is to upload."""

    def make(script: str) -> Path:
        path = tmp_path / "aws"
        path.write_text(f'#!/bin/sh\nif [ "$1" = --version ]; then echo aws-cli/0 in its place; exit; fi\n{script}\n')
        path.chmod(0o755)
        return path

    return make


@pytest.fixture
def stored(s3: Any, bucket: str) -> Callable[[], list[str]]:
    """The keys in the bucket, with what is only half uploaded."""

    def keys() -> list[str]:
        objects = [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
        uploads = [entry["Key"] for entry in s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])]
        return objects + uploads

    return keys


def upload_then(s5cmd: Path, what: str) -> str:
    """Lines of a tool that uploads one file where it was told to, and then does something."""
    # Called as: aws --endpoint-url URL s3 sync FOLDER DESTINATION --only-show-errors
    return f'"{s5cmd}" --endpoint-url "$2" cp "$5/a.bin" "$6" >/dev/null || exit 9\n{what}'


def test_tools_are_compared_and_nothing_stays(measure: Measure, stored: Any, tmp_path: Path) -> None:
    answer = measure(rounds=2, warmup=1, results_dir=str(tmp_path / "results"))

    assert answer["failed"] is False, answer
    assert answer["changed"] is True
    result = answer["benchmark"]
    assert result["status"] == "complete"
    assert result["problems"] == []
    assert [(run["tool"], run["round"]) for run in result["runs"]] == [
        ("s5cmd", 0),
        ("datasync", 0),
        ("datasync", 1),
        ("s5cmd", 1),
        ("s5cmd", 2),
        ("datasync", 2),
    ]
    for run in result["runs"]:
        assert run["message"] == ""
        assert run["wall_seconds"] > 0
        assert run["cpu_seconds"] > 0
        assert run["peak_memory_bytes"] > 1_000_000
        assert run["megabytes_per_second"] == pytest.approx(TOTAL / 1e6 / run["wall_seconds"], rel=0.01)
        assert run["link_bytes"] >= TOTAL
    ours = next(line for line in result["summary"] if line["tool"] == "datasync")
    assert (ours["runs"], ours["failed"]) == (2, 0)
    assert [(line["tool"], line["against"], line["pairs"]) for line in result["ratios"]] == [("datasync", "s5cmd", 2)]
    assert stored() == []
    assert sorted(os.listdir(tmp_path / "work")) == [".benchmark.lock", "prefixes.json", "runs"]
    assert os.listdir(tmp_path / "work" / "runs") == []


def test_the_report_holds_what_the_task_returned(measure: Measure, tmp_path: Path) -> None:
    answer = measure(tools=["s5cmd"], results_dir=str(tmp_path / "results"))

    written = {kind: Path(path).read_text("utf-8") for kind, path in answer["report"].items()}
    assert json.loads(written["json"]) == answer["benchmark"]
    assert len(written["csv"].splitlines()) == 2
    assert "s5cmd" in written["txt"]
    assert written["html"].startswith("<!DOCTYPE html>")
    assert os.listdir(tmp_path / "results") == [answer["benchmark"]["id"]]


def test_check_mode_tells_what_would_be_sent_and_sends_nothing(measure: Measure, stored: Any, tmp_path: Path) -> None:
    answer = measure(check=True, rounds=3, warmup=1, request_price=0.005, results_dir=str(tmp_path / "results"))

    assert answer["failed"] is False, answer
    assert answer["changed"] is False
    assert answer["estimate"]["bytes"] == 2 * 4 * TOTAL
    assert answer["estimate"]["requests"] >= 2 * 4 * len(FILES)
    assert answer["estimate"]["cost"] == pytest.approx(answer["estimate"]["requests"] / 1000 * 0.005, abs=0.0001)
    assert "benchmark" not in answer
    assert stored() == []
    assert not (tmp_path / "work").exists()
    assert not (tmp_path / "results").exists()


def test_a_missing_tool_is_reported_and_is_no_error(measure: Measure) -> None:
    answer = measure(tools=["s5cmd", "rclone"], rclone_path="/nonexistent/rclone")

    assert answer["failed"] is False, answer
    rclone = next(line for line in answer["tools"] if line["name"] == "rclone")
    assert rclone["available"] is False
    assert "/nonexistent/rclone does not run" in rclone["reason"]
    assert {run["tool"] for run in answer["benchmark"]["runs"]} == {"s5cmd"}


def test_without_any_tool_nothing_begins(measure: Measure) -> None:
    answer = measure(tools=["rclone"], rclone_path="/nonexistent/rclone")

    assert answer["failed"] is True
    assert answer["exit_code"] == 1
    assert "none of the tools can be measured: rclone:" in answer["msg"]


def test_more_bytes_than_allowed_are_refused_before_any_is_sent(measure: Measure, stored: Any) -> None:
    answer = measure(max_bytes="10MB", rounds=3)

    assert answer["failed"] is True
    assert answer["exit_code"] == 1
    assert "max_bytes 10.5 MB is less than the 37.8 MB" in answer["msg"]
    assert stored() == []


def test_a_tool_that_only_says_success_gets_no_figure(measure: Measure, tool: Tool, s5cmd: Path, stored: Any) -> None:
    answer = measure(tools=["awscli", "s5cmd"], aws_path=str(tool(upload_then(s5cmd, "exit 0"))))

    assert answer["failed"] is True
    assert answer["exit_code"] == 4
    liar, honest = answer["benchmark"]["summary"]
    assert (liar["tool"], liar["runs"], liar["failed"], liar["wall_seconds"]) == ("s5cmd", 1, 0, liar["wall_seconds"])
    assert (honest["tool"], honest["runs"], honest["failed"], honest["wall_seconds"]) == ("awscli", 0, 1, None)
    message = f"said success, but 1 object of 300000 bytes are stored instead of 4 of {TOTAL} bytes"
    assert any(run["message"] == message for run in answer["benchmark"]["runs"])
    assert stored() == []


def test_a_folder_that_changes_meanwhile_is_not_blamed_on_the_tool(measure: Measure, tool: Tool, stored: Any) -> None:
    answer = measure(tools=["awscli"], aws_path=str(tool('echo new > "$5/new"')))

    assert answer["exit_code"] == 4
    (run,) = answer["benchmark"]["runs"]
    assert run["message"] == "the folder changed since the benchmark began, so that its runs cannot be compared"
    assert stored() == []


def test_a_crash_is_told_in_the_words_of_the_tool(measure: Measure, tool: Tool, stored: Any) -> None:
    answer = measure(tools=["awscli", "s5cmd"], aws_path=str(tool("echo upload failed: no luck >&2; exit 7")))

    assert answer["exit_code"] == 4
    assert answer["benchmark"]["status"] == "incomplete"
    assert any("ended with exit code 7: upload failed: no luck" in text for text in answer["benchmark"]["problems"])
    assert stored() == []


def test_a_tool_that_hangs_is_ended_and_not_tried_again(
    measure: Measure, tool: Tool, s5cmd: Path, stored: Any, tmp_path: Path
) -> None:
    script = upload_then(s5cmd, f"echo $$ >> {tmp_path}/pids; sleep 300 & wait")
    answer = measure(tools=["awscli", "s5cmd"], aws_path=str(tool(script)), timeout=3, rounds=2)

    assert answer["exit_code"] == 4
    assert [run["message"] for run in answer["benchmark"]["runs"] if run["tool"] == "awscli"] == [
        "ended after the time limit of 3 s"
    ]
    assert any("awscli was not tried again" in text for text in answer["benchmark"]["problems"])
    pids = (tmp_path / "pids").read_text().split()
    assert len(pids) == 1
    assert not Path("/proc", pids[0]).exists()
    assert stored() == []


def test_a_signal_ends_it_and_nothing_stays(
    measure: Measure, tool: Tool, s5cmd: Path, stored: Any, tmp_path: Path
) -> None:
    script = upload_then(s5cmd, "kill -TERM $PPID; sleep 300 & wait")
    answer = measure(
        tools=["s5cmd", "awscli"], aws_path=str(tool(script)), rounds=2, results_dir=str(tmp_path / "results")
    )

    assert answer["failed"] is True
    assert answer["exit_code"] == 128 + 15
    assert answer["benchmark"]["status"] == "interrupted"
    assert "stopped by SIGTERM" in answer["benchmark"]["problems"]
    assert json.loads(Path(answer["report"]["json"]).read_text("utf-8"))["status"] == "interrupted"
    assert stored() == []


def test_what_a_killed_benchmark_left_is_removed_by_the_next(
    measure: Measure, tool: Tool, s5cmd: Path, stored: Any
) -> None:
    aws = tool(upload_then(s5cmd, "kill -KILL $PPID"))
    measure(tools=["awscli"], aws_path=str(aws))
    left = stored()
    assert [key.rpartition("/")[2] for key in left] == ["a.bin"]

    answer = measure(tools=["s5cmd"])

    assert answer["failed"] is False, answer
    assert [text for text in answer["benchmark"]["problems"] if "removed what an earlier benchmark left" in text]
    assert stored() == []


def test_a_tool_that_outlives_a_killed_benchmark_holds_its_lock(
    measure: Measure, tool: Tool, s5cmd: Path, tmp_path: Path, stored: Any
) -> None:
    script = f"echo $$ > {tmp_path}/pid; kill -KILL $PPID; exec sleep 300"
    measure(tools=["awscli"], aws_path=str(tool(script)))
    survivor = int((tmp_path / "pid").read_text())

    assert measure(tools=["s5cmd"])["exit_code"] == 75

    os.kill(survivor, signal.SIGKILL)
    answer = measure(tools=["s5cmd"])
    assert answer["failed"] is False, answer
    assert stored() == []


def test_folders_of_the_work_folder_that_are_not_the_benchmarks_stay(measure: Measure, tmp_path: Path) -> None:
    precious = tmp_path / "work" / "home" / "precious"
    precious.mkdir(parents=True)
    (tmp_path / "work").chmod(0o700)

    answer = measure(tools=["datasync"])

    assert answer["failed"] is False, answer
    assert precious.is_dir()


def test_one_benchmark_at_a_time_on_a_host(measure: Measure, stored: Any) -> None:
    Path(benchmark.LOCK_PATH).touch()
    with open(benchmark.LOCK_PATH) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        answer = measure()

    assert answer["exit_code"] == 75
    assert "another benchmark, or a tool that outlived one, holds the lock" in answer["msg"]
    assert stored() == []


def test_a_results_folder_that_cannot_be_written_is_known_before_anything_is_sent(
    measure: Measure, tmp_path: Path, stored: Any
) -> None:
    (tmp_path / "file").write_text("no folder")
    answer = measure(results_dir=str(tmp_path / "file" / "results"))

    assert answer["exit_code"] == 1
    assert str(tmp_path / "file") in answer["msg"]
    assert "benchmark" not in answer
    assert stored() == []


@pytest.mark.parametrize(
    ("options", "exit_code", "words"),
    [
        ({"bucket": "no-such-bucket"}, 3, "NoSuchBucket"),
        ({"secret_key": "wrong"}, 2, "SignatureDoesNotMatch"),
        ({"endpoint_url": "http://127.0.0.1:9"}, 3, "Connection refused"),
        ({"datasets": ["/nonexistent/folder"]}, 1, "/nonexistent/folder"),
        ({"rounds": -1}, 1, "rounds -1 is below 0"),
        ({"work_dir": "/proc/nothing"}, 1, "work_dir"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_half_written(
    measure: Measure, options: dict[str, Any], exit_code: int, words: str, tmp_path: Path
) -> None:
    answer = measure(results_dir=str(tmp_path / "results"), **options)

    assert answer["failed"] is True
    assert answer["exit_code"] == exit_code, answer["msg"]
    assert words in answer["msg"]
    assert not (tmp_path / "results").exists()


def test_versions_of_objects_do_not_stay_either(measure: Measure, s3: Any, bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})

    answer = measure(tools=["s5cmd"])

    assert answer["failed"] is False, answer
    versions = s3.list_object_versions(Bucket=bucket)
    assert versions.get("Versions", []) + versions.get("DeleteMarkers", []) == []


def test_the_data_of_others_is_not_touched(measure: Measure, s3: Any, bucket: str, source: Path) -> None:
    s3.put_object(Bucket=bucket, Key="datasync-benchmark/precious", Body=b"1")
    before = {path: path.stat() for path in source.rglob("*")}

    answer = measure()

    assert answer["failed"] is False, answer
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["datasync-benchmark/precious"]
    assert {path: path.stat() for path in source.rglob("*")} == before or all(
        path.stat().st_mtime_ns == status.st_mtime_ns for path, status in before.items()
    )


def test_the_job_of_an_env_file_gives_place_and_settings(
    measure: Measure, connection_options: Mapping[str, str], bucket: str, tmp_path: Path
) -> None:
    config = tmp_path / "job.env"
    config.write_text(f"SOURCE_DIR=/srv\nS3_BUCKET={bucket}\nS3_SUBDIRECTORY=studio\nS5CMD_NUM_WORKERS=7\n")
    config.chmod(stat.S_IRUSR | stat.S_IWUSR)

    answer = measure(config=str(config), tools=["datasync"])

    assert answer["failed"] is False, answer
    assert answer["benchmark"]["destination"] == f"s3://{bucket}/studio/datasync-benchmark/"
    assert answer["tools"][0]["settings"].startswith("7 workers, ")


def test_a_tuning_shows_its_evidence_and_is_applied_unless_it_is_frozen(
    measure: Measure, stored: Any, tmp_path: Path
) -> None:
    path = tmp_path / "tuning.fact"
    small = {"tools": ["datasync"], "rounds": 0, "tune": True, "tune_classes": ["small"], "tune_bytes": "600MB"}
    small = {**small, "tune_seconds": 25, "apply_tuning": True, "tuning_path": str(path)}

    answer = measure(**small)

    assert answer["failed"] is False, answer
    found = answer["benchmark"]["tuning"]["classes"]["small"]
    assert found["trials"][0]["settings"] == found["defaults"] == {"numworkers": 32, "concurrency": 4, "part_size": 8}
    assert all(trial["seconds"] > 0 for trial in found["trials"])
    assert found["shown"] or found["settings"] == found["defaults"]
    assert answer["tuning_applied"]["applied"] is found["complete"], answer["tuning_applied"]
    assert answer["benchmark"]["runs"] == []
    assert stored() == []

    before = path.read_text("utf-8") if path.exists() else ""
    path.write_text(json.dumps(json.loads(before or FROZEN) | {"frozen": True}), "utf-8")
    kept = path.read_text("utf-8")
    again = measure(**{**small, "tune_seconds": 1})

    assert again["tuning_applied"]["applied"] is False
    assert "is frozen" in again["tuning_applied"]["reason"]
    assert json.loads(path.read_text("utf-8")) == json.loads(kept)


#: A tuning as another benchmark might have left it.
FROZEN = json.dumps(
    {
        "kind": "datasync.turbo tuning",
        "schema": 1,
        "frozen": True,
        "classes": {"small": {"settings": {"numworkers": 16, "concurrency": 4, "part_size": 8}}},
    }
)
