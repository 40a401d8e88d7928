# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Where a bucket answers: the URL of its requests, as botocore's endpoint rules say.

A server of one's own is addressed by path, and so is found without botocore. Amazon's plain addresses follow one
pattern. For everything else (dual-stack, FIPS, other partitions, endpoints in the profile...) a client is asked.
"""

from __future__ import annotations

import os
import re
from typing import Any, Callable, NamedTuple, Optional
from urllib.parse import urlsplit, urlunsplit

from .connection import DEFAULT_REGION, Connection

#: Amazon's public endpoints. A PrivateLink, FIPS or dual-stack one was chosen, and s5cmd must go there too.
_AMAZON = re.compile(r"s3(\.[a-z0-9-]+)?\.amazonaws\.com(\.cn)?")
#: Regions of the partition `aws`, as in botocore's data/partitions.json.
_AMAZON_REGION = re.compile(r"(us|eu|ap|sa|ca|me|af|il|mx)-[a-z]+-[0-9]+")
#: Names that are a host's label; special kinds of buckets have a suffix that begins with two dashes, or an alias'.
_PLAIN_BUCKET = re.compile(r"(?!.*(?:--|-s3alias\Z))[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
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
    """`url` of the bucket without a slash at its end, and the region that requests are signed for.

    `endpoint_url` is that of the server unless it is Amazon's public one.
    """

    url: str
    region: str
    endpoint_url: Optional[str]


def address_of(connection: Connection, bucket: str, client: Callable[[], Any]) -> BucketAddress:
    """Find the address; `client` gives the S3 client where it takes one. Raises what botocore raises."""
    if connection.endpoint_url:
        url = f"{connection.endpoint_url.rstrip('/')}/{bucket}"
        region = connection.region_name or DEFAULT_REGION
        return BucketAddress(url, region, _unless_amazon(connection.endpoint_url))
    return _plain_amazon(connection, bucket) or _as_the_client_knows(client(), bucket)


def _plain_amazon(connection: Connection, bucket: str) -> Optional[BucketAddress]:
    region = connection.region_name or DEFAULT_REGION
    if not (_PLAIN_BUCKET.fullmatch(bucket) and _AMAZON_REGION.fullmatch(region)):
        return None
    if any(os.environ.get(name) for name in _VARIABLES) or any(map(connection.profile_settings.get, _SETTINGS)):
        return None
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html; this region keeps its old address.
    host = "s3.amazonaws.com" if region == DEFAULT_REGION else f"s3.{region}.amazonaws.com"
    return BucketAddress(f"https://{bucket}.{host}", region, None)


def _as_the_client_knows(client: Any, bucket: str) -> BucketAddress:
    probe = urlsplit(client.generate_presigned_url("head_object", Params={"Bucket": bucket, "Key": "k"}))
    url = urlunsplit((probe.scheme, probe.netloc, probe.path[: -len("/k")], "", ""))
    return BucketAddress(url, client.meta.region_name, _unless_amazon(str(client.meta.endpoint_url)))


def _unless_amazon(url: str) -> Optional[str]:
    return None if _AMAZON.fullmatch(urlsplit(url).hostname or "") else url
