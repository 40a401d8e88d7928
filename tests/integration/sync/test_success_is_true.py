# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Every case in which s5cmd was seen to report success and lose data (and its neighbours), against real parts.

Each ends in a failure that names the file, with all other files uploaded and nothing deleted, or, where our own plan
avoids the cause, in a correct upload.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.job import local_file
from ansible_collections.datasync.turbo.plugins.module_utils.s3.bucket import Bucket

from dev.seaweedfs import SeaweedFS

from .conftest import MIB, WAYS_TO_AN_OLDER_FILE, ProgramRun, Upload, contents_of, give_content_of_an_older_file, named
from .gate_proxy import GateProxy

Stored = Callable[[], dict[str, bytes]]
Tree = Callable[..., Path]


def test_an_unreadable_folder_is_named_and_the_rest_is_uploaded(
    tree: Tree, env_file: Callable[..., Path], program: Callable[..., ProgramRun], stored: Stored
) -> None:
    source = tree({"a.txt": b"a", "closed/b.txt": b"b", "z.txt": b"z"})
    (source / "closed").chmod(0)
    run = program("sync", "--json", "--config", str(env_file(SOURCE_DIR=source)))
    (source / "closed").chmod(0o755)
    assert run.returncode == 4
    assert [(problem["path"], problem["kind"]) for problem in run.result["problems"]] == [("closed", "unreadable")]
    assert "Permission denied" in run.stderr
    assert sorted(stored()) == ["a.txt", "z.txt"]


def test_an_unreadable_file_is_named_and_the_rest_is_uploaded(
    tree: Tree, env_file: Callable[..., Path], program: Callable[..., ProgramRun], stored: Stored
) -> None:
    source = tree({"a.txt": b"a", "closed.txt": b"b", "z.txt": b"z"})
    (source / "closed.txt").chmod(0)
    run = program("sync", "--json", "--config", str(env_file(SOURCE_DIR=source)))
    assert run.returncode == 4
    assert [(problem["path"], problem["kind"]) for problem in run.result["problems"]] == [("closed.txt", "unreadable")]
    assert sorted(stored()) == ["a.txt", "z.txt"]


def test_a_broken_link_is_named_and_the_files_after_it_are_uploaded(tree: Tree, upload: Upload, stored: Stored) -> None:
    source = tree({"a.txt": b"a", "z/z.txt": b"z"})
    (source / "b-link").symlink_to("nowhere")
    result = upload(source)
    assert (result.exit_code, result.status, named(result)) == (4, "failed", {"b-link": "broken_link"})
    assert sorted(stored()) == ["a.txt", "z/z.txt"]


def test_nothing_is_deleted_from_the_bucket(tree: Tree, upload: Upload, stored: Stored, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="in/box/only-here.txt", Body=b"kept")
    source = tree({"a.txt": b"a"})
    (source / "broken").symlink_to("nowhere")
    upload(source)
    assert stored() == {"a.txt": b"a", "only-here.txt": b"kept"}


@pytest.mark.parametrize("way", WAYS_TO_AN_OLDER_FILE)
def test_new_content_of_the_same_size_and_an_older_mtime_is_uploaded(
    way: str, tree: Tree, upload: Upload, stored: Stored, tmp_path: Path
) -> None:
    source = tree({"film.mov": b"first take"})
    assert upload(source).files_synced == 1
    give_content_of_an_older_file(source / "film.mov", b"other take", way)
    result = upload(source)
    assert (result.exit_code, result.files_synced) == (0, 1)
    assert stored() == {"film.mov": b"other take"}


