# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Secrets of a job reach the files that are meant for them and nothing else: no output, no journal, no log, no unit."""

from __future__ import annotations

import pytest

from tests.fleet.bed import Bed
from tests.fleet.playbook import deployment, job_for

BUCKET = "secrets"
#: Only in files of mode 0600, and in what only root may enter.
ALLOWED = "/etc/datasync-turbo/jobs/outbox.env /etc/datasync-turbo/credentials/outbox /opt/datasync-turbo/generations"
NOTE = "note-that-nobody-may-read"
pytestmark = pytest.mark.timeout(600)


def test_secrets_are_in_files_of_their_own_and_nowhere_else(bed: Bed) -> None:
    s3 = bed.start_s3(BUCKET)
    host = bed.host("secrets1", "bookworm")
    try:
        host.write("/srv/outbox/a.txt", "a")
        job = job_for(s3, BUCKET, settings={"S3_METADATA": f"note={NOTE}"})
        run = deployment(bed, host, job).run("--diff", "-vvv")
        assert run.returncode == 0, run.output
        host.run("systemctl", "start", "datasync-turbo@outbox.service")
        for secret in (s3.secret_key, NOTE):
            assert secret not in run.output
            assert secret not in host.shell("journalctl --boot --no-pager --output=export")
            where = host.shell(f"grep -rlF -e '{secret}' /etc /opt /var /usr/local /tmp /run 2>/dev/null || :").split()
            assert where, "the host has the secret"
            elsewhere = [path for path in where if not path.startswith(tuple(ALLOWED.split()))]
            assert elsewhere == []
            for path in where:
                assert host.shell(f"stat -c %a '{path}'").strip() == "600"
    finally:
        host.remove()
