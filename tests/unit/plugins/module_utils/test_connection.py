# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The connection options: checked once, secret, and turned into the session and clients of boto3."""

from __future__ import annotations

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.connection import Connection
from ansible_collections.datasync.turbo.plugins.module_utils.errors import ConfigurationError, CredentialsError
from botocore.exceptions import InvalidRegionError
from botocore.utils import is_valid_endpoint_url, is_valid_ipv6_endpoint_url, validate_region_name

KEYS = {"access_key": "AKIDEXAMPLE", "secret_key": "wJalrXUtnFEMI"}


@pytest.fixture(autouse=True)
def no_aws_configuration(monkeypatch, tmp_path):
    """No file or variable of this machine may decide a test."""
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


def test_an_empty_option_counts_as_unset():
    assert Connection.from_options({"profile": "", "region": None, "endpoint_url": ""}) == Connection()


def test_options_of_other_things_are_left_alone():
    assert Connection.from_options({"bucket": "b", "region": "eu-central-1"}) == Connection(region="eu-central-1")


@pytest.mark.parametrize(("given", "missing"), [("access_key", "secret_key"), ("secret_key", "access_key")])
def test_half_a_key_pair_is_refused_and_the_missing_half_named(given, missing):
    with pytest.raises(ConfigurationError, match=f"{missing} is missing"):
        Connection.from_options({given: "x"})


def test_a_session_token_without_its_keys_is_refused():
    with pytest.raises(ConfigurationError, match="session_token"):
        Connection.from_options({"session_token": "t"})


@pytest.mark.parametrize(
    "url",
    [
        "s3.example.org",
        "ftp://s3.example.org",
        "http://",
        "https:///path",
        "s3://bucket",
        "http://host:99999",
        "http://[::1",
    ],
)
def test_an_endpoint_that_is_no_url_is_refused(url):
    with pytest.raises(ConfigurationError, match="endpoint_url"):
        Connection.from_options({"endpoint_url": url})


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:9000",
        "https://s3.example.org",
        "http://127.0.0.1:8333/",
        "http://[::1]:9000",
        "http://exa mple.org",
        "http://host_name:9000",
        "http://-host",
        "http://host..example.org",
        "http://" + "a" * 64 + ".example.org",
        "http://host\n",
    ],
)
def test_exactly_the_endpoints_that_boto3_takes_are_accepted(url):
    """What boto3 refuses would otherwise come as a traceback from inside it."""
    try:
        Connection.from_options({"endpoint_url": url})
        accepted = True
    except ConfigurationError:
        accepted = False
    assert accepted == bool(is_valid_endpoint_url(url) or is_valid_ipv6_endpoint_url(url))


@pytest.mark.parametrize(
    "region", ["eu-central-1", "us-gov-west-1", "local", "-x", "a.b", "eu central", "a" * 64, "123"]
)
def test_exactly_the_regions_that_boto3_takes_are_accepted(region):
    try:
        Connection.from_options({"region": region})
        accepted = True
    except ConfigurationError:
        accepted = False
    try:
        validate_region_name(region)
        taken = True
    except InvalidRegionError:
        taken = False
    assert accepted == taken


def test_a_region_that_ends_in_a_newline_is_refused():
    """Here boto3 is too kind: it would be sent as it is."""
    with pytest.raises(ConfigurationError, match="region"):
        Connection.from_options({"region": "eu-central-1\n"})


@pytest.mark.parametrize("user", ["somebody:secret@", "somebody:se//c@ret@", "@"])
def test_a_user_or_password_in_the_endpoint_is_refused_and_not_shown(user):
    """s5cmd would have it in its arguments, which every user of the host may read."""
    with pytest.raises(ConfigurationError, match="endpoint_url") as raised:
        Connection.from_options({"endpoint_url": f"https://{user}s3.example.org"})
    assert "somebody" not in str(raised.value)
    assert "s3.example.org" in str(raised.value)


def test_secrets_are_not_in_the_repr():
    connection = Connection(access_key="AKIDEXAMPLE", secret_key="wJalrXUtnFEMI", session_token="FQoGZXIvYXdz")
    for secret in ("AKIDEXAMPLE", "wJalrXUtnFEMI", "FQoGZXIvYXdz"):
        assert secret not in repr(connection)


def test_the_session_has_the_given_keys_and_region():
    session = Connection(region="eu-west-3", session_token="t", **KEYS).session()
    frozen = session.get_credentials().get_frozen_credentials()
    assert (frozen.access_key, frozen.secret_key, frozen.token) == ("AKIDEXAMPLE", "wJalrXUtnFEMI", "t")
    assert session.region_name == "eu-west-3"


def test_keys_that_are_given_are_not_mixed_with_a_token_of_the_environment(monkeypatch):
    monkeypatch.setenv("AWS_SESSION_TOKEN", "somebody-elses")
    assert Connection(**KEYS).session().get_credentials().get_frozen_credentials().token is None


def test_a_profile_that_does_not_exist_is_named():
    with pytest.raises(CredentialsError, match="'studio'"):
        Connection(profile="studio").session()


def test_a_client_works_without_a_region_and_gives_a_dead_endpoint_up_in_seconds():
    client = Connection(endpoint_url="http://127.0.0.1:9000", **KEYS).client("s3")
    assert client.meta.endpoint_url == "http://127.0.0.1:9000"
    assert client.meta.region_name == "us-east-1"
    config = client.meta.config
    assert config.connect_timeout * config.retries["total_max_attempts"] <= 20


def test_only_s3_goes_to_the_endpoint():
    connection = Connection(endpoint_url="http://127.0.0.1:9000", region="eu-central-1", **KEYS)
    assert "127.0.0.1" not in connection.client("sts").meta.endpoint_url
