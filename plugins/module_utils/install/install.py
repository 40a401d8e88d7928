# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Install s5cmd: decide what is to be done, get the version from the first source that has it, prove it, switch."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..common.commands import last_words
from ..common.errors import ConfigurationError, InstallationError
from .layout import COMMAND, CommandLink, Layout, Occupant, Record
from .options import DEFAULT_VERSION, LATEST
from .order import Order
from .platform import HEADER_SIZE, Platform, detect, executable_asset
from .request import InstallRequest
from .sources.releases import newest_version, reported_version
from .tools import Tools

if TYPE_CHECKING:
    from .sources.source import Obtained
#: Seconds. `s5cmd version` takes 20 ms; a host under load may need longer.
RUN_TIMEOUT = 30


class Attempt(NamedTuple):
    """What came of a source. `detail` is the URL, package or path that was tried, `message` says why it failed."""

    source: str
    ok: bool
    detail: str
    message: str


@dataclass
class Installed:
    """What a run did, or in check mode would do. `before` and `after` are texts for a diff.

    `source`, `sha256` (of the executable) and `pinned` are None for a version that check mode would have to fetch,
    and for one that is gone. `ran` tells whether the executable was run to see its version. With `awaits_delivery`
    nothing was changed yet: the controller has to send the version.
    """

    path: str
    changed: bool = False
    version: str | None = None
    previous_version: str | None = None
    platform: Platform | None = None
    source: str | None = None
    sha256: str | None = None
    pinned: bool | None = None
    ran: bool = False
    attempts: list[Attempt] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    before: str = ""
    after: str = ""
    awaits_delivery: bool = False

    def result(self) -> dict[str, Any]:
        """The values that the module returns."""
        names = ["path", "changed", "version", "previous_version", "source", "sha256", "pinned", "ran"]
        result: dict[str, Any] = {name: getattr(self, name) for name in names}
        result["platform"] = self.platform._asdict() if self.platform else None
        result["attempts"] = [attempt._asdict() for attempt in self.attempts]
        if self.awaits_delivery:
            result["awaits_delivery"] = True
        return result


class NotInstalled(InstallationError):
    """No source had the version. `attempts` says why, source by source."""

    def __init__(self, order: Order, attempts: list[Attempt]) -> None:
        reasons = "; ".join(f"{attempt.source}: {attempt.message}" for attempt in attempts)
        hint = "without a way to the network, set wheel_dir or url to a file on the host"
        if order.delivered:
            hint = "the controller sent it; run the task again, and look at the host's disk and its remote_tmp"
        super().__init__(
            f"s5cmd {order.version} for {order.platform.asset} could not be had from any source: {reasons}", hint
        )
        self.attempts = attempts


@dataclass(frozen=True)
class Decision:
    """What has to be done. `record` is that of the wanted version if it is there and right, None to fetch it.

    `link` is what is at bin_dir/s5cmd before, `link_record` the record of the version that it leads to.
    """

    link: CommandLink
    link_record: Record | None
    record: Record | None
    switch: bool
    prune: list[str]
    installed: list[str]

    @property
    def is_done(self) -> bool:
        return self.record is not None and not self.switch and not self.prune


def install(request: InstallRequest, tools: Tools, check_mode: bool = False) -> Installed:
    """Bring the wanted version into place, or in check mode tell what that would change.

    Asks the network for nothing when the version is there and right, except for the number of the latest one. Raises
    ConfigurationError, InstallationError, of which NotInstalled carries the attempts, and LockedError.
    """
    installation = _Installation(request, tools)
    decision = installation.decide()
    if decision.is_done:
        return installation.outcome(decision, decision.record)
    installation.layout.require_writable()
    awaits_delivery = decision.record is None and request.awaits_delivery
    if check_mode or awaits_delivery:
        outcome = installation.outcome(decision, decision.record, changed=check_mode)
        outcome.awaits_delivery = awaits_delivery
        return outcome
    with installation.layout.lock():
        try:
            # Another installation may have done the work while we waited.
            return installation.carry_out(installation.decide())
        finally:
            installation.layout.remove_if_empty()


