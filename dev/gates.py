# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Runs every gate and every test, two at a time, and ends with the plain line `N passed, N failed, N skipped`.

    python -m dev.gates [--gates-only] [--list] [NAME ...]

The gates that outsiders use want a git checkout at .../ansible_collections/datasync/turbo: they run in a copy of the
files that git has or would take. What each one printed is in build/gates/NAME/log; a failing one is shown in full, and
of each pytest the slowest tests are named.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

from ansible_test._util.target.common import constants

from dev.ansible_environment import BUILD, CHECKOUT, VENV_BIN, ansible_environment
from dev.build_collection import BuildError, build_archive, copy_sources
from dev.build_program import ProgramError
from dev.gate_outcomes import Outcome, cannot_run, count, report
from dev.interpreters import HOST_PYTHONS, find_interpreters, link_interpreters
from dev.set_up import BED_PYTHONS

GATES = BUILD / "gates"
#: ansible-test makes virtual environments inside its copy; the others shall not lint those.
LINT_ROOT, TEST_ROOT = BUILD / "lint", BUILD / "ansible-test"
LINT_COPY, TEST_COPY = (root / "ansible_collections" / "datasync" / "turbo" for root in (LINT_ROOT, TEST_ROOT))
INTERPRETERS = BUILD / "interpreters"
#: The machine that CI lends has two cores.
LANES = 2
#: Seconds after which a gate is taken for hung.
TIMEOUT = 1800
#: The tests of uploads take as long as all others.
SYNC_TESTS = "tests/integration/sync"
#: These boot real systemd hosts. The scenarios of molecule take as long as all others.
FLEET_TESTS = "tests/fleet"
SCENARIO_TESTS = "tests/fleet/test_scenarios.py"
#: Names under which ansible-core 2.19 and 2.21 keep the get-pip.py that they download.
GET_PIP_NAMES = ("get_pip_24_2.py", "get_pip_25_2.py")


@dataclass(frozen=True)
class Gate:
    """One command. `junit`: it is pytest, writes its report there, and counts by its tests, not as one gate."""

    name: str
    command: Sequence[str]
    directory: Path = CHECKOUT
    junit: Path | None = None
    environment: dict[str, str] = field(default_factory=dict)


def pytest_gate(name: str, selection: Sequence[str], environment: dict[str, str]) -> Gate:
    """A part of the tests. Each part has servers and folders of its own, so that two run beside each other."""
    report = GATES / name.replace(" ", "-") / "junit.xml"
    return Gate(name, ["pytest", *selection, "--junit-xml", str(report)], CHECKOUT, report, environment)


def all_gates() -> list[Gate]:
    """The gates, the longest first, so that the two lanes end at about the same time."""
    interpreters = find_interpreters()
    path = {"PATH": os.pathsep.join([str(VENV_BIN), str(INTERPRETERS), os.environ.get("PATH", os.defpath)])}
    return [
        pytest_gate("fleet scenarios", [SCENARIO_TESTS], path),
        pytest_gate("fleet", [FLEET_TESTS, f"--ignore={SCENARIO_TESTS}"], path),
        pytest_gate("pytest sync", [SYNC_TESTS], path),
        pytest_gate("pytest", [f"--ignore={SYNC_TESTS}"], path),
        *ansible_test_gates(interpreters, path),
        Gate("galaxy-importer", ["python", "-m", "dev.gate_galaxy_importer", str(BUILD / "archive")]),
        Gate(
            "antsibull-docs",
            [
                "antsibull-docs",
                "lint-collection-docs",
                "--plugin-docs",
                "--validate-collection-refs=all",
                "--disallow-unknown-collection-refs",
                ".",
            ],
            LINT_COPY,
        ),
        Gate(
            "ansible-lint",
            ["ansible-lint", "--profile", "production", "--offline", "--strict", "--nocolor"],
            LINT_COPY,
            environment={"ANSIBLE_COLLECTIONS_PATH": str(LINT_ROOT)},
        ),
        Gate("mypy", ["mypy", "plugins/module_utils", "dev", FLEET_TESTS]),
        Gate("antsibull-changelog", ["antsibull-changelog", "lint"], LINT_COPY),
        Gate("yamllint", ["yamllint", "--strict", "."], LINT_COPY),
        Gate("ruff check", ["ruff", "check", "."]),
        Gate("ruff format", ["ruff", "format", "--check", "--diff", "."]),
    ]


def ansible_test_gates(interpreters: dict[str, Path], path: dict[str, str]) -> list[Gate]:
    """Sanity with every Python of the hosts that is here; the unit tests with the newest of them.

    ansible-test forks for each unit test, which takes minutes with each Python; pytest runs them with our own Python,
    the slow ones too, and with those of the hosts on the test bed. It knows the Pythons that its ansible-core manages.
    """
    known = {*constants.REMOTE_ONLY_PYTHON_VERSIONS, *constants.CONTROLLER_PYTHON_VERSIONS}
    targets = [f"{version}@{interpreter}" for version, interpreter in interpreters.items() if version in known]
    controller = "{}.{}".format(*sys.version_info)
    sanity = ["ansible-test", "sanity", "--color", "no", "--controller", f"origin:python={controller}"]
    units = ["ansible-test", "units", "--color", "no", "--controller", f"origin:python={controller}"]
    for target in targets:
        sanity += ["--target-python", target]
    units += ["--target-python", f"venv/{targets[-1]}"]
    return [
        Gate("ansible-test units", units, TEST_COPY, environment={**path, "PYTEST_ADDOPTS": "-m 'not slow'"}),
        Gate("ansible-test sanity", sanity, TEST_COPY, environment=path),
    ]


