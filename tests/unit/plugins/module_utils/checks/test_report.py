# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The report of the checks, what decides its exit code, and what is asked for."""

from __future__ import annotations

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.checks.report import (
    CATEGORIES,
    Check,
    Checklist,
    CheckRequest,
    Report,
)
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import AccessError, ConfigurationError
from hypothesis import given
from hypothesis import strategies as st


class TestReport:
    #: A check for each name: 'passed', 'failed' or 'not checked'.
    outcomes = st.fixed_dictionaries(
        {name: st.sampled_from(["passed", "failed", "not checked"]) for name in CATEGORIES}
    )

    @staticmethod
    def report(outcomes):
        return Report(
            tuple(
                Check(name, category, outcomes[name] == "passed", "", ran=outcomes[name] != "not checked")
                for name, category in CATEGORIES.items()
            )
        )

    @given(outcomes)
    def test_the_first_failing_category_decides_the_exit_code(self, outcomes):
        failing = [CATEGORIES[name] for name, outcome in outcomes.items() if outcome == "failed"]
        codes = [("installation", "credentials", "access").index(category) + 1 for category in failing]
        assert self.report(outcomes).exit_code == min(codes, default=0)

    @given(outcomes)
    def test_what_was_not_checked_never_changes_the_exit_code(self, outcomes):
        without = {name: "passed" if outcome == "not checked" else outcome for name, outcome in outcomes.items()}
        assert self.report(outcomes).exit_code == self.report(without).exit_code

    @given(outcomes)
    def test_ok_means_checked_and_good(self, outcomes):
        for check in self.report(outcomes).as_dict()["checks"]:
            assert check["ok"] is (outcomes[check["name"]] == "passed")

    def test_has_exactly_the_documented_keys(self):
        report = Report(
            (Check("binary", "installation", True, "/usr/local/bin/s5cmd"),), "/usr/local/bin/s5cmd", "2.3.0"
        )
        assert report.as_dict() == {
            "exit_code": 0,
            "checks": [
                {
                    "name": "binary",
                    "category": "installation",
                    "ok": True,
                    "message": "/usr/local/bin/s5cmd",
                    "hint": "",
                }
            ],
            "s5cmd_path": "/usr/local/bin/s5cmd",
            "s5cmd_version": "2.3.0",
        }


class TestRequest:
    def test_takes_the_options_of_the_module(self):
        request = CheckRequest.from_options(
            {
                "bucket": "archive",
                "prefix": "/studio-1/day",
                "s5cmd_path": "/opt/s5cmd",
                "access_key": "A",
                "secret_key": "B",
            }
        )
        assert (request.bucket, request.prefix, request.s5cmd_path) == ("archive", "studio-1/day/", "/opt/s5cmd")
        assert request.connection.access_key == "A"
        assert not request.write_probe

    @pytest.mark.parametrize(
        ("options", "name"),
        [
            ({"write_probe": True}, "write_probe"),
            ({"bucket": "s3://archive/x"}, "bucket"),
            ({"bucket": "archive", "prefix": "a//b"}, "prefix"),
            ({"access_key": "A"}, "secret_key"),
            ({"endpoint_url": "s3.example.org"}, "endpoint_url"),
            ({"endpoint_url": "http://host:99999"}, "endpoint_url"),
            ({"endpoint_url": "http://under_score"}, "endpoint_url"),
            ({"region": "not a region"}, "region"),
        ],
    )
    def test_refuses_what_cannot_work_and_names_the_option(self, options, name):
        with pytest.raises(ConfigurationError, match=name):
            CheckRequest.from_options(options)

    def test_its_text_shows_no_secret(self):
        request = CheckRequest.from_options(
            {"access_key": "AKIAEXAMPLE", "secret_key": "verysecret", "session_token": "tok"}
        )
        assert not any(secret in repr(request) for secret in ("AKIAEXAMPLE", "verysecret", "tok'"))


class TestChecklist:
    def test_what_is_closed_is_in_the_report_in_the_order_that_was_asked_for(self):
        checks = Checklist(["binary", "boto3", "bucket"])
        checks.failed("bucket", AccessError("no such bucket", "check its name"))
        checks.passed("binary", "/opt/s5cmd")
        checks.rest_not_checked("there was no time")
        assert checks.report("/opt/s5cmd", "2.3.0") == Report(
            (
                Check("binary", "installation", True, "/opt/s5cmd"),
                Check("boto3", "installation", False, "not checked: there was no time", ran=False),
                Check("bucket", "access", False, "no such bucket", "check its name"),
            ),
            "/opt/s5cmd",
            "2.3.0",
        )

    def test_what_is_closed_or_not_wanted_is_not_closed_again(self):
        checks = Checklist(["bucket"])
        checks.passed("bucket", "can be listed")
        checks.not_checked("too late", "bucket", "write")
        assert [check.message for check in checks.report(None, None).checks] == ["can be listed"]

    def test_a_check_is_open_good_or_a_fault(self):
        checks = Checklist(list(CATEGORIES))
        assert (checks.is_ok("boto3"), checks.has_failed("boto3")) == (None, False)
        checks.passed("boto3", "boto3 1.2.3")
        checks.failed("awscrt", AccessError("broken"))
        checks.not_checked("there is no binary", "version")
        assert [checks.is_ok(name) for name in ("boto3", "awscrt", "version")] == [True, False, False]
        assert [checks.has_failed(name) for name in ("boto3", "awscrt", "version")] == [False, True, False]

    def test_no_message_shows_a_secret(self):
        checks = Checklist(["bucket"])
        checks.secrets = ("AKIAEXAMPLE",)
        checks.failed("bucket", AccessError("InvalidAccessKeyId: AKIAEXAMPLE is not known"))
        assert "AKIAEXAMPLE" not in checks.report(None, None).checks[0].message
