# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A file is replaced as a whole, or not at all."""

from __future__ import annotations

import os
import stat

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common import files as whole_file


def test_the_folder_is_made_and_the_mode_set_whatever_the_umask(tmp_path):
    path = tmp_path / "new" / "file"
    before = os.umask(0o077)
    try:
        whole_file.replace(str(path), ["a\n", "b\n"])
    finally:
        os.umask(before)
    assert path.read_text() == "a\nb\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    whole_file.replace(str(path), ["c\n"], 0o600, durable=False)
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("c\n", 0o600)


def test_a_reader_that_has_the_old_one_open_keeps_it(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with open(path) as reader:
        whole_file.replace(str(path), ["new"])
        assert reader.read() == "old"
    assert path.read_text() == "new"


def test_content_that_fails_half_way_leaves_the_old_one_and_nothing_else(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")

    def lines():
        yield "half\n"
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        whole_file.replace(str(path), lines())
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]
