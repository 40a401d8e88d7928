# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Verification behind the transfer: every object gets one verdict, by the cheapest request that proves it."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import AccessError
from ansible_collections.datasync.turbo.plugins.module_utils.job.job import Job
from ansible_collections.datasync.turbo.plugins.module_utils.job.local_file import LocalFile, identity_of
from ansible_collections.datasync.turbo.plugins.module_utils.proof.verify import VerdictKind, Verifier
from ansible_collections.datasync.turbo.plugins.module_utils.s3.limits import SMALL_FILE
from ansible_collections.datasync.turbo.plugins.module_utils.sync import proofs as proofs_module
from ansible_collections.datasync.turbo.plugins.module_utils.sync.proofs import MIN_WINDOW, Proofs
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.engine import Sent

MANY = 3 * MIN_WINDOW


class Judged:
    """The verdicts that a run was told."""

    def __init__(self):
        self.verdicts = []
        self.threads = set()

    def __call__(self, proof, verdict):
        self.threads.add(threading.get_ident())
        self.verdicts.append((proof.file.relative, verdict))

    @property
    def outcomes(self):
        return {relative: verdict.kind for relative, verdict in self.verdicts}

    @property
    def methods(self):
        return Counter(verdict.method for _relative, verdict in self.verdicts)


@pytest.fixture
def judged():
    return Judged()


@pytest.fixture
def sent(source, bucket):
    """Make a file, store it, and say so as the transfer does."""

    def make(relative, content=b"1", stored=None, **properties):
        path = source / relative
        path.write_bytes(content)
        bucket.put(f"p/{relative}", content if stored is None else stored, **properties)
        identity = identity_of(path.stat())
        file = LocalFile(str(path), relative, f"p/{relative}", identity)
        return Sent(file, identity, 8 * 2**20, hashlib.sha256(content).hexdigest())

    return make


@pytest.fixture
def proofs_of(source, bucket, judged):
    made = []

    def make(tick=lambda: None, **options):
        job = Job(src=str(source), bucket="archive", prefix="p/", **options)
        made.append(Proofs(job, Verifier(bucket, job.checksum_algorithm), judged, tick))
        return made[-1]

    yield make
    for proofs in made:
        proofs.stop()


def prove(proofs, sents):
    for entry in sents:
        proofs.of_content(entry)
    proofs.finish()


def names(count):
    return [f"f{number:04}" for number in range(count)]


# --- by the ETags of a listing


def test_small_files_are_proven_together_with_one_request(proofs_of, sent, bucket, judged):
    prove(proofs_of(), [sent(name) for name in names(MANY)])
    assert judged.outcomes == dict.fromkeys(names(MANY), VerdictKind.SAME)
    assert bucket.asked == {"list": 1}


def test_a_thousand_and_one_files_are_two_windows(proofs_of, sent, bucket, judged, monkeypatch):
    monkeypatch.setattr(proofs_module, "WINDOW", MIN_WINDOW)
    prove(proofs_of(), [sent(name) for name in names(2 * MIN_WINDOW)])
    assert (len(judged.verdicts), bucket.asked) == (2 * MIN_WINDOW, {"list": 2})


def test_a_few_small_files_are_asked_for_one_by_one(proofs_of, sent, bucket, judged):
    prove(proofs_of(), [sent(name) for name in names(MIN_WINDOW - 1)])
    assert bucket.asked == {"head": MIN_WINDOW - 1}
    assert set(judged.outcomes.values()) == {VerdictKind.SAME}


def test_a_file_that_is_not_small_is_proven_by_its_header(proofs_of, sent, bucket, judged):
    proofs = proofs_of()
    small = [sent(name) for name in names(MANY)]
    prove(proofs, [*small, sent("large", bytes(SMALL_FILE + 1)), sent("just small", bytes(SMALL_FILE))])
    assert bucket.asked == {"list": 1, "head": 1}
    assert set(judged.outcomes.values()) == {VerdictKind.SAME}


def test_what_the_listing_does_not_prove_is_asked_for(proofs_of, sent, bucket, judged):
    sents = [sent(name) for name in names(MANY)]
    sents.append(sent("wrong", b"right", stored=b"wrong"))
    sents.append(sent("encrypted", b"1", encryption="aws:kms", etag="0" * 32))
    sents.append(sent("missing"))
    del bucket.objects["p/missing"]
    prove(proofs_of(), sents)
    assert {name: outcome for name, outcome in judged.outcomes.items() if outcome is not VerdictKind.SAME} == {
        "wrong": VerdictKind.DIFFERENT,
        "encrypted": VerdictKind.UNPROVEN,
        "missing": VerdictKind.MISSING,
    }
    assert bucket.asked == {"list": 1, "head": 3}
    assert len(judged.verdicts) == MANY + 3, "one verdict each"