def missing_interpreters(interpreters: dict[str, Path]) -> list[Outcome]:
    """Each Python of the hosts that nothing could be checked with: neither this machine nor the test bed has it."""
    return [
        cannot_run(f"Python {version}", f"install it (pyenv does), so that python{version} is on PATH")
        for version in HOST_PYTHONS
        if version not in interpreters and version not in BED_PYTHONS
    ]


class Runner:
    """Runs gates as child processes, each in a process group of its own that can be stopped as a whole."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def run(self, gate: Gate) -> Outcome:
        """Run one gate to its end."""
        state = GATES / gate.name.replace(" ", "-")
        state.mkdir(parents=True, exist_ok=True)
        if gate.junit:
            gate.junit.unlink(missing_ok=True)
        put_get_pip(state / "home")
        environment = {**ansible_environment(state), **gate.environment}
        start = time.monotonic()
        with (state / "log").open("wb") as log:
            code = self._wait(gate, environment, log.fileno())
        seconds = time.monotonic() - start
        text = (state / "log").read_text("utf-8", "replace")
        return Outcome(gate.name, count(gate.junit, code), seconds, text)

    def stop(self) -> None:
        """Stop every gate that runs, first kindly, so that its servers are stopped too."""
        with self._lock:
            self._stopped = True
            running = list(self._running)
        for process in running:
            signal_group(process, signal.SIGTERM)
        for process in running:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                signal_group(process, signal.SIGKILL)

    def _wait(self, gate: Gate, environment: dict[str, str], log: int) -> int:
        with self._lock:
            if self._stopped:
                return 130
            process = subprocess.Popen(
                gate.command,
                executable=shutil.which(gate.command[0], path=environment["PATH"]),
                cwd=gate.directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self._running.add(process)
        try:
            return process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            signal_group(process, signal.SIGKILL)
            os.write(log, f"\nstopped after {TIMEOUT} s\n".encode())
            return process.wait()
        finally:
            with self._lock:
                self._running.discard(process)


def signal_group(process: subprocess.Popen[bytes], number: int) -> None:
    """Send a signal to the process and to all that it started."""
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return


def put_get_pip(home: Path) -> None:
    """Let ansible-test find its get-pip.py among its downloads."""
    for name in GET_PIP_NAMES:
        target = home / ".ansible" / "test" / "cache" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(CHECKOUT / "dev" / "get_pip.py", target)


def make_copy(copy: Path) -> None:
    """Bring a copy that gates run in up to date, and make it a git checkout with everything committed."""
    copy_sources(copy, keep=("tests/output",))
    git = ["git", "-C", str(copy), "-c", "user.name=gates", "-c", "user.email=gates@example.org", "-c", "gc.auto=0"]
    environment = ansible_environment(GATES / "git")
    steps = [["add", "--all"], ["commit", "--quiet", "--allow-empty", "--message=copy"]]
    if not (copy / ".git").exists():
        steps.insert(0, ["init", "--quiet", "--initial-branch=main"])
    for arguments in steps:
        subprocess.run([*git, *arguments], env=environment, check=True)


def run_all(gates: Sequence[Gate]) -> list[Outcome]:
    """Run the gates in lanes; prints a line as each one ends."""
    runner = Runner()
    outcomes: list[Outcome] = []
    pool = ThreadPoolExecutor(LANES)
    try:
        for future in as_completed([pool.submit(runner.run, gate) for gate in gates]):
            outcome = future.result()
            outcomes.append(outcome)
            print(outcome.line, flush=True)
    except BaseException:
        runner.stop()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
    return outcomes


def main(argv: list[str] | None = None) -> int:
    """Run all gates, or those named."""
    parser = argparse.ArgumentParser(description="Run the gates and the tests.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these; see --list")
    parser.add_argument("--gates-only", action="store_true", help="all but pytest")
    parser.add_argument("--list", action="store_true", help="print the names")
    arguments = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, _interrupt)
    gates = all_gates()
    if arguments.list:
        print("\n".join(gate.name for gate in gates))
        return 0
    unknown = set(arguments.names) - {gate.name for gate in gates}
    if unknown:
        parser.error(f"no such gate: {', '.join(sorted(unknown))}")
    chosen = [gate for gate in gates if not arguments.names or gate.name in arguments.names]
    if arguments.gates_only:
        chosen = [gate for gate in chosen if gate.junit is None]
    try:
        link_interpreters(INTERPRETERS, find_interpreters())
        make_copy(LINT_COPY)
        make_copy(TEST_COPY)
        build_archive(BUILD / "archive")
        outcomes = run_all(chosen)
    except (BuildError, ProgramError, subprocess.CalledProcessError) as error:
        print(f"gates: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ngates: interrupted", file=sys.stderr)
        return 130
    if not arguments.names:
        outcomes += missing_interpreters(find_interpreters())
    return report(outcomes)


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
