# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The environment of the s5cmd child: credentials as boto3 finds them, and how Go's runtime works."""

from __future__ import annotations

from collections.abc import Mapping

from ...job.job import Job
from ...s3.refusals import explained

#: Credentials that botocore renews by itself and that s5cmd can find and renew too.
_RENEWED_BY_S5CMD = frozenset(
    {"iam-role", "container-role", "assume-role", "assume-role-with-web-identity", "custom-process"}
)
#: How s5cmd's Go runtime collects garbage, unless the caller's environment says otherwise.
#: Its own default of 100 is for a live heap of a few MB: it takes a quarter of s5cmd's CPU time on small files. With
#: 800 s5cmd has 90 MB of memory instead of 35 there, and no more than before on large files.
#: https://pkg.go.dev/runtime#hdr-Environment_Variables
GO_RUNTIME = {"GOGC": "800", "GOMEMLIMIT": "512MiB"}


def environment_for(job: Job, inherited: Mapping[str, str]) -> dict[str, str]:
    """The environment of the s5cmd child: the caller's, with the job's credentials as boto3 finds them.

    Secrets go here and never into arguments. Raises CredentialsError when there are none or they cannot be renewed.
    """
    with explained("find credentials", job.destination):
        credentials = job.connection.credentials()
        frozen = credentials.get_frozen_credentials()
    environment = {**GO_RUNTIME, **inherited}
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "S3_ENDPOINT_URL"):
        environment.pop(name, None)
    region = job.connection.region_name
    if region:
        # Without a region s5cmd asks Amazon S3 where the bucket is.
        environment["AWS_REGION"] = region
    if credentials.method in _RENEWED_BY_S5CMD:
        environment["AWS_SDK_LOAD_CONFIG"] = "1"
        # In botocore's order, so that both take the same one.
        profile = job.connection.profile or inherited.get("AWS_DEFAULT_PROFILE") or inherited.get("AWS_PROFILE")
        if profile:
            environment["AWS_PROFILE"] = profile
        return environment
    environment["AWS_ACCESS_KEY_ID"] = frozen.access_key
    environment["AWS_SECRET_ACCESS_KEY"] = frozen.secret_key
    if frozen.token:
        environment["AWS_SESSION_TOKEN"] = frozen.token
    return environment
