# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A proven file leaves the source; anything else stays, and no file is ever lost or overwritten."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import resource
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.problems import Kind
from ansible_collections.datasync.turbo.plugins.module_utils.common.threads import ReadingStopped, Stop
from ansible_collections.datasync.turbo.plugins.module_utils.job.job import Job
from ansible_collections.datasync.turbo.plugins.module_utils.job.local_file import LocalFile, identity_of
from ansible_collections.datasync.turbo.plugins.module_utils.sync import departure as after_upload
from ansible_collections.datasync.turbo.plugins.module_utils.sync.departure import Departure, depart

CONTENT = b"the content of the film"
#: Of the same length.
OTHER = b"another film, not known"
MIB = 1024 * 1024
NOBODY = 65534


@pytest.fixture
def clip(source):
    """A file two folders down in the source, an hour old."""
    path = source / "day" / "reel" / "clip.mov"
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    return path


@pytest.fixture
def archive(tmp_path):
    """The folder that files are moved to; it does not exist yet."""
    return tmp_path / "archive"


@pytest.fixture
def memory(tmp_path):
    """A folder on another file system than the source. Without one, nothing can be moved to it."""
    mount = Path("/dev/shm")
    if not mount.is_dir() or mount.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("this machine has no second file system at /dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="after_upload-", dir="/dev/shm"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(params=["the same file system", "another file system"])
def any_archive(request, tmp_path):
    """The folder that files are moved to; it does not exist yet."""
    if request.param == "the same file system":
        return tmp_path / "archive"
    return request.getfixturevalue("memory") / "archive"


def proven(path, source):
    """The file as a run looked at it."""
    relative = str(path.relative_to(source))
    return LocalFile(str(path), relative, f"p/{relative}", identity_of(path.lstat()))


def job(source, move_to=None, **options):
    return Job(
        str(source),
        "bucket",
        after_upload="move" if move_to else "remove",
        move_to=str(move_to) if move_to else None,
        **options,
    )


def files_in(*folders):
    """All files below the folders, with their contents: nothing of ours may be left among them."""
    return {path.name: path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file()}


def before_the_rename(monkeypatch, act):
    """Do something in the moment between the last look at the path and the renaming, if that is possible at all."""
    original = os.rename

    def rename(old, new):
        if Path(new).parent.stat().st_dev == Path(old).stat().st_dev:
            monkeypatch.setattr(os, "rename", original)
            act(Path(old))
        original(old, new)

    monkeypatch.setattr(os, "rename", rename)


def without_leases(monkeypatch):
    """As on network file systems."""
    monkeypatch.setattr(after_upload._Lease, "_take", lambda lease: False)


def replace(path):
    other = path.with_name("other")
    other.write_bytes(OTHER)
    other.replace(path)


def append(path):
    with open(path, "ab") as file:
        file.write(b" goes on")


# --- removing


def test_a_proven_file_is_removed_and_its_folder_stays(source, clip):
    assert depart(proven(clip, source), identity_of(clip.stat()), job(source)) == Departure(True)
    assert files_in(source) == {}
    assert clip.parent.is_dir()


def test_only_the_name_that_was_proven_goes_from_a_file_with_two(source, clip):
    os.link(clip, source / "second name")
    assert depart(proven(clip, source), identity_of(clip.stat()), job(source)).gone
    assert files_in(source) == {"second name": CONTENT}


# --- moving


def test_a_proven_file_is_moved_under_the_same_relative_path(source, clip, any_archive):
    departure = depart(proven(clip, source), identity_of(clip.stat()), job(source, any_archive))
    assert departure == Departure(True, place=str(any_archive / "day" / "reel" / "clip.mov"))
    assert files_in(source) == {}
    assert files_in(any_archive) == {"clip.mov": CONTENT}
    assert clip.parent.is_dir(), "emptied folders are left to those who made them"


@pytest.mark.parametrize("algorithm", ["CRC64NVME", "SHA256", "SHA1"])
def test_a_file_of_many_blocks_is_moved_whole(source, clip, any_archive, algorithm):
    content = os.urandom(3 * MIB + 1)
    clip.write_bytes(content)
    settings = job(source, any_archive, checksum_algorithm=algorithm)
    assert depart(proven(clip, source), identity_of(clip.stat()), settings).gone
    assert files_in(source, any_archive) == {"clip.mov": content}


def test_a_file_keeps_its_times_mode_and_owner(source, clip, any_archive):
    clip.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(clip, NOBODY, NOBODY)
    before = clip.stat()
    moved = Path(depart(proven(clip, source), identity_of(before), job(source, any_archive)).place).stat()
    assert moved.st_mtime_ns == before.st_mtime_ns
    assert stat.S_IMODE(moved.st_mode) == 0o640
    assert (moved.st_uid, moved.st_gid) == (before.st_uid, before.st_gid)


def test_new_folders_have_the_mode_of_those_that_the_file_comes_from(source, clip, archive):
    (source / "day").chmod(0o750)
    clip.parent.chmod(0o2775)
    depart(proven(clip, source), identity_of(clip.stat()), job(source, archive))
    assert stat.S_IMODE((archive / "day").stat().st_mode) == 0o750
    assert stat.S_IMODE((archive / "day" / "reel").stat().st_mode) == 0o2775


def test_a_folder_that_is_there_stays_as_it_is(source, clip, archive):
    clip.parent.chmod(0o700)
    (archive / "day" / "reel").mkdir(parents=True, mode=0o755)
    (archive / "day" / "reel").chmod(0o755)
    depart(proven(clip, source), identity_of(clip.stat()), job(source, archive))
    assert stat.S_IMODE((archive / "day" / "reel").stat().st_mode) == 0o755


def test_a_file_in_a_folder_that_is_linked_into_the_source_stays(source, clip, archive, tmp_path):
    """It lies elsewhere, and others may need it there."""
    elsewhere = tmp_path / "elsewhere"
    clip.parent.rename(elsewhere)
    clip.parent.symlink_to(elsewhere)
    departure = depart(proven(clip, source), identity_of(clip.stat()), job(source, archive))
    assert (departure.gone, departure.problem) == (False, None)
    assert "symbolic link" in departure.reason
    assert files_in(elsewhere) == {"clip.mov": CONTENT}


# --- what is there already


def test_nothing_in_the_archive_is_overwritten(source, clip, any_archive):
    """The new file gets the number, as the old one may be in use."""
    taken = any_archive / "day" / "reel" / "clip.mov"
    for number, name in enumerate(["clip.mov", "clip.mov.~1~", "clip.mov.~2~"]):
        departure = depart(proven(clip, source), identity_of(clip.stat()), job(source, any_archive))
        assert departure.place == str(taken.with_name(name))
        clip.write_bytes(b"take %d" % number)
    assert files_in(any_archive) == {"clip.mov": CONTENT, "clip.mov.~1~": b"take 0", "clip.mov.~2~": b"take 1"}


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.symlink_to("nowhere")])
def test_a_folder_or_a_broken_link_takes_a_name_too(source, clip, any_archive, make):
    taken = any_archive / "day" / "reel" / "clip.mov"
    taken.parent.mkdir(parents=True)
    make(taken)
    departure = depart(proven(clip, source), identity_of(clip.stat()), job(source, any_archive))
    assert departure.place == f"{taken}.~1~"


