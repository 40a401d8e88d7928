# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Whoever writes by `common/files` leaves the old or the new, whole, whatever befalls it at whichever step.

The faults: SIGKILL before each line of our code that a write executes, in a child process; a full disk and a disk that
becomes read-only, from each system call on that changes something, by an OSError in place of the call (which reaches
every step on every machine); and the same faults from a real tmpfs, full to its last blocks or its last inode, or
remounted read-only, and a folder that may not be written to.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import io
import itertools
import json
import os
import re
import shutil
import signal
import stat
import sys
import tempfile
import traceback
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, Callable, NamedTuple, NoReturn

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.benchmark.report import text as benchmark_report
from ansible_collections.datasync.turbo.plugins.module_utils.common import files
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError, DatasyncError
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.environment import HostPython
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.files import PresentFile, write_file
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.generation import Generation, Wanted
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.store import GenerationStore, writing
from ansible_collections.datasync.turbo.plugins.module_utils.install.layout import Layout, Record
from ansible_collections.datasync.turbo.plugins.module_utils.report import history, manifest
from ansible_collections.datasync.turbo.plugins.module_utils.report.log import Log
from ansible_collections.datasync.turbo.plugins.module_utils.report.progress import Progress
from ansible_collections.datasync.turbo.plugins.module_utils.report.progress_file import ProgressFile
from ansible_collections.datasync.turbo.plugins.module_utils.report.result import not_begun, write_json
from ansible_collections.datasync.turbo.plugins.module_utils.tuning import file as tuning_file
from ansible_collections.datasync.turbo.plugins.plugin_utils.delivery.parcels import Cache, Parcel
from ansible_collections.datasync.turbo.plugins.plugin_utils.delivery.payload import Payloads
from ansible_collections.datasync.turbo.plugins.plugin_utils.delivery.wheelhouse import Wheelhouse
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils import benchmark_results

#: The user and group without rights, as all systems number them.
NOBODY = 65534
#: So much is more than one write of a buffered file.
SIZE = 40_000
PYTHON = HostPython("/usr/bin/python3.11", "3.11.2", "Linux", "x86_64", 64, ["glibc", "2.36"], "")
GENERATION = Generation(Wanted(), "uploader", "/var/lib/datasync-turbo", environment="e", program="p")
OLD, NEW = "a", "b"


class Writer(NamedTuple):
    """`write` puts a version in place, below a folder; `read` tells which one a reader finds, and fails at half of one.

    No file of it may have a wider `mode`. `raises` is what a failing write raises, if it raises.
    """

    write: Callable[[Path, str], Any]
    read: Callable[[Path], str]
    mode: int = 0o644
    raises: type[Exception] | None = ConfigurationError


# --- the writers


def whole(path: Path) -> str:
    content = path.read_text()
    assert len(content) == SIZE
    assert len(set(content)) == 1
    return content[0]


def write_folder(root: Path, version: str) -> None:
    place = root / "made" / version
    if not place.exists():
        with files.making_folder(place, stem="made") as unfinished:
            files.write(os.path.join(unfinished, "file"), version * SIZE, durable=False)


def newest_of(folder: Path, check: Callable[[Path], Any]) -> str:
    """The newest version in a folder, of which every one must be whole."""
    found = [path for path in folder.iterdir() if not path.name.startswith(".")]
    for path in found:
        check(path)
    return max(path.name[0] for path in found)


def result(version: str) -> Any:
    return replace(not_begun(ConfigurationError("x" * SIZE)), destination=version)


