"""What every ledger promises."""

import asyncio
import collections
import contextlib
import dataclasses
import itertools
from fractions import Fraction

import pytest

from fallow import log
from fallow.adapters.ledger_database import Database
from fallow.adapters.ledger_migrate import migrate
from fallow.adapters.ledger_sql import SqlLedger
from fallow.errors import BadSetting, BrokenPart, Conflict, NotFound, StorageFull
from fallow.model import (
    Chunk,
    Effort,
    JobState,
    Part,
    Source,
    TaskKind,
    TaskState,
    Track,
    VideoTrack,
    Worker,
)
from fallow.records import Job, Pulse, Rendition, Setback, TaskSpec
from fallow.records import Outcome as How

NEXT = itertools.count()
embedded = pytest.mark.parametrize("url", ["sqlite"], indirect=True)


class Time:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def time():
    return Time()


@pytest.fixture(params=["sqlite", "mariadb", "galera", "shaken"])
def url(request, tmp_path):
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/fallow.db"
        return
    server = request.getfixturevalue(request.param)
    with server.shaking() if request.param == "shaken" else contextlib.nullcontext():
        url = server.url(server.database(), first=next(NEXT) % len(server.nodes))
        migrate(url)
        yield url


@pytest.fixture
async def ledger(url, time):
    ledger = await SqlLedger.open(url, time)
    yield ledger
    await ledger.close()


def a_job(name="j", state=JobState.SPLITTING, created=1.0, renditions=("720p", "480p")):
    wanted = tuple(Rendition(name, r, {"name": r}) for r in renditions)
    return Job(
        name, "film.mov", state, created, created, {"container": "mp4"}, f"jobs/{name}/source", None, wanted, "", ""
    )


def a_spec(number=0, rendition="720p", cost=1.0, job="j", kind=TaskKind.VIDEO):
    return TaskSpec(job, kind, rendition, number, {"frames": 250}, f"jobs/j/chunks/{number}", 10, "ab", 250, cost)


def a_part(key="k", headers="h"):
    return Part(key, 100, "cd", 250, headers)


def a_chunk(number=0):
    return Chunk(
        "j", number, f"jobs/j/chunks/{number}", "mpegts", 250 * number, 250 * number + 250, 12, 0, 10, "ab"
    )


async def queued(ledger, *specs):
    """A job with these tasks, all offered."""
    await ledger.create_job(a_job())
    await ledger.plan(specs or [a_spec()])
    return await ledger.admit("j", 100)


async def leased(ledger, lease="L1", worker="w"):
    (task,) = await queued(ledger)
    return await ledger.lease(task.id, lease, worker, 1030.0, 5000.0)


async def test_a_task_says_which_encoder_it_needs_wherever_it_is_told_of(ledger):
    (task,) = await queued(ledger, dataclasses.replace(a_spec(), encoder="libsvtav1"))
    taken = await ledger.lease(task.id, "L", "w", 1030.0, 5e9)
    found = [task, taken, await ledger.task(task.id), *await ledger.tasks("j"), *await ledger.running("j")]
    assert [each.spec.encoder for each in found] == ["libsvtav1"] * 5


@contextlib.contextmanager
def transactions():
    """How many the ledger runs meanwhile, by what they do."""
    counted = collections.Counter()
    listening = log.listen(lambda action, level, facts: counted.update([facts.get("operation")]))
    try:
        yield counted
    finally:
        listening()


async def state(ledger, task):
    return (await ledger.task(task.id)).state


async def outcome(ledger, lease):
    return (await ledger.attempt(lease)).outcome


# jobs


async def test_a_job_comes_back_as_it_was(ledger):
    assert await ledger.create_job(a_job())
    assert await ledger.job("j") == a_job()
    assert not await ledger.create_job(dataclasses.replace(a_job(), name="other"))
    assert (await ledger.job("j")).name == "film.mov"


async def test_no_such_job_task_lease(ledger):
    for call in (ledger.job("x"), ledger.task("x"), ledger.attempt("x"), ledger.commit("x", a_part(), Effort())):
        with pytest.raises(NotFound):
            await call


async def test_jobs_are_listed_newest_first(ledger):
    for number in range(3):
        await ledger.create_job(a_job(f"j{number}", created=float(number)))
    assert [job.id for job in await ledger.jobs(2)] == ["j2", "j1"]


