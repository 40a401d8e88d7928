# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The controller's half of the module s5cmd_install: with delivery=controller it brings the host what it lacks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible import constants as C
from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure, AnsibleError
from ansible.module_utils.basic import env_fallback
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase
from ansible_collections.datasync.turbo.plugins.module_utils.install.request import InstallRequest

from ..module_utils.common.errors import ConfigurationError, DatasyncError, InstallationError
from ..module_utils.install.download import Downloader
from ..module_utils.install.layout import COMMAND
from ..module_utils.install.options import (
    CONTROLLER,
    DEFAULT_BIN_DIR,
    DIRECT,
    LATEST,
    install_argument_spec,
    install_constraints,
)
from ..module_utils.install.platform import Platform
from ..module_utils.install.tools import Tools
from ..module_utils.task.http import AnsibleHttpClient
from ..plugin_utils.delivery.cache import controller_cache
from ..plugin_utils.delivery.once_per_run import OncePerRun
from ..plugin_utils.delivery.parcels import Parcel
from ..plugin_utils.delivery.s5cmd_delivery import Delivery, failure_result

#: What only the controller needs: a host that downloads nothing learns no token and no mirror.
OF_THE_CONTROLLER = ("mirror", "api_url", "github_token", "wheel_dir", "controller_dir", "cache_dir", "timeout")


class ActionModule(ActionBase):  # type: ignore[misc]
    """One call of the module on a host that is right, or that downloads by itself; one more with the delivered file."""

    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        variables = task_vars or {}
        if self._task.args.get("delivery", DIRECT) != CONTROLLER:
            wrap_async = self._task.async_val and not self._connection.has_native_async
            result: dict[str, Any] = self._execute_module(task_vars=variables, wrap_async=wrap_async)
            return result
        if self._task.async_val:
            raise AnsibleActionFail("delivery: controller cannot run with async; leave async away, or deliver direct")
        host = str(variables.get("inventory_hostname", "localhost"))
        try:
            result = self._deliver(host, self._options(), variables)
        except DatasyncError as error:
            return failure_result(host, f"{self._task.args.get('bin_dir', DEFAULT_BIN_DIR)}/{COMMAND}", error)
        if result.get("failed") and "exit_code" in result:
            result["msg"] = f"{host}: {result['msg']}"
        return result

    def _options(self) -> dict[str, Any]:
        """The options as the controller reads them: its home in paths, its environment for the token.

        Raises ConfigurationError.
        """
        spec = install_argument_spec()
        spec["github_token"]["fallback"] = (env_fallback, ["GITHUB_TOKEN", "GH_TOKEN"])
        checked = ArgumentSpecValidator(spec, **install_constraints()).validate(self._task.args)
        if checked.unsupported_parameters:
            names = ", ".join(sorted(checked.unsupported_parameters))
            raise ConfigurationError(f"s5cmd_install has no option {names}", "ansible-doc tells which it has")
        if checked.error_messages:
            raise ConfigurationError("; ".join(checked.error_messages))
        options: dict[str, Any] = checked.validated_parameters
        return options

    def _deliver(self, host: str, options: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        request = InstallRequest.from_options(options)
        delivery = Delivery(
            request,
            Tools(Downloader(AnsibleHttpClient(), options["timeout"])),
            OncePerRun(Path(C.DEFAULT_LOCAL_TMP), host),
            controller_cache(options["cache_dir"]),
        )
        arguments = {name: value for name, value in self._task.args.items() if name not in OF_THE_CONTROLLER}
        if request.version == LATEST and options["state"] == "present":
            arguments["version"] = delivery.newest_version()
        result = self._call(arguments, variables)
        if not result.pop("awaits_delivery", False):
            return result
        if self._task.check_mode and not request.controller_dir:
            return result
        parcel = delivery.parcel(result["version"], Platform(**result["platform"]))
        if self._task.check_mode:
            return result
        delivered = {**parcel._asdict(), "path": self._push(host, parcel)}
        return self._call({**arguments, "delivered": delivered}, variables)

    def _call(self, arguments: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        # Ansible adds its own to the arguments that it is given.
        result: dict[str, Any] = self._execute_module(module_args=dict(arguments), task_vars=variables)
        return result

    def _push(self, host: str, parcel: Parcel) -> str:
        """Bring the file to the task's temporary folder on the host, which Ansible removes after the task."""
        folder = self._connection._shell.tmpdir or self._make_tmp_path()
        remote: str = self._connection._shell.join_path(folder, f"s5cmd-{parcel.sha256[:12]}")
        try:
            self._transfer_file(str(parcel.path), remote)
        except AnsibleConnectionFailure:
            raise
        except AnsibleError as error:
            size = parcel.path.stat().st_size / 1_000_000
            raise InstallationError(
                f"cannot push {parcel.path.name} ({size:.0f} MB) to {remote}: {error.message}",
                f"free some space on {host}, or set ansible_remote_tmp to a folder on another file system",
            ) from error
        self._fixup_perms2((folder, remote), execute=False)
        return remote
