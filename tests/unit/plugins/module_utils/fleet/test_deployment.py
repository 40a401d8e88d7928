# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Deployments as a whole, on a host below a temporary folder: real environments, a real program, real locks."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import pwd
import py_compile
import resource
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import (
    ConfigurationError,
    InstallationError,
    LockedError,
)
from ansible_collections.datasync.turbo.plugins.module_utils.fleet import apply as host_apply
from ansible_collections.datasync.turbo.plugins.module_utils.fleet import deployment, environment, removal
from ansible_collections.datasync.turbo.plugins.module_utils.fleet import running as running_jobs
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.deployment import (
    deploy,
    go_to,
    numbered,
    remove,
)
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.generation import (
    ManagedFile,
    ManagedFolder,
    SourceCheck,
    Wanted,
)
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.program import is_whole
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.request import DeployRequest
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.store import GenerationStore
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.host_tree import listing
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.jobs_on_hosts import job_on_host
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.recorded_services import RecordedSystemd
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.small_payload import (
    PROGRAM,
    make_payload,
    program_archive,
)

ME = pwd.getpwuid(os.geteuid()).pw_name
NOBODY = "no-such-user-here"
HOLDER = (
    "import fcntl, os, sys\n"
    "file = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)\n"
    "fcntl.flock(file, fcntl.LOCK_EX)\n"
    "print('held', flush=True)\n"
    "sys.stdin.read()\n"
)


class Host:
    """A host below a folder; what the controller has lies beside it."""

    def __init__(self, folder, systemd):
        self.root = folder / "host"
        self.store = GenerationStore(self.root / "opt")
        self.systemd = systemd
        self._controller = folder
        for path in (self.root / "systemd", self.root / "srv"):
            path.mkdir(parents=True)

    def wanted(self, **jobs):
        """Jobs by name, each with a line of its config."""
        wanted = Wanted(folders=(ManagedFolder(str(self.root / "jobs"), "0750"), ManagedFolder(str(self.root / "log"))))
        for name, line in jobs.items():
            config = ManagedFile(str(self.root / "jobs" / f"{name}.env"), f"{line}\n", "0600", check="config")
            timer = ManagedFile(str(self.root / "systemd" / f"datasync-turbo@{name}.timer"), f"[Timer]\n# {line}\n")
            job = job_on_host(self.root, name, config=config.path, service="", source=str(self.root / "srv"))
            wanted = replace(
                wanted,
                files=(*wanted.files, config, timer),
                units=(*wanted.units, Path(timer.path).name),
                sources=(*wanted.sources, SourceCheck(name, "uploader_jobs", str(self.root / "srv"))),
                jobs=(*wanted.jobs, job),
            )
        return wanted

    def request(self, program=PROGRAM, requirements="awscrt==0.1\n", payload=True, options=(), **jobs):
        """What the role asks for; with `payload` the controller has brought what may be missing."""
        path = self._controller / f"payload-{len(program)}.zip"
        sha256 = make_payload(path, program)
        values = {
            "root": self.store.root,
            "state_dir": str(self.root / "state"),
            "user": ME,
            "python": sys.executable,
            "delivery": "controller",
            "s5cmd": (str(self.root / "bin"), str(self.root / "s5cmd")),
            "wanted": self.wanted(**jobs),
            "requirements": requirements,
            "program_sha256": sha256,
            "collection_version": "0.3.0",
            "payload": path if payload else None,
        }
        return DeployRequest(**{**values, **dict(options)})

    def deploy(self, **options):
        return deploy(self.request(**options))

    def go_back(self, check_mode=False, **options):
        return go_to(self.request(payload=False, options=options), deployment.parent_of, check_mode)

    def heal(self, **options):
        return go_to(self.request(payload=False, options=options), lambda store, current: current)

    def state(self):
        """All that can be seen, but for the empty folders and the lock that the first deployment leaves."""
        tree = listing(self.root)
        names = ("bin", "generations", "generations/.lock", "environments", "programs")
        bones = {"opt", *(f"opt/{name}" for name in names)}
        return {path: entry for path, entry in tree.items() if path not in bones}, self.systemd.state()

    def in_use(self):
        """The same without the records of generations, so as to compare what they make of a host."""
        tree, services = self.state()
        return {path: entry for path, entry in tree.items() if not path.startswith("opt/generations/")}, services


@pytest.fixture(scope="module")
def bare_environment(tmp_path_factory):
    """What `venv` makes; to copy it takes a tenth of the time. That it is made right: test_environment."""
    folder = tmp_path_factory.mktemp("bare") / "environment"
    environment._make_venv(folder, environment.find_python(sys.executable), with_pip=False)
    return folder


@pytest.fixture
def host(tmp_path, monkeypatch, bare_environment):
    def copy(folder, python, with_pip):
        shutil.copytree(bare_environment, folder, symlinks=True)

    python = environment.find_python(sys.executable)
    monkeypatch.setattr(environment, "_make_venv", copy)
    monkeypatch.setattr(deployment, "find_python", lambda command: python)
    systemd = RecordedSystemd(tmp_path / "host" / "systemd")
    for module in (host_apply, removal):
        monkeypatch.setattr(module, "Systemd", lambda: systemd)
    monkeypatch.setattr(removal, "UNIT_FOLDER", f"{tmp_path}/host/systemd/")
    return Host(tmp_path, systemd)


