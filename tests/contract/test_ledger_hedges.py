"""What every ledger promises of tasks that two workers are at."""

import asyncio
import dataclasses

import pytest
from ledger_steps import a_part, a_spec, leased, offered, outcome, queued, shaken_too, state

from fallow.errors import Conflict
from fallow.model import Effort, JobState, TaskKind, TaskState
from fallow.records import Freed, Hedge, Outcome, Setback

url = shaken_too

BROKE = Setback("It broke.", 1100.0)


def a_hedge(task, lease="H", worker="v", rival="L1", extra=1.0, most=10.0):
    return Hedge(task, rival, lease, worker, 1030.0, 5000.0, extra, most)


async def hedged(ledger):
    """A task that two workers are at."""
    task = await leased(ledger)
    assert await ledger.hedge(a_hedge(task.id))
    return task


async def test_a_second_lease_is_of_the_same_task_and_counts_as_no_attempt(ledger):
    task = await leased(ledger)
    second = await ledger.hedge(a_hedge(task.id))
    assert (second.spec, second.lease, second.worker, second.lease_until) == (task.spec, "H", "v", 1030.0)
    now = await ledger.task(task.id)
    assert (now.lease, now.worker, now.attempt) == ("L1", "w", 1)
    attempt, held = await ledger.held("H")
    assert (attempt.worker, attempt.outcome, held.id) == ("v", "", task.id)
    assert len(await ledger.attempts("j")) == 2


async def test_who_may_have_no_second_lease(ledger):
    task = await leased(ledger)
    assert await ledger.hedge(a_hedge(task.id, worker="w")) is None
    assert await ledger.hedge(a_hedge(task.id, rival="other")) is None
    assert await ledger.hedge(a_hedge("no such")) is None
    assert await ledger.hedge(a_hedge(task.id))
    assert await ledger.hedge(a_hedge(task.id, "H2", "u")) is None
    await ledger.commit("L1", a_part(), Effort())
    assert await ledger.hedge(a_hedge(task.id, "H3", "u")) is None
    assert {attempt.lease for attempt in await ledger.attempts("j")} == {"L1", "H"}


async def test_of_many_who_want_a_second_lease_one_gets_it(ledger):
    task = await leased(ledger)
    got = await asyncio.gather(*(ledger.hedge(a_hedge(task.id, f"H{n}", f"v{n}")) for n in range(9)))
    assert sum(one is not None for one in got) == 1
    assert len(await ledger.attempts("j")) == 2


async def test_extra_work_is_spent_once(ledger):
    tasks = await queued(ledger, *(a_spec(number) for number in range(5)))
    for n, task in enumerate(tasks):
        await ledger.lease(task.id, f"L{n}", "w", 1030.0, 5000.0)
    wanted = [a_hedge(t.id, f"H{n}", rival=f"L{n}", extra=0.4, most=1.0) for n, t in enumerate(tasks)]
    got = await asyncio.gather(*map(ledger.hedge, wanted))
    assert sum(one is not None for one in got) == 2
    assert len(await ledger.attempts("j")) == 7


@pytest.mark.parametrize(("first", "second"), [("L1", "H"), ("H", "L1")])
async def test_whoever_delivers_first_wins_and_the_other_is_stopped(ledger, first, second):
    task = await hedged(ledger)
    assert await ledger.renew("L1", 1060.0, 5, 1.0)
    assert await ledger.renew("H", 1060.0, 9, 2.0)
    assert await ledger.commit(first, a_part(first), Effort())
    assert not await ledger.renew(second, 1090.0, 10, 1.0)
    assert (await ledger.task(task.id)).part == a_part(first)
    assert await outcome(ledger, second) == "cancelled"
    assert not await ledger.commit(second, a_part(second), Effort())
    assert [await outcome(ledger, lease) for lease in (first, second)] == ["delivered", "late"]
    assert not await ledger.give_up(second, BROKE)
    assert await state(ledger, task) is TaskState.DONE


async def test_both_deliver_at_once(ledger):
    await hedged(ledger)
    first = await asyncio.gather(*(ledger.commit(lease, a_part(lease), Effort()) for lease in ("L1", "H") * 5))
    assert sum(first) == 1


@pytest.mark.parametrize(
    ("setback", "attempts"),
    [(BROKE, 2), (Setback("last", None), 2), (Setback("stopped", 1.0, Outcome.CANCELLED), 1)],
)
async def test_the_second_lease_takes_the_place_of_one_that_is_given_up(ledger, setback, attempts):
    task = await hedged(ledger)
    await ledger.renew("H", 1060.0, 9, 2.0)
    assert await ledger.give_up("L1", setback) is Freed.RIVAL
    now = await ledger.task(task.id)
    assert (now.state, now.lease, now.worker, now.attempt) == (TaskState.LEASED, "H", "v", attempts)
    assert (now.lease_until, now.done_frames, now.error) == (1060.0, 9, setback.error)
    assert await outcome(ledger, "L1") == setback.outcome.value
    assert (await ledger.attempt("H")).number == attempts
    assert not await ledger.renew("L1", 1090.0, 1, 1.0)
    assert await ledger.renew("H", 1090.0, 10, 1.0)
    assert await ledger.give_up("H", BROKE) is Freed.TASK
    assert await state(ledger, task) is TaskState.PLANNED
    assert await ledger.commit("L1", a_part("late"), Effort())


