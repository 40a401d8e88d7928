# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Units are parsed once and mean the same everywhere."""

from __future__ import annotations

import re

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common import units
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("100", 100), ("100B", 100), ("1K", 1024), ("1KB", 1024), ("1KiB", 1024), ("2T", 2 * 1024**4)],
)
def test_sizes_are_powers_of_1024_as_in_the_aws_cli(text, size):
    assert units.parse_size(text, "size") == size


@pytest.mark.parametrize("text", ["", "MB", "-1", "1.5GB", "1e6", "64MBit", "64 M B", "64P", "٦٤MB", "64BiB", "9" * 30])
def test_what_is_not_a_size_is_refused(text):
    with pytest.raises(ConfigurationError, match="THE_NAME"):
        units.parse_size(text, "THE_NAME")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), (90, 90), ("90s", 90), ("15m", 900), ("2h", 7200), ("1d", 86400), ("2 H", 7200), ("0", 0)],
)
def test_durations(text, seconds):
    assert units.parse_duration(text, "MAX_SYNC_TIME") == seconds


@pytest.mark.parametrize("text", ["", "h", "1h30m", "-5", "1.5h", "5 minutes", "1w"])
def test_what_is_not_a_duration_is_refused(text):
    with pytest.raises(ConfigurationError, match="MAX_SYNC_TIME"):
        units.parse_duration(text, "MAX_SYNC_TIME")


@pytest.mark.parametrize("text", ["true", "Yes", "ON", "1", True])
def test_true(text):
    assert units.parse_bool(text, "FOLLOW_SYMLINKS") is True


@pytest.mark.parametrize("text", ["false", "No", "off", "0", False])
def test_false(text):
    assert units.parse_bool(text, "FOLLOW_SYMLINKS") is False


@pytest.mark.parametrize("text", ["", "maybe", "2", "y", "ja"])
def test_neither_true_nor_false(text):
    with pytest.raises(ConfigurationError, match="FOLLOW_SYMLINKS"):
        units.parse_bool(text, "FOLLOW_SYMLINKS")


@pytest.mark.parametrize("text", ["0", "-1", "1.0", "", "many", "٣"])
def test_count_below_its_minimum_or_not_a_number_is_refused(text):
    with pytest.raises(ConfigurationError, match="S5CMD_NUM_WORKERS"):
        units.parse_count(text, "S5CMD_NUM_WORKERS", minimum=1)


@given(st.text())
def test_parsers_return_a_value_or_name_the_variable(text):
    for parse in (units.parse_size, units.parse_duration, units.parse_count, units.parse_bool):
        try:
            assert parse(text, "THE_NAME") >= 0
        except ConfigurationError as error:
            assert error.message.startswith("THE_NAME ")


@pytest.mark.parametrize(
    ("size", "text"),
    [
        # Printed by `du -h --apparent-size` (coreutils 9.1) for sparse files of these sizes.
        (0, "0"),
        (1, "1"),
        (1023, "1023"),
        (1024, "1.0K"),
        (1025, "1.1K"),
        (4096, "4.0K"),
        (10137, "9.9K"),
        (10138, "10K"),
        (1047552, "1023K"),
        (1047553, "1.0M"),
        (1048576, "1.0M"),
        (1572864, "1.5M"),
        (1572865, "1.6M"),
        (12884901888, "12G"),
        (12884901889, "13G"),
        (5497558138880, "5.0T"),
    ],
)
def test_sizes_as_du_prints_them(size, text):
    assert units.format_size(size) == text


@given(st.integers(min_value=0, max_value=2**63))
def test_a_printed_size_is_never_below_the_size(size):
    text = units.format_size(size)
    number = float(text.rstrip("KMGTPE")) * 1024 ** (" KMGTPE".index(text[-1]) if text[-1].isalpha() else 0)
    assert size <= number <= size * 1.1 + 1


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (999.7, "1.0 kB"),
        (1000, "1.0 kB"),
        (1234567890, "1.2 GB"),
        (999_949, "999.9 kB"),
        (999_960, "1.0 MB"),
        (10**22, "10000.0 EB"),
    ],
)
def test_sizes_for_people(size, text):
    assert units.format_bytes_si(size) == text


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("0", 0),
        (0, 0),
        (6250000, 6_250_000),
        ("1048576", 1_048_576),
        ("50MB/s", 52_428_800),
        ("50MiB/s", 52_428_800),
        ("50M", 52_428_800),
        ("512 KB/s", 524_288),
        ("1GB/s", 1_073_741_824),
        ("400Mb/s", 52_428_800),
        ("1Gb/s", 134_217_728),
        ("400Mbit/s", 50_000_000),
        ("1Gbit/s", 125_000_000),
        ("256 kbit/s", 32_000),
        ("256Kbit/s", 32_000),
    ],
)
def test_a_rate_is_bytes_per_second_in_every_writing(text, rate):
    assert units.parse_rate(text, "BANDWIDTH_LIMIT") == rate


@pytest.mark.parametrize(
    "text", ["", "fast", "50mb/s", "50Mb", "400Mbit", "100Mbps", "50MB/h", "-1", "1.5MB/s", "MB/s"]
)
def test_what_is_no_rate_or_may_be_bits_or_bytes_is_refused_with_advice(text):
    with pytest.raises(ConfigurationError) as raised:
        units.parse_rate(text, "BANDWIDTH_LIMIT")
    assert "BANDWIDTH_LIMIT" in str(raised.value)
    assert "400Mbit/s" in str(raised.value)


def test_the_time_is_local_with_its_offset():
    assert re.match(r"2026-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d$", units.timestamp(1790000000.9))
