"""Make one result of a measurement's tables, in order."""

from __future__ import annotations

import asyncio
import hashlib

from fallow.errors import BrokenPart
from fallow.ffmpeg.quality import MODEL
from fallow.messages import from_wire
from fallow.model import Part
from fallow.pipeline import keys
from fallow.pipeline.context import Context
from fallow.pipeline.job_options import profile_of
from fallow.pipeline.join import read_index
from fallow.pipeline.local_task import Hold
from fallow.pipeline.prefix import WINDOW, opener_of, part_of
from fallow.pipeline.recipes import timeline
from fallow.pipeline.scores import Score, pack, table
from fallow.pipeline.setback import GiveWay, NotYet
from fallow.recipe import VideoRecipe
from fallow.records import Job, Task


async def join_scores(ctx: Context, hold: Hold) -> Part:
    """The join task of a job that measures."""
    job = await ctx.ledger.job(hold.task.spec.job)
    rendition = job.renditions[0]
    if rendition.result is not None:
        return rendition.result
    if job.source is None:
        raise NotYet("The source is not known yet.")
    line = timeline(await read_index(ctx, job.id), profile_of(rendition), job.source)
    scores = await _scores(ctx, hold, job, len(line.times))
    times = [float(time * line.time_base) for time in line.times]
    data = await asyncio.to_thread(pack, scores, times)
    key = keys.result(job.id, rendition.name, hold.task.lease, "json")
    await ctx.store.put(key, data)
    result = Part(key, len(data), hashlib.sha256(data).hexdigest(), len(scores), "")
    end = float(line.end * line.time_base)
    facts = {"frames": len(scores), "duration": end, "model": MODEL, "sha256": result.sha256}
    await ctx.ledger.set_result(job.id, rendition.name, result, facts)
    return result


async def _scores(ctx: Context, hold: Hold, job: Job, frames: int) -> list[Score]:
    """Of all frames, in order."""
    scores: list[Score] = []
    number = 0
    while len(scores) < frames:
        found = await ctx.ledger.prefix(job.id, job.renditions[0].name, number, WINDOW)
        if not found:  # it is hastened when the last one is there
            raise GiveWay(ctx.policy.queue_seconds)
        for _, task in found:
            scores += await _of_chunk(ctx, hold, task)
            number += 1
            hold.frames = len(scores)
    return scores


async def _of_chunk(ctx: Context, hold: Hold, task: Task) -> list[Score]:
    part = part_of(task)
    opened = opener_of(ctx, hold.thread, part, f"The scores of chunk {task.spec.number}")
    recipe = from_wire(VideoRecipe, (await ctx.ledger.task(task.id)).spec.recipe)
    try:
        return await hold.thread.run(lambda: table(opened().read(-1), recipe))
    except BrokenPart as error:
        if await ctx.ledger.reopen(task.id, str(error)):
            await ctx.store.delete([part.key])
        raise
