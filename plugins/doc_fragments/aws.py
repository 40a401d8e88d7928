# Copyright (c) 2026, The datasync.turbo contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection options shared by the modules that talk to S3."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation of `plugins/module_utils/s3/connection.py`."""

    DOCUMENTATION = r"""
options:
  profile:
    description:
      - Name of the profile in the AWS configuration files of the user that runs the module.
      - If not set then the value of the E(AWS_PROFILE) environment variable is used.
      - Not used when O(access_key) is given.
    type: str
    aliases: [aws_profile]
  region:
    description:
      - AWS region of the bucket.
      - If not set then the value of the E(AWS_REGION) or E(AWS_DEFAULT_REGION) environment variable is used,
        then the profile's region, then V(us-east-1).
    type: str
    aliases: [aws_region]
  endpoint_url:
    description:
      - URL of an S3-compatible server in place of Amazon S3, for example V(https://s3.example.org) or
        V(http://127.0.0.1:8333).
      - If not set then the value of the E(S3_ENDPOINT_URL), E(AWS_ENDPOINT_URL_S3) or E(AWS_ENDPOINT_URL)
        environment variable is used.
    type: str
    aliases: [aws_endpoint_url, s3_url]
  access_key:
    description:
      - Access key ID.
      - If not set then the value of the E(AWS_ACCESS_KEY_ID) environment variable is used, then whatever else boto3
        finds. An instance role or O(profile) is better, because no secret is in the playbook then.
    type: str
    aliases: [aws_access_key_id, aws_access_key]
  secret_key:
    description:
      - Secret access key that belongs to O(access_key).
      - If not set then the value of the E(AWS_SECRET_ACCESS_KEY) environment variable is used.
    type: str
    aliases: [aws_secret_access_key, aws_secret_key]
  session_token:
    description:
      - Session token of temporary credentials.
      - If not set then the value of the E(AWS_SESSION_TOKEN) environment variable is used.
    type: str
    aliases: [aws_session_token]
  request_payer:
    description:
      - With V(requester), the account of the credentials pays for the requests, as buckets with Requester Pays demand.
      - Files are then uploaded in one request each, because s5cmd does not say who pays for a part. Those above 5 GiB
        are refused.
    version_added: 0.5.0
    type: str
    choices: [requester]
requirements:
  - python >= 3.9
"""
