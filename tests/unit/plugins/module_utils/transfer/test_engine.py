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
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import (
    AccessError,
    CredentialsError,
    EndpointError,
    InstallationError,
)
from ansible_collections.datasync.turbo.plugins.module_utils.common.problems import Kind
from ansible_collections.datasync.turbo.plugins.module_utils.job.job import Job
from ansible_collections.datasync.turbo.plugins.module_utils.job.local_file import LocalFile, identity_of
from ansible_collections.datasync.turbo.plugins.module_utils.plan.uploads import Upload
from ansible_collections.datasync.turbo.plugins.module_utils.transfer import backoff
from ansible_collections.datasync.turbo.plugins.module_utils.transfer import engine as transfer_module
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.engine import (
    LINES_AHEAD,
    Deferred,
    Failed,
    Sent,
    Transfer,
)
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.s5cmd import process as s5cmd_process
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.settings import ClassSettings
from ansible_collections.datasync.turbo.plugins.module_utils.tuning.classes import Settings


class Stopped(Exception):
    pass


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    """So that a broken transfer fails a test soon; nothing here depends on how long they are."""
    monkeypatch.setattr(transfer_module, "POLL", 0.02)
    monkeypatch.setattr(s5cmd_process, "END_GRACE", 0.2)


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
    """Make a transfer with a s5cmd that behaves as the statements say. Nothing is tried again unless a test says so."""

    def make(behaviour="store_all()", tick=lambda: None, said=None, noted=None, special=None, **options):
        options = {"retry_rounds": 0, "retry_delay": 0, **options}
        job = Job(src=str(source), bucket="archive", prefix="p/", **options)
        environment = {"PATH": os.environ["PATH"]}
        heard = {"say": (said if said is not None else []).append, "note": (noted if noted is not None else []).append}
        return Transfer(job, fake_s5cmd(behaviour), environment, bucket, tick, **heard, **(special or {}))

    return make


@pytest.fixture
def commands(heard):
    """The commands that s5cmd was given so far."""
    return lambda: [json.loads(line) for line in heard.read_text().splitlines()] if heard.exists() else []


def metadata(command):
    pairs = [command[at + 1] for at, argument in enumerate(command) if argument == "--metadata"]
    return dict(pair.split("=", 1) for pair in pairs)


def kinds(outcomes):
    """The fate of each file: stored, deferred, or the kind of its problem."""
    fates = {Sent: lambda outcome: "stored", Deferred: lambda outcome: "deferred", Failed: lambda failed: failed.kind}
    return {outcome.file.relative: fates[type(outcome)](outcome) for outcome in outcomes}


def names_of(commands):
    """The objects of commands, below the prefix, in order."""
    return [command[-1].rpartition("/p/")[2] for command in commands]


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
    assert 3 < int((tmp_path / "most").read_text()) <= 3 + LINES_AHEAD


#: Answers each upload a little later, so that others can come meanwhile, and writes how many of each were in flight.
ANSWER_LATE = """
import threading, collections
arrived = []
def listen():
    for arguments in commands():
        arrived.append(arguments)
threading.Thread(target=listen, daemon=True).start()
most, answered = collections.Counter(), 0
while answered < {files}:
    time.sleep(0.02)
    waiting = collections.Counter(arguments[-1].rpartition("/")[2][0] for arguments in arrived[answered:])
    most |= waiting
    with open({most!r}, "w") as file:
        file.write(json.dumps(most))
    if waiting:
        stored(*arrived[answered][-2:])
        answered += 1
"""


@pytest.fixture
def tuned(transfer, plan, source, tmp_path):
    """Upload 8 large and 12 small files, with so many workers for each class; returns the most that were in flight."""

    def run(large, small):
        uploads = []
        for name in [f"l{number}" for number in range(8)] + [f"s{number:02}" for number in range(12)]:
            (upload,) = plan(name)
            if name.startswith("l"):
                os.truncate(source / name, 100 * 2**20)
                upload = Upload(upload.file._replace(identity=identity_of((source / name).stat())), "new")
            uploads.append(upload)
        classes = {"small": Settings(small, 1, 5), "large": Settings(large, 9, 16)}
        settings = ClassSettings(classes, present=frozenset(classes))
        most = tmp_path / "most"
        behaviour = ANSWER_LATE.format(files=len(uploads), most=str(most))
        outcomes = list(transfer(behaviour, special={"settings": settings}).run(uploads))
        assert all(isinstance(outcome, Sent) for outcome in outcomes)
        assert len(outcomes) == len(uploads)
        return json.loads(most.read_text())

    return run


