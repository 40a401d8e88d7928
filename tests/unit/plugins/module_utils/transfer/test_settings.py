# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A file is sent with what the job says, else with what a tuning found for its class, else with the defaults."""

from __future__ import annotations

import json

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.units import MIB
from ansible_collections.datasync.turbo.plugins.module_utils.job.job import Job
from ansible_collections.datasync.turbo.plugins.module_utils.job.local_file import Identity, LocalFile
from ansible_collections.datasync.turbo.plugins.module_utils.plan.uploads import NEW, Upload, Uploads
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.settings import ClassSettings, settings_of
from ansible_collections.datasync.turbo.plugins.module_utils.tuning.classes import (
    DEFAULTS,
    FILE_CLASSES,
    Settings,
    class_of,
)
from ansible_collections.datasync.turbo.plugins.module_utils.tuning.file import KIND

GB = 1_000_000_000
TUNED = {
    "small": Settings(8, 4, 8 * MIB),
    "medium": Settings(16, 2, 16 * MIB),
    "large": Settings(4, 16, 32 * MIB),
    "single": Settings(2, 32, 64 * MIB),
}


@pytest.fixture
def tuned(tmp_path):
    path = tmp_path / "tuning.fact"
    classes = {name: {"settings": settings.as_dict()} for name, settings in TUNED.items()}
    path.write_text(
        json.dumps({"kind": KIND, "schema": 1, "measured": "2026-11-23T04:00:00+00:00", "classes": classes})
    )
    return str(path)


def job(**options):
    return Job.from_options({"src": "/srv/material", "bucket": "archive", **options})


def local(size):
    return LocalFile(f"/srv/material/{size}", str(size), str(size), Identity(size, 1, 1, 1, 1))


def uploads(*sizes):
    table = Uploads("/srv/material", "")
    for size in sizes:
        table.add(Upload(local(size), NEW))
    table.sort()
    return table


@pytest.mark.parametrize("given", [{}, {"part_size": "64MB"}])
def test_a_file_goes_in_one_request_where_the_requester_pays(tuned, given):
    """s5cmd says who pays with a whole file alone; 5 GiB is the most that S3 takes in one request."""
    for tuning in ({}, {"tuning_path": tuned}):
        classes = settings_of(job(request_payer="requester", **given, **tuning), pytest.fail).classes
        assert {settings.part_size for settings in classes.values()} == {5 * 1024 * MIB}
    assert classes["large"].numworkers == TUNED["large"].numworkers


@pytest.mark.parametrize(
    ("size", "name"),
    [
        (0, "small"),
        (MIB, "small"),
        (MIB + 1, "medium"),
        (64 * MIB, "medium"),
        (64 * MIB + 1, "large"),
        (2 * GB, "large"),
        (2 * GB + 1, "single"),
        (1 << 45, "single"),
    ],
)
def test_the_class_of_a_file_is_that_of_its_size(size, name):
    assert class_of(size) == name
    assert class_of(size, alone=True) == {"large": "single"}.get(name, name)


def test_the_defaults_are_those_of_a_job_that_says_nothing():
    settings = settings_of(job(), pytest.fail)
    assert {settings.of(local(size)) for size in (1, 2 * MIB, GB, 3 * GB)} == {DEFAULTS}
    assert (DEFAULTS, settings.numworkers, settings.result()) == ((32, 4, 8 * MIB), 32, None)


def test_each_class_has_what_was_found_for_it(tuned):
    settings = settings_of(job(tuning_path=tuned), pytest.fail)
    assert [settings.of(local(size)) for size in (1, 2 * MIB, GB, 3 * GB)] == list(TUNED.values())
    assert settings.result() == {
        "path": tuned,
        "measured": "2026-11-23T04:00:00+00:00",
        "classes": {name: one.as_dict() for name, one in TUNED.items()},
    }
    assert str(settings).startswith("small 8 × 4 × 8 MiB, medium 16 × 2 × 16 MiB, large")


@pytest.mark.parametrize(("name", "value"), [("numworkers", 5), ("concurrency", 3), ("part_size", "24MB")])
def test_what_the_job_says_wins_in_all_classes(tuned, name, value):
    settings = settings_of(job(tuning_path=tuned, **{name: value}), pytest.fail)
    number = 24 * MIB if name == "part_size" else value
    for file_class, found in TUNED.items():
        assert settings.classes[file_class] == found._replace(**{name: number})


def test_results_and_files_have_part_sizes_in_mebibytes():
    assert Settings(8, 4, 16 * MIB).as_dict() == {"numworkers": 8, "concurrency": 4, "part_size": 16}
    assert Settings.from_dict(Settings(8, 4, 16 * MIB).as_dict()) == Settings(8, 4, 16 * MIB)


def test_a_default_that_the_job_writes_down_is_its_own_too(tuned):
    assert settings_of(job(tuning_path=tuned, numworkers=32), pytest.fail).classes["large"].numworkers == 32


def test_a_job_that_says_all_needs_no_tuning(tmp_path):
    damaged = tmp_path / "tuning.fact"
    damaged.write_text("{")
    settings = settings_of(job(tuning_path=str(damaged), numworkers=1, concurrency=2, part_size=5), pytest.fail)
    assert set(settings.classes.values()) == {Settings(1, 2, 5 * MIB)}
    assert settings.result() is None


def test_a_host_that_was_not_tuned_has_the_defaults(tmp_path):
    settings = settings_of(job(tuning_path=str(tmp_path / "none.fact"), concurrency=7), pytest.fail)
    assert set(settings.classes.values()) == {DEFAULTS._replace(concurrency=7)}


def test_s5cmd_gets_the_workers_of_the_classes_that_are_sent(tuned):
    settings = settings_of(job(tuning_path=tuned), pytest.fail)
    assert settings.numworkers == 16
    assert settings.for_run(uploads(1, 100, GB, 2 * GB)).numworkers == 8
    assert settings.for_run(uploads(GB, 2 * GB)).numworkers == 4
    assert settings.for_run(uploads(1, 2 * MIB)).numworkers == 16
    assert settings.for_run(uploads(3 * GB, 4 * GB)).numworkers == 2
    assert settings.for_run(uploads()).numworkers == 16


def test_a_large_file_alone_is_a_single_one(tuned):
    settings = settings_of(job(tuning_path=tuned), pytest.fail).for_run(uploads(GB))
    assert (settings.of(local(GB)), settings.numworkers) == (TUNED["single"], 2)
    assert settings_of(job(tuning_path=tuned), pytest.fail).for_run(uploads(GB, GB + 1)).of(local(GB)) == TUNED["large"]


@pytest.mark.parametrize("number", range(16))
def test_the_classes_of_a_run_are_those_of_its_files(number):
    sizes = {"small": MIB, "medium": 64 * MIB, "large": 2 * GB, "single": 2 * GB + 1}
    sent = {name for bit, name in enumerate(FILE_CLASSES) if number >> bit & 1}
    run = ClassSettings(TUNED).for_run(uploads(*(sizes[name] + extra for name in sent for extra in (0, -1))))
    # A byte less than the smallest single file is a large one.
    assert run.present == sent | ({"large"} if "single" in sent else set())