@pytest.mark.parametrize(
    "what", ["link to a file", "link to a folder", "link to a link", "folder", "source", "folder above"]
)
def test_other_content_behind_the_same_path_is_uploaded(
    what: str, tree: Tree, upload: Upload, stored: Stored, tmp_path: Path
) -> None:
    """All files are older than the first upload and have the same size; only the way to them changes."""
    one, two = tree({"box/f": b"first take"}, name="one"), tree({"box/f": b"other take"}, name="two")
    source = tmp_path / "source"
    hop = tmp_path / "hop"

    def point(to: Path) -> None:
        """Make the source lead to one of the folders, the way this test is about."""
        if what == "source":
            (to / "box").rename(source)
        elif what == "folder above":
            to.rename(tmp_path / "above")
        else:
            source.mkdir(exist_ok=True)
            hop.unlink(missing_ok=True)
            if what == "folder":
                (to / "box").rename(source / "box")
            elif what == "link to a link":
                hop.symlink_to(to / "box")
                if not (source / "box").is_symlink():
                    (source / "box").symlink_to(hop)
            elif what == "link to a folder":
                (source / "box").unlink(missing_ok=True)
                (source / "box").symlink_to(to / "box")
            else:
                (source / "f").unlink(missing_ok=True)
                (source / "f").symlink_to(to / "box" / "f")

    if what == "folder above":
        source = tmp_path / "above" / "box"
    point(one)
    time.sleep(2.1)
    assert upload(source).exit_code == 0
    time.sleep(1.1)
    if what == "source":
        source.rename(tmp_path / "old")
    elif what == "folder":
        (source / "box").rename(tmp_path / "old")
    elif what == "folder above":
        (tmp_path / "above").rename(tmp_path / "old")
    point(two)
    result = upload(source)
    assert (result.exit_code, result.files_synced) == (0, 1)
    assert list(stored().values()) == [b"other take"]