def without_hard_links(monkeypatch):
    """As on FAT, where link(2) is not permitted."""

    def link(old, new):
        raise PermissionError(1, "Operation not permitted", old)

    monkeypatch.setattr(os, "link", link)


def test_nothing_is_overwritten_on_a_file_system_without_hard_links(source, clip, any_archive, monkeypatch):
    without_hard_links(monkeypatch)
    test_nothing_in_the_archive_is_overwritten(source, clip, any_archive)


def test_a_file_gets_its_name_back_on_a_file_system_without_hard_links(source, clip, monkeypatch):
    without_hard_links(monkeypatch)
    file = proven(clip, source)
    before_the_rename(monkeypatch, replace)
    assert "replaced" in depart(file, file.identity, job(source)).reason
    assert files_in(source) == {"clip.mov": OTHER}


# --- a file that is not the proven one stays


@pytest.fixture(params=["remove", "move", "move to another file system"])
def any_job(request, source, tmp_path):
    if request.param == "remove":
        return job(source)
    if request.param == "move":
        return job(source, tmp_path / "archive")
    return job(source, request.getfixturevalue("memory") / "archive")


def archived(any_job):
    return files_in(Path(any_job.move_to)) if any_job.move_to else {}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (append, "its size went from"),
        (replace, "replaced"),
        (lambda path: path.chmod(0o600), "status time"),
        (os.utime, "modification or status time"),
    ],
)
def test_a_file_that_changed_since_its_proof_stays_and_that_is_no_problem(source, clip, any_job, change, reason):
    file = proven(clip, source)
    wait_for_the_clock_of_the_file_system(source.parent, file.identity)
    change(clip)
    content = clip.read_bytes()
    departure = depart(file, file.identity, any_job)
    assert (departure.gone, departure.place, departure.problem) == (False, "", None)
    assert reason in departure.reason
    assert files_in(source) == {"clip.mov": content}
    assert archived(any_job) == {}


