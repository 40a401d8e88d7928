#!/usr/bin/python
# Copyright (c) 2026, The datasync.turbo contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell what is on an upload server and how its jobs are."""

from __future__ import annotations

DOCUMENTATION = r"""
module: uploader_info
short_description: Tell what is on an upload server and how its jobs are
version_added: 0.3.0
description:
  - Reads what the role P(datasync.turbo.uploader#role) deployed, what lies there now, and for each job its last result,
    its history, the run that goes on, and when its timer starts it next.
  - A host without an installation is a result, with RV(installed) V(false), and no error.
  - Reads only. No lock is taken, so no run fails because somebody looks.
  - Nothing that is secret is returned.
extends_documentation_fragment:
  - datasync.turbo.attributes
  - datasync.turbo.attributes.actiongroup_datasync
attributes:
  check_mode:
    support: full
    details:
      - Changes nothing.
  diff_mode:
    support: N/A
    details:
      - Changes nothing.
  idempotent:
    support: full
options:
  dir:
    description:
      - Folder of the program, C(uploader_dir) of the role.
    type: path
    default: /opt/datasync-turbo
  history:
    description:
      - How many runs of each job to return, the newest ones.
    type: int
    default: 0
  s5cmd_bin_dir:
    description:
      - Folder of the command s5cmd on a host that has no installation, or one whose record does not name it.
    type: path
    default: /usr/local/bin
  s5cmd_versions_dir:
    description:
      - Folder of the versions of s5cmd on such a host.
    type: path
    default: /usr/local/lib/datasync-turbo/s5cmd
notes:
  - Needs C(become), because the record of what was deployed can be read by root alone.
seealso:
  - module: datasync.turbo.uploader_host
  - module: datasync.turbo.uploader_run
  - module: datasync.turbo.s5cmd_info
author:
  - The datasync.turbo contributors (@datasync-turbo)
"""

EXAMPLES = r"""
- name: Look at the upload servers
  become: true
  datasync.turbo.uploader_info:
    history: 5
  register: uploader

- name: Show the jobs whose last run did not succeed
  ansible.builtin.debug:
    msg: "{{ item.name }}: {{ item.last.problems | map(attribute='message') | join('; ') }}"
  loop: "{{ uploader.jobs | selectattr('last') | selectattr('last.status', 'ne', 'success') }}"
  loop_control:
    label: "{{ item.name }}"

- name: Stop before maintenance if an upload goes on
  ansible.builtin.assert:
    that: uploader.jobs | selectattr('running') | length == 0
    fail_msg: "{{ inventory_hostname }} uploads now."
"""

RETURN = r"""
installed:
  description: Whether the role has deployed here.
  returned: success
  type: bool
  sample: true
time:
  description: The host's time, ISO 8601 with offset.
  returned: success
  type: str
  sample: '2026-11-23T01:02:03+00:00'
hostname:
  description: The host's own name.
  returned: success
  type: str
  sample: upload1
generation:
  description: Number of the generation in use. Null where nothing is deployed.
  returned: success
  type: int
  sample: 3
generations:
  description: Numbers of the generations that are on the host. The older ones can be gone back to.
  returned: success
  type: list
  elements: int
  sample: [1, 2, 3]
deployed_at:
  description: When the generation in use was deployed, ISO 8601 with offset.
  returned: success
  type: str
  sample: '2026-11-23T00:58:11+00:00'
versions:
  description: The versions that were deployed.
  returned: success
  type: dict
  sample:
    program: 0.3.0
    python: 3.11.2
    s5cmd: 2.3.0
found:
  description: What really lies there. Null where it is missing, or is not what this collection put there.
  returned: success
  type: dict
  contains:
    s5cmd:
      description: The version that the command s5cmd leads to.
      type: str
    program:
      description: Name of the program's folder.
      type: str
    environment:
      description: Name of the Python environment's folder.
      type: str
    python:
      description: Version of the environment's Python.
      type: str
  sample:
    environment: 3f1c9a
    program: 8d2b11c4e7a0
    python: 3.11.2
    s5cmd: 2.3.0
jobs:
  description: The jobs.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the job.
      type: str
    schedule:
      description: V(systemd), V(cron), V(launchd), V(path) or V(manual).
      type: str
    source:
      description: The folder.
      type: str
    destination:
      description: Bucket and prefix as a URL.
      type: str
    config:
      description: The job's config file.
      type: str
    service:
      description: The job's systemd service, empty if it has none.
      type: str
    log:
      description: The job's log file.
      type: str
    running:
      description: Whether a run goes on.
      type: bool
    last:
      description:
        - The result of the run that ended last, see RV(datasync.turbo.s5cmd_sync#module:result), with its first 10
          problems, and their number as C(problems_total). Null if no run has ended yet.
      type: dict
    age_seconds:
      description: Seconds since that run ended.
      type: int
    history:
      description: The newest runs, the oldest of them first.
      type: list
      elements: dict
    progress:
      description: What the run that goes on says of itself. Null without one, or before it uploads.
      type: dict
    next_run:
      description: When the job's timer starts it next, ISO 8601 with offset. Null without a timer.
      type: str
    service_state:
      description: The service's state in systemd's words, empty without one.
      type: str
    service_result:
      description: V(success), or why the service failed, in systemd's words.
      type: str
    timer_state:
      description: The timer's state in systemd's words, empty without one.
      type: str
    unreadable:
      description: Why the last result is not known although there is a file, else empty.
      type: str
  sample:
    - age_seconds: 341
      config: /etc/datasync-turbo/jobs/outbox.env
      destination: s3://archive/upload1/
      history: []
      last:
        exit_code: 0
        files_synced: 60
        status: success
        throughput_mbps: 44.778
        timestamp: '2026-11-23T00:56:19+00:00'
      log: /var/log/datasync-turbo/outbox.log
      name: outbox
      next_run: '2026-11-23T02:00:17+00:00'
      progress: null
      running: false
      schedule: systemd
      service: datasync-turbo@outbox.service
      service_result: success
      service_state: inactive
      source: /srv/outbox
      timer_state: active
      unreadable: ''
exit_code:
  description: V(0), or V(1) if the record on the host cannot be read.
  returned: always
  type: int
  sample: 0
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import DatasyncError, ExitCode
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.status import Look, host_status
from ansible_collections.datasync.turbo.plugins.module_utils.install.layout import Layout
from ansible_collections.datasync.turbo.plugins.module_utils.install.options import (
    DEFAULT_BIN_DIR,
    DEFAULT_VERSIONS_DIR,
)
from ansible_collections.datasync.turbo.plugins.module_utils.task.exit import fail_with


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "dir": {"type": "path", "default": "/opt/datasync-turbo"},
            "history": {"type": "int", "default": 0},
            "s5cmd_bin_dir": {"type": "path", "default": DEFAULT_BIN_DIR},
            "s5cmd_versions_dir": {"type": "path", "default": DEFAULT_VERSIONS_DIR},
        },
        supports_check_mode=True,
    )
    options = module.params
    link = Layout(Path(options["s5cmd_bin_dir"]), Path(options["s5cmd_versions_dir"]))
    try:
        status = host_status(Path(options["dir"]), link, Look(history=max(options["history"], 0)))
    except DatasyncError as error:
        fail_with(module, error)
    module.exit_json(changed=False, exit_code=int(ExitCode.OK), **status.as_dict())


if __name__ == "__main__":
    main()
