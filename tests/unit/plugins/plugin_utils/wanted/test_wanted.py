# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Everything that a host shall have for its jobs."""

from __future__ import annotations

import configparser
import json
import plistlib
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.generation import ManagedFile, Wanted
from ansible_collections.datasync.turbo.plugins.module_utils.job.config import load_config
from ansible_collections.datasync.turbo.plugins.module_utils.job.job import Job
from ansible_collections.datasync.turbo.plugins.module_utils.s3.connection import with_environment
from ansible_collections.datasync.turbo.plugins.plugin_utils.wanted.host import parse_spec
from ansible_collections.datasync.turbo.plugins.plugin_utils.wanted.job import check_job
from ansible_collections.datasync.turbo.plugins.plugin_utils.wanted.templates import FOLDER
from ansible_collections.datasync.turbo.plugins.plugin_utils.wanted.wanted import wanted_host
from ansible_collections.datasync.turbo.tests.unit.plugins.plugin_utils.host_variables import host_variables, job

UNITS = "/etc/systemd/system"
SERVICE = f"{UNITS}/datasync-turbo@.service"
DROP_IN = f"{UNITS}/datasync-turbo@outbox.service.d/job.conf"
TIMER = f"{UNITS}/datasync-turbo@outbox.timer"
CONFIG = "/etc/datasync-turbo/jobs/outbox.env"
CRONTAB = "/etc/cron.d/datasync-turbo"
LOGROTATE = "/etc/logrotate.d/datasync-turbo"
PLIST = "/Library/LaunchDaemons/datasync.turbo.outbox.plist"
KEYS = {"access_key": "AKIAEXAMPLE", "secret_key": "do/not+tell=", "session_token": "to/ken"}


def wanted(*jobs: Any, **variables: Any) -> Wanted:
    return wanted_host(host_variables(*jobs, **variables))


def file(of: Wanted, path: str) -> ManagedFile:
    (found,) = [file for file in of.files if file.path == path]
    return found


def lines(of: Wanted, path: str) -> list[str]:
    """The lines of a file without comments and empty ones."""
    return [line for line in file(of, path).content.splitlines() if line and not line.startswith("#")]


def paths(of: Wanted) -> list[str]:
    return [file.path for file in of.files]


def test_a_host_without_jobs_has_its_folders_and_nothing_else() -> None:
    nothing = wanted()
    assert (nothing.files, nothing.units, nothing.jobs) == ((), (), ())
    assert [folder.path for folder in nothing.folders] == [
        "/etc/datasync-turbo/jobs",
        "/var/lib/datasync-turbo",
        "/var/lib/datasync-turbo/state",
        "/var/lib/datasync-turbo/lock",
        "/var/lib/datasync-turbo/results",
        "/var/lib/datasync-turbo/progress",
        "/var/log/datasync-turbo",
    ]


def test_each_file_says_who_writes_it_and_ends_with_its_line() -> None:
    several = wanted(
        job(credentials=KEYS, schedule={"kind": "path"}),
        job(name="b", prefix="b", schedule={"kind": "cron", "cron": "@daily"}),
        log_keep=5,
    )
    plist = wanted(job(schedule={"cron": "@daily"}), scheduler="launchd")
    files = [*several.files, *plist.files]
    assert {Path(file.path).name for file in files} == {
        *("outbox.env", "outbox", "datasync-turbo@.service", "job.conf", "datasync-turbo@outbox.path", "b.env"),
        *("datasync-turbo@outbox.timer", "datasync-turbo", "datasync.turbo.outbox.plist"),
    }
    for one in files:
        assert "Written by the role datasync.turbo.uploader, which overwrites changes" in one.content
        assert one.content.endswith("\n")
        assert not one.content.endswith("\n\n")


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.iterdir()))
def test_templates_have_the_licence_and_leave_it_out(name: str) -> None:
    text = (FOLDER / name).read_text("utf-8")
    assert "{# SPDX-License-Identifier: MIT #}" in text


