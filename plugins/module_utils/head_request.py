# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""HeadObject without boto3's machinery: botocore's signer over its pooled connections.

Verification asks for one header per object. Through a boto3 client a request costs some 1.6 ms of Python under the
GIL, so that asking would take longer than uploading small files does; this way it costs a fraction.
"""

from __future__ import annotations

import os
from typing import Any, Mapping, Optional
from urllib.parse import quote, urlsplit, urlunsplit

from .connection import CONNECT_TIMEOUT, READ_TIMEOUT

#: SHA256 of nothing: a HEAD request has no body. https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
_EMPTY_BODY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


class HeadRequest:
    """Asks one bucket for object headers. May be used from several threads."""

    def __init__(self, client: Any, session: Any, bucket: str, pool_size: int) -> None:
        from botocore.httpsession import URLLib3Session
        from botocore.utils import get_environ_proxies

        # The client knows where the bucket is: path or host style, region, dual-stack, endpoint.
        probe = client.generate_presigned_url("head_object", Params={"Bucket": bucket, "Key": "k"})
        parts = urlsplit(probe)
        self._base = urlunsplit((parts.scheme, parts.netloc, parts.path[: -len("k")], "", ""))
        self._credentials = session.get_credentials()
        self._region = client.meta.region_name
        self._http = URLLib3Session(
            verify=os.environ.get("AWS_CA_BUNDLE") or True,
            proxies=get_environ_proxies(self._base),
            timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
            max_pool_connections=pool_size,
        )

    def send(self, key: str) -> Optional[Mapping[str, str]]:
        """The header fields of an object, their names in lower case.

        None for any answer but 200 and for any failure: the caller then asks through boto3, which repeats, follows
        redirections and explains.
        """
        from botocore.auth import S3SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.exceptions import BotoCoreError

        headers = {"x-amz-checksum-mode": "ENABLED", "x-amz-content-sha256": _EMPTY_BODY}
        request = AWSRequest(method="HEAD", url=self._base + quote(key, safe="/~"), headers=headers)
        try:
            S3SigV4Auth(self._credentials.get_frozen_credentials(), "s3", self._region).add_auth(request)
            answer = self._http.send(request.prepare())
        except (BotoCoreError, OSError):
            return None
        if answer.status_code != 200:
            return None
        return {name.lower(): value for name, value in answer.headers.items()}
