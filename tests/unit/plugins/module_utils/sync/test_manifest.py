# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The manifest of a job: whatever is stored and has a SHA256, from run to run, as `sha256sum -c` reads it."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError
from ansible_collections.datasync.turbo.plugins.module_utils.job import lock
from ansible_collections.datasync.turbo.plugins.module_utils.job.job import Job
from ansible_collections.datasync.turbo.plugins.module_utils.job.local_file import Identity
from ansible_collections.datasync.turbo.plugins.module_utils.job.state import Row, Watch
from ansible_collections.datasync.turbo.plugins.module_utils.job.state_file import open_state
from ansible_collections.datasync.turbo.plugins.module_utils.report.manifest import read
from ansible_collections.datasync.turbo.plugins.module_utils.sync import manifest as run_manifest

IDENTITY = Identity(1, 1, 1, 1, 1)


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def job(source, tmp_path):
    def make(**options):
        values = {"manifest_path": str(tmp_path / "manifest.sha256"), "checksum_algorithm": "SHA256", **options}
        return Job(src=str(source), bucket="archive", prefix="p/", **values)

    return make


@pytest.fixture
def write(source):
    def make(*names):
        for name in names:
            path = source / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)

    return make


@pytest.fixture
def state(job, tmp_path):
    opened, _trusted = open_state(job(state_path=str(tmp_path / "state.db")), "", None, Watch(print, print))
    yield opened
    opened.close()


def record(state, **digests):
    for name, sha256 in digests.items():
        state.remember(Row(name, IDENTITY, sha256=sha256))
    state.commit()


def lines(job):
    return {line.name: line.sha256 for line in read(run_manifest.manifest_path(job))}


def write_manifest(job, proven, unproven=(), state=None, complete=True):
    return run_manifest.write(job, proven, unproven, state, complete=complete)


# --- where it is


def test_it_is_where_the_job_says(job, tmp_path):
    assert run_manifest.manifest_path(job()) == str(tmp_path / "manifest.sha256")


def test_without_a_path_it_is_beside_the_result_or_the_state_or_the_lock(job):
    places = [
        (
            {"result_paths": ("/var/log/a/last.json", "/var/log/b.json"), "state_path": "/var/lib/a.db"},
            "/var/log/a/manifest.sha256",
        ),
        ({"state_path": "/var/lib/a.db"}, "/var/lib/a.db.sha256"),
        ({"lock_path": "/run/a.lock"}, "/run/a.lock.sha256"),
    ]
    for options, expected in places:
        assert run_manifest.manifest_path(job(manifest_path=None, **options)) == expected
    bare = job(manifest_path=None)
    assert run_manifest.manifest_path(bare) == f"{lock.lock_path(bare)}.sha256"


# --- what is in it


def test_what_this_run_has_proven_is_in_it(job, write):
    write("a", "day/b")
    assert write_manifest(job(), {"a": digest("a"), "day/b": digest("day/b")}) == 2
    assert lines(job()) == {"a": digest("a"), "day/b": digest("day/b")}


def test_lines_of_earlier_runs_stay_and_this_runs_digests_replace_them(job, write):
    write("a", "b")
    write_manifest(job(), {"a": "1" * 64, "b": "2" * 64})
    assert write_manifest(job(), {"b": "3" * 64}) == 2
    assert lines(job()) == {"a": "1" * 64, "b": "3" * 64}


def test_what_is_not_proven_now_has_no_line_although_it_had_one(job, write):
    write("a", "b")
    write_manifest(job(), {"a": "1" * 64, "b": "2" * 64})
    assert write_manifest(job(), {}, {"a"}) == 1
    assert lines(job()) == {"b": "2" * 64}


def test_a_file_that_is_gone_has_no_line(job, write, source):
    write("a", "b")
    write_manifest(job(), {"a": "1" * 64, "b": "2" * 64})
    (source / "a").unlink()
    write_manifest(job(), {})
    assert lines(job()) == {"b": "2" * 64}


