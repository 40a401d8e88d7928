# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Results of benchmarks as the module returns them, for the tests of reports: one with everything, and odd ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ansible_collections.datasync.turbo.plugins.module_utils.tuning.statistics import paired_ratio

#: What a name can hold and a page must not take for markup.
HOSTILE = "<script>alert('&amp;\"')</script>"
LONG = "/srv/uploads/" + "a-folder-with-a-rather-long-name/" * 4 + HOSTILE

DATASETS = {"mix": (24, 6_850_000_000), "small": (10_000, 163_840_000), "single": (1, 1_000_000_000)}
#: Megabytes per second, processor seconds for each GB, and memory in MB, by dataset and tool.
SPEEDS: Mapping[str, Mapping[str, tuple[float, float, float]]] = {
    "mix": {
        "datasync": (113.2, 2.9, 61),
        "awscli": (110.4, 4.1, 83),
        "awscli_optimized": (112.6, 3.4, 107),
        "s5cmd": (112.9, 2.7, 26),
    },
    "small": {
        "datasync": (14.6, 61, 58),
        "awscli": (4.1, 228, 99),
        "awscli_optimized": (3.9, 236, 104),
        "s5cmd": (10.9, 94, 159),
    },
    "single": {
        "datasync": (108.1, 3.0, 44),
        "awscli": (111.9, 2.9, 82),
        "awscli_optimized": (112.5, 2.4, 106),
        "s5cmd": (112.2, 2.8, 25),
    },
}
SETTINGS = {
    "datasync": "verify, 32 workers, 8 parts of 16 MiB at once",
    "awscli": "defaults",
    "awscli_optimized": "max_concurrent_requests 20, multipart_chunksize 64MB",
    "s5cmd": "defaults",
}
VERSIONS = {"datasync": "0.4.0, s5cmd 2.3.0", "awscli": "1.44.80", "awscli_optimized": "1.44.80", "s5cmd": "2.3.0"}
#: How the rounds differ.
WOBBLE = (1.0, 0.985, 1.012, 0.991, 1.006, 0.978, 1.009)


def full(host: str = "upload01.example.com", rounds: int = 3, factor: float = 1.0) -> dict[str, Any]:
    """Three datasets, five tools of which one is not installed, all runs good. `factor` speeds the host up."""
    runs = [
        _run(dataset, tool, number, factor) for dataset in DATASETS for number in range(rounds + 1) for tool in SETTINGS
    ]
    return result(host, runs, rounds)


def result(host: str, runs: Sequence[Mapping[str, Any]], rounds: int) -> dict[str, Any]:
    """A result with these runs."""
    datasets = [name for name in DATASETS if any(run["dataset"] == name for run in runs)]
    return {
        "schema": 1,
        "id": f"20261123T040000Z-{host}-1a2b3c",
        "started": "2026-11-23T04:00:00+00:00",
        "finished": "2026-11-23T04:21:40+00:00",
        "status": "complete",
        "problems": [],
        "host": {
            "name": host,
            "system": "Debian GNU/Linux 12 (bookworm)",
            "kernel": "6.1.0-28-amd64",
            "cpu": "Intel(R) Xeon(R) Gold 6338 CPU @ 2.00GHz",
            "cores": 2,
            "memory_bytes": 8_322_000_000,
            "python": "3.11.2",
            "collection": "0.4.0",
        },
        "destination": "s3://example-uploads/benchmark/",
        "endpoint": "https://s3.eu-central-1.amazonaws.com",
        "link": {"interface": "eth0", "mbps": 1000.0, "source": "interface", "virtual": False, "note": ""},
        "settings": {"rounds": rounds, "warmup": 1, "timeout": 1800},
        "estimate": {"requests": 131_000, "bytes": 128_000_000_000, "cost": 0.66, "note": "requests only"},
        "datasets": [{"name": name, "files": DATASETS[name][0], "bytes": DATASETS[name][1]} for name in datasets],
        "tools": [
            *[
                {
                    "name": name,
                    "available": True,
                    "reason": "",
                    "path": f"/usr/local/bin/{name}",
                    "version": VERSIONS[name],
                    "settings": SETTINGS[name],
                }
                for name in ("awscli", "awscli_optimized", "s5cmd", "datasync")
            ],
            {
                "name": "rclone",
                "available": False,
                "reason": "rclone is not on PATH: install it, or give rclone_path",
                "path": "",
                "version": "",
                "settings": "",
            },
        ],
        "runs": list(runs),
        "summary": [],
        "ratios": _ratios(runs, datasets),
        "left_behind": [],
        "tuning": None,
    }