def words(outcome, host):
    return [text.replace(f"{host.root}/", "") for text in outcome.result()["changes"]]


@contextlib.contextmanager
def running(host, name):
    """A run of a job that goes on in another process."""
    command = [sys.executable, "-I", "-S", "-c", HOLDER, str(host.root / f"{name}.lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout.readline() == b"held\n"
            yield process
        finally:
            process.kill()


# From bare to deployed


def test_a_bare_host_says_what_it_lacks_and_stays_bare(host):
    before = listing(host.root)
    outcome = deploy(host.request(payload=False, outbox="BUCKET=b"))
    assert outcome.needs == ["packages", "program"]
    assert outcome.result()["python"]["version"] == "{}.{}.{}".format(*sys.version_info)
    assert listing(host.root) == before


def test_a_host_without_the_service_user_needs_the_user_first(host):
    before = listing(host.root)
    outcome = deploy(host.request(options={"user": NOBODY}, outbox="BUCKET=b"))
    assert outcome.needs == ["user"]
    assert words(outcome, host)[0] == f"create user {NOBODY}"
    assert listing(host.root) == before


def test_with_what_it_lacked_the_host_is_deployed(host):
    outcome = host.deploy(outbox="BUCKET=b")
    result = outcome.result()
    environment = result["versions"]["environment"]
    assert words(outcome, host) == [
        f"make environment opt/environments/{environment}",
        f"install program opt/programs/{outcome.generation.program}/datasync-turbo",
        "create opt",
        "create opt/bin",
        "create jobs",
        "create log",
        "create jobs/outbox.env",
        "create systemd/datasync-turbo@outbox.timer",
        "create opt/bin/datasync-turbo",
        "link opt/venv",
        "start datasync-turbo@outbox.timer",
    ]
    assert (result["generation"], result["previous_generation"], result["needs"]) == (1, None, [])
    assert result["versions"]["program"] == "0.3.0"
    assert json.loads(json.dumps(result)) == {**result, "python": json.loads(json.dumps(result["python"]))}
    done = subprocess.run([host.store.command, "sync", "now"], capture_output=True, text=True, check=True)
    assert done.stdout == "ran sync now\n"
    assert set(host.systemd.active) == {"datasync-turbo@outbox.timer"}


def test_nobody_needs_more_than_to_read_it_whatever_the_umask_is(host):
    before = os.umask(0o077)
    try:
        host.deploy(outbox="BUCKET=b")
    finally:
        os.umask(before)
    tree = listing(host.root)
    closed = {path for path, (kind, mode, _text) in tree.items() if kind != "link" and not int(mode[:4], 8) & 0o004}
    ours = {path for path in closed if not path.startswith("opt/generations") and path not in ("srv", "systemd")}
    assert ours == {"jobs", "jobs/outbox.env"}


def test_a_second_deployment_finds_everything_right_and_touches_nothing(host):
    host.deploy(outbox="BUCKET=b")
    before = host.state()
    calls = list(host.systemd.calls)
    outcome = deploy(host.request(payload=False, outbox="BUCKET=b"))
    result = outcome.result()
    assert (result["changed"], result["changes"], result["needs"]) == (False, [], [])
    assert (result["generation"], result["previous_generation"]) == (1, 1)
    assert (host.state(), host.systemd.calls) == (before, calls)


def test_a_change_is_a_new_generation_with_the_same_environment(host):
    first = host.deploy(outbox="BUCKET=b").generation
    outcome = host.deploy(outbox="BUCKET=other", inbox="BUCKET=b")
    assert words(outcome, host) == [
        "change jobs/outbox.env",
        "change systemd/datasync-turbo@outbox.timer",
        "create jobs/inbox.env",
        "create systemd/datasync-turbo@inbox.timer",
        "start datasync-turbo@inbox.timer",
    ]
    assert (outcome.result()["generation"], outcome.result()["previous_generation"]) == (2, 1)
    assert outcome.generation.environment == first.environment
    assert outcome.generation.parent == 1


def test_a_new_program_and_new_packages_stand_beside_the_old_ones(host):
    first = host.deploy(outbox="BUCKET=b").generation
    second = host.deploy(outbox="BUCKET=b", program=PROGRAM + b"# newer\n", requirements="awscrt==0.2\n").generation
    for generation in (first, second):
        assert is_whole(host.store.program(generation.program))
        assert (host.store.environment(generation.environment) / "bin" / "python").exists()
    assert str(host.store.venv.readlink()) == f"environments/{second.environment}"


def test_a_new_version_of_the_collection_with_the_same_files_is_recorded(host):
    host.deploy(outbox="BUCKET=b")
    outcome = host.deploy(outbox="BUCKET=b", options={"collection_version": "0.3.1"})
    (change,) = outcome.changes
    assert str(change) == "record generation"
    assert "program 0.3.0\n" in change.before
    assert "program 0.3.1\n" in change.after
    assert host.store.current().versions["program"] == "0.3.1"


def test_a_job_that_is_gone_is_gone(host):
    host.deploy(outbox="BUCKET=b")
    right = host.in_use()
    host.deploy(outbox="BUCKET=b", inbox="BUCKET=b")
    host.deploy(outbox="BUCKET=b")
    assert host.in_use() == right


def test_the_role_of_version_0_2_0_is_replaced(host):
    """It made `venv` itself the environment, and the same config files with another mode."""
    (host.store.root / "venv" / "bin").mkdir(parents=True)
    (host.store.root / "bin").mkdir()
    (host.store.root / "bin" / "datasync-turbo").write_text("#!/bin/sh\n# 0.2.0\n", "utf-8")
    (host.root / "jobs").mkdir(mode=0o700)
    (host.root / "jobs" / "outbox.env").write_text("BUCKET=b\n", "utf-8")
    outcome = host.deploy(outbox="BUCKET=b")
    assert "change opt/bin/datasync-turbo" in words(outcome, host)
    assert "change permissions of jobs/outbox.env" in words(outcome, host)
    assert "link opt/venv" in words(outcome, host)
    assert host.store.venv.is_symlink()
    assert not [path for path in host.store.root.iterdir() if path.name.startswith(".")]
    assert deploy(host.request(payload=False, outbox="BUCKET=b")).changes == []


# From version 0.4.0, whose program is one file, and which kept compiled code in the folder of the service user


@pytest.fixture
def older(host):
    """The host as version 0.4.0 left it, after a run, with one job."""
    made = host.deploy(outbox="BUCKET=b").generation
    program = program_archive(PROGRAM)
    environment, name = "0123456789ab", hashlib.sha256(program).hexdigest()[:12]
    shutil.rmtree(host.store.programs)
    (host.store.programs / name).mkdir(parents=True)
    (host.store.programs / name / "datasync-turbo").write_bytes(program)
    host.store.environment(made.environment).rename(host.store.environment(environment))
    for compiled in host.store.environments.rglob("__pycache__"):
        shutil.rmtree(compiled)
    files = environment_files_of_0_4_0(host.store.environment(environment))
    (host.store.environment(environment) / "environment.json").write_text(json.dumps({"files": files}), "utf-8")
    host.store.venv.unlink()
    host.store.venv.symlink_to(f"environments/{environment}")
    host.store.command.write_text(
        f"#!/bin/sh\nPYTHONPYCACHEPREFIX={host.root}/state/pycache; export PYTHONPYCACHEPREFIX\n"
        f'exec {host.store.environment(environment)}/bin/python {host.store.program(name)} "$@"\n',
        "utf-8",
    )
    record = host.store.generations / "1" / "generation.json"
    record.write_text(
        json.dumps({**json.loads(record.read_text("utf-8")), "environment": environment, "program": name}), "utf-8"
    )
    subprocess.run([host.store.command, "sync"], env={"PATH": os.environ["PATH"]}, check=True, capture_output=True)
    assert list((host.root / "state" / "pycache").rglob("*.pyc"))
    return host


def environment_files_of_0_4_0(folder):
    names = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return {str(path.relative_to(folder)): path.stat().st_size for path in names if path.name != "environment.json"}


def cache_of(host):
    return host.root / "state" / "pycache"


def test_an_upgrade_brings_the_program_as_a_folder_and_removes_what_was_kept_compiled(older):
    outcome = older.deploy(outbox="BUCKET=b")
    assert words(outcome, older) == [
        f"make environment opt/environments/{outcome.generation.environment}",
        f"install program opt/programs/{outcome.generation.program}/datasync-turbo",
        "change opt/bin/datasync-turbo",
        "link opt/venv",
        "remove state/pycache",
    ]
    assert not cache_of(older).exists()
    done = subprocess.run([older.store.command, "sync"], capture_output=True, text=True, check=True)
    assert done.stdout == "ran sync\n"
    assert not cache_of(older).exists(), "a run keeps nothing"
    assert deploy(older.request(payload=False, outbox="BUCKET=b")).changes == []


def test_after_an_upgrade_the_one_file_can_be_gone_back_to_and_keeps_nothing_compiled(older):
    older.deploy(outbox="BUCKET=2")
    cache_of(older).mkdir(parents=True)
    outcome = older.go_back()
    assert outcome.result()["generation"] == 1
    assert words(outcome, older) == [
        "change jobs/outbox.env",
        "change systemd/datasync-turbo@outbox.timer",
        "change opt/bin/datasync-turbo",
        "link opt/venv",
        "remove state/pycache",
    ]
    command = older.store.command.read_text("utf-8")
    assert str(older.store.program(outcome.generation.program)) in command
    assert str(older.root / "state") not in command
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(cache_of(older))}
    done = subprocess.run([older.store.command, "sync"], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "ran sync\n"
    assert not cache_of(older).exists()
    assert older.heal().changes == []
    assert deploy(older.request(payload=False, outbox="BUCKET=2")).result()["generation"] == 3


def test_the_one_file_that_was_damaged_is_not_gone_back_to(older):
    older.deploy(outbox="BUCKET=2")
    (program,) = (path for path in older.store.programs.glob("*/datasync-turbo") if path.is_file())
    os.truncate(program, 10)
    with pytest.raises(ConfigurationError, match=r"generation 1: .*/programs/.* is not complete \(deploy again\)"):
        older.go_back()


def test_a_removal_takes_what_was_kept_compiled_with_it(older):
    assert "remove state/pycache" in words(remove(older.request(payload=False)), older)
    assert not cache_of(older).exists()


def plant(host, prefix):
    """Compiled code for a module of the program, where Python looks for it if `prefix` is its PYTHONPYCACHEPREFIX."""
    source = next(host.store.programs.glob("*/datasync-turbo/datasync_turbo/said.py"))
    evil = host.root / "evil.py"
    evil.write_text("RAN = 'code of somebody else ran'\n", "utf-8")
    planted = f"{prefix}{source.parent}/said.{sys.implementation.cache_tag}.pyc"
    py_compile.compile(str(evil), planted, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)


def test_code_that_the_service_user_plants_where_compiled_code_was_kept_is_never_run(host):
    """Code inside of a job's sandbox may write there, and the next start may be outside of it."""
    host.deploy(outbox="BUCKET=b")
    plant(host, cache_of(host))
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(cache_of(host))}
    python, program = host.store.venv / "bin" / "python", next(host.store.programs.glob("*/datasync-turbo"))
    for command, expected in (
        ([python, program], "code of somebody else ran sync\n"),
        ([host.store.command], "ran sync\n"),
    ):
        done = subprocess.run([*command, "sync"], env=environment, capture_output=True, text=True, check=True)
        assert done.stdout == expected
    # So do the checks of the next deployment, which are not in a sandbox either.
    assert "remove state/pycache" in words(host.deploy(outbox="BUCKET=2"), host)
    assert not cache_of(host).exists()


# Healing


HARMS = {
    "jobs/outbox.env": lambda path: path.write_text("BUCKET=mine\n", "utf-8"),
    "jobs": lambda path: path.chmod(0o755),
    "log": lambda path: path.rmdir(),
    "systemd/datasync-turbo@outbox.timer": lambda path: path.unlink(),
    "opt/bin/datasync-turbo": lambda path: path.chmod(0o644),
    "opt/venv": lambda path: path.unlink(),
}


@pytest.mark.parametrize("name", HARMS)
def test_what_was_changed_by_hand_is_healed_without_a_new_generation(host, name):
    host.deploy(outbox="BUCKET=b")
    right = host.state()
    for heal in (lambda: host.deploy(outbox="BUCKET=b"), host.heal):
        HARMS[name](host.root / name)
        outcome = heal()
        assert outcome.result()["generation"] == 1
        assert any(text.endswith(name) for text in words(outcome, host))
        assert host.state() == right


def packages_of(host):
    (found,) = host.store.root.glob("environments/*/lib/python*/site-packages")
    return found


def test_a_damaged_environment_is_made_anew_from_a_new_payload(host):
    host.deploy(outbox="BUCKET=b")
    right = host.state()
    (packages_of(host) / "awscrt" / "checksums.py").unlink()
    assert deploy(host.request(payload=False, outbox="BUCKET=b")).needs == ["packages"]
    outcome = host.deploy(outbox="BUCKET=b")
    assert [change.action for change in outcome.changes] == ["make environment"]
    assert outcome.result()["generation"] == 1
    tree, _services = host.state()
    assert set(tree) == set(right[0])


PROGRAM_HARMS = {
    "it is gone": shutil.rmtree,
    "a source is missing": lambda program: (program / "datasync_turbo" / "said.py").unlink(),
    "a source is truncated": lambda program: os.truncate(program / "__main__.py", 10),
    "compiled code is missing": lambda program: next(program.rglob("said.*.pyc")).unlink(),
    "compiled code is truncated": lambda program: os.truncate(next(program.rglob("said.*.pyc")), 20),
    "its record is missing": lambda program: (program.parent / "program.json").unlink(),
}


@pytest.mark.parametrize("harm", PROGRAM_HARMS)
def test_a_damaged_program_is_installed_anew(host, harm):
    program = host.store.program(host.deploy(outbox="BUCKET=b").generation.program)
    right = host.state()
    PROGRAM_HARMS[harm](program)
    assert deploy(host.request(payload=False, outbox="BUCKET=b")).needs == ["program"]
    assert [change.action for change in host.deploy(outbox="BUCKET=b").changes] == ["install program"]
    assert host.state() == right


def test_a_generation_that_was_removed_by_hand_is_deployed_anew(host):
    host.deploy(outbox="BUCKET=b")
    right = host.in_use()
    host.store.forget(1)
    with pytest.raises(ConfigurationError, match=r"nothing is deployed in .*deploy first"):
        host.heal()
    assert host.deploy(outbox="BUCKET=b").result()["generation"] == 1
    assert host.in_use() == right


def test_an_old_record_that_cannot_be_read_does_no_harm(host):
    for number in range(4):
        host.deploy(outbox=f"BUCKET=b{number}")
    (host.store.generations / "2" / "generation.json").write_text("{", "utf-8")
    generation = host.deploy(outbox="BUCKET=new").generation
    assert host.store.current() == generation
    assert subprocess.run([host.store.command], check=False).returncode == 1
    assert (host.store.environment(generation.environment) / "bin" / "python").exists()


# All or nothing


def test_a_refused_config_leaves_a_bare_host_bare(host):
    before = host.state()
    with pytest.raises(
        ConfigurationError, match=r"job outbox was not written: .*/jobs/outbox.env: line 1.*uploader_jobs"
    ):
        host.deploy(outbox="UPLOAD_WORKERS=wrong")
    assert host.state() == before


def test_a_refused_config_leaves_a_deployed_host_as_it_was(host):
    host.deploy(outbox="BUCKET=b")
    before = host.state()
    with pytest.raises(ConfigurationError, match="job inbox was not written"):
        host.deploy(
            outbox="BUCKET=2", inbox="UPLOAD_WORKERS=wrong", program=PROGRAM + b"#\n", requirements="awscrt==0.2\n"
        )
    assert host.state() == before
    assert deploy(host.request(payload=False, outbox="BUCKET=b")).changes == []


def test_a_timer_that_does_not_start_leaves_a_deployed_host_as_it_was(host):
    host.deploy(outbox="BUCKET=b")
    before = host.state()
    host.systemd.refused = {"datasync-turbo@inbox.timer"}
    with pytest.raises(ConfigurationError, match=r"Job for datasync-turbo@inbox.timer failed"):
        host.deploy(outbox="BUCKET=2", inbox="BUCKET=b", requirements="awscrt==0.2\n")
    assert host.state() == before


@pytest.mark.parametrize("method", ["add", "use"])
@pytest.mark.parametrize("is_deployed", [False, True])
def test_a_record_that_cannot_be_written_leaves_the_host_as_it_was(host, monkeypatch, is_deployed, method):
    if is_deployed:
        host.deploy(outbox="BUCKET=b")
    before = host.state()

    def refuse(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(GenerationStore, method, refuse)
    with pytest.raises(
        ConfigurationError, match=rf"cannot write {host.store.root}: No space left on device \(free some"
    ):
        host.deploy(outbox="BUCKET=2", requirements="awscrt==0.2\n")
    monkeypatch.undo()
    assert host.state() == before


@contextlib.contextmanager
def files_no_larger_than(size):
    """As on a disk that is full: writing fails in the middle of a file."""
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, limit[1]))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, ignored)


