# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""ansible-core's HTTP client for the downloads of the installer, on hosts and on the controller."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class AnsibleHttpClient:
    """The `fetch.HttpClient` that knows the proxies and certificates of the machine as Ansible does."""

    def open(self, url: str, headers: Mapping[str, str], secret_headers: Mapping[str, str], timeout: float) -> Any:
        """As `fetch.HttpClient.open`."""
        # Importing it takes longer than all the rest of a run that has nothing to do.
        from ansible.module_utils import urls

        try:
            return urls.open_url(
                url,
                headers={**headers, **secret_headers},
                unredirected_headers=list(secret_headers),
                timeout=timeout,
                http_agent="datasync.turbo",
                decompress=False,
                use_netrc=not secret_headers,
            )
        except urls.ConnectionError as error:
            raise OSError(str(error)) from error
