# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What an audit may be asked for."""

from __future__ import annotations

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.audit.request import SOURCES, AuditRequest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError


@pytest.mark.parametrize("source", SOURCES)
def test_each_source_can_be_asked_for_and_nothing_is_copied_unless_that_is(source):
    request = AuditRequest(source, "SHA256SUMS" if source == "manifest" else None)
    assert not request.copies


@pytest.mark.parametrize(
    ("attach", "dry_run", "copies"), [(True, False, True), (True, True, False), (False, False, False)]
)
def test_objects_are_copied_only_to_attach_and_not_in_a_dry_run(attach, dry_run, copies):
    assert AuditRequest(attach_sha256=attach, dry_run=dry_run).copies is copies


@pytest.mark.parametrize(
    "values",
    [
        {"source": "disk"},
        {"source": "manifest"},
        {"manifest": "x"},
        {"limit": -1},
        {"source": "state", "manifest": "x"},
    ],
)
def test_a_request_that_contradicts_itself_is_refused(values):
    with pytest.raises(ConfigurationError):
        AuditRequest(**values)
