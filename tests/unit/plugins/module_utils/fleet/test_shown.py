# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A diff shows what changes and never a secret, in whatever form and wherever it stands in a file."""

from __future__ import annotations

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.files import Owners, file_change
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.generation import ManagedFile
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.shown import readable

SECRET = "wJalrXUtnFEMI/K7MDENG"


@pytest.fixture
def etc(tmp_path):
    folder = tmp_path / "etc"
    folder.mkdir()
    return folder


@pytest.fixture
def owners():
    return Owners()


def file_of(path, content, mode="0644"):
    return ManagedFile(str(path), content, mode)


def written(path, content, mode):
    path.write_text(content, "utf-8")
    path.chmod(mode)
    return path


def shown(change):
    return change.before + change.after + str(change)


@pytest.mark.parametrize("mode", ["0600", "0640"])
def test_a_diff_shows_names_and_never_values_of_a_file_that_others_may_not_read(etc, owners, mode):
    path = written(etc / "outbox.env", f"SOURCE_DIR=/srv\nSECRET_ACCESS_KEY={SECRET}\n", int(mode, 8))
    change = file_change(file_of(path, f"BUCKET=b\nSECRET_ACCESS_KEY={SECRET}2\n", mode), owners)
    assert change.before == "SOURCE_DIR=(hidden)\nSECRET_ACCESS_KEY=(hidden)\n"
    assert change.after == "BUCKET=(hidden)\nSECRET_ACCESS_KEY=(hidden)\n"


def test_when_only_a_value_differs_the_diff_says_which_one(etc, owners):
    path = written(etc / "outbox.env", f"BUCKET=b\nSECRET_ACCESS_KEY={SECRET}\n", 0o600)
    change = file_change(file_of(path, "BUCKET=b\nSECRET_ACCESS_KEY=another\n", "0600"), owners)
    assert change.before == "SECRET_ACCESS_KEY=(hidden) (before)\n"
    assert change.after == "SECRET_ACCESS_KEY=(hidden) (after)\n"


def test_a_credentials_file_is_hidden_too(etc, owners):
    text = "[default]\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = {}\n"
    path = written(etc / "credentials", text.format(SECRET), 0o600)
    change = file_change(file_of(path, text.format("another"), "0600"), owners)
    assert change.before == "aws_secret_access_key=(hidden) (before)\n"
    assert "default" in readable(file_of(path, text, "0600"), text.encode())
    assert "AKIAEXAMPLE" not in readable(file_of(path, text, "0600"), text.encode())


@pytest.mark.parametrize(
    "text",
    [
        f"KEY='first\n{SECRET}\nlast'\n",
        f'KEY="first\n# {SECRET}\n[{SECRET}]\n\nQUJDREVG=\n"\nBUCKET=b\n',
        f"KEY=first\\\n{SECRET}=\n",
        f'KEY="it\\"s\n{SECRET}=x"\n',
        f"export KEY={SECRET}\n",
        f"#KEY={SECRET}\n",
        f"# the key was {SECRET}\n",
        f"{SECRET}\n",
        f" KEY={SECRET}\n",
        f"[{SECRET}]\n",
    ],
)
def test_no_line_of_a_value_and_no_comment_of_somebody_else_is_shown(etc, owners, text):
    path = written(etc / "outbox.env", text, 0o600)
    assert SECRET not in shown(file_change(file_of(path, "BUCKET=b\n", "0600"), owners))
    removed = readable(file_of(path, "BUCKET=b\n", "0600"), text.encode())
    assert SECRET not in removed
    assert "QUJDREVG" not in removed
    assert removed.count("\n") == len(text.splitlines())


def test_a_new_value_of_many_lines_is_hidden_too_and_so_is_the_old_one(etc, owners):
    text = f"# ours\nKEY='first\n{SECRET}\n# {SECRET}\nlast'\n"
    path = written(etc / "outbox.env", text, 0o600)
    change = file_change(file_of(path, text.replace("MDENG", "ANOTHER"), "0600"), owners)
    assert change.before == "(hidden) (before)\n(hidden) (before)\n"
    assert change.after == "(hidden) (after)\n(hidden) (after)\n"


def test_what_follows_a_value_of_many_lines_is_shown_again():
    text = "A=\"one\ntwo\"\nB='three\nfour'\nC=five\\\nsix\nD=# it's no quote\nE=7\n# don't\nF=8\n"
    lines = readable(file_of("/etc/f", "# don't\n", "0600"), text.encode()).splitlines()
    assert lines[:6] == ["A=(hidden)", "(hidden)", "B=(hidden)", "(hidden)", "C=(hidden)", "(hidden)"]
    assert readable(file_of("/etc/f", "# don't\n", "0600"), b"# don't\nF=8\n") == "# don't\nF=(hidden)\n"


def test_a_file_that_was_private_stays_hidden_when_it_becomes_public(etc, owners):
    path = written(etc / "f", f"KEY={SECRET}\n", 0o600)
    assert SECRET not in shown(file_change(file_of(path, "nothing\n", "0644"), owners))


def test_public_files_are_shown_as_they_are():
    assert readable(file_of("/etc/f.timer", ""), b"[Timer]\nOnCalendar=hourly\n") == "[Timer]\nOnCalendar=hourly\n"
