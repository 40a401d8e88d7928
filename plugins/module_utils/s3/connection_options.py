# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Argument specification of the connection options, for the modules; `plugins/doc_fragments/aws.py` documents them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from .connection import CONNECTION_OPTIONS

#: Option name -> environment variables that stand in for it, first one wins. Read on the managed host.
ENVIRONMENT_FALLBACKS: dict[str, list[str]] = {
    "profile": ["AWS_PROFILE"],
    "region": ["AWS_REGION", "AWS_DEFAULT_REGION"],
    "endpoint_url": ["S3_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"],
    "access_key": ["AWS_ACCESS_KEY_ID"],
    "secret_key": ["AWS_SECRET_ACCESS_KEY"],
    "session_token": ["AWS_SESSION_TOKEN"],
}

#: They belong together: keys of one account with the token or profile of another would be nobody's.
CREDENTIAL_OPTIONS = ("profile", "access_key", "secret_key", "session_token")


def connection_argument_spec() -> dict[str, dict[str, Any]]:
    """The connection options in the form of AnsibleModule's `argument_spec`.

    The environment is read later, by `with_environment`, because explicit keys must not be mixed with a
    session token or a profile that happens to be in the environment.
    """
    return {option.name: option.argument_spec for option in CONNECTION_OPTIONS}


def with_environment(options: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The options with unset ones taken from the environment, our own if none is given.

    Credentials are taken as a group: once one of profile, access_key and secret_key is given, the environment's
    credentials are left alone, so that keys of two accounts never mix.
    """
    environment = os.environ if environment is None else environment
    filled = dict(options)
    chosen = any(options.get(name) for name in CREDENTIAL_OPTIONS)
    if not chosen:
        credentials = ["access_key", "secret_key", "session_token"]
        in_environment = any(environment.get(ENVIRONMENT_FALLBACKS[name][0]) for name in credentials[:2])
        names = credentials if in_environment else ["profile"]
    else:
        names = []
    for name in [*names, "region", "endpoint_url"]:
        if not filled.get(name):
            filled[name] = next((environment[v] for v in ENVIRONMENT_FALLBACKS[name] if environment.get(v)), None)
    return filled
