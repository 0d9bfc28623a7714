"""Which rungs of a ladder a source deserves."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from fallow import log
from fallow.model import Source
from fallow.pipeline.context import Context
from fallow.pipeline.geometry import output_size
from fallow.pipeline.job_options import options_of, profile_of
from fallow.profiles import Profile
from fallow.records import Job

_ALIKE = 0.8  # of the source's pixels: a rung so large is no step below the source itself


async def fitted(ctx: Context, job: Job, source: Source) -> Job:
    """The job without the renditions that its source is too small for, if it was ordered so."""
    if not options_of(job).ladder:
        return job
    if names := surplus(job, source):
        await ctx.ledger.drop_renditions(job.id, names)
        log.event("renditions.dropped", job=job.id, renditions=",".join(names))
    return await ctx.ledger.job(job.id)


def surplus(job: Job, source: Source) -> list[str]:
    """The renditions that the source is too small for, if the job was ordered without them."""
    wanted = [profile_of(rendition) for rendition in job.renditions if options_of(job).ladder]
    return [profile.name for profile in wanted if profile not in deserved(source, wanted)]


def deserved(source: Source, rungs: Sequence[Profile]) -> list[Profile]:
    """The rungs that are smaller than the source, and of the others the smallest, which have its size; each codec
    by itself."""
    by_codec = sorted(rungs, key=lambda rung: rung.codec)
    kept = [
        rung for _, same in itertools.groupby(by_codec, lambda rung: rung.codec) for rung in _kept(source, [*same])
    ]
    return [rung for rung in rungs if rung in kept]


def _kept(source: Source, rungs: Sequence[Profile]) -> list[Profile]:
    smaller = [rung for rung in rungs if output_size(source.video, rung)[3]]
    others = [rung for rung in rungs if rung not in smaller]
    least = min((_box(rung) for rung in others), default=0)
    whole = [rung for rung in others if _box(rung) == least]
    if not whole:
        return smaller
    most = _ALIKE * _pixels(source, whole[0])
    return [*(rung for rung in smaller if _pixels(source, rung) <= most), *whole]


def _pixels(source: Source, rung: Profile) -> int:
    width, height, _, _ = output_size(source.video, rung)
    return width * height


def _box(rung: Profile) -> float:
    """Pixels in the box that a rung asks for; without one it takes any size."""
    return rung.width * rung.height if rung.width and rung.height else float("inf")
