# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Proof of one object: SAME only if the content of the file, as it was looked at, is what S3 stored."""

from __future__ import annotations

import base64
import hashlib
import io
import os

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import AccessError
from ansible_collections.datasync.turbo.plugins.module_utils.common.threads import ReadingStopped
from ansible_collections.datasync.turbo.plugins.module_utils.job.local_file import (
    Identity,
    LocalFile,
    Uploaded,
    describe_change,
    identity_of,
)
from ansible_collections.datasync.turbo.plugins.module_utils.proof import checksums
from ansible_collections.datasync.turbo.plugins.module_utils.proof.verify import Verdict, VerdictKind, Verifier, prove
from ansible_collections.datasync.turbo.plugins.module_utils.s3 import limits
from ansible_collections.datasync.turbo.plugins.module_utils.s3.head import ObjectHead
from hypothesis import given
from hypothesis import strategies as st

CONTENT = b"the content of the file"
MD5 = hashlib.md5(CONTENT).hexdigest()


def nobody_knows():
    return None


def crc64nvme(content):
    return checksums.full_object(io.BytesIO(content), "CRC64NVME")


def sha256(content):
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


def head(etag=MD5, size=None, stored=None, kind="FULL_OBJECT", **properties):
    return ObjectHead(len(CONTENT) if size is None else size, etag, stored or {}, kind, **properties)


def verdict_on(stored_head, content=CONTENT, algorithm="CRC64NVME", part_size=nobody_knows):
    return prove(io.BytesIO(content), len(content), stored_head, algorithm, part_size, tick=lambda: None)


def multipart_etag(content, part_size):
    return checksums.etag_multipart(io.BytesIO(content), part_size)


# --- the methods, strongest first


def test_another_size_is_different_without_reading_the_file():
    verdict = prove(None, 5, head(size=4), "CRC64NVME", nobody_knows, tick=lambda: None)
    assert (verdict.kind, verdict.method) == (VerdictKind.DIFFERENT, "size")
    assert "4 bytes" in verdict.message
    assert "5" in verdict.message


@pytest.mark.parametrize("algorithm", limits.ALGORITHMS)
def test_a_stored_checksum_of_the_wanted_algorithm_proves(algorithm):
    stored = {algorithm: checksums.full_object(io.BytesIO(CONTENT), algorithm)}
    proof = Verdict(VerdictKind.SAME, algorithm, "", "x", stored[algorithm])
    assert verdict_on(head(etag="x", stored=stored), algorithm=algorithm) == proof


def test_a_stored_checksum_that_differs_is_different_although_the_etag_agrees():
    verdict = verdict_on(head(etag=MD5, stored={"CRC64NVME": crc64nvme(b"other")}))
    assert (verdict.kind, verdict.method) == (VerdictKind.DIFFERENT, "CRC64NVME")
    assert crc64nvme(CONTENT) in verdict.message
    assert crc64nvme(b"other") in verdict.message


def test_the_wanted_algorithm_is_preferred_to_any_other():
    stored = {"CRC64NVME": crc64nvme(CONTENT), "SHA256": sha256(CONTENT)}
    assert verdict_on(head(stored=stored), algorithm="SHA256").method == "SHA256"


def test_any_other_stored_checksum_is_better_than_the_etag():
    assert verdict_on(head(stored={"SHA256": sha256(CONTENT)}), algorithm="CRC64NVME").method == "SHA256"


def test_an_etag_that_is_an_md5_proves_where_no_checksum_is_stored():
    assert verdict_on(head(etag=MD5)) == Verdict(VerdictKind.SAME, "ETag", "", MD5, MD5)
    assert verdict_on(head(etag="0" * 32)).kind is VerdictKind.DIFFERENT


def test_an_empty_file_is_proven_too():
    empty = head(etag=hashlib.md5(b"").hexdigest(), size=0)
    assert verdict_on(empty, content=b"").kind is VerdictKind.SAME


