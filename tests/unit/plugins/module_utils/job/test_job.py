# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A job is validated once, before anything is contacted, and every refusal names the option."""

from __future__ import annotations

import os
from dataclasses import fields
from pathlib import Path

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError
from ansible_collections.datasync.turbo.plugins.module_utils.job.job import Job
from ansible_collections.datasync.turbo.plugins.module_utils.job.options import JOB_OPTIONS
from ansible_collections.datasync.turbo.plugins.module_utils.job.patterns import TEMPORARY_PATTERNS
from ansible_collections.datasync.turbo.plugins.module_utils.job.shard import Shard
from hypothesis import given
from hypothesis import strategies as st

PRINTABLE_ASCII = st.characters(min_codepoint=0x20, max_codepoint=0x7E)
NUMBERS_FROM_ZERO = ["retry_count", "retry_rounds", "retry_delay", "reconcile_days", "settle_seconds"]
PATHS = [option.name for option in JOB_OPTIONS if option.values.spec["type"] == "path"]
CHOICES = ["verify", "compare", "after_upload", "checksum_algorithm", "storage_class", "acl", "sse"]


@pytest.fixture
def options(tmp_path):
    """The least that a job needs; the function adds to it."""
    source = tmp_path / "material"
    source.mkdir()

    def with_more(**more):
        return {"src": str(source), "bucket": "archive", **more}

    return with_more


def refusal(options):
    with pytest.raises(ConfigurationError) as raised:
        Job.from_options(options)
    return str(raised.value)


# --- source


def test_a_job_needs_no_more_than_source_and_bucket(options):
    job = Job.from_options(options())
    assert (job.verify, job.checksum_algorithm, job.prefix) == ("uploaded", "CRC64NVME", "")
    assert job.destination == "s3://archive/"


def test_an_option_that_is_none_takes_the_default(options):
    unset = {f.name: None for f in fields(Job) if f.name not in ("src", "bucket", "connection")}
    assert Job.from_options(options(**unset)) == Job.from_options(options())


