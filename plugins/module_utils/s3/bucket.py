# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The requests that we make to S3 ourselves, beside s5cmd's uploads, and what their errors mean.

What is asked often, or in every run, goes the short way of `signed_request`. The rest, and whatever that way does not
answer well, goes through a botocore client, which is made when it is first needed.
"""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..common.errors import AccessError, CredentialsError, DatasyncError, EndpointError
from .address import address_of, server_url
from .connection import Connection
from .limits import ALGORITHMS
from .listing import DocumentTypeError, Page, StoredObject, listing_query, page_of_answer, parse_page
from .open_uploads import OpenUpload, Position, UploadsPage, parse_uploads_page, uploads_page_of_answer, uploads_query
from .signed_request import SignedRequests

#: Codes of https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html that are about who we are.
CREDENTIAL_CODES = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidToken",
        "NoCredentialProviders",
        "RequestExpired",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
        "UnrecognizedClientException",
    }
)
_HINTS = {
    "AccessDenied": "grant s3:ListBucket on the bucket and s3:GetObject, s3:PutObject on its objects",
    "ExpiredToken": "renew the session token",
    "ExpiredTokenException": "renew the session token",
    "InvalidAccessKeyId": "check access_key, the profile, and that endpoint_url is the server that knows the key",
    "InvalidClientTokenId": "check access_key, the profile, and the session token that belongs to the key",
    "InvalidToken": "check the session token that belongs to the key, and renew it",
    "NoSuchBucket": "check the bucket's name and endpoint_url; the bucket is not created here",
    "RequestExpired": "set this host's clock",
    "RequestTimeTooSkewed": "set this host's clock",
    "SignatureDoesNotMatch": "check secret_key, and this host's clock",
}
#: Request -> what its sender must be allowed.
#: https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
_PERMISSIONS = {
    "AbortMultipartUpload": "s3:AbortMultipartUpload on the objects",
    "DeleteObject": "s3:DeleteObject on the objects",
    "DeleteObjects": "s3:DeleteObject on the objects",
    "GetBucketVersioning": "s3:GetBucketVersioning on the bucket",
    "HeadObject": "s3:GetObject on the objects",
    "ListMultipartUploads": "s3:ListBucketMultipartUploads on the bucket",
    "ListObjectsV2": "s3:ListBucket on the bucket",
    "PutObject": "s3:PutObject on the objects",
}
#: Seconds. S3 refuses requests whose time differs by 15 minutes; a clock that is a minute off needs care before that.
#: https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAuthentication.html#RESTAuthenticationTimeStamp
NOTABLE_SKEW = 60
_STATUS_CODES = {"301": "PermanentRedirect", "400": "BadRequest", "403": "AccessDenied", "404": "NoSuchBucket"}

KMS_ENCRYPTIONS = ("aws:kms", "aws:kms:dsse")

#: Keys in one DeleteObjects. https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
DELETE_BATCH = 1000
#: Characters that XML 1.0 cannot carry or that its readers change: keys with them are deleted one by one.
#: https://www.w3.org/TR/xml/#charsets and #sec-line-ends
_NOT_FOR_XML = re.compile("[\x00-\x1f\x7f-\x9f\u2028\ufffe\uffff]")
#: What servers say that do not know DeleteObjects, or not as botocore sends it.
_NO_BATCHES = frozenset({"NotImplemented", "MethodNotAllowed", "MissingContentMD5", "InvalidDigest"})


@dataclass(frozen=True)
class ObjectHead:
    """What HeadObject says. `checksums` maps the algorithm's name to base64 (COMPOSITE ones end in -N)."""

    size: int
    etag: str
    checksums: dict[str, str]
    checksum_type: str
    metadata: dict[str, str] = field(default_factory=dict)
    encryption: str | None = None
    customer_key: bool = False

    @property
    def etag_is_md5(self) -> bool:
        """Whether the ETag may be an MD5: not with SSE-KMS and not with a customer's key."""
        return self.encryption not in KMS_ENCRYPTIONS and not self.customer_key