def test_a_multipart_etag_proves_where_the_part_size_is_known():
    stored = head(etag=multipart_etag(CONTENT, 10))
    proof = Verdict(VerdictKind.SAME, "ETag-multipart", "", stored.etag, stored.etag, 10)
    assert verdict_on(stored, part_size=lambda: 10) == proof


def test_a_composite_checksum_proves_where_the_part_size_is_known():
    stored = {"SHA256": checksums.composite(io.BytesIO(CONTENT), "SHA256", 10)}
    verdict = verdict_on(head(etag="x", stored=stored, kind="COMPOSITE"), algorithm="SHA256", part_size=lambda: 10)
    assert verdict == Verdict(VerdictKind.SAME, "SHA256-composite", "", "x", stored["SHA256"], 10)


def test_the_part_size_is_not_asked_for_where_it_does_not_matter():
    def asked():
        raise AssertionError("a request for nothing")

    assert verdict_on(head(stored={"CRC64NVME": crc64nvme(CONTENT)}), part_size=asked).kind is VerdictKind.SAME
    assert verdict_on(head(etag=MD5), part_size=asked).kind is VerdictKind.SAME


@given(st.binary(min_size=1, max_size=200), st.integers(1, 64), st.data())
def test_a_flipped_bit_is_found_by_every_method(content, part_size, data):
    at = data.draw(st.integers(0, len(content) - 1))
    damaged = content[:at] + bytes([content[at] ^ 1 << data.draw(st.integers(0, 7))]) + content[at + 1 :]
    composite = {"CRC32C": checksums.composite(io.BytesIO(content), "CRC32C", part_size)}
    for stored in (
        head(size=len(content), etag=hashlib.md5(content).hexdigest()),
        head(size=len(content), etag=multipart_etag(content, part_size)),
        head(size=len(content), stored={"CRC64NVME": crc64nvme(content)}),
        head(size=len(content), stored=composite, kind="COMPOSITE"),
    ):
        assert verdict_on(stored, content, part_size=lambda: part_size).kind is VerdictKind.SAME
        assert verdict_on(stored, damaged, part_size=lambda: part_size).kind is VerdictKind.DIFFERENT


# --- what proves nothing


@pytest.mark.parametrize("part_size", [None, 9, 4])
def test_a_multipart_etag_of_unknown_parts_proves_nothing(part_size):
    stored = head(etag=multipart_etag(CONTENT, 6))
    verdict = verdict_on(stored, part_size=lambda: part_size)
    assert verdict.kind is VerdictKind.UNPROVEN
    assert "parts" in verdict.message


@pytest.mark.parametrize("encryption", ["aws:kms", "aws:kms:dsse"])
def test_an_etag_under_kms_proves_nothing(encryption):
    verdict = verdict_on(head(etag=MD5, encryption=encryption))
    assert verdict.kind is VerdictKind.UNPROVEN
    assert encryption in verdict.message


def test_an_etag_under_a_key_of_ones_own_proves_nothing():
    assert verdict_on(head(etag=MD5, customer_key=True)).kind is VerdictKind.UNPROVEN


def test_an_etag_under_s3s_own_encryption_still_proves():
    assert verdict_on(head(etag=MD5, encryption="AES256")).kind is VerdictKind.SAME


def test_under_kms_a_stored_checksum_still_proves():
    stored = head(etag="x", encryption="aws:kms", stored={"CRC64NVME": crc64nvme(CONTENT)})
    assert verdict_on(stored).kind is VerdictKind.SAME


@pytest.mark.parametrize("etag", ["", "0x8D4BCC2E4835CD0", "abc"])
def test_an_etag_in_another_form_proves_nothing(etag):
    assert verdict_on(head(etag=etag)).kind is VerdictKind.UNPROVEN


