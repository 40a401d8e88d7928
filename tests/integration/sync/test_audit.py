# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Audits on a real server, as an operator and a play run them: each source, each verdict, each exit code."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any, Callable

import pytest

from dev.seaweedfs import SeaweedFS

from .conftest import MIB, ProgramRun, Upload
from .fault_proxy import CutAnswer, FaultProxy, Silence

Tree = Callable[..., Path]
EnvFile = Callable[..., Path]
Program = Callable[..., ProgramRun]
RunModule = Callable[..., dict[str, Any]]

ODD_NAMES = {
    "new\nline.txt": b"1",
    "carriage\rreturn.txt": b"2",
    "-dash [*?] #&=%41+.txt": b"3",
    "émoji 🎬/ lead and trail ": b"4",
    "quote'\".txt": b"5",
}


@pytest.fixture
def put(s3_server: SeaweedFS, bucket: str) -> Callable[..., None]:
    """Store an object as another tool would, in one PUT or in parts of 5 MiB: `put("a.txt", b"a", StorageClass=…)`."""
    # This client adds no checksum of its own, as s5cmd adds none.
    client = s3_server.client(request_checksum_calculation="when_required")

    def store(path: str, content: bytes, **extra: Any) -> None:
        key = f"in/box/{path}"
        if len(content) <= 5 * MIB:
            client.put_object(Bucket=bucket, Key=key, Body=content, **extra)
            return
        upload = client.create_multipart_upload(Bucket=bucket, Key=key, **extra)["UploadId"]
        of_part = {name: value for name, value in extra.items() if name == "ChecksumAlgorithm"}
        parts = []
        for number, start in enumerate(range(0, len(content), 5 * MIB), start=1):
            answer = client.upload_part(
                Bucket=bucket,
                Key=key,
                UploadId=upload,
                PartNumber=number,
                Body=content[start : start + 5 * MIB],
                **of_part,
            )
            sums = {name: value for name, value in answer.items() if name.startswith("Checksum")}
            parts.append({"PartNumber": number, "ETag": answer["ETag"], **sums})
        client.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": parts})

    return store


@pytest.fixture
def everything_in(s3: Any, bucket: str) -> Callable[[], list[tuple[str, str, Any]]]:
    """Key, ETag and time of each object: an audit that writes nothing changes none of them."""

    def look() -> list[tuple[str, str, Any]]:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return [
            (entry["Key"], entry["ETag"], entry["LastModified"]) for page in pages for entry in page.get("Contents", ())
        ]

    return look


def counts(result: dict[str, Any]) -> dict[str, int]:
    """The counts that are not zero."""
    return {kind: count for kind, count in result["counts"].items() if count}


# --- a tree


def test_what_was_uploaded_is_ok_and_nothing_is_written(
    tree: Tree, env_file: EnvFile, program: Program, everything_in: Callable[[], Any], tmp_path: Path
) -> None:
    source = tree({"a.txt": b"a", "empty": b"", "film.mov": 12 * MIB, **ODD_NAMES})
    config = env_file(SOURCE_DIR=source, LOG_FILE=tmp_path / "sync.log")
    assert program("sync", "--config", str(config)).returncode == 0
    before, log = everything_in(), (tmp_path / "sync.log").read_text()
    run = program("verify", "--json", "--config", str(config))
    assert (run.returncode, run.result["status"]) == (0, "success")
    assert counts(run.result) == {"ok": 8}
    assert run.result["methods"] == {"ETag": 7, "ETag-multipart": 1}
    assert run.result["bytes"] == 12 * MIB + 6
    assert everything_in() == before
    assert (tmp_path / "sync.log").read_text() == log


