# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The command lines of s5cmd."""

from __future__ import annotations

import shlex

from ansible_collections.datasync.turbo.plugins.module_utils.common.units import MIB
from ansible_collections.datasync.turbo.plugins.module_utils.job.job import Job
from ansible_collections.datasync.turbo.plugins.module_utils.s3.connection import Connection
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.s5cmd import commands as s5cmd
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.s5cmd.commands import Parts
from hypothesis import given
from hypothesis import strategies as st

JOB = Job(src="/srv/material", bucket="archive")
KEYS = {"access_key": "AKIDEXAMPLE", "secret_key": "wJalrXUtnFEMI"}


def test_numbers_and_server_are_arguments_and_secrets_are_not():
    job = Job(src="/", bucket="archive", retry_count=2, connection=Connection(**KEYS))
    arguments = s5cmd.global_arguments("/bin/s5cmd", job, "http://127.0.0.1:9000", 7)
    assert shlex.join(arguments) == (
        "/bin/s5cmd --json --log info --numworkers 7 --retry-count 2 --endpoint-url http://127.0.0.1:9000"
    )


def test_s5cmd_is_told_who_pays():
    pays = Job(src="/", bucket="archive", connection=Connection(request_payer="requester"))
    assert s5cmd.global_arguments("s5cmd", pays, None, 32)[-2:] == ["--request-payer", "requester"]
    assert "--request-payer" not in s5cmd.global_arguments("s5cmd", JOB, None, 32)


def test_without_a_server_of_ones_own_s5cmd_goes_to_amazon():
    assert "--endpoint-url" not in s5cmd.global_arguments("s5cmd", JOB, None, 32)


PARTS = Parts(16 * MIB, 3)


def commands(metadata=None, **options):
    return s5cmd.CopyCommands(Job(**{"src": "/", "bucket": "archive", **options}), metadata or {})


def test_an_upload_names_file_and_object_as_they_are():
    arguments = commands().arguments("/srv/material/a *[1].mov", "p/a *[1].mov", PARTS, {})
    assert arguments[:2] == ["cp", "--raw"]
    assert arguments[-2:] == ["/srv/material/a *[1].mov", "s3://archive/p/a *[1].mov"]
    assert arguments[2:6] == ["--part-size", "16", "--concurrency", "3"]


def test_settings_of_the_objects_are_flags_and_unset_ones_are_left_out():
    settings = {"storage_class": "GLACIER_IR", "acl": "private", "sse": "aws:kms", "sse_kms_key_id": "k"}
    arguments = commands({"project": "x=y z"}, **settings).arguments("/a", "a", PARTS, {"sha256": "0f"})
    flags = " ".join(arguments[:-2])
    assert "--storage-class GLACIER_IR --acl private --sse aws:kms --sse-kms-key-id k" in flags
    assert arguments[-6:-2] == ["--metadata", "project=x=y z", "--metadata", "sha256=0f"]
    assert "--sse" not in commands().arguments("/a", "a", PARTS, {})


NAMES = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\n"), min_size=1)


@given(
    NAMES,
    NAMES,
    st.builds(Parts, st.integers(5, 5120).map(lambda size: size * MIB), st.integers(1, 99)),
    st.dictionaries(NAMES, NAMES, max_size=3),
)
def test_a_line_means_exactly_its_arguments(source, key, parts, metadata):
    """s5cmd reads it with the rules of a shell, and ends it at the newline."""
    made = commands({"project": "it's"})
    for _again in range(2):
        line = made.line(source, key, parts, metadata)
        assert line.endswith(b"\n")
        assert line.count(b"\n") == 1
        assert shlex.split(line.decode("utf-8")) == made.arguments(source, key, parts, metadata)


@given(NAMES)
def test_a_line_begins_and_ends_with_a_quote_so_that_nothing_is_trimmed(key):
    line = commands().line("/a", key, PARTS, {})
    assert line.startswith(b"'")
    assert line.endswith(b"'\n")


@given(st.text(max_size=5), st.text(max_size=5))
def test_what_does_not_fit_on_a_line_is_what_has_a_newline(source, key):
    assert s5cmd.fits_on_a_line(source, key) == ("\n" not in source + key)