def troubled() -> dict[str, Any]:
    """What can go wrong in one result: a tool that fails, one that fails once, names with markup, an unknown link."""
    made = full("upload-server-with-a-long-name.frankfurt-1.customers.example.com", 5)
    for run in made["runs"]:
        run["link_bytes"] = run["link_percent"] = None
        if run["tool"] == "awscli" and run["dataset"] == "small":
            run.update(message=f"stopped after 1800 s: {HOSTILE}", exit_code=143)
        if run["tool"] == "s5cmd" and run["dataset"] == "mix" and run["round"] == 2:
            run.update(message="exit code 1: connection reset by peer", exit_code=1, errors=3)
    made["ratios"] = _ratios(made["runs"], list(DATASETS))
    for one in [*made["runs"], *made["ratios"]]:
        one["dataset"] = LONG if one["dataset"] == "single" else one["dataset"]
    made["datasets"][-1]["name"] = LONG
    made.update(
        status="incomplete",
        problems=["the server's clock is 40 s ahead", f"the disk was full for a while below {LONG}"],
        link={
            "interface": "ens3",
            "mbps": None,
            "source": "unknown",
            "virtual": True,
            "note": "ens3 is virtual and has no speed; give link_mbps",
        },
        left_behind=[
            {"bucket": "example-uploads", "prefix": "benchmark/1a2b3c/", "reason": "DeleteObjects: AccessDenied"}
        ],
        tuning=tuning(),
    )
    return made


def one_round() -> dict[str, Any]:
    """A single round without a warm-up, of one dataset."""
    runs = [_run("small", tool, 1, 1.0) for tool in SETTINGS]
    made = result("upload01.example.com", runs, 1)
    made["settings"]["warmup"] = 0
    return made


def nothing_measured() -> dict[str, Any]:
    """All failed at once."""
    made = result("upload01.example.com", [_run("small", tool, 1, 1.0) for tool in SETTINGS], 1)
    for run in made["runs"]:
        run["message"] = "bucket refused"
    made.update(status="incomplete", ratios=_ratios(made["runs"], ["small"]))
    return made


def tuning() -> dict[str, Any]:
    """Evidence of a tuning in which one class gained, one did not, and one was not reached."""
    defaults = {"numworkers": 16, "concurrency": 5, "part_size": 16}
    better = {"numworkers": 64, "concurrency": 5, "part_size": 16}
    trials = [
        {"settings": defaults, "rung": "warm-up", "seconds": 4.4, "bytes_per_second": 37_200_000},
        {"settings": defaults, "rung": "1", "seconds": 4.21, "bytes_per_second": 38_900_000},
        {"settings": better, "rung": "final", "seconds": 2.93, "bytes_per_second": 55_900_000},
        {"settings": {**better, "numworkers": 256}, "rung": "1", "failed": "exit code 1: too many open files"},
    ]
    return {
        "measured": "2026-11-23T04:15:00+00:00",
        "budget": {"seconds": 600, "bytes": 20_000_000_000, "used_seconds": 412.0, "used_bytes": 9_100_000_000},
        "stopped": "",
        "classes": {
            "small": _tuned(defaults, better, (0.69, 0.66, 0.73), "the whole interval is below 1", trials),
            "large": _tuned(defaults, {**better, "concurrency": 8}, (0.98, 0.93, 1.04), "no gain is shown", trials[:2]),
            "single": _tuned(defaults, defaults, None, "the budget was used up before", []),
        },
    }


def _tuned(
    defaults: Mapping[str, int],
    best: Mapping[str, int],
    found: tuple[float, float, float] | None,
    reason: str,
    trials: list[dict[str, Any]],
) -> dict[str, Any]:
    ratio, low, high = found or (None, None, None)
    shown = bool(high and high < 1)
    return {
        "settings": dict(best if shown else defaults),
        "best": dict(best),
        "defaults": dict(defaults),
        "shown": shown,
        "gain_percent": (1 - ratio) * 100 if ratio and shown else 0.0,
        "ratio": ratio,
        "low": low,
        "high": high,
        "pairs": 5 if ratio else 0,
        "trials": trials,
        "reason": reason,
    }


def _run(dataset: str, tool: str, number: int, factor: float) -> dict[str, Any]:
    files, size = DATASETS[dataset]
    speed, cpu, memory = SPEEDS[dataset][tool]
    wobble = WOBBLE[(number + len(tool)) % len(WOBBLE)] * factor
    seconds = size / 1e6 / (speed * wobble)
    return {
        "dataset": dataset,
        "tool": tool,
        "round": number,
        "began": f"2026-11-23T04:0{number}:00+00:00",
        "wall_seconds": seconds,
        "cpu_seconds": cpu * size / 1e9 / wobble,
        "cpu_percent": cpu * size / 1e7 / wobble / seconds,
        "peak_memory_bytes": round(memory * 1e6 * wobble),
        "megabytes_per_second": speed * wobble,
        "objects_per_second": files / seconds,
        "link_bytes": round(size * 1.03),
        "link_percent": speed * wobble * 1.03 * 8 / 10,
        "retries": 0 if tool != "rclone" else None,
        "errors": 0,
        "exit_code": 0,
        "message": "",
    }


def _ratios(runs: Sequence[Mapping[str, Any]], datasets: Sequence[str]) -> list[dict[str, Any]]:
    seconds = {
        (run["dataset"], run["tool"], run["round"]): None if run["message"] else run["wall_seconds"] for run in runs
    }
    rounds = sorted({run["round"] for run in runs if run["round"]})
    found = []
    for dataset in datasets:
        ours = [seconds[dataset, "datasync", number] for number in rounds]
        for against in ("awscli", "awscli_optimized", "s5cmd"):
            ratio = paired_ratio(ours, [seconds[dataset, against, number] for number in rounds])
            found.append({"dataset": dataset, "tool": "datasync", "against": against, **asdict(ratio)})
    return found
