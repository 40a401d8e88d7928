# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What a file, a row of the state file and a line of a manifest say of an object, by its listing and its header."""

from __future__ import annotations

import base64
import hashlib
import io
import os

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.audit.expected import (
    ExpectedFile,
    ExpectedLine,
    ExpectedRow,
    header_of_download,
)
from ansible_collections.datasync.turbo.plugins.module_utils.job.local_file import Identity, LocalFile, identity_of
from ansible_collections.datasync.turbo.plugins.module_utils.job.state import Row
from ansible_collections.datasync.turbo.plugins.module_utils.proof import checksums
from ansible_collections.datasync.turbo.plugins.module_utils.proof.verify import VerdictKind, Verifier
from ansible_collections.datasync.turbo.plugins.module_utils.s3.head import ObjectHead
from ansible_collections.datasync.turbo.plugins.module_utils.s3.limits import SMALL_FILE
from ansible_collections.datasync.turbo.plugins.module_utils.s3.listing import StoredObject

CONTENT = b"content"


def md5(content):
    return hashlib.md5(content).hexdigest()


def hexadecimal(content):
    return hashlib.sha256(content).hexdigest()


def sha256(content):
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


def entry(content, etag=None):
    return StoredObject("p/a", len(content), md5(content) if etag is None else etag, 0.0)


def head(content, etag=None, kind="FULL_OBJECT", **checksums_stored):
    return ObjectHead(len(content), md5(content) if etag is None else etag, checksums_stored, kind)


def outcome(verdict):
    return (verdict.kind, verdict.method)


# --- a local file


@pytest.fixture
def file(source, bucket):
    """The content of the file `a`, which is written with the given content."""

    def make(content=CONTENT):
        path = source / "a"
        path.write_bytes(content)
        local = LocalFile(str(path), "a", "p/a", identity_of(path.stat()))
        return ExpectedFile(local, Verifier(bucket, "CRC64NVME"))

    return make


def test_the_listing_proves_a_small_file_by_its_md5(file):
    assert outcome(file().in_listing(entry(CONTENT))) == (VerdictKind.SAME, "ETag")


@pytest.mark.parametrize(
    "listed",
    [entry(b"CONTENT"), entry(b"longer content"), entry(CONTENT, "no md5"), entry(CONTENT, md5(CONTENT) + "-1")],
    ids=["another MD5, or none", "another size", "no MD5 at all", "of parts"],
)
def test_what_the_listing_cannot_prove_it_never_calls_different(file, listed):
    assert file().in_listing(listed) is None


def test_a_large_file_is_not_read_for_an_etag_of_a_listing(file):
    large = bytes(SMALL_FILE + 1)
    assert file(large).in_listing(entry(large)) is None


def test_the_header_decides_about_a_file(file):
    stored = checksums.full_object(io.BytesIO(CONTENT), "CRC64NVME")
    assert outcome(file().in_header(head(CONTENT, CRC64NVME=stored))) == (VerdictKind.SAME, "CRC64NVME")
    assert outcome(file().in_header(head(b"CONTENT"))) == (VerdictKind.DIFFERENT, "ETag")
    assert outcome(file().in_header(head(b"longer content"))) == (VerdictKind.DIFFERENT, "size")


def test_an_object_that_is_nowhere_is_missing_only_while_its_file_is_there_and_the_same(file, source):
    expected = file()
    assert expected.nowhere().kind is VerdictKind.MISSING
    os.truncate(source / "a", 1)
    assert expected.nowhere().kind is VerdictKind.CHANGED
    (source / "a").unlink()
    assert expected.nowhere().kind is VerdictKind.CHANGED
    assert "deleted" in expected.nowhere().message


# --- a row of the state file


def row(method="ETag", checksum=None, part_size=None, **values):
    checksum = md5(CONTENT) if checksum is None else checksum
    values = {"etag": md5(CONTENT), "method": method, "checksum": checksum, **values}
    return ExpectedRow(Row("a", Identity(len(CONTENT), 1, 1, 1, 1), **values), "p/", lambda key: part_size)


def test_an_object_with_the_etag_that_it_had_when_it_was_proven_is_that_object():
    assert outcome(row().in_listing(entry(CONTENT))) == (VerdictKind.SAME, "recorded-ETag")


@pytest.mark.parametrize("expected", [row(method=""), row(etag="")], ids=["never proven", "no ETag"])
def test_a_row_without_a_proof_recognises_nothing_in_a_listing(expected):
    assert expected.in_listing(entry(CONTENT)) is None


@pytest.mark.parametrize("listed", [entry(b"CONTENT"), entry(b"longer", md5(CONTENT))], ids=["ETag", "size"])
def test_an_object_that_looks_otherwise_needs_its_header(listed):
    assert row().in_listing(listed) is None


