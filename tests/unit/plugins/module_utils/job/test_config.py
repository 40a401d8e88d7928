# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A site's config file, in either dialect, becomes the options of s5cmd_sync."""

from __future__ import annotations

import datetime
from dataclasses import fields

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError
from ansible_collections.datasync.turbo.plugins.module_utils.common.units import MIB
from ansible_collections.datasync.turbo.plugins.module_utils.job import config as config_module
from ansible_collections.datasync.turbo.plugins.module_utils.job.config import load_config
from ansible_collections.datasync.turbo.plugins.module_utils.job.job import Job
from ansible_collections.datasync.turbo.plugins.module_utils.job.options import OPTIONS
from ansible_collections.datasync.turbo.plugins.module_utils.s3.connection import Connection
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.checkout import CHECKOUT

TODAY = datetime.date(2026, 11, 22)
SECRET = "wJalrXUtnFEMI/K7MDENG"

KIT = """#!/bin/bash
# DataSync client configuration
export CLIENT_NAME="Example Client"
export CLIENT_EMAIL="operations@example.org"
export AWS_PROFILE="datasync-example"
export AWS_REGION="eu-central-1"
export AWS_ACCOUNT_ID="123456789012"
export BUCKET_NAME="example-bucket"
export S3_BUCKET_ARN="arn:aws:s3:::$BUCKET_NAME"
export S3_SUBDIRECTORY="incoming"
export S3_STORAGE_CLASS="STANDARD"
export S3_MAX_CONCURRENT_REQUESTS="10"
export AWS_CLI_S3_MAX_CONCURRENT_REQUESTS="20"
export AWS_CLI_S3_MULTIPART_THRESHOLD="64MB"
export AWS_CLI_S3_MULTIPART_CHUNKSIZE="16MB"
export AWS_CLI_S3_MAX_BANDWIDTH=""
export DATASYNC_HOME="$HOME/datasync"
export SOURCE_DIR="$DATASYNC_HOME/outbox"
export LOGS_DIR="$DATASYNC_HOME/logs"
export ENABLE_CHECKSUM_VERIFICATION="true"
export CHECKSUM_ALGORITHM="SHA256"
export VERIFY_AFTER_UPLOAD="true"
export ALERT_EMAIL=""
export TASK_ARN=""
"""

S5CMD_VARIANT = """
SOURCE_DIR="/data/out box"
S3_BUCKET=example-bucket
S3_SUBDIRECTORY=incoming/site-1
S3_ENDPOINT_URL=http://127.0.0.1:8333
S5CMD_CONCURRENCY=64
S5CMD_PART_SIZE=64MB
S5CMD_NUM_WORKERS=32
S5CMD_RETRY_COUNT=3
S5CMD_CHECKSUM=crc64nvme
S5CMD_CHECKSUM_ALGORITHM=CRC64NVME
S5CMD_LOG_LEVEL=warn
S3_STORAGE_CLASS=INTELLIGENT_TIERING
S3_SERVER_SIDE_ENCRYPTION=aws:kms
S3_KMS_KEY_ID=alias/example
LOG_DIR=/var/log/datasync
JSON_OUTPUT_DIR=/var/log/datasync/json
MAX_SYNC_TIME=2h
EXCLUDE_PATTERNS="*.tmp, *.part .DS_Store"
INCLUDE_PATTERNS="*"
BANDWIDTH_LIMIT=100M
MAX_RETRY_ATTEMPTS=5
RETRY_DELAY=10
METRICS_FILE=/var/lib/metrics.prom
"""


