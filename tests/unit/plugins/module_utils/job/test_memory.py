# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What a run leaves to the next one: what may be unproven or open, and which state file is the newest."""

from __future__ import annotations

import json

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.job import lock
from ansible_collections.datasync.turbo.plugins.module_utils.job.job import Job
from ansible_collections.datasync.turbo.plugins.module_utils.job.memory import (
    LeftOpen,
    Remembered,
    RunMemory,
    StateMark,
    remembered,
)


def job_of(tmp_path, **options):
    return Job(**{"src": "/srv/material", "bucket": "archive", "lock_path": str(tmp_path / "job.lock"), **options})


@pytest.fixture
def job(tmp_path):
    return job_of(tmp_path)


@pytest.fixture
def a_run():
    """A run of a job: does something with its memory while it holds the lock. Ends as a kill would: nothing is said."""

    def make(job, work=lambda memory: None):
        with lock.held(job) as held:
            return work(RunMemory(job, held))

    return make


# --- objects without a proof


def test_what_may_be_unproven_is_remembered_from_run_to_run_until_it_is_proven(job, a_run):
    a_run(job, lambda memory: memory.before_uploads([], 1_000_000.7))
    assert remembered(job).unproven_since == 1_000_000, "in whole seconds, and none too late"
    assert a_run(job, lambda memory: memory.unproven_since) == 1_000_000
    a_run(job, lambda memory: memory.all_proven(listed=False))
    assert remembered(job).unproven_since is None


@pytest.mark.parametrize("options", [{"verify": "none"}, {"checksum_algorithm": "NONE"}])
def test_a_job_without_verification_promises_nothing_and_takes_no_promise_back(job, tmp_path, a_run, options):
    unverified = job_of(tmp_path, **options)
    a_run(unverified, lambda memory: memory.before_uploads([], 1000.0))
    assert remembered(job).unproven_since is None
    a_run(job, lambda memory: memory.before_uploads([], 2000.0))
    a_run(unverified, lambda memory: memory.before_uploads([], 3000.0))
    assert remembered(job).unproven_since == 2000.0


def test_the_earliest_time_counts_also_after_a_clock_was_set_back(job, a_run):
    a_run(job, lambda memory: memory.before_uploads([], 2000.0))
    a_run(job, lambda memory: memory.before_uploads([], 3000.0))
    assert remembered(job).unproven_since == 2000.0
    a_run(job, lambda memory: memory.before_uploads([], 1000.0))
    assert remembered(job).unproven_since == 1000.0
    a_run(job, lambda memory: memory.doubt())
    assert remembered(job).unproven_since == 0.0


@pytest.mark.parametrize("listed", [False, True])
def test_only_a_listing_shows_a_run_what_another_filter_left_unproven(job, tmp_path, a_run, listed):
    a_run(job, lambda memory: memory.before_uploads([], 1000.0))
    a_run(job_of(tmp_path, exclude=("*.log",)), lambda memory: memory.all_proven(listed=listed))
    assert remembered(job).unproven_since == (None if listed else 1000.0)


@pytest.mark.parametrize(
    "verb",
    [lambda memory: memory.before_uploads([], 2000.0), lambda memory: memory.doubt(), lambda memory: memory.doubt(5.0)],
    ids=["uploads", "a failed proof", "an audit"],
)
def test_what_runs_of_several_filters_left_unproven_is_forgotten_by_a_listing_alone(job, tmp_path, a_run, verb):
    """Whatever the second filter proves of its own files says nothing about those of the first."""
    other = job_of(tmp_path, exclude=("*.log",))
    a_run(job, lambda memory: memory.before_uploads([], 1000.0))
    a_run(other, verb)
    for one in (job, other):
        a_run(one, lambda memory: memory.all_proven(listed=False))
        assert remembered(job).unproven_since is not None
    a_run(other, lambda memory: memory.all_proven(listed=True))
    assert (remembered(job).unproven_since, remembered(job).filter) == (None, "")


# --- multipart uploads


def test_what_a_killed_run_may_have_left_open_is_told_to_the_next_one(job, a_run):
    a_run(job, lambda memory: memory.before_uploads(["p/a", "p/b"], 1000.25))
    assert a_run(job, lambda memory: memory.left_by_earlier) == LeftOpen(("p/a", "p/b"), 1000.25)
    a_run(job, lambda memory: memory.earlier_cleaned_up())
    assert a_run(job, lambda memory: memory.left_by_earlier) is None