class TestConfigFile:
    def test_belongs_to_the_service_user_alone_and_is_checked_on_the_host(self) -> None:
        config = file(wanted(job()), CONFIG)
        assert (config.mode, config.owner, config.group, config.check) == ("0600", "uploader", "upload", "config")

    def test_is_read_by_the_program_as_the_job_that_was_checked(self, tmp_path: Path) -> None:
        element = job(
            source='/srv/a "b" c%d$HOME`x`\\',
            prefix="é/ü",
            region="eu-central-1",
            include=["*.mov", "~$*"],
            metadata={"site": "north = 1"},
            shard={"index": 1, "count": 4},
            part_size="64MB",
            delete=True,
            max_delete=20,
            settings={"AWS_ENDPOINT_URL_S3": "https://s3.example.org"},
        )
        path = tmp_path / "outbox.env"
        path.write_text(file(wanted(element), CONFIG).content, "utf-8")
        path.chmod(0o600)
        config = load_config(str(path), {})
        assert config.warnings == []
        checked = check_job(element, "outbox", parse_spec(host_variables()))
        assert Job.from_options(with_environment(config.options, config.environment)) == checked.job
        assert checked.job.src == '/srv/a "b" c%d$HOME`x`\\'
        assert (checked.job.max_delete, checked.job.part_size, checked.endpoint) == (
            "20",
            64 * 1024 * 1024,
            "https://s3.example.org",
        )


class TestTuning:
    LINE = 'TUNING_FILE="/etc/ansible/facts.d/datasync_tuning.fact"'

    def test_of_the_host_is_for_all_its_jobs(self) -> None:
        of = wanted(job(numworkers=4), job(name="b", prefix="b"))
        assert all(self.LINE in lines(of, f"/etc/datasync-turbo/jobs/{name}.env") for name in ("outbox", "b"))

    def test_is_left_out_where_it_is_not_applied(self) -> None:
        assert "TUNING_FILE" not in file(wanted(job(), apply_tuning=False), CONFIG).content

    @pytest.mark.parametrize(
        "own", [{"tuning_path": "/home/a/t.fact"}, {"settings": {"TUNING_FILE": "/home/a/t.fact"}}]
    )
    def test_of_a_job_wins_and_is_seen_by_its_service(self, own: dict[str, Any]) -> None:
        of = wanted(job(**own))
        assert 'TUNING_FILE="/home/a/t.fact"' in lines(of, CONFIG)
        assert self.LINE not in lines(of, CONFIG)
        assert "ProtectHome=read-only" in lines(of, DROP_IN)
        assert "ProtectHome=read-only" not in lines(wanted(job()), DROP_IN)


class TestCredentials:
    def test_have_a_file_of_the_service_user_in_aws_form(self) -> None:
        keys = file(wanted(job(credentials=KEYS)), "/etc/datasync-turbo/credentials/outbox")
        assert (keys.mode, keys.owner) == ("0600", "uploader")
        parser = configparser.RawConfigParser()
        parser.read_string(keys.content)
        assert dict(parser["default"]) == {
            "aws_access_key_id": "AKIAEXAMPLE",
            "aws_secret_access_key": "do/not+tell=",
            "aws_session_token": "to/ken",
        }

    def test_reach_the_run_through_systemd(self) -> None:
        loaded = "LoadCredential=aws-credentials:/etc/datasync-turbo/credentials/outbox"
        assert loaded in lines(wanted(job(credentials=KEYS)), DROP_IN)
        assert loaded not in lines(wanted(job()), DROP_IN)
        assert "InaccessiblePaths=-/etc/datasync-turbo/credentials" in lines(wanted(job()), SERVICE)

    def test_stand_in_no_other_file_and_in_no_representation(self) -> None:
        of = wanted(job(credentials=KEYS))
        assert [file.path for file in of.files if KEYS["secret_key"] in file.content] == [
            "/etc/datasync-turbo/credentials/outbox"
        ]
        assert KEYS["secret_key"] not in repr(of)

    def test_have_a_folder_only_where_a_job_has_some(self) -> None:
        folder = "/etc/datasync-turbo/credentials"
        assert folder in [folder.path for folder in wanted(job(credentials=KEYS)).folders]
        assert folder not in [folder.path for folder in wanted(job()).folders]