@pytest.mark.slow
@pytest.mark.parametrize("size", [0, 100, 3000])
@pytest.mark.parametrize("is_deployed", [False, True])
def test_when_the_disk_is_full_the_host_stays_as_it_was_and_the_next_deployment_works(host, is_deployed, size):
    """The environment does not fit, or the program, or one of the files."""
    if is_deployed:
        host.deploy(outbox="BUCKET=b")
    before = host.state()
    request = host.request(outbox=f"BUCKET={'b' * 4000}")
    with files_no_larger_than(size), pytest.raises((ConfigurationError, InstallationError), match="File too large"):
        deploy(request)
    assert host.state() == before
    assert deploy(request).changes != []
    assert deploy(replace(request, payload=None)).changes == []


@pytest.mark.parametrize("is_deployed", [False, True])
def test_a_damaged_payload_leaves_the_host_as_it_was(host, is_deployed):
    if is_deployed:
        host.deploy(outbox="BUCKET=b")
    before = host.state()
    request = host.request(outbox="BUCKET=2", program=PROGRAM + b"#\n", requirements="awscrt==0.2\n")
    os.truncate(request.payload, 700)
    with pytest.raises(InstallationError, match=r"arrived damaged.*deploy again"):
        deploy(request)
    assert host.state() == before


