# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Deletions: objects whose files are gone go too, and everything that could be a mistake keeps them all."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any, Callable

import pytest

from dev.seaweedfs import SeaweedFS

from .agreement import agrees_or_named, kinds
from .conftest import MIB, Logged, ProgramRun, Upload, contents_of
from .fault_proxy import DENIED, INTERNAL_ERROR, Cut, Fault, FaultProxy, Request, pass_all
from .test_faults_host import unmount

Stored = Callable[[], dict[str, bytes]]
Tree = Callable[..., Path]
UploadLogged = Callable[..., Logged]
EnvFile = Callable[..., Path]
Program = Callable[..., ProgramRun]

TWENTY = {f"{number:02}.txt": f"{number}".encode() for number in range(20)}


@pytest.fixture(params=[False, True], ids=["listing", "state"])
def with_or_without_state(request: pytest.FixtureRequest, job_options: dict[str, Any], tmp_path: Path) -> None:
    """Run the test with plain listings, and with a state file."""
    if request.param:
        job_options["state_path"] = str(tmp_path / "job.state")


def refused(result: Any, reason: str) -> bool:
    """Whether the run deleted nothing, named the reason, and ended with exit code 4."""
    deletions = result.as_dict()["deletions"]
    kinds_of_run = [problem.kind for problem in result.problems if not problem.path]
    assert (result.exit_code, result.status) == (4, "failed")
    assert deletions["deleted"] == 0
    assert deletions["planned"] > 0
    assert reason in deletions["refused"]
    assert kinds_of_run[-1] == "deletion_refused"
    assert reason in next(problem.message for problem in result.problems if problem.kind == "deletion_refused")
    return True


def deletes(request: Request) -> bool:
    """Whether this deletes one object or many."""
    return request.method == "DELETE" or "delete" in request.query


# --- what is deleted


@pytest.mark.usefixtures("with_or_without_state")
def test_objects_whose_files_are_gone_are_deleted_and_no_others(
    tree: Tree, upload: Upload, upload_logged: UploadLogged, stored: Stored, s3: Any, bucket: str
) -> None:
    source = tree({**TWENTY, "folder/in.txt": b"in", "folder/stays.txt": b"stays"})
    upload(source)
    s3.put_object(Bucket=bucket, Key="in/box/theirs/", Body=b"")  # a folder as consoles make it
    s3.put_object(Bucket=bucket, Key="in/boxes.txt", Body=b"beside the prefix")
    s3.put_object(Bucket=bucket, Key="out/of/it.txt", Body=b"outside of the prefix")
    (source / "07.txt").unlink()
    (source / "folder" / "in.txt").unlink()
    result, _warnings, lines = upload_logged(source, delete=True)
    assert (result.exit_code, result.problems) == (0, [])
    assert result.as_dict()["deletions"] == {"planned": 2, "deleted": 2, "refused": "", "delete_markers": False}
    assert {name: content for name, content in stored().items() if name != "theirs/"} == contents_of(source)
    assert sum("deleted in/box/" in line for line in lines) == 2, "each key is in the log"
    left = {entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]}
    assert {"in/box/theirs/", "in/boxes.txt", "out/of/it.txt"} <= left
    agrees_or_named(result, source, stored())
    again = upload(source, delete=True).as_dict()
    assert (again["exit_code"], again["deletions"]["planned"]) == (0, 0)


@pytest.mark.usefixtures("with_or_without_state")
def test_nothing_is_deleted_without_being_asked_for(tree: Tree, upload: Upload, stored: Stored) -> None:
    source = tree(TWENTY)
    upload(source)
    (source / "07.txt").unlink()
    result = upload(source)
    assert (result.exit_code, result.as_dict()["deletions"]["planned"]) == (0, 0)
    assert stored() == TWENTY


@pytest.mark.usefixtures("with_or_without_state")
def test_what_was_missed_while_deletions_were_off_is_found_when_they_are_on(
    tree: Tree, upload: Upload, stored: Stored
) -> None:
    source = tree(TWENTY)
    upload(source)
    (source / "07.txt").unlink()
    assert upload(source).exit_code == 0
    assert upload(source, delete=True).as_dict()["deletions"]["deleted"] == 1
    assert stored() == contents_of(source)