def test_a_class_with_fewer_workers_has_no_more_in_flight(tuned):
    assert tuned(large=2, small=10) == {"l": 2, "s": 12}
    assert tuned(large=10, small=3) == {"l": 8, "s": 3}


def test_each_file_is_sent_with_the_parts_of_its_class(tuned, commands):
    tuned(large=2, small=3)
    parts = {tuple(command[2:6]) for command in commands() if command[-1].rpartition("/")[2].startswith("l")}
    assert parts == {("--part-size", "16", "--concurrency", "9")}
    assert {tuple(command[2:6]) for command in commands()} - parts == {("--part-size", "5", "--concurrency", "1")}


def test_s5cmd_gets_the_workers_of_the_class_that_needs_most(transfer, plan):
    settings = ClassSettings({"small": Settings(7, 1, 5), "large": Settings(70, 1, 5)}, present=frozenset({"small"}))
    behaviour = """
said = sys.argv[sys.argv.index("--numworkers") + 1]
for arguments in commands():
    if said == "7":
        stored(*arguments[-2:])
"""
    (outcome,) = transfer(behaviour, special={"settings": settings}, numworkers=3).run(plan("a"))
    assert isinstance(outcome, Sent)


def test_no_upload_is_asked_for_before_its_turn(transfer, plan):
    """A plan may hold a million; it is read as a stream."""
    uploads = plan(*(f"{n:03}" for n in range(200)))
    asked = []

    def stream():
        for upload in uploads:
            asked.append(upload)
            yield upload

    for done, _outcome in enumerate(transfer(numworkers=2).run(stream()), 1):
        assert len(asked) <= done + 2 + LINES_AHEAD + 1
    assert done == 200


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
    assert len(outcome.message) < 2 * s5cmd_process.TAIL


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


# --- trying again


SLOW_DOWN = "SlowDown: Please reduce your request rate. status code: 503, request id: 1, host id: 2"
#: A stand-in that fails each file the first time.
FAIL_FIRST = f"""
for arguments in commands():
    if tries(arguments) == 1:
        failed(*arguments[-2:], {SLOW_DOWN!r})
    else:
        stored(*arguments[-2:])
"""


@pytest.mark.parametrize(
    "error",
    [
        SLOW_DOWN,
        "InternalError: internal error status code: 500, request id: 1, host id: 2",
        "RequestTimeout: not read from status code: 400, request id: 1, host id: 2",
        'RequestError: send request failed caused by: Put "http://h/b/k": EOF',
        'RequestError: send request failed caused by: Put "http://h/b/k": dial tcp 127.0.0.1:9: connection refused',
    ],
)
def test_a_trouble_that_passes_is_no_failure(transfer, plan, error):
    said = []
    behaviour = FAIL_FIRST.replace(repr(SLOW_DOWN), repr(error))
    outcomes = list(transfer(behaviour, said=said, retry_rounds=3).run(plan("a", "b")))
    assert kinds(outcomes) == {"a": "stored", "b": "stored"}
    (text,) = said
    assert text.startswith("2 files failed (")
    assert text.endswith("): trying again in 0.0 s, round 1 of 3")


@pytest.mark.parametrize(
    "error",
    [
        "AccessDenied: Access Denied status code: 403, request id: 1, host id: 2",
        "NoSuchBucket: no such bucket status code: 404, request id: 1, host id: 2",
        "ExpiredToken: expired status code: 400, request id: 1, host id: 2",
        "RequestTimeTooSkewed: skewed status code: 403, request id: 1, host id: 2",
        "EntityTooLarge: too large status code: 400, request id: 1, host id: 2",
        "InvalidArgument: what? status code: 400, request id: 1, host id: 2",
        "open /srv/a: permission denied",
    ],
)
def test_what_would_fail_again_is_tried_once(transfer, plan, commands, error):
    behaviour = f"""
for arguments in commands():
    failed(*arguments[-2:], {error!r})
"""
    (outcome,) = transfer(behaviour, retry_rounds=3).run(plan("a"))
    assert "tried" not in outcome.message
    assert len(commands()) == 1


