# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Whatever s5cmd does or says, each upload has exactly one outcome, and only an event that names it makes it stored.

s5cmd is a small executable here that does what a test says; the real one is run in tests/integration.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections import Counter

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils import transfer as transfer_module
from ansible_collections.datasync.turbo.plugins.module_utils.errors import (
    AccessError,
    CredentialsError,
    InstallationError,
)
from ansible_collections.datasync.turbo.plugins.module_utils.job import Job
from ansible_collections.datasync.turbo.plugins.module_utils.plan import Upload
from ansible_collections.datasync.turbo.plugins.module_utils.report import Kind
from ansible_collections.datasync.turbo.plugins.module_utils.transfer import LINES_AHEAD, Failed, Sent, Transfer
from ansible_collections.datasync.turbo.plugins.module_utils.walk import LocalFile, identity_of


class Stopped(Exception):
    pass


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    """So that a broken transfer fails a test soon; nothing here depends on how long they are."""
    monkeypatch.setattr(transfer_module, "POLL", 0.02)
    monkeypatch.setattr(transfer_module, "END_GRACE", 0.2)


@pytest.fixture
def plan(source):
    """Make files and the uploads of them."""

    def make(*names, content=b"content"):
        uploads = []
        for name in names:
            path = source / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            local = LocalFile(str(path), name, f"p/{name}", identity_of(path.stat()))
            uploads.append(Upload(local, "new"))
        return uploads

    return make


@pytest.fixture
def transfer(source, bucket, fake_s5cmd):
    """Make a transfer with a s5cmd that behaves as the statements say."""

    def make(behaviour="store_all()", tick=lambda: None, **options):
        job = Job(src=str(source), bucket="archive", prefix="p/", **options)
        return Transfer(job, fake_s5cmd(behaviour), {"PATH": os.environ["PATH"]}, bucket, tick)

    return make


@pytest.fixture
def commands(heard):
    """The commands that s5cmd was given so far."""
    return lambda: [json.loads(line) for line in heard.read_text().splitlines()] if heard.exists() else []


def metadata(command):
    pairs = [command[at + 1] for at, argument in enumerate(command) if argument == "--metadata"]
    return dict(pair.split("=", 1) for pair in pairs)


def kinds(outcomes):
    return {outcome.file.relative: "stored" if isinstance(outcome, Sent) else outcome.kind for outcome in outcomes}


def running(pid):
    """Whether a process still runs; one that ended and waits to be noticed by its parent does not."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


# --- when all goes well


def test_every_file_that_s5cmd_reports_is_stored(transfer, plan):
    uploads = plan("a", "b/c", "d")
    outcomes = list(transfer().run(uploads))
    assert [outcome.file for outcome in outcomes] == [upload.file for upload in uploads]
    assert all(isinstance(outcome, Sent) for outcome in outcomes)


def test_what_is_stored_was_read_as_the_file_was_right_before(transfer, plan, source):
    """Not as the plan saw it: an upload may wait for hours."""
    uploads = plan("a")
    (source / "a").write_bytes(b"other content since the plan was made")
    (outcome,) = transfer().run(uploads)
    assert outcome.identity == identity_of((source / "a").stat())
    assert outcome.identity != uploads[0].file.identity


def test_a_command_names_file_and_object_and_who_read_it_when(transfer, plan, commands, source):
    before = int(time.time())
    list(transfer(metadata={"project": "x y"}, part_size=64).run(plan("day 1/it's $HOME")))
    (command,) = commands()
    assert command[:2] == ["cp", "--raw"]
    assert command[-2:] == [str(source / "day 1/it's $HOME"), "s3://archive/p/day 1/it's $HOME"]
    assert command[command.index("--part-size") + 1] == "64"
    told = metadata(command)
    assert (told["project"], told["synced-by"]) == ("x y", "datasync-turbo")
    assert before <= int(told["timestamp"]) <= time.time()


def test_a_part_size_grows_with_the_file_and_is_told_for_its_proof(transfer, plan, commands, source):
    (upload,) = plan("a")
    os.truncate(source / "a", 100 * 2**30)
    (outcome,) = transfer(part_size=5).run([upload])
    assert outcome.part_size == 11 * 2**20
    assert commands()[0][commands()[0].index("--part-size") + 1] == "11"


def test_nothing_to_upload_starts_no_s5cmd(transfer, heard):
    assert list(transfer("hear(['started']); store_all()").run([])) == []
    assert not heard.exists()


def test_outcomes_come_while_others_are_still_being_uploaded(transfer, plan):
    behaviour = """