def test_a_program_with_other_bytes_is_not_installed(host):
    request = replace(host.request(outbox="BUCKET=b"), program_sha256="0" * 64)
    before = host.state()
    with pytest.raises(InstallationError, match=r"the program arrived damaged on this host \(deploy again\)"):
        deploy(request)
    assert host.state() == before


def test_a_repair_that_was_made_stays_when_something_else_fails(host):
    """To take it back would leave the command without its environment."""
    host.deploy(outbox="BUCKET=b")
    (packages_of(host) / "awscrt" / "checksums.py").unlink()
    with pytest.raises(ConfigurationError, match="job outbox was not written"):
        host.deploy(outbox="UPLOAD_WORKERS=wrong")
    done = subprocess.run([host.store.command, "sync"], capture_output=True, text=True, check=True)
    assert done.stdout == "ran sync\n"


def test_two_deployments_at_once_are_one(host):
    request = host.request(outbox="BUCKET=b")
    with host.store.lock(), pytest.raises(LockedError, match="another deployment holds"):
        deploy(request)


# A deployment that is killed


def killed_at(number, work):
    """Do the work in a child that dies, as by kill -9, before the step of this number.

    Tells whether there is such a step; without it, the child dies after the last one.
    """
    child = os.fork()
    if child == 0:

        def run(steps):
            for step in steps[:number]:
                step.run()
            os._exit(9 if number < len(steps) else 0)

        host_apply.run_all = run
        try:
            work()
        finally:
            os._exit(1)
    _pid, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) in (0, 9)
    return os.waitstatus_to_exitcode(status) == 9


