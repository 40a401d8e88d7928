# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The benchmark concludes what its runs say: ratios within a round, the peak of our own process, reached or not."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Dict, List
from xml.etree import ElementTree

import pytest

from tests.bench import __main__ as bench
from tests.bench import data, listing_server, measured, rounds, table
from tests.bench.measured import BenchError, Usage

RECIPE = data.Recipe("tiny", ((3000, 4), (10, 2)))


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
    runs: Dict[str, List[Usage]] = {"ours": [usage(1.0)], "a peer with a long name": [usage(12.0)]}
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


def test_data_is_made_once_and_anew_when_its_recipe_changes(tmp_path: Path) -> None:
    folder = data.folder_for(RECIPE, tmp_path)
    sizes = sorted(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert sizes == [10, 10, 3000, 3000, 3000, 3000]
    marked = next(path for path in folder.rglob("*") if path.is_file())
    os.utime(marked, (1, 1))
    data.folder_for(RECIPE, tmp_path)
    assert marked.stat().st_mtime == 1
    data.folder_for(data.Recipe("tiny", ((5, 1),)), tmp_path)
    assert [path.stat().st_size for path in folder.rglob("*") if path.is_file()] == [5]


def test_data_that_the_disk_cannot_hold_is_not_begun(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="make room"):
        data.folder_for(data.Recipe("huge", ((10**18, 1),)), tmp_path)
    assert not (tmp_path / "huge").exists()


def test_groups_and_rounds_are_read_from_the_environment() -> None:
    assert bench.chosen_groups("") == ["small", "large", "unchanged", "audit"]
    assert bench.chosen_groups("million, small") == ["million", "small"]
    with pytest.raises(BenchError, match="smalll"):
        bench.chosen_groups("smalll")
    assert bench.chosen_rounds("") == 5
    assert bench.chosen_rounds("3") == 3
    with pytest.raises(BenchError, match="ROUNDS"):
        bench.chosen_rounds("0")


def test_listing_server_lists_every_object_once_in_the_order_of_s3() -> None:
    objects = [(f"p/{number:04}", number) for number in reversed(range(2500))] + [("other", 1)]
    listing = listing_server.Listing("bucket", objects, modified=1_000_000_000.0)
    keys: List[str] = []
    query = {"prefix": "p/"}
    for _page in range(3):
        page = ElementTree.fromstring(listing.page(query))
        name = f"{{{listing_server.NAMESPACE}}}"
        keys += [entry.findtext(f"{name}Key", "") for entry in page.iter(f"{name}Contents")]
        query["continuation-token"] = page.findtext(f"{name}NextContinuationToken", "")
    assert keys == [f"p/{number:04}" for number in range(2500)]
    assert query["continuation-token"] == ""


def test_our_run_with_a_warning_is_not_counted(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("[INFO] began\n[WARN] the state file is foreign\n")
    with pytest.raises(BenchError, match="foreign"):
        rounds.require_no_warning(log)
    log.write_text("[INFO] began\n")
    rounds.require_no_warning(log)