async def test_only_legal_moves_and_only_once(ledger):
    await ledger.create_job(a_job(state=JobState.UPLOADING))
    assert not await ledger.move_job("j", JobState.JOINING)
    assert await ledger.move_job("j", JobState.SPLITTING)
    assert not await ledger.move_job("j", JobState.SPLITTING)
    assert await ledger.unfinished_jobs() == ["j"]
    assert await ledger.move_job("j", JobState.FAILED, "It broke.", "rejected")
    job = await ledger.job("j")
    assert (job.error, job.error_kind, await ledger.unfinished_jobs()) == ("It broke.", "rejected", [])
    assert await ledger.move_job("j", JobState.SPLITTING)
    assert (await ledger.job("j")).error == ""


async def test_one_of_many_callers_moves_the_job(ledger):
    await ledger.create_job(a_job())
    moved = await asyncio.gather(*(ledger.move_job("j", JobState.ENCODING) for _ in range(20)))
    assert sum(moved) == 1


async def test_an_upload_is_noted_while_its_job_waits_for_it(ledger, time):
    await ledger.create_job(a_job(state=JobState.UPLOADING))
    time.now = 2000.0
    assert await ledger.saw_upload("j")
    assert (await ledger.job("j")).updated == 2000.0
    await ledger.move_job("j", JobState.SPLITTING)
    time.now = 3000.0
    assert not await ledger.saw_upload("j")
    assert not await ledger.saw_upload("none")
    assert (await ledger.job("j")).updated == 2000.0


async def test_the_source_and_results_are_kept(ledger):
    await ledger.create_job(a_job())
    video = VideoTrack(
        "h264", 1920, 1080, Fraction(1), 0, "yuv420p", 8, Fraction(1, 90000), Fraction(25), 500, interlaced=False
    )
    source = Source("mov", 1000, Fraction(1, 3), Fraction(20), video, warnings=("No sound.",))
    await ledger.set_source("j", source)
    assert (await ledger.job("j")).source == source
    assert await ledger.set_result("j", "720p", a_part(), {"size": 5})
    assert not await ledger.set_result("j", "720p", a_part("other"), {"size": 6})
    first, second = (await ledger.job("j")).renditions
    assert (first.result, first.facts, second.result) == (a_part(), {"size": 5}, None)


async def test_an_ended_job_can_be_forgotten(ledger):
    task = await leased(ledger)
    with pytest.raises(Conflict, match="cancel it first"):
        await ledger.forget_job("j")
    await ledger.move_job("j", JobState.CANCELLED)
    await ledger.forget_job("j")
    with pytest.raises(NotFound):
        await ledger.task(task.id)
    assert (await ledger.jobs(), await ledger.attempts("j")) == ([], [])
    await ledger.forget_job("j")


# chunks and tasks


async def test_a_chunk_is_recorded_once_with_its_tasks(ledger):
    await ledger.create_job(a_job())
    assert await ledger.add_chunk(a_chunk(), [a_spec(0, "720p"), a_spec(0, "480p")])
    assert not await ledger.add_chunk(a_chunk(), [a_spec(0, "720p"), a_spec(0, "480p")])
    assert await ledger.chunks("j") == [a_chunk()]
    assert [task.spec.rendition for task in await ledger.tasks("j")] == ["480p", "720p"]


async def test_chunks_recorded_at_once_by_many_are_recorded_once(ledger):
    await ledger.create_job(a_job())
    added = await asyncio.gather(*(ledger.add_chunk(a_chunk(n % 5), [a_spec(n % 5)]) for n in range(50)))
    assert (sum(added), len(await ledger.tasks("j"))) == (5, 5)


async def test_a_chunk_of_no_job_is_refused(ledger):
    with pytest.raises(Conflict, match="gone"):
        await ledger.add_chunk(a_chunk(), [])


async def test_a_lease_of_another_tasks_name_is_refused(ledger):
    first, second = await queued(ledger, a_spec(0), a_spec(1))
    assert await ledger.lease(first.id, "L", "w", 1030.0, 5000.0)
    with pytest.raises(Conflict, match="already"):
        await ledger.lease(second.id, "L", "w", 1030.0, 5000.0)
    assert await state(ledger, second) is TaskState.QUEUED


async def test_tracks_are_recorded(ledger):
    await ledger.create_job(a_job())
    track = Track("j", TaskKind.AUDIO, 0, "jobs/j/tracks/a0", "nut", 10, "ab")
    assert await ledger.add_track(track, [a_spec(0, "aac", kind=TaskKind.AUDIO)])
    assert not await ledger.add_track(track, [])
    assert await ledger.tracks("j") == [track]


