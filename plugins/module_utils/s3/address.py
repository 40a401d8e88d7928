# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Where a bucket answers: the URL of its requests, as botocore's endpoint rules say.

A server of one's own is addressed by path, and so is found without botocore. Amazon's plain addresses follow one
pattern. For everything else (dual-stack, FIPS, other partitions, endpoints in the profile...) a client is asked.
"""

from __future__ import annotations

import os
import re
from typing import Any, Callable, NamedTuple
from urllib.parse import urlsplit

from .connection import DEFAULT_REGION, Connection

#: Amazon's public endpoints. A PrivateLink, FIPS or dual-stack one was chosen, and s5cmd must go there too.
_AMAZON = re.compile(r"s3(\.[a-z0-9-]+)?\.amazonaws\.com(\.cn)?")
#: Regions of the partition `aws`, as in botocore's data/partitions.json.
_AMAZON_REGION = re.compile(r"(us|eu|ap|sa|ca|me|af|il|mx)-[a-z]+-[0-9]+")
#: Names that are a host's label; special kinds of buckets have a suffix that begins with two dashes, or an alias'.
_PLAIN_BUCKET = re.compile(r"(?!.*(?:--|-s3alias\Z))[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
#: The usual signature, and what it holds for.
_SIGNED_REGION = re.compile(r"\AAWS4-HMAC-SHA256 Credential=[^ ]+/[0-9]{8}/([^/ ]+)/s3/aws4_request,")
#: What moves a bucket away from Amazon's plain address.
_VARIABLES = (
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_DEFAULTS_MODE",
    "AWS_S3_US_EAST_1_REGIONAL_ENDPOINT",
)
_SETTINGS = ("endpoint_url", "services", "s3", "use_dualstack_endpoint", "use_fips_endpoint", "defaults_mode")


class BucketAddress(NamedTuple):
    """`url` of the bucket without a slash at its end, and the region that requests are signed for."""

    url: str
    region: str


class _Signed(Exception):
    """Ends a request before it is sent, and carries it."""

    def __init__(self, request: Any) -> None:
        super().__init__("signed, and not to be sent")
        self.request = request


def address_of(connection: Connection, bucket: str, client: Callable[[], Any]) -> BucketAddress | None:
    """The address; None for buckets whose requests are signed in another way than S3's usual one.

    `client` gives the S3 client where it takes one. Raises what botocore raises.
    """
    if connection.endpoint_url:
        url = f"{connection.endpoint_url.rstrip('/')}/{bucket}"
        return BucketAddress(url, connection.region_name or DEFAULT_REGION)
    return _plain_amazon(connection, bucket) or _as_the_client_knows(client(), bucket)


def server_url(connection: Connection, bucket: str, client: Callable[[], Any]) -> str | None:
    """URL of the server unless it is Amazon's public one; see `address_of` for `client`."""
    if not connection.endpoint_url and _plain_amazon(connection, bucket):
        return None
    url = connection.endpoint_url or str(client().meta.endpoint_url)
    return None if _AMAZON.fullmatch(urlsplit(url).hostname or "") else url


def _plain_amazon(connection: Connection, bucket: str) -> BucketAddress | None:
    region = connection.region_name or DEFAULT_REGION
    if not (_PLAIN_BUCKET.fullmatch(bucket) and _AMAZON_REGION.fullmatch(region)):
        return None
    if any(os.environ.get(name) for name in _VARIABLES) or any(map(connection.profile_settings.get, _SETTINGS)):
        return None
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html; this region keeps its old address.
    host = "s3.amazonaws.com" if region == DEFAULT_REGION else f"s3.{region}.amazonaws.com"
    return BucketAddress(f"https://{bucket}.{host}", region)


def _as_the_client_knows(client: Any, bucket: str) -> BucketAddress | None:
    """From a request that the client signs and does not send. A presigned URL can have another host."""
    event, name = "before-send.s3.HeadBucket", "datasync.turbo address"

    def end(request: Any, **_others: Any) -> None:
        raise _Signed(request)

    client.meta.events.register(event, end, unique_id=name)
    try:
        client.head_bucket(Bucket=bucket)
    except _Signed as signed:
        return _address_in(signed.request)
    finally:
        client.meta.events.unregister(event, unique_id=name)
    return None


def _address_in(request: Any) -> BucketAddress | None:
    region = _SIGNED_REGION.search(_as_text(request.headers.get("Authorization", "")))
    return BucketAddress(request.url.partition("?")[0].rstrip("/"), region.group(1)) if region else None


def _as_text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