def wait_for_the_clock_of_the_file_system(folder, identity):
    """Its times move in steps of some milliseconds; a change within one step would leave no trace."""
    probe = folder / "probe"
    while True:
        probe.write_bytes(b"")
        if probe.stat().st_ctime_ns > identity.ctime_ns:
            return


def test_a_file_that_is_replaced_in_the_last_moment_stays(source, clip, any_job, monkeypatch):
    file = proven(clip, source)
    before_the_rename(monkeypatch, replace)
    departure = depart(file, file.identity, any_job)
    assert "replaced" in departure.reason
    assert departure.problem is None
    assert files_in(source) == {"clip.mov": OTHER}
    assert archived(any_job) == {}


def test_a_file_that_is_appended_to_in_the_last_moment_stays(source, clip, any_job, monkeypatch):
    without_leases(monkeypatch)
    file = proven(clip, source)
    before_the_rename(monkeypatch, append)
    departure = depart(file, file.identity, any_job)
    assert "its size went from" in departure.reason
    assert files_in(source) == {"clip.mov": CONTENT + b" goes on"}
    assert archived(any_job) == {}


def test_a_file_that_is_replaced_twice_is_kept_beside_its_successor_and_named(source, clip, monkeypatch):
    file = proven(clip, source)
    original = os.rename

    def rename(old, new):
        monkeypatch.setattr(os, "rename", original)
        replace(clip)
        original(old, new)
        clip.write_bytes(b"a third film")

    monkeypatch.setattr(os, "rename", rename)
    departure = depart(file, file.identity, job(source))
    left = files_in(source)
    assert left.pop("clip.mov") == b"a third film"
    [(name, content)] = left.items()
    assert content == OTHER
    assert departure.problem.kind == Kind.NOT_MOVED
    assert name in departure.problem.message


def test_a_file_that_was_deleted_is_no_problem(source, clip, any_job):
    file = proven(clip, source)
    clip.unlink()
    departure = depart(file, file.identity, any_job)
    assert (departure.gone, departure.problem) == (False, None)
    assert "deleted" in departure.reason


def test_a_file_that_is_deleted_while_it_is_copied_leaves_no_copy(source, clip, memory, monkeypatch):
    file = proven(clip, source)
    original = after_upload._copy

    def copy(*arguments):
        original(*arguments)
        clip.unlink()

    monkeypatch.setattr(after_upload, "_copy", copy)
    assert not depart(file, file.identity, job(source, memory / "archive")).gone
    assert files_in(source, memory) == {}


def test_a_file_that_is_replaced_while_it_is_copied_leaves_no_copy(source, clip, memory, monkeypatch):
    file = proven(clip, source)
    original = after_upload._copy

    def copy(*arguments):
        original(*arguments)
        replace(clip)

    monkeypatch.setattr(after_upload, "_copy", copy)
    assert not depart(file, file.identity, job(source, memory / "archive")).gone
    assert files_in(source, memory) == {"clip.mov": OTHER}


def rewrite_and_set_mtime_back(path):
    before = path.stat()
    path.write_bytes(OTHER)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_a_file_that_is_rewritten_while_it_is_copied_never_appears_in_the_archive(source, clip, memory, monkeypatch):
    """Its size and mtime are the old ones."""
    file = proven(clip, source)
    wait_for_the_clock_of_the_file_system(source.parent, file.identity)
    original = after_upload._copy

    def copy(*arguments):
        original(*arguments)
        rewrite_and_set_mtime_back(clip)

    monkeypatch.setattr(after_upload, "_copy", copy)
    monkeypatch.setattr(after_upload, "_rename_to_free", lambda *names: pytest.fail("named"))
    assert "status time" in depart(file, file.identity, job(source, memory / "archive")).reason
    assert files_in(source, memory) == {"clip.mov": OTHER}


