# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The filter as Ansible calls it."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.datasync.turbo.plugins.filter import uploader_wanted as plugin
from ansible_collections.datasync.turbo.tests.unit.plugins.plugin_utils.host_variables import host_variables, job

FILTER = plugin.FilterModule().filters()["uploader_wanted"]


def test_the_answer_is_a_dictionary_of_plain_data() -> None:
    answer = FILTER(host_variables(job(schedule={"on_calendar": "hourly"})))
    assert set(answer) == {"files", "folders", "units", "launchd", "sources", "calendars", "jobs"}
    assert answer["units"] == ["datasync-turbo@outbox.timer"]


def test_a_fault_is_ansibles_error_with_host_job_and_variable() -> None:
    with pytest.raises(
        AnsibleFilterError, match=r"upload1: job 'outbox': sorce is not known \(did you mean source\?\)"
    ):
        FILTER(host_variables(job(sorce="/a")))


@pytest.mark.parametrize("spec", [None, [], "text"])
def test_anything_but_variables_is_refused(spec: Any) -> None:
    with pytest.raises(AnsibleFilterError, match="takes a dictionary"):
        FILTER(spec)


def test_the_documented_example_works() -> None:
    (task,) = yaml.safe_load(plugin.EXAMPLES)
    spec = {**task["vars"]["spec"], "host": "upload1"}
    assert FILTER(spec)["units"] == yaml.safe_load(plugin.EXAMPLES.rpartition("# -> ")[2])
