# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""How S3 is reached: the connection options, and what botocore finds where they say nothing.

To import botocore's session takes some 200 ms, so that it is done only where its files and its search are needed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

from ..common.errors import ConfigurationError, CredentialsError, InstallationError
from ..common.options import given_values, option, options_of
from ..common.values import TEXT, word_of

#: Seconds. A dead or silent endpoint must be reported soon; boto3 would wait for 60, and try again.
CONNECT_TIMEOUT = 5
READ_TIMEOUT = 20
DEFAULT_REGION = "us-east-1"

#: Option name -> environment variables that stand in for it, first one wins. Read on the managed host.
ENVIRONMENT_FALLBACKS: dict[str, list[str]] = {
    "profile": ["AWS_PROFILE"],
    "region": ["AWS_REGION", "AWS_DEFAULT_REGION"],
    "endpoint_url": ["S3_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"],
    "access_key": ["AWS_ACCESS_KEY_ID"],
    "secret_key": ["AWS_SECRET_ACCESS_KEY"],
    "session_token": ["AWS_SESSION_TOKEN"],
}

#: They belong together: keys of one account with the token or profile of another would be nobody's.
CREDENTIAL_OPTIONS = ("profile", "access_key", "secret_key", "session_token")

#: What botocore accepts (its utils.py, is_valid_endpoint_url and validate_region_name).
_LABEL = r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)"
_REGION = re.compile(rf"(?![0-9]+\Z){_LABEL}")
_HOST = re.compile(rf"(?:{_LABEL}\.)*{_LABEL}\.?")
_MAX_HOST = 255


class FrozenCredentials(NamedTuple):
    """The keys for one request, as botocore's ReadOnlyCredentials."""

    access_key: str
    secret_key: str
    token: str | None


class Credentials(Protocol):
    """What botocore's credentials and ours have in common."""

    @property
    def method(self) -> str:
        """botocore's name of the way on which they were found, such as `explicit` or `iam-role`."""

    def get_frozen_credentials(self) -> Any:
        """The keys as they are now; those that expire are renewed first."""


@dataclass(frozen=True)
class _GivenCredentials:
    keys: FrozenCredentials = field(repr=False)
    #: As botocore calls it.
    method: str = "explicit"

    def get_frozen_credentials(self) -> FrozenCredentials:
        return self.keys


