# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What the errors of S3 mean: each failure of a request as an error that says what was attempted, why it failed and
what to do.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ..common.errors import AccessError, CredentialsError, DatasyncError, EndpointError

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


def clock_ahead(answer: Mapping[str, Any]) -> float | None:
    """Seconds by which the server's clock is ahead of ours, from the Date header of a botocore answer."""
    return date_ahead(answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date"))


def date_ahead(date: str | None) -> float | None:
    """The same from the text of a Date header; None where it is missing or unreadable."""
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
    elif code == "AccessDenied":
        refused.hint = permission_hint(error.operation_name) or refused.hint
    return refused


def permission_hint(operation: str) -> str | None:
    """Which permission to grant to the sender of a request such as `PutObject`; None for one that is not ours."""
    return f"grant {_PERMISSIONS[operation]}" if operation in _PERMISSIONS else None


def require_members(answer: Mapping[str, Any], names: Iterable[str], where: str) -> None:
    """Raise EndpointError if a successful answer has none of the members that an S3 server would send.

    botocore takes any page with status 200 for an empty answer, such as the one of a captive portal.
    """
    if not any(name in answer for name in names):
        raise no_s3_answer(where)


def no_s3_answer(where: str) -> EndpointError:
    """The error for an answer with status 200 that no S3 server sends."""
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


def code_of(error: DatasyncError) -> str:
    """The S3 error code behind an error that `explained` raised; empty if there was no S3 answer."""
    return str(getattr(error.__cause__, "response", {}).get("Error", {}).get("Code", ""))
