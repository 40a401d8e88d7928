# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The requests that we make to S3 ourselves, beside s5cmd's uploads, and what their errors mean."""

from __future__ import annotations

import email.utils
import re
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ContextManager, Dict, Iterable, Iterator, Mapping, NamedTuple, Optional
from urllib.parse import urlsplit

from .checksums import ALGORITHMS
from .connection import Connection
from .errors import AccessError, CredentialsError, DatasyncError, EndpointError
from .head_request import HeadRequest

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

#: Amazon's public endpoints. A PrivateLink, FIPS or dual-stack one was chosen, and s5cmd must go there too.
_AMAZON = re.compile(r"s3(\.[a-z0-9-]+)?\.amazonaws\.com(\.cn)?")


class StoredObject(NamedTuple):
    """An object as the listing shows it. `size` in bytes, `last_modified` in seconds since the epoch."""

    key: str
    size: int
    etag: str
    last_modified: float


@dataclass(frozen=True)
class ObjectHead:
    """What HeadObject says. `checksums` maps the algorithm's name to base64 (COMPOSITE ones end in -N)."""

    size: int
    etag: str
    checksums: Dict[str, str]
    checksum_type: str
    metadata: Dict[str, str] = field(default_factory=dict)
    encryption: Optional[str] = None
    customer_key: bool = False

    @property
    def etag_is_md5(self) -> bool:
        """Whether the ETag may be an MD5: not with SSE-KMS and not with a customer's key."""
        return self.encryption not in KMS_ENCRYPTIONS and not self.customer_key


class OpenUpload(NamedTuple):
    """A multipart upload that was neither completed nor aborted. `initiated` in seconds since the epoch."""

    key: str
    upload_id: str
    initiated: float


def clock_ahead(answer: Mapping[str, Any]) -> Optional[float]:
    """Seconds by which the server's clock is ahead of ours, from the Date header of a botocore answer."""
    date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    try:
        return email.utils.parsedate_to_datetime(date).timestamp() - time.time()
    except (TypeError, ValueError):
        return None


def clock_hint(ahead: Optional[float]) -> Optional[str]:
    """What to do about a clock that differs from the server's by `ahead` seconds; None if it is near enough."""
    if ahead is None or abs(ahead) < NOTABLE_SKEW:
        return None
    side = "behind" if ahead > 0 else "ahead of"
    return f"set this host's clock: it is {abs(ahead):.0f} seconds {side} the server's"


@contextmanager
def explained(action: str, where: str) -> Iterator[None]:
    """Turn botocore's exceptions into CredentialsError, AccessError or EndpointError that say what was attempted."""
    import botocore.exceptions

    where = f"cannot {action}: {where}"
    try:
        yield
    except botocore.exceptions.ClientError as error:
        answer = error.response.get("Error", {})
        code = str(answer.get("Code", ""))
        # The answer to a HEAD has no body, so botocore makes the code from the status.
        if (not code or code.isdigit()) and not error.operation_name.startswith("Head"):
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            raise EndpointError(
                f"{where}: HTTP {status} without an S3 error code",
                "is it an S3 server? Check endpoint_url and the proxy",
            ) from error
        refused = access_error(_STATUS_CODES.get(code, code), answer.get("Message", "no message"), where)
        if isinstance(refused, CredentialsError):
            refused.hint = clock_hint(clock_ahead(error.response)) or refused.hint
        elif _STATUS_CODES.get(code, code) == "AccessDenied" and error.operation_name in _PERMISSIONS:
            refused.hint = f"grant {_PERMISSIONS[error.operation_name]}"
        raise refused from error
    except (botocore.exceptions.NoCredentialsError, botocore.exceptions.PartialCredentialsError) as error:
        raise CredentialsError(f"{where}: {error}", "give a profile, keys, or an instance role") from error
    except (
        botocore.exceptions.CredentialRetrievalError,
        botocore.exceptions.TokenRetrievalError,
        botocore.exceptions.UnauthorizedSSOTokenError,
    ) as error:
        raise CredentialsError(f"{where}: {error}", "renew the login of the profile") from error
    except botocore.exceptions.SSLError as error:
        raise EndpointError(
            f"{where}: {error}", "name the file of the server's CA in AWS_CA_BUNDLE, and check the host in endpoint_url"
        ) from error
    except (botocore.exceptions.BotoCoreError, OSError) as error:
        reason = _system_reason(error)
        message = f"{where}: {error} ({reason})" if reason else f"{where}: {error}"
        raise EndpointError(message, "check endpoint_url, the network and the server") from error


def require_members(answer: Mapping[str, Any], names: Iterable[str], where: str) -> None:
    """Raise EndpointError if a successful answer has none of the members that an S3 server would send.

    botocore takes any page with status 200 for an empty answer, such as the one of a captive portal.
    """
    if not any(name in answer for name in names):
        raise EndpointError(
            f"{where}: HTTP 200 without an S3 answer", "is it an S3 server? Check endpoint_url and the proxy"
        )


