# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Compares datasync-turbo with its peers on this machine: `make bench`. It is not a test, and no ratio fails it.

    ROUNDS=3 make bench               other numbers of rounds than each group's own
    ONLY=small,small-sink make bench  some of the groups; they are in docs/performance.md

The ratios mean something, the seconds do not: server and client share one machine. Results: build/bench/results.json.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from dev.ansible_environment import BUILD
from dev.build_program import ProgramError
from dev.seaweedfs import SeaweedFSError, find_weed
from tests.bench import shaped_link, table
from tests.bench.bandwidth import BANDWIDTH_GROUPS
from tests.bench.contenders import programs
from tests.bench.growth import GROWTH_GROUPS
from tests.bench.links import LINK_GROUPS
from tests.bench.measured import BenchError
from tests.bench.measures import LOOPBACK_GROUPS, Measured, Outcome, Session
from tests.bench.table import Finding

DATA = BUILD / "bench-data"
OUTPUT = BUILD / "bench"
RESULTS = OUTPUT / "results.json"
#: These need network namespaces.
NETWORK_GROUPS: Mapping[str, Measured] = {**LINK_GROUPS, **BANDWIDTH_GROUPS}
#: What takes most memory of the machine comes last.
GROUPS: Mapping[str, Measured] = {**LOOPBACK_GROUPS, **NETWORK_GROUPS, **GROWTH_GROUPS}
#: Bytes that the server may take, on a machine that has four times as many.
SERVER_MEMORY = 4 * 1024**3


def main() -> int:
    """Measure; 0 when everything could be measured, whatever came of it."""
    try:
        chosen = chosen_groups(os.environ.get("ONLY", ""))
        rounds = chosen_rounds(os.environ.get("ROUNDS", ""))
        bench(chosen, rounds)
    except (BenchError, ProgramError, SeaweedFSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def chosen_groups(only: str) -> list[str]:
    """The groups named in ONLY, else all that can be measured here. Raises BenchError for an unknown one."""
    names = only.replace(",", " ").split()
    unknown = [name for name in names if name not in GROUPS]
    if unknown:
        raise BenchError(f"ONLY={only}: there is no {unknown[0]!r}; choose from {' '.join(GROUPS)}")
    return names or [name for name in GROUPS if name not in left_out()]


def left_out() -> dict[str, str]:
    """The groups that cannot be measured on this machine, and why."""
    reason = shaped_link.missing()
    return {name: f"{name} is left out: {reason}" for name in NETWORK_GROUPS} if reason else {}


def chosen_rounds(text: str) -> int | None:
    """The number in ROUNDS, None if it is not set. Raises BenchError if it is none."""
    if not text:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise BenchError(f"ROUNDS={text}: give a number from 1 on")
    return int(text)


def bench(chosen: list[str], rounds: int | None) -> None:
    """Run the groups, print the tables, write the results."""
    work = OUTPUT / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    results: dict[str, Any] = {**machine(), "rounds": {}, "versions": versions(work), "notes": []}
    say(", ".join(f"{name} {version}" for name, version in results["versions"].items()))
    outcomes: dict[str, Outcome] = {}
    failures: dict[str, str] = {}
    for name in chosen:
        results["rounds"][name] = rounds or GROUPS[name].rounds
        session = Session(work, DATA, results["rounds"][name], say, server_memory())
        try:
            outcomes[name] = GROUPS[name].run(session)
        except (BenchError, SeaweedFSError) as error:
            # The hour of the other groups is not to be lost.
            failures[name] = str(error)
            say(f"{name} cannot be measured: {error}")
        results["load_after"] = os.getloadavg()
        write(results, outcomes)
    results["notes"] += [reason for name, reason in left_out().items() if name not in chosen]
    write(results, outcomes)
    show(results, outcomes)
    if failures:
        raise BenchError("; ".join(f"{name}: {message}" for name, message in failures.items()))


def server_memory() -> dict[str, str]:
    """Limits under which the server does not spend its time on collecting garbage.

    With those of the demo it takes up to half as much CPU again, the more the more bytes are on their way to it.
    """
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {"GOMEMLIMIT": str(min(memory // 4, SERVER_MEMORY))}


def write(results: dict[str, Any], outcomes: Mapping[str, Outcome]) -> None:
    """Put what was found so far into the results, and write them as JSON."""
    results["groups"] = {name: table.as_json(outcome.runs) for name, outcome in outcomes.items()}
    results["findings"] = [{**vars(finding), "reached": finding.reached} for finding in findings_of(outcomes)]
    RESULTS.write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n", "utf-8")


def findings_of(outcomes: Mapping[str, Outcome]) -> list[Finding]:
    """Those of all groups."""
    return [finding for outcome in outcomes.values() for finding in outcome.findings]


def show(results: Mapping[str, Any], outcomes: Mapping[str, Outcome]) -> None:
    """Print what was found."""
    print()
    print(f"{results['date']}, {results['cpu']}, {results['cores']} cores, {results['kernel']}")
    rounds = ", ".join(f"{name} {number}" for name, number in results["rounds"].items())
    print(f"rounds: {rounds}; load before {results['load_before'][0]:.1f}, after {results['load_after'][0]:.1f}")
    print()
    print(table.findings_table(findings_of(outcomes)))
    print()
    print(table.usage_table({name: outcome.runs for name, outcome in outcomes.items()}))
    for note in [*results["notes"], *(note for outcome in outcomes.values() for note in outcome.notes)]:
        print(f"\n{note}")
    print(f"\nall runs: {RESULTS}")


def machine() -> dict[str, Any]:
    """What the results depend on."""
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "cpu": cpu_model(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "kernel": f"{platform.system()} {platform.release()}",
        "load_before": os.getloadavg(),
    }


def cpu_model() -> str:
    """The processor's name as the kernel gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def versions(work: Path) -> dict[str, str]:
    """The first line that each program prints about itself."""
    found = {}
    for name, command in [*programs(work), ("SeaweedFS", [str(find_weed()), "version"])]:
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        lines = (answer.stdout + answer.stderr).strip().splitlines()
        found[name] = lines[0].strip() if lines else "unknown"
    return found


def say(message: str) -> None:
    """One line about the progress."""
    print(f"bench: {message}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
