# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What tasks with s5cmd_benchmark returned for the hosts of a fleet, sorted: results, reasons, estimates."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...module_utils.common.units import format_bytes_si
from .status import first_line

#: What may stay in the name of a file.
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


@dataclass(frozen=True)
class Answers:
    """`results` has the `benchmark` of each host that began to measure, `missing` why a host has none.

    `failures` has the reason of every host that failed; such a host is in one of the others too.
    """

    results: dict[str, dict[str, Any]]
    missing: dict[str, str]
    failures: dict[str, str]


def sorted_answers(answers: Mapping[str, Sequence[Any]]) -> Answers:
    """Sort by host what the module returned: the estimate, then the measurement, {} where there is none."""
    results: dict[str, dict[str, Any]] = {}
    missing: dict[str, str] = {}
    failures: dict[str, str] = {}
    for host, of_host in answers.items():
        # The measurement, or the estimate where that is how far the host came.
        answer = next((one for one in reversed(of_host) if one and not one.get("skipped")), {})
        result = answer.get("benchmark")
        reason = _reason(answer) or ("" if result else "it was not measured")
        if result:
            results[host] = result
        else:
            missing[host] = reason
        if reason:
            failures[host] = reason
    return Answers(results, missing, failures)


def _reason(answer: Mapping[str, Any]) -> str:
    """Why a task failed, '' if it did not. A benchmark that is not complete fails its task."""
    if answer.get("unreachable"):
        return f"unreachable: {first_line(answer.get('msg')) or 'no reason given'}"
    if answer.get("failed"):
        return first_line(answer.get("msg")) or "failed without a reason"
    return "" if answer else "the host gave no answer"


#: What the fleet's summary tells of a class of files; the trials stay in the results.
_TUNED = ("settings", "shown", "gain_percent", "reason")


def tunings(results: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, dict[str, Any]]]:
    """What was found by tuning, by host and class of files; hosts that were not tuned are left out."""
    return {
        host: {
            name: {key: found[key] for key in _TUNED if key in found}
            for name, found in (result["tuning"].get("classes") or {}).items()
        }
        for host, result in results.items()
        if result.get("tuning")
    }


def tuning_lines(found: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> list[str]:
    """`tunings` for people."""
    return [
        f"{host}, {name} files: {about.get('reason', '')}"
        for host, classes in found.items()
        for name, about in classes.items()
    ]


def estimate_lines(answers: Mapping[str, Sequence[Any]]) -> list[str]:
    """What measuring will take, a line a host and one for all; `answers` as for `sorted_answers`."""
    lines = []
    requests = size = 0
    costs: list[float | None] = []
    for host, (answer, _measured) in answers.items():
        estimate = answer.get("estimate")
        if not estimate:
            lines.append(f"{host}: {_reason(answer)}")
            continue
        lines.append(f"{host}: {_amount(estimate['requests'], estimate['bytes'], estimate.get('cost'))}")
        requests += estimate["requests"]
        size += estimate["bytes"]
        costs.append(estimate.get("cost"))
    if len(costs) > 1:
        known = [cost for cost in costs if cost is not None]
        total = sum(known) if len(known) == len(costs) else None
        lines.append(f"all: {_amount(requests, size, total)}")
    return lines


def _amount(requests: int, size: int, cost: float | None) -> str:
    price = "" if cost is None else f", which cost {round(cost, 4):g} by benchmark_request_price"
    return f"{format_bytes_si(size)} in about {requests:,} requests{price}"


def page_name(host: str) -> str:
    """The name of a host's own page. Inventories also have IPv6 addresses for names, and whatever else."""
    safe = _UNSAFE.sub("_", host)
    # So that two hosts have two pages.
    return f"{safe}.html" if safe == host else f"{safe}-{zlib.crc32(host.encode()):08x}.html"
