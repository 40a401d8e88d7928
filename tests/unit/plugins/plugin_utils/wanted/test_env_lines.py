# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Options of a job become lines of an env file, and the lines become the same options again."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError
from ansible_collections.datasync.turbo.plugins.module_utils.job.config import load_config
from ansible_collections.datasync.turbo.plugins.module_utils.job.job import Job
from ansible_collections.datasync.turbo.plugins.module_utils.job.options import (
    AFTER_UPLOAD_CHOICES,
    COMPARE_CHOICES,
    VERIFY_CHOICES,
)
from ansible_collections.datasync.turbo.plugins.module_utils.s3.limits import CANNED_ACLS, STORAGE_CLASSES
from ansible_collections.datasync.turbo.plugins.module_utils.task.specs import sync_argument_spec
from ansible_collections.datasync.turbo.plugins.plugin_utils.wanted.env_lines import ENV_OPTIONS, env_lines, written
from hypothesis import given, settings
from hypothesis import strategies as st

#: Options that no env file has a name for: `reconcile` is for a single run, and `config` names the file.
WITHOUT_NAME = {"reconcile", "config"}

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\n\r\0"), min_size=1, max_size=40)
PATH = TEXT.map(lambda text: "/" + text.replace("/", "-")).filter(lambda path: path not in ("/.", "/.."))
COUNT = st.integers(min_value=1, max_value=10**6)
PATTERNS = st.lists(st.text("abc*?[]~$#`'\"\\!é/", min_size=1, max_size=12), min_size=1, max_size=4)
NAME = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,10}", fullmatch=True)
METADATA = st.dictionaries(
    NAME.map(str.lower).filter(lambda name: name not in ("timestamp", "sha256")),
    st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters=","), max_size=20).map(str.rstrip),
    min_size=1,
    max_size=4,
)
SHARD = st.integers(1, 99).flatmap(
    lambda count: st.fixed_dictionaries({"index": st.integers(0, count - 1)}).map(
        lambda shard: {**shard, "count": count}
    )
)

#: A value for each option that an env file has names for.
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "src": PATH,
    "bucket": st.from_regex(r"[a-z0-9][a-z0-9.-]{1,40}[a-z0-9]", fullmatch=True),
    "prefix": NAME,
    "profile": TEXT,
    "region": st.sampled_from(["eu-central-1", "us-east-1"]),
    "endpoint_url": st.sampled_from(["https://s3.example.org", "http://127.0.0.1:8333"]),
    "access_key": TEXT,
    "secret_key": TEXT,
    "session_token": TEXT,
    "request_payer": st.just("requester"),
    "s5cmd_path": PATH,
    "include": PATTERNS,
    "exclude": PATTERNS,
    "temporary_patterns": PATTERNS,
    "follow_symlinks": st.booleans(),
    "storage_class": st.sampled_from(STORAGE_CLASSES),
    "acl": st.sampled_from(CANNED_ACLS),
    "sse": st.just("aws:kms"),
    "sse_kms_key_id": st.from_regex(r"[\x21-\x7e]{1,30}", fullmatch=True),
    "metadata": METADATA,
    "numworkers": COUNT,
    "concurrency": COUNT,
    "part_size": st.sampled_from(["64MB", "8MiB", 5, "5120", "1G"]),
    "retry_count": st.integers(0, 99),
    "retry_rounds": st.integers(0, 99),
    "retry_delay": st.integers(0, 99),
    "verify": st.sampled_from(VERIFY_CHOICES),
    "checksum_algorithm": st.sampled_from(["CRC64NVME", "SHA256", "CRC32C"]),
    "timeout": COUNT,
    "log_path": PATH,
    "log_level": st.sampled_from(["debug", "info", "warn", "error"]),
    "lock_path": PATH,
    "state_path": PATH,
    "compare": st.sampled_from(COMPARE_CHOICES),
    "reconcile_days": st.integers(0, 99),
    "delete": st.booleans(),
    "max_delete": st.sampled_from([500, "500", "10%", "100%"]),
    "delete_excluded": st.booleans(),
    "allow_empty_source": st.booleans(),
    "require_mount": PATH,
    "settle_seconds": st.integers(0, 10**6),
    "ignore_temporary": st.booleans(),
    "shard": SHARD,
    "after_upload": st.sampled_from(AFTER_UPLOAD_CHOICES),
    "move_to": PATH,
    "manifest_path": PATH,
    "history_path": PATH,
    "history_runs": COUNT,
    "progress_path": PATH,
    "bandwidth_limit": st.sampled_from(["50MB/s", "400Mbit/s", 16000, "0"]),
    "tuning_path": PATH,
    "result_path": PATH,
}


