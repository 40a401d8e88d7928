# Copyright (c) 2026, The datasync.turbo contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that say what a job's files are and how they are proven, shared by uploads and audits."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation of the options in `plugins/module_utils/job/options.py` that s3_verify uses, too."""

    DOCUMENTATION = r"""
options:
  config:
    description:
      - Env file of the job on the managed host, as the host program and the sites' scripts use it.
      - Parameters of the task win over what the file says. Credentials count as one; with any of O(profile),
        O(access_key), O(secret_key) and O(session_token) given here, those of the file are not used.
    type: path
  src:
    description:
      - The folder of the job, on the managed host. Its content is uploaded, not the folder itself.
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
  include:
    description:
      - Patterns of files that belong to the job, matched against the path relative to O(src). V(*) also matches V(/).
      - Not set, all files do.
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
      - Whether what symbolic links point to belongs to the job.
      - If V(true) (the default), a broken link is a problem and the run ends with exit code 4.
      - If V(false), links are left out.
    type: bool
  shard:
    description:
      - The part of the folder that this host takes, where several hosts see the same folder. A stable hash of the key
        decides, so the parts are disjoint and together are the whole.
      - Deletions and audits stay within the part.
      - Not set, the host takes the whole folder.
    version_added: 0.2.0
    type: dict
    suboptions:
      index:
        description: Number of this part, from V(0) to O(shard.count) minus one.
        type: int
        required: true
      count:
        description: Number of parts. The same on all hosts.
        type: int
        required: true
  require_mount:
    description:
      - Mount point that must be mounted. O(src) must be in it, or it in O(src). If it is not mounted, the run fails with
        exit code 4 before it looks at anything.
    version_added: 0.2.0
    type: path
  settle_seconds:
    description:
      - Files that changed less than this many seconds ago, by modification or status time, wait for the next upload, and
        so do files that change between the look at the folder and their upload. The result counts them as deferred, and
        they are no problem.
      - Not set, V(0), and files are taken as they are.
    version_added: 0.2.0
    type: int
  ignore_temporary:
    description:
      - Whether to leave out files that programs write before they rename them, by O(temporary_patterns). Not set,
        V(false).
    version_added: 0.2.0
    type: bool
  temporary_patterns:
    description:
      - Patterns of the names that O(ignore_temporary) leaves out, matched against the name without its folder.
      - Not set, V(.*.swp), V(.*.swx), V(*~), V(*.part), V(*.partial), V(*.filepart), V(*.crdownload), V(*.tmp),
        V(*.temp), V(~$*), V(.~lock.*#), V(.nfs*), V(.fuse_hidden*), V(.smbdelete*) and V(.~tmp~).
    version_added: 0.2.0
    type: list
    elements: str
  allow_empty_source:
    description:
      - Whether a folder without any file is right although there are objects. Not set, V(false), because it is mostly a
        disk that is not mounted. Then nothing is deleted, and an audit fails.
    version_added: 0.2.0
    type: bool
  checksum_algorithm:
    description:
      - The checksum that is preferred as proof. Not set, V(CRC64NVME), which Amazon S3 computes and stores by itself.
      - With V(SHA256), uploads also store each file's SHA256 in the object's metadata V(sha256), and an audit takes
        nothing but a SHA256 for a proof.
      - With V(NONE), uploads are not verified.
    type: str
    choices: [CRC64NVME, SHA256, CRC32C, CRC32, SHA1, NONE]
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
  timeout:
    description: Time limit in seconds. What was done until then stays, the rest is reported, with exit code 4.
    type: int
  lock_path:
    description:
      - Lock file of the job. It also tells whether the state file is the newest.
      - Not set, a name made from source and destination in C(/run/lock) or the temporary folder.
    type: path
  state_path:
    description:
      - File that remembers which files are stored, with what content, and how that was proven. With it an upload of an
        unchanged folder asks S3 nothing about the single objects.
      - It saves work and decides nothing. If it is missing, damaged, of another job or older than the last run, a
        warning says so and the bucket's listing is used.
      - One for each job. Its folder is made if needed. It must not be inside O(src), and not on a network file system.
      - Not set, nothing is remembered.
    version_added: 0.2.0
    type: path
"""
