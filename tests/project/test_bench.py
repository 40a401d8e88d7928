# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The benchmark concludes what its runs say: ratios within a round, the peak of our own process, reached or not."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from plugins.module_utils.benchmark.measure.data import Recipe
from tests.bench import __main__ as bench
from tests.bench import data, measured, rounds, shaped_link, table
from tests.bench.growth import crc64nvme_of_zeros
from tests.bench.measured import BenchError, Usage

RECIPE = Recipe("tiny", ((3000, 4), (10, 2)))


def usage(wall: float, own_mb: float = 50.0) -> Usage:
    return Usage(wall_seconds=wall, cpu_seconds=1.0, own_mb=own_mb, tree_mb=own_mb + 30)


def test_ratio_is_the_median_of_the_rounds_and_not_the_ratio_of_the_medians() -> None:
    # The second round had the machine to share: both took ten times as long, which changes no ratio.
    runs = {"ours": [usage(1.0), usage(30.0), usage(2.0)], "peer": [usage(2.0), usage(20.0), usage(2.5)]}
    finding = table.ratio("upload", runs, "ours", "peer", limit=0.9)
    assert (finding.least, finding.value, finding.most) == (0.5, 0.8, 1.5)
    assert finding.reached
    assert finding.cells == ["upload", "2.00 s", "2.50 s", "0.80", "0.50–1.50", "0.90", "yes", "1.00"]


def test_ratio_above_the_limit_is_not_reached() -> None:
    finding = table.ratio("upload", {"ours": [usage(2.0)], "peer": [usage(2.0)]}, "ours", "peer", limit=0.99)
    assert not finding.reached
    assert finding.cells[-2] == "NO"


def test_rounds_without_a_partner_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        table.ratio("upload", {"ours": [usage(1.0), usage(1.0)], "peer": [usage(1.0)]}, "ours", "peer", limit=1.0)


def test_memory_is_the_largest_peak_of_our_own_process() -> None:
    runs = {"ours": [usage(1.0, own_mb=70.0), usage(1.0, own_mb=121.0), usage(1.0, own_mb=80.0)]}
    finding = table.memory("memory", runs, "ours", limit_mb=120)
    assert (finding.value, finding.reached) == (121.0, False)
    assert finding.cells[3:] == ["121 MB", "70–121", "120 MB", "NO", ""]


def test_memory_that_the_kernel_does_not_tell_is_no_finding() -> None:
    with pytest.raises(BenchError, match="does not tell"):
        table.memory("memory", {"ours": [replace(usage(1.0), own_mb=None)]}, "ours", limit_mb=120)


def test_tables_line_up() -> None:
    runs: dict[str, list[Usage]] = {"ours": [usage(1.0)], "a peer with a long name": [usage(12.0)]}
    for text in (
        table.usage_table({"group": runs}),
        table.findings_table([table.ratio("upload", runs, "ours", "a peer with a long name", limit=1.0)]),
    ):
        lines = text.splitlines()
        assert len({len(line) for line in lines}) == 1
        assert all(line.startswith("|") and line.endswith("|") for line in lines)


def test_a_process_is_measured_with_its_children(tmp_path: Path) -> None:
    child = "import time; data = bytearray(40_000_000); time.sleep(0.5)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}], check=True)"
    taken = measured.measure([sys.executable, "-c", parent], dict(os.environ), tmp_path / "log")
    assert taken.wall_seconds > 0.5
    assert taken.cpu_seconds > 0
    if sys.platform == "linux":
        assert taken.own_mb is not None
        assert taken.tree_mb is not None
        assert taken.own_mb < 40 < taken.tree_mb


def test_a_failing_contender_ends_the_benchmark_with_its_output(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"(?s)exit code 3.*no such bucket"):
        command = ["sh", "-c", "echo no such bucket; exit 3"]
        measured.measure(command, dict(os.environ), tmp_path / "log")


def test_a_share_is_of_what_was_carried_in_the_same_round() -> None:
    finding = table.least("over a link", "100 MB/s", "110 MB/s", [0.97, 0.94, 0.96], limit=0.95)
    assert (finding.value, finding.reached) == (0.96, True)
    assert finding.cells == ["over a link", "100 MB/s", "110 MB/s", "0.96", "0.94–0.97", "≥ 0.95", "yes", ""]
    assert table.least("over a link", "", "", [0.90], limit=0.95).reached is False


def test_what_has_no_limit_is_there_for_comparison() -> None:
    finding = table.least("over a link: a peer", "", "", [0.5], limit=None)
    assert finding.reached is None
    assert finding.cells[-3:] == ["", "", ""]


def test_data_that_the_disk_cannot_hold_is_not_begun(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="ONLY="):
        data.prepare(Recipe("huge", ((10**18, 1),)), tmp_path)
    with pytest.raises(BenchError, match="make room"):
        data.require_space(tmp_path, 10**18, "the server's copy")


def test_the_table_tells_the_checksums_of_every_file(tmp_path: Path) -> None:
    prepared = data.prepare(RECIPE, tmp_path)
    lines = [line.split(" ") for line in data.table(prepared, RECIPE).read_text().splitlines()]
    assert [(int(size), key.rstrip()) for size, _md5, _crc, key in lines] == [
        (size, f"{data.PREFIX}/{path}") for path, size in RECIPE.paths()
    ]
    # Every file has another content.
    assert len({md5 for _size, md5, _crc, _key in lines}) == RECIPE.files
    assert len({crc for _size, _md5, crc, _key in lines}) == RECIPE.files


def test_checksum_of_zeros_is_that_of_a_file_of_zeros(tmp_path: Path) -> None:
    from awscrt import checksums

    for size in (1, 2, 1_000, 123_457):
        assert crc64nvme_of_zeros(size) == data.in_s3_form(checksums.crc64nvme(bytes(size)))


def test_groups_and_rounds_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert bench.chosen_groups("growth, small") == ["growth", "small"]
    with pytest.raises(BenchError, match="smalll"):
        bench.chosen_groups("smalll")
    assert bench.chosen_rounds("") is None
    assert bench.chosen_rounds("3") == 3
    with pytest.raises(BenchError, match="ROUNDS"):
        bench.chosen_rounds("0")


def test_links_are_left_out_with_the_reason_where_none_can_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shaped_link, "missing", lambda: "network namespaces need root")
    assert set(bench.chosen_groups("")) == set(bench.GROUPS) - {"links", "bandwidth"}
    assert bench.left_out()["links"] == "links is left out: network namespaces need root"
    monkeypatch.setattr(shaped_link, "missing", lambda: "")
    assert bench.chosen_groups("") == list(bench.GROUPS)


def test_our_run_with_a_warning_is_not_counted(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("[INFO] began\n[WARN] the state file is foreign\n")
    with pytest.raises(BenchError, match="foreign"):
        rounds.require_no_warning(log)
    log.write_text("[INFO] began\n")
    rounds.require_no_warning(log)