def test_a_folder_in_the_place_of_a_file_and_the_other_way_round(tree: Tree, upload: Upload, stored: Stored) -> None:
    source = tree({**TWENTY, "becomes-a-folder": b"file", "becomes-a-file/in.txt": b"in"})
    upload(source)
    (source / "becomes-a-folder").unlink()
    (source / "becomes-a-folder").mkdir()
    (source / "becomes-a-folder" / "new.txt").write_bytes(b"new")
    (source / "becomes-a-file" / "in.txt").unlink()
    (source / "becomes-a-file").rmdir()
    (source / "becomes-a-file").write_bytes(b"file")
    result = upload(source, delete=True)
    assert (result.exit_code, result.as_dict()["deletions"]["deleted"]) == (0, 2)
    assert stored() == contents_of(source)


def test_a_renamed_file_is_stored_under_its_new_name_before_the_old_object_goes(
    tree: Tree, upload: Upload, stored: Stored, s3_server: SeaweedFS
) -> None:
    source = tree({**TWENTY, "film.mov": 12 * MIB})
    upload(source)
    (source / "film.mov").rename(source / "renamed.mov")
    with FaultProxy(s3_server.endpoint_url) as proxy:
        result = upload(source, delete=True, endpoint_url=proxy.endpoint_url)
    assert (result.exit_code, result.files_synced) == (0, 1)
    assert stored() == contents_of(source)
    deleting = next(n for n, request in enumerate(proxy.requests) if deletes(request))
    assert not any(request.stores or request.method == "HEAD" for request in proxy.requests[deleting:])


# --- what is never deleted


def test_a_dry_run_lists_each_key_and_deletes_none(
    tree: Tree, env_file: EnvFile, program: Program, stored: Stored
) -> None:
    source = tree(TWENTY)
    config = str(env_file(SOURCE_DIR=source, DELETE="true"))
    assert program("sync", "--config", config).returncode == 0
    for name in ("03.txt", "11.txt"):
        (source / name).unlink()
    shown = program("plan", "--config", config)
    assert shown.returncode == 0
    for key in ("in/box/03.txt", "in/box/11.txt"):
        assert any("delet" in line and key in line for line in shown.stdout.splitlines()), shown.stdout
    result = program("plan", "--json", "--config", config).result
    assert (result["deletions"]["planned"], result["deletions"]["deleted"]) == (2, 0)
    assert stored() == TWENTY


def test_check_mode_and_diff_of_the_module_list_each_key(
    tree: Tree,
    upload: Upload,
    run_module: Callable[..., dict[str, Any]],
    job_options: dict[str, Any],
    stored: Stored,
) -> None:
    source = tree(TWENTY)
    arguments = {**job_options, "src": str(source), "delete": True, "part_size": "5MB"}
    upload(source)
    for name in ("03.txt", "11.txt"):
        (source / name).unlink()
    planned = run_module("s5cmd_sync", arguments, check=True, diff=True)
    assert planned["changed"]
    for key in ("in/box/03.txt", "in/box/11.txt"):
        assert key in planned["diff"]["before"]
        assert key not in planned["diff"]["after"]
    assert stored() == TWENTY
    done = run_module("s5cmd_sync", arguments, diff=True)
    assert done["changed"]
    assert stored() == contents_of(source)
    assert not run_module("s5cmd_sync", arguments, check=True)["changed"]


@pytest.mark.parametrize(
    ("count", "max_delete", "allowed"),
    [
        (2, "10%", True),
        (3, "10%", False),
        (3, "3", True),
        (4, "3", False),
        (1, "0", False),
        (1, "0%", False),
        (19, "100%", True),
        (20, "100%", False),
        (20, "1000", False),
    ],
)
@pytest.mark.usefixtures("with_or_without_state")
def test_no_more_than_max_delete_and_never_all(
    count: int, max_delete: str, allowed: bool, tree: Tree, upload: Upload, stored: Stored
) -> None:
    source = tree(TWENTY)
    upload(source)
    for name in sorted(TWENTY)[:count]:
        (source / name).unlink()
    result = upload(source, delete=True, max_delete=max_delete, allow_empty_source=True)
    if allowed:
        assert (result.exit_code, result.as_dict()["deletions"]["deleted"]) == (0, count)
        assert stored() == contents_of(source)
    else:
        assert refused(result, "never done" if count == 20 else f"max_delete={max_delete}")
        assert stored() == TWENTY


