# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""`verify` names what is not as it should be, and audits as its options say."""

from __future__ import annotations

import json

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.audit import result as audit_report
from ansible_collections.datasync.turbo.plugins.module_utils.audit import run as audit
from ansible_collections.datasync.turbo.plugins.module_utils.audit.request import AuditRequest
from ansible_collections.datasync.turbo.plugins.module_utils.audit.result import Finding
from ansible_collections.datasync.turbo.plugins.module_utils.program import cli


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
