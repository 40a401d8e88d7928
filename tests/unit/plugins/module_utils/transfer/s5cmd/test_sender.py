# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What is handed to s5cmd and heard of it: only an event that names a file makes it stored.

s5cmd is a small executable here that does what a test says; the real one is run in tests/integration.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import EndpointError, InstallationError
from ansible_collections.datasync.turbo.plugins.module_utils.common.problems import Kind
from ansible_collections.datasync.turbo.plugins.module_utils.common.units import MIB
from ansible_collections.datasync.turbo.plugins.module_utils.install.binary import Version
from ansible_collections.datasync.turbo.plugins.module_utils.job.local_file import identity_of
from ansible_collections.datasync.turbo.plugins.module_utils.plan.uploads import Upload
from ansible_collections.datasync.turbo.plugins.module_utils.transfer import liveness
from ansible_collections.datasync.turbo.plugins.module_utils.transfer import rounds as rounds_module
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.engine import Failed, Sent
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.s5cmd import process as s5cmd_process
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.s5cmd.engine import S5cmdEngine
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.s5cmd.sender import LINES_AHEAD
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.settings import ClassSettings
from ansible_collections.datasync.turbo.plugins.module_utils.tuning.classes import Settings
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.transfer.stand_in import (
    FAIL_FIRST,
    Stopped,
    kinds,
    metadata,
    running,
)

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
    list(transfer(metadata={"project": "x y"}, part_size=64 * MIB).run(plan("day 1/it's $HOME")))
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
    (outcome,) = transfer(part_size=5 * MIB).run([upload])
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
        classes = {"small": Settings(small, 1, 5 * MIB), "large": Settings(large, 9, 16 * MIB)}
        settings = ClassSettings(classes, present=frozenset(classes))
        most = tmp_path / "most"
        behaviour = ANSWER_LATE.format(files=len(uploads), most=str(most))
        outcomes = list(transfer(behaviour, settings=settings).run(uploads))
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
    settings = ClassSettings(
        {"small": Settings(7, 1, 5 * MIB), "large": Settings(70, 1, 5 * MIB)}, present=frozenset({"small"})
    )
    behaviour = """
said = sys.argv[sys.argv.index("--numworkers") + 1]
for arguments in commands():
    if said == "7":
        stored(*arguments[-2:])
"""
    (outcome,) = transfer(behaviour, settings=settings, numworkers=3).run(plan("a"))
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
def test_s5cmd_inherits_what_it_is_to_keep_open_and_nothing_else(transfer, plan, tmp_path, name):
    with open(tmp_path / "kept", "w") as kept, open(tmp_path / "other", "w") as other:
        behaviour = f"""
os.write({kept.fileno()}, b"inherited")
try:
    os.write({other.fileno()}, b"inherited")
except OSError:
    store_all()
"""
        outcomes = transfer(behaviour, inherited=(kept.fileno(),)).run(plan(name))
        assert kinds(outcomes) == {name: "stored"}
    assert (tmp_path / "kept").read_text() == "inherited"


def test_an_s5cmd_that_cannot_be_started_is_an_installation_error(rounds, plan, tmp_path):
    (tmp_path / "s5cmd").write_bytes(b"\x7fELF nonsense")
    (tmp_path / "s5cmd").chmod(0o755)
    engine = S5cmdEngine(str(tmp_path / "s5cmd"), Version("v2.3.0-991c9fb", (2, 3, 0)))
    with pytest.raises(InstallationError, match="cannot be started"):
        list(rounds(engine).run(plan("a")))


# --- an s5cmd that does nothing any more


@pytest.fixture
def impatient(monkeypatch):
    """Stalls are noticed soon; a stand-in takes some time to start, which counts as life while it reads its code."""
    monkeypatch.setattr(liveness, "STALL_QUESTION", 0.3)
    monkeypatch.setattr(liveness, "STALL_LIMIT", 1.0)


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

    monkeypatch.setattr(rounds_module, "sha256_hex", slow)
    assert kinds(transfer(checksum_algorithm="SHA256").run(plan("a"))) == {"a": "stored"}
    assert bucket.asked["check"] == 0


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


def test_a_name_with_a_newline_is_tried_again_too(transfer, plan, commands):
    outcomes = list(transfer(FAIL_FIRST, retry_rounds=1).run(plan("a", "new\nline")))
    assert kinds(outcomes) == {"a": "stored", "new\nline": "stored"}
    assert len(commands()) == 4


# --- stopping, and what is left


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


def test_it_is_known_whether_multipart_uploads_may_be_left(transfer, plan):
    clean = transfer()
    list(clean.run(plan("a", "b")))
    assert not clean.left_open
    failing = transfer(FAIL_FIRST, retry_rounds=1)
    list(failing.run(plan("c", "d")))
    assert failing.left_open
    stopped = transfer("arguments = next(commands()); stored(*arguments[-2:]); time.sleep(60)")
    outcomes = stopped.run(plan("a", "b"))
    next(outcomes)
    outcomes.close()
    assert stopped.left_open


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