def fresh_services(host):
    """What systemd knows after the child: the child's own was lost with it, so begin from the files."""
    host.systemd.loaded = {}


@pytest.mark.slow
def test_whenever_a_deployment_is_killed_the_next_one_heals_it(host, monkeypatch):
    """The same one again, the one before, and one with neither of its jobs."""
    # What comes before the first step starts many processes, and leaves nothing.
    monkeypatch.setattr(host_apply.HostApply, "check", lambda self, found: None)
    old = host.request(outbox="BUCKET=b")
    new = host.request(outbox="BUCKET=2", inbox="BUCKET=b", program=PROGRAM + b"#\n")
    none = host.request()
    expected = []
    for request in (old, new, none):
        deploy(request)
        expected.append({path: entry for path, entry in host.in_use()[0].items() if "programs" not in path})
    number = 0
    while True:
        deploy(old)
        is_killed = killed_at(number, lambda: deploy(new))
        for request, tree in zip((new, old, none), (expected[1], expected[0], expected[2])):
            if request is not new:
                deploy(old)
                killed_at(number, lambda: deploy(new))
            fresh_services(host)
            deploy(request)
            found = {path: entry for path, entry in host.in_use()[0].items() if "programs" not in path}
            assert found == tree, f"killed before step {number}"
        if not is_killed:
            break
        number += 1
    assert number > 5


