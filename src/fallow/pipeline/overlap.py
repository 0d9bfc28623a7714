"""Cut a source while it is uploaded, as far as it has come, or the first of it before all is looked through; and
see, when that is done, that this was right."""

from __future__ import annotations

import dataclasses
import traceback
from collections.abc import Sequence
from fractions import Fraction
from functools import partial
from itertools import pairwise

from fallow import log
from fallow.errors import Cancelled, FallowError, Retryable
from fallow.media.draft import TooLittle, Unready, draft
from fallow.media.frames import FrameIndex
from fallow.media.plan import settled_cuts
from fallow.model import Chunk, JobState, Source
from fallow.pipeline import keys
from fallow.pipeline.arrived import Arrived, arrived
from fallow.pipeline.context import Context
from fallow.pipeline.drafts import Draft, Drafts
from fallow.pipeline.ladder import surplus
from fallow.pipeline.local_task import Hold
from fallow.pipeline.pieces import enough, look
from fallow.pipeline.setback import Waits
from fallow.pipeline.ship import ship_chunks
from fallow.pipeline.ship_sections import Sections, drop_sound, sections_in
from fallow.pipeline.split_plan import SplitPlan
from fallow.records import Job

_MORE = "waits for more of the upload"
_ANOTHER = "Another source is sent now."
_END = "waits for the end of the upload"
_REST = "the rest of the source is looked through"
LONG = 16 << 20  # bytes; to look through less takes no time that anybody notices
_FIRST = 120.0  # seconds of a source that are cut before all of it is looked through


async def begin(ctx: Context, hold: Hold, job: Job) -> Waits:
    """Cut what is certain of an upload's beginning; gives what is to be waited for then. Nothing that goes wrong
    here ends the job: it is met again, and told, when the source is whole."""
    came = await arrived(ctx, job.id)
    reason = await _tried(ctx, hold, job, came, None)
    return Waits(reason, lambda: _look_again(ctx, job.id, came))


async def head_start(ctx: Context, hold: Hold, job: Job) -> Waits | None:
    """Cut the first chunks of a long source of which none is cut yet, as of an MP4 with its index at the end:
    workers begin while all of it is looked through, which takes the longer the longer it is. None when nothing was
    cut."""
    if job.source is not None or await ctx.ledger.chunks(job.id):
        return None
    came = await arrived(ctx, job.id)
    if not came.whole or came.size < LONG:
        return None
    await _tried(ctx, hold, job, came, _FIRST)
    chunks = await ctx.ledger.chunks(job.id)
    return Waits(_REST, lambda: _look_again(ctx, job.id, came)) if chunks else None


async def _tried(ctx: Context, hold: Hold, job: Job, came: Arrived, seconds: float | None) -> str:
    """Why no more than was cut can be cut now."""
    try:
        return await _begin(ctx, hold, job, came, seconds)
    except (Cancelled, Retryable):
        raise
    except TooLittle as error:
        return f"{_MORE}: {error}"
    except Unready as error:
        return f"{_END}: {error}"
    except FallowError as error:
        return f"{_END}: what has come so far cannot be cut ({error})"
    except Exception:
        log.trouble("overlap.crashed", traceback.format_exc())
        return f"{_END}: what has come so far cannot be cut"


async def keep_foretold(ctx: Context, hold: Hold, job: Job, source: Source, index: FrameIndex) -> Fraction | None:
    """Now that the source is whole: drop the chunks that are not of it after all. The frame rate that the encoders
    of those that stay were told; None when none was cut early."""
    chunks = await ctx.ledger.chunks(job.id)
    right, rate = await _foretold(ctx, hold, source, index, chunks)
    if right < len(chunks):
        await _drop(ctx, "The source as a whole is to be cut otherwise.", chunks[right:])
    return rate


def begun(chunks: Sequence[Chunk]) -> list[int]:
    """The cut points that there are."""
    return [0, *(chunk.hi for chunk in chunks)]


