# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The limits of S3, and the values that its options take. Sizes are in bytes unless a name says otherwise.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
"""

from __future__ import annotations

import re

from ..common.errors import ConfigurationError
from ..common.units import GIB, MIB, TIB, parse_size

#: A multipart upload has at most so many parts, each but the last one between these sizes.
MAX_PARTS = 10_000
MIN_PART_SIZE = 5 * MIB
MAX_PART_SIZE = 5 * GIB
MAX_OBJECT_SIZE = 5 * TIB
#: One CopyObject takes no more; larger objects are copied in parts.
MAX_COPY_SIZE = 5 * GIB
#: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html: of a key in UTF-8, prefix included.
MAX_KEY_BYTES = 1024
#: User metadata, names and values together.
#: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html#UserMetadata
MAX_METADATA_BYTES = 2048
#: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
MAX_KEYS_IN_DELETE = 1000

#: The algorithms that S3 can store, in the order in which we prefer them as proof.
ALGORITHMS = ("CRC64NVME", "SHA256", "CRC32C", "CRC32", "SHA1")
NO_CHECKSUM = "NONE"
#: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html, x-amz-storage-class
STORAGE_CLASSES = (
    "STANDARD",
    "REDUCED_REDUNDANCY",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER",
    "GLACIER_IR",
    "DEEP_ARCHIVE",
    "OUTPOSTS",
    "SNOW",
    "EXPRESS_ONEZONE",
)
#: https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#canned-acl
CANNED_ACLS = (
    "private",
    "public-read",
    "public-read-write",
    "authenticated-read",
    "aws-exec-read",
    "bucket-owner-read",
    "bucket-owner-full-control",
    "log-delivery-write",
)
#: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html, x-amz-server-side-encryption
KMS_ENCRYPTIONS = ("aws:kms", "aws:kms:dsse")
ENCRYPTIONS = ("AES256", *KMS_ENCRYPTIONS)

#: Larger files go first, the largest at the very first, so that none is left alone at the end. Smaller ones go in the
#: order of their keys, so that a page of a listing shows those that were stored about the same time.
SMALL_FILE = MIB

_PLAIN_NUMBER = re.compile(r"[0-9]{1,12}")


def part_count(size: int, part_size: int) -> int:
    """How many parts a file of `size` bytes has with parts of `part_size` bytes."""
    return max(1, -(-size // part_size))


def effective_part_size(size: int, wanted: int, max_parts: int = MAX_PARTS) -> int:
    """Bytes of a part, whole MiB, for a file of `size` bytes: the `wanted` ones, or more where S3's part limit asks
    for it.

    One part below the limit, because the AWS SDK inside s5cmd changes the part size by itself at the limit, and
    then the ETag could not be computed (aws-sdk-go, s3manager, `initSize`).
    """
    return max(wanted, (size // (max_parts * MIB) + 1) * MIB)


def parse_part_size(value: str | int, name: str) -> int:
    """Bytes of a part size of whole MiB; s5cmd's `--part-size` takes nothing finer.

    `64MB`, `64MiB`, `64M` and s5cmd's own plain `64` are 64 MiB. A plain number that is too large for MiB is taken for
    bytes, as the AWS CLI's `multipart_chunksize` has it: `8388608` is 8 MiB. Raises ConfigurationError that names the
    option `name`.
    """
    text = str(value).strip()
    if _PLAIN_NUMBER.fullmatch(text) and int(text) * MIB <= MAX_PART_SIZE:
        size = int(text) * MIB
    else:
        size = parse_size(text, name)
    mebibytes, rest = divmod(size, MIB)
    if rest:
        nearest = min(max(mebibytes + (rest >= MIB // 2), MIN_PART_SIZE // MIB), MAX_PART_SIZE // MIB)
        raise ConfigurationError(
            f"{name} {text!r} is not a whole number of MiB, and s5cmd takes nothing finer", f"write {nearest}MiB"
        )
    if not MIN_PART_SIZE <= size <= MAX_PART_SIZE:
        raise ConfigurationError(
            f"{name} {text!r} is {mebibytes} MiB, but S3 takes parts of 5 MiB to 5 GiB", "write for example 64MiB"
        )
    return size