#: The names of both dialects that ask for something this collection does not do.
NOT_ACTED_ON = [
    "CLIENT_NAME",
    "CLIENT_CONTACT",
    "CLIENT_EMAIL",
    "DEPLOYMENT_DATE",
    "AWS_ACCOUNT_ID",
    "S3_BUCKET_ARN",
    "AWS_CLI_S3_MULTIPART_THRESHOLD",
    "DATASYNC_ROLE_ARN",
    "IAM_ROLE_NAME",
    "LOG_GROUP",
    "LOG_GROUP_ARN",
    "LOG_RETENTION_DAYS",
    "PROJECT_TAG",
    "ENVIRONMENT",
    "DATASYNC_HOME",
    "SCRIPTS_DIR",
    "MONITOR_CHECK_INTERVAL",
    "ALERT_EMAIL",
    "SNS_TOPIC_ARN",
    "AGENT_ARN",
    "SOURCE_LOCATION_ARN",
    "DEST_LOCATION_ARN",
    "TASK_ARN",
    "DEPLOYMENT_MODE",
    "HEALTH_CHECK_FILE",
    "METRICS_FILE",
    "MIN_THROUGHPUT_MBPS",
    "ALERT_WEBHOOK_URL",
    "NOTIFICATION_METHOD",
    "MIN_FREE_DISK_SPACE_GB",
]


@pytest.fixture
def load(tmp_path):
    """Writes a config file of mode 0600 and reads it."""

    def load_text(text, mode=0o600, environment=None):
        path = tmp_path / "site.env"
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)
        return load_config(str(path), environment or {"HOME": "/home/me"}, TODAY)

    return load_text


def failure(load, text):
    with pytest.raises(ConfigurationError) as raised:
        load(text)
    return str(raised.value)


def test_the_kits_dialect(load):
    config = load(KIT)
    assert config.options == {
        "src": "/home/me/datasync/outbox",
        "bucket": "example-bucket",
        "prefix": "incoming",
        "profile": "datasync-example",
        "region": "eu-central-1",
        "storage_class": "STANDARD",
        "numworkers": 20,
        "part_size": 16 * MIB,
        "checksum_algorithm": "SHA256",
        "log_path": "/home/me/datasync/logs/sync-20261122.log",
        "result_paths": ["/home/me/datasync/logs/last-sync.json"],
    }
    assert config.environment == {}


def test_the_s5cmd_dialect(load):
    config = load(S5CMD_VARIANT)
    assert config.options == {
        "src": "/data/out box",
        "bucket": "example-bucket",
        "prefix": "incoming/site-1",
        "endpoint_url": "http://127.0.0.1:8333",
        "concurrency": 64,
        "part_size": 64 * MIB,
        "numworkers": 32,
        "retry_count": 3,
        "checksum_algorithm": "CRC64NVME",
        "log_level": "warn",
        "storage_class": "INTELLIGENT_TIERING",
        "sse": "aws:kms",
        "sse_kms_key_id": "alias/example",
        "log_path": "/var/log/datasync/sync-20261122.log",
        "result_paths": ["/var/log/datasync/last-sync.json", "/var/log/datasync/json/latest.json"],
        "timeout": 7200,
        "retry_rounds": 5,
        "retry_delay": 10,
        "exclude": ["*.tmp", "*.part", ".DS_Store"],
        "include": ["*"],
        "bandwidth_limit": 100 * 1024 * 1024,
    }


def test_our_own_names(load):
    config = load(
        "S5CMD_PATH=/opt/s5cmd\nFOLLOW_SYMLINKS=no\nS3_ACL=private\nS3_METADATA='site=north, note=a=b'\nVERIFY=all\n"
        "LOG_FILE=/l/x.log\nRESULT_FILE=/r/x.json\nLOCK_FILE=/k/x.lock\nLOGS_DIR=/logs\n"
    )
    assert config.options == {
        "s5cmd_path": "/opt/s5cmd",
        "follow_symlinks": False,
        "acl": "private",
        "metadata": {"site": "north", "note": "a=b"},
        "verify": "all",
        "log_path": "/l/x.log",
        "result_paths": ["/r/x.json"],
        "lock_path": "/k/x.lock",
    }
    assert config.warnings == []


