# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Every order of what can happen to a run's memory, with a kill between any two events, against a model of the world.

The model knows nothing of how the memory works. It knows what may have become of three objects: which of them may lack
a proof, and which multipart uploads may be open, each with the times at which that may have begun. After every event:

* an object that may be unproven is not believed by the next run, nor by the rest of this one;
* a multipart upload that may be open is still known, so that somebody aborts it;
* what is remembered has not become less, but by the verb that proves, aborts or replaces it;
* one whole run without trouble would end all of it: nothing is remembered for ever.

Orders that lead to the same world and the same memory go on in the same way, so each such pair is followed once.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.job import memory as memory_module
from ansible_collections.datasync.turbo.plugins.module_utils.job.job import Job
from ansible_collections.datasync.turbo.plugins.module_utils.job.memory import RunMemory, StateMark

#: Events in an order. It was nine once, for two minutes: 142,587 steps through 54,109 worlds.
LENGTH = 6

#: Jobs on the same source and bucket, as their owner changes the filters, and the objects of their files.
FILES = {"all": "xyz", "without z": "xy", "without x": "yz", "unverified": "xyz"}
OPTIONS = {
    "all": {},
    "without z": {"exclude": ("z",)},
    "without x": {"exclude": ("x",)},
    "unverified": {"verify": "none"},
}
JOBS = {
    name: Job(src="/srv/material", bucket="archive", lock_path="/none", **options) for name, options in OPTIONS.items()
}


@dataclass
class Paper:
    """The line in a lock file, while it is held by someone and after that."""

    note: bytes = b""
    broken: bool = False

    def write(self, note):
        """As `HeldLock.write`, which test_lock.py looks at."""
        if not self.broken:
            self.note = note
        return not self.broken


@dataclass
class Run:
    """A run that is under way."""

    name: str
    began: int
    memory: RunMemory
    stored: bool = False


@dataclass
class World:
    """What is so, whatever anybody remembers. Times are those of the host's clock, 0 is long ago."""

    now: int = 1 << 20
    paper: Paper = field(default_factory=Paper)
    run: Run | None = None
    #: By object: when the content that may be wrong may have been stored.
    unproven: dict[str, frozenset[int]] = field(default_factory=dict)
    #: By key: when a multipart upload that may be open may have begun.
    open: dict[str, frozenset[int]] = field(default_factory=dict)
    mark: StateMark | None = None
    #: What of this was so when the disk became full: nothing later can be remembered.
    at_failure: tuple | None = None

    @property
    def files(self):
        return FILES[self.run.name]

    @property
    def remembered(self):
        """As a run would read it that begins now."""
        return memory_module._memories(self.paper.note).of(memory_module.lock.digest_of(JOBS["all"]))

    def add(self, what, names, time):
        what.update({name: what.get(name, frozenset()) | {time} for name in names})

    def copied(self):
        """Another such world; `copy.deepcopy` takes ten times as long."""
        other = copy.copy(self)
        other.paper, other.unproven, other.open = copy.copy(self.paper), dict(self.unproven), dict(self.open)
        if self.run:
            memory = copy.copy(self.run.memory)
            memory._notebook, memory._all = other.paper, copy.copy(memory._all)
            memory._all.by_job = dict(memory._all.by_job)
            other.run = replace(self.run, memory=memory)
        return other

    def key(self):
        """The same for worlds that differ in nothing but how far their times lie apart."""
        run, known = self.run, self.remembered
        mine = run and run.memory
        parts = [self.unproven, self.open, self.mark, self.paper.broken, self.at_failure, known]
        if run:
            parts += [run.name, run.began, run.stored, mine.remembered, mine._earlier, mine._own, mine._written]
        times = sorted({number for number in numbers(parts) if number})
        ranks = {time: rank for rank, time in enumerate(times, 1)}
        return repr(ranked(parts, {0: 0, **ranks}))


def numbers(value):
    """All times in there."""
    if isinstance(value, bool) or value is None or isinstance(value, (str, StateMark)):
        return
    if isinstance(value, (int, float)):
        yield value
        return
    if hasattr(value, "__dataclass_fields__"):
        value = vars(value)
    for part in value.values() if isinstance(value, dict) else value:
        yield from numbers(part)


