"""What is known of a job's source: all of it, or, while it is uploaded, what the newest draft tells."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from fallow.media.frames import FrameIndex
from fallow.model import Source
from fallow.pipeline.context import Context
from fallow.pipeline.drafts import latest
from fallow.pipeline.join import read_index
from fallow.pipeline.ladder import surplus
from fallow.records import Job


@dataclass(frozen=True)
class Known:
    """A job, with the renditions that it is going to have, and its source as far as it is there."""

    job: Job
    source: Source
    index: FrameIndex
    whole: bool


async def known_of(ctx: Context, job_id: str) -> Known | None:
    """None while nothing is known that could be shown."""
    job = await ctx.ledger.job(job_id)
    if job.source is not None:
        return Known(job, job.source, await read_index(ctx, job_id), whole=True)
    draft = await latest(ctx, job_id)
    if draft is None:
        return None
    left = [r for r in job.renditions if r.name not in surplus(job, draft.source)]
    return Known(dataclasses.replace(job, renditions=tuple(left)), draft.source, draft.index, whole=False)
