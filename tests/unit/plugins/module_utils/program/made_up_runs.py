# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Runs made up for the tests of the host program: nothing to do, and something to upload and to delete."""

from __future__ import annotations

from ansible_collections.datasync.turbo.plugins.module_utils.job.job import Job
from ansible_collections.datasync.turbo.plugins.module_utils.job.local_file import Identity, LocalFile
from ansible_collections.datasync.turbo.plugins.module_utils.plan.plan import Plan
from ansible_collections.datasync.turbo.plugins.module_utils.plan.uploads import NEW, Upload
from ansible_collections.datasync.turbo.plugins.module_utils.s3.listing import StoredObject
from ansible_collections.datasync.turbo.plugins.module_utils.sync.account import Finished
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.run_results import result


def finished(exit_code=0, **changes):
    """A run with an empty plan."""
    changes.setdefault("status", "failed" if exit_code else "success")
    outcome = result(source="/srv/日本", exit_code=exit_code, **changes)
    return Finished(outcome, Plan.nothing(Job(src="/srv/日本", bucket="archive")))


def planned():
    """A plan with an upload and a deletion."""
    run = finished(dry_run=True)
    file = LocalFile("/srv/日本/take 1.mov", "take 1.mov", "take 1.mov", Identity(146_800_640, 1, 1, 1, 1))
    run.plan.uploads.add(Upload(file, NEW))
    run.plan.deletions.append(StoredObject("old\n.mov", 12, "", 0.0))
    return run
