# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Checksums in the forms in which S3 shows them, and the arithmetic of ETags and parts."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import importlib.util
import io
import sys
import threading
import zlib

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import InstallationError
from ansible_collections.datasync.turbo.plugins.module_utils.common.threads import ReadingStopped, Stop
from ansible_collections.datasync.turbo.plugins.module_utils.common.units import MIB
from ansible_collections.datasync.turbo.plugins.module_utils.proof import checksums, reading
from ansible_collections.datasync.turbo.plugins.module_utils.s3 import limits
from ansible_collections.datasync.turbo.plugins.module_utils.s3.limits import ALGORITHMS
from hypothesis import given
from hypothesis import strategies as st

#: The input over which the catalogue of CRCs defines its check values: https://reveng.sourceforge.io/crc-catalogue/
CHECK_INPUT = b"123456789"


def digest(algorithm, content):
    hasher = checksums.hasher(algorithm)
    hasher.update(content)
    return hasher.digest()


def parts_of(content, part_size):
    return [content[at : at + part_size] for at in range(0, len(content), part_size)]


# --- known values


@pytest.mark.parametrize(
    ("algorithm", "check_value"),
    [
        ("CRC64NVME", "ae8b14860a799888"),
        ("CRC32C", "e3069283"),
        ("CRC32", "cbf43926"),
        ("SHA1", "f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
        ("SHA256", "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"),
    ],
)
def test_an_algorithm_gives_its_published_check_value(algorithm, check_value):
    assert digest(algorithm, CHECK_INPUT).hex() == check_value
    assert checksums.full_object(io.BytesIO(CHECK_INPUT), algorithm) == base64.b64encode(
        bytes.fromhex(check_value)
    ).decode("ascii")


@pytest.mark.parametrize(("algorithm", "width"), [("CRC64NVME", 8), ("CRC32C", 4), ("CRC32", 4)])
def test_a_crc_of_nothing_has_its_full_width(algorithm, width):
    assert digest(algorithm, b"") == bytes(width)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_text_has_no_checksum(algorithm):
    """awscrt would compute one of it, and not that of its UTF-8."""
    with pytest.raises(TypeError):
        checksums.hasher(algorithm).update("text")


def test_a_crc_with_leading_zeros_keeps_them():
    content = next(text for text in (b"%d" % n for n in range(10_000)) if zlib.crc32(text) < 2**24)
    assert digest("CRC32", content) == zlib.crc32(content).to_bytes(4, "big")


def test_the_sha256_in_metadata_is_as_sha256sum_prints_it():
    assert checksums.sha256_hex(io.BytesIO(b"abc")) == hashlib.sha256(b"abc").hexdigest()


def test_the_etag_of_an_empty_file_is_the_md5_of_nothing():
    assert checksums.etag_single(io.BytesIO(b"")) == "d41d8cd98f00b204e9800998ecf8427e"


def test_crc64nvme_is_preferred_and_every_algorithm_can_be_computed():
    assert ALGORITHMS == ("CRC64NVME", "SHA256", "CRC32C", "CRC32", "SHA1")
    for algorithm in ALGORITHMS:
        assert digest(algorithm, CHECK_INPUT)


def test_a_missing_awscrt_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "awscrt.checksums", None)
    with pytest.raises(InstallationError, match="install awscrt"):
        digest("CRC64NVME", CHECK_INPUT)


@pytest.mark.parametrize("name", ["awscrt", "_awscrt"])
def test_a_missing_awscrt_is_known_before_it_is_imported(monkeypatch, name):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda asked: None if asked == name else found(asked))
    monkeypatch.setattr(checksums, "_awscrt", lambda: pytest.fail("it was imported"))
    with pytest.raises(InstallationError, match=f"'{name}'.*uploader"):
        checksums.prepare_packages()


def test_awscrt_is_imported_in_another_thread(monkeypatch):
    asked, let_go, done = threading.Event(), threading.Event(), threading.Event()

    def slow():
        asked.set()
        assert let_go.wait(30)
        done.set()

    monkeypatch.setattr(checksums, "_awscrt", slow)
    checksums.prepare_packages()
    assert asked.wait(30)
    assert not done.is_set()
    let_go.set()
    assert done.wait(30)


def test_an_awscrt_that_cannot_be_loaded_is_told_by_who_needs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "awscrt.checksums", None)
    checksums.prepare_packages()
    for thread in [thread for thread in threading.enumerate() if thread.name == "import"]:
        thread.join(30)
    with pytest.raises(InstallationError, match="awscrt"):
        checksums.full_object(io.BytesIO(b"a"), "CRC64NVME")


