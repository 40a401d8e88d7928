# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The connection options: checked once, secret, and turned into the session and clients of boto3."""

from __future__ import annotations

import os

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError, CredentialsError
from ansible_collections.datasync.turbo.plugins.module_utils.s3.connection import (
    ENVIRONMENT_FALLBACKS,
    Connection,
    with_environment,
)
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.s3_wire import SERVER, Wire
from botocore.exceptions import InvalidRegionError
from botocore.utils import is_valid_endpoint_url, is_valid_ipv6_endpoint_url, validate_region_name

KEYS = {"access_key": "AKIDEXAMPLE", "secret_key": "wJalrXUtnFEMI"}


@pytest.fixture(autouse=True)
def no_aws_configuration(monkeypatch, tmp_path):
    """No file or variable of this machine may decide a test."""
    for name in os.environ:
        if name.startswith("AWS_") or name == "REQUESTS_CA_BUNDLE":
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
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


@pytest.mark.parametrize("payer", [None, "requester"])
def test_each_request_of_a_client_says_who_pays_and_signs_that(payer):
    client = Connection(endpoint_url=SERVER, request_payer=payer, **KEYS).client("s3")
    wire = Wire()
    wire.answer()
    client.meta.events.register("before-send.s3", wire.send_by_boto3)
    client.head_bucket(Bucket="archive")
    client.delete_object(Bucket="archive", Key="a")
    client.put_object(Bucket="archive", Key="a", Body=b"a")
    assert [sent.headers.get("x-amz-request-payer") for sent in wire.requests] == [payer] * 3
    assert all(("x-amz-request-payer" in sent.headers["authorization"]) is bool(payer) for sent in wire.requests)


def test_nobody_but_the_requester_can_be_named_to_pay():
    with pytest.raises(ConfigurationError, match="request_payer 'owner' is not known"):
        Connection.from_options({"request_payer": "owner"})


# --- what is found without boto3


@pytest.fixture
def no_botocore(monkeypatch):
    """Nobody may make a botocore session: to import it takes longer than the rest of a run without uploads."""

    def session(self):
        raise AssertionError("no botocore session is needed")

    monkeypatch.setattr(Connection, "botocore_session", property(session))


def write(path, text):
    path.write_text(text)


@pytest.mark.usefixtures("no_botocore")
def test_keys_that_are_given_need_no_search():
    credentials = Connection(session_token="t", **KEYS).credentials()
    assert credentials.get_frozen_credentials() == ("AKIDEXAMPLE", "wJalrXUtnFEMI", "t")
    assert credentials.method == "explicit"
    assert "wJalrXUtnFEMI" not in repr(credentials)


@pytest.mark.usefixtures("no_botocore")
def test_region_and_certificates_need_no_search_where_there_are_no_files(monkeypatch):
    assert (Connection().region_name, Connection().ca_file, Connection().profile_settings) == (None, None, {})
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-3")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/ssl/site.pem")
    assert (Connection().region_name, Connection().ca_file) == ("eu-west-3", "/etc/ssl/site.pem")
    assert Connection(region="eu-central-1").region_name == "eu-central-1"


@pytest.mark.parametrize("where", ["config", "credentials"])
def test_region_and_certificates_come_from_the_profile(tmp_path, monkeypatch, where):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/ssl/site.pem")
    write(tmp_path / where, "[default]\nregion = eu-west-3\nca_bundle = /etc/ssl/profile.pem\n")
    assert (Connection().region_name, Connection().ca_file) == ("eu-west-3", "/etc/ssl/profile.pem")
    monkeypatch.setenv("AWS_CA_BUNDLE", "/etc/ssl/env.pem")
    assert Connection().ca_file == "/etc/ssl/env.pem"


@pytest.mark.parametrize("given", [{"region": "us-west-2"}, {"profile": "studio"}, {}])
def test_the_region_is_the_one_that_boto3_finds(tmp_path, monkeypatch, given):
    write(tmp_path / "config", "[default]\nregion = eu-west-3\n[profile studio]\nregion = eu-west-1\n")
    assert Connection(**given).region_name == Connection(**given).session().region_name
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-south-1")
    assert Connection(**given).region_name == Connection(**given).session().region_name


def test_credentials_are_found_where_boto3_finds_them(tmp_path, monkeypatch):
    write(tmp_path / "credentials", "[studio]\naws_access_key_id = AKIDSTUDIO\naws_secret_access_key = s\n")
    found = Connection(profile="studio").credentials()
    assert (found.get_frozen_credentials().access_key, found.method) == ("AKIDSTUDIO", "shared-credentials-file")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "e")
    assert Connection().credentials().get_frozen_credentials().access_key == "AKIDENV"
    assert Connection(profile="studio").credentials().get_frozen_credentials().access_key == "AKIDSTUDIO"
    assert Connection(**KEYS).credentials().get_frozen_credentials().access_key == "AKIDEXAMPLE"


def test_where_there_are_no_credentials_it_says_what_to_give():
    with pytest.raises(CredentialsError, match="give a profile"):
        Connection().credentials()


@pytest.mark.parametrize("use", [Connection.credentials, lambda c: c.client("s3"), lambda c: c.region_name])
def test_a_profile_that_does_not_exist_is_named_whoever_needs_it(use):
    with pytest.raises(CredentialsError, match="'studio'"):
        use(Connection(profile="studio"))


def test_a_profile_of_the_environment_must_exist_too_and_is_named(monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "archive")
    with pytest.raises(CredentialsError, match="'archive'"):
        Connection(**KEYS).credentials()


def test_keys_win_over_a_profile_that_exists(tmp_path):
    write(tmp_path / "config", "[profile studio]\nregion = eu-west-1\n")
    connection = Connection(profile="studio", **KEYS)
    assert connection.credentials().get_frozen_credentials().access_key == "AKIDEXAMPLE"
    assert connection.region_name == "eu-west-1"


def test_a_broken_configuration_file_is_named(tmp_path):
    write(tmp_path / "config", "region = eu-west-1\n")
    with pytest.raises(ConfigurationError, match=str(tmp_path / "config")):
        Connection().credentials()


def test_an_endpoint_in_the_environment_that_is_no_url_is_refused(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "nowhere")
    with pytest.raises(ConfigurationError, match="nowhere"):
        Connection(**KEYS).client("s3")


# --- what a task leaves out is taken from the host's environment, but never half of somebody's credentials

ENVIRONMENT_KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIDENV",
    "AWS_SECRET_ACCESS_KEY": "secret-env",
    "AWS_SESSION_TOKEN": "token-env",
}


def credentials(options):
    return {name: options.get(name) for name in ("profile", "access_key", "secret_key", "session_token")}


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
