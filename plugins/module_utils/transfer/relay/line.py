# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""How s5cmd reaches its server: directly, or through a relay that limits its bandwidth, which s5cmd itself cannot.

Traffic control of the kernel would need root and the queue of the whole interface, which may be the operator's; the
relay needs neither. It is imported where there is a limit.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ...common.errors import DatasyncError
from ...s3.bucket import Bucket

if TYPE_CHECKING:
    from .relay import Relay


class Line:
    """The way to the server without a limit: environment and endpoint of s5cmd as they are."""

    def __init__(self, environment: Mapping[str, str], endpoint_url: str | None) -> None:
        self.environment = environment
        self.endpoint_url = endpoint_url

    @property
    def sent(self) -> int | None:
        """Bytes that went to the server; None where it is not seen here."""
        return None

    @property
    def tells_bytes(self) -> bool:
        """Whether `sent` and `silence` tell anything."""
        return self.sent is not None

    def silence(self) -> float:
        """Seconds since a byte was seen to move; for ever where it is not seen here."""
        return math.inf

    def check(self, stored: int) -> None:
        """Raise DatasyncError if the limit does not hold any more; `stored` is what s5cmd says that it stored."""


class LimitedLine(Line):
    """The way through a relay."""

    def __init__(self, environment: Mapping[str, str], endpoint_url: str | None, relay: Relay) -> None:
        super().__init__(environment, endpoint_url)
        self._relay = relay
        self._moved = 0
        self._last_sign = time.monotonic()

    @property
    def sent(self) -> int | None:
        """Bytes that went to the server, of all that s5cmd has written: what waits for its turn has not."""
        return self._relay.sent

    def silence(self) -> float:
        """Seconds since, at two looks, bytes had moved in between."""
        moved, now = self._relay.sent + self._relay.received, time.monotonic()
        if moved != self._moved:
            self._moved, self._last_sign = moved, now
        return now - self._last_sign

    def check(self, stored: int) -> None:
        """See Line."""
        self._relay.check()
        if stored > self._relay.sent:
            raise DatasyncError(
                "s5cmd does not keep to bandwidth_limit: it stored more than it sent through our relay",
                "check what its environment says of proxies, or set bandwidth_limit to 0",
            )


@contextmanager
def line_to(bucket: Bucket, environment: Mapping[str, str], limit: int) -> Iterator[Line]:
    """The way to the bucket for s5cmd, as long as the context lasts; `limit` in bytes per second, 0 for none.

    Raises ConfigurationError where the limit cannot be enforced.
    """
    if not limit:
        yield Line(environment, bucket.endpoint_url)
        return
    from .relay import Relay
    from .route import way_to

    way = way_to(bucket.request_url, environment)
    relay = Relay(limit, way.greeting, way.host)
    try:
        yield LimitedLine(
            {**way.environment, **{name: way.url(relay.port) for name in way.proxy_variables}},
            way.endpoint(bucket.endpoint_url, relay.port),
            relay,
        )
    finally:
        relay.close()
