# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The host program says by its exit code what the run said, and prints the same figures.

The pipeline behind it is replaced by one that returns what a test says; tests/integration run the real one.
"""

from __future__ import annotations

import io
import json
import os
import signal
import sys

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.audit import result as audit_report
from ansible_collections.datasync.turbo.plugins.module_utils.audit import run as audit
from ansible_collections.datasync.turbo.plugins.module_utils.audit.request import AuditRequest
from ansible_collections.datasync.turbo.plugins.module_utils.audit.result import Finding
from ansible_collections.datasync.turbo.plugins.module_utils.checks import run as checks
from ansible_collections.datasync.turbo.plugins.module_utils.checks.report import Check, Report
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import CredentialsError, ExitCode
from ansible_collections.datasync.turbo.plugins.module_utils.common.version import __version__
from ansible_collections.datasync.turbo.plugins.module_utils.job.job import Job
from ansible_collections.datasync.turbo.plugins.module_utils.job.local_file import Identity, LocalFile
from ansible_collections.datasync.turbo.plugins.module_utils.plan.plan import Plan
from ansible_collections.datasync.turbo.plugins.module_utils.plan.uploads import NEW, Upload
from ansible_collections.datasync.turbo.plugins.module_utils.program import cli
from ansible_collections.datasync.turbo.plugins.module_utils.report.progress import LineProgress, Progress
from ansible_collections.datasync.turbo.plugins.module_utils.s3.listing import StoredObject
from ansible_collections.datasync.turbo.plugins.module_utils.sync import hot_folder
from ansible_collections.datasync.turbo.plugins.module_utils.sync import run as sync
from ansible_collections.datasync.turbo.plugins.module_utils.sync.account import Finished
from ansible_collections.datasync.turbo.plugins.module_utils.tuning.classes import FILE_CLASSES
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.run_results import result

SECRET = "wJalrXUtnFEMI"


@pytest.fixture(autouse=True)
def environment():
    """The program puts variables of its config file into its environment; each test begins and ends with ours."""
    before = dict(os.environ)
    for name in before:
        if name.startswith(("AWS_", "S3_")):
            del os.environ[name]
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "material"
    folder.mkdir()
    return folder


@pytest.fixture
def config(tmp_path, source):
    """Write a config file; returns its path."""

    def make(*lines):
        path = tmp_path / "job.env"
        path.write_text("\n".join([f"SOURCE_DIR={source}", "BUCKET_NAME=archive", *lines, ""]))
        path.chmod(0o600)
        return str(path)

    return make


def finished(exit_code=0, **changes):
    """A run with an empty plan."""
    changes.setdefault("status", "failed" if exit_code else "success")
    outcome = result(source="/srv/日本", exit_code=exit_code, **changes)
    return Finished(outcome, Plan.nothing(Job(src="/srv/日本", bucket="archive")))


class Pipeline:
    """Stands in for sync.run: keeps what it was called with and returns `run`."""

    def __init__(self):
        self.run = finished()
        self.called_with = None
        self.during = lambda: None

    def __call__(self, job, log, progress, interrupt, dry_run=False):
        self.called_with = {
            "job": job,
            "log": log,
            "progress": progress,
            "dry_run": dry_run,
            "caught": signal.getsignal(signal.SIGTERM) == interrupt._received,
        }
        self.during()
        return self.run


@pytest.fixture
def pipeline(monkeypatch):
    pipeline = Pipeline()
    monkeypatch.setattr(sync, "run", pipeline)
    return pipeline


# --- exit codes


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


@pytest.mark.parametrize("command", ["sync", "plan", "verify", "check", "config"])
def test_a_config_that_cannot_be_read_is_1_and_named(pipeline, tmp_path, capsys, command):
    assert cli.main([command, "--config", str(tmp_path / "missing.env")]) == 1
    assert "missing.env" in capsys.readouterr().err
    assert pipeline.called_with is None


def test_a_wrong_value_is_named_with_its_line(pipeline, config, capsys):
    assert cli.main(["sync", "--config", config("VERIFY=sometimes")]) == 1
    assert "job.env:3: VERIFY" in capsys.readouterr().err


def test_a_wrong_config_replaces_the_success_of_an_earlier_run(pipeline, config, tmp_path):
    """Monitoring reads the file; it must not go on finding a success."""
    path = tmp_path / "last-sync.json"
    path.write_text("success")
    assert cli.main(["sync", "--config", config(f"RESULT_FILE={path}", "S3_STORAGE_CLASS=nonsense")]) == 1
    told = json.loads(path.read_text())
    assert (told["status"], told["exit_code"]) == ("failed", 1)
    assert "nonsense" in told["problems"][0]["message"]


@pytest.mark.parametrize("command", ["plan", "verify", "check", "config"])
def test_only_sync_writes_a_result(pipeline, config, tmp_path, command):
    path = tmp_path / "last-sync.json"
    lines = [f"RESULT_FILE={path}", f"HISTORY_FILE={path}", "S3_STORAGE_CLASS=nonsense"]
    cli.main([command, "--config", config(*lines)])
    assert not path.exists()


@pytest.mark.parametrize("wrong", ["S3_STORAGE_CLASS=nonsense", "LOG_FILE=/dev/null/sync.log"])
def test_what_keeps_a_sync_from_beginning_is_in_result_and_history(pipeline, config, tmp_path, wrong):
    result, history = tmp_path / "last-sync.json", tmp_path / "history.jsonl"
    assert cli.main(["sync", "--config", config(f"RESULT_FILE={result}", f"HISTORY_FILE={history}", wrong)]) == 1
    for told in (json.loads(result.read_text()), json.loads(history.read_text())):
        assert (told["status"], told["exit_code"]) == ("failed", 1)


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


# --- sync


def test_sync_runs_the_job_of_the_config(pipeline, config, source):
    cli.main(["sync", "--config", config("S3_SUBDIRECTORY=studio", "S5CMD_NUM_WORKERS=7", "VERIFY=all")])
    job = pipeline.called_with["job"]
    assert (job.src, job.destination, job.numworkers, job.verify) == (str(source), "s3://archive/studio/", 7, "all")
    assert pipeline.called_with["dry_run"] is False


def test_signals_are_caught_during_the_run_and_only_then(pipeline, config):
    before = signal.getsignal(signal.SIGTERM)
    cli.main(["sync", "--config", config()])
    assert pipeline.called_with["caught"]
    assert signal.getsignal(signal.SIGTERM) == before


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


def test_log_lines_go_to_standard_error_and_the_log_file(pipeline, config, tmp_path, capsys):
    pipeline.during = lambda: pipeline.called_with["log"].info("said")
    cli.main(["sync", "--config", config(f"LOG_FILE={tmp_path}/sync.log")])
    assert "[INFO]" in capsys.readouterr().err
    assert "said" in (tmp_path / "sync.log").read_text()


def test_without_a_terminal_progress_is_lines_and_quiet_has_none(pipeline, config):
    cli.main(["sync", "--config", config()])
    assert pipeline.called_with["progress"].__class__ is LineProgress
    cli.main(["sync", "--quiet", "--config", config()])
    assert pipeline.called_with["progress"].__class__ is Progress


def test_quiet_shows_warnings_and_errors_only(pipeline, config, capsys):
    def talk():
        pipeline.called_with["log"].info("normal")
        pipeline.called_with["log"].error("wrong")

    pipeline.during = talk
    cli.main(["sync", "--quiet", "--config", config("CLIENT_NAME=x")])
    shown = capsys.readouterr().err
    assert "normal" not in shown
    assert "wrong" in shown
    assert "CLIENT_NAME" in shown, "a name that is not acted on is a warning"


def test_the_log_level_of_the_config_counts(pipeline, config, capsys):
    pipeline.during = lambda: pipeline.called_with["log"].info("normal")
    cli.main(["sync", "--config", config("S5CMD_LOG_LEVEL=error")])
    assert "normal" not in capsys.readouterr().err


def test_variables_for_boto3_and_s5cmd_reach_the_environment(pipeline, config):
    pipeline.during = lambda: seen.append(os.environ.get("AWS_CA_BUNDLE"))
    seen = []
    cli.main(["sync", "--config", config("AWS_CA_BUNDLE=/etc/ssl/site.pem")])
    assert seen == ["/etc/ssl/site.pem"]


def test_credentials_of_the_environment_serve_unless_the_config_has_some(pipeline, config):
    os.environ.update(AWS_ACCESS_KEY_ID="AKIDENV", AWS_SECRET_ACCESS_KEY=SECRET)
    cli.main(["sync", "--config", config()])
    assert pipeline.called_with["job"].connection.access_key == "AKIDENV"
    cli.main(["sync", "--config", config("AWS_PROFILE=studio")])
    connection = pipeline.called_with["job"].connection
    assert (connection.profile, connection.access_key) == ("studio", None)


@pytest.mark.parametrize("command", ["sync", "plan", "config"])
def test_no_secret_is_printed(pipeline, config, capsys, command):
    path = config("AWS_ACCESS_KEY_ID=AKIDEXAMPLE", f"AWS_SECRET_ACCESS_KEY={SECRET}")
    cli.main([command, "--json", "--config", path])
    shown = capsys.readouterr()
    assert SECRET not in shown.out + shown.err


# --- plan


def planned():
    """A plan with an upload and a deletion."""
    run = finished(dry_run=True)
    file = LocalFile("/srv/日本/take 1.mov", "take 1.mov", "take 1.mov", Identity(146_800_640, 1, 1, 1, 1))
    run.plan.uploads.add(Upload(file, NEW))
    run.plan.deletions.append(StoredObject("old\n.mov", 12, "", 0.0))
    return run


def test_plan_is_a_dry_run_that_writes_no_log_file(pipeline, config, tmp_path):
    cli.main(["plan", "--config", config(f"LOG_FILE={tmp_path}/sync.log")])
    assert pipeline.called_with["dry_run"] is True
    assert not (tmp_path / "sync.log").exists()


def test_plan_lists_each_upload_with_size_and_reason_and_each_deletion(pipeline, config, capsys):
    pipeline.run = planned()
    cli.main(["plan", "--config", config()])
    assert capsys.readouterr().out == "146.8 MB  'take 1.mov'  new\n  delete  'old\\n.mov'\n"


def test_plan_shows_deletions_that_are_refused_as_such(pipeline, config, capsys):
    pipeline.run = planned()
    pipeline.run.result.deletions.refused = "the run has 1 problem"
    cli.main(["plan", "--config", config()])
    assert capsys.readouterr().out.endswith(" refused  'old\\n.mov'\n")


def test_plan_as_json_has_uploads_and_deletions_beside_the_result(pipeline, config, capsys):
    pipeline.run = planned()
    cli.main(["plan", "--json", "--config", config()])
    told = json.loads(capsys.readouterr().out)
    assert told["uploads"] == [{"path": "take 1.mov", "key": "take 1.mov", "size": 146_800_640, "reason": "new"}]
    assert told["deletions"]["keys"] == ["old\n.mov"]
    assert told["deletions"]["refused"] == ""
    assert told["exit_code"] == 0


def test_a_quiet_plan_prints_nothing(pipeline, config, capsys):
    pipeline.run = planned()
    cli.main(["plan", "--quiet", "--config", config()])
    assert capsys.readouterr().out == ""


# --- sync


@pytest.mark.parametrize(("arguments", "reconcile"), [([], False), (["--reconcile"], True)])
def test_a_sync_can_be_told_to_compare_the_state_file_with_the_bucket(pipeline, config, arguments, reconcile):
    cli.main(["sync", *arguments, "--config", config("STATE_FILE=/var/lib/job.state")])
    assert pipeline.called_with["job"].reconcile is reconcile


def test_a_sync_can_go_on_until_the_folder_has_settled(config, monkeypatch, capsys):
    runs = [finished(files_synced=3), finished(files_synced=0)]
    asked = []

    def run(job, log, progress, interrupt, *, told):
        asked.append((progress.__class__, told))
        return runs[len(asked) - 1]

    monkeypatch.setattr(sync, "run", run)
    monkeypatch.setattr(hot_folder, "SHORTEST_PAUSE", 0.0)
    assert cli.main(["sync", "--until-settled", "--json", "--config", config()]) == 0
    assert asked == [(LineProgress, None), (LineProgress, runs[0].result)]
    assert json.loads(capsys.readouterr().out)["files_synced"] == 3


# --- verify


@pytest.fixture
def audited(monkeypatch):
    """Stands in for audit.run: returns the result of the test, and keeps what it was called with in `calls`."""

    class Audited:
        def __init__(self):
            self.calls = []
            self.result = audit_report.Result(
                "2026-01-02T03:04:05+01:00",
                "/srv/日本",
                "tree",
                "s3://archive/",
                "CRC64NVME",
                1000,
                fail_on_extra=False,
            )

        def __call__(self, job, request, log, interrupt):
            self.calls.append((job, request))
            return self.result

        def found(self, kind, *findings, count=None):
            self.result.findings[kind].extend(findings)
            self.result.counts[kind] = len(findings) if count is None else count
            self.result.exit_code = self.result.code_of_findings()

    audited = Audited()
    monkeypatch.setattr(audit, "run", audited)
    return audited


DAMAGED = Finding("film\n.mov", "film\n.mov", "CRC64NVME", "the stored CRC64NVME is a, the file has b")
GONE = Finding("gone.txt", "gone.txt", "", "the object is not in the bucket")
OTHER = Finding("other.txt", "other.txt", "", "no file of the source is stored there")


def test_verify_prints_a_line_for_each_finding_the_worst_first(audited, config, capsys):
    audited.found("extra", OTHER)
    audited.found("missing", GONE)
    audited.found("differs", DAMAGED)
    assert cli.main(["verify", "--config", config()]) == 5
    told = capsys.readouterr()
    assert "0 objects ok, 0 B; 1 differs, 1 missing, 1 extra" in told.err
    assert told.out.splitlines() == [
        "     differs  'film\\n.mov'  CRC64NVME: the stored CRC64NVME is a, the file has b",
        "     missing  'gone.txt'  the object is not in the bucket",
        "       extra  'other.txt'  no file of the source is stored there",
    ]


def test_verify_says_how_many_findings_it_does_not_name(audited, config, capsys):
    audited.found("missing", GONE, count=12)
    assert cli.main(["verify", "--limit", "1", "--config", config()]) == 4
    assert capsys.readouterr().out.splitlines()[1:] == ["     missing  and 11 more; see --limit"]


def test_a_quiet_verify_prints_what_makes_it_fail(audited, config, capsys):
    audited.found("extra", OTHER)
    assert cli.main(["verify", "--quiet", "--config", config()]) == 0
    assert capsys.readouterr().out == ""
    audited.found("missing", GONE)
    assert cli.main(["verify", "--quiet", "--config", config()]) == 4
    assert "gone.txt" in capsys.readouterr().out


def test_verify_as_json_prints_the_result_alone(audited, config, capsys):
    audited.found("differs", DAMAGED)
    assert cli.main(["verify", "--json", "--config", config()]) == 5
    told = json.loads(capsys.readouterr().out)
    assert told["counts"] == {"ok": 0, "differs": 1, "missing": 0, "unverifiable": 0, "extra": 0}
    assert told["differs"] == [DAMAGED._asdict()]
    assert told["exit_code"] == 5


@pytest.mark.parametrize(
    ("arguments", "request_"),
    [
        ([], AuditRequest()),
        (["--manifest", "SHA256SUMS"], AuditRequest("manifest", "SHA256SUMS")),
        (["--from-state"], AuditRequest("state")),
        (["--attach-sha256"], AuditRequest(attach_sha256=True)),
        (["--allow-download"], AuditRequest(allow_download=True)),
        (["--fail-on-extra"], AuditRequest(fail_on_extra=True)),
        (["--limit", "0"], AuditRequest(limit=0)),
    ],
)
def test_the_options_of_verify(audited, config, arguments, request_):
    cli.main(["verify", *arguments, "--config", config()])
    assert audited.calls[0][1] == request_


def test_manifest_and_state_cannot_both_be_the_source(audited, config, capsys):
    with pytest.raises(SystemExit) as left:
        cli.main(["verify", "--manifest", "x", "--from-state", "--config", config()])
    assert left.value.code == 1
    assert "not allowed with" in capsys.readouterr().err


def test_a_negative_limit_is_refused(audited, config, capsys):
    assert cli.main(["verify", "--limit", "-1", "--config", config()]) == 1
    assert "limit -1" in capsys.readouterr().err


def test_verify_writes_no_log_file(audited, config, tmp_path):
    cli.main(["verify", "--config", config(f"LOG_FILE={tmp_path}/sync.log")])
    assert not (tmp_path / "sync.log").exists()


# --- check and config


@pytest.fixture
def checked(monkeypatch):
    """The checks find what the test says; returns the requests they were asked with."""
    asked = []

    def make(*found):
        monkeypatch.setattr(checks, "run_checks", lambda request: asked.append(request) or Report(found))
        return asked

    return make


def test_check_passes_on_the_exit_code_and_the_reason(checked, config, capsys):
    checked(Check("bucket", "access", False, "bucket 'archive' does not exist", "create it"))
    assert cli.main(["check", "--config", config()]) == 3
    shown = capsys.readouterr().err
    assert "[ERROR]" in shown
    assert "bucket 'archive' does not exist (create it)" in shown


def test_check_asks_for_the_jobs_bucket_and_prefix(checked, config):
    asked = checked(Check("bucket", "access", True, "answers"))
    assert cli.main(["check", "--config", config("S3_SUBDIRECTORY=studio")]) == 0
    assert (asked[0].bucket, asked[0].prefix) == ("archive", "studio/")


def test_check_as_json_has_every_check(checked, config, capsys):
    checked(Check("binary", "installation", True, "found"), Check("bucket", "access", False, "gone"))
    cli.main(["check", "--json", "--config", config()])
    told = json.loads(capsys.readouterr().out)
    assert [(check["name"], check["ok"]) for check in told["checks"]] == [("binary", True), ("bucket", False)]
    assert told["exit_code"] == 3


def test_a_plan_can_begin_with_the_checks(checked, pipeline, config, capsys):
    asked = checked(Check("bucket", "access", True, "answers"))
    pipeline.run = planned()
    assert cli.main(["plan", "--check", "--json", "--config", config()]) == 0
    assert asked[0].bucket == "archive"
    assert len(json.loads(capsys.readouterr().out)["uploads"]) == 1


def test_after_a_failed_check_there_is_no_plan(checked, pipeline, config, capsys):
    checked(Check("bucket", "access", False, "gone"))
    assert cli.main(["plan", "--check", "--json", "--config", config()]) == 3
    assert [check["message"] for check in json.loads(capsys.readouterr().out)["checks"]] == ["gone"]
    assert pipeline.called_with is None


def test_a_plan_alone_checks_nothing(checked, pipeline, config):
    asked = checked(Check("bucket", "access", False, "gone"))
    assert cli.main(["plan", "--config", config()]) == 0
    assert asked == []


def test_config_contacts_nothing_and_shows_where_the_job_goes(pipeline, config, capsys, source):
    assert cli.main(["config", "--config", config("S3_SUBDIRECTORY=studio")]) == 0
    assert f"{source} → s3://archive/studio/" in capsys.readouterr().out
    assert pipeline.called_with is None


def test_config_can_be_shown_where_the_arrow_cannot(config, monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="iso-8859-1"))
    assert cli.main(["config", "--config", config()]) == 0
    sys.stdout.flush()
    assert b"s3://archive/" in raw.getvalue()


def test_config_as_json_tells_what_a_deployer_needs(config, tmp_path, capsys, source):
    lines = ["LOCK_FILE=/run/job.lock", "LOGS_DIR=/logs", "RESULT_FILE=/results/job.json", "JSON_OUTPUT_DIR=/json"]
    lines += ["LOG_FILE=/logs/job.log", "HISTORY_FILE=/results/job.jsonl", "PROGRESS_FILE=/progress/job.json"]
    lines += ["STATE_FILE=/state/job.sqlite", "AFTER_UPLOAD=move", "MOVE_TO=/srv/sent", "CLIENT_NAME=x"]
    assert cli.main(["config", "--json", "--config", config(*lines, "S3_ENDPOINT_URL=http://127.0.0.1:9")]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "source": str(source),
        "destination": "s3://archive/",
        "endpoint_url": "http://127.0.0.1:9",
        "after_upload": "move",
        "move_to": "/srv/sent",
        "lock_path": "/run/job.lock",
        "state_path": "/state/job.sqlite",
        "log_path": "/logs/job.log",
        "result_paths": ["/results/job.json", "/json/latest.json"],
        "history_path": "/results/job.jsonl",
        "progress_path": "/progress/job.json",
        "program_version": __version__,
        "transfer_settings": {name: {"numworkers": 32, "concurrency": 4, "part_size": 8} for name in FILE_CLASSES},
        "tuning": None,
        "warnings": [f"{tmp_path}/job.env: not acted on: CLIENT_NAME"],
        "exit_code": 0,
    }


def test_config_names_the_lock_file_that_a_job_without_one_has(config, capsys):
    cli.main(["config", "--json", "--config", config()])
    assert json.loads(capsys.readouterr().out)["lock_path"].endswith(".lock")


def test_config_looks_at_the_source_only_when_asked(config, source, capsys):
    source.rmdir()
    assert cli.main(["config", "--config", config()]) == 0
    assert cli.main(["config", "--check-source", "--config", config()]) == 1
    assert f"job.env:1: SOURCE_DIR: src '{source}' does not exist" in capsys.readouterr().err
    source.mkdir()
    assert cli.main(["config", "--check-source", "--config", config()]) == 0
