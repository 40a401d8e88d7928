# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The checks of an installation: s5cmd and the Python packages, the credentials, the way to the bucket.

They use boto3 as the pipeline does, read only (the write probe must be asked for), and end within seconds.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Callable, NamedTuple

from ..common.commands import find
from ..common.errors import (
    AccessError,
    ConfigurationError,
    CredentialsError,
    DatasyncError,
    EndpointError,
    ExitCode,
    InstallationError,
)
from ..common.threads import ANSWER_DEADLINE, answered
from ..install.binary import Version, find_binary, read_version, require_usable
from ..install.platform import HEADER_SIZE, detect, executable_asset
from ..job.values import bucket_name, key_prefix
from ..s3.bucket import Bucket
from ..s3.connection import Connection
from ..s3.refusals import clock_hint, explained, require_members

INSTALLATION = "installation"
CREDENTIALS = "credentials"
ACCESS = "access"

#: Category -> exit code when one of its checks failed. The first failing category in this order decides.
EXIT_CODES: dict[str, ExitCode] = {
    INSTALLATION: ExitCode.CONFIGURATION,
    CREDENTIALS: ExitCode.CREDENTIALS,
    ACCESS: ExitCode.ACCESS,
}
#: Check -> category, in the order of the report.
CATEGORIES: dict[str, str] = {
    "binary": INSTALLATION,
    "platform": INSTALLATION,
    "runs": INSTALLATION,
    "version": INSTALLATION,
    "boto3": INSTALLATION,
    "awscrt": INSTALLATION,
    "credentials_found": CREDENTIALS,
    "credentials_accepted": CREDENTIALS,
    "endpoint": ACCESS,
    "bucket": ACCESS,
    "write": ACCESS,
    "cleanup": ACCESS,
}

#: The write probe's object is `prefix`, this, and 32 random hexadecimal digits.
PROBE_NAME = ".datasync-turbo-write-probe-"

#: https://reveng.sourceforge.io/crc-catalogue/all.htm#crc.cat.crc-64-nvme
_CRC64NVME_CHECK_VALUE = 0xAE8B14860A799888


@dataclass(frozen=True)
class Request:
    """What to check. Without `bucket` the access checks end at the endpoint; the probe writes only outside `dry_run`.

    `prefix` is empty or ends with a slash.
    """

    connection: Connection = field(default_factory=Connection)
    s5cmd_path: str | None = None
    bucket: str | None = None
    prefix: str = ""
    write_probe: bool = False
    dry_run: bool = False

    @classmethod
    def from_options(cls, options: Mapping[str, Any], dry_run: bool = False) -> Request:
        """Build from the option names of module s5cmd_info. Raises ConfigurationError naming the option."""
        bucket = bucket_name(options["bucket"]) if options.get("bucket") else None
        write_probe = bool(options.get("write_probe"))
        if write_probe and not bucket:
            raise ConfigurationError("write_probe is set without bucket", "give the bucket to write to")
        return cls(
            connection=Connection.from_options(options),
            s5cmd_path=options.get("s5cmd_path") or None,
            bucket=bucket,
            prefix=key_prefix(options.get("prefix") or ""),
            write_probe=write_probe,
            dry_run=dry_run,
        )


@dataclass(frozen=True)
class Check:
    """One check. `ok` is true only if it ran and passed; a passed check with a `hint` deserves attention.

    A check that could not run is not ok either, but it is no cause: `ran` is false and the exit code ignores it.
    """

    name: str
    category: str
    ok: bool
    message: str
    hint: str = ""
    ran: bool = True

    @property
    def failed(self) -> bool:
        """Whether it ran and found a fault."""
        return self.ran and not self.ok

    def as_dict(self) -> dict[str, Any]:
        """The check in the keys that s5cmd_info returns."""
        return {
            "name": self.name,
            "category": self.category,
            "ok": self.ok,
            "message": self.message,
            "hint": self.hint,
        }


@dataclass(frozen=True)
class Report:
    """All checks in the order of CATEGORIES, and which s5cmd was found: its path, and its version as `2.3.0`."""

    checks: tuple[Check, ...]
    s5cmd_path: str | None = None
    s5cmd_version: str | None = None

    @property
    def failures(self) -> list[Check]:
        """The checks that ran and found a fault."""
        return [check for check in self.checks if check.failed]

    @property
    def exit_code(self) -> int:
        """0, or the exit code of the first failing category."""
        failing = {check.category for check in self.failures}
        return int(next((code for category, code in EXIT_CODES.items() if category in failing), ExitCode.OK))

    def as_dict(self) -> dict[str, Any]:
        """The report as plain JSON types, in the keys that s5cmd_info returns."""
        return {
            "exit_code": self.exit_code,
            "checks": [check.as_dict() for check in self.checks],
            "s5cmd_path": self.s5cmd_path,
            "s5cmd_version": self.s5cmd_version,
        }