for number, arguments in enumerate(commands()):
    if number == 0:
        stored(*arguments[-2:])
time.sleep(60)
"""
    outcomes = transfer(behaviour).run(plan("a", "b"))
    assert next(outcomes).file.relative == "a"
    outcomes.close()


# --- the window of files in flight


def test_no_more_files_are_handed_over_than_workers_can_take_soon(transfer, plan, tmp_path):
    """What s5cmd has not begun need not be named; and a file's identity is looked at right before its upload."""
    behaviour = f"""
import threading
arrived = []
def listen():
    for arguments in commands():
        arrived.append(arguments)
listener = threading.Thread(target=listen)
listener.start()
most = answered = 0
while answered < 40:
    time.sleep(0.005)
    if len(arrived) > answered:
        most = max(most, len(arrived) - answered)
        # Before the last answer, after which this process is killed.
        with open({str(tmp_path / "most")!r}, "w") as file:
            file.write(str(most))
        stored(*arrived[answered][-2:])
        answered += 1
"""
    outcomes = list(transfer(behaviour, numworkers=3).run(plan(*(f"{n:02}" for n in range(40)))))
    assert len(outcomes) == 40
    most = int((tmp_path / "most").read_text())
    assert 3 < most <= 3 + LINES_AHEAD


def test_an_s5cmd_that_hangs_and_reads_nothing_does_not_keep_us_from_stopping(transfer, plan):
    """More than a pipe holds is waiting to be handed over."""
    names = [f"{n:03}-" + "x" * 200 for n in range(400)]
    ticks = Counter()

    def tick():
        ticks["tick"] += 1
        if ticks["tick"] > 10:
            raise Stopped

    with pytest.raises(Stopped):
        list(transfer("time.sleep(60)", tick=tick, numworkers=400).run(plan(*names)))


# --- failures of single files


@pytest.mark.parametrize(
    ("error", "told", "kind", "exit_code"),
    [
        ("open /srv/a: permission denied", "open /srv/a: permission denied", Kind.UNREADABLE, None),
        ("RequestError: dial tcp: refused", "RequestError: dial tcp: refused", Kind.UPLOAD, None),
        (
            "AccessDenied: Access Denied. status code: 403, request id: 1, host id: 2",
            "AccessDenied: Access Denied. (grant s3:PutObject on the objects)",
            Kind.UPLOAD,
            3,
        ),
        (
            "NoSuchBucket: no such bucket status code: 404, request id: 1, host id:",
            "NoSuchBucket: no such bucket",
            Kind.UPLOAD,
            3,
        ),
        (
            "ExpiredToken: It has expired. status code: 400, request id: 1, host id: 2",
            "ExpiredToken: It has expired.",
            Kind.UPLOAD,
            2,
        ),
        (
            "SlowDown: Reduce it. status code: 503, request id: 1, host id: 2",
            "SlowDown: Reduce it.",
            Kind.UPLOAD,
            None,
        ),
    ],
)
def test_a_failure_is_told_in_s5cmds_words_and_by_its_kind(transfer, plan, error, told, kind, exit_code):
    behaviour = f"""
for arguments in commands():
    if arguments[-1].endswith("a"):
        failed(*arguments[-2:], {error!r})
    else:
        stored(*arguments[-2:])
"""
    outcomes = {outcome.file.relative: outcome for outcome in transfer(behaviour).run(plan("a", "b"))}
    assert isinstance(outcomes["b"], Sent)
    assert outcomes["a"] == Failed(outcomes["a"].file, kind, f"s5cmd: {told}", exit_code)


def test_a_file_that_vanished_before_its_upload_is_named_and_not_handed_over(transfer, plan, source, commands):
    uploads = plan("a", "b")
    (source / "a").unlink()
    assert kinds(transfer().run(uploads)) == {"a": Kind.VANISHED, "b": "stored"}
    assert len(commands()) == 1


def test_a_file_that_vanished_during_its_upload_is_named(transfer, plan, source):
    behaviour = """
for arguments in commands():
    os.unlink(arguments[-2])
    failed(*arguments[-2:], "no such file or directory")
"""
    assert kinds(transfer(behaviour).run(plan("a"))) == {"a": Kind.VANISHED}


