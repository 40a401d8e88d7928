# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Hot folders: files that are still written wait, hosts share a folder, and what is proven may leave it."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError

from dev.seaweedfs import SeaweedFS

from .agreement import agrees_or_named, difference, kinds
from .conftest import MIB, Logged, ProgramRun, Upload, contents_of
from .fault_proxy import INTERNAL_ERROR, Fault, FaultProxy, Request

Stored = Callable[[], dict[str, bytes]]
Tree = Callable[..., Path]
UploadLogged = Callable[..., Logged]
#: Long enough that no file of a test has settled while its run lasts.
LONG = 3600


# --- files that are still written


@pytest.mark.parametrize("with_state", [False, True], ids=["listing", "state"])
def test_a_file_that_has_not_settled_waits_for_a_later_run_and_is_no_problem(
    with_state: bool, tree: Tree, upload: Upload, upload_logged: UploadLogged, stored: Stored, tmp_path: Path
) -> None:
    options = {"state_path": str(tmp_path / "job.state")} if with_state else {}
    source = tree({"old.mov": b"old", "folder/old.txt": b"old"})
    time.sleep(2.1)
    tree({"new.mov": b"being copied"})
    result, warnings, lines = upload_logged(source, settle_seconds=2, **options)
    assert (result.exit_code, result.status, result.problems, warnings) == (0, "success", [], [])
    assert (result.files_synced, result.files_deferred) == (2, 1)
    assert sorted(stored()) == ["folder/old.txt", "old.mov"]
    assert any("1 deferred" in line for line in lines)
    time.sleep(2.1)
    settled = upload(source, settle_seconds=2, **options)
    assert (settled.exit_code, settled.files_synced, settled.files_deferred) == (0, 1, 0)
    assert stored() == contents_of(source)


@pytest.mark.parametrize("way", ["an old mtime", "a rename"])
def test_a_copy_that_keeps_its_times_has_not_settled_either(
    way: str, tree: Tree, upload: Upload, stored: Stored, tmp_path: Path
) -> None:
    """`cp -p` and rsync set the mtime back when they have finished; the ctime tells when that was."""
    source = tree({"old.mov": b"old"})
    path = source / "new.mov"
    path.write_bytes(b"new")
    os.utime(path, (1_000_000_000, 1_000_000_000))
    if way == "a rename":
        path.rename(source / "renamed.mov")
    result = upload(source, settle_seconds=LONG)
    assert (result.exit_code, result.files_synced, result.files_deferred) == (0, 0, 2)
    assert stored() == {}


def test_a_changed_file_that_has_not_settled_keeps_its_old_object(tree: Tree, upload: Upload, stored: Stored) -> None:
    source = tree({"film.mov": b"first take"})
    upload(source)
    (source / "film.mov").write_bytes(b"second take, not complete")
    result = upload(source, settle_seconds=LONG, delete=True)
    assert (result.exit_code, result.files_deferred) == (0, 1)
    assert stored() == {"film.mov": b"first take"}


def test_a_file_that_grows_between_two_looks_is_deferred(
    tree: Tree, upload: Upload, stored: Stored, s3_server: SeaweedFS
) -> None:
    """It looked settled when the folder was read; it grows while the files before it are sent."""
    source = tree({f"{number:03}.bin": 5000 for number in range(70)})
    growing = source / "growing.mov"
    growing.write_bytes(b"begin")
    time.sleep(1.1)

    def grow(request: Request) -> Fault | None:
        if request.stores and request.path.endswith("000.bin"):
            with open(growing, "ab") as file:
                file.write(b"more")
        return None

    with FaultProxy(s3_server.endpoint_url, grow) as proxy:
        # One worker, so that the last of the queue is handed over after the first was sent.
        result = upload(source, settle_seconds=1, endpoint_url=proxy.endpoint_url, numworkers=1)
    assert (result.exit_code, result.problems) == (0, [])
    assert (result.files_synced, result.files_deferred) == (70, 1)
    assert "growing.mov" not in stored()
    time.sleep(1.1)
    healed = upload(source, settle_seconds=1)
    assert (healed.exit_code, healed.files_deferred) == (0, 0)
    assert stored() == contents_of(source)


