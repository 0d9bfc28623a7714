"""Who is too slow for a task gets a smaller rendition of its chunk, or a piece of it.

A job is as late as its slowest attempt. So nobody should begin what would keep the job waiting when all the rest of
it is done: that is a task's deadline. It counts for those only who are much slower than those by whom most is done,
and nothing becomes smaller than what they do in some seconds, nor than a chunk may be. Who is too slow even for
that gets it all the same: whoever draws a task is the one who has time, and rivals (hedge.py) see to the rest.

Any frame can be the end of a piece: it is encoded from the chunk's own object, as any chunk that begins between two
key frames is.
"""

from __future__ import annotations

import asyncio
import dataclasses
import math
from dataclasses import dataclass
from fractions import Fraction

from fallow import log
from fallow.model import PLACES, Chunk, JobKind, JobState, TaskKind, TaskState, piece_number, piece_of
from fallow.pipeline.context import Context, Front
from fallow.pipeline.job_options import options_of
from fallow.pipeline.join import read_index
from fallow.pipeline.split_plan import SplitPlan
from fallow.pipeline.tail import SHORTEST
from fallow.profiles import shortest_chunk
from fallow.records import Task, TaskSpec

SLOWER = 1.5  # times as long as it takes the usual worker, nobody takes too long
MOMENT = 1.0  # seconds for which is known what is left of a job
FRONTS = 100  # jobs of which it is
USELESS = 2.0  # times as long as all the rest takes others, nobody is let work at a piece of it
SAME_TIME = Fraction(1, 1000)  # seconds that are between no two pictures of different times
PLANS = 4  # jobs whose frame index is kept


def too_long(task: Task, seconds: float, usual: float, front: Front, least: float) -> float:
    """The time that a task may take its worker if it is less than it would take; 0: it takes its time."""
    most = max(least, rest_of(task, usual, front, front.left - task.spec.cost), SLOWER * usual)
    return most if most < seconds < math.inf else 0.0


def rest_of(task: Task, usual: float, front: Front, work: float) -> float:
    """Seconds in which those who are at it do so much; without end, when there are none."""
    pace = task.spec.cost / usual
    speed = sum(known or pace for known in front.running)
    return max(work, 0.0) / speed if speed > 0 else math.inf


def places(chunk: Chunk, begin: int, end: int, share: float, least: int) -> int | None:
    """Where to divide a stretch of a chunk so that its first piece is about that share of it, and neither has fewer
    than the least frames; None: nowhere."""
    good = [
        place
        for place in range(begin + 1, end)
        if chunk.piece(begin, place).frames >= least <= chunk.piece(place, end).frames
    ]
    wanted = begin + share * (end - begin)
    fitting = [place for place in good if place <= wanted]
    return max(fitting) if fitting else min(good, default=None)


async def front_of(ctx: Context, task: Task) -> Front:
    """Of its job, with those who have the encoder that it needs, as it was a moment ago."""
    job, encoder = of = (task.spec.job, task.spec.encoder)
    known, now = ctx.fronts.get(of), ctx.clock.now()
    if known is None or now - known[0] > MOMENT:
        known = ctx.fronts[of] = (now, await _front(ctx, job, encoder))
        while len(ctx.fronts) > FRONTS:
            ctx.fronts.pop(next(iter(ctx.fronts)))
    return known[1]


async def _front(ctx: Context, job: str, encoder: str) -> Front:
    waiting = {TaskState.PLANNED, TaskState.QUEUED}
    tallies = await ctx.ledger.tally(job)
    left = sum(tally.cost for tally in tallies if tally.kind is TaskKind.VIDEO and tally.state in waiting)
    running = list[float]()
    for task in await ctx.ledger.running(job):
        if task.spec.kind is TaskKind.VIDEO and task.spec.frames:
            cost = task.spec.cost / task.spec.frames  # of a frame
            running += [task.fps * cost] if task.spec.encoder == encoder else []
            left += cost * max(task.spec.frames - task.done_frames, 0)
    return Front(left, tuple(running))


