# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The checks of an installation: s5cmd and the Python packages, the credentials, the way to the bucket.

They use boto3 as the pipeline does, read only (the write probe must be asked for), and end within seconds.
"""

from __future__ import annotations

import uuid
from typing import Callable

from ..common.commands import find
from ..common.errors import AccessError, CredentialsError, DatasyncError, EndpointError, InstallationError
from ..common.threads import ANSWER_DEADLINE, answered
from ..install.binary import Version, find_binary, read_version, require_usable
from ..install.platform import HEADER_SIZE, executable_asset
from ..s3.bucket import Bucket
from ..s3.refusals import clock_hint, explained
from . import probes
from .report import CATEGORIES, Checklist, CheckRequest, Report

#: The write probe's object is `prefix`, this, and 32 random hexadecimal digits.
PROBE_NAME = ".datasync-turbo-write-probe-"


def run_checks(request: CheckRequest) -> Report:
    """Run all checks. Faults are results, so this raises no DatasyncError."""
    return _Examination(request).run()


class _Examination:
    def __init__(self, request: CheckRequest) -> None:
        self._request = request
        self._connection = request.connection
        self._endpoint = request.connection.endpoint_url or "Amazon S3"
        self._checks = Checklist([name for name in CATEGORIES if self._is_wanted(name)])
        self._path: str | None = None
        self._version: str | None = None

    def _is_wanted(self, name: str) -> bool:
        if name in ("write", "cleanup"):
            return self._request.write_probe
        return name != "bucket" or self._request.bucket is not None

    def run(self) -> Report:
        self._examine_s5cmd()
        if not self._examine_packages():
            self._checks.not_checked("boto3 is missing", "credentials_found")
        elif self._find_credentials():
            self._examine_access()
        # What no stage has closed could not even begin.
        self._checks.rest_not_checked("there are no credentials to try")
        return self._checks.report(self._path, self._version)

    def _examine_s5cmd(self) -> None:
        asked = self._request.s5cmd_path or find("s5cmd")
        try:
            binary = find_binary(asked)
        except InstallationError as error:
            self._checks.failed("binary", error)
            self._checks.not_checked("there is no s5cmd to look at", "platform", "runs", "version")
            return
        self._path = binary
        if binary == asked:
            self._checks.passed("binary", binary)
        else:
            hint = "the wrapper does not hand signals on; give this path, or install s5cmd with s5cmd_install"
            self._checks.passed("binary", f"{binary}, which is behind the wrapper script {asked}", hint)
        self._examine_running(binary)

    def _examine_running(self, binary: str) -> None:
        try:
            version = read_version(binary)
        except InstallationError as error:
            self._examine_platform(binary, runs=False)
            self._checks.failed("runs", error)
            self._checks.not_checked("s5cmd does not run", "version")
            return
        self._version = probes.dotted(version.numbers)
        self._examine_platform(binary, runs=True)
        self._checks.passed("runs", f"s5cmd version prints {version.text}")
        self._examine_version(version)

    def _examine_platform(self, binary: str, runs: bool) -> None:
        try:
            with open(binary, "rb") as file:
                built_for = executable_asset(file.read(HEADER_SIZE))
        except OSError as error:
            self._checks.not_checked(f"{binary!r} cannot be read: {error.strerror}", "platform")
            return
        host, needed = probes.this_host()
        found = f"built for {built_for}" if built_for else "for no platform that s5cmd is released for"
        if built_for == needed:
            self._checks.passed("platform", f"{found}, as this host needs ({host})")
        elif runs:
            # A 32-bit binary on a 64-bit host, or one that the operating system translates.
            self._checks.passed(
                "platform", f"{found}, this host is {host} and runs it", f"{needed} would be the native build"
            )
        else:
            mismatch = InstallationError(
                f"{binary!r} is {found}, but this host is {host} and needs {needed}",
                "install s5cmd again with s5cmd_install, without its option platform",
            )
            self._checks.failed("platform", mismatch)

    def _examine_version(self, version: Version) -> None:
        try:
            require_usable(version)
        except InstallationError as error:
            self._checks.failed("version", error)
        else:
            self._checks.passed("version", version.text)

    def _examine_packages(self) -> bool:
        """Whether boto3 is there, without which nothing more can be checked."""
        for name, look in (("boto3", probes.look_at_boto3), ("awscrt", probes.look_at_awscrt)):
            try:
                self._checks.passed(name, *look())
            except InstallationError as error:
                self._checks.failed(name, error)
        return bool(self._checks.is_ok("boto3"))

    def _find_credentials(self) -> bool:
        late = CredentialsError(
            f"the search for credentials did not end within {ANSWER_DEADLINE:.0f} seconds",
            "check the profile's credential_process or login, and the way to the instance metadata service",
        )
        try:
            found = answered(lambda: probes.credentials(self._connection), late)
        except DatasyncError as error:
            self._checks.failed("credentials_found", error)
            return False
        self._checks.secrets = found.secrets
        self._checks.passed("credentials_found", found.description)
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
        refused = self._checks.has_failed("credentials_accepted")
        if refused:
            self._checks.not_checked("the credentials are not accepted", "endpoint", "bucket", "write", "cleanup")
        return refused

    def _ask_sts(self) -> None:
        """Let AWS STS judge the credentials; leaves the check open if it gives no verdict.

        A private network often has a way to S3 but none to STS.
        """
        try:
            identity = answered(lambda: probes.caller_identity(self._connection), EndpointError("STS does not answer"))
        except CredentialsError as error:
            self._checks.failed("credentials_accepted", error)
        except AccessError:
            pass
        else:
            self._checks.passed("credentials_accepted", f"AWS STS knows them as {identity}")

    def _examine_server(self) -> None:
        """Ask the server for the list of buckets, where no bucket was named."""
        refusal = self._refusal(lambda: probes.list_buckets(self._connection))
        if self._judge(refusal):
            self._checks.not_checked(
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
            self._checks.passed("bucket", f"s3://{name}/{self._request.prefix} can be listed")
            self._examine_writing(bucket)
            return
        self._checks.failed("bucket", refusal)
        self._checks.not_checked("the bucket cannot be listed", "write", "cleanup")
        if self._checks.is_ok("credentials_accepted") is None:
            # Was it the bucket, or the key? Some servers say AccessDenied or NoSuchBucket in both cases.
            self._judge_credentials(self._refusal(lambda: probes.list_buckets(self._connection)))
            reason = f"{self._endpoint} refuses to list buckets too, so that this may be the key or its rights"
            self._checks.not_checked(reason, "credentials_accepted", hint="check access_key and secret_key")

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
            self._checks.failed("endpoint", refusal)
            reason = f"{self._endpoint} gives no S3 answer"
            self._checks.not_checked(reason, "credentials_accepted", "bucket", "write", "cleanup")
            return False
        self._checks.passed("endpoint", f"{self._endpoint} answers", hint)
        self._judge_credentials(refusal)
        return not self._refused_credentials()

    def _judge_credentials(self, refusal: DatasyncError | None) -> None:
        if isinstance(refusal, CredentialsError):
            self._checks.failed("credentials_accepted", refusal)
        elif refusal is None and self._checks.is_ok("credentials_accepted") is None:
            self._checks.passed("credentials_accepted", f"{self._endpoint} accepts a request signed with them")

    def _examine_writing(self, bucket: Bucket) -> None:
        if not self._request.write_probe:
            return
        if self._request.dry_run:
            self._checks.not_checked(
                "nothing is written in check mode", "write", "cleanup", hint="run it without check mode"
            )
            return
        key = f"{self._request.prefix}{PROBE_NAME}{uuid.uuid4().hex}"
        version_id = None
        try:
            version_id = answered(lambda: bucket.put_probe(key), _late_probe("write", key))
        except DatasyncError as error:
            self._checks.failed("write", error)
        else:
            self._checks.passed("write", f"s3://{bucket.name}/{key} was stored")
        self._clean_up(bucket, key, version_id)

    def _clean_up(self, bucket: Bucket, key: str, version_id: str | None) -> None:
        try:
            # A failed request may have been carried out all the same.
            if not self._checks.is_ok("write") and not answered(
                lambda: bucket.holds_key(key), _late_probe("look for", key)
            ):
                self._checks.not_checked("nothing was stored", "cleanup")
                return
            answered(lambda: bucket.delete_probe(key, version_id), _late_probe("delete", key))
        except DatasyncError as error:
            remains = AccessError(
                f"the write probe's object s3://{bucket.name}/{key} may still be there: {error.message}",
                "delete it; grant s3:DeleteObject on it, or leave write_probe out (uploads do not need it)",
            )
            self._checks.failed("cleanup", remains)
        else:
            self._checks.passed("cleanup", "the write probe's object was deleted again")


def _late_probe(action: str, key: str) -> EndpointError:
    return EndpointError(
        f"cannot {action} {key!r}: no answer within {ANSWER_DEADLINE:.0f} seconds", "check the server and the network"
    )
