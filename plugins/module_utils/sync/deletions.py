# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Deleting the objects whose files are gone, last of all and only after a run without a single problem."""

from __future__ import annotations

from ..common.problems import Kind, Problem, printable
from ..common.threads import Tick
from ..common.units import counted
from ..job.local_file import require_source
from ..job.state import State
from ..plan import deletion
from ..plan.plan import Plan
from ..s3.bucket import Bucket
from .account import Account


class Deletions:
    """The deletions that a plan found, see `plan.deletion`; the account tells what becomes of them."""

    def __init__(self, plan: Plan, account: Account, bucket: Bucket) -> None:
        self._plan = plan
        self._account = account
        self._job = account.job
        self._bucket = bucket

    def preview(self) -> None:
        """Account for what would be deleted, or why it would not."""
        self._may_begin()

    def carry_out(self, state: State | None, tick: Tick) -> None:
        """Delete what was planned, if nothing forbids it. The state file forgets objects before they go."""
        plan = self._plan
        if not self._may_begin():
            if state is not None and plan.deletions:
                state.sweep(done=False)
            return
        if plan.deletions:
            # A file system that was unmounted since the walk looks like one whose files were all deleted.
            require_source(self._job)
            for keys in deletion.confirm(self._job, self._bucket, plan.deletions, tick):
                self._delete(keys, state)
        if state is not None and plan.swept:
            state.sweep(done=len(self._account.deleted_keys) == len(plan.deletions))

    def _delete(self, keys: list[str], state: State | None) -> None:
        prefix = len(self._job.prefix)
        if state is not None:
            # First, so that the state file never tells more than the bucket holds.
            state.forget(key[prefix:] for key in keys)
        done, account = self._bucket.delete(keys), self._account
        account.deleted_keys += done.deleted
        account.deletions.deleted += len(done.deleted)
        account.deletions.delete_markers = done.markers or account.deletions.delete_markers
        for key in done.deleted:
            account.log.info(f"deleted {key}")
        for failure in done.failed:
            message = f"its object could not be deleted: {failure.code}: {failure.message}"
            account.take_in(Problem(printable(failure.key[prefix:]), Kind.DELETE_FAILED, message))

    def _may_begin(self) -> bool:
        plan, account = self._plan, self._account
        account.deletions.planned = len(plan.deletions)
        if not plan.deletions:
            return self._job.delete
        refused = deletion.refusal(
            self._job,
            len(plan.deletions),
            plan.deletable_objects,
            source_is_empty=plan.source_is_empty,
            problems=account.problems,
        )
        account.deletions.refused = refused
        if refused:
            objects = counted(len(plan.deletions), "object")
            account.take_in(Problem("", Kind.DELETION_REFUSED, f"nothing was deleted ({objects} planned): {refused}"))
            return False
        account.deletions.delete_markers = bool(self._bucket.keeps_versions())
        if account.deletions.delete_markers:
            account.log.info(f"bucket {self._job.bucket} keeps versions: delete markers hide objects, nothing is lost")
        return True
