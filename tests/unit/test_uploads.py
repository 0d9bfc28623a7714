"""Sources that come, and those that do not."""

import pytest
from job_steps import BIG, a_job, state

from fallow.errors import (
    Conflict,
    NotFound,
    TransferFailed,
)
from fallow.model import JobState
from fallow.pipeline import submit, sweep
from fallow.pipeline.job_options import Options

DAY = 86400


async def test_a_job_whose_source_does_not_come_is_removed_with_what_it_stored(ctx):
    job, _ = await submit.create(ctx, "film", [BIG], Options())
    stored = f"jobs/{job.id}/of-an-upload"
    await ctx.store.put(stored, b"by a gateway that was killed")
    started = await a_job(ctx)
    ctx.clock.time += DAY - 1
    assert await sweep.sweep_uploads(ctx) == 0
    ctx.clock.time += 2
    assert await sweep.sweep_uploads(ctx) == 1
    with pytest.raises(NotFound):
        await ctx.ledger.job(job.id)
    assert await ctx.store.stat(stored) is None
    assert await state(ctx, started) is JobState.SPLITTING


async def test_a_job_whose_source_comes_slowly_is_kept(ctx):
    job, _ = await submit.create(ctx, "film", [BIG], Options())

    async def body():
        for _ in range(3):
            ctx.clock.time += DAY - 1
            yield b"x"
            assert await sweep.sweep_uploads(ctx) == 0

    assert (await submit.receive(ctx, job.id, body())).state is JobState.SPLITTING
    assert (await ctx.store.stat(job.source_key)).size == 3


async def test_an_upload_that_broke_off_gives_its_job_another_day(ctx):
    job, _ = await submit.create(ctx, "film", [BIG], Options())
    ctx.clock.time += DAY - 1

    async def body():
        yield b"x"
        raise TransferFailed

    with pytest.raises(TransferFailed):
        await submit.receive(ctx, job.id, body())
    ctx.clock.time += DAY - 1
    assert await sweep.sweep_uploads(ctx) == 0
    ctx.clock.time += 2
    assert await sweep.sweep_uploads(ctx) == 1
    with pytest.raises(NotFound):
        await submit.receive(ctx, job.id, body())


async def test_a_job_that_is_cancelled_while_its_source_comes_is_not_begun(ctx):
    job, _ = await submit.create(ctx, "film", [BIG], Options())

    async def body():
        yield b"x"
        await submit.cancel(ctx, job.id)

    with pytest.raises(Conflict):
        await submit.receive(ctx, job.id, body())
    assert await state(ctx, job.id) is JobState.CANCELLED
    assert (await submit.retry(ctx, job.id)).state is JobState.SPLITTING


async def test_a_long_upload_ends_when_its_job_is_cancelled(ctx):
    job, _ = await submit.create(ctx, "film", [BIG], Options())
    sent = []

    async def body():
        yield b"x"
        await submit.cancel(ctx, job.id)
        for _ in range(100):
            ctx.clock.time += 10
            sent.append(b"x")
            yield b"x"

    with pytest.raises(Conflict):
        await submit.receive(ctx, job.id, body())
    assert len(sent) < 10
    assert await ctx.store.stat(job.source_key) is None