@pytest.mark.parametrize("replace", [os.mkdir, os.mkfifo])
def test_what_is_no_longer_a_file_is_not_handed_over(transfer, plan, source, commands, replace):
    """s5cmd would upload all that is in a folder, under keys that nobody planned, or wait at a FIFO."""
    uploads = plan("a", "b")
    (source / "a").unlink()
    replace(source / "a")
    assert kinds(transfer().run(uploads)) == {"a": Kind.CHANGED, "b": "stored"}
    assert len(commands()) == 1


def test_a_file_that_cannot_be_looked_at_is_named(transfer, plan, monkeypatch, source):
    uploads = plan("a", "b")
    real = os.stat

    def refusing(path, *arguments, **keywords):
        if str(path) == str(source / "a"):
            raise PermissionError(13, "Permission denied")
        return real(path, *arguments, **keywords)

    monkeypatch.setattr(transfer_module.os, "stat", refusing)
    assert kinds(transfer().run(uploads)) == {"a": Kind.UNREADABLE, "b": "stored"}


# --- which file an event is about


def test_a_success_for_another_object_is_no_success(transfer, plan):
    """Nor does it keep the other files waiting: the worker is free."""
    behaviour = """
for arguments in commands():
    stored(arguments[-2], arguments[-1] + "-elsewhere")
"""
    outcomes = list(transfer(behaviour, numworkers=1).run(plan(*(f"{n:02}" for n in range(30)))))
    assert Counter(kinds(outcomes).values()) == {Kind.UPLOAD: 30}
    assert "-elsewhere" in outcomes[0].message


def test_a_success_for_a_file_that_was_not_handed_over_is_no_success(transfer, plan):
    behaviour = """
for arguments in commands():
    stored("/somewhere/else", arguments[-1])
"""
    assert kinds(transfer(behaviour).run(plan("a"))) == {"a": Kind.UPLOAD}


def test_a_failure_that_names_no_file_is_kept_for_the_message(transfer, plan):
    behaviour = """
say(json.dumps({"operation": "run", "command": "run", "error": "unknown region"}), sys.stderr)
sys.exit(1)
"""
    (outcome,) = transfer(behaviour).run(plan("a"))
    assert outcome.kind == Kind.UPLOAD
    assert "s5cmd ended with exit code 1: run: unknown region" in outcome.message


def test_a_second_event_for_a_file_changes_nothing(transfer, plan):
    """All on one stream, because two have no order between them."""
    behaviour = """
for arguments in commands():
    failed(*arguments[-2:], "broken pipe", sys.stdout)
    stored(*arguments[-2:])
    stored(*arguments[-2:])
"""
    outcomes = list(transfer(behaviour).run(plan("a", "b")))
    assert [(outcome.file.relative, outcome.kind) for outcome in outcomes] == [("a", Kind.UPLOAD), ("b", Kind.UPLOAD)]


def test_a_failure_is_not_taken_for_that_of_a_file_whose_path_it_ends_with(transfer, plan, source):
    """A failure shows its command unquoted, and names may hold spaces."""
    tricky = f"x {source}/a"
    behaviour = """
for arguments in commands():
    if " " in arguments[-1]:
        failed(*arguments[-2:], "broken pipe")
    else:
        stored(*arguments[-2:])
"""
    assert kinds(transfer(behaviour).run(plan("a", tricky, "b c", "c"))) == {
        "a": "stored",
        tricky: Kind.UPLOAD,
        "b c": Kind.UPLOAD,
        "c": "stored",
    }


# --- an s5cmd that does not do its work


def test_an_s5cmd_that_says_nothing_and_exits_0_has_stored_nothing(transfer, plan):
    outcomes = list(transfer("list(commands())").run(plan("a", "b")))
    assert kinds(outcomes) == {"a": Kind.UPLOAD, "b": Kind.UPLOAD}
    assert "s5cmd ended with exit code 0; it did not report this file" in outcomes[0].message


def test_an_s5cmd_that_dies_leaves_every_file_with_an_outcome(transfer, plan):
    behaviour = """
arguments = next(commands())
stored(*arguments[-2:])
time.sleep(0.05)
os.kill(os.getpid(), 9)
"""
    names = [f"{n:02}" for n in range(60)]
    outcomes = list(transfer(behaviour, numworkers=4).run(plan(*names)))
    assert sorted(outcome.file.relative for outcome in outcomes) == names
    found = Counter(kinds(outcomes).values())
    assert found["stored"] == 1
    assert found[Kind.UPLOAD] <= 4 + LINES_AHEAD
    assert found[Kind.UPLOAD] + found[Kind.UNFINISHED] == 59
    assert "stopped by signal 9" in outcomes[-1].message


