# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Our own pipeline as a process of its own, as the host program runs it, for a benchmark that measures processes.

The job's options come as JSON over stdin, so that no secret is in arguments and no file has to be written.
"""

from __future__ import annotations

import json
import os
import sys
import zipfile

from ..common.errors import DatasyncError
from ..common.interrupt import Interrupt, leave
from ..job.job import Job
from ..report.log import Log
from ..report.progress import Progress
from ..sync.run import run


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


def command() -> list[str]:
    """The arguments that run `main` in this interpreter; with `unpacked` as PYTHONPATH it finds this very code."""
    # The working folder would come first otherwise, and may be anybody's.
    return [sys.executable, "-c", f"import sys; del sys.path[0]; from {__name__} import leave, main; leave(main())"]


def unpacked(folder: str) -> str:
    """Where Python finds this very code as files, which it compiles once, as it does on a host with the program.

    Ansible sends a module in an archive, from which Python would compile everything anew in each process; that is
    unpacked into `folder`.
    """
    root = __file__[: -len(f"/{__name__.replace('.', '/')}.py")]
    if os.path.isdir(root):
        return root
    with zipfile.ZipFile(root) as archive:
        archive.extractall(folder, [name for name in archive.namelist() if name.startswith("ansible_collections/")])
    return folder


__all__ = ["command", "leave", "main", "unpacked"]
