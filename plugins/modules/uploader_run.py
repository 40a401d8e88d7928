#!/usr/bin/python
# Copyright (c) 2026, The datasync.turbo contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the jobs of an upload server now, and wait until they end."""

from __future__ import annotations

DOCUMENTATION = r"""
module: uploader_run
short_description: Run the jobs of an upload server now, and wait until they end
version_added: 0.3.0
description:
  - Starts jobs that the role P(datasync.turbo.uploader#role) has deployed, shows on the controller how far they are,
    and returns their results.
  - A job runs as its schedule runs it. Where it has a systemd service this is started, so the same sandbox holds.
    Elsewhere the host program runs in the background, as the service user.
  - Where a job runs already, its end is waited for, and then it is run once more. That run had looked at the folder
    before; files that came since are not in it.
  - The runs need no connection. If that breaks they go on, and the next call waits for them.
  - All jobs run, even if one fails. Then the task fails and names the host, the jobs and the reasons.
extends_documentation_fragment:
  - datasync.turbo.attributes
  - datasync.turbo.attributes.actiongroup_datasync
attributes:
  check_mode:
    support: full
    details:
      - Returns what would be uploaded and deleted, planned by C(datasync-turbo plan) against the real bucket, as the
        service user. Nothing is written.
  diff_mode:
    support: partial
    details:
      - In check mode, lists the objects that would be stored, with size and reason, and those that would be deleted.
  idempotent:
    support: full
options:
  jobs:
    description:
      - Names of the jobs. If empty then all jobs of the host run.
    type: list
    elements: str
    default: []
  dir:
    description:
      - Folder of the program, C(uploader_dir) of the role.
    type: path
    default: /opt/datasync-turbo
  poll:
    description:
      - Seconds between two looks from the controller, each of which shows a line of progress. The end of the last job
        is noticed at once.
    type: int
    default: 5
  wait_timeout:
    description:
      - Seconds to wait for the jobs. A job that is not done by then goes on, and the task fails.
      - In check mode, seconds for the plan of each job.
    type: int
    default: 86400
  checks:
    description:
      - Whether in check mode the checks of M(datasync.turbo.s5cmd_info) are made before the plan of each job, as the
        service user and with the job's own settings and credentials.
      - A plan alone may ask the bucket nothing, when the job's state file says that all is stored.
    type: bool
    default: false
  runs:
    description:
      - The runs to wait for, as an earlier call returned them. Used by the action plugin; leave it out.
    type: list
    elements: dict
notes:
  - Needs C(become), to become the service user.
seealso:
  - module: datasync.turbo.uploader_host
  - module: datasync.turbo.uploader_info
  - module: datasync.turbo.s5cmd_sync
author:
  - The datasync.turbo contributors (@datasync-turbo)
"""

EXAMPLES = r"""
- name: Upload now what is in the outbox, before the host is taken down
  become: true
  datasync.turbo.uploader_run:
    jobs: [outbox]

- name: See what all jobs of the host would upload and delete
  become: true
  datasync.turbo.uploader_run:
  check_mode: true
  diff: true

- name: Make sure that all jobs of the host could work
  become: true
  datasync.turbo.uploader_run:
    checks: true
  check_mode: true
"""

