# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Pages of listings as servers send them, and what is refused so that boto3 judges it."""

from __future__ import annotations

import datetime
import functools
from urllib.parse import quote_plus
from xml.sax.saxutils import escape

import botocore.session
import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.s3.listing import (
    Page,
    StoredObject,
    listing_query,
    page_of_answer,
    parse_page,
)
from botocore.handlers import decode_list_object_v2
from botocore.parsers import create_parser
from hypothesis import given
from hypothesis import strategies as st

S3 = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
ETAG = "0cc175b9c0f1b6a831c399e269772661"
JANUARY = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc).timestamp()


def entry(key="p/a", size="1", etag=f"&quot;{ETAG}&quot;", moment="2026-01-02T03:04:05.000Z"):
    return (
        f"<Contents><Key>{key}</Key><LastModified>{moment}</LastModified><ETag>{etag}</ETag><Size>{size}</Size>"
        "<Owner><ID>somebody</ID></Owner><StorageClass>STANDARD</StorageClass></Contents>"
    )


def page(*entries, namespace=S3, end="<IsTruncated>false</IsTruncated>", name="<Name>archive</Name>"):
    root = f"ListBucketResult {namespace}".strip()
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}>{name}{"".join(entries)}{end}</ListBucketResult>'
    return text.encode()


def keys(body):
    return [stored.key for stored in parse_page(body).objects]


# --- what servers send

AMAZON = f"""<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult {S3}><Name>archive</Name><Prefix>p/</Prefix><KeyCount>1</KeyCount><MaxKeys>1000</MaxKeys>\
<EncodingType>url</EncodingType><IsTruncated>true</IsTruncated><NextContinuationToken>1ueGcxLPRx1Tr/XYExHnhbYL=\
</NextContinuationToken><Contents><Key>p/a+b</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified>\
<ETag>&quot;{ETAG}&quot;</ETag><ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType>\
<Size>1</Size><StorageClass>STANDARD</StorageClass></Contents></ListBucketResult>"""
SEAWEEDFS = f"""<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult {S3}><Name>archive</Name><Prefix>p/</Prefix><MaxKeys>1000</MaxKeys><IsTruncated>true</IsTruncated>\
<Contents><Key>p/a+b</Key><ETag>&#34;{ETAG}&#34;</ETag><Size>1</Size><StorageClass>STANDARD</StorageClass>\
<LastModified>2026-01-02T03:04:05Z</LastModified></Contents><NextContinuationToken>1ueGcxLPRx1Tr/XYExHnhbYL=\
</NextContinuationToken><EncodingType>url</EncodingType><KeyCount>1</KeyCount></ListBucketResult>"""
MINIO = f"""<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult {S3}><Name>archive</Name><Prefix>p/</Prefix><KeyCount>1</KeyCount><MaxKeys>1000</MaxKeys>\
<IsTruncated>true</IsTruncated><NextContinuationToken>1ueGcxLPRx1Tr/XYExHnhbYL=</NextContinuationToken><Contents>\
<Key>p/a+b</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified><ETag>&#34;{ETAG}&#34;</ETag><Size>1</Size>\
<Owner><ID></ID><DisplayName></DisplayName></Owner><StorageClass>STANDARD</StorageClass></Contents>\
<EncodingType>url</EncodingType></ListBucketResult>"""
CEPH = f"""<?xml version="1.0" encoding="UTF-8"?><ListBucketResult {S3}><Name>archive</Name><Prefix>p/</Prefix>\
<MaxKeys>1000</MaxKeys><IsTruncated>true</IsTruncated><EncodingType>url</EncodingType><Contents><Key>p%2Fa%2Bb</Key>\
<LastModified>2026-01-02T03:04:05.000Z</LastModified><ETag>&quot;{ETAG}&quot;</ETag><Size>1</Size>\
<StorageClass>STANDARD</StorageClass><Type>Normal</Type></Contents>\
<NextContinuationToken>1ueGcxLPRx1Tr/XYExHnhbYL=</NextContinuationToken><KeyCount>1</KeyCount></ListBucketResult>"""


