"""How much work one lease brings, and that each of its tasks goes its own way."""

import asyncio
import dataclasses

import job_steps
import pytest
from job_steps import BIG, SMALL, encoding, lease, upload
from job_steps import ctx as ctx

from fallow.errors import Unavailable
from fallow.messages import Failure, LeaseGrant, LeaseRequest, from_wire, to_wire
from fallow.model import JobState, TaskKind, TaskState, Worker
from fallow.pipeline import bundle, deliver, dispatch, sweep
from fallow.records import Crowd

FAST = {"libx264": 1000.0}  # megapixels a second; a chunk of BIG has 5.76, one of SMALL 1.44
WORKER = Worker("w", "w")


@pytest.fixture
def plenty(ctx):
    """As if a thousand other tasks waited, too."""
    ctx.crowd._known, ctx.crowd._until = Crowd(1000, 1), float("inf")


async def granted(ctx, most=8, begin_in=0.0, speeds=FAST, worker=WORKER, wait=0.0):
    """The grants of one lease."""
    request = LeaseRequest(wait, most, begin_in, speeds)
    first = await bundle.lease(ctx, worker, request, dispatch.claim)
    return [first, *first.more] if first else []


def told(grants):
    """Renditions and chunks."""
    return [(grant.task.split(".")[2], int(grant.task.split(".")[3])) for grant in grants]


@pytest.mark.usefixtures("plenty")
async def test_a_lease_brings_all_renditions_of_a_chunk_and_then_those_of_the_next(ctx):
    await encoding(ctx, BIG, SMALL)
    grants = await granted(ctx)
    assert told(grants) == [(name, number) for number in range(3) for name in ("big", "small")]
    assert len({grant.lease for grant in grants}) == len({grant.put_url for grant in grants}) == 6
    assert {grant.attempt for grant in grants} == {1}
    assert not await granted(ctx)


@pytest.mark.usefixtures("plenty")
async def test_a_worker_that_does_not_ask_for_more_gets_one(ctx):
    await encoding(ctx, BIG, SMALL)
    assert len(await granted(ctx, most=1)) == 1
    old = from_wire(LeaseRequest, {"wait_seconds": 0.0})
    first = await bundle.lease(ctx, WORKER, old, dispatch.claim)
    assert first.more == ()


@pytest.mark.usefixtures("plenty")
async def test_nobody_gets_more_than_it_takes(ctx):
    await encoding(ctx, BIG, SMALL)
    assert len(await granted(ctx, most=3)) == 3


@pytest.mark.usefixtures("plenty")
@pytest.mark.parametrize(
    ("speed", "tasks"),
    [
        (0.2, ["big"]),  # 28.8 s
        (0.4, ["big", "small"]),  # 14.4 s and 3.6 s
        (0.8, ["big", "small", "big", "small"]),
    ],
)
async def test_a_lease_lasts_about_so_long_as_it_should(ctx, speed, tasks):
    await encoding(ctx, BIG, SMALL)
    assert [name for name, _ in told(await granted(ctx, speeds={"libx264": speed}))] == tasks


@pytest.mark.usefixtures("plenty")
@pytest.mark.parametrize("speeds", [{}, {"libx265": 1000.0}, {"libx264": 0.0}, {"libx264": "fast"}, [1]])
async def test_a_worker_whose_speed_is_unknown_gets_one_task(ctx, speeds):
    await encoding(ctx, BIG, SMALL)
    assert len(await granted(ctx, speeds=speeds)) == 1


async def test_near_the_end_leases_are_of_one_task(ctx):
    await encoding(ctx, BIG, SMALL)
    sizes = []
    for n in range(6):
        ctx.crowd._until = 0.0
        sizes.append(len(await granted(ctx, worker=Worker(f"w{n}", ""))))
    assert sizes == [6, 0, 0, 0, 0, 0]  # alone it may have all


async def test_with_others_at_work_a_lease_is_a_fair_share_of_what_waits(ctx):
    await encoding(ctx, BIG, SMALL)
    await lease(ctx, "one")
    await lease(ctx, "two")
    ctx.crowd._until = 0.0
    assert await ctx.ledger.crowd() == Crowd(4, 2)
    assert len(await granted(ctx)) == 1


@pytest.mark.usefixtures("plenty")
async def test_renditions_that_are_not_offered_yet_come_along(ctx):
    ctx = dataclasses.replace(ctx, policy=dataclasses.replace(ctx.policy, window=1))
    await encoding(ctx, BIG, SMALL)
    assert told(await granted(ctx, most=2)) == [("big", 0), ("small", 0)]


@pytest.mark.usefixtures("plenty")
async def test_a_worker_gets_no_task_along_that_it_has_no_encoder_for(ctx, monkeypatch):
    monkeypatch.setattr(job_steps, "SMALL", dataclasses.replace(SMALL, codec="libx265", preset="medium"))
    await encoding(ctx, BIG, job_steps.SMALL)
    worker = dataclasses.replace(WORKER, machine={"encoders": ["libx264"]})
    grants = await granted(ctx, speeds={"libx264": 1e3, "libx265": 1e3}, worker=worker)
    assert {name for name, _ in told(grants)} == {"big"}


@pytest.mark.usefixtures("plenty")
async def test_what_a_lease_brings_costs_few_transactions_however_much_it_is(ctx, monkeypatch):
    ctx = dataclasses.replace(ctx, policy=dataclasses.replace(ctx.policy, window=8))
    await encoding(ctx, BIG)
    calls, send = [], ctx.ledger._database.send

    async def sent(name, script):
        calls.append(name)
        return await send(name, script)

    monkeypatch.setattr(ctx.ledger._database, "send", sent)
    assert len(await granted(ctx)) == 3
    assert calls.count("lease") == 2  # of the first one, and of all the others