def test_a_panic_is_told_and_is_no_event(transfer, plan):
    behaviour = """
next(commands())
say("panic: runtime error: invalid memory address or nil pointer dereference", sys.stderr)
say("goroutine 1 [running]:", sys.stderr)
sys.exit(2)
"""
    (outcome,) = transfer(behaviour).run(plan("a"))
    assert outcome.kind == Kind.UPLOAD
    assert "exit code 2: panic: runtime error: invalid memory" in outcome.message


def test_half_an_event_is_no_event(transfer, plan):
    behaviour = """
source, destination = next(commands())[-2:]
sys.stdout.write('{"operation":"cp","success":true,"source":"' + source + '","destination":"' + destination)
sys.stdout.flush()
"""
    assert kinds(transfer(behaviour).run(plan("a"))) == {"a": Kind.UPLOAD}


def test_a_flood_of_other_output_blocks_nothing_and_only_its_end_is_kept(transfer, plan):
    behaviour = """
for arguments in commands():
    for stream in (sys.stderr, sys.stdout):
        stream.write(("noise " * 20 + chr(10)) * 2000)
    say("the last words", sys.stderr)
"""
    (outcome,) = transfer(behaviour).run(plan("a"))
    assert outcome.kind == Kind.UPLOAD
    assert len(outcome.message) < 2 * transfer_module.TAIL


def test_output_that_is_not_utf_8_is_no_event(transfer, plan):
    behaviour = r"""
arguments = next(commands())
sys.stdout.buffer.write(b"\xff\xfe\x00\n")
sys.stdout.buffer.flush()
stored(*arguments[-2:])
"""
    assert kinds(transfer(behaviour).run(plan("a"))) == {"a": "stored"}


def test_an_s5cmd_that_stops_reading_keeps_what_it_stored(transfer, plan):
    behaviour = """
arguments = next(commands())
os.close(0)
time.sleep(0.1)
stored(*arguments[-2:])
"""
    outcomes = list(transfer(behaviour, numworkers=2).run(plan(*(f"{n:02}" for n in range(30)))))
    assert len(outcomes) == 30
    assert [outcome.file.relative for outcome in outcomes if isinstance(outcome, Sent)] == ["00"]


def test_an_s5cmd_that_closes_its_output_and_does_not_end_is_ended(transfer, plan, tmp_path):
    behaviour = f"""
with open({str(tmp_path / "pid")!r}, "w") as file:
    file.write(str(os.getpid()))
next(commands())
os.close(1)
os.close(2)
time.sleep(60)
"""
    (outcome,) = transfer(behaviour).run(plan("a"))
    assert "closed its output and did not end" in outcome.message
    assert not running(int((tmp_path / "pid").read_text()))


@pytest.mark.parametrize("name", ["a", "new\nline"])
def test_s5cmd_inherits_what_it_is_to_keep_open_and_nothing_else(source, bucket, plan, fake_s5cmd, tmp_path, name):
    with open(tmp_path / "kept", "w") as kept, open(tmp_path / "other", "w") as other:
        behaviour = f"""
os.write({kept.fileno()}, b"inherited")
try:
    os.write({other.fileno()}, b"inherited")
except OSError:
    store_all()
"""
        job = Job(src=str(source), bucket="archive", prefix="p/")
        environment = {"PATH": os.environ["PATH"]}
        inherited = (kept.fileno(),)
        transfer = Transfer(job, fake_s5cmd(behaviour), environment, bucket, lambda: None, inherited=inherited)
        assert kinds(transfer.run(plan(name))) == {name: "stored"}
    assert (tmp_path / "kept").read_text() == "inherited"


def test_an_s5cmd_that_cannot_be_started_is_an_installation_error(source, bucket, plan, tmp_path):
    (tmp_path / "s5cmd").write_bytes(b"\x7fELF nonsense")
    (tmp_path / "s5cmd").chmod(0o755)
    job = Job(src=str(source), bucket="archive")
    with pytest.raises(InstallationError, match="cannot be started"):
        list(Transfer(job, str(tmp_path / "s5cmd"), {}, bucket, lambda: None).run(plan("a")))