@pytest.mark.parametrize(("body", "key"), [(AMAZON, "p/a b"), (SEAWEEDFS, "p/a b"), (MINIO, "p/a b"), (CEPH, "p/a+b")])
def test_the_pages_of_known_servers_are_read(body, key):
    assert parse_page(body.encode()) == Page([StoredObject(key, 1, ETAG, JANUARY)], "1ueGcxLPRx1Tr/XYExHnhbYL=")


@pytest.mark.parametrize("namespace", [S3, "", 'xmlns="https://example.org/another"', f"{S3} {S3.replace('=', ':x=')}"])
def test_the_name_space_does_not_matter(namespace):
    assert keys(page(entry(), namespace=namespace)) == ["p/a"]


def test_an_empty_page_has_no_objects():
    assert parse_page(page()) == Page([], None)
    assert parse_page(page(name="<KeyCount>0</KeyCount>", end="")) == Page([], None)


def test_the_last_page_has_no_token_whatever_it_says():
    end = "<IsTruncated>false</IsTruncated><NextContinuationToken>x</NextContinuationToken>"
    assert parse_page(page(entry(), end=end)).next_token is None


def test_an_object_without_an_etag_is_listed():
    assert parse_page(page(entry().replace(f"<ETag>&quot;{ETAG}&quot;</ETag>", ""))).objects[0].etag == ""


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("a&amp;b&lt;c&gt;&quot;d&apos;", "a&b<c>\"d'"),
        ("a&#x9;b&#10;c", "a\tb\nc"),
        ("&#128512;😀", "😀😀"),
        ("<![CDATA[a<b]]>", "a<b"),
        (" a ", " a "),
        ("a%20b+c", "a%20b+c"),
    ],
)
def test_keys_are_taken_out_of_xml(written, key):
    """Without EncodingType a percent sign stands for itself."""
    assert keys(page(entry(written))) == [key]


@pytest.mark.parametrize(
    ("written", "key"),
    [("a%20b%0A%01c", "a b\n\x01c"), ("a+b%2Bc", "a b+c"), ("%F0%9F%98%80", "😀"), ("100%25", "100%"), ("ä", "ä")],
)
def test_keys_in_url_encoding_are_decoded(written, key):
    encoded = "<EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>"
    assert keys(page(entry(written), end=encoded)) == [key]


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-01-02T03:04:05Z", JANUARY),
        ("2026-01-02T03:04:05.000Z", JANUARY),
        ("2026-01-02T03:04:05.250Z", JANUARY + 0.25),
        ("2026-01-02T03:04:05.5Z", JANUARY + 0.5),
        ("2026-01-02T03:04:05.123456Z", JANUARY + 0.123456),
        ("1970-01-01T00:00:00Z", 0.0),
        ("2024-02-29T23:59:59.999Z", 1709251199.999),
    ],
)
def test_times_are_read_to_the_fraction(written, moment):
    assert parse_page(page(entry(moment=written))).objects[0].last_modified == moment


# --- what is refused


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>Please log in</body></html>",
        b"<ListBucketResult/>",
        page(entry())[:-20],
        page(entry())[:200],
        page(entry()).replace(b"p/a", b"p/\xff"),
        page(entry()).replace(b"p/a", b"p/\x01"),
        page(entry()).replace(b"p/a", b"p/&nbsp;"),
        page(entry()).decode().replace("UTF-8", "UTF-16").encode("utf-16"),
        page(entry("")),
        page(entry(size="")),
        page(entry(size="many")),
        page(entry(moment="")),
        page(entry(moment="yesterday")),
        page(entry(moment="2026-01-02T03:04:05+00:00")),
        page(entry(moment="Fri, 02 Jan 2026 03:04:05 GMT")),
        page(entry(moment="2026-13-02T03:04:05Z")),
        page(entry(moment="2026-01-02T03:04:05Z\n")),
        page(entry(), end="<IsTruncated>true</IsTruncated>"),
        page(entry(), end="<IsTruncated>true</IsTruncated><NextContinuationToken/>"),
        f"<Error {S3}><Code>InternalError</Code></Error>".encode(),
    ],
)
def test_what_is_no_whole_page_is_refused(body):
    with pytest.raises(ValueError, match=r"."):
        parse_page(body)


