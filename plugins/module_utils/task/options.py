# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The options of a task: its parameters over the env file of the job over the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ..job.config import Config, load_config
from ..s3.connection import CREDENTIAL_OPTIONS, with_environment


def config_of_task(params: Mapping[str, Any]) -> Config:
    """The job's env file, with its variables put into our environment; an empty config without one.

    Raises ConfigurationError that names file and line.
    """
    if params["config"] is None:
        return Config()
    config = load_config(params["config"], os.environ)
    os.environ.update(config.environment)
    return config


def merged_options(params: Mapping[str, Any], config: Config) -> dict[str, Any]:
    """The options of the env file, over them the task's parameters, and the environment for what is still unset."""
    given = {name: value for name, value in params.items() if value is not None}
    options = dict(config.options)
    if any(name in given for name in CREDENTIAL_OPTIONS):
        options = {name: value for name, value in options.items() if name not in CREDENTIAL_OPTIONS}
    options.update(given)
    if "result_path" in given:
        options["result_paths"] = [given["result_path"]]
    return with_environment(options)