def uninstall(request: InstallRequest, check_mode: bool = False) -> Installed:
    """Remove the command, if it is ours, and every version that this collection installed.

    Raises InstallationError and LockedError.
    """
    layout = Layout(request.bin_dir, request.versions_dir)
    link = layout.command_link()
    installed = layout.installed()
    is_ours = link.occupant is Occupant.OURS
    outcome = Installed(str(layout.link), is_ours or bool(installed), previous_version=link.version)
    outcome.platform = request.platform or _host_platform()
    outcome.before = _described(layout, link, installed, layout.record(link.version) if link.version else None)
    outcome.after = _described(layout, CommandLink(Occupant.NOTHING) if is_ours else link, [], None)
    if not is_ours and link.occupant is not Occupant.NOTHING:
        outcome.warnings.append(f"{layout.link} is left: it is {link.occupant.value}")
    if outcome.changed:
        layout.require_writable()
    if outcome.changed and not check_mode:
        with layout.lock():
            if is_ours:
                layout.remove_link()
            for version in layout.installed():
                layout.remove(version)
            layout.remove_if_empty()
    return outcome


class _Installation:
    """One request on its way. Raises ConfigurationError when it cannot be served on this platform or unpinned."""

    def __init__(self, request: InstallRequest, tools: Tools) -> None:
        self.request = request
        self.tools = tools
        self.layout = Layout(request.bin_dir, request.versions_dir)
        self.order = _order(request, tools)
        _refuse_unknown(self.order, request)

    def decide(self) -> Decision:
        """What has to be done. Raises InstallationError when something that is not ours is in the way."""
        link = self.layout.command_link()
        self._refuse_foreign(link)
        installed = self.layout.installed()
        old = [version for version in installed if version != self.order.version]
        record = self.layout.intact(self.order.version)
        return Decision(
            link=link,
            link_record=self.layout.record(link.version) if link.version else None,
            record=record if record and self._is_acceptable(record) and self._still_runs() else None,
            switch=link.version != self.order.version,
            prune=old[self.request.keep :],
            installed=installed,
        )

    def carry_out(self, decision: Decision) -> Installed:
        """Do it, with the lock held."""
        attempts: list[Attempt] = []
        record = decision.record or self._fetch(attempts)
        if decision.switch:
            # A package manager may have put its own command there meanwhile.
            self._refuse_foreign(self.layout.command_link())
            self.layout.switch(self.order.version)
        for version in decision.prune:
            self.layout.remove(version)
        outcome = self.outcome(decision, record, changed=not decision.is_done)
        outcome.attempts = attempts
        return outcome

    def outcome(self, decision: Decision, record: Record | None, changed: bool = False) -> Installed:
        """The outcome of a decision; `record` is None when check mode leaves the version unfetched."""
        kept = [version for version in decision.installed if version not in (*decision.prune, self.order.version)]
        after = CommandLink(Occupant.OURS, self.order.version)
        sources = " or ".join(self.request.sources)
        return Installed(
            path=str(self.layout.link),
            changed=changed,
            version=self.order.version,
            previous_version=decision.link.version,
            platform=self.order.platform,
            source=record.source if record else None,
            sha256=record.sha256 if record else None,
            pinned=record.pinned if record else None,
            ran=record is not None and self.order.for_this_host,
            before=_described(self.layout, decision.link, decision.installed, decision.link_record),
            after=_described(self.layout, after, [self.order.version, *kept], record, sources),
        )

    def _refuse_foreign(self, link: CommandLink) -> None:
        path = self.layout.link
        if link.occupant is Occupant.FOLDER:
            raise InstallationError(f"{path} is a folder, where the command should be", "remove it, or set bin_dir")
        if link.occupant is Occupant.FOREIGN and not self.request.force:
            leads = f" (it leads to {link.target})" if link.target else ""
            raise InstallationError(
                f"{path} is {link.occupant.value}{leads}",
                "set force to replace it, or bin_dir to another folder; nothing was changed",
            )

    def _is_acceptable(self, record: Record) -> bool:
        """Whether a version that is there satisfies what is asked for now: its platform, its proof, its checksum."""
        if record.asset != self.order.platform.asset:
            return False
        if record.source == "file" or self.request.sources == ("file",):
            return record.archive_sha256 == self.order.checksum
        if not record.pinned:
            return record.source in self.request.sources and (self.order.allow_unpinned or record.source != "release")
        return record.source != "release" or record.archive_sha256 == self.order.pinned_archive()

    def _still_runs(self) -> bool:
        try:
            self._prove(self.layout.executable(self.order.version))
        except InstallationError:
            return False
        return True

    def _prove(self, executable: Path) -> None:
        """Raise InstallationError unless it is for the platform and, where it can run, reports the wanted version."""
        with open(executable, "rb") as file:
            built_for = executable_asset(file.read(HEADER_SIZE))
        wanted = self.order.platform.asset
        if built_for != wanted:
            raise InstallationError(f"the executable is for {built_for or 'no known platform'}, not for {wanted}")
        if self.order.for_this_host:
            reported = self._reported(executable)
            if reported_version(reported) != self.order.version:
                raise InstallationError(f"the executable reports {reported!r}, not version {self.order.version}")

    def _reported(self, executable: Path) -> str:
        """What `s5cmd version` prints."""
        try:
            done = self.tools.run([str(executable), "version"], timeout=RUN_TIMEOUT)
        except InstallationError as error:
            raise InstallationError(
                error.message, "versions_dir may be on a file system that is mounted noexec: set another one"
            ) from error
        if done.returncode != 0:
            raise InstallationError(f"the executable ends with exit status {done.returncode}: {last_words(done)}")
        return done.stdout.strip()[:80]

    def _fetch(self, attempts: list[Attempt]) -> Record:
        """Put the version into its folder from the first source that has it. `attempts` grows by each one tried."""
        # A host that is right needs none of it.
        from .sources.registry import SOURCES

        if self.request.awaits_delivery:
            raise InstallationError(
                f"{self.layout.folder(self.order.version)} was damaged while it was looked at", "run the task again"
            )
        delivered = self.order.delivered
        for name in (delivered.source,) if delivered else self.request.sources:
            source = SOURCES[name]
            detail = delivered.detail if delivered else source.detail(self.order)
            with self.layout.incoming() as folder:
                staged = folder / "staged"
                staged.mkdir()
                try:
                    obtained = source.obtain(self.order, self.tools, folder, staged / COMMAND)
                    self._prove(staged / COMMAND)
                except InstallationError as error:
                    attempts.append(Attempt(name, False, detail, str(error)))
                    continue
                record = self._record(name, detail, obtained)
                self.layout.publish(staged / COMMAND, record)
            attempts.append(Attempt(name, True, detail, "installed"))
            return record
        raise NotInstalled(self.order, attempts)

    def _record(self, source: str, detail: str, obtained: Obtained) -> Record:
        return Record(
            version=self.order.version,
            source=source,
            detail=detail,
            asset=self.order.platform.asset,
            sha256=obtained.sha256,
            archive_sha256=obtained.archive_sha256,
            pinned=obtained.pinned,
            installed_at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        )


