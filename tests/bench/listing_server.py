# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A server that lists a recipe's files as objects, of which none is stored: for plans over a million files.

    python -m tests.bench.listing_server RECIPE BUCKET PREFIX empty|full LAST_MODIFIED

It answers ListObjectsV2 and HeadObject, and whatever the keys that sign the request; it takes no uploads. To store a
million objects for real takes an hour and says nothing more about how a plan is made. Its URL is the first line that
it prints.
"""

from __future__ import annotations

import bisect
import email.utils
import hashlib
import http.server
import sys
import time
from datetime import datetime, timezone
from typing import Any, Dict, List, Tuple
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

from tests.bench.data import RECIPES

#: What S3 lists at once at most.
PAGE = 1000
NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


class Listing:
    """Keys with their sizes, in the order of S3: by their bytes."""

    def __init__(self, bucket: str, objects: List[Tuple[str, int]], modified: float) -> None:
        self.bucket = bucket
        self._objects = sorted(objects, key=lambda entry: entry[0].encode())
        self._keys = [key for key, size in self._objects]
        self._sizes = dict(self._objects)
        self.modified = modified

    def size(self, key: str) -> int | None:
        """Bytes of an object, None if there is none."""
        return self._sizes.get(key)

    def page(self, query: Dict[str, str]) -> bytes:
        """One answer of ListObjectsV2, https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html"""
        prefix = query.get("prefix", "")
        after = query.get("continuation-token") or query.get("start-after", "")
        most = min(int(query.get("max-keys", PAGE)), PAGE)
        start = max(bisect.bisect_left(self._keys, prefix), bisect.bisect_right(self._keys, after) if after else 0)
        page = [entry for entry in self._objects[start : start + most] if entry[0].startswith(prefix)]
        rest = self._keys[start + len(page)] if start + len(page) < len(self._keys) else None
        more = rest is not None and rest.startswith(prefix)
        encoded = query.get("encoding-type") == "url"
        moment = datetime.fromtimestamp(self.modified, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        contents = "".join(
            f"<Contents><Key>{quote(key) if encoded else escape(key)}</Key><LastModified>{moment}</LastModified>"
            f"<ETag>&quot;{etag(key)}&quot;</ETag><Size>{size}</Size><StorageClass>STANDARD</StorageClass></Contents>"
            for key, size in page
        )
        token = f"<NextContinuationToken>{escape(page[-1][0])}</NextContinuationToken>" if more else ""
        return (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="{NAMESPACE}">'
            f"<Name>{self.bucket}</Name><Prefix>{escape(prefix)}</Prefix><KeyCount>{len(page)}</KeyCount>"
            f"<MaxKeys>{most}</MaxKeys>{'<EncodingType>url</EncodingType>' if encoded else ''}"
            f"<IsTruncated>{'true' if more else 'false'}</IsTruncated>{token}{contents}</ListBucketResult>"
        ).encode()


def etag(key: str) -> str:
    """Looks like an MD5; it is none of any content, and nothing here compares contents."""
    return hashlib.md5(key.encode(), usedforsecurity=False).hexdigest()


def handler_for(listing: Listing) -> type[http.server.BaseHTTPRequestHandler]:
    """The handler class, bound to the listing."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # The answer in one packet each: headers and body written apart wait for each other (Nagle, delayed ACK).
        wbufsize = -1

        def do_GET(self) -> None:
            query = {name: values[-1] for name, values in parse_qs(urlsplit(self.path).query).items()}
            if "list-type" not in query:
                self._answer(501, b"", {})
                return
            self._answer(200, listing.page(query), {"Content-Type": "application/xml"})

        def do_HEAD(self) -> None:
            key = unquote(urlsplit(self.path).path).split("/", 2)[-1]
            size = listing.size(key)
            if size is None:
                self._answer(404, b"", {})
                return
            modified = email.utils.formatdate(listing.modified, usegmt=True)
            fields = {"Content-Length": str(size), "ETag": f'"{etag(key)}"', "Last-Modified": modified}
            self._answer(200, b"", fields)

        def _answer(self, status: int, body: bytes, fields: Dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **fields}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: Any) -> None:
            """Say nothing."""

    return Handler


def main() -> None:
    """Serve on a free port of the loopback until killed."""
    recipe, bucket, prefix, fill, modified = sys.argv[1:]
    paths = RECIPES[recipe].paths() if fill == "full" else ()
    listing = Listing(bucket, [(f"{prefix}/{path}", size) for path, size in paths], float(modified) or time.time())
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler_for(listing))
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
