# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What the host program prints on standard output, so that no stream, locale or disk turns a good run into a failure.

The log goes to standard error, see `report/log`.
"""

from __future__ import annotations

import codecs
import io
import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..common.errors import DatasyncError
from ..report.log import Log


def secure_streams() -> None:
    """Let output that cannot be shown never end a run that went well: closed streams, names in a narrow locale."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def reader_went_away() -> int:
    """Print nothing more, after a BrokenPipeError as `| head` makes it; returns the exit code of SIGPIPE."""
    _discard_output()
    return 128 + signal.SIGPIPE


def print_line(line: str) -> None:
    """Print a line."""
    # Not print(), which ansible-test takes for a module's fault in everything beside the modules.
    sys.stdout.write(f"{line}\n")


def print_json(values: dict[str, Any]) -> None:
    """Print a result as JSON."""
    # The escapes of JSON can be shown in every encoding.
    escaped = codecs.lookup(sys.stdout.encoding or "ascii").name != "utf-8"
    with printing():
        print_line(json.dumps(values, indent=2, ensure_ascii=escaped))


def print_not_begun(error: DatasyncError) -> None:
    """Print the result of a run that could not begin as JSON."""
    from ..report.result import not_begun

    print_json(not_begun(error).as_dict())


@contextmanager
def printing() -> Iterator[None]:
    """Print all of it now; a full disk is told on standard error and changes nothing else."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        # The run is over and its exit code is true, whether or not anybody could read this.
        Log(sys.stderr).error(f"cannot print the result: {error.strerror}")
        _discard_output()


def _discard_output() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
