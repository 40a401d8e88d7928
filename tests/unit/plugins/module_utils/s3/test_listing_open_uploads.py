# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Pages of multipart uploads as servers send them, and what is refused so that boto3 judges it."""

from __future__ import annotations

import datetime
import functools
from xml.sax.saxutils import escape

import botocore.session
import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.s3.listing import (
    DocumentTypeError,
    OpenUpload,
    Position,
    UploadsPage,
    parse_uploads_page,
    uploads_page_of_answer,
    uploads_query,
)
from botocore.parsers import create_parser
from hypothesis import given
from hypothesis import strategies as st

S3 = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
JANUARY = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc).timestamp()
LAST = "<IsTruncated>false</IsTruncated>"


def entry(key="p/a", upload_id="id", moment="2026-01-02T03:04:05.000Z"):
    return (
        f"<Upload><Key>{key}</Key><UploadId>{upload_id}</UploadId><Initiator><ID>somebody</ID></Initiator>"
        f"<StorageClass>STANDARD</StorageClass><Initiated>{moment}</Initiated></Upload>"
    )


def page(*entries, namespace=S3, end=LAST, bucket="<Bucket>archive</Bucket>"):
    root = f"ListMultipartUploadsResult {namespace}".strip()
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}>{bucket}{end}{"".join(entries)}'
    return f"{text}</ListMultipartUploadsResult>".encode()


# --- what servers send

AMAZON = f"""<?xml version="1.0" encoding="UTF-8"?>
<ListMultipartUploadsResult {S3}><Bucket>archive</Bucket><KeyMarker></KeyMarker><UploadIdMarker></UploadIdMarker>\
<NextKeyMarker>p/a+b</NextKeyMarker><NextUploadIdMarker>YW55IGlkZWE-</NextUploadIdMarker><MaxUploads>1</MaxUploads>\
<IsTruncated>true</IsTruncated><Upload><Key>p/a+b</Key><UploadId>YW55IGlkZWE-</UploadId><Initiator>\
<ID>arn:aws:iam::111122223333:user/u</ID><DisplayName>u</DisplayName></Initiator><Owner><ID>75aa57f0</ID></Owner>\
<StorageClass>STANDARD</StorageClass><Initiated>2026-01-02T03:04:05.000Z</Initiated>\
<ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm></Upload></ListMultipartUploadsResult>"""
MINIO = f"""<?xml version="1.0" encoding="UTF-8"?>
<ListMultipartUploadsResult {S3}><Bucket>archive</Bucket><KeyMarker></KeyMarker><UploadIdMarker></UploadIdMarker>\
<NextKeyMarker>p/a+b</NextKeyMarker><NextUploadIdMarker>YW55IGlkZWE-</NextUploadIdMarker><Prefix>p/</Prefix>\
<MaxUploads>1</MaxUploads><IsTruncated>true</IsTruncated><Upload><Key>p/a+b</Key><UploadId>YW55IGlkZWE-</UploadId>\
<Initiator><ID></ID><DisplayName></DisplayName></Initiator><Owner><ID></ID><DisplayName></DisplayName></Owner>\
<StorageClass></StorageClass><Initiated>2026-01-02T03:04:05.000Z</Initiated></Upload></ListMultipartUploadsResult>"""
SEAWEEDFS = f"""<?xml version="1.0" encoding="UTF-8"?>
<ListMultipartUploadsResult {S3}><Bucket>archive</Bucket><Delimiter></Delimiter><EncodingType></EncodingType>\
<IsTruncated>true</IsTruncated><KeyMarker></KeyMarker><MaxUploads>1</MaxUploads>\
<NextUploadIdMarker>YW55IGlkZWE-</NextUploadIdMarker><Prefix>p/</Prefix><Upload>\
<Initiated>2026-01-02T03:04:05Z</Initiated><Key>p/a+b</Key><UploadId>YW55IGlkZWE-</UploadId></Upload>\
</ListMultipartUploadsResult>"""


@pytest.mark.parametrize(("body", "key_marker"), [(AMAZON, "p/a+b"), (MINIO, "p/a+b"), (SEAWEEDFS, "")])
def test_the_pages_of_known_servers_are_read(body, key_marker):
    uploads = [OpenUpload("p/a+b", "YW55IGlkZWE-", JANUARY)]
    assert parse_uploads_page(body.encode()) == UploadsPage(uploads, Position(key_marker, "YW55IGlkZWE-"))


@pytest.mark.parametrize("namespace", [S3, "", 'xmlns="https://example.org/another"'])
def test_the_name_space_does_not_matter(namespace):
    assert [upload.key for upload in parse_uploads_page(page(entry(), namespace=namespace)).uploads] == ["p/a"]


@pytest.mark.parametrize(
    "body",
    [page(), page(end=""), page(bucket=""), page(bucket="", end="<MaxUploads>1000</MaxUploads>")],
)
def test_a_page_may_be_empty(body):
    assert parse_uploads_page(body) == UploadsPage([], None)


