# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Our own pipeline as a process of its own, as the host program runs it, for a benchmark that measures processes.

The job's options come as JSON over stdin, so that no secret is in arguments and no file has to be written.
"""

from __future__ import annotations

import json
import sys
from typing import List

from .cli import leave
from .errors import DatasyncError
from .interrupt import Interrupt
from .job import Job
from .log import Log
from .progress import Progress
from .sync import run


def main() -> int:
    """Run the job; returns its exit code. The result is in the job's result file, the log on stderr."""
    log = Log(sys.stderr)
    try:
        job = Job.from_options(json.load(sys.stdin))
        with Interrupt(job.timeout) as interrupt:
            finished = run(job, log, Progress(), interrupt, dry_run=False)
    except DatasyncError as error:
        log.error(str(error))
        return int(error.exit_code)
    return int(finished.result.exit_code)


def command() -> List[str]:
    """The arguments that run `main` in this interpreter; with `python_path` as PYTHONPATH it finds this very code."""
    return [sys.executable, "-c", f"from {__name__} import leave, main; leave(main())"]


def python_path() -> str:
    """Where Python finds the package of this module: a folder, or the archive in which Ansible sends a module."""
    return __file__[: -len(f"/{__name__.replace('.', '/')}.py")]


__all__ = ["command", "leave", "main", "python_path"]