def divisible(task: Task) -> bool:
    """Whether there may be pieces of it, as far as it tells itself."""
    recipe = task.spec.recipe
    plain = not recipe.get("against") and not recipe.get("accept_damaged") and not recipe.get("keys")
    return task.spec.kind is TaskKind.VIDEO and plain and not task.attempt and task.state is TaskState.QUEUED


@dataclass(frozen=True)
class Cut:
    """How a task can be divided."""

    plan: Plans
    chunk: Chunk
    begin: int
    place: int
    end: int

    @property
    def share(self) -> float:
        """Of the first piece."""
        first, whole = (self.chunk.piece(self.begin, place) for place in (self.place, self.end))
        return first.frames / whole.frames


async def cut_of(ctx: Context, task: Task, share: float) -> Cut | None:
    """So that its first piece is about that share of it; None when it cannot be divided."""
    found = await ctx.ledger.pieces(task.spec.job, task.spec.rendition, piece_of(task.spec.number)[0])
    plan = await plan_of(ctx, task.spec.job)
    if plan is None or found is None or JobKind.of(task.spec.job) is not JobKind.ENCODE:
        return None
    chunk, tasks = found
    begin = piece_of(task.spec.number)[1]
    end = min((place for place in (piece_of(t.spec.number)[1] for t in tasks) if place > begin), default=PLACES)
    place = places(chunk, begin, end, share, plan.least(task.spec.rendition))
    return None if place is None else Cut(plan, chunk, begin, place, end)


async def divide(ctx: Context, task: Task, cut: Cut) -> Task | None:
    """The rest becomes a task of its own, which is told; None when it is not as it was any more."""
    ends = ((cut.begin, cut.place), (cut.place, cut.end))
    head, rest = (cut.plan.task(task, cut.chunk, *pair) for pair in ends)
    if not head.frames or not rest.frames or not await ctx.ledger.divide(task, head, [rest]):
        return None
    log.event("task.divided", **task.ids, frames=head.frames, rest=rest.frames)
    found = await ctx.ledger.pieces(task.spec.job, task.spec.rendition, cut.chunk.number)
    return next((one for one in found[1] if one.spec.number == rest.number), None) if found else None


@dataclass(frozen=True)
class Plans:
    """What is needed to make tasks of a job's pieces."""

    plan: SplitPlan

    def least(self, rendition: str) -> int:
        """Frames of the source that a piece has at least."""
        profile = next(profile for profile in self.plan.profiles if profile.name == rendition)
        return math.ceil(max(SHORTEST, shortest_chunk(profile)) * self.plan.source.video.average_rate)

    def task(self, whole: Task, chunk: Chunk, begin: int, end: int) -> TaskSpec:
        made = self.plan.chunk_task(chunk.piece(begin, end), whole.spec.rendition)
        return dataclasses.replace(made, number=piece_number(chunk.number, begin))


async def plan_of(ctx: Context, job_id: str) -> Plans | None:
    """None where nothing is divided. In a stream segments begin together in all renditions; while the source comes,
    not all of it is known; of pictures that share a time, as where cuts overlap, nobody knows which is first."""
    if job_id in ctx.plans:
        known: Plans | None = ctx.plans[job_id]
        return known
    job = await ctx.ledger.job(job_id)
    if job.source is None or options_of(job).streamed or job.state not in (JobState.SPLITTING, JobState.ENCODING):
        return None
    source, index = job.source, await read_index(ctx, job_id)
    made = None
    if not index.stated_pts and index.smallest_gap * index.time_base > SAME_TIME:
        made = Plans(await asyncio.to_thread(SplitPlan.of, job, source, index))
    ctx.plans[job_id] = made
    while len(ctx.plans) > PLANS:
        ctx.plans.pop(next(iter(ctx.plans)))
    return made
