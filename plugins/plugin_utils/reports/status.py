# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What the playbooks say of a fleet: rows of its jobs, a table of them, the sum of its runs, how hosts differ.

Everything is made of what tasks returned, by host. A host that could not be reached is a row like any other.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from ...module_utils.common.units import format_bytes_si

OK, UNREACHABLE, ABSENT, ERROR = "ok", "unreachable", "not deployed", "error"
#: Shown where there is nothing to show.
NOTHING = "-"
#: Results that are no failure of the last run.
GOOD = ("success",)


@dataclass(frozen=True)
class Row:
    """A job of a host, or a host of which no job is known; then `job` is ''.

    `state` is ok, unreachable, not deployed or error. `result` is that of the last run, `never` before the first, with
    `age_seconds` since its end. `throughput_mbps` is megabytes (10^6 bytes) per second. `running`: a run goes on.
    """

    host: str
    state: str
    job: str = ""
    schedule: str = ""
    generation: int | None = None
    s5cmd: str | None = None
    program: str | None = None
    python: str | None = None
    last_run: str | None = None
    age_seconds: int | None = None
    result: str = ""
    exit_code: int | None = None
    files: int | None = None
    bytes: int | None = None
    throughput_mbps: float | None = None
    running: bool = False
    next_run: str | None = None
    source: str = ""
    destination: str = ""
    message: str = ""