class TestSystemd:
    def test_a_timer_starts_the_job(self) -> None:
        schedule = {"on_calendar": ["hourly", "Mon 03:00"], "randomized_delay": "10min", "persistent": False}
        of = wanted(job(schedule=schedule))
        assert list(of.units) == ["datasync-turbo@outbox.timer"]
        assert lines(of, TIMER) == [
            "[Unit]",
            "Description=Times at which job outbox is uploaded to S3",
            "[Timer]",
            "OnCalendar=hourly",
            "OnCalendar=Mon 03:00",
            "RandomizedDelaySec=10min",
            "Persistent=no",
            "Unit=datasync-turbo@outbox.service",
            "[Install]",
            "WantedBy=timers.target",
        ]
        assert [(item.job, item.variable, item.expression) for item in of.calendars] == [
            ("outbox", "schedule.on_calendar", "hourly"),
            ("outbox", "schedule.on_calendar", "Mon 03:00"),
        ]

    def test_files_start_the_job_and_a_timer_too(self) -> None:
        of = wanted(job(source="/srv/100% \\", schedule={"kind": "path"}))
        assert list(of.units) == ["datasync-turbo@outbox.path", "datasync-turbo@outbox.timer"]
        assert "PathChanged=/srv/100%% \\/" in lines(of, f"{UNITS}/datasync-turbo@outbox.path")
        assert "OnCalendar=hourly" in lines(of, TIMER)
        command = "/opt/datasync-turbo/bin/datasync-turbo sync --until-settled --config /etc/datasync-turbo/jobs/%i.env"
        assert [line for line in lines(of, DROP_IN) if line.startswith("ExecStart=")] == [
            "ExecStart=",
            f"ExecStart={command}",
        ]

    def test_a_job_without_schedule_has_a_service_to_start_by_hand(self) -> None:
        of = wanted(job())
        assert list(of.units) == []
        assert of.jobs[0].service == "datasync-turbo@outbox.service"
        assert paths(of) == [CONFIG, SERVICE, DROP_IN, LOGROTATE]

    def test_one_template_serves_all_jobs(self) -> None:
        of = wanted(job(), job(name="b", prefix="b"))
        assert paths(of).count(SERVICE) == 1
        service = lines(of, SERVICE)
        for line in (
            "ExecStart=/opt/datasync-turbo/bin/datasync-turbo sync --config /etc/datasync-turbo/jobs/%i.env",
            "User=uploader",
            "Group=upload",
            "Environment=HOME=/var/lib/datasync-turbo",
            "ReadWritePaths=/var/lib/datasync-turbo /var/log/datasync-turbo",
            "ProtectSystem=strict",
        ):
            assert line in service
        assert not [line for line in service if line.startswith(("SupplementaryGroups=", "Restart="))]
        assert "SupplementaryGroups=media adm" in lines(wanted(job(), groups=["media", "adm"]), SERVICE)

    def test_a_drop_in_has_what_is_special_about_a_job(self) -> None:
        element = job(
            source="/home/me/my files",
            after_upload="remove",
            lock_path="/var/tmp/lock",
            nice=10,
            io_class="idle",
            cpu_quota="150%",
            memory_high="1G",
            memory_max="2G",
            on_failure=["alert@%i.service"],
        )
        assert lines(wanted(element), DROP_IN) == [
            "[Unit]",
            "OnFailure=alert@%i.service",
            "[Service]",
            'ReadWritePaths=-"/home/me/my files"',
            "ReadWritePaths=-/var/tmp",
            "ProtectHome=read-only",
            "PrivateTmp=no",
            "Nice=10",
            "IOSchedulingClass=idle",
            "CPUQuota=150%",
            "MemoryHigh=1G",
            "MemoryMax=2G",
        ]
        assert lines(wanted(job()), DROP_IN) == ["[Service]"]