@pytest.mark.parametrize(
    ("change", "kind"), [("os.unlink(arguments[-2])", Kind.VANISHED), ("os.utime(arguments[-2])", Kind.CHANGED)]
)
def test_a_file_that_changed_during_its_upload_is_not_tried_again(transfer, plan, commands, change, kind):
    """What broke the connection may be that the file got shorter."""
    behaviour = f"""
for arguments in commands():
    {change}
    failed(*arguments[-2:], "RequestError: send request failed caused by: unexpected EOF")
"""
    assert kinds(transfer(behaviour, retry_rounds=3).run(plan("a"))) == {"a": kind}
    assert len(commands()) == 1


def test_what_failed_is_tried_again_after_all_others(transfer, plan, commands):
    behaviour = FAIL_FIRST.replace("tries(arguments) == 1", "tries(arguments) == 1 and arguments[-1].endswith('a')")
    outcomes = list(transfer(behaviour, retry_rounds=1).run(plan("a", "b", "c", "d")))
    assert set(kinds(outcomes).values()) == {"stored"}
    assert names_of(commands()) == ["a", "b", "c", "d", "a"]


def test_after_the_last_round_a_failure_says_how_often_it_was_tried(transfer, plan, commands):
    said = []
    behaviour = f"""
for arguments in commands():
    failed(*arguments[-2:], {SLOW_DOWN!r})
"""
    (outcome,) = transfer(behaviour, said=said, retry_rounds=2).run(plan("a"))
    message = "s5cmd: SlowDown: Please reduce your request rate. (tried 3 times)"
    assert outcome == Failed(outcome.file, Kind.UPLOAD, message)
    assert len(commands()) == 3
    assert said == [
        "1 file failed (SlowDown): trying again in 0.0 s, round 1 of 2",
        "1 file failed (SlowDown): trying again in 0.0 s, round 2 of 2",
    ]


def test_without_rounds_a_failure_is_told_at_once(transfer, plan):
    said = []
    outcomes = list(transfer(FAIL_FIRST, said=said, retry_rounds=0).run(plan("a", "b")))
    assert set(kinds(outcomes).values()) == {Kind.UPLOAD}
    assert said == []


def test_when_the_run_has_waited_enough_nothing_is_tried_again(transfer, plan, monkeypatch, commands):
    monkeypatch.setattr(backoff, "WAIT_LIMIT", 0.0)
    outcomes = list(transfer(FAIL_FIRST, retry_rounds=3).run(plan("a", "b")))
    assert set(kinds(outcomes).values()) == {Kind.UPLOAD}
    assert len(commands()) == 2


def test_while_it_waits_it_is_not_deaf(transfer, plan, monkeypatch):
    monkeypatch.setattr(backoff.random, "uniform", lambda low, high: high)
    said = []

    def tick():
        if said:
            raise Stopped

    with pytest.raises(Stopped):
        list(transfer(FAIL_FIRST, said=said, tick=tick, retry_rounds=3, retry_delay=60).run(plan("a")))
    assert said == ["1 file failed (SlowDown): trying again in 60.0 s, round 1 of 3"]


def test_the_causes_are_named_the_most_frequent_first(transfer, plan):
    said = []
    behaviour = """
errors = {
    "a": "SlowDown: slow status code: 503, request id: 1",
    "b": "InternalError: broken status code: 500, request id: 1",
    "c": "SlowDown: slow status code: 503, request id: 1",
}
for arguments in commands():
    if tries(arguments) == 1:
        failed(*arguments[-2:], errors[arguments[-1][-1]])
    else:
        stored(*arguments[-2:])
"""
    list(transfer(behaviour, said=said, retry_rounds=1).run(plan("a", "b", "c")))
    assert said == ["3 files failed (SlowDown, InternalError): trying again in 0.0 s, round 1 of 1"]