async def test_a_lost_object_is_replaced_once_and_its_tasks_take_the_new_one(ledger, time):
    await ledger.create_job(a_job())
    await ledger.add_chunk(a_chunk(), [a_spec(0)])
    await ledger.add_chunk(a_chunk(1), [a_spec(1)])
    (task, other) = await ledger.admit("j", 2)
    await ledger.lease(task.id, "l", "w", 2000, 2000)
    await ledger.give_up("l", Setback("It is lost.", 1100, How.CANCELLED))
    new = dataclasses.replace(a_chunk(), key="again", size=11, sha256="cd")
    spec = dataclasses.replace(a_spec(0), get_key="again", get_bytes=11, get_sha256="cd")
    assert not await ledger.replace(dataclasses.replace(a_chunk(), key="older"), new, [spec])
    assert await ledger.admit("j", 2) == []
    assert await ledger.replace(a_chunk(), new, [spec])
    assert not await ledger.replace(a_chunk(), new, [spec])
    assert await ledger.chunks("j") == [new, a_chunk(1)]
    assert (await ledger.task(task.id)).spec == spec
    assert [again.id for again in await ledger.admit("j", 2)] == [task.id]
    assert (await ledger.task(other.id)).spec == a_spec(1)


async def test_a_lost_track_is_replaced(ledger):
    await ledger.create_job(a_job())
    old = Track("j", TaskKind.AUDIO, 0, "jobs/j/tracks/a0", "nut", 10, "ab")
    await ledger.add_track(old, [])
    new = dataclasses.replace(old, key="again")
    assert not await ledger.replace(dataclasses.replace(old, index=1), dataclasses.replace(new, index=1), [])
    assert await ledger.replace(old, new, [])
    assert await ledger.tracks("j") == [new]


async def test_planning_is_idempotent(ledger):
    await ledger.create_job(a_job())
    assert await ledger.plan([a_spec(0), a_spec(1)]) == 2
    assert await ledger.plan([a_spec(1), a_spec(2)]) == 1
    task = (await ledger.tasks("j"))[0]
    assert (await ledger.task(task.id)).spec == a_spec(0)
    assert task.spec == dataclasses.replace(a_spec(0), recipe={})


async def test_only_a_window_of_tasks_is_offered_costliest_first(ledger):
    await ledger.create_job(a_job())
    await ledger.plan([a_spec(number, cost=float(number)) for number in range(5)])
    assert [t.spec.number for t in await ledger.admit("j", 2)] == [4, 3]
    assert await ledger.admit("j", 2) == []
    assert [t.spec.number for t in await ledger.admit("j", 3)] == [2]


async def test_split_and_join_need_no_place_in_the_window(ledger):
    await ledger.create_job(a_job())
    await ledger.plan([a_spec(0), a_spec(1), a_spec(0, kind=TaskKind.JOIN)])
    assert {t.spec.kind for t in await ledger.admit("j", 1)} == {TaskKind.VIDEO, TaskKind.JOIN}
    await ledger.plan([a_spec(0, "", kind=TaskKind.SPLIT)])
    assert [t.spec.kind for t in await ledger.admit("j", 1)] == [TaskKind.SPLIT]


async def test_tasks_are_tallied(ledger):
    first, _ = await queued(ledger, a_spec(0), a_spec(1))
    await ledger.lease(first.id, "L", "w", 1030.0, 5000.0)
    await ledger.renew("L", 1040.0, 100, 30.0)
    await ledger.plan([a_spec(2), a_spec(0, "480p")])
    tally = {(t.rendition, t.state): (t.tasks, t.frames, t.done_frames, t.fps) for t in await ledger.tally("j")}
    assert tally == {
        ("720p", TaskState.LEASED): (1, 250, 100, 30.0),
        ("720p", TaskState.QUEUED): (1, 250, 0, 0.0),
        ("720p", TaskState.PLANNED): (1, 250, 0, 0.0),
        ("480p", TaskState.PLANNED): (1, 250, 0, 0.0),
    }
    (running,) = await ledger.running("j")
    assert (running.id, running.worker, running.done_frames) == (first.id, "w", 100)