def test_state_deletions_and_hot_folders(load):
    config = load(
        "STATE_FILE=/s/x.state\nCOMPARE=Checksum\nRECONCILE_DAYS=1\n"
        "DELETE=true\nMAX_DELETE=5%\nDELETE_EXCLUDED=yes\nALLOW_EMPTY_SOURCE=on\nREQUIRE_MOUNT=/mnt/disk\n"
        "SETTLE_SECONDS=2m\nIGNORE_TEMPORARY=1\nTEMPORARY_PATTERNS='~$*, *.part .nfs*'\nSHARD=0/4\n"
        "AFTER_UPLOAD=MOVE\nMOVE_TO=/mnt/done\nMANIFEST_FILE=/m/x.sha256\nRETRY_DELAY=1m\nMAX_RETRY_ATTEMPTS=0\n"
    )
    assert config.options == {
        "state_path": "/s/x.state",
        "compare": "checksum",
        "reconcile_days": 1,
        "delete": True,
        "max_delete": "5%",
        "delete_excluded": True,
        "allow_empty_source": True,
        "require_mount": "/mnt/disk",
        "settle_seconds": 120,
        "ignore_temporary": True,
        "temporary_patterns": ["~$*", "*.part", ".nfs*"],
        "shard": {"index": 0, "count": 4},
        "after_upload": "move",
        "move_to": "/mnt/done",
        "manifest_path": "/m/x.sha256",
        "retry_delay": 60,
        "retry_rounds": 0,
    }
    assert config.warnings == []


def test_nothing_is_deleted_or_moved_unless_the_file_says_so(load):
    job = Job.from_options(load("SOURCE_DIR=/data\nBUCKET_NAME=archive\n").options)
    assert (job.delete, job.delete_excluded, job.allow_empty_source) == (False, False, False)
    assert (job.after_upload, job.ignore_temporary, job.settle_seconds) == ("keep", False, 0)


def test_each_option_of_the_file_is_one_of_the_job_the_connection_or_the_log():
    """A name that is misspelt here would be read, accepted, and have no effect."""
    known = {f.name for f in (*fields(Job), *fields(Connection))} | {"log_level", "result_path"}
    assert sorted({option.name for option in OPTIONS} - known) == []


def test_credentials_and_the_environment_of_boto3_and_s5cmd(load):
    config = load(
        f"AWS_ACCESS_KEY_ID=AKIAEXAMPLE\nAWS_SECRET_ACCESS_KEY='{SECRET}'\nAWS_SESSION_TOKEN=token\n"
        "AWS_CA_BUNDLE=/etc/ssl/own.pem\nGOGC=400\nhttps_proxy=http://proxy.example.org:3128\n"
    )
    assert config.options == {"access_key": "AKIAEXAMPLE", "secret_key": SECRET, "session_token": "token"}
    assert config.environment == {
        "AWS_CA_BUNDLE": "/etc/ssl/own.pem",
        "GOGC": "400",
        "https_proxy": "http://proxy.example.org:3128",
    }
    assert config.warnings == []


def test_an_option_knows_where_it_was_written(load, tmp_path):
    config = load("# one\nS3_BUCKET=b\nLOG_DIR=/l\n")
    assert config.origins["bucket"] == f"{tmp_path}/site.env:2: S3_BUCKET"
    assert config.origins["log_path"] == f"{tmp_path}/site.env:3: LOG_DIR"


