#!/usr/bin/python
# Copyright (c) 2026, The datasync.turbo contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check s5cmd, the credentials and the way to the bucket."""

from __future__ import annotations

DOCUMENTATION = r"""
module: s5cmd_info
short_description: Check s5cmd, the credentials and the way to the bucket
version_added: 0.1.0
description:
  - Checks on the managed host what an upload with M(datasync.turbo.s5cmd_sync) needs, and says what to do about each
    fault. The faults are results; the task fails only with O(fail_on_error=true), or when its own options are wrong.
  - Reads only, unless O(write_probe=true).
  - A question to a server is given up after 10 seconds, so an endpoint that does not answer is reported soon.
  - No key is shown, only how it was found and the identity that AWS knows it by.
extends_documentation_fragment:
  - datasync.turbo.aws
  - datasync.turbo.attributes
  - datasync.turbo.attributes.actiongroup_datasync
attributes:
  check_mode:
    support: full
    details:
      - The write probe is not run in check mode; its checks say so.
  diff_mode:
    support: N/A
    details:
      - Changes nothing.
  idempotent:
    support: full
options:
  s5cmd_path:
    description:
      - The s5cmd to check.
      - If not set then the C(s5cmd) on the C(PATH) of the module is checked.
    type: path
  bucket:
    description:
      - The bucket to reach.
      - If not set then the access checks end at the endpoint, and the credentials are tried by listing the buckets.
    type: str
  prefix:
    description:
      - Prefix in O(bucket) under which the objects can be listed, and under which the probe writes.
      - Credentials are often limited to one, so give the one that the job uses.
    type: str
  write_probe:
    description:
      - Whether to store an object of 27 bytes under O(prefix) and to delete it again.
      - Its name is C(.datasync-turbo-write-probe-) and 32 random characters. In a bucket with versioning its version is
        deleted for good.
    type: bool
    default: false
  fail_on_error:
    description:
      - Whether the task fails when RV(exit_code) is not V(0).
    type: bool
    default: false
notes:
  - The Python packages boto3 and awscrt are looked for in the module's interpreter, then in the environment that the
    role P(datasync.turbo.uploader#role) makes, then in the system's interpreters. If they are nowhere, that is a
    failed check.
requirements:
  - boto3
  - awscrt
seealso:
  - module: datasync.turbo.s5cmd_install
  - module: datasync.turbo.s5cmd_sync
author:
  - The datasync.turbo contributors (@datasync-turbo)
"""

EXAMPLES = r"""
- name: Check everything that a job needs
  datasync.turbo.s5cmd_info:
    bucket: archive
    prefix: studio-1
    profile: uploader
    region: eu-central-1
  register: installation

- name: Show what is wrong and what to do
  ansible.builtin.debug:
    msg:
      - "{{ item.message }}"
      - "{{ item.hint }}"
  loop: "{{ installation.checks | rejectattr('ok') }}"
  loop_control:
    label: "{{ item.name }}"

- name: Stop unless objects can be written to an S3-compatible server
  datasync.turbo.s5cmd_info:
    s5cmd_path: /usr/local/bin/s5cmd
    endpoint_url: https://s3.example.org
    access_key: "{{ s3_access_key }}"
    secret_key: "{{ s3_secret_key }}"
    bucket: archive
    write_probe: true
    fail_on_error: true

- name: Look at the installed s5cmd
  datasync.turbo.s5cmd_info:
  register: installation

- name: Warn of an s5cmd that is too old for verified transfers
  ansible.builtin.debug:
    msg: "Upgrade s5cmd {{ installation.s5cmd_version }}"
  when: installation.s5cmd_version is not none and installation.s5cmd_version is version('2.2.0', '<')
"""