def ranked(value, ranks):
    if isinstance(value, bool) or value is None or isinstance(value, (str, StateMark)):
        return value
    if isinstance(value, (int, float)):
        return ranks[value]
    if hasattr(value, "__dataclass_fields__"):
        value = vars(value)
    if isinstance(value, dict):
        return [(name, ranked(part, ranks)) for name, part in sorted(value.items())]
    parts = [ranked(part, ranks) for part in value]
    return sorted(parts) if isinstance(value, frozenset) else parts


# --- events: each changes the world, calls the verb that a run would call, and returns False where it cannot happen


def begins(name, back=False):
    def event(world):
        if world.run:
            return False
        world.now = world.now // 2 if back else world.now + (1 << 20)
        world.run = Run(name, world.now, RunMemory(JOBS[name], world.paper))
        return True

    return event


def is_killed(world):
    """Or ends: that makes no difference to what is remembered."""
    if not world.run:
        return False
    if world.at_failure:
        unproven, opened, world.mark = world.at_failure
        world.unproven, world.open = dict(unproven), dict(opened)
        world.at_failure = None
    world.run, world.paper.broken = None, False
    return True


def disk_is_full(world):
    if not world.run or world.paper.broken:
        return False
    world.paper.broken, world.at_failure = True, (dict(world.unproven), dict(world.open), world.mark)
    return True


def file_is_damaged(world):
    """What it said is lost, and nobody knows it any more."""
    if world.run:
        return False
    world.paper.note = b"{damaged"
    world.unproven, world.open, world.mark = dict.fromkeys("xyz", frozenset({0})), {}, None
    return True


def is_told(world, told):
    """A verb says that the next run will know only if it will, and says so unless the disk is full."""
    assert told or world.paper.broken
    assert not told or covers(world.remembered, world.unproven, world.open)
    return True


def uploads(world):
    run = world.run
    if not run or run.stored:
        return False
    told = run.memory.before_uploads(world.files, run.began)
    run.stored = True
    if JOBS[run.name].verification_wanted:
        world.add(world.unproven, world.files, run.began)
    world.add(world.open, world.files, run.began)
    return is_told(world, told)


def proves_all_by_the_state_file(world):
    """Files that the state file knows and the filter leaves out are not looked at."""
    if not world.run or world.run.name == "unverified":
        return False
    for name in world.files:
        world.unproven.pop(name, None)
    world.run.memory.all_proven(listed=False)
    return True


def proves_all_by_a_listing(world):
    """It shows nothing beside the files of the run that was stored since something may be unproven."""
    if not world.run or world.run.name == "unverified":
        return False
    since = world.run.memory.unproven_since
    for name in world.files:
        world.unproven.pop(name, None)
    if since is not None:
        unseen = {name: frozenset(t for t in times if t < since) for name, times in world.unproven.items()}
        world.unproven = {name: times for name, times in unseen.items() if times}
    world.run.memory.all_proven(listed=True)
    return True


def finds_an_old_object_wrong(world):
    if not world.run or world.run.name == "unverified":
        return False
    world.add(world.unproven, world.files, 0)
    return is_told(world, world.run.memory.doubt())


def copies_objects(world):
    """An audit that attaches a SHA256: what its copies look like tells nothing of when they were stored."""
    if not world.run or world.run.stored:
        return False
    world.add(world.unproven, world.files, world.run.began)
    return is_told(world, world.run.memory.doubt(world.run.began))


def copies_objects_of_a_manifest(world):
    """The same for objects of any file, whatever the filter of the job is."""
    if not world.run or world.run.stored:
        return False
    world.add(world.unproven, "xyz", world.run.began)
    return is_told(world, world.run.memory.doubt(world.run.began, all_files=True))


def abort(world, left):
    """What a run aborts: exactly what it is told."""
    for key in left.keys:
        times = frozenset(time for time in world.open.get(key, ()) if time < left.since)
        world.open.pop(key, None)
        if times:
            world.open[key] = times