#: What changes a host, as Python's audit events name it: https://docs.python.org/3/library/audit_events.html
CHANGING = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.chmod", "os.symlink", "subprocess.Popen"}


def killed_while_it_is_brought(number, work):
    """Do the work in a child that dies, as by kill -9, before the change of this number to environment or program.

    Tells whether there is such a change; without it, the child dies when all was brought, and nothing switched yet.
    """
    child = os.fork()
    if child == 0:
        left = [number]

        def count(event, arguments):
            is_written = event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR)
            if event in CHANGING or is_written:
                left[0] -= 1
            if left[0] < 0:
                os._exit(9)

        real = deployment._provide

        def provide(*arguments):
            sys.addaudithook(count)
            real(*arguments)
            os._exit(0)

        deployment._provide = provide
        try:
            work()
        finally:
            os._exit(1)
    _pid, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) in (0, 9)
    return os.waitstatus_to_exitcode(status) == 9


@pytest.mark.slow
def test_a_deployment_killed_while_it_brings_the_program_leaves_the_old_one_and_the_next_one_heals_it(
    host, monkeypatch
):
    monkeypatch.setattr(host_apply.HostApply, "check", lambda self, found: None)
    old, new = host.request(outbox="BUCKET=b"), host.request(outbox="BUCKET=b", program=PROGRAM + b"print('new')\n")
    deploy(old)
    program = host.store.program(deploy(new).generation.program)
    expected = host.in_use()[0]
    number, is_killed = 0, True
    while is_killed:
        deploy(old)
        shutil.rmtree(program.parent)
        is_killed = killed_while_it_is_brought(number, lambda: deploy(new))
        done = subprocess.run([host.store.command, "sync"], capture_output=True, text=True, check=True)
        assert done.stdout == "ran sync\n", f"killed before change {number}"
        assert host.heal().changes == []
        assert is_whole(program) is not is_killed, "a part of a program never lies at its place"
        deploy(new)
        assert host.in_use()[0] == expected, f"killed before change {number}"
        number += 1
    assert number > 15


def test_after_a_killed_deployment_the_generation_in_use_can_be_put_back_without_the_controller(host):
    host.deploy(outbox="BUCKET=b")
    right = host.in_use()[0]
    request = host.request(outbox="BUCKET=2", inbox="BUCKET=b")
    assert killed_at(4, lambda: deploy(request))
    assert (host.root / "jobs" / "inbox.env").exists()
    outcome = host.heal()
    assert "remove jobs/inbox.env" in words(outcome, host)
    assert host.in_use()[0] == right


def test_a_first_deployment_that_was_killed_can_be_removed(host):
    before = host.state()
    request = host.request(outbox="BUCKET=b")
    assert killed_at(6, lambda: deploy(request))
    assert (host.root / "jobs" / "outbox.env").exists()
    assert remove(request).result()["changed"]
    assert host.state() == before


# Back


def test_a_rollback_brings_back_everything_and_asks_nothing_of_the_controller(host):
    host.deploy(outbox="BUCKET=b")
    right = host.in_use()[1], {path: e for path, e in host.in_use()[0].items() if not path.startswith("opt/programs")}
    host.deploy(outbox="BUCKET=2", inbox="BUCKET=b", program=PROGRAM + b"#\n", requirements="awscrt==0.1\n")
    outcome = host.go_back()
    assert (outcome.result()["generation"], outcome.result()["previous_generation"]) == (1, 2)
    assert words(outcome, host) == [
        "stop datasync-turbo@inbox.timer",
        "change jobs/outbox.env",
        "change systemd/datasync-turbo@outbox.timer",
        "change opt/bin/datasync-turbo",
        "remove jobs/inbox.env",
        "remove systemd/datasync-turbo@inbox.timer",
    ]
    found = host.in_use()[1], {path: e for path, e in host.in_use()[0].items() if not path.startswith("opt/programs")}
    assert found == right
    assert host.store.current().number == 1