@pytest.mark.parametrize("value", ["1234", "c2hhMjU2", "c2hhMjU2-", "c2hhMjU2-x", "c2hhMjU2-0", "-", "c2hhMjU2--3"])
def test_a_composite_checksum_without_its_number_of_parts_is_passed_over(value):
    """Not every server writes it as Amazon does; the ETag may still prove."""
    stored = head(etag=MD5, stored={"SHA256": value}, kind="COMPOSITE")
    assert verdict_on(stored, part_size=lambda: 10).method == "ETag"


def test_a_composite_checksum_of_unknown_parts_falls_back_to_the_etag():
    stored = head(etag=MD5, stored={"SHA256": "c2hhMjU2-3"}, kind="COMPOSITE")
    assert verdict_on(stored).method == "ETag"


# --- a file against a bucket


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "film.mov"
    path.write_bytes(CONTENT)
    return LocalFile(str(path), "film.mov", "p/film.mov", identity_of(path.stat()))


def uploaded(bucket, file, part_size=8 * 2**20):
    return Verifier(bucket, "CRC64NVME").uploaded(file, file.identity, part_size)


def test_an_upload_is_the_same_if_the_bucket_holds_the_files_content(bucket, file):
    bucket.put("p/film.mov", CONTENT)
    assert uploaded(bucket, file).kind is VerdictKind.SAME


def test_an_upload_in_parts_is_proven_with_the_part_size_that_was_used(bucket, file):
    bucket.put("p/film.mov", CONTENT, part_size=6)
    assert uploaded(bucket, file, part_size=6).method == "ETag-multipart"
    assert bucket.asked["part_size"] == 0


def test_a_truncated_object_is_different(bucket, file):
    bucket.put("p/film.mov", CONTENT[:-1])
    assert uploaded(bucket, file).kind is VerdictKind.DIFFERENT


def test_an_object_that_is_not_there_is_missing(bucket, file):
    assert uploaded(bucket, file).kind is VerdictKind.MISSING


def change_content(path):
    path.write_bytes(CONTENT.upper())


def grow(path):
    path.write_bytes(CONTENT + b"more")


def change_content_and_set_mtime_back(path):
    before = path.stat()
    path.write_bytes(CONTENT.upper())
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace(path):
    other = path.with_name("other")
    other.write_bytes(CONTENT)
    other.replace(path)


@pytest.mark.parametrize("change", [change_content, grow, change_content_and_set_mtime_back, replace])
def test_a_file_that_changed_since_it_was_handed_to_s5cmd_is_changed(bucket, file, change, tmp_path):
    bucket.put("p/film.mov", CONTENT)
    os.utime(file.path, ns=(1, 1))
    path = tmp_path / "film.mov"
    looked_at = file._replace(identity=identity_of(path.stat()))
    wait_for_the_clock_of_the_file_system(tmp_path, looked_at.identity)
    change(path)
    assert uploaded(bucket, looked_at).kind is VerdictKind.CHANGED


def wait_for_the_clock_of_the_file_system(folder, identity):
    """Its times move in steps of some milliseconds; a change within one step would leave no trace."""
    probe = folder / "probe"
    while True:
        probe.write_bytes(b"")
        if probe.stat().st_ctime_ns > identity.ctime_ns:
            return


def test_a_file_that_changes_while_its_checksum_is_computed_is_changed(bucket, file, tmp_path):
    """Whatever the comparison says: what was read is neither the old content nor the new one."""
    bucket.put("p/film.mov", CONTENT)
    wait_for_the_clock_of_the_file_system(tmp_path, file.identity)
    original = checksums.etag_single

    def slow(opened, *arguments, **keywords):
        result = original(opened, *arguments, **keywords)
        (tmp_path / "film.mov").write_bytes(CONTENT)
        return result

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(checksums, "etag_single", slow)
        assert uploaded(bucket, file).kind is VerdictKind.CHANGED


def test_a_file_that_was_replaced_while_its_checksum_was_computed_is_changed(bucket, file, tmp_path):
    """The open file is unchanged, but it is no longer the one at the path."""
    bucket.put("p/film.mov", CONTENT)
    original = checksums.etag_single

    def slow(opened, *arguments, **keywords):
        replace(tmp_path / "film.mov")
        return original(opened, *arguments, **keywords)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(checksums, "etag_single", slow)
        assert uploaded(bucket, file).kind is VerdictKind.CHANGED