def test_each_finding_is_named_on_a_line_and_the_worst_decides(
    tree: Tree, env_file: EnvFile, program: Program, put: Callable[..., None]
) -> None:
    source = tree({"good.txt": b"good", "damaged.txt": b"content", "film.mov": 6 * MIB, "short.txt": b"1234"})
    config = env_file(SOURCE_DIR=source)
    assert program("sync", "--config", str(config)).returncode == 0
    put("damaged.txt", b"c0ntent")
    put("film.mov", bytes(6 * MIB))
    put("short.txt", b"123")
    put("other.txt", b"")
    (source / "new.txt").write_bytes(b"new")
    (source / "secret.txt").write_bytes(b"secret")
    put("secret.txt", b"SECRET")
    (source / "secret.txt").chmod(0)
    (source / "broken").symlink_to("nowhere")
    run = program("verify", "--config", str(config))
    assert run.returncode == 5
    lines = run.stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["differs", "'damaged.txt'"],
        ["differs", "'film.mov'"],
        ["differs", "'short.txt'"],
        ["missing", "'new.txt'"],
        ["unverifiable", "'broken'"],
        ["unverifiable", "'secret.txt'"],
        ["extra", "'other.txt'"],
    ]
    assert "ETag: the stored ETag is" in lines[0]
    assert "size: the object has 3 bytes, the file 4" in lines[2]
    assert "nowhere" in lines[4] and "Permission denied" in lines[5]
    assert "1 object ok" in run.stderr and "exit code 5" in run.stderr
    assert "secret" not in run.stderr


def test_missing_is_4_and_extra_only_where_that_is_asked_for(
    tree: Tree, env_file: EnvFile, program: Program, put: Callable[..., None]
) -> None:
    source = tree({"a.txt": b"a"})
    config = env_file(SOURCE_DIR=source)
    put("a.txt", b"a")
    put("b.txt", b"b")
    assert program("verify", "--config", str(config)).returncode == 0
    assert program("verify", "--fail-on-extra", "--config", str(config)).returncode == 4
    (source / "c.txt").write_bytes(b"c")
    assert program("verify", "--config", str(config)).returncode == 4


@pytest.mark.parametrize(
    ("size", "extra", "method"),
    [
        (1000, {"ChecksumAlgorithm": "CRC64NVME"}, "ETag"),
        (2 * MIB, {"ChecksumAlgorithm": "CRC64NVME"}, "CRC64NVME"),
        (12 * MIB, {"ChecksumAlgorithm": "CRC64NVME", "ChecksumType": "FULL_OBJECT"}, "CRC64NVME"),
        (2 * MIB, {"ChecksumAlgorithm": "CRC32C"}, "CRC32C"),
        (12 * MIB, {"ChecksumAlgorithm": "SHA256", "ChecksumType": "COMPOSITE"}, "SHA256-composite"),
        (12 * MIB, {}, "ETag-multipart"),
    ],
)
def test_an_object_is_proven_by_the_cheapest_that_is_stored(
    size: int,
    extra: dict[str, str],
    method: str,
    tree: Tree,
    env_file: EnvFile,
    program: Program,
    put: Callable[..., None],
) -> None:
    source = tree({"film.mov": size})
    content = (source / "film.mov").read_bytes()
    config = env_file(SOURCE_DIR=source)
    put("film.mov", content, **extra)
    assert program("verify", "--json", "--config", str(config)).result["methods"] == {method: 1}
    put("film.mov", content[:-1] + bytes([content[-1] ^ 1]), **extra)
    run = program("verify", "--json", "--config", str(config))
    assert (run.returncode, counts(run.result)) == (5, {"differs": 1})


def test_a_source_that_was_not_mounted_is_no_success(
    tree: Tree, env_file: EnvFile, program: Program, put: Callable[..., None]
) -> None:
    put("a.txt", b"a")
    config = env_file(SOURCE_DIR=tree({}))
    run = program("verify", "--json", "--config", str(config))
    assert (run.returncode, counts(run.result)) == (4, {"unverifiable": 1, "extra": 1})
    missing = program("verify", "--json", "--config", str(env_file(SOURCE_DIR="/nowhere")))
    assert (missing.returncode, missing.result["status"]) == (1, "failed")