def test_after_the_last_page_comes_none_whatever_it_says():
    end = f"{LAST}<NextKeyMarker>p/a</NextKeyMarker><NextUploadIdMarker>id</NextUploadIdMarker>"
    assert parse_uploads_page(page(entry(), end=end)).next is None


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("a&amp;b&lt;c&gt;", "a&b<c>"),
        ("a&#x9;b&#10;c", "a\tb\nc"),
        (" a ", " a "),
        ("a%20b+c", "a%20b+c"),
        ("ä😀", "ä😀"),
    ],
)
def test_keys_are_taken_out_of_xml_and_nothing_else_is_decoded(written, key):
    """SeaweedFS says EncodingType and encodes nothing."""
    for end in (LAST, f"<EncodingType>url</EncodingType>{LAST}"):
        assert [upload.key for upload in parse_uploads_page(page(entry(written), end=end)).uploads] == [key]


# --- what is refused


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>Please log in</body></html>",
        b"<ListMultipartUploadsResult/>",
        page(entry(), bucket="", end=""),
        page(entry())[:-20],
        page(entry())[:250],
        page(entry()).replace(b"p/a", b"p/\xff"),
        page(entry()).replace(b"p/a", b"p/\x01"),
        page(entry()).replace(b"p/a", b"p/&#1;"),
        page(entry("")),
        page(entry(upload_id="")),
        page("<Upload/>"),
        page(entry(moment="")),
        page(entry(moment="yesterday")),
        page(entry(moment="Fri, 02 Jan 2026 03:04:05 GMT")),
        page(entry(), end="<IsTruncated>true</IsTruncated>"),
        page(entry(), end="<IsTruncated>true</IsTruncated><NextKeyMarker/><NextUploadIdMarker/>"),
        f"<ListBucketResult {S3}><Name>archive</Name>{LAST}</ListBucketResult>".encode(),
        f"<Error {S3}><Code>InternalError</Code></Error>".encode(),
    ],
)
def test_what_is_no_whole_page_is_refused(body):
    with pytest.raises(ValueError, match=r"."):
        parse_uploads_page(body)


@pytest.mark.parametrize(
    "doctype",
    [
        "<!DOCTYPE html>",
        '<!DOCTYPE l [<!ENTITY i "boom">]>',
        '<!DOCTYPE l [<!ENTITY i SYSTEM "file:///etc/hostname">]>',
    ],
)
def test_a_document_type_is_refused_and_with_it_every_entity(doctype):
    body = page(entry("&i;" if "ENTITY" in doctype else "a")).decode()
    with pytest.raises(DocumentTypeError, match="document type"):
        parse_uploads_page(body.replace("?>\n", f"?>\n{doctype}").encode())


# --- held against botocore


@functools.lru_cache
def shape_of_a_page():
    """What botocore knows of a page; to load it takes a while."""
    return botocore.session.Session().get_service_model("s3").operation_model("ListMultipartUploads").output_shape


def by_botocore(body):
    """The page as boto3 reads it."""
    raw = {"status_code": 200, "headers": {}, "body": body, "context": {}}
    return uploads_page_of_answer(create_parser("rest-xml").parse(raw, shape_of_a_page()))


#: What XML 1.0 may carry.
xml_text = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="￾￿"), min_size=1, max_size=20)
moments = st.datetimes(datetime.datetime(1970, 1, 1), datetime.datetime(2100, 1, 1))
open_uploads = st.tuples(
    xml_text.map(escape),
    xml_text.map(escape),
    moments.map(lambda moment: moment.isoformat(timespec="milliseconds") + "Z"),
)
ends = st.one_of(
    st.sampled_from([LAST, f"<EncodingType>url</EncodingType>{LAST}"]),
    st.tuples(xml_text.map(escape), xml_text.map(escape)).map(
        lambda markers: (
            f"<IsTruncated>true</IsTruncated><NextKeyMarker>{markers[0]}</NextKeyMarker>"
            f"<NextUploadIdMarker>{markers[1]}</NextUploadIdMarker>"
        )
    ),
)


@given(st.lists(open_uploads, max_size=5), ends)
def test_a_page_is_read_as_boto3_reads_it(entries, end):
    body = page(*(entry(*fields) for fields in entries), end=end)
    assert parse_uploads_page(body) == by_botocore(body)


@pytest.mark.parametrize("body", [AMAZON, MINIO, SEAWEEDFS])
def test_the_pages_of_known_servers_are_read_as_boto3_reads_them(body):
    assert parse_uploads_page(body.encode()) == by_botocore(body.encode())


# --- asking for a page


def test_the_query_names_only_what_is_wanted():
    assert uploads_query("p/", None) == {"uploads": "", "prefix": "p/"}
    assert uploads_query("p/", Position("p/a", "id")) == {
        "uploads": "",
        "prefix": "p/",
        "key-marker": "p/a",
        "upload-id-marker": "id",
    }
    assert "key-marker" not in uploads_query("p/", Position("", "id"))
    assert "upload-id-marker" not in uploads_query("p/", Position("p/a", ""))


def test_an_answer_of_boto3_with_more_pages_and_no_way_to_them_is_refused():
    with pytest.raises(ValueError, match="more pages"):
        uploads_page_of_answer({"IsTruncated": True, "Uploads": []})


@pytest.mark.parametrize("missing", ["Key", "UploadId", "Initiated"])
def test_an_upload_of_boto3_that_lacks_something_is_refused_and_what_it_lacks_is_named(missing):
    of_boto3 = {"Key": "a", "UploadId": "id", "Initiated": datetime.datetime.fromtimestamp(0, datetime.timezone.utc)}
    del of_boto3[missing]
    with pytest.raises(ValueError, match=missing):
        uploads_page_of_answer({"Uploads": [of_boto3]})
