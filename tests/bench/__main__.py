# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Compares datasync-turbo with its peers on this machine: `make bench`. It is not a test, and no ratio fails it.

    ROUNDS=3 make bench             fewer rounds than 5
    ONLY=small,unchanged make bench some of: small large unchanged audit million (only this runs the last one)

The ratios mean something, the seconds do not: server and client share one machine. Results: build/bench/results.json.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Dict, List, Mapping

from dev.ansible_environment import BUILD
from dev.build_program import ProgramError
from dev.seaweedfs import SeaweedFS, SeaweedFSError
from tests.bench import table
from tests.bench.contenders import Tools
from tests.bench.measured import BenchError
from tests.bench.measures import GROUPS, ON_DEMAND, Outcome, Session
from tests.bench.rounds import Places

DATA = BUILD / "bench-data"
OUTPUT = BUILD / "bench"
DEFAULT_ROUNDS = 5
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


def chosen_groups(only: str) -> List[str]:
    """The groups named in ONLY, else all that need not be asked for. Raises BenchError for an unknown one."""
    names = only.replace(",", " ").split()
    unknown = [name for name in names if name not in GROUPS]
    if unknown:
        raise BenchError(f"ONLY={only}: there is no {unknown[0]!r}; choose from {' '.join(GROUPS)}")
    return names or [name for name in GROUPS if name not in ON_DEMAND]


def chosen_rounds(text: str) -> int:
    """The number in ROUNDS, else the default. Raises BenchError if it is none."""
    if not text:
        return DEFAULT_ROUNDS
    if not text.isdecimal() or int(text) < 1:
        raise BenchError(f"ROUNDS={text}: give a number from 1 on")
    return int(text)


def bench(chosen: List[str], rounds: int) -> None:
    """Run the groups, print the tables, write the results."""
    work = OUTPUT / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    with SeaweedFS(work / "server", memory_limits=server_memory()) as server:
        tools = Tools(server, work)
        results: Dict[str, Any] = {**machine(), "rounds": rounds, "versions": versions(tools)}
        say(", ".join(f"{name} {version}" for name, version in results["versions"].items()))
        session = Session(tools, Places(tools), DATA, rounds, say)
        outcomes = {name: GROUPS[name](session) for name in chosen}
    shutil.rmtree(work / "server", ignore_errors=True)
    results["load_after"] = os.getloadavg()
    report(results, outcomes)


def server_memory() -> Dict[str, str]:
    """Limits under which the server does not spend its time on collecting garbage.

    With those of the demo it takes up to half as much CPU again, the more the more bytes are on their way to it.
    """
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {"GOMEMLIMIT": str(min(memory // 4, SERVER_MEMORY))}


def report(results: Dict[str, Any], outcomes: Mapping[str, Outcome]) -> None:
    """Print what was found, and write it as JSON."""
    findings = [finding for outcome in outcomes.values() for finding in outcome.findings]
    results["groups"] = {name: table.as_json(outcome.runs) for name, outcome in outcomes.items()}
    results["findings"] = [{**vars(finding), "reached": finding.reached} for finding in findings]
    results["notes"] = [note for outcome in outcomes.values() for note in outcome.notes]
    path = OUTPUT / "results.json"
    path.write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n", "utf-8")
    print()
    print(f"{results['date']}, {results['cpu']}, {results['cores']} cores, {results['kernel']}")
    print(
        f"{results['rounds']} rounds; load before {results['load_before'][0]:.1f}, after {results['load_after'][0]:.1f}"
    )
    print()
    print(table.findings_table(findings))
    print()
    print(table.usage_table({name: outcome.runs for name, outcome in outcomes.items()}))
    for note in results["notes"]:
        print(f"\n{note}")
    print(f"\nall runs: {path}")


def machine() -> Dict[str, Any]:
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


def versions(tools: Tools) -> Dict[str, str]:
    """The first line that each program prints about itself."""
    found = {}
    for name, command in tools.versions():
        answer = subprocess.run(command, capture_output=True, text=True, env=tools.environment, check=False)
        lines = (answer.stdout + answer.stderr).strip().splitlines()
        found[name] = lines[0].strip() if lines else "unknown"
    return found


def say(message: str) -> None:
    """One line about the progress."""
    print(f"bench: {message}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
