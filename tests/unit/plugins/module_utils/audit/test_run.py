# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What an audit says of every kind of file and object, and what it asks the server for that.

The bucket is in memory; real servers are asked in tests/integration/sync/test_audit.py.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import threading
import time
import tracemalloc

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.audit import prover
from ansible_collections.datasync.turbo.plugins.module_utils.audit import run as audit
from ansible_collections.datasync.turbo.plugins.module_utils.audit.request import AuditRequest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import (
    AccessError,
    CredentialsError,
    EndpointError,
    Interrupted,
)
from ansible_collections.datasync.turbo.plugins.module_utils.common.interrupt import Interrupt
from ansible_collections.datasync.turbo.plugins.module_utils.job import lock
from ansible_collections.datasync.turbo.plugins.module_utils.job.job import Job
from ansible_collections.datasync.turbo.plugins.module_utils.job.local_file import Identity
from ansible_collections.datasync.turbo.plugins.module_utils.job.memory import RunMemory, remembered
from ansible_collections.datasync.turbo.plugins.module_utils.job.state import Row, Watch
from ansible_collections.datasync.turbo.plugins.module_utils.job.state_file import open_state
from ansible_collections.datasync.turbo.plugins.module_utils.proof import checksums, verify
from ansible_collections.datasync.turbo.plugins.module_utils.report import manifest
from ansible_collections.datasync.turbo.plugins.module_utils.report.log import Log
from ansible_collections.datasync.turbo.plugins.module_utils.s3.connection import Connection

#: Larger than what the ETag of a listing may prove.
LARGE = 2 * 1024 * 1024
NO_FINDING = {"differs": 0, "missing": 0, "unverifiable": 0, "extra": 0}


def crc64nvme(content):
    return checksums.full_object(io.BytesIO(content), "CRC64NVME")


def sha256(content):
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


def hexadecimal(content):
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def run_audit(monkeypatch, bucket, source, tmp_path):
    """Audit the folder `source` against the bucket in memory: `run_audit(allow_download=True, shard=...)`."""
    monkeypatch.setattr(audit, "Bucket", lambda connection, name, pool_size: bucket)
    of_request = set(AuditRequest.__dataclass_fields__) - {"source"}

    def run(compare="tree", interrupt=None, log=None, **options):
        request = AuditRequest(compare, **{name: options.pop(name) for name in list(options) if name in of_request})
        given = {"src": str(source), "bucket": "archive", "prefix": "p", "lock_path": str(tmp_path / "lock")}
        job = Job.from_options({**given, **options})
        return audit.run(job, request, log or Log(), interrupt or Interrupt())

    return run


def put_both(source, bucket, name, content, stored=None, **properties):
    """A file and its object, which are the same unless `stored` says otherwise."""
    path = source / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    bucket.put(f"p/{name}", content if stored is None else stored, **properties)


def counts(result):
    """The counts that are not zero."""
    return {kind: count for kind, count in result.counts.items() if count}


def only(result, kind):
    """The one finding of a kind."""
    (finding,) = result.findings[kind]
    return finding


# --- a tree: the verdicts


