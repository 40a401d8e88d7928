# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Objects are deleted many at once, and each that stays is named with its reason."""

from __future__ import annotations

from xml.etree import ElementTree
from xml.sax.saxutils import escape

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import (
    AccessError,
)
from ansible_collections.datasync.turbo.plugins.module_utils.s3.deletes import Deletion, FailedDelete
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.s3_wire import (
    NAMESPACE,
    error,
)


def deleted(*keys, errors=(), marker=False):
    """The answer to DeleteObjects."""
    mark = "<DeleteMarker>true</DeleteMarker><DeleteMarkerVersionId>v2</DeleteMarkerVersionId>" if marker else ""
    gone = "".join(f"<Deleted><Key>{escape(key)}</Key>{mark}</Deleted>" for key in keys)
    refused = "".join(
        f"<Error><Key>{key}</Key><Code>{code}</Code><Message>because</Message></Error>" for key, code in errors
    )
    return f"<DeleteResult {NAMESPACE}>{gone}{refused}</DeleteResult>"


def asked_to_delete(request):
    """The keys in the body of a DeleteObjects."""
    return [element.text for element in ElementTree.fromstring(request.body).iter() if element.tag.endswith("Key")]


def test_objects_are_deleted_in_one_request(bucket, wire):
    wire.answer(deleted("p/a", "p/b&c"))
    assert bucket.delete(["p/a", "p/b&c"]) == Deletion(["p/a", "p/b&c"], False, [])
    assert wire.requests[0].method == "POST"
    assert "delete" in wire.asked(0)[1]
    assert asked_to_delete(wire.requests[0]) == ["p/a", "p/b&c"]


def test_nothing_to_delete_asks_nobody(bucket, wire):
    assert bucket.delete([]) == Deletion([], False, [])
    assert wire.requests == []


def test_a_request_deletes_a_thousand_objects_at_most(bucket, wire):
    keys = [f"p/{number:04}" for number in range(2100)]
    for start in (0, 1000, 2000):
        wire.answer(deleted(*keys[start : start + 1000]))
    assert bucket.delete(keys) == Deletion(keys, False, [])
    assert [len(asked_to_delete(request)) for request in wire.requests] == [1000, 1000, 100]


@pytest.mark.parametrize("key", ["p/tab\there", "p/line\nend", "p/\r", "p/\x01", "p/\x7f", "p/\uffff"])
def test_a_key_that_xml_cannot_carry_is_deleted_alone(bucket, wire, key):
    wire.answer(deleted("p/a", "p/b"))
    wire.answer(status=204)
    assert bucket.delete(["p/a", key, "p/b"]) == Deletion(["p/a", "p/b", key], False, [])
    assert [request.method for request in wire.requests] == ["POST", "DELETE"]
    assert wire.asked(1)[0] == "/archive/" + key


def test_a_versioned_bucket_says_that_it_wrote_markers(bucket, wire):
    wire.answer(deleted("p/a", "p/b", marker=True))
    assert bucket.delete(["p/a", "p/b"]).markers is True


def test_a_marker_for_one_object_alone_is_told_too(bucket, wire):
    wire.answer(status=204, x_amz_delete_marker="true", x_amz_version_id="v2")
    assert bucket.delete(["p/a"]) == Deletion(["p/a"], True, [])


def test_each_object_that_is_not_deleted_is_named_with_its_reason(bucket, wire):
    wire.answer(deleted("p/a", errors=[("p/b", "AccessDenied"), ("p/c", "InternalError")]))
    assert bucket.delete(["p/a", "p/b", "p/c"]) == Deletion(
        ["p/a"],
        False,
        [
            FailedDelete("p/b", "AccessDenied", "because (grant s3:DeleteObject on the objects)"),
            FailedDelete("p/c", "InternalError", "because"),
        ],
    )


def test_an_object_that_the_answer_leaves_out_is_not_taken_for_deleted(bucket, wire):
    wire.answer(deleted("p/a"))
    outcome = bucket.delete(["p/a", "p/b"])
    assert (outcome.deleted, [failure.key for failure in outcome.failed]) == (["p/a"], ["p/b"])


def test_an_answer_that_is_no_answer_deletes_nothing(bucket, wire):
    wire.answer("<html>Please log in</html>")
    outcome = bucket.delete(["p/a", "p/b"])
    assert (outcome.deleted, [failure.key for failure in outcome.failed]) == ([], ["p/a", "p/b"])


def test_a_server_without_bulk_deletion_is_asked_for_each_object(bucket, wire):
    wire.answer(error("NotImplemented"), status=501)
    wire.answer(status=204)
    wire.answer(error("AccessDenied"), status=403)
    outcome = bucket.delete(["p/a", "p/b"])
    assert [request.method for request in wire.requests] == ["POST", "DELETE", "DELETE"]
    assert outcome.deleted == ["p/a"]
    assert [(failure.key, failure.code) for failure in outcome.failed] == [("p/b", "AccessDenied")]
    assert "s3:DeleteObject" in outcome.failed[0].message


def test_what_was_deleted_one_by_one_before_a_failure_is_told(bucket, wire):
    wire.answer(error("MissingContentMD5"), status=400)
    wire.answer(status=204)
    wire.answer(error("ExpiredToken"), status=400)
    outcome = bucket.delete(["p/a", "p/b", "p/c"])
    assert outcome.deleted == ["p/a"]
    assert [(failure.key, failure.code) for failure in outcome.failed] == [
        ("p/b", "ExpiredToken"),
        ("p/c", "ExpiredToken"),
    ]


def test_a_first_request_that_is_refused_is_an_error(bucket, wire):
    wire.answer(error("AccessDenied"), status=403)
    with pytest.raises(AccessError, match="s3:DeleteObject"):
        bucket.delete(["p/a", "p/b"])


def test_what_was_deleted_before_a_failure_is_told(bucket, wire):
    keys = [f"p/{number:04}" for number in range(2100)]
    wire.answer(deleted(*keys[:999], errors=[("p/0999", "InternalError")]))
    wire.answer(error("AccessDenied"), status=403)
    outcome = bucket.delete(keys)
    assert outcome.deleted == keys[:999]
    assert [failure.key for failure in outcome.failed] == keys[999:]
    assert {failure.code for failure in outcome.failed[1:]} == {"AccessDenied"}
    assert len(wire.requests) == 2
