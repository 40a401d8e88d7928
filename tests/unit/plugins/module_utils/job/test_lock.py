# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""One run of a job at a time."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from dataclasses import replace

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError, LockedError
from ansible_collections.datasync.turbo.plugins.module_utils.job import lock
from ansible_collections.datasync.turbo.plugins.module_utils.job.job import Job
from ansible_collections.datasync.turbo.plugins.module_utils.job.shard import Shard
from ansible_collections.datasync.turbo.plugins.module_utils.s3.connection import Connection


@pytest.fixture
def job(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "_LOCK_FOLDER", str(tmp_path))
    return Job(src="/srv/material", bucket="archive")


def with_path(tmp_path):
    return Job(src="/srv/material", bucket="archive", lock_path=str(tmp_path / "job.lock"))


def test_a_second_run_is_refused_at_once_and_told_who_holds_the_lock(job):
    with lock.held(job), pytest.raises(LockedError, match=f"process {os.getpid()}"), lock.held(job):
        pass


def test_the_refusal_has_exit_code_75(job):
    with lock.held(job), pytest.raises(LockedError) as raised, lock.held(job):
        pass
    assert raised.value.exit_code == 75


def test_after_the_run_the_lock_is_free(job):
    with lock.held(job):
        pass
    with lock.held(job):
        pass


def test_after_an_error_the_lock_is_free(job):
    with pytest.raises(KeyError), lock.held(job):
        raise KeyError
    with lock.held(job):
        pass


def test_the_lock_of_a_holder_that_died_is_free(tmp_path):
    """The kernel drops it, however the holder died; the file that it leaves behind means nothing."""
    job = with_path(tmp_path)
    holder = (
        "import fcntl, os, sys\n"
        "file = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)\n"
        "fcntl.flock(file, fcntl.LOCK_EX)\n"
        "os.write(file, b'1234')\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", holder, job.lock_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(LockedError, match="process 1234"), lock.held(job):
            pass
        process.kill()
        process.wait()
        with lock.held(job):
            pass


def test_a_child_that_inherits_the_lock_holds_it_beyond_our_end(job):
    """An s5cmd that outlives a killed run still sends; nobody may begin beside it."""
    with lock.held(job) as held:
        child = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", "import sys; sys.stdin.read()"],
            stdin=subprocess.PIPE,
            pass_fds=(held.descriptor,),
        )
    with child:
        with pytest.raises(LockedError), lock.held(job):
            pass
        child.kill()
        child.wait()
        with lock.held(job):
            pass


def test_jobs_with_another_source_destination_or_server_do_not_wait_for_each_other(job):
    others = [
        Job(src="/srv/other", bucket="archive"),
        Job(src="/srv/material", bucket="other"),
        Job(src="/srv/material", bucket="archive", prefix="p/"),
        Job(src="/srv/material", bucket="archive", connection=Connection(endpoint_url="http://127.0.0.1:9000")),
    ]
    paths = {lock.lock_path(other) for other in [job, *others]}
    assert len(paths) == 5


def test_the_same_job_has_the_same_lock_however_its_source_is_written(tmp_path):
    (tmp_path / "material").mkdir()
    (tmp_path / "link").symlink_to("material")
    one, two = (Job(src=str(tmp_path / name), bucket="archive") for name in ("material", "link"))
    assert lock.lock_path(one) == lock.lock_path(two)


def test_a_lock_path_of_ones_own_is_used(tmp_path):
    with lock.held(with_path(tmp_path)):
        assert (tmp_path / "job.lock").read_text() == f"{os.getpid()}\n\n"


def test_without_a_system_folder_for_locks_the_temporary_folder_serves(job, tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "_LOCK_FOLDER", str(tmp_path / "missing"))
    monkeypatch.setattr(lock.tempfile, "gettempdir", lambda: str(tmp_path / "tmp"))
    assert lock.lock_path(job).startswith(str(tmp_path / "tmp") + "/")


def test_a_lock_that_cannot_be_made_is_a_configuration_error_that_names_it(tmp_path):
    job = Job(src="/srv/material", bucket="archive", lock_path=str(tmp_path / "missing" / "job.lock"))
    with pytest.raises(ConfigurationError, match=r"missing/job\.lock.*No such file"), lock.held(job):
        pass


def test_a_link_in_place_of_the_lock_is_refused(tmp_path):
    """In a folder that everybody may write, it would let others choose the file that we truncate."""
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "job.lock").symlink_to("victim")
    with pytest.raises(ConfigurationError, match=r"job\.lock"), lock.held(with_path(tmp_path)):
        pass
    assert (tmp_path / "victim").read_text() == "precious"


def test_the_lock_of_another_user_is_respected_although_it_may_only_be_read(tmp_path, monkeypatch):
    """Root may write every file, so that the refusals come from here: of writing, and of O_CREAT as Linux gives it."""
    job = with_path(tmp_path)
    (tmp_path / "job.lock").write_text("4321\n")
    real_open = os.open

    def refusing(path, flags, *arguments):
        if flags & (os.O_RDWR | os.O_CREAT):
            raise PermissionError(13, "Permission denied", path)
        return real_open(path, flags, *arguments)

    monkeypatch.setattr(lock.os, "open", refusing)
    with lock.held(job), pytest.raises(LockedError, match="process 4321"), lock.held(job):
        pass


