# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The gates cannot pass by accident: a red test, a crash, an empty run and a test that could not run all show."""

from __future__ import annotations

from pathlib import Path

import pytest

from dev import gate_galaxy_importer, gates
from dev.gates import Counts, Gate, Outcome

REPORT = """<testsuites><testsuite>
<testcase classname="a" name="passes"/>
<testcase classname="a" name="fails"><failure message="no"/></testcase>
<testcase classname="a" name="breaks"><error message="no"/></testcase>
<testcase classname="a" name="waits"><skipped message="no sshd"/></testcase>
</testsuite></testsuites>"""


@pytest.fixture
def pytest_gate(tmp_path: Path) -> Gate:
    return Gate("pytest", ["pytest"], junit=tmp_path / "junit.xml")


def write(gate: Gate, report: str) -> None:
    assert gate.junit is not None
    gate.junit.write_text(report)


def test_tests_are_counted_one_by_one_with_the_reason_of_each_skip(pytest_gate: Gate) -> None:
    write(pytest_gate, REPORT)
    counts, not_run = gates.count(pytest_gate, 1)
    assert counts == Counts(passed=1, failed=2, skipped=1)
    assert not_run == ["a::waits: no sshd"]


def test_pytest_that_fails_outside_of_its_tests_is_a_failure(pytest_gate: Gate) -> None:
    write(pytest_gate, '<testsuites><testsuite><testcase classname="a" name="b"/></testsuite></testsuites>')
    assert gates.count(pytest_gate, 3)[0] == Counts(passed=1, failed=1)


def test_pytest_without_a_report_or_without_tests_is_a_failure(pytest_gate: Gate) -> None:
    assert gates.count(pytest_gate, 0)[0].failed == 1
    write(pytest_gate, "<testsuites/>")
    assert gates.count(pytest_gate, 0)[0].failed == 1


def test_what_cannot_run_is_a_failure_in_ci_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    assert gates.cannot_run("Python 3.9", "not here").counts == Counts(skipped=1)
    assert gates.cannot_run("Python 3.9", "not here").line.startswith("skip ")
    monkeypatch.setenv("CI", "true")
    assert gates.cannot_run("Python 3.9", "not here").counts == Counts(failed=1)


def test_closing_line_stands_alone(capsys: pytest.CaptureFixture[str]) -> None:
    outcomes = [Outcome("a", Counts(passed=2), 1.0, ""), Outcome("b", Counts(failed=1), 1.0, "why it failed")]
    assert gates.report(outcomes) == 1
    printed = capsys.readouterr().out
    assert printed.splitlines()[-1] == "2 passed, 1 failed"
    assert "why it failed" in printed


def test_nothing_that_passed_is_no_success() -> None:
    assert gates.report([]) == 1


def test_findings_of_galaxy_importer_count_though_it_exits_0() -> None:
    output = "Importing\nWARNING: role has no meta\n  ERROR: lint\nLoading module errors\n"
    assert len(gate_galaxy_importer.findings(output)) == 2


def test_every_sanity_test_of_ansible_test_runs() -> None:
    sanity = next(gate for gate in gates.all_gates() if gate.name == "ansible-test sanity")
    assert "--skip-test" not in sanity.command
    assert "--test" not in sanity.command