class Failure(NamedTuple):
    """An object that was not deleted: the S3 error code and the message."""

    key: str
    code: str
    message: str


#: What is known of an object whose header the server refuses to show.
#: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerSideEncryptionCustomerKeys.html
UNREADABLE_HEADER = ObjectHead(size=-1, etag="", checksums={}, checksum_type="", customer_key=True)


class Deletion(NamedTuple):
    """What became of the objects to delete. `markers`: a versioned bucket keeps them behind delete markers."""

    deleted: list[str]
    markers: bool
    failed: list[Failure]


def clock_ahead(answer: Mapping[str, Any]) -> float | None:
    """Seconds by which the server's clock is ahead of ours, from the Date header of a botocore answer."""
    return _ahead(answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date"))


def _ahead(date: str | None) -> float | None:
    import email.utils

    try:
        return email.utils.parsedate_to_datetime(date or "").timestamp() - time.time()
    except (TypeError, ValueError):
        return None


def clock_hint(ahead: float | None) -> str | None:
    """What to do about a clock that differs from the server's by `ahead` seconds; None if it is near enough."""
    if ahead is None or abs(ahead) < NOTABLE_SKEW:
        return None
    side = "behind" if ahead > 0 else "ahead of"
    return f"set this host's clock: it is {abs(ahead):.0f} seconds {side} the server's"


@contextmanager
def explained(action: str, where: str) -> Iterator[None]:
    """Turn botocore's exceptions into CredentialsError, AccessError or EndpointError that say what was attempted."""
    try:
        yield
    except DatasyncError:
        raise
    except Exception as error:
        explanation = _explanation(error, f"cannot {action}: {where}")
        if explanation is None:
            raise
        raise explanation from error


def _explanation(error: Exception, where: str) -> DatasyncError | None:
    """The error in our words; None if it is neither botocore's nor the system's."""
    import botocore.exceptions

    if isinstance(error, botocore.exceptions.ClientError):
        return _refusal(error, where)
    if isinstance(error, (botocore.exceptions.NoCredentialsError, botocore.exceptions.PartialCredentialsError)):
        return CredentialsError(f"{where}: {error}", "give a profile, keys, or an instance role")
    if isinstance(
        error,
        (
            botocore.exceptions.CredentialRetrievalError,
            botocore.exceptions.TokenRetrievalError,
            botocore.exceptions.UnauthorizedSSOTokenError,
        ),
    ):
        return CredentialsError(f"{where}: {error}", "renew the login of the profile")
    if isinstance(error, botocore.exceptions.SSLError):
        return EndpointError(
            f"{where}: {error}", "name the file of the server's CA in AWS_CA_BUNDLE, and check the host in endpoint_url"
        )
    if isinstance(error, (botocore.exceptions.BotoCoreError, OSError)):
        reason = _system_reason(error)
        message = f"{where}: {error} ({reason})" if reason else f"{where}: {error}"
        return EndpointError(message, "check endpoint_url, the network and the server")
    return None


def _refusal(error: Any, where: str) -> DatasyncError:
    """What a botocore ClientError says: the server answered, and refused."""
    answer = error.response.get("Error", {})
    code = str(answer.get("Code", ""))
    # The answer to a HEAD has no body, so botocore makes the code from the status.
    if (not code or code.isdigit()) and not error.operation_name.startswith("Head"):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        return EndpointError(
            f"{where}: HTTP {status} without an S3 error code",
            "is it an S3 server? Check endpoint_url and the proxy",
        )
    code = _STATUS_CODES.get(code, code)
    refused = access_error(code, answer.get("Message", "no message"), where)
    if isinstance(refused, CredentialsError):
        refused.hint = clock_hint(clock_ahead(error.response)) or refused.hint
    elif code == "AccessDenied" and error.operation_name in _PERMISSIONS:
        refused.hint = f"grant {_PERMISSIONS[error.operation_name]}"
    return refused


def require_members(answer: Mapping[str, Any], names: Iterable[str], where: str) -> None:
    """Raise EndpointError if a successful answer has none of the members that an S3 server would send.

    botocore takes any page with status 200 for an empty answer, such as the one of a captive portal.
    """
    if not any(name in answer for name in names):
        raise _no_s3_answer(where)


def _no_s3_answer(where: str) -> EndpointError:
    return EndpointError(
        f"{where}: HTTP 200 without an S3 answer", "is it an S3 server? Check endpoint_url and the proxy"
    )


def _system_reason(error: BaseException) -> str | None:
    """What the operating system said, such as "Connection refused", which botocore's messages leave out."""
    cause = error.__cause__ or error.__context__
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__cause__ or cause.__context__
    return None


def access_error(code: str, message: str, where: str) -> DatasyncError:
    """The error for an S3 error code: CredentialsError when it is about who we are, else AccessError."""
    kind = CredentialsError if code in CREDENTIAL_CODES else AccessError
    return kind(f"{where}: {code}: {message}", _HINTS.get(code))


class Bucket:
    """One bucket on one server. Every method raises CredentialsError or AccessError as `access_error` decides.

    To make one costs nothing and asks nobody: what is wrong with the connection shows with the first request. May be
    used from several threads.
    """

    def __init__(self, connection: Connection, name: str, pool_size: int = 16) -> None:
        self.name = name
        self._connection = connection
        self._pool_size = pool_size
        self._where = f"bucket {name!r} at {connection.endpoint_url or 'Amazon S3'}"
        #: Held while one of the following is made, so that several threads make one.
        self._making = threading.RLock()
        self._client: Any = None
        self._requests: SignedRequests | None = None
        self._short_way = True
        self._clock_ahead: float | None = None

    @property
    def client(self) -> Any:
        """The botocore client, for what has no method here. Its exceptions are botocore's; see `explained`."""
        with self._making:
            if self._client is None:
                self._client = self._connection.client("s3", self._pool_size)
            return self._client

    @property
    def endpoint_url(self) -> str | None:
        """URL of the server unless it is Amazon's public one; it may also come from the profile or the environment."""
        with self._explained("find the server"):
            return server_url(self._connection, self.name, lambda: self.client)

    @property
    def request_url(self) -> str:
        """URL to which requests go: the bucket's, or where that cannot be told the server's."""
        with self._explained("find the server"):
            address = address_of(self._connection, self.name, lambda: self.client)
            return address.url if address else str(self.client.meta.endpoint_url)

    @property
    def no_answer(self) -> EndpointError:
        """The error for a server that stays silent."""
        return EndpointError(f"{self._where} does not answer", "check endpoint_url, the network and the server")

    @property
    def server_clock_ahead(self) -> float:
        """Seconds by which the server's clock is ahead of ours, from the Date header of the last listing page."""
        return self._clock_ahead or 0.0

    def list(self, prefix: str, start_after: str = "") -> Iterator[StoredObject]:
        """All objects whose keys begin with `prefix` and come after `start_after`, in the server's order."""
        token: str | None = None
        while True:
            page = self._page(prefix, start_after, token)
            yield from page.objects
            if page.next_token is None:
                return
            if page.next_token == token:
                raise EndpointError(f"cannot list: {self._where}: it sends the same page again and again")
            token = page.next_token

    def check(self, prefix: str = "") -> bool:
        """One cheap request that proves that endpoint, credentials and bucket answer, and may be listed there.

        Returns whether any object is stored below the prefix.
        """
        return bool(self._page(prefix, max_keys=1).objects)

    def holds_key(self, key: str) -> bool:
        """Whether the listing names exactly this key. Some servers store special names under another key."""
        return any(entry.key == key for entry in self._page(key, max_keys=1).objects)

    def _page(self, prefix: str, start_after: str = "", token: str | None = None, max_keys: int | None = None) -> Page:
        requests = self._signed_requests()
        answer = requests.get(listing_query(prefix, start_after, token, max_keys)) if requests else None
        if answer is not None:
            try:
                page = parse_page(answer.body)
            except DocumentTypeError as error:
                raise _no_s3_answer(self._where) from error
            except ValueError:
                pass  # boto3 judges it.
            else:
                self._observe_clock(_ahead(answer.fields.get("date")))
                return page
        optional = {"StartAfter": start_after, "ContinuationToken": token, "MaxKeys": max_keys}
        return self._page_by_boto3(prefix, {name: value for name, value in optional.items() if value})

    def _page_by_boto3(self, prefix: str, optional: Mapping[str, Any]) -> Page:
        """The same with boto3's repetitions and explanations, where the short way did not get an answer."""
        with self._explained(f"list {prefix!r}" if prefix else "list"):
            answer = self.client.list_objects_v2(Bucket=self.name, Prefix=prefix, **optional)
        require_members(answer, ("Name", "IsTruncated", "KeyCount"), self._where)
        self._observe_clock(clock_ahead(answer))
        try:
            return page_of_answer(answer)
        except ValueError as error:
            raise EndpointError(f"cannot list: {self._where}: {error}", "is it an S3 server?") from error

    def head(self, key: str) -> ObjectHead | None:
        """HeadObject with checksums; None if there is no such object."""
        requests = self._signed_requests()
        answer = requests.head(key) if requests else None
        if answer is not None and answer.fields.get("content-length", "").isdecimal():
            return _head_of_fields(answer.fields)
        return self._head_by_boto3(key)

    def _head_by_boto3(self, key: str) -> ObjectHead | None:
        """The same with boto3's repetitions and explanations, where the short way did not get an answer."""
        try:
            with self._explained(f"read the header of {key!r}"):
                answer = self.client.head_object(Bucket=self.name, Key=key, ChecksumMode="ENABLED")
        except AccessError as error:
            if _code_of(error) in ("404", "NoSuchKey", "NotFound"):
                return None
            if _code_of(error) in ("400", "BadRequest"):
                # Without the customer's key the header of an SSE-C object is refused so, and that object's alone.
                return UNREADABLE_HEADER
            raise
        require_members(answer, ("ContentLength",), f"cannot read the header of {key!r}: {self._where}")
        return _object_head(answer)

    def part_size(self, key: str) -> int | None:
        """Size in bytes of the first part of a multipart object; None if the server does not tell.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html, partNumber
        """
        try:
            with self._explained(f"read the parts of {key!r}"):
                answer = self.client.head_object(Bucket=self.name, Key=key, PartNumber=1)
        except AccessError:
            return None
        return int(answer["ContentLength"]) if answer.get("PartsCount") else None

    def put_probe(self, key: str) -> str | None:
        """Store a small object under `key`; returns the id of its version if the bucket keeps versions."""
        with self._explained(f"write {key!r}"):
            answer = self.client.put_object(Bucket=self.name, Key=key, Body=b"datasync.turbo write probe\n")
        version: str | None = answer.get("VersionId")
        return version

    def delete_probe(self, key: str, version_id: str | None = None) -> None:
        """Delete what `put_probe` stored, for good when its version is known."""
        version = {"VersionId": version_id} if version_id else {}
        with self._explained(f"delete {key!r}"):
            self.client.delete_object(Bucket=self.name, Key=key, **version)

    def open_uploads(self, prefix: str) -> Iterator[OpenUpload]:
        """The multipart uploads under `prefix` that are neither completed nor aborted."""
        position: Position | None = None
        while True:
            page = self._uploads_page(prefix, position)
            yield from page.uploads
            if page.next is None:
                return
            if page.next == position:
                raise EndpointError(
                    f"cannot list multipart uploads: {self._where}: it sends the same page again and again"
                )
            position = page.next

    def _uploads_page(self, prefix: str, position: Position | None) -> UploadsPage:
        requests = self._signed_requests()
        answer = requests.get(uploads_query(prefix, position)) if requests else None
        if answer is not None:
            try:
                return parse_uploads_page(answer.body)
            except DocumentTypeError as error:
                raise _no_s3_answer(self._where) from error
            except ValueError:
                pass  # boto3 judges it.
        return self._uploads_page_by_boto3(prefix, position)

    def _uploads_page_by_boto3(self, prefix: str, position: Position | None) -> UploadsPage:
        """The same with boto3's repetitions and explanations, where the short way did not get an answer."""
        markers = {"KeyMarker": position.key, "UploadIdMarker": position.upload_id} if position else {}
        optional = {name: value for name, value in markers.items() if value}
        with self._explained("list multipart uploads"):
            answer = self.client.list_multipart_uploads(Bucket=self.name, Prefix=prefix, **optional)
        require_members(answer, ("Bucket", "IsTruncated", "MaxUploads"), self._where)
        try:
            return uploads_page_of_answer(answer)
        except ValueError as error:
            message = f"cannot list multipart uploads: {self._where}: {error}"
            raise EndpointError(message, "is it an S3 server?") from error

    def abort_upload(self, upload: OpenUpload) -> None:
        """Abort one multipart upload, so that its parts are no longer stored and billed."""
        with self._explained(f"abort the multipart upload of {upload.key!r}"):
            self.client.abort_multipart_upload(Bucket=self.name, Key=upload.key, UploadId=upload.upload_id)

    def delete(self, keys: Sequence[str]) -> Deletion:
        """Delete the objects, in requests of up to 1,000.

        Raises only if nothing was deleted before: else the keys of a request that fails as a whole, and those after
        it, are `failed`.
        """
        deleted: list[str] = []
        failed: list[Failure] = []
        markers = False
        waiting = deque(_batches(keys))
        while waiting:
            batch = waiting.popleft()
            try:
                outcome = self._delete_batch(batch) if len(batch) > 1 else self._delete_one(batch[0])
            except DatasyncError as error:
                if len(batch) > 1 and _code_of(error) in _NO_BATCHES:
                    waiting.extendleft([key] for key in reversed(batch))
                    continue
                if not deleted:
                    raise
                failed.extend(Failure(key, _code_of(error), str(error)) for rest in (batch, *waiting) for key in rest)
                break
            deleted.extend(outcome.deleted)
            failed.extend(outcome.failed)
            markers = markers or outcome.markers
        return Deletion(deleted, markers, failed)

    def delete_versions(self, prefix: str) -> None:
        """Delete all versions and delete markers under `prefix` for good."""
        with self._explained("delete object versions"):
            pages = self.client.get_paginator("list_object_versions").paginate(Bucket=self.name, Prefix=prefix)
            for page in pages:
                versions = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
                objects = [{"Key": version["Key"], "VersionId": version["VersionId"]} for version in versions]
                if objects:
                    answer = self.client.delete_objects(Bucket=self.name, Delete={"Objects": objects})
                    for error in answer.get("Errors", ())[:1]:
                        raise access_error(
                            str(error.get("Code")), str(error.get("Message")), f"cannot delete {error.get('Key')!r}"
                        )

    def _delete_batch(self, keys: Sequence[str]) -> Deletion:
        with self._explained(f"delete {len(keys)} objects"):
            objects = [{"Key": key} for key in keys]
            answer = self.client.delete_objects(Bucket=self.name, Delete={"Objects": objects})
        return _deletion(answer, keys)

    def _delete_one(self, key: str) -> Deletion:
        try:
            with self._explained(f"delete {key!r}"):
                answer = self.client.delete_object(Bucket=self.name, Key=key)
        except EndpointError:
            raise
        except AccessError as error:
            return Deletion([], False, [Failure(key, _code_of(error), str(error))])
        return Deletion([key], bool(answer.get("DeleteMarker")), [])

    def keeps_versions(self) -> bool | None:
        """Whether the bucket is versioned, so that what is deleted can be restored; None where nobody may know."""
        try:
            with self._explained("ask for the versioning"):
                answer = self.client.get_bucket_versioning(Bucket=self.name)
        except EndpointError:
            raise
        except AccessError:
            return None
        return bool(answer.get("Status") == "Enabled")

    def _signed_requests(self) -> SignedRequests | None:
        """The short way; None where it is not open, or not found: then boto3 explains why."""
        with self._making:
            if self._requests is None and self._short_way:
                try:
                    with self._explained("sign requests"):
                        self._requests = self._find_short_way()
                except DatasyncError:
                    return None
            return self._requests

    def _find_short_way(self) -> SignedRequests | None:
        address = address_of(self._connection, self.name, lambda: self.client)
        self._short_way = address is not None
        return SignedRequests(self._connection, address, self._pool_size) if address else None

    def _observe_clock(self, ahead: float | None) -> None:
        if ahead is not None:
            self._clock_ahead = ahead

    def _explained(self, action: str) -> AbstractContextManager[None]:
        return explained(action, self._where)


def _batches(keys: Sequence[str]) -> Iterator[list[str]]:
    """The keys in groups for one request each. What XML may not carry comes alone."""
    together = [key for key in keys if not _NOT_FOR_XML.search(key)]
    for start in range(0, len(together), DELETE_BATCH):
        yield together[start : start + DELETE_BATCH]
    yield from ([key] for key in keys if _NOT_FOR_XML.search(key))


def _deletion(answer: Mapping[str, Any], keys: Sequence[str]) -> Deletion:
    """What the answer to DeleteObjects says about each of the keys."""
    entries = {entry.get("Key"): entry for entry in answer.get("Deleted", ())}
    refused = {entry.get("Key"): entry for entry in answer.get("Errors", ())}
    deleted = [key for key in keys if key in entries and key not in refused]
    failed = []
    for key in keys:
        if key in refused:
            code = str(refused[key].get("Code", ""))
            hint = f" (grant {_PERMISSIONS['DeleteObjects']})" if code == "AccessDenied" else ""
            failed.append(Failure(key, code, f"{refused[key].get('Message', 'no message')}{hint}"))
        elif key not in entries:
            failed.append(Failure(key, "", "the server does not say what became of it"))
    return Deletion(deleted, any(entry.get("DeleteMarker") for entry in entries.values()), failed)


def _code_of(error: DatasyncError) -> str:
    """The S3 error code behind an error that `explained` raised; empty if there was no S3 answer."""
    return str(getattr(error.__cause__, "response", {}).get("Error", {}).get("Code", ""))


def _object_head(answer: Mapping[str, Any]) -> ObjectHead:
    checksums = {name: answer[f"Checksum{name}"] for name in ALGORITHMS if answer.get(f"Checksum{name}")}
    return ObjectHead(
        size=answer["ContentLength"],
        etag=answer.get("ETag", "").strip('"'),
        checksums=checksums,
        checksum_type=answer.get("ChecksumType") or _checksum_type(checksums),
        metadata=dict(answer.get("Metadata", {})),
        encryption=answer.get("ServerSideEncryption"),
        customer_key=bool(answer.get("SSECustomerAlgorithm")),
    )


def _head_of_fields(fields: Mapping[str, str]) -> ObjectHead:
    """The same from the header fields as they come over the wire, their names in lower case."""
    prefix = "x-amz-meta-"
    named = {name: fields.get(f"x-amz-checksum-{name.lower()}", "") for name in ALGORITHMS}
    checksums = {name: value for name, value in named.items() if value}
    encryption = "x-amz-server-side-encryption"
    return ObjectHead(
        size=int(fields["content-length"]),
        etag=fields.get("etag", "").strip('"'),
        checksums=checksums,
        checksum_type=fields.get("x-amz-checksum-type") or _checksum_type(checksums),
        metadata={name[len(prefix) :]: value for name, value in fields.items() if name.startswith(prefix)},
        encryption=fields.get(encryption),
        customer_key=f"{encryption}-customer-algorithm" in fields,
    )


def _checksum_type(checksums: Mapping[str, str]) -> str:
    """Older servers leave the type out; a dash and a number at the end tell a composite one."""
    composite = any(re.search(r"-[0-9]+$", value) for value in checksums.values())
    return "COMPOSITE" if composite else "FULL_OBJECT"
