# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What a benchmark may be asked for, and what its messages say about the rest."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.benchmark.request import (
    BenchmarkRequest,
    TuningRequest,
    private_folder,
)
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError


def request(prefix_is_given=False, **options):
    return BenchmarkRequest.from_options({"bucket": "archive", **options}, prefix_is_given=prefix_is_given)


def test_defaults_are_small_files_and_one_large_file_with_all_tools():
    wanted = request()

    assert wanted.tools == ("awscli", "awscli_optimized", "s5cmd", "datasync", "rclone")
    assert wanted.datasets == ("small", "single")
    assert (wanted.rounds, wanted.warmup, wanted.timeout) == (3, 1, 1800)
    assert wanted.single_size == 1_000_000_000
    assert wanted.destination == "s3://archive/datasync-benchmark/"


def test_without_a_prefix_of_the_task_the_jobs_prefix_gets_a_folder_of_its_own():
    assert request(prefix="studio").prefix == "studio/datasync-benchmark/"
    assert request(prefix="speed", prefix_is_given=True).prefix == "speed/"
    assert request(prefix="", prefix_is_given=True).prefix == "datasync-benchmark/"


def test_the_transfer_settings_of_the_job_go_to_our_own_pipeline():
    wanted = request(numworkers=7, checksum_algorithm="SHA256", delete=True, src="/srv", storage_class="DEEP_ARCHIVE")

    assert dict(wanted.transfer) == {"numworkers": 7, "checksum_algorithm": "SHA256"}


def test_folders_are_datasets_by_their_absolute_path():
    assert request(datasets=["/srv/material/", "small"]).datasets == ("/srv/material", "small")


def test_no_rounds_and_no_warm_up_are_needed_to_tune():
    wanted = request(rounds=0, tune=True, tune_classes=["small"], tune_seconds=60, tune_bytes="1GB")

    assert (wanted.rounds, wanted.warmup) == (0, 0)
    assert wanted.tuning == TuningRequest(("small",), 60, 1024**3)


def test_what_was_found_is_applied_only_if_asked_and_its_file_stays_as_frozen_as_it_is():
    assert (request().apply_tuning, request().frozen) == (False, None)
    assert (request(apply_tuning=True).apply_tuning, request(frozen=False).frozen) == (True, False)


def test_without_tune_nothing_is_tuned():
    assert request(tune=False, tune_seconds=60).tuning is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rounds": 0}, "rounds is 0 and tune is off"),
        ({"tune": True, "tune_seconds": 0}, "tune_seconds 0 is below 1"),
        ({"tune": True, "tune_classes": ["huge"]}, "tune_classes holds 'huge'"),
        ({"tune": True, "tune_bytes": "0"}, "tune_bytes is 0"),
        ({"bucket": ""}, "bucket is missing"),
        ({"tools": ["cp"]}, "tools holds 'cp', which is unknown"),
        ({"tools": ["s5cmd", "s5cmd"]}, "tools holds 's5cmd' twice"),
        ({"tools": []}, "tools is empty"),
        ({"datasets": []}, "datasets is empty"),
        ({"datasets": ["huge"]}, "datasets holds 'huge', which is neither"),
        ({"datasets": ["/a", "/a/"]}, "datasets holds '/a' twice"),
        ({"rounds": -1}, "rounds -1 is below 0"),
        ({"warmup": -1}, "warmup -1 is below 0"),
        ({"timeout": 0}, "timeout 0 is below 1"),
        ({"max_bytes": "0"}, "max_bytes is 0"),
        ({"max_bytes": "lots"}, "max_bytes 'lots' is not a size"),
        ({"single_size": "1.5GB"}, "single_size '1.5GB' is not a size"),
        ({"link_mbps": 0}, "link_mbps 0 is not above 0"),
        ({"link_mbps": float("nan")}, "link_mbps nan is not above 0"),
        ({"request_price": -1}, "request_price -1 is below 0"),
        ({"prefix": "a//b"}, "prefix 'a//b'"),
    ],
)
def test_what_cannot_be_is_named(options, words):
    with pytest.raises(ConfigurationError) as error:
        request(**options)

    assert words in str(error.value)


def test_the_work_folder_is_made_for_this_user_alone(tmp_path):
    folder = private_folder(str(tmp_path / "deep" / "work"))

    assert Path(folder).stat().st_mode & 0o777 == 0o700
    assert private_folder(folder) == folder


def test_a_work_folder_that_others_may_write_to_is_refused(tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)

    with pytest.raises(ConfigurationError, match="nobody else may write to"):
        private_folder(str(shared))


def test_a_link_in_place_of_the_work_folder_is_refused(tmp_path):
    (tmp_path / "target").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "target")

    with pytest.raises(ConfigurationError, match="is not a folder of this user"):
        private_folder(str(tmp_path / "link"))