# --- stopping


@pytest.mark.parametrize("how", ["interrupt", "close"])
def test_when_the_run_stops_s5cmd_is_gone(transfer, plan, tmp_path, how):
    behaviour = f"""
with open({str(tmp_path / "pid")!r}, "w") as file:
    file.write(str(os.getpid()))
arguments = next(commands())
stored(*arguments[-2:])
time.sleep(60)
"""
    stop = []

    def tick():
        if stop:
            raise Stopped

    outcomes = transfer(behaviour, tick=tick).run(plan("a", "b"))
    assert isinstance(next(outcomes), Sent)
    if how == "close":
        outcomes.close()
    else:
        stop.append(1)
        with pytest.raises(Stopped):
            next(outcomes)
    assert not running(int((tmp_path / "pid").read_text()))


def test_a_bucket_that_no_longer_answers_ends_the_run(transfer, plan, bucket):
    """In seconds, not after each file's repetitions."""
    behaviour = """
for arguments in commands():
    failed(*arguments[-2:], "RequestError: send request failed caused by: connection refused")
time.sleep(60)
"""
    bucket.failures["check"] = AccessError("cannot list: connection refused")
    outcomes = transfer(behaviour, numworkers=2).run(plan(*(f"{n:02}" for n in range(30))))
    assert next(outcomes).kind == Kind.UPLOAD
    with pytest.raises(AccessError):
        list(outcomes)
    assert bucket.checked == ["p/"]


def test_expired_credentials_end_the_run_if_the_bucket_says_so_too(transfer, plan, bucket):
    behaviour = """
for arguments in commands():
    failed(*arguments[-2:], "ExpiredToken: expired status code: 400, request id: 1, host id: 2")
"""
    bucket.failures["check"] = CredentialsError("the token has expired")
    with pytest.raises(CredentialsError):
        list(transfer(behaviour).run(plan("a", "b")))


def test_the_bucket_is_not_asked_after_every_failure(transfer, plan, bucket):
    behaviour = """
for arguments in commands():
    failed(*arguments[-2:], "AccessDenied: Access Denied status code: 403, request id: 1, host id: 2")
"""
    assert len(list(transfer(behaviour).run(plan(*(f"{n:02}" for n in range(50)))))) == 50
    assert bucket.asked["check"] == 1


def test_a_failure_that_is_the_files_own_does_not_question_the_bucket(transfer, plan, bucket):
    behaviour = """
for arguments in commands():
    failed(*arguments[-2:], "EntityTooLarge: too large status code: 400, request id: 1, host id: 2")
"""
    list(transfer(behaviour).run(plan("a")))
    assert bucket.asked["check"] == 0


# --- SHA256 in the metadata


def test_the_sha256_of_each_file_is_in_its_metadata(transfer, plan, commands, source):
    names = [f"{n:02}" for n in range(12)]
    uploads = plan(*names)
    for name in names:
        (source / name).write_bytes(name.encode())
    uploads = [
        Upload(upload.file._replace(identity=identity_of((source / upload.file.relative).stat())), "new")
        for upload in uploads
    ]
    outcomes = list(transfer(checksum_algorithm="SHA256", numworkers=2).run(uploads))
    assert set(kinds(outcomes).values()) == {"stored"}
    told = {command[-2].rpartition("/")[2]: metadata(command)["sha256"] for command in commands()}
    assert told == {name: hashlib.sha256(name.encode()).hexdigest() for name in names}


def test_no_sha256_is_computed_unless_it_is_wanted(transfer, plan, commands, monkeypatch):
    monkeypatch.setattr(transfer_module, "sha256_hex", lambda *arguments: pytest.fail("computed"))
    list(transfer().run(plan("a")))
    assert "sha256" not in metadata(commands()[0])


def test_a_file_that_changed_since_its_sha256_was_begun_is_not_handed_over(transfer, plan, source, heard):
    uploads = plan("a")
    (source / "a").write_bytes(b"other content, of another size")
    assert kinds(transfer(checksum_algorithm="SHA256").run(uploads)) == {"a": Kind.CHANGED}
    assert not heard.exists()


