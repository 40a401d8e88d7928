# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What a benchmark will upload and what that takes, known before anything is made or sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..common.errors import ConfigurationError
from ..common.threads import Tick
from ..common.units import counted, format_bytes_si
from ..job.job import Job
from ..s3.limits import parse_part_size
from ..tuning import rules as tuning_rules
from ..tuning.classes import DEFAULTS
from .measure import data as dataset
from .measure.data import Dataset, Recipe
from .request import DATASYNC, BenchmarkRequest, TuningRequest
from .tools import Tool, described, requests_of

SINGLE = "single"


@dataclass(frozen=True)
class Material:
    """A dataset before it is there: a recipe to make it by, or a folder of the host's."""

    name: str
    sizes: tuple[tuple[int, int], ...]
    recipe: Recipe | None = None
    folder: Dataset | None = None

    @property
    def files(self) -> int:
        """How many."""
        return sum(count for _size, count in self.sizes)

    @property
    def total_bytes(self) -> int:
        """Bytes of all files together."""
        return sum(size * count for size, count in self.sizes)

    def as_dict(self) -> dict[str, Any]:
        """In the form of the result."""
        return {"name": self.name, "files": self.files, "bytes": self.total_bytes}

    def made(self, cache_dir: str, tick: Tick) -> Dataset:
        """The files: made once and kept, or those of the folder. Raises ConfigurationError where the disk is full."""
        if self.folder is not None:
            return self.folder
        if self.recipe is None:
            raise ValueError(f"{self.name} is neither a recipe nor a folder")
        return dataset.prepare(self.recipe, cache_dir, tick)


@dataclass(frozen=True)
class Estimate:
    """What will be sent: about so many requests, and so many bytes. `cost` in the coin of the price, None without."""

    requests: int
    bytes: int
    cost: float | None
    note: str


def materials(request: BenchmarkRequest, tick: Tick) -> list[Material]:
    """The datasets of a request, none without rounds.

    Raises ConfigurationError for a folder that is missing, unreadable or empty.
    """
    return [_material(name, request, tick) for name in request.datasets] if request.rounds else []


def _material(name: str, request: BenchmarkRequest, tick: Tick) -> Material:
    if name.startswith("/"):
        folder = dataset.existing(name, tick)
        # By its whole path: two folders may have the same last name.
        return Material(name, folder.sizes, folder=replace(folder, name=name))
    recipe = dataset.single(request.single_size) if name == SINGLE else dataset.RECIPES[name]
    return Material(name, recipe.sizes, recipe)


def estimate(request: BenchmarkRequest, chosen: Sequence[Material], tools: Sequence[Tool]) -> Estimate:
    """What the rounds will send, and at most a tuning.

    Raises ConfigurationError if that is more than the request allows.
    """
    rounds = request.rounds + request.warmup
    tuning_bytes = request.tuning.size if request.tuning else 0
    part = parse_part_size(request.transfer.get("part_size", Job.part_size), "part_size")
    size = sum(material.total_bytes for material in chosen) * rounds * len(tools) + tuning_bytes
    requests = rounds * sum(requests_of(tool, material.sizes, part) for material in chosen for tool in tools)
    if request.tuning:
        requests += _tuning_requests(request.tuning)
    if size > request.max_bytes:
        raise ConfigurationError(
            f"max_bytes {format_bytes_si(request.max_bytes)} is less than the {format_bytes_si(size)} that"
            f" {counted(len(tools), 'tool')} would upload in {counted(rounds, 'round')}, warm-up and tuning included",
            "raise max_bytes, or choose fewer datasets, tools or rounds",
        )
    price = request.request_price
    return Estimate(
        requests,
        size,
        None if price is None else round(requests / 1000 * price, 4),
        f"{described(requests, size)}; requests for listings, checks and deletions are not in it",
    )


def _tuning_requests(tuning: TuningRequest) -> int:
    """Classes share the bytes so that each has as many trials; the samples are those of a link of unknown speed."""
    samples = [tuning_rules.sample(name, tuning_rules.Facts(cores=1)) for name in tuning.classes]
    of_a_trial = sum(
        requests_of(Tool(DATASYNC), [(sample.size, sample.count)], DEFAULTS.part_size) for sample in samples
    )
    return tuning.size * of_a_trial // sum(sample.total_bytes for sample in samples)
