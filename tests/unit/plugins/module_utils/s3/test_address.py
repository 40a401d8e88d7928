# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Where a bucket answers, held against the client: botocore's endpoint rules decide."""

from __future__ import annotations

import botocore.loaders
import botocore.session
import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.s3.address import BucketAddress, address_of, server_url
from ansible_collections.datasync.turbo.plugins.module_utils.s3.connection import Connection

KEYS = {"access_key": "AKIDEXAMPLE", "secret_key": "wJalrXUtnFEMI"}
PARTITIONS = ("aws", "aws-cn", "aws-us-gov")
REGIONS = sorted(
    region for name in PARTITIONS for region in botocore.session.Session().get_available_regions("s3", name)
)


@pytest.fixture(autouse=True, scope="module")
def loaded_once():
    """To read botocore's models takes half of a client's time; here they serve all clients."""
    loader = botocore.loaders.create_loader()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", lambda *arguments: loader)
        yield


@pytest.fixture(autouse=True)
def aws_config(monkeypatch, tmp_path):
    """No file or variable of this machine may decide a test. Returns the config file, which is not there yet."""
    for name in (
        "AWS_PROFILE",
        "AWS_DEFAULT_PROFILE",
        "AWS_DEFAULT_REGION",
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_S3",
        "AWS_USE_FIPS_ENDPOINT",
        "AWS_USE_DUALSTACK_ENDPOINT",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    return tmp_path / "config"


def no_client():
    raise AssertionError("no client is needed for this address")


class Sent(Exception):
    """Carries the URL of a request that was about to be sent."""


def url_by_botocore(connection, bucket):
    """The URL of the bucket as botocore's client asks it for an object, without a slash at its end."""

    def end(request, **others):
        raise Sent(request.url)

    client = connection.client("s3")
    client.meta.events.register("before-send.s3.HeadObject", end)
    with pytest.raises(Sent) as sent:
        client.head_object(Bucket=bucket, Key="k")
    return str(sent.value)[: -len("/k")]


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://127.0.0.1:9000",
        "http://127.0.0.1:9000/",
        "https://s3.example.org",
        "https://s3.example.org:443",
        "http://[::1]:9000",
        "https://gateway.example.org/base",
        "https://gateway.example.org/base/",
        "https://s3.eu-central-1.amazonaws.com",
        "https://bucket.vpce-0a1b-2c3d.s3.eu-central-1.vpce.amazonaws.com",
    ],
)
@pytest.mark.parametrize("bucket", ["archive", "with.dots", "Upper_Case"])
def test_a_server_of_ones_own_is_addressed_by_path_and_needs_no_client(endpoint, bucket):
    connection = Connection(endpoint_url=endpoint, region="eu-central-1", **KEYS)
    address = address_of(connection, bucket, no_client)
    assert address.url == url_by_botocore(connection, bucket)
    assert address.region == "eu-central-1"


@pytest.mark.parametrize("region", REGIONS)
def test_amazons_address_is_the_one_that_botocore_knows(region):
    connection = Connection(region=region, **KEYS)
    address = address_of(connection, "archive-7", lambda: connection.client("s3"))
    assert address == BucketAddress(url_by_botocore(connection, "archive-7"), region)


@pytest.mark.parametrize("region", [None, "eu-central-1", "ap-southeast-2", "us-east-1"])
def test_amazons_plain_addresses_need_no_client(region):
    address = address_of(Connection(region=region, **KEYS), "archive", no_client)
    assert address.region == (region or "us-east-1")


@pytest.mark.parametrize("bucket", ["archive", "with.dots", "Upper_Case", "a" * 63, "ends-with--x", "a.b-c"])
def test_every_bucket_of_amazon_has_the_address_that_botocore_knows(bucket):
    connection = Connection(region="eu-central-1", **KEYS)
    assert address_of(connection, bucket, lambda: connection.client("s3")).url == url_by_botocore(connection, bucket)