def test_a_writer_that_never_stops_never_gets_a_half_file_stored(tree: Tree, upload: Upload, stored: Stored) -> None:
    source = tree({"done.txt": b"done", "growing.log": b"begin"})
    stop = threading.Event()

    def write() -> None:
        with open(source / "growing.log", "ab", buffering=0) as file:
            while not stop.wait(0.002):
                file.write(b"more")

    writer = threading.Thread(target=write)
    writer.start()
    time.sleep(1.5)
    result = upload(source, settle_seconds=1)
    stop.set()
    writer.join()
    assert (result.exit_code, result.files_deferred) == (0, 1)
    assert "growing.log" not in stored()


TEMPORARY = [
    ".film.mov.swp",
    "film.mov.part",
    "film.mov.partial",
    "film.tmp",
    "~$report.docx",
    ".nfs0000123",
    "f.crdownload",
]


def test_temporary_names_are_left_out_only_when_asked_for(tree: Tree, upload: Upload, stored: Stored) -> None:
    source = tree({**{f"deep/{name}": b"x" for name in TEMPORARY}, "film.mov": b"film", "tmp/kept.txt": b"kept"})
    result = upload(source, ignore_temporary=True)
    assert (result.exit_code, result.files_synced, result.files_skipped) == (0, 2, len(TEMPORARY))
    assert sorted(stored()) == ["film.mov", "tmp/kept.txt"], "a folder is no temporary file, whatever its name"
    result = upload(source)
    assert (result.exit_code, result.files_synced) == (0, len(TEMPORARY))
    assert stored() == contents_of(source)


def test_temporary_patterns_are_the_operators(tree: Tree, upload: Upload, stored: Stored) -> None:
    source = tree({"a.uploading": b"x", "b.tmp": b"b"})
    assert upload(source, ignore_temporary=True, temporary_patterns=["*.uploading"]).exit_code == 0
    assert sorted(stored()) == ["b.tmp"]


# --- shards


@pytest.mark.parametrize("count", [1, 2, 5])
def test_shards_are_disjoint_and_together_they_are_the_tree(
    count: int, tree: Tree, upload: Upload, stored: Stored, s3_server: SeaweedFS
) -> None:
    files = {f"{number % 7}/{number}.txt": f"{number}".encode() for number in range(150)}
    source = tree({**files, "film.mov": 12 * MIB, "a\nb": b"newline", "😀": b"emoji"})
    sent: list[set[str]] = []
    for index in range(count):
        with FaultProxy(s3_server.endpoint_url) as proxy:
            result = upload(source, shard={"index": index, "count": count}, endpoint_url=proxy.endpoint_url)
        assert (result.exit_code, result.problems) == (0, [])
        sent.append({request.path for request in proxy.requests if request.stores})
        assert result.files_synced == len(sent[-1])
        assert result.files_synced + result.as_dict()["files_in_other_shards"] == 153
    assert sum(map(len, sent)) == len(set().union(*sent)) == 153
    assert all(len(part) > 153 / count / 2 for part in sent), "each has a fair share"
    assert stored() == contents_of(source)


def test_hosts_that_share_a_source_may_run_at_the_same_time(
    tree: Tree, upload: Upload, stored: Stored, tmp_path: Path
) -> None:
    source = tree({f"{number:03}.txt": 3000 for number in range(120)})

    def host(index: int) -> Any:
        options = {"lock_path": str(tmp_path / f"{index}.lock"), "state_path": str(tmp_path / f"{index}.state")}
        return upload(source, shard={"index": index, "count": 3}, delete=True, numworkers=4, **options)

    with ThreadPoolExecutor(3) as hosts:
        results = list(hosts.map(host, range(3)))
        again = list(hosts.map(host, range(3)))
    assert [result.exit_code for result in results] == [0, 0, 0]
    assert sum(result.files_synced for result in results) == 120
    assert stored() == contents_of(source)
    assert [(result.exit_code, result.files_synced) for result in again] == [(0, 0)] * 3


