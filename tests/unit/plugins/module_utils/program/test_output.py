# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A result is printed whatever the streams can show, and nothing else is printed with it."""

from __future__ import annotations

import io
import json
import sys

from ansible_collections.datasync.turbo.plugins.module_utils.program import cli


def test_with_json_standard_output_is_the_result_and_nothing_else(pipeline, config, capsys):
    cli.main(["sync", "--json", "--config", config()])
    assert json.loads(capsys.readouterr().out) == pipeline.run.result.as_dict()


def test_without_json_standard_output_is_empty(pipeline, config, capsys):
    cli.main(["sync", "--config", config()])
    assert capsys.readouterr().out == ""


def test_an_output_that_is_not_utf_8_loses_no_result(pipeline, config, monkeypatch):
    """The run succeeded; a locale must not turn that into a traceback."""
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="iso-8859-1"))
    assert cli.main(["sync", "--json", "--config", config()]) == 0
    sys.stdout.flush()
    assert json.loads(raw.getvalue().decode("iso-8859-1")) == pipeline.run.result.as_dict()


def test_config_can_be_shown_where_the_arrow_cannot(config, monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="iso-8859-1"))
    assert cli.main(["config", "--config", config()]) == 0
    sys.stdout.flush()
    assert b"s3://archive/" in raw.getvalue()
