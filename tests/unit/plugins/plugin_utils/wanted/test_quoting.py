# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Paths in the files of systemd and logrotate, as systemd 247, 252 and 257 were seen to read them."""

from __future__ import annotations

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError
from ansible_collections.datasync.turbo.plugins.plugin_utils.wanted.quoting import logrotate_path, path_line, path_word


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("/srv/outbox-1.d", "/srv/outbox-1.d"),
        ("/srv/my files", '"/srv/my files"'),
        ("/srv/100%", '"/srv/100%%"'),
        ('/srv/a "b"', '"/srv/a \\"b\\""'),
        ("/srv/it's", '"/srv/it\'s"'),
        ("/srv/back\\slash\\", '"/srv/back\\\\slash\\\\"'),
        ("/srv/$HOME;#", '"/srv/$HOME;#"'),
        ("/srv/büro", '"/srv/büro"'),
    ],
)
def test_a_path_is_one_word(path: str, word: str) -> None:
    assert path_word(path) == word


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("/srv/outbox", "/srv/outbox/"),
        ("/srv/my files ", "/srv/my files /"),
        ("/srv/100%", "/srv/100%%/"),
        ('/srv/a "b" \\', '/srv/a "b" \\/'),
        ("/", "/"),
    ],
)
def test_a_path_is_a_whole_line(path: str, line: str) -> None:
    assert path_line(path) == line


def test_logrotate_gets_quotes_and_keeps_its_star() -> None:
    assert logrotate_path("/var/log/my logs/*.log") == '"/var/log/my logs/*.log"'


@pytest.mark.parametrize("path", ['/var/log/a".log', "/var/log/it's.log", "/var/log/a\\.log", "/var/log/[a].log"])
def test_what_logrotate_would_misread_is_refused(path: str) -> None:
    with pytest.raises(ConfigurationError, match="logrotate cannot rotate"):
        logrotate_path(path)