def _close_a_folder(source: Path) -> str:
    (source / "closed").chmod(0)
    return "closed"


def _break_a_link(source: Path) -> str:
    (source / "link").symlink_to("nowhere")
    return "link"


def _close_a_file(source: Path) -> str:
    (source / "closed" / "in.txt").write_bytes(b"changed")
    (source / "closed" / "in.txt").chmod(0)
    return "closed/in.txt"


def _make_a_fifo(source: Path) -> str:
    os.mkfifo(source / "fifo")
    return "fifo"


def _make_a_loop(source: Path) -> str:
    (source / "loop").symlink_to("loop")
    return "loop"


def _give_a_name_that_is_not_utf_8(source: Path) -> str:
    Path(os.fsdecode(os.fsencode(source) + b"/\xff")).write_bytes(b"x")
    return "\\xff"


@pytest.mark.parametrize(
    "accident",
    [_close_a_folder, _close_a_file, _break_a_link, _make_a_fifo, _make_a_loop, _give_a_name_that_is_not_utf_8],
)
@pytest.mark.parametrize("with_state", [False, True], ids=["listing", "state"])
def test_any_problem_in_the_folder_keeps_every_object(
    accident: Callable[[Path], str],
    with_state: bool,
    tree: Tree,
    env_file: EnvFile,
    program: Program,
    stored: Stored,
    tmp_path: Path,
) -> None:
    source = tree({**TWENTY, "closed/in.txt": b"in"})
    state = tmp_path / "job.state" if with_state else None
    config = str(env_file(SOURCE_DIR=source, DELETE="true", STATE_FILE=state))
    assert program("sync", "--config", config).returncode == 0
    before = stored()
    (source / "07.txt").unlink()
    named = accident(source)
    run = program("sync", "--json", "--config", config)
    (source / "closed").chmod(0o755)
    assert run.returncode == 4
    assert (run.result["deletions"]["planned"], run.result["deletions"]["deleted"]) == (1, 0)
    assert named in run.result["deletions"]["refused"], "the reason is named"
    assert set(kinds(run)) == {named, ""}
    assert kinds(run)[""] == "deletion_refused"
    assert stored() == before
    agrees_or_named(run, source, stored())


def test_a_failed_upload_keeps_every_object(tree: Tree, upload: Upload, stored: Stored, s3_server: SeaweedFS) -> None:
    source = tree(TWENTY)
    upload(source)
    (source / "07.txt").unlink()
    (source / "new.txt").write_bytes(b"new")

    def fail(request: Request) -> Fault | None:
        return INTERNAL_ERROR if request.stores and request.path.endswith("new.txt") else None

    with FaultProxy(s3_server.endpoint_url, fail) as proxy:
        result = upload(source, delete=True, endpoint_url=proxy.endpoint_url, retry_rounds=0, retry_count=0)
    assert refused(result, "new.txt")
    assert stored() == TWENTY
    agrees_or_named(result, source, stored())


def test_a_failed_proof_keeps_every_object(
    tree: Tree, upload: Upload, stored: Stored, s3_server: SeaweedFS, s3: Any, bucket: str
) -> None:
    """An object is damaged between its upload and its proof, as no real server would do it to us."""
    source = tree(TWENTY)
    upload(source)
    (source / "07.txt").unlink()
    (source / "new.txt").write_bytes(b"new")
    sent: list[Request] = []

    def damage(request: Request) -> Fault | None:
        if request.stores:
            sent.append(request)
        elif sent:
            s3.put_object(Bucket=bucket, Key="in/box/new.txt", Body=b"n3w")
        return None

    with FaultProxy(s3_server.endpoint_url, damage) as proxy:
        result = upload(source, delete=True, endpoint_url=proxy.endpoint_url)
    assert (result.exit_code, kinds(result)) == (5, {"new.txt": "checksum_mismatch", "": "deletion_refused"})
    assert "new.txt" in result.as_dict()["deletions"]["refused"]
    assert stored() == {**TWENTY, "new.txt": b"n3w"}


