# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The limits of S3, and the algorithms that it can store."""

from __future__ import annotations

from ..common.units import MIB

NO_CHECKSUM = "NONE"
#: S3 takes at most this many parts in a multipart upload, of 5 MiB to 5 GiB each.
#: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
MAX_PARTS = 10_000
MAX_OBJECT_SIZE = 5 * 1024 * 1024 * MIB
#: The algorithms that S3 can store, in the order in which we prefer them as proof.
ALGORITHMS = ("CRC64NVME", "SHA256", "CRC32C", "CRC32", "SHA1")


def part_count(size: int, part_size: int) -> int:
    """How many parts a file of `size` bytes has with parts of `part_size` bytes."""
    return max(1, -(-size // part_size))


def effective_part_size(size: int, wanted_mib: int, max_parts: int = MAX_PARTS) -> int:
    """The part size in MiB for a file of `size` bytes: the wanted one, or larger where S3's part limit asks for it.

    One part below the limit, because the AWS SDK inside s5cmd changes the part size by itself at the limit, and
    then the ETag could not be computed (aws-sdk-go, s3manager, `initSize`).
    """
    return max(wanted_mib, size // (max_parts * MIB) + 1)


#: Bytes. Larger files go first, the largest at the very first, so that none is left alone at the end. Smaller ones go
#: in the order of their keys, so that a page of a listing shows those that were stored about the same time.
SMALL_FILE = MIB
