# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Six hosts shared the work, and a deployment that one of them could not do stopped there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Callable

LOGROTATE = "/etc/logrotate.d/datasync-turbo"
#: What the broken deployment reached: the first batch, and the host beside the one that failed.
DEPLOYED_ANEW = {"fleet1", "fleet2", "fleet3"}


def test_the_hosts_shared_the_folder(stored: Callable[[str], dict[str, bytes]], host: Any) -> None:
    assert stored("shared/") == {f"shared/{number:02d}.txt": f"file {number}\n".encode() for number in range(24)}
    history = host.file("/var/lib/datasync-turbo/results/outbox.history.jsonl").content_string.splitlines()
    assert len(history) == 1, "each host uploaded once"


def test_the_host_that_failed_was_put_back_and_those_after_it_were_not_touched(host: Any) -> None:
    name = host.backend.get_hostname()
    kept = "rotate 7" if name in DEPLOYED_ANEW else "rotate 30"
    assert kept in host.file(LOGROTATE).content_string
    assert "no-such-bucket" not in host.check_output("cat /etc/datasync-turbo/jobs/outbox.env")


def test_the_message_names_host_and_reason() -> None:
    log = (Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "broken.log").read_text("utf-8")
    text = " ".join(log.split())
    for words in ("fleet4: job outbox", "no-such-bucket", "put back as it was"):
        assert words in text, text
    recap = log.partition("PLAY RECAP")[2]
    assert "fleet4" in recap
    assert "fleet5" not in recap, "the batch after the failure was not begun"
