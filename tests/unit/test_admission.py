"""Few tasks wait for workers at a time, whoever has how many, and there are always some."""

import asyncio
import dataclasses

from job_steps import BIG, CHUNK, a_spec, lease, splitting

from fallow.errors import Unavailable
from fallow.model import Chunk, JobState
from fallow.pipeline import dispatch, submit, sweep
from fallow.pipeline.admission import LOOK_EVERY
from fallow.pipeline.job_options import Options

LANE = "video.libx264.normal"


async def a_film(ctx, chunks, owner="", **options):
    """A job with so many chunks."""
    job, _ = await submit.create(ctx, "film", [BIG], Options(**options), owner=owner)
    await ctx.ledger.move_job(job.id, JobState.SPLITTING)
    chunk = Chunk(job.id, 0, f"jobs/{job.id}/chunks/0", "mpegts", 0, CHUNK, 0, 0, 10, "ab")
    await ctx.ledger.plan(
        [dataclasses.replace(a_spec(chunk, BIG, accept_damaged=False), number=n) for n in range(chunks)]
    )
    await dispatch.advance(ctx, job.id)
    return job.id


async def waiting(ctx, queue=LANE):
    return (await ctx.queue.depths([queue]))[queue]


async def taken(ctx, count, seconds):
    """Tasks that a worker takes one after the other, in so many seconds each; their jobs."""
    jobs = []
    for _ in range(count):
        ctx.clock.time += seconds
        jobs.append((await lease(ctx)).job)
        await asyncio.gather(*ctx.rounds.running)  # what was begun beside
    return jobs


async def test_few_of_many_tasks_wait_and_there_are_always_some(ctx):
    await a_film(ctx, 40)
    assert await waiting(ctx) == ctx.policy.window
    for _ in range(10):
        await taken(ctx, 1, 10.0)
        assert ctx.policy.window // 2 < await waiting(ctx) <= ctx.policy.window


async def test_more_wait_when_they_are_taken_quickly_and_fewer_after(ctx):
    await a_film(ctx, 300)
    await taken(ctx, 40, 0.02)
    assert await waiting(ctx) > 2 * ctx.policy.window
    await taken(ctx, 80, 10.0)
    assert await waiting(ctx) <= ctx.policy.window


async def test_a_clip_behind_a_film_waits_for_what_was_offered_before_and_then_for_every_other_task(ctx):
    film = await a_film(ctx, 100)
    await taken(ctx, 20, 10.0)
    before = await waiting(ctx)
    clip = await a_film(ctx, 3)
    jobs = await taken(ctx, before + 6, 10.0)
    assert set(jobs[:before]) == {film}
    assert jobs.count(clip) == 3


async def test_users_have_equal_shares(ctx):
    mine = [await a_film(ctx, 30, "ann") for _ in range(5)]
    his = await a_film(ctx, 60, "bob")
    jobs = await taken(ctx, 40, 10.0)
    assert abs(jobs.count(his) - 20) <= ctx.policy.window
    assert {jobs.count(job) for job in mine} <= {
        3,
        4,
        3 + ctx.policy.window,
        4 + ctx.policy.window,
    }  # one was there before all others


async def test_an_urgent_job_is_done_first(ctx):
    await a_film(ctx, 20)
    urgent = await a_film(ctx, 6, priority="high")
    assert await taken(ctx, 6, 10.0) == [urgent] * 6


async def test_a_lane_that_nobody_serves_holds_no_other_up(ctx):
    await a_film(ctx, 20)
    await splitting(ctx)
    for _ in range(3):
        ctx.clock.time += 10
        await sweep.sweep(ctx)
    assert await waiting(ctx) == ctx.policy.window


async def test_a_queue_that_is_away_for_a_moment_is_filled_by_the_sweeper(ctx, monkeypatch):
    async def away(queues):
        raise Unavailable("The queue is away.")

    await a_film(ctx, 20)
    with monkeypatch.context() as patch:
        patch.setattr(ctx.queue, "depths", away)
        await taken(ctx, ctx.policy.window, 1.0 + LOOK_EVERY)
    assert await waiting(ctx) == 0
    await sweep.sweep(ctx)
    assert await waiting(ctx) == ctx.policy.window
