#!/usr/bin/python
# Copyright (c) 2026, The datasync.turbo contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring an upload server to its wanted state, back to the one before, or away."""

from __future__ import annotations

DOCUMENTATION = r"""
module: uploader_host
short_description: Bring an upload server to its wanted state, back to the one before, or away
version_added: 0.3.0
description:
  - This is what the role P(datasync.turbo.uploader#role) consists of. Use the role; use this module by itself to go
    back (O(state=previous)), to heal (O(state=current)) and to remove (O(state=absent)).
  - All that an upload server consists of is one generation, the private Python environment, the program, config files,
    units, cron jobs, log rotation and the version of s5cmd. Generations stay on the host, so going back needs no
    network.
  - A deployment is checked first, with the new program and as the user that runs the jobs. Then all of it is put into
    place, or nothing.
  - What a host lacks is put into one file on the controller, once for each platform, and pushed. On a host that is
    right, one call of this module is all that happens.
extends_documentation_fragment:
  - datasync.turbo.attributes
  - datasync.turbo.attributes.actiongroup_datasync
attributes:
  check_mode:
    support: full
    details:
      - The config files are not checked by the program then, which may not be on the host yet.
  diff_mode:
    support: full
    details:
      - Of files that others may not read, such as config files, the diff shows names and no values.
  idempotent:
    support: partial
    details:
      - O(state=previous) goes one generation further back each time, unless O(generation) says which one.
requirements:
  - python >= 3.9
options:
  state:
    description:
      - V(present) deploys O(wanted).
      - V(previous) goes back to the generation that was in use before, or to O(generation).
      - V(current) puts the generation in use into place once more, with its version of s5cmd. It heals what was changed
        by hand or by a deployment that did not end.
      - V(absent) removes all that was deployed. Data, results, logs and the user stay and are listed in RV(left).
    type: str
    choices: [present, previous, current, absent]
    default: present
  wanted:
    description:
      - What the filter P(datasync.turbo.uploader_wanted#filter) makes of the jobs. Needed for O(state=present).
    type: dict
    suboptions:
      files:
        description: Files with exactly this content.
        type: list
        elements: dict
        default: []
        suboptions:
          path:
            description: Where it lies, an absolute path.
            type: str
            required: true
          content:
            description: The whole content.
            type: str
            required: true
          mode:
            description: Octal digits in quotes.
            type: str
            default: '0644'
          owner:
            description: Name of the user. V(root) stands for whoever deploys.
            type: str
            default: root
          group:
            description: Name of the group. V(root) stands for the group of whoever deploys.
            type: str
            default: root
          check:
            description: V(config) lets the program check the file before it is put into place.
            type: str
            choices: ['', config]
            default: ''
      folders:
        description: Folders that are made. What is in them is left alone.
        type: list
        elements: dict
        default: []
        suboptions:
          path:
            description: Where it lies, an absolute path.
            type: str
            required: true
          mode:
            description: Octal digits in quotes.
            type: str
            default: '0755'
          owner:
            description: Name of the user.
            type: str
            default: root
          group:
            description: Name of the group.
            type: str
            default: root
      units:
        description: Timers and paths of systemd that are enabled and run.
        type: list
        elements: str
        default: []
      launchd:
        description: Property lists among O(wanted.files) that launchd loads.
        type: list
        elements: str
        default: []
      sources:
        description: Folders that O(user) must be able to use.
        type: list
        elements: dict
        default: []
        suboptions:
          job:
            description: The job's name, for messages.
            type: str
            required: true
          variable:
            description: What set it, for messages.
            type: str
            required: true
          path:
            description: The folder.
            type: str
            required: true
          write:
            description: Whether files are removed from it or moved into it.
            type: bool
            default: false
      calendars:
        description: Calendar expressions that systemd must understand.
        type: list
        elements: dict
        default: []
        suboptions:
          job:
            description: The job's name, for messages.
            type: str
            required: true
          variable:
            description: What set it, for messages.
            type: str
            required: true
          expression:
            description: The expression, see C(systemd.time(7\)).
            type: str
            required: true
      jobs:
        description: Where the parts of each job lie, for M(datasync.turbo.uploader_info) and for waiting.
        type: list
        elements: dict
        default: []
  generation:
    description:
      - Number of the generation to go back to, for O(state=previous). By default the one that was in use before.
    type: int
  dir:
    description:
      - Folder of the program, its environments and the generations.
    type: path
    default: /opt/datasync-turbo
  state_dir:
    description:
      - Folder of O(user), for state, locks and results of the jobs.
    type: path
    default: /var/lib/datasync-turbo
  user:
    description:
      - The user that runs the jobs.
    type: str
    default: datasync-turbo
  group:
    description:
      - Group of that user. By default it has the name of the user.
    type: str
  groups:
    description:
      - More groups of that user, such as one that may read the data. It is added to those that it lacks, unless
        O(create_user=false).
    type: list
    elements: str
    default: []
  create_user:
    description:
      - Create the user where it is missing, as a system user without a shell.
    type: bool
    default: true
  python:
    description:
      - The Python that the environment is made from, a command on the host or an absolute path.
    type: str
    default: python3
  delivery:
    description:
      - V(controller) takes the packages from the controller, which gets them once for each platform.
      - V(direct) lets C(pip) on each host get them.
    type: str
    choices: [controller, direct]
    default: controller
  wheel_dir:
    description:
      - Folder with wheels of the packages, on the controller, or on the host with O(delivery=direct). No package index
        is asked then.
    type: path
  pip_args:
    description:
      - More arguments for C(pip), such as V([--index-url, https://packages.example.org/simple]).
    type: list
    elements: str
    default: []
  cache_dir:
    description:
      - Folder on the controller where wheels and payloads are kept.
      - By default it is C(datasync-turbo) in E(XDG_CACHE_HOME) or in C(~/.cache).
    type: path
  s5cmd_bin_dir:
    description:
      - Folder of the s5cmd command, as in M(datasync.turbo.s5cmd_install). Its version belongs to the generation.
    type: path
    default: /usr/local/bin
  s5cmd_versions_dir:
    description:
      - Folder of the versions of s5cmd, as in M(datasync.turbo.s5cmd_install).
    type: path
    default: /usr/local/lib/datasync-turbo/s5cmd
  wait:
    description:
      - Seconds to wait for runs in progress before anything is changed. If one still runs then, nothing is changed
        and the module fails.
      - With V(0) nothing waits for runs; they end with the program and the settings that they began with. Two changes
        would end a run instead, so they fail at once while one is in progress, O(state=absent) and a job of launchd.
    type: int
    default: 0
  requirements:
    description: Set by the action plugin; the pinned packages.
    type: str
    default: ''
  program_sha256:
    description: Set by the action plugin; SHA256 of the program.
    type: str
    default: ''
  collection_version:
    description: Set by the action plugin.
    type: str
    default: ''
  payload:
    description: Set by the action plugin; the file on the host that holds what the host lacked.
    type: path
seealso:
  - module: datasync.turbo.s5cmd_install
  - module: datasync.turbo.uploader_info
author:
  - The datasync.turbo contributors !UNKNOWN
"""

