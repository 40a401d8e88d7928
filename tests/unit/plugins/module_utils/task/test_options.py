# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A task's parameters win over the env file of the job, and that wins over the environment."""

from __future__ import annotations

import os

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError
from ansible_collections.datasync.turbo.plugins.module_utils.job.config import Config
from ansible_collections.datasync.turbo.plugins.module_utils.task.options import config_of_task, merged_options


@pytest.fixture(autouse=True)
def environment():
    """An env file puts variables into our environment; each test begins and ends without any of ours."""
    before = dict(os.environ)
    for name in before:
        if name.startswith(("AWS_", "S3_")):
            del os.environ[name]
    yield
    os.environ.clear()
    os.environ.update(before)


def test_without_an_env_file_the_config_is_empty():
    assert config_of_task({"config": None}).options == {}


def test_an_env_file_gives_its_options(tmp_path):
    path = tmp_path / "job.env"
    path.write_text("BUCKET_NAME=archive\nS3_SUBDIRECTORY=studio-1\n")
    path.chmod(0o600)
    config = config_of_task({"config": str(path)})
    assert (config.options["bucket"], config.options["prefix"]) == ("archive", "studio-1")


def test_an_env_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"missing\.env"):
        config_of_task({"config": str(tmp_path / "missing.env")})


def test_parameters_win_over_the_env_file_and_that_over_the_environment():
    os.environ.update(AWS_REGION="eu-north-1", S3_ENDPOINT_URL="http://elsewhere")
    config = Config(options={"bucket": "of-file", "prefix": "of-file", "endpoint_url": "http://of-file"})
    merged = merged_options({"bucket": "of-task", "prefix": None}, config)
    assert merged["bucket"] == "of-task"
    assert merged["prefix"] == "of-file"
    assert merged["endpoint_url"] == "http://of-file"
    assert merged["region"] == "eu-north-1"


@pytest.mark.parametrize("given", [{"profile": "auditor"}, {"access_key": "a", "secret_key": "b"}])
def test_credentials_of_a_task_are_never_mixed_with_those_of_the_env_file(given):
    config = Config(options={"access_key": "file", "secret_key": "file", "session_token": "file"})
    merged = merged_options(given, config)
    names = ("profile", "access_key", "secret_key", "session_token")
    assert {name: merged[name] for name in names if merged.get(name)} == given


def test_the_result_path_of_a_task_replaces_all_of_the_env_file():
    config = Config(options={"result_paths": ["/var/a.json", "/var/b.json"]})
    assert merged_options({"result_path": "/tmp/c.json"}, config)["result_paths"] == ["/tmp/c.json"]