def test_a_shard_of_an_env_file_is_index_and_count(
    tree: Tree, env_file: Callable[..., Path], program: Callable[..., ProgramRun], stored: Stored
) -> None:
    source = tree({f"{number}.txt": b"x" for number in range(40)})
    for shard in ("0/2", "1/2"):
        assert program("sync", "--config", str(env_file(SOURCE_DIR=source, SHARD=shard))).returncode == 0
    assert stored() == contents_of(source)


# --- after the upload


@pytest.mark.parametrize("after", ["move", "remove"])
def test_what_is_proven_leaves_the_folder_and_stays_in_the_bucket(
    after: str, tree: Tree, upload: Upload, stored: Stored, tmp_path: Path
) -> None:
    files = {"film.mov": 12 * MIB, "deep/er/a.txt": b"a", "new\nline": b"n", "empty": b""}
    source = tree(files)
    expected = contents_of(source)
    options = {"move_to": str(tmp_path / "done")} if after == "move" else {}
    result = upload(source, after_upload=after, **options)
    assert (result.exit_code, result.problems, result.files_synced) == (0, [], 4)
    assert stored() == expected
    assert contents_of(source) == {}
    assert (result.files_moved, result.files_removed) == ((4, 0) if after == "move" else (0, 4))
    if after == "move":
        assert contents_of(tmp_path / "done") == expected
    again = upload(source, after_upload=after, **options)
    assert (again.exit_code, again.files_synced) == (0, 0)
    assert stored() == expected, "what left the folder is not deleted from the bucket"


@pytest.mark.parametrize("after", ["move", "remove"])
def test_what_is_not_proven_stays(
    after: str, tree: Tree, upload: Upload, stored: Stored, s3_server: SeaweedFS, tmp_path: Path
) -> None:
    source = tree({"good.txt": b"good", "bad.txt": b"bad"})
    options = {"move_to": str(tmp_path / "done")} if after == "move" else {}

    def fail(request: Request) -> Fault | None:
        return INTERNAL_ERROR if request.stores and request.path.endswith("bad.txt") else None

    with FaultProxy(s3_server.endpoint_url, fail) as proxy:
        options.update(endpoint_url=proxy.endpoint_url)
        result = upload(source, after_upload=after, retry_rounds=0, retry_count=0, **options)
    assert (result.exit_code, kinds(result)) == (4, {"bad.txt": "upload_failed"})
    assert contents_of(source) == {"bad.txt": b"bad"}
    assert stored() == {"good.txt": b"good"}


def test_what_differs_in_the_bucket_stays(
    tree: Tree, upload: Upload, stored: Stored, s3_server: SeaweedFS, s3: Any, bucket: str
) -> None:
    """The object is damaged between upload and proof, as no real server would do it to us."""
    source = tree({"film.mov": b"right"})
    sent: list[Request] = []

    def damage(request: Request) -> Fault | None:
        if request.stores:
            sent.append(request)
        elif sent:
            s3.put_object(Bucket=bucket, Key="in/box/film.mov", Body=b"wrong")
        return None

    with FaultProxy(s3_server.endpoint_url, damage) as proxy:
        result = upload(source, after_upload="remove", endpoint_url=proxy.endpoint_url)
    assert (result.exit_code, kinds(result)) == (5, {"film.mov": "checksum_mismatch"})
    assert contents_of(source) == {"film.mov": b"right"}


@pytest.mark.parametrize("change", ["rewritten", "replaced", "appended to"])
def test_what_changed_since_it_was_sent_stays_and_is_not_lost(
    change: str, tree: Tree, upload: Upload, stored: Stored, s3_server: SeaweedFS, tmp_path: Path
) -> None:
    """film.mov is sent and proven first; it changes while the files after it are on their way."""
    source = tree({"film.mov": 3 * MIB, **{f"{number:03}.bin": 2000 for number in range(60)}})
    film = source / "film.mov"
    changed: list[Request] = []

    def change_it(request: Request) -> Fault | None:
        if request.stores and request.path.endswith("059.bin") and not changed:
            changed.append(request)
            if change == "rewritten":
                film.write_bytes(b"another take")
            elif change == "appended to":
                with open(film, "ab") as file:
                    file.write(b"more")
            else:
                (tmp_path / "other").write_bytes(b"another take")
                (tmp_path / "other").replace(film)
        return None

    with FaultProxy(s3_server.endpoint_url, change_it) as proxy:
        result = upload(source, after_upload="remove", endpoint_url=proxy.endpoint_url, numworkers=1)
    assert changed
    assert list(contents_of(source)) == ["film.mov"], "all others have left"
    assert (result.exit_code, kinds(result)) == (4, {"film.mov": "changed"})
    kept = film.read_bytes()
    healed = upload(source, after_upload="remove")
    assert (healed.exit_code, healed.files_synced) == (0, 1)
    assert contents_of(source) == {}
    assert stored()["film.mov"] == kept