def _order(request: InstallRequest, tools: Tools) -> Order:
    host = _host_platform()
    # Where we do not know the host, `detect` raises the error that says so.
    platform = request.platform or host or detect()
    version = request.version
    if version == LATEST:
        version = newest_version(tools.downloader, request.api_url, request.github_token)
    return request.order(version, platform, for_this_host=host is not None and host.asset == platform.asset)


def _host_platform() -> Platform | None:
    try:
        return detect()
    except ConfigurationError:
        return None


def _refuse_unknown(order: Order, request: InstallRequest) -> None:
    if order.allow_unpinned or order.is_known() or "file" in request.sources:
        return
    newest = ", the newest release," if request.version == LATEST else ""
    raise ConfigurationError(
        f"no checksum of s5cmd {order.version}{newest} is known to this collection",
        f"use {DEFAULT_VERSION}, give the checksum in checksums, or set allow_unpinned to trust the release itself",
    )


def _described(
    layout: Layout, link: CommandLink, installed: list[str], record: Record | None, sources: str = ""
) -> str:
    """An installation as lines of text, for a diff."""
    lines = [f"path: {layout.link}"]
    if link.occupant is Occupant.OURS:
        lines += [f"version: {link.version}", f"source: {record.source if record else sources or 'unknown'}"]
    else:
        lines += [f"state: {'absent' if link.occupant is Occupant.NOTHING else link.occupant.value}"]
    lines += [f"installed: {', '.join(sorted(installed)) or 'no version'}"]
    return "\n".join(lines) + "\n"
