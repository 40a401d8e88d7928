# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The manifest of a job that asks for SHA256 has a line for each file that is stored and proven, and no other."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import AccessError
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.sync.world import (
    MIB,
    refusing_listdir,
    stop_when_proven,
    wait_for_the_clock,
)


@pytest.fixture
def run_sha256(run, uploader, tmp_path):
    def make(**options):
        uploader.sha256 = "wanted"
        return run(checksum_algorithm="SHA256", manifest_path=str(tmp_path / "manifest.sha256"), **options)

    return make


def lines_of(result):
    lines = Path(result.manifest).read_text(encoding="utf-8").splitlines()
    return dict(reversed(line.split("  ")) for line in lines)


def digest(content):
    return hashlib.sha256(content).hexdigest()


def test_every_file_that_was_proven_is_in_the_manifest(run_sha256, write, uploader, with_or_without_state):
    write(a=b"1", b=b"2")
    uploader.steps["b"] = uploader.store_as(b"x")
    result = run_sha256(**with_or_without_state)
    assert lines_of(result) == {"a": digest(b"1")}
    uploader.steps.clear()
    assert lines_of(run_sha256(**with_or_without_state)) == {"a": digest(b"1"), "b": digest(b"2")}


def test_a_file_that_a_stopped_run_stored_is_in_the_manifest(
    run_sha256, write, source, uploader, proofs, with_or_without_state
):
    write(a=bytes(MIB + 3))
    run_sha256(**with_or_without_state)
    wait_for_the_clock(source / "a")
    write(a=b"x" * (MIB + 3), b=bytes(MIB + 1))
    uploader.steps["b"] = stop_when_proven(proofs)
    assert run_sha256(**with_or_without_state).exit_code == 143
    uploader.steps.clear()
    result = run_sha256(**with_or_without_state)
    assert lines_of(result) == {"a": digest(b"x" * (MIB + 3)), "b": digest(bytes(MIB + 1))}


def test_a_changed_file_that_is_not_stored_has_no_line(run_sha256, write, source, uploader, with_or_without_state):
    write(a=b"1", b=b"2")
    run_sha256(**with_or_without_state)
    wait_for_the_clock(source / "a")
    write(a=b"other")
    uploader.steps["a"] = uploader.fail()
    assert lines_of(run_sha256(**with_or_without_state)) == {"b": digest(b"2")}


def test_a_file_that_is_gone_has_no_line(run_sha256, write, source, with_or_without_state):
    write(a=b"1", b=b"2")
    run_sha256(**with_or_without_state)
    (source / "a").unlink()
    assert lines_of(run_sha256(**with_or_without_state)) == {"b": digest(b"2")}


def test_a_manifest_that_cannot_be_written_is_a_problem(run, write, uploader, tmp_path):
    write(a=b"1")
    (tmp_path / "file").touch()
    result = run(checksum_algorithm="SHA256", manifest_path=str(tmp_path / "file" / "manifest"))
    assert result.exit_code != 0
    assert "manifest" in result.problems[0].message


@pytest.mark.parametrize("what", ["unmounted", "source gone", "folder refused", "no bucket"])
def test_a_run_that_could_not_look_at_the_files_takes_no_line_from_the_manifest(
    run_sha256, source, bucket, monkeypatch, with_or_without_state, what
):
    """No later run would have their digests again."""
    (source / "day").mkdir()
    (source / "day" / "a").write_bytes(b"1")
    before = lines_of(run_sha256(**with_or_without_state))
    assert before == {"day/a": digest(b"1")}
    away = source.with_name("away")
    with pytest.MonkeyPatch.context() as patched:
        options = {}
        if what == "unmounted":
            source.rename(away)
            source.mkdir()
            options = {"require_mount": str(source)}
        elif what == "source gone":
            source.rename(away)
        elif what == "folder refused":
            (source / "day").rename(away)
            (source / "day").mkdir()
            patched.setattr(os, "listdir", refusing_listdir("day"))
        else:
            bucket.failures["check"] = AccessError("refused")
        assert run_sha256(**options, **with_or_without_state).exit_code != 0
    bucket.failures.clear()
    if what in ("unmounted", "folder refused"):
        (source if what == "unmounted" else source / "day").rmdir()
    if away.exists():
        away.rename(source / "day" if what == "folder refused" else source)
    result = run_sha256(**with_or_without_state)
    assert (result.exit_code, lines_of(result)) == (0, before)
