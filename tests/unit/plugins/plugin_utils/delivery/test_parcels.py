# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The controller's cache: whole files, under what they hash to, and an error that names the option."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import InstallationError
from ansible_collections.datasync.turbo.plugins.plugin_utils.delivery import parcels as s5cmd_cache
from ansible_collections.datasync.turbo.plugins.plugin_utils.delivery.parcels import Cache, Parcel

CONTENT = b"the archive"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
NAME = "s5cmd_2.3.0_Linux-64bit.tar.gz"


def cache(root: Path) -> Cache:
    return Cache(root / "cache", "2.3.0-Linux-64bit")


def put(place: Cache, content: bytes = CONTENT) -> Parcel:
    with place.incoming() as folder:
        (folder / NAME).write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        return place.put(Parcel(folder / NAME, "release", "https://mirror.example.org/x", digest))


def test_what_was_put_is_found(tmp_path: Path) -> None:
    place = cache(tmp_path)
    assert place.find(SHA256) is None
    parcel = put(place)
    assert parcel.path == tmp_path / "cache" / "s5cmd" / f"2.3.0-Linux-64bit-{SHA256[:12]}" / NAME
    assert parcel.path.read_bytes() == CONTENT
    assert place.find(SHA256) == parcel == (parcel.path, "release", "https://mirror.example.org/x", SHA256)
    assert place.find("0" * 64) is None
    assert Cache(tmp_path / "cache", "2.3.0-Linux-arm64").find(SHA256) is None
    assert sorted(path.name for path in place.folder.iterdir()) == [
        ".2.3.0-Linux-64bit.lock",
        f"2.3.0-Linux-64bit-{SHA256[:12]}",
    ]


def test_it_is_the_users_alone(tmp_path: Path) -> None:
    put(cache(tmp_path))
    assert (tmp_path / "cache" / "s5cmd").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("damage", ["altered", "cut off", "gone", "origin gone", "origin leads elsewhere"])
def test_damage_is_not_found_and_is_replaced(tmp_path: Path, damage: str) -> None:
    place = cache(tmp_path)
    path = put(place).path
    origin = path.parent / "origin.json"
    if damage == "altered":
        path.write_bytes(CONTENT[::-1])
    elif damage == "cut off":
        os.truncate(path, 3)
    elif damage == "gone":
        path.unlink()
    elif damage == "origin gone":
        origin.unlink()
    else:
        (tmp_path / "elsewhere").write_bytes(b"x")
        origin.write_text(json.dumps({**json.loads(origin.read_text()), "file": "../../../elsewhere"}))
    assert place.find(SHA256) is None

    put(place)

    assert place.find(SHA256) is not None


def test_an_interrupted_download_leaves_nothing(tmp_path: Path) -> None:
    place = cache(tmp_path)
    with pytest.raises(KeyboardInterrupt), place.incoming() as folder:
        (folder / NAME).write_bytes(b"half")
        raise KeyboardInterrupt
    # What a killed one leaves is cleared away by the next one, of the same file only.
    killed, other = place.folder / ".2.3.0-Linux-64bit.incoming-x", place.folder / ".2.3.0-Linux-arm64.incoming-x"
    for folder in (killed, other):
        (folder / "deep").mkdir(parents=True)
    put(place)
    assert not killed.exists()
    assert other.exists()
    assert place.find(SHA256) is not None


def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(InstallationError) as caught:
        put(cache(tmp_path))
    assert str(caught.value) == (
        f"cannot write {tmp_path}/cache/s5cmd (cache_dir): Not a directory (set cache_dir to a folder on the "
        "controller that the user who runs Ansible can write)"
    )


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object, **options: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(s5cmd_cache.tempfile, "mkdtemp", full)
    with pytest.raises(InstallationError, match=r"\(cache_dir\): No space left on device \(free some space on the"):
        put(cache(tmp_path))


def test_an_error_inside_keeps_its_words(tmp_path: Path) -> None:
    with pytest.raises(InstallationError, match=r"^about the download$"), cache(tmp_path).incoming():
        raise InstallationError("about the download")