def test_the_source_becomes_absolute(options, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Job.from_options(options(src="material/")).src == str(tmp_path / "material")


def test_the_home_folder_may_be_abbreviated(options, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Job.from_options(options(src="~/material")).src == str(tmp_path / "material")


@pytest.mark.parametrize("source", [None, ""])
def test_a_missing_source_is_refused(options, source):
    assert "src is missing" in refusal(options(src=source))


def test_a_source_may_be_mounted_later(options, tmp_path):
    assert Job.from_options(options(src=str(tmp_path / "gone"))).src == str(tmp_path / "gone")


def test_a_source_may_be_a_link_to_a_folder(options, tmp_path):
    (tmp_path / "link").symlink_to("material")
    assert Job.from_options(options(src=str(tmp_path / "link"))).src == str(tmp_path / "link")


def test_a_source_whose_path_is_not_utf_8_is_refused(options, tmp_path):
    """s5cmd reports such a path in another spelling, so no event could be matched to its file."""
    folder = os.fsencode(tmp_path) + b"/caf\xe9"
    Path(os.fsdecode(folder)).mkdir()
    assert "not UTF-8" in refusal(options(src=os.fsdecode(folder)))


# --- metadata


@given(
    st.dictionaries(
        st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True).map(lambda name: "x-" + name),
        st.text(PRINTABLE_ASCII, max_size=30),
        max_size=5,
    )
)
def test_metadata_in_printable_ascii_is_taken_as_it_is(metadata):
    assert Job.from_options({"src": "/", "bucket": "archive", "metadata": metadata}).metadata == metadata


@given(st.text(max_size=10), st.text(max_size=10))
def test_metadata_that_is_accepted_is_one_line_of_ascii(name, text):
    """A newline would end the line on which the upload is handed to s5cmd, and begin another command."""
    try:
        metadata = Job.from_options({"src": "/", "bucket": "archive", "metadata": {name: text}}).metadata
    except ConfigurationError:
        return
    for part in [*metadata, *metadata.values()]:
        assert part.isascii()
        assert part.isprintable() or part == ""


@pytest.mark.parametrize(("name", "text"), [("project", "x\n"), ("project\n", "x")])
def test_metadata_that_ends_in_a_newline_is_refused(options, name, text):
    assert "project" in refusal(options(metadata={name: text}))


@pytest.mark.parametrize("name", ["synced-by", "timestamp", "sha256", "Synced-By", "SHA256"])
def test_metadata_that_the_uploader_writes_itself_is_refused(options, name):
    assert name in refusal(options(metadata={name: "x"}))


@pytest.mark.parametrize("name", ["", "a b", "a:b", "ä", "-a", "a=b"])
def test_a_metadata_name_that_is_no_header_is_refused(options, name):
    assert "cannot be sent as a header" in refusal(options(metadata={name: "x"}))


def test_metadata_outside_ascii_is_refused(options):
    assert "printable ASCII" in refusal(options(metadata={"project": "Übung"}))


def test_metadata_leaves_room_for_the_uploaders_own(options):
    assert "2 KB" in refusal(options(metadata={"project": "x" * 1900}))
    assert Job.from_options(options(metadata={"project": "x" * 1800}))


def test_metadata_that_is_no_text_is_made_text(options):
    assert Job.from_options(options(metadata={"take": 7})).metadata == {"take": "7"}


# --- numbers and choices


@pytest.mark.parametrize("name", ["numworkers", "concurrency", "timeout"])
@pytest.mark.parametrize("value", [0, -1, "0", "1.5", "many", "", True, "1\n2"])
def test_a_number_below_one_is_refused(options, name, value):
    assert name in refusal(options(**{name: value}))


@pytest.mark.parametrize("name", NUMBERS_FROM_ZERO)
@pytest.mark.parametrize("value", [-1, "1.5", "many", "", True, "1\n2"])
def test_a_number_below_zero_is_refused(options, name, value):
    assert refusal(options(**{name: value})).startswith(f"{name} {value!r} is not a whole number of at least 0")


@pytest.mark.parametrize("name", ["numworkers", "concurrency", "timeout", *NUMBERS_FROM_ZERO])
def test_a_number_may_come_as_text(options, name):
    assert getattr(Job.from_options(options(**{name: " 7 "})), name) == 7


@pytest.mark.parametrize("name", NUMBERS_FROM_ZERO)
def test_zero_switches_it_off(options, name):
    assert getattr(Job.from_options(options(**{name: 0})), name) == 0


def test_a_bandwidth_limit_is_bytes_per_second_and_no_limit_by_default(options):
    assert Job.from_options(options()).bandwidth_limit == 0
    assert Job.from_options(options(bandwidth_limit="0")).bandwidth_limit == 0
    assert Job.from_options(options(bandwidth_limit="400Mbit/s")).bandwidth_limit == 50_000_000


@pytest.mark.parametrize("limit", [1, "100", "15999", "10KB/s"])
def test_a_bandwidth_limit_that_lacks_its_unit_is_refused(options, limit):
    message = refusal(options(bandwidth_limit=limit))
    assert "bandwidth_limit" in message
    assert "100MB/s" in message


def test_a_part_size_is_whole_mebibytes(options):
    assert Job.from_options(options(part_size="64MB")).part_size == 64 * 1024 * 1024
    assert "part_size" in refusal(options(part_size="4MB"))


@pytest.mark.parametrize("name", CHOICES)
def test_an_unknown_choice_is_named_with_the_known_ones(options, name):
    message = refusal(options(**{name: "nonsense"}))
    assert f"{name} 'nonsense' is not known" in message
    assert "one of " in message


@pytest.mark.parametrize("name", CHOICES)
def test_an_empty_choice_takes_the_default(options, name):
    assert getattr(Job.from_options(options(**{name: ""})), name) == getattr(Job.from_options(options()), name)


@pytest.mark.parametrize("name", ["include", "exclude", "temporary_patterns"])
def test_patterns_come_as_a_list(options, name):
    """A lone text would become one pattern for each of its characters, and a star among them would match everything."""
    assert getattr(Job.from_options(options(**{name: ["*.mov", "a/*"]})), name) == ("*.mov", "a/*")
    assert name in refusal(options(**{name: "*.mov"}))


# --- combinations


@pytest.mark.parametrize("sse", [None, "AES256"])
def test_a_kms_key_needs_kms(options, sse):
    assert "sse_kms_key_id needs sse=aws:kms" in refusal(options(sse_kms_key_id="alias/archive", sse=sse))


def test_a_kms_key_goes_with_kms(options):
    assert Job.from_options(options(sse_kms_key_id="alias/archive", sse="aws:kms")).sse_kms_key_id == "alias/archive"


@pytest.mark.parametrize("key", ["alias/archive\n", "a b", "ä", "a\nrm s3://archive/*"])
def test_a_kms_key_that_cannot_be_one_is_refused(options, key):
    """A newline would begin another command of s5cmd."""
    assert "sse_kms_key_id" in refusal(options(sse_kms_key_id=key, sse="aws:kms"))


def test_proof_of_everything_without_a_checksum_is_a_contradiction(options):
    assert "contradict" in refusal(options(verify="all", checksum_algorithm="NONE"))


@pytest.mark.parametrize(
    ("verify", "algorithm", "wanted"),
    [
        ("uploaded", "CRC64NVME", True),
        ("all", "SHA256", True),
        ("none", "CRC64NVME", False),
        ("uploaded", "NONE", False),
    ],
)
def test_either_switch_turns_verification_off(options, verify, algorithm, wanted):
    job = Job.from_options(options(verify=verify, checksum_algorithm=algorithm))
    assert job.verification_wanted is wanted


@pytest.mark.parametrize(
    "name",
    ["log_path", "lock_path", "result_paths", "state_path", "manifest_path", "history_path", "progress_path"],
)
def test_a_file_that_would_upload_itself_is_refused(options, tmp_path, name):
    path = str(tmp_path / "material" / "logs" / "file")
    message = refusal(options(**{name: [path] if name == "result_paths" else path}))
    assert message.startswith("result_path" if name == "result_paths" else name)
    assert "inside src" in message


def test_a_file_that_would_upload_itself_through_a_link_is_refused(options, tmp_path):
    (tmp_path / "logs").symlink_to("material")
    assert "inside src" in refusal(options(log_path=str(tmp_path / "logs" / "sync.log")))


def test_a_file_beside_the_source_is_fine(options, tmp_path):
    path = str(tmp_path / "material-logs" / "sync.log")
    assert Job.from_options(options(log_path=path, result_paths=[path + ".json"])).log_path == path


# --- state and comparison


def test_without_a_state_files_are_compared_with_the_bucket(options):
    job = Job.from_options(options())
    assert (job.state_path, job.compare, job.comparison) == (None, "", "remote")
    assert (job.reconcile, job.reconcile_days) == (False, 7)


def test_with_a_state_files_are_compared_with_it(options, tmp_path):
    assert Job.from_options(options(state_path=str(tmp_path / "state"))).comparison == "state"


@pytest.mark.parametrize("compare", ["remote", "checksum"])
def test_another_comparison_may_be_chosen_beside_a_state(options, tmp_path, compare):
    assert Job.from_options(options(state_path=str(tmp_path / "state"), compare=compare)).comparison == compare


@pytest.mark.parametrize("state_path", [None, ""])
def test_comparing_with_a_state_needs_one(options, state_path):
    assert refusal(options(compare="state", state_path=state_path)).startswith("compare=state needs state_path")


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("written", ["var/file", "~/var/file", "./var/../var/file"])
def test_each_path_of_the_job_becomes_absolute(options, tmp_path, monkeypatch, name, written):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    more = {"require_mount": {"src": "var/file"}, "move_to": {"after_upload": "move"}}.get(name, {})
    assert getattr(Job.from_options(options(**{**more, name: written})), name) == str(tmp_path / "var" / "file")


def test_each_result_file_becomes_absolute(options, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Job.from_options(options(result_paths=["~/a", "/b/../c"])).result_paths == (str(tmp_path / "a"), "/c")


@pytest.mark.parametrize("name", PATHS)
def test_the_home_of_nobody_is_refused(options, name):
    assert refusal(options(**{name: "~never-made/file"})).startswith(f"{name} '~never-made/file' begins with a home")


# --- deletions


def test_nothing_is_deleted_by_default(options):
    job = Job.from_options(options())
    assert (job.delete, job.delete_excluded, job.allow_empty_source) == (False, False, False)
    assert (job.max_delete, job.require_mount) == ("10%", None)


@pytest.mark.parametrize(
    ("value", "limit"), [("0", "0"), (200, "200"), (" 5% ", "5%"), ("0%", "0%"), ("100%", "100%"), ("99999", "99999")]
)
def test_the_limit_of_deletions_is_a_number_or_a_percentage(options, value, limit):
    assert Job.from_options(options(max_delete=value)).max_delete == limit


@pytest.mark.parametrize("value", ["", "-1", "101%", "10 %", "1.5%", "10%%", "all", "%", "10\n0", "٤", True])
def test_a_limit_of_deletions_that_is_none_is_refused(options, value):
    message = refusal(options(max_delete=value))
    assert message.startswith(f"max_delete {value!r} is no limit")
    assert "10%" in message


def test_the_mount_that_is_required_holds_the_source(options, tmp_path):
    assert Job.from_options(options(require_mount=str(tmp_path) + "/")).require_mount == str(tmp_path)
    assert Job.from_options(options(require_mount=str(tmp_path / "material")))
    assert Job.from_options(options(require_mount=str(tmp_path / "material" / "day"))), "a mount in the source, too"
    message = refusal(options(require_mount=str(tmp_path / "mat")))
    assert message.startswith("require_mount ")
    assert "neither holds src" in message


# --- hot folders and shards


def test_files_are_taken_as_they_are_by_default(options):
    job = Job.from_options(options())
    assert (job.settle_seconds, job.ignore_temporary, job.shard) == (0, False, None)
    assert job.temporary_patterns == TEMPORARY_PATTERNS


def test_other_temporary_names_replace_the_known_ones(options):
    assert Job.from_options(options(temporary_patterns=["*.wip"])).temporary_patterns == ("*.wip",)
    assert Job.from_options(options(temporary_patterns=[])).temporary_patterns == ()


def test_a_shard_comes_as_index_and_count(options):
    assert Job.from_options(options(shard={"index": 3, "count": 4})).shard == Shard(3, 4)
    assert refusal(options(shard={"index": 4, "count": 4})).startswith("shard index 4 is not below count 4")


# --- after the upload


def test_a_file_stays_where_it_is_by_default(options):
    job = Job.from_options(options())
    assert (job.after_upload, job.move_to) == ("keep", None)


def test_a_file_is_moved_to_a_folder_beside_the_source(options, tmp_path):
    job = Job.from_options(options(after_upload="move", move_to=str(tmp_path / "sent") + "/"))
    assert (job.after_upload, job.move_to) == ("move", str(tmp_path / "sent"))


@pytest.mark.parametrize(("action", "given"), [("move", False), ("keep", True), ("remove", True)])
def test_moving_and_where_to_go_together(options, tmp_path, action, given):
    message = refusal(options(after_upload=action, move_to=str(tmp_path / "sent") if given else None))
    assert "move_to" in message
    assert "after_upload=move" in message


@pytest.mark.parametrize("folder", ["material", "material/sent"])
def test_a_file_that_is_moved_must_leave_the_source(options, tmp_path, folder):
    message = refusal(options(after_upload="move", move_to=str(tmp_path / folder)))
    assert message.startswith("move_to ")
    assert "inside src" in message


@pytest.mark.parametrize("off", [{"verify": "none"}, {"checksum_algorithm": "NONE"}])
def test_no_file_leaves_the_folder_without_a_proof(options, off):
    assert refusal(options(after_upload="remove", **off)).startswith("after_upload=remove needs verification")


@pytest.mark.parametrize("action", ["move", "remove"])
def test_what_leaves_the_folder_must_not_be_deleted_from_the_bucket(options, tmp_path, action):
    move_to = str(tmp_path / "sent") if action == "move" else None
    message = refusal(options(delete=True, after_upload=action, move_to=move_to))
    assert message.startswith(f"delete and after_upload={action} contradict each other")


# --- retries


def test_what_failed_is_tried_again_by_default(options):
    job = Job.from_options(options())
    assert (job.retry_count, job.retry_rounds, job.retry_delay) == (3, 3, 2)


def test_secrets_are_not_in_the_repr(options):
    job = Job.from_options(options(access_key="AKIDEXAMPLE", secret_key="wJalrXUtnFEMI"))
    assert "wJalrXUtnFEMI" not in repr(job)
