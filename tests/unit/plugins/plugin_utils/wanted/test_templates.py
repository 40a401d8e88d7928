# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Templates take values as they are, and nothing that is missing."""

from __future__ import annotations

import pytest
from ansible_collections.datasync.turbo.plugins.plugin_utils.wanted import templates
from jinja2 import TemplateNotFound, UndefinedError


def test_every_template_of_the_role_compiles() -> None:
    names = [path.name for path in templates.FOLDER.glob("*.j2")]
    assert "job.env.j2" in names
    for name in names:
        templates._environment().get_template(name)


def test_a_value_is_neither_a_template_nor_markup() -> None:
    keys = {"access_key": "AKIAEXAMPLE", "secret_key": "{{ 7 * 7 }}<&>", "session_token": ""}
    assert "aws_secret_access_key = {{ 7 * 7 }}<&>\n" in templates.render("credentials.j2", name="outbox", keys=keys)


def test_a_variable_that_is_missing_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        templates.render("launchd.plist.j2", label="x")
    with pytest.raises(TemplateNotFound):
        templates.render("no-such.j2")
