"""Messages that are held until their task has ended, and what it means when one comes again."""

import asyncio
import contextlib
import dataclasses
import json

import pytest
from job_steps import Links, encoding, later, lease, upload

from fallow.adapters.queue_memory import MemoryQueue
from fallow.pipeline import deliver, dispatch, hold
from fallow.pipeline.hold import Holds
from fallow.records import Outcome

QUEUE = "video.normal"


@pytest.fixture
def pod(ctx):
    """A process with a connection to the broker of its own."""
    return dataclasses.replace(ctx, queue=MemoryQueue(ctx.queue._broker))


@contextlib.asynccontextmanager
async def watching(ctx, holds, monkeypatch):
    """Meanwhile time passes, and the process looks after what it holds."""
    monkeypatch.setattr(hold, "LOOK_EVERY", 0.01)

    async def clock():
        while True:
            await asyncio.sleep(0.01)
            ctx.clock.time += 0.01

    tasks = [asyncio.create_task(each) for each in (clock(), holds.watch())]
    await asyncio.sleep(0.05)
    yield
    for task in tasks:
        task.cancel()


async def hold_one(pod):
    holds = Holds(pod)
    return holds, await dispatch.lease(pod, "pod", 0.0, holds.claim)


async def drain(ctx):
    """Lease all that is offered; the tasks."""
    found = []
    while grant := await lease(ctx, "other"):
        found.append(grant.task)
    return found


async def doubts(ctx, monkeypatch):
    """Let the message that came again be seen, and seen again after the moment of doubt."""
    monkeypatch.setattr(dispatch, "DOUBT", 0.3)
    before = await drain(ctx)
    await asyncio.sleep(0.4)
    return before, await drain(ctx)


async def outcomes(ctx, grant):
    return sorted(a.outcome for a in await ctx.ledger.attempts(grant.job) if a.task == grant.task)


async def test_a_message_is_acknowledged_when_its_task_has_ended(ctx, pod):
    await encoding(ctx)
    holds, grant = await hold_one(pod)
    assert len(pod.queue._unacked) == 1
    await deliver.deliver(pod, "pod", grant.lease, await upload(pod, grant))
    await holds.release(grant.lease)
    await holds.release(grant.lease)  # twice is no harm
    await pod.queue.close()
    assert grant.task not in await drain(ctx)


@pytest.mark.parametrize("held", [True, False])
async def test_who_goes_away_before_the_task_is_granted_leaves_it_to_others(ctx, pod, held):
    job = await encoding(ctx)
    asked = asyncio.Event()

    class Slow(Links):
        async def put_link(self, key, seconds, most):
            asked.set()
            await asyncio.Event().wait()

    slow = dataclasses.replace(pod, links=Slow())
    leasing = asyncio.create_task(dispatch.lease(slow, "pod", 0.0, Holds(slow).claim if held else dispatch.claim))
    await asked.wait()
    leasing.cancel()
    await asyncio.wait([leasing])
    (attempt,) = [a for a in await ctx.ledger.attempts(job) if a.worker == "pod"]
    assert attempt.outcome == Outcome.CANCELLED.value
    assert pod.queue._unacked == {}
    await dispatch.advance(ctx, job)
    assert attempt.task in await drain(ctx)


async def test_a_killed_process_loses_its_task_at_once(ctx, pod, monkeypatch):
    await encoding(ctx)
    _, grant = await hold_one(pod)
    await pod.queue.close()  # what the broker sees of a kill
    before, after = await doubts(ctx, monkeypatch)
    assert (len(before), after) == (2, [grant.task])
    assert await outcomes(ctx, grant) == ["", Outcome.EXPIRED.value]


async def test_a_process_that_only_lost_its_connection_keeps_its_task(ctx, pod, monkeypatch):
    await encoding(ctx)
    holds, grant = await hold_one(pod)
    await pod.queue.close()
    async with watching(ctx, holds, monkeypatch):
        before, after = await doubts(ctx, monkeypatch)
    assert (len(before), after) == (2, [])
    assert (await deliver.deliver(pod, "pod", grant.lease, await upload(pod, grant))).first
    assert await outcomes(ctx, grant) == [Outcome.DELIVERED.value]


async def test_a_process_that_lost_its_connection_and_then_its_life_loses_its_task(ctx, pod, monkeypatch):
    await encoding(ctx)
    holds, grant = await hold_one(pod)
    await pod.queue.close()
    async with watching(ctx, holds, monkeypatch):
        pass
    before, after = await doubts(ctx, monkeypatch)
    assert (len(before), after) == (2, [grant.task])


async def test_an_old_doubt_does_not_end_a_new_lease(ctx, pod, monkeypatch):
    await encoding(ctx)
    _, grant = await hold_one(pod)
    old = await ctx.ledger.task(grant.task)
    await later(ctx, ctx.policy.lease_seconds + 1)
    new = {grant.task: grant async for grant in everything(ctx)}[grant.task]
    body = json.dumps({"task": grant.task, "doubted": [old.lease, old.lease_until]}).encode()
    await ctx.queue.publish(QUEUE, body)
    assert await drain(ctx) == []
    assert (await ctx.ledger.task(grant.task)).lease == new.lease


async def everything(ctx):
    while grant := await lease(ctx, "other"):
        yield grant


async def test_a_second_message_that_comes_for_the_first_time_ends_no_lease(ctx, pod, monkeypatch):
    await encoding(ctx)
    _, grant = await hold_one(pod)
    await ctx.queue.publish(QUEUE, json.dumps({"task": grant.task}).encode())
    before, after = await doubts(ctx, monkeypatch)
    assert (len(before), after) == (2, [])
    assert await outcomes(ctx, grant) == [""]


async def test_a_message_that_comes_again_ends_no_lease_whose_message_was_acknowledged(ctx, monkeypatch):
    await encoding(ctx)
    far = await lease(ctx, "far")
    await ctx.queue.publish(QUEUE, json.dumps({"task": far.task}).encode())
    await ctx.queue.nack(await ctx.queue.get([QUEUE], 0))
    before, after = await doubts(ctx, monkeypatch)
    assert (len(before), after) == (2, [])
    assert await outcomes(ctx, far) == [""]


async def test_the_last_attempt_is_not_ended_by_a_doubt(ctx, pod, monkeypatch):
    await encoding(ctx)
    last = dataclasses.replace(ctx, policy=dataclasses.replace(ctx.policy, attempts=1))
    _, grant = await hold_one(pod)
    await pod.queue.close()
    before, after = await doubts(last, monkeypatch)
    assert (len(before), after) == (2, [])
    assert await outcomes(ctx, grant) == [""]


async def test_a_message_that_was_held_for_long_is_let_go(ctx, pod, monkeypatch):
    await encoding(ctx)
    holds, grant = await hold_one(pod)
    monkeypatch.setattr(hold, "LONGEST", 0.0)
    async with watching(ctx, holds, monkeypatch):
        pass
    assert pod.queue._unacked == {}
    assert await outcomes(ctx, grant) == [""]


async def test_all_messages_of_a_worker_that_died_are_let_go(ctx, pod):
    await encoding(ctx)
    holds, _ = await hold_one(pod)
    await holds.release_of("somebody else")
    assert len(pod.queue._unacked) == 1
    await holds.release_of("pod")
    assert pod.queue._unacked == {}