class TestCron:
    def test_all_jobs_of_cron_are_lines_of_one_file(self) -> None:
        first = job(schedule={"cron": "*/5 * * * *"}, nice=10, io_class="idle")
        of = wanted(first, job(name="b", prefix="b", schedule={"cron": "@reboot"}), scheduler="cron")
        command = "/opt/datasync-turbo/bin/datasync-turbo sync --quiet --config /etc/datasync-turbo/jobs"
        to_syslog = "2>&1 | logger -t datasync-turbo"
        assert lines(of, CRONTAB) == [
            "SHELL=/bin/sh",
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME=/var/lib/datasync-turbo",
            'MAILTO=""',
            f"*/5 * * * * uploader nice -n 10 ionice -t -c 3 {command}/outbox.env {to_syslog}@outbox",
            f"@reboot uploader {command}/b.env {to_syslog}@b",
        ]
        assert (of.units, [one.service for one in of.jobs]) == ((), ["", ""])
        assert not [path for path in paths(of) if path.startswith(UNITS)]

    def test_a_host_with_systemd_can_have_jobs_of_cron(self) -> None:
        of = wanted(job(schedule={"kind": "cron", "cron": "@daily"}), job(name="b", prefix="b"))
        assert [(one.name, one.schedule, one.service) for one in of.jobs] == [
            ("outbox", "cron", ""),
            ("b", "manual", "datasync-turbo@b.service"),
        ]
        assert DROP_IN not in paths(of)


class TestLaunchd:
    def test_a_property_list_starts_the_job(self) -> None:
        of = wanted(job(schedule={"cron": "*/30 9 * * *"}, nice=5, io_class="idle"), scheduler="launchd")
        assert list(of.launchd) == [PLIST]
        plist = plistlib.loads(file(of, PLIST).content.encode())
        assert plist["Label"] == "datasync.turbo.outbox"
        assert plist["ProgramArguments"] == [
            "/opt/datasync-turbo/bin/datasync-turbo",
            *("sync", "--quiet", "--config", CONFIG),
        ]
        assert (plist["UserName"], plist["GroupName"]) == ("uploader", "upload")
        assert plist["StartCalendarInterval"] == [{"Hour": 9, "Minute": 0}, {"Hour": 9, "Minute": 30}]
        assert (plist["Nice"], plist["LowPriorityIO"], plist.get("RunAtLoad")) == (5, True, None)
        assert plist["EnvironmentVariables"]["HOME"] == "/var/lib/datasync-turbo"
        assert plist["Umask"] == 0o027

    def test_a_job_can_start_with_the_host(self) -> None:
        plist = plistlib.loads(
            file(wanted(job(schedule={"cron": "@reboot"}), scheduler="launchd"), PLIST).content.encode()
        )
        assert plist["RunAtLoad"] is True
        assert not {"StartCalendarInterval", "Nice", "LowPriorityIO"} & set(plist)

    def test_macos_has_no_logrotate(self) -> None:
        assert paths(wanted(job(schedule={"cron": "@daily"}), scheduler="launchd")) == [CONFIG, PLIST]