def test_when_many_have_failed_they_come_before_the_rest(transfer, plan, commands, monkeypatch):
    """A server that fails so many needs a pause, and a million of them would fill the memory."""
    monkeypatch.setattr(transfer_module, "AGAIN_LIMIT", 5)
    monkeypatch.setattr(transfer_module, "LINES_AHEAD", 2)
    names = [f"{n:02}" for n in range(40)]
    outcomes = list(transfer(FAIL_FIRST, retry_rounds=1, numworkers=2).run(plan(*names)))
    assert kinds(outcomes) == dict.fromkeys(names, "stored")
    order = names_of(commands())
    assert sorted(order) == sorted(names * 2)
    for name in names:
        first, second = (at for at, entry in enumerate(order) if entry == name)
        assert second - first <= 2 * (5 + 2 + 2)


def test_a_name_with_a_newline_is_tried_again_too(transfer, plan, commands):
    outcomes = list(transfer(FAIL_FIRST, retry_rounds=1).run(plan("a", "new\nline")))
    assert kinds(outcomes) == {"a": "stored", "new\nline": "stored"}
    assert len(commands()) == 4


def test_a_sha256_is_told_in_every_try(transfer, plan, commands):
    outcomes = list(transfer(FAIL_FIRST, retry_rounds=1, checksum_algorithm="SHA256").run(plan("a", "b")))
    assert {outcome.sha256 for outcome in outcomes} == {hashlib.sha256(b"content").hexdigest()}
    assert [len(metadata(command)["sha256"]) for command in commands()] == [64] * 4


# --- whether the bucket is there


def test_before_each_round_the_bucket_is_asked(transfer, plan, bucket):
    behaviour = f"""
for arguments in commands():
    failed(*arguments[-2:], {SLOW_DOWN!r})
"""
    list(transfer(behaviour, retry_rounds=3).run(plan("a")))
    assert bucket.checked == ["p/"] * 4, "after the first failure, and before each round"


def test_a_server_that_cannot_be_reached_ends_the_run_after_some_patience(transfer, plan, bucket, commands):
    bucket.failures["check"] = EndpointError("cannot list: connection refused")
    said = []
    with pytest.raises(EndpointError):
        list(transfer(FAIL_FIRST, said=said, retry_rounds=2).run(plan("a")))
    assert len(commands()) == 1
    assert said == [
        "cannot list: connection refused: asking again in 0.0 s, 1 of 3",
        "cannot list: connection refused: asking again in 0.0 s, 2 of 3",
        "cannot list: connection refused: asking again in 0.0 s, 3 of 3",
    ]


def test_a_server_whose_silence_takes_long_is_not_asked_as_often(transfer, plan, bucket, monkeypatch):
    monkeypatch.setattr(transfer_module, "OUTAGE_LIMIT", 0.0)
    bucket.failures["check"] = EndpointError("the bucket does not answer")
    with pytest.raises(EndpointError):
        list(transfer(FAIL_FIRST, retry_rounds=3).run(plan("a")))
    assert bucket.asked["check"] == 1


def test_a_server_that_comes_back_ends_nothing(transfer, plan, bucket, monkeypatch):
    class Closed(Exception):
        """As botocore's ConnectionClosedError."""

        response = None

    said = []
    refusals = [EndpointError("connection refused"), EndpointError("connection closed")]
    refusals[1].__cause__ = Closed()

    def check(prefix):
        if refusals:
            raise refusals.pop()

    monkeypatch.setattr(bucket, "check", check)
    outcomes = list(transfer(FAIL_FIRST, said=said, retry_rounds=3).run(plan("a")))
    assert kinds(outcomes) == {"a": "stored"}
    assert "the bucket answers again" in said


@pytest.mark.parametrize("error", [CredentialsError("the token has expired"), AccessError("NoSuchBucket")])
def test_a_server_that_refuses_ends_the_run_at_once(transfer, plan, bucket, error):
    bucket.failures["check"] = error
    with pytest.raises(type(error)):
        list(transfer(FAIL_FIRST, retry_rounds=3).run(plan("a")))
    assert bucket.asked["check"] == 1


def test_a_server_that_says_it_is_busy_is_asked_again(transfer, plan, bucket):
    class Busy(Exception):
        """As botocore's ClientError."""

        response = {"ResponseMetadata": {"HTTPStatusCode": 503}}  # noqa: RUF012

    busy = AccessError("cannot list: SlowDown: Please reduce your request rate.")
    busy.__cause__ = Busy()
    bucket.failures["check"] = busy
    with pytest.raises(AccessError):
        list(transfer(FAIL_FIRST, retry_rounds=2).run(plan("a")))
    assert bucket.asked["check"] == 4