@pytest.mark.parametrize(
    ("text", "option", "value"),
    [
        ("AWS_CLI_S3_MAX_CONCURRENT_REQUESTS=20\nS3_MAX_CONCURRENT_REQUESTS=10", "numworkers", 20),
        ("S3_MAX_CONCURRENT_REQUESTS=10\nS5CMD_NUM_WORKERS=32", "numworkers", 32),
        ("S3_MAX_CONCURRENT_REQUESTS=10", "numworkers", 10),
        ("AWS_CLI_S3_MULTIPART_CHUNKSIZE=8388608\nS5CMD_PART_SIZE=64MB", "part_size", 64 * MIB),
        ("AWS_CLI_S3_MULTIPART_CHUNKSIZE=8388608", "part_size", 8 * MIB),
        ("BUCKET_NAME=b\nS3_BUCKET=b", "bucket", "b"),
        ("ENABLE_CHECKSUM_VERIFICATION=false", "verify", "none"),
        ("VERIFY_AFTER_UPLOAD=false\nENABLE_CHECKSUM_VERIFICATION=true", "verify", "none"),
        ("VERIFY_AFTER_UPLOAD=false\nVERIFY=all", "verify", "all"),
        ("S5CMD_LOG_LEVEL=trace", "log_level", "debug"),
        ("S5CMD_LOG_LEVEL=WARNING", "log_level", "warn"),
        ("MAX_SYNC_TIME=0", "timeout", None),
        ("MAX_SYNC_TIME=3600", "timeout", 3600),
    ],
)
def test_which_name_wins(load, text, option, value):
    assert load(text + "\n").options[option] == value


@pytest.mark.parametrize("text", ["ENABLE_CHECKSUM_VERIFICATION=true\nVERIFY_AFTER_UPLOAD=yes\n", "VERIFY=\n"])
def test_verification_that_is_on_leaves_the_default(load, text):
    assert "verify" not in load(text).options


def test_an_empty_value_is_not_set(load):
    config = load(
        "AWS_PROFILE=\nS3_SUBDIRECTORY=''\nS5CMD_PART_SIZE=\nLOGS_DIR=\nBANDWIDTH_LIMIT=\nSNS_TOPIC_ARN=\"\"\n"
    )
    assert config.options == {}
    assert config.warnings == []


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("BUCKET_NAME=one\nS3_BUCKET=two\n", ("BUCKET_NAME", "S3_BUCKET")),
        ("CHECKSUM_ALGORITHM=SHA256\nS5CMD_CHECKSUM=CRC32\n", ("S5CMD_CHECKSUM", "CHECKSUM_ALGORITHM")),
        ("LOGS_DIR=/one\nLOG_DIR=/two\n", ("LOGS_DIR", "LOG_DIR")),
    ],
)
def test_names_that_contradict_each_other_are_an_error_that_names_both(load, text, names):
    message = failure(load, text)
    assert all(name in message for name in names)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("S5CMD_PART_SIZE=1MB", "5 MiB to 5 GiB"),
        ("S5CMD_NUM_WORKERS=0", "whole number from 1 up"),
        ("S5CMD_CONCURRENCY=many", "whole number from 1 up"),
        ("S5CMD_RETRY_COUNT=-1", "whole number from 0 up"),
        ("MAX_SYNC_TIME=soon", "duration"),
        ("FOLLOW_SYMLINKS=perhaps", "neither true nor false"),
        ("VERIFY_AFTER_UPLOAD=perhaps", "neither true nor false"),
        ("VERIFY=some", "one of none, uploaded, all"),
        ("S5CMD_LOG_LEVEL=loud", "write one of"),
        ("S3_METADATA=novalue", "key=value"),
        ("S3_METADATA='a=1,a=2'", "twice"),
        ("COMPARE=date", "one of state, remote, checksum"),
        ("RECONCILE_DAYS=weekly", "whole number from 0 up"),
        ("DELETE=perhaps", "neither true nor false"),
        ("DELETE_EXCLUDED=perhaps", "neither true nor false"),
        ("ALLOW_EMPTY_SOURCE=perhaps", "neither true nor false"),
        ("SETTLE_SECONDS=soon", "duration"),
        ("IGNORE_TEMPORARY=perhaps", "neither true nor false"),
        ("SHARD=1", "index/count"),
        ("SHARD=-1/4", "index/count"),
        ("SHARD=1/4/2", "index/count"),
        ("AFTER_UPLOAD=delete", "one of keep, move, remove"),
        ("MAX_RETRY_ATTEMPTS=-1", "whole number from 0 up"),
        ("RETRY_DELAY=soon", "duration"),
    ],
)
def test_a_value_that_does_not_fit_is_an_error_with_file_line_and_name(load, tmp_path, line, reason):
    message = failure(load, f"\n{line}\n")
    assert message.startswith(f"{tmp_path}/site.env:2: {line.split('=')[0]} ")
    assert reason in message