@pytest.mark.usefixtures("plenty")
async def test_what_is_drawn_too_much_is_there_for_others(ctx, monkeypatch):
    # There is time for two big ones and some small ones.
    monkeypatch.setattr(bundle._Bundle, "times", lambda *_: 5)
    await encoding(ctx, BIG, SMALL)
    grants = await granted(ctx, speeds={"libx264": 0.8})
    assert told(grants) == [("big", 0), ("small", 0), ("big", 1), ("small", 1), ("small", 2)]
    (rest,) = await granted(ctx, most=1, wait=1.0)
    assert (told([rest]), rest.attempt) == ([("big", 2)], 1)
    assert not await granted(ctx, most=1)


@pytest.mark.usefixtures("plenty")
async def test_what_was_leased_is_granted_though_the_queue_is_lost_then(ctx, monkeypatch):
    await encoding(ctx, BIG)
    get = ctx.queue.get

    async def first_only(queues, wait):
        if asked:
            raise Unavailable("It is away.")
        asked.append(queues)
        return await get(queues, wait)

    asked = []
    monkeypatch.setattr(ctx.queue, "get", first_only)
    assert told(await granted(ctx)) == [("big", 0)]
    monkeypatch.setattr(ctx.queue, "get", get)
    assert told(await granted(ctx)) == [("big", 1), ("big", 2)]


@pytest.mark.usefixtures("plenty")
async def test_what_has_failed_brings_no_other_rendition_along(ctx):
    await encoding(ctx, BIG, SMALL)
    first, second = await granted(ctx, most=2)
    for grant in (first, second):
        await deliver.fail(ctx, "w", grant.lease, Failure("retryable", "By hand."))
    ctx.clock.time += 100
    await sweep.sweep(ctx)
    seen = []
    while grants := await granted(ctx, wait=0.2):  # queues are filled meanwhile
        seen.append(told(grants))
    assert sum(map(len, seen)) == 6
    assert not [chunks for chunks in seen if {("big", 0), ("small", 0)} <= set(chunks)]


@pytest.mark.usefixtures("plenty")
async def test_the_failure_of_one_leaves_the_others_as_they_are(ctx):
    job = await encoding(ctx, BIG, SMALL)
    grants = await granted(ctx)
    bad = grants[1]
    await deliver.fail(ctx, "w", bad.lease, Failure("retryable", "By hand."))
    for grant in grants:
        if grant is not bad:
            assert (await deliver.deliver(ctx, "w", grant.lease, await upload(ctx, grant))).first
    states = {task.id: task.state for task in await ctx.ledger.tasks(job) if task.spec.kind is TaskKind.VIDEO}
    assert states.pop(bad.task) is TaskState.PLANNED
    assert set(states.values()) == {TaskState.DONE}
    assert (await ctx.ledger.job(job)).state is JobState.ENCODING


@pytest.mark.usefixtures("plenty")
async def test_whoever_goes_away_while_leasing_leaves_nothing_taken(ctx, monkeypatch):
    job = await encoding(ctx, BIG, SMALL)
    reached = asyncio.Event()

    async def never(*_):
        reached.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(bundle, "grant", never)
    asking = asyncio.ensure_future(granted(ctx))
    await reached.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    tasks = [task for task in await ctx.ledger.tasks(job) if task.spec.kind is TaskKind.VIDEO]
    assert {(task.state, task.lease) for task in tasks} == {(TaskState.PLANNED, "")}


@pytest.mark.usefixtures("plenty")
async def test_messages_of_tasks_that_came_along_lead_nowhere(ctx):
    await encoding(ctx, BIG, SMALL)
    await granted(ctx, most=2)
    rest = []
    while grant := await lease(ctx, "other"):
        rest.append(grant)
    assert sorted(told(rest)) == [("big", 1), ("big", 2), ("small", 1), ("small", 2)]
    assert await ctx.queue.depths(dispatch.queues([TaskKind.VIDEO])) == dict.fromkeys(
        dispatch.queues([TaskKind.VIDEO]), 0
    )


async def test_work_that_can_begin_late_only_is_there_while_there_is_plenty(ctx):
    await encoding(ctx, BIG)
    await lease(ctx, "one")
    await lease(ctx, "two")
    ctx.crowd._until = 0.0
    assert not await granted(ctx, begin_in=10.0)
    assert len(await granted(ctx, begin_in=1.0)) == 1


@pytest.mark.usefixtures("plenty")
async def test_it_may_be_turned_off(ctx):
    ctx = dataclasses.replace(ctx, policy=dataclasses.replace(ctx.policy, bundle_seconds=0.0))
    await encoding(ctx, BIG, SMALL)
    assert len(await granted(ctx)) == 1


async def test_tasks_are_counted_now_and_then(ctx, monkeypatch):
    counted = []

    async def count():
        counted.append(1)
        return Crowd(0, 0)

    assert await asyncio.gather(*(ctx.crowd.get(count) for _ in range(20))) == [Crowd(0, 0)] * 20
    assert len(counted) == 1


def test_a_grant_with_more_crosses_the_wire(ctx):
    one = LeaseGrant("l", "t", "j", TaskKind.VIDEO, 1, {}, "g", 1, "s", "p", 1.0, 2.0)
    both = dataclasses.replace(one, more=(dataclasses.replace(one, lease="m"),))
    assert from_wire(LeaseGrant, to_wire(both)) == both
    told = to_wire(one)
    del told["more"]  # from a gateway that knows nothing of it
    assert from_wire(LeaseGrant, told) == one