@pytest.mark.parametrize("name", ["a", "new\nline"])
def test_a_file_that_cannot_be_read_for_its_sha256_is_not_stored_without_it(transfer, plan, heard, monkeypatch, name):
    def refuse(file, tick):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(transfer_module, "sha256_hex", refuse)
    (outcome,) = transfer(checksum_algorithm="SHA256").run(plan(name))
    assert (outcome.kind, outcome.message) == (Kind.UNREADABLE, "cannot be read: Input/output error")
    assert not heard.exists()


def test_a_file_that_vanished_before_its_sha256_is_named(transfer, plan, source):
    uploads = plan("a", "b")
    (source / "a").unlink()
    assert kinds(transfer(checksum_algorithm="SHA256").run(uploads)) == {"a": Kind.VANISHED, "b": "stored"}


def test_when_the_run_stops_no_sha256_is_computed_to_its_end(transfer, plan, source):
    (upload,) = plan("a")
    os.truncate(source / "a", 2**40)
    upload = Upload(upload.file._replace(identity=identity_of((source / "a").stat())), "new")
    ticks = Counter()

    def tick():
        ticks["tick"] += 1
        if ticks["tick"] > 3:
            raise Stopped

    with pytest.raises(Stopped):
        list(transfer(checksum_algorithm="SHA256", tick=tick).run([upload]))


# --- names with a newline


def test_a_name_with_a_newline_has_an_s5cmd_of_its_own_and_the_others_share_one(transfer, plan, commands, source):
    behaviour = "hear(['started']); store_all()"
    outcomes = list(transfer(behaviour).run(plan("a", "new\nline", "b", "two\nlines\n")))
    assert kinds(outcomes) == {"a": "stored", "b": "stored", "new\nline": "stored", "two\nlines\n": "stored"}
    assert sum(1 for command in commands() if command == ["started"]) == 3
    assert str(source / "new\nline") in [command[-2] for command in commands() if len(command) > 1]


def test_a_name_with_a_newline_that_fails_is_named_and_the_next_is_tried(transfer, plan):
    behaviour = """
for arguments in commands():
    if "bad" in arguments[-1]:
        failed(*arguments[-2:], "broken pipe")
    else:
        stored(*arguments[-2:])
"""
    assert kinds(transfer(behaviour).run(plan("bad\n1", "good\n2"))) == {"bad\n1": Kind.UPLOAD, "good\n2": "stored"}


def test_a_name_with_a_newline_that_vanished_is_named(transfer, plan, source):
    uploads = plan("new\nline")
    (source / "new\nline").unlink()
    assert kinds(transfer().run(uploads)) == {"new\nline": Kind.VANISHED}


# --- the whole


@pytest.mark.parametrize("algorithm", ["CRC64NVME", "SHA256"])
@pytest.mark.parametrize("numworkers", [1, 5, 64])
def test_every_upload_has_exactly_one_outcome_whatever_happens(transfer, plan, source, algorithm, numworkers):
    behaviour = """
for number, arguments in enumerate(commands()):
    kind = number % 6
    if kind == 0:
        failed(*arguments[-2:], "broken pipe")
    elif kind == 1:
        pass
    elif kind == 2:
        stored(arguments[-2], "s3://archive/other")
    elif kind == 3:
        say("panic: something")
        stored(*arguments[-2:])
        stored(*arguments[-2:])
    else:
        stored(*arguments[-2:])
    if number == 50:
        sys.exit(1)
"""
    names = [f"{n:02}" for n in range(80)] + ["new\nline"]
    uploads = plan(*names)
    for name in ("03", "17"):
        (source / name).unlink()
    ticks = Counter()

    def tick():
        ticks["tick"] += 1
        if ticks["tick"] > 1000:
            raise Stopped

    job = {"checksum_algorithm": algorithm, "numworkers": numworkers}
    outcomes = list(transfer(behaviour, tick=tick, **job).run(uploads))
    assert sorted(outcome.file.relative for outcome in outcomes) == sorted(names)


def test_the_bytes_sent_so_far_are_known_while_s5cmd_runs(transfer, plan):
    behaviour = """
arguments = next(commands())
stored(*arguments[-2:])
time.sleep(60)
"""
    running_transfer = transfer(behaviour)
    assert running_transfer.bytes_written is None
    outcomes = running_transfer.run(plan("a", "b"))
    next(outcomes)
    sent = running_transfer.bytes_written
    outcomes.close()
    assert sent > 0 if sys.platform == "linux" else sent is None
    assert running_transfer.bytes_written is None
