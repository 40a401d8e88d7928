# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""ETag and checksum arithmetic against an independent computation, for arbitrary sizes and sizes of parts."""

from __future__ import annotations

import base64
import hashlib
import io
import zlib

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.proof import checksums, reading
from ansible_collections.datasync.turbo.plugins.module_utils.s3 import limits
from hypothesis import example, given, settings
from hypothesis import strategies as st

#: Great numbers of made-up inputs.
pytestmark = pytest.mark.slow

MIB = 1024 * 1024
TIB = 1024 * 1024 * MIB

#: Contents whose parts all differ, of sizes around borders of blocks and parts as often as elsewhere.
CONTENTS = st.integers(1, 5000).map(lambda size: hashlib.shake_256(size.to_bytes(4, "big")).digest(size))
SIZES = st.integers(0, 5 * TIB) | st.builds(
    lambda parts, mib, more: min(5 * TIB, max(0, parts * mib * MIB + more)),
    st.integers(9_990, 10_010),
    st.integers(5, 525),
    st.integers(-2, 2),
)
#: Part sizes that a job may ask for, in bytes.
WANTED = st.integers(5, 5120).map(lambda mebibytes: mebibytes * MIB)


def bitwise_crc(data, polynomial, width):
    """A reflected CRC by its definition, bit by bit: slow, and with nothing in common with awscrt."""
    ones = (1 << width) - 1
    crc = ones
    for byte in data:
        crc ^= byte
        for _bit in range(8):
            crc = (crc >> 1) ^ (polynomial if crc & 1 else 0)
    return (crc ^ ones).to_bytes(width // 8, "big")


#: Reflected polynomials: CRC-64/NVME of the NVM Express specification, CRC-32C of RFC 3720, CRC-32 of ISO 3309.
INDEPENDENT = {
    "CRC64NVME": lambda data: bitwise_crc(data, 0x9A6C9329AC4BC9B5, 64),
    "CRC32C": lambda data: bitwise_crc(data, 0x82F63B78, 32),
    "CRC32": lambda data: zlib.crc32(data).to_bytes(4, "big"),
    "SHA256": lambda data: hashlib.sha256(data).digest(),
    "SHA1": lambda data: hashlib.sha1(data).digest(),
}


def in_parts(content, part_size):
    return [content[start : start + part_size] for start in range(0, len(content), part_size)]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Borders of blocks where they do not fall together with those of parts."""
    monkeypatch.setattr(reading, "READ_SIZE", 257)


@given(CONTENTS, st.integers(1, 6000))
@example(b"x" * 257, 257)
@example(b"x" * 514, 257)
def test_the_etag_of_parts_is_the_md5_of_their_md5s(content, part_size):
    parts = in_parts(content, part_size)
    digests = b"".join(hashlib.md5(part).digest() for part in parts)
    etag = checksums.etag_multipart(io.BytesIO(content), part_size)
    assert etag == f"{hashlib.md5(digests).hexdigest()}-{len(parts)}"
    assert checksums.parse_etag(f'"{etag}"').parts == len(parts) == limits.part_count(len(content), part_size)


@settings(max_examples=60)
@given(CONTENTS.map(lambda content: content[:900]), st.integers(1, 1000), st.sampled_from(sorted(INDEPENDENT)))
def test_a_composite_checksum_is_the_checksum_of_the_parts(content, part_size, algorithm):
    digest = INDEPENDENT[algorithm]
    parts = in_parts(content, part_size)
    whole = base64.b64encode(digest(b"".join(map(digest, parts)))).decode("ascii")
    assert checksums.composite(io.BytesIO(content), algorithm, part_size) == f"{whole}-{len(parts)}"


@settings(max_examples=60)
@given(CONTENTS.map(lambda content: content[:900]), st.sampled_from(sorted(INDEPENDENT)))
def test_a_full_object_checksum_is_that_of_the_whole(content, algorithm):
    whole = base64.b64encode(INDEPENDENT[algorithm](content)).decode("ascii")
    assert checksums.full_object(io.BytesIO(content), algorithm) == whole


@settings(max_examples=200)
@given(CONTENTS, CONTENTS, st.integers(1, 6000))
def test_other_content_has_another_etag(one, other, part_size):
    etags = {checksums.etag_multipart(io.BytesIO(content), part_size) for content in (one, other)}
    assert (len(etags) == 1) == (one == other)


@settings(max_examples=500)
@given(SIZES, WANTED)
@example(5 * TIB, 5 * MIB)
@example(10_000 * 5 * MIB, 5 * MIB)
@example(10_000 * 5 * MIB - 1, 5 * MIB)
@example(10_000 * 5 * MIB + 1, 5 * MIB)
@example(0, 5 * MIB)
def test_the_part_size_fits_the_limits_of_s3_and_is_as_wanted_where_it_can_be(size, wanted):
    """At most 10,000 parts of 5 MiB to 5 GiB; s5cmd's SDK takes over at size // part size >= 10,000."""
    part_size = limits.effective_part_size(size, wanted)
    count = limits.part_count(size, part_size)
    assert 5 * MIB <= part_size <= limits.MAX_PART_SIZE
    assert 1 <= count <= limits.MAX_PARTS
    assert size // part_size < limits.MAX_PARTS
    assert part_size == wanted or (part_size > wanted and size // (part_size - MIB) >= limits.MAX_PARTS)
    assert (count - 1) * part_size < max(size, 1) <= count * part_size


@given(SIZES, WANTED, st.integers(1, 10_000))
def test_a_larger_file_never_has_smaller_parts(size, wanted, max_parts):
    smaller = limits.effective_part_size(size // 2, wanted, max_parts)
    assert smaller <= limits.effective_part_size(size, wanted, max_parts)


@given(st.text(max_size=60) | st.from_regex(r"\"?[0-9a-fA-F]{31,33}(-[0-9]{0,6})?\"?", fullmatch=True))
def test_any_etag_is_an_md5_or_proves_nothing(text):
    etag = checksums.parse_etag(text)
    if etag is not None:
        md5, _dash, parts = etag.value.partition("-")
        assert len(bytes.fromhex(md5)) == 16
        assert (int(parts) if parts else 0) == etag.parts
        assert etag.value == text.strip('"').lower()
