#!/usr/bin/python
# Copyright (c) 2026, The datasync.turbo contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare a folder, a state file or a manifest with a bucket by content."""

from __future__ import annotations

DOCUMENTATION = r"""
module: s3_verify
short_description: Compare a folder, a state file or a manifest with a bucket by content
version_added: 0.2.0
description:
  - Compares what should be in a bucket with what is there, by content, and uploads nothing. Each object ends as C(ok),
    C(missing), C(differs), C(unverifiable) or C(extra), and the result says by what method.
  - The task fails if anything differs, is missing or cannot be verified, and names it.
  - Objects are proven by the checksum that the server stored, or by the ETag where it is an MD5; their time and their
    metadata prove nothing. With O(checksum_algorithm=SHA256) only a SHA256 is a proof; what else the server stored can
    still show a difference.
extends_documentation_fragment:
  - datasync.turbo.aws
  - datasync.turbo.job
  - datasync.turbo.attributes
  - datasync.turbo.attributes.actiongroup_datasync
attributes:
  check_mode:
    support: full
    details:
      - Only O(attach_sha256=true) changes anything. In check mode nothing is attached; objects that would be are
        C(unverifiable), and the task says so.
  diff_mode:
    support: N/A
    details:
      - Changes no content.
  idempotent:
    support: full
options:
  source:
    description:
      - What the bucket is compared with.
      - V(tree) is the folder O(src), which is read.
      - V(state) is the state file O(state_path), which is required then, as the last run of
        M(datasync.turbo.s5cmd_sync) left it. No file is read, so it also tells of files that left the folder since.
      - V(manifest) is the file O(manifest). No other file is read, and O(src) need not exist.
      - Not set, V(manifest) if O(manifest) is given, else V(tree).
    type: str
    choices: [tree, state, manifest]
  manifest:
    description:
      - File in the format of C(sha256sum), with names relative to O(src). That of the BSDs and macOS is taken too.
      - An object is compared with its line by a stored SHA256 of the whole object, else by O(attach_sha256) or
        O(allow_download).
    type: path
  attach_sha256:
    description:
      - Whether to let the server compute and store a SHA256 for objects that need one and have none, by copying the
        object onto itself. No data is moved.
      - Metadata, tags, storage class and encryption stay. The object gets a new time, in a bucket with versioning a new
        version, and the ACL O(acl).
      - Some servers answer with success and store none. Then one object is copied in vain, and no other.
      - Takes the lock of the job, so that no upload runs meanwhile.
    type: bool
    default: false
  allow_download:
    description: Whether to download and hash objects that nothing else can prove.
    type: bool
    default: false
  fail_on_extra:
    description:
      - Whether objects that nothing expects make the task fail. Those of files that O(exclude) leaves out are none.
    type: bool
    default: false
  limit:
    description: How many findings of each kind are listed. All are counted.
    type: int
    default: 1000
notes:
  - The Python packages boto3 and awscrt are looked for in the module's interpreter, then in the environment that the
    role P(datasync.turbo.uploader#role) makes, then in the system's interpreters.
  - The credentials need C(s3:ListBucket) on the bucket and C(s3:GetObject) on the objects. O(attach_sha256) also needs
    C(s3:PutObject), and for objects with tags C(s3:GetObjectTagging) and C(s3:PutObjectTagging).
requirements:
  - boto3 >= 1.42
  - awscrt
seealso:
  - module: datasync.turbo.s5cmd_sync
  - module: datasync.turbo.s5cmd_info
author:
  - The datasync.turbo contributors !UNKNOWN
"""

