# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The gates cannot pass by accident: a red test, a crash, an empty run and a test that could not run all show."""

from __future__ import annotations

from pathlib import Path

import pytest

from dev import gate_galaxy_importer, gate_outcomes, gates
from dev.gate_outcomes import Counts, Outcome, Results

REPORT = """<testsuites><testsuite>
<testcase classname="a" name="passes"/>
<testcase classname="a" name="fails"><failure message="no"/></testcase>
<testcase classname="a" name="breaks"><error message="no"/></testcase>
<testcase classname="a" name="waits"><skipped message="no sshd"/></testcase>
</testsuite></testsuites>"""


@pytest.fixture
def junit(tmp_path: Path) -> Path:
    return tmp_path / "junit.xml"


def test_tests_are_counted_one_by_one_with_the_reason_of_each_skip(junit: Path) -> None:
    junit.write_text(REPORT)
    results = gate_outcomes.count(junit, 1)
    assert results.counts == Counts(passed=1, failed=2, skipped=1)
    assert results.not_run == ["a::waits: no sshd"]


def test_pytest_that_fails_outside_of_its_tests_is_a_failure(junit: Path) -> None:
    junit.write_text('<testsuites><testsuite><testcase classname="a" name="b"/></testsuite></testsuites>')
    assert gate_outcomes.count(junit, 3).counts == Counts(passed=1, failed=1)


def test_pytest_without_a_report_or_without_tests_is_a_failure(junit: Path) -> None:
    assert gate_outcomes.count(junit, 0).counts.failed == 1
    junit.write_text("<testsuites/>")
    assert gate_outcomes.count(junit, 0).counts.failed == 1


def test_the_ten_slowest_tests_of_a_gate_are_named(junit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cases = "".join(f'<testcase classname="a" name="t{number}" time="{number}.5"/>' for number in range(12))
    junit.write_text(f"<testsuites><testsuite>{cases}</testsuite></testsuites>")
    gate_outcomes.report([Outcome("pytest", gate_outcomes.count(junit, 0), 78.0, "")])
    printed = capsys.readouterr().out.splitlines()
    first = printed.index("Slowest of pytest") + 1
    assert [line.split() for line in printed[first : first + 11]] == [
        *([f"{number}.5", "s", f"a::t{number}"] for number in range(11, 1, -1)),
        [],
    ]


def test_what_is_optional_is_listed_and_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    outcome = gate_outcomes.cannot_run("Python 3.10", "not here")
    assert outcome.results == Results(Counts(skipped=1), ["Python 3.10: not here"])
    assert outcome.line.startswith("skip ")


def test_closing_line_stands_alone(capsys: pytest.CaptureFixture[str]) -> None:
    outcomes = [
        Outcome("a", Results(Counts(passed=2)), 1.0, ""),
        Outcome("b", Results(Counts(failed=1)), 1.0, "why it failed"),
    ]
    assert gate_outcomes.report(outcomes) == 1
    printed = capsys.readouterr().out
    assert printed.splitlines()[-1] == "2 passed, 1 failed"
    assert "why it failed" in printed


def test_nothing_that_passed_is_no_success() -> None:
    assert gate_outcomes.report([]) == 1


def test_findings_of_galaxy_importer_count_though_it_exits_0() -> None:
    output = "Importing\nWARNING: role has no meta\n  ERROR: lint\nLoading module errors\n"
    assert len(gate_galaxy_importer.findings(output)) == 2


def test_every_sanity_test_of_ansible_test_runs() -> None:
    sanity = next(gate for gate in gates.all_gates() if gate.name == "ansible-test sanity")
    assert "--skip-test" not in sanity.command
    assert "--test" not in sanity.command


def targets(name: str, found: dict[str, Path]) -> list[str]:
    command = next(gate for gate in gates.ansible_test_gates(found, {}) if gate.name == name).command
    return [argument for before, argument in zip(command, command[1:]) if before == "--target-python"]


def test_a_machine_with_one_python_checks_with_that_one() -> None:
    """As a fresh Debian is: the other Pythons come with the hosts of the test bed."""
    found = {"3.11": Path("/usr/bin/python3.11")}
    assert targets("ansible-test sanity", found) == ["3.11@/usr/bin/python3.11"]
    assert targets("ansible-test units", found) == ["venv/3.11@/usr/bin/python3.11"]


def test_ansible_test_gets_the_pythons_that_it_knows() -> None:
    found = {version: Path(f"/usr/bin/python{version}") for version in ("3.9", "3.10", "3.11", "9.9")}
    assert [target.partition("@")[0] for target in targets("ansible-test sanity", found)] == ["3.9", "3.10", "3.11"]
    assert [target.partition("@")[0] for target in targets("ansible-test units", found)] == ["venv/3.11"]


def test_a_python_that_neither_machine_nor_test_bed_has_is_listed_and_no_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CI", "true")
    outcomes = gates.missing_interpreters({"3.11": Path("/usr/bin/python3.11"), "3.12": Path("/opt/python3.12")})
    assert [outcome.name for outcome in outcomes] == ["Python 3.10", "Python 3.14"]
    assert all(outcome.ok for outcome in outcomes)