# --- an s5cmd that is started again


def test_an_s5cmd_that_was_killed_is_started_again_and_all_is_stored(transfer, plan, commands):
    behaviour = """
for arguments in commands():
    if arguments[-1].endswith("03") and tries(arguments) == 1:
        os.kill(os.getpid(), 9)
    stored(*arguments[-2:])
"""
    said = []
    names = [f"{n:02}" for n in range(100)]
    outcomes = list(transfer(behaviour, said=said, retry_rounds=1, numworkers=4).run(plan(*names)))
    assert kinds(outcomes) == dict.fromkeys(names, "stored")
    assert said[0] == "s5cmd was stopped by signal 9: starting it again"
    assert said[1].endswith("failed (s5cmd was stopped by signal 9): trying again in 0.0 s, round 1 of 1")


def test_an_s5cmd_that_always_dies_is_not_started_for_ever(transfer, plan, heard, bucket):
    behaviour = """
hear(["started"])
next(commands())
os.kill(os.getpid(), 9)
"""
    names = [f"{n:03}" for n in range(300)]
    outcomes = list(transfer(behaviour, retry_rounds=2, numworkers=4).run(plan(*names)))
    assert sorted(outcome.file.relative for outcome in outcomes) == names
    assert set(kinds(outcomes).values()) == {Kind.UPLOAD, Kind.UNFINISHED}
    assert heard.read_text().count("started") == 3
    assert bucket.asked["check"] == 2


def test_one_file_that_kills_s5cmd_does_not_keep_the_others_from_being_stored(transfer, plan):
    behaviour = """
for arguments in commands():
    if arguments[-1].endswith("13"):
        say("panic: index out of range", sys.stderr)
        sys.exit(2)
    stored(*arguments[-2:])
"""
    names = [f"{n:02}" for n in range(50)]
    outcomes = list(transfer(behaviour, retry_rounds=2, numworkers=2).run(plan(*names)))
    assert sorted(outcome.file.relative for outcome in outcomes) == names
    (failed,) = (outcome for outcome in outcomes if not isinstance(outcome, Sent))
    assert failed.file.relative == "13"
    assert failed.message == (
        "s5cmd ended with exit code 2: panic: index out of range; it did not report this file (tried 3 times)"
    )


def test_the_bytes_of_an_earlier_s5cmd_count_too(transfer, plan):
    behaviour = """
for arguments in commands():
    os.write(1, b"x" * 10_000 + b"\\n")
    if tries(arguments) == 1:
        failed(*arguments[-2:], "broken pipe")
    else:
        stored(*arguments[-2:])
        time.sleep(60)
"""
    running_transfer = transfer(behaviour, retry_rounds=1)
    outcomes = running_transfer.run(plan("a", "b"))
    next(outcomes)
    sent = running_transfer.bytes_written
    outcomes.close()
    assert sent > 30_000 if sys.platform == "linux" else sent is None


def test_it_is_known_whether_multipart_uploads_may_be_left(transfer, plan):
    clean = transfer()
    list(clean.run(plan("a", "b")))
    assert not clean.interrupted
    failing = transfer(FAIL_FIRST, retry_rounds=1)
    list(failing.run(plan("c", "d")))
    assert failing.interrupted
    stopped = transfer("arguments = next(commands()); stored(*arguments[-2:]); time.sleep(60)")
    outcomes = stopped.run(plan("a", "b"))
    next(outcomes)
    outcomes.close()
    assert stopped.interrupted


# --- an s5cmd that does nothing any more


@pytest.fixture
def impatient(monkeypatch):
    """Stalls are noticed soon; a stand-in takes some time to start, which counts as life while it reads its code."""
    monkeypatch.setattr(transfer_module, "STALL_QUESTION", 0.3)
    monkeypatch.setattr(transfer_module, "STALL_LIMIT", 1.0)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts what a process reads and writes")