def test_a_file_whose_folder_was_replaced_while_its_checksum_was_computed_is_changed(bucket, tmp_path):
    """Nothing about the open file tells, not even its times: only its path leads to another one."""
    bucket.put("p/day/film.mov", CONTENT)
    folder = tmp_path / "day"
    folder.mkdir()
    (folder / "film.mov").write_bytes(CONTENT)
    file = LocalFile(
        str(folder / "film.mov"), "day/film.mov", "p/day/film.mov", identity_of((folder / "film.mov").stat())
    )
    original = checksums.etag_single

    def slow(opened, *arguments, **keywords):
        folder.rename(tmp_path / "day of before")
        folder.mkdir()
        (folder / "film.mov").write_bytes(CONTENT.upper())
        return original(opened, *arguments, **keywords)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(checksums, "etag_single", slow)
        assert uploaded(bucket, file).kind is VerdictKind.CHANGED


def test_a_file_that_is_known_to_have_changed_is_not_read_to_its_end(bucket, file, tmp_path, monkeypatch):
    bucket.put("p/film.mov", CONTENT)
    grow(tmp_path / "film.mov")
    monkeypatch.setattr(checksums, "etag_single", lambda *arguments, **keywords: pytest.fail("read"))
    assert uploaded(bucket, file).kind is VerdictKind.CHANGED


def test_a_file_that_was_deleted_is_changed(bucket, file, tmp_path):
    bucket.put("p/film.mov", CONTENT)
    (tmp_path / "film.mov").unlink()
    verdict = uploaded(bucket, file)
    assert verdict.kind is VerdictKind.CHANGED
    assert "deleted" in verdict.message


def test_a_file_that_cannot_be_read_is_no_proof(bucket, file, tmp_path):
    """A folder in its place, because root may read every file."""
    bucket.put("p/film.mov", CONTENT)
    (tmp_path / "film.mov").unlink()
    (tmp_path / "film.mov").mkdir()
    assert uploaded(bucket, file).kind is VerdictKind.UNREADABLE


def test_a_bucket_that_does_not_answer_is_no_verdict(bucket, file):
    bucket.failures["head"] = AccessError("refused")
    with pytest.raises(AccessError):
        uploaded(bucket, file)


def test_a_proof_that_is_stopped_gives_no_verdict(bucket, file):
    bucket.put("p/film.mov", CONTENT)
    verifier = Verifier(bucket, "CRC64NVME")
    verifier.stop()
    with pytest.raises(ReadingStopped):
        verifier.uploaded(file, file.identity, 10)


# --- names that servers rewrite


@pytest.mark.parametrize("key", ["p/a\\b", "p/a\nb", "p/a\tb", "p/a\x7fb"])
def test_an_object_that_is_listed_under_another_key_is_renamed(bucket, file, key):
    bucket.rewrites_backslash = True
    bucket.put("p/other", CONTENT)
    odd = file._replace(key=key)
    assert uploaded(bucket, odd).kind is VerdictKind.RENAMED


def test_a_special_name_that_the_server_keeps_is_proven_by_its_content(bucket, file):
    bucket.put("p/a\\b", CONTENT)
    assert uploaded(bucket, file._replace(key="p/a\\b")).kind is VerdictKind.SAME


def test_an_ordinary_name_costs_no_request(bucket, file):
    bucket.put("p/film.mov", CONTENT)
    uploaded(bucket, file)
    assert bucket.asked["holds_key"] == 0


# --- objects that were there before


def test_an_object_that_was_there_is_proven_with_the_parts_that_the_server_tells(bucket, file):
    bucket.put("p/film.mov", CONTENT, part_size=6)
    assert Verifier(bucket, "CRC64NVME").present(file).method == "ETag-multipart"


