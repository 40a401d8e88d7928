# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Before the first run of a job it is told what this user may not do with its folder, and what is in the way.

The rights of the user are those that a test gives: tests may be run by root, who may do everything.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError, SourceError
from ansible_collections.datasync.turbo.plugins.module_utils.job import source_access
from ansible_collections.datasync.turbo.plugins.module_utils.job.job import Job
from ansible_collections.datasync.turbo.plugins.module_utils.job.source_access import require_access


@pytest.fixture
def deny(monkeypatch):
    """Take rights on a folder from this user, who is called `uploader`."""
    denied = {}
    monkeypatch.setattr(source_access.os, "access", lambda path, mode: not denied.get(str(path), 0) & mode)
    names = {os.geteuid(): "uploader"}
    monkeypatch.setattr(source_access, "_user_name", lambda number: names.get(number, str(number)))
    return lambda path, mode: denied.update({str(path): mode})


@pytest.fixture
def job(source):
    def make(**options):
        return Job(src=str(source), bucket="archive", **options)

    return make


def refusal(job):
    with pytest.raises(ConfigurationError) as raised:
        require_access(job)
    return str(raised.value)


def test_a_folder_that_can_be_read_is_enough_for_a_job_that_leaves_files_where_they_are(deny, job, source):
    deny(source, os.W_OK)
    require_access(job())


@pytest.mark.parametrize("right", [os.R_OK, os.X_OK])
def test_a_folder_that_cannot_be_read_is_named_with_user_owner_and_remedy(deny, job, source, right):
    source.chmod(0o750)
    deny(source, right)
    message = refusal(job())
    assert message.startswith(f"src '{source}' cannot be read by user uploader: it belongs to uploader:")
    assert ", mode 0750 (" in message
    assert message.endswith(f"setfacl -m u:uploader:rx {source})")


def test_a_folder_above_that_cannot_be_entered_is_what_is_named(deny, job, source, tmp_path):
    deny(tmp_path, os.X_OK)
    message = refusal(job())
    assert message.startswith(f"src '{source}' cannot be reached by user uploader: {tmp_path} belongs to ")
    assert message.endswith(f"setfacl -m u:uploader:x {tmp_path})")


def test_a_file_server_that_refuses_what_the_mode_allows_is_believed(deny, job, source, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(source_access.os, "listdir", refuse)
    assert refusal(job()) == f"src '{source}' cannot be read by user uploader: Permission denied"


@pytest.mark.parametrize("options", [{"after_upload": "remove"}, {"after_upload": "move", "move_to": "/tmp"}])
def test_a_folder_that_the_job_empties_must_be_writable(deny, job, source, options):
    deny(source, os.W_OK)
    assert f"src '{source}' cannot be emptied (after_upload={options['after_upload']}) by" in refusal(job(**options))


def test_the_folder_for_what_was_sent_is_made_where_that_is_allowed(deny, job, tmp_path):
    wanted = job(after_upload="move", move_to=str(tmp_path / "sent" / "deep"))
    require_access(wanted)
    deny(tmp_path, os.W_OK)
    assert f"move_to '{tmp_path}' cannot be written by user uploader" in refusal(wanted)
    (tmp_path / "sent").mkdir()
    require_access(wanted)
    (tmp_path / "sent" / "deep").touch()
    assert "is not a folder" in refusal(wanted)


def test_a_folder_that_is_missing_or_not_mounted_is_told_as_a_run_tells_it(job, source, tmp_path):
    with pytest.raises(SourceError, match="is not mounted"):
        require_access(job(require_mount=str(source)))
    source.rmdir()
    assert f"src '{source}' does not exist" in refusal(job())


def test_a_user_without_a_name_is_a_number(monkeypatch):
    def unknown(number):
        raise KeyError(number)

    monkeypatch.setattr(source_access.pwd, "getpwuid", unknown)
    monkeypatch.setattr(source_access.grp, "getgrgid", unknown)
    assert source_access._user() == f"user {os.geteuid()}"
    root = Path("/").stat()
    assert source_access._owner("/").startswith(f"{root.st_uid}:{root.st_gid}, mode ")
