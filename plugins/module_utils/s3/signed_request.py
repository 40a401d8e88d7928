# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Signed requests to one bucket without boto3's machinery: HEAD of an object, GET of the bucket.

Verification asks for one header per object, and a run over an unchanged tree makes one request in all. Through a boto3
client a request costs 1.6 ms of Python under the GIL, and the first one 250 ms; this way it costs a fraction.
"""

from __future__ import annotations

import http.client
import sys
from collections.abc import Mapping

from ..common.version import __version__
from .address import BucketAddress
from .connection import Connection
from .http_pool import Answer, HttpPool
from .signature import Signer, canonical_query, encoded


class SignedRequests:
    """Sends requests to one bucket. May be used from several threads.

    Both methods return None for any answer but 200 and for any failure: the caller then asks through boto3, which
    repeats, follows redirections and explains.
    """

    def __init__(self, connection: Connection, address: BucketAddress, pool_size: int) -> None:
        self._pool = HttpPool(address.url, lambda: connection.ca_file, pool_size)
        self._path = "/" + address.url.partition("://")[2].partition("/")[2]
        self._signer = Signer(connection.credentials(), address.region)

    def head(self, key: str) -> Answer | None:
        """HeadObject with checksums."""
        path = f"{self._path.rstrip('/')}/{encoded(key, safe='/')}"
        return self._send("HEAD", path, {"x-amz-checksum-mode": "ENABLED"})

    def get(self, query: Mapping[str, str]) -> Answer | None:
        """A GET of the bucket itself."""
        return self._send("GET", f"{self._path}?{canonical_query(query)}", {})

    def _send(self, method: str, target: str, headers: Mapping[str, str]) -> Answer | None:
        headers = {**headers, "user-agent": f"datasync.turbo/{__version__}"}
        try:
            signed = self._signer.headers(method, self._pool.host, target, headers)
            answer = self._pool.send(method, target, signed)
        except (OSError, ValueError, http.client.HTTPException):
            return None
        except Exception as error:
            if _is_botocores(error):  # Credentials that could not be renewed.
                return None
            raise
        return answer if answer.status == 200 else None


def _is_botocores(error: Exception) -> bool:
    """Whether it is an exception of botocore, which has been imported only if it raised one."""
    exceptions = sys.modules.get("botocore.exceptions")
    return exceptions is not None and isinstance(error, (exceptions.BotoCoreError, exceptions.ClientError))