def test_what_a_program_has_open_stays_until_it_is_closed(tree: Tree, upload: Upload, stored: Stored) -> None:
    source = tree({"open.log": b"so far", "closed.txt": b"closed"})
    with open(source / "open.log", "ab") as file:
        result = upload(source, after_upload="remove")
        assert (result.exit_code, result.problems) == (0, [])
        assert list(contents_of(source)) == ["open.log"]
        file.write(b" and more")
    result = upload(source, after_upload="remove")
    assert (result.exit_code, result.files_synced) == (0, 1)
    assert contents_of(source) == {}
    assert stored()["open.log"] == b"so far and more"


def test_a_file_of_the_same_name_at_the_target_is_kept(tree: Tree, upload: Upload, tmp_path: Path) -> None:
    source = tree({"film.mov": b"second take"})
    done = tree({"film.mov": b"first take"}, name="done")
    assert upload(source, after_upload="move", move_to=str(done)).exit_code == 0
    assert contents_of(source) == {}
    assert sorted(contents_of(done).values()) == [b"first take", b"second take"]


def test_a_target_that_cannot_be_written_is_named_and_the_file_stays(
    tree: Tree, env_file: Callable[..., Path], program: Callable[..., ProgramRun], stored: Stored, tmp_path: Path
) -> None:
    source = tree({"film.mov": b"film"})
    done = tmp_path / "done"
    done.mkdir(mode=0o500)
    config = env_file(SOURCE_DIR=source, AFTER_UPLOAD="move", MOVE_TO=done)
    run = program("sync", "--json", "--config", str(config))
    assert (run.returncode, kinds(run)) == (4, {"film.mov": "not_moved"})
    assert stored() == {"film.mov": b"film"}
    assert contents_of(source) == {"film.mov": b"film"}
    done.chmod(0o700)
    healed = program("sync", "--json", "--config", str(config))
    assert (healed.returncode, healed.result["files_synced"]) == (0, 0)
    assert contents_of(done) == {"film.mov": b"film"}
    agrees_or_named(healed, source, stored())


def test_what_was_stored_before_leaves_too_and_only_after_a_proof_by_content(
    tree: Tree, upload: Upload, stored: Stored, s3: Any, bucket: str, tmp_path: Path
) -> None:
    """A run that was killed between storing and moving left files behind; the next one takes them along."""
    source = tree({"a.txt": b"content", "b.txt": b"content"})
    upload(source)
    s3.put_object(Bucket=bucket, Key="in/box/b.txt", Body=b"damaged")
    result = upload(source, after_upload="move", move_to=str(tmp_path / "done"))
    assert result.exit_code == 0
    assert stored() == {"a.txt": b"content", "b.txt": b"content"}, "what differed was sent again"
    assert contents_of(source) == {}
    assert not difference(tmp_path / "done", stored())


@pytest.mark.parametrize(
    "options",
    [
        {"after_upload": "remove", "delete": True},
        {"after_upload": "remove", "verify": "none"},
        {"after_upload": "move"},
        {"after_upload": "move", "move_to": "{source}/done"},
    ],
)
def test_combinations_that_could_lose_files_are_refused_before_anything_happens(
    options: dict[str, Any], tree: Tree, upload: Upload, stored: Stored
) -> None:
    source = tree({"a.txt": b"a"})
    if "move_to" in options:
        options = {**options, "move_to": options["move_to"].format(source=source)}
    with pytest.raises(ConfigurationError, match=r"contradict|needs verification|needs move_to|inside src"):
        upload(source, **options)
    assert stored() == {}
    assert contents_of(source) == {"a.txt": b"a"}