def test_an_s5cmd_that_does_nothing_any_more_is_ended_and_its_files_are_tried_again(
    transfer, plan, bucket, impatient, commands
):
    behaviour = """
for arguments in commands():
    if arguments[-1].endswith("b") and tries(arguments) == 1:
        time.sleep(60)
    stored(*arguments[-2:])
"""
    said = []
    outcomes = list(transfer(behaviour, said=said, retry_rounds=1).run(plan("a", "b")))
    assert kinds(outcomes) == {"a": "stored", "b": "stored"}
    assert said == ["1 file failed (s5cmd sent nothing for 1 s): trying again in 0.0 s, round 1 of 1"]
    assert bucket.asked["check"] >= 2


def test_an_s5cmd_that_does_nothing_because_the_server_is_gone_ends_the_run(transfer, plan, bucket, impatient):
    bucket.failures["check"] = EndpointError("the bucket does not answer")
    with pytest.raises(EndpointError):
        list(transfer("list(commands()); time.sleep(60)").run(plan("a")))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts what a process reads and writes")
def test_an_s5cmd_that_still_moves_bytes_is_let_go_on(transfer, plan, impatient, commands):
    behaviour = """
(arguments,) = commands()
with open(os.devnull, "wb", buffering=0) as sink:
    for _block in range(200):
        sink.write(b"x")
        time.sleep(0.01)
stored(*arguments[-2:])
"""
    assert kinds(transfer(behaviour, retry_rounds=1).run(plan("a"))) == {"a": "stored"}
    assert len(commands()) == 1


def test_where_bytes_are_not_counted_a_silent_s5cmd_is_not_ended(
    transfer, plan, bucket, impatient, commands, monkeypatch
):
    """It may be sending a large file over a slow line. But whether the bucket is there is asked."""
    monkeypatch.setattr(s5cmd_process.S5cmdProcess, "_io", lambda self: {})
    behaviour = """
(arguments,) = commands()
time.sleep(2)
stored(*arguments[-2:])
"""
    assert kinds(transfer(behaviour, retry_rounds=1).run(plan("a"))) == {"a": "stored"}
    assert len(commands()) == 1
    assert bucket.asked["check"] >= 1


def test_while_a_digest_is_computed_nobody_waits_for_s5cmd(transfer, plan, bucket, impatient, monkeypatch):
    def slow(file, tick):
        time.sleep(1.5)
        return "0f" * 32

    monkeypatch.setattr(transfer_module, "sha256_hex", slow)
    assert kinds(transfer(checksum_algorithm="SHA256").run(plan("a"))) == {"a": "stored"}
    assert bucket.asked["check"] == 0


# --- hot folders


def test_a_file_that_changed_since_it_was_planned_waits_for_the_next_run(transfer, plan, source, commands):
    uploads = plan("a", "b")
    (source / "a").write_bytes(b"longer than it was before")
    assert kinds(transfer(settle_seconds=60).run(uploads)) == {"a": "deferred", "b": "stored"}
    assert len(commands()) == 1


def test_a_file_of_a_hot_folder_that_vanished_is_a_problem_all_the_same(transfer, plan, source):
    uploads = plan("a")
    (source / "a").unlink()
    assert kinds(transfer(settle_seconds=60).run(uploads)) == {"a": Kind.VANISHED}


def test_a_file_that_changed_between_two_tries_waits_for_the_next_run(transfer, plan, source):
    said = []

    def tick():
        if said:
            os.utime(source / "a", (1, 1))

    hot = transfer(FAIL_FIRST, tick=tick, said=said, retry_rounds=1, settle_seconds=60)
    assert kinds(hot.run(plan("a"))) == {"a": "deferred"}


# --- files of too many parts


def test_a_file_that_needs_larger_parts_than_were_asked_for_is_named_once(transfer, plan, source, commands):
    (upload,) = plan("a")
    os.truncate(source / "a", 40 * 2**20)
    noted = []
    (outcome,) = transfer(FAIL_FIRST, noted=noted, retry_rounds=1, part_size=5, special={"max_parts": 2}).run([upload])
    assert outcome.part_size == 21 * 2**20
    assert {command[command.index("--part-size") + 1] for command in commands()} == {"21"}
    assert noted == ["a: parts of 21 MiB instead of 5, because S3 takes 2 parts"]


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