def read_back(lines: dict[str, str]) -> dict[str, Any]:
    """The options that the program reads from a file with these names and values."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "job.env")
        path.write_text("".join(f"{line}\n" for line in env_lines(lines, {})), "utf-8", newline="")
        options = load_config(str(path), {}).options
    if "result_paths" in options:
        (options["result_path"],) = options.pop("result_paths")
    return options


def normalised(option: str, value: Any) -> Any:
    """A value as the pipeline has it; for what it writes in several ways the job decides."""
    if option in ("part_size", "max_delete", "bandwidth_limit"):
        return getattr(Job.from_options({"src": "/srv/outbox", "bucket": "archive", option: value}), option)
    return value


def test_each_option_has_a_value_in_these_tests() -> None:
    assert set(VALUES) == set(ENV_OPTIONS)
    assert set(sync_argument_spec()) - set(ENV_OPTIONS) == WITHOUT_NAME


@pytest.mark.parametrize("option", sorted(VALUES))
@settings(max_examples=25)
@given(data=st.data())
def test_an_option_is_read_back_as_it_was_given(option: str, data: st.DataObject) -> None:
    value = data.draw(VALUES[option])
    options = read_back(written({option: value}, {}).values)
    assert set(options) == {option}
    assert normalised(option, options[option]) == normalised(option, value)


@given(st.fixed_dictionaries({}, optional=VALUES))
def test_any_options_together_are_read_back(options: dict[str, Any]) -> None:
    read = read_back(written(options, {}).values)
    assert {name: normalised(name, value) for name, value in read.items()} == {
        name: normalised(name, value) for name, value in options.items()
    }


def test_what_is_empty_is_not_set() -> None:
    empty = {"prefix": "", "include": [], "metadata": {}, "profile": None}
    assert written(empty, {"S3_ACL": "", "SHARD": None}).values == {}


def test_texts_in_env_form_are_taken_too() -> None:
    values = written({"include": "*.mov,*.mxf", "shard": "0/4", "delete": "yes"}, {}).values
    assert values == {"INCLUDE_PATTERNS": "*.mov,*.mxf", "SHARD": "0/4", "DELETE": "yes"}


def test_settings_are_written_as_older_jobs_have_them() -> None:
    lines = {"IGNORE_TEMPORARY": True, "EXCLUDE_PATTERNS": ["*.tmp", "a/*"], "S5CMD_NUM_WORKERS": 8, "SITE": "north"}
    assert written({}, lines).values == {
        "IGNORE_TEMPORARY": "true",
        "EXCLUDE_PATTERNS": "*.tmp a/*",
        "S5CMD_NUM_WORKERS": "8",
        "SITE": "north",
    }


@pytest.mark.parametrize(
    ("options", "lines", "message"),
    [
        ({"source": "/a", "src": "/a"}, {}, "src and source mean the same"),
        ({"source": "/a"}, {"SOURCE_DIR": "/a"}, "source and settings.SOURCE_DIR mean the same (keep one of them)"),
        ({"bucket": "a"}, {"S3_BUCKET": "a"}, "bucket and settings.S3_BUCKET mean the same"),
        ({"verify": "all"}, {"VERIFY_AFTER_UPLOAD": True}, "verify and settings.VERIFY_AFTER_UPLOAD mean the same"),
        ({"result_path": "/a"}, {"RESULT_FILE": "/a"}, "result_path and settings.RESULT_FILE mean the same"),
        ({"bucket": ["a"]}, {}, "bucket ['a'] is neither a text nor a number"),
        ({"prefix": True}, {}, "prefix True is neither a text nor a number"),
        ({"include": {"a": 1}}, {}, "include {'a': 1} is no list"),
        ({"include": ["my file"]}, {}, "include 'my file' is empty or has a blank or comma"),
        ({"exclude": ["a,b"]}, {}, "exclude 'a,b' is empty or has a blank or comma"),
        ({"exclude": [""]}, {}, "exclude '' is empty or has a blank or comma"),
        ({"temporary_patterns": []}, {}, "temporary_patterns is empty, which would mean the usual ones"),
        ({"metadata": {"a": "b,c"}}, {}, "metadata.a has a comma or a blank at its end"),
        ({"metadata": {"a": "b "}}, {}, "metadata.a has a comma or a blank at its end"),
        ({"metadata": {"a=b": "c"}}, {}, "metadata.a=b has a comma or a blank at its end"),
        ({"metadata": {"a": True}}, {}, "metadata.a True is neither a text nor a number"),
        ({"shard": {"index": 0}}, {}, "shard has index (write index and count)"),
        ({}, {"MY-NAME": "a"}, "settings: 'MY-NAME' is no name"),
        ({}, {5: "a"}, "settings: 5 is no name"),
        ({}, {"A": {"b": 1}}, "settings.A is a dictionary"),
    ],
)
def test_what_an_env_file_cannot_say_is_named(options: dict[str, Any], lines: dict[Any, Any], message: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        written(options, lines)
    assert message in str(refused.value)
    assert refused.value.hint


@pytest.mark.parametrize("value", ["two\nlines", "carriage\rreturn", "nul\0", "half a pair \ud800"])
def test_what_no_line_can_carry_is_named_without_its_value(value: str) -> None:
    lines = written({"prefix": value}, {})
    with pytest.raises(ConfigurationError) as refused:
        env_lines(lines.values, lines.origins)
    assert str(refused.value).startswith("prefix ")
    assert value not in str(refused.value)