EXAMPLES = r"""
- name: Go back to the versions and the configuration before, without network
  become: true
  datasync.turbo.uploader_host:
    state: previous

- name: Heal what was changed by hand
  become: true
  datasync.turbo.uploader_host:
    state: current

- name: Remove the uploader, and wait up to an hour for runs in progress
  become: true
  datasync.turbo.uploader_host:
    state: absent
    wait: 3600
  register: removed

- name: Show what stays
  ansible.builtin.debug:
    var: removed.left
"""

RETURN = r"""
changes:
  description: What was changed, or in check mode would be, in words.
  returned: success
  type: list
  elements: str
  sample: [create /etc/datasync-turbo/jobs/outbox.env, start datasync-turbo@outbox.timer]
generation:
  description: Number of the generation in use. Null when there is none yet, or none any more.
  returned: success
  type: int
  sample: 4
previous_generation:
  description: Number of the generation that was in use before the run. Null on a bare host.
  returned: success
  type: int
  sample: 3
versions:
  description: What the generation consists of. Empty when there is none.
  returned: success
  type: dict
  contains:
    s5cmd:
      description: Version of s5cmd. Null when this collection did not install it.
      type: str
      sample: 2.3.0
    program:
      description: Version of the program, which is that of the collection.
      type: str
      sample: 0.3.0
    python:
      description: Version of the environment's Python.
      type: str
      sample: 3.11.2
    environment:
      description: Name of the environment's folder.
      type: str
      sample: 1f0c7bb27b0e
previous_versions:
  description: The same of the generation that was in use before the run.
  returned: success
  type: dict
  sample: {s5cmd: 2.2.2, program: 0.3.0, python: 3.11.2, environment: 1f0c7bb27b0e}
needs:
  description: What only the controller can bring. Empty, except in check mode.
  returned: success
  type: list
  elements: str
  sample: []
python:
  description: The Python of the environment and the platform it runs on.
  returned: for O(state=present)
  type: dict
  sample: {executable: /usr/bin/python3.11, version: 3.11.2, system: Linux, machine: x86_64, pointer_bits: 64,
           libc: [glibc, '2.36'], macos: ''}
left:
  description: What O(state=absent) leaves on the host.
  returned: success
  type: list
  elements: str
  sample: [/var/lib/datasync-turbo, /var/log/datasync-turbo, user datasync-turbo]
exit_code:
  description: 0 for success, 1 when the host could not be brought to the state, 75 when a run or a deployment is going.
  returned: always
  type: int
  sample: 0
"""

