# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The questions behind the checks: to boto3, to the servers, to this host and to the Python packages."""

from __future__ import annotations

import os
from typing import NamedTuple

from ..common.errors import ConfigurationError, CredentialsError, InstallationError
from ..install.platform import detect
from ..s3.connection import Connection
from ..s3.refusals import explained, require_members

#: https://reveng.sourceforge.io/crc-catalogue/all.htm#crc.cat.crc-64-nvme
_CRC64NVME_CHECK_VALUE = 0xAE8B14860A799888


class FoundCredentials(NamedTuple):
    """What boto3 found: where, in words that may be shown, and the values that may not."""

    description: str
    secrets: tuple[str, ...]


def credentials(connection: Connection) -> FoundCredentials:
    """The credentials as boto3 finds them. Raises CredentialsError where it finds none, or cannot read them."""
    session = connection.session()
    import botocore.exceptions

    try:
        found = session.get_credentials()
        frozen = found.get_frozen_credentials() if found else None
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
        raise CredentialsError(
            f"credentials cannot be read: {error}", "check the profile and the files in the user's ~/.aws"
        ) from error
    if frozen is None:
        raise CredentialsError(
            "no credentials were found: not in the options, the environment, the files in ~/.aws, or an instance role",
            "give profile, or access_key and secret_key, or attach an instance role",
        )
    secrets = tuple(value for value in (frozen.access_key, frozen.secret_key, frozen.token) if value)
    return FoundCredentials(_origin(found.method, session.profile_name), secrets)


def _origin(method: str, profile: str) -> str:
    """Where credentials come from, after botocore's name of the method (botocore/credentials.py)."""
    if method == "explicit":
        return "given as access_key and secret_key"
    if method in ("env", "iam-role", "container-role"):
        return f"found by boto3's method {method!r}"
    return f"found by boto3's method {method!r} in profile {profile!r}"


def caller_identity(connection: Connection) -> str:
    """The ARN that AWS STS knows the credentials by."""
    client = connection.client("sts")
    with explained("ask who we are", "AWS STS"):
        arn: str = client.get_caller_identity()["Arn"]
    return arn


def list_buckets(connection: Connection) -> None:
    """Ask the server for the list of buckets; raises what `s3.refusals.explained` raises."""
    where = connection.endpoint_url or "Amazon S3"
    with explained("list the buckets", where):
        answer = connection.client("s3").list_buckets()
    require_members(answer, ("Buckets", "Owner"), where)


def this_host() -> tuple[str, str]:
    """This host as uname names it, and the release asset that it needs, both for messages."""
    uname = os.uname()
    host = f"{uname.sysname} {uname.machine}"
    try:
        return host, detect().asset
    except ConfigurationError:
        return host, "a build of its own"


def dotted(version: tuple[int, ...]) -> str:
    """A version as `2.3.0`."""
    return ".".join(str(number) for number in version)


def look_at_boto3() -> tuple[str, str | None]:
    """boto3's version, and a hint if it is old."""
    try:
        import boto3
        import botocore.session
    except ImportError as error:
        raise InstallationError(
            f"the Python package boto3 cannot be imported: {error}",
            "use the environment that the role uploader makes, or install boto3",
        ) from error
    s3 = botocore.session.Session().get_service_model("s3")
    if "ChecksumCRC64NVME" in s3.operation_model("HeadObject").output_shape.members:
        return f"boto3 {boto3.__version__}", None
    return f"boto3 {boto3.__version__} cannot read CRC64NVME", "use the environment that the role uploader makes"


def look_at_awscrt() -> tuple[str, str | None]:
    """awscrt's version, after a look that it computes CRC64NVME right."""
    try:
        import awscrt
        from awscrt.checksums import crc64nvme
    except ImportError as error:
        raise InstallationError(
            f"the Python package awscrt cannot be used for CRC64NVME: {error}",
            "use the environment that the role uploader makes, or install a recent awscrt",
        ) from error
    if crc64nvme(b"123456789") != _CRC64NVME_CHECK_VALUE:
        raise InstallationError(
            f"the Python package awscrt {awscrt.__version__} computes a wrong CRC64NVME",
            "install another release of it",
        )
    return f"awscrt {awscrt.__version__}", None
