#!/usr/bin/python
# Copyright (c) 2026, The datasync.turbo contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Upload a folder to S3 with s5cmd and prove that every byte is there."""

from __future__ import annotations

DOCUMENTATION = r"""
module: s5cmd_sync
short_description: Upload a folder to S3 with s5cmd and prove that every byte is there
version_added: 0.1.0
description:
  - Uploads what is new or changed in a folder on the managed host to a bucket, with s5cmd, and compares each stored
    object with the content of its file.
  - The task succeeds only if every file of the folder is stored and, unless O(verify=none), proven. Otherwise it fails
    and names what is missing and why.
  - Nothing in the bucket is deleted, unless O(delete=true). Then objects whose file is gone are deleted, and only if
    the whole folder was read without any problem and everything is stored and proven.
  - A file counts as stored when an object of its key and size was stored after the file's last change, by
    modification time and status change time. Where the times cannot tell, the content is compared.
  - With O(state_path) a file counts as stored when nothing about it changed since it was proven, and the bucket is
    compared with that memory now and then; see O(reconcile_days).
  - One run of a job at a time. A second one fails at once with exit code 75.
extends_documentation_fragment:
  - datasync.turbo.aws
  - datasync.turbo.job
  - datasync.turbo.transfer
  - datasync.turbo.attributes
  - datasync.turbo.attributes.actiongroup_datasync
attributes:
  check_mode:
    support: full
    details:
      - Plans against the real bucket and returns what would be uploaded and deleted. Nothing is written.
  diff_mode:
    support: full
    details:
      - Lists the objects that are (or would be) stored, with size and reason, and those that are (or would be)
        deleted.
  idempotent:
    support: full
options:
  log_path:
    description:
      - File to which the log lines are appended. Its folder is made if needed.
      - Must not be inside O(src).
    type: path
  result_path:
    description:
      - File to which the result is written as JSON, replaced at once as a whole.
      - Must not be inside O(src). Not written in check mode, nor while another run holds the lock.
    type: path
notes:
  - The Python packages boto3 and awscrt are looked for in the module's interpreter, then in the environment that the
    role P(datasync.turbo.uploader#role) makes, then in the system's interpreters.
requirements:
  - boto3 >= 1.42
  - awscrt
  - s5cmd >= 2.2.0
seealso:
  - module: datasync.turbo.s5cmd_install
  - module: datasync.turbo.s5cmd_info
author:
  - The datasync.turbo contributors !UNKNOWN
"""

EXAMPLES = r"""
- name: Upload the day's material and prove it
  datasync.turbo.s5cmd_sync:
    src: /srv/material
    bucket: archive
    prefix: studio-1
    profile: uploader
    region: eu-central-1
    exclude:
      - '*.tmp'
      - scratch/*

- name: See what would be uploaded
  datasync.turbo.s5cmd_sync:
    src: /srv/material
    bucket: archive
    profile: uploader
  check_mode: true
  diff: true

- name: Upload what changed, each hour, with a state that keeps an unchanged folder from costing requests
  datasync.turbo.s5cmd_sync:
    src: /srv/material
    bucket: archive
    prefix: studio-1
    profile: uploader
    state_path: /var/lib/datasync-turbo/material.state
    log_path: /var/log/datasync-turbo/material.log
    result_path: /var/log/datasync-turbo/material.json

- name: Compare what the state remembers with the bucket now, and upload again what vanished there
  datasync.turbo.s5cmd_sync:
    src: /srv/material
    bucket: archive
    prefix: studio-1
    profile: uploader
    state_path: /var/lib/datasync-turbo/material.state
    reconcile: true

- name: Mirror a folder of a disk, and delete at most 200 objects whose file is gone
  datasync.turbo.s5cmd_sync:
    src: /mnt/disk/material
    require_mount: /mnt/disk
    bucket: archive
    prefix: mirror
    profile: uploader
    delete: true
    max_delete: 200

- name: See which objects the mirror would delete
  datasync.turbo.s5cmd_sync:
    src: /mnt/disk/material
    require_mount: /mnt/disk
    bucket: archive
    prefix: mirror
    profile: uploader
    delete: true
    max_delete: 200
  check_mode: true
  diff: true

- name: Empty a hot folder, taking only files that nobody wrote to for two minutes
  datasync.turbo.s5cmd_sync:
    src: /srv/outbox
    bucket: archive
    prefix: incoming
    profile: uploader
    settle_seconds: 120
    ignore_temporary: true
    after_upload: move
    move_to: /srv/sent

- name: Spread one big tree on a file server over all hosts of a group
  datasync.turbo.s5cmd_sync:
    src: /mnt/nas/archive
    require_mount: /mnt/nas
    bucket: archive
    prefix: nas
    profile: uploader
    shard:
      index: "{{ groups['uploaders'].index(inventory_hostname) }}"
      count: "{{ groups['uploaders'] | length }}"

- name: Run a job from its env file, with SHA256 for compliance, and prove all objects, old ones too
  datasync.turbo.s5cmd_sync:
    config: /etc/datasync-turbo/jobs/material.env
    checksum_algorithm: SHA256
    verify: all

- name: Upload to an S3-compatible server
  datasync.turbo.s5cmd_sync:
    src: /srv/material
    bucket: archive
    endpoint_url: https://s3.example.org
    access_key: "{{ s3_access_key }}"
    secret_key: "{{ s3_secret_key }}"
    log_path: /var/log/datasync-turbo/material.log
    result_path: /var/log/datasync-turbo/material.json
"""

