# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""s5cmd finds the credentials that boto3 found, in its environment and nowhere else."""

from __future__ import annotations

from types import SimpleNamespace

import botocore.exceptions
import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import CredentialsError
from ansible_collections.datasync.turbo.plugins.module_utils.job.job import Job
from ansible_collections.datasync.turbo.plugins.module_utils.s3 import connection
from ansible_collections.datasync.turbo.plugins.module_utils.s3.connection import Connection, FrozenCredentials
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.s5cmd.environment import environment_for

JOB = Job(src="/srv/material", bucket="archive")
KEYS = {"access_key": "AKIDEXAMPLE", "secret_key": "wJalrXUtnFEMI"}


def test_keys_go_into_the_environment_and_what_was_there_is_replaced():
    job = Job(src="/", bucket="archive", connection=Connection(region="eu-west-3", session_token="t", **KEYS))
    inherited = {
        "PATH": "/bin",
        "AWS_ACCESS_KEY_ID": "OTHER",
        "AWS_PROFILE": "other",
        "S3_ENDPOINT_URL": "http://other",
    }
    assert environment_for(job, inherited) == {
        "PATH": "/bin",
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI",
        "AWS_SESSION_TOKEN": "t",
        "AWS_REGION": "eu-west-3",
        "GOGC": "800",
        "GOMEMLIMIT": "512MiB",
    }


def test_how_go_collects_garbage_may_be_set_by_the_caller():
    job = Job(src="/", bucket="archive", connection=Connection(**KEYS))
    environment = environment_for(job, {"GOGC": "50", "GOMEMLIMIT": "off"})
    assert (environment["GOGC"], environment["GOMEMLIMIT"]) == ("50", "off")


def test_keys_without_a_token_do_not_inherit_one():
    job = Job(src="/", bucket="archive", connection=Connection(**KEYS))
    assert "AWS_SESSION_TOKEN" not in environment_for(job, {"AWS_SESSION_TOKEN": "other"})


def test_the_callers_environment_is_not_changed():
    inherited = {"AWS_PROFILE": "other"}
    environment_for(Job(src="/", bucket="archive", connection=Connection(**KEYS)), inherited)
    assert inherited == {"AWS_PROFILE": "other"}


@pytest.fixture
def found_by(monkeypatch):
    """Let botocore find credentials by one of its methods."""

    def set_method(method):
        found = SimpleNamespace(method=method, get_frozen_credentials=lambda: FrozenCredentials("A", "S", "T"))
        monkeypatch.setattr(Connection, "credentials", lambda self: found)

    return set_method


@pytest.mark.parametrize(
    "method", ["iam-role", "container-role", "assume-role", "assume-role-with-web-identity", "custom-process"]
)
def test_credentials_that_s5cmd_can_renew_itself_are_left_to_it(found_by, method):
    """Frozen copies of them would expire in a long run."""
    found_by(method)
    job = Job(src="/", bucket="archive", connection=Connection(region="eu-west-3", profile="studio"))
    environment = environment_for(job, {"AWS_ACCESS_KEY_ID": "OTHER"})
    told = {name: value for name, value in environment.items() if name.startswith("AWS_")}
    assert told == {"AWS_REGION": "eu-west-3", "AWS_SDK_LOAD_CONFIG": "1", "AWS_PROFILE": "studio"}


@pytest.mark.parametrize(
    ("profile", "inherited", "taken"),
    [
        ("studio", {"AWS_PROFILE": "other"}, "studio"),
        (None, {"AWS_PROFILE": "other"}, "other"),
        (None, {"AWS_PROFILE": "other", "AWS_DEFAULT_PROFILE": "first"}, "first"),
        (None, {}, None),
    ],
)
def test_s5cmd_renews_by_the_profile_that_botocore_took(found_by, profile, inherited, taken):
    found_by("custom-process")
    job = Job(src="/", bucket="archive", connection=Connection(region="eu-west-3", profile=profile))
    assert environment_for(job, inherited).get("AWS_PROFILE") == taken


def test_missing_credentials_are_a_credentials_error(monkeypatch):
    def none(self):
        raise CredentialsError("no credentials were found")

    monkeypatch.setattr(Connection, "credentials", none)
    with pytest.raises(CredentialsError, match="no credentials were found"):
        environment_for(JOB, {})


def test_credentials_that_cannot_be_renewed_are_a_credentials_error(monkeypatch):
    def expired():
        raise botocore.exceptions.UnauthorizedSSOTokenError()

    found = SimpleNamespace(method="sso", get_frozen_credentials=expired)
    monkeypatch.setattr(Connection, "credentials", lambda self: found)
    with pytest.raises(CredentialsError, match=r"cannot find credentials: s3://archive/.*renew the login"):
        environment_for(JOB, {})


def test_keys_that_are_given_need_no_aws_library(monkeypatch):
    """Its import takes longer than a run in which nothing changed."""
    monkeypatch.setattr(Connection, "botocore_session", property(lambda self: pytest.fail("was imported")))
    monkeypatch.setattr(connection, "_configuration_files", lambda: [])
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    job = Job(src="/", bucket="archive", connection=Connection(**KEYS))
    assert environment_for(job, {})["AWS_ACCESS_KEY_ID"] == "AKIDEXAMPLE"