def test_sha256_does_not_need_awscrt(monkeypatch):
    monkeypatch.setitem(sys.modules, "awscrt.checksums", None)
    assert digest("SHA256", CHECK_INPUT)


# --- arithmetic over parts, against naive reimplementations


@given(st.binary(max_size=300), st.sampled_from(ALGORITHMS), st.lists(st.integers(0, 300), max_size=5))
def test_a_checksum_does_not_depend_on_the_blocks_it_is_fed_in(content, algorithm, cuts):
    hasher = checksums.hasher(algorithm)
    edges = [0, *sorted(cuts), len(content)]
    for start, end in zip(edges, edges[1:]):
        hasher.update(content[start:end])
    assert hasher.digest() == digest(algorithm, content[: max(edges)])


@given(st.binary(min_size=1, max_size=300), st.integers(1, 320), st.integers(1, 64))
def test_a_multipart_etag_is_the_md5_of_the_parts_md5s(content, part_size, read_size):
    parts = parts_of(content, part_size)
    naive = hashlib.md5(b"".join(hashlib.md5(part).digest() for part in parts)).hexdigest()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(reading, "READ_SIZE", read_size)
        assert checksums.etag_multipart(io.BytesIO(content), part_size) == f"{naive}-{len(parts)}"


@given(st.binary(min_size=1, max_size=300), st.sampled_from(ALGORITHMS), st.integers(1, 320), st.integers(1, 64))
def test_a_composite_checksum_is_the_checksum_of_the_parts_checksums(content, algorithm, part_size, read_size):
    parts = parts_of(content, part_size)
    naive = base64.b64encode(digest(algorithm, b"".join(digest(algorithm, part) for part in parts))).decode("ascii")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(reading, "READ_SIZE", read_size)
        assert checksums.composite(io.BytesIO(content), algorithm, part_size) == f"{naive}-{len(parts)}"


@given(st.binary(max_size=300), st.sampled_from(ALGORITHMS), st.integers(1, 64))
def test_a_full_object_checksum_covers_every_byte(content, algorithm, read_size):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(reading, "READ_SIZE", read_size)
        assert base64.b64decode(checksums.full_object(io.BytesIO(content), algorithm)) == digest(algorithm, content)


class _Trickle(io.RawIOBase):
    """A file whose reads return less than was asked for, as those of network file systems may."""

    def __init__(self, content):
        self._rest = content

    def readable(self):
        return True

    def readinto(self, buffer):
        length = min(3, len(buffer), len(self._rest))
        buffer[:length], self._rest = self._rest[:length], self._rest[length:]
        return length


def test_short_reads_do_not_shift_the_borders_of_parts():
    content = bytes(range(50))
    assert checksums.etag_multipart(_Trickle(content), 10) == checksums.etag_multipart(io.BytesIO(content), 10)


# --- large files, which several threads read


@pytest.fixture
def shared(monkeypatch):
    """Read files of any size as large ones: in small parts, by three threads."""
    monkeypatch.setattr(reading, "MIN_SHARED", 1)
    monkeypatch.setattr(reading, "READ_SIZE", 13)
    monkeypatch.setattr(reading._Team, "_is_busy", lambda team: True)
    monkeypatch.setattr(reading, "_processors", reading._Processors(3))
    monkeypatch.setattr(checksums, "_CRC_PART", 29)


@pytest.fixture
def stored(tmp_path):
    """Write a file and open it as the proofs do."""
    with contextlib.ExitStack() as opened:

        def make(content):
            path = tmp_path / "film.mov"
            path.write_bytes(content)
            return opened.enter_context(open(path, "rb", buffering=0))

        yield make


SIZES = [0, 1, 28, 29, 30, 58, 500]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_large_file_has_the_same_checksum_as_its_bytes(shared, stored, algorithm, size):
    content = bytes(range(250)) * 2
    checksum = checksums.full_object(stored(content[:size]), algorithm)
    assert checksum == checksums.full_object(io.BytesIO(content[:size]), algorithm)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_large_file_has_the_same_checksum_of_its_parts_as_its_bytes(shared, stored, algorithm, size):
    content = bytes(range(250)) * 2
    checksum = checksums.composite(stored(content[:size]), algorithm, 29)
    assert checksum == checksums.composite(io.BytesIO(content[:size]), algorithm, 29)


@pytest.mark.parametrize("size", SIZES)
def test_a_large_file_has_the_same_etag_as_its_bytes(shared, stored, size):
    content = bytes(range(250)) * 2
    etag = checksums.etag_multipart(stored(content[:size]), 29)
    assert etag == checksums.etag_multipart(io.BytesIO(content[:size]), 29)


