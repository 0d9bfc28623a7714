"""Take in jobs, local sources, and what people want done with them later."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from pathlib import Path

from fallow import log
from fallow.errors import BadProfile, BadSetting, Conflict
from fallow.messages import to_wire
from fallow.model import JobState, TaskKind, TaskState
from fallow.pipeline import keys
from fallow.pipeline.arrived import has_source
from fallow.pipeline.context import Context
from fallow.pipeline.dispatch import advance, aside
from fallow.pipeline.ended import of_job
from fallow.pipeline.job_options import Options, options_of
from fallow.pipeline.measure import GONE
from fallow.pipeline.receive import is_fetched, start, waiting
from fallow.pipeline.recipes import check_container
from fallow.profiles import Profile, check_chunks
from fallow.records import Job, Rendition


async def create(
    ctx: Context, name: str, profiles: Sequence[Profile], options: Options, key: str = "", owner: str = ""
) -> tuple[Job, bool]:
    """A new job that waits for its source, and True; or, for a `key` that was used before, its job and False."""
    _check(profiles, options)
    # An owner's keys are the owner's alone: nobody gets somebody else's job for having thought of the same.
    known = f"key {owner}\n{key}" if owner else f"key {key}"
    job_id = hashlib.sha256(known.encode()).hexdigest()[:20] if key else uuid.uuid4().hex[:20]
    now = ctx.clock.now()
    job = Job(
        id=job_id,
        name=name[:500],
        state=JobState.UPLOADING,
        created=now,
        updated=now,
        options=to_wire(options),
        source_key=keys.source(job_id),
        source=None,
        renditions=tuple(Rendition(job_id, profile.name, to_wire(profile)) for profile in profiles),
        error="",
        error_kind="",
        owner=owner,
    )
    new = await ctx.ledger.create_job(job)
    if new:
        log.event("job.created", job=job_id, renditions=",".join(profile.name for profile in profiles))
    return await ctx.ledger.job(job_id), new


async def adopt(ctx: Context, job_id: str, path: Path) -> Job:
    """Take a local file as the source, without copying it where the store can."""
    job = await waiting(ctx, job_id)
    await ctx.store.adopt(job.source_key, path)
    return await start(ctx, job_id)


async def cancel(ctx: Context, job_id: str) -> Job:
    """Stop a job; whoever works on it hears at the next renewal."""
    job = await ctx.ledger.job(job_id)
    if not await ctx.ledger.move_job(job_id, JobState.CANCELLED, "The job was cancelled.", "cancelled"):
        if job.state is not JobState.CANCELLED:
            raise Conflict(f"The job {job_id} is {job.state.value}; only an unfinished one can be cancelled.")
    else:
        log.event("job.cancelled", **of_job(ctx, job))
    return await ctx.ledger.job(job_id)


async def retry(ctx: Context, job_id: str) -> Job:
    """Go on with a failed or cancelled job; what is finished of it stays finished."""
    job = await ctx.ledger.job(job_id)
    if job.state not in (JobState.FAILED, JobState.CANCELLED):
        raise Conflict(f"The job {job_id} is {job.state.value}; only a failed or cancelled one can be retried.")
    if not await has_source(ctx, job):
        if measured := options_of(job).measures:
            raise Conflict(GONE.format(job=measured))
        return await _fetch_again(ctx, job_id)
    await ctx.ledger.revive(job_id)
    await ctx.ledger.plan([aside(job_id, TaskKind.SPLIT, "")])
    await ctx.ledger.wake(job_id, TaskKind.SPLIT)
    split = [tally for tally in await ctx.ledger.tally(job_id) if tally.kind is TaskKind.SPLIT]
    whole = all(tally.state is TaskState.DONE for tally in split)
    await ctx.ledger.move_job(job_id, JobState.ENCODING if whole else JobState.SPLITTING)
    log.event("job.retried", job=job_id)
    await advance(ctx, job_id)
    return await ctx.ledger.job(job_id)


async def _fetch_again(ctx: Context, job_id: str) -> Job:
    if not await is_fetched(ctx, job_id):
        raise Conflict(f"The source of job {job_id} was never uploaded to its end; submit it again.")
    await ctx.ledger.revive(job_id)
    await ctx.ledger.move_job(job_id, JobState.UPLOADING)
    log.event("job.retried", job=job_id)
    await advance(ctx, job_id)
    return await ctx.ledger.job(job_id)


async def forget(ctx: Context, job_id: str) -> None:
    """Remove an ended job, with its results."""
    await ctx.ledger.job(job_id)
    await ctx.ledger.forget_job(job_id)
    await ctx.store.delete([facts.key async for facts in ctx.store.list(keys.of_job(job_id))])
    log.event("job.forgotten", job=job_id)


def _check(profiles: Sequence[Profile], options: Options) -> None:
    """Refuse what no source could make possible, before anything is uploaded."""
    if not profiles:
        raise BadSetting("The job has no profile; name at least one.")
    names = [profile.name for profile in profiles]
    if twice := {name for name in names if names.count(name) > 1}:
        raise BadProfile(f"The profile {min(twice)} is named twice; each rendition needs a name of its own.")
    for profile in profiles:
        check_container(profile, options.container)
        check_chunks(profile, options.chunk_seconds)