async def test_the_pulse_of_a_job(ledger, time):
    first, second = await queued(ledger, a_spec(0), a_spec(1))
    await ledger.plan([a_spec(0, "480p"), a_spec(0, kind=TaskKind.JOIN)])
    assert await ledger.pulse(first, few=2) == Pulse(unfinished=True, hungry=False)
    assert await ledger.pulse(first, few=3) == Pulse(unfinished=True, hungry=True)
    for task in (first, second):
        await ledger.lease(task.id, task.id, "w", 1030.0, 5000.0)
        assert await ledger.commit(task.id, a_part(), Effort())
        assert (await ledger.pulse(first, few=1)).unfinished == (task is first)
    assert (await ledger.pulse(first, few=1)).hungry
    for task in await ledger.admit("j", 9):
        await ledger.lease(task.id, task.id, "w", 1030.0, 5000.0)
        await ledger.give_up(task.id, Setback("It broke.", 1010.0))
    assert await ledger.pulse(first, few=1) == Pulse(unfinished=False, hungry=False)
    time.now = 1010.0
    assert await ledger.pulse(first, few=1) == Pulse(unfinished=False, hungry=True)
    await ledger.reopen(first.id, "The part is gone.")
    assert (await ledger.pulse(first, few=1)).unfinished


async def test_the_last_task_is_known_as_such(ledger):
    split, task = await queued(ledger, a_spec(0, "", kind=TaskKind.SPLIT), a_spec(0))
    await ledger.lease(split.id, "S", "w", 1030.0, 5000.0)
    assert not await ledger.is_last("j")
    await ledger.commit("S", a_part(), Effort())
    assert not await ledger.is_last("j")
    await ledger.lease(task.id, "L", "w", 1030.0, 5000.0)
    await ledger.plan([a_spec(0, kind=TaskKind.JOIN)])
    assert await ledger.is_last("j")
    await ledger.create_job(a_job("other", JobState.UPLOADING))
    assert not await ledger.is_last("j")
    await ledger.move_job("other", JobState.CANCELLED)
    assert await ledger.is_last("j")


# leases


async def test_what_a_lease_is_of(ledger):
    task = await leased(ledger)
    attempt, held = await ledger.held("L1")
    assert (attempt, held) == (await ledger.attempt("L1"), task)
    await ledger.commit("L1", a_part(), Effort())
    assert (await ledger.held("L1"))[1].part == a_part()
    with pytest.raises(NotFound):
        await ledger.held("none")


async def test_a_lease_that_is_asked_for_again_is_the_same(ledger):
    task = await leased(ledger)
    assert await ledger.lease(task.id, "L1", "w", 1030.0, 5000.0) == task
    assert len(await ledger.attempts("j")) == 1


async def test_one_of_many_workers_gets_the_task(ledger):
    (task,) = await queued(ledger)
    got = await asyncio.gather(*(ledger.lease(task.id, f"L{n}", f"w{n}", 1030.0, 5000.0) for n in range(20)))
    (won,) = [task for task in got if task]
    assert (won.state, won.attempt, won.lease_until) == (TaskState.LEASED, 1, 1030.0)
    assert (won.spec, won.worker) == (a_spec(), "w" + won.lease[1:])
    assert len(await ledger.attempts("j")) == 1


async def test_the_first_delivery_counts_and_only_that(ledger):
    task = await leased(ledger)
    effort = Effort(2.0, 1.5, 250, 10, 100, "ffmpeg 9")
    assert await ledger.commit("L1", a_part(), effort)
    assert not await ledger.commit("L1", a_part(), effort)
    done = await ledger.task(task.id)
    assert (done.state, done.part, done.lease, done.worker) == (TaskState.DONE, a_part(), "", "")
    attempt = await ledger.attempt("L1")
    assert (attempt.outcome, attempt.effort, attempt.ended) == (How.DELIVERED.value, effort, 1000.0)
    (share,) = await ledger.shares("j")
    assert (share.worker, share.tasks, share.frames, share.cpu_seconds) == ("w", 1, 250, 1.5)


async def test_of_many_deliveries_at_once_one_counts(ledger):
    await leased(ledger)
    first = await asyncio.gather(*(ledger.commit("L1", a_part(), Effort()) for _ in range(20)))
    assert sum(first) == 1
    assert await outcome(ledger, "L1") == "delivered"


