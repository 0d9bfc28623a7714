"""Take in an upload piece by piece, so that the splitter can begin on what is there."""

from __future__ import annotations

from collections.abc import AsyncIterator

from fallow import log
from fallow.errors import Conflict, StorageFull
from fallow.model import JobState, TaskKind
from fallow.pipeline.arrived import has_source
from fallow.pipeline.context import Context
from fallow.pipeline.dispatch import advance, aside
from fallow.pipeline.ended import of_job
from fallow.pipeline.pieces import Pieces, new_upload, remove
from fallow.records import Job

_NOTE_EVERY = 60.0  # seconds between two notes in the ledger that an upload goes on


async def receive(ctx: Context, job_id: str, body: AsyncIterator[bytes]) -> Job:
    """Store an uploaded source and start on it. What came of one that breaks off stays until another begins."""
    job = await waiting_for_upload(ctx, job_id)
    if await has_source(ctx, job):  # whoever received it died before it could say so
        await start(ctx, job_id)
        job = await waiting(ctx, job_id)
    upload = await new_upload(ctx, job_id)
    pieces = Pieces(ctx, job_id, upload)
    try:
        await pieces.take(noted(ctx, job_id, body))
        await pieces.finish()
    except StorageFull:
        await pieces.abort()
        await remove(ctx, job_id, upload)
        raise
    except BaseException:
        await pieces.abort()
        raise
    return await begin(ctx, job_id)


async def begin(ctx: Context, job_id: str) -> Job:
    """All of the source has come. Raises Conflict when the job was cancelled meanwhile; a retry will find it."""
    await waiting(ctx, job_id)
    return await start(ctx, job_id)


async def waiting(ctx: Context, job_id: str) -> Job:
    """A job whose source comes, which is noted. Raises Conflict when it waits for none."""
    job = await ctx.ledger.job(job_id)
    if not await ctx.ledger.saw_upload(job_id):
        why = f": {job.error}" if job.state is JobState.FAILED else ""
        raise Conflict(f"The job {job_id} is {job.state.value} and waits for no source{why}; submit a new one.")
    return job


async def waiting_for_upload(ctx: Context, job_id: str) -> Job:
    """As `waiting`. Raises Conflict for a job whose source is fetched, too: nobody else brings it."""
    if await is_fetched(ctx, job_id):
        raise Conflict(f"The source of job {job_id} is fetched from its address; submit a new job for another one.")
    return await waiting(ctx, job_id)


async def is_fetched(ctx: Context, job_id: str) -> bool:
    """Whether the source of a job comes from an address."""
    return bool(await ctx.ledger.tasks(job_id, (TaskKind.FETCH,)))


async def start(ctx: Context, job_id: str) -> Job:
    """The source is stored: have it split."""
    await ctx.ledger.plan([aside(job_id, TaskKind.SPLIT, "")])
    if await ctx.ledger.move_job(job_id, JobState.SPLITTING):
        log.event("job.started", **of_job(ctx, await ctx.ledger.job(job_id)))
    await ctx.ledger.wake(job_id, TaskKind.SPLIT)
    await advance(ctx, job_id)
    return await ctx.ledger.job(job_id)


async def noted(ctx: Context, job_id: str, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The body; the ledger learns now and then that it still comes."""
    due = ctx.clock.now() + _NOTE_EVERY
    async for data in body:
        if ctx.clock.now() >= due:
            await waiting(ctx, job_id)
            due = ctx.clock.now() + _NOTE_EVERY
        yield data
