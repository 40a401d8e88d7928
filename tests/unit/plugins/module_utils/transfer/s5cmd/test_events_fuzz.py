# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The reader of s5cmd's events and errors against arbitrary input: an event, or nothing, and never an exception."""

from __future__ import annotations

import json

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.s5cmd import events
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.s5cmd.events import Event
from hypothesis import example, given, settings
from hypothesis import strategies as st

#: Great numbers of made-up inputs.
pytestmark = pytest.mark.slow

SUCCESS = b'{"operation":"cp","success":true,"source":"/a b","destination":"s3://archive/a b","object":{"size":1}}\n'
FAILURE = b'{"operation":"cp","command":"cp --raw=true /a s3://b/a","error":"AccessDenied: x status code: 403"}\n'


def read(line):
    """What is read from a line, whose parts must be text, as everything behind it takes for granted."""
    event = events.parse_event(line)
    if event is not None:
        assert isinstance(event, Event)
        assert isinstance(event.success, bool)
        assert all(isinstance(text, str) for text in event[1:])
        assert not (event.success and event.error)
    return event


def as_go_writes(fields):
    """JSON as Go's encoding/json writes it, s5cmd's own: compact, UTF-8, and HTML's characters escaped."""
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text.encode("utf-8") + b"\n"


NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@settings(max_examples=500)
@given(st.binary(max_size=400))
@example(b"\xef\xbb\xbf" + SUCCESS)
@example(SUCCESS.decode().encode("utf-16"))
@example(b"\0")
@example(b'{"operation":"cp","success":true,"source":"\\ud800","destination":"\xff"}')
def test_any_bytes_are_an_event_or_nothing(line):
    read(line)


@settings(max_examples=500)
@given(st.sampled_from([SUCCESS, FAILURE]), st.lists(st.tuples(st.integers(0, 120), st.binary(max_size=4)), max_size=5))
def test_a_damaged_event_is_an_event_or_nothing(line, damages):
    data = bytearray(line)
    for at, piece in damages:
        data[at : at + len(piece)] = piece
    read(bytes(data))


@given(st.integers(0, len(SUCCESS) - 3))
def test_half_an_event_is_nothing(length):
    """A killed s5cmd leaves half a line; no beginning of a success may count as one."""
    assert read(SUCCESS[:length]) is None


@settings(max_examples=300)
@given(NAMES, NAMES)
def test_any_name_in_a_success_arrives(source, destination):
    fields = {"operation": "cp", "success": True, "source": source, "destination": destination, "object": {}}
    assert read(as_go_writes(fields)) == Event(True, source, destination, "", "")


@settings(max_examples=300)
@given(NAMES, NAMES.filter(bool))
def test_any_name_in_a_failure_arrives(command, error):
    fields = {"operation": "cp", "command": command, "error": error}
    assert read(as_go_writes(fields)) == Event(False, "", "", command, error)


@pytest.mark.parametrize(
    "line",
    [
        b"[" * 200_000,
        b'{"operation":' * 100_000,
        b'{"operation":"cp","object":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"operation":"cp","success":' + b"9" * 10_000 + b"}",
        b'{"operation":"cp","success":1e999999999}',
        b'{"operation":"cp","success":-0}',
        b'{"operation":"cp","success":NaN,"source":"/a","destination":"s3://b/a"}',
        b'{"operation":"cp","success":1,"source":"/a","destination":"s3://b/a"}',
        b'{"operation":"cp","success":"true","source":"/a","destination":"s3://b/a"}',
        b'{"operation":"cp","success":[true],"source":"/a","destination":"s3://b/a"}',
        b'{"operation":"cp","success":true,"success":false,"source":"/a","destination":"s3://b/a"}',
        b'{"operation":"cp","success":true,"source":["/a"],"destination":"s3://b/a"}',
        b'{"operation":"cp","success":true,"source":"/a","destination":"s3://b/a","error":"x"}',
        b'"operation"',
        b"true",
        b"null",
    ],
    ids=lambda line: repr(line[:60]),
)
def test_deep_huge_and_contradicting_json_is_no_success(line):
    event = read(line)
    assert event is None or not event.success


def test_a_huge_event_is_read():
    """The longest name that S3 and Linux know is 4 KiB; more must not hurt either."""
    name = "n" * 1_000_000
    line = as_go_writes({"operation": "cp", "success": True, "source": name, "destination": name})
    assert read(line) == Event(True, name, name, "", "")


@settings(max_examples=500)
@given(
    st.lists(st.sampled_from(["AccessDenied", ": ", "status code: 403", "caused by: ", "\n", "x", "A", "Ab: ", " "]))
)
def test_any_message_has_a_code_or_none(pieces):
    message = "".join(pieces)
    code, about_credentials = events.error_code(message)
    assert code == "" or (code in message and code[0].isupper() and code.isalpha())
    assert not about_credentials or code
    assert message.startswith(events.without_request(message))


@pytest.mark.parametrize("piece", ["Ab: ", "caused by: ", "A" * 40, "Ab: caused by: ", ": status code: 4", ", "])
def test_a_message_as_long_as_the_longest_path_takes_no_time(piece):
    """Messages hold names that others chose; 8 KiB of the worst must not keep a run from its work."""
    message = (piece * 8192)[:8192]
    assert events.error_code(message) == ("", False)
    assert events.without_request(message) == message
