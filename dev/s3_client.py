# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A boto3 client for the S3 servers that the demo, the tests and the benchmarks start."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def s3_client(
    endpoint_url: str,
    access_key: str,
    secret_key: str,
    region: str,
    *,
    certificate: Path | None = None,
    **settings: Any,
) -> Any:
    """A client with these keys and nothing of the user's own; buckets are in the path, and no proxy is asked.

    `certificate` vouches for an https server. `settings` are those of botocore's Config.
    """
    import boto3
    from botocore.config import Config

    return boto3.session.Session().client(
        "s3",
        region_name=region,
        endpoint_url=endpoint_url,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        verify=str(certificate) if certificate else None,
        config=Config(s3={"addressing_style": "path"}, connect_timeout=5, read_timeout=60, proxies={}, **settings),
    )
