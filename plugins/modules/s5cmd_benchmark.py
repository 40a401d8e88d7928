#!/usr/bin/python
# Copyright (c) 2026, The datasync.turbo contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure how fast this host uploads, with which tool, and find the settings that suit it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: s5cmd_benchmark
short_description: Measure how fast this host uploads, with which tool, and find the settings that suit it
version_added: 0.4.0
description:
  - Uploads the same data from the managed host with each tool, in turns and round by round, and compares them. After
    each run the bucket is asked whether everything is there; a tool that only says so gets no figure.
  - Each run has a prefix of its own, which is removed afterwards, also after a failure, a signal or a lost connection.
    What a benchmark that was killed left behind is removed by the next one.
  - With O(tune=true) it then looks for the number of workers, the parts in flight and the part size that suit the host
    and its link, for each class of file. The defaults stay unless a gain is shown.
  - It sends a lot of data. Check mode tells how much, and sends nothing.
  - One benchmark at a time on a host. A second one fails at once with exit code 75.
extends_documentation_fragment:
  - datasync.turbo.aws
  - datasync.turbo.attributes
  - datasync.turbo.attributes.actiongroup_datasync
attributes:
  check_mode:
    support: full
    details:
      - Finds the tools and the link, reaches the bucket, and returns RV(estimate). Nothing is uploaded or written.
  diff_mode:
    support: none
  idempotent:
    support: none
    details:
      - It measures anew each time.
