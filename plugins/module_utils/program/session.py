# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The job that a command of the host program is about, as its env file and the environment describe it."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from ..common.errors import ConfigurationError, DatasyncError
from ..job.config import Config, load_config
from ..job.job import Job
from ..report.log import Level, Log
from ..s3.connection import with_environment


class Session:
    """A loaded config with its job and log.

    A session that is `recorded` leaves what others look for: the job's log file, and a failure in its result files and
    history if the job is wrong. `options` win over the config's. Raises ConfigurationError that names file and line.
    """

    def __init__(self, arguments: argparse.Namespace, *, recorded: bool = False, **options: Any) -> None:
        self.config: Config = load_config(arguments.config, os.environ)
        os.environ.update(self.config.environment)
        level = Level.WARN if arguments.quiet else Level[self.config.options.get("log_level", "info").upper()]
        try:
            self.job = Job.from_options(with_environment({**self.config.options, **options}))
            self.log = Log(sys.stderr, self.job.log_path if recorded else None, level)
        except ConfigurationError as error:
            located = self.config.located(error)
            if recorded:
                self._record(located)
            raise located from error
        for warning in self.config.warnings:
            self.log.warn(warning)

    def _record(self, error: DatasyncError) -> None:
        from ..report import record as recording

        recording.report_not_begun(error, self.config.options, Log(sys.stderr))
