# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""One job of a host: what the role adds to it, and what is wrong with it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError
from ansible_collections.datasync.turbo.plugins.plugin_utils.wanted.host import parse_spec
from ansible_collections.datasync.turbo.plugins.plugin_utils.wanted.job import UploaderJob, check_job, job_name
from ansible_collections.datasync.turbo.plugins.plugin_utils.wanted.limits import ServiceLimits
from ansible_collections.datasync.turbo.tests.unit.plugins.plugin_utils.host_variables import host_variables, job

KEYS = {"access_key": "AKIAEXAMPLE", "secret_key": "do/not+tell="}


def checked(element: dict[str, Any], **variables: Any) -> UploaderJob:
    return check_job(element, "outbox", parse_spec(host_variables(**variables)))


def test_the_role_gives_a_job_its_files() -> None:
    assert checked(job()).env == {
        "SOURCE_DIR": "/srv/outbox",
        "BUCKET_NAME": "archive",
        "S5CMD_PATH": "/usr/local/bin/s5cmd",
        "STATE_FILE": "/var/lib/datasync-turbo/state/outbox.sqlite",
        "LOCK_FILE": "/var/lib/datasync-turbo/lock/outbox.lock",
        "HISTORY_FILE": "/var/lib/datasync-turbo/results/outbox.history.jsonl",
        "HISTORY_RUNS": "1000",
        "TUNING_FILE": "/etc/ansible/facts.d/datasync_tuning.fact",
        "PROGRESS_FILE": "/var/lib/datasync-turbo/progress/outbox.json",
        "LOG_FILE": "/var/log/datasync-turbo/outbox.log",
        "RESULT_FILE": "/var/lib/datasync-turbo/results/outbox.json",
    }


def test_a_job_keeps_what_it_says_itself() -> None:
    env = checked(job(state_path="/data/state", settings={"LOCK_FILE": "/data/lock", "S5CMD_PATH": "/opt/s5cmd"})).env
    assert (env["STATE_FILE"], env["LOCK_FILE"], env["S5CMD_PATH"]) == ("/data/state", "/data/lock", "/opt/s5cmd")


def test_a_job_with_a_folder_for_its_logs_has_its_log_and_result_there() -> None:
    found = checked(job(settings={"LOGS_DIR": "/var/log/site"}))
    assert not {"LOG_FILE", "RESULT_FILE"} & set(found.env)
    assert found.job.result_paths == ("/var/log/site/last-sync.json",)
    assert found.log == "/var/log/site/sync-*.log"


def test_a_manifest_of_its_own_comes_with_sha256() -> None:
    assert "MANIFEST_FILE" not in checked(job()).env
    manifest = checked(job(checksum_algorithm="SHA256")).env["MANIFEST_FILE"]
    assert manifest == "/var/lib/datasync-turbo/results/outbox.sha256"


def test_a_job_of_older_playbooks_is_the_same_job() -> None:
    old = {"name": "outbox", "settings": {"SOURCE_DIR": "/srv/outbox", "S3_BUCKET": "archive", "SETTLE_SECONDS": 60}}
    assert checked(old).job == checked(job(settle_seconds=60)).job


def test_keys_have_a_file_of_their_own_and_stand_in_no_other() -> None:
    found = checked(job(credentials=KEYS))
    assert found.credentials is not None
    assert found.env["AWS_SHARED_CREDENTIALS_FILE"] == "/etc/datasync-turbo/credentials/outbox"
    assert not [value for value in found.env.values() if value in KEYS.values()]
    assert KEYS["secret_key"] not in repr(found)


def test_limits_of_a_job_win_over_those_of_the_host() -> None:
    host = {"nice": 10, "cpu_quota": "50%", "on_failure": ["alert@%i.service"]}
    assert checked(job(), **host).limits == ServiceLimits(
        nice=10, io_class="none", cpu_quota="50%", on_failure=("alert@%i.service",)
    )
    own = checked(job(nice=0, cpu_quota="", on_failure=[]), **host).limits
    assert own == ServiceLimits(nice=0, io_class="none", cpu_quota=None, on_failure=())


