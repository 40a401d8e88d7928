# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What a task leaves out is taken from the host's environment, but never half of somebody's credentials."""

from __future__ import annotations

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.s3.connection import Connection
from ansible_collections.datasync.turbo.plugins.module_utils.s3.connection_options import (
    ENVIRONMENT_FALLBACKS,
    connection_argument_spec,
    with_environment,
)

ENVIRONMENT_KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIDENV",
    "AWS_SECRET_ACCESS_KEY": "secret-env",
    "AWS_SESSION_TOKEN": "token-env",
}


def credentials(options):
    return {name: options.get(name) for name in ("profile", "access_key", "secret_key", "session_token")}


def test_every_option_of_a_connection_is_in_the_argument_spec():
    assert set(connection_argument_spec()) == set(Connection.__dataclass_fields__)


def test_secrets_are_hidden_by_ansible():
    spec = connection_argument_spec()
    hidden = {name for name in spec if spec[name].get("no_log")}
    assert hidden == {"access_key", "secret_key", "session_token"}


def test_an_option_that_is_given_wins_over_the_environment():
    filled = with_environment({"region": "eu-central-1"}, {"AWS_REGION": "us-west-2"})
    assert filled["region"] == "eu-central-1"


@pytest.mark.parametrize("option", ["region", "endpoint_url"])
def test_the_first_variable_that_is_set_stands_in(option):
    variables = ENVIRONMENT_FALLBACKS[option]
    values = {name: f"value-of-{name}" for name in variables}
    assert with_environment({}, values)[option] == f"value-of-{variables[0]}"
    assert with_environment({}, {variables[-1]: "last"})[option] == "last"


def test_an_empty_variable_counts_as_unset():
    filled = with_environment({}, {"S3_ENDPOINT_URL": "", "AWS_ENDPOINT_URL": "http://127.0.0.1:9000"})
    assert filled["endpoint_url"] == "http://127.0.0.1:9000"


def test_keys_are_taken_from_the_environment_with_their_token():
    assert credentials(with_environment({}, ENVIRONMENT_KEYS)) == {
        "profile": None,
        "access_key": "AKIDENV",
        "secret_key": "secret-env",
        "session_token": "token-env",
    }


def test_keys_in_the_environment_win_over_a_profile_there_as_in_boto3():
    filled = with_environment({}, {**ENVIRONMENT_KEYS, "AWS_PROFILE": "studio"})
    assert credentials(filled)["profile"] is None


def test_a_profile_is_taken_from_the_environment_where_there_are_no_keys():
    assert with_environment({}, {"AWS_PROFILE": "studio"})["profile"] == "studio"


@pytest.mark.parametrize(
    "given",
    [{"profile": "studio"}, {"access_key": "A", "secret_key": "S"}, {"session_token": "T"}, {"secret_key": "S"}],
)
def test_once_a_credential_is_given_the_environment_adds_none(given):
    filled = with_environment(given, {**ENVIRONMENT_KEYS, "AWS_PROFILE": "other"})
    assert credentials(filled) == credentials(given)


def test_what_was_given_is_not_changed():
    given = {"region": None}
    with_environment(given, {"AWS_REGION": "us-west-2"})
    assert given == {"region": None}