@pytest.mark.parametrize("with_state", [False, True], ids=["listing", "state"])
def test_an_empty_source_keeps_every_object(
    with_state: bool, tree: Tree, upload: Upload, stored: Stored, tmp_path: Path
) -> None:
    options = {"state_path": str(tmp_path / "job.state")} if with_state else {}
    source = tree({"a.txt": b"a", "b.txt": b"b"})
    upload(source, **options)
    for path in source.iterdir():
        path.unlink()
    result = upload(source, delete=True, max_delete="100%", **options)
    assert refused(result, "is its file system mounted?")
    assert sorted(stored()) == ["a.txt", "b.txt"]


def test_an_empty_source_is_allowed_where_somebody_else_keeps_an_object(
    tree: Tree, upload: Upload, stored: Stored, s3: Any, bucket: str
) -> None:
    """`allow_empty_source` lets a folder become empty; that all objects go is never allowed."""
    source = tree({"a.txt": b"a", "kept.log": b"kept"})
    upload(source)
    for path in source.iterdir():
        path.unlink()
    options = {"delete": True, "max_delete": "100%", "allow_empty_source": True}
    assert refused(upload(source, **options), "never done")
    result = upload(source, **options, exclude=["*.log"])
    assert (result.exit_code, result.as_dict()["deletions"]["deleted"]) == (0, 1)
    assert sorted(stored()) == ["kept.log"]


@pytest.mark.parametrize("with_state", [False, True], ids=["listing", "state"])
def test_a_vanished_source_keeps_every_object(
    with_state: bool, tree: Tree, upload: Upload, stored: Stored, tmp_path: Path
) -> None:
    options = {"state_path": str(tmp_path / "job.state")} if with_state else {}
    source = tree(TWENTY)
    upload(source, **options)
    source.rename(tmp_path / "elsewhere")
    result = upload(source, delete=True, **options)
    assert (result.exit_code, kinds(result)) == (1, {"": "run"})
    assert str(source) in result.problems[0].message
    assert stored() == TWENTY


def test_a_source_whose_file_system_is_not_mounted_keeps_every_object_and_uploads_nothing(
    tree: Tree, upload: Upload, stored: Stored
) -> None:
    """The folder that lies under the mount point may hold files of its own, which are no part of the job."""
    source = tree(TWENTY)
    upload(source)
    (source / "07.txt").unlink()
    (source / "local.txt").write_bytes(b"lies under the mount point")
    result = upload(source, delete=True, require_mount=str(source))
    assert (result.exit_code, kinds(result)) == (4, {"": "run"})
    assert "not mounted" in result.problems[0].message
    assert stored() == TWENTY


@pytest.mark.parametrize(
    ("moment", "code", "deleted"), [(1, 4, 0), (2, 0, 1)], ids=["before the walk", "before the deletion"]
)
def test_a_source_that_is_unmounted_during_the_run_loses_nothing_that_was_there(
    moment: int,
    code: int,
    deleted: int,
    tree: Tree,
    env_file: EnvFile,
    start_program: Callable[..., subprocess.Popen[str]],
    with_tmpfs: Callable[..., list[str]],
    stored: Stored,
    s3_server: SeaweedFS,
    tmp_path: Path,
) -> None:
    """The first listing comes before the walk, the second before the deletion, of what was gone before."""
    template = tree(TWENTY, name="template")
    source = tmp_path / "mount"
    prefix = with_tmpfs(source, "64m", then=f'cp -a "{template}/." "$place"')
    started: list[subprocess.Popen[str]] = []
    pages: list[Request] = []

    def run(**names: Any) -> ProgramRun:
        config = str(env_file(SOURCE_DIR=source, DELETE="true", REQUIRE_MOUNT=source, **names))
        started.append(start_program("sync", "--json", "--config", config, prefix=prefix))
        stdout, stderr = started[-1].communicate(timeout=60)
        return ProgramRun(started[-1].returncode, stdout, stderr)

    def unmount_at_the_listing(request: Request) -> Fault | None:
        if request.lists and request.query.get("max-keys") != "1":
            pages.append(request)
            if len(pages) == moment:
                unmount(started[-1], source)
        return None

    assert run().returncode == 0
    (template / "07.txt").unlink()
    with FaultProxy(s3_server.endpoint_url, unmount_at_the_listing) as proxy:
        lost = run(S3_ENDPOINT_URL=proxy.endpoint_url)
    assert len(pages) >= moment
    assert (lost.returncode, lost.result["deletions"]["deleted"]) == (code, deleted)
    assert set(stored()) == (set(TWENTY) - {"07.txt"} if deleted else set(TWENTY))


