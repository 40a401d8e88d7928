# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The result in the form that sites and modules read, written so that no reader sees half of it."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError
from ansible_collections.datasync.turbo.plugins.module_utils.common.problems import Kind, Problem, printable
from ansible_collections.datasync.turbo.plugins.module_utils.report import result as report
from ansible_collections.datasync.turbo.plugins.module_utils.report.result import (
    Deletions,
    Reconciliation,
    exit_code_of,
)
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.checkout import CHECKOUT
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.run_results import result
from hypothesis import given
from hypothesis import strategies as st

# --- names


@given(st.binary(max_size=60))
def test_any_file_name_becomes_text_that_utf_8_and_json_can_carry(name):
    text = printable(os.fsdecode(name))
    text.encode("utf-8")
    assert json.loads(json.dumps(text)) == text


@given(st.text(st.characters(blacklist_categories=("Cs",)), max_size=30))
def test_a_name_in_utf_8_is_shown_as_it_is(name):
    assert printable(name) == name


def test_bytes_that_are_not_utf_8_are_shown_as_numbers():
    assert printable(os.fsdecode(b"caf\xe9 \xc3\xa9")) == "caf\\xe9 é"


# --- exit codes


def problem(kind):
    return Problem("a", kind, "because")


def test_without_problems_the_exit_code_is_0():
    assert exit_code_of([]) == 0


KINDS = [value for name, value in vars(Kind).items() if name.isupper()]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != Kind.CHECKSUM])
def test_any_problem_makes_the_run_incomplete(kind):
    assert exit_code_of([problem(kind)]) == 4


def test_a_stored_checksum_that_differs_outweighs_what_is_incomplete():
    assert exit_code_of([problem(Kind.UPLOAD), problem(Kind.CHECKSUM), problem(Kind.CHANGED)]) == 5


def test_what_stopped_the_run_outweighs_its_problems():
    assert exit_code_of([problem(Kind.CHECKSUM)], 143) == 143
    assert exit_code_of([], 2) == 2


