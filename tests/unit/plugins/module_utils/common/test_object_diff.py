# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A diff of a bucket has what is replaced and deleted before, and what is stored after."""

from __future__ import annotations

from ansible_collections.datasync.turbo.plugins.module_utils.common.object_diff import StoredLine, object_diff

FIRST = StoredLine("a.mov", 7, "new")
AGAIN = StoredLine("b.mov", 5_000_000, "changed")


def test_what_is_new_was_not_there_before_and_what_is_deleted_is_not_there_after():
    assert object_diff("s3://archive/", [AGAIN, FIRST], ["old.mov"], planned=False) == {
        "before_header": "s3://archive/",
        "after_header": "s3://archive/",
        "before": "b.mov\nold.mov (its file is gone)\n",
        "after": "a.mov (7 B, new)\nb.mov (5.0 MB, changed)\n",
    }


def test_a_plan_says_that_nothing_of_it_was_done():
    assert object_diff("s3://archive/", [FIRST], [], planned=True)["after_header"] == "s3://archive/ (would be stored)"


def test_what_is_not_named_is_counted():
    assert object_diff("s3://archive/", [FIRST], [], planned=True, hidden=5)["after"] == (
        "a.mov (7 B, new)\nand 5 more\n"
    )


def test_nothing_to_do_is_an_empty_diff():
    nothing = object_diff("s3://archive/", [], [], planned=True)
    assert (nothing["before"], nothing["after"]) == ("", "")
