# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""s5cmd as an engine."""

from __future__ import annotations

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import CredentialsError
from ansible_collections.datasync.turbo.plugins.module_utils.s3.connection import Connection


def test_without_credentials_nothing_can_be_sent(rounds, stand_in, monkeypatch):
    """Known when the sender is made, before the run writes down what it is about to store."""

    def none(self):
        raise CredentialsError("no credentials were found")

    monkeypatch.setattr(Connection, "credentials", none)
    with pytest.raises(CredentialsError, match="no credentials were found"):
        rounds(stand_in("store_all()"))