from typing import Any
from urllib.parse import urlsplit

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import DatasyncError, ExitCode
from ansible_collections.datasync.turbo.plugins.module_utils.fleet import deployment
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.generation import Generation
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.request import DeployRequest
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.shown import is_secret
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.store import GenerationStore
from ansible_collections.datasync.turbo.plugins.module_utils.install.options import (
    DEFAULT_BIN_DIR,
    DEFAULT_VERSIONS_DIR,
)
from ansible_collections.datasync.turbo.plugins.module_utils.task.exit import fail_with


def rows(**options: dict[str, Any]) -> dict[str, Any]:
    """A list of dictionaries with these options."""
    return {"type": "list", "elements": "dict", "default": [], "options": options}


def wanted_spec() -> dict[str, Any]:
    """What the filter `uploader_wanted` makes."""
    # Paths are text: `$` and `~` in one are meant, and nothing is to be expanded.
    text = {"type": "str", "required": True}
    owner = {"type": "str", "default": "root"}
    return {
        "files": rows(
            path=text,
            content=text,
            mode={"type": "str", "default": "0644"},
            owner=owner,
            group=owner,
            check={"type": "str", "choices": ["", "config"], "default": ""},
        ),
        "folders": rows(path=text, mode={"type": "str", "default": "0755"}, owner=owner, group=owner),
        "units": {"type": "list", "elements": "str", "default": []},
        "launchd": {"type": "list", "elements": "str", "default": []},
        "sources": rows(job=text, variable=text, path=text, write={"type": "bool", "default": False}),
        "calendars": rows(job=text, variable=text, expression=text),
        "jobs": {"type": "list", "elements": "dict", "default": []},
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "previous", "current", "absent"], "default": "present"},
            "wanted": {"type": "dict", "no_log": True, "options": wanted_spec()},
            "generation": {"type": "int"},
            "dir": {"type": "path", "default": "/opt/datasync-turbo"},
            "state_dir": {"type": "path", "default": "/var/lib/datasync-turbo"},
            "user": {"type": "str", "default": "datasync-turbo"},
            "group": {"type": "str"},
            "groups": {"type": "list", "elements": "str", "default": []},
            "create_user": {"type": "bool", "default": True},
            "python": {"type": "str", "default": "python3"},
            "delivery": {"type": "str", "choices": ["controller", "direct"], "default": "controller"},
            "wheel_dir": {"type": "path"},
            "pip_args": {"type": "list", "elements": "str", "default": [], "no_log": True},
            "cache_dir": {"type": "path"},
            "s5cmd_bin_dir": {"type": "path", "default": DEFAULT_BIN_DIR},
            "s5cmd_versions_dir": {"type": "path", "default": DEFAULT_VERSIONS_DIR},
            "wait": {"type": "int", "default": 0},
            "requirements": {"type": "str", "default": ""},
            "program_sha256": {"type": "str", "default": ""},
            "collection_version": {"type": "str", "default": ""},
            "payload": {"type": "path"},
        },
        required_if=[("state", "present", ["wanted"])],
        supports_check_mode=True,
    )
    hide_secrets_only(module)
    try:
        finish(module, run(module))
    except DatasyncError as error:
        fail_with(module, error)


def hide_secrets_only(module: AnsibleModule) -> None:
    """Let the result show all but secrets, which are the files that others may not read, and passwords in URLs.

    `wanted` is no_log as a whole, because the module's arguments are written to the host's journal.
    """
    files = (module.params["wanted"] or {}).get("files", [])
    passwords = (urlsplit(argument).password for argument in module.params["pip_args"])
    module.no_log_values = {file["content"] for file in files if is_secret(file["mode"])} | set(filter(None, passwords))


def run(module: AnsibleModule) -> deployment.Deployed:
    request = DeployRequest.from_options(module.params)
    state = module.params["state"]
    if state == "present":
        return deployment.deploy(request, module.check_mode)
    if state == "absent":
        return deployment.remove(request, module.check_mode)

    def choose(store: GenerationStore, current: Generation) -> Generation:
        if state == "current":
            return current
        if module.params["generation"]:
            return deployment.numbered(store, module.params["generation"])
        return deployment.parent_of(store, current)

    return deployment.go_to(request, choose, module.check_mode)


def finish(module: AnsibleModule, deployed: deployment.Deployed) -> None:
    result = deployed.result()
    if module._diff:
        result["diff"] = diff(deployed)
    module.exit_json(exit_code=int(ExitCode.OK), **result)


def diff(deployed: deployment.Deployed) -> list[dict[str, str]]:
    """A diff of each change; what has no text of its own shows what is done."""
    return [
        {
            "before_header": f"{change.path} ({change.action})",
            "after_header": change.path,
            "before": change.before,
            "after": change.after or ("" if change.before else f"{change}\n"),
        }
        for change in deployed.changes
    ]


if __name__ == "__main__":
    main()