# --- filters, shards, versions


def test_excluded_files_keep_their_objects_unless_it_is_asked_for(tree: Tree, upload: Upload, stored: Stored) -> None:
    source = tree({**TWENTY, "old/a.log": b"a", "old/b.log": b"b", "c.log": b"c"})
    upload(source)
    (source / "c.log").unlink()
    (source / "old" / "a.log").unlink()
    (source / "07.txt").unlink()
    kept = upload(source, delete=True, exclude=["*.log"])
    assert (kept.exit_code, kept.as_dict()["deletions"]["deleted"]) == (0, 1)
    assert {"old/a.log", "old/b.log", "c.log"} < set(stored())
    asked = upload(source, delete=True, exclude=["*.log"], delete_excluded=True, max_delete="20%")
    assert (asked.exit_code, asked.as_dict()["deletions"]["deleted"]) == (0, 3), "also that of the file that is there"
    assert set(stored()) == set(TWENTY) - {"07.txt"}


def test_a_folder_that_filters_do_not_enter_keeps_its_objects(tree: Tree, upload: Upload, stored: Stored) -> None:
    source = tree({**TWENTY, "archive/deep/a.txt": b"a"})
    upload(source)
    (source / "archive" / "deep" / "a.txt").unlink()
    (source / "archive" / "deep").rmdir()
    (source / "archive").rmdir()
    result = upload(source, delete=True, exclude=["archive/*"])
    assert (result.exit_code, result.as_dict()["deletions"]["planned"]) == (0, 0)
    assert "archive/deep/a.txt" in stored()


def test_links_that_are_not_followed_keep_their_objects(tree: Tree, upload: Upload, stored: Stored) -> None:
    source = tree({**TWENTY, "folder/in.txt": b"in"})
    (source / "link").symlink_to("folder")
    upload(source)
    assert "link/in.txt" in stored()
    result = upload(source, delete=True, follow_symlinks=False)
    assert (result.exit_code, result.as_dict()["deletions"]["planned"]) == (0, 0)
    assert "link/in.txt" in stored()


def test_a_shard_deletes_its_own_objects_only(tree: Tree, upload: Upload, stored: Stored) -> None:
    source = tree({f"{number:03}.txt": b"x" for number in range(100)})
    upload(source)
    gone = {f"{number:03}.txt" for number in range(0, 100, 10)}
    for name in gone:
        (source / name).unlink()
    deleted: list[set[str]] = []
    for index in range(3):
        before = set(stored())
        result = upload(source, delete=True, shard={"index": index, "count": 3}, max_delete="50%")
        assert result.exit_code == 0
        deleted.append(before - set(stored()))
        assert result.as_dict()["deletions"]["deleted"] == len(deleted[-1])
    assert set().union(*deleted) == gone
    assert sum(map(len, deleted)) == len(gone), "no object was in two shards"
    assert all(deleted), "each had something to do"
    assert stored() == contents_of(source)


def test_a_bucket_with_versions_says_that_it_writes_delete_markers(
    tree: Tree, upload_logged: UploadLogged, upload: Upload, s3: Any, bucket: str, stored: Stored
) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    source = tree(TWENTY)
    upload(source)
    (source / "07.txt").unlink()
    planned = upload_logged(source, dry_run=True, delete=True).result.as_dict()["deletions"]
    assert (planned["planned"], planned["deleted"]) == (1, 0)
    result, _warnings, lines = upload_logged(source, delete=True)
    assert result.exit_code == 0
    assert result.as_dict()["deletions"] == {"planned": 1, "deleted": 1, "refused": "", "delete_markers": True}
    assert any("delete marker" in line for line in lines)
    assert stored() == contents_of(source)
    versions = s3.list_object_versions(Bucket=bucket, Prefix="in/box/07.txt")
    assert len(versions["DeleteMarkers"]) == 1
    assert s3.get_object(Bucket=bucket, Key="in/box/07.txt", VersionId=versions["Versions"][0]["VersionId"])


# --- faults while deleting