@pytest.mark.parametrize(
    ("variables", "host"),
    [
        ({"AWS_USE_FIPS_ENDPOINT": "true"}, "s3-fips.us-west-2"),
        ({"AWS_USE_DUALSTACK_ENDPOINT": "true"}, "s3.dualstack.us-west-2"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9000"}, "127.0.0.1:9000"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9000"}, "127.0.0.1:9000"),
    ],
)
def test_what_the_environment_says_about_endpoints_is_left_to_botocore(monkeypatch, variables, host):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    connection = Connection(region="us-west-2", **KEYS)
    address = address_of(connection, "archive", lambda: connection.client("s3"))
    assert address.url == url_by_botocore(connection, "archive")
    assert host in address.url
    # s5cmd does not know these variables, so that it must be told.
    assert host in server_url(connection, "archive", lambda: connection.client("s3"))


@pytest.mark.parametrize(
    "settings",
    [
        "endpoint_url = http://127.0.0.1:9000",
        "services = local",
        "use_fips_endpoint = true",
        "use_dualstack_endpoint = true",
        "s3 =\n  addressing_style = path",
        "s3 =\n  us_east_1_regional_endpoint = regional",
        "defaults_mode = standard",
    ],
)
@pytest.mark.parametrize("region", ["us-east-1", "us-west-2"])
def test_what_the_profile_says_about_endpoints_is_left_to_botocore(aws_config, settings, region):
    services = "[services local]\ns3 =\n  endpoint_url = http://127.0.0.1:9000\n"
    aws_config.write_text(f"[default]\nregion = {region}\n{settings}\n{services}")
    connection = Connection(**KEYS)
    address = address_of(connection, "archive", lambda: connection.client("s3"))
    assert (address.url, address.region) == (url_by_botocore(connection, "archive"), region)


def test_a_profile_with_a_region_alone_needs_no_client(aws_config):
    aws_config.write_text("[default]\nregion = eu-west-3\n[profile studio]\nregion = eu-west-1\n")
    assert address_of(Connection(**KEYS), "archive", no_client).url == "https://archive.s3.eu-west-3.amazonaws.com"
    studio = Connection(profile="studio", **KEYS)
    assert address_of(studio, "archive", no_client).url == "https://archive.s3.eu-west-1.amazonaws.com"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://s3.eu-central-1.amazonaws.com", None),
        ("https://s3.cn-north-1.amazonaws.com.cn", None),
        ("https://s3.amazonaws.com", None),
        *[
            (url, url)
            for url in (
                "http://127.0.0.1:9000",
                "https://s3.amazonaws.com.example.org",
                "https://bucket.vpce-0a1b-2c3d.s3.eu-central-1.vpce.amazonaws.com",
                "https://s3-fips.us-gov-west-1.amazonaws.com",
                "https://s3.dualstack.eu-central-1.amazonaws.com",
            )
        ],
    ],
)
def test_only_amazons_public_url_is_left_to_s5cmd(url, shown):
    """It finds the bucket's region by itself then."""
    assert server_url(Connection(endpoint_url=url, **KEYS), "archive", no_client) == shown


def test_amazons_plain_addresses_are_left_to_s5cmd_without_a_client():
    assert server_url(Connection(region="eu-central-1", **KEYS), "archive", no_client) is None


def test_a_bucket_with_signatures_of_its_own_has_no_short_way():
    """Directory buckets take a session's signature."""

    def sign_for_s3express(request, **others):
        signature = "AWS4-HMAC-SHA256 Credential=A/20260102/us-west-2/s3express/aws4_request, SignedHeaders=host"
        request.headers["Authorization"] = signature

    client = Connection(region="us-west-2", **KEYS).client("s3")
    client.meta.events.register_first("before-send.s3.HeadBucket", sign_for_s3express)
    assert address_of(Connection(region="us-west-2", **KEYS), "with.dots", lambda: client) is None