def test_limits_of_the_host_that_cron_cannot_keep_are_no_error() -> None:
    assert checked(job(schedule={"cron": "@daily"}), scheduler="cron", memory_max="2G").schedule.kind == "cron"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sorce": "/a"}, "sorce is not known (did you mean source?)"),
        ({"aws_region": "a"}, "aws_region is not known (did you mean region?)"),
        ({"zzz": 1}, "zzz is not known (known are "),
        ({"reconcile": True}, "reconcile is not known"),
        ({"source": None}, "source is missing (write source (settings.SOURCE_DIR in older jobs))"),
        ({"bucket": ""}, "bucket is missing (write bucket (settings.BUCKET_NAME in older jobs))"),
        ({"source": "~/outbox"}, "source '~/outbox' is not an absolute path"),
        ({"log_path": "~/outbox.log"}, "log_path '~/outbox.log' is not an absolute path"),
        ({"settings": {"LOGS_DIR": "logs"}}, "settings.LOGS_DIR 'logs' is not an absolute path"),
        ({"settings": {"JSON_OUTPUT_DIR": "~/json"}}, "settings.JSON_OUTPUT_DIR '~/json' is not an absolute path"),
        ({"source": "/a\nb"}, "source holds a line end or NUL"),
        ({"settings": {"S3_ACL": "a\nb"}}, "settings.S3_ACL holds a line end or NUL"),
        ({"settings": "SOURCE_DIR=/a"}, "settings is no dictionary"),
        ({"bucket": "s3://archive"}, "bucket 's3://archive' is not a bucket name"),
        ({"part_size": "3MB"}, "part_size '3MB' is 3 MiB, but S3 takes parts of 5 MiB to 5 GiB"),
        ({"numworkers": 0}, "numworkers '0' is not a whole number from 1 up"),
        ({"settings": {"S5CMD_NUM_WORKERS": "many"}}, "settings.S5CMD_NUM_WORKERS 'many' is not a whole number"),
        ({"storage_class": "COLD"}, "storage_class 'COLD' is not known"),
        ({"settings": {"S3_STORAGE_CLASS": "COLD"}}, "settings.S3_STORAGE_CLASS 'COLD' is not known"),
        ({"after_upload": "move"}, "after_upload=move needs move_to"),
        ({"shard": {"index": 4, "count": 4}}, "shard"),
        ({"log_path": "/srv/outbox/log"}, "log_path '/srv/outbox/log' is inside src '/srv/outbox'"),
        ({"source": "/var/lib"}, "is inside src '/var/lib'"),
        ({"log_path": "/var/log/it's.log"}, 'log_path: logrotate cannot rotate "/var/log/it\'s.log"'),
        ({"access_key": "a", "secret_key": "b"}, "access_key belongs under credentials"),
        ({"aws_secret_key": "b"}, "aws_secret_key belongs under credentials"),
        ({"credentials": "AKIA"}, "credentials is no dictionary"),
        ({"credentials": {"access_key": "a"}}, "credentials.secret_key is missing"),
        ({"credentials": {"secret_key": "a"}}, "credentials.access_key is missing"),
        ({"credentials": {**KEYS, "token": "a"}}, "credentials.token is not known"),
        ({"credentials": KEYS, "profile": "site"}, "credentials and profile are two answers to one question"),
        (
            {"credentials": KEYS, "settings": {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}},
            "credentials and settings.AWS_ACCESS_KEY_ID are two answers to one question",
        ),
        ({"settings": {"AWS_ACCESS_KEY_ID": "a"}}, "secret_key is missing"),
        (
            {"schedule": {"on_calendar": "hourly", "cron": "@hourly", "kind": "cron"}},
            "schedule.on_calendar does not go",
        ),
        ({"nice": 50}, "nice 50 is no nice value"),
        ({"schedule": {"kind": "cron", "cron": "@daily"}, "memory_max": "2G"}, "memory_max needs systemd"),
    ],
)
def test_what_is_wrong_begins_with_what_was_written(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        checked(job(**options))
    assert str(refused.value).startswith(message) or message in str(refused.value)
    assert refused.value.hint


@pytest.mark.parametrize("key", ["two words", "line\nend", 'quo"te', "it's", "a#b", "a;b", "", 5])
def test_a_key_that_a_credentials_file_would_change_is_refused_and_not_shown(key: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"credentials\.secret_key is ") as refused:
        checked(job(credentials={**KEYS, "secret_key": key}))
    assert not key or str(key) not in str(refused.value).replace("# or ;", "")


@pytest.mark.parametrize(
    ("element", "message"),
    [
        ("outbox", "uploader_jobs: element 3 is no dictionary"),
        ({"source": "/a"}, "uploader_jobs: element 3: name is missing"),
        ({"name": 5}, "name 5 is not fit for a file"),
        ({"name": "../outbox"}, "name '../outbox' is not fit for a file"),
        ({"name": ".hidden"}, "name '.hidden' is not fit for a file"),
        ({"name": "two words"}, "name 'two words' is not fit for a file"),
        ({"name": "outbox\n"}, "is not fit for a file"),
        ({"name": "a" * 129}, "is not fit for a file"),
    ],
)
def test_a_name_that_is_no_file_name_is_refused(element: Any, message: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        job_name(element, 3)
    assert message in str(refused.value)


@pytest.mark.parametrize("name", ["outbox", "0", "day-1_a.b", "a" * 128])
def test_names_of_files_are_taken(name: str) -> None:
    assert job_name({"name": name}, 1) == name
