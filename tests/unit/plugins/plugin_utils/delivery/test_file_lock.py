# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""One process at a time."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import LockedError
from ansible_collections.datasync.turbo.plugins.plugin_utils.delivery.file_lock import locked


def test_a_lock_is_held_until_the_end(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    with locked(path, 1):
        with pytest.raises(LockedError) as caught, locked(path, 0):
            pytest.fail("two held it")
        assert str(caught.value) == f"another process holds {path} (wait until it has ended)"
        assert caught.value.exit_code == 75
    with locked(path, 0):
        assert path.stat().st_mode & 0o777 == 0o600


def test_a_lock_in_a_folder_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), locked(tmp_path / "missing" / ".lock", 0):
        pytest.fail("it was held")


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / ".lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic link"), locked(tmp_path / ".lock", 0):
        pytest.fail("it was held")
    assert not (tmp_path / "elsewhere").exists()
