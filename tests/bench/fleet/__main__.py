# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Compares how our deployment and a straightforward role grow with the number of hosts: `make bench-fleet`.

    HOSTS=4,16 make bench-fleet      other numbers of hosts than 4, 16 and 32
    ROUNDS=1 make bench-fleet        fewer rounds than 2
    RELEASE=trixie make bench-fleet  another release of Debian on the hosts than bookworm

It boots real systemd hosts (see tests/fleet), fresh ones for each contender, and needs root and podman. It is not a
test, and no ratio fails it. Hosts and controller share this machine, so read the ratios, not the seconds.
Results: build/bench-fleet/results.json.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Sequence
from typing import Any

from dev.ansible_environment import BUILD
from tests.bench import table
from tests.bench.__main__ import chosen_rounds, machine
from tests.bench.fleet import growth
from tests.bench.fleet.contenders import OURS, OURS_WITHOUT_CANARY, YARDSTICK
from tests.bench.fleet.deployments import Pair, deploy_twice
from tests.bench.measured import BenchError
from tests.fleet.images import RELEASES, BedError

OUTPUT = BUILD / "bench-fleet"
DEFAULT_HOSTS = (4, 16, 32)
DEFAULT_ROUNDS = 2
DEFAULT_RELEASE = "bookworm"
CONTENDERS = (OURS, OURS_WITHOUT_CANARY, YARDSTICK)


def main() -> int:
    """Measure; 0 when everything could be measured, whatever came of it."""
    try:
        sizes = chosen_hosts(os.environ.get("HOSTS", ""))
        rounds = chosen_rounds(os.environ.get("ROUNDS", "")) or DEFAULT_ROUNDS
        release = chosen_release(os.environ.get("RELEASE", ""))
        bench(sizes, rounds, release)
    except (BenchError, BedError) as error:
        print(f"bench-fleet: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def chosen_hosts(text: str) -> list[int]:
    """The numbers in HOSTS, else the default. Raises BenchError if one is none."""
    words = text.replace(",", " ").split()
    if not all(word.isdecimal() and int(word) for word in words):
        raise BenchError(f"HOSTS={text}: give numbers of hosts, such as 4,16,32")
    return sorted({int(word) for word in words}) or list(DEFAULT_HOSTS)


def chosen_release(text: str) -> str:
    """The release in RELEASE, else the default. Raises BenchError for an unknown one."""
    release = text or DEFAULT_RELEASE
    if release not in RELEASES:
        raise BenchError(f"RELEASE={text}: choose from {' '.join(RELEASES)}")
    return release


def bench(sizes: Sequence[int], rounds: int, release: str) -> None:
    """Deploy at each size, print the tables, write the results."""
    shutil.rmtree(OUTPUT, ignore_errors=True)
    OUTPUT.mkdir(parents=True)
    results: dict[str, Any] = {**machine(), "rounds": rounds, "release": release}
    pairs: dict[int, dict[str, list[Pair]]] = {size: {contender.name: [] for contender in CONTENDERS} for size in sizes}
    for number in range(rounds):
        for place, size in enumerate(sizes):
            # Who begins changes from one comparison to the next.
            start = (number + place) % len(CONTENDERS)
            for contender in (*CONTENDERS[start:], *CONTENDERS[:start]):
                logs = OUTPUT / f"round-{number + 1}"
                logs.mkdir(exist_ok=True)
                pair = deploy_twice(contender, size, release, logs)
                pairs[size][contender.name].append(pair)
                say(
                    f"round {number + 1} of {rounds}, {size} hosts: {contender.name}: first {pair.first.seconds:.1f} s,"
                    f" second {pair.second.seconds:.1f} s, load {os.getloadavg()[0]:.1f}"
                )
    results["load_after"] = os.getloadavg()
    report(results, pairs)


def report(results: dict[str, Any], pairs: growth.Growth) -> None:
    """Print what was found, and write it as JSON."""
    found = growth.findings(pairs, YARDSTICK.name)
    results["deployments"] = growth.as_json(pairs)
    results["findings"] = [{**vars(finding), "reached": finding.reached} for finding in found]
    path = OUTPUT / "results.json"
    path.write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n", "utf-8")
    print()
    print(f"{results['date']}, {results['cpu']}, {results['cores']} cores, {results['kernel']}")
    print(
        f"hosts on this machine, {results['release']}; {results['rounds']} rounds;"
        f" load before {results['load_before'][0]:.1f}, after {results['load_after'][0]:.1f}"
    )
    tables = [table.findings_table(found), growth.cost_table(pairs), growth.task_table(pairs)]
    if len(pairs) > 1:
        tables.append(growth.growth_table(pairs))
    for text in tables:
        print(f"\n{text}")
    print(f"\nall runs: {path}")


def say(message: str) -> None:
    """One line about the progress."""
    print(f"bench-fleet: {message}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
