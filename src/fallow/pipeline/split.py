"""Cut a source into chunks and tracks, and plan their tasks as soon as each is stored."""

from __future__ import annotations

import dataclasses

from fallow import log
from fallow.media.frames import FrameIndex
from fallow.media.plan import cuts
from fallow.media.probe import Damage, probe
from fallow.media.reader import RangedReader
from fallow.model import JobKind, JobState, Part, Source
from fallow.pipeline import keys
from fallow.pipeline.arrived import source_reader
from fallow.pipeline.context import Context
from fallow.pipeline.job_options import options_of
from fallow.pipeline.join import read_index
from fallow.pipeline.ladder import fitted
from fallow.pipeline.local_task import Hold
from fallow.pipeline.measure import split_pairs
from fallow.pipeline.overlap import begin, begun, head_start, keep_foretold, keep_planned
from fallow.pipeline.ship import ship_chunks, ship_tracks
from fallow.pipeline.ship_sections import Sections
from fallow.pipeline.split_plan import SplitPlan
from fallow.pipeline.store_files import blob
from fallow.pipeline.tail import taper
from fallow.records import Job


async def split(ctx: Context, hold: Hold) -> Part:
    """The work of a split task. What was recorded by an attempt that was cut short is not done again. Raises Waits
    while the source is uploaded, when all that can be cut of it is."""
    job = await ctx.ledger.job(hold.task.spec.job)
    if JobKind.of(job.id) is JobKind.QUALITY:
        return await split_pairs(ctx, hold, job)
    if job.state is JobState.UPLOADING:
        raise await begin(ctx, hold, job)
    if waits := await head_start(ctx, hold, job):
        raise waits
    reader = await source_reader(ctx, hold.thread, job)
    source, index = await _probed(ctx, hold, job, reader)
    job = await fitted(ctx, job, source)
    plan = SplitPlan.of(job, source, index)
    seconds = plan.options.chunk_target
    stored = await ctx.ledger.chunks(job.id)
    points = cuts(index, seconds, 2 * seconds, begun(stored), await taper(ctx, plan))
    if plan.options.streamed:  # it cannot be played before all of what is not cut is encoded
        await ship_tracks(ctx, hold, plan, reader)
    await ship_chunks(ctx, hold, plan, reader, points, await Sections.final(ctx, hold, plan, reader))
    await keep_planned(ctx, hold, plan, points)
    await ship_tracks(ctx, hold, plan, reader)
    facts = await blob(ctx, hold.thread, keys.index(job.id), "The frame index")
    return Part(keys.index(job.id), facts.size, "", len(index.pts), "")


async def _probed(ctx: Context, hold: Hold, job: Job, reader: RangedReader) -> tuple[Source, FrameIndex]:
    """What the source is; from the ledger and the store, when an earlier attempt found it out."""
    if job.source is not None and await ctx.store.stat(keys.index(job.id)):
        return job.source, await read_index(ctx, job.id)
    damage = Damage.ACCEPT if options_of(job).accept_damaged else Damage.REFUSE
    source, index = await hold.thread.run(lambda: probe(reader, damage))
    rate = await keep_foretold(ctx, hold, job, source, index)
    if rate is not None:
        source = dataclasses.replace(source, video=dataclasses.replace(source.video, average_rate=rate))
    # The index first: where the ledger names a source, its index is to be found.
    await ctx.store.delete([keys.index(job.id)])
    await ctx.store.put(keys.index(job.id), await hold.thread.run(index.to_bytes))
    await ctx.ledger.set_source(job.id, source)
    log.event("source.probed", job=job.id, codec=source.video.codec, frames=source.video.frames)
    return source, index