RETURN = r"""
exit_code:
  description:
    - V(0) everything is stored and proven; V(1) installation or configuration; V(2) credentials; V(3) bucket or
      endpoint; V(4) incomplete; V(5) a stored checksum differs; V(75) another run holds the lock; 128+n stopped by
      signal n.
  returned: always
  type: int
  sample: 0
result:
  description: What the run did, as it is also written to O(result_path).
  returned: when the run began
  type: dict
  contains:
    timestamp:
      description: Start of the run, local time in ISO 8601 with offset.
      type: str
      returned: always
    duration_seconds:
      description: Duration of the run in seconds.
      type: float
      returned: always
    files_synced:
      description: Number of files stored by this run without a problem.
      type: int
      returned: always
    bytes_transferred:
      description: Bytes of those files.
      type: int
      returned: always
    source_size:
      description: Size of those files, as C(du -h) prints it.
      type: str
      returned: always
    source_files:
      description: Number of files of the job that can be stored. What cannot be is in C(problems).
      type: int
      returned: always
    files_unchanged:
      description: Number of files that were stored already.
      type: int
      returned: always
    files_skipped:
      description: Number of files that the filters, O(ignore_temporary) or O(follow_symlinks=false) left out.
      type: int
      returned: always
    files_deferred:
      description: Number of files that wait for the next run, because they changed just now; see O(settle_seconds).
      type: int
      returned: always
    files_in_other_shards:
      description: Number of files that other hosts take; see O(shard).
      type: int
      returned: always
    compare:
      description:
        - How files were known to be stored, the value of O(compare) in force.
        - V(remote) also where a state file is new or cannot be trusted.
      type: str
      returned: always
    deletions:
      description: The objects whose file is gone, with O(delete=true).
      type: dict
      returned: always
      contains:
        planned:
          description: Number of objects that were to be deleted.
          type: int
          returned: always
        deleted:
          description: Number of objects that were deleted.
          type: int
          returned: always
        refused:
          description: Why none was deleted, empty if nothing was refused.
          type: str
          returned: always
        delete_markers:
          description: Whether the bucket keeps versions, so that delete markers were written.
          type: bool
          returned: always
    reconciled:
      description:
        - What a comparison of the state with the bucket found. V(null) if there was none in this run.
      type: dict
      returned: always
      contains:
        missing:
          description: Number of objects that the state knew and the bucket lacked.
          type: int
          returned: always
        different:
          description: Number of objects that are not those that the state knew.
          type: int
          returned: always
    s3_objects:
      description: Number of objects under the prefix after the run.
      type: int
      returned: always
    status:
      description: V(success), V(failed) or V(interrupted).
      type: str
      returned: always
    tool:
      description: The tool that transferred.
      type: str
      returned: always
    tool_version:
      description: Its version.
      type: str
      returned: always
    throughput_mbps:
      description: Megabytes (10^6 bytes) per second, despite the name, over the whole run with its verification.
      type: float
      returned: always
    source:
      description: The folder.
      type: str
      returned: always
    destination:
      description: Bucket and prefix as a URL.
      type: str
      returned: always
    host:
      description: Name of the host that ran the job.
      type: str
      returned: always
    dry_run:
      description: Whether nothing was to be written.
      type: bool
      returned: always
    checksum_verification:
      description:
        - How the content was proven, in the keys C(enabled), C(algorithm), C(scope), C(verified), C(errors),
          C(unverified) and C(methods).
        - C(algorithm) is the preferred one, C(scope) the value of O(verify) in force.
        - C(verified) is true only if every object in that scope was proven by content.
        - C(errors) counts objects whose content differs, C(unverified) those that could not be proven, C(methods)
          those that were, by method.
      type: dict
      returned: always
    files_moved:
      description: Number of files that O(after_upload=move) moved.
      type: int
      returned: always
    files_removed:
      description: Number of files that O(after_upload=remove) removed.
      type: int
      returned: always
    manifest:
      description: The manifest that was written with O(checksum_algorithm=SHA256), V(null) without.
      type: str
      returned: always
    bandwidth_limit:
      description: What O(bandwidth_limit) let s5cmd send, in bytes per second, V(null) without a limit.
      version_added: 0.4.0
      type: int
      returned: always
    tuning:
      description:
        - The settings that O(tuning_path) gives each class of file, V(null) where no tuning decides.
        - Options of the task and of O(config) that win over it are in C(classes), too.
      version_added: 0.4.0
      type: dict
      returned: always
      contains:
        path:
          description: The file.
          type: str
          returned: always
        measured:
          description: When the newest of it was measured.
          type: str
          returned: always
        classes:
          description: For V(small), V(medium), V(large) and V(single), C(numworkers), C(concurrency), C(part_size).
          type: dict
          returned: always
    problems:
      description:
        - What is missing and why. Each has C(path) relative to O(src), C(kind) and C(message).
        - At most 1,000. If there are more, those of the run as a whole come first, then those of the rarest kinds.
      type: list
      elements: dict
      returned: always
    problems_total:
      description: Number of all problems.
      type: int
      returned: always
    exit_code:
      description: The same as RV(exit_code).
      type: int
      returned: always
  sample:
    bandwidth_limit: null
    bytes_transferred: 20971526
    checksum_verification:
      algorithm: CRC64NVME
      enabled: true
      errors: 0
      methods:
        ETag: 1
        ETag-multipart: 1
      scope: uploaded
      unverified: 0
      verified: true
    compare: state
    deletions:
      delete_markers: false
      deleted: 0
      planned: 0
      refused: ''
    destination: s3://archive/studio-1/
    dry_run: false
    duration_seconds: 0.309
    exit_code: 0
    files_deferred: 0
    files_in_other_shards: 0
    files_moved: 0
    files_removed: 0
    files_skipped: 0
    files_synced: 2
    files_unchanged: 0
    host: upload-1
    manifest: null
    problems: []
    problems_total: 0
    reconciled: null
    s3_objects: 2
    source: /srv/material
    source_files: 2
    source_size: 21M
    status: success
    throughput_mbps: 67.868
    timestamp: '2026-11-22T18:21:12+00:00'
    tool: s5cmd
    tool_version: v2.3.0-991c9fb
    tuning: null
uploads:
  description: What was to be uploaded. Each has C(path) relative to O(src), C(key), C(size) in bytes and C(reason).
  returned: in check mode
  type: list
  elements: dict
  sample:
    - key: studio-1/day 1/take [2].mov
      path: day 1/take [2].mov
      reason: new
      size: 146800640
deletions:
  description:
    - Keys of the objects whose file is gone. They would be deleted unless RV(result.deletions.refused) names a reason
      against it.
  returned: in check mode
  type: list
  elements: str
  sample:
    - mirror/day 0/take 9.mov
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import DatasyncError
from ansible_collections.datasync.turbo.plugins.module_utils.common.interrupt import Interrupt
from ansible_collections.datasync.turbo.plugins.module_utils.job.config import Config
from ansible_collections.datasync.turbo.plugins.module_utils.job.job import Job
from ansible_collections.datasync.turbo.plugins.module_utils.report.log import Log
from ansible_collections.datasync.turbo.plugins.module_utils.report.progress import Progress
from ansible_collections.datasync.turbo.plugins.module_utils.report.record import report_not_begun
from ansible_collections.datasync.turbo.plugins.module_utils.sync.answer import answer_of
from ansible_collections.datasync.turbo.plugins.module_utils.sync.run import run
from ansible_collections.datasync.turbo.plugins.module_utils.task.exit import exit_with, fail_with
from ansible_collections.datasync.turbo.plugins.module_utils.task.options import config_of_task, merged_options
from ansible_collections.datasync.turbo.plugins.module_utils.task.respawn import require_packages
from ansible_collections.datasync.turbo.plugins.module_utils.task.specs import sync_argument_spec


def main() -> None:
    module = AnsibleModule(
        argument_spec=sync_argument_spec(),
        supports_check_mode=True,
    )
    require_packages(module)
    config = Config()
    try:
        config = config_of_task(module.params)
        for warning in config.warnings:
            module.warn(warning)
        job = Job.from_options(merged_options(module.params, config))
        log = Log(path=None if module.check_mode else job.log_path)
        with Interrupt(job.timeout) as interrupt:
            finished = run(job, log, Progress(), interrupt, dry_run=module.check_mode)
    except DatasyncError as error:
        located = config.located(error)
        if not module.check_mode:
            # Others may look for the result, also where only the env file says so.
            report_not_begun(located, merged_options(module.params, config), Log())
        fail_with(module, located)
    for warning in log.warnings:
        module.warn(warning)
    exit_with(module, answer_of(finished, with_diff=module._diff))


if __name__ == "__main__":
    main()
