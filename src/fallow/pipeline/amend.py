"""Change a job that is under way: pause it, go on with it, let it pass others."""

from __future__ import annotations

from fallow import log
from fallow.errors import Conflict
from fallow.pipeline.context import Context
from fallow.pipeline.dispatch import advance
from fallow.records import Job


async def pause(ctx: Context, job_id: str) -> Job:
    """Nothing of it is begun any more; what is worked on is finished."""
    if await ctx.ledger.pause(job_id):
        log.event("job.paused", job=job_id)
    return await _unfinished(ctx, job_id)


async def resume(ctx: Context, job_id: str) -> Job:
    """Go on with a paused job, at once."""
    if await ctx.ledger.resume(job_id):
        log.event("job.resumed", job=job_id)
        await advance(ctx, job_id)
    return await _unfinished(ctx, job_id)


async def prioritise(ctx: Context, job_id: str, priority: str) -> Job:
    """From now on its tasks wait in other lanes; what is worked on stays with its workers."""
    if await ctx.ledger.prioritise(job_id, priority):
        log.event("job.prioritised", job=job_id, priority=priority)
        await advance(ctx, job_id)
    return await _unfinished(ctx, job_id)


async def _unfinished(ctx: Context, job_id: str) -> Job:
    job = await ctx.ledger.job(job_id)
    if job.state.ended:
        raise Conflict(f"The job {job_id} is {job.state.value}; only an unfinished one can be changed.")
    return job
