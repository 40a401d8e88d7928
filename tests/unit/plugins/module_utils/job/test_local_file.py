# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The identity of a file: what must stay the same for its content to count as unchanged."""

from __future__ import annotations

import os

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.job.local_file import (
    Identity,
    LocalFile,
    describe_change,
    identity_of,
    is_absent,
)

MOMENT = 1_700_000_000_123_456_789
IDENTITY = Identity(5, MOMENT, MOMENT + 1, 77, 2049)


@pytest.fixture
def film(tmp_path):
    path = tmp_path / "film.mov"
    path.write_bytes(b"12345")
    return path


def test_an_identity_is_what_the_file_system_says(film):
    status = film.stat()
    assert identity_of(status) == (5, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev)


def test_another_file_in_its_place_has_another_identity(film):
    before = identity_of(film.stat())
    other = film.with_name("other")
    other.write_bytes(b"12345")
    other.replace(film)
    assert identity_of(film.stat()) != before


def stat_of(mtime_ns):
    """A stat result with this modification time; Python fills in the nanoseconds by name only."""
    seconds = mtime_ns // 10**9
    ten = (0o100644, 1, 2, 1, 0, 0, 5, seconds, seconds, seconds)
    return os.stat_result(ten, {"st_mtime_ns": mtime_ns, "st_ctime_ns": MOMENT, "st_atime_ns": 0})


@pytest.mark.parametrize(
    ("mtime_ns", "kept"),
    [(MOMENT, MOMENT), (0, 0), (-(10**9), -(10**9)), (10**20, (1 << 63) - 1), (-(10**20), 1 - (1 << 63))],
)
def test_times_that_nothing_else_can_hold_are_the_same_at_every_look(mtime_ns, kept):
    assert identity_of(stat_of(mtime_ns)).mtime_ns == kept


@pytest.mark.parametrize(("mtime_ns", "ctime_ns"), [(MOMENT - 10, MOMENT), (MOMENT, MOMENT - 10)])
def test_the_last_change_is_the_later_of_both_times(mtime_ns, ctime_ns):
    assert IDENTITY._replace(mtime_ns=mtime_ns, ctime_ns=ctime_ns).last_change_ns == MOMENT


def test_a_link_that_was_set_later_is_the_last_change_of_what_stands_behind_it():
    film = LocalFile("/source/film.mov", "film.mov", "p/film.mov", IDENTITY)
    assert film.last_change_ns == IDENTITY.ctime_ns
    assert film._replace(path_changed_ns=MOMENT + 9).last_change_ns == MOMENT + 9


def test_a_fingerprint_survives_a_file_system_that_is_mounted_as_another_device():
    assert IDENTITY._replace(device=7).fingerprint == IDENTITY.fingerprint == f"77-{MOMENT}-{MOMENT + 1}"
    assert IDENTITY._replace(inode=78).fingerprint != IDENTITY.fingerprint


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"size": 6, "mtime_ns": 1}, "its size went from 5 to 6 bytes"),
        ({"inode": 78, "mtime_ns": 1}, "was replaced by another file"),
        ({"device": 1}, "was replaced by another file"),
        ({"mtime_ns": 1}, "modification or status time"),
        ({"ctime_ns": 1}, "modification or status time"),
    ],
)
def test_a_change_is_described_by_what_says_most(change, words):
    assert words in describe_change(IDENTITY, IDENTITY._replace(**change))


def test_only_what_is_known_not_to_be_there_is_absent(film, tmp_path):
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    assert not is_absent(str(film))
    assert not is_absent(str(tmp_path / "dangling"))
    assert is_absent(str(tmp_path / "none"))
    assert is_absent(f"{film}/below-a-file")
    assert not is_absent(f"{tmp_path}/{'x' * 300}"), "it cannot be looked at"
    assert not is_absent(f"{tmp_path}/\0"), "it cannot be looked at"