def rows(answers: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row for each job of each host, by what `uploader_info` returned for it."""
    return [asdict(row) for host, answer in answers.items() for row in _rows_of(host, answer or {})]


def _rows_of(host: str, answer: Mapping[str, Any]) -> list[Row]:
    if answer.get("unreachable"):
        return [Row(host, UNREACHABLE, message=first_line(answer.get("msg")))]
    if answer.get("failed") or "installed" not in answer:
        return [Row(host, ERROR, message=first_line(answer.get("msg") or "the host gave no answer"))]
    versions, found = answer.get("versions") or {}, answer.get("found") or {}
    about: dict[str, Any] = {
        "generation": answer.get("generation"),
        "s5cmd": found.get("s5cmd"),
        "program": versions.get("program") if found.get("program") else None,
        "python": found.get("python"),
    }
    if not answer["installed"]:
        return [Row(host, ABSENT, **about)]
    jobs = answer.get("jobs") or []
    return [_row(host, job, about) for job in jobs] or [Row(host, OK, message="no job is deployed here", **about)]


def _row(host: str, job: Mapping[str, Any], about: Mapping[str, Any]) -> Row:
    last = job.get("last") or {}
    problems = last.get("problems") or []
    message = job.get("unreadable") or "; ".join(str(problem.get("message", "")) for problem in problems[:1])
    return Row(
        host=host,
        state=OK,
        job=str(job.get("name", "")),
        schedule=str(job.get("schedule", "")),
        last_run=last.get("timestamp"),
        age_seconds=job.get("age_seconds"),
        result=str(last.get("status") or ("unknown" if job.get("unreadable") else "never")),
        exit_code=last.get("exit_code"),
        files=last.get("files_synced"),
        bytes=last.get("bytes_transferred"),
        throughput_mbps=last.get("throughput_mbps"),
        running=bool(job.get("running")),
        next_run=job.get("next_run"),
        source=str(job.get("source", "")),
        destination=str(job.get("destination", "")),
        message=first_line(message),
        **about,
    )


def table(found: Sequence[Mapping[str, Any]]) -> str:
    """The rows as a table of text, and the messages of those that have one below it."""
    heads = ("host", "job", "schedule", "s5cmd", "program", "last run", "age", "result", "files", "MB/s", "next run")
    lines = [heads, *(_cells(row) for row in found)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    text = [
        "  ".join(
            cell.rjust(width) if head in ("age", "files", "MB/s") else cell.ljust(width)
            for head, cell, width in zip(heads, line, widths)
        ).rstrip()
        for line in lines
    ]
    text.insert(1, "  ".join("-" * width for width in widths))
    text += [f"{row['host']}{_of(row)}: {row['message']}" for row in found if row.get("message")]
    return "\n".join(text)


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    result = row["state"] if row["state"] != OK else row["result"] or NOTHING
    moved = row.get("bytes")
    return (
        row["host"],
        row["job"] or NOTHING,
        row["schedule"] or NOTHING,
        row.get("s5cmd") or NOTHING,
        row.get("program") or NOTHING,
        _clock(row.get("last_run")),
        age(row.get("age_seconds")),
        f"{result}, runs" if row.get("running") else result,
        NOTHING if row.get("files") is None else str(row["files"]),
        f"{row['throughput_mbps']:.1f}" if moved and row.get("throughput_mbps") else NOTHING,
        _clock(row.get("next_run")),
    )


def as_csv(found: Sequence[Mapping[str, Any]]) -> str:
    """The rows as CSV (RFC 4180) with a line of names."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [one.name for one in fields(Row)], lineterminator="\r\n")
    writer.writeheader()
    writer.writerows([dict(row) for row in found])
    return text.getvalue()


def alarms(found: Sequence[Mapping[str, Any]], max_age: float) -> list[str]:
    """What monitoring should hear: hosts that give no answer, jobs whose last run failed or ended too long ago.

    A run that goes on is no alarm for age. A manual job has no schedule to be late for.
    """
    heard = []
    for row in found:
        name = f"{row['host']}{_of(row)}"
        if row["state"] != OK:
            heard.append(f"{name}: {row['state']}{_because(row)}")
        elif row["result"] not in (*GOOD, "never", ""):
            heard.append(f"{name}: the last run is {row['result']!r}{_because(row)}")
        elif _late(row, max_age):
            ran = "has never run" if row["age_seconds"] is None else f"ran {age(row['age_seconds'])} ago"
            heard.append(f"{name}: {ran}, status_max_age is {age(int(max_age))}")
    return heard


def _late(row: Mapping[str, Any], max_age: float) -> bool:
    if not row["job"] or row["running"] or row["schedule"] == "manual":
        return False
    return row["age_seconds"] is None or row["age_seconds"] > max_age


def age(seconds: int | None) -> str:
    """`41 s`, `12 min`, `5 h`, `3 d`: two digits tell an operator enough."""
    if seconds is None:
        return NOTHING
    for limit, size, unit in ((120, 1, "s"), (7200, 60, "min"), (172800, 3600, "h")):
        if seconds < limit:
            return f"{seconds // size} {unit}"
    return f"{seconds // 86400} d"


def runs(answers: Mapping[str, Any]) -> dict[str, Any]:
    """What the runs of a fleet come to, by what `uploader_run` returned for each host.

    `results` is by host and job, each the result JSON or, where a run left none, its status, exit code and message.
    `failures` name host, job and reason; a host without an answer has the job ''.
    """
    results: dict[str, dict[str, Any]] = {}
    failures: list[dict[str, str]] = []
    unreachable = [host for host, answer in answers.items() if (answer or {}).get("unreachable")]
    for host, answer in answers.items():
        results[host] = {}
        for row in (answer or {}).get("jobs") or []:
            results[host][row["job"]] = row.get("result") or _without_result(row)
            if row.get("failed"):
                failures.append({"host": host, "job": row["job"], "reason": " | ".join(row.get("reasons") or [])})
        failures += [
            {"host": host, "job": job, "reason": "still runs; it goes on there"}
            for job in (answer or {}).get("running") or []
        ]
        if "jobs" not in (answer or {}):
            reason = str((answer or {}).get("msg") or "the host gave no answer")
            failures.append({"host": host, "job": "", "reason": first_line(reason)})
    everything = [result for of_host in results.values() for result in of_host.values()]
    return {
        "hosts": len(answers),
        "unreachable": unreachable,
        "jobs": len(everything),
        "succeeded": sum(result.get("status") == "success" for result in everything),
        "files_synced": sum(int(result.get("files_synced") or 0) for result in everything),
        "files_unchanged": sum(int(result.get("files_unchanged") or 0) for result in everything),
        "bytes_transferred": sum(int(result.get("bytes_transferred") or 0) for result in everything),
        "failures": failures,
        "results": results,
    }


def runs_text(summary: Mapping[str, Any]) -> str:
    """The summary of `runs` in some lines."""
    lines = [
        f"{summary['succeeded']} of {summary['jobs']} jobs on {summary['hosts']} hosts succeeded: "
        f"{summary['files_synced']} files uploaded ({format_bytes_si(summary['bytes_transferred'])}), "
        f"{summary['files_unchanged']} stored already"
    ]
    lines += [f"{one['host']} {one['job']}".rstrip() + f": {one['reason']}" for one in summary["failures"]]
    return "\n".join(lines)


def drift(answers: Mapping[str, Sequence[Any]]) -> dict[str, list[str]]:
    """How each host differs from what the inventory wants, in words; an empty list where it does not.

    By host, what the tasks that deploy returned in check mode.
    """
    return {host: [text for one in of_host for text in _differences(one or {})] for host, of_host in answers.items()}


def _differences(answer: Mapping[str, Any]) -> list[str]:
    if answer.get("unreachable"):
        return [f"unreachable: {first_line(answer.get('msg'))}"]
    if answer.get("failed"):
        return [f"cannot be compared: {first_line(answer.get('msg'))}"]
    if answer.get("skipped") or not answer.get("changed"):
        return []
    if answer.get("changes"):
        return [str(change) for change in answer["changes"]]
    if "previous_version" in answer:
        return [f"s5cmd {answer['previous_version'] or 'is missing'}, wanted is {answer.get('version')}"]
    return [first_line(answer.get("msg") or "differs")]


def deployed(answers: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What became of each host, by what `uploader_host` returned for it; a host without an answer was not reached."""
    names = ("changed", "generation", "previous_generation", "versions", "previous_versions", "left")
    return {
        host: {name: answer[name] for name in names if name in answer}
        if answer and not answer.get("failed") and not answer.get("unreachable")
        else {"failed": True, "message": first_line((answer or {}).get("msg") or "the host gave no answer")}
        for host, answer in answers.items()
    }


def versions_text(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """`s5cmd 2.2.2 -> 2.3.0, program 0.3.0`: what changed and what stayed."""
    shown = []
    for name in dict.fromkeys([*before, *after]):
        old, new = before.get(name) or "none", after.get(name) or "none"
        shown.append(f"{name} {old}" if old == new else f"{name} {old} -> {new}")
    return ", ".join(shown) or "nothing"


def _without_result(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "status": "failed" if row.get("failed") else "success",
        "exit_code": row.get("exit_code"),
        "message": " | ".join(row.get("reasons") or []),
    }


def _of(row: Mapping[str, Any]) -> str:
    return f" {row['job']}" if row.get("job") else ""


def _because(row: Mapping[str, Any]) -> str:
    return f": {row['message']}" if row.get("message") else ""


def _clock(moment: str | None) -> str:
    """`2026-11-23 01:02` of ISO 8601: the host's own clock and time zone, as its people read it."""
    return moment[:16].replace("T", " ") if moment else NOTHING


def first_line(text: Any) -> str:
    """The reason of a failed task, without the lines and words around it."""
    lines = str(text or "").strip().splitlines()
    # ansible-core's own words before the reason.
    return lines[0].removeprefix("Task failed: ") if lines else ""