options:
  config:
    description:
      - Env file of a job on the managed host. Its bucket, its connection and its transfer settings are used.
      - Parameters of the task win over what the file says.
    type: path
  bucket:
    description:
      - The bucket to upload to.
      - Required, here or in O(config).
    type: str
  prefix:
    description:
      - Key prefix below which each run gets a prefix of its own.
      - Not set, it is C(datasync-benchmark) below the prefix of O(config). A job that deletes below that prefix would
        count those objects among its own while the benchmark runs.
    type: str
  tools:
    description:
      - What to compare. One that is not on the host is reported, and is no error.
      - V(awscli) is C(aws s3 sync) with its defaults; V(awscli_optimized) the same with 20 requests at once and parts
        of 64 MB.
      - V(s5cmd) is C(s5cmd sync) with its default flags, which proves nothing.
      - V(datasync) is what M(datasync.turbo.s5cmd_sync) does, proof included, with the settings of O(config), but for
        its storage class, because some classes bill a month for what stays a minute.
      - V(rclone) is C(rclone copy) with its defaults.
      - No tool reads the configuration of the user, and all get the same credentials.
    type: list
    elements: str
    choices: [awscli, awscli_optimized, s5cmd, datasync, rclone]
    default: [awscli, awscli_optimized, s5cmd, datasync, rclone]
  datasets:
    description:
      - What to upload. V(mix) is 100, 250 and 500 MB, 1 GB and 20 times 250 MB; V(small) is 10,000 files of 16 KiB;
        V(single) is one large file; an absolute path is a folder of the host, which is only read.
      - Generated data does not compress. It is kept in O(work_dir) for the next time.
    type: list
    elements: str
    default: [small, single]
  single_size:
    description:
      - Size of the file of V(single), such as V(4GB).
    type: str
    default: '1000000000'
  rounds:
    description:
      - How often each tool uploads each dataset. With one round no difference can be shown, with few only large ones.
    type: int
    default: 3
  warmup:
    description:
      - Rounds before those, which are not counted.
    type: int
    default: 1
  timeout:
    description:
      - Seconds that one run of a tool may take. It is ended then, and not tried again on this dataset.
    type: int
    default: 1800
  max_bytes:
    description:
      - The benchmark fails before it begins if it would upload more than this, all rounds, tools and tuning together.
    type: str
    default: 100GB
  request_price:
    description:
      - What 1,000 requests cost, for the estimate of what the benchmark costs, such as 0.005.
    type: float
  link_mbps:
    description:
      - Speed of the link to the server in megabits per second, to tell how much of it is used.
      - Not set, it is the speed of the network interface, which says nothing about what lies behind it.
    type: float
  work_dir:
    description:
      - Folder for the generated data.
      - Not set, it is a folder for each user below C(/var/tmp).
    type: path
  results_dir:
    description:
      - Folder in which a folder with the results is made, as JSON, CSV, text and as one HTML page.
      - Not set, no file is written.
    type: path
  aws_path:
    description:
      - The AWS CLI. Not set, the C(aws) on E(PATH).
    type: path
  rclone_path:
    description:
      - The rclone. Not set, the one on E(PATH).
    type: path
  s5cmd_path:
    description:
      - The s5cmd. Not set, that of O(config), or the one on E(PATH).
    type: path
  tune:
    description:
      - Whether to look for better settings of V(datasync) after the rounds.
      - O(rounds=0) only tunes.
    type: bool
    default: false
  tune_classes:
    description:
      - The classes of files to tune for.
      - V(small) is up to 1 MiB, V(medium) up to 64 MiB, V(large) up to 2 GB, and V(single) one file that is larger.
    type: list
    elements: str
    choices: [small, medium, large, single]
    default: [small, medium, large, single]
  tune_seconds:
    description:
      - Seconds that the tuning may take.
    type: int
    default: 900
  tune_bytes:
    description:
      - Bytes that the tuning may upload. Samples are made so small that each class has some 32 uploads, but they
        should take a second at least, so give 60 times what the link carries in a second for each class, or more.
    type: str
    default: 40GB
  apply_tuning:
    description:
      - Whether the jobs of this host use what was found, from their next run on. It is written to O(tuning_path).
    type: bool
    default: false
  tuning_path:
    description:
      - The file with the tuning of this host. Jobs of the role P(datasync.turbo.uploader#role) read it.
      - Not set, it is that of O(config), or C(/etc/ansible/facts.d/datasync_tuning.fact), which Ansible gathers as
        C(ansible_local.datasync_tuning).
    type: path
  frozen:
    description:
      - Whether later tunings must leave O(tuning_path) as it is. V(true) keeps the settings, V(false) lets them change
        again. Not set, it is as it was.
    type: bool
notes:
  - The Python packages boto3, awscrt and psutil are looked for in the module's interpreter, then in the environment
    that the role P(datasync.turbo.uploader#role) makes, then in the system's interpreters.
requirements:
  - boto3 >= 1.42
  - awscrt
  - psutil
seealso:
  - module: datasync.turbo.s5cmd_sync
author:
  - The datasync.turbo contributors !UNKNOWN
"""

EXAMPLES = r"""
- name: See what a benchmark would upload
  datasync.turbo.s5cmd_benchmark:
    bucket: archive
    profile: uploader
    request_price: 0.005
  check_mode: true

- name: Compare the tools on this host and write the report
  datasync.turbo.s5cmd_benchmark:
    bucket: archive
    profile: uploader
    region: eu-central-1
    link_mbps: 1000
    results_dir: /var/lib/datasync-turbo/benchmarks

- name: Measure with the settings and the credentials of a deployed job, and with files of one's own
  datasync.turbo.s5cmd_benchmark:
    config: /etc/datasync-turbo/jobs/outbox.env
    datasets:
      - mix
      - /srv/outbox
    rounds: 5
    max_bytes: 500GB

- name: Find the settings that suit this host, and use them
  datasync.turbo.s5cmd_benchmark:
    config: /etc/datasync-turbo/jobs/outbox.env
    tools:
      - datasync
    rounds: 0
    tune: true
    apply_tuning: true
"""

RETURN = r"""
exit_code:
  description:
    - V(0) all was measured; V(1) configuration; V(2) credentials; V(3) bucket or endpoint; V(4) runs failed, or
      something could not be removed; V(75) another benchmark runs on the host; 128+n stopped by signal n.
  returned: always
  type: int
  sample: 0
estimate:
  description:
    - What all runs send together. C(requests) is about right, C(bytes) exact, without what a tuning leaves unused.
    - C(cost) is that of the requests with O(request_price), V(null) without.
  returned: when the bucket answered
  type: dict
  sample:
    bytes: 288000000
    cost: null
    note: about 272 requests and 288 MB; requests for listings, checks and deletions are not in it
    requests: 272
link:
  description:
    - The network interface by which the host reaches the server, and its speed. V(source) tells where that is from,
      V(given), V(interface) or V(unknown).
  returned: when the bucket answered
  type: dict
  sample:
    interface: eth0
    mbps: 1000.0
    note: ''
    source: given
    virtual: false
tools:
  description: The tools, and why those that are not C(available) cannot be measured.
  returned: when the bucket answered
  type: list
  elements: dict
  sample:
    - available: true
      name: datasync
      path: /usr/local/bin/s5cmd
      reason: ''
      settings: 32 workers, 4 parts of 8 MiB a file, proven by CRC64NVME
      version: s5cmd v2.3.0-991c9fb
datasets:
  description: What is uploaded in each run.
  returned: when the bucket answered
  type: list
  elements: dict
  sample:
    - bytes: 36000000
      files: 31
      name: /srv/material
report:
  description: Paths of the files that were written on the host, by kind.
  returned: with O(results_dir), unless in check mode
  type: dict
  sample:
    csv: /var/lib/datasync-turbo/benchmarks/20261123T040350Z-upload-1-f036fc/benchmark.csv
    html: /var/lib/datasync-turbo/benchmarks/20261123T040350Z-upload-1-f036fc/benchmark.html
    json: /var/lib/datasync-turbo/benchmarks/20261123T040350Z-upload-1-f036fc/benchmark.json
    txt: /var/lib/datasync-turbo/benchmarks/20261123T040350Z-upload-1-f036fc/benchmark.txt
tuning_applied:
  description:
    - Whether O(tuning_path) has the tuning of this benchmark now, and why or why not.
  returned: with O(apply_tuning=true) or O(frozen), unless in check mode
  type: dict
  sample:
    applied: true
    path: /etc/ansible/facts.d/datasync_tuning.fact
    reason: /etc/ansible/facts.d/datasync_tuning.fact has the new tuning
benchmark:
  description:
    - The result, as it is also written to C(benchmark.json). Times in seconds, sizes in bytes, MB are 10^6 bytes.
    - Also returned when the task fails after the first upload.
  returned: when anything was measured
  type: dict
  contains:
    schema:
      description: Version of this form.
      type: int
      returned: always
    id:
      description: Name of this benchmark, and of the folder with its results.
      type: str
      returned: always
    started:
      description: Start, local time in ISO 8601 with offset.
      type: str
      returned: always
    finished:
      description: End.
      type: str
      returned: always
    status:
      description: V(complete), V(incomplete) or V(interrupted).
      type: str
      returned: always
    problems:
      description: What went wrong, and what an earlier benchmark had left behind.
      type: list
      elements: str
      returned: always
    host:
      description: The machine, its system and the version of this collection.
      type: dict
      returned: always
    destination:
      description: Where the prefixes of the runs were made.
      type: str
      returned: always
    endpoint:
      description: URL of the server, empty for Amazon S3.
      type: str
      returned: always
    link:
      description: The same as RV(link).
      type: dict
      returned: always
    settings:
      description: Number of rounds and warm-up rounds, and the time limit of a run.
      type: dict
      returned: always
    estimate:
      description: The same as RV(estimate).
      type: dict
      returned: always
    datasets:
      description: As RV(datasets), and whether it was C(cached), read into the page cache before the first run.
      type: list
      elements: dict
      returned: always
    tools:
      description: The same as RV(tools).
      type: list
      elements: dict
      returned: always
    runs:
      description:
        - Each run in order. Round 0 is the warm-up. C(message) says why a run does not count, empty if it does.
        - C(peak_memory_bytes) is the greatest sum of the memory of all processes of the tool at one time.
        - C(link_bytes) left by the interface meanwhile, whoever sent them. C(retries) is V(null) where a tool does not
          tell.
      type: list
      elements: dict
      returned: always
    summary:
      description: Median, minimum, maximum and spread of the good runs of each tool on each dataset.
      type: list
      elements: dict
      returned: always
    ratios:
      description:
        - The time of V(datasync) as a share of that of each other tool in the same round. C(low) and C(high) are the
          ends of the 95 % confidence interval.
        - The C(verdict) is V(faster) or V(slower) only if the whole interval says so, else V(no difference shown), or
          V(not enough rounds).
      type: list
      elements: dict
      returned: always
    left_behind:
      description: What could not be removed from the bucket, and why. The next benchmark tries again.
      type: list
      elements: dict
      returned: always
    tuning:
      description:
        - What O(tune) found, V(null) without it. C(classes) has for each class of files the C(settings) in force,
          whether a gain was C(shown), the ratio of times to the defaults with its confidence interval, the C(reason)
          and all C(trials).
      type: dict
      returned: always
  sample:
    datasets:
    - bytes: 36000000
      cached: true
      files: 31
      name: /srv/material
    destination: s3://archive/datasync-benchmark/
    endpoint: https://s3.example.org
    estimate:
      bytes: 288000000
      cost: null
      note: about 272 requests and 288 MB; requests for listings, checks and deletions are not in it
      requests: 272
    finished: '2026-11-23T04:04:05+00:00'
    host:
      collection: 0.4.0
      cores: 2
      cpu: AMD EPYC
      kernel: Linux 6.18.44-fc-v669
      memory_bytes: 25276502016
      name: upload-1
      python: 3.11.7
      system: Debian GNU/Linux 12 (bookworm)
    id: 20261123T040350Z-upload-1-f036fc
    left_behind: []
    link:
      interface: eth0
      mbps: 1000.0
      note: ''
      source: given
      virtual: false
    problems: []
    ratios:
    - against: s5cmd
      dataset: /srv/material
      high: 2.858
      low: 1.216
      pairs: 3
      ratio: 1.864
      tool: datasync
      verdict: slower
    runs:
    - began: '2026-11-23T04:04:03+00:00'
      cpu_percent: 34.5
      cpu_seconds: 0.743
      dataset: /srv/material
      errors: 0
      exit_code: 0
      link_bytes: 127095820
      link_percent: 47.2
      megabytes_per_second: 16.723
      message: ''
      objects_per_second: 14.401
      peak_memory_bytes: 74416128
      retries: 0
      round: 3
      tool: datasync
      wall_seconds: 2.153
    schema: 1
    settings:
      rounds: 3
      timeout: 1800
      warmup: 1
    started: '2026-11-23T04:03:50+00:00'
    status: complete
    summary:
    - cpu_seconds:
        maximum: 0.261
        median: 0.248
        minimum: 0.226
        spread_percent: 14.113
      cpu_seconds_per_gb: 6.889
      dataset: /srv/material
      failed: 0
      link_percent: 54.2
      megabytes_per_second:
        maximum: 33.938
        median: 33.713
        minimum: 26.792
        spread_percent: 21.197
      objects_per_second:
        maximum: 29.224
        median: 29.031
        minimum: 23.071
        spread_percent: 21.195
      peak_memory_bytes: 27168768
      runs: 3
      tool: s5cmd
      wall_seconds:
        maximum: 1.344
        median: 1.068
        minimum: 1.061
        spread_percent: 26.498
    tools:
    - available: true
      name: datasync
      path: /usr/local/bin/s5cmd
      reason: ''
      settings: 32 workers, 4 parts of 8 MiB a file, proven by CRC64NVME
      version: s5cmd v2.3.0-991c9fb
    - available: true
      name: s5cmd
      path: /usr/local/bin/s5cmd
      reason: ''
      settings: 'default flags: 256 workers, 5 parts of 50 MiB a file'
      version: v2.3.0-991c9fb
    - available: false
      name: rclone
      path: /usr/bin/rclone
      reason: '/usr/bin/rclone does not run: [Errno 2] No such file or directory: ''/usr/bin/rclone'''
      settings: ''
      version: ''
    tuning: null
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.datasync.turbo.plugins.module_utils.benchmark.answer import run
from ansible_collections.datasync.turbo.plugins.module_utils.benchmark.request import (
    DEFAULT_DATASETS,
    MAX_BYTES,
    SINGLE_SIZE,
    TIMEOUT,
    TOOLS,
    TUNE_BYTES,
    TUNE_SECONDS,
    BenchmarkRequest,
)
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import DatasyncError
from ansible_collections.datasync.turbo.plugins.module_utils.common.interrupt import Interrupt
from ansible_collections.datasync.turbo.plugins.module_utils.job.config import Config
from ansible_collections.datasync.turbo.plugins.module_utils.task.exit import exit_with, fail_with
from ansible_collections.datasync.turbo.plugins.module_utils.task.options import config_of_task, merged_options
from ansible_collections.datasync.turbo.plugins.module_utils.task.reader import Attended
from ansible_collections.datasync.turbo.plugins.module_utils.task.respawn import require_packages
from ansible_collections.datasync.turbo.plugins.module_utils.task.specs import connection_argument_spec
from ansible_collections.datasync.turbo.plugins.module_utils.tuning.classes import FILE_CLASSES


def main() -> None:
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    require_packages(module, "psutil")
    config = Config()
    try:
        config = config_of_task(module.params)
        for warning in config.warnings:
            module.warn(warning)
        with Interrupt() as interrupt:
            answer = run(request_of(module.params, config), Attended(interrupt).check, dry_run=module.check_mode)
    except DatasyncError as error:
        fail_with(module, config.located(error))
    exit_with(module, answer)


def argument_spec() -> dict[str, Any]:
    return {
        **connection_argument_spec(),
        "config": {"type": "path"},
        "bucket": {"type": "str"},
        "prefix": {"type": "str"},
        "tools": {"type": "list", "elements": "str", "choices": list(TOOLS), "default": list(TOOLS)},
        "datasets": {"type": "list", "elements": "str", "default": list(DEFAULT_DATASETS)},
        "single_size": {"type": "str", "default": SINGLE_SIZE},
        "rounds": {"type": "int", "default": 3},
        "warmup": {"type": "int", "default": 1},
        "timeout": {"type": "int", "default": TIMEOUT},
        "max_bytes": {"type": "str", "default": MAX_BYTES},
        "request_price": {"type": "float"},
        "link_mbps": {"type": "float"},
        "work_dir": {"type": "path"},
        "results_dir": {"type": "path"},
        "aws_path": {"type": "path"},
        "rclone_path": {"type": "path"},
        "s5cmd_path": {"type": "path"},
        "tune": {"type": "bool", "default": False},
        "tune_classes": {
            "type": "list",
            "elements": "str",
            "choices": list(FILE_CLASSES),
            "default": list(FILE_CLASSES),
        },
        "tune_seconds": {"type": "int", "default": TUNE_SECONDS},
        "tune_bytes": {"type": "str", "default": TUNE_BYTES},
        "apply_tuning": {"type": "bool", "default": False},
        "tuning_path": {"type": "path"},
        "frozen": {"type": "bool"},
    }


def request_of(params: dict[str, Any], config: Config) -> BenchmarkRequest:
    """What the task and the env file ask for."""
    return BenchmarkRequest.from_options(merged_options(params, config), prefix_is_given=params["prefix"] is not None)


if __name__ == "__main__":
    main()