def test_an_object_of_another_size_than_the_recorded_one_differs():
    assert outcome(row().in_header(head(b"longer content"))) == (VerdictKind.DIFFERENT, "size")


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (head(CONTENT, SHA256=sha256(CONTENT)), (VerdictKind.SAME, "SHA256")),
        (head(CONTENT, SHA256=sha256(b"CONTENT")), (VerdictKind.DIFFERENT, "SHA256")),
        (head(CONTENT, SHA256="not base64!"), (VerdictKind.SAME, "ETag")),
        (head(CONTENT, SHA256=f"{sha256(CONTENT)}-2", kind="COMPOSITE"), (VerdictKind.SAME, "ETag")),
    ],
    ids=["same", "different", "damaged", "of the parts"],
)
def test_a_recorded_sha256_is_compared_with_a_stored_one_of_the_whole(stored, expected):
    by_sha256 = row(sha256=hexadecimal(CONTENT))
    assert by_sha256.by_sha256
    assert outcome(by_sha256.in_header(stored)) == expected


def test_a_recorded_checksum_counts_where_the_server_still_tells_one_of_its_kind():
    recorded = row("CRC64NVME", "AAAAAAAAAAA=")
    assert not recorded.by_sha256
    assert outcome(recorded.in_header(head(CONTENT, CRC64NVME="AAAAAAAAAAA="))) == (VerdictKind.SAME, "CRC64NVME")
    assert outcome(recorded.in_header(head(CONTENT, CRC64NVME="AAAAAAAAAAE="))) == (VerdictKind.DIFFERENT, "CRC64NVME")
    other_kind = head(CONTENT, kind="COMPOSITE", CRC64NVME="AAAAAAAAAAA=")
    for stored in (head(CONTENT), other_kind):
        assert recorded.in_header(stored).kind is VerdictKind.UNPROVEN
    assert "proven by CRC64NVME" in recorded.in_header(head(CONTENT)).message


@pytest.mark.parametrize(
    ("parts_now", "found"), [(4, VerdictKind.DIFFERENT), (8, VerdictKind.UNPROVEN), (None, VerdictKind.UNPROVEN)]
)
def test_a_checksum_of_parts_differs_only_if_the_parts_are_the_same(parts_now, found):
    recorded = ExpectedRow(
        Row("a", Identity(7, 1, 1, 1, 1), f"{md5(b'1')}-2", "ETag-multipart", f"{md5(b'1')}", 4),
        "p/",
        lambda key: parts_now,
    )
    assert recorded.in_header(head(CONTENT, f"{md5(b'2')}-2")).kind is found


def test_an_etag_that_is_no_md5_proves_nothing_of_a_row():
    kms = ObjectHead(len(CONTENT), md5(CONTENT), {}, "FULL_OBJECT", encryption="aws:kms")
    assert row().in_header(kms).kind is VerdictKind.UNPROVEN


def test_a_row_that_was_never_proven_says_what_would_prove_it():
    verdict = row(method="", checksum="").in_header(head(CONTENT))
    assert verdict.kind is VerdictKind.UNPROVEN
    assert "verify=all" in verdict.message


# --- a line of a manifest


@pytest.fixture
def line():
    return ExpectedLine("a", hexadecimal(CONTENT), "p/")


def test_a_line_knows_key_and_content_and_no_size(line):
    assert (line.path, line.key, line.size, line.by_sha256, line.by_parts) == ("a", "p/a", None, True, False)
    assert line.in_listing(entry(CONTENT)) is None
    assert line.nowhere().kind is VerdictKind.MISSING


def test_a_line_is_proven_by_a_sha256_of_the_whole_alone(line):
    assert outcome(line.in_header(head(CONTENT, SHA256=sha256(CONTENT)))) == (VerdictKind.SAME, "SHA256")
    assert outcome(line.in_header(head(CONTENT, SHA256=sha256(b"CONTENT")))) == (VerdictKind.DIFFERENT, "SHA256")
    of_parts = head(CONTENT, SHA256=f"{sha256(CONTENT)}-2", kind="COMPOSITE")
    for stored, why in ((of_parts, "of the parts"), (head(CONTENT), "stored no SHA256")):
        verdict = line.in_header(stored)
        assert verdict.kind is VerdictKind.UNPROVEN
        assert why in verdict.message


def test_a_download_is_compared_as_if_the_server_had_told_its_sha256(line):
    downloaded = header_of_download(len(CONTENT), hashlib.sha256(CONTENT).digest())
    assert outcome(line.in_header(downloaded)) == (VerdictKind.SAME, "SHA256")