RETURN = r"""
exit_code:
  description:
    - The first category with a failed check. V(0) none; V(1) installation; V(2) credentials; V(3) access.
    - Checks that could not be made do not count.
  returned: always
  type: int
  sample: 3
checks:
  description:
    - The checks, always in the same order.
    - Installation - V(binary), V(platform), V(runs), V(version), V(boto3), V(awscrt).
    - Credentials - V(credentials_found), V(credentials_accepted).
    - Access - V(endpoint); V(bucket) if O(bucket) is given; V(write) and V(cleanup) if O(write_probe=true).
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: Name of the check.
      type: str
      returned: always
    category:
      description: V(installation), V(credentials) or V(access).
      type: str
      returned: always
    ok:
      description: Whether it was made and passed.
      type: bool
      returned: always
    message:
      description:
        - What was found, or what is wrong and why.
        - Begins with V(not checked:) if the check could not be made, mostly because an earlier one failed.
      type: str
      returned: always
    hint:
      description:
        - What to do about it, empty if there is nothing to do. A passed check may have one, such as an old version.
      type: str
      returned: always
  sample:
    - category: installation
      hint: ""
      message: /usr/local/bin/s5cmd
      name: binary
      ok: true
    - category: installation
      hint: ""
      message: built for Linux-64bit, as this host needs (Linux x86_64)
      name: platform
      ok: true
    - category: installation
      hint: ""
      message: s5cmd version prints v2.3.0-991c9fb
      name: runs
      ok: true
    - category: installation
      hint: ""
      message: v2.3.0-991c9fb
      name: version
      ok: true
    - category: installation
      hint: ""
      message: boto3 1.44.5
      name: boto3
      ok: true
    - category: installation
      hint: ""
      message: awscrt 0.38.1
      name: awscrt
      ok: true
    - category: credentials
      hint: ""
      message: found by boto3's method 'shared-credentials-file' in profile 'uploader'
      name: credentials_found
      ok: true
    - category: credentials
      hint: ""
      message: http://127.0.0.1:8333 accepts a request signed with them
      name: credentials_accepted
      ok: true
    - category: access
      hint: ""
      message: http://127.0.0.1:8333 answers
      name: endpoint
      ok: true
    - category: access
      hint: check the bucket's name and endpoint_url; the bucket is not created here
      message: >-
        cannot list 'studio-1/': bucket 'archiv' at http://127.0.0.1:8333: NoSuchBucket: The specified bucket does not
        exist
      name: bucket
      ok: false
    - category: access
      hint: ""
      message: "not checked: the bucket cannot be listed"
      name: write
      ok: false
    - category: access
      hint: ""
      message: "not checked: the bucket cannot be listed"
      name: cleanup
      ok: false
s5cmd_path:
  description:
    - The s5cmd that was checked, which is the real binary where O(s5cmd_path) is a wrapper script.
    - None if there is none.
  returned: always
  type: str
  sample: /usr/local/bin/s5cmd
s5cmd_version:
  description: Its version. None if it does not run.
  returned: always
  type: str
  sample: 2.3.0
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.datasync.turbo.plugins.module_utils.checks.report import CheckRequest, Report
from ansible_collections.datasync.turbo.plugins.module_utils.checks.run import run_checks
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import DatasyncError
from ansible_collections.datasync.turbo.plugins.module_utils.s3.connection import with_environment
from ansible_collections.datasync.turbo.plugins.module_utils.task.exit import fail_with
from ansible_collections.datasync.turbo.plugins.module_utils.task.respawn import respawn_if_lacking
from ansible_collections.datasync.turbo.plugins.module_utils.task.specs import connection_argument_spec


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **connection_argument_spec(),
            "s5cmd_path": {"type": "path"},
            "bucket": {"type": "str"},
            "prefix": {"type": "str"},
            "write_probe": {"type": "bool", "default": False},
            "fail_on_error": {"type": "bool", "default": False},
        },
        required_by={"prefix": ["bucket"]},
        required_if=[("write_probe", True, ["bucket"])],
        supports_check_mode=True,
    )
    respawn_if_lacking()
    try:
        request = CheckRequest.from_options(with_environment(module.params), dry_run=module.check_mode)
    except DatasyncError as error:
        fail_with(module, error)
    report = run_checks(request)
    if report.exit_code and module.params["fail_on_error"]:
        module.fail_json(msg=failure_message(report), **report.as_dict())
    module.exit_json(changed=False, **report.as_dict())


def failure_message(report: Report) -> str:
    """The failed checks in one line; what could not be checked because of them is left out."""
    return "; ".join(
        f"{check.category}: {check.message} ({check.hint})" if check.hint else f"{check.category}: {check.message}"
        for check in report.failures
    )


if __name__ == "__main__":
    main()
