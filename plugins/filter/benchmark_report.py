# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What the playbook `benchmark` prints, writes and hands on, made of what s5cmd_benchmark returned for its hosts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Callable

from ansible.errors import AnsibleFilterError

from ..module_utils.benchmark.report import page as benchmark_page
from ..plugin_utils.reports import answers as benchmark_answers
from ..plugin_utils.reports import benchmark as fleet_benchmark
from ..plugin_utils.reports import benchmark_page as fleet_benchmark_page
from ..plugin_utils.reports.answers import sorted_answers

DOCUMENTATION = r"""
name: benchmark_report
short_description: Make one report of the benchmarks of many hosts
version_added: 0.4.0
author: The datasync.turbo contributors (@datasync-turbo)
description:
  - The playbook C(datasync.turbo.benchmark) prints, writes and hands on what this filter makes.
  - A host that could not be measured is a part of every report, with its reason.
options:
  _input:
    description:
      - A dictionary from host names to lists of two, what M(datasync.turbo.s5cmd_benchmark) returned in check mode, and
        what it returned when it measured; empty dictionaries where there is nothing.
      - For V(page) what it returned for one host, for V(page_name) the name of the host.
    type: raw
    required: true
  kind:
    description:
      - V(text) and V(csv) make the text of a file, V(html) a page with charts, V(json) all results as JSON.
      - V(lines) is V(text) as a list, V(summary) a dictionary with the figures by host, their sums, and the reasons of
        the hosts that failed.
      - V(estimate) makes lines that tell what will be uploaded.
      - V(page) makes the page of one host, V(page_name) the name of its file.
    type: str
    required: true
    choices: [text, lines, csv, html, json, summary, estimate, page, page_name]
  together:
    description:
      - Whether the hosts measured at the same time. Sums are of hosts that shared their link then.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Show what was measured
  ansible.builtin.debug:
    msg: "{{ answers | datasync.turbo.benchmark_report('lines') }}"
  vars:
    before: "{{ ansible_play_hosts | map('extract', hostvars, 'benchmark_estimate') }}"
    after: "{{ ansible_play_hosts | map('extract', hostvars, 'benchmark_host') }}"
    answers: "{{ dict(ansible_play_hosts | zip(before | zip(after))) }}"
  run_once: true
"""

RETURN = r"""
_value:
  description: The report, a text, a list of lines or a dictionary as O(kind) says.
  type: raw
"""

#: The folder of the hosts' own pages, beside the page of the fleet.
PAGES = "hosts"
#: By host what the module returned, see `sorted_answers`.
Answers = Mapping[str, Sequence[Any]]


def _summary(answers: Answers, together: bool) -> dict[str, Any]:
    found = sorted_answers(answers)
    return {
        **fleet_benchmark.summary(found.results, found.missing, together=together),
        "failures": found.failures,
        "tuning": benchmark_answers.tunings(found.results),
    }


def _text(answers: Answers, together: bool) -> str:
    summary = _summary(answers, together)
    tuned = benchmark_answers.tuning_lines(summary["tuning"])
    more = "".join(f"{line}\n" for line in ["", "Tuning:", *(f"- {line}" for line in tuned)]) if tuned else ""
    return fleet_benchmark.text(summary) + more


def _html(answers: Answers, together: bool) -> str:
    found = sorted_answers(answers)
    pages = {host: f"{PAGES}/{benchmark_answers.page_name(host)}" for host in found.results}
    return fleet_benchmark_page.page(found.results, found.missing, together=together, pages=pages)


def _json(answers: Answers, together: bool) -> str:
    results = sorted_answers(answers).results
    return json.dumps({"schema": 1, "summary": _summary(answers, together), "results": results}, indent=2) + "\n"


KINDS: dict[str, Callable[[Any, bool], Any]] = {
    "text": _text,
    "lines": lambda answers, together: _text(answers, together).splitlines(),
    "csv": lambda answers, _together: fleet_benchmark.as_csv(sorted_answers(answers).results),
    "html": _html,
    "json": _json,
    "summary": _summary,
    "estimate": lambda answers, _together: benchmark_answers.estimate_lines(answers),
    "page": lambda answer, _together: benchmark_page.page(answer["benchmark"]),
    "page_name": lambda host, _together: benchmark_answers.page_name(host),
}


def report(value: Any, kind: str, together: bool = False) -> Any:
    """The report of a kind; see DOCUMENTATION."""
    if kind not in KINDS:
        raise AnsibleFilterError(f"benchmark_report: kind {kind!r} is none of {', '.join(KINDS)}")
    return KINDS[kind](value, together)


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters of this file by name."""
        return {"benchmark_report": report}
