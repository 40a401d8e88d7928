# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The header of an object: what HeadObject says, as boto3 shows it and as it comes over the wire.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .limits import ALGORITHMS

KMS_ENCRYPTIONS = ("aws:kms", "aws:kms:dsse")
_METADATA = "x-amz-meta-"
_ENCRYPTION = "x-amz-server-side-encryption"


@dataclass(frozen=True)
class ObjectHead:
    """What HeadObject says. `checksums` maps the algorithm's name to base64 (COMPOSITE ones end in -N)."""

    size: int
    etag: str
    checksums: dict[str, str]
    checksum_type: str
    metadata: dict[str, str] = field(default_factory=dict)
    encryption: str | None = None
    customer_key: bool = False

    @property
    def etag_is_md5(self) -> bool:
        """Whether the ETag may be an MD5: not with SSE-KMS and not with a customer's key."""
        return self.encryption not in KMS_ENCRYPTIONS and not self.customer_key


#: What is known of an object whose header the server refuses to show.
#: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerSideEncryptionCustomerKeys.html
UNREADABLE_HEADER = ObjectHead(size=-1, etag="", checksums={}, checksum_type="", customer_key=True)


def head_of_answer(answer: Mapping[str, Any]) -> ObjectHead:
    """The header from an answer of boto3."""
    checksums = {name: answer[f"Checksum{name}"] for name in ALGORITHMS if answer.get(f"Checksum{name}")}
    return ObjectHead(
        size=answer["ContentLength"],
        etag=answer.get("ETag", "").strip('"'),
        checksums=checksums,
        checksum_type=answer.get("ChecksumType") or _checksum_type(checksums),
        metadata=dict(answer.get("Metadata", {})),
        encryption=answer.get("ServerSideEncryption"),
        customer_key=bool(answer.get("SSECustomerAlgorithm")),
    )


def head_of_fields(fields: Mapping[str, str]) -> ObjectHead:
    """The same from the header fields as they come over the wire, their names in lower case.

    Raises ValueError where the size is missing: some proxies drop Content-Length.
    """
    size = fields.get("content-length", "")
    if not size.isdecimal():
        raise ValueError("the header has no size")
    named = {name: fields.get(f"x-amz-checksum-{name.lower()}", "") for name in ALGORITHMS}
    checksums = {name: value for name, value in named.items() if value}
    return ObjectHead(
        size=int(size),
        etag=fields.get("etag", "").strip('"'),
        checksums=checksums,
        checksum_type=fields.get("x-amz-checksum-type") or _checksum_type(checksums),
        metadata={name[len(_METADATA) :]: value for name, value in fields.items() if name.startswith(_METADATA)},
        encryption=fields.get(_ENCRYPTION),
        customer_key=f"{_ENCRYPTION}-customer-algorithm" in fields,
    )


def _checksum_type(checksums: Mapping[str, str]) -> str:
    """Older servers leave the type out; a dash and a number at the end tell a composite one."""
    composite = any(re.search(r"-[0-9]+$", value) for value in checksums.values())
    return "COMPOSITE" if composite else "FULL_OBJECT"
