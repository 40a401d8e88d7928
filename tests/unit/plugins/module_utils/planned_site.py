# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A source, a bucket and a state file for which plans are made."""

from __future__ import annotations

import hashlib
import time
from contextlib import contextmanager

from ansible_collections.datasync.turbo.plugins.module_utils.job.job import Job
from ansible_collections.datasync.turbo.plugins.module_utils.job.local_file import identity_of
from ansible_collections.datasync.turbo.plugins.module_utils.job.state import Watch
from ansible_collections.datasync.turbo.plugins.module_utils.job.state_file import open_state
from ansible_collections.datasync.turbo.plugins.module_utils.plan.comparison import (
    Memories,
    make_plan,
    row_of,
)
from ansible_collections.datasync.turbo.plugins.module_utils.proof.verify import Verdict, VerdictKind

OLD = b"the old content"
NEW = b"the new content"
assert len(OLD) == len(NEW)

HOUR = 3600
DAY = 24 * HOUR


def uploads(plan):
    return {upload.file.relative: upload.reason for upload in plan.uploads}


def to_prove(plan):
    """With `verify=all`: what is stored already and was not proven when it was compared."""
    return [upload.file.relative for upload in plan.present]


def md5(content):
    return hashlib.md5(content).hexdigest()


class Site:
    """A source, a bucket that holds some of its files, and a state file that knows what of that was proven."""

    def __init__(self, source, bucket, path):
        self.source = source
        self.bucket = bucket
        self.path = path
        self.marks = []
        self.warnings = []

    def job(self, **options):
        return Job(src=str(self.source), bucket="archive", prefix="p/", state_path=str(self.path), **options)

    @contextmanager
    def state(self):
        watch = Watch(self.warnings.append, self.marks.append)
        state, trusted = open_state(self.job(), "", self.marks[-1] if self.marks else None, watch)
        try:
            yield state, trusted
        finally:
            state.close()

    def write(self, relative, content=OLD):
        path = self.source / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            self.wait_for_the_clock(path.stat().st_ctime_ns)
        path.write_bytes(content)
        return path

    def wait_for_the_clock(self, moment_ns):
        """The times of a file system move in steps of some milliseconds; within one, a change leaves no trace."""
        probe = self.path.with_name("probe")
        while True:
            probe.write_bytes(b"")
            if probe.stat().st_ctime_ns > moment_ns:
                return

    def store(self, *relatives, content=None, verdict=None):
        """Upload and prove these files, and record it, as a run long after their last change does."""
        with self.state() as (state, _trusted):
            for relative in relatives:
                path = self.source / relative
                stored = path.read_bytes() if content is None else content
                self.bucket.put(f"p/{relative}", stored)
                proof = verdict or Verdict(VerdictKind.SAME, "ETag", "", md5(stored), md5(stored))
                state.remember(row_of(relative, identity_of(path.stat()), proof, 1 << 62))
            state.reconciled(time.time(), len(self.bucket.objects))
            state.sweep(done=True)
        self.bucket.asked.clear()

    def plan(self, trusted=None, unproven_since=None, tick=lambda: None, **options):
        """Plan with the state file, which is trusted unless something speaks against it."""
        with self.state() as (state, is_trusted):
            memories = Memories(state, is_trusted if trusted is None else trusted, unproven_since)
            return make_plan(self.job(**options), self.bucket, tick, memories, warn=self.warnings.append)

    def rows(self):
        with self.state() as (state, _trusted):
            return {row.relative: row for row in state.rows()}