def test_no_two_kinds_of_problems_share_a_name():
    assert len(set(KINDS)) == len(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_problem_is_explained_to_operators(kind):
    assert f"\n### {kind}\n" in (CHECKOUT / "docs" / "troubleshooting.md").read_text("utf-8")


# --- runs that follow each other


@pytest.mark.parametrize(
    "changes",
    [
        {"exit_code": 4},
        {"files_synced": 1},
        {"files_moved": 1},
        {"files_removed": 1},
        {"deletions": Deletions(planned=1, deleted=1)},
    ],
)
def test_a_run_that_failed_or_changed_anything_did_something(changes):
    assert result(files_synced=0).did_nothing
    assert not result(**{"files_synced": 0, **changes}).did_nothing


def test_a_run_repeats_another_if_it_did_nothing_and_as_many_files_wait():
    earlier = result(files_synced=3, files_deferred=1)
    assert result(files_synced=0, files_deferred=1).repeats(earlier)
    assert not result(files_synced=0, files_deferred=0).repeats(earlier)
    assert not result(files_synced=1, files_deferred=1).repeats(earlier)


# --- the JSON


def test_the_json_has_the_keys_and_types_that_the_sites_scripts_read():
    told = json.loads(result(problems=[Problem("a", Kind.CHANGED, "because")]).as_json())
    for name, kind in {
        "timestamp": str,
        "duration_seconds": float,
        "files_synced": int,
        "bytes_transferred": int,
        "source_size": str,
        "s3_objects": int,
        "status": str,
        "tool": str,
        "tool_version": str,
        "throughput_mbps": float,
        "source": str,
        "destination": str,
        "dry_run": bool,
        "exit_code": int,
        "host": str,
    }.items():
        assert told[name].__class__ is kind, name
    assert told["checksum_verification"] == {
        "enabled": True,
        "algorithm": "CRC64NVME",
        "scope": "uploaded",
        "verified": True,
        "errors": 0,
        "unverified": 0,
        "methods": {"ETag": 2},
    }
    assert told["problems"] == [{"path": "a", "kind": "changed", "message": "because"}]


def test_a_result_names_so_many_problems_and_counts_all():
    many = [Problem(f"{number}", Kind.UNFINISHED, "because") for number in range(report.MAX_PROBLEMS)]
    told = result(problems=many).as_dict()
    assert (told["problems"], told["problems_total"]) == ([problem._asdict() for problem in many], 1000)
    more = [Problem("w", Kind.CHANGED, ""), *many, Problem("x", Kind.CHECKSUM, ""), Problem("", Kind.RUN, "stopped")]
    told = result(problems=more).as_dict()
    assert (len(told["problems"]), told["problems_total"]) == (1000, 1003)
    assert [problem["path"] for problem in told["problems"][:5]] == ["", "w", "x", "0", "1"], "the rare kinds first"


def test_without_problems_none_are_counted():
    assert (result().as_dict()["problems"], result().as_dict()["problems_total"]) == ([], 0)


def test_the_json_tells_what_became_of_files_and_objects_that_were_not_uploaded():
    told = json.loads(
        result(
            compare="state",
            files_deferred=1,
            files_in_other_shards=2,
            deletions=Deletions(3, 2, "", True),
            reconciled=Reconciliation(4, 5),
            files_moved=6,
            files_removed=7,
            manifest="/var/lib/manifest.sha256",
        ).as_json()
    )
    assert told["compare"] == "state"
    assert (told["files_deferred"], told["files_in_other_shards"]) == (1, 2)
    assert told["deletions"] == {"planned": 3, "deleted": 2, "refused": "", "delete_markers": True}
    assert told["reconciled"] == {"missing": 4, "different": 5}
    assert (told["files_moved"], told["files_removed"], told["manifest"]) == (6, 7, "/var/lib/manifest.sha256")


def test_the_json_of_a_plain_run_says_that_nothing_of_that_happened():
    told = json.loads(result().as_json())
    assert (told["compare"], told["reconciled"], told["manifest"]) == ("remote", None, None)
    assert told["deletions"] == {"planned": 0, "deleted": 0, "refused": "", "delete_markers": False}
    names = ("files_unchanged", "files_skipped", "files_deferred", "files_in_other_shards", "files_moved")
    assert [told[name] for name in (*names, "files_removed")] == [0] * 6


def test_two_results_share_nothing():
    one, two = result(), result()
    one.deletions.deleted = 5
    assert two.deletions.deleted == 0


def test_a_run_that_could_not_begin_has_a_whole_result_too():
    told = report.not_begun(ConfigurationError("src is missing", "give it"), "/srv/material")
    assert set(told.as_dict()) == set(result().as_dict())
    assert (told.status, told.exit_code, told.source) == ("failed", 1, "/srv/material")
    assert told.problems == [Problem("", Kind.RUN, "src is missing (give it)")]


def test_the_json_is_what_the_module_returns():
    assert json.loads(result().as_json()) == result().as_dict()


def test_names_are_readable_in_the_json():
    assert "日本" in result(source="/srv/日本").as_json()


# --- the file


def test_the_file_holds_the_result_and_others_may_read_it(tmp_path):
    path = tmp_path / "logs" / "last-sync.json"
    report.write_json(str(path), result())
    assert json.loads(path.read_text(encoding="utf-8")) == result().as_dict()
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_the_old_result_is_replaced_as_a_whole(tmp_path, monkeypatch):
    path = tmp_path / "last-sync.json"
    path.write_text("old")
    seen = []
    real_replace = os.replace

    def replace(source, target):
        seen.append((path.read_text(), json.loads(Path(source).read_text(encoding="utf-8"))["status"]))
        real_replace(source, target)

    monkeypatch.setattr(os, "replace", replace)
    report.write_json(str(path), result())
    assert seen == [("old", "success")]
    assert os.listdir(tmp_path) == ["last-sync.json"]


@pytest.mark.parametrize("call", ["fsync", "replace", "fchmod"])
def test_when_writing_fails_the_old_result_stays_and_nothing_is_left_behind(tmp_path, monkeypatch, call):
    path = tmp_path / "last-sync.json"
    path.write_text("old")

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, call, full)
    with pytest.raises(ConfigurationError, match=r"last-sync\.json.*No space left"):
        report.write_json(str(path), result())
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["last-sync.json"]


def test_a_folder_that_cannot_be_made_is_a_configuration_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="result_path"):
        report.write_json(str(tmp_path / "file" / "last-sync.json"), result())


def test_text_that_is_not_utf_8_keeps_no_result_from_being_written(tmp_path):
    path = tmp_path / "last-sync.json"
    told = result(problems=[Problem("", Kind.RUN, "cannot open 'caf\udce9'")])
    report.write_json(str(path), told)
    assert json.loads(path.read_text(encoding="utf-8"))["problems"][0]["message"] == "cannot open 'caf\udce9'"