@pytest.mark.parametrize(
    ("lines", "named"),
    [
        ("MAX_DELETE=many", "MAX_DELETE: max_delete 'many' is no limit"),
        ("SHARD=4/4", "SHARD: shard index 4 is not below count 4"),
        ("REQUIRE_MOUNT=/mnt/other", "REQUIRE_MOUNT: require_mount '/mnt/other' neither holds src"),
        ("COMPARE=state", "COMPARE: compare=state needs state_path"),
        ("DELETE=true\nAFTER_UPLOAD=remove", "DELETE: delete and after_upload=remove contradict"),
        ("AFTER_UPLOAD=remove\nVERIFY=none", "AFTER_UPLOAD: after_upload=remove needs verification"),
        ("STATE_FILE=/data/x.state", "STATE_FILE: state_path '/data/x.state' is inside src"),
        ("MANIFEST_FILE=/data/x.sha256", "MANIFEST_FILE: manifest_path '/data/x.sha256' is inside src"),
        ("MOVE_TO=/data/done\nAFTER_UPLOAD=move", "MOVE_TO: move_to '/data/done' is inside src"),
        ("MOVE_TO=/mnt/done", "MOVE_TO: move_to needs after_upload=move"),
    ],
)
def test_what_the_job_refuses_is_located_in_the_file(load, tmp_path, lines, named):
    config = load(f"{lines}\nSOURCE_DIR=/data\nBUCKET_NAME=archive\n")
    with pytest.raises(ConfigurationError) as raised:
        Job.from_options(config.options)
    assert str(config.located(raised.value)).startswith(f"{tmp_path}/site.env:1: {named}")


def test_names_not_acted_on_share_one_warning(load, tmp_path):
    assert load(KIT).warnings == [
        f"{tmp_path}/site.env: not acted on: CLIENT_NAME, CLIENT_EMAIL, AWS_ACCOUNT_ID, S3_BUCKET_ARN, "
        "AWS_CLI_S3_MULTIPART_THRESHOLD"
    ]


def test_the_warning_lists_each_name_of_the_sites_that_has_no_effect(load):
    warning = load("".join(f"{name}=x\n" for name in NOT_ACTED_ON)).warnings[0]
    assert warning.endswith(f"not acted on: {', '.join(NOT_ACTED_ON)}")


def test_both_names_of_the_bandwidth_limit_have_the_meaning_of_the_aws_cli(load):
    assert load("AWS_CLI_S3_MAX_BANDWIDTH=50MB/s\n").options == {"bandwidth_limit": 50 * 1024 * 1024}
    assert load("BANDWIDTH_LIMIT=400Mb/s\n").options == {"bandwidth_limit": 50 * 1024 * 1024}
    assert load("BANDWIDTH_LIMIT=50M\nAWS_CLI_S3_MAX_BANDWIDTH=50MB/s\n").options["bandwidth_limit"] == 50 * 1024**2


def test_two_bandwidth_limits_are_a_contradiction(load):
    message = failure(load, "BANDWIDTH_LIMIT=0\nAWS_CLI_S3_MAX_BANDWIDTH=50MB/s\n")
    assert "BANDWIDTH_LIMIT and AWS_CLI_S3_MAX_BANDWIDTH (line 2) mean the same but differ" in message


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_secret_that_others_may_read_is_a_warning(load, mode):
    (warning,) = load(f"AWS_SECRET_ACCESS_KEY='{SECRET}'\n", mode).warnings
    assert "AWS_SECRET_ACCESS_KEY" in warning
    assert "chmod 0600" in warning
    assert f"{mode:04o}" in warning
    assert SECRET not in warning


