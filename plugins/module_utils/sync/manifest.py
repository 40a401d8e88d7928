# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The manifest of a job that asks for SHA256: the digest of every file that is stored and proven, run after run.

Lines of files that a run did not touch are kept, so that `sha256sum -c` in the source checks all of them.
"""

from __future__ import annotations

import os
from collections.abc import Container, Iterator

from ..common.errors import DatasyncError
from ..common.problems import Kind, Problem
from ..common.units import counted
from ..job.job import Job
from ..job.local_file import is_absent
from ..job.lock import lock_path
from ..job.state import State, StateUnusable
from ..plan.plan import Plan
from ..plan.uploads import Ledger
from ..report import manifest
from .account import Account


def manifest_path(job: Job) -> str:
    """Where the job's manifest is: as the job says, else beside the result, the state or the lock, in this order."""
    if job.manifest_path:
        return job.manifest_path
    if job.result_paths:
        return os.path.join(os.path.dirname(os.path.abspath(job.result_paths[0])), "manifest.sha256")
    return f"{job.state_path or lock_path(job)}.sha256"


class Digests:
    """The SHA256 of each file that a run proves, in hexadecimal, and the files of which nothing is proven.

    None are kept where the job does not ask for them.
    """

    def __init__(self, job: Job) -> None:
        self.wanted = job.checksum_algorithm == "SHA256"
        self.proven: dict[str, str] = {}
        self.withdrawn: set[str] = set()

    def add(self, relative: str, sha256: str) -> None:
        """The file is stored and proven; '' if its digest is not known."""
        if self.wanted and sha256:
            self.proven[relative] = sha256

    def withdraw(self, relative: str) -> None:
        """The file is not what is stored, or that is not proven."""
        if self.wanted:
            self.withdrawn.add(relative)
            self.proven.pop(relative, None)


def write_of_run(digests: Digests, account: Account, plan: Plan, ledger: Ledger, state: State | None) -> None:
    """Write the manifest of a run, if the job asks for one, and account for it.

    Also after a run that was stopped: what it stored is not uploaded again, so no later run has its digests.
    """
    if not digests.wanted:
        return
    job, log = account.job, account.log
    unproven = digests.withdrawn.union(plan.deferred, (problem.path for problem in account.problems))
    complete = not (account.stopped_by or plan.problems or plan.source_is_empty)
    try:
        lines = write(job, digests.proven, unproven, state, complete=complete)
    except (DatasyncError, StateUnusable) as error:
        account.take_in(Problem("", Kind.RUN, f"the manifest was not written: {error}"))
        return
    account.manifest = manifest_path(job)
    log.info(f"{account.manifest} has the SHA256 of {counted(lines, 'file')}")
    without = plan.unchanged + ledger.stored - lines
    if without > 0:
        log.warn(
            f"{account.manifest} lacks {counted(without, 'file')} of earlier runs that made no SHA256; "
            "`verify` with attach_sha256 or allow_download proves them by one"
        )


def write(job: Job, proven: dict[str, str], unproven: Container[str], state: State | None, *, complete: bool) -> int:
    """Write the manifest; returns the number of its lines.

    `proven` maps the paths of this run to their digests in hexadecimal; paths in `unproven` get no line. All others
    keep the digest that the state file or the manifest of an earlier run has. Lines go with their files, unless those
    leave after the upload, and only after a `complete` look at the source: no later run would have the digests again.
    Raises ConfigurationError that names the manifest.
    """
    path, lines = manifest_path(job), 0
    keeps = job.after_upload != "keep" or not complete
    with manifest.writing(path) as writer:
        for name, sha256 in proven.items():
            writer.add(sha256, name)
            lines += 1
        for name, sha256 in _earlier(path, state):
            if name not in proven and name not in unproven and (keeps or not is_absent(os.path.join(job.src, name))):
                writer.add(sha256, name)
                lines += 1
    return lines


def _earlier(path: str, state: State | None) -> Iterator[tuple[str, str]]:
    """Paths and digests of earlier runs, each path once. The state file knows better, where it knows anything."""
    if state is not None:
        for row in state.rows():
            if row.sha256:
                yield row.relative, row.sha256
    if not os.path.exists(path):
        return
    for line in manifest.read(path):
        recorded = state.row(line.name) if state is not None else None
        if recorded is None or not recorded.sha256:
            yield line.name, line.sha256
