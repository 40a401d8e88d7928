# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Argument specification of the transfer options, for the modules.

`plugins/doc_fragments/transfer.py` documents them.
"""

from __future__ import annotations

from typing import Any, Dict

from .checksums import ALGORITHMS, NO_CHECKSUM
from .job import CANNED_ACLS, ENCRYPTIONS, STORAGE_CLASSES, VERIFY_CHOICES


def transfer_argument_spec() -> Dict[str, Dict[str, Any]]:
    """The transfer options in the form of AnsibleModule's `argument_spec`.

    None has a default here: an option that is not given is taken from the config file, then from `job.Job`.
    """
    return {
        "src": {"type": "path"},
        "bucket": {"type": "str"},
        "prefix": {"type": "str"},
        "s5cmd_path": {"type": "path"},
        "include": {"type": "list", "elements": "str"},
        "exclude": {"type": "list", "elements": "str"},
        "follow_symlinks": {"type": "bool"},
        "storage_class": {"type": "str", "choices": list(STORAGE_CLASSES)},
        "acl": {"type": "str", "choices": list(CANNED_ACLS)},
        "sse": {"type": "str", "choices": list(ENCRYPTIONS)},
        "sse_kms_key_id": {"type": "str", "no_log": False},
        "metadata": {"type": "dict"},
        "numworkers": {"type": "int"},
        "concurrency": {"type": "int"},
        "part_size": {"type": "str"},
        "retry_count": {"type": "int"},
        "checksum_algorithm": {"type": "str", "choices": [*ALGORITHMS, NO_CHECKSUM]},
        "verify": {"type": "str", "choices": list(VERIFY_CHOICES)},
        "timeout": {"type": "int"},
        "lock_path": {"type": "path"},
    }