def test_a_file_without_a_secret_may_be_read_by_everybody(load):
    assert load("SOURCE_DIR=/data\nAWS_SECRET_ACCESS_KEY=\n", 0o644).warnings == []


def test_a_file_that_everybody_may_change_is_a_warning(load):
    (warning,) = load("SOURCE_DIR=/data\n", 0o666).warnings
    assert "may be changed by everybody" in warning


@pytest.mark.parametrize("written", ["", "AWS_SHARED_CREDENTIALS_FILE=/etc/aws/credentials\n"])
def test_credentials_that_systemd_loaded_win_over_the_files(tmp_path, written):
    """LoadCredential=aws-credentials:PATH: the service user can read the copy, and perhaps not the file."""
    path, loaded = tmp_path / "site.env", tmp_path / "credentials" / "aws-credentials"
    path.write_text(written)
    environment = {"CREDENTIALS_DIRECTORY": str(loaded.parent)}
    before = load_config(str(path), environment).environment
    assert before == ({"AWS_SHARED_CREDENTIALS_FILE": "/etc/aws/credentials"} if written else {})
    loaded.parent.mkdir()
    loaded.touch()
    assert load_config(str(path), environment).environment == {"AWS_SHARED_CREDENTIALS_FILE": str(loaded)}
    assert load_config(str(path), {"CREDENTIALS_DIRECTORY": ""}).environment == before


def test_a_missing_file_is_an_error_that_says_what_to_do(tmp_path):
    with pytest.raises(ConfigurationError, match=r"missing\.env: No such file.*give the path"):
        load_config(str(tmp_path / "missing.env"), {})


def test_a_folder_is_not_a_config_file(tmp_path):
    with pytest.raises(ConfigurationError, match="Is a directory"):
        load_config(str(tmp_path), {})


def test_a_file_that_is_too_large_is_refused(tmp_path):
    path = tmp_path / "movie.mp4"
    path.write_bytes(b"#" * (1024 * 1024 + 1))
    with pytest.raises(ConfigurationError, match="larger than 1 MiB"):
        load_config(str(path), {})


def test_a_binary_file_is_refused(tmp_path):
    path = tmp_path / "site.env"
    path.write_bytes(b"A=1\nB=\xe9\n")
    with pytest.raises(ConfigurationError, match=r"site\.env:2: the file is not UTF-8"):
        load_config(str(path), {})


def test_no_message_shows_a_secret(load):
    for line in (f"AWS_SECRET_ACCESS_KEY={SECRET};x", f"AWS_SECRET_ACCESS_KEY={SECRET} x", f"export {SECRET}=1"):
        assert SECRET not in failure(load, line + "\n")
    assert SECRET not in repr(load(f"AWS_SECRET_ACCESS_KEY={SECRET}\n"))


def test_the_log_file_is_named_after_today_by_default(tmp_path):
    path = tmp_path / "site.env"
    path.write_text("LOGS_DIR=/logs\n", encoding="utf-8")
    before = datetime.date.today()
    log_path = load_config(str(path), {}).options["log_path"]
    assert log_path in {f"/logs/sync-{day:%Y%m%d}.log" for day in (before, datetime.date.today())}


def test_each_name_of_the_sites_is_documented():
    text = (CHECKOUT / "docs" / "configuration.md").read_text("utf-8")
    names = {name for option in (*OPTIONS, config_module.LOG_FOLDER) for name in option.env_names}
    names.update(config_module.VERIFICATION_SWITCHES, config_module.ENVIRONMENT_NAMES)
    names.update((config_module.RESULT_FOLDER,), NOT_ACTED_ON)
    assert sorted(name for name in names if f"`{name}`" not in text) == []