def test_after_half_a_look_at_the_source_no_file_counts_as_gone(job, write, source, state):
    """It may only not be mounted, and no later run would have its digest again."""
    write("a", "b")
    write_manifest(job(), {"a": "1" * 64})
    record(state, b="2" * 64)
    for name in ("a", "b"):
        (source / name).unlink()
    assert write_manifest(job(), {}, state=state, complete=False) == 2
    assert write_manifest(job(), {}, {"a"}, state=state, complete=False) == 1, "what changed has no digest any more"
    assert lines(job()) == {"b": "2" * 64}


def test_a_file_that_cannot_be_looked_at_is_not_gone(job, write, source):
    write("a")
    write_manifest(job(), {"a": "1" * 64})
    lstat = os.lstat

    def refuse(path, *arguments, **keywords):
        if str(path) == str(source / "a"):
            raise PermissionError(13, "Permission denied", path)
        return lstat(path, *arguments, **keywords)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "lstat", refuse)
        assert write_manifest(job(), {}) == 1


@pytest.mark.parametrize("options", [{"after_upload": "remove"}, {"after_upload": "move", "move_to": "/srv/done"}])
def test_where_files_leave_after_their_upload_their_lines_stay(job, write, source, options):
    write("a")
    write_manifest(job(**options), {"a": "1" * 64})
    (source / "a").unlink()
    assert write_manifest(job(**options), {}) == 1
    assert lines(job()) == {"a": "1" * 64}


def test_the_state_file_knows_better_than_the_manifest(job, write, state):
    """A run that could not write its manifest recorded its digests all the same."""
    write("a", "b", "c", "d")
    write_manifest(job(), {"a": "1" * 64, "c": "3" * 64})
    record(state, a="4" * 64, b="5" * 64, d="")
    assert write_manifest(job(), {}, state=state) == 3
    assert lines(job()) == {"a": "4" * 64, "b": "5" * 64, "c": "3" * 64}


def test_what_is_not_proven_now_has_no_line_although_the_state_has_its_digest(job, write, state):
    write("a")
    record(state, a="4" * 64)
    assert write_manifest(job(), {}, {"a"}, state) == 0


def test_each_file_has_one_line(job, write, state):
    write("a")
    write_manifest(job(), {"a": "1" * 64})
    record(state, a="1" * 64)
    assert write_manifest(job(), {"a": "1" * 64}, state=state) == 1


def test_a_run_with_nothing_to_tell_writes_an_empty_manifest(job):
    assert write_manifest(job(), {}) == 0
    assert lines(job()) == {}


def test_sha256sum_agrees_also_on_names_that_need_escapes(job, write, source):
    names = ["a", "with space", "new\nline", "back\\slash", "caf\u00e9 \U0001f600", "-rf", "day/deep"]
    write(*names)
    write_manifest(job(), {name: digest(name) for name in names})
    command = shutil.which("sha256sum") or shutil.which("gsha256sum")
    assert command, "sha256sum of GNU coreutils is missing"
    checked = subprocess.run(
        [command, "--check", "--strict", run_manifest.manifest_path(job())],
        cwd=source,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert checked.stdout.count(": OK") == len(names)


# --- when it cannot be written


def test_a_folder_that_cannot_be_made_is_named(job, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="manifest"):
        write_manifest(job(manifest_path=str(tmp_path / "file" / "manifest")), {"a": "1" * 64})


def test_an_older_manifest_that_is_none_is_named_and_left_as_it_is(job, write, tmp_path):
    """Whatever it is, it is not ours to replace."""
    write("a")
    (tmp_path / "manifest.sha256").write_text("precious notes\n")
    with pytest.raises(ConfigurationError, match=r"manifest\.sha256:1"):
        write_manifest(job(), {"a": "1" * 64})
    assert (tmp_path / "manifest.sha256").read_text() == "precious notes\n"
    assert sorted(os.listdir(tmp_path)) == ["manifest.sha256", "source"]