async def test_a_late_delivery_counts_when_it_is_the_first(ledger):
    task = await leased(ledger)
    await ledger.give_up("L1", Setback("expired", 1010.0, How.EXPIRED))
    assert await state(ledger, task) is TaskState.PLANNED
    assert await ledger.commit("L1", a_part("late"), Effort())
    assert (await ledger.task(task.id)).part == a_part("late")
    assert await outcome(ledger, "L1") == "delivered"


async def test_a_delivery_after_another_is_late(ledger, time):
    task = await leased(ledger)
    await ledger.give_up("L1", Setback("expired", 1000.0, How.EXPIRED))
    await ledger.admit("j", 10)
    await ledger.lease(task.id, "L2", "w2", 1060.0, 5000.0)
    assert await ledger.commit("L1", a_part("one"), Effort())
    assert not await ledger.renew("L2", 1090.0, 5, 1.0)
    assert not await ledger.commit("L2", a_part("two"), Effort())
    assert (await ledger.task(task.id)).part == a_part("one")
    assert [await outcome(ledger, lease) for lease in ("L1", "L2")] == ["delivered", "late"]


async def test_parts_of_one_rendition_have_equal_headers(ledger):
    tasks = await queued(ledger, a_spec(0), a_spec(1), a_spec(0, "480p"))
    for task in tasks:
        await ledger.lease(task.id, f"L{task.spec.rendition}{task.spec.number}", "w", 1030.0, 5000.0)
    assert await ledger.commit("L720p0", a_part(headers="h"), Effort())
    with pytest.raises(BrokenPart, match="chunk 1"):
        await ledger.commit("L720p1", a_part(headers="other"), Effort())
    assert await ledger.commit("L480p0", a_part(headers="other"), Effort())
    assert await ledger.commit("L720p1", a_part(headers="h"), Effort())


async def test_of_parts_with_different_headers_at_once_one_is_taken(ledger):
    tasks = await queued(ledger, *(a_spec(number) for number in range(8)))
    for task in tasks:
        await ledger.lease(task.id, f"L{task.spec.number}", "w", 1030.0, 5000.0)
    commits = (ledger.commit(f"L{n}", a_part(headers=f"h{n}"), Effort()) for n in range(8))
    taken = await asyncio.gather(*commits, return_exceptions=True)
    assert [type(one) for one in taken if one is not True] == [BrokenPart] * 7


async def test_of_many_leases_at_once_each_gets_its_own_task(ledger):
    tasks = await queued(ledger, *(a_spec(number) for number in range(70)))
    wanted = [*(task.id for task in tasks), tasks[3].id, "no such"]
    leases = (ledger.lease(one, f"L{n}", f"w{n}", 1030.0 + n, 5000.0 + n) for n, one in enumerate(wanted))
    with transactions() as run:
        taken = await asyncio.gather(*leases)
    assert 0 < run["lease"] <= 3
    assert [task and (task.id, task.worker, task.lease_until, task.attempt) for task in taken] == [
        *((task.id, f"w{n}", 1030.0 + n, 1) for n, task in enumerate(tasks)),
        None,
        None,
    ]
    assert {(one.lease, one.task, one.worker) for one in await ledger.attempts("j")} == {
        (f"L{n}", task.id, f"w{n}") for n, task in enumerate(tasks)
    }


async def test_of_many_deliveries_at_once_each_is_answered_for_itself(ledger):
    tasks = await queued(ledger, *(a_spec(number) for number in range(11)))
    for n, task in enumerate(tasks):
        await ledger.lease(task.id, f"L{n}", "w", 1030.0, 5000.0)
    await ledger.give_up("L10", Setback("lost", 1000.0))
    await ledger.admit("j", 100)
    await ledger.lease(tasks[10].id, "again", "w", 1030.0, 5000.0)
    parts = {lease: a_part(lease) for lease in ("none", *(f"L{n}" for n in range(11)), "again")}
    parts["L4"] = a_part("L4", headers="other")
    handed = (ledger.commit(lease, part, Effort(frames=n)) for n, (lease, part) in enumerate(parts.items()))
    with transactions() as run:
        told = dict(zip(parts, await asyncio.gather(*handed, return_exceptions=True), strict=True))
    assert 0 < run["commit"] <= 2
    assert (type(told.pop("none")), type(told.pop("L4"))) == (NotFound, BrokenPart)
    assert not (told.pop("L10") and told.pop("again"))
    assert set(told.values()) - {False} == {True}
    delivered = [one for one in await ledger.attempts("j") if one.outcome == "delivered"]
    assert {one.lease: one.effort.frames for one in delivered} == {
        (await ledger.task(one.task)).part.key: list(parts).index(one.lease) for one in delivered
    }
    assert len(delivered) == 10