@dataclass(frozen=True)
class Connection:
    """The connection options, named as in amazon.aws. Everything unset is found the way boto3 finds it.

    See https://docs.aws.amazon.com/boto3/latest/guide/credentials.html for the order.
    """

    profile: str | None = field(default=None, metadata=option(TEXT, "AWS_PROFILE", aliases=("aws_profile",)))
    region: str | None = field(default=None, metadata=option(TEXT, "AWS_REGION", aliases=("aws_region",)))
    endpoint_url: str | None = field(
        default=None, metadata=option(TEXT, "S3_ENDPOINT_URL", aliases=("aws_endpoint_url", "s3_url"))
    )
    access_key: str | None = field(
        default=None,
        repr=False,
        metadata=option(TEXT, "AWS_ACCESS_KEY_ID", aliases=("aws_access_key_id", "aws_access_key"), no_log=True),
    )
    secret_key: str | None = field(
        default=None,
        repr=False,
        metadata=option(
            TEXT, "AWS_SECRET_ACCESS_KEY", aliases=("aws_secret_access_key", "aws_secret_key"), no_log=True
        ),
    )
    session_token: str | None = field(
        default=None,
        repr=False,
        metadata=option(TEXT, "AWS_SESSION_TOKEN", aliases=("aws_session_token",), no_log=True),
    )
    request_payer: str | None = field(default=None, metadata=option(word_of(("requester",)), "REQUEST_PAYER"))

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Connection:
        """Build from a mapping with the option names of this class; an empty string counts as unset.

        Raises ConfigurationError naming the option that does not fit.
        """
        given = {name: value for name, value in options.items() if value != ""}
        connection = cls(**given_values(CONNECTION_OPTIONS, given))
        connection._validate()
        return connection

    def _validate(self) -> None:
        if bool(self.access_key) != bool(self.secret_key):
            missing = "secret_key" if self.access_key else "access_key"
            raise ConfigurationError(f"{missing} is missing", "access_key and secret_key go together")
        if self.session_token and not self.access_key:
            raise ConfigurationError("session_token is given without access_key and secret_key")
        if self.region and not _REGION.fullmatch(self.region):
            raise ConfigurationError(f"region {self.region!r} is not a region's name", "write it as eu-central-1")
        if self.endpoint_url and not _is_server_url(self.endpoint_url):
            raise ConfigurationError(
                f"endpoint_url {_without_user(self.endpoint_url)!r} is not a server's URL",
                "write it as https://host or http://host:port; boto3 takes letters, digits, '-' and '.' in the host",
            )

    @property
    def region_name(self) -> str | None:
        """The region that is given, in the environment, or in the profile."""
        return self.region or os.environ.get("AWS_DEFAULT_REGION") or self.profile_settings.get("region")

    @property
    def ca_file(self) -> str | None:
        """The file of CA certificates that is configured for botocore; None if it uses its own."""
        return (
            os.environ.get("AWS_CA_BUNDLE")
            or self.profile_settings.get("ca_bundle")
            or os.environ.get("REQUESTS_CA_BUNDLE")
        )

    @property
    def profile_settings(self) -> Mapping[str, Any]:
        """The settings of the profile in the files of the AWS configuration, as text. Raises as `botocore_session`."""
        if not self._names_profile and not any(os.path.isfile(path) for path in _configuration_files()):
            return {}
        settings: Mapping[str, Any] = self.botocore_session.get_scoped_config()
        return settings

    def credentials(self) -> Credentials:
        """The credentials that are given, or that botocore finds. Raises CredentialsError when there are none.

        botocore's own exceptions come through; `bucket.explained` translates them.
        """
        if self.access_key and self.secret_key and not self._names_profile:
            return _GivenCredentials(FrozenCredentials(self.access_key, self.secret_key, self.session_token))
        found: Credentials | None = self.botocore_session.get_credentials()
        if found is None:
            raise CredentialsError("no credentials were found", "give a profile, keys, or an instance role")
        return found

    @property
    def _names_profile(self) -> bool:
        """Whether a profile is chosen. It must exist then, whatever else is given."""
        return bool(self.profile or os.environ.get("AWS_PROFILE") or os.environ.get("AWS_DEFAULT_PROFILE"))

    @cached_property
    def botocore_session(self) -> Any:
        """The botocore session. Raises InstallationError without botocore, CredentialsError for an unknown
        profile, ConfigurationError for files that cannot be read.
        """
        try:
            import botocore.exceptions
            import botocore.session
        except ImportError as error:
            raise _boto3_is_missing(error) from error
        session = botocore.session.get_session()
        if self.profile:
            session.set_config_variable("profile", self.profile)
        if self.region:
            session.set_config_variable("region", self.region)
        if self.access_key:
            session.set_credentials(self.access_key, self.secret_key, self.session_token)
        try:
            session.get_scoped_config()
        except botocore.exceptions.ProfileNotFound as error:
            raise _unknown_profile(error) from error
        except botocore.exceptions.ConfigParseError as error:
            raise ConfigurationError(f"the AWS configuration cannot be read: {error}", "correct the file") from error
        return session

    def session(self) -> Any:
        """A boto3 session. Raises InstallationError without boto3, CredentialsError for an unknown profile."""
        try:
            import boto3
            import botocore.exceptions
        except ImportError as error:
            raise _boto3_is_missing(error) from error
        try:
            return boto3.session.Session(
                profile_name=self.profile,
                region_name=self.region,
                aws_access_key_id=self.access_key,
                aws_secret_access_key=self.secret_key,
                aws_session_token=self.session_token,
            )
        except botocore.exceptions.ProfileNotFound as error:
            raise _unknown_profile(error) from error

    @property
    def request_headers(self) -> dict[str, str]:
        """What each request to S3 carries beside its own headers.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/ObjectsinRequesterPaysBuckets.html
        """
        return {"x-amz-request-payer": self.request_payer} if self.request_payer else {}

    def client(self, service: str, pool_size: int = 10, read_timeout: int = READ_TIMEOUT) -> Any:
        """A botocore client for `service` with short timeouts, in seconds; only S3 goes to `endpoint_url`."""
        session = self.botocore_session
        from botocore.config import Config

        config = Config(
            connect_timeout=CONNECT_TIMEOUT,
            read_timeout=read_timeout,
            retries={"mode": "standard", "max_attempts": 3},
            max_pool_connections=pool_size,
            s3={"addressing_style": "path"} if self.endpoint_url else {},
        )
        try:
            client = session.create_client(
                service,
                region_name=self.region_name or DEFAULT_REGION,
                endpoint_url=self.endpoint_url if service == "s3" else None,
                config=config,
            )
        except ValueError as error:  # An endpoint in the profile or the environment that is no URL.
            raise ConfigurationError(f"botocore refuses the AWS configuration: {error}", "correct it") from error
        client.meta.events.register(
            "before-call.s3", lambda params, **_others: params["headers"].update(self.request_headers)
        )
        return client


