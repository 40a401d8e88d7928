# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Files that are gone are forgotten; those that are only left out are not."""

from __future__ import annotations

import os
import shutil

from ansible_collections.datasync.turbo.plugins.module_utils.common.problems import Kind
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.planned_site import (
    NEW,
    uploads,
)


def test_files_and_folders_that_are_gone_are_forgotten(site):
    for name in ("a", "b", "day/c", "day/night/d", "kept/e"):
        site.write(name)
    site.store("a", "b", "day/c", "day/night/d", "kept/e")
    (site.source / "a").unlink()
    shutil.rmtree(site.source / "day")
    assert site.plan().unchanged == 2
    assert set(site.rows()) == {"b", "kept/e"}


def test_a_file_that_became_a_folder_and_a_folder_that_became_a_file(site):
    site.write("a")
    site.write("b/c")
    site.store("a", "b/c")
    (site.source / "a").unlink()
    shutil.rmtree(site.source / "b")
    site.write("a/x")
    site.write("b")
    assert set(uploads(site.plan())) == {"a/x", "b"}
    assert site.rows() == {}


def test_files_that_are_left_out_for_a_while_are_not_forgotten(site, no_reading):
    for name in ("a.mov", "cache/b.mov"):
        site.write(name)
    site.store("a.mov", "cache/b.mov")
    plan = site.plan(exclude=("*.mov", "cache/*"))
    assert (plan.unchanged, plan.skipped, set(site.rows())) == (0, 1, {"a.mov", "cache/b.mov"})
    plan = site.plan()
    assert (uploads(plan), plan.unchanged) == ({}, 2)


def test_files_that_changed_while_they_were_left_out_are_uploaded(site):
    for name in ("a.mov", "cache/b.mov"):
        site.write(name)
    site.store("a.mov", "cache/b.mov")
    site.plan(exclude=("*.mov", "cache/*"))
    site.write("a.mov", NEW)
    site.write("cache/b.mov", NEW)
    assert set(uploads(site.plan())) == {"a.mov", "cache/b.mov"}


def test_what_cannot_be_read_is_a_problem_and_is_not_forgotten(site, monkeypatch):
    site.write("closed/a")
    site.store("closed/a")
    real_listdir = os.listdir

    def listdir(path):
        if str(path).rstrip("/").endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return real_listdir(path)

    monkeypatch.setattr(os, "listdir", listdir)
    plan = site.plan()
    assert [(problem.path, problem.kind) for problem in plan.problems] == [("closed", Kind.UNREADABLE)]
    assert set(site.rows()) == {"closed/a"}
