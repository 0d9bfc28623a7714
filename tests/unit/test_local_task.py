"""Work in this process, under a lease."""

import asyncio
import dataclasses

import pytest
from job_steps import a_job, state

from fallow.errors import (
    EncoderFailed,
    Rejected,
    StorageFull,
    Unavailable,
)
from fallow.model import JobState, TaskState
from fallow.pipeline import dispatch, local_task, submit
from fallow.pipeline.context import Policy


async def carry(ctx, work):
    job = await a_job(ctx)
    task = await dispatch.claim(ctx, await ctx.queue.get(["split.normal"], 0), "splitter")
    await local_task.carry_out(ctx, task, work)
    return job, await ctx.ledger.task(task.id)


async def test_work_that_is_rejected_fails_the_job_with_its_sentence(ctx):
    async def work(_ctx, _hold):
        raise Rejected("This is a picture.")

    job, task = await carry(ctx, work)
    failed = await ctx.ledger.job(job)
    assert (task.state, failed.error, failed.error_kind) == (TaskState.DEAD, "This is a picture.", "rejected")


@pytest.mark.parametrize("error", [EncoderFailed("x"), StorageFull("x"), ZeroDivisionError("x")])
async def test_work_that_fails_is_tried_again(ctx, error):
    async def work(_ctx, _hold):
        raise error

    job, task = await carry(ctx, work)
    assert task.state in (TaskState.PLANNED, TaskState.QUEUED)
    assert (task.attempt, await state(ctx, job)) == (1, JobState.SPLITTING)


async def test_back_ends_that_are_away_are_not_held_against_a_task(ctx):
    async def work(_ctx, _hold):
        raise Unavailable("RabbitMQ is away.")

    job, task = await carry(ctx, work)
    assert task.state in (TaskState.PLANNED, TaskState.QUEUED)
    assert (task.attempt, task.error) == (0, "RabbitMQ is away.")
    assert await state(ctx, job) is JobState.SPLITTING


async def test_work_keeps_its_lease_and_stops_when_that_is_lost(ctx):
    stopped = []

    async def work(ctx, hold):
        try:
            while True:
                await asyncio.sleep(0)
                if (await ctx.ledger.task(hold.task.id)).lease_until > 1_000_100:
                    await submit.cancel(ctx, hold.task.spec.job)
        finally:
            stopped.append(hold.task.id)

    job, task = await carry(ctx, work)
    assert stopped == [task.id]
    assert (task.state, await state(ctx, job)) == (TaskState.PLANNED, JobState.CANCELLED)


async def test_work_that_is_cancelled_goes_back_at_once(ctx):
    begun = asyncio.Event()

    async def work(_ctx, _hold):
        begun.set()
        await asyncio.Event().wait()

    slow = dataclasses.replace(ctx, policy=Policy(renew_seconds=1e9))
    ctx.clock.sleep = lambda seconds: asyncio.sleep(3600)
    carrying = asyncio.create_task(carry(slow, work))
    await begun.wait()
    carrying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await carrying
    (task,) = await ctx.ledger.tasks((await ctx.ledger.jobs())[0].id)
    assert (task.state, task.attempt) == (TaskState.PLANNED, 0)
