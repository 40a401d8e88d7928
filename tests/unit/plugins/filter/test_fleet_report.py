# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The filter hands on what plugin_utils/reports/status.py makes, in the forms that playbooks print."""

from __future__ import annotations

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.datasync.turbo.plugins.filter import fleet_report

report = fleet_report.FilterModule().filters()["fleet_report"]
UNREACHABLE = {"upload1": {"unreachable": True, "msg": "No route to host"}}


def test_every_kind_is_documented():
    options = yaml.safe_load(fleet_report.DOCUMENTATION)["options"]
    assert sorted(options["kind"]["choices"]) == sorted(fleet_report.KINDS)


def test_a_kind_that_is_not_there_is_an_error_that_lists_those_that_are():
    with pytest.raises(AnsibleFilterError, match="kind 'tabel' is none of rows, table"):
        report({}, "tabel")


def test_what_is_printed_is_a_list_of_lines():
    rows = report(UNREACHABLE, "rows")
    assert len(report(rows, "table")) == 4
    assert report(rows, "csv").startswith("host,state,job,")
    assert report(report(UNREACHABLE, "runs"), "runs_text")[1] == "upload1: No route to host"
    assert report({"jobs": [{"job": "outbox", "failed": False, "result": {"status": "success"}}]}, "outcomes") == [
        "outbox: success, 0 uploaded (0 B), 0 stored already, not verified"
    ]
    assert report({"previous_versions": {"s5cmd": "2.2.2"}, "versions": {"s5cmd": "2.3.0"}}, "versions") == (
        "s5cmd 2.2.2 -> 2.3.0"
    )


def test_the_age_may_be_text_as_extra_variables_are():
    assert report(report(UNREACHABLE, "rows"), "alarms", max_age="7200") == ["upload1: unreachable: No route to host"]
