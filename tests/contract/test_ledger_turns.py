"""What every ledger promises of the order in which tasks are offered."""

import asyncio
import dataclasses

import pytest
from ledger_steps import a_job, a_spec, offered, transactions

from fallow.model import JobState, TaskKind
from fallow.pipeline.order import LOOK
from fallow.records import Lane, Outcome, Setback

LANE = Lane(TaskKind.VIDEO, "", "normal")


async def planned(ledger, job, *numbers, owner="", cost=1.0):
    """A job with these tasks, that waits for its turns."""
    await ledger.create_job(a_job(job))
    await ledger.plan([a_spec(number, job=job, cost=cost) for number in numbers])
    return await ledger.line_up(job, owner, "normal")


def names(tasks):
    return [f"{task.spec.job}{task.spec.number}" for task in tasks]


async def test_the_lanes_of_a_job(ledger, time):
    await ledger.create_job(a_job())
    assert await ledger.line_up("j", "", "high") == []
    svt = dataclasses.replace(a_spec(1), encoder="libsvtav1")
    await ledger.plan([a_spec(0), a_spec(2), svt, a_spec(0, "", kind=TaskKind.JOIN)])
    lanes = await ledger.line_up("j", "", "high")
    assert [lane.name for lane in lanes] == ["join.high", "video.high", "video.libsvtav1.high"]
    assert [Lane.of(lane.name) for lane in lanes] == lanes
    assert await ledger.line_up("j", "", "high") == lanes
    for lane in lanes:
        assert {task.spec.kind for task in await ledger.top_up(lane, 9)} == {lane.kind}
    assert await ledger.line_up("j", "", "high") == []


async def test_first_chunks_first_but_of_the_last_ones_the_costliest(ledger):
    await ledger.create_job(a_job())
    await ledger.plan([a_spec(number, cost=1.0 + number) for number in range(LOOK + 2)])
    await ledger.line_up("j", "", "normal")
    assert names(await ledger.top_up(LANE, 2)) == ["j0", "j1"]
    assert names(await ledger.top_up(LANE, 2)) == [f"j{LOOK + 1}", f"j{LOOK}"]
    assert len(await ledger.top_up(LANE, 99)) == LOOK - 2


async def test_many_are_offered_at_once_in_few_transactions(ledger):
    await planned(ledger, "j", *range(300))
    with transactions() as run:
        assert len(await ledger.top_up(LANE, 200)) == 200
    assert run.total() <= 3


async def test_a_clip_is_not_behind_a_film(ledger):
    await planned(ledger, "film", *range(40))
    assert len(await ledger.top_up(LANE, 20)) == 20
    await planned(ledger, "clip", *range(3))
    assert sorted(names(await ledger.top_up(LANE, 6))) == ["clip0", "clip1", "clip2", "film20", "film21", "film22"]
    assert names(await ledger.top_up(LANE, 2)) == ["film23", "film24"]


async def test_turns_are_by_work_and_not_by_tasks(ledger):
    await planned(ledger, "large", *range(20), cost=4.0)
    await planned(ledger, "small", *range(20), cost=1.0)
    found = names(await ledger.top_up(LANE, 10))
    assert [sum(name.startswith(job) for name in found) for job in ("large", "small")] == [2, 8]


async def test_each_user_has_a_share_however_many_jobs_he_has(ledger):
    for number in range(6):
        await planned(ledger, f"a{number}.", *range(5), owner="ann")
    await planned(ledger, "b.", *range(20), owner="bob")
    found = names(await ledger.top_up(LANE, 12))
    assert sum(name.startswith("b.") for name in found) == 6
    assert {name for name in found if name.startswith("a")} == {f"a{number}.0" for number in range(6)}


async def test_who_was_away_saves_nothing_up(ledger):
    await planned(ledger, "early", 0, owner="ann")
    await planned(ledger, "film", *range(60), owner="bob")
    await ledger.top_up(LANE, 21)
    await planned(ledger, "late", *range(30), owner="ann")
    found = names(await ledger.top_up(LANE, 10))
    assert sum(name.startswith("late") for name in found) == 5


async def test_more_jobs_than_are_looked_at_at_once_all_have_their_turn(ledger):
    jobs = [f"{owner}{number}." for owner in "abcdef" for number in range(6)]
    for job in jobs:
        await planned(ledger, job, 0, owner=job[0])
    assert set(names(await ledger.top_up(LANE, 99))) == {f"{job}0" for job in jobs}
    assert await ledger.top_up(LANE, 99) == []


async def test_who_ended_or_has_to_wait_is_passed_over(ledger, time):
    await planned(ledger, "ended", 0)
    await planned(ledger, "failed", 0)
    (task,) = [task for task in await ledger.top_up(LANE, 2) if task.spec.job == "failed"]
    await ledger.lease(task.id, "L", "w", 1030.0, 5000.0)
    await ledger.give_up("L", Setback("It broke.", 1100.0, Outcome.FAILED))
    await ledger.move_job("ended", JobState.CANCELLED)
    await planned(ledger, "other", 0)
    assert await ledger.line_up("failed", "", "normal") == []
    assert await ledger.line_up("ended", "", "normal") == []
    assert names(await ledger.top_up(LANE, 9)) == ["other0"]
    time.now = 1100.0
    assert await ledger.line_up("failed", "", "normal") == [LANE]
    assert names(await ledger.top_up(LANE, 9)) == ["failed0"]


async def test_a_job_that_is_forgotten_waits_no_more(ledger):
    await planned(ledger, "j", 0)
    await ledger.move_job("j", JobState.CANCELLED)
    await ledger.forget_job("j")
    await planned(ledger, "k", 0)
    assert names(await ledger.top_up(LANE, 9)) == ["k0"]


async def test_tasks_that_come_while_others_are_offered_are_offered_too(ledger):
    """Nobody may believe that a job waits already, and nobody else that it has nothing to offer, at once."""
    await ledger.create_job(a_job())

    async def come(number):
        await ledger.plan([a_spec(number)])
        await ledger.line_up("j", "", "normal")

    found = []
    for number in range(0, 60, 3):
        *_, one, two = await asyncio.gather(
            *(come(number + more) for more in range(3)), ledger.top_up(LANE, 9), ledger.top_up(LANE, 9)
        )
        found += [*one, *two]
    while more := await ledger.top_up(LANE, 99):
        found += more
    assert sorted(task.spec.number for task in found) == list(range(60))


@pytest.mark.parametrize("times", [5])
async def test_of_many_who_offer_at_once_each_offers_others(ledger, times):
    await planned(ledger, "j", *range(40))
    found = await asyncio.gather(*(ledger.top_up(LANE, 8) for _ in range(times)))
    assert sorted(task.spec.number for tasks in found for task in tasks) == list(range(40))
    assert len(await offered(ledger)) == 0


@pytest.mark.parametrize("owners", [("", ""), ("anna", "bob")])
async def test_what_is_offered_out_of_turn_counts_as_turns(ledger, owners):
    """Each is given his first task; then one has two more, so it is twice the other's turn."""
    for job, owner in zip("ab", owners, strict=True):
        await planned(ledger, job, *range(LOOK + 1), owner=owner)
    assert names(await ledger.top_up(LANE, 2)) == ["a0", "b0"]
    mine = {task.spec.number: task.id for task in await ledger.tasks("a")}
    await ledger.offer([mine[0], mine[1], mine[2]])  # the first one is queued already
    assert names(await ledger.top_up(LANE, 3)) == ["b1", "b2", "a3"]