@pytest.mark.parametrize("algorithm", ["CRC64NVME", "CRC32C", "CRC32"])
def test_a_really_large_file_has_the_crc_of_its_bytes(stored, algorithm):
    """With the sizes that are in use."""
    content = b"\x00" * reading.MIN_SHARED + bytes(range(256)) * 5000 + b"end"
    file = stored(content)
    assert reading.is_shared(file)
    crc = digest(algorithm, content)
    assert checksums.full_object(file, algorithm) == base64.b64encode(crc).decode("ascii")


def test_an_awscrt_that_cannot_combine_crcs_computes_them_in_one_piece(shared, stored, monkeypatch):
    import awscrt.checksums

    monkeypatch.delattr(awscrt.checksums, "combine_crc64nvme")
    expected = base64.b64encode(bytes.fromhex("ae8b14860a799888")).decode("ascii")
    assert checksums.full_object(stored(CHECK_INPUT), "CRC64NVME") == expected


def test_a_large_file_is_not_read_to_its_end_when_nobody_waits_for_it(shared, stored):
    stop = Stop()
    stop.set()
    for compute in (
        lambda file: checksums.full_object(file, "CRC64NVME", stop.check),
        lambda file: checksums.full_object(file, "SHA256", stop.check),
        lambda file: checksums.composite(file, "SHA256", 29, stop.check),
        lambda file: checksums.etag_multipart(file, 29, stop.check),
        lambda file: checksums.etag_single(file, stop.check),
        lambda file: checksums.sha256_hex(file, stop.check),
    ):
        with pytest.raises(ReadingStopped):
            compute(stored(CHECK_INPUT))


# --- sizes of parts

#: Part sizes that a job may ask for, in bytes.
WANTED = st.integers(5, 5120).map(lambda mebibytes: mebibytes * MIB)


@given(st.integers(0, 10**13), st.integers(1, 10**10))
def test_the_parts_hold_the_file_and_no_part_is_left_over(size, part_size):
    count = limits.part_count(size, part_size)
    assert count >= 1, "an empty file is one empty part"
    assert (count - 1) * part_size < max(size, 1) <= count * part_size


@given(st.integers(0, limits.MAX_OBJECT_SIZE), WANTED)
def test_a_part_size_is_never_below_the_wanted_one_and_s5cmd_never_changes_it(size, wanted):
    """The AWS SDK in s5cmd changes the part size by itself when size // part size reaches 10,000."""
    part_size = limits.effective_part_size(size, wanted)
    assert part_size >= wanted
    assert size // part_size < limits.MAX_PARTS
    assert limits.part_count(size, part_size) <= limits.MAX_PARTS
    assert part_size <= limits.MAX_PART_SIZE


@given(st.integers(0, limits.MAX_OBJECT_SIZE), WANTED)
def test_a_part_size_grows_no_more_than_it_must(size, wanted):
    part_size = limits.effective_part_size(size, wanted)
    assert part_size == wanted or size // (part_size - MIB) >= limits.MAX_PARTS


def test_the_wanted_part_size_is_used_up_to_the_limit_and_not_beyond():
    limit = 64 * MIB * limits.MAX_PARTS
    assert limits.effective_part_size(limit - 1, 64 * MIB) == 64 * MIB
    assert limits.effective_part_size(limit, 64 * MIB) == 65 * MIB


# --- ETags as servers show them


MD5 = "9e107d9d372bb6826bd81d3542a419d6"


@pytest.mark.parametrize(
    ("text", "etag"),
    [
        (MD5, checksums.ETag(MD5, 0)),
        (f'"{MD5}"', checksums.ETag(MD5, 0)),
        (MD5.upper(), checksums.ETag(MD5, 0)),
        (f"{MD5}-1", checksums.ETag(f"{MD5}-1", 1)),
        (f"{MD5}-10000", checksums.ETag(f"{MD5}-10000", 10_000)),
    ],
)
def test_an_etag_in_a_form_of_md5_is_read(text, etag):
    assert checksums.parse_etag(text) == etag


@pytest.mark.parametrize(
    "text", ["", MD5[:-1], f"{MD5}-0", f"{MD5}-", f"{MD5}-01", f"{MD5}\n", f"W/{MD5}", "0x8D4BCC2E4835CD0"]
)
def test_any_other_etag_proves_nothing(text):
    assert checksums.parse_etag(text) is None


@given(st.text(max_size=50))
def test_no_etag_is_refused_with_an_exception(text):
    etag = checksums.parse_etag(text)
    assert etag is None or etag.parts >= 0