def test_a_rollback_and_a_deployment_take_turns(host):
    host.deploy(outbox="BUCKET=1")
    host.deploy(outbox="BUCKET=2")
    host.go_back()
    assert host.deploy(outbox="BUCKET=2").result()["generation"] == 3
    assert host.go_back().result()["generation"] == 1
    assert (host.root / "jobs" / "outbox.env").read_text("utf-8") == "BUCKET=1\n"


def test_a_generation_can_be_gone_to_by_its_number(host):
    for number in (1, 2, 3):
        host.deploy(outbox=f"BUCKET={number}")
    outcome = go_to(host.request(payload=False), lambda store, current: numbered(store, 1))
    assert outcome.result()["generation"] == 1
    assert (host.root / "jobs" / "outbox.env").read_text("utf-8") == "BUCKET=1\n"
    assert go_to(host.request(payload=False), lambda store, current: numbered(store, 1)).changes == []
    assert go_to(host.request(payload=False), lambda store, current: numbered(store, 3)).result()["generation"] == 3


def test_a_number_that_is_not_there_is_answered_with_those_that_are(host):
    for number in range(5):
        host.deploy(outbox=f"BUCKET={number}")
    with pytest.raises(ConfigurationError, match=r"generation 1 is not on this host \(there are 3, 4, 5\)"):
        go_to(host.request(payload=False), lambda store, current: numbered(store, 1))


def test_on_a_host_with_nothing_before_there_is_nothing_to_go_back_to(host):
    with pytest.raises(ConfigurationError, match=r"nothing is deployed in .* on this host \(deploy first\)"):
        host.go_back()
    host.deploy(outbox="BUCKET=1")
    with pytest.raises(ConfigurationError, match="generation 1 has no predecessor on this host"):
        host.go_back()


def test_only_the_three_last_generations_can_be_gone_back_to(host):
    for number in range(5):
        host.deploy(outbox=f"BUCKET={number}")
    host.go_back()
    host.go_back()
    with pytest.raises(ConfigurationError, match="generation 3 has no predecessor on this host"):
        host.go_back()


@pytest.mark.parametrize("what", ["environment", "program"])
def test_nobody_goes_back_to_a_damaged_generation(host, what):
    first = host.deploy(outbox="BUCKET=1").generation
    host.deploy(outbox="BUCKET=2", program=PROGRAM + b"#\n", requirements="awscrt==0.2\n")
    if what == "program":
        os.truncate(host.store.program(first.program) / "__main__.py", 10)
    else:
        (host.store.environment(first.environment) / "bin" / "python").unlink()
    before = host.state()
    with pytest.raises(ConfigurationError, match=rf"generation 1: .*/{what}s/.* is not complete \(deploy again\)"):
        host.go_back()
    assert host.state() == before


def test_a_rollback_that_fails_leaves_the_host_as_it_was(host):
    host.deploy(outbox="BUCKET=1", inbox="BUCKET=1")
    host.deploy(outbox="BUCKET=2")
    before = host.state()
    host.systemd.refused = {"datasync-turbo@inbox.timer"}
    with pytest.raises(ConfigurationError, match=r"Job for datasync-turbo@inbox.timer failed"):
        host.go_back()
    assert host.state() == before
    assert host.store.current().number == 2


# Runs in progress


def test_a_run_in_progress_goes_on_and_nobody_waits_for_it(host):
    host.deploy(outbox="BUCKET=1")
    with running(host, "outbox") as run:
        assert host.deploy(outbox="BUCKET=2").result()["generation"] == 2
        assert host.go_back().result()["generation"] == 1
        assert run.poll() is None


def test_a_run_that_does_not_end_in_time_lets_everything_stay_as_it_was(host):
    host.deploy(outbox="BUCKET=0", inbox="BUCKET=1")
    host.deploy(outbox="BUCKET=1", inbox="BUCKET=1")
    with running(host, "inbox"):
        before = host.state()
        for change in (
            lambda: host.deploy(outbox="BUCKET=2", requirements="awscrt==0.2\n", options={"wait": 0.1}),
            lambda: host.go_back(wait=0.1),
        ):
            with pytest.raises(LockedError, match=r"job inbox: still running after 0.1 seconds; nothing was changed"):
                change()
            assert host.state() == before


def test_a_run_that_ends_in_time_is_waited_for(host, monkeypatch):
    host.deploy(outbox="BUCKET=1")
    with running(host, "outbox") as run:

        def look(jobs):
            run.kill()
            run.wait()
            return running_jobs.running_jobs(jobs)

        monkeypatch.setattr(
            deployment, "wait_until_idle", lambda jobs, limit: running_jobs.wait_until_idle(jobs, limit, look)
        )
        assert host.deploy(outbox="BUCKET=2", options={"wait": 60}).result()["generation"] == 2