async def keep_planned(ctx: Context, hold: Hold, plan: SplitPlan, points: Sequence[int]) -> None:
    """Raises Retryable when a chunk was stored, by an attempt that was thought lost, that is not between these cut
    points, or not of this source."""
    chunks = await ctx.ledger.chunks(plan.job.id)
    right, _ = await _foretold(ctx, hold, plan.source, plan.index, chunks)
    pairs = enumerate(zip(chunks, pairwise(points), strict=False))
    right = min([right, *(place for place, (chunk, ends) in pairs if (chunk.lo, chunk.hi) != ends)])
    if right < len(chunks):
        await _drop(ctx, "The source was cut twice, in different ways.", chunks[right:])
        raise Retryable("Another splitter has cut the source in another way; it is cut again.")


async def _foretold(
    ctx: Context, hold: Hold, source: Source, index: FrameIndex, chunks: Sequence[Chunk]
) -> tuple[int, Fraction | None]:
    """How many of the first chunks are of the whole source, and the frame rate that those cut early were told."""
    if not chunks:
        return 0, None
    drafts, rate = Drafts(ctx, chunks[0].job), None
    came = await arrived(ctx, chunks[0].job)
    for place, chunk in enumerate(chunks):
        made_by = await drafts.of(chunk)
        if made_by is None:
            continue
        right = partial(made_by.foretold, source, index, chunk)
        if not made_by.of_same(came) or not await hold.thread.run(right):
            return place, rate
        rate = made_by.source.video.average_rate
    return len(chunks), rate


async def _begin(ctx: Context, hold: Hold, job: Job, came: Arrived, seconds: float | None) -> str:
    drafts, chunks = Drafts(ctx, job.id), await ctx.ledger.chunks(job.id)
    for place, chunk in enumerate(chunks):
        made_by = await drafts.of(chunk)
        if made_by is None:
            return _END
        if made_by.size > came.size:
            return _MORE  # it is sent again, and so far it may be the same
        if not made_by.of_same(came):
            await _drop(ctx, _ANOTHER, chunks[place:])
            chunks = chunks[:place]
            break
    for section in await sections_in(ctx, job.id):
        made_by = await drafts.of(section)
        if made_by is None:
            return _END
        if made_by.size > came.size:
            return _MORE
        if not made_by.of_same(came):
            await drop_sound(ctx, job.id, _ANOTHER)
            break
    first = await drafts.of(chunks[0]) if chunks else None
    found = await hold.thread.run(lambda: _draft(ctx, hold, job, came, first, seconds))
    left = [r for r in job.renditions if r.name not in surplus(job, found.source)]
    plan = SplitPlan.of(dataclasses.replace(job, renditions=tuple(left)), found.source, found.index)
    target = plan.options.chunk_target
    points = settled_cuts(found.index, target, 2 * target, plan.guard, begun(chunks))
    if len(points) > len(chunks) + 1:
        await ctx.store.put(keys.draft(job.id, hold.task.lease), await hold.thread.run(found.to_bytes))
        reader = came.reader(ctx, hold.thread, job.name)
        await ship_chunks(ctx, hold, plan, reader, points, await Sections.early(ctx, hold, plan, reader))
    return _MORE


async def _drop(ctx: Context, why: str, chunks: Sequence[Chunk]) -> None:
    """Forget these chunks, which are the last ones, and what was made of them."""
    job, first = chunks[0].job, chunks[0].number
    log.trouble("chunks.dropped", why, job=job, chunk=first)
    await ctx.ledger.discard(job, first)
    await ctx.store.delete([chunk.key for chunk in chunks])


def _draft(ctx: Context, hold: Hold, job: Job, came: Arrived, first: Draft | None, seconds: float | None) -> Draft:
    """All chunks are encoded at the frame rate that the first ones were: their parts must fit together."""
    source, index = draft(came.reader(ctx, hold.thread, job.name), seconds)
    if first is not None:
        rate = first.source.video.average_rate
        source = dataclasses.replace(source, video=dataclasses.replace(source.video, average_rate=rate))
    return Draft(came.size, came.digest(came.size), source, index)


async def _look_again(ctx: Context, job_id: str, seen: Arrived) -> None:
    """Whoever receives the upload may have tried to wake the splitter while it was awake."""
    job = await ctx.ledger.job(job_id)
    if job.state is JobState.SPLITTING:
        await look(ctx, job_id)
    elif job.state is JobState.UPLOADING:
        came = await arrived(ctx, job_id)
        if came.whole or came.upload != seen.upload or came.size >= enough(seen.size):
            await look(ctx, job_id)