def test_in_a_bucket_that_encrypts_no_second_window_is_tried(proofs_of, sent, bucket, judged, monkeypatch):
    monkeypatch.setattr(proofs_module, "WINDOW", MIN_WINDOW)
    proofs = proofs_of()
    for name in names(MIN_WINDOW):
        proofs.of_content(sent(name, etag="0" * 31 + "1", encryption="aws:kms"))
    proofs.finish()
    for name in names(2 * MIN_WINDOW)[MIN_WINDOW:]:
        proofs.of_content(sent(name, etag="0" * 31 + "1", encryption="aws:kms"))
    proofs.finish()
    assert bucket.asked == {"list": 1, "head": 2 * MIN_WINDOW}
    assert set(judged.outcomes.values()) == {VerdictKind.UNPROVEN}


@pytest.mark.parametrize("options", [{"checksum_algorithm": "SHA256"}, {"sse": "aws:kms"}, {"sse": "aws:kms:dsse"}])
def test_where_no_etag_is_wanted_or_useful_headers_are_asked_for_at_once(proofs_of, sent, bucket, options):
    prove(proofs_of(**options), [sent(name) for name in names(MANY)])
    assert bucket.asked == {"head": MANY}


def test_a_file_that_changed_since_it_was_handed_over_is_changed(proofs_of, sent, source, judged):
    sents = [sent(name) for name in names(MANY)]
    (source / "f0003").write_bytes(b"another size")
    prove(proofs_of(), sents)
    assert judged.outcomes["f0003"] is VerdictKind.CHANGED


# --- names, and objects of before


def test_without_verification_only_rewritten_names_cost_a_request(proofs_of, sent, bucket, judged):
    bucket.rewrites_backslash = True
    proofs = proofs_of(verify="none")
    for entry in (sent("plain", stored=b"anything"), sent("a\\b")):
        proofs.of_name(entry)
    proofs.finish()
    assert judged.outcomes == {"plain": VerdictKind.SAME, "a\\b": VerdictKind.RENAMED}
    assert bucket.asked == {"holds_key": 1}


def test_an_object_of_an_earlier_run_is_proven_by_its_header(proofs_of, sent, bucket, judged):
    proofs = proofs_of(verify="all")
    for entry in [sent(name) for name in names(MANY)] + [sent("wrong", b"a", stored=b"b")]:
        proofs.of_present(entry.file)
    proofs.finish()
    assert bucket.asked["head"] == MANY + 1
    assert judged.outcomes["wrong"] is VerdictKind.DIFFERENT


def test_proofs_tell_this_runs_objects_from_earlier_ones(source, bucket, sent):
    told = []
    job = Job(src=str(source), bucket="archive", prefix="p/")
    proofs = Proofs(job, Verifier(bucket, "CRC64NVME"), lambda proof, verdict: told.append(proof), lambda: None)
    now, before = sent("now"), sent("before")
    proofs.of_content(now)
    proofs.of_present(before.file)
    proofs.finish()
    by_name = {proof.file.relative: proof for proof in told}
    assert (by_name["now"].uploaded, by_name["now"].sha256, by_name["now"].part_size) == (True, now.sha256, 8 * 2**20)
    assert (by_name["before"].uploaded, by_name["before"].sha256) == (False, "")
    proofs.stop()


def test_windows_that_are_half_proven_are_finished_one_by_one_though_others_are_taken_in_meanwhile(
    proofs_of, sent, judged, monkeypatch
):
    monkeypatch.setattr(proofs_module, "WINDOW", MIN_WINDOW)
    monkeypatch.setattr(proofs_module, "PROOFS_AHEAD", 4)
    proofs = proofs_of()
    windows = []
    for number in range(6):
        for name in names(MIN_WINDOW):
            # One ETag of each window is an MD5, so that the next window is asked for by a listing too.
            etag = {} if name == names(1)[0] else {"encryption": "aws:kms", "etag": f"{number:032x}"}
            windows.append(sent(f"{number}-{name}", name.encode(), **etag))
    for entry in windows:
        proofs.of_content(entry)
    time.sleep(0.5)
    proofs.finish()
    assert len(judged.verdicts) == len(judged.outcomes) == 6 * MIN_WINDOW
    assert Counter(judged.outcomes.values()) == {VerdictKind.SAME: 6, VerdictKind.UNPROVEN: 6 * (MIN_WINDOW - 1)}