BOMB = "".join(f'<!ENTITY {name} "{f"&{before};" * 10}">' for before, name in zip("abcdefgh", "bcdefghi"))


@pytest.mark.parametrize(
    "doctype",
    [
        "<!DOCTYPE ListBucketResult>",
        f'<!DOCTYPE l [<!ENTITY a "ha">{BOMB}]>',
        '<!DOCTYPE l [<!ENTITY i SYSTEM "file:///etc/hostname">]>',
        '<!DOCTYPE l SYSTEM "http://127.0.0.1:9/x.dtd">',
    ],
)
def test_a_document_type_is_refused_and_with_it_every_entity(doctype):
    body = page(entry("&i;" if "ENTITY" in doctype else "a")).decode()
    with pytest.raises(ValueError, match="document type"):
        parse_page(body.replace("?>\n", f"?>\n{doctype}").encode())


# --- held against botocore


@functools.lru_cache
def shape_of_a_page():
    """What botocore knows of a page; to load it takes a while."""
    return botocore.session.Session().get_service_model("s3").operation_model("ListObjectsV2").output_shape


def by_botocore(body):
    """The page as boto3 reads it."""
    raw = {"status_code": 200, "headers": {}, "body": body, "context": {}}
    answer = create_parser("rest-xml").parse(raw, shape_of_a_page())
    decode_list_object_v2(answer, {"encoding_type_auto_set": True})
    return page_of_answer(answer)


#: What XML 1.0 may carry.
xml_text = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="￾￿"), min_size=1, max_size=20)
moments = st.datetimes(datetime.datetime(1970, 1, 1), datetime.datetime(2100, 1, 1))
stored_objects = st.tuples(
    st.one_of(xml_text.map(escape), st.text(st.characters(exclude_categories=["Cs"]), min_size=1).map(quote_plus)),
    st.integers(0, 50 * 1024**4).map(str),
    st.sampled_from([f"&quot;{ETAG}-3&quot;", ETAG, ""]),
    moments.map(lambda moment: moment.isoformat(timespec="milliseconds") + "Z"),
)


@given(st.lists(stored_objects, max_size=5), st.sampled_from(["", "<EncodingType>url</EncodingType>"]))
def test_a_page_is_read_as_boto3_reads_it(entries, encoding):
    body = page(*(entry(*fields) for fields in entries), end=f"{encoding}<IsTruncated>false</IsTruncated>")
    assert parse_page(body) == by_botocore(body)


# --- asking for a page


def test_the_query_names_only_what_is_wanted():
    assert listing_query("p/", "", None, None) == {"list-type": "2", "encoding-type": "url", "prefix": "p/"}
    assert listing_query("p/", "p/b", None, 1)["start-after"] == "p/b"
    assert listing_query("p/", "p/b", None, 1)["max-keys"] == "1"


def test_a_token_tells_all_about_where_to_go_on():
    assert "start-after" not in listing_query("p/", "p/b", "token", None)
    assert listing_query("p/", "p/b", "token", None)["continuation-token"] == "token"


def test_an_answer_of_boto3_with_more_pages_and_no_way_to_them_is_refused():
    with pytest.raises(ValueError, match="more pages"):
        page_of_answer({"IsTruncated": True, "Contents": []})


@pytest.mark.parametrize("missing", ["Key", "Size", "LastModified"])
def test_an_object_of_boto3_that_lacks_something_is_refused_and_what_it_lacks_is_named(missing):
    entry_of_boto3 = {"Key": "a", "Size": 1, "LastModified": datetime.datetime.fromtimestamp(0, datetime.timezone.utc)}
    del entry_of_boto3[missing]
    with pytest.raises(ValueError, match=missing):
        page_of_answer({"Contents": [entry_of_boto3]})
