# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What is said about the variables of the role `uploader` in several places is the same."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from ansible_collections.datasync.turbo.plugins.plugin_utils.wanted.job import OPTIONS
from ansible_collections.datasync.turbo.plugins.plugin_utils.wanted.wanted import wanted_host
from ansible_collections.datasync.turbo.tests.unit.plugins.plugin_utils.host_variables import host_variables

from dev import role_options
from dev.ansible_environment import CHECKOUT

ROLE = CHECKOUT / "roles" / "uploader"
SPECIFICATION = role_options.SPECIFICATION.read_text("utf-8")
VARIABLES: dict[str, dict[str, Any]] = yaml.safe_load(SPECIFICATION)["argument_specs"]["main"]["options"]
DEFAULTS: dict[str, Any] = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text("utf-8"))
README = (ROLE / "README.md").read_text("utf-8")


def test_options_of_jobs_say_what_the_modules_documentation_says() -> None:
    assert role_options.updated(SPECIFICATION) == SPECIFICATION, "run python -m dev.role_options"


def test_a_specification_without_its_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="has lost the marks"):
        role_options.updated(SPECIFICATION.replace(role_options.END, ""))


def test_each_option_of_a_job_is_described_and_no_other() -> None:
    assert set(VARIABLES["uploader_jobs"]["options"]) == set(OPTIONS)


def test_defaults_are_those_that_are_described() -> None:
    # Derived from other variables, which a specification cannot say.
    derived = {"uploader_group", "uploader_s5cmd_path"}
    described = {name: spec["default"] for name, spec in VARIABLES.items() if "default" in spec}
    assert described == {name: value for name, value in DEFAULTS.items() if name not in derived}
    assert derived <= set(VARIABLES)


def test_the_readme_has_a_line_for_each_variable() -> None:
    listed = re.findall(r"^\| (`uploader_.*?) \|", README, re.MULTILINE)
    assert sorted(re.findall(r"`(\w+)`", " ".join(listed))) == sorted(VARIABLES)


def test_the_readmes_jobs_are_good() -> None:
    examples = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)]
    jobs = [job for example in examples if "uploader_jobs" in example for job in example["uploader_jobs"]]
    assert len(jobs) >= 6
    for job in jobs:
        text = re.sub(r"\{\{ groups.*?index.*?\}\}", "0", yaml.safe_dump(job, width=10**6))
        settled = yaml.safe_load(re.sub(r"\{\{.*?\}\}", "1", text))
        assert wanted_host(host_variables(settled)).jobs[0].name == job["name"]