def test_an_object_that_was_there_is_unproven_where_the_server_does_not_tell_its_parts(bucket, file):
    bucket.put("p/film.mov", CONTENT, part_size=6)
    bucket.tells_part_size = False
    assert Verifier(bucket, "CRC64NVME").present(file).kind is VerdictKind.UNPROVEN


def test_a_header_that_is_known_is_not_asked_for_again(bucket, file):
    bucket.put("p/film.mov", CONTENT)
    known = bucket.head("p/film.mov")
    Verifier(bucket, "CRC64NVME").present(file, known)
    assert bucket.asked["head"] == 1


def test_an_object_that_was_there_and_is_gone_is_missing_and_s5cmd_is_not_blamed(bucket, file):
    verdict = Verifier(bucket, "CRC64NVME").present(file)
    assert verdict.kind is VerdictKind.MISSING
    assert "s5cmd" not in verdict.message


# --- without a request: by what an earlier proof recorded


METHODS = [
    *((name, 0) for name in limits.ALGORITHMS),
    *((f"{name}-composite", 6) for name in ("SHA256", "CRC32C", "SHA1", "CRC32")),
    ("ETag", 0),
    ("ETag-multipart", 6),
]


def stored_by(method, part_size):
    """What S3 shows of CONTENT by that method, and what a proof by it therefore records."""
    if method == "ETag":
        return head(etag=MD5)
    if method == "ETag-multipart":
        return head(etag=multipart_etag(CONTENT, part_size))
    if not part_size:
        return head(etag="x", stored={method: checksums.full_object(io.BytesIO(CONTENT), method)})
    algorithm = method[: -len("-composite")]
    composite = checksums.composite(io.BytesIO(CONTENT), algorithm, part_size)
    return head(etag="x", stored={algorithm: composite}, kind="COMPOSITE")


@pytest.mark.parametrize(("method", "part_size"), METHODS)
def test_every_proof_can_be_repeated_from_its_record_alone(bucket, file, tmp_path, method, part_size):
    proof = verdict_on(stored_by(method, part_size), algorithm=method.split("-")[0], part_size=lambda: part_size)
    assert (proof.kind, proof.method) == (VerdictKind.SAME, method)
    verifier = Verifier(bucket, "CRC64NVME")
    assert verifier.recorded(file, proof) == proof
    path = tmp_path / "film.mov"
    path.write_bytes(CONTENT.swapcase())
    changed = file._replace(identity=identity_of(path.stat()))
    assert verifier.recorded(changed, proof).kind is VerdictKind.DIFFERENT
    assert not bucket.asked


@pytest.mark.parametrize("method", ["ETag-multipart", "SHA256-composite"])
def test_a_record_without_the_size_of_the_parts_proves_nothing(bucket, file, method):
    proof = Verdict(VerdictKind.SAME, method, "", "x", "y-3")
    assert Verifier(bucket, "CRC64NVME").recorded(file, proof).kind is VerdictKind.UNPROVEN


def test_a_file_that_changes_while_it_is_compared_with_its_record_is_changed(bucket, file, tmp_path):
    (tmp_path / "film.mov").write_bytes(CONTENT + b"more")
    proof = Verdict(VerdictKind.SAME, "ETag", "", MD5, MD5)
    assert Verifier(bucket, "CRC64NVME").recorded(file, proof).kind is VerdictKind.CHANGED


# --- small objects by the ETags of a listing


@pytest.fixture
def some(tmp_path):
    """Files a, b, c as they were handed to s5cmd."""
    made = []
    for name in "abc":
        path = tmp_path / name
        path.write_bytes(name.encode() * 5)
        file = LocalFile(str(path), name, f"p/{name}", identity_of(path.stat()))
        made.append(Uploaded(file, file.identity))
    return made


def by_listing(bucket, files):
    return Verifier(bucket, "CRC64NVME").in_listing(files, "p/")


def store(bucket, files):
    for name in (uploaded.file.relative for uploaded in files):
        bucket.put(f"p/{name}", name.encode() * 5)