def run_checks(request: Request) -> Report:
    """Run all checks. Faults are results, so this raises no DatasyncError."""
    return _Examination(request).run()


class _Examination:
    def __init__(self, request: Request) -> None:
        self._request = request
        self._connection = request.connection
        self._endpoint = request.connection.endpoint_url or "Amazon S3"
        self._wanted = [name for name in CATEGORIES if self._is_wanted(name)]
        self._checks: dict[str, Check] = {}
        self._secrets: tuple[str, ...] = ()
        self._path: str | None = None
        self._version: str | None = None

    def _is_wanted(self, name: str) -> bool:
        if name in ("write", "cleanup"):
            return self._request.write_probe
        return name != "bucket" or self._request.bucket is not None

    def run(self) -> Report:
        self._examine_s5cmd()
        if not self._examine_packages():
            self._not_checked("boto3 is missing", "credentials_found")
        elif self._find_credentials():
            self._examine_access()
        # What no stage has closed could not even begin.
        self._not_checked("there are no credentials to try", *self._wanted)
        return Report(tuple(self._checks[name] for name in self._wanted), self._path, self._version)

    def _passed(self, name: str, message: str, hint: str | None = None) -> None:
        self._record(name, True, message, hint)

    def _failed(self, name: str, error: DatasyncError) -> None:
        self._record(name, False, error.message, error.hint)

    def _not_checked(self, reason: str, *names: str, hint: str | None = None) -> None:
        """Close those of the checks that are wanted and still open."""
        for name in names:
            if name in self._wanted and name not in self._checks:
                self._record(name, False, f"not checked: {reason}", hint, ran=False)

    def _record(self, name: str, ok: bool, message: str, hint: str | None, ran: bool = True) -> None:
        # Some servers repeat the access key in their error messages.
        for secret in self._secrets:
            message = message.replace(secret, "********")
        self._checks[name] = Check(name, CATEGORIES[name], ok, message, hint or "", ran)

    def _examine_s5cmd(self) -> None:
        asked = self._request.s5cmd_path or find("s5cmd")
        try:
            binary = find_binary(asked)
        except InstallationError as error:
            self._failed("binary", error)
            self._not_checked("there is no s5cmd to look at", "platform", "runs", "version")
            return
        self._path = binary
        if binary == asked:
            self._passed("binary", binary)
        else:
            hint = "the wrapper does not hand signals on; give this path, or install s5cmd with s5cmd_install"
            self._passed("binary", f"{binary}, which is behind the wrapper script {asked}", hint)
        self._examine_running(binary)

    def _examine_running(self, binary: str) -> None:
        try:
            version = read_version(binary)
        except InstallationError as error:
            self._examine_platform(binary, runs=False)
            self._failed("runs", error)
            self._not_checked("s5cmd does not run", "version")
            return
        self._version = _dotted(version.numbers)
        self._examine_platform(binary, runs=True)
        self._passed("runs", f"s5cmd version prints {version.text}")
        self._examine_version(version)

    def _examine_platform(self, binary: str, runs: bool) -> None:
        try:
            with open(binary, "rb") as file:
                built_for = executable_asset(file.read(HEADER_SIZE))
        except OSError as error:
            self._not_checked(f"{binary!r} cannot be read: {error.strerror}", "platform")
            return
        host, needed = _this_host()
        found = f"built for {built_for}" if built_for else "for no platform that s5cmd is released for"
        if built_for == needed:
            self._passed("platform", f"{found}, as this host needs ({host})")
        elif runs:
            # A 32-bit binary on a 64-bit host, or one that the operating system translates.
            self._passed("platform", f"{found}, this host is {host} and runs it", f"{needed} would be the native build")
        else:
            mismatch = InstallationError(
                f"{binary!r} is {found}, but this host is {host} and needs {needed}",
                "install s5cmd again with s5cmd_install, without its option platform",
            )
            self._failed("platform", mismatch)

    def _examine_version(self, version: Version) -> None:
        try:
            require_usable(version)
        except InstallationError as error:
            self._failed("version", error)
        else:
            self._passed("version", version.text)

    def _examine_packages(self) -> bool:
        """Whether boto3 is there, without which nothing more can be checked."""
        for name, look in (("boto3", _look_at_boto3), ("awscrt", _look_at_awscrt)):
            try:
                self._passed(name, *look())
            except InstallationError as error:
                self._failed(name, error)
        return self._checks["boto3"].ok

    def _find_credentials(self) -> bool:
        late = CredentialsError(
            f"the search for credentials did not end within {ANSWER_DEADLINE:.0f} seconds",
            "check the profile's credential_process or login, and the way to the instance metadata service",
        )
        try:
            found = answered(lambda: _credentials(self._connection), late)
        except DatasyncError as error:
            self._failed("credentials_found", error)
            return False
        self._secrets = found.secrets
        self._passed("credentials_found", found.description)
        return True

    def _examine_access(self) -> None:
        if not self._connection.endpoint_url:
            self._ask_sts()
        if self._refused_credentials():
            return
        if self._request.bucket is None:
            self._examine_server()
        else:
            self._examine_bucket(self._request.bucket)

    def _refused_credentials(self) -> bool:
        """Whether the credentials turned out to be bad, which makes further questions pointless."""
        refused = "credentials_accepted" in self._checks and self._checks["credentials_accepted"].failed
        if refused:
            self._not_checked("the credentials are not accepted", "endpoint", "bucket", "write", "cleanup")
        return refused

    def _ask_sts(self) -> None:
        """Let AWS STS judge the credentials; leaves the check open if it gives no verdict.

        A private network often has a way to S3 but none to STS.
        """
        try:
            identity = answered(lambda: _caller_identity(self._connection), EndpointError("STS does not answer"))
        except CredentialsError as error:
            self._failed("credentials_accepted", error)
        except AccessError:
            pass
        else:
            self._passed("credentials_accepted", f"AWS STS knows them as {identity}")

    def _examine_server(self) -> None:
        """Ask the server for the list of buckets, where no bucket was named."""
        refusal = self._refusal(lambda: _list_buckets(self._connection))
        if self._judge(refusal):
            self._not_checked(
                f"{self._endpoint} answers, but refuses to list buckets, which says nothing about the key",
                "credentials_accepted",
                hint="give the bucket that the credentials are for",
            )

    def _examine_bucket(self, name: str) -> None:
        try:
            with explained("use", self._endpoint):
                bucket = Bucket(self._connection, name)
        except EndpointError as error:
            self._judge(error)
            return
        refusal = self._refusal(lambda: bucket.check(self._request.prefix))
        if not self._judge(refusal, clock_hint(bucket.server_clock_ahead)):
            return
        if refusal is None:
            self._passed("bucket", f"s3://{name}/{self._request.prefix} can be listed")
            self._examine_writing(bucket)
            return
        self._failed("bucket", refusal)
        self._not_checked("the bucket cannot be listed", "write", "cleanup")
        if "credentials_accepted" not in self._checks:
            # Was it the bucket, or the key? Some servers say AccessDenied or NoSuchBucket in both cases.
            self._judge_credentials(self._refusal(lambda: _list_buckets(self._connection)))
            reason = f"{self._endpoint} refuses to list buckets too, so that this may be the key or its rights"
            self._not_checked(reason, "credentials_accepted", hint="check access_key and secret_key")

    def _refusal(self, request: Callable[[], object]) -> DatasyncError | None:
        """Ask the S3 server; None if it does what was asked."""
        late = EndpointError(
            f"{self._endpoint} does not answer within {ANSWER_DEADLINE:.0f} seconds",
            "a firewall may drop the packets: check endpoint_url, its port, and the proxy variables",
        )
        try:
            answered(request, late)
        except DatasyncError as error:
            return error
        return None

    def _judge(self, refusal: DatasyncError | None, hint: str | None = None) -> bool:
        """Read from an answer what it says about endpoint and credentials; False if there is no point in going on."""
        if isinstance(refusal, EndpointError):
            self._failed("endpoint", refusal)
            reason = f"{self._endpoint} gives no S3 answer"
            self._not_checked(reason, "credentials_accepted", "bucket", "write", "cleanup")
            return False
        self._passed("endpoint", f"{self._endpoint} answers", hint)
        self._judge_credentials(refusal)
        return not self._refused_credentials()

    def _judge_credentials(self, refusal: DatasyncError | None) -> None:
        if isinstance(refusal, CredentialsError):
            self._failed("credentials_accepted", refusal)
        elif refusal is None and "credentials_accepted" not in self._checks:
            self._passed("credentials_accepted", f"{self._endpoint} accepts a request signed with them")

    def _examine_writing(self, bucket: Bucket) -> None:
        if not self._request.write_probe:
            return
        if self._request.dry_run:
            self._not_checked("nothing is written in check mode", "write", "cleanup", hint="run it without check mode")
            return
        key = f"{self._request.prefix}{PROBE_NAME}{uuid.uuid4().hex}"
        version_id = None
        try:
            version_id = answered(lambda: bucket.put_probe(key), _late_probe("write", key))
        except DatasyncError as error:
            self._failed("write", error)
        else:
            self._passed("write", f"s3://{bucket.name}/{key} was stored")
        self._clean_up(bucket, key, version_id)

    def _clean_up(self, bucket: Bucket, key: str, version_id: str | None) -> None:
        try:
            # A failed request may have been carried out all the same.
            if not self._checks["write"].ok and not answered(
                lambda: bucket.holds_key(key), _late_probe("look for", key)
            ):
                self._not_checked("nothing was stored", "cleanup")
                return
            answered(lambda: bucket.delete_probe(key, version_id), _late_probe("delete", key))
        except DatasyncError as error:
            remains = AccessError(
                f"the write probe's object s3://{bucket.name}/{key} may still be there: {error.message}",
                "delete it; grant s3:DeleteObject on it, or leave write_probe out (uploads do not need it)",
            )
            self._failed("cleanup", remains)
        else:
            self._passed("cleanup", "the write probe's object was deleted again")


