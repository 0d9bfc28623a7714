"""What every ledger promises of maps that are looked at again: what is read of changes leads to what is."""

import random

import pytest
from ledger_steps import a_job, a_part, a_spec, offered

from fallow.model import Effort, JobState, TaskKind
from fallow.overview import Cell, Moves
from fallow.pipeline.context import Context
from fallow.records import Outcome, Setback
from fallow.services.charts import MARGIN, Charts, drawn

NAMES = ("720p", "480p")


class Clock:
    def __init__(self, time):
        self._time = time

    def now(self):
        return self._time.now


async def a_platform(ledger, time):
    await ledger.create_job(a_job())
    return Context(None, None, ledger, Clock(time), None)


async def whole(ledger, job):
    return drawn(job, await ledger.cells(job.id), await ledger.crew(job.id))


async def test_moves_are_what_is_at_work_what_ended_since_and_what_is_new(ledger, time):
    await ledger.create_job(a_job())
    await ledger.plan([a_spec(number) for number in range(5)])
    (lane,) = await ledger.line_up("j", "", "normal")
    one, two, three = await ledger.top_up(lane, 3)
    await ledger.lease(one.id, "L1", "w", 2000.0, 5000.0)
    await ledger.commit("L1", a_part(), Effort())
    time.now = 1100.0
    await ledger.lease(two.id, "L2", "v", 2000.0, 5000.0)
    await ledger.renew("L2", 2000.0, 50, 5.0)
    await ledger.give_up("L2", Setback("It broke.", 1200.0))
    await ledger.lease(three.id, "L3", "u", 2000.0, 5000.0)
    counts = {"planned": 3, "leased": 1, "done": 1}
    at_work, failed = Cell("720p", 2, "leased", 0, "u", 0, 250), Cell("720p", 1, "planned", 1, "v", 0, 250)
    new = Cell("720p", 4, "planned", 0, "", 0, 250)
    assert await ledger.moves("j", 1050.0, ["720p"], 3) == Moves([at_work, failed, new], counts)
    assert await ledger.moves("j", 1150.0, [], 9) == Moves([at_work], counts)
    done = Cell("720p", 0, "done", 0, "w", 0, 250)
    assert sorted((await ledger.moves("j", 999.0, [], 9)).cells) == sorted([at_work, failed, done])
    assert await ledger.moves("none", 0.0, ["720p"], -1) == Moves([], {})


async def step(ledger, time, dice, at):
    """Something that happens to a job of which a map is looked at."""
    time.now += dice.random()
    tasks = await ledger.tasks("j", [TaskKind.VIDEO])
    leased = await ledger.running("j")
    match dice.choice(["cut", "offer", "lease", "lease", "renew", "deliver", "deliver", "fail", "pause", "reopen"]):
        case "cut":
            at["number"] += 1
            await ledger.plan([a_spec(at["number"], name) for name in NAMES])
        case "offer":
            await offered(ledger, room=4)
        case "lease" if queued := [task for task in tasks if task.state.value == "queued"]:
            at["lease"] += 1
            worker = f"w{dice.randrange(9)}"
            await ledger.lease(dice.choice(queued).id, f"L{at['lease']}", worker, time.now + 900, time.now + 900)
        case "renew" if leased:
            await ledger.renew(dice.choice(leased).lease, time.now + 900, dice.randrange(250), 5.0)
        case "deliver" if leased:
            await ledger.commit(dice.choice(leased).lease, a_part(), Effort())
        case "fail" if leased:
            outcome = dice.choice([Outcome.FAILED, Outcome.CANCELLED])
            again = dice.choice([time.now, time.now, None])
            await ledger.give_up(dice.choice(leased).lease, Setback("It broke.", again, outcome))
        case "pause":
            await ledger.pause("j")
            await ledger.resume("j")
        case "reopen" if done := [task for task in tasks if task.state.value == "done"]:
            await ledger.reopen(dice.choice(done).id, "It was no good.")


@pytest.mark.parametrize("seed", range(3))
async def test_a_map_that_is_kept_is_the_same_as_one_that_is_read_anew(ledger, time, seed):
    ctx, dice, at = await a_platform(ledger, time), random.Random(seed), {"number": -1, "lease": 0}
    charts = Charts(ctx)
    for _ in range(25):
        for _ in range(dice.randrange(6)):
            await step(ledger, time, dice, at)
        job = await ledger.job("j")
        assert await charts.of(job) == await whole(ledger, job)
    await ledger.move_job("j", JobState.CANCELLED)
    job = await ledger.job("j")
    assert await charts.of(job) == await whole(ledger, job)
    await ledger.discard("j", 2)
    assert await charts.of(job) == await whole(ledger, job)


async def test_what_only_moved_is_not_read_whole(ledger, time, monkeypatch):
    ctx = await a_platform(ledger, time)
    await ledger.plan([a_spec(number, name) for number in range(6) for name in NAMES])
    charts, job, read = Charts(ctx), await ledger.job("j"), []
    cells = ledger.cells

    async def noted(job):
        read.append(job)
        return await cells(job)

    monkeypatch.setattr(ledger, "cells", noted)
    await charts.of(job)
    for number, task in enumerate(await offered(ledger, room=6)):
        time.now += 2 * MARGIN
        await ledger.lease(task.id, f"L{number}", f"w{number}", 9e9, 9e9)
        await charts.of(job)
        await ledger.commit(f"L{number}", a_part(), Effort())
        await ledger.plan([a_spec(6 + number, name) for name in NAMES])
        await charts.of(job)
    assert await charts.of(job) == await whole(ledger, job)
    assert read == ["j", "j"]  # at first, and by the test itself
