# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What the checks ask boto3, this host and the Python packages."""

from __future__ import annotations

import os
import struct
import sys
import types

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.checks import probes
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import CredentialsError, InstallationError
from ansible_collections.datasync.turbo.plugins.module_utils.s3.connection import Connection


@pytest.fixture
def no_aws_configuration(monkeypatch, tmp_path):
    """No file or variable of this machine may decide a test."""
    for name in os.environ:
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


@pytest.mark.usefixtures("no_aws_configuration")
def test_keys_that_are_given_are_said_to_be_and_are_secrets():
    found = probes.credentials(Connection(access_key="AKIDEXAMPLE", secret_key="wJalr", session_token="token"))
    assert found == ("given as access_key and secret_key", ("AKIDEXAMPLE", "wJalr", "token"))


@pytest.mark.usefixtures("no_aws_configuration")
def test_keys_of_a_profile_are_found_with_its_name(tmp_path):
    (tmp_path / "credentials").write_text("[studio]\naws_access_key_id = AKID\naws_secret_access_key = wJalr\n")
    found = probes.credentials(Connection(profile="studio"))
    assert found.description == "found by boto3's method 'shared-credentials-file' in profile 'studio'"
    assert found.secrets == ("AKID", "wJalr")


@pytest.mark.usefixtures("no_aws_configuration")
def test_where_nothing_is_found_the_places_that_were_searched_are_named():
    with pytest.raises(CredentialsError, match=r"~/\.aws") as raised:
        probes.credentials(Connection())
    assert "instance role" in raised.value.hint


def test_a_host_is_named_with_the_release_that_it_needs(monkeypatch):
    monkeypatch.setattr(os, "uname", lambda: os.uname_result(("Linux", "here", "1", "1", "aarch64")))
    monkeypatch.setattr(struct, "calcsize", lambda form: 8)
    assert probes.this_host() == ("Linux aarch64", "Linux-arm64")


def test_a_host_without_a_release_needs_a_build_of_its_own(monkeypatch):
    monkeypatch.setattr(os, "uname", lambda: os.uname_result(("SunOS", "here", "1", "1", "sun4v")))
    assert probes.this_host() == ("SunOS sun4v", "a build of its own")


def test_the_packages_of_this_environment_pass():
    assert probes.look_at_boto3()[0].startswith("boto3 1.")
    assert probes.look_at_awscrt()[0].startswith("awscrt ")


def test_a_package_that_is_missing_is_named_with_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "awscrt", None)
    with pytest.raises(InstallationError, match="awscrt cannot be used") as raised:
        probes.look_at_awscrt()
    assert "role uploader" in raised.value.hint


def test_a_package_that_computes_wrong_checksums_is_found_out(monkeypatch):
    broken = types.ModuleType("awscrt.checksums")
    broken.crc64nvme = lambda data: 1
    monkeypatch.setitem(sys.modules, "awscrt.checksums", broken)
    with pytest.raises(InstallationError, match="computes a wrong CRC64NVME"):
        probes.look_at_awscrt()