def write_manifest(root: Path, version: str) -> None:
    with manifest.writing(str(root / "manifest.sha256")) as lines:
        for _line in range(SIZE // 80):
            lines.add("0" * 64, version)


def read_manifest(root: Path) -> str:
    names = [line.name for line in manifest.read(str(root / "manifest.sha256"))]
    assert len(names) == SIZE // 80
    assert len(set(names)) == 1
    return names[0]


def write_tuning(root: Path, version: str) -> None:
    settings = {"numworkers": 4, "concurrency": 4, "part_size": 64}
    found = {"shown": True, "gain_percent": 1, "ratio": 1, "low": 1, "high": 1, "pairs": 1, "reason": "x" * SIZE}
    tuning = {"classes": {"small": {"settings": settings, "complete": True, **found}}, "measured": version}
    tuning_file.apply(str(root / "facts.d" / "tuning.fact"), tuning)


def read_tuning(root: Path) -> str:
    tuning = tuning_file.load(str(root / "facts.d" / "tuning.fact"), pytest.fail)
    assert tuning is not None
    return tuning.measured


def write_progress(root: Path, version: str) -> None:
    file = ProgressFile(str(root / "progress.json"), Progress(), Log())
    file.phase = version
    file.tick()


def write_history(root: Path, version: str) -> None:
    with files.explained(f"the history to {root}", "check history_path"):
        history.append(str(root / "job.history.jsonl"), result(version), runs=1)


def read_history(root: Path) -> str:
    lines = (root / "job.history.jsonl").read_text().splitlines()
    return str([json.loads(line) for line in lines][-1]["destination"])


def write_managed(root: Path, version: str) -> None:
    with writing(root):
        files.make_folders(root / "etc")
    write_file(str(root / "etc" / "job.env"), PresentFile((version * SIZE).encode(), 0o640, os.geteuid(), os.getegid()))


def write_generation(root: Path, version: str) -> None:
    store = GenerationStore(root / "opt")
    with writing(store.root, exactly=True), store.lock():
        store.use(store.add(replace(GENERATION, environment=version), None).number)
        store.remove_unused()


def read_generation(root: Path) -> str:
    generation = GenerationStore(root / "opt").current()
    assert generation is not None
    return generation.environment


def write_s5cmd(root: Path, version: str) -> None:
    place = Layout(root / "bin", root / "versions")
    content = (version * SIZE).encode()
    digest = hashlib.sha256(content).hexdigest()
    number = {OLD: "2.2.0", NEW: "2.3.0"}[version]
    with place.lock(), place.incoming() as folder:
        executable = folder / "s5cmd"
        executable.touch(0o600)
        executable.write_bytes(content)
        executable.chmod(0o755)
        place.publish(executable, Record(number, "release", "url", "asset", digest, None, True, "now"))
        place.switch(number)


def read_s5cmd(root: Path) -> str:
    place = Layout(root / "bin", root / "versions")
    number = place.command_link().version
    assert number is not None
    record, executable = place.record(number), place.executable(number)
    # Where a damaged version is replaced in its place, its record comes after it.
    assert record is not None
    assert record.sha256 == hashlib.sha256(executable.read_bytes()).hexdigest()
    return whole(executable)


class Program(NamedTuple):
    """The program of a payload, in memory."""

    version: str

    def read_bytes(self) -> bytes:
        return (self.version * SIZE).encode()


def write_payload(root: Path, version: str) -> None:
    cache: Any = root / "cache"
    program: Any = Program(version)
    Payloads(cache, Wheelhouse(cache, root), "", program).payload(PYTHON, with_packages=False)


def read_payload(root: Path) -> str:
    versions = []
    for path in (root / "cache" / "payloads").glob("*.zip"):
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
            versions += [version for version in (OLD, NEW) if archive.read("program") == Program(version).read_bytes()]
    return max(versions)


def write_parcel(root: Path, version: str) -> None:
    place = Cache(root / "cache", "2.3.0-Linux-64bit")
    content = (version * SIZE).encode()
    with place.incoming() as folder:
        (folder / "archive").touch(0o600)
        (folder / "archive").write_bytes(content)
        place.put(Parcel(folder / "archive", "release", "url", hashlib.sha256(content).hexdigest()))


def read_parcel(root: Path) -> str:
    place = Cache(root / "cache", "2.3.0-Linux-64bit")
    digests = {version: hashlib.sha256((version * SIZE).encode()).hexdigest() for version in (OLD, NEW)}
    found = [version for version, digest in digests.items() if place.find(digest)]
    assert len(found) == len([path for path in place.folder.iterdir() if not path.name.startswith(".")])
    return max(found)


def write_benchmark(root: Path, version: str) -> None:
    if not (root / "results" / version).exists():
        benchmark_report.write_results({**benchmark_results.one_round(), "id": version}, str(root / "results"))


def check_benchmark(path: Path) -> None:
    assert sorted(os.listdir(path)) == [f"benchmark.{ending}" for ending in ("csv", "html", "json", "txt")]
    assert json.loads((path / "benchmark.json").read_text())["id"] == path.name


WRITERS = {
    "a file": Writer(
        lambda root, version: files.write(root / "file", version * SIZE),
        lambda root: whole(root / "file"),
        raises=OSError,
    ),
    "a private file": Writer(
        lambda root, version: files.write(root / "file", version * SIZE, files.PRIVATE),
        lambda root: whole(root / "file"),
        files.PRIVATE,
        OSError,
    ),
    "a link": Writer(
        lambda root, version: files.replace_link(root / "link", version),
        lambda root: os.fspath((root / "link").readlink()),
        raises=OSError,
    ),
    "a folder": Writer(
        write_folder,
        lambda root: newest_of(root / "made", lambda path: whole(path / "file")),
        raises=OSError,
    ),
    "a result": Writer(
        lambda root, version: write_json(str(root / "results" / "result.json"), result(version)),
        lambda root: str(json.loads((root / "results" / "result.json").read_text())["destination"]),
    ),
    "the history": Writer(write_history, read_history),
    "the manifest": Writer(write_manifest, read_manifest),
    "the tuning": Writer(write_tuning, read_tuning),
    "the progress": Writer(
        write_progress, lambda root: str(json.loads((root / "progress.json").read_text())["phase"]), raises=None
    ),
    "a managed file": Writer(write_managed, lambda root: whole(root / "etc" / "job.env"), 0o640),
    "a generation": Writer(write_generation, read_generation, 0o600),
    "s5cmd": Writer(write_s5cmd, read_s5cmd, 0o755, DatasyncError),
    "a payload": Writer(write_payload, read_payload),
    "a parcel": Writer(write_parcel, read_parcel, 0o644, DatasyncError),
    "a benchmark": Writer(write_benchmark, lambda root: newest_of(root / "results", check_benchmark)),
}
#: Those of the mechanism itself; the others take a minute together.
MECHANISM = ("a file", "a private file", "a link", "a folder")
EACH = [pytest.param(WRITERS[name], id=name, marks=() if name in MECHANISM else pytest.mark.slow) for name in WRITERS]


# --- what is there


def tree(root: Path) -> set[str]:
    """What is below the folder; the numbers of generations say how many there were, which is of no account here."""
    return {re.sub(r"generations/[0-9]+", "generations/N", str(path.relative_to(root))) for path in root.rglob("*")}


def leftovers(root: Path, wanted: set[str]) -> set[str]:
    """What is there and should not be, each folder as one."""
    found = tree(root) - wanted
    return {path for path in found if os.path.dirname(path) not in found}


def check_modes(root: Path, writer: Writer) -> None:
    for path in root.rglob("*"):
        status = path.lstat()
        if stat.S_ISREG(status.st_mode):
            assert stat.S_IMODE(status.st_mode) & ~writer.mode == 0, path


@pytest.fixture(autouse=True)
def no_umask():
    """So that a mode is narrow only where we make it so."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture(autouse=True)
def page_at_hand(monkeypatch):
    """To draw the page of a benchmark takes longer than all else, and is no step of writing it."""
    page = benchmark_report.benchmark_page.page(benchmark_results.one_round())
    monkeypatch.setattr(benchmark_report.benchmark_page, "page", lambda _result: page)


@pytest.fixture
def new_root():
    """Make an empty folder, in memory where there is one, because a disk takes its time for each fsync."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="test_files-", dir=memory) as folder:
        Path(folder).chmod(0o711)
        numbers = itertools.count()

        def make() -> Path:
            root = Path(folder) / str(next(numbers))
            root.mkdir(0o755)
            return root

        yield make


@pytest.fixture
def with_old(new_root):
    """Make a folder with the old version of a writer in it."""

    def make(writer: Writer) -> Path:
        root = new_root()
        writer.write(root, OLD)
        assert writer.read(root) == OLD
        return root

    return make


@pytest.fixture
def complete(with_old):
    """What lies below a folder after an old and a new version, and nothing else."""

    def made_by(writer: Writer) -> set[str]:
        root = with_old(writer)
        writer.write(root, NEW)
        assert writer.read(root) == NEW
        return tree(root)

    return made_by


# --- child processes


def in_child(work: Callable[[], None]) -> int | None:
    """Do the work in a child process; returns the signal that ended it. A failure there is a failure here."""
    ours, theirs = os.pipe()
    child = os.fork()
    if not child:
        try:
            work()
        except BaseException:  # noqa: BLE001 - told to the parent
            os.write(theirs, traceback.format_exc().encode()[-60_000:])
        os._exit(0)
    os.close(theirs)
    with open(ours) as told:
        failure = told.read()
    _child, status = os.waitpid(child, 0)
    assert not failure, failure
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else None


#: Where the steps of a write are; the rest of the code computes.
STEPS_IN = re.compile(
    r"/plugins/(?:module_utils/(?:common/files|install/layout|fleet/(?:files|store)|report/(?:history|progress_file))"
    r"|plugin_utils/delivery/(?:parcels|cache|payload))\.py"
)


def killed(work: Callable[[], None], step: int) -> bool:
    """Do the work in a child process that is killed before its `step`-th line; whether it came so far."""

    def trace(frame: FrameType, _event: str, _argument: Any) -> Any:
        return trace_lines if STEPS_IN.search(frame.f_code.co_filename) else None

    def trace_lines(_frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal step
        if event == "line":
            step -= 1
            if step == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace_lines

    def traced() -> None:
        sys.settrace(trace)
        work()

    return in_child(traced) == signal.SIGKILL


@pytest.mark.slow
@pytest.mark.parametrize("writer", EACH)
def test_a_kill_at_any_step_leaves_old_or_new_and_many_kills_leave_no_more_than_one(writer, with_old, complete):
    wanted = complete(writer)
    found, left_by_one, left_by_many = [], [], []
    for step in itertools.count(1):
        root = with_old(writer)
        write = partial(writer.write, root, NEW)
        if not killed(write, step):
            break
        found.append(writer.read(root))
        left_by_one.append(len(leftovers(root, wanted)))
        check_modes(root, writer)
        for _time in range(2):
            killed(write, step)
            assert writer.read(root) in (OLD, NEW)
            check_modes(root, writer)
        left_by_many.append(len(leftovers(root, wanted)))
        write()
        assert writer.read(root) == NEW
        assert tree(root) <= wanted, f"killed at step {step}"
        shutil.rmtree(root)
    assert found == sorted(found), "first the old, then the new"
    assert set(found) == {OLD, NEW}
    assert max(left_by_many) <= max(left_by_one)


# --- system calls that fail


class FailingFile(io.FileIO):
    """A file each write of which goes through `called`."""

    def __init__(self, descriptor: int, called: Callable[[], None]) -> None:
        super().__init__(descriptor, "w")
        self._called = called

    def write(self, data: Any) -> int:
        self._called()
        return super().write(data)


#: What changes a file system. A full one still removes, renames in place and changes modes.
GROWS = ("open", "mkdir", "symlink", "link", "fsync", "rename", "replace")
CHANGES = (*GROWS, "unlink", "remove", "rmdir", "chmod", "fchmod", "fchown", "utime")


@contextmanager
def failing(number: int, calls: Sequence[str], after: int) -> Iterator[Callable[[], bool]]:
    """Let these calls, and writes, fail by this error once `after` of them were good; tells whether one failed."""
    done = 0

    def called() -> None:
        nonlocal done
        done += 1
        if done > after:
            raise OSError(number, os.strerror(number))

    def counted_call(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            is_reading = real is os_open and not arguments[1] & (os.O_CREAT | os.O_WRONLY | os.O_RDWR)
            if not is_reading:
                called()
            return real(*arguments, **options)

        return call

    def fdopen(descriptor: int, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        if mode != "wb":
            return real_fdopen(descriptor, mode, *arguments, **options)
        return io.BufferedWriter(FailingFile(descriptor, called))

    os_open, real_fdopen = os.open, os.fdopen
    with pytest.MonkeyPatch.context() as patched:
        for name in calls:
            patched.setattr(os, name, counted_call(getattr(os, name)))
        patched.setattr(os, "fdopen", fdopen)
        yield lambda: done > after


def check_error(writer: Writer, error: BaseException, root: Path, words: str) -> None:
    assert writer.raises is not None
    assert isinstance(error, writer.raises), error
    if isinstance(error, DatasyncError):
        assert "cannot write " in error.message, error.message
        assert str(root) in error.message
        assert error.hint
        assert words in str(error)


@pytest.mark.parametrize("writer", EACH)
@pytest.mark.parametrize(
    ("number", "calls", "words"), [(errno.ENOSPC, GROWS, "free "), (errno.EROFS, CHANGES, "read-only")]
)
def test_a_call_that_fails_at_any_step_leaves_old_or_new_and_says_what_to_do(
    writer, with_old, complete, number, calls, words
):
    wanted = complete(writer)
    after, found = 0, []
    while True:
        root = with_old(writer)
        before = tree(root)
        with failing(number, calls, after) as has_failed:
            try:
                writer.write(root, NEW)
            except (OSError, DatasyncError) as error:
                check_error(writer, error, root, words)
                assert has_failed()
        if not has_failed():
            break
        if writer.raises or (root / "progress.json").exists():
            found.append(writer.read(root))
        check_modes(root, writer)
        if number == errno.ENOSPC:
            assert tree(root) <= before | wanted, f"after {after} calls"
        writer.write(root, NEW)
        assert writer.read(root) == NEW
        assert tree(root) <= wanted, f"after {after} calls"
        shutil.rmtree(root)
        after += 1
    assert found == sorted(found)
    assert found or writer.raises is None


# --- real disks


#: From <sched.h> and <sys/mount.h> of Linux.
CLONE_NEWNS, CLONE_NEWUSER = 0x20000, 0x10000000
MS_RDONLY, MS_REMOUNT, MS_REC, MS_PRIVATE = 1, 32, 16384, 1 << 18


def in_namespace(work: Callable[[], None], cannot_run: Callable[[str], NoReturn]) -> None:
    """Do the work in a child that may mount file systems which nobody else sees."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "unshare"):
        cannot_run("no mount namespaces: this is not Linux")
    refused = "no mount namespace may be made: run as root, or allow user namespaces"

    def alone() -> None:
        user, group = os.geteuid(), os.getegid()
        if libc.unshare(CLONE_NEWNS | (CLONE_NEWUSER if user else 0)):
            raise OSError(ctypes.get_errno(), refused)
        if user:
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"0 {user} 1")
            Path("/proc/self/gid_map").write_text(f"0 {group} 1")
        mount("none", Path("/"), MS_REC | MS_PRIVATE)
        work()

    try:
        assert in_child(alone) is None
    except AssertionError as failure:
        if refused in str(failure):
            cannot_run(refused)
        raise


def mount(kind: str, place: Path, flags: int = 0, options: str = "") -> None:
    """As mount(2)."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"none", os.fsencode(place), kind.encode(), flags, options.encode()):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(place))


def unmount(place: Path) -> None:
    if ctypes.CDLL(None).umount2(os.fsencode(place), 2):
        raise OSError("umount2")


def fill(root: Path, blocks: int) -> list[Path]:
    """Leave so many blocks free."""
    place = root / "filler"
    with suppress(OSError), open(place, "wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    os.truncate(place, place.stat().st_size - 4096 * blocks)
    return [place]


def fill_inodes(root: Path, free: int) -> list[Path]:
    """Leave so many inodes free."""
    made: list[Path] = []
    with suppress(OSError):
        while True:
            place = root / f"filler-{len(made)}"
            place.touch()
            made.append(place)
    for _time in range(free):
        made.pop().unlink()
    return made


@pytest.mark.parametrize("writer", EACH)
@pytest.mark.parametrize(
    ("options", "use_up", "steps"),
    [("size=4m", fill, range(0, 40, 3)), ("size=4m,nr_inodes=150", fill_inodes, range(0, 10))],
    ids=["blocks", "inodes"],
)
def test_a_full_disk_leaves_old_or_new_and_says_what_to_do(
    writer, new_root, complete, cannot_run, options, use_up, steps
):
    wanted = complete(writer)
    root = new_root()

    def write_on_full_disks() -> None:
        failures = 0
        for free in steps:
            mount("tmpfs", root, options=options)
            writer.write(root, OLD)
            before = tree(root)
            fillers = use_up(root, free)
            try:
                writer.write(root, NEW)
            except (OSError, DatasyncError) as error:
                failures += 1
                check_error(writer, error, root, "free ")
                assert "No space left" in str(error)
            for filler in fillers:
                filler.unlink()
            if writer.raises or (root / "progress.json").exists():
                assert writer.read(root) in (OLD, NEW)
            assert tree(root) <= before | wanted, f"{free} free"
            writer.write(root, NEW)
            assert writer.read(root) == NEW
            assert tree(root) <= wanted
            unmount(root)
        needs_no_block = use_up is fill and writer is WRITERS["a link"]
        assert failures or needs_no_block or writer.raises is None

    in_namespace(write_on_full_disks, cannot_run)


@pytest.mark.parametrize("writer", EACH)
def test_a_disk_that_is_read_only_keeps_the_old_and_says_so(writer, new_root, cannot_run):
    root = new_root()

    def write_on_read_only_disk() -> None:
        mount("tmpfs", root, options="size=4m")
        writer.write(root, OLD)
        before = tree(root)
        mount("tmpfs", root, MS_REMOUNT | MS_RDONLY)
        try:
            writer.write(root, NEW)
        except (OSError, DatasyncError) as error:
            check_error(writer, error, root, "read-only")
        else:
            assert writer.raises is None
        assert writer.read(root) == OLD
        assert tree(root) == before

    in_namespace(write_on_read_only_disk, cannot_run)


@pytest.mark.parametrize("writer", EACH)
def test_a_folder_that_may_not_be_written_to_keeps_the_old_and_is_named(writer, new_root, with_old):
    # What Python loads late, such as the codec of zip files, may lie where only root can read.
    with_old(writer)
    root = new_root()

    def write_without_rights() -> None:
        if os.geteuid() == 0:
            os.chown(root, NOBODY, NOBODY)
            os.setgroups([])
            os.setegid(NOBODY)
            os.seteuid(NOBODY)
        writer.write(root, OLD)
        before = tree(root)
        folders = [root, *(path for path in root.rglob("*") if path.is_dir() and not path.is_symlink())]
        for folder in folders:
            folder.chmod(0o555)
        try:
            writer.write(root, NEW)
        except (OSError, DatasyncError) as error:
            check_error(writer, error, root, "")
            assert "Permission denied" in str(error) or "no permission" in str(error)
        else:
            assert writer.raises is None
        assert tree(root) == before
        # A history can be appended to in such a folder; to make it shorter takes more.
        assert writer.read(root) == (NEW if writer is WRITERS["the history"] else OLD)
        for folder in folders:
            folder.chmod(0o755)

    assert in_child(write_without_rights) is None
