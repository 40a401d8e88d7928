# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The filter `uploader_wanted`; `plugins/plugin_utils/wanted_host.py` does its work."""

from __future__ import annotations

from typing import Any, Callable

from ansible.errors import AnsibleFilterError
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError
from ansible_collections.datasync.turbo.plugins.plugin_utils.wanted.wanted import wanted_host

DOCUMENTATION = r"""
name: uploader_wanted
short_description: Turn the variables of the role uploader into the wanted state of a host
version_added: 0.3.0
author:
  - The datasync.turbo contributors
description:
  - Checks the jobs of a host and renders everything that the host shall have for them, such as config files, units and
    the configuration of logrotate. Module M(datasync.turbo.uploader_host) takes the answer.
  - Nothing is looked up on the controller or the host. The same variables give the same answer.
  - It is used by the role P(datasync.turbo.uploader#role), whose documentation explains the variables.
  - The answer holds the contents of the config files, with all that is secret in them.
positional: _input
options:
  _input:
    description:
      - A dictionary with C(host), the name for messages, C(jobs), the list C(uploader_jobs), and the role's variables
        without C(uploader_) or C(uploader_service_) before their names.
    type: dict
    required: true
seealso:
  - module: datasync.turbo.uploader_host
"""

EXAMPLES = r"""
- name: Show which units the jobs of a host would have
  ansible.builtin.debug:
    msg: "{{ (spec | datasync.turbo.uploader_wanted).units }}"
  vars:
    spec:
      host: "{{ inventory_hostname }}"
      jobs:
        - name: outbox
          source: /srv/outbox
          bucket: archive
          schedule:
            on_calendar: hourly
      dir: /opt/datasync-turbo
      config_dir: /etc/datasync-turbo/jobs
      credentials_dir: /etc/datasync-turbo/credentials
      state_dir: /var/lib/datasync-turbo
      log_dir: /var/log/datasync-turbo
      user: datasync-turbo
      group: datasync-turbo
      groups: []
      s5cmd_path: /usr/local/bin/s5cmd
      scheduler: systemd
      log_keep: 30
      history_runs: 1000
      apply_tuning: true
      tuning_file: /etc/ansible/facts.d/datasync_tuning.fact
  # -> ["datasync-turbo@outbox.timer"]
"""

RETURN = r"""
_value:
  description:
    - The keys C(files), C(folders), C(units), C(launchd), C(sources), C(calendars) and C(jobs).
  type: dict
"""


def uploader_wanted(spec: Any) -> dict[str, Any]:
    """The wanted state; see DOCUMENTATION. Raises AnsibleFilterError that names host, job and variable."""
    if not isinstance(spec, dict):
        raise AnsibleFilterError("uploader_wanted takes a dictionary of the role's variables")
    try:
        wanted: dict[str, Any] = wanted_host(spec).as_dict()
    except ConfigurationError as error:
        raise AnsibleFilterError(str(error)) from error
    return wanted


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters of this file by their names."""
        return {"uploader_wanted": uploader_wanted}