def test_one_listing_proves_many_small_objects(bucket, some):
    store(bucket, some)
    etags = {key: hashlib.md5(stored.content).hexdigest() for key, stored in bucket.objects.items()}
    assert by_listing(bucket, some) == {
        key: Verdict(VerdictKind.SAME, "ETag", "", etag, etag) for key, etag in etags.items()
    }
    assert bucket.asked == {"list": 1}


def test_an_etag_that_is_not_the_md5_proves_neither_way(bucket, some):
    """The server may have encrypted the object; its header must tell."""
    store(bucket, some)
    bucket.objects["p/a"].etag = "0" * 32
    bucket.put("p/b", b"other")
    verdicts = by_listing(bucket, some)
    assert (verdicts["p/a"], verdicts["p/b"]) == (None, None)
    assert verdicts["p/c"].kind is VerdictKind.SAME


def test_an_object_that_the_listing_does_not_show_gets_no_verdict(bucket, some):
    store(bucket, some[1:])
    assert set(by_listing(bucket, some)) == {"p/b", "p/c"}


def test_a_small_file_that_changed_since_it_was_handed_over_is_changed(bucket, some, tmp_path):
    store(bucket, some)
    (tmp_path / "a").write_bytes(b"other content")
    assert by_listing(bucket, some)["p/a"].kind is VerdictKind.CHANGED


def test_without_a_readable_file_nothing_is_listed(bucket, some, tmp_path):
    for uploaded_file in some:
        (tmp_path / uploaded_file.file.relative).unlink()
    assert {verdict.kind for verdict in by_listing(bucket, some).values()} == {VerdictKind.CHANGED}
    assert not bucket.asked


def test_the_listing_begins_and_ends_with_the_files_that_are_asked_for(bucket, some):
    """Whatever else is stored before and after them costs nothing."""
    store(bucket, some)
    for number in range(50):
        bucket.put(f"p/A{number:02}", b"x")
        bucket.put(f"p/z{number:02}", b"x")
    shown = []
    real_list = bucket.list

    def listing(prefix, start_after=""):
        for entry in real_list(prefix, start_after):
            shown.append(entry.key)
            yield entry

    bucket.list = listing
    assert len(by_listing(bucket, some[1:])) == 2
    assert shown[-1] == "p/c"
    assert "p/z00" not in shown


def test_objects_of_others_between_ours_end_the_listing_at_last(bucket, some):
    """A million of them must not be listed for the sake of three; the header of each of the three is asked for then."""
    store(bucket, some)
    for number in range(3000):
        bucket.put(f"p/b{number:04}", b"x")
    assert set(by_listing(bucket, some)) == {"p/a", "p/b"}


def test_a_proof_by_listing_that_is_stopped_gives_no_verdict(bucket, some):
    store(bucket, some)
    verifier = Verifier(bucket, "CRC64NVME")
    verifier.stop()
    with pytest.raises(ReadingStopped):
        verifier.in_listing(some, "p/")


def test_a_key_that_the_server_rewrote_is_not_proven_by_another_ones_etag(bucket, tmp_path):
    path = tmp_path / "a"
    path.write_bytes(CONTENT)
    file = LocalFile(str(path), "a\\b", "p/a\\b", identity_of(path.stat()))
    bucket.rewrites_backslash = True
    bucket.put("p/a\\b", CONTENT)
    assert by_listing(bucket, [Uploaded(file, file.identity)]) == {}


# --- words


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"size": 7}, "size went from 5 to 7 bytes"),
        ({"inode": 9}, "replaced by another file"),
        ({"device": 9}, "replaced by another file"),
        ({"mtime_ns": 9}, "modification or status time"),
        ({"ctime_ns": 9}, "modification or status time"),
    ],
)
def test_a_change_is_described_for_people(changed, words):
    before = Identity(5, 1, 1, 1, 1)
    assert words in describe_change(before, before._replace(**changed))