def cleans_up_earlier_runs(world):
    if not world.run or world.run.stored or world.run.memory.left_by_earlier is None:
        return False
    abort(world, world.run.memory.left_by_earlier)
    world.run.memory.earlier_cleaned_up()
    return True


def cleans_up(world):
    if not world.run or world.run.memory.left_by_this is None:
        return False
    abort(world, world.run.memory.left_by_this)
    world.run.memory.cleaned_up()
    return True


def writes_the_state_file(world):
    if not world.run:
        return False
    world.mark = StateMark("state", (world.mark.generation if world.mark else 0) % 2 + 1)
    return is_told(world, world.run.memory.state_marked(world.mark))


EVENTS = {
    **{f"a run of '{name}' begins": begins(name) for name in JOBS},
    "a run of 'without x' begins, after the clock was set back": begins("without x", back=True),
    **{
        event.__name__.replace("_", " "): event
        for event in (
            is_killed,
            disk_is_full,
            file_is_damaged,
            uploads,
            proves_all_by_the_state_file,
            proves_all_by_a_listing,
            finds_an_old_object_wrong,
            copies_objects,
            copies_objects_of_a_manifest,
            cleans_up_earlier_runs,
            cleans_up,
            writes_the_state_file,
        )
    },
}
#: What may make which part of the memory less.
PROVES = {"proves all by the state file", "proves all by a listing", "file is damaged"}
ABORTS = {"cleans up earlier runs", "cleans up", "file is damaged"}
MARKS = {"writes the state file", "file is damaged"}


def covers(known, unproven, opened):
    """Whether a run that remembers this believes nothing that it should not, and knows all that may be open."""
    since = float("inf") if known.unproven_since is None else known.unproven_since
    begun = float("inf") if known.unfinished_since is None else known.unfinished_since
    return all(since <= min(times) for times in unproven.values()) and all(
        key in known.multipart_keys and begun <= min(times) for key, times in opened.items()
    )


def less(before, after):
    """Which parts of the memory became less."""
    if before.unproven_since is not None and (
        after.unproven_since is None
        or after.unproven_since > before.unproven_since
        or after.filter not in (before.filter, "several")
    ):
        yield PROVES
    if before.unfinished_since is not None and (
        after.unfinished_since is None
        or after.unfinished_since > before.unfinished_since
        or not set(before.multipart_keys) <= set(after.multipart_keys)
    ):
        yield ABORTS
    if before.state != after.state:
        yield MARKS


def check(order, before, world):
    """What must be so after an event."""
    after = world.remembered
    if world.at_failure:
        assert covers(after, *world.at_failure[:2]), (order, after, "what was remembered before the disk was full")
        assert after == before or order[-1] == "disk is full", (order, "nothing can be written")
    else:
        assert covers(after, world.unproven, world.open), (order, after, world.unproven, world.open)
        assert after.state == world.mark, (order, after)
    if world.run:
        assert covers(world.run.memory.remembered, world.unproven, world.open), (order, "the rest of this run")
    for allowed in less(before, after):
        assert order[-1] in allowed, (order, before, after)


def settles(world):
    """Whether the next whole run without trouble leaves nothing to be remembered, but the state file."""
    world = world.copied()
    is_killed(world)
    steps = (begins("all"), cleans_up_earlier_runs, uploads, proves_all_by_a_listing, cleans_up, is_killed)
    for step in steps:
        step(world)
    known = world.remembered
    return (known.unproven_since, known.unfinished_since, known.multipart_keys, known.filter) == (None, None, (), "")


@pytest.mark.slow
def test_no_order_of_events_makes_a_run_believe_or_forget_what_it_must_not():
    worlds = {World().key(): ((), World())}
    seen = set(worlds)
    for _length in range(LENGTH):
        reached = {}
        for order, world in worlds.values():
            for name, event in EVENTS.items():
                after = world.copied()
                if not event(after):
                    continue
                check((*order, name), world.remembered, after)
                key = after.key()
                if key not in seen:
                    seen.add(key)
                    reached[key] = ((*order, name), after)
        for order, world in reached.values():
            assert settles(world), order
        worlds = reached
    assert len(seen) > 3000
