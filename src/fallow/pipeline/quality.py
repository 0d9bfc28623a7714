"""Measure how well a rendition shows its source: on request, as a job of its own.

So it has all that jobs have: progress, turns, leases, retries, and a place in the fleet's work.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import hashlib
from dataclasses import dataclass

from fallow import catalogue, log
from fallow.errors import Conflict, NotFound
from fallow.messages import to_wire
from fallow.model import MEASURING, JobState
from fallow.pipeline import submit
from fallow.pipeline.arrived import has_source
from fallow.pipeline.context import Context
from fallow.pipeline.job_options import options_of
from fallow.pipeline.measure import GONE, measurable
from fallow.pipeline.receive import start
from fallow.pipeline.scores import Curve, curve
from fallow.records import Job, Rendition


@dataclass(frozen=True)
class Measured:
    """A rendition, and the job that measures it."""

    rendition: str
    job: Job


def name_of(job: str, rendition: str) -> str:
    """The id of the job that measures a rendition: there is never more than one."""
    return MEASURING + hashlib.sha256(f"{job}\n{rendition}".encode()).hexdigest()[:19]


async def ask(ctx: Context, job_id: str, name: str) -> tuple[Job, bool]:
    """Have a rendition measured. The job that does it, and whether it was begun by this: one that is there already
    is left alone, unless it failed or was cancelled; then it goes on."""
    job = await ctx.ledger.job(job_id)
    rendition = measurable(job, name)
    with contextlib.suppress(NotFound):
        found = await ctx.ledger.job(name_of(job_id, name))
        if found.state in (JobState.FAILED, JobState.CANCELLED):
            await _check_source(ctx, job)
            return await submit.retry(ctx, found.id), True
        return (await start(ctx, found.id) if found.state is JobState.UPLOADING else found), False
    await _check_source(ctx, job)
    made = _measuring(ctx, job, rendition)
    new = await ctx.ledger.create_job(made)
    if new:
        log.event("job.created", job=made.id, measures=job.id, renditions=name)
    return await start(ctx, made.id), new


async def _check_source(ctx: Context, job: Job) -> None:
    if not await has_source(ctx, job):
        raise Conflict(GONE.format(job=job.id))


def _measuring(ctx: Context, job: Job, rendition: Rendition) -> Job:
    made, now = name_of(job.id, rendition.name), ctx.clock.now()
    options = options_of(job)
    file = catalogue.STREAMS[options.container].like if options.streamed else options.container
    options = dataclasses.replace(options, measures=job.id, container=file)
    return dataclasses.replace(
        job,
        id=made,
        state=JobState.UPLOADING,
        created=now,
        updated=now,
        options=to_wire(options),
        source=None,
        renditions=(Rendition(made, rendition.name, rendition.profile),),
        error="",
        error_kind="",
        paused=False,
    )


async def measurements(ctx: Context, job_id: str) -> list[Measured]:
    """Those that there are of a job's renditions, in their order."""
    job = await ctx.ledger.job(job_id)
    names = {name_of(job_id, rendition.name): rendition.name for rendition in job.renditions}
    found = {made.id: made for made in await ctx.ledger.jobs_named(list(names))}
    return [Measured(rendition, found[name]) for name, rendition in names.items() if name in found]


async def scored(ctx: Context, job_id: str, rendition: str) -> Curve:
    """What was measured. Raises NotFound, Conflict."""
    await ctx.ledger.job(job_id)
    try:
        job = await ctx.ledger.job(name_of(job_id, rendition))
    except NotFound:
        raise NotFound(
            f"The quality of {rendition[:50]} was not measured; POST /api/v1/jobs/{job_id}/quality has it done."
        ) from None
    result = job.renditions[0].result
    if result is None or job.state is not JobState.DONE:
        why = f": {job.error}" if job.error else ""
        raise Conflict(f"The quality of {rendition} is not measured yet; job {job.id} is {job.state.value}{why}.")
    data = b"".join([piece async for piece in ctx.store.stream(result.key)])
    if hashlib.sha256(data).hexdigest() != result.sha256:
        raise NotFound(f"The scores of {rendition} are damaged; remove job {job.id}, and measure again.")
    return await asyncio.to_thread(curve, data)


async def forget(ctx: Context, job_id: str) -> None:
    """Remove an ended job with its results, and what was measured of it."""
    for measured in await measurements(ctx, job_id):
        if not measured.job.state.ended:
            await submit.cancel(ctx, measured.job.id)
        await submit.forget(ctx, measured.job.id)
    await submit.forget(ctx, job_id)
