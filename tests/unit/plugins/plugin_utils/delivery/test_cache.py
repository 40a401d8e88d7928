# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The controller's cache is a folder of its own, which nobody else can write."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError
from ansible_collections.datasync.turbo.plugins.plugin_utils.delivery.cache import (
    controller_cache,
    make_private,
    writing,
)


@pytest.fixture
def open_umask():
    """The umask of a group that works together."""
    before = os.umask(0o002)
    yield
    os.umask(before)


def test_the_cache_is_where_the_user_keeps_caches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert controller_cache() == tmp_path / ".cache" / "datasync-turbo"
    monkeypatch.setenv("XDG_CACHE_HOME", "/srv/cache")
    assert controller_cache() == Path("/srv/cache/datasync-turbo")
    assert controller_cache("~/own") == tmp_path / "own"


def test_what_is_pushed_to_all_hosts_lies_in_folders_of_ours_alone(tmp_path: Path, open_umask: None) -> None:
    folder = tmp_path / "cache" / "datasync-turbo" / "s5cmd"
    make_private(folder, "s5cmd_cache_dir")
    make_private(folder, "s5cmd_cache_dir")
    for each in (folder, folder.parent):
        assert stat.S_IMODE(each.stat().st_mode) == 0o700


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_a_cache_that_others_can_write_is_refused(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "datasync-turbo" / "s5cmd"
    make_private(folder, "s5cmd_cache_dir")
    folder.parent.chmod(mode)
    with pytest.raises(ConfigurationError, match="other users of the controller can write") as raised:
        make_private(folder, "s5cmd_cache_dir")
    assert raised.value.hint is not None
    assert "set s5cmd_cache_dir" in raised.value.hint


def test_a_cache_that_cannot_be_made_names_the_variable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="the controller's cache folder") as raised:
        make_private(tmp_path / "file" / "datasync-turbo" / "s5cmd", "uploader_cache_dir")
    assert "uploader_cache_dir" in str(raised.value.hint)
    with pytest.raises(ConfigurationError, match="datasync-turbo"), writing(tmp_path / "datasync-turbo", "cache_dir"):
        (tmp_path / "datasync-turbo" / "missing").read_bytes()
