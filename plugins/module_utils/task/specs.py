# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Argument specifications of the modules that take options of a job; `plugins/doc_fragments` documents them."""

from __future__ import annotations

from typing import Any

from ..job.options import JOB_OPTIONS, RESULT_PATH
from ..s3.connection import CONNECTION_OPTIONS


def connection_argument_spec() -> dict[str, dict[str, Any]]:
    """The connection options in the form of AnsibleModule's `argument_spec`.

    The environment is read later, by `s3.connection.with_environment`, because explicit keys must not be mixed with a
    session token or a profile that happens to be in the environment.
    """
    return {option.name: option.argument_spec for option in CONNECTION_OPTIONS}


def sync_argument_spec() -> dict[str, dict[str, Any]]:
    """All options of a job, in the form of AnsibleModule's `argument_spec`.

    None has a default here: an option that is not given is taken from the config file, then from `job.Job`.
    """
    of_job = {option.name: option.argument_spec for option in (*JOB_OPTIONS, RESULT_PATH)}
    return {**connection_argument_spec(), **of_job, "config": {"type": "path"}}


def shared_argument_spec(module: str) -> dict[str, dict[str, Any]]:
    """The same, of the options that another module shares with uploads."""
    of_job = {option.name: option.argument_spec for option in JOB_OPTIONS if module in option.also}
    return {**connection_argument_spec(), **of_job, "config": {"type": "path"}}
