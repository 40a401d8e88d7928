# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What the playbooks print and hand on about a fleet, made of what tasks returned for its hosts."""

from __future__ import annotations

from typing import Any, Callable

from ansible.errors import AnsibleFilterError

from ..plugin_utils.reports import progress as run_words
from ..plugin_utils.reports import status as fleet_report

DOCUMENTATION = r"""
name: fleet_report
short_description: Sum up what tasks returned for the hosts of a fleet
version_added: 0.3.0
author: The datasync.turbo contributors (@datasync-turbo)
description:
  - The playbooks of this collection print and hand on what this filter makes.
  - A host that could not be reached is a part of every report.
options:
  _input:
    description:
      - For V(rows), V(runs), V(deployed) and V(drift) a dictionary from host names to what a task returned, or for
        V(drift) to a list of that.
      - For V(table), V(csv) and V(alarms) what V(rows) made, for V(runs_text) what V(runs) made.
      - For V(outcomes) what M(datasync.turbo.uploader_run) returned for one host.
      - For V(versions) what M(datasync.turbo.uploader_host) returned for one host.
    type: raw
    required: true
  kind:
    description:
      - V(rows) makes a row for each job of each host, of what M(datasync.turbo.uploader_info) returned.
      - V(table) makes a list of lines of text of them, V(csv) comma separated values, and V(alarms) a list of what
        monitoring should hear.
      - V(runs) makes a sum of what M(datasync.turbo.uploader_run) returned, V(runs_text) a list of lines of text of it,
        and V(outcomes) a line for each job of one host.
      - V(deployed) makes a summary of what M(datasync.turbo.uploader_host) returned, V(versions) a text of the versions
        before and after.
      - V(drift) makes a dictionary from host names to lists of differences.
    type: str
    required: true
    choices: [rows, table, csv, alarms, runs, runs_text, outcomes, deployed, versions, drift]
  max_age:
    description: For V(alarms), the seconds after which a job should have run again.
    type: float
    default: 86400
"""

EXAMPLES = r"""
- name: Show the fleet
  ansible.builtin.debug:
    msg: "{{ answers | datasync.turbo.fleet_report('rows') | datasync.turbo.fleet_report('table') }}"
  vars:
    answers: "{{ dict(ansible_play_hosts | zip(ansible_play_hosts | map('extract', hostvars, 'uploader'))) }}"
  run_once: true
"""

RETURN = r"""
_value:
  description: The report, text, a list or a dictionary as O(kind) says.
  type: raw
"""


def _lines(text: str) -> list[str]:
    return text.splitlines()


KINDS: dict[str, Callable[..., Any]] = {
    "rows": fleet_report.rows,
    "table": lambda rows: _lines(fleet_report.table(rows)),
    "csv": fleet_report.as_csv,
    "alarms": fleet_report.alarms,
    "runs": fleet_report.runs,
    "runs_text": lambda summary: _lines(fleet_report.runs_text(summary)),
    "outcomes": lambda answer: [run_words.outcome_line(row) for row in answer.get("jobs") or ()],
    "deployed": fleet_report.deployed,
    "versions": lambda answer: fleet_report.versions_text(
        answer.get("previous_versions") or {}, answer.get("versions") or {}
    ),
    "drift": fleet_report.drift,
}


def report(value: Any, kind: str, max_age: float = 86400) -> Any:
    """The report of a kind; see DOCUMENTATION."""
    if kind not in KINDS:
        raise AnsibleFilterError(f"fleet_report: kind {kind!r} is none of {', '.join(KINDS)}")
    return KINDS[kind](value, float(max_age)) if kind == "alarms" else KINDS[kind](value)


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters of this file by name."""
        return {"fleet_report": report}