def test_a_copy_is_safe_on_its_disk_before_the_source_goes_and_the_source_is_looked_at_again(
    source, clip, memory, monkeypatch
):
    file = proven(clip, source)
    wait_for_the_clock_of_the_file_system(source.parent, file.identity)
    (memory / "archive" / "day" / "reel").mkdir(parents=True)
    original, safe = os.fsync, []

    def fsync(descriptor):
        original(descriptor)
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        safe.append((is_folder, clip.exists(), sorted(files_in(memory))))
        if is_folder:
            rewrite_and_set_mtime_back(clip)

    monkeypatch.setattr(os, "fsync", fsync)
    assert not depart(file, file.identity, job(source, memory / "archive")).gone
    [content, name] = safe
    assert content[:2] == (False, True)
    assert name == (True, True, ["clip.mov"])
    assert files_in(source, memory) == {"clip.mov": OTHER}


def test_a_link_stays_and_so_does_what_it_leads_to(source, clip, any_job):
    link = source / "link.mov"
    link.symlink_to(clip)
    file = LocalFile(str(link), "link.mov", "p/link.mov", identity_of(link.stat()))
    departure = depart(file, file.identity, any_job)
    assert departure == Departure(False, reason="is a symbolic link")
    assert link.is_symlink()
    assert clip.read_bytes() == CONTENT


def test_a_file_that_became_a_link_in_the_last_moment_stays(source, clip, any_job, monkeypatch):
    """With the very same file behind it."""
    elsewhere = source.parent / "elsewhere"
    file = proven(clip, source)

    def link(path):
        path.replace(elsewhere)
        path.symlink_to(elsewhere)

    without_leases(monkeypatch)
    before_the_rename(monkeypatch, link)
    assert not depart(file, file.identity, any_job).gone
    assert clip.is_symlink()
    assert elsewhere.read_bytes() == CONTENT
    assert archived(any_job) == {}


def test_a_fifo_in_its_place_is_not_waited_for(source, clip, any_job):
    file = proven(clip, source)
    clip.unlink()
    os.mkfifo(clip)
    departure = depart(file, file.identity, any_job)
    assert (departure.gone, departure.problem) == (False, None)
    assert stat.S_ISFIFO(clip.lstat().st_mode)


# --- a file that somebody else has open


@pytest.fixture
def kernel_tells(tmp_path):
    """Whether the kernel can tell who has a file open: not on macOS, and not on every file system."""
    probe = tmp_path / "probe"
    probe.write_bytes(b"")
    with open(probe, "rb") as file:
        try:
            fcntl.fcntl(file.fileno(), fcntl.F_SETLEASE, fcntl.F_WRLCK)
        except (AttributeError, OSError):
            pytest.skip("the file system has no leases")


@contextlib.contextmanager
def another_program(path, mode):
    """Another process that has the file open."""
    code = "import sys; file = open(sys.argv[1], sys.argv[2]); print('open', flush=True); sys.stdin.read()"
    command = [sys.executable, "-I", "-S", "-c", code, str(path), mode]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"open\n"
        yield process
        process.stdin.close()
    assert process.returncode == 0


@pytest.mark.parametrize("mode", ["rb", "r+b", "ab"])
def test_a_file_that_another_program_has_open_stays_until_it_is_closed(source, clip, any_job, mode, kernel_tells):
    file = proven(clip, source)
    with another_program(clip, mode):
        departure = depart(file, file.identity, any_job)
        assert departure == Departure(False, reason="is open in another program")
        assert files_in(source) == {"clip.mov": CONTENT}
        assert archived(any_job) == {}
    assert depart(file, file.identity, any_job).gone


def test_a_program_that_closes_the_file_a_moment_later_does_not_keep_it(source, clip, kernel_tells, monkeypatch):
    """As s5cmd does, which reports a file before it closes it."""
    file = proven(clip, source)
    with another_program(clip, "rb") as process:

        def wait(seconds):
            process.stdin.close()
            process.wait()

        monkeypatch.setattr(after_upload.time, "sleep", wait)
        assert depart(file, file.identity, job(source)).gone