def test_where_nothing_has_to_change_a_run_is_not_waited_for(host):
    host.deploy(outbox="BUCKET=1")
    with running(host, "outbox"):
        assert host.deploy(outbox="BUCKET=1", options={"wait": 0.1}).changes == []


def test_nothing_is_removed_from_under_a_run(host):
    host.deploy(outbox="BUCKET=1")
    with running(host, "outbox"):
        before = host.state()
        with pytest.raises(LockedError, match="job outbox: running now; nothing was changed"):
            remove(host.request(payload=False))
        assert host.state() == before


# Check mode


def deployed_and_changed(host):
    host.deploy(outbox="BUCKET=1")
    (host.root / "jobs" / "outbox.env").write_text("mine\n", "utf-8")


STORIES = {
    "a bare host": (lambda host: None, lambda host, check: deploy(host.request(outbox="BUCKET=b"), check)),
    "a change": (
        lambda host: host.deploy(outbox="BUCKET=1"),
        lambda host, check: deploy(host.request(inbox="BUCKET=b", requirements="awscrt==0.2\n"), check),
    ),
    "a host with compiled code of version 0.4.0": (
        lambda host: [host.deploy(outbox="BUCKET=1"), (host.root / "state" / "pycache").mkdir(parents=True)],
        lambda host, check: deploy(host.request(outbox="BUCKET=1"), check),
    ),
    "a drift": (deployed_and_changed, lambda host, check: deploy(host.request(outbox="BUCKET=1"), check)),
    "a rollback": (
        lambda host: [host.deploy(outbox="BUCKET=1"), host.deploy(inbox="BUCKET=2", program=PROGRAM + b"#\n")],
        lambda host, check: host.go_back(check),
    ),
    "a removal": (
        lambda host: host.deploy(outbox="BUCKET=1"),
        lambda host, check: remove(host.request(payload=False), check),
    ),
}


@pytest.mark.parametrize("story", STORIES)
def test_check_mode_tells_what_would_change_and_writes_nothing_at_all(host, story):
    prepare, work = STORIES[story]
    prepare(host)
    before, services = listing(host.root), (host.systemd.state(), list(host.systemd.calls))
    told = work(host, True)
    assert listing(host.root) == before
    assert (host.systemd.state(), host.systemd.calls) == services
    done = work(host, False)
    assert words(told, host) == words(done, host) != []
    assert [change.after for change in told.changes] == [change.after for change in done.changes]


def test_in_check_mode_a_bare_host_needs_no_payload_and_no_user(host):
    request = host.request(payload=False, options={"user": NOBODY}, outbox="BUCKET=b")
    before = listing(host.root)
    outcome = deploy(request, check_mode=True)
    assert outcome.needs == ["user", "packages", "program"]
    assert words(outcome, host)[:2] == [f"create user {NOBODY}", words(outcome, host)[1]]
    assert outcome.result()["generation"] is None
    assert listing(host.root) == before


# Away


def test_a_removal_takes_everything_but_the_data_and_tells_what_is_left(host):
    before = host.state()
    host.deploy(outbox="BUCKET=1")
    host.deploy(outbox="BUCKET=2", inbox="BUCKET=2", requirements="awscrt==0.2\n")
    (host.root / "log" / "outbox.log").write_text("uploaded\n", "utf-8")
    outcome = remove(host.request(payload=False))
    result = outcome.result()
    assert (result["generation"], result["previous_generation"], result["versions"]) == (None, 2, {})
    assert result["left"] == [str(host.root / "log"), f"user {ME}"]
    assert not host.store.root.exists()
    tree, services = host.state()
    assert set(tree) - set(before[0]) == {"log", "log/outbox.log"}
    assert services == before[1]


def test_a_second_removal_has_nothing_to_do(host):
    host.deploy(outbox="BUCKET=1")
    remove(host.request(payload=False))
    before = listing(host.root)
    assert not remove(host.request(payload=False)).result()["changed"]
    assert listing(host.root) == before


def test_a_removal_finds_what_is_there_when_the_link_to_the_generation_is_gone(host):
    before = host.state()
    host.deploy(outbox="BUCKET=1")
    (host.store.generations / "current").unlink()
    assert remove(host.request(payload=False)).result()["changed"]
    assert host.state() == before


# By pip on the host


def test_with_delivery_direct_only_the_program_comes_from_the_controller(host, monkeypatch):
    calls = []

    def make(folder, python, requirements, arguments):
        calls.append((requirements, arguments))
        deployment.make_from_payload(folder, python, payload)

    monkeypatch.setattr(deployment, "make_with_pip", make)
    request = host.request(outbox="BUCKET=b", options={"delivery": "direct", "pip_arguments": ("--quiet",)})
    payload = request.payload
    assert deploy(replace(request, payload=None)).needs == ["program"]
    assert calls == []
    assert deploy(request).result()["generation"] == 1
    assert calls == [("awscrt==0.1\n", ("--quiet",))]