async def test_names_differ_by_case_spaces_and_script(ledger):
    names = ("a", "A", "a ", "é", "e", "😀")
    await ledger.create_job(a_job(renditions=names))
    assert await ledger.plan([a_spec(0, name) for name in names]) == 6
    assert sorted(r.name for r in (await ledger.job("j")).renditions) == sorted(names)


async def test_a_lease_is_renewed_until_its_deadline(ledger, time):
    task = await leased(ledger)
    assert await ledger.renew("L1", 1050.0, 120, 24.0)
    renewed = await ledger.task(task.id)
    assert (renewed.lease_until, renewed.done_frames, renewed.fps) == (1050.0, 120, 24.0)
    time.now = 5000.0
    assert not await ledger.renew("L1", 5030.0, 130, 24.0)
    assert not await ledger.renew("no such", 5030.0, 130, 24.0)


async def test_expired_leases_are_found(ledger):
    task = await leased(ledger)
    assert await ledger.expired(1030.0) == []
    assert [t.id for t in await ledger.expired(1031.0)] == [task.id]


async def test_a_task_that_was_given_up_waits_for_its_time(ledger, time):
    task = await leased(ledger)
    assert await ledger.give_up("L1", Setback("It broke.", 1010.0, counted=99))
    assert not await ledger.give_up("L1", Setback("again", 1010.0))
    assert await ledger.admit("j", 10) == []
    time.now = 1010.0
    (again,) = await ledger.admit("j", 10)
    assert (again.id, again.attempt, again.error) == (task.id, 1, "It broke.")
    attempt = await ledger.attempt("L1")
    assert (attempt.outcome, attempt.counted, attempt.error) == ("failed", 99, "It broke.")


async def test_an_attempt_stopped_on_purpose_is_given_back(ledger):
    task = await leased(ledger)
    await ledger.give_up("L1", Setback("stopped", 1000.0, How.CANCELLED))
    assert (await ledger.task(task.id)).attempt == 0


async def test_dead_tasks_are_revived_with_fresh_attempts(ledger):
    task = await leased(ledger)
    await ledger.give_up("L1", Setback("bad", None))
    assert await state(ledger, task) is TaskState.DEAD
    assert await ledger.admit("j", 10) == []
    assert (await ledger.revive("j"), await ledger.revive("j")) == (1, 0)
    (again,) = await ledger.admit("j", 10)
    assert again.attempt == 0


async def test_a_job_that_ends_ends_its_leases(ledger):
    task = await leased(ledger)
    await ledger.move_job("j", JobState.CANCELLED)
    assert not await ledger.renew("L1", 1060.0, 1, 1.0)
    with pytest.raises(Conflict):
        await ledger.commit("L1", a_part(), Effort())
    assert (await ledger.task(task.id)).attempt == 0
    assert await outcome(ledger, "L1") == "cancelled"
    await ledger.move_job("j", JobState.ENCODING)
    (again,) = await ledger.admit("j", 10)
    assert again.id == task.id


async def test_a_task_of_an_ended_job_is_not_leased(ledger):
    (task,) = await queued(ledger)
    await ledger.move_job("j", JobState.FAILED, "x", "rejected")
    assert await ledger.lease(task.id, "L", "w", 1030.0, 5000.0) is None


async def test_a_broken_part_is_made_again(ledger):
    task = await leased(ledger)
    assert not await ledger.reopen(task.id, "not done yet")
    await ledger.commit("L1", a_part(), Effort())
    assert await ledger.reopen(task.id, "The part is gone.")
    assert not await ledger.reopen(task.id, "The part is gone.")
    again = await ledger.task(task.id)
    assert (again.state, again.part, again.error) == (TaskState.PLANNED, None, "The part is gone.")
    assert await outcome(ledger, "L1") == "failed"
    assert await ledger.shares("j") == []


async def test_tasks_nobody_took_are_overdue_once(ledger, time):
    (task,) = await queued(ledger)
    assert await ledger.overdue(1000.0) == []
    time.now = 1300.0
    assert [t.id for t in await ledger.overdue(1001.0)] == [task.id]
    assert await ledger.overdue(1001.0) == []