def test_a_file_that_another_program_opens_in_the_last_moment_stays(source, clip, kernel_tells, monkeypatch):
    """The kernel lets it wait until we are through; it then finds the file in its place and goes on."""
    file = proven(clip, source)
    code = "import sys; open(sys.argv[1], 'ab').write(b' goes on')"
    started, leases = [], []
    original = after_upload._Lease._take

    def take(lease):
        leases.append(lease)
        return original(lease)

    def open_elsewhere(path):
        started.append(subprocess.Popen([sys.executable, "-I", "-S", "-c", code, str(path)]))
        while not leases[0].is_wanted:
            assert started[0].poll() is None

    monkeypatch.setattr(after_upload._Lease, "_take", take)
    before_the_rename(monkeypatch, open_elsewhere)
    departure = depart(file, file.identity, job(source))
    assert departure == Departure(False, reason="is open in another program")
    assert started[0].wait(60) == 0
    assert files_in(source) == {"clip.mov": CONTENT + b" goes on"}


# --- failures: the file stays, and the problem says why


@contextlib.contextmanager
def as_an_ordinary_user():
    """Root may write everywhere; this user may not.

    The real user too, where a process can come back from there: glibc before 2.33 asks the kernel about no other.
    """
    if os.geteuid() != 0:
        yield
        return
    change = getattr(os, "setresuid", lambda _real, effective, _saved: os.seteuid(effective))
    change(NOBODY, NOBODY, 0)
    try:
        yield
    finally:
        change(0, 0, 0)


@pytest.fixture
def open_folder():
    """A folder that every user reaches, with a source, a file in it that all may read, and an archive."""
    folder = Path(tempfile.mkdtemp(prefix="after_upload-", dir="/tmp"))
    folder.chmod(0o755)
    for name in ("source", "archive"):
        (folder / name).mkdir()
        (folder / name).chmod(0o777)
    (folder / "source" / "clip.mov").write_bytes(CONTENT)
    yield folder
    for name in ("source", "archive"):
        (folder / name).chmod(0o777)
    shutil.rmtree(folder)


def departure_by_an_ordinary_user(folder, move_to=None):
    file = proven(folder / "source" / "clip.mov", folder / "source")
    with as_an_ordinary_user():
        return depart(file, file.identity, job(folder / "source", move_to))


def assert_it_stayed(departure, folder, reason):
    assert not departure.gone
    assert departure.problem.kind == Kind.NOT_MOVED
    assert departure.problem.path == "clip.mov"
    assert reason in departure.problem.message
    assert files_in(folder / "source", folder / "archive") == {"clip.mov": CONTENT}
    assert (folder / "source" / "clip.mov").exists()


def test_a_file_of_another_owner_may_leave_where_the_folder_allows_it(open_folder):
    """The kernel grants a lease, and maybe a hard link, to its owner alone."""
    assert departure_by_an_ordinary_user(open_folder, open_folder / "archive").gone
    assert files_in(open_folder / "source", open_folder / "archive") == {"clip.mov": CONTENT}


def test_a_file_in_a_folder_that_is_read_only_cannot_be_removed(open_folder):
    (open_folder / "source").chmod(0o555)
    assert_it_stayed(departure_by_an_ordinary_user(open_folder), open_folder, "Permission denied")


def test_a_file_in_a_folder_that_is_read_only_cannot_be_moved(open_folder):
    (open_folder / "source").chmod(0o555)
    departure = departure_by_an_ordinary_user(open_folder, open_folder / "archive")
    assert_it_stayed(departure, open_folder, "Permission denied")


def test_a_file_in_a_folder_that_is_read_only_is_not_even_copied(open_folder, memory, monkeypatch):
    memory.chmod(0o777)
    (open_folder / "source").chmod(0o555)
    monkeypatch.setattr(after_upload, "_copy", lambda *arguments: pytest.fail("copied for hours, for nothing"))
    assert_it_stayed(departure_by_an_ordinary_user(open_folder, memory), open_folder, "Permission denied")


@pytest.mark.parametrize("below", [".", "new"])
def test_a_file_cannot_be_moved_to_a_folder_that_is_read_only(open_folder, below):
    (open_folder / "archive").chmod(0o555)
    departure = departure_by_an_ordinary_user(open_folder, open_folder / "archive" / below)
    assert_it_stayed(departure, open_folder, str(open_folder / "archive"))