def _system_reason(error: BaseException) -> Optional[str]:
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
    """One bucket on one server. Every method raises CredentialsError or AccessError as `access_error` decides."""

    def __init__(self, connection: Connection, name: str, pool_size: int = 16) -> None:
        self.name = name
        self._where = f"bucket {name!r} at {connection.endpoint_url or 'Amazon S3'}"
        self._client = connection.client("s3", pool_size)
        with self._explained("sign requests"):
            self._heads = HeadRequest(self._client, connection.session(), name, pool_size)
        self._clock_ahead: Optional[float] = None

    @property
    def endpoint_url(self) -> Optional[str]:
        """URL of the server unless it is Amazon's public one; it may also come from the profile or the environment."""
        url = str(self._client.meta.endpoint_url)
        return None if _AMAZON.fullmatch(urlsplit(url).hostname or "") else url

    @property
    def no_answer(self) -> EndpointError:
        """The error for a server that stays silent."""
        return EndpointError(f"{self._where} does not answer", "check endpoint_url, the network and the server")

    @property
    def server_clock_ahead(self) -> float:
        """Seconds by which the server's clock is ahead of ours, from the Date header of the last listing page."""
        return self._clock_ahead or 0.0

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """All objects whose keys begin with `prefix`, in the server's order."""
        with self._explained("list"):
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix):
                self._observe_clock(page)
                for entry in page.get("Contents", ()):
                    yield _stored_object(entry)

    def check(self, prefix: str = "") -> None:
        """One cheap request that proves that endpoint, credentials and bucket answer, and may be listed there."""
        with self._explained(f"list {prefix!r}" if prefix else "list"):
            page = self._client.list_objects_v2(Bucket=self.name, Prefix=prefix, MaxKeys=1)
        require_members(page, ("Name", "IsTruncated", "KeyCount"), self._where)
        self._observe_clock(page)

    def holds_key(self, key: str) -> bool:
        """Whether the listing names exactly this key. Some servers store special names under another key."""
        with self._explained("list"):
            page = self._client.list_objects_v2(Bucket=self.name, Prefix=key, MaxKeys=1)
        return any(entry["Key"] == key for entry in page.get("Contents", ()))

    def head(self, key: str) -> Optional[ObjectHead]:
        """HeadObject with checksums; None if there is no such object."""
        fields = self._heads.send(key)
        return _head_of_fields(fields) if fields and "content-length" in fields else self._head_by_boto3(key)

    def _head_by_boto3(self, key: str) -> Optional[ObjectHead]:
        """The same with boto3's repetitions and explanations, where the short way did not get an answer."""
        import botocore.exceptions

        with self._explained(f"read the header of {key!r}"):
            try:
                answer = self._client.head_object(Bucket=self.name, Key=key, ChecksumMode="ENABLED")
            except botocore.exceptions.ClientError as error:
                if error.response.get("Error", {}).get("Code") in ("404", "NoSuchKey", "NotFound"):
                    return None
                raise
        require_members(answer, ("ContentLength",), f"cannot read the header of {key!r}: {self._where}")
        return _object_head(answer)

    def part_size(self, key: str) -> Optional[int]:
        """Size in bytes of the first part of a multipart object; None if the server does not tell.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html, partNumber
        """
        try:
            with self._explained(f"read the parts of {key!r}"):
                answer = self._client.head_object(Bucket=self.name, Key=key, PartNumber=1)
        except AccessError:
            return None
        return int(answer["ContentLength"]) if answer.get("PartsCount") else None

    def put_probe(self, key: str) -> Optional[str]:
        """Store a small object under `key`; returns the id of its version if the bucket keeps versions."""
        with self._explained(f"write {key!r}"):
            answer = self._client.put_object(Bucket=self.name, Key=key, Body=b"datasync.turbo write probe\n")
        version: Optional[str] = answer.get("VersionId")
        return version

    def delete_probe(self, key: str, version_id: Optional[str] = None) -> None:
        """Delete what `put_probe` stored, for good when its version is known."""
        version = {"VersionId": version_id} if version_id else {}
        with self._explained(f"delete {key!r}"):
            self._client.delete_object(Bucket=self.name, Key=key, **version)

    def open_uploads(self, prefix: str) -> Iterator[OpenUpload]:
        """The multipart uploads under `prefix` that are neither completed nor aborted."""
        with self._explained("list multipart uploads"):
            paginator = self._client.get_paginator("list_multipart_uploads")
            for page in paginator.paginate(Bucket=self.name, Prefix=prefix):
                for entry in page.get("Uploads", ()):
                    yield OpenUpload(entry["Key"], entry["UploadId"], _epoch(entry["Initiated"]))

    def abort_upload(self, upload: OpenUpload) -> None:
        """Abort one multipart upload, so that its parts are no longer stored and billed."""
        with self._explained(f"abort the multipart upload of {upload.key!r}"):
            self._client.abort_multipart_upload(Bucket=self.name, Key=upload.key, UploadId=upload.upload_id)

    def _observe_clock(self, answer: Mapping[str, Any]) -> None:
        ahead = clock_ahead(answer)
        if ahead is not None:
            self._clock_ahead = ahead

    def _explained(self, action: str) -> ContextManager[None]:
        return explained(action, self._where)


def _stored_object(entry: Mapping[str, Any]) -> StoredObject:
    return StoredObject(entry["Key"], entry["Size"], entry.get("ETag", "").strip('"'), _epoch(entry["LastModified"]))


def _epoch(moment: datetime) -> float:
    return moment.timestamp()


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