# --- SHA256


def test_a_job_that_asks_for_sha256_is_proven_by_one_or_not_at_all(
    tree: Tree, env_file: EnvFile, program: Program, put: Callable[..., None]
) -> None:
    """What s5cmd uploads has none on SeaweedFS, although our metadata claims one; what others upload may have one."""
    source = tree({"ours.txt": b"ours", "single.mov": 2 * MIB, "parts.mov": 12 * MIB})
    config = env_file(SOURCE_DIR=source, CHECKSUM_ALGORITHM="SHA256")
    assert program("sync", "--config", str(config)).returncode == 0
    for name in ("single.mov", "parts.mov"):
        put(name, (source / name).read_bytes(), ChecksumAlgorithm="SHA256")
    run = program("verify", "--json", "--config", str(config))
    assert (run.returncode, counts(run.result)) == (4, {"ok": 2, "unverifiable": 1})
    assert run.result["methods"] == {"SHA256": 1, "SHA256-composite": 1}
    assert run.result["unverifiable"][0]["path"] == "ours.txt"
    assert "allow_download would prove it" in run.result["unverifiable"][0]["message"]

    run = program("verify", "--json", "--attach-sha256", "--config", str(config))
    assert (run.returncode, run.result["attached"]) == (4, 1)
    assert "stored none with it" in run.result["unverifiable"][0]["message"]

    run = program("verify", "--json", "--allow-download", "--config", str(config))
    assert (run.returncode, run.result["bytes_downloaded"]) == (0, 4)
    assert run.result["methods"] == {"SHA256": 1, "SHA256-composite": 1, "download": 1}


def test_after_an_attempt_to_attach_the_next_upload_does_not_trust_the_new_times(
    tree: Tree, env_file: EnvFile, program: Program
) -> None:
    """A copy makes an object look newer than a change of its file that the audit found."""
    source = tree({"a.txt": b"a"})
    config = env_file(SOURCE_DIR=source, CHECKSUM_ALGORITHM="SHA256")
    assert program("sync", "--config", str(config)).returncode == 0
    assert program("verify", "--attach-sha256", "--config", str(config)).returncode == 4
    (source / "a.txt").write_bytes(b"b")
    run = program("sync", "--json", "--config", str(config))
    assert (run.returncode, run.result["files_synced"]) == (0, 1)


# --- a manifest


def test_the_manifest_of_the_real_sha256sum_is_compared_without_the_files(
    tree: Tree, env_file: EnvFile, program: Program, put: Callable[..., None], tmp_path: Path
) -> None:
    files = {"a.txt": b"a", "film.mov": 6 * MIB, **ODD_NAMES}
    source = tree(files)
    command = ["find", ".", "-type", "f", "-exec", "sha256sum", "{}", "+"]
    sums = tmp_path / "SHA256SUMS"
    sums.write_bytes(subprocess.run(command, cwd=source, check=True, capture_output=True).stdout)
    for name in files:
        put(name, (source / name).read_bytes(), **({"ChecksumAlgorithm": "SHA256"} if name != "film.mov" else {}))
    config = env_file(SOURCE_DIR=source)
    shutil.rmtree(source)
    verify = ("verify", "--json", "--manifest", str(sums), "--config", str(config))
    run = program(*verify)
    assert (run.returncode, counts(run.result)) == (4, {"ok": 6, "unverifiable": 1})
    assert run.result["unverifiable"][0]["path"] == "film.mov"
    run = program(*verify, "--allow-download")
    assert (run.returncode, run.result["methods"]) == (0, {"SHA256": 6, "download": 1})
    put("a.txt", b"A", ChecksumAlgorithm="SHA256")
    put("film.mov", bytes(6 * MIB))
    put("other.txt", b"")
    run = program(*verify, "--allow-download")
    assert (run.returncode, counts(run.result)) == (5, {"ok": 5, "differs": 2, "extra": 1})
    assert [(found["path"], found["method"]) for found in run.result["differs"]] == [
        ("a.txt", "SHA256"),
        ("film.mov", "download"),
    ]


