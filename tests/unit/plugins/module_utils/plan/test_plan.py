# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The plan as it is counted and printed."""

from __future__ import annotations

import json

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.job.job import Job
from ansible_collections.datasync.turbo.plugins.module_utils.job.local_file import Identity, LocalFile
from ansible_collections.datasync.turbo.plugins.module_utils.plan.plan import Plan
from ansible_collections.datasync.turbo.plugins.module_utils.plan.uploads import Upload


@pytest.fixture
def plan(tmp_path):
    return Plan.nothing(Job(src=str(tmp_path), bucket="archive", prefix="p/"))


def file_of(relative, size):
    return LocalFile(f"/source/{relative}", relative, f"p/{relative}", Identity(size, 1, 1, 1, 1))


def test_the_plan_can_be_printed_as_json(plan_of, source):
    (source / "caf\udce9").mkdir()
    (source / "日本 [1]").write_bytes(b"x")
    listed = plan_of().uploads_as_dicts()
    assert json.loads(json.dumps(listed)) == [{"path": "日本 [1]", "key": "p/日本 [1]", "size": 1, "reason": "new"}]


def test_a_plan_without_a_file_is_an_empty_source(plan):
    assert (plan.source_files, plan.source_bytes, plan.source_is_empty) == (0, 0, True)


@pytest.mark.parametrize("field", ["skipped", "elsewhere", "unchanged"])
def test_a_source_with_files_that_need_nothing_is_not_empty(plan, field):
    setattr(plan, field, 1)
    assert plan.source_is_empty is False


def test_a_source_whose_files_all_wait_for_the_next_run_is_not_empty(plan):
    plan.deferred.append("film.mov")
    assert plan.source_is_empty is False


def test_files_and_bytes_of_the_source_are_those_to_upload_and_those_that_are_stored(plan):
    plan.uploads.add(Upload(file_of("a", 5), "new"))
    plan.unchanged, plan.unchanged_bytes = 2, 7
    assert (plan.source_files, plan.source_bytes) == (3, 12)
