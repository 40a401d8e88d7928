# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Argument specification of the transfer options, for the modules.

`plugins/doc_fragments/transfer.py` documents them.
"""

from __future__ import annotations

from typing import Any

from ..job.job import AFTER_UPLOAD_CHOICES, CANNED_ACLS, COMPARE_CHOICES, ENCRYPTIONS, STORAGE_CLASSES, VERIFY_CHOICES
from ..s3.limits import ALGORITHMS, NO_CHECKSUM


def transfer_argument_spec() -> dict[str, dict[str, Any]]:
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
        "retry_rounds": {"type": "int"},
        "retry_delay": {"type": "int"},
        "checksum_algorithm": {"type": "str", "choices": [*ALGORITHMS, NO_CHECKSUM]},
        "verify": {"type": "str", "choices": list(VERIFY_CHOICES)},
        "timeout": {"type": "int"},
        "lock_path": {"type": "path"},
        "state_path": {"type": "path"},
        "compare": {"type": "str", "choices": list(COMPARE_CHOICES)},
        "reconcile": {"type": "bool"},
        "reconcile_days": {"type": "int"},
        "delete": {"type": "bool"},
        "max_delete": {"type": "str"},
        "delete_excluded": {"type": "bool"},
        "allow_empty_source": {"type": "bool"},
        "require_mount": {"type": "path"},
        "settle_seconds": {"type": "int"},
        "ignore_temporary": {"type": "bool"},
        "temporary_patterns": {"type": "list", "elements": "str"},
        "shard": {
            "type": "dict",
            "options": {"index": {"type": "int", "required": True}, "count": {"type": "int", "required": True}},
        },
        "after_upload": {"type": "str", "choices": list(AFTER_UPLOAD_CHOICES)},
        "move_to": {"type": "path"},
        "manifest_path": {"type": "path"},
        "history_path": {"type": "path"},
        "history_runs": {"type": "int"},
        "progress_path": {"type": "path"},
        "bandwidth_limit": {"type": "str"},
        "tuning_path": {"type": "path"},
    }
