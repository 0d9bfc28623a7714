"""What every ledger promises of leases and deliveries."""

import asyncio

import pytest
from ledger_steps import a_job, a_part, a_spec, leased, offered, outcome, queued, shaken_too, state, transactions

from fallow.errors import BrokenPart, Conflict, Misfit, NotFound
from fallow.model import (
    Effort,
    JobState,
    TaskKind,
    TaskState,
)
from fallow.records import Outcome as How
from fallow.records import Setback

url = shaken_too


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
    await offered(ledger, "j", 10)
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
    assert [type(one) for one in taken if one is not True] == [Misfit] * 7


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
    await offered(ledger, "j", 100)
    await ledger.lease(tasks[10].id, "again", "w", 1030.0, 5000.0)
    parts = {lease: a_part(lease) for lease in ("none", *(f"L{n}" for n in range(11)), "again")}
    parts["L4"] = a_part("L4", headers="other")
    handed = (ledger.commit(lease, part, Effort(frames=n)) for n, (lease, part) in enumerate(parts.items()))
    with transactions() as run:
        told = dict(zip(parts, await asyncio.gather(*handed, return_exceptions=True), strict=True))
    assert 0 < run["commit"] <= 2
    assert (type(told.pop("none")), type(told.pop("L4"))) == (NotFound, Misfit)
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
    assert await offered(ledger, "j", 10) == []
    time.now = 1010.0
    (again,) = await offered(ledger, "j", 10)
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
    assert await offered(ledger, "j", 10) == []
    assert (await ledger.revive("j"), await ledger.revive("j")) == (1, 0)
    (again,) = await offered(ledger, "j", 10)
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
    (again,) = await offered(ledger, "j", 10)
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


async def test_tasks_nobody_took_are_overdue_the_oldest_first(ledger, time):
    (task,) = await queued(ledger)
    assert await ledger.overdue(1000.0) == []
    time.now = 1300.0
    assert [t.id for t in await ledger.overdue(1001.0)] == [task.id]
    await ledger.plan([a_spec(1), a_spec(2)])
    (second, _) = await queued(ledger)
    assert [t.id for t in await ledger.overdue(1001.0)] == [task.id]
    assert len(await ledger.overdue(1301.0)) == 3
    assert (await ledger.overdue(1301.0))[0].id == task.id
    assert await ledger.lease(task.id, "L1", "w", 1400.0, 2000.0)
    assert task.id not in {t.id for t in await ledger.overdue(1301.0)}
    assert second.id in {t.id for t in await ledger.overdue(1301.0)}


async def test_the_census_counts_all_jobs_and_the_tasks_of_unfinished_ones(ledger):
    assert (await ledger.census()).jobs == {}
    await leased(ledger)
    await ledger.plan([a_spec(number) for number in range(1, 4)])
    for name, reached in (("done", JobState.DONE), ("other", JobState.SPLITTING)):
        await ledger.create_job(a_job(name, reached))
        await ledger.plan([a_spec(job=name, kind=TaskKind.AUDIO)])
    found = await ledger.census()
    assert found.jobs == {JobState.SPLITTING: 2, JobState.DONE: 1}
    assert found.tasks == {
        (TaskKind.VIDEO, TaskState.LEASED): 1,
        (TaskKind.VIDEO, TaskState.PLANNED): 3,
        (TaskKind.AUDIO, TaskState.PLANNED): 1,
    }
