# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The variables of a host beside its jobs."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError
from ansible_collections.datasync.turbo.plugins.plugin_utils.wanted.host import parse_spec
from ansible_collections.datasync.turbo.tests.unit.plugins.plugin_utils.host_variables import host_variables


def test_the_roles_defaults_are_taken() -> None:
    host = parse_spec(host_variables(dir="/opt/datasync-turbo/", groups=["media"]))
    assert host.command == "/opt/datasync-turbo/bin/datasync-turbo"
    assert host.groups == ("media",)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("dir", "opt", "uploader_dir 'opt' is not an absolute path"),
        ("dir", "/opt/my folder", "uploader_dir '/opt/my folder' is not an absolute path of letters, digits and"),
        ("state_dir", "/var/lib/../x", "uploader_state_dir '/var/lib/../x' is not"),
        ("log_dir", "/", "uploader_log_dir '/' is not"),
        ("log_dir", "/var/log", "uploader_log_dir '/var/log' is a folder of the system"),
        ("config_dir", "/etc", "uploader_config_dir '/etc' is a folder of the system"),
        ("state_dir", "/srv", "uploader_state_dir '/srv' is a folder of the system"),
        ("dir", "/var/lib/datasync-turbo/p", "uploader_dir '/var/lib/datasync-turbo/p' is in uploader_state_dir"),
        ("config_dir", None, "uploader_config_dir 'None' is not"),
        ("s5cmd_path", "s5cmd", "uploader_s5cmd_path 's5cmd' is not"),
        ("user", "a b", "uploader_user 'a b' is not the name of a user or group"),
        ("group", "", "uploader_group '' is not the name"),
        ("groups", ["media", "a:b"], "uploader_groups 'a:b' is not the name"),
        ("scheduler", "at", "uploader_scheduler 'at' is not known (one of systemd, cron, launchd)"),
        ("log_keep", -1, "uploader_log_keep '-1' is not a whole number from 0 up"),
        ("history_runs", 0, "uploader_history_runs '0' is not a whole number from 1 up"),
        ("apply_tuning", "maybe", "uploader_apply_tuning 'maybe' is neither true nor false"),
        ("tuning_file", "tuning.fact", "uploader_tuning_file 'tuning.fact' is not an absolute path"),
        ("nice", 50, "uploader_service_nice 50 is no nice value"),
        ("colour", "red", "colour is not known"),
    ],
)
def test_what_is_wrong_is_named_with_the_host(name: str, value: Any, message: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        parse_spec(host_variables(**{name: value}))
    assert str(refused.value).startswith(f"upload1: {message}")


def test_what_is_missing_is_named() -> None:
    variables = host_variables()
    del variables["log_dir"]
    with pytest.raises(ConfigurationError, match="upload1: log_dir is missing"):
        parse_spec(variables)