def test_a_failed_proof_is_not_forgotten_by_the_next_run(
    tree: Tree, upload: Upload, stored: Stored, s3: Any, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The object is damaged between upload and proof, as no real server would do it to us."""
    source = tree({"film.mov": b"right content", "good.txt": b"good"})
    real = Bucket.head

    def damage(self: Bucket, key: str) -> Any:
        if key.endswith("film.mov"):
            s3.put_object(Bucket=bucket, Key=key, Body=b"wrong content", Metadata=real(self, key).metadata)
        return real(self, key)

    with monkeypatch.context() as damaged:
        damaged.setattr(Bucket, "head", damage)
        assert upload(source).exit_code == 5
    healed = upload(source)
    assert (healed.exit_code, healed.files_synced) == (0, 1)
    assert stored() == contents_of(source)


def test_a_file_that_is_still_being_written_is_named(tree: Tree, upload: Upload) -> None:
    source = tree({"done.txt": b"done", "growing.log": b"begin"})
    stop = threading.Event()

    def write() -> None:
        with open(source / "growing.log", "ab", buffering=0) as file:
            while not stop.wait(0.002):
                file.write(b"more")

    writer = threading.Thread(target=write)
    writer.start()
    result = upload(source)
    stop.set()
    writer.join()
    assert (result.exit_code, named(result)) == (4, {"growing.log": "changed"})
    assert result.files_synced == 1


def test_a_missing_bucket_is_an_access_error(tree: Tree, upload: Upload) -> None:
    result = upload(tree({"a.txt": b"a"}), bucket="no-such-bucket")
    assert result.exit_code == 3
    assert "no-such-bucket" in result.problems[0].message and "NoSuchBucket" in result.problems[0].message


def test_an_exclude_pattern_is_relative_to_the_source(tree: Tree, upload: Upload, stored: Stored) -> None:
    source = tree({"a/one.txt": b"1", "a/deep/two.txt": b"2", "b/three.txt": b"3"})
    assert upload(source, exclude=["a/*"]).exit_code == 0
    assert sorted(stored()) == ["b/three.txt"]


def test_a_name_that_is_not_utf_8_is_named_and_the_rest_is_uploaded(tree: Tree, upload: Upload, stored: Stored) -> None:
    source = tree({f"{number:02}.txt": b"x" for number in range(36)})
    Path(os.fsdecode(os.fsencode(source) + b"/08-\xff.txt")).write_bytes(b"x")
    result = upload(source)
    assert (result.exit_code, named(result)) == (4, {"08-\\xff.txt": "name"})
    assert len(stored()) == 36


def test_a_source_whose_own_name_is_a_pattern_is_uploaded(tree: Tree, upload: Upload, stored: Stored) -> None:
    source = tree({"a.txt": b"a", "b/c.txt": b"c"}, name="take [1] * ?")
    assert upload(source).exit_code == 0
    assert stored() == contents_of(source)


AWKWARD_NAMES = [
    "new\nline",
    "tab\there",
    "return\rhere",
    "bell\x07",
    "delete\x7f",
    "-leading dash",
    "--delete",
    "sp ace",
    " leading and trailing ",
    'it\'s "quoted" `twice` $(no) ${HOME} $HOME',
    "*?[x]{a,b}",
    "%20+#&=;|<>!~^@:,",
    "ünïcödé 日本語 😀",
    "e\u0301 decomposed",
    "trailing dots...",
    "#comment",
    "CASE",
    "case",
    "n" * 255,
]


def test_awkward_names_are_stored_as_they_are(tree: Tree, upload: Upload, stored: Stored) -> None:
    source = tree({f"{folder}/{name}": name.encode() for name in AWKWARD_NAMES for folder in ("d", "-e\nf")})
    result = upload(source)
    assert (result.exit_code, result.problems) == (0, [])
    assert stored() == contents_of(source)
    again = upload(source)
    assert (again.exit_code, again.files_synced) == (0, 0)


def test_a_name_that_the_server_rewrites_is_named(tree: Tree, upload: Upload, stored: Stored) -> None:
    """SeaweedFS stores `a\\b` as `a/b`: the object is there, but not under its key."""
    result = upload(tree({"a\\b": b"1", "c": b"2"}))
    assert (result.exit_code, named(result)) == (4, {"a\\b": "stored_under_another_name"})
    assert sorted(stored()) == ["a/b", "c"]


def test_all_metadata_arrives(tree: Tree, upload: Upload, s3: Any, bucket: str) -> None:
    before = int(time.time())
    source = tree({"a.txt": b"a", "new\nline": b"b"})
    assert (
        upload(source, metadata={"project": "Film, 2; a=b", "shift": "night"}, checksum_algorithm="SHA256").exit_code
        == 0
    )
    for key, digest in (
        ("in/box/a.txt", "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"),
        ("in/box/new\nline", "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d"),
    ):
        metadata = s3.head_object(Bucket=bucket, Key=key)["Metadata"]
        assert before <= int(metadata.pop("timestamp")) <= time.time()
        assert metadata == {
            "project": "Film, 2; a=b",
            "shift": "night",
            "synced-by": "datasync-turbo",
            "source-identity": local_file.identity_of((source / key[len("in/box/") :]).stat()).fingerprint,
            "sha256": digest,
        }


def _overwrite(path: Path) -> None:
    with open(path, "r+b") as file:
        file.seek(18 * MIB)
        file.write(b"overwritten")


def _truncate(path: Path) -> None:
    os.truncate(path, 7 * MIB)


def _append(path: Path) -> None:
    with open(path, "ab") as file:
        file.write(b"appended")


def _replace(path: Path) -> None:
    other = path.with_name("replacement")
    other.write_bytes(b"r" * 20 * MIB)
    shutil.copystat(path, other)
    other.replace(path)


def _delete(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("change", [_overwrite, _truncate, _append, _replace, _delete])
def test_a_file_that_changes_during_its_upload_is_named_and_the_next_run_heals_it(
    change: Callable[[Path], None], tree: Tree, upload: Upload, stored: Stored, s3_server: SeaweedFS
) -> None:
    source = tree({"film.mov": 20 * MIB, "small.txt": b"small"})
    with GateProxy(s3_server.endpoint_url, hold_after=8 * MIB) as proxy:

        def change_in_the_middle() -> None:
            proxy.wait_until_held()
            change(source / "film.mov")
            proxy.release()

        changer = threading.Thread(target=change_in_the_middle)
        changer.start()
        result = upload(source, endpoint_url=proxy.endpoint_url)
        changer.join()
    assert result.exit_code in (4, 5)
    assert list(named(result)) == ["film.mov"]
    assert not result.checksum_verification.verified
    assert result.files_synced == 1
    healed = upload(source)
    assert (healed.exit_code, healed.problems) == (0, [])
    assert {name: stored()[name] for name in contents_of(source)} == contents_of(source)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_s5cmd_aborts_open_uploads_and_writes_the_report(
    number: signal.Signals,
    tree: Tree,
    env_file: Callable[..., Path],
    start_program: Callable[..., subprocess.Popen[str]],
    s3_server: SeaweedFS,
    s3: Any,
    bucket: str,
    tmp_path: Path,
) -> None:
    source = tree({f"{number}.mov": 20 * MIB for number in range(3)})
    someone_elses = s3.create_multipart_upload(Bucket=bucket, Key="in/box/not-ours.mov")["UploadId"]
    with GateProxy(s3_server.endpoint_url, hold_after=16 * MIB) as proxy:
        config = env_file(SOURCE_DIR=source, S3_ENDPOINT_URL=proxy.endpoint_url, RESULT_FILE=tmp_path / "result.json")
        with start_program("sync", "--json", "--config", str(config)) as process:
            proxy.wait_until_held()
            process.send_signal(number)
            time.sleep(0.5)
            proxy.release()
            stdout, stderr = process.communicate(timeout=60)
    run = ProgramRun(process.returncode, stdout, stderr)
    assert run.returncode == 128 + number
    assert run.result["status"] == "interrupted"
    assert (tmp_path / "result.json").read_text() == stdout
    missing = {problem["path"] for problem in run.result["problems"]}
    assert missing >= {path.name for path in source.iterdir()} - set(contents_of_bucket(s3, bucket))
    left = s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
    assert [entry["Key"] for entry in left] == ["in/box/not-ours.mov"]
    s3.abort_multipart_upload(Bucket=bucket, Key="in/box/not-ours.mov", UploadId=someone_elses)


def contents_of_bucket(s3: Any, bucket: str) -> dict[str, int]:
    """Name below the job's prefix -> size."""
    entries = s3.list_objects_v2(Bucket=bucket, Prefix="in/box/").get("Contents", [])
    return {entry["Key"][len("in/box/") :]: entry["Size"] for entry in entries}


@pytest.mark.parametrize("rounds", [0, 3])
def test_a_killed_s5cmd_is_started_again_or_reported_with_every_file_it_had_not_finished(
    rounds: int, tree: Tree, upload: Upload, s3_server: SeaweedFS, s3: Any, bucket: str
) -> None:
    source = tree({f"{number}.mov": 20 * MIB for number in range(3)})
    with GateProxy(s3_server.endpoint_url, hold_after=16 * MIB) as proxy:

        def kill_in_the_middle() -> None:
            proxy.wait_until_held()
            subprocess.run(["pkill", "-KILL", "-f", f"endpoint-url {proxy.endpoint_url}"], check=True)
            proxy.release()

        killer = threading.Thread(target=kill_in_the_middle)
        killer.start()
        result = upload(source, endpoint_url=proxy.endpoint_url, retry_rounds=rounds)
        killer.join()
    assert (result.exit_code, result.status) == ((0, "success") if rounds else (4, "failed"))
    assert set(named(result)) == {path.name for path in source.iterdir()} - set(contents_of_bucket(s3, bucket))
    assert all("was stopped by signal 9" in problem.message for problem in result.problems)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


def test_a_refused_endpoint_is_reported_in_seconds(tree: Tree, upload: Upload) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    result = upload(tree({"a.txt": b"a"}), endpoint_url=f"http://127.0.0.1:{port}")
    assert result.exit_code == 3
    assert f"127.0.0.1:{port}" in result.problems[0].message
    assert result.duration_seconds < 30, "s5cmd's own retries would take 90 s"


@pytest.fixture
def silent_endpoint() -> Iterator[str]:
    """A server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_a_silent_endpoint_is_reported_in_seconds(tree: Tree, upload: Upload, silent_endpoint: str) -> None:
    result = upload(tree({"a.txt": b"a"}), endpoint_url=silent_endpoint)
    assert result.exit_code == 3
    assert "does not answer" in result.problems[0].message
    assert result.duration_seconds < 30


def test_a_silent_endpoint_does_not_make_the_program_deaf(
    tree: Tree, env_file: Callable[..., Path], start_program: Callable[..., subprocess.Popen[str]], silent_endpoint: str
) -> None:
    config = env_file(SOURCE_DIR=tree({"a.txt": b"a"}), S3_ENDPOINT_URL=silent_endpoint)
    with start_program("sync", "--json", "--config", str(config)) as process:
        time.sleep(2)
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        stdout, stderr = process.communicate(timeout=60)
    run = ProgramRun(process.returncode, stdout, stderr)
    assert (run.returncode, run.result["status"]) == (143, "interrupted")
    assert time.monotonic() - began < 8


def test_a_server_that_dies_during_the_run_ends_it_in_seconds(tree: Tree, upload: Upload, s3_server: SeaweedFS) -> None:
    source = tree({f"{number:03}.bin": 256 * 1024 for number in range(100)})
    with GateProxy(s3_server.endpoint_url, hold_after=8 * MIB) as proxy:

        def die_in_the_middle() -> None:
            proxy.wait_until_held()
            proxy.cut()

        killer = threading.Thread(target=die_in_the_middle)
        killer.start()
        result = upload(source, endpoint_url=proxy.endpoint_url, numworkers=4)
        killer.join()
    assert (result.exit_code, result.status) == (3, "failed")
    assert result.duration_seconds < 60
    missing = set(named(result)) - {""}
    assert len(missing) + result.files_synced == 100, "every file is stored or named"


def test_a_fifo_is_named_and_the_rest_is_uploaded(tree: Tree, upload: Upload, stored: Stored) -> None:
    source = tree({"a.txt": b"a", "z.txt": b"z"})
    os.mkfifo(source / "pipe")
    result = upload(source)
    assert (result.exit_code, named(result)) == (4, {"pipe": "special_file"})
    assert sorted(stored()) == ["a.txt", "z.txt"]


def test_a_second_run_uploads_nothing_even_within_the_same_second(tree: Tree, upload: Upload) -> None:
    source = tree({"a.txt": b"a", "empty": b"", "film.mov": 12 * MIB})
    first, second = upload(source), upload(source)
    assert (first.exit_code, first.files_synced) == (0, 3)
    assert (second.exit_code, second.files_synced, second.files_unchanged) == (0, 0, 3)
    assert second.checksum_verification.methods == {}


@pytest.mark.parametrize(
    ("option", "value", "word"),
    [("secret_key", "wrong", "SignatureDoesNotMatch"), ("access_key", "UNKNOWN", "InvalidAccessKeyId")],
)
def test_wrong_credentials_are_told_apart_from_a_missing_bucket(
    option: str, value: str, word: str, tree: Tree, upload: Upload
) -> None:
    result = upload(tree({"a.txt": b"a"}), **{option: value})
    assert result.exit_code == 2
    assert word in result.problems[0].message


def test_s5cmd_2_2_2_is_as_good(tree: Tree, upload: Upload, stored: Stored, s5cmd_222: Path) -> None:
    source = tree({"a b.txt": b"a", "new\nline": b"n", "film.mov": 12 * MIB, "empty": b""})
    result = upload(source, s5cmd_path=str(s5cmd_222))
    assert (result.exit_code, result.tool_version[:6]) == (0, "v2.2.2")
    assert stored() == contents_of(source)
