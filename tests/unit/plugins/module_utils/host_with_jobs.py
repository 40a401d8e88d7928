# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A host below a temporary folder, and generations of jobs with each kind of schedule that fit it."""

from __future__ import annotations

import hashlib
import os
import pwd
from dataclasses import replace

from ansible_collections.datasync.turbo.plugins.module_utils.fleet.apply import HostApply
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.generation import (
    Generation,
    ManagedFile,
    ManagedFolder,
    S5cmdLink,
    Wanted,
)
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.store import GenerationStore
from ansible_collections.datasync.turbo.plugins.module_utils.install.layout import Layout, Record
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.host_tree import listing
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.jobs_on_hosts import job_on_host
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.recorded_services import (
    RecordedLaunchd,
    RecordedSystemd,
)

ME = pwd.getpwuid(os.geteuid()).pw_name


class Host:
    """A host below a folder, and generations that fit it."""

    def __init__(self, root):
        self.root = root
        self.units = root / "systemd"
        self.store = GenerationStore(root / "opt" / "datasync-turbo")
        self.systemd = RecordedSystemd(self.units)
        self.launchd = RecordedLaunchd()
        self.layout = Layout(root / "bin", root / "s5cmd")
        self.units.mkdir()
        (root / "cron.d").mkdir()

    def wanted(self, **schedules):
        """Jobs by name, each with a kind of schedule, or with kind and version of its files."""
        wanted = Wanted(folders=(ManagedFolder(str(self.root / "jobs"), "0750"),))
        for name, schedule in schedules.items():
            kind, _space, version = schedule.partition(" ")
            wanted = self._with_job(wanted, name, kind, version or "1")
        return wanted

    def _with_job(self, wanted, name, kind, version):
        config = ManagedFile(
            str(self.root / "jobs" / f"{name}.env"), f"BUCKET={name}{version}\n", "0600", check="config"
        )
        files, units, plists, service = [config], [], [], ""
        if kind in ("systemd", "path"):
            service = f"datasync-turbo@{name}.service"
            unit = f"datasync-turbo@{name}.{'timer' if kind == 'systemd' else 'path'}"
            files.append(ManagedFile(str(self.units / f"{service}.d" / "job.conf"), f"[Service]\n# {version}\n"))
            files.append(ManagedFile(str(self.units / unit), f"[Unit]\n# {version}\n"))
            units.append(unit)
        elif kind == "cron":
            files.append(ManagedFile(str(self.root / "cron.d" / "datasync-turbo"), f"0 * * * * {name} {version}\n"))
        elif kind == "launchd":
            plists.append(str(self.root / f"datasync.turbo.{name}.plist"))
            files.append(ManagedFile(plists[0], f"<plist>{version}</plist>\n"))
        job = job_on_host(self.root, name, kind, config=config.path, service=service)
        return replace(
            wanted,
            files=(*wanted.files, *files),
            units=(*wanted.units, *units),
            launchd=(*wanted.launchd, *plists),
            jobs=(*wanted.jobs, job),
        )

    def generation(self, environment="e1", s5cmd=None, **schedules):
        link = S5cmdLink(str(self.layout.bin_dir), str(self.layout.versions_dir), s5cmd) if s5cmd else None
        return Generation(self.wanted(**schedules), ME, str(self.root / "state"), environment, "p1", link)

    def apply(self, generation, *earlier):
        return HostApply(self.store, generation, earlier, self.systemd, self.launchd)

    def bring(self, generation, *earlier):
        """Apply the generation; returns the changes in words."""
        apply = self.apply(generation, *earlier)
        found = apply.differences()
        apply.apply(found)
        return [str(change).replace(f"{self.root}/", "") for change in found.changes]

    def install_s5cmd(self, *versions):
        for version in versions:
            with self.layout.lock(), self.layout.incoming() as folder:
                executable = folder / "s5cmd"
                executable.write_text(f"#!/bin/sh\necho v{version}\n", "utf-8")
                executable.chmod(0o755)
                digest = hashlib.sha256(executable.read_bytes()).hexdigest()
                record = Record(version, "file", "here", "none", digest, None, False, "2026-11-23T01:00:00+00:00")
                self.layout.publish(executable, record)
                self.layout.switch(version)

    def state(self):
        """All that can be seen of the host."""
        return listing(self.root), self.systemd.state(), sorted(self.launchd.jobs.items())