def test_what_may_not_be_aborted_stays_beside_what_a_later_run_leaves_open(job, a_run):
    def second(memory):
        memory.before_uploads(["p/b", "p/c"], 2000.0)
        assert memory.left_by_this == LeftOpen(("p/b", "p/c"), 2000.0)
        assert remembered(job).multipart_keys == ("p/a", "p/b", "p/c")
        memory.cleaned_up()

    a_run(job, lambda memory: memory.before_uploads(["p/a", "p/b"], 1000.0))
    a_run(job, second)
    assert a_run(job, lambda memory: memory.left_by_earlier) == LeftOpen(("p/a", "p/b"), 1000.0)


def test_a_run_that_cleans_up_leaves_nothing_open(job, a_run):
    def clean(memory):
        memory.before_uploads(["p/a"], 1000.0)
        memory.cleaned_up()
        assert memory.left_by_this is None

    a_run(job, clean)
    assert (remembered(job).unfinished_since, remembered(job).multipart_keys) == (None, ())


# --- the file


def test_a_run_without_a_lock_file_remembers_nothing_and_makes_none(job, tmp_path):
    assert remembered(job) == Remembered()
    assert not (tmp_path / "job.lock").exists()


def test_one_thing_is_remembered_or_forgotten_without_touching_the_others(job, a_run):
    def work(memory):
        memory.before_uploads(["p/a", "p/b"], 2000.0)
        memory.state_marked(StateMark("0123", 7))
        memory.all_proven(listed=True)

    a_run(job, work)
    assert remembered(job) == Remembered(None, 2000.0, ("p/a", "p/b"), StateMark("0123", 7))


@pytest.mark.parametrize("key", ["p/caf\u00e9 \U0001f600\n\"'", "p/\udcff", "p/" + "x" * 1000])
def test_any_key_is_read_back_as_it_was(job, a_run, key):
    a_run(job, lambda memory: memory.before_uploads([key, "p/b"], 1700000000.25))
    assert remembered(job).multipart_keys == (key, "p/b")


def test_a_verb_that_changes_nothing_writes_nothing(job, a_run):
    a_run(job, lambda memory: memory.doubt(1000.0))
    with pytest.MonkeyPatch.context() as patched, lock.held(job) as held:
        memory = RunMemory(job, held)
        patched.setattr(held, "write", lambda note: pytest.fail("written"))
        assert memory.doubt(2000.0), "known already"
        memory.earlier_cleaned_up()
        memory.cleaned_up()


def test_a_memory_that_cannot_be_written_holds_in_this_run_and_is_tried_again_by_the_next_verb(job):
    with lock.held(job) as held:
        memory = RunMemory(job, held)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(lock.os, "pwrite", full_disk)
            assert memory.before_uploads(["p/a"], 1000.0) is False
            assert memory.before_uploads(["p/a"], 1000.0) is False, "the same, and still not written"
        assert (memory.unproven_since, memory.left_by_this) == (1000.0, LeftOpen(("p/a",), 1000.0))
        assert remembered(job) == Remembered()
        assert memory.state_marked(StateMark("0123", 1))
    assert remembered(job).unproven_since == 1000.0


def full_disk(*arguments):
    raise OSError(28, "No space left on device")


def test_jobs_that_share_a_lock_file_have_a_memory_each(tmp_path, a_run):
    """LOCK_FILE may be one for all: what one job proved says nothing about the other."""
    jobs = [job_of(tmp_path, src=f"/srv/{name}") for name in ("a", "b")]
    for number, job in enumerate(jobs):
        a_run(job, lambda memory, number=number: memory.before_uploads([], 1000.0 + number))
        a_run(job, lambda memory, number=number: memory.state_marked(StateMark(f"{number}", number)))
        a_run(job, lambda memory: memory.earlier_cleaned_up())
    a_run(jobs[1], lambda memory: memory.all_proven(listed=True))
    assert (remembered(jobs[0]).unproven_since, remembered(jobs[0]).state) == (1000.0, StateMark("0", 0))
    assert remembered(jobs[1]) == Remembered(state=StateMark("1", 1))


def test_a_lost_memory_holds_for_every_job_until_that_job_has_proven_its_objects(tmp_path, a_run):
    jobs = [job_of(tmp_path, src=f"/srv/{name}", exclude=("*.log",)) for name in ("a", "b")]
    (tmp_path / "job.lock").write_bytes(b"12\n{damaged\n")
    a_run(jobs[0], lambda memory: memory.all_proven(listed=False))
    assert remembered(jobs[0]).unproven_since == 0.0, "the files of which filter is not known"
    a_run(jobs[0], lambda memory: memory.all_proven(listed=True))
    assert remembered(jobs[0]).unproven_since is None
    assert remembered(jobs[1]).unproven_since == 0.0