@pytest.mark.usefixtures("with_or_without_state")
def test_what_may_not_be_deleted_is_named_and_a_later_run_deletes_it(
    tree: Tree, upload: Upload, stored: Stored, s3_server: SeaweedFS
) -> None:
    source = tree(TWENTY)
    upload(source)
    (source / "07.txt").unlink()

    def refuse(request: Request) -> Fault | None:
        return DENIED if deletes(request) else None

    with FaultProxy(s3_server.endpoint_url, refuse) as proxy:
        result = upload(source, delete=True, endpoint_url=proxy.endpoint_url)
    assert proxy.played
    assert result.exit_code in (3, 4)
    assert any("s3:DeleteObject" in problem.message for problem in result.problems)
    assert result.as_dict()["deletions"]["deleted"] == 0
    assert stored() == TWENTY
    later = upload(source, delete=True)
    assert (later.exit_code, later.as_dict()["deletions"]["deleted"]) == (0, 1)
    assert stored() == contents_of(source)


@pytest.mark.parametrize("with_state", [False, True], ids=["listing", "state"])
def test_a_run_that_is_killed_before_it_deletes_is_made_up_for(
    with_state: bool,
    tree: Tree,
    env_file: EnvFile,
    start_program: Callable[..., subprocess.Popen[str]],
    program: Program,
    stored: Stored,
    s3_server: SeaweedFS,
    tmp_path: Path,
) -> None:
    """Also where the state file already forgot the file."""
    source = tree(TWENTY)
    with FaultProxy(s3_server.endpoint_url) as proxy:
        state = tmp_path / "job.state" if with_state else None
        names = {"S3_ENDPOINT_URL": proxy.endpoint_url, "DELETE": "true", "STATE_FILE": state}
        config = str(env_file(SOURCE_DIR=source, **names))
        assert program("sync", "--config", config).returncode == 0
        (source / "07.txt").unlink()

        def kill_first(request: Request) -> Fault | None:
            if deletes(request):
                process.kill()
                return Cut()
            return None

        proxy.decide = kill_first
        process = start_program("sync", "--config", config)
        process.communicate(timeout=60)
        proxy.decide = pass_all
        assert process.returncode == -signal.SIGKILL
        assert stored() == TWENTY
        run = program("sync", "--json", "--config", config)
    assert (run.returncode, run.result["deletions"]["deleted"]) == (0, 1)
    assert stored() == contents_of(source)


def test_a_listing_that_breaks_off_deletes_nothing(
    tree: Tree, upload: Upload, stored: Stored, s3_server: SeaweedFS
) -> None:
    """An incomplete listing must never look like a complete one."""
    source = tree(TWENTY)
    upload(source)
    (source / "07.txt").unlink()
    pages: list[Request] = []

    def break_the_last(request: Request) -> Fault | None:
        if request.lists and request.query.get("max-keys") != "1":
            pages.append(request)
            return INTERNAL_ERROR if len(pages) > 1 else None
        return None

    with FaultProxy(s3_server.endpoint_url, break_the_last) as proxy:
        result = upload(source, delete=True, endpoint_url=proxy.endpoint_url)
    assert proxy.played, "a fresh listing comes right before the deletion"
    assert result.exit_code == 3
    assert result.as_dict()["deletions"]["deleted"] == 0
    assert stored() == TWENTY


@pytest.mark.parametrize("back", ["the file", "another object"])
def test_what_comes_back_while_the_run_is_under_way_stays(
    back: str, tree: Tree, upload: Upload, stored: Stored, s3_server: SeaweedFS, s3: Any, bucket: str
) -> None:
    """The plan is made first, and the uploads may take hours before anything is deleted."""
    source = tree({**TWENTY, "film.mov": 12 * MIB})
    upload(source)
    (source / "07.txt").unlink()
    with open(source / "film.mov", "r+b") as file:
        file.write(b"new")

    def come_back() -> None:
        if back == "the file":
            (source / "07.txt").write_bytes(TWENTY["07.txt"])
        else:
            s3.put_object(Bucket=bucket, Key="in/box/07.txt", Body=b"stored by somebody else")

    with FaultProxy(s3_server.endpoint_url) as proxy:
        proxy.when_received(6 * MIB, come_back)
        result = upload(source, delete=True, endpoint_url=proxy.endpoint_url)
    assert (result.exit_code, result.files_synced) == (0, 1)
    assert result.as_dict()["deletions"]["deleted"] == 0
    assert stored()["07.txt"] == (TWENTY["07.txt"] if back == "the file" else b"stored by somebody else")
