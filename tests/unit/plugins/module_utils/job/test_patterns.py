# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Include and exclude patterns, over paths relative to the source."""

from __future__ import annotations

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.job.patterns import TEMPORARY_PATTERNS, Filter
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.checkout import CHECKOUT
from hypothesis import given
from hypothesis import strategies as st

#: Names and patterns over few characters, so that they often meet.
NAMES = st.text(alphabet="ab", min_size=1, max_size=2)
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
PATTERN = st.lists(st.sampled_from(["a", "b", "/", "*", "?", "[!a]", "[", "[*]"]), min_size=1, max_size=3).map("".join)
PATTERNS = st.lists(PATTERN, max_size=2)


def test_without_patterns_every_file_is_taken():
    assert Filter().takes_file("a/b.mov")
    assert Filter().enters_folder("a")


def test_an_include_takes_what_it_matches_and_nothing_else():
    files = Filter(include=["*.mov", "*.wav"])
    assert files.takes_file("take.mov")
    assert files.takes_file("deep/below/take.wav")
    assert not files.takes_file("notes.txt")


def test_an_exclude_wins_over_an_include():
    assert not Filter(include=["*.mov"], exclude=["rushes/*"]).takes_file("rushes/take.mov")


@pytest.mark.parametrize("pattern", ["scratch/*", "scratch/"])
def test_a_pattern_is_relative_to_the_source(pattern):
    files = Filter(exclude=[pattern])
    assert not files.takes_file("scratch/x")
    assert not files.takes_file("scratch/deep/x")
    assert files.takes_file("kept/scratch/x")
    assert files.takes_file("scratch")


def test_a_star_matches_across_folders_as_in_s5cmd():
    files = Filter(exclude=["*/scratch/*"])
    assert not files.takes_file("day 1/scratch/x")
    assert not files.takes_file("day 1/unit 2/scratch/deep/x")
    assert files.takes_file("scratch/x")


def test_a_pattern_matches_the_whole_path():
    files = Filter(exclude=["*.tmp"])
    assert files.takes_file("a.tmp.mov")
    assert not files.takes_file("a.tmp")


def test_upper_and_lower_case_differ():
    assert Filter(exclude=["*.TMP"]).takes_file("a.tmp")


def test_a_name_with_a_newline_is_matched_as_a_whole():
    files = Filter(exclude=["*.tmp"])
    assert not files.takes_file("a\nb.tmp")
    assert files.takes_file("a.tmp\n")


def test_a_name_that_is_not_utf_8_can_be_matched():
    assert not Filter(exclude=["*.tmp"]).takes_file("caf\udce9.tmp")


def test_a_folder_that_is_excluded_as_a_whole_is_not_entered():
    files = Filter(exclude=["scratch/*"])
    assert not files.enters_folder("scratch")
    assert not files.enters_folder("scratch/deep")
    assert files.enters_folder("kept")


@pytest.mark.parametrize("pattern", ["scratch/*.tmp", "scratch?", "scratch[!x]", "*[/]", "scratch"])
def test_a_folder_of_which_only_some_files_are_excluded_is_entered(pattern):
    assert Filter(exclude=[pattern]).enters_folder("scratch")
    assert Filter(exclude=[pattern]).takes_file("scratch/x.mov")


def test_an_include_keeps_no_folder_out_because_a_match_may_be_below():
    assert Filter(include=["*.mov"]).enters_folder("2026")


@given(PATTERNS, PATTERNS, PATHS, PATHS)
def test_a_folder_that_is_not_entered_hides_no_file_that_would_be_taken(include, exclude, folder, below):
    files = Filter(include, exclude)
    if not files.enters_folder(folder):
        assert not files.takes_file(f"{folder}/{below}")


@given(PATTERNS, PATTERNS, PATHS, PATHS)
def test_a_folder_below_one_that_is_not_entered_is_not_entered_either(include, exclude, folder, below):
    files = Filter(include, exclude)
    if not files.enters_folder(folder):
        assert not files.enters_folder(f"{folder}/{below}")


@given(PATTERNS, PATTERNS, PATHS)
def test_what_may_be_a_folder_of_taken_files_is_only_ruled_out_by_an_exclude(include, exclude, path):
    assert Filter(include, exclude).may_hold_files(path) == Filter((), exclude).may_hold_files(path)


@pytest.mark.parametrize("pattern", ["cache", "cache/*", "cac*", "cache/"])
def test_an_entry_of_unknown_type_is_left_alone_if_its_name_or_all_below_it_is_excluded(pattern):
    assert not Filter(include=["*.mov"], exclude=[pattern]).may_hold_files("cache")


def test_an_entry_of_unknown_type_may_be_a_folder_of_included_files():
    files = Filter(include=["*.mov"], exclude=["cache/*.tmp"])
    assert files.may_hold_files("cache")
    assert not files.takes_file("cache")


# --- names of files in the making


@pytest.mark.parametrize(
    "name",
    [
        ".take.edl.swp",
        ".take.edl.swx",
        "take.edl~",
        "take.mov.part",
        "take.mov.partial",
        "take.mov.filepart",
        "take.mov.crdownload",
        "export.tmp",
        "export.temp",
        "~$budget.xlsx",
        ".~lock.budget.ods#",
        ".nfs000000000001",
        ".fuse_hidden0000000100000001",
        ".smbdeleteAAA1",
    ],
)
@pytest.mark.parametrize("folder", ["", "day 1/", "day 1/unit~/"])
def test_a_temporary_name_is_known_in_every_folder(name, folder):
    assert not Filter(temporary=TEMPORARY_PATTERNS).takes_file(folder + name)
    assert Filter().takes_file(folder + name)


@pytest.mark.parametrize(
    "path",
    [
        "take.mov",
        "take.part.mov",
        "part",
        "tmp",
        ".swp",
        ".profile",
        "take~1.mov",
        "$budget.xlsx",
        "nfs",
        "EXPORT.TMP",
        "export.tmp/take.mov",
        "~$old/take.mov",
    ],
)
def test_other_names_are_taken_also_below_a_folder_with_a_temporary_name(path):
    files = Filter(temporary=TEMPORARY_PATTERNS)
    assert files.takes_file(path)
    assert files.enters_folder(path.rpartition("/")[0])


@pytest.mark.parametrize("pattern", TEMPORARY_PATTERNS)
def test_each_temporary_pattern_is_documented(pattern):
    assert f"`{pattern}`" in (CHECKOUT / "docs" / "s5cmd-guide.md").read_text(encoding="utf-8")
    assert f"V({pattern})" in (CHECKOUT / "plugins" / "doc_fragments" / "job.py").read_text(encoding="utf-8")


def test_an_include_does_not_bring_a_temporary_file_back():
    files = Filter(include=["*.mov*"], temporary=TEMPORARY_PATTERNS)
    assert files.takes_file("take.mov")
    assert not files.takes_file("take.mov.part")


def test_a_site_may_name_its_own_temporary_files():
    files = Filter(temporary=["upload-*"])
    assert not files.takes_file("day 1/upload-7")
    assert files.takes_file("upload-7/take.mov")
    assert files.takes_file("take.mov.part")


@given(PATTERNS, PATHS)
def test_a_temporary_pattern_sees_the_name_alone(patterns, path):
    name = path.rpartition("/")[2]
    files = Filter(temporary=patterns)
    assert files.takes_file(path) == files.takes_file(name) == files.takes_file(f"a/b/{name}")