class TestLogrotate:
    def test_keeps_each_log_for_thirty_days(self) -> None:
        assert lines(wanted(job()), LOGROTATE) == [
            '"/var/log/datasync-turbo/*.log" {',
            "    daily",
            "    rotate 30",
            "    compress",
            "    delaycompress",
            "    missingok",
            "    notifempty",
            "    su uploader upload",
            "    create 0640 uploader upload",
            "}",
        ]

    def test_knows_logs_elsewhere_and_leaves_daily_ones_alone(self) -> None:
        of = wanted(
            job(log_path="/data/my logs/outbox.log"),
            job(name="b", prefix="b", log_path="/var/log/datasync-turbo/other.log"),
            job(name="c", prefix="c", settings={"LOGS_DIR": "/data/site"}),
        )
        assert lines(of, LOGROTATE)[0] == '"/var/log/datasync-turbo/*.log" "/data/my logs/outbox.log" {'

    def test_can_be_left_out(self) -> None:
        assert LOGROTATE not in paths(wanted(job(), log_keep=0))


def test_sources_are_to_be_read_and_written_only_where_files_leave() -> None:
    of = wanted(
        job(),
        {"name": "b", "settings": {"SOURCE_DIR": "/srv/b/", "BUCKET_NAME": "archive", "S3_SUBDIRECTORY": "b"}},
        job(name="c", source="/srv/c", prefix="c", after_upload="move", move_to="/srv/sent"),
    )
    assert [(item.job, item.variable, item.path, item.write) for item in of.sources] == [
        ("outbox", "source", "/srv/outbox", False),
        ("b", "settings.SOURCE_DIR", "/srv/b", False),
        ("c", "source", "/srv/c", True),
        ("c", "move_to", "/srv/sent", True),
    ]


def test_a_job_tells_where_its_files_are() -> None:
    (one,) = wanted(job(prefix="site-1", schedule={"on_calendar": "daily"})).as_dict()["jobs"]
    assert one == {
        "name": "outbox",
        "config": CONFIG,
        "schedule": "systemd",
        "service": "datasync-turbo@outbox.service",
        "lock": "/var/lib/datasync-turbo/lock/outbox.lock",
        "result": "/var/lib/datasync-turbo/results/outbox.json",
        "history": "/var/lib/datasync-turbo/results/outbox.history.jsonl",
        "progress": "/var/lib/datasync-turbo/progress/outbox.json",
        "log": "/var/log/datasync-turbo/outbox.log",
        "source": "/srv/outbox",
        "destination": "s3://archive/site-1/",
    }


def test_the_answer_is_plain_data_and_the_same_each_time() -> None:
    variables = host_variables(job(credentials=KEYS, schedule={"kind": "path"}, metadata={"a": "b"}))
    answer = wanted_host(variables).as_dict()
    assert json.loads(json.dumps(answer)) == answer
    assert wanted_host(variables).as_dict() == answer


@pytest.mark.parametrize("jobs", ["outbox", {"name": "outbox"}, 5])
def test_jobs_that_are_no_list_are_refused(jobs: Any) -> None:
    with pytest.raises(ConfigurationError, match="upload1: uploader_jobs is no list"):
        wanted_host({**host_variables(), "jobs": jobs})


def test_every_job_that_is_wrong_is_named_at_once() -> None:
    elements: list[dict[str, Any]] = [
        job(name="two words"),
        job(name="a", numworkers="many"),
        job(name="b", prefix="b"),
        job(name="b", prefix="b2"),
        job(name="B", prefix="b3"),
        job(name="c", prefix="b"),
    ]
    with pytest.raises(ConfigurationError) as refused:
        wanted(*elements)
    assert refused.value.message.splitlines() == [
        "upload1: uploader_jobs: element 1: name 'two words' is not fit for a file (use up to 128 letters, digits,"
        " dots, underscores and hyphens, and begin with a letter or digit)",
        "upload1: job 'a': numworkers 'many' is not a whole number from 1 up (write for example 16)",
        "upload1: job 'b': name 'b' is used twice (give each job a name of its own)",
        "upload1: job 'B': name 'B' and 'b' differ in case alone, one file for macOS (give each job a name of its own)",
        "upload1: job 'c': bucket and prefix are s3://archive/b/, as those of job 'b' (change the prefix)",
    ]