class _Credentials(NamedTuple):
    """What boto3 found: where, in words that may be shown, and the values that may not."""

    description: str
    secrets: tuple[str, ...]


def _credentials(connection: Connection) -> _Credentials:
    session = connection.session()
    import botocore.exceptions

    try:
        credentials = session.get_credentials()
        frozen = credentials.get_frozen_credentials() if credentials else None
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
        raise CredentialsError(
            f"credentials cannot be read: {error}", "check the profile and the files in the user's ~/.aws"
        ) from error
    if frozen is None:
        raise CredentialsError(
            "no credentials were found: not in the options, the environment, the files in ~/.aws, or an instance role",
            "give profile, or access_key and secret_key, or attach an instance role",
        )
    secrets = tuple(value for value in (frozen.access_key, frozen.secret_key, frozen.token) if value)
    return _Credentials(_origin(credentials.method, session.profile_name), secrets)


def _origin(method: str, profile: str) -> str:
    """Where credentials come from, after botocore's name of the method (botocore/credentials.py)."""
    if method == "explicit":
        return "given as access_key and secret_key"
    if method in ("env", "iam-role", "container-role"):
        return f"found by boto3's method {method!r}"
    return f"found by boto3's method {method!r} in profile {profile!r}"


def _caller_identity(connection: Connection) -> str:
    client = connection.client("sts")
    with explained("ask who we are", "AWS STS"):
        arn: str = client.get_caller_identity()["Arn"]
    return arn


