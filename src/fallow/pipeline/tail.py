"""How a job's last chunks become shorter, for those who will work at them at the same time."""

from __future__ import annotations

from fallow.media.plan import Taper
from fallow.pipeline.context import Context
from fallow.pipeline.job_options import Options
from fallow.pipeline.split_plan import SplitPlan
from fallow.profiles import Profile, shortest_chunk

SHORTEST = 2.5  # seconds of a chunk: at 25 frames/s its guard frames cost a twentieth of it, as x264 makes them
LATELY = 60.0  # seconds since a worker was seen that is there


async def taper(ctx: Context, plan: SplitPlan) -> Taper | None:
    """By how many workers there are for each unfinished job; None when that is nobody who would wait for another.

    Workers that belong to the platform do not count: those of a machine or a cluster are about equally fast.
    """
    if ctx.policy.taper <= 0:
        return None
    there = await ctx.ledger.helpers(ctx.clock.now() - LATELY)
    jobs = len(await ctx.ledger.unfinished_jobs())
    return tapered(ctx.policy.taper * there / max(1, jobs), plan.options, plan.profiles) if there > jobs else None


def tapered(parts: float, options: Options, profiles: list[Profile]) -> Taper:
    """Each chunk is what is left divided by `parts`."""
    least = max([SHORTEST, *map(shortest_chunk, profiles)])
    return Taper(1 / parts, least, options.segment_seconds if options.streamed else 0.0)
