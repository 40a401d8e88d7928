# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Our own pipeline as a child of a benchmark: its job comes over stdin, its exit code says what became of it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.benchmark import child
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import AccessError
from ansible_collections.datasync.turbo.plugins.module_utils.plan.plan import Plan
from ansible_collections.datasync.turbo.plugins.module_utils.sync.account import Finished
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.run_results import result

OPTIONS = {"src": "/srv/data", "bucket": "archive", "prefix": "bench/"}


@pytest.fixture
def pipeline(monkeypatch):
    """Let the pipeline return this result, or raise this error; returns the jobs that it was given."""
    jobs = []

    def becomes(outcome):
        def run(job, log, progress, interrupt, dry_run):
            jobs.append((job, dry_run))
            if isinstance(outcome, Exception):
                raise outcome
            return Finished(outcome, Plan.nothing(job))

        monkeypatch.setattr(child, "run", run)
        monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(OPTIONS)))
        return jobs

    return becomes


@pytest.mark.parametrize("code", [0, 4, 5])
def test_the_exit_code_is_that_of_the_run(pipeline, code):
    jobs = pipeline(result(exit_code=code))
    assert child.main() == code
    ((job, dry_run),) = jobs
    assert (job.src, job.bucket, job.prefix, dry_run) == ("/srv/data", "archive", "bench/", False)


def test_an_error_is_said_and_gives_its_own_code(pipeline, capsys):
    error = AccessError("bucket archive refuses us")
    pipeline(error)
    assert child.main() == int(error.exit_code)
    assert "bucket archive refuses us" in capsys.readouterr().err


def test_a_job_that_is_refused_begins_nothing(pipeline, monkeypatch, capsys):
    jobs = pipeline(result())
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps({**OPTIONS, "numworkers": 0})))
    assert child.main() == 1
    assert jobs == []
    assert "numworkers" in capsys.readouterr().err


def test_the_command_runs_this_very_code_whatever_lies_in_the_working_folder(tmp_path):
    (tmp_path / "json.py").write_text("raise SystemExit('taken from the working folder')")
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": child.unpacked(str(tmp_path))}
    answer = subprocess.run(
        child.command(), input="{}", cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 1
    assert "src" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_code_that_is_in_files_already_stays_there(tmp_path):
    root = Path(child.unpacked(str(tmp_path)))
    assert (root / f"{child.__name__.replace('.', '/')}.py").is_file()
    assert list(tmp_path.iterdir()) == []


def test_code_in_the_archive_of_a_module_is_unpacked_without_the_rest_of_it(tmp_path, monkeypatch):
    archive, folder = tmp_path / "payload.zip", tmp_path / "work"
    inside = f"{child.__name__.replace('.', '/')}.py"
    with zipfile.ZipFile(archive, "w") as packed:
        for name in (inside, "ansible/module_utils/basic.py"):
            packed.writestr(name, "")
    monkeypatch.setattr(child, "__file__", f"{archive}/{inside}")
    assert child.unpacked(str(folder)) == str(folder)
    assert [str(path.relative_to(folder)) for path in folder.rglob("*.py")] == [inside]
