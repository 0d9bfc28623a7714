"""Sources that come, and those that do not."""

import asyncio

import pytest
from job_steps import BIG, CHUNK, FRAMES, INDEX, SOURCE, a_job, state

from fallow.errors import (
    Conflict,
    NotFound,
    Retryable,
    TransferFailed,
)
from fallow.model import Chunk, JobState
from fallow.pipeline import keys, submit, sweep
from fallow.pipeline.arrived import arrived, has_source
from fallow.pipeline.drafts import Draft
from fallow.pipeline.job_options import Options
from fallow.pipeline.local_task import Hold
from fallow.pipeline.overlap import keep_planned
from fallow.pipeline.receive import receive
from fallow.pipeline.split_plan import SplitPlan
from fallow.pipeline.store_files import Thread

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

    assert (await receive(ctx, job.id, body())).state is JobState.SPLITTING
    came = await arrived(ctx, job.id)
    assert (came.size, came.whole) == (3, True)


async def test_an_upload_that_broke_off_gives_its_job_another_day(ctx):
    job, _ = await submit.create(ctx, "film", [BIG], Options())
    ctx.clock.time += DAY - 1

    async def body():
        yield b"x"
        raise TransferFailed

    with pytest.raises(TransferFailed):
        await receive(ctx, job.id, body())
    ctx.clock.time += DAY - 1
    assert await sweep.sweep_uploads(ctx) == 0
    ctx.clock.time += 2
    assert await sweep.sweep_uploads(ctx) == 1
    with pytest.raises(NotFound):
        await receive(ctx, job.id, body())


async def test_a_job_that_is_cancelled_while_its_source_comes_is_not_begun(ctx):
    job, _ = await submit.create(ctx, "film", [BIG], Options())

    async def body():
        yield b"x"
        await submit.cancel(ctx, job.id)

    with pytest.raises(Conflict):
        await receive(ctx, job.id, body())
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
        await receive(ctx, job.id, body())
    assert len(sent) < 10
    assert not await has_source(ctx, job)


def sent(size, piece=1 << 20):
    async def body():
        for _ in range(0, size, piece):
            yield bytes(piece)

    return body()


async def test_the_upload_that_began_last_counts_whatever_the_clocks_of_gateways_say(ctx):
    job, _ = await submit.create(ctx, "film", [BIG], Options())

    async def second():
        yield b"the second"
        await ctx.store.put(late, bytes(5))  # by a gateway that has not noticed yet
        yield b" one"

    with pytest.raises(TransferFailed):
        await receive(ctx, job.id, breaking_off())
    *_, early = (await arrived(ctx, job.id)).pieces
    late = keys.piece(job.id, keys.upload_of(early.key), early.offset + early.size, 5, "ab")
    ctx.clock.time -= 60
    await receive(ctx, job.id, second())
    came = await arrived(ctx, job.id)
    assert (came.size, came.whole) == (len(b"the second one"), True)


async def breaking_off():
    for _ in range(2):
        yield bytes(3 << 20)
    await asyncio.sleep(0.1)
    raise TransferFailed


async def test_a_chunk_of_another_upload_that_comes_after_all_is_cut_anew(ctx):
    """By a splitter that was thought lost, when the next one had looked already."""
    job, _ = await submit.create(ctx, "film", [BIG], Options())
    await receive(ctx, job.id, sent(1 << 20))
    first = (await arrived(ctx, job.id)).digest(1 << 20)
    for number, digest in enumerate([first, "of another"]):
        key, lo = f"jobs/{job.id}/chunks/{number}.L{number}.ts", CHUNK * number
        chunk = Chunk(job.id, number, key, "mpegts", lo, lo + CHUNK, 0, 0, 10, "ab")
        await ctx.ledger.add_chunk(chunk, [])
        await ctx.store.put(keys.draft(job.id, f"L{number}"), Draft(1 << 20, digest, SOURCE, INDEX).to_bytes())
    plan, hold = SplitPlan.of(await ctx.ledger.job(job.id), SOURCE, INDEX), Hold(None, Thread())
    points = range(0, FRAMES + 1, CHUNK)
    with pytest.raises(Retryable):
        await keep_planned(ctx, hold, plan, points)
    assert [chunk.number for chunk in await ctx.ledger.chunks(job.id)] == [0]
    await keep_planned(ctx, hold, plan, points)