CONNECTION_OPTIONS = options_of(Connection)


def with_environment(options: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The options with unset ones taken from the environment, our own if none is given.

    Credentials are taken as a group: once one of profile, access_key and secret_key is given, the environment's
    credentials are left alone, so that keys of two accounts never mix.
    """
    environment = os.environ if environment is None else environment
    filled = dict(options)
    chosen = any(options.get(name) for name in CREDENTIAL_OPTIONS)
    if not chosen:
        credentials = ["access_key", "secret_key", "session_token"]
        in_environment = any(environment.get(ENVIRONMENT_FALLBACKS[name][0]) for name in credentials[:2])
        names = credentials if in_environment else ["profile"]
    else:
        names = []
    for name in [*names, "region", "endpoint_url"]:
        if not filled.get(name):
            filled[name] = next((environment[v] for v in ENVIRONMENT_FALLBACKS[name] if environment.get(v)), None)
    return filled


def _configuration_files() -> list[str]:
    """Where botocore looks for the AWS configuration."""
    named = {"AWS_CONFIG_FILE": "~/.aws/config", "AWS_SHARED_CREDENTIALS_FILE": "~/.aws/credentials"}
    return [os.path.expanduser(os.environ.get(name) or usual) for name, usual in named.items()]


def _boto3_is_missing(error: ImportError) -> InstallationError:
    return InstallationError(
        f"the Python package boto3 is missing ({error})",
        "use the environment that the role uploader makes, or install boto3 and awscrt",
    )


def _unknown_profile(error: Any) -> CredentialsError:
    return CredentialsError(
        f"profile {error.kwargs['profile']!r} is not in the AWS configuration",
        "check the profile and the user's ~/.aws",
    )


def _without_user(url: str) -> str:
    scheme, slashes, rest = url.partition("//")
    return scheme + slashes + rest.rpartition("@")[2]


def _is_server_url(url: str) -> bool:
    # urlsplit drops these characters, botocore refuses them.
    if any(character in url for character in "\t\r\n"):
        return False
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
        if "@" in parts.netloc or parts.query or parts.fragment:
            # A password there would be in s5cmd's arguments and in the log.
            return False
        if ":" in host:
            import ipaddress

            ipaddress.IPv6Address(host)
            return parts.scheme in ("http", "https")
    except ValueError:  # such as a port above 65535, or half an IPv6 address
        return False
    return parts.scheme in ("http", "https") and len(host) <= _MAX_HOST and bool(_HOST.fullmatch(host))