async def test_a_second_lease_that_is_given_up_leaves_the_first_alone(ledger):
    task = await hedged(ledger)
    assert await ledger.give_up("H", Setback("last", None)) is Freed.RIVAL
    assert not await ledger.give_up("H", BROKE)
    assert not await ledger.renew("H", 1060.0, 1, 1.0)
    assert (await ledger.task(task.id)).lease == "L1"
    assert (await ledger.attempt("H")).error == "last"
    assert await ledger.hedge(a_hedge(task.id, "H2"))
    assert await ledger.give_up("H2", BROKE) is Freed.RIVAL
    assert await ledger.give_up("L1", BROKE) is Freed.TASK


async def test_leases_run_out_each_for_itself(ledger, time):
    task = await hedged(ledger)
    assert await ledger.renew("L1", 1090.0, 5, 1.0)
    (found,) = await ledger.expired(1060.0)
    assert (found.id, found.lease, found.worker) == (task.id, "H", "v")
    time.now = 1060.0
    assert await ledger.hedge(a_hedge(task.id, "H2", "u")), "nobody waits for one that ran out"
    assert not await ledger.renew("H", 1090.0, 5, 1.0)
    assert {one.lease for one in await ledger.expired(1100.0)} == {"L1", "H2"}


async def test_one_that_ran_out_takes_nobodys_place(ledger, time):
    task = await hedged(ledger)
    await ledger.renew("L1", 1090.0, 5, 1.0)
    time.now = 1060.0
    assert await ledger.give_up("L1", BROKE) is Freed.TASK
    assert await state(ledger, task) is TaskState.PLANNED
    assert await ledger.expired(1070.0) == []


async def test_a_lease_that_is_renewed_while_it_takes_anothers_place_goes_on(ledger):
    for _ in range(3):
        (task,) = await queued(ledger)
        await ledger.lease(task.id, "L1", "w", 1030.0, 5000.0)
        await ledger.hedge(a_hedge(task.id))
        renewals = (ledger.renew("H", 1060.0 + n, n, 1.0) for n in range(5))
        freed, *kept = await asyncio.gather(ledger.give_up("L1", BROKE), *renewals)
        assert (freed, all(kept)) == (Freed.RIVAL, True)
        await ledger.move_job("j", JobState.CANCELLED)
        await ledger.forget_job("j")


async def test_a_job_that_ends_ends_both(ledger):
    task = await hedged(ledger)
    await ledger.move_job("j", JobState.CANCELLED)
    assert not await ledger.renew("H", 1060.0, 1, 1.0)
    with pytest.raises(Conflict):
        await ledger.commit("H", a_part(), Effort())
    await ledger.move_job("j", JobState.ENCODING)
    (again,) = await offered(ledger)
    assert (again.id, again.attempt) == (task.id, 0)
    await ledger.lease(task.id, "L2", "w", 1030.0, 5000.0)
    assert not await ledger.renew("H", 1060.0, 1, 1.0)


async def test_the_leases_of_a_home_are_found_whichever_they_are(ledger):
    task = await leased(ledger, worker="home-1")
    await ledger.hedge(a_hedge(task.id, worker="home-2"))
    assert {one.lease for one in await ledger.leases_at("home")} == {"L1", "H"}
    assert [one.lease for one in await ledger.leases_at("home-2")] == ["H"]


async def test_how_the_last_tasks_of_a_job_are_doing(ledger, time):
    tasks = await queued(ledger, *(a_spec(number, cost=2.0) for number in range(3)))
    for n, task in enumerate(tasks[:2]):
        await ledger.lease(task.id, f"L{n}", f"w{n}", 1030.0, 5000.0)
    assert await ledger.race("j", TaskKind.VIDEO) is None
    await ledger.lease(tasks[2].id, "L2", "w2", 1030.0, 5000.0)
    await ledger.commit("L0", a_part(), Effort(wall_seconds=4.0))
    await ledger.renew("L1", 1040.0, 100, 5.0)
    await ledger.hedge(a_hedge(tasks[2].id, rival="L2"))
    race = await ledger.race("j", TaskKind.VIDEO)
    assert (race.paces, race.work, race.hedged) == ({"w0": 0.5}, 6.0, 1.0)
    one, two = race.running
    assert (one.lease, one.worker, one.work, one.frames, one.done, one.fps) == ("L1", "w1", 2.0, 250, 100, 5.0)
    assert (one.began, one.until, one.second, two.second and two.second.lease) == (1000.0, 1040.0, None, "H")
    time.now = 1031.0
    assert not (await ledger.race("j", TaskKind.VIDEO)).running[1].second
    assert (await ledger.race("j", TaskKind.AUDIO)).running == ()


async def test_a_second_lease_may_take_the_place_of_another_one(ledger):
    task = await hedged(ledger)
    await ledger.renew("H", 1060.0, 9, 2.0)
    race = await ledger.race("j", TaskKind.VIDEO)
    second = race.running[0].second
    assert (second.lease, second.worker, second.done, second.fps, second.until) == ("H", "v", 9, 2.0, 1060.0)
    assert second.began >= race.running[0].began
    assert await ledger.hedge(dataclasses.replace(a_hedge(task.id, "H2", "u"), instead="other")) is None
    assert await ledger.hedge(dataclasses.replace(a_hedge(task.id, "H2", "u", extra=99.0), instead="H")) is None
    assert await ledger.renew("H", 1060.0, 9, 2.0)
    assert await ledger.hedge(dataclasses.replace(a_hedge(task.id, "H2", "u"), instead="H"))
    assert not await ledger.renew("H", 1090.0, 10, 2.0)
    assert await ledger.renew("H2", 1090.0, 1, 2.0)
    assert await outcome(ledger, "H") == "cancelled"
    assert await ledger.commit("H", a_part("H"), Effort())  # what is there first counts, all the same
    assert await outcome(ledger, "H2") == "cancelled"