EXAMPLES = r"""
- name: Prove that the archive still holds every file
  datasync.turbo.s3_verify:
    src: /srv/material
    bucket: archive
    prefix: studio-1
    profile: auditor
    region: eu-central-1

- name: Audit a job of the host by its env file, and take objects that nobody expects for a fault
  datasync.turbo.s3_verify:
    config: /etc/datasync-turbo/jobs/material.env
    fail_on_extra: true

- name: Compare the bucket with the manifest that came with the delivery
  datasync.turbo.s3_verify:
    config: /etc/datasync-turbo/jobs/material.env
    manifest: /srv/deliveries/2026-11/SHA256SUMS
    allow_download: true

- name: Give every object a SHA256, and prove all of them by it
  datasync.turbo.s3_verify:
    config: /etc/datasync-turbo/jobs/material.env
    checksum_algorithm: SHA256
    attach_sha256: true

- name: Look, and go on whatever is found
  datasync.turbo.s3_verify:
    config: /etc/datasync-turbo/jobs/material.env
  register: audit
  failed_when: audit.exit_code not in [0, 4, 5]

- name: Name the objects that differ
  ansible.builtin.debug:
    msg: "{{ audit.result.differs | map(attribute='key') }}"
"""

RETURN = r"""
exit_code:
  description:
    - V(0) everything is stored and proven; V(1) installation or configuration; V(2) credentials; V(3) bucket or
      endpoint; V(4) something is missing or cannot be verified, or is extra with O(fail_on_extra=true); V(5) something
      differs; V(75) an upload runs, with O(attach_sha256=true); 128+n stopped by signal n.
  returned: always
  type: int
  sample: 5
result:
  description: What the audit found.
  returned: when the audit began
  type: dict
  contains:
    timestamp:
      description: Start of the audit, local time in ISO 8601 with offset.
      type: str
      returned: always
    duration_seconds:
      description: Duration in seconds.
      type: float
      returned: always
    host:
      description: Name of the host that ran it.
      type: str
      returned: always
    compared:
      description: What was compared with the bucket, the value of O(source) in force.
      type: str
      returned: always
    source:
      description: The folder, the state file or the manifest.
      type: str
      returned: always
    destination:
      description: Bucket and prefix as a URL.
      type: str
      returned: always
    algorithm:
      description: The checksum that was preferred as proof; V(SHA256) means that only a SHA256 was one.
      type: str
      returned: always
    status:
      description: V(success), V(failed) or V(interrupted).
      type: str
      returned: always
    error:
      description: What ended the audit before its end. Empty if nothing did.
      type: str
      returned: always
    counts:
      description: Numbers of each kind, in the keys C(ok), C(differs), C(missing), C(unverifiable) and C(extra).
      type: dict
      returned: always
    methods:
      description:
        - Number of proven objects by method - a checksum such as C(CRC64NVME), C(SHA256) or C(SHA256-composite) that
          the server stored, C(ETag), C(ETag-multipart), C(download), or C(recorded-ETag) for an object that still has
          the ETag with which the state file says it was proven.
      type: dict
      returned: always
    bytes:
      description: Bytes of the proven objects.
      type: int
      returned: always
    objects:
      description: Number of objects under the prefix, in the shard.
      type: int
      returned: always
    differs:
      description:
        - Objects whose content is another one, up to O(limit) of them. Each has C(path) relative to O(src), C(key),
          C(method) and C(message).
      type: list
      elements: dict
      returned: always
    missing:
      description: What has no object, in the same keys.
      type: list
      elements: dict
      returned: always
    unverifiable:
      description:
        - What could be neither proven nor disproven, in the same keys, with the reason and what would help. Also files
          that could not be read or changed during the audit.
      type: list
      elements: dict
      returned: always
    extra:
      description: Objects that nothing expects, in the same keys.
      type: list
      elements: dict
      returned: always
    limit:
      description: How many of each kind are listed at most.
      type: int
      returned: always
    fail_on_extra:
      description: Whether extra objects were a failure.
      type: bool
      returned: always
    skipped:
      description: Number of files that the filters or O(follow_symlinks=false) left out.
      type: int
      returned: always
    deferred:
      description: Number of files that O(settle_seconds) left to the next upload.
      type: int
      returned: always
    in_other_shards:
      description: Number of files or lines that belong to other shards.
      type: int
      returned: always
    attached:
      description: Number of objects that were, or in check mode would have been, copied onto themselves.
      type: int
      returned: always
    bytes_downloaded:
      description: Bytes that were downloaded.
      type: int
      returned: always
    exit_code:
      description: The same as RV(exit_code).
      type: int
      returned: always
  sample:
    algorithm: CRC64NVME
    attached: 0
    bytes: 12000002
    bytes_downloaded: 0
    compared: tree
    counts:
      differs: 1
      extra: 1
      missing: 1
      ok: 2
      unverifiable: 0
    deferred: 0
    destination: s3://archive/studio-1/
    differs:
      - key: studio-1/deep/b.txt
        message: the stored ETag is 30cf3d7d133b08543cb6c8933c29dfd7, the file has 3b5d5c3712955042212316173ccf37be
        method: ETag
        path: deep/b.txt
    duration_seconds: 0.935
    error: ''
    exit_code: 5
    extra:
      - key: studio-1/extra.txt
        message: no file of the source is stored there
        method: ''
        path: extra.txt
    fail_on_extra: false
    host: upload-1
    in_other_shards: 0
    limit: 1000
    methods:
      ETag: 1
      ETag-multipart: 1
    missing:
      - key: studio-1/miss.txt
        message: the object is not in the bucket
        method: ''
        path: miss.txt
    objects: 4
    skipped: 0
    source: /srv/material
    status: failed
    timestamp: '2026-11-22T22:02:27+00:00'
    unverifiable: []
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.datasync.turbo.plugins.module_utils.audit.answer import answer_of
from ansible_collections.datasync.turbo.plugins.module_utils.audit.request import DEFAULT_LIMIT, SOURCES, AuditRequest
from ansible_collections.datasync.turbo.plugins.module_utils.audit.run import run
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import DatasyncError
from ansible_collections.datasync.turbo.plugins.module_utils.common.interrupt import Interrupt
from ansible_collections.datasync.turbo.plugins.module_utils.common.options import AUDIT
from ansible_collections.datasync.turbo.plugins.module_utils.job.config import Config
from ansible_collections.datasync.turbo.plugins.module_utils.job.job import Job
from ansible_collections.datasync.turbo.plugins.module_utils.report.log import Log
from ansible_collections.datasync.turbo.plugins.module_utils.task.exit import exit_with, fail_with
from ansible_collections.datasync.turbo.plugins.module_utils.task.options import config_of_task, merged_options
from ansible_collections.datasync.turbo.plugins.module_utils.task.respawn import require_packages
from ansible_collections.datasync.turbo.plugins.module_utils.task.specs import shared_argument_spec


def argument_spec() -> dict[str, dict[str, Any]]:
    """The options in the form of AnsibleModule's `argument_spec`."""
    return {
        **shared_argument_spec(AUDIT),
        "source": {"type": "str", "choices": list(SOURCES)},
        "manifest": {"type": "path"},
        "attach_sha256": {"type": "bool", "default": False},
        "allow_download": {"type": "bool", "default": False},
        "fail_on_extra": {"type": "bool", "default": False},
        "limit": {"type": "int", "default": DEFAULT_LIMIT},
    }


def main() -> None:
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    require_packages(module)
    config = Config()
    try:
        config = config_of_task(module.params)
        job = Job.from_options(merged_options(module.params, config))
        request = request_of(module)
    except DatasyncError as error:
        fail_with(module, config.located(error))
    for warning in config.warnings:
        module.warn(warning)
    with Interrupt(job.timeout) as interrupt:
        result = run(job, request, Log(), interrupt)
    exit_with(module, answer_of(result))


def request_of(module: AnsibleModule) -> AuditRequest:
    """What the task asks for."""
    params = module.params
    return AuditRequest(
        source=params["source"] or ("manifest" if params["manifest"] else "tree"),
        manifest=params["manifest"],
        attach_sha256=params["attach_sha256"],
        allow_download=params["allow_download"],
        fail_on_extra=params["fail_on_extra"],
        limit=params["limit"],
        dry_run=module.check_mode,
    )


if __name__ == "__main__":
    main()
