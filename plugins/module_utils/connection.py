# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""How S3 is reached: the connection options, and the boto3 session and clients made from them."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import Any, Dict, Mapping, Optional
from urllib.parse import urlsplit

from .errors import ConfigurationError, CredentialsError, InstallationError

#: Seconds. A dead or silent endpoint must be reported soon; boto3 would wait for 60, and try again.
CONNECT_TIMEOUT = 5
READ_TIMEOUT = 20
DEFAULT_REGION = "us-east-1"

#: What botocore accepts (its utils.py, is_valid_endpoint_url and validate_region_name).
_LABEL = r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)"
_REGION = re.compile(rf"(?![0-9]+\Z){_LABEL}")
_HOST = re.compile(rf"(?:{_LABEL}\.)*{_LABEL}\.?")
_MAX_HOST = 255


@dataclass(frozen=True)
class Connection:
    """The connection options, named as in amazon.aws. Everything unset is found the way boto3 finds it.

    See https://docs.aws.amazon.com/boto3/latest/guide/credentials.html for the order.
    """

    profile: Optional[str] = None
    region: Optional[str] = None
    endpoint_url: Optional[str] = None
    access_key: Optional[str] = field(default=None, repr=False)
    secret_key: Optional[str] = field(default=None, repr=False)
    session_token: Optional[str] = field(default=None, repr=False)

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Connection:
        """Build from a mapping with the option names of this class; an empty string counts as unset.

        Raises ConfigurationError naming the option that does not fit.
        """
        values: Dict[str, Optional[str]] = {name: options.get(name) or None for name in cls.__dataclass_fields__}
        connection = cls(**values)
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

    def session(self) -> Any:
        """A boto3 session. Raises InstallationError without boto3, CredentialsError for an unknown profile."""
        try:
            import boto3
            import botocore.exceptions
        except ImportError as error:
            raise InstallationError(
                f"the Python package boto3 is missing ({error})",
                "use the environment that the role uploader makes, or install boto3 and awscrt",
            ) from error
        try:
            return boto3.session.Session(
                profile_name=self.profile,
                region_name=self.region,
                aws_access_key_id=self.access_key,
                aws_secret_access_key=self.secret_key,
                aws_session_token=self.session_token,
            )
        except botocore.exceptions.ProfileNotFound as error:
            raise CredentialsError(
                f"profile {self.profile!r} is not in the AWS configuration", "check the profile and the user's ~/.aws"
            ) from error

    def client(self, service: str, pool_size: int = 10) -> Any:
        """A boto3 client for `service` with short timeouts; only S3 goes to `endpoint_url`."""
        session = self.session()
        from botocore.config import Config

        config = Config(
            connect_timeout=CONNECT_TIMEOUT,
            read_timeout=READ_TIMEOUT,
            retries={"mode": "standard", "max_attempts": 3},
            max_pool_connections=pool_size,
            s3={"addressing_style": "path"} if self.endpoint_url else {},
        )
        return session.client(
            service,
            region_name=session.region_name or DEFAULT_REGION,
            endpoint_url=self.endpoint_url if service == "s3" else None,
            config=config,
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
            ipaddress.IPv6Address(host)
            return parts.scheme in ("http", "https")
    except ValueError:  # such as a port above 65535, or half an IPv6 address
        return False
    return parts.scheme in ("http", "https") and len(host) <= _MAX_HOST and bool(_HOST.fullmatch(host))
