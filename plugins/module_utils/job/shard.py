# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Shards: hosts that see the same source each take a disjoint part of it, and together all of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..common.errors import ConfigurationError


@dataclass(frozen=True)
class Shard:
    """Part `index` (from 0) of `count` parts. The key alone decides, so hosts need not talk to each other."""

    index: int
    count: int

    @classmethod
    def from_options(cls, value: Mapping[str, Any]) -> Shard:
        """Build from `{"index": 0, "count": 4}`; None for either counts as missing. Raises ConfigurationError."""
        unknown = sorted(set(value) - {"index", "count"})
        if unknown:
            raise ConfigurationError(f"shard has the unknown key {unknown[0]!r}", "give index and count")
        numbers = {}
        for name in ("index", "count"):
            text = str(value.get(name)).strip()
            if not text.isascii() or not text.isdigit():
                raise ConfigurationError(
                    f"shard {name} {value.get(name)!r} is no whole number", "as index: 0, count: 4"
                )
            numbers[name] = int(text)
        shard = cls(**numbers)
        if shard.index >= shard.count:
            raise ConfigurationError(
                f"shard index {shard.index} is not below count {shard.count}", "the index begins with 0"
            )
        return shard

    def takes(self, key: str) -> bool:
        """Whether the object of this key belongs to the shard. The same on every host, version and platform."""
        digest = hashlib.blake2b(key.encode("utf-8", "surrogateescape"), digest_size=8).digest()
        return int.from_bytes(digest, "big") % self.count == self.index