def test_the_manifest_that_an_upload_wrote_serves_an_audit(
    tree: Tree, env_file: EnvFile, program: Program, tmp_path: Path
) -> None:
    source = tree({"a.txt": b"a", "film.mov": 6 * MIB, **ODD_NAMES})
    sums = tmp_path / "SHA256SUMS"
    config = env_file(SOURCE_DIR=source, CHECKSUM_ALGORITHM="SHA256", MANIFEST_FILE=sums)
    assert program("sync", "--config", str(config)).returncode == 0
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", str(sums)], cwd=source, check=True)
    run = program("verify", "--json", "--manifest", str(sums), "--allow-download", "--config", str(config))
    assert (run.returncode, run.result["methods"]) == (0, {"download": 7})


def test_a_manifest_with_a_bad_line_is_refused_with_its_line(
    tree: Tree, env_file: EnvFile, program: Program, tmp_path: Path
) -> None:
    (tmp_path / "SHA256SUMS").write_text(f"{hashlib.sha256().hexdigest()}  ../../etc/passwd\n")
    config = env_file(SOURCE_DIR=tree({"a.txt": b"a"}))
    run = program("verify", "--manifest", str(tmp_path / "SHA256SUMS"), "--config", str(config))
    assert run.returncode == 1
    assert "SHA256SUMS:1: has the name '../../etc/passwd'" in run.stderr


# --- the state file


def test_the_state_file_tells_what_must_be_there_whatever_became_of_the_files(
    tree: Tree, env_file: EnvFile, program: Program, put: Callable[..., None], s3: Any, bucket: str, tmp_path: Path
) -> None:
    files = {"a.txt": b"a", "b.txt": b"b", "film.mov": 12 * MIB, **ODD_NAMES}
    source = tree(files)
    config = env_file(SOURCE_DIR=source, STATE_FILE=tmp_path / "job.state")
    assert program("sync", "--config", str(config)).returncode == 0
    shutil.rmtree(source)
    verify = ("verify", "--json", "--from-state", "--config", str(config))
    run = program(*verify)
    assert (run.returncode, run.result["methods"]) == (0, {"recorded-ETag": len(files)})
    s3.delete_object(Bucket=bucket, Key="in/box/a.txt")
    put("b.txt", b"B")
    put("film.mov", bytes(12 * MIB))
    put("other.txt", b"")
    run = program(*verify)
    assert run.returncode == 5
    found = {kind: [finding["path"] for finding in run.result[kind]] for kind in ("differs", "missing", "extra")}
    assert found == {"differs": ["b.txt", "film.mov"], "missing": ["a.txt"], "extra": ["other.txt"]}
    (tmp_path / "job.state").unlink()
    assert program(*verify).returncode == 1


def test_a_sync_that_reconciles_uploads_what_vanished(
    tree: Tree, env_file: EnvFile, program: Program, s3: Any, bucket: str, tmp_path: Path
) -> None:
    config = env_file(SOURCE_DIR=tree({"a.txt": b"a", "b.txt": b"b"}), STATE_FILE=tmp_path / "job.state")
    assert program("sync", "--config", str(config)).returncode == 0
    s3.delete_object(Bucket=bucket, Key="in/box/a.txt")
    assert program("sync", "--json", "--config", str(config)).result["files_synced"] == 0
    run = program("sync", "--json", "--reconcile", "--config", str(config))
    assert (run.result["files_synced"], run.result["reconciled"]) == (1, {"missing": 1, "different": 0})
    assert program("verify", "--from-state", "--config", str(config)).returncode == 0