async def test_the_census_counts_all_jobs_and_the_tasks_of_unfinished_ones(ledger):
    assert (await ledger.census()).jobs == {}
    await leased(ledger)
    await ledger.plan([a_spec(number) for number in range(1, 4)])
    for name, state in (("done", JobState.DONE), ("other", JobState.SPLITTING)):
        await ledger.create_job(a_job(name, state))
        await ledger.plan([a_spec(job=name, kind=TaskKind.AUDIO)])
    found = await ledger.census()
    assert found.jobs == {JobState.SPLITTING: 2, JobState.DONE: 1}
    assert found.tasks == {
        (TaskKind.VIDEO, TaskState.LEASED): 1,
        (TaskKind.VIDEO, TaskState.PLANNED): 3,
        (TaskKind.AUDIO, TaskState.PLANNED): 1,
    }


# workers


async def test_workers_are_known_by_their_token(ledger, time):
    worker = Worker("w", "phone", {"cores": 8}, local=False, seen=1000.0)
    await ledger.add_worker(worker, "hash")
    assert await ledger.worker_of_token("hash") == worker
    assert await ledger.worker_of_token("other") is None
    time.now = 1060.0
    await ledger.saw_worker("w")
    assert [w.seen for w in await ledger.workers()] == [1060.0]
    await ledger.add_worker(dataclasses.replace(worker, name="tablet"), "new hash")
    assert (await ledger.worker_of_token("new hash")).name == "tablet"
    assert await ledger.worker_of_token("hash") is None


async def test_leases_at_a_home_are_known(ledger):
    for task, worker in zip(await queued(ledger, a_spec(0), a_spec(1)), ("home-1", "hotel-1"), strict=True):
        await ledger.lease(task.id, worker, worker, 1030.0, 5000.0)
    assert [task.lease for task in await ledger.leases_at("home-")] == ["home-1"]
    assert [task.lease for task in await ledger.leases_at("hotel-1")] == ["hotel-1"]
    assert await ledger.leases_at("ho_") == []


# the database itself


async def test_a_ledger_is_there_again_after_it_was_closed(url):
    ledger = await SqlLedger.open(url)
    await ledger.create_job(a_job())
    await ledger.close()
    ledger = await SqlLedger.open(url)
    assert await ledger.job("j") == a_job()
    await ledger.close()


async def test_a_ledger_of_a_newer_schema_is_refused(url):
    database = await Database.open(url)
    await database.write(lambda db: db.exec_driver_sql("UPDATE schema_version SET version = 99"))
    await database.close()
    with pytest.raises(BadSetting, match=r"schema 99.*newer Fallow"):
        await SqlLedger.open(url)


async def test_urls_that_are_no_ledger_are_refused(tmp_path):
    for bad in ("nonsense", "oracle://x", f"sqlite:///{tmp_path}/no/such/folder/x.db"):
        with pytest.raises(BadSetting):
            await SqlLedger.open(bad)


async def test_a_file_that_is_no_ledger_is_refused(tmp_path):
    (tmp_path / "x.db").write_bytes(b"This is a letter to my bank. " * 1000)
    with pytest.raises(BadSetting, match="no ledger"):
        await SqlLedger.open(tmp_path / "x.db")


async def test_a_path_may_hold_any_character(tmp_path):
    ledger = await SqlLedger.open(tmp_path / "50% of #1?.db")
    await ledger.close()
    assert (tmp_path / "50% of #1?.db").exists()


async def test_readers_and_writers_at_once_are_never_told_that_the_ledger_is_locked(ledger):
    await queued(ledger, *(a_spec(number) for number in range(20)))

    async def use(number):
        task = (await ledger.tasks("j"))[number]
        await ledger.lease(task.id, f"L{number}", "w", 1030.0, 5000.0)
        await ledger.renew(f"L{number}", 1040.0, 1, 1.0)
        await ledger.tally("j")
        return await ledger.commit(f"L{number}", a_part(f"k{number}"), Effort())

    assert all(await asyncio.gather(*(use(number) for number in range(20))))


@embedded
async def test_a_full_disk_says_so(ledger):
    await ledger.create_job(a_job())

    def fill(db):
        db.exec_driver_sql("PRAGMA max_page_count = 1")
        db.exec_driver_sql("CREATE TABLE big (x TEXT)")
        db.exec_driver_sql("INSERT INTO big VALUES (hex(randomblob(1000000)))")

    with pytest.raises(StorageFull, match="free some"):
        await ledger._database.write(fill)
    assert (await ledger.job("j")).name == "film.mov"