def test_hundreds_of_windows_that_are_half_proven_at_the_same_time_are_finished_one_after_the_other(
    proofs_of, sent, judged, monkeypatch
):
    monkeypatch.setattr(proofs_module, "WINDOW", 3)
    monkeypatch.setattr(proofs_module, "MIN_WINDOW", 2)
    proofs = proofs_of()
    for number in range(proofs_module.PROOFS_AHEAD):
        proofs.of_content(sent(f"{number}-proven"))
        for name in ("b", "c"):
            proofs.of_content(sent(f"{number}-{name}", encryption="aws:kms", etag=f"{number:032x}"))
    deadline = time.monotonic() + 10
    while not all(future.done() for future in proofs._pool._pending) and time.monotonic() < deadline:
        time.sleep(0.01)
    proofs.of_content(sent("large", bytes(SMALL_FILE + 1)))
    proofs.finish()
    assert len(judged.verdicts) == len(judged.outcomes) == 3 * proofs_module.PROOFS_AHEAD + 1


# --- threads, limits, interrupts


def test_verdicts_are_told_in_the_thread_that_asks_for_them(proofs_of, sent, judged):
    prove(proofs_of(), [sent(name) for name in names(MANY)])
    assert judged.threads == {threading.get_ident()}


def test_no_more_proofs_wait_than_the_page_cache_is_good_for(proofs_of, sent, bucket, judged, monkeypatch):
    monkeypatch.setattr(proofs_module, "PROOFS_AHEAD", 8)
    proofs = proofs_of(checksum_algorithm="SHA256")
    for number, name in enumerate(names(60)):
        proofs.of_content(sent(name))
        assert proofs._pool.unfinished <= 8, number
    proofs.finish()
    assert len(judged.verdicts) == 60


def test_an_interrupt_is_heard_while_proofs_are_waited_for(proofs_of, sent, bucket, judged):
    class Stop(Exception):
        pass

    released = threading.Event()
    bucket.head = lambda key: released.wait(30)

    def tick():
        raise Stop

    proofs = proofs_of(tick)
    proofs.of_content(sent("a", bytes(SMALL_FILE + 1)))
    with pytest.raises(Stop):
        proofs.finish()
    assert [proof.file.relative for proof in proofs.abandon()] == ["a"]
    proofs.stop()
    released.set()
    assert judged.verdicts == []


def test_what_is_known_when_a_run_is_given_up_is_told_and_the_rest_is_returned(proofs_of, sent, bucket, judged):
    proofs = proofs_of()
    proofs.of_content(sent("proven", bytes(SMALL_FILE + 1)))
    proofs.of_content(sent("wrong", bytes(SMALL_FILE + 1), stored=b"x" * (SMALL_FILE + 1)))
    deadline = time.monotonic() + 10
    while not all(future.done() for future in proofs._pool._pending) and time.monotonic() < deadline:
        time.sleep(0.01)
    released = threading.Event()
    bucket.head = lambda key: released.wait(30)
    proofs.of_content(sent("pending", bytes(SMALL_FILE + 1)))
    proofs.of_content(sent("small, and waiting for its window"))
    given_up = {proof.file.relative for proof in proofs.abandon()}
    released.set()
    assert judged.outcomes == {"proven": VerdictKind.SAME, "wrong": VerdictKind.DIFFERENT}
    assert given_up == {"pending", "small, and waiting for its window"}
    assert proofs.abandon() == []


def test_a_window_that_is_half_proven_when_a_run_is_given_up_is_told_by_halves(proofs_of, sent, bucket, judged):
    proofs = proofs_of()
    for name in names(MIN_WINDOW):
        proofs.of_content(sent(name))
    proofs.of_content(sent("unknown", encryption="aws:kms", etag="0" * 32))
    proofs._prove_small()
    deadline = time.monotonic() + 10
    while not all(future.done() for future in proofs._pool._pending) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [proof.file.relative for proof in proofs.abandon()] == ["unknown"]
    assert set(judged.outcomes.values()) == {VerdictKind.SAME}
    assert len(judged.outcomes) == MIN_WINDOW


@pytest.mark.parametrize(("request_name", "count"), [("head", 1), ("list", MANY)])
def test_a_server_that_refuses_ends_the_run_and_leaves_no_object_without_a_verdict(
    proofs_of, sent, bucket, judged, request_name, count
):
    bucket.failures[request_name] = AccessError("AccessDenied")
    proofs = proofs_of()
    for name in names(count):
        proofs.of_content(sent(name))
    with pytest.raises(AccessError):
        proofs.finish()
    assert judged.outcomes == dict.fromkeys(names(count), VerdictKind.UNPROVEN)
    assert all("AccessDenied" in verdict.message for _relative, verdict in judged.verdicts)
    assert proofs.abandon() == []


def test_nothing_to_prove_asks_nothing(proofs_of, bucket):
    proofs_of().finish()
    assert not bucket.asked
