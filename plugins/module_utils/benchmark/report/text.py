# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The result of a benchmark as text, as CSV, and as a folder of files that is there as a whole or not at all."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from typing import Any

from ...common import files
from ...common.units import counted
from . import figures
from . import page as benchmark_page
from .tuning import tuning_lines

#: The columns of the CSV, before those of each run.
_OF_ALL = ("id", "host", "files", "bytes", "version")
_OF_RUN = (
    "dataset",
    "tool",
    "round",
    "began",
    "wall_seconds",
    "cpu_seconds",
    "cpu_percent",
    "peak_memory_bytes",
    "megabytes_per_second",
    "objects_per_second",
    "link_bytes",
    "link_percent",
    "retries",
    "errors",
    "exit_code",
    "message",
)
#: A spreadsheet takes a cell that begins with one of these for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
#: Each result has a name of its own, but what a kill left of one is to be found by the next.
_UNFINISHED = "results"


def text_table(result: figures.Result) -> str:
    """The result for a terminal."""
    host = result["host"]
    lines = [
        f"Upload benchmark of {host['name']} to {result['destination']}: {result['status']}",
        f"{figures.moment(result['started'])}; {host['cpu']}, {counted(host['cores'], 'core')}; "
        f"link {figures.link(result['link'])}",
        "",
        figures.summary(result),
    ]
    lines += [f"- {figures.short(ratio['dataset'])}: {figures.sentence(ratio)}" for ratio in figures.headlines(result)]
    for dataset in result["datasets"]:
        lines += [
            "",
            f"{dataset['name']}: {figures.dataset_size(dataset)}; medians (smallest-greatest) of the good runs",
        ]
        lines += [*_dataset_table(result, dataset), "", *_ratio_table(result, dataset["name"])]
    lines += _below("Tuning", tuning_lines(result["tuning"]) if result.get("tuning") else [])
    lines += _below(
        "Tools that were not measured", [_unavailable(one) for one in result["tools"] if not one["available"]]
    )
    lines += _below("Failed runs", [failure.text for failure in figures.failures(result)])
    lines += _below("Problems", figures.problems(result))
    lines += _below("Left in the bucket", figures.left_behind(result))
    return "\n".join(lines) + "\n"


def csv_text(result: figures.Result) -> str:
    """A line for each run, the warm-ups too (round 0), as CSV (RFC 4180) with a line of names."""
    return csv_of({str(result["host"]["name"]): result})


def csv_of(results: Mapping[str, figures.Result]) -> str:
    """The runs of several results by host."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([*_OF_ALL, *_OF_RUN])
    for host, result in results.items():
        sizes = {dataset["name"]: dataset for dataset in result["datasets"]}
        versions = {tool["name"]: tool["version"] for tool in result["tools"]}
        for run in result["runs"]:
            dataset = sizes.get(run["dataset"], {})
            of_all = (result["id"], host, dataset.get("files"), dataset.get("bytes"), versions.get(run["tool"]))
            writer.writerow([_cell(cell) for cell in (*of_all, *(run.get(name) for name in _OF_RUN))])
    return text.getvalue()


def check_writable(folder: str) -> None:
    """See that a result can be put there; before hours of measuring, not after. Leaves nothing.

    Raises ConfigurationError that names it.
    """
    with _writing(folder):
        made = files.make_folders(folder, mode=None, durable=False)
        try:
            with suppress(_Enough), files.making_folder(os.path.join(folder, _UNFINISHED), durable=False):
                raise _Enough
        finally:
            files.remove_folders(made)


class _Enough(Exception):
    """The folder could be written."""


def write_results(result: figures.Result, folder: str) -> dict[str, str]:
    """Put the result into FOLDER/ID as benchmark.json, .csv, .txt and .html; returns their paths by these endings.

    The folder gets its name when all of it is written. Raises ConfigurationError and then leaves nothing.
    """
    contents = {
        "json": json.dumps(result, indent=2, ensure_ascii=False) + "\n",
        "csv": csv_text(result),
        "txt": text_table(result),
        "html": benchmark_page.page(result),
    }
    target = os.path.join(folder, str(result["id"]).replace(os.sep, "_"))
    with _writing(target):
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, "it is there already", target)
        with files.making_folder(target, stem=_UNFINISHED) as unfinished:
            for ending, content in contents.items():
                # The folder is brought to the disk as a whole.
                files.write(os.path.join(unfinished, f"benchmark.{ending}"), content, durable=False)
    return {ending: os.path.join(target, f"benchmark.{ending}") for ending in contents}


def _writing(path: str) -> AbstractContextManager[None]:
    return files.explained(f"the results to {path!r}", "give a results_dir that this user can write")


def _dataset_table(result: figures.Result, dataset: Mapping[str, Any]) -> list[str]:
    rows = [["tool", "good runs", *(metric.column for metric in figures.COLUMNS)]]
    for tool in figures.tools(result):
        found = [figures.measured(result, dataset, tool["name"], metric) for metric in figures.COLUMNS]
        cells = [one.text if one else figures.NOTHING for one in found]
        rows.append([figures.label(tool["name"]), figures.good_runs(result, dataset["name"], tool), *cells])
    return aligned(rows)


def _ratio_table(result: figures.Result, dataset: str) -> list[str]:
    rows = [["time as a share of the other's", "ratio", "95 % interval", "rounds", "verdict"]]
    for ratio in figures.ratios(result, dataset):
        share = f"{ratio['ratio']:.2f}" if ratio["ratio"] else figures.NOTHING
        compared = f"{figures.label(ratio['tool'])} / {figures.label(ratio['against'])}"
        rows.append([compared, share, figures.interval(ratio), str(ratio["pairs"]), ratio["verdict"]])
    return aligned(rows) if len(rows) > 1 else []


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """The rows as columns of text; the first is their head."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    return [lines[0], "  ".join("-" * width for width in widths), *lines[1:]]


def _below(title: str, lines: Sequence[str]) -> list[str]:
    return ["", f"{title}:", *(f"- {line}" for line in lines)] if lines else []


def _unavailable(tool: Mapping[str, Any]) -> str:
    return f"{figures.label(tool['name'])}: {tool['reason']}"


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