def test_a_tree_that_is_stored_is_ok_and_says_by_what(run_audit, source, bucket):
    put_both(source, bucket, "a.txt", b"a")
    put_both(source, bucket, "deep/b.txt", b"")
    put_both(source, bucket, "film.mov", b"f" * LARGE, part_size=LARGE // 2)
    result = run_audit()
    assert (result.exit_code, result.status) == (0, "success")
    assert result.counts == {"ok": 3, **NO_FINDING}
    assert result.methods == {"ETag": 2, "ETag-multipart": 1}
    assert (result.bytes, result.objects) == (LARGE + 1, 3)


def test_a_small_file_costs_no_request_of_its_own(run_audit, source, bucket):
    put_both(source, bucket, "a.txt", b"a")
    put_both(source, bucket, "b.txt", b"b")
    run_audit()
    assert dict(bucket.asked) == {"check": 1, "list": 1}


def test_a_large_file_costs_one_header(run_audit, source, bucket):
    content = b"f" * LARGE
    put_both(source, bucket, "film.mov", content, checksums={"CRC64NVME": crc64nvme(content)})
    assert run_audit().methods == {"CRC64NVME": 1}
    assert bucket.asked["head"] == 1


@pytest.mark.parametrize("size", [5, LARGE])
def test_an_object_of_the_same_size_and_other_content_differs(run_audit, source, bucket, size):
    put_both(source, bucket, "film.mov", b"a" * size, stored=b"b" * size)
    result = run_audit()
    assert (result.exit_code, counts(result)) == (5, {"differs": 1})
    finding = only(result, "differs")
    assert (finding.path, finding.key, finding.method) == ("film.mov", "p/film.mov", "ETag")


def test_an_object_of_another_size_differs(run_audit, source, bucket):
    put_both(source, bucket, "film.mov", b"content", stored=b"conten")
    result = run_audit()
    assert (result.exit_code, only(result, "differs").method) == (5, "size")


def test_a_file_without_an_object_is_missing(run_audit, source):
    (source / "a.txt").write_bytes(b"a")
    result = run_audit()
    assert (result.exit_code, counts(result)) == (4, {"missing": 1})
    assert only(result, "missing").key == "p/a.txt"


def test_an_object_without_a_file_is_extra_and_no_failure(run_audit, source, bucket):
    put_both(source, bucket, "a.txt", b"a")
    bucket.put("p/old.txt", b"old")
    result = run_audit()
    assert (result.exit_code, counts(result)) == (0, {"ok": 1, "extra": 1})
    assert only(result, "extra").key == "p/old.txt"


def test_an_extra_object_is_a_failure_where_that_is_asked_for(run_audit, source, bucket):
    put_both(source, bucket, "a.txt", b"a")
    bucket.put("p/old.txt", b"old")
    assert run_audit(fail_on_extra=True).exit_code == 4


def test_a_difference_outweighs_what_is_missing(run_audit, source, bucket):
    put_both(source, bucket, "a.txt", b"a", stored=b"b")
    (source / "gone.txt").write_bytes(b"")
    assert run_audit().exit_code == 5


def test_what_lies_beside_the_prefix_does_not_count(run_audit, source, bucket):
    put_both(source, bucket, "a.txt", b"a")
    bucket.put("q/other.txt", b"other")
    assert counts(run_audit()) == {"ok": 1}


@pytest.mark.parametrize("key", ["p/", "p/folder/", "p//double", "p/a/../b"])
def test_a_key_that_cannot_be_a_file_is_not_extra(run_audit, source, bucket, key):
    put_both(source, bucket, "a.txt", b"a")
    bucket.put(key, b"")
    assert counts(run_audit()) == {"ok": 1}


def test_what_the_filters_leave_out_is_neither_missing_nor_extra(run_audit, source, bucket):
    put_both(source, bucket, "a.txt", b"a")
    (source / "b.tmp").write_bytes(b"b")
    bucket.put("p/c.tmp", b"c")
    bucket.put("p/scratch/d.txt", b"d")
    result = run_audit(exclude=["*.tmp", "scratch/*"])
    assert (counts(result), result.skipped) == ({"ok": 1}, 1)


def test_each_shard_answers_for_its_own_part(run_audit, source, bucket):
    for number in range(40):
        put_both(source, bucket, f"{number}.txt", b"a")
        bucket.put(f"p/extra-{number}", b"")
    parts = [run_audit(shard={"index": index, "count": 3}) for index in range(3)]
    assert sum(part.counts["ok"] for part in parts) == sum(part.counts["extra"] for part in parts) == 40
    assert all(0 < part.counts["ok"] < 40 for part in parts)
    assert [part.counts["ok"] + part.in_other_shards for part in parts] == [40] * 3


# --- a tree: what cannot be known


def test_what_cannot_be_read_is_unverifiable_and_named(run_audit, source, bucket):
    put_both(source, bucket, "a.txt", b"a")
    (source / "broken").symlink_to("nowhere")
    result = run_audit()
    assert (result.exit_code, counts(result)) == (4, {"ok": 1, "unverifiable": 1})
    assert only(result, "unverifiable").path == "broken"
    assert "nowhere" in only(result, "unverifiable").message


def test_objects_below_a_folder_that_cannot_be_read_are_not_called_extra(run_audit, source, bucket, monkeypatch):
    put_both(source, bucket, "day/a.txt", b"a")
    bucket.put("p/other.txt", b"")
    real = os.listdir

    def listdir(path):
        if str(path).endswith("day/"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "listdir", listdir)
    result = run_audit()
    assert counts(result) == {"unverifiable": 1, "extra": 1}
    assert only(result, "unverifiable").path == "day"
    assert only(result, "extra").path == "other.txt"


def test_a_file_that_changes_during_the_audit_is_unverifiable(run_audit, source, bucket, monkeypatch):
    put_both(source, bucket, "film.mov", b"a" * LARGE)
    real = bucket.head

    def head(key):
        (source / "film.mov").write_bytes(b"changed")
        return real(key)

    monkeypatch.setattr(bucket, "head", head)
    result = run_audit()
    assert (result.exit_code, counts(result)) == (4, {"unverifiable": 1})
    assert "changed meanwhile" in only(result, "unverifiable").message


@pytest.mark.parametrize("change", ["delete", "write"])
def test_a_file_that_leaves_or_changes_is_not_called_missing(run_audit, source, bucket, monkeypatch, change):
    path = source / "film.mov"
    path.write_bytes(b"a")

    def holds_key(key):
        path.unlink() if change == "delete" else path.write_bytes(b"longer")
        return False

    monkeypatch.setattr(bucket, "holds_key", holds_key)
    assert counts(run_audit()) == {"unverifiable": 1}


def test_an_object_that_was_stored_since_the_listing_is_found(run_audit, source, bucket, monkeypatch):
    (source / "film.mov").write_bytes(b"a")
    real = bucket.holds_key

    def holds_key(key):
        bucket.put("p/film.mov", b"a")
        return real(key)

    monkeypatch.setattr(bucket, "holds_key", holds_key)
    assert counts(run_audit()) == {"ok": 1}


def test_an_object_that_was_replaced_since_the_listing_is_judged_as_it_is_now(run_audit, source, bucket, monkeypatch):
    put_both(source, bucket, "film.mov", b"new content", stored=b"old")
    real = bucket.head

    def head(key):
        bucket.put("p/film.mov", b"new content")
        return real(key)

    monkeypatch.setattr(bucket, "head", head)
    assert counts(run_audit()) == {"ok": 1}


def test_a_file_that_came_after_the_walk_is_not_called_extra(run_audit, source, bucket, monkeypatch):
    put_both(source, bucket, "film.mov", b"a" * LARGE)
    bucket.put("p/new.txt", b"")
    real = bucket.head

    def head(key):
        (source / "new.txt").write_bytes(b"")
        return real(key)

    monkeypatch.setattr(bucket, "head", head)
    assert counts(run_audit()) == {"ok": 1}


def test_a_file_that_may_still_be_written_waits_as_it_does_for_the_upload(run_audit, source, bucket):
    put_both(source, bucket, "film.mov", b"half", stored=b"old")
    result = run_audit(settle_seconds=3600)
    assert (result.exit_code, counts(result), result.deferred) == (0, {}, 1)


def test_an_object_that_nothing_can_prove_is_unverifiable_and_told_what_would_help(run_audit, source, bucket):
    put_both(source, bucket, "a.txt", b"a", encryption="aws:kms", etag="0" * 32)
    result = run_audit()
    assert (result.exit_code, counts(result)) == (4, {"unverifiable": 1})
    assert "aws:kms" in only(result, "unverifiable").message
    assert "attach_sha256 or allow_download would prove it" in only(result, "unverifiable").message


def test_an_empty_source_is_no_success_while_there_are_objects(run_audit, source, bucket):
    bucket.put("p/a.txt", b"a")
    result = run_audit()
    assert (result.exit_code, counts(result)) == (4, {"unverifiable": 1, "extra": 1})
    assert "mounted" in only(result, "unverifiable").message
    assert run_audit(allow_empty_source=True).exit_code == 0
    assert run_audit(after_upload="remove").exit_code == 0, "there files leave the folder"


def test_nothing_in_the_source_and_nothing_in_the_bucket_is_a_success(run_audit):
    assert run_audit().exit_code == 0


def test_a_source_that_is_not_mounted_is_no_audit(run_audit, source, bucket):
    put_both(source, bucket, "a.txt", b"a")
    result = run_audit(require_mount=str(source))
    assert (result.exit_code, result.status, counts(result)) == (4, "failed", {})
    assert "not mounted" in result.error


# --- SHA256


def test_where_sha256_is_asked_for_nothing_else_proves(run_audit, source, bucket):
    put_both(source, bucket, "a.txt", b"a")
    put_both(source, bucket, "b.txt", b"b", checksums={"CRC64NVME": crc64nvme(b"b")})
    put_both(source, bucket, "c.txt", b"c", checksums={"SHA256": sha256(b"c")})
    result = run_audit(checksum_algorithm="SHA256")
    assert (result.exit_code, counts(result), result.methods) == (4, {"ok": 1, "unverifiable": 2}, {"SHA256": 1})
    messages = [finding.message for finding in result.findings["unverifiable"]]
    assert "no SHA256, although its ETag agrees" in messages[0]
    assert "no SHA256, although its CRC64NVME agrees" in messages[1]


def test_a_sha256_of_the_parts_proves_where_the_parts_are_known(run_audit, source, bucket):
    content = b"film" * 10
    composite = {"SHA256": checksums.composite(io.BytesIO(content), "SHA256", 16)}
    put_both(source, bucket, "film.mov", content, part_size=16, checksums=composite, checksum_type="COMPOSITE")
    assert run_audit(checksum_algorithm="SHA256").methods == {"SHA256-composite": 1}
    bucket.tells_part_size = False
    result = run_audit(checksum_algorithm="SHA256")
    assert "server stored no checksum" in only(result, "unverifiable").message


def test_what_another_checksum_shows_to_differ_differs_without_more(run_audit, source, bucket):
    put_both(source, bucket, "a.txt", b"a", stored=b"b")
    result = run_audit(checksum_algorithm="SHA256", allow_download=True)
    assert (result.exit_code, only(result, "differs").method, result.bytes_downloaded) == (5, "ETag", 0)


def test_the_sha256_in_the_metadata_is_a_claim_and_no_proof(run_audit, source, bucket):
    put_both(source, bucket, "a.txt", b"a", metadata={"sha256": hexadecimal(b"a")})
    assert counts(run_audit(checksum_algorithm="SHA256")) == {"unverifiable": 1}


def test_an_audit_proves_even_where_uploads_are_not_verified(run_audit, source, bucket):
    put_both(source, bucket, "a.txt", b"a", stored=b"b")
    result = run_audit(checksum_algorithm="NONE")
    assert (result.exit_code, result.algorithm) == (5, "CRC64NVME")


class Body(io.BytesIO):
    """The body of an answer; fails after as many bytes as `breaks_after` says."""

    def __init__(self, content, breaks_after=None):
        super().__init__(content)
        self._breaks_after = breaks_after

    def read(self, size=-1):
        if self._breaks_after is not None and self.tell() >= self._breaks_after:
            raise ConnectionResetError(104, "Connection reset by peer")
        return super().read(1 if self._breaks_after is not None else size)


class Client:
    """The requests of a botocore client that an audit makes, on the bucket in memory. `copies`: it stores checksums."""

    def __init__(self, bucket, copies=True):
        self._bucket = bucket
        self._copies = copies
        self.copied = []
        self.bodies = []

    def get_object(self, Bucket, Key, IfMatch):
        stored = self._bucket.objects[Key]
        assert IfMatch == f'"{stored.shown_etag()}"'
        return {"Body": self.bodies.pop(0) if self.bodies else Body(stored.content)}

    def head_object(self, Bucket, Key):
        stored = self._bucket.objects[Key]
        return {"ContentLength": len(stored.content), "ETag": f'"{stored.shown_etag()}"', "Metadata": stored.metadata}

    def copy_object(self, Bucket, Key, **parameters):
        self.copied.append(Key)
        if self._copies:
            self._bucket.objects[Key].checksums["SHA256"] = sha256(self._bucket.objects[Key].content)


@pytest.fixture
def client(bucket, monkeypatch):
    """The client of the bucket in memory."""
    client = Client(bucket)
    bucket.name = "archive"
    bucket.client = client
    monkeypatch.setattr(Connection, "client", lambda *arguments, **options: client)
    return client


@pytest.mark.parametrize("size", [1, LARGE])
def test_a_download_proves_what_nothing_stored_can(run_audit, source, bucket, client, size):
    put_both(source, bucket, "same.mov", b"a" * size)
    put_both(source, bucket, "kms.mov", b"a" * size, stored=b"b" * size, encryption="aws:kms")
    result = run_audit(checksum_algorithm="SHA256", allow_download=True)
    assert (result.exit_code, result.methods) == (5, {"download": 1})
    assert (only(result, "differs").path, only(result, "differs").method) == ("kms.mov", "download")
    assert "the SHA256 of what was downloaded is" in only(result, "differs").message
    assert result.bytes_downloaded == 2 * size


def test_a_download_that_breaks_is_begun_again(run_audit, source, bucket, client):
    put_both(source, bucket, "a.txt", b"content")
    client.bodies = [Body(b"content", breaks_after=3)]
    result = run_audit(checksum_algorithm="SHA256", allow_download=True)
    assert (result.methods, result.bytes_downloaded) == ({"download": 1}, 7 + 3)


def test_a_download_that_always_breaks_ends_the_audit(run_audit, source, bucket, client):
    put_both(source, bucket, "a.txt", b"content")
    client.bodies = [Body(b"content", breaks_after=0) for _attempt in range(prover.DOWNLOADS)]
    result = run_audit(checksum_algorithm="SHA256", allow_download=True)
    assert (result.exit_code, result.status) == (3, "failed")
    assert "'p/a.txt'" in result.error and "reset" in result.error


def test_an_attached_sha256_proves(run_audit, source, bucket, client):
    for name in ("a.txt", "b.txt"):
        put_both(source, bucket, name, name.encode())
    result = run_audit(checksum_algorithm="SHA256", attach_sha256=True)
    assert (result.exit_code, result.methods, result.attached) == (0, {"SHA256": 2}, 2)
    assert run_audit(checksum_algorithm="SHA256", attach_sha256=True).attached == 0


def test_an_answer_without_an_error_is_no_checksum_and_is_tried_once(run_audit, source, bucket, client):
    client._copies = False
    for number in range(5):
        put_both(source, bucket, f"{number}.txt", b"a")
    result = run_audit(checksum_algorithm="SHA256", attach_sha256=True)
    assert (result.exit_code, counts(result), result.attached) == (4, {"unverifiable": 5}, 1)
    assert len(client.copied) == 1
    assert "stored none with it" in " ".join(finding.message for finding in result.findings["unverifiable"])
    assert all("allow_download would prove it" in finding.message for finding in result.findings["unverifiable"])


def test_where_attaching_fails_a_download_proves(run_audit, source, bucket, client):
    client._copies = False
    put_both(source, bucket, "a.txt", b"a")
    result = run_audit(checksum_algorithm="SHA256", attach_sha256=True, allow_download=True)
    assert (result.exit_code, result.methods) == (0, {"download": 1})


def test_a_dry_run_attaches_nothing_and_says_what_it_would(run_audit, source, bucket, client):
    put_both(source, bucket, "a.txt", b"a")
    result = run_audit(checksum_algorithm="SHA256", attach_sha256=True, dry_run=True)
    assert (client.copied, result.attached) == ([], 1)
    assert "would be attached" in only(result, "unverifiable").message


def test_the_next_upload_must_not_trust_the_times_of_copies(run_audit, source, bucket, client, tmp_path):
    put_both(source, bucket, "a.txt", b"a")
    before = int(time.time())
    run_audit(checksum_algorithm="SHA256", attach_sha256=True)
    options = {"src": str(source), "bucket": "archive", "prefix": "p", "lock_path": str(tmp_path / "lock")}
    job = Job.from_options(options)
    assert before <= remembered(job).unproven_since <= time.time()


@pytest.mark.parametrize("compared", ["tree", "manifest"])
def test_copies_of_files_that_the_filters_leave_out_are_remembered_beyond_the_filters(
    run_audit, source, bucket, client, sums, tmp_path, compared
):
    """A manifest names files that the job's filters leave out now, and their copies look newer too."""
    put_both(source, bucket, "a.txt", b"a")
    path = {"manifest": sums({"a.txt": b"a"})} if compared == "manifest" else {}
    run_audit(compared, attach_sha256=True, checksum_algorithm="SHA256", exclude=["*.log"], **path)
    job = Job(src=str(source), bucket="archive", prefix="p/", exclude=("*.log",), lock_path=str(tmp_path / "lock"))
    with lock.held(job) as held:
        RunMemory(job, held).all_proven(listed=False)
    assert (remembered(job).unproven_since is None) == (compared == "tree")


def test_an_audit_that_attaches_does_not_run_beside_an_upload(run_audit, source, bucket, client, tmp_path):
    put_both(source, bucket, "a.txt", b"a")
    job = Job.from_options({"src": str(source), "bucket": "archive", "lock_path": str(tmp_path / "lock")})
    with lock.held(job):
        result = run_audit(checksum_algorithm="SHA256", attach_sha256=True)
        assert (result.exit_code, client.copied) == (75, [])
        assert run_audit().exit_code == 0, "an audit that only looks needs no lock"


# --- a manifest


@pytest.fixture
def sums(tmp_path):
    """Write a manifest: `sums({"a.txt": b"content"})`; returns its path."""

    def make(contents):
        path = str(tmp_path / "SHA256SUMS")
        with manifest.writing(path) as writer:
            for name, content in contents.items():
                writer.add(hexadecimal(content), name)
        return path

    return make


def test_a_manifest_needs_no_local_file(run_audit, sums, bucket):
    bucket.put("p/same.txt", b"same", checksums={"SHA256": sha256(b"same")})
    bucket.put("p/other.txt", b"other", checksums={"SHA256": sha256(b"other")})
    bucket.put("p/plain.txt", b"plain", checksums={"CRC64NVME": crc64nvme(b"plain")})
    bucket.put("p/more.txt", b"more")
    path = sums({"same.txt": b"same", "other.txt": b"0ther", "plain.txt": b"plain", "gone.txt": b""})
    result = run_audit("manifest", manifest=path)
    assert result.exit_code == 5
    assert counts(result) == {"ok": 1, "differs": 1, "unverifiable": 1, "missing": 1, "extra": 1}
    assert {kind: only(result, kind).path for kind in result.findings} == {
        "differs": "other.txt",
        "unverifiable": "plain.txt",
        "missing": "gone.txt",
        "extra": "more.txt",
    }
    assert (result.bytes, result.methods) == (4, {"SHA256": 1})
    expected = f"the stored SHA256 is {hexadecimal(b'other')}, {hexadecimal(b'0ther')} is expected"
    assert only(result, "differs").message == expected, "as it stands in the manifest"


def test_a_stored_checksum_that_is_no_base64_proves_nothing(run_audit, sums, bucket):
    bucket.put("p/a.txt", b"a", checksums={"SHA256": "ä!"})
    assert counts(run_audit("manifest", manifest=sums({"a.txt": b"a"}))) == {"unverifiable": 1}


def test_a_manifest_is_compared_by_download_where_no_sha256_of_the_whole_is_stored(run_audit, sums, bucket, client):
    bucket.put("p/a.txt", b"a")
    composite = {"SHA256": checksums.composite(io.BytesIO(b"film"), "SHA256", 2)}
    bucket.put("p/film.mov", b"film", checksums=composite, checksum_type="COMPOSITE", part_size=2)
    path = sums({"a.txt": b"a", "film.mov": b"film"})
    assert run_audit("manifest", manifest=path).counts["unverifiable"] == 2
    result = run_audit("manifest", manifest=path, allow_download=True)
    assert (result.exit_code, result.methods) == (0, {"download": 2})


def test_an_attached_sha256_proves_a_line(run_audit, sums, bucket, client):
    bucket.put("p/a.txt", b"a")
    result = run_audit("manifest", manifest=sums({"a.txt": b"a"}), attach_sha256=True)
    assert (result.exit_code, result.methods) == (0, {"SHA256": 1})


def test_a_copy_in_parts_would_give_a_line_nothing_and_is_not_made(run_audit, sums, bucket, client, monkeypatch):
    monkeypatch.setattr(audit, "MAX_COPY_SIZE", 3)
    bucket.put("p/film.mov", b"film")
    result = run_audit("manifest", manifest=sums({"film.mov": b"film"}), attach_sha256=True)
    assert client.copied == []
    assert "too large" in only(result, "unverifiable").message


def test_a_line_that_is_there_twice_is_compared_twice(run_audit, tmp_path, bucket):
    bucket.put("p/a.txt", b"a", checksums={"SHA256": sha256(b"a")})
    path = tmp_path / "SHA256SUMS"
    path.write_text(f"{hexadecimal(b'a')}  a.txt\n{hexadecimal(b'b')}  ./a.txt\n")
    assert counts(run_audit("manifest", manifest=str(path))) == {"ok": 1, "differs": 1}


def test_a_name_that_no_object_can_have_is_missing(run_audit, sums):
    result = run_audit("manifest", manifest=sums({"bad\udcff": b"", "long" * 300: b""}))
    assert [finding.path[:6] for finding in result.findings["missing"]] == ["bad\\xf", "longlo"]
    assert "SHA256SUMS:1" in result.findings["missing"][0].message


def test_a_manifest_that_cannot_be_read_ends_the_audit(run_audit, tmp_path):
    (tmp_path / "SHA256SUMS").write_text("hello\n")
    result = run_audit("manifest", manifest=str(tmp_path / "SHA256SUMS"))
    assert (result.exit_code, result.status) == (1, "failed")
    assert "SHA256SUMS:1" in result.error


# --- the state file


@pytest.fixture
def record(source, tmp_path):
    """Write rows to a state file as a run does, and remember it in the lock file; returns the path."""

    def make(*rows):
        path = tmp_path / "job.state"
        options = {"src": str(source), "bucket": "archive", "prefix": "p", "lock_path": str(tmp_path / "lock")}
        job = Job.from_options({**options, "state_path": str(path)})
        with lock.held(job) as held:
            memory = RunMemory(job, held)
            state, _trusted = open_state(job, "", memory.state, Watch(pytest.fail, memory.state_marked))
            for row in rows:
                state.remember(row)
            state.commit()
            state.close()
        return str(path)

    return make


def row(name, content, method="ETag", **changes):
    etag = hashlib.md5(content).hexdigest()
    values = {"etag": etag, "method": method, "checksum": etag, **changes}
    return Row(name, Identity(len(content), 1, 1, 1, 1), **values)


def test_the_state_file_needs_no_local_file_and_no_request_of_its_own(run_audit, record, bucket):
    bucket.put("p/a.txt", b"a")
    bucket.put("p/more.txt", b"")
    result = run_audit("state", state_path=record(row("a.txt", b"a")))
    assert (result.exit_code, counts(result), result.methods) == (0, {"ok": 1, "extra": 1}, {"recorded-ETag": 1})
    assert dict(bucket.asked) == {"check": 1, "list": 1}


def test_an_object_that_is_not_the_one_that_was_proven_differs_or_is_missing(run_audit, record, bucket):
    bucket.put("p/a.txt", b"b")
    bucket.put("p/size.txt", b"longer")
    path = record(row("a.txt", b"a"), row("size.txt", b"long"), row("gone.txt", b""))
    result = run_audit("state", state_path=path)
    assert (result.exit_code, counts(result)) == (5, {"differs": 2, "missing": 1})
    assert [finding.method for finding in result.findings["differs"]] == ["ETag", "size"]


@pytest.mark.parametrize(
    ("method", "checksum", "kind", "stored"),
    [
        ("CRC64NVME", crc64nvme(b"film"), "FULL_OBJECT", {"CRC64NVME": crc64nvme(b"film")}),
        ("SHA256-composite", "c2hh-2", "COMPOSITE", {"SHA256": "c2hh-2"}),
    ],
)
def test_an_object_with_another_etag_is_the_same_by_the_recorded_checksum(
    run_audit, record, bucket, method, checksum, kind, stored
):
    bucket.put("p/film.mov", b"film", etag="moved", checksums=stored, checksum_type=kind)
    result = run_audit("state", state_path=record(row("film.mov", b"film", method, checksum=checksum, part_size=2)))
    assert (result.exit_code, result.methods) == (0, {method: 1})


def test_a_checksum_of_other_parts_says_nothing(run_audit, record, bucket):
    bucket.put("p/film.mov", b"film", part_size=1)
    recorded = row("film.mov", b"film", "ETag-multipart", etag="old-2", checksum="old-2", part_size=2)
    result = run_audit("state", state_path=record(recorded))
    assert "other parts" in only(result, "unverifiable").message
    assert "allow_download" not in only(result, "unverifiable").message, "there is no SHA256 to compare with"


def test_a_checksum_of_the_same_parts_that_differs_is_a_difference(run_audit, record, bucket):
    bucket.put("p/film.mov", b"film", part_size=2)
    recorded = row("film.mov", b"f1lm", "ETag-multipart", etag="old-2", checksum="0" * 32 + "-2", part_size=2)
    assert run_audit("state", state_path=record(recorded)).exit_code == 5


def test_a_row_without_a_proof_proves_nothing(run_audit, record, bucket):
    bucket.put("p/a.txt", b"a")
    result = run_audit("state", state_path=record(row("a.txt", b"a", "", checksum="")))
    assert "no proof" in only(result, "unverifiable").message


def test_the_recorded_sha256_is_compared_where_sha256_is_asked_for(run_audit, record, bucket, client):
    bucket.put("p/a.txt", b"a", checksums={"SHA256": sha256(b"a")})
    bucket.put("p/b.txt", b"b")
    rows = [row(name, content, sha256=hexadecimal(content)) for name, content in (("a.txt", b"a"), ("b.txt", b"b"))]
    path = record(*rows)
    result = run_audit("state", state_path=path, checksum_algorithm="SHA256")
    assert (result.methods, only(result, "unverifiable").path) == ({"SHA256": 1}, "b.txt")
    result = run_audit("state", state_path=path, checksum_algorithm="SHA256", allow_download=True)
    assert (result.exit_code, result.methods) == (0, {"SHA256": 1, "download": 1})


def test_without_a_state_file_that_can_be_trusted_there_is_no_audit(run_audit, record, tmp_path):
    assert "state_path is missing" in run_audit("state").error
    path = record(row("a.txt", b"a"))
    (tmp_path / "lock").unlink()
    result = run_audit("state", state_path=path)
    assert (result.exit_code, counts(result)) == (1, {})
    assert "job.state" in result.error


def test_a_state_file_that_turns_out_to_be_damaged_ends_the_audit_with_a_reason(run_audit, record):
    path = record(row("a.txt", b"a"))
    with open(path, "r+b") as file:
        file.seek(4096 * 2)
        file.write(b"\xff" * 4096 * 30)
    result = run_audit("state", state_path=path)
    assert (result.exit_code, result.status) == (1, "failed")
    assert "job.state" in result.error
    assert "damaged" in result.error


# --- the run


def test_findings_are_all_counted_and_listed_up_to_the_limit(run_audit, source):
    for number in range(30):
        (source / f"{number:02}.txt").write_bytes(b"")
    result = run_audit(limit=10)
    assert (result.counts["missing"], len(result.findings["missing"])) == (30, 10)
    assert result.findings["missing"] == sorted(result.findings["missing"])
    assert run_audit(limit=0).findings["missing"] == []


@pytest.mark.parametrize(("error", "code"), [(CredentialsError("expired"), 2), (AccessError("refused"), 3)])
@pytest.mark.parametrize("request_name", ["check", "list", "head"])
def test_a_server_that_refuses_ends_the_audit(run_audit, source, bucket, error, code, request_name):
    put_both(source, bucket, "film.mov", b"a" * LARGE)
    bucket.failures[request_name] = error
    result = run_audit()
    assert (result.exit_code, result.status, result.error) == (code, "failed", str(error))
    assert result.counts["ok"] == 0


def test_a_server_that_goes_silent_ends_the_audit(run_audit, source, bucket, monkeypatch):
    def too_late(request, late, tick):
        raise late

    monkeypatch.setattr(audit, "answered", too_late)
    assert run_audit().exit_code == 3


def test_a_signal_ends_the_audit_at_once_with_what_was_found(run_audit, source, bucket, monkeypatch):
    put_both(source, bucket, "a.txt", b"a")
    put_both(source, bucket, "film.mov", b"a" * LARGE)
    interrupt, silent = Interrupt(), threading.Event()

    def head(key):
        interrupt.signal_number = 15
        silent.wait(60)

    monkeypatch.setattr(bucket, "head", head)
    began = time.monotonic()
    result = run_audit(interrupt=interrupt)
    silent.set()
    assert time.monotonic() - began < 30
    assert (result.exit_code, result.status, result.error) == (143, "interrupted", str(Interrupted(15)))


def test_the_result_no_longer_changes_once_it_is_told(run_audit, source, bucket, monkeypatch):
    put_both(source, bucket, "film.mov", b"a" * LARGE)
    interrupt, silent = Interrupt(), threading.Event()

    def head(key):
        """The answer of a server that was silent for long: there is no such object."""
        interrupt.signal_number = 15
        silent.wait(60)

    monkeypatch.setattr(bucket, "head", head)
    result = run_audit(interrupt=interrupt)
    before = result.as_dict()
    silent.set()
    for thread in threading.enumerate():
        if thread.name == "pool":
            thread.join(10)
    assert result.as_dict() == before


def test_the_time_limit_of_the_job_counts(run_audit, source, bucket, monkeypatch):
    put_both(source, bucket, "film.mov", b"a" * LARGE)
    silent = threading.Event()
    monkeypatch.setattr(bucket, "head", lambda key: silent.wait(60))
    result = run_audit(interrupt=Interrupt(timeout=1))
    silent.set()
    assert (result.exit_code, result.status) == (4, "failed")
    assert "time limit" in result.error


def test_a_line_says_all(run_audit, source, bucket):
    put_both(source, bucket, "a.txt", b"a")
    put_both(source, bucket, "b.txt", b"b", stored=b"c")
    bucket.put("p/c.txt", b"")
    result = run_audit()
    result.duration_seconds = 1.5
    assert result.summary == "failed: 1 object ok, 1 B (1 by ETag); 1 differs, 1 extra, in 1.5 s, exit code 5"


def test_a_long_audit_says_now_and_then_how_far_it_is(run_audit, source, bucket, monkeypatch):
    monkeypatch.setattr(audit, "LINE_INTERVAL", 0.0)
    put_both(source, bucket, "film.mov", b"a" * LARGE)
    real = bucket.head

    def slow(key):
        time.sleep(0.5)
        return real(key)

    monkeypatch.setattr(bucket, "head", slow)
    stream = io.StringIO()
    run_audit(log=Log(stream))
    assert "compared so far: 0 ok, 0 B; 0 findings" in stream.getvalue()


def test_the_result_is_plain_json(run_audit, source, bucket):
    put_both(source, bucket, "a.txt", b"a")
    bucket.put("p/old.txt", b"")
    told = run_audit().as_dict()
    assert told["counts"] == {"ok": 1, **NO_FINDING, "extra": 1}
    assert told["extra"] == [
        {"path": "old.txt", "key": "p/old.txt", "method": "", "message": "no file of the source is stored there"}
    ]
    assert (told["compared"], told["destination"], told["algorithm"]) == ("tree", "s3://archive/p/", "CRC64NVME")
    assert (told["error"], told["attached"], told["bytes_downloaded"]) == ("", 0, 0)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_files_that_are_well(run_audit, source, bucket, monkeypatch):
    """The listing is in memory, small; tasks, verdicts and files are not."""
    for number in range(3000):
        put_both(source, bucket, f"{number}.txt", b"a")
    run_audit()
    seen = []
    real = verify.Verifier.recorded

    def recorded(self, file, proof):
        if file.relative in ("0.txt", "999.txt"):
            seen.append(tracemalloc.get_traced_memory()[0])
        return real(self, file, proof)

    monkeypatch.setattr(verify.Verifier, "recorded", recorded)
    tracemalloc.start()
    run_audit()
    tracemalloc.stop()
    assert seen[1] - seen[0] < 500_000


def test_an_endpoint_that_refuses_is_not_taken_for_a_refusal_of_one_object(
    run_audit, source, bucket, client, monkeypatch
):
    def unreachable(**parameters):
        raise EndpointError("nobody listens")

    monkeypatch.setattr(client, "copy_object", unreachable)
    put_both(source, bucket, "a.txt", b"a")
    result = run_audit(checksum_algorithm="SHA256", attach_sha256=True)
    assert (result.exit_code, result.error) == (3, "nobody listens")