def test_a_plan_shows_what_would_be_deleted(
    tree: Tree, env_file: EnvFile, program: Program, put: Callable[..., None]
) -> None:
    config = env_file(SOURCE_DIR=tree({"a.txt": b"a"}), DELETE="true", MAX_DELETE="50%")
    put("a.txt", b"a")
    put("old.txt", b"old")
    run = program("plan", "--config", str(config))
    assert "  delete  'in/box/old.txt'" in run.stdout.splitlines()
    run = program("plan", "--json", "--config", str(config))
    assert run.result["deletions"]["keys"] == ["in/box/old.txt"]


# --- what can go wrong


@pytest.mark.parametrize(
    ("names", "code"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, 2),
        ({"BUCKET_NAME": "no-such-bucket"}, 3),
        ({"S3_ENDPOINT_URL": "http://127.0.0.1:1"}, 3),
    ],
)
def test_a_server_that_refuses_is_2_or_3_and_soon(
    tree: Tree, env_file: EnvFile, program: Program, names: dict[str, str], code: int
) -> None:
    began = time.monotonic()
    run = program("verify", "--json", "--config", str(env_file(SOURCE_DIR=tree({"a.txt": b"a"}), **names)))
    assert (run.returncode, run.result["exit_code"], run.result["status"]) == (code, code, "failed")
    assert run.result["error"]
    assert time.monotonic() - began < 30


def test_a_server_that_is_silent_from_the_first_request_is_given_up(
    tree: Tree, env_file: EnvFile, program: Program, s3_server: SeaweedFS
) -> None:
    with FaultProxy(s3_server.endpoint_url, lambda request: Silence()) as proxy:
        began = time.monotonic()
        config = env_file(SOURCE_DIR=tree({"a.txt": b"a"}), S3_ENDPOINT_URL=proxy.endpoint_url)
        assert program("verify", "--config", str(config)).returncode == 3
        assert time.monotonic() - began < 40


def test_a_signal_ends_an_audit_of_a_silent_server_with_what_was_found(
    tree: Tree,
    env_file: EnvFile,
    start_program: Callable[..., subprocess.Popen[str]],
    put: Callable[..., None],
    s3_server: SeaweedFS,
) -> None:
    source = tree({"film.mov": 2 * MIB, "missing.txt": b""})
    put("film.mov", (source / "film.mov").read_bytes())

    def silent(request: Any) -> Any:
        return Silence() if request.method == "HEAD" else None

    with FaultProxy(s3_server.endpoint_url, silent) as proxy:
        config = env_file(SOURCE_DIR=source, S3_ENDPOINT_URL=proxy.endpoint_url)
        with start_program("verify", "--json", "--config", str(config)) as process:
            while not any(request.method == "HEAD" for request in proxy.requests):
                assert process.poll() is None
                time.sleep(0.05)
            time.sleep(1)
            process.send_signal(signal.SIGTERM)
            stdout, stderr = process.communicate(timeout=30)
    run = ProgramRun(process.returncode, stdout, stderr)
    assert (run.returncode, run.result["status"]) == (128 + signal.SIGTERM, "interrupted")
    assert counts(run.result) == {"missing": 1}


def test_a_download_that_breaks_in_the_middle_is_begun_again(
    tree: Tree, env_file: EnvFile, program: Program, put: Callable[..., None], s3_server: SeaweedFS
) -> None:
    source = tree({"film.mov": 4 * MIB})
    put("film.mov", (source / "film.mov").read_bytes())
    broken: list[str] = []

    def decide(request: Any) -> Any:
        if request.method == "GET" and request.path.endswith("film.mov") and not broken:
            broken.append(request.path)
            return CutAnswer()
        return None

    with FaultProxy(s3_server.endpoint_url, decide) as proxy:
        config = env_file(SOURCE_DIR=source, S3_ENDPOINT_URL=proxy.endpoint_url, CHECKSUM_ALGORITHM="SHA256")
        run = program("verify", "--json", "--allow-download", "--config", str(config))
    assert broken
    assert (run.returncode, run.result["methods"]) == (0, {"download": 1})