def test_a_file_cannot_be_moved_below_a_file(source, clip, any_archive):
    any_archive.mkdir()
    (any_archive / "day").write_bytes(b"a file")
    departure = depart(proven(clip, source), identity_of(clip.stat()), job(source, any_archive))
    assert departure.problem.kind == Kind.NOT_MOVED
    assert departure.problem.path == "day/reel/clip.mov"
    assert files_in(source) == {"clip.mov": CONTENT}
    assert files_in(any_archive) == {"day": b"a file"}


def test_a_name_that_is_too_long_for_its_number_stays(source, any_archive):
    path = source / ("n" * 254)
    path.write_bytes(CONTENT)
    any_archive.mkdir()
    (any_archive / path.name).write_bytes(OTHER)
    departure = depart(proven(path, source), identity_of(path.stat()), job(source, any_archive))
    assert "too long" in departure.problem.message
    assert files_in(source) == {path.name: CONTENT}
    assert files_in(any_archive) == {path.name: OTHER}


def test_a_copy_that_does_not_fit_is_removed(source, clip, memory):
    """The limit of the size of a file stands for a disk that is full."""
    clip.write_bytes(bytes(2 * MIB))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MIB, before[1]))
    try:
        departure = depart(proven(clip, source), identity_of(clip.stat()), job(source, memory / "archive"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "File too large" in departure.problem.message
    assert files_in(source) == {"clip.mov": bytes(2 * MIB)}
    assert files_in(memory) == {}


def test_a_copy_that_is_damaged_is_removed(source, clip, memory, monkeypatch):
    original = os.fsync
    (memory / "archive" / "day" / "reel").mkdir(parents=True)

    def damage(descriptor):
        os.pwrite(descriptor, b"X", 3)
        original(descriptor)

    monkeypatch.setattr(os, "fsync", damage)
    departure = depart(proven(clip, source), identity_of(clip.stat()), job(source, memory / "archive"))
    assert "differs" in departure.problem.message
    assert files_in(source) == {"clip.mov": CONTENT}
    assert files_in(memory) == {}


def test_the_names_of_new_folders_survive_a_power_cut_like_those_of_the_files(source, clip, memory, monkeypatch):
    original, synced = os.fsync, []

    def fsync(descriptor):
        original(descriptor)
        synced.append(os.path.relpath(Path(f"/proc/self/fd/{descriptor}").readlink(), memory))

    monkeypatch.setattr(os, "fsync", fsync)
    assert depart(proven(clip, source), identity_of(clip.stat()), job(source, memory / "a" / "b")).gone
    [*folders, _copy, last] = synced
    assert folders[:2] == [".", "a"]
    assert last == os.path.dirname(os.path.relpath(next(memory.rglob("clip.mov")), memory))


def test_a_disk_that_fails_to_keep_the_name_of_a_copy_keeps_the_source(source, clip, memory, monkeypatch):
    original = os.fsync
    (memory / "archive" / "day" / "reel").mkdir(parents=True)

    def fail(descriptor):
        original(descriptor)
        if stat.S_ISDIR(os.fstat(descriptor).st_mode) and files_in(memory):
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    departure = depart(proven(clip, source), identity_of(clip.stat()), job(source, memory / "archive"))
    assert "Input/output error" in departure.problem.message
    assert files_in(source) == {"clip.mov": CONTENT}
    assert files_in(memory) == {}


def test_a_copy_that_nobody_waits_for_is_removed(source, clip, memory):
    stop = Stop()
    stop.set()
    with pytest.raises(ReadingStopped):
        depart(proven(clip, source), identity_of(clip.stat()), job(source, memory / "archive"), stop.check)
    assert files_in(source) == {"clip.mov": CONTENT}
    assert files_in(memory) == {}


def test_a_file_that_cannot_be_unlinked_gets_its_name_back(source, clip, monkeypatch):
    original = os.unlink

    def unlink(path):
        monkeypatch.setattr(os, "unlink", original)
        raise OSError(5, "Input/output error", path)

    monkeypatch.setattr(os, "unlink", unlink)
    departure = depart(proven(clip, source), identity_of(clip.stat()), job(source))
    assert "Input/output error" in departure.problem.message
    assert files_in(source) == {"clip.mov": CONTENT}