def _list_buckets(connection: Connection) -> None:
    where = connection.endpoint_url or "Amazon S3"
    with explained("list the buckets", where):
        answer = connection.client("s3").list_buckets()
    require_members(answer, ("Buckets", "Owner"), where)


def _late_probe(action: str, key: str) -> EndpointError:
    return EndpointError(
        f"cannot {action} {key!r}: no answer within {ANSWER_DEADLINE:.0f} seconds", "check the server and the network"
    )


def _this_host() -> tuple[str, str]:
    """This host as uname names it, and the release asset that it needs, both for messages."""
    uname = os.uname()
    host = f"{uname.sysname} {uname.machine}"
    try:
        return host, detect().asset
    except ConfigurationError:
        return host, "a build of its own"


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(str(number) for number in version)


def _look_at_boto3() -> tuple[str, str | None]:
    """boto3's version, and a hint if it is old."""
    try:
        import boto3
        import botocore.session
    except ImportError as error:
        raise InstallationError(
            f"the Python package boto3 cannot be imported: {error}",
            "use the environment that the role uploader makes, or install boto3",
        ) from error
    s3 = botocore.session.Session().get_service_model("s3")
    if "ChecksumCRC64NVME" in s3.operation_model("HeadObject").output_shape.members:
        return f"boto3 {boto3.__version__}", None
    return f"boto3 {boto3.__version__} cannot read CRC64NVME", "use the environment that the role uploader makes"


def _look_at_awscrt() -> tuple[str, str | None]:
    """awscrt's version, after a look that it computes CRC64NVME right."""
    try:
        import awscrt
        from awscrt.checksums import crc64nvme
    except ImportError as error:
        raise InstallationError(
            f"the Python package awscrt cannot be used for CRC64NVME: {error}",
            "use the environment that the role uploader makes, or install a recent awscrt",
        ) from error
    if crc64nvme(b"123456789") != _CRC64NVME_CHECK_VALUE:
        raise InstallationError(
            f"the Python package awscrt {awscrt.__version__} computes a wrong CRC64NVME",
            "install another release of it",
        )
    return f"awscrt {awscrt.__version__}", None