def test_an_audit_runs_beside_an_upload_unless_it_attaches(
    tree: Tree, env_file: EnvFile, program: Program, put: Callable[..., None], tmp_path: Path
) -> None:
    put("a.txt", b"a")
    config = env_file(SOURCE_DIR=tree({"a.txt": b"a"}), LOCK_FILE=tmp_path / "held.lock")
    with open(tmp_path / "held.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert program("verify", "--config", str(config)).returncode == 0
        assert program("verify", "--attach-sha256", "--config", str(config)).returncode == 75


# --- the module


def test_the_module_says_the_same(
    tree: Tree, upload: Upload, run_module: RunModule, job_options: dict[str, Any], put: Callable[..., None]
) -> None:
    source = tree({"a.txt": b"a", "film.mov": 6 * MIB})
    assert upload(source).exit_code == 0
    of_audit = ("bucket", "prefix", "lock_path", "endpoint_url", "access_key", "secret_key", "region")
    options = {**{name: job_options[name] for name in of_audit}, "src": str(source)}
    done = run_module("s3_verify", options)
    assert not done["failed"] and not done["changed"]
    assert done["exit_code"] == 0 and done["result"]["counts"]["ok"] == 2
    put("a.txt", b"b")
    put("other.txt", b"")
    failed = run_module("s3_verify", {**options, "limit": 1}, check=True)
    assert failed["failed"] and failed["exit_code"] == failed["result"]["exit_code"] == 5
    assert "1 differs" in failed["msg"] and "a.txt: the stored ETag" in failed["msg"]
    assert "other.txt" not in failed["msg"]
    extra = run_module("s3_verify", {**options, "exclude": ["a.txt"], "fail_on_extra": True})
    assert extra["failed"] and extra["exit_code"] == 4 and "other.txt" in extra["msg"]


def test_the_module_is_honest_about_what_attaching_changes(
    tree: Tree, upload: Upload, run_module: RunModule, job_options: dict[str, Any], env_file: EnvFile
) -> None:
    source = tree({"a.txt": b"a"})
    assert upload(source).exit_code == 0
    options = {"config": str(env_file(SOURCE_DIR=source)), "checksum_algorithm": "SHA256", "attach_sha256": True}
    planned = run_module("s3_verify", options, check=True)
    assert planned["changed"] and planned["exit_code"] == 4
    assert "would be attached" in planned["msg"]
    tried = run_module("s3_verify", {**options, "allow_download": True})
    assert tried["changed"], "SeaweedFS copies the object and stores no checksum"
    assert tried["exit_code"] == 0 and tried["result"]["methods"] == {"download": 1}
    looked = run_module("s3_verify", {**options, "attach_sha256": False, "allow_download": True})
    assert not looked["changed"] and looked["exit_code"] == 0


def test_the_module_takes_a_manifest_and_names_wrong_options(
    tree: Tree, run_module: RunModule, env_file: EnvFile, put: Callable[..., None], tmp_path: Path
) -> None:
    put("a.txt", b"a", ChecksumAlgorithm="SHA256")
    sums = tmp_path / "SHA256SUMS"
    sums.write_text(f"{hashlib.sha256(b'a').hexdigest()}  a.txt\n")
    config = str(env_file(SOURCE_DIR=tree({})))
    done = run_module("s3_verify", {"config": config, "manifest": str(sums)})
    assert done["exit_code"] == 0 and done["result"]["compared"] == "manifest"
    failed = run_module("s3_verify", {"config": config, "manifest": str(sums), "source": "state"})
    assert failed["failed"] and failed["exit_code"] == 1 and "manifest" in failed["msg"]
    failed = run_module("s3_verify", {"config": config, "source": "state"})
    assert failed["failed"] and failed["exit_code"] == 1 and "STATE_FILE" in failed["msg"]