def test_the_memory_of_version_0_1_0_is_understood_and_kept(job, tmp_path, a_run):
    (tmp_path / "job.lock").write_text("12\n1700000000\n")
    assert remembered(job) == Remembered(unproven_since=1700000000.0)
    a_run(job)
    assert remembered(job).unproven_since == 1700000000.0
    a_run(job, lambda memory: memory.state_marked(StateMark("0123", 7)))
    assert remembered(job) == Remembered(unproven_since=1700000000.0, state=StateMark("0123", 7))


def test_the_memory_of_version_0_4_0_is_understood_and_kept(job, tmp_path, a_run):
    """As that version wrote it for this very job: an upgrade in the middle of trouble forgets nothing."""
    of_job = {
        "unproven_since": 1764000000,
        "unfinished_since": 1764000000.5,
        "multipart_keys": ["p/film.mov"],
        "state": ["0123456789abcdef", 12],
        "filter": "d8d1ad",
    }
    written = {"f6f1d6b8b8f4b0c1": {"state": ["aa", 1]}, lock.digest_of(job): of_job, "others": {}}
    (tmp_path / "job.lock").write_text(f"4321\n{json.dumps(written)}\n")
    known = Remembered(1764000000.0, 1764000000.5, ("p/film.mov",), StateMark("0123456789abcdef", 12), "d8d1ad")
    assert remembered(job) == known
    a_run(job)
    a_run(job, lambda memory: memory.doubt(1764000001.0))
    assert remembered(job) == Remembered(*list(known.__dict__.values())[:4], "several")
    assert b'"f6f1d6b8b8f4b0c1": {"state": ["aa", 1]}' in lock.note_in(job.lock_path), "another job's"


def test_version_0_4_0_understands_what_is_written(tmp_path, a_run):
    """One line of ASCII with names and types of that version, for a collection that is rolled back."""

    job = job_of(tmp_path, exclude=("*.log",))

    def work(memory):
        memory.before_uploads(["p/\u00e9"], 1000.5)
        memory.state_marked(StateMark("0123", 7))

    a_run(job, work)
    assert json.loads(lock.note_in(job.lock_path).decode("ascii")) == {
        lock.digest_of(job): {
            "unproven_since": 1000,
            "unfinished_since": 1000.5,
            "multipart_keys": ["p/\u00e9"],
            "state": ["0123", 7],
            "filter": job.filter.digest,
        }
    }


@pytest.mark.parametrize("content", ["", "12", "12\n", "12\n\n", "12\n{}\n"])
def test_an_empty_memory_is_none(job, tmp_path, content):
    (tmp_path / "job.lock").write_bytes(content.encode("latin-1"))
    assert remembered(job) == Remembered()


@pytest.mark.parametrize(
    "content",
    [
        b"12\nsoon\n",
        b"\xff\n{}\n",
        b'12\n{"unproven_since": 17',
        b"12\n[1]\n",
        b'12\n{"state": 5}\n',
        b'12\n{"unproven_since": "x"}\n',
        b"12\n{}\0\0\0\n",
        b"12\n{}\xff\n",
        b'12\n{"others": {"unproven_since": NaN}}\n',
        b'12\n{"others": {"unproven_since": Infinity}}\n',
        b'12\n{"others": {"unfinished_since": -Infinity}}\n',
        b'12\n{"others": {"unproven_since": 1%s}}\n' % (b"0" * 400),
        b'12\n{"others": {"state": ["id", Infinity]}}\n',
        b'12\n{"others": {"state": {"id": 1}}}\n',
        b"12\n" + b"[" * 100_000 + b"\n",
        b"\0" * 100,
    ],
)
def test_a_memory_that_cannot_be_read_means_that_anything_may_be_unproven(job, tmp_path, a_run, content):
    """Whatever it said, it is lost: to compare too much does no harm."""
    (tmp_path / "job.lock").write_bytes(content)
    assert remembered(job) == Remembered(unproven_since=0.0)
    a_run(job)
    assert remembered(job) == Remembered(unproven_since=0.0), "also after a run that proved nothing"


def test_a_kill_while_the_memory_is_written_never_leaves_an_empty_file(job, monkeypatch):
    """An empty file would remember nothing; so it is made shorter only after the new memory is in it."""

    class Killed(BaseException):
        pass

    def killed(descriptor, size):
        raise Killed

    with pytest.raises(Killed), lock.held(job) as held:
        memory = RunMemory(job, held)
        memory.before_uploads(["p/a long key"], 1000.0)
        monkeypatch.setattr(lock.os, "ftruncate", killed)
        memory.cleaned_up()
    monkeypatch.undo()
    assert remembered(job).unproven_since in (0.0, 1000.0)