RETURN = r"""
jobs:
  description: How the jobs ended, in the order of their ends, or in check mode what they would do.
  returned: success or failure of a job
  type: list
  elements: dict
  contains:
    job:
      description: Name of the job.
      type: str
    failed:
      description: Whether not everything is stored and proven.
      type: bool
    changed:
      description: Whether anything was stored, deleted, moved or removed, or would be stored or deleted.
      type: bool
    exit_code:
      description: The exit code of the run, see RV(datasync.turbo.s5cmd_sync#module:exit_code).
      type: int
    joined:
      description: Whether a run that went on already was waited for before this one. Not in check mode.
      type: bool
    result:
      description:
        - The result of the run, see RV(datasync.turbo.s5cmd_sync#module:result), with its first 10 problems, and their
          number as C(problems_total). Null if the run left none.
      type: dict
    reasons:
      description: Why it failed, in words.
      type: list
      elements: str
    uploads:
      description:
        - In check mode, the first 1000 of C(upload_count) files that would be uploaded, of C(upload_bytes) bytes. Each
          has C(path), C(key), C(size) and C(reason).
      type: list
      elements: dict
    deletions:
      description: In check mode, the keys of the first 1000 of C(deletion_count) objects that would be deleted.
      type: list
      elements: str
  sample:
    - changed: true
      exit_code: 0
      failed: false
      job: outbox
      joined: false
      reasons: []
      result:
        bytes_transferred: 141669102
        files_synced: 60
        status: success
        throughput_mbps: 44.778
runs:
  description: The runs that have not ended. Used by the action plugin.
  returned: when jobs are still running
  type: list
  elements: dict
  sample: []
progress:
  description: What those runs say of themselves, by the name of the job.
  returned: when jobs are still running
  type: dict
  sample: {}
exit_code:
  description: The highest exit code of the jobs; V(1) if none could be started.
  returned: always
  type: int
  sample: 0
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import (
    ConfigurationError,
    DatasyncError,
    ExitCode,
)
from ansible_collections.datasync.turbo.plugins.module_utils.fleet import plans as job_plan
from ansible_collections.datasync.turbo.plugins.module_utils.fleet import runs as job_run
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.generation import JobOnHost
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.status import deployed
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.store import GenerationStore
from ansible_collections.datasync.turbo.plugins.module_utils.task.exit import fail_with


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "jobs": {"type": "list", "elements": "str", "default": []},
            "dir": {"type": "path", "default": "/opt/datasync-turbo"},
            "poll": {"type": "int", "default": 5},
            "wait_timeout": {"type": "int", "default": 86400},
            "checks": {"type": "bool", "default": False},
            "runs": {"type": "list", "elements": "dict"},
        },
        supports_check_mode=True,
    )
    options = module.params
    store = GenerationStore(Path(options["dir"]))
    try:
        jobs = jobs_of(store, options["jobs"])
        answer = plan(module, jobs, store) if module.check_mode else follow(options, jobs, store)
    except DatasyncError as error:
        fail_with(module, error)
    module.exit_json(**answer)


def jobs_of(store: GenerationStore, names: Sequence[str]) -> list[JobOnHost]:
    """The wanted jobs among those that are deployed."""
    generation = deployed(store)
    if generation is None:
        raise ConfigurationError(f"nothing is deployed in {store.root}", "run the playbook datasync.turbo.deploy")
    return job_run.chosen(generation.wanted.jobs, names)


def plan(module: AnsibleModule, jobs: list[JobOnHost], store: GenerationStore) -> dict[str, Any]:
    """What the jobs would do."""
    options = module.params
    plans, diffs = job_plan.plan_all(jobs, str(store.command), options["wait_timeout"], checks=options["checks"])
    answer: dict[str, Any] = summary([one.as_dict() for one in plans])
    return {**answer, "diff": diffs} if module._diff else answer


def follow(options: dict[str, Any], jobs: list[JobOnHost], store: GenerationStore) -> dict[str, Any]:
    """Start the jobs, or go on waiting for those that were started, for as long as one look takes."""
    host = job_run.Host(str(store.command))
    if options["runs"] is None:
        runs = job_run.start(jobs, host)
    else:
        runs = [job_run.JobRun.from_dict(values) for values in options["runs"]]
    runs, ended = job_run.watch(runs, jobs, host, options["poll"])
    answer = summary([run.as_dict() for run in ended])
    if runs:
        answer.update(runs=[run.as_dict() for run in runs], progress=job_run.progress_of(runs, jobs))
    return answer


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What the jobs have in common. Whether the task fails is decided when all have ended."""
    return {
        "changed": any(row["changed"] for row in rows),
        "exit_code": max([row["exit_code"] for row in rows], default=int(ExitCode.OK)),
        "jobs": rows,
    }


if __name__ == "__main__":
    main()
