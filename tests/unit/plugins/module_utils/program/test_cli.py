# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The host program says by its exit code what the run said, and of its errors and its command line what is wrong."""

from __future__ import annotations

import io
import json
import os
import sys

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import CredentialsError, ExitCode
from ansible_collections.datasync.turbo.plugins.module_utils.common.version import __version__
from ansible_collections.datasync.turbo.plugins.module_utils.program import cli
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.run_results import finished


@pytest.mark.parametrize("command", ["sync", "plan"])
@pytest.mark.parametrize("code", [0, 1, 2, 3, 4, 5, 75, 130, 143])
def test_the_exit_code_is_that_of_the_run(pipeline, config, command, code):
    pipeline.run = finished(exit_code=code)
    assert cli.main([command, "--config", config()]) == code


@pytest.mark.parametrize(
    "arguments", [[], ["sync"], ["sync", "--config"], ["upload", "--config", "x"], ["sync", "--config", "x", "--force"]]
)
def test_a_wrong_command_line_is_1_and_not_argparses_2_which_means_credentials(arguments, capsys):
    with pytest.raises(SystemExit) as left:
        cli.main(arguments)
    assert left.value.code == 1
    assert "usage: datasync-turbo" in capsys.readouterr().err


def test_an_error_outside_of_the_run_has_its_own_exit_code(pipeline, config, capsys):
    def fail():
        raise CredentialsError("profile 'studio' is not in the AWS configuration")

    pipeline.during = fail
    assert cli.main(["sync", "--config", config()]) == 2
    assert "'studio'" in capsys.readouterr().err


def test_with_json_an_error_is_json_too(tmp_path, capsys):
    assert cli.main(["sync", "--json", "--config", str(tmp_path / "missing.env")]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["status"], told["exit_code"]) == ("failed", 1)
    assert "missing.env" in told["problems"][0]["message"]


def test_a_reader_of_the_output_that_goes_away_ends_the_program_like_sigpipe(pipeline, config, monkeypatch):
    class Closed(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

        def fileno(self):
            return spare

    spare = os.dup(1)
    monkeypatch.setattr(sys, "stdout", Closed())
    try:
        assert cli.main(["sync", "--json", "--config", config()]) == 141
    finally:
        os.close(spare)


def test_help_and_version_need_no_config(capsys):
    for argument, words in (("--help", "75     another run"), ("--version", f"datasync-turbo {__version__}")):
        with pytest.raises(SystemExit) as left:
            cli.main([argument])
        assert left.value.code == 0
        assert words in capsys.readouterr().out


def test_the_help_lists_every_exit_code(capsys):
    with pytest.raises(SystemExit):
        cli.main(["sync", "--help"])
    shown = capsys.readouterr().out
    assert all(f"\n  {code:<6} " in shown for code in ExitCode)