@pytest.mark.parametrize("content", [b"", b"not a number\n", b"\xff\xfe", b"12 34"])
def test_a_lock_file_with_other_content_names_nobody(tmp_path, content):
    job = with_path(tmp_path)
    with lock.held(job):
        (tmp_path / "job.lock").write_bytes(content)
        with pytest.raises(LockedError) as raised, lock.held(job):
            pass
    assert "process" not in str(raised.value)


# --- the line that a holder leaves to the next one


def test_a_note_is_read_by_the_next_holder_and_beside_the_lock(tmp_path):
    job = with_path(tmp_path)
    assert lock.note_in(job.lock_path) == b""
    with lock.held(job) as held:
        assert held.note == b""
        assert held.write(b'{"a": 1}')
        assert lock.note_in(job.lock_path) == b'{"a": 1}', "at once, for a run that is killed"
    with lock.held(job) as held:
        assert held.note == b'{"a": 1}', "taking the lock changes nothing"
    assert lock.note_in(job.lock_path) == b'{"a": 1}'


def test_a_shorter_note_leaves_nothing_of_the_longer_one(tmp_path):
    with lock.held(with_path(tmp_path)) as held:
        held.write(b"x" * 10_000)
        held.write(b"y")
        assert (tmp_path / "job.lock").read_bytes() == b"%d\ny\n" % os.getpid()


@pytest.mark.parametrize("content", [b"\xff\n{}\n", b"1\xff2\n\n", b"\xff", b"\0\0\0\0", b"\0\n{}\n"])
def test_a_file_that_does_not_begin_as_ours_leaves_no_note_that_reads_as_one(tmp_path, content):
    (tmp_path / "job.lock").write_bytes(content)
    for _time in range(2):
        with lock.held(with_path(tmp_path)) as held:
            assert not held.note.isascii()


def test_a_file_that_the_disk_does_not_give_is_damaged_too(tmp_path, monkeypatch):
    def fail(path):
        raise OSError(errno.EIO, os.strerror(errno.EIO), path)

    monkeypatch.setattr(lock.locks, "open_to_look", fail)
    assert not lock.note_in(with_path(tmp_path).lock_path).isascii()


def test_a_note_in_a_file_that_was_removed_meanwhile_is_not_kept(tmp_path):
    """The next run makes another file, which knows nothing of it."""
    with lock.held(with_path(tmp_path)) as held:
        assert held.write(b"note")
        (tmp_path / "job.lock").unlink()
        assert held.write(b"note") is False
        assert held.failure == "was removed during the run"


def test_a_thread_that_is_left_over_writes_nothing_after_the_release(tmp_path):
    """The descriptor may be another file's by then."""
    with lock.held(with_path(tmp_path)) as held:
        pass
    before = (tmp_path / "job.lock").read_bytes()
    with open(tmp_path / "other", "w+b") as other:
        assert held.write(b"note") is False
        assert other.read() == b""
    assert (tmp_path / "job.lock").read_bytes() == before


def test_a_note_that_cannot_be_written_is_told(tmp_path, monkeypatch):
    with lock.held(with_path(tmp_path)) as held:
        for broken in (full_disk, lambda descriptor, content, offset: len(content) - 1):
            monkeypatch.setattr(lock.os, "pwrite", broken)
            assert held.write(b"note") is False
            assert "No space left" in held.failure
            monkeypatch.undo()
            assert held.write(b"note")
            assert held.failure == ""


def full_disk(*arguments):
    raise OSError(28, "No space left on device")


def test_a_note_is_on_the_disk_before_it_counts_as_written(tmp_path, monkeypatch):
    calls = []
    for name in ("pwrite", "ftruncate", "fsync"):
        real = getattr(os, name)
        monkeypatch.setattr(
            lock.os, name, lambda *arguments, name=name, real=real: (calls.append(name), real(*arguments))[1]
        )
    with lock.held(with_path(tmp_path)) as held:
        calls.clear()
        held.write(b"note")
    assert calls == ["pwrite", "ftruncate", "fsync"]


def test_shards_of_a_job_do_not_wait_for_each_other(job):
    jobs = [job, *(replace(job, shard=Shard(index, 2)) for index in range(2)), replace(job, shard=Shard(0, 3))]
    assert len({lock.lock_path(other) for other in jobs}) == 4


def test_a_lock_file_that_is_another_files_second_name_is_refused_and_left_alone(tmp_path):
    (tmp_path / "precious").write_text("keep")
    os.link(tmp_path / "precious", tmp_path / "job.lock")
    with pytest.raises(ConfigurationError, match="a single hard link"), lock.held(with_path(tmp_path)):
        pass
    assert (tmp_path / "precious").read_text() == "keep"
