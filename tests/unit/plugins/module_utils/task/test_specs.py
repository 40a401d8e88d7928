# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The argument specifications name every option, and hide what is secret."""

from __future__ import annotations

from ansible_collections.datasync.turbo.plugins.module_utils.s3.connection import Connection
from ansible_collections.datasync.turbo.plugins.module_utils.task.specs import connection_argument_spec


def test_every_option_of_a_connection_is_in_the_argument_spec():
    assert set(connection_argument_spec()) == set(Connection.__dataclass_fields__)


def test_secrets_are_hidden_by_ansible():
    spec = connection_argument_spec()
    hidden = {name for name in spec if spec[name].get("no_log")}
    assert hidden == {"access_key", "secret_key", "session_token"}
