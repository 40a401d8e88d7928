# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The search for this host's settings, with the uploads of a benchmark as its measurements."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..common.errors import ConfigurationError
from ..common.threads import Tick
from ..tuning import rules as tuning_rules
from ..tuning.classes import Settings
from ..tuning.search import Budget, Subject, TrialFailed, TuningResult, tune
from .measure import data as dataset
from .measure.data import Dataset, Recipe
from .measure.link import GIVEN
from .request import DATASYNC, TuningRequest
from .run import Prepared
from .tools import Tool
from .upload import MeasuredUploads

#: Trials of a class that the budget should allow: a search among some settings, and the final.
TRIALS = 32
#: How often a connection is made to learn how long it takes, and seconds that it may take.
_CONNECTIONS = 5
_CONNECT_TIMEOUT = 5.0


@dataclass(frozen=True)
class HostTuning:
    """Looks for the settings of a host. `tool` is our own pipeline."""

    prepared: Prepared
    wanted: TuningRequest
    tool: Tool
    tick: Tick

    def run(self, uploads: MeasuredUploads) -> TuningResult:
        """Search within the budget. Raises ConfigurationError if there is no room for the files to send.

        A signal or a bucket that no longer answers ends the search; `stopped_by` of the result tells.
        """
        facts = self._facts()
        samples = {name: self._sample(name, facts) for name in self.wanted.classes}

        def measure(file_class: str, settings: Settings, number: int) -> float:
            run = uploads.run(self.tool, samples[file_class], number, self._transfer(settings))
            if run.message:
                raise TrialFailed(run.message)
            return run.wall_seconds

        subjects = [
            Subject(name, tuning_rules.candidates(name, facts), samples[name].total_bytes)
            for name in self.wanted.classes
        ]
        return tune(subjects, measure, Budget(self.wanted.seconds, self.wanted.size), about=self._about(facts))

    def _transfer(self, settings: Settings) -> dict[str, Any]:
        """The job's options with those of a trial; what an earlier tuning found must not decide this one."""
        own = {name: value for name, value in self.prepared.request.transfer.items() if name != "tuning_path"}
        return {**own, **settings.as_dict()}

    def _facts(self) -> tuning_rules.Facts:
        host, way = self.prepared.host, self.prepared.link
        # The card of a virtual machine tells a speed that somebody made up.
        mbps = None if way.virtual and way.source != GIVEN else way.mbps
        return tuning_rules.Facts(host.cores, host.memory_bytes, mbps, round_trip(*self.prepared.server))

    def _sample(self, file_class: str, facts: tuning_rules.Facts) -> Dataset:
        sample = tuning_rules.sample(file_class, facts, self.wanted.size / len(self.wanted.classes) / TRIALS)
        recipe = Recipe(f"tuning-{file_class}", ((sample.size, sample.count),))
        data = dataset.prepare(recipe, self.prepared.request.work_dir, self.tick)
        dataset.warm(data, self.tick)
        return data

    def _about(self, facts: tuning_rules.Facts) -> Mapping[str, Any]:
        return {
            "host": self.prepared.host.name,
            "destination": self.prepared.request.destination,
            "endpoint": self.prepared.bucket.endpoint_url or "",
            "cores": facts.cores,
            "memory_bytes": facts.memory_bytes,
            "link_mbps": facts.link_mbps,
            "round_trip": None if facts.round_trip is None else round(facts.round_trip, 6),
        }


def host_tuning(prepared: Prepared, wanted: TuningRequest, tick: Tick) -> HostTuning:
    """Raises ConfigurationError if our own pipeline cannot run here."""
    tool = prepared.toolbox.find_one(DATASYNC)
    if not tool.available:
        raise ConfigurationError(f"tune needs s5cmd: {tool.reason}", "install it, or leave tune out")
    return HostTuning(prepared, wanted, tool, tick)


def round_trip(host: str, port: int) -> float | None:
    """Seconds to the server and back: the shortest of some connections. None if there is no direct way to it."""
    found: list[float] = []
    for _attempt in range(_CONNECTIONS):
        began = time.monotonic()
        try:
            socket.create_connection((host, port), _CONNECT_TIMEOUT).close()
        except OSError:
            return None
        found.append(time.monotonic() - began)
    return min(found)
