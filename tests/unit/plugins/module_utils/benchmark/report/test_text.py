# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The files of a result are there as a whole or not at all, and tell what the result holds."""

from __future__ import annotations

import csv
import io
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.benchmark.report import text as benchmark_report
from ansible_collections.datasync.turbo.plugins.module_utils.common import files
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils import benchmark_results


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_text_begins_with_the_answer_and_has_every_tool() -> None:
    text = benchmark_report.text_table(benchmark_results.full())
    head = text.split("\nmix:", maxsplit=1)[0]
    assert "datasync was faster than AWS CLI on mix and small; datasync was slower than AWS CLI on single." in head
    assert "- single: datasync was slower than AWS CLI: it took 1.03 times as long" in head
    lines = [line for line in text.splitlines() if line.startswith("datasync  ")]
    assert len(lines) == 3, "one for each dataset"
    assert all("3 of 3" in line for line in lines)
    assert "rclone: rclone is not on PATH: install it, or give rclone_path" in text


def test_text_columns_are_aligned() -> None:
    lines = benchmark_report.text_table(benchmark_results.full()).splitlines()
    at = lines.index("mix: 24 files, 6.8 GB; medians (smallest-greatest) of the good runs")
    head, rule, *tools = lines[at + 1 : at + 8]
    assert [line.index("3 of 3") for line in tools[:4]] == [head.index("good runs")] * 4
    assert set(rule) == {"-", " "}


def test_text_names_all_that_went_wrong() -> None:
    text = benchmark_report.text_table(benchmark_results.troubled())
    for told in (
        ": incomplete",
        "all 5 failed",
        "mix, s5cmd, round 2: exit code 1: connection reset by peer",
        "the server's clock is 40 s ahead",
        "The next benchmark with this bucket and work_dir tries again",
        "speed unknown",
    ):
        assert told in text


def test_text_has_the_tuning() -> None:
    text = benchmark_report.text_table(benchmark_results.troubled())
    assert (
        "- small files: 64 workers, 5 parts at once, 16 MiB parts; 31 % less time (the whole interval is below 1)"
        in text
    )
    assert "- large files: 16 workers, 5 parts at once, 16 MiB parts (the defaults); 0.98, defaults stay" in text


def test_csv_has_a_line_for_each_run() -> None:
    result = benchmark_results.full()
    found = rows(benchmark_report.csv_text(result))
    assert len(found) == len(result["runs"])
    first, run = found[0], result["runs"][0]
    assert (first["host"], first["dataset"], first["tool"], first["round"]) == (
        "upload01.example.com",
        "mix",
        "datasync",
        "0",
    )
    assert float(first["wall_seconds"]) == run["wall_seconds"]
    assert (first["files"], first["bytes"], first["version"]) == ("24", "6850000000", "0.4.0, s5cmd 2.3.0")


def test_csv_holds_nothing_that_a_spreadsheet_runs() -> None:
    result = benchmark_results.one_round()
    result["runs"][0]["message"] = '=HYPERLINK("http://example.com")'
    result["runs"][1]["message"] = "two\nlines"
    found = rows(benchmark_report.csv_text(result))
    assert found[0]["message"] == '\'=HYPERLINK("http://example.com")'
    assert found[1]["message"] == "two\nlines"


def test_results_are_four_files_that_others_may_read(tmp_path: Path) -> None:
    result = benchmark_results.full()
    paths = benchmark_report.write_results(result, str(tmp_path / "results"))
    folder = tmp_path / "results" / result["id"]
    assert paths == {ending: str(folder / f"benchmark.{ending}") for ending in ("json", "csv", "txt", "html")}
    assert json.loads(Path(paths["json"]).read_text("utf-8")) == result
    assert Path(paths["txt"]).read_text("utf-8") == benchmark_report.text_table(result)
    assert Path(paths["html"]).read_text("utf-8").startswith("<!DOCTYPE html>")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o644}
    assert os.listdir(tmp_path / "results") == [result["id"]], "nothing beside it"


def test_names_that_are_not_utf_8_can_be_written(tmp_path: Path) -> None:
    result = benchmark_results.one_round()
    result["problems"] = ["cannot read 'caf\udce9'"]
    paths = benchmark_report.write_results(result, str(tmp_path))
    assert json.loads(Path(paths["json"]).read_text("utf-8"))["problems"] == result["problems"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_nothing_half_written_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    written: list[str] = []

    def write(path: str, content: str, **_options: Any) -> None:
        if written:
            raise error
        Path(path).write_text(content)
        written.append(path)

    monkeypatch.setattr(files, "write", write)
    with pytest.raises((ConfigurationError, KeyboardInterrupt)):
        benchmark_report.write_results(benchmark_results.full(), str(tmp_path))
    assert written, "the first file was there"
    assert os.listdir(tmp_path) == []


def test_an_earlier_result_is_never_replaced(tmp_path: Path) -> None:
    result = benchmark_results.full()
    benchmark_report.write_results(result, str(tmp_path))
    with pytest.raises(ConfigurationError, match="it is there already"):
        benchmark_report.write_results({**result, "status": "incomplete"}, str(tmp_path))
    (kept,) = tmp_path.glob("*/benchmark.json")
    assert json.loads(kept.read_text())["status"] == "complete"


def test_to_try_whether_a_folder_can_be_written_leaves_nothing(tmp_path: Path) -> None:
    benchmark_report.check_writable(str(tmp_path / "new" / "folder"))
    benchmark_report.check_writable(str(tmp_path))
    assert os.listdir(tmp_path) == []


def test_a_folder_that_cannot_be_written_is_named_before_anything_is_measured(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match=r"file/results'.*Not a directory.*results_dir"):
        benchmark_report.check_writable(str(tmp_path / "file" / "results"))
